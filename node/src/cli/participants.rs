//! `participant`: who is in the event, what is under seal about somebody, and erasing it.
//!
//! Layer: node, cli.

use super::args::ParticipantVerb;
use super::failure::Failure;
use super::session::{DONE, Session};
use super::{question, show};
use crate::local::protocol::{
    Erased, Nothing, ParticipantInfo, ParticipantQuery, Participants, Request,
};

/// Lists people, shows one, or erases one.
pub(super) fn participant(verb: ParticipantVerb, session: &Session) -> Result<u8, Failure> {
    let screen = session.config.screen;
    match verb {
        ParticipantVerb::List => {
            let request = Request::ParticipantList(Nothing {});
            session.show::<Participants>(request, |it| show::participants(it, screen))?;
            Ok(DONE)
        }
        ParticipantVerb::Show { person } => {
            let request = Request::ParticipantShow(ParticipantQuery { person });
            session.show::<ParticipantInfo>(request, |it| show::participant(it, screen))?;
            Ok(DONE)
        }
        ParticipantVerb::Erase { person, confirm } => {
            if !confirm && !agreed(&person)? {
                return Err(Failure::usage(
                    "nobody was erased; it cannot be undone, so say yes, or add --confirm",
                ));
            }
            let request = Request::ParticipantErase(ParticipantQuery { person });
            session.tell::<Erased>(request, |_| String::new(), erased)
        }
    }
}

/// Asks whether a person is to be erased; where nobody can be asked, it is not.
fn agreed(person: &str) -> Result<bool, Failure> {
    if !question::can_be_asked() {
        return Ok(false);
    }
    question::yes(&format!(
        "Every device destroys the keys of all that is sealed about {}, for ever. This cannot be \
         undone. Erase?",
        show::plain(person)
    ))
}

fn erased(data: &Erased) -> String {
    format!(
        "{} is erased. {} destroyed here; every other device destroys its own when it hears of it, \
         and shows the sealed texts as [erased]. What stands in plain text in the roster stays in \
         the signed bytes and is not shown any more.",
        data.person,
        show::count(data.keys, "key was", "keys were"),
    )
}
