//! What the owner, and who stands in for the owner, say about an event: statements.

use alloc::{string::String, vec::Vec};

use tallyline_keys::{PublicKey, Signature};

use super::{
    Drill, DrillNo, Entrant, GrantId, Hash, Incarnation, Kind, LogName, Person, Place, PowerFactor,
    Rule, Shooter, ShooterNo, SquadNo,
};

/// A statement: signed by itself, judged with all others as a set.
///
/// Source: PROTOCOL R-CONTROL-1, R-CONTROL-10.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Statement {
    /// A key becomes a member.
    Admit(Admit),
    /// Whole grants are closed and others opened, all at once.
    Assign(Assign),
    /// The roster changes.
    Roster(RosterChange),
    /// From here on the structure changes only by statements, and scores are taken.
    Lock(Lock),
    /// A key is no member any more, and never again.
    Revoke(Revoke),
    /// A member is ready to become the owner.
    Consent(Consent),
    /// The owner gives the event to another key.
    Transfer(Transfer),
    /// A recovery card gives the event to another key.
    Recover(Transfer),
    /// The owner decides about entries that do not count by themselves, or do.
    Adopt(Adopt),
    /// The owner changes a drill or adds a rule after the lock.
    Amend(Amend),
    /// Scoring is over: writers seal their logs.
    LastCall,
    /// The event is closed; what is not named is late.
    EventClose(EventClose),
    /// Results are provisional, final, or open again.
    Phase(PhaseChange),
    /// A person's sealed texts are never to be read again.
    Erase(Erase),
}

/// A key becomes a member of the event.
///
/// Source: PROTOCOL R-CONTROL-7.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admit {
    /// The device's key.
    pub key: PublicKey,
    /// What it may do.
    pub roles: Roles,
    /// What people call the device, 1 to 32 bytes.
    pub label: String,
}

/// What a member may do, as bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Roles(pub u32);

impl Roles {
    /// May hold grants and write scores.
    pub const SCORER: Self = Self(1);
    /// Carries other devices' entries.
    pub const RELAY: Self = Self(2);
    /// Carries entries to the cloud.
    pub const GATEWAY: Self = Self(4);
    /// Reads.
    pub const VIEWER: Self = Self(8);
    /// Is a cloud node.
    pub const CLOUD: Self = Self(16);
    /// Is the owner's device.
    pub const OWNER: Self = Self(32);
    /// May admit devices and hand partitions over while the owner is out of reach.
    pub const DEPUTY: Self = Self(64);
    /// May lend single cells of its own grants for a time.
    pub const DESK: Self = Self(128);
    /// Came into being from a spare card: writes before anybody granted it a partition.
    pub const SPARE: Self = Self(256);
    /// Reads contacts and what else a kind shows to leaders.
    pub const LEADER: Self = Self(512);
    /// Reads medication.
    pub const MEDIC: Self = Self(1024);
    /// Decides about incidents, and reads what was reported.
    pub const JURY: Self = Self(2048);

    /// The roles for which texts can be sealed: those of people who act at the event. What only
    /// carries entries, looks on, or stands in a data centre is never given a key.
    ///
    /// Source: PROTOCOL R-SEAL-3.
    pub const READING: Self = Self::SCORER
        .with(Self::DEPUTY)
        .with(Self::DESK)
        .with(Self::LEADER)
        .with(Self::MEDIC)
        .with(Self::JURY);

    /// Returns whether all bits of `other` are set.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Returns whether any bit is set in both.
    pub fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Returns the bits without those of `other`.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Returns the bits of both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Closes whole grants, each with its cuts, and opens others, all at once.
///
/// Source: PROTOCOL R-CONTROL-4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assign {
    /// The grants that end here.
    pub closes: Vec<Close>,
    /// The grants that begin here. The n-th one's id is `H(statement id, n)`.
    pub opens: Vec<Open>,
    /// The desk's own grant out of which cells are lent; `None` for everybody but a desk.
    pub under: Option<GrantId>,
}

/// The end of one grant.
///
/// Source: PROTOCOL R-CONTROL-5.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Close {
    /// Which grant.
    pub grant: GrantId,
    /// Up to where each of its logs is undisputed; a log that is not named is cut at 0.
    pub cuts: Vec<Cut>,
    /// Why; decides how entries past the cut are read.
    pub reason: CloseReason,
}

/// The point up to which a closed grant's log is undisputed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Which log of the grant.
    pub incarnation: Incarnation,
    /// The last undisputed sequence.
    pub height: u64,
    /// The chain hash there.
    pub hash: Hash,
    /// The writer's head signature there.
    pub signature: Signature,
}

/// Why a grant was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CloseReason {
    /// Change of writer; entries past the cut are late.
    Handover,
    /// The device died; entries past the cut are late.
    Dead,
    /// A claim was given back or its time was over; entries past the cut are quarantined.
    Expired,
    /// The device was stolen; entries past the cut are quarantined.
    Stolen,
}

/// The beginning of one grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// The key that may write.
    pub key: PublicKey,
    /// The cells it may write.
    pub cells: CellSet,
    /// Until when a desk lends the cells, in ms of Unix time by the desk's clock. Shown to people;
    /// only the desk acts on it.
    pub until_ms: Option<u64>,
}

/// A set of (drill, squad) cells: all drills named times all squads named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellSet {
    /// The drills, in order, each once; `None` is every drill.
    pub drills: Option<Vec<DrillNo>>,
    /// The squads, in order, each once; `None` is every squad.
    pub squads: Option<Vec<SquadNo>>,
}

impl CellSet {
    /// Returns whether every cell of `other` is in this set.
    pub fn holds(&self, other: &Self) -> bool {
        within(other.drills.as_deref(), self.drills.as_deref())
            && within(other.squads.as_deref(), self.squads.as_deref())
    }

    /// Returns whether the set holds the cell; `drill` `None` asks for any drill.
    pub fn covers(&self, drill: Option<DrillNo>, squad: SquadNo) -> bool {
        let drill_in = match (&self.drills, drill) {
            (None, _) | (_, None) => true,
            (Some(drills), Some(drill)) => drills.contains(&drill),
        };
        drill_in
            && self
                .squads
                .as_ref()
                .is_none_or(|squads| squads.contains(&squad))
    }

    /// Returns whether both sets hold a cell in common.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.shared(other).is_some()
    }

    /// Returns the first drill and squad that both sets hold, `None` in the place of either for
    /// every one; `None` at all if they hold no cell in common.
    pub fn shared(&self, other: &Self) -> Option<(Option<DrillNo>, Option<SquadNo>)> {
        let drill = first_shared(self.drills.as_deref(), other.drills.as_deref())?;
        let squad = first_shared(self.squads.as_deref(), other.squads.as_deref())?;
        Some((drill, squad))
    }
}

fn within<T: PartialEq>(inner: Option<&[T]>, outer: Option<&[T]>) -> bool {
    match (inner, outer) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(inner), Some(outer)) => inner.iter().all(|one| outer.contains(one)),
    }
}

/// Returns the first of what both lists hold, `Some(None)` where both hold everything.
#[expect(clippy::option_option, reason = "nothing shared, everything, or one")]
fn first_shared<T: PartialEq + Copy>(left: Option<&[T]>, right: Option<&[T]>) -> Option<Option<T>> {
    match (left, right) {
        (None, None) => Some(None),
        (Some(list), None) | (None, Some(list)) => list.first().copied().map(Some),
        (Some(left), Some(right)) => {
            let mut shared = left.iter().filter(|one| right.contains(one));
            shared.next().copied().map(Some)
        }
    }
}

/// A change of the roster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RosterChange {
    /// A shooter joins.
    Add(Shooter),
    /// A shooter's squad, division or power factor changes.
    Edit(ShooterEdit),
}

/// What changes for one shooter; `None` stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShooterEdit {
    /// Who.
    pub shooter: ShooterNo,
    /// The squad from here on. Entries of the squads before stay inside their grants.
    pub squad: Option<SquadNo>,
    /// The division, as its place in the structure.
    pub division: Option<usize>,
    /// The declared power factor.
    pub power_factor: Option<PowerFactor>,
    /// What screens print.
    pub label: Option<String>,
    /// Lady, Junior, Senior and so on; all of them.
    pub categories: Option<Vec<String>>,
    /// What the shooter registered with; all of it.
    pub entrant: Option<Entrant>,
}

impl ShooterEdit {
    /// Returns an edit that changes nothing.
    pub fn of(shooter: ShooterNo) -> Self {
        Self {
            shooter,
            squad: None,
            division: None,
            power_factor: None,
            label: None,
            categories: None,
            entrant: None,
        }
    }
}

/// From here on the structure changes only by statements, and scores are taken.
///
/// Source: PROTOCOL R-CONTROL-9.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lock {
    /// Hash of the manifest bytes' structure: what the owner locked is what members read.
    pub structure: Hash,
}

/// A key is no member any more, and never again.
///
/// Source: PROTOCOL R-CONTROL-11.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoke {
    /// Whose key.
    pub key: PublicKey,
    /// Why; decides how entries past the cuts are read.
    pub reason: RevokeReason,
    /// Up to where each of its logs is undisputed; a log that is not named is cut at 0.
    pub cuts: Vec<LogCut>,
}

/// Why a key was revoked; the later one is graver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RevokeReason {
    /// The device is not needed any more; entries past the cut are late.
    Retired,
    /// The device, or a card, is lost; entries past the cut are quarantined.
    Lost,
    /// The device was stolen; entries past the cut are quarantined.
    Stolen,
    /// The device was misused; entries past the cut are quarantined.
    Misuse,
}

impl RevokeReason {
    /// Returns how the grants of the key end with it.
    pub fn close_reason(self) -> CloseReason {
        match self {
            Self::Retired => CloseReason::Handover,
            Self::Lost | Self::Stolen | Self::Misuse => CloseReason::Stolen,
        }
    }
}

/// The point up to which a log is undisputed, with the log's full name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogCut {
    /// Under which grant or Admit the log is written.
    pub grant: GrantId,
    /// Where it is cut.
    pub cut: Cut,
}

/// A member is ready to become the owner.
///
/// Source: PROTOCOL R-CONTROL-12.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Consent {
    /// The owner from whom.
    pub owner: PublicKey,
    /// As which owner of the event, counted from 0 for the one in the manifest.
    pub epoch: u32,
    /// The member's signature for the purpose *consent*.
    pub signature: Signature,
}

/// The event passes to another key.
///
/// Source: PROTOCOL R-CONTROL-12, R-CONTROL-13.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// The owner from whom.
    pub owner: PublicKey,
    /// The owner to be.
    pub to: PublicKey,
    /// What people call the new owner's device, 1 to 32 bytes.
    pub label: String,
    /// Which owner of the event the new one is, counted from 0 for the one in the manifest.
    pub epoch: u32,
    /// Up to where each log of the old owner is undisputed; one that is not named is cut at 0.
    pub cuts: Vec<LogCut>,
    /// The new owner's signature for the purpose *consent*.
    pub consent: Signature,
}

/// The owner decides about entries of one log.
///
/// Source: PROTOCOL R-CONTROL-14.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Adopt {
    /// The log.
    pub log: LogName,
    /// Sequence of the first entry.
    pub from: u64,
    /// Sequence of the last entry.
    pub to: u64,
    /// Chain hash after the last entry: names the branch of a log that forked.
    pub hash: Hash,
    /// What is decided.
    pub decision: Decision,
}

/// What the owner decides about entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Decision {
    /// They count.
    Count,
    /// They do not count.
    Reject,
}

/// The owner changes what the structure says, after the lock.
///
/// Source: PROTOCOL R-CONTROL-15.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Amend {
    /// What changes.
    pub change: Amendment,
    /// Why, at most 120 bytes.
    pub note: String,
}

/// What an [`Amend`] changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Amendment {
    /// A drill is added, or the one of this number is replaced.
    Drill(Drill),
    /// A rule is added; a known number changes nothing.
    Rule(Rule),
    /// A place is added; a known number changes nothing.
    Place(Place),
    /// A kind of record is added; a known number changes nothing.
    Kind(Kind),
}

/// The event is closed.
///
/// Source: PROTOCOL R-CONTROL-17.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventClose {
    /// Where each log ended; entries past these ends, and of logs not named, are late.
    pub ends: Vec<LogEnd>,
    /// Devices whose last entries the owner gave up waiting for.
    pub lost: Vec<PublicKey>,
}

/// Results are provisional, final, or open again.
///
/// Source: PROTOCOL R-CONTROL-18.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhaseChange {
    /// What holds from here on.
    pub phase: Phase,
    /// Why, at most 120 bytes.
    pub note: String,
}

/// Where an event stands once its structure is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Scores are taken.
    Scoring,
    /// Results are posted and can be contested; scores and corrections are taken.
    Provisional {
        /// Until when, in milliseconds of Unix time by the owner's clock; shown, never judged.
        review_ends_ms: u64,
    },
    /// Results stand; nothing is taken until the owner opens the event again.
    Final {
        /// Since when, in milliseconds of Unix time by the owner's clock; shown, never judged.
        since_ms: u64,
    },
}

/// A person's sealed texts are never to be read again: a tombstone in the place of every key.
///
/// Source: PROTOCOL R-SEAL-5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Erase {
    /// Who.
    pub person: Person,
}

/// Where a log ended, under its short name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogEnd {
    /// Short id of the log.
    pub log: [u8; 16],
    /// Its height.
    pub height: u64,
    /// Its chain hash there.
    pub hash: Hash,
}
