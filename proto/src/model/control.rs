//! What the owner says about an event: statements of the control log.

use alloc::{string::String, vec::Vec};

use tallyline_keys::{PublicKey, Signature};

use super::{DrillNo, GrantId, Hash, Incarnation, PowerFactor, Shooter, ShooterNo, SquadNo};

/// A statement of the control log.
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

    /// Returns whether all bits of `other` are set.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Returns the bits of both.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
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
        meet(self.drills.as_deref(), other.drills.as_deref())
            && meet(self.squads.as_deref(), other.squads.as_deref())
    }
}

fn meet<T: PartialEq>(left: Option<&[T]>, right: Option<&[T]>) -> bool {
    match (left, right) {
        (None, _) | (_, None) => true,
        (Some(left), Some(right)) => left.iter().any(|one| right.contains(one)),
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShooterEdit {
    /// Who.
    pub shooter: ShooterNo,
    /// The squad from here on. Entries of the squads before stay inside their grants.
    pub squad: Option<SquadNo>,
    /// The division, as its place in the structure.
    pub division: Option<usize>,
    /// The declared power factor.
    pub power_factor: Option<PowerFactor>,
}

/// From here on the structure changes only by statements, and scores are taken.
///
/// Source: PROTOCOL R-CONTROL-9.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lock {
    /// Hash of the manifest bytes' structure: what the owner locked is what members read.
    pub structure: Hash,
}
