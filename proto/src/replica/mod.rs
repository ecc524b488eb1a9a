//! The whole node without a world: `step(now, inputs) -> Effects` (layer L4).
//!
//! A [`Replica`] never fails, blocks or looks at the world. What it wants to happen comes out as
//! [`Effects`]: the writes lie open, everything that leaves the device is sealed until a
//! [`Disk`] has committed those writes. If the commit fails or its outcome is uncertain, the
//! replica is to be dropped, the event read again from the store, and a fresh incarnation drawn.
//!
//! ```text
//! gather inputs -> replica.step(now, inputs) -> effects.persist(&mut disk) -> released
//! ```

mod asking;
mod beyond;
mod cell;
mod command;
mod core;
mod decide;
mod effects;
mod enrol;
mod heads;
mod input;
mod invite;
mod keyring;
mod keytalk;
mod known;
mod leaving;
mod lending;
mod member;
mod open;
mod ownership;
mod pace;
mod pairing;
mod peer;
mod persons;
mod proof;
mod reading;
mod record;
mod results;
mod review;
mod room;
mod seal;
mod spread;
mod view;
mod why;

pub use self::core::Replica;
pub use decide::{Chase, Selection};
pub use effects::{Disk, Effects, NotSaved, Notice, Reason, Released, Reply, Write};
pub use input::{
    Claiming, Command, Enrolling, Founding, Identity, Input, Now, PeerId, RequestId, Seed, Stored,
    StoredLog,
};
pub use leaving::CloudHold;
pub use open::Damage;
pub use peer::REFUSED_EVENT;
pub use persons::{PersonView, SealedView};
pub use review::{
    Conflicts, Doubles, GroupView, IncidentView, Noted, Reviewed, Saying, SlotConflict,
    VersionsView,
};
pub use view::{
    AskPhase, AskView, DeviceView, EnrolView, EntryFilter, EntryView, EventEnd, GrantView,
    HeadView, InviteEnd, InviteView, JoinEnd, KeyView, LentView, LogRead, LogView, OfferView,
    Opened, PairPhase, PairingView, Phase, StatementView, Unread, VerifyReport,
};
pub use why::{Subject, Why};

pub use crate::model::Ticket;
