//! What counts and who stands where, kept up to date with the ledger: after one more score only that
//! shooter is read and only the tables of that drill are ranked again.

use alloc::{collections::BTreeSet, sync::Arc, vec::Vec};

use tallyline_keys::planted::{Fault, is};

use crate::{
    log::{Changed, Ledger},
    model::{About, ShooterNo},
    rules::{Scorebook, Standings},
};

/// Scorebook and standings as they were last computed.
#[derive(Debug, Default)]
pub(super) struct Results {
    book: Option<Arc<Scorebook>>,
    standings: Option<Arc<Standings>>,
    /// What changed in the scorebook since the standings were computed.
    unranked: BTreeSet<About>,
}

impl Results {
    /// Returns what counts.
    pub(super) fn book(&mut self, ledger: &mut Ledger) -> Arc<Scorebook> {
        let changed = ledger.take_changed();
        let roster = ledger.authority().roster();
        let book = match (self.book.take(), changed) {
            (Some(book), _) if is(Fault::StaleBook) => book,
            (Some(book), changed) if changed.is_nothing() => book,
            (Some(mut book), Changed::Added { about, others }) => {
                let shooters: BTreeSet<ShooterNo> = about.iter().map(|it| it.shooter).collect();
                let mut lines = ledger.lines_at(&others);
                for shooter in &shooters {
                    lines.extend(ledger.lines_about(*shooter));
                }
                Arc::make_mut(&mut book).renew(roster, ledger, &shooters, &lines);
                self.unranked.extend(about);
                book
            }
            (Some(_), Changed::Everything) | (None, _) => {
                let lines: Vec<_> = ledger.lines().collect();
                self.standings = None;
                self.unranked.clear();
                Arc::new(Scorebook::compute(roster, ledger, &lines))
            }
        };
        self.book = Some(Arc::clone(&book));
        book
    }

    /// Returns who stands where.
    pub(super) fn standings(&mut self, ledger: &mut Ledger) -> Arc<Standings> {
        let book = self.book(ledger);
        let roster = ledger.authority().roster();
        let unranked = core::mem::take(&mut self.unranked);
        let standings = match self.standings.take() {
            None => Arc::new(Standings::compute(roster, &book)),
            Some(standings) if unranked.is_empty() => standings,
            Some(mut standings) => {
                let changed: Vec<About> = unranked.into_iter().collect();
                Arc::make_mut(&mut standings).renew(roster, &book, &changed);
                standings
            }
        };
        self.standings = Some(Arc::clone(&standings));
        standings
    }
}
