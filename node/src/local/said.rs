//! Statements in words: who said what, and whether it is in force.
//!
//! Layer: node, local.

use std::collections::BTreeMap;

use tallyline_keys::PublicKey;
use tallyline_proto::model::{
    Adopt, Amendment, Assign, Decision, EventClose, Open, Person, Phase, PhaseChange, RosterChange,
    Statement,
};
use tallyline_proto::replica::{Now, Replica, StatementView};

use super::protocol::{Problem, StatementInfo, Statements, StatementsQuery, WhyData, WhyQuery};
use super::{convert, names, words};

/// What the words of a statement need of the event.
struct Names {
    devices: BTreeMap<PublicKey, String>,
    recovery: Vec<PublicKey>,
}

/// Lists the statements held.
pub(super) fn statements(
    replica: &Replica,
    now: Now,
    query: StatementsQuery,
) -> Result<Statements, Problem> {
    let Some((_, manifest)) = replica.event() else {
        return Err(names::no_event());
    };
    let devices = replica.devices(now).into_iter();
    let names = Names {
        devices: devices.map(|it| (it.key, it.label)).collect(),
        recovery: manifest.recovery.clone(),
    };
    let views = replica.statements().into_iter();
    let wanted = views.filter(|it| !(query.invalid && it.in_force));
    Ok(Statements {
        schema: "tallyline.statements/1".to_owned(),
        statements: wanted.map(|it| names.info(&it)).collect(),
    })
}

/// Says why an entry, a device or a grant is as it is, with the statements that decide it.
pub(super) fn why(replica: &mut Replica, now: Now, query: &WhyQuery) -> Result<WhyData, Problem> {
    let subject = names::subject(replica, now, &query.name)?;
    let Some(why) = replica.why(subject) else {
        return Err(names::unknown_subject(&query.name));
    };
    let all = statements(replica, now, StatementsQuery { invalid: false })?.statements;
    let place = |it: &StatementInfo| {
        why.statements
            .iter()
            .position(|id| id.to_string() == it.entry)
    };
    let mut deciding: Vec<StatementInfo> =
        all.into_iter().filter(|it| place(it).is_some()).collect();
    deciding.sort_by_key(place);
    Ok(WhyData {
        schema: "tallyline.why/1".to_owned(),
        text: why.text.clone(),
        statements: deciding,
    })
}

impl Names {
    fn info(&self, view: &StatementView) -> StatementInfo {
        let label = if self.recovery.contains(&view.signer) {
            "recovery card".to_owned()
        } else {
            view.label.clone()
        };
        let (kind, text) = match &view.statement {
            Some(statement) => (kind(statement), self.said(statement)),
            None => ("unknown", "a statement of a later version".to_owned()),
        };
        StatementInfo {
            entry: view.entry.to_string(),
            label,
            key: view.signer.fingerprint(),
            at_unix_ms: view.at_unix_ms,
            kind: kind.to_owned(),
            text,
            in_force: view.in_force,
        }
    }

    fn device(&self, key: &PublicKey) -> String {
        self.devices
            .get(key)
            .cloned()
            .unwrap_or_else(|| key.short())
    }

    /// Returns the sentence of a statement.
    fn said(&self, statement: &Statement) -> String {
        match statement {
            Statement::Admit(it) => {
                let roles = convert::role_names(it.roles).join(", ");
                format!("admits {} as {roles}", it.label)
            }
            Statement::Assign(it) => self.assign(it),
            Statement::Roster(it) => roster(it),
            Statement::Lock(_) => "locks the structure".to_owned(),
            Statement::Revoke(it) => {
                let why = words::revoked(convert::revoke_why(it.reason));
                format!("revokes {}: {why}", self.device(&it.key))
            }
            Statement::Consent(it) => {
                let owner = self.device(&it.owner);
                format!("is ready to take the event over from {owner}")
            }
            Statement::Transfer(it) => format!("gives the event to {}", it.label),
            Statement::Recover(it) => {
                let owner = self.device(&it.owner);
                format!("recovers the event from {owner} for {}", it.label)
            }
            Statement::Adopt(it) => adopt(it),
            Statement::Amend(it) => amend(&it.change, &it.note),
            Statement::LastCall => "says that scoring is over".to_owned(),
            Statement::EventClose(it) => self.close(it),
            Statement::Phase(it) => phase(it),
            Statement::Erase(it) => {
                let who = match it.person {
                    Person::Shooter(shooter) => format!("shooter {shooter}"),
                    Person::Record(key) => format!("{key}"),
                };
                format!("erases the sealed texts of {who}")
            }
        }
    }

    fn assign(&self, assign: &Assign) -> String {
        let mut parts = Vec::new();
        let closes = u64::try_from(assign.closes.len()).unwrap_or(u64::MAX);
        if let Some(close) = assign.closes.first() {
            let grants = words::count(closes, "grant", "grants");
            let why = words::closed(convert::close_why(close.reason));
            parts.push(format!("closes {grants} ({why})"));
        }
        let verb = if assign.under.is_some() {
            "lends"
        } else {
            "grants"
        };
        let opens = assign.opens.iter().map(|open: &Open| {
            let cells = words::cells(&open.cells);
            format!("{verb} {cells} to {}", self.device(&open.key))
        });
        parts.extend(opens);
        parts.join("; ")
    }

    fn close(&self, close: &EventClose) -> String {
        let logs = u64::try_from(close.ends.len()).unwrap_or(u64::MAX);
        let mut text = format!(
            "closes the event with {}",
            words::count(logs, "log", "logs")
        );
        if !close.lost.is_empty() {
            let lost: Vec<String> = close.lost.iter().map(|key| self.device(key)).collect();
            text = format!("{text}, without waiting for {}", lost.join(", "));
        }
        text
    }
}

/// Returns the word of a statement, as `event statements` and the score log have it.
pub(super) fn kind(statement: &Statement) -> &'static str {
    match statement {
        Statement::Admit(_) => "admit",
        Statement::Assign(_) => "assign",
        Statement::Roster(_) => "roster",
        Statement::Lock(_) => "lock",
        Statement::Revoke(_) => "revoke",
        Statement::Consent(_) => "consent",
        Statement::Transfer(_) => "transfer",
        Statement::Recover(_) => "recover",
        Statement::Adopt(_) => "adopt",
        Statement::Amend(_) => "amend",
        Statement::LastCall => "last-call",
        Statement::EventClose(_) => "event-close",
        Statement::Phase(_) => "phase",
        Statement::Erase(_) => "erase",
    }
}

fn roster(change: &RosterChange) -> String {
    match change {
        RosterChange::Add(shooter) => format!(
            "adds shooter {} ({}) to squad {}",
            shooter.no, shooter.label, shooter.squad
        ),
        RosterChange::Edit(edit) => {
            let mut parts = Vec::new();
            if let Some(squad) = edit.squad {
                parts.push(format!("squad {squad}"));
            }
            if edit.division.is_some() {
                parts.push("another division".to_owned());
            }
            if edit.power_factor.is_some() {
                parts.push("another power factor".to_owned());
            }
            if edit.label.is_some() {
                parts.push("another name".to_owned());
            }
            if edit.categories.is_some() {
                parts.push("other categories".to_owned());
            }
            if edit.entrant.is_some() {
                parts.push("another member number, class or team".to_owned());
            }
            format!("changes shooter {}: {}", edit.shooter, parts.join(", "))
        }
    }
}

fn phase(change: &PhaseChange) -> String {
    let text = match change.phase {
        Phase::Scoring => "opens the event for scores",
        Phase::Provisional { .. } => "posts provisional results",
        Phase::Final { .. } => "declares the results final",
    };
    if change.note.is_empty() {
        text.to_owned()
    } else {
        format!("{text}: {}", change.note)
    }
}

fn adopt(adopt: &Adopt) -> String {
    let decision = match adopt.decision {
        Decision::Count => "counts",
        Decision::Reject => "rejects",
    };
    let entries = if adopt.from == adopt.to {
        format!("entry {}", adopt.from)
    } else {
        format!("entries {} to {}", adopt.from, adopt.to)
    };
    let (grant, incarnation) = (adopt.log.grant.uuid(), adopt.log.incarnation.0);
    format!("{decision} {entries} of log {grant}-{incarnation:016x}")
}

fn amend(change: &Amendment, note: &str) -> String {
    let text = match change {
        Amendment::Drill(drill) => format!("changes or adds stage {} ({})", drill.no, drill.name),
        Amendment::Rule(rule) => format!("adds rule {} ({})", rule.no.0, rule.text),
        Amendment::Place(place) => format!("adds place {} ({})", place.no, place.name),
        Amendment::Kind(kind) => format!("adds the kind of record {} ({})", kind.no, kind.name),
    };
    if note.is_empty() {
        text
    } else {
        format!("{text}: {note}")
    }
}
