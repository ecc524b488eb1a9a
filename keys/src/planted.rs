//! Planted faults: the test of the tests.
//!
//! Each [`Fault`] is one mistake that somebody could make in the product. A hook of one line, where
//! the mistake would be made, asks [`is`]. Without the feature `planted` the answer is a constant
//! `false` and the hook vanishes; only the simulator's second program turns the feature on, plants
//! one fault, and shows that its checks find it. Which check, in how many runs: the simulator's
//! table. Layer: below everything, so that any hook can ask.

/// One mistake that can be planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// What was taken from others is acknowledged one step before it is committed.
    AckBeforeCommit,
    /// A failed commit is answered as if it had been none.
    PromiseBeforeCommit,
    /// A commit says that it is on disk before it is synced.
    NoSync,
    /// The incarnation is the store's id, the same at every start.
    NoIncarnation,
    /// Everything under a closed grant counts, past its cut too.
    CutIgnored,
    /// The signature of a receipt is not looked at.
    ReceiptUnsigned,
    /// Signatures are checked with the lax rule that takes points of small order.
    LaxSignature,
    /// Another entry at a held sequence replaces the one held.
    LastWriteWins,
    /// What a peer's vector says it holds is not believed: it is sent everything from entry 1.
    ResumeFromOne,
    /// One Hello for each connection, and no wish: what is lost is lost.
    NeverResend,
    /// Of a log that others write the last entry is not offered.
    LostLastEntry,
    /// The log that arrived first ranks first.
    ArrivalDecides,
    /// A second void of one entry also undoes what was written in its place.
    VoidTwice,
    /// What is received is decoded and encoded again before it is hashed and kept.
    Reencode,
    /// Of two entries for one place the one with the earlier time of day is shown.
    ClockInVerdict,
    /// Entries that begin past the end of what is held are appended.
    GapAccepted,
    /// No quota holds.
    QuotaOff,
    /// Heights that a device said of a store it no longer has still count as copies.
    CopiesOfOldStore,
    /// Proofs of forks are not read back at the start.
    ForgetFork,
    /// TLS sessions are resumed.
    ResumptionOn,
    /// The signature of a chunk is not looked at.
    HeadNotChecked,
    /// An entry that says the same as the one shown counts as well.
    DuplicateCounts,
    /// Late entries compete with live ones on equal terms.
    LateBeatsLive,
    /// What counts is computed once and not again when the ledger grows.
    StaleBook,
    /// Every member is given the keys of sealed texts, and keeps them.
    KeysToAnybody,
    /// An erasure is noted, and the keys stay.
    EraseKeepsKeys,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Self; 26] = [
        Self::AckBeforeCommit,
        Self::PromiseBeforeCommit,
        Self::NoSync,
        Self::NoIncarnation,
        Self::CutIgnored,
        Self::ReceiptUnsigned,
        Self::LaxSignature,
        Self::LastWriteWins,
        Self::ResumeFromOne,
        Self::NeverResend,
        Self::LostLastEntry,
        Self::ArrivalDecides,
        Self::VoidTwice,
        Self::Reencode,
        Self::ClockInVerdict,
        Self::GapAccepted,
        Self::QuotaOff,
        Self::CopiesOfOldStore,
        Self::ForgetFork,
        Self::ResumptionOn,
        Self::HeadNotChecked,
        Self::DuplicateCounts,
        Self::LateBeatsLive,
        Self::StaleBook,
        Self::KeysToAnybody,
        Self::EraseKeepsKeys,
    ];
}

/// Returns whether this fault is planted: never, in this build.
#[cfg(not(feature = "planted"))]
#[must_use]
pub const fn is(_fault: Fault) -> bool {
    false
}

#[cfg(feature = "planted")]
pub use switch::{is, plant};

#[cfg(feature = "planted")]
mod switch {
    use core::sync::atomic::{AtomicU32, Ordering};

    use super::Fault;

    /// Place in [`Fault::ALL`] of the fault that is planted, from 1; 0 is none.
    static PLANTED: AtomicU32 = AtomicU32::new(0);

    /// Plants one fault in the whole process, or none.
    pub fn plant(fault: Option<Fault>) {
        PLANTED.store(fault.map_or(0, number), Ordering::SeqCst);
    }

    /// Returns whether this fault is planted.
    #[must_use]
    pub fn is(fault: Fault) -> bool {
        PLANTED.load(Ordering::Relaxed) == number(fault)
    }

    fn number(fault: Fault) -> u32 {
        let numbers = (1..).zip(Fault::ALL);
        let mut numbers = numbers.filter(|(_, it)| *it == fault);
        numbers.next().map_or(0, |(number, _)| number)
    }
}
