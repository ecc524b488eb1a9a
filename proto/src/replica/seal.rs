//! Sealed texts: who makes a key, who is given it, who reads, and how a person is erased.

use alloc::{collections::BTreeSet, format, string::String, vec::Vec};

use super::{
    KeyView, Opened, PeerId, Reason, Replica, Reply, Write,
    command::no_event,
    core::State,
    keyring::{KEYS_HELD_MAX, may_read},
};
use crate::{
    model::{Erase, Person, Roles, Sealed, Statement},
    rules::{Code, Mistake},
    wire::{Keys, Share, encode_key, open_sealed, seal_text},
};

impl Replica {
    /// Seals a text about a person for the members with one of the readers' roles, and the owner.
    ///
    /// Uses a key that is here, or makes one of `seed`: 32 random bytes that the caller drew for this
    /// command. One seed gives another key for each person and set of readers. The key is kept in
    /// the commit of this step, together with what the caller writes.
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
        seed: &[u8; 32],
    ) -> Result<Sealed, Mistake> {
        let State::Member(member) = &mut self.state else {
            return Err(no_event());
        };
        let event = member.ledger.event();
        if member.ledger.authority().erased().contains(&person) {
            let text = format!(
                "{} was erased from this event: nothing more is recorded under seal about that \
                 person. Nothing was saved.",
                words(person)
            );
            return Err(Mistake::new(Code::E02, text));
        }
        let readers = Roles(readers.0 & Roles::READING.0);
        let too_long = || {
            let text = format!(
                "a sealed text has at most {} bytes, this one has {}. Shorten it.",
                tallyline_keys::SEAL_TEXT_BYTES_MAX,
                text.len()
            );
            Mistake::new(Code::E21, text)
        };
        if let Some(share) = member.ring.key_for(person, readers) {
            return seal_text(event, share, text).ok_or_else(too_long);
        }
        let share = Share::make(event, person, readers, seed);
        let sealed = seal_text(event, &share, text).ok_or_else(too_long)?;
        self.out.writes.push(Write::Key {
            id: sealed.key,
            row: encode_key(&share, true),
        });
        member.ring.keep(sealed.key, share, true);
        Ok(sealed)
    }

    /// Opens a sealed text, as far as this device can.
    ///
    /// Source: PROTOCOL R-SEAL-1, R-SEAL-5.
    pub fn open_text(&self, sealed: &Sealed) -> Opened {
        let Some(member) = self.member() else {
            return Opened::NotForThisDevice;
        };
        let ledger = &member.ledger;
        if ledger.authority().erased().contains(&sealed.person) {
            return Opened::Erased;
        }
        if let Some(held) = member.ring.held().get(&sealed.key) {
            return open_sealed(ledger.event(), &held.share, sealed)
                .map_or(Opened::Broken, Opened::Text);
        }
        let own = self.key();
        if member.ring.may_lack(&own, ledger, &sealed.key) {
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

    /// Returns whom the owner erased.
    pub fn erased(&self) -> BTreeSet<Person> {
        self.member()
            .map(|member| member.ledger.authority().erased().clone())
            .unwrap_or_default()
    }

    /// Returns which keys of sealed texts are here, by their names.
    pub fn keys(&self) -> Vec<KeyView> {
        let held = self.member().map(|member| member.ring.held().iter());
        let views = held.into_iter().flatten().map(|(id, held)| KeyView {
            id: *id,
            person: held.share.person,
            readers: held.share.readers,
            made: held.made,
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
        let mut keys = 0;
        if !member.ledger.authority().erased().contains(&person) {
            let held = member.ring.held().values();
            keys = held.filter(|held| held.share.person == person).count();
            self.state_that(&Statement::Erase(Erase { person }))?;
        }
        let keys = u64::try_from(keys).unwrap_or(u64::MAX);
        Ok(Reply::Erased { keys })
    }

    /// Destroys the keys of everybody who was erased, in the commit that takes the statement.
    ///
    /// Source: PROTOCOL R-SEAL-5.
    pub(super) fn forget_erased(&mut self) {
        let State::Member(member) = &mut self.state else {
            return;
        };
        let forgotten = member.ring.forget(member.ledger.authority().erased());
        let writes = forgotten.into_iter().map(|id| Write::ForgetKey { id });
        self.out.writes.extend(writes);
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
            if member.ledger.authority().erased().contains(&share.person) {
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
                row: encode_key(&share, false),
            });
            member.ring.keep(id, share, false);
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

/// Says whom a text is about.
fn words(person: Person) -> String {
    match person {
        Person::Shooter(no) => format!("shooter {no}"),
        Person::Record(key) => format!("record {key}"),
    }
}

#[cfg(test)]
mod tests;
