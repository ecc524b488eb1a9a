//! Sealed texts and their keys in bytes: how they are made and opened, told and kept.

use alloc::{string::String, vec::Vec};
use core::fmt;

use tallyline_keys::{SealFor, SealKey};
use zeroize::{Zeroize as _, Zeroizing};

use super::{
    WireError,
    entry::{person_in, person_out},
    fixed, generated as pb, hash,
};
use crate::model::{EventId, KeyId, Person, Roles, Sealed, ShooterNo};

/// Most keys that one `KeyAsk` names: 300 people, three circles of readers, and two makers of each.
/// Who lacks more asks for the rest when some of these have come.
pub const KEYS_ASKED_MAX: usize = 2_048;

/// Most keys in one frame of Keys: a quarter of a frame, so that scores pass between two of them.
pub const KEYS_GIVEN_MAX: usize = 256;

/// Bytes of a key as it is kept.
pub const KEY_ROW_BYTES: usize = 57;

/// A key of sealed texts and what it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// Whom its texts are about.
    pub person: Person,
    /// Who may read them, besides the owner.
    pub readers: Roles,
    /// The key.
    pub key: SealKey,
}

/// Which keys the sender may hold and lacks, all of them.
///
/// Source: PROTOCOL R-SEAL-4.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyAsk(Vec<KeyId>);

/// Keys for who asked; without any it only says that the `KeyAsk` was heard.
///
/// Source: PROTOCOL R-SEAL-4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// Names the `KeyAsk` that is answered.
    pub heard: u64,
    /// The keys, at most [`KEYS_GIVEN_MAX`].
    pub keys: Vec<Share>,
}

/// Where a key comes from.
///
/// Source: PROTOCOL R-SEAL-2, R-SEAL-3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Another device gave it.
    Given,
    /// This device made it and seals with it.
    Made,
    /// This device made it, and somebody to whom it may have been given reads no longer: nothing
    /// more is sealed with it.
    Left,
}

/// A key as a store keeps it; wiped from memory when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyRow(Zeroizing<[u8; KEY_ROW_BYTES]>);

impl Share {
    /// Returns the key's name, which binds all that it is for.
    ///
    /// Source: PROTOCOL R-SEAL-2.
    pub fn id(&self, event: EventId) -> KeyId {
        KeyId(self.key.id(&self.purpose(event)))
    }

    /// Makes the key that a seed of 32 random bytes gives for a person and readers.
    ///
    /// Source: PROTOCOL R-SEAL-2.
    pub fn make(event: EventId, person: Person, readers: Roles, seed: &[u8; 32]) -> Self {
        let key = SealKey::make(seed, &purpose(event, person, readers));
        Self {
            person,
            readers,
            key,
        }
    }

    fn purpose(&self, event: EventId) -> SealFor {
        purpose(event, self.person, self.readers)
    }
}

impl KeyAsk {
    /// Asks for keys: brings them into the order of the frame, and leaves out what is too much.
    pub fn new(ids: impl IntoIterator<Item = KeyId>) -> Self {
        let mut ids: Vec<KeyId> = ids.into_iter().take(KEYS_ASKED_MAX).collect();
        ids.sort_unstable();
        ids.dedup();
        Self(ids)
    }

    /// Returns the keys asked for, rising.
    pub fn ids(&self) -> &[KeyId] {
        &self.0
    }

    /// Names this `KeyAsk`: equal ones have one name, and so do no others that happen.
    pub fn name(&self) -> u64 {
        let ids: Vec<u8> = self.0.iter().flat_map(|id| id.0).collect();
        let name = hash("key-ask", &[&ids]);
        let mut short = [0; 8];
        short.copy_from_slice(name.0.split_at(8).0);
        u64::from_le_bytes(short)
    }
}

impl KeyRow {
    /// Reads a row from its bytes; `None` if they are of another length.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes = <[u8; KEY_ROW_BYTES]>::try_from(bytes).ok()?;
        Some(Self(Zeroizing::new(bytes)))
    }

    /// Returns the bytes, to be kept where nobody else reads them.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0[..]
    }
}

impl fmt::Debug for KeyRow {
    /// Shows nothing of the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyRow(..)")
    }
}

/// Seals a text; `None` if it is too long.
///
/// Source: PROTOCOL R-SEAL-1.
pub fn seal_text(event: EventId, share: &Share, text: &str) -> Option<Sealed> {
    Some(Sealed {
        person: share.person,
        key: share.id(event),
        bytes: share.key.seal(&share.purpose(event), text)?,
    })
}

/// Opens a sealed text; `None` if it is not one that this key sealed for its person.
///
/// Source: PROTOCOL R-SEAL-1.
pub fn open_sealed(event: EventId, share: &Share, sealed: &Sealed) -> Option<String> {
    if sealed.person != share.person {
        return None;
    }
    share.key.open(&share.purpose(event), &sealed.bytes)
}

/// Lays out a key for the store: `person 20 | readers u32 | made here, 1 | key 32`.
pub fn encode_key(share: &Share, origin: Origin) -> KeyRow {
    let mut row = Zeroizing::new([0; KEY_ROW_BYTES]);
    let (person, rest) = row.split_at_mut(20);
    let (readers, rest) = rest.split_at_mut(4);
    let (flag, key) = rest.split_at_mut(1);
    person.copy_from_slice(&person_bytes(share.person));
    readers.copy_from_slice(&share.readers.0.to_le_bytes());
    flag.fill(match origin {
        Origin::Given => 0,
        Origin::Made => 1,
        Origin::Left => 2,
    });
    key.copy_from_slice(share.key.as_bytes());
    KeyRow(row)
}

/// Reads a key that was kept, and where it comes from.
///
/// # Errors
/// If the bytes are no key.
pub fn decode_key(row: &KeyRow) -> Result<(Share, Origin), WireError> {
    let invalid = WireError::Invalid("a key of sealed texts");
    let (shooter, rest) = row.0.split_first_chunk::<4>().ok_or(invalid)?;
    let (record, rest) = rest.split_first_chunk::<16>().ok_or(invalid)?;
    let (readers, rest) = rest.split_first_chunk::<4>().ok_or(invalid)?;
    let (origin, key) = rest.split_first().ok_or(invalid)?;
    let shooter = u32::from_le_bytes(*shooter);
    let person = match shooter {
        0 => Person::Record(uuid::Uuid::from_bytes(*record)),
        _ if *record == [0; 16] => Person::Shooter(ShooterNo(shooter)),
        _ => return Err(invalid),
    };
    let share = Share {
        person,
        readers: Roles(u32::from_le_bytes(*readers)),
        key: SealKey::from_bytes(fixed(key, "a key of sealed texts")?),
    };
    let origin = match origin {
        0 => Origin::Given,
        1 => Origin::Made,
        2 => Origin::Left,
        _ => return Err(invalid),
    };
    Ok((share, origin))
}

pub(super) fn key_ask_out(it: &KeyAsk) -> pb::KeyAsk {
    pb::KeyAsk {
        ids: it.0.iter().flat_map(|id| id.0).collect(),
    }
}

pub(super) fn key_ask_in(it: &pb::KeyAsk) -> Result<KeyAsk, WireError> {
    let (ids, rest) = it.ids.as_chunks::<8>();
    if KEYS_ASKED_MAX < ids.len() {
        return Err(WireError::TooLarge("keys asked for"));
    }
    if !rest.is_empty() || !ids.is_sorted_by(|one, next| one < next) {
        return Err(WireError::Invalid("keys asked for"));
    }
    Ok(KeyAsk(ids.iter().map(|id| KeyId(*id)).collect()))
}

pub(super) fn keys_out(it: &Keys) -> pb::Keys {
    let keys = it.keys.iter().map(|share| {
        let (shooter, person) = person_out(share.person);
        pb::KeyShare {
            shooter,
            person,
            readers: share.readers.0,
            key: share.key.as_bytes().to_vec(),
        }
    });
    pb::Keys {
        heard: it.heard,
        keys: keys.collect(),
    }
}

pub(super) fn keys_in(it: pb::Keys) -> Result<Keys, WireError> {
    if KEYS_GIVEN_MAX < it.keys.len() {
        return Err(WireError::TooLarge("keys"));
    }
    let keys = it.keys.into_iter().map(|mut it| {
        let key = fixed(&it.key, "key of sealed texts").map(SealKey::from_bytes);
        it.key.as_mut_slice().zeroize();
        Ok(Share {
            person: person_in(it.shooter, &it.person)?,
            readers: Roles(it.readers),
            key: key?,
        })
    });
    Ok(Keys {
        heard: it.heard,
        keys: keys.collect::<Result<_, WireError>>()?,
    })
}

/// Lays out whom a text is about: a shooter's number as u32 or 0, and a record's name or zeros.
fn person_bytes(person: Person) -> [u8; 20] {
    let mut bytes = [0; 20];
    let (shooter, record) = bytes.split_at_mut(4);
    match person {
        Person::Shooter(no) => shooter.copy_from_slice(&no.0.to_le_bytes()),
        Person::Record(key) => record.copy_from_slice(key.as_bytes()),
    }
    bytes
}

fn purpose(event: EventId, person: Person, readers: Roles) -> SealFor {
    SealFor {
        event: event.0.0,
        person: person_bytes(person),
        readers: readers.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Hash;

    const EVENT: EventId = EventId(Hash([1; 32]));

    fn persons() -> [Person; 2] {
        [
            Person::Shooter(ShooterNo(71)),
            Person::Record(uuid::Uuid::from_bytes([9; 16])),
        ]
    }

    #[test]
    fn keys_are_kept_and_read_back() {
        for person in persons() {
            for origin in [Origin::Given, Origin::Made, Origin::Left] {
                let share = Share::make(EVENT, person, Roles::MEDIC, &[7; 32]);
                let row = encode_key(&share, origin);
                let row = KeyRow::from_bytes(row.as_bytes()).unwrap();
                assert_eq!(decode_key(&row), Ok((share, origin)));
            }
        }
        assert_eq!(KeyRow::from_bytes(&[0; 56]), None);
        let both = KeyRow::from_bytes(&[1; KEY_ROW_BYTES]).unwrap();
        assert!(decode_key(&both).is_err(), "a shooter and a record");
    }

    #[test]
    fn a_text_is_about_one_person() {
        let [one, other] = persons();
        let share = Share::make(EVENT, one, Roles::JURY, &[7; 32]);
        let sealed = seal_text(EVENT, &share, "left the course").unwrap();
        assert_eq!(sealed.key, share.id(EVENT));
        let opened = open_sealed(EVENT, &share, &sealed);
        assert_eq!(opened.as_deref(), Some("left the course"));
        let moved = Sealed {
            person: other,
            ..sealed
        };
        assert_eq!(open_sealed(EVENT, &share, &moved), None);
    }

    #[test]
    fn asks_are_named_by_what_they_ask() {
        let id = |byte: u8| KeyId([byte; 8]);
        let ask = KeyAsk::new([id(3), id(1), id(3)]);
        assert_eq!(ask.ids(), [id(1), id(3)]);
        assert_eq!(ask.name(), KeyAsk::new([id(1), id(3)]).name());
        assert_ne!(ask.name(), KeyAsk::new([id(1)]).name());
        assert_ne!(ask.name(), KeyAsk::default().name());
    }

    #[test]
    fn nothing_of_a_key_is_shown() {
        let share = Share::make(EVENT, persons()[0], Roles::MEDIC, &[7; 32]);
        let shown = alloc::format!("{share:?} {:?}", encode_key(&share, Origin::Made));
        assert!(shown.contains("SealKey(..)"), "{shown}");
        assert!(shown.contains("KeyRow(..)"), "{shown}");
    }
}
