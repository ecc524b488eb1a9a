//! What is here already: the same words under the same name, sealed ones too.

use alloc::format;

use uuid::Uuid;

use super::{Opened, Replica};
use crate::{
    model::{Body, EntryId, FieldNo, Kind, Record, Sealed, Text, Value},
    rules::{
        Code, Mistake, Scorebook,
        incidents::{same_incident, same_report, same_text},
    },
};

impl Replica {
    /// Returns the entry that says the same under the same id; E19 if one says something else. What
    /// is sealed there and cannot be opened here says nothing else.
    ///
    /// Source: PROTOCOL R-INCIDENT-2, R-RECORD-9.
    pub(super) fn known(&self, book: &Scorebook, body: &Body) -> Result<Option<EntryId>, Mistake> {
        let incidents = book.incidents();
        let same_text = |held: Option<&Text>, said: Option<&Text>| self.same_seen(held, said);
        if let Body::Incident(incident) = body {
            let Some(held) = incidents.sightings().get(&incident.id) else {
                return Ok(None);
            };
            if same_incident(&held.first.says, incident, &same_text) {
                return Ok(Some(held.first.entry));
            }
            return Err(Mistake::other_data("incident", &incident.id));
        }
        if let Body::Report(report) = body {
            let Some(held) = incidents.report(report.id) else {
                return Ok(None);
            };
            if same_report(&held.says, report, &same_text) {
                return Ok(Some(held.entry));
            }
            return Err(Mistake::other_data("report", &report.id));
        }
        if let Body::Record(record) = body {
            return self.known_record(book, record);
        }
        Ok(None)
    }

    /// A creation of a record that has a random name comes with it, so that a command whose answer was
    /// lost can be said again. What is named by what it says is looked at by its policy.
    fn known_record(&self, book: &Scorebook, record: &Record) -> Result<Option<EntryId>, Mistake> {
        let kind = self.kinds().iter().find(|kind| kind.no == record.kind);
        let Some(kind) = kind.filter(|it| record.creates && it.unique.is_empty()) else {
            return Ok(None);
        };
        let Some(state) = book.records().get(kind.no, record.key) else {
            return Ok(None);
        };
        let mut creations = state.versions.iter().filter(|it| it.says.creates);
        if let Some(same) = creations
            .clone()
            .find(|it| self.same_record(&it.says, record))
        {
            return Ok(Some(same.entry));
        }
        if creations.next().is_some() {
            return Err(other_record(kind, &record.key));
        }
        Ok(None)
    }

    fn same_record(&self, held: &Record, said: &Record) -> bool {
        let same = |(no, said): &(FieldNo, Value)| {
            let held = held.fields.iter().find(|(it, _)| it == no);
            held.is_some_and(|(_, held)| self.same_value(held, said))
        };
        held.parents == said.parents
            && held.gone == said.gone
            && held.fields.len() == said.fields.len()
            && said.fields.iter().all(same)
    }

    fn same_value(&self, held: &Value, said: &Value) -> bool {
        match (held, said) {
            (Value::Sealed(held), Value::Sealed(said)) => held.may_equal(said),
            (Value::Sealed(held), Value::Text(said)) => self.may_say(held, said),
            (Value::Sealed(held), Value::Number(said)) => self.may_say(held, &format!("{said}")),
            (held, said) => held == said,
        }
    }

    fn same_seen(&self, held: Option<&Text>, said: Option<&Text>) -> bool {
        match (held, said) {
            (Some(Text::Sealed(held)), Some(Text::Plain(said))) => self.may_say(held, said),
            (held, said) => same_text(held, said),
        }
    }

    /// Returns whether a sealed text says these words, or cannot be opened here.
    fn may_say(&self, sealed: &Sealed, words: &str) -> bool {
        match self.open_text(sealed) {
            Opened::Text(text) => text == words,
            Opened::KeyMissing | Opened::NotForThisDevice | Opened::Erased | Opened::Broken => true,
        }
    }
}

fn other_record(kind: &Kind, key: &Uuid) -> Mistake {
    let text = format!(
        "{} {key} is here already and says something else. Nothing was saved. Add it with a key of \
         its own, or change the one that is here (`tallyline record set`).",
        kind.name
    );
    Mistake::new(Code::E19, text)
}
