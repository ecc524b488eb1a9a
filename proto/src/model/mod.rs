//! The words of the field as types: ids, structure, entries and statements (layer L0).
//!
//! A value of these types is valid in itself: enums have no "unknown", keys are not weak, counts
//! fit. Whether it is *allowed* is for `rules` and `log`; how it looks in bytes is for `wire`.

mod card;
mod control;
mod entry;
mod event;
mod ids;
mod incident;
mod record;
mod ruleset;
mod ticket;

pub use card::{Card, CardKind};
pub use control::{
    Admit, Adopt, Amend, Amendment, Assign, CellSet, Close, CloseReason, Consent, Cut, Decision,
    Erase, EventClose, Lock, LogCut, LogEnd, Open, Phase, PhaseChange, Revoke, RevokeReason, Roles,
    RosterChange, ShooterEdit, Statement, Transfer,
};
pub use entry::{
    About, Agreed, Approvals, Approve, Body, Chrono, Entry, Gear, Hits, Marks, Penalty, Point,
    Predecessor, Score, SetScore, Status, StatusKind, Steel, StringFaults, Target, TimeSource,
    Void, VoidReason,
};
pub use event::{
    Court, Division, Drill, Entrant, Manifest, Method, NoShoots, Overtime, PowerFactor, Rule,
    RuleKind, Shooter, Structure, Terms,
};
pub use ids::{
    DrillNo, EntryId, EventId, FieldNo, GrantId, Hash, Incarnation, KindNo, LogName, PlaceNo,
    RuleNo, ShooterNo, SquadNo,
};
pub use incident::{Incident, JuryDecision, Media, Place, Report, Ruling};
pub use record::{
    Derive, Field, KeyId, Kind, Person, Policy, Record, Sealed, Text, Value, Writers,
};
pub use ruleset::{Discipline, FaultTimes, HitPoints, Ruleset, Sum, Tie};
pub use ticket::{Offer, Ticket};
