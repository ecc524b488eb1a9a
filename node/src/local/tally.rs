//! What is counted over an event's entries for monitors: what came twice, and what needs a person.
//!
//! Layer: node, local.

use std::collections::BTreeSet;

use tallyline_proto::model::{DrillNo, EntryId, ShooterNo};
use tallyline_proto::replica::{Doubles, Noted, Now, Replica};

use super::Clerk;
use super::protocol::Problem;

/// What needs a person, by a name that stays while it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Open {
    /// A record, by the entry of its first version.
    Record(EntryId),
    /// An incident or decision, by its first entry.
    Review(EntryId),
    /// A slot.
    Slot(DrillNo, ShooterNo),
}

/// What is counted over the entries of an event.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// What came twice.
    pub doubles: Doubles,
    /// What needs a person now.
    pub open: BTreeSet<Open>,
    /// Bytes of pictures and clips that came and went since the event is active.
    pub moved: (u64, u64),
}

impl Clerk {
    /// Counts over the event's entries.
    ///
    /// # Errors
    ///
    /// A [`Problem`] if the node is ending.
    pub async fn tally(&self) -> Result<Tally, Problem> {
        let look = |replica: &mut Replica, _: Now| Tally {
            doubles: replica.doubles(),
            open: open(replica),
            moved: (0, 0),
        };
        Ok(Tally {
            moved: self.media().moved(),
            ..self.driver().query(look).await?
        })
    }
}

fn open(replica: &mut Replica) -> BTreeSet<Open> {
    let conflicts = replica.conflicts();
    let first = |noted: &[Noted]| noted.first().map(|it| it.entry);
    let records = conflicts.records.iter();
    let records = records.filter_map(|it| first(&it.noted).map(Open::Record));
    let reviews = conflicts.reviews.iter();
    let reviews = reviews.filter_map(|it| first(&it.noted).map(Open::Review));
    let slots = conflicts.slots.iter();
    let slots = slots.map(|it| Open::Slot(it.drill, it.shooter));
    records.chain(reviews).chain(slots).collect()
}
