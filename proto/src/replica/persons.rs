//! Whom sealed texts are about, and what of them this device can read.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::String,
    vec::Vec,
};

use tallyline_keys::PublicKey;

use super::{
    Opened, Replica,
    keyring::{Circle, sealed_in},
    seal::PARTICIPANT,
};
use crate::{
    model::{Body, EntryId, Field, FieldNo, Person, Roles, Sealed, Value},
    rules::Line,
};

/// A person, and what there is under seal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonView {
    /// Who.
    pub person: Person,
    /// What screens print; `None` for a record.
    pub label: Option<String>,
    /// Whether the person was erased.
    pub erased: bool,
    /// How many sealed texts about the person are here.
    pub texts: u64,
    /// How many of them this device can read.
    pub readable: u64,
    /// How many keys of the person are here.
    pub keys: u64,
}

/// A sealed text about a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedView {
    /// The entry that holds it.
    pub entry: EntryId,
    /// Who wrote it.
    pub author: PublicKey,
    /// What that device is called.
    pub label: String,
    /// Unix time in milliseconds as its author's clock had it.
    pub at_unix_ms: i64,
    /// Where it stands: the kind of record, or `incident`.
    pub kind: String,
    /// The field of the record; empty for an incident.
    pub field: String,
    /// Who reads it, besides the owner.
    pub readers: Roles,
    /// What it is on this device.
    pub opened: Opened,
}

impl Replica {
    /// Returns the people of the event: the shooters by number, then records that stand for a person
    /// or that sealed texts are about.
    pub fn persons(&self) -> Vec<PersonView> {
        let Some(member) = self.member() else {
            return Vec::new();
        };
        let authority = member.ledger.authority();
        let roster = authority.roster();
        let mut people: BTreeSet<Person> = member.ring.erased().clone();
        people.extend(
            roster
                .structure()
                .shooters
                .iter()
                .map(|it| Person::Shooter(it.no)),
        );
        let participant = roster.structure().kinds.iter();
        let participant = participant
            .filter(|kind| kind.name == PARTICIPANT)
            .map(|kind| kind.no)
            .next();
        let (mut texts, mut readable) = (BTreeMap::new(), BTreeMap::new());
        for line in member.ledger.lines() {
            if let Body::Record(record) = line.body
                && Some(record.kind) == participant
            {
                people.insert(Person::Record(record.key));
            }
            for sealed in sealed_in(line.body).1 {
                people.insert(sealed.person);
                count(&mut texts, sealed.person);
                if let Opened::Text(_) = self.open_text(sealed) {
                    count(&mut readable, sealed.person);
                }
            }
        }
        let mut keys = BTreeMap::new();
        for held in member.ring.held().values() {
            count(&mut keys, held.share.person);
        }
        let of = |counts: &BTreeMap<Person, u64>, person: &Person| {
            counts.get(person).copied().unwrap_or(0)
        };
        let view = |person: &Person| PersonView {
            person: *person,
            label: match person {
                Person::Shooter(no) => roster.shooter(*no).map(|it| it.label.clone()),
                Person::Record(_) => None,
            },
            erased: member.ring.erased().contains(person),
            texts: of(&texts, person),
            readable: of(&readable, person),
            keys: of(&keys, person),
        };
        people.iter().map(view).collect()
    }

    /// Returns the sealed texts about a person, in the order of logs and sequences.
    pub fn sealed_texts(&self, person: Person) -> Vec<SealedView> {
        let Some(member) = self.member() else {
            return Vec::new();
        };
        let mut views = Vec::new();
        for line in member.ledger.lines() {
            let (circle, texts) = sealed_in(line.body);
            let about = texts.into_iter().filter(|it| it.person == person);
            views.extend(about.map(|sealed| self.sealed_view(&line, circle, sealed)));
        }
        views
    }

    fn sealed_view(&self, line: &Line<'_>, circle: Circle, sealed: &Sealed) -> SealedView {
        let member = self.member();
        let roster = member.map(|it| it.ledger.authority().roster());
        let kind = match circle {
            Circle::Kind(no) => roster.and_then(|roster| roster.kind(no)),
            Circle::Incidents => None,
        };
        let field = |no: FieldNo| -> Option<&Field> {
            kind.and_then(|kind| kind.fields.iter().find(|it| it.no == no))
        };
        let is_it = |value: &Value| matches!(value, Value::Sealed(it) if it == sealed);
        let place = if let Body::Record(record) = line.body {
            let found = record.fields.iter().find(|(_, value)| is_it(value));
            found.and_then(|(no, _)| field(*no))
        } else {
            None
        };
        SealedView {
            entry: line.id,
            author: line.author,
            label: member.map(|it| it.label(&line.author)).unwrap_or_default(),
            at_unix_ms: member.map_or(0, |it| it.unix_ms(line.at_ms)),
            kind: match circle {
                Circle::Kind(_) => kind.map(|it| it.name.clone()).unwrap_or_default(),
                Circle::Incidents => "incident".into(),
            },
            field: place.map(|it| it.name.clone()).unwrap_or_default(),
            readers: member.map_or(Roles(0), |it| circle.readers(&it.ledger)),
            opened: self.open_text(sealed),
        }
    }
}

fn count(counts: &mut BTreeMap<Person, u64>, person: Person) {
    let count = counts.entry(person).or_insert(0);
    *count = count.saturating_add(1);
}
