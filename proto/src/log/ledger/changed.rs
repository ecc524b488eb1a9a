//! What became of the entries since somebody last looked: enough to read again only what changed.

use alloc::{collections::BTreeSet, vec::Vec};

use super::Ledger;
use crate::{
    model::{About, Body, LogName},
    rules::{Line, scorebook::is_beyond_scores},
};

/// What changed among the entries since it was last taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// Entries were added, and nothing else changed how any other one is read.
    Added {
        /// The cells, or whole matches, that the added entries are about.
        about: BTreeSet<About>,
        /// Where added entries stand that are about no cell: seals, voids of what is not here.
        others: Vec<(LogName, u64)>,
    },
    /// Statements, forks, decisions, incidents or records may change how any entry is read.
    Everything,
}

impl Default for Changed {
    fn default() -> Self {
        Self::Added {
            about: BTreeSet::new(),
            others: Vec::new(),
        }
    }
}

impl Changed {
    /// Returns whether nothing changed.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl Ledger {
    /// Takes what changed since this was last asked.
    pub fn take_changed(&mut self) -> Changed {
        core::mem::take(&mut self.changed)
    }

    /// Returns entries that stand at these places.
    pub fn lines_at(&self, places: &[(LogName, u64)]) -> Vec<Line<'_>> {
        let lines = places.iter();
        lines
            .filter_map(|(name, seq)| self.line(name, *seq))
            .collect()
    }

    pub(super) fn everything_changed(&mut self) {
        self.changed = Changed::Everything;
    }

    /// Takes note of entries that were added to a log from `first` on.
    pub(super) fn added(&mut self, name: LogName, first: u64) {
        if !self.reads_plainly(&name) {
            return self.everything_changed();
        }
        let Some(log) = self.logs.get(&name) else {
            return;
        };
        let mut found = Vec::new();
        for seq in first..=log.height() {
            let Some(record) = log.record(seq) else {
                continue;
            };
            let body = &record.entry.body;
            let target = body.target().and_then(|target| {
                let (log, seq) = self.index.get(&target)?;
                Some(&self.logs.get(log)?.record(*seq)?.entry.body)
            });
            let subject = target.unwrap_or(body);
            // A group, a ruling or a record may rest on any other one: all are read again.
            if is_beyond_scores(subject) {
                return self.everything_changed();
            }
            // A reading may lower the power factor on every drill.
            let about = subject.about().map(|about| {
                if matches!(subject, Body::Chrono(_)) {
                    About {
                        drill: None,
                        ..about
                    }
                } else {
                    about
                }
            });
            found.push((seq, about));
        }
        let Changed::Added { about, others } = &mut self.changed else {
            return;
        };
        for (seq, subject) in found {
            if let Some(subject) = subject {
                about.insert(subject);
            } else {
                others.push((name, seq));
            }
        }
    }

    /// Returns whether another entry of a log says nothing about those that are here: nobody decided
    /// about the log, closed it, or cut it where its chain is still to be seen.
    fn reads_plainly(&self, name: &LogName) -> bool {
        let authority = &self.authority;
        let drills = &authority.roster().structure().drills;
        if self.forks.contains_key(name)
            // Points of a court are the business of both sides.
            || drills.iter().any(|drill| drill.terms.court.is_some())
            || !authority.adoptions(name).is_empty()
            || authority.closing().is_some()
        {
            return false;
        }
        if let Some(grant) = authority.grants().get(&name.grant) {
            return grant.end.is_none();
        }
        let writer = authority.writer(name.grant);
        authority.owners().len() == 1 && writer.is_some_and(|key| authority.revoked(&key).is_none())
    }
}
