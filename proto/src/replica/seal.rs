//! Sealed texts: who makes a key, who is given it, who reads, and how a person is erased.

use alloc::{collections::BTreeSet, format, string::String, vec::Vec};

use uuid::Uuid;

use super::{
    Command, KeyView, Opened, PeerId, Reason, Replica, Reply, Seed, Write,
    core::State,
    keyring::{INCIDENT_READERS, KEYS_HELD_MAX, may_read},
    member::Member,
};
use crate::{
    model::{Body, Erase, Kind, Person, Record, Roles, Sealed, Statement, Text, Value},
    rules::{Code, Mistake, Scorebook},
    wire::{Keys, Origin, Share, encode_key, open_sealed, seal_text},
};

/// The kind of record that stands for a person.
pub(super) const PARTICIPANT: &str = "participant";

/// How far up a record is followed to the person whom it is about; kinds are no deeper.
pub(super) const DEPTH_MAX: usize = 32;

/// Seals the texts of one command. The keys that it makes are kept only if the command goes through.
pub(super) struct Sealer<'a> {
    member: &'a Member,
    seed: Seed,
    made: Vec<Share>,
}

impl<'a> Sealer<'a> {
    /// Begins with 32 random bytes that were drawn for this command.
    pub(super) fn new(member: &'a Member, seed: Seed) -> Self {
        Self {
            member,
            seed,
            made: Vec::new(),
        }
    }

    /// Returns the keys that were made.
    pub(super) fn into_made(self) -> Vec<Share> {
        self.made
    }

    /// Seals a text about a person for the members with one of the readers' roles, and the owner:
    /// with a key that is here, or one made of the seed. One seed gives another key for each person
    /// and set of readers.
    ///
    /// Source: PROTOCOL R-SEAL-1, R-SEAL-2.
    ///
    /// # Errors
    /// If the text is too long, or the person was erased.
    pub(super) fn seal(
        &mut self,
        person: Person,
        readers: Roles,
        text: &str,
    ) -> Result<Sealed, Mistake> {
        let ledger = &self.member.ledger;
        let event = ledger.event();
        if self.member.ring.erased().contains(&person) {
            let text = format!(
                "{} was erased from this event: nothing more is recorded under seal about that \
                 person. Nothing was saved.",
                words(person)
            );
            return Err(Mistake::new(Code::E02, text));
        }
        let readers = Roles(readers.0 & Roles::READING.0);
        let is_for = |share: &&Share| share.person == person && share.readers == readers;
        let held = self.member.ring.key_for(person, readers);
        if let Some(share) = held.or_else(|| self.made.iter().find(is_for)) {
            return seal_text(event, share, text).ok_or_else(|| too_long(text));
        }
        let share = Share::make(event, person, readers, &self.seed.0);
        let sealed = seal_text(event, &share, text).ok_or_else(|| too_long(text))?;
        self.made.push(share);
        Ok(sealed)
    }

    /// Seals what was seen of an incident; it is about whom the incident is about.
    ///
    /// Source: PROTOCOL R-SEAL-6.
    pub(super) fn seal_seen(&mut self, book: &Scorebook, body: &mut Body) -> Result<(), Mistake> {
        let (person, text) = if let Body::Incident(it) = body {
            (Person::Shooter(it.bib), &mut it.text)
        } else if let Body::Report(it) = body {
            // A report may come before its incident: then it is about what the two share.
            let about = book.incidents().sightings().get(&it.incident);
            let about = about.map(|about| Person::Shooter(about.first.says.bib));
            (about.unwrap_or(Person::Record(it.incident)), &mut it.text)
        } else {
            return Ok(());
        };
        if let Some(Text::Plain(plain)) = text {
            let sealed = self.seal(person, INCIDENT_READERS, plain)?;
            *text = Some(Text::Sealed(sealed));
        }
        Ok(())
    }

    /// Seals the fields of a record that its kind declares sealed.
    pub(super) fn seal_record(
        &mut self,
        book: &Scorebook,
        kind: &Kind,
        record: &mut Record,
    ) -> Result<(), Mistake> {
        let mut person = None;
        for (no, value) in &mut record.fields {
            let field = kind.fields.iter().find(|it| it.no == *no);
            if !field.is_some_and(|it| it.sealed) {
                continue;
            }
            let text = match value {
                Value::Sealed(_) => continue,
                Value::Text(text) => core::mem::take(text),
                Value::Number(number) => format!("{number}"),
            };
            let person = match person {
                Some(person) => person,
                None => *person.insert(self.whom(book, kind, record.key, &record.parents)?),
            };
            *value = Value::Sealed(self.seal(person, kind.readers, &text)?);
        }
        Ok(())
    }

    /// Returns whom a record is about: the participant that it is or hangs on, by its first parents;
    /// what hangs on nobody is about itself.
    ///
    /// Source: PROTOCOL R-SEAL-6.
    fn whom(
        &self,
        book: &Scorebook,
        kind: &Kind,
        key: Uuid,
        parents: &[Uuid],
    ) -> Result<Person, Mistake> {
        let roster = self.member.ledger.authority().roster();
        let (mut kind, mut key, mut parents) = (kind, key, parents);
        for _ in 0..DEPTH_MAX {
            if kind.name == PARTICIPANT {
                break;
            }
            let (Some(above), Some(parent)) = (kind.parents.first(), parents.first()) else {
                break;
            };
            let above = roster.kind(*above).ok_or_else(|| not_here(parent))?;
            key = *parent;
            if above.name == PARTICIPANT {
                break;
            }
            let state = book.records().get(above.no, key);
            parents = &state.ok_or_else(|| not_here(&key))?.parents;
            kind = above;
        }
        Ok(Person::Record(key))
    }
}

impl Replica {
    /// Records something with its texts under seal.
    ///
    /// Source: PROTOCOL R-SEAL-1.
    pub(super) fn record_sealed(&mut self, seed: &Seed, record: Command) -> Result<Reply, Mistake> {
        let Command::Record {
            body,
            replaces,
            agreed,
            confirmed,
            revision,
            wall_ms,
        } = record
        else {
            let text = "only what is recorded can be sealed. Nothing was saved.";
            return Err(Mistake::new(Code::E02, text.into()));
        };
        self.record(super::record::Record {
            body,
            replaces,
            agreed,
            confirmed,
            revision,
            wall_ms,
            seed: Some(seed.clone()),
        })
    }

    /// Keeps keys that were made for what is written in this step.
    pub(super) fn keep_made(&mut self, made: Vec<Share>) {
        let State::Member(member) = &mut self.state else {
            return;
        };
        for share in made {
            let id = share.id(member.ledger.event());
            self.out.writes.push(Write::Key {
                id,
                row: encode_key(&share, Origin::Made),
            });
            member.ring.keep(id, share, Origin::Made);
        }
    }

    /// Opens a sealed text, as far as this device can.
    ///
    /// Source: PROTOCOL R-SEAL-1, R-SEAL-5.
    pub fn open_text(&self, sealed: &Sealed) -> Opened {
        let Some(member) = self.member() else {
            return Opened::NotForThisDevice;
        };
        let ledger = &member.ledger;
        if member.ring.erased().contains(&sealed.person) {
            return Opened::Erased;
        }
        let own = self.key();
        let held = member.ring.held().get(&sealed.key);
        if let Some(held) = held.filter(|it| it.stays(&own, ledger)) {
            return open_sealed(ledger.event(), &held.share, sealed)
                .map_or(Opened::Broken, Opened::Text);
        }
        if member.ring.may_lack(&own, ledger, sealed.key) {
            Opened::KeyMissing
        } else {
            Opened::NotForThisDevice
        }
    }

    /// Returns whether this device may read texts that are sealed for these roles.
    ///
    /// Source: PROTOCOL R-SEAL-3.
    pub fn reads(&self, readers: Roles) -> bool {
        let own = self.key();
        self.member()
            .is_some_and(|member| may_read(&member.ledger, &own, readers))
    }

    /// Returns whose sealed texts are never to be read again: whom the owner erased, and incidents
    /// of theirs.
    ///
    /// Source: PROTOCOL R-SEAL-5.
    pub fn erased(&self) -> BTreeSet<Person> {
        self.member()
            .map(|member| member.ring.erased().clone())
            .unwrap_or_default()
    }

    /// Returns which keys of sealed texts are here, by their names.
    pub fn keys(&self) -> Vec<KeyView> {
        let held = self.member().map(|member| member.ring.held().iter());
        let views = held.into_iter().flatten().map(|(id, held)| KeyView {
            id: *id,
            person: held.share.person,
            readers: held.share.readers,
            made: held.origin != Origin::Given,
        });
        views.collect()
    }

    /// Returns how many keys this device may hold and lacks.
    pub fn keys_missing(&self) -> usize {
        self.member().map_or(0, |member| member.ring.lacked().len())
    }

    /// Says that a person's sealed texts are never to be read again. Said once: a person who was
    /// erased stays so.
    ///
    /// Source: PROTOCOL R-SEAL-5.
    pub(super) fn erase(&mut self, person: Person) -> Result<Reply, Mistake> {
        let member = self.own_event()?;
        if let Person::Shooter(no) = person
            && member.ledger.authority().roster().shooter(no).is_none()
        {
            let text = format!("shooter {no} is not on the roster.");
            return Err(Mistake::new(Code::E01, text));
        }
        let before = member.ring.held().len();
        if !member.ledger.authority().erased().contains(&person) {
            self.state_that(&Statement::Erase(Erase { person }))?;
        }
        let after = self.own_event()?.ring.held().len();
        let keys = u64::try_from(before.saturating_sub(after)).unwrap_or(u64::MAX);
        Ok(Reply::Erased { keys })
    }

    /// Destroys the keys of everybody who was erased and those that this device may hold no longer,
    /// and stops sealing with what a reader who left may have, in the commit that takes the
    /// statement.
    ///
    /// Source: PROTOCOL R-SEAL-2, R-SEAL-3, R-SEAL-5.
    pub(super) fn settle_keys(&mut self) {
        let own = self.key();
        let State::Member(member) = &mut self.state else {
            return;
        };
        member.ring.erase(&member.ledger);
        let forgotten = member.ring.forget(&own, &member.ledger);
        let forgotten = forgotten.into_iter().map(|id| Write::ForgetKey { id });
        self.out.writes.extend(forgotten);
        let retired = member.ring.retire(member.ledger.authority()).into_iter();
        let retired = retired.map(|(id, row)| Write::Key { id, row });
        self.out.writes.extend(retired);
    }

    /// Looks which keys are lacked, so that a text says what it is before anything happened.
    pub(super) fn look_at_keys(&mut self) {
        let own = self.key();
        if let State::Member(member) = &mut self.state {
            member.ring.refresh(&own, &member.ledger);
        }
    }

    /// Takes keys that this device asked for.
    ///
    /// Source: PROTOCOL R-SEAL-3, R-SEAL-4, R-SEAL-5.
    pub(super) fn on_keys(&mut self, peer: PeerId, keys: Keys) {
        let own = self.key();
        let State::Member(member) = &mut self.state else {
            return;
        };
        let Some(it) = self.peers.get_mut(&peer) else {
            return;
        };
        it.keys.on_heard(keys.heard);
        let event = member.ledger.event();
        let (mut erased, mut unasked) = (0_usize, 0_usize);
        for share in keys.keys {
            let id = share.id(event);
            if member.ring.held().contains_key(&id) {
                continue;
            }
            if member.ring.erased().contains(&share.person) {
                erased = erased.saturating_add(1);
                continue;
            }
            // The id is a hash over all that is said of the key: who bends any of it gives a key that
            // no text names.
            let asked = member.ring.lacked().contains(&id);
            let room = member.ring.held().len() < KEYS_HELD_MAX;
            if !asked || !room || !may_read(&member.ledger, &own, share.readers) {
                unasked = unasked.saturating_add(1);
                continue;
            }
            self.out.writes.push(Write::Key {
                id,
                row: encode_key(&share, Origin::Given),
            });
            member.ring.keep(id, share, Origin::Given);
        }
        if 0 < erased {
            let text = format!("{erased} keys of people who were erased");
            self.refuse(peer, Reason::Key, text);
        }
        if 0 < unasked {
            let text = format!("{unasked} keys that no text here asks for");
            self.refuse(peer, Reason::Key, text);
        }
    }
}

fn too_long(text: &str) -> Mistake {
    let text = format!(
        "a sealed text has at most {} bytes, this one has {}. Shorten it.",
        tallyline_keys::SEAL_TEXT_BYTES_MAX,
        text.len()
    );
    Mistake::new(Code::E21, text)
}

fn not_here(key: &Uuid) -> Mistake {
    let text = format!(
        "the record {key} is not here yet, so that nobody can tell whom this is about. Wait until it \
         has come (`tallyline status`), then enter it again."
    );
    Mistake::new(Code::E20, text)
}

/// Says whom a text is about.
fn words(person: Person) -> String {
    match person {
        Person::Shooter(no) => format!("shooter {no}"),
        Person::Record(key) => format!("record {key}"),
    }
}

#[cfg(test)]
#[expect(
    clippy::arithmetic_side_effects,
    clippy::get_unwrap,
    clippy::wildcard_enum_match_arm,
    reason = "a test counts in small numbers and fails by panicking"
)]
mod tests;
