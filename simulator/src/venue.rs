//! What a scenario can do to devices, and see of them: the same on simulated and on real ones.
//!
//! A scenario is written once against [`Venue`]. The simulator's [`World`](crate::World) runs it
//! under virtual time, the venue lab of `tests` with real processes in network namespaces. So
//! nothing here speaks of time that passes by itself: a scenario acts, and waits for conditions.

use std::fmt;

use tallyline_proto::model::{
    Amend, CloseReason, Decision, EntryId, LogName, RevokeReason, Roles, RosterChange, VoidReason,
};

/// A device's place in a venue, from 0 in the order in which they were added.
pub type DeviceNo = usize;

/// What a device is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A phone, tablet or Raspberry Pi at the venue.
    Tablet,
    /// The cloud: reached only by devices that have internet.
    Cloud,
}

/// The event that a scenario founds: drills with two paper targets each, shooters by squads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Number of drills, from 1.
    pub drills: u32,
    /// Number of shooters, from 1.
    pub shooters: u32,
    /// Shooters in a squad: the first so many are squad 1, the next squad 2.
    pub squad_size: u32,
}

/// A grant that the owner opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The device that may write.
    pub device: DeviceNo,
    /// The drills; empty is every drill.
    pub drills: Vec<u32>,
    /// The squads; empty is every squad.
    pub squads: Vec<u32>,
}

/// A score on a drill of an [`Event`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shot {
    /// Drill number.
    pub drill: u32,
    /// Shooter number.
    pub shooter: u32,
    /// Time in hundredths of a second.
    pub centis: u32,
    /// Hits in the A zone, 0 to 4; the rest of the four hits are C.
    pub a: u8,
}

/// An entry about a shooter, as one device shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its id.
    pub id: EntryId,
    /// The device that wrote it, by its label.
    pub author: String,
    /// The drill; `None` for what is not about one drill.
    pub drill: Option<u32>,
    /// The shooter.
    pub shooter: u32,
    /// Time in hundredths of a second; `None` for what is no score.
    pub centis: Option<u32>,
    /// How the device reads it.
    pub reading: Reading,
    /// Other devices that hold it, as the device believes.
    pub copies: u32,
    /// Whether a cloud receipt covers it, as the device believes.
    pub in_cloud: bool,
}

/// What a device has of what is sealed about somebody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Secrets {
    /// Sealed texts that are on the device.
    pub texts: usize,
    /// What those say that it can open.
    pub read: Vec<String>,
    /// Keys that are on the device.
    pub keys: usize,
}

/// How a device reads an entry, as far as scenarios tell verdicts apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reading {
    /// It counts.
    Counted,
    /// It counts although it came late.
    CountedLate,
    /// It says the same as one that counts.
    Duplicate,
    /// It says something else than the one that is shown; a person must void one.
    NeedsDecision,
    /// It came late and says something else than a live one.
    LateBeaten,
    /// It does not count until the owner adopts it.
    Quarantined,
    /// It was written with a spare card, and nobody granted its cell yet.
    Unassigned,
    /// The owner decided that it does not count.
    Rejected,
    /// It lies past the point where its log forked.
    Disputed,
    /// A void undid it.
    Voided,
    /// Anything else.
    Other,
}

/// Which devices can reach which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Everybody at the venue reaches everybody.
    All,
    /// Only devices of the same group reach each other; who is in no group reaches nobody.
    Groups(Vec<Vec<DeviceNo>>),
    /// What the first sends to the second is lost; the other way works. Adds to what is.
    OneWay(DeviceNo, DeviceNo),
}

/// Why a venue did not do what a scenario asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The device refused it, with its stable code (`E02`).
    Code(String),
    /// The device does not run, its disk failed, or its answer was lost.
    NoAnswer(String),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "refused with {code}"),
            Self::NoAnswer(why) => write!(f, "no answer: {why}"),
        }
    }
}

/// Devices at a venue, and what can happen to them.
///
/// What must work for a scenario to make sense (adding a device, founding an event) panics or
/// asserts in place when it does not.
pub trait Venue {
    /// Adds a device that runs and belongs to no event; returns its number.
    fn add(&mut self, label: &str, kind: Kind) -> DeviceNo;

    /// Founds an event on a device, with all clouds added so far and one recovery card named in its
    /// manifest, and locks it.
    fn found(&mut self, owner: DeviceNo, event: Event);

    /// Admits a device with some roles by an invite of the owner or a deputy; returns once it is a
    /// member.
    fn join(&mut self, inviter: DeviceNo, device: DeviceNo, roles: Roles);

    /// Closes all open grants of some devices with a reason and opens others, in one statement.
    ///
    /// # Errors
    /// If the owner's device refuses.
    fn assign(
        &mut self,
        owner: DeviceNo,
        closing_of: &[DeviceNo],
        reason: CloseReason,
        opens: &[Opening],
    ) -> Result<(), Refused>;

    /// Changes the roster.
    ///
    /// # Errors
    /// If the owner's device refuses.
    fn roster(&mut self, owner: DeviceNo, change: &RosterChange) -> Result<(), Refused>;

    /// Changes what the structure says after the lock.
    ///
    /// # Errors
    /// If the owner's device refuses.
    fn amend(&mut self, owner: DeviceNo, amend: &Amend) -> Result<(), Refused>;

    /// Takes the membership of a device's key away, for good; with `before`, the log of that entry is
    /// cut before it.
    ///
    /// # Errors
    /// If the owner's device refuses.
    fn revoke(
        &mut self,
        owner: DeviceNo,
        device: DeviceNo,
        reason: RevokeReason,
        before: Option<EntryId>,
    ) -> Result<(), Refused>;

    /// Has a device say that it is ready to become the owner.
    ///
    /// # Errors
    /// If it refuses.
    fn consent(&mut self, device: DeviceNo) -> Result<(), Refused>;

    /// Gives the event to a device that consented.
    ///
    /// # Errors
    /// If the owner's device refuses.
    fn transfer(&mut self, owner: DeviceNo, to: DeviceNo) -> Result<(), Refused>;

    /// Makes a device the owner by the event's recovery card; with a reason, the old owner's device
    /// is revoked; with `before`, what it said from that statement on is void.
    ///
    /// # Errors
    /// If the device refuses.
    fn recover(
        &mut self,
        device: DeviceNo,
        reason: Option<RevokeReason>,
        before: Option<EntryId>,
    ) -> Result<(), Refused>;

    /// Decides whether entries count, whatever they would be by themselves.
    ///
    /// # Errors
    /// If the owner's device refuses.
    fn adopt(
        &mut self,
        owner: DeviceNo,
        entries: &[EntryId],
        decision: Decision,
    ) -> Result<(), Refused>;

    /// Chooses a branch of a log that forked: the one that the owner's device holds, or the other.
    ///
    /// # Errors
    /// If the owner's device refuses.
    fn adopt_branch(&mut self, owner: DeviceNo, log: LogName, here: bool) -> Result<(), Refused>;

    /// Says that scoring is over.
    ///
    /// # Errors
    /// If the owner's device refuses.
    fn last_call(&mut self, owner: DeviceNo) -> Result<(), Refused>;

    /// Closes the event without waiting for the devices declared lost.
    ///
    /// # Errors
    /// If the owner's device refuses, as long as anybody else has to be waited for.
    fn close_event(&mut self, owner: DeviceNo, lost: &[DeviceNo]) -> Result<(), Refused>;

    /// Records a score; `replaces` is an entry that is voided in the same breath.
    ///
    /// # Errors
    /// If the device refuses or does not answer.
    fn score(
        &mut self,
        device: DeviceNo,
        shot: Shot,
        replaces: Option<(EntryId, VoidReason)>,
    ) -> Result<EntryId, Refused>;

    /// Voids an entry.
    ///
    /// # Errors
    /// If the device refuses or does not answer.
    fn void(&mut self, device: DeviceNo, entry: EntryId, reason: VoidReason)
    -> Result<(), Refused>;

    /// Records that a shooter left the match.
    ///
    /// # Errors
    /// If the device refuses or does not answer.
    fn withdraw(&mut self, device: DeviceNo, shooter: u32) -> Result<(), Refused>;

    /// Records that a shooter was seen doing something on drill 1, in a sealed text.
    ///
    /// # Errors
    /// If the device refuses or does not answer.
    fn incident(&mut self, device: DeviceNo, shooter: u32, text: &str) -> Result<(), Refused>;

    /// Destroys the keys of what is sealed about a shooter, wherever the news comes.
    ///
    /// # Errors
    /// If the owner's device refuses.
    fn erase(&mut self, owner: DeviceNo, shooter: u32) -> Result<(), Refused>;

    /// Returns what a device has of what is sealed about a shooter.
    fn secrets(&mut self, device: DeviceNo, shooter: u32) -> Secrets;

    /// Waits until a device has what is asked for of what is sealed about a shooter.
    ///
    /// # Errors
    /// What it has instead, when the deadline has passed.
    fn until_secrets(
        &mut self,
        whose: (DeviceNo, u32),
        what: &str,
        holds: &mut dyn FnMut(&Secrets) -> bool,
    ) -> Result<(), String>;

    /// Sets which devices at the venue reach each other.
    fn reach(&mut self, reach: Reach);

    /// Gives a device internet, or takes it away: the way to the cloud.
    fn internet(&mut self, device: DeviceNo, on: bool);

    /// Gives a device internet for so many seconds, and takes it away again. Returns whether the cloud
    /// holds by then what the device holds.
    fn signal(&mut self, device: DeviceNo, cloud: DeviceNo, seconds: u64) -> bool;

    /// Ends a device's process at once, as a power cut would; it stays off.
    fn kill(&mut self, device: DeviceNo);

    /// Starts a device that is off.
    fn start(&mut self, device: DeviceNo);

    /// Copies key and store of a device, as a copied card does; returns the copy, which runs.
    fn copy(&mut self, device: DeviceNo) -> DeviceNo;

    /// Makes a new device with the key of another one, kept apart, and an empty store that knows the
    /// event: the owner's key restored on another phone. Returns it; it runs.
    fn restore_key(&mut self, device: DeviceNo) -> DeviceNo;

    /// Keeps a copy of a device's card, for a later rollback.
    fn backup(&mut self, device: DeviceNo);

    /// Puts a device's card back to what it was at the last backup and starts the device anew.
    fn roll_back(&mut self, device: DeviceNo);

    /// Returns the seed of a device's key, as somebody has it who broke into the device.
    fn key_seed(&mut self, device: DeviceNo) -> [u8; 32];

    /// Returns everything a device holds as a bundle.
    fn bundle(&mut self, device: DeviceNo) -> Vec<u8>;

    /// Has a device take a bundle in.
    ///
    /// # Errors
    /// If the device refuses.
    fn import(&mut self, device: DeviceNo, bundle: &[u8]) -> Result<(), Refused>;

    /// Lets time pass where time can be made to: hours in the simulator. With real processes only
    /// the order of things counts, and this returns at once.
    fn pass(&mut self, minutes: u32);

    /// Waits until all these devices hold the same logs and show the same standings.
    ///
    /// # Errors
    /// What differs, when the deadline has passed.
    fn agree(&mut self, devices: &[DeviceNo]) -> Result<(), String>;

    /// Waits until a device shows what is asked for.
    ///
    /// # Errors
    /// What it shows instead, when the deadline has passed.
    fn until(
        &mut self,
        device: DeviceNo,
        what: &str,
        holds: &mut dyn FnMut(&[Seen]) -> bool,
    ) -> Result<(), String>;

    /// Returns all entries about shooters that a device shows.
    fn seen(&mut self, device: DeviceNo) -> Vec<Seen>;

    /// Returns the entries with statements that a device shows, in the order of logs and sequences.
    fn statements(&mut self, device: DeviceNo) -> Vec<EntryId>;

    /// Returns a device's standings as text: equal text, equal standings.
    fn standings(&mut self, device: DeviceNo) -> String;

    /// Returns how often the device's log of refusals names a reason (`fork`, `bad_signature`).
    fn refusals(&mut self, device: DeviceNo, reason: &str) -> u64;
}
