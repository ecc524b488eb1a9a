//! The keys of sealed texts that this device holds, and those that it lacks.
//!
//! A key is lacked if a text that is here names it and this device may read that text. The texts of
//! every log are looked at once; what was looked at is remembered by height and chain hash.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use tallyline_keys::{
    PublicKey,
    planted::{Fault, is},
};

use crate::{
    log::{Authority, Chain, Ledger, Log, Member},
    model::{Body, KeyId, KindNo, LogName, Person, Roles, Sealed, Text, Value},
    wire::{KEYS_ASKED_MAX, KeyAsk, KeyRow, Origin, Share, encode_key},
};

/// Who reads what was seen of an incident.
pub(super) const INCIDENT_READERS: Roles = Roles::JURY;

/// Most keys of others that one device holds: 300 people, three circles of readers, and eighteen
/// keys of each: every writer makes one, and another one for whom it writes about after a reader
/// left. Above it are only liars, and what they fill is a megabyte.
pub(super) const KEYS_HELD_MAX: usize = 16_384;

/// Most lacked keys that texts of one writer put on the list: a liar who names keys that nobody has
/// does not keep those of others from being asked for.
const LACKED_OF_ONE_MAX: usize = 512;

/// The keys that a device holds and lacks.
#[derive(Debug, Default)]
pub(super) struct Keyring {
    held: BTreeMap<KeyId, Held>,
    /// Which texts name a key. Anybody may name any key, so all of it is remembered.
    named: BTreeMap<KeyId, BTreeSet<Naming>>,
    /// What was looked at of each log.
    looked: BTreeMap<LogName, (u64, Option<Chain>)>,
    lacked: BTreeSet<KeyId>,
    ask: KeyAsk,
    /// Whose texts are never to be read again.
    erased: BTreeSet<Person>,
    /// Who read when statements changed last; `None`: nobody has looked.
    audience: Option<Audience>,
    stale: bool,
    /// Grows when anything here, or who may read, may have changed.
    version: u64,
}

/// A key in the ring.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) share: Share,
    /// What this device made it holds though it may not read others' texts.
    pub(super) origin: Origin,
}

/// Who reads: the owner, and members by their roles.
#[derive(Debug, Default)]
struct Audience {
    owner: Option<PublicKey>,
    members: BTreeMap<PublicKey, Roles>,
}

/// A text that names a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Naming {
    person: Person,
    circle: Circle,
    writer: PublicKey,
}

/// Who reads a text, by where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Circle {
    /// The readers of a kind of record; the kind may be declared later than the text arrives.
    Kind(KindNo),
    /// The readers of incidents.
    Incidents,
}

impl Keyring {
    /// Begins without keys, and without having looked at any text.
    pub(super) fn new() -> Self {
        Self {
            stale: true,
            ..Self::default()
        }
    }

    pub(super) fn held(&self) -> &BTreeMap<KeyId, Held> {
        &self.held
    }

    /// Returns the keys that this device may hold and lacks, as of the last look.
    pub(super) fn lacked(&self) -> &BTreeSet<KeyId> {
        &self.lacked
    }

    /// Returns what is asked of peers, as of the last look.
    pub(super) fn ask(&self) -> &KeyAsk {
        &self.ask
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// Takes note that logs grew or that statements changed who may read.
    pub(super) fn touch(&mut self) {
        self.stale = true;
    }

    pub(super) fn keep(&mut self, id: KeyId, share: Share, origin: Origin) {
        self.held.insert(id, Held { share, origin });
        self.stale = true;
    }

    /// Returns whose sealed texts are never to be read again, as of the last [`Self::erase`].
    ///
    /// Source: PROTOCOL R-SEAL-5.
    pub(super) fn erased(&self) -> &BTreeSet<Person> {
        &self.erased
    }

    /// Brings up to date who is erased.
    pub(super) fn erase(&mut self, ledger: &Ledger) {
        self.erased = erased(ledger);
    }

    /// Forgets every key of people who were erased, and of others' keys those that this device may
    /// not be given any more; returns their ids.
    ///
    /// Source: PROTOCOL R-SEAL-3, R-SEAL-5.
    pub(super) fn forget(&mut self, own: &PublicKey, ledger: &Ledger) -> Vec<KeyId> {
        if is(Fault::EraseKeepsKeys) {
            return Vec::new();
        }
        let erased = &self.erased;
        let gone = |held: &Held| erased.contains(&held.share.person) || !held.stays(own, ledger);
        let ids: Vec<KeyId> = self
            .held
            .extract_if(.., |_, held| gone(held))
            .map(|(id, _)| id)
            .collect();
        self.stale |= !ids.is_empty();
        ids
    }

    /// Stops sealing with own keys that may have been given to somebody who reads no longer, and
    /// returns them as they are kept from now on.
    ///
    /// Source: PROTOCOL R-SEAL-2.
    pub(super) fn retire(&mut self, authority: &Authority) -> Vec<(KeyId, KeyRow)> {
        let now = Audience::of(authority);
        let Some(before) = self.audience.replace(now) else {
            return Vec::new();
        };
        let Some(now) = &self.audience else {
            return Vec::new();
        };
        let mut left: BTreeMap<Roles, bool> = BTreeMap::new();
        let mut retired = Vec::new();
        for (id, held) in &mut self.held {
            let readers = held.share.readers;
            if held.origin == Origin::Made
                && *left
                    .entry(readers)
                    .or_insert_with(|| before.lost(now, readers))
            {
                held.origin = Origin::Left;
                retired.push((*id, encode_key(&held.share, held.origin)));
            }
        }
        retired
    }

    /// Returns the key with which this device seals for a person and readers, if it has one: never
    /// another's, whose maker may be none of the readers.
    ///
    /// Source: PROTOCOL R-SEAL-2.
    pub(super) fn key_for(&self, person: Person, readers: Roles) -> Option<&Share> {
        let made = self.held.values().filter(|it| it.origin == Origin::Made);
        let mut shares = made.map(|held| &held.share);
        shares.find(|it| it.person == person && it.readers == readers)
    }

    /// Returns whether a text here that names the key is one that this device may read.
    pub(super) fn may_lack(&self, own: &PublicKey, ledger: &Ledger, id: KeyId) -> bool {
        let namings = self.named.get(&id).into_iter().flatten();
        let mut circles = namings.map(|it| it.circle);
        circles.any(|it| may_read(ledger, own, it.readers(ledger)))
    }

    /// Brings up to date what is lacked, if anything changed.
    pub(super) fn refresh(&mut self, own: &PublicKey, ledger: &Ledger) {
        if !core::mem::take(&mut self.stale) {
            return;
        }
        self.version = self.version.saturating_add(1);
        // A device that may read nothing need not know what there is.
        if !has_circle(ledger.authority(), own) {
            self.lacked.clear();
            self.ask = KeyAsk::default();
            return;
        }
        for (name, log) in ledger.logs() {
            self.look(name, log);
        }
        let lacked = self.lacking(own, ledger);
        if lacked != self.lacked {
            self.ask = KeyAsk::new(lacked.iter().copied());
            self.lacked = lacked;
        }
    }

    /// Looks at the texts of a log that were not looked at; at all of them if another branch took
    /// the place of what was.
    fn look(&mut self, name: &LogName, log: &Log) {
        let held = log.height();
        let seen = match self.looked.get(name) {
            Some(&(height, chain)) if log.chain_at(height) == chain => height,
            Some(_) | None => 0,
        };
        if seen == held && self.looked.contains_key(name) {
            return;
        }
        let writer = log.writer();
        for seq in seen.saturating_add(1)..=held {
            let Some(record) = log.record(seq) else {
                continue;
            };
            let (circle, texts) = sealed_in(&record.entry.body);
            for sealed in texts {
                let naming = Naming {
                    person: sealed.person,
                    circle,
                    writer,
                };
                self.named.entry(sealed.key).or_default().insert(naming);
            }
        }
        self.looked.insert(*name, (held, log.chain_at(held)));
    }

    fn lacking(&self, own: &PublicKey, ledger: &Ledger) -> BTreeSet<KeyId> {
        let erased = &self.erased;
        let mut of_one: BTreeMap<PublicKey, usize> = BTreeMap::new();
        let mut lacked = BTreeSet::new();
        for (id, namings) in &self.named {
            if KEYS_ASKED_MAX <= lacked.len() {
                break;
            }
            if self.held.contains_key(id) {
                continue;
            }
            let wanted = namings.iter().find(|it| {
                let of_writer = of_one.get(&it.writer).copied().unwrap_or(0);
                of_writer < LACKED_OF_ONE_MAX
                    && !erased.contains(&it.person)
                    && may_read(ledger, own, it.circle.readers(ledger))
            });
            if let Some(naming) = wanted {
                let count = of_one.entry(naming.writer).or_insert(0);
                *count = count.saturating_add(1);
                lacked.insert(*id);
            }
        }
        lacked
    }
}

impl Held {
    /// Returns whether a device keeps it: one that it made, or that it may be given.
    ///
    /// Source: PROTOCOL R-SEAL-3.
    pub(super) fn stays(&self, own: &PublicKey, ledger: &Ledger) -> bool {
        self.origin != Origin::Given || may_read(ledger, own, self.share.readers)
    }
}

impl Audience {
    fn of(authority: &Authority) -> Self {
        let members = authority.members().iter();
        Self {
            owner: Some(authority.owner()),
            members: members.map(|(key, it)| (*key, reading(it))).collect(),
        }
    }

    fn reads(&self, key: &PublicKey, readers: Roles) -> bool {
        let acts = self.members.get(key);
        self.owner == Some(*key) || acts.is_some_and(|acts| acts.meets(readers))
    }

    /// Returns whether somebody read who does not read now.
    fn lost(&self, now: &Self, readers: Roles) -> bool {
        let mut keys = self.members.keys().chain(&self.owner);
        keys.any(|key| self.reads(key, readers) && !now.reads(key, readers))
    }
}

impl Circle {
    pub(super) fn readers(self, ledger: &Ledger) -> Roles {
        match self {
            Self::Incidents => INCIDENT_READERS,
            Self::Kind(no) => {
                let kind = ledger.authority().roster().kind(no);
                kind.map_or(Roles(0), |kind| kind.readers)
            }
        }
    }
}

/// Returns whether a key may be given to a device and kept by it: a member that has one of the
/// readers' roles, or the owner; never a cloud.
///
/// Source: PROTOCOL R-SEAL-3.
pub(super) fn may_read(ledger: &Ledger, key: &PublicKey, readers: Roles) -> bool {
    let authority = ledger.authority();
    if authority.owner() == *key {
        return true;
    }
    let member = authority.members().get(key);
    member.is_some_and(|it| reading(it).meets(readers) || is(Fault::KeysToAnybody))
}

/// Returns the roles by which a member reads; a cloud reads nothing.
fn reading(member: &Member) -> Roles {
    if member.roles.contains(Roles::CLOUD) {
        return Roles(0);
    }
    Roles(member.roles.0 & Roles::READING.0)
}

/// Returns whose sealed texts are never to be read again: whom the owner erased, and the incidents
/// that name an erased shooter, about which a report may have come before them. What names a record
/// is no incident's, whoever says so.
///
/// Source: PROTOCOL R-SEAL-5.
fn erased(ledger: &Ledger) -> BTreeSet<Person> {
    let mut erased = ledger.authority().erased().clone();
    if !erased.iter().any(|it| matches!(it, Person::Shooter(_))) {
        return erased;
    }
    let (mut early, mut records) = (BTreeSet::new(), BTreeSet::new());
    for line in ledger.lines() {
        if let Body::Incident(it) = line.body
            && erased.contains(&Person::Shooter(it.bib))
        {
            early.insert(Person::Record(it.id));
        } else if let Body::Record(it) = line.body {
            records.insert(Person::Record(it.key));
        }
    }
    erased.extend(early.difference(&records));
    erased
}

/// Returns whether one of the last entries of a log is an incident of somebody who was erased.
///
/// Source: PROTOCOL R-SEAL-5.
pub(super) fn names_erased(ledger: &Ledger, name: &LogName, entries: u64) -> bool {
    let erased = ledger.authority().erased();
    let Some(log) = ledger.logs().get(name).filter(|_| !erased.is_empty()) else {
        return false;
    };
    let first = log.height().saturating_sub(entries).saturating_add(1);
    let mut records = (first..=log.height()).filter_map(|seq| log.record(seq));
    records.any(|it| matches!(&it.entry.body, Body::Incident(it) if erased.contains(&Person::Shooter(it.bib))))
}

/// Returns whether a device may read anything, or may have made a key: others are asked nothing.
pub(super) fn has_circle(authority: &Authority, key: &PublicKey) -> bool {
    let member = authority.members().get(key);
    let acts = member.is_some_and(|it| it.roles.meets(Roles::READING));
    acts || authority.owner() == *key
}

/// Returns the sealed texts of an entry, and who reads them.
pub(super) fn sealed_in(body: &Body) -> (Circle, Vec<&Sealed>) {
    match body {
        Body::Incident(it) => (Circle::Incidents, text_in(it.text.as_ref())),
        Body::Report(it) => (Circle::Incidents, text_in(it.text.as_ref())),
        Body::Record(it) => {
            let values = it.fields.iter().filter_map(|(_, value)| match value {
                Value::Sealed(sealed) => Some(sealed),
                Value::Text(_) | Value::Number(_) => None,
            });
            (Circle::Kind(it.kind), values.collect())
        }
        Body::Score(_)
        | Body::Status(_)
        | Body::Void(_)
        | Body::Chrono(_)
        | Body::Approve(_)
        | Body::Point(_)
        | Body::SetScore(_)
        | Body::JuryDecision(_)
        | Body::Statement(_)
        | Body::Seal
        | Body::Unknown => (Circle::Incidents, Vec::new()),
    }
}

fn text_in(text: Option<&Text>) -> Vec<&Sealed> {
    match text {
        Some(Text::Sealed(sealed)) => Vec::from([sealed]),
        Some(Text::Plain(_)) | None => Vec::new(),
    }
}
