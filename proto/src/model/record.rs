//! Records beyond scores: what kinds an event knows, and one version of one record.

use alloc::{string::String, vec::Vec};

use uuid::Uuid;

use super::{FieldNo, KindNo, Roles, ShooterNo};

/// A kind of record: what it is called, what it hangs on, how versions of several writers are
/// brought together, and who reads it. Declared in the structure, so that every device knows.
///
/// Source: PROTOCOL R-RECORD-1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Its number.
    pub no: KindNo,
    /// What files and commands call it, 1 to 32 bytes: `attendance`.
    pub name: String,
    /// Kinds whose records one of this kind hangs on, in the order in which it names them. All have
    /// lower numbers, so that the order of numbers is an order of application.
    pub parents: Vec<KindNo>,
    /// How versions are brought together.
    pub policy: Policy,
    /// Who may write it.
    pub writers: Writers,
    /// Roles that may read its sealed fields; the owner always may.
    pub readers: Roles,
    /// What it says.
    pub fields: Vec<Field>,
    /// Fields that name a record together with its parents: two devices that write attendance for
    /// one person and day write the same record. Empty: each record has a random name.
    pub unique: Vec<FieldNo>,
}

/// How versions of one record are brought together; each is a function of the set of versions.
///
/// Source: PROTOCOL R-RECORD-4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Every version is one more line; none replaces another.
    Append,
    /// For each field the version with the highest counter.
    FieldLevel,
    /// The version with the highest counter as a whole.
    LastWrite,
    /// Every creation stays beside the others.
    CreateWins,
    /// Computed from other records; nobody writes it.
    Derived(Derive),
    /// As last write, but the first field only rises through these values, in order.
    Escalation(Vec<String>),
    /// Versions that know nothing of each other are a question for a person.
    Ask,
}

/// How a derived record is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Derive {
    /// The sum of a number field over all records of a kind that hang on the same parent.
    Sum {
        /// The kind that is summed.
        kind: KindNo,
        /// The field of it.
        field: FieldNo,
    },
    /// How many records of a kind hang on the same parent.
    Count {
        /// The kind that is counted.
        kind: KindNo,
    },
}

/// Who may write a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Writers {
    /// Every member that may score.
    Members,
    /// The owner alone; read-only for everybody else.
    Owner,
    /// Nobody: it is derived.
    Nobody,
}

/// A field of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its number inside the kind, from 1.
    pub no: FieldNo,
    /// What files and commands call it, 1 to 32 bytes.
    pub name: String,
    /// Whether its values are sealed for the kind's readers.
    pub sealed: bool,
}

/// One version of one record.
///
/// Source: PROTOCOL R-RECORD-2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its kind.
    pub kind: KindNo,
    /// The record's name.
    pub key: Uuid,
    /// The records it hangs on, in the order of the kind's parents.
    pub parents: Vec<Uuid>,
    /// 1 plus the highest counter of the versions its writer knew: orders without a clock.
    pub counter: u64,
    /// Whether it makes a new record, rather than changing one.
    pub creates: bool,
    /// Whether the record is taken back.
    pub gone: bool,
    /// What it says; a field that is not named is not touched.
    pub fields: Vec<(FieldNo, Value)>,
}

/// A value of a field.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// A text, at most 200 bytes.
    Text(String),
    /// A whole number.
    Number(i64),
    /// Only readers can tell.
    Sealed(Sealed),
}

/// A text that only some roles can read; whoever lacks the key relays it.
///
/// Source: PROTOCOL R-SEAL-1.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sealed {
    /// Whom it is about; erasing that person destroys every key of it.
    pub person: Person,
    /// Which key opens it.
    pub key: KeyId,
    /// Nonce, ciphertext and tag.
    pub bytes: Vec<u8>,
}

impl Sealed {
    /// Returns whether both may say the same: under one key equal texts are equal bytes, under two
    /// nobody can tell who has no keys, so that nobody tells them apart.
    ///
    /// Source: PROTOCOL R-SEAL-1.
    pub fn may_equal(&self, other: &Self) -> bool {
        self.key != other.key || self == other
    }
}

/// Whom a sealed text is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Person {
    /// A shooter of the roster.
    Shooter(ShooterNo),
    /// A record, such as a participant of a camp.
    Record(Uuid),
}

/// The name of a key: the first 8 bytes of a hash of it.
///
/// Source: PROTOCOL R-SEAL-2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 8]);

/// A text that is plain or sealed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Text {
    /// Everybody reads it; at most 200 bytes.
    Plain(String),
    /// Only some roles read it.
    Sealed(Sealed),
}
