//! Finds devices, grants, entries and divisions by what people call them.
//!
//! A name is good if it is whole and exact, or if it begins exactly one thing. Layer: node, local.

use tallyline_keys::PublicKey;
use tallyline_proto::model::{EntryId, EventId, LogName};
use tallyline_proto::replica::{DeviceView, EntryFilter, GrantView, Now, Replica, Subject};

use super::protocol::{Problem, codes, exits};
use crate::root::events::Shelved;

/// Events that a question names, at most: a person reads no more.
const NAMED_MAX: usize = 5;

/// Events that are looked for when one is meant, at most: one more than a question names tells that
/// there are more.
pub(crate) const MEANT_MAX: u32 = 6;

/// Fewest characters that name a grant or entry by its beginning: fewer are too easily wrong.
const BEGINNING_CHARS_MIN: usize = 4;

/// Finds a device by label, fingerprint, or the beginning of either. One that is revoked is meant
/// only if no member is called so.
pub(super) fn device(replica: &Replica, now: Now, name: &str) -> Result<PublicKey, Problem> {
    let (members, revoked): (Vec<_>, Vec<_>) = replica
        .devices(now)
        .into_iter()
        .partition(|it| it.revoked.is_none());
    let mut found = called(&members, name);
    if found.is_empty() {
        found = called(&revoked, name);
    }
    let problem = match found.as_slice() {
        [device] => return Ok(device.key),
        [] => format!(
            "no device of this event is called {name:?}; nothing was changed; members are: {}",
            list(&members.iter().collect::<Vec<_>>())
        ),
        several => format!(
            "{name:?} may be {}; nothing was changed; use the whole label or fingerprint",
            list(several)
        ),
    };
    Err(unknown(codes::UNKNOWN_DEVICE, &problem))
}

/// Returns the device that is called exactly so, or all whose label or fingerprint begins so.
fn called<'a>(devices: &'a [DeviceView], name: &str) -> Vec<&'a DeviceView> {
    let exact = devices
        .iter()
        .find(|it| it.label == name || it.key.as_bytes().as_slice() == key_bytes(name));
    if let Some(device) = exact {
        return vec![device];
    }
    let lower = name.to_lowercase();
    let begins = |it: &&DeviceView| {
        !name.is_empty()
            && (it.label.to_lowercase().starts_with(&lower)
                || it.key.fingerprint().starts_with(&lower))
    };
    devices.iter().filter(begins).collect()
}

/// Finds a grant by its UUID or a beginning of it.
pub(super) fn grant(replica: &Replica, name: &str) -> Result<GrantView, Problem> {
    let lower = name.trim().to_lowercase();
    let mut found: Vec<GrantView> = replica
        .grants()
        .into_iter()
        .filter(|it| {
            BEGINNING_CHARS_MIN <= lower.len() && it.id.uuid().to_string().starts_with(&lower)
        })
        .collect();
    match (found.pop(), found.is_empty()) {
        (Some(grant), true) => Ok(grant),
        (None, _) => Err(unknown(
            codes::UNKNOWN_GRANT,
            &format!(
                "no grant is called {name:?}; nothing was changed; `tallyline grants` lists them"
            ),
        )),
        (Some(_), false) => Err(unknown(
            codes::UNKNOWN_GRANT,
            &format!("several grants begin with {name:?}; nothing was changed; use the whole UUID"),
        )),
    }
}

/// Finds an entry by its UUID or a beginning of it.
pub(super) fn entry(replica: &mut Replica, name: &str) -> Result<EntryId, Problem> {
    // A whole UUID is taken as it is: the core says what is wrong with an entry that is not here.
    if let Ok(uuid) = name.trim().parse::<uuid::Uuid>() {
        return Ok(EntryId(uuid));
    }
    let lower = name.trim().to_lowercase();
    let mut found: Vec<EntryId> = replica
        .entries(&EntryFilter::default())
        .into_iter()
        .map(|it| it.id)
        .filter(|id| BEGINNING_CHARS_MIN <= lower.len() && id.to_string().starts_with(&lower))
        .collect();
    match (found.pop(), found.is_empty()) {
        (Some(id), true) => Ok(id),
        (None, _) => Err(unknown(
            codes::UNKNOWN_ENTRY,
            &format!(
                "no entry on this device is called {name:?}; nothing was changed; \
             `tallyline score history` lists them"
            ),
        )),
        (Some(_), false) => Err(unknown(
            codes::UNKNOWN_ENTRY,
            &format!(
                "several entries begin with {name:?}; nothing was changed; use the whole UUID"
            ),
        )),
    }
}

/// Finds a log by its grant, or the beginning of it, and its incarnation, with a hyphen between.
pub(super) fn log(replica: &Replica, name: &str) -> Result<LogName, Problem> {
    let lower = name.trim().to_lowercase();
    let (grant, incarnation) = lower.rsplit_once('-').unwrap_or((lower.as_str(), ""));
    let named = |log: &LogName| {
        BEGINNING_CHARS_MIN <= grant.len()
            && log.grant.uuid().to_string().starts_with(grant)
            && format!("{:016x}", log.incarnation.0) == incarnation
    };
    let mut logs = replica.logs().into_iter().map(|it| it.name).filter(named);
    match (logs.next(), logs.next()) {
        (Some(log), None) => Ok(log),
        (None, _) => Err(unknown(
            codes::UNKNOWN_ENTRY,
            &format!(
                "no log here is called {name:?}; nothing was changed; `tallyline status --json` \
                 lists logs: write grant and incarnation with a hyphen between"
            ),
        )),
        (Some(_), Some(_)) => Err(unknown(
            codes::UNKNOWN_ENTRY,
            &format!("several logs begin with {name:?}; nothing was changed; use the whole grant"),
        )),
    }
}

/// Finds a division's place by its name, whatever its case.
pub(super) fn division(replica: &Replica, name: &str) -> Result<usize, Problem> {
    let Some(roster) = replica.roster() else {
        return Err(no_event());
    };
    let divisions = &roster.structure().divisions;
    divisions
        .iter()
        .position(|it| it.name.eq_ignore_ascii_case(name))
        .ok_or_else(|| {
            unknown(
                codes::UNKNOWN_DIVISION,
                &format!(
                    "no division is called {name:?}; nothing was changed; divisions are: {}",
                    joined(
                        &divisions
                            .iter()
                            .map(|it| it.name.as_str())
                            .collect::<Vec<_>>()
                    )
                ),
            )
        })
}

/// Checks that the event that is meant is the one that is here.
pub(super) fn event(replica: &Replica, name: &str) -> Result<(), Problem> {
    let Some((id, manifest)) = replica.event() else {
        return Err(Problem::new(
            codes::UNKNOWN_EVENT,
            exits::FAILURE,
            format!(
                "unknown event {name:?}: there is no event in this root yet; nothing was changed; \
             create one with `tallyline event create` or join one with `tallyline join TICKET`"
            ),
        ));
    };
    let lower = name.to_lowercase();
    let uuid = id.uuid().to_string();
    let begins = BEGINNING_CHARS_MIN <= lower.len() && uuid.starts_with(&lower);
    if manifest.name.to_lowercase() == lower || begins {
        return Ok(());
    }
    Err(unknown(
        codes::UNKNOWN_EVENT,
        &format!(
            "unknown event {name:?}: this root holds {:?} ({uuid}); nothing was changed; \
         leave --event out, or name another folder with --root",
            manifest.name
        ),
    ))
}

/// Returns the event of a cloud that is meant: the one of that name, or the only one. `meant` is what
/// was found, at most [`MEANT_MAX`].
///
/// # Errors
///
/// If there is none, or several are meant.
pub(crate) fn only(meant: &[Shelved], named: Option<&str>) -> Result<EventId, Problem> {
    match (meant, named) {
        ([only], _) => Ok(only.event),
        ([], None) => Err(no_event()),
        ([], Some(text)) => Err(unknown(
            codes::UNKNOWN_EVENT,
            &format!(
                "unknown event {text:?}: this cloud has none of that name or UUID; nothing was \
                 changed; `tallyline event list` names them"
            ),
        )),
        (several, _) => {
            let names: Vec<String> = several
                .iter()
                .take(NAMED_MAX)
                .map(|it| format!("{:?} ({})", it.name, it.event.uuid()))
                .collect();
            let (count, more) = if names.len() < several.len() {
                (format!("more than {NAMED_MAX}"), ", ..")
            } else {
                (names.len().to_string(), "")
            };
            Err(Problem::new(
                codes::WHICH_EVENT,
                exits::USAGE,
                format!(
                    "one of {count} events is meant: {}{more}; nothing was changed; name it with \
                     --event",
                    names.join(", ")
                ),
            ))
        }
    }
}

/// Says that there is no event yet.
pub(super) fn no_event() -> Problem {
    Problem::new(
        codes::NO_EVENT,
        exits::FAILURE,
        "there is no event in this root yet; nothing was changed; create one with \
         `tallyline event create` or join one with `tallyline join TICKET`",
    )
}

fn unknown(code: &str, text: &str) -> Problem {
    Problem::new(code, exits::FAILURE, text)
}

fn key_bytes(name: &str) -> Vec<u8> {
    PublicKey::parse(name)
        .map(|key| key.as_bytes().to_vec())
        .unwrap_or_default()
}

fn list(devices: &[&DeviceView]) -> String {
    joined(
        &devices
            .iter()
            .map(|it| it.label.as_str())
            .collect::<Vec<_>>(),
    )
}

fn joined(names: &[&str]) -> String {
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

/// Finds what somebody asks about: a device by its name or fingerprint, an entry or a grant by its
/// UUID or the beginning of it.
pub(super) fn subject(replica: &mut Replica, now: Now, name: &str) -> Result<Subject, Problem> {
    if replica.event().is_none() {
        return Err(no_event());
    }
    if let Ok(key) = device(replica, now, name) {
        return Ok(Subject::Device(key));
    }
    if let Ok(grant) = grant(replica, name) {
        return Ok(Subject::Grant(grant.id));
    }
    let entry = entry(replica, name).map_err(|_| unknown_subject(name))?;
    Ok(Subject::Entry(entry))
}

/// Says that nothing here is called so.
pub(super) fn unknown_subject(name: &str) -> Problem {
    Problem::new(
        codes::UNKNOWN_ENTRY,
        exits::FAILURE,
        format!(
            "nothing here is called {name:?}; give a device of `tallyline devices`, a grant of \
             `tallyline grants`, or an entry of `tallyline score history`"
        ),
    )
}
