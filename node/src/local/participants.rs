//! People and what is under seal about them: what is told, and what an erasure wants of the core.
//!
//! Layer: node, local.

use tallyline_proto::model::{Person, ShooterNo};
use tallyline_proto::replica::{Command, Opened, PersonView, Replica, Reply, SealedView};

use super::protocol::{
    Answer, Erased, Participant, ParticipantInfo, ParticipantQuery, Participants, Problem,
    SealedInfo, codes, exits,
};
use super::statement::Tell;
use super::{claims, convert};

/// Fewest characters that name a record by its beginning: fewer are too easily wrong.
const BEGINNING_CHARS_MIN: usize = 4;

/// Lists the people of the event.
pub(super) fn list(replica: &Replica) -> Participants {
    Participants {
        schema: "tallyline.participants/1".to_owned(),
        participants: replica.persons().into_iter().map(participant).collect(),
    }
}

/// Shows what is under seal about a person.
pub(super) fn show(
    replica: &Replica,
    query: &ParticipantQuery,
) -> Result<ParticipantInfo, Problem> {
    let view = find(replica, &query.person)?;
    let texts = replica.sealed_texts(view.person).into_iter();
    Ok(ParticipantInfo {
        schema: "tallyline.participant/1".to_owned(),
        texts: texts.map(sealed).collect(),
        participant: participant(view),
        zone_min: claims::zone_min(replica),
    })
}

/// Destroys the keys of a person's sealed texts.
pub(super) fn erase(
    replica: &Replica,
    query: &ParticipantQuery,
) -> Result<(Command, Tell), Problem> {
    let person = find(replica, &query.person)?.person;
    let tell = move |reply: &Reply| {
        let keys = if let Reply::Erased { keys } = reply {
            *keys
        } else {
            0
        };
        Answer::ok(&Erased {
            schema: "tallyline.erased/1".to_owned(),
            person: name(person),
            keys,
        })
    };
    Ok((Command::Erase(person), Box::new(tell)))
}

/// Finds a person by a shooter's number, or by a record's UUID or the beginning of one.
fn find(replica: &Replica, text: &str) -> Result<PersonView, Problem> {
    let text = text.trim().to_lowercase();
    let people = replica.persons();
    if let Ok(number) = text.parse::<u32>()
        && let Some(view) = people
            .iter()
            .find(|it| it.person == Person::Shooter(ShooterNo(number)))
    {
        return Ok(view.clone());
    }
    let begins = |it: &&PersonView| {
        matches!(it.person, Person::Record(_))
            && BEGINNING_CHARS_MIN <= text.len()
            && name(it.person).starts_with(&text)
    };
    let found: Vec<&PersonView> = people.iter().filter(begins).collect();
    let problem = match found.as_slice() {
        [view] => return Ok((*view).clone()),
        [] => format!(
            "nobody in this event is called {text:?}; nothing was changed; \
             `tallyline participant list` lists shooters by number and records by UUID"
        ),
        [_, _, ..] => {
            format!("several people begin with {text:?}; nothing was changed; use the whole UUID")
        }
    };
    Err(Problem::new(codes::UNKNOWN_PERSON, exits::FAILURE, problem))
}

fn participant(view: PersonView) -> Participant {
    Participant {
        person: name(view.person),
        what: match view.person {
            Person::Shooter(_) => "shooter",
            Person::Record(_) => "record",
        }
        .to_owned(),
        label: view.label,
        erased: view.erased,
        texts: view.texts,
        readable: view.readable,
        keys: view.keys,
    }
}

fn sealed(view: SealedView) -> SealedInfo {
    let (state, text) = match view.opened {
        Opened::Text(text) => ("open", Some(text)),
        Opened::NotForThisDevice => ("not-for-this-device", None),
        Opened::Erased => ("erased", None),
        Opened::KeyMissing => ("key-missing", None),
        Opened::Broken => ("broken", None),
    };
    SealedInfo {
        entry: view.entry.to_string(),
        author: view.label,
        at_unix_ms: view.at_unix_ms,
        kind: view.kind,
        field: view.field,
        readers: convert::role_names(view.readers),
        state: state.to_owned(),
        text,
    }
}

/// Names a person as commands take it.
fn name(person: Person) -> String {
    match person {
        Person::Shooter(no) => no.to_string(),
        Person::Record(key) => key.to_string(),
    }
}
