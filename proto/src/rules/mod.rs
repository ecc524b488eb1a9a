//! What counts: validation, scoring, scorebook, standings (layer L1).
//!
//! Everything here is a pure function of a [`Roster`], an [`Authority`] and a set of [`Line`]s.
//! No clock, no arrival order, no local setting: two nodes with the same set get the same bytes.

pub mod court;
mod decimal;
#[cfg(test)]
mod fixture;
pub mod incidents;
pub mod kinds;
mod mistake;
pub mod records;
pub mod results;
mod roster;
pub mod scorebook;
pub mod scoring;
pub mod standings;
pub mod validate;

pub use decimal::{Decimal, Fixed2, Fixed4};
pub use incidents::Incidents;
pub use mistake::{Code, Mistake};
pub use records::Records;
pub use roster::{RULES_VERSION, Roster, erase_names, erased_label};
pub use scorebook::{Scorebook, Verdict};
pub use standings::Standings;

use tallyline_keys::PublicKey;

use crate::model::{About, Body, EntryId, LogName};

/// One entry with its position, as the reading rules see it.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// The entry's derived id.
    pub id: EntryId,
    /// The log it stands in.
    pub log: LogName,
    /// Its sequence there, from 1.
    pub seq: u64,
    /// The key that wrote it.
    pub author: PublicKey,
    /// Author's wall time, in milliseconds from the event's epoch; shown, never judged.
    pub at_ms: i64,
    /// The structure revision the author had, from 1.
    pub revision: u32,
    /// What it says.
    pub body: &'a Body,
}

/// How an entry stands by the signed statements alone, before slots and voids.
///
/// Source: PROTOCOL R-READ-1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Under a grant that covers its cell, and not past a cut.
    Live,
    /// Past the cut of a grant that was closed without mistrust; counts where the slot is free.
    Late,
    /// Outside any grant, or past the cut of a stolen device: kept, shown, not counted.
    Quarantined,
    /// Written with a spare card, in no grant's cells yet: kept, shown, not counted.
    Unassigned,
    /// The owner decided that it does not count.
    Rejected,
    /// Past the point where its log forked.
    Disputed,
}

/// What the signed statements say about entries; `log::authority` is the one implementor besides
/// tests.
pub trait Authority {
    /// Returns how the entry at `seq` of `log` stands. With `about` it is judged for that cell
    /// (a whole match: for any cell of the shooter's squads); without, for the log alone.
    fn standing(&self, log: &LogName, seq: u64, about: Option<About>) -> Standing;

    /// Returns how the entry at `seq` of `log` stands if it is an incident, what belongs to one, or
    /// a record: nobody grants cells for these, every member that may score writes them.
    ///
    /// Source: PROTOCOL R-RECORD-3.
    fn record_standing(&self, log: &LogName, seq: u64) -> Standing {
        self.standing(log, seq, None)
    }

    /// Returns whether `key` is that of the owner now.
    fn is_owner(&self, key: &PublicKey) -> bool;

    /// Returns the number of the owner, from 0, as whom `key` wrote the entry at `seq` of `log`; `None`
    /// if it did not own the event there. Giving the event away changes nothing that was said before.
    ///
    /// Source: PROTOCOL R-CONTROL-19.
    fn reign(&self, key: &PublicKey, log: &LogName, seq: u64) -> Option<usize> {
        let _ = (log, seq);
        self.is_owner(key).then_some(0)
    }

    /// Returns whether `key` sits on the jury: what it decides goes before what others decide.
    ///
    /// Source: PROTOCOL R-INCIDENT-6.
    fn is_jury(&self, key: &PublicKey) -> bool {
        let _ = key;
        false
    }

    /// Returns where a log stands among others that fill one slot: depth of its grant, then place
    /// among its author's incarnations. The log's name breaks ties.
    fn precedence(&self, log: &LogName) -> (u32, u32);
}

/// The place of an entry among others: its log's among logs, then its sequence.
///
/// Source: PROTOCOL R-READ-4.
type Rank = ((u32, u32), LogName, u64);

/// Returns the place of an entry among others.
fn rank(authority: &dyn Authority, line: &Line<'_>) -> Rank {
    (authority.precedence(&line.log), line.log, line.seq)
}
