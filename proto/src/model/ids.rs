//! Names of things: 32-byte hashes between devices, small numbers inside an event.

use core::fmt;

/// A BLAKE3-256 hash.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Hash(pub [u8; 32]);

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.iter().take(4) {
            write!(f, "{byte:02x}")?;
        }
        f.write_str("..")
    }
}

/// The name of an event: the hash of its manifest. Shown as a UUID of version 8.
///
/// Source: PROTOCOL R-EVENT-1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(pub Hash);

impl EventId {
    /// Returns the first 16 bytes as a UUID of version 8, for screens and commands.
    pub fn uuid(&self) -> uuid::Uuid {
        let mut short = [0; 16];
        short.copy_from_slice(self.0.0.split_at(16).0);
        uuid::Builder::from_custom_bytes(short).into_uuid()
    }
}

/// The name of what lets a key write: the event itself (the owner's control log), an Admit, or
/// one grant that an Assign opened.
///
/// Source: PROTOCOL R-LOG-1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GrantId(pub Hash);

impl GrantId {
    /// Returns the name of the owner's control log: the event's own id.
    pub fn control(event: EventId) -> Self {
        Self(event.0)
    }

    /// Returns the first 16 bytes as a UUID of version 8, for screens and commands.
    pub fn uuid(&self) -> uuid::Uuid {
        EventId(self.0).uuid()
    }
}

/// 64 random bits drawn at a process's first write, so that a restored backup or a cloned card
/// never signs the same height twice.
///
/// Source: PROTOCOL R-LOG-2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(pub u64);

/// The name of a log inside an event.
///
/// Source: PROTOCOL R-LOG-1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogName {
    /// What lets the log's key write it.
    pub grant: GrantId,
    /// Which run of the writer's process wrote it.
    pub incarnation: Incarnation,
}

/// The name of an entry, derived from its log and sequence: it is never sent.
///
/// Source: PROTOCOL R-ENTRY-4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(pub uuid::Uuid);

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

macro_rules! number {
    ($name:ident, $what:literal) => {
        #[doc = concat!("The number of ", $what, " inside an event, from 1; never reused.")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number!(DrillNo, "a drill (a stage)");
number!(ShooterNo, "a shooter");
number!(SquadNo, "a squad");
number!(RuleNo, "a rule of the event's rule list");
number!(PlaceNo, "a place where something can happen");
number!(KindNo, "a kind of record");
number!(FieldNo, "a field of a kind of record");
