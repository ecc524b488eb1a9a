//! Verbs about the event, its devices, its grants and the node itself.
//!
//! Layer: node, cli.

use std::io::Read as _;
use std::path::Path;

use super::args::{
    Admit, EventVerb, Grant, GrantVerb, Handover, Import, ImportAs, RosterVerb, SyncScope, SyncVerb,
};
use super::failure::Failure;
use super::session::{DONE, Session};
use super::{done, found, import, show, statement};
use crate::local::protocol::{
    self, Assigned, Devices, EventInfo, Events, Grants, Nothing, Request, Revised, RoleList,
    StatusData, Verified, exits,
};

/// Most bytes of a structure file; the node's socket takes no longer line.
const STRUCTURE_BYTES_MAX: u64 = 512 * 1024;

pub(super) fn event(verb: EventVerb, session: &Session) -> Result<u8, Failure> {
    match verb {
        EventVerb::Create(args) => found::create(args, session),
        EventVerb::Show => {
            let screen = session.config.screen;
            session
                .show::<EventInfo>(Request::EventShow(Nothing {}), |it| show::event(it, screen))?;
            Ok(DONE)
        }
        EventVerb::List => {
            session.show::<Events>(Request::EventList(Nothing {}), show::events)?;
            Ok(DONE)
        }
        EventVerb::Lock => done(Request::EventLock(Nothing {}), session),
        EventVerb::Amend(args) => statement::amend(args, session),
        EventVerb::Phase(args) => {
            let request = protocol::EventPhase {
                phase: args.phase,
                review_minutes: args.review,
                confirmed: args.confirm,
                note: args.note,
            };
            session.tell::<Revised>(
                Request::EventPhase(request),
                |_| String::new(),
                |it| {
                    format!(
                        "The event is at revision {}; every device reads it so as soon as it hears \
                         of it.",
                        it.revision
                    )
                },
            )
        }
        EventVerb::Close(args) => statement::close(args, session),
        EventVerb::Statements(args) => statement::statements(&args, session),
    }
}

pub(super) fn admit(args: Admit, session: &Session) -> Result<u8, Failure> {
    let Admit { key, label, role } = args;
    let role = match role.as_slice() {
        [one] => RoleList::One(*one),
        _ => RoleList::Many(role),
    };
    done(
        Request::Admit(protocol::Admit { key, role, label }),
        session,
    )
}

pub(super) fn devices(session: &Session) -> Result<u8, Failure> {
    let screen = session.config.screen;
    session.show::<Devices>(Request::Devices(Nothing {}), |it| show::devices(it, screen))?;
    Ok(DONE)
}

pub(super) fn grants(session: &Session) -> Result<u8, Failure> {
    let screen = session.config.screen;
    session.show::<Grants>(Request::Grants(Nothing {}), |it| show::grants(it, screen))?;
    Ok(DONE)
}

pub(super) fn grant(args: Grant, session: &Session) -> Result<u8, Failure> {
    if let Some(GrantVerb::List) = args.list {
        return grants(session);
    }
    let opens = match (args.to, args.drills, args.squads) {
        (Some(to), Some(drills), Some(squads)) => {
            vec![protocol::GrantOpen {
                to,
                drills: drills.0,
                squads: squads.0,
            }]
        }
        (None, None, None) => Vec::new(),
        (Some(_) | None, Some(_) | None, Some(_) | None) => {
            return Err(Failure::usage(
                "a grant needs all of --drills, --squads and --to; without them --closing only \
                 closes grants",
            ));
        }
    };
    let request = protocol::Grant {
        opens,
        closing: args.closing,
        reason: args.reason,
    };
    assigned(Request::Grant(request), session)
}

pub(super) fn handover(args: Handover, session: &Session) -> Result<u8, Failure> {
    let Handover { grant, to, reason } = args;
    assigned(
        Request::Handover(protocol::Handover { grant, to, reason }),
        session,
    )
}

pub(super) fn roster(verb: RosterVerb, session: &Session) -> Result<u8, Failure> {
    let request = match verb {
        RosterVerb::Import(args) => {
            let kind = args.kind.or(Some(ImportAs::Registration));
            return import::import(Import { kind, ..*args }, session);
        }
        RosterVerb::Add(args) => Request::RosterAdd(protocol::RosterAdd {
            shooter: args.shooter,
            label: args.label,
            division: args.division,
            power_factor: args.power_factor,
            squad: args.squad,
            categories: args.category,
            member: args.entrant.member.unwrap_or_default(),
            class: args.entrant.class.unwrap_or_default(),
            team: args.entrant.team.unwrap_or_default(),
        }),
        RosterVerb::Edit(args) => Request::RosterEdit(protocol::RosterEdit {
            shooter: args.shooter,
            squad: args.squad,
            division: args.division,
            power_factor: args.power_factor,
            categories: args.category,
            label: args.label,
            member: args.entrant.member,
            class: args.entrant.class,
            team: args.entrant.team,
        }),
    };
    session.tell::<Revised>(
        request,
        |it| format!("{}\n", it.shooter),
        |it| {
            format!(
                "Shooter {} is on the roster; it is at revision {}.",
                it.shooter, it.revision
            )
        },
    )
}

/// Ends with 0 only if nothing is left to do: scripts and monitors read the exit code.
pub(super) fn status(session: &Session) -> Result<u8, Failure> {
    let screen = session.config.screen;
    let data =
        session.show::<StatusData>(Request::Status(Nothing {}), |it| show::status(it, screen))?;
    Ok(status_exit(&data))
}

pub(super) fn verify(session: &Session) -> Result<u8, Failure> {
    let data = session.show::<Verified>(Request::Verify(Nothing {}), show::verified)?;
    Ok(if data.ok { DONE } else { exits::STORAGE })
}

pub(super) fn sync(verb: &SyncVerb, session: &Session) -> Result<u8, Failure> {
    let scope = |scope: &SyncScope| protocol::Scope { cloud: scope.cloud };
    let request = match verb {
        SyncVerb::Pause(args) => Request::SyncPause(scope(args)),
        SyncVerb::Resume(args) => Request::SyncResume(scope(args)),
    };
    done(request, session)
}

/// A conflict needs a person sooner than what is pending needs a network.
fn status_exit(data: &StatusData) -> u8 {
    let conflict = data.readings.undecided != 0 || data.readings.disputed != 0;
    match data.light.as_str() {
        _ if conflict => exits::CONFLICT,
        "nothing" | "in-the-cloud" => DONE,
        _ => exits::PENDING,
    }
}

fn assigned(request: Request, session: &Session) -> Result<u8, Failure> {
    session.tell::<Assigned>(
        request,
        |it| show::lines(&it.grants),
        |it| match it.grants.len() {
            0 => "Closed; nobody was given the cells.".to_owned(),
            _ => "Granted; the device may score as soon as it meets this one or a peer that knows."
                .to_owned(),
        },
    )
}

/// Reads a structure file of a bounded size; `-` is the standard input.
pub(super) fn structure_text(path: &Path) -> Result<String, Failure> {
    let shown = path.display();
    let failure = |cause: std::io::Error| {
        Failure::file(format!(
            "the structure file {shown} cannot be read: {cause}; nothing was changed; correct \
             --structure"
        ))
    };
    let limit = STRUCTURE_BYTES_MAX.saturating_add(1);
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin()
            .lock()
            .take(limit)
            .read_to_string(&mut text)
    } else {
        let file = std::fs::File::open(path).map_err(failure)?;
        file.take(limit).read_to_string(&mut text)
    };
    let bytes = read.map_err(failure)?;
    if limit <= u64::try_from(bytes).unwrap_or(u64::MAX) {
        return Err(Failure::file(format!(
            "the structure file {shown} is above {STRUCTURE_BYTES_MAX} bytes; nothing was \
             changed; an event of 238 shooters needs about 80,000"
        )));
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
