//! The words of the field as types: ids, structure, entries and statements (layer L0).
//!
//! A value of these types is valid in itself: enums have no "unknown", keys are not weak, counts
//! fit. Whether it is *allowed* is for `rules` and `log`; how it looks in bytes is for `wire`.

mod card;
mod control;
mod entry;
mod event;
mod ids;
mod ticket;

pub use card::{Card, CardKind};
pub use control::{
    Admit, Adopt, Amend, Amendment, Assign, CellSet, Close, CloseReason, Consent, Cut, Decision,
    EventClose, Lock, LogCut, LogEnd, Open, Revoke, RevokeReason, Roles, RosterChange, ShooterEdit,
    Statement, Transfer,
};
pub use entry::{
    About, Approvals, Body, Chrono, Entry, Gear, Hits, Penalty, Predecessor, Score, Status,
    StatusKind, Steel, Target, Void, VoidReason,
};
pub use event::{
    Discipline, Division, Drill, Manifest, Method, NoShoots, PowerFactor, Rule, RuleKind, Ruleset,
    Shooter, Structure,
};
pub use ids::{
    DrillNo, EntryId, EventId, GrantId, Hash, Incarnation, LogName, RuleNo, ShooterNo, SquadNo,
};
pub use ticket::{Offer, Ticket};
