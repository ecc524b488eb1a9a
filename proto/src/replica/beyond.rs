//! What officials record beyond scores: incidents, reports, decisions, versions of records.

use alloc::{format, vec::Vec};

use tallyline_keys::PublicKey;
use uuid::Uuid;

use super::{
    Replica, Reply,
    command::no_event,
    core::State,
    member::Member,
    record::{Record, readable},
    seal::Sealer,
};
use crate::{
    model::{self, Body, Derive, FieldNo, GrantId, Kind, Policy, Roles, Text, Value},
    rules::{
        Code, Mistake, Roster, Scorebook,
        records::RecordState,
        validate::{self, Desk, TimeBounds, Writer},
    },
    wire::record_key,
};

impl Replica {
    /// Records what no cell covers. What is here already is not written a second time.
    ///
    /// Source: PROTOCOL R-RECORD-2, R-RECORD-3, R-INCIDENT-2.
    pub(super) fn record_beyond(&mut self, mut record: Record) -> Result<Reply, Mistake> {
        let own = self.key();
        let State::Member(member) = &mut self.state else {
            return Err(no_event());
        };
        let book = member.book();
        if let Some(entry) = self.known(&book, &record.body)? {
            let (id, fresh) = (name(&record.body), false);
            return Ok(Reply::Recorded { id, entry, fresh });
        }
        let member = self.event_or_mistake()?;
        let roster = member.ledger.authority().roster();
        let event = member.ledger.manifest().name.as_str();
        let revision = record.revision.unwrap_or_else(|| roster.revision());
        let mut sealer = record.seed.take().map(|seed| Sealer::new(member, seed));
        if let Some(sealer) = &mut sealer {
            sealer.seal_seen(&book, &mut record.body)?;
        }
        refuse_plain(&record.body)?;
        if let Body::Record(it) = &mut record.body
            && let Some(kind) = roster.kind(it.kind)
        {
            numbers_where_summed(roster, kind, it)?;
            member.complete(&book, kind, it, record.confirmed)?;
            if let Some(sealer) = &mut sealer {
                sealer.seal_record(&book, kind, it)?;
            }
        }
        validate::check_numbers(roster, event, &record.body, revision)?;
        let is_owner = member.ledger.authority().owner() == own;
        validate::check_writer(roster, is_owner, &record.body)?;
        let grant = member.record_grant(&own, &record.body)?;
        member.takes_scores_of(own)?;
        let desk = Desk {
            event,
            roster,
            book: &book,
            writer: if is_owner {
                Writer::Owner
            } else {
                Writer::Officer
            },
            time_bounds: TimeBounds::Confirmed,
        };
        validate::check(&desk, &record.body, revision)?;
        readable(&record.body)?;
        let id = name(&record.body);
        let made = sealer.map(Sealer::into_made).unwrap_or_default();
        self.keep_made(made);
        let saved = self.append(grant, record.body, None, record.wall_ms);
        let entry = saved.ok_or_else(no_event)?;
        let fresh = true;
        Ok(Reply::Recorded { id, entry, fresh })
    }
}

/// Returns what names something that no cell covers.
fn name(body: &Body) -> Uuid {
    if let Body::Incident(incident) = body {
        incident.id
    } else if let Body::Report(report) = body {
        report.id
    } else if let Body::JuryDecision(decision) = body {
        decision.incident
    } else if let Body::Record(record) = body {
        record.key
    } else {
        Uuid::nil()
    }
}

impl Member {
    /// Fills in what a person does not type: the name that a record has by what it says, its
    /// counter, and what a version as a whole leaves as it is.
    fn complete(
        &self,
        book: &Scorebook,
        kind: &Kind,
        record: &mut model::Record,
        confirmed: bool,
    ) -> Result<(), Mistake> {
        record.fields.sort_by_key(|(field, _)| *field);
        if record.creates && !kind.unique.is_empty() {
            let value = |no: &FieldNo| {
                let found = record.fields.iter().find(|(field, _)| field == no);
                found.map(|(_, value)| value)
            };
            let named: Option<Vec<&Value>> = kind.unique.iter().map(value).collect();
            if let Some(named) = named {
                let event = self.ledger.event();
                record.key = record_key(event, kind.no, &record.parents, &named);
            }
        }
        let Some(state) = book.records().get(kind.no, record.key) else {
            record.counter = 1;
            return Ok(());
        };
        record.counter = state.next_counter();
        if record.creates {
            return asked_twice(kind, state, confirmed);
        }
        if record.gone && !confirmed {
            knows_all(kind, state)?;
        }
        if record.parents.is_empty() {
            record.parents.clone_from(&state.parents);
        }
        let whole = match kind.policy {
            Policy::LastWrite | Policy::Escalation(_) | Policy::Ask => true,
            Policy::Append | Policy::FieldLevel | Policy::CreateWins | Policy::Derived(_) => false,
        };
        if whole {
            for (field, shown) in &state.fields {
                if !record.fields.iter().any(|(no, _)| no == field) {
                    record.fields.push((*field, shown.value.clone()));
                }
            }
            record.fields.sort_by_key(|(field, _)| *field);
        }
        Ok(())
    }

    /// Returns the grant under which `own` writes what no cell covers. A decision stands under the
    /// Admit, and so does everything of the owner's, so that a later one comes later by rank; what a
    /// desk lent ends soon and is left alone.
    ///
    /// Source: PROTOCOL R-RECORD-3.
    pub(super) fn record_grant(&self, own: &PublicKey, body: &Body) -> Result<GrantId, Mistake> {
        let authority = self.ledger.authority();
        let admit = self.admit_of(own);
        if authority.owner() == *own {
            return admit.ok_or_else(no_event);
        }
        let member = authority.members().get(own);
        if !member.is_some_and(|it| it.roles.contains(Roles::SCORER)) {
            let owner = self.label(&authority.owner());
            let text = format!(
                "this device may not record anything. Ask the event owner ({owner}) to admit it as \
                 a scorer."
            );
            return Err(Mistake::new(Code::E02, text));
        }
        let mut grants = authority.grants().iter();
        let granted = grants
            .find(|(_, grant)| grant.key == *own && grant.end.is_none() && grant.under.is_none())
            .map(|(id, _)| *id);
        let first = if matches!(body, Body::JuryDecision(_)) {
            admit.or(granted)
        } else {
            granted.or(admit)
        };
        first.ok_or_else(no_event)
    }
}

/// Refuses what is no number in a field that is added up (E03): it would count as nothing.
///
/// Source: PROTOCOL R-RECORD-9.
fn numbers_where_summed(
    roster: &Roster,
    kind: &Kind,
    record: &model::Record,
) -> Result<(), Mistake> {
    let summed = |no: FieldNo| {
        let sum = Derive::Sum {
            kind: kind.no,
            field: no,
        };
        let mut kinds = roster.structure().kinds.iter();
        kinds.any(|it| it.policy == Policy::Derived(sum))
    };
    let mut said = record.fields.iter();
    let wrong = said.find(|(no, value)| !matches!(value, Value::Number(_)) && summed(*no));
    let Some((no, _)) = wrong else {
        return Ok(());
    };
    let field = kind.fields.iter().find(|it| it.no == *no);
    let text = format!(
        "{} of {} are added up, so it is a whole number, such as 5 or -2. Nothing was saved.",
        field.map_or("the values", |it| it.name.as_str()),
        kind.name
    );
    Err(Mistake::new(Code::E03, text))
}

/// Refuses to take back what this device does not know as a whole (E20): what somebody else did
/// meanwhile would go with it.
///
/// Source: PROTOCOL R-RECORD-9.
fn knows_all(kind: &Kind, state: &RecordState) -> Result<(), Mistake> {
    let whole = match kind.policy {
        Policy::Append | Policy::CreateWins => true,
        Policy::FieldLevel
        | Policy::LastWrite
        | Policy::Escalation(_)
        | Policy::Ask
        | Policy::Derived(_) => false,
    };
    if !whole || !state.lacks_versions() {
        return Ok(());
    }
    let text = format!(
        "{} {} was changed by devices whose entries are not here yet. Wait until they have come \
         (`tallyline status`), then look again; if it is wrong all the same, confirm.",
        kind.name,
        short(state.key)
    );
    Err(Mistake::new(Code::E20, text))
}

/// Refuses what was seen of an incident in the clear.
///
/// Source: PROTOCOL R-SEAL-6.
fn refuse_plain(body: &Body) -> Result<(), Mistake> {
    let text = if let Body::Incident(it) = body {
        &it.text
    } else if let Body::Report(it) = body {
        &it.text
    } else {
        return Ok(());
    };
    match text {
        Some(Text::Plain(_)) => {
            let text = "what was seen of an incident is sealed, and is never written in the clear.";
            Err(Mistake::new(Code::E01, text.into()))
        }
        Some(Text::Sealed(_)) | None => Ok(()),
    }
}

/// Asks before something that only grows is entered a second time (E09).
///
/// Source: PROTOCOL R-RECORD-6.
fn asked_twice(kind: &Kind, state: &RecordState, confirmed: bool) -> Result<(), Mistake> {
    let first = state.living().find(|it| it.says.creates);
    if confirmed || kind.policy != Policy::Append || kind.unique.is_empty() || state.gone {
        return Ok(());
    }
    let Some(first) = first else {
        return Ok(());
    };
    let text = format!(
        "{} {} is recorded already (entry {}). Look at it first; if it happened twice, confirm.",
        kind.name,
        short(state.key),
        first.entry
    );
    Err(Mistake::new(Code::E09, text))
}

/// Returns the first group of a name, as people type it.
fn short(key: Uuid) -> alloc::string::String {
    use alloc::string::ToString as _;
    let text = key.to_string();
    text.split('-').next().unwrap_or_default().to_string()
}
