//! What many runs leave behind: `summary.json`, `junit.xml` and a page for people.

mod junit;
mod page;
mod series;
mod summary;

use std::fs;
use std::io;
use std::path::Path;

pub use junit::xml;
pub use page::{Chosen, page};
pub use summary::{Campaign, FaultCount, Totals, held};

use crate::outcome::Outcome;

/// Writes all of it into a folder, which is made if it is missing; `again` says how a run is
/// repeated.
///
/// # Errors
/// If a file cannot be written.
pub fn save(
    folder: &Path,
    campaign: &Campaign,
    outcomes: &[Outcome],
    chosen: Option<&Chosen<'_>>,
    again: &dyn Fn(&Outcome) -> String,
) -> io::Result<()> {
    let totals = Totals::of(outcomes);
    fs::create_dir_all(folder.join("report"))?;
    fs::write(
        folder.join("summary.json"),
        summary::json(campaign, &totals, outcomes)?,
    )?;
    fs::write(folder.join("junit.xml"), xml(outcomes, again))?;
    fs::write(
        folder.join("report").join("index.html"),
        page(campaign, outcomes, chosen)?,
    )
}

/// Returns the run that the page looks at: the first that failed, else the first.
pub fn choose(outcomes: &[Outcome]) -> Option<&Outcome> {
    let failed = outcomes.iter().find(|outcome| !held(outcome));
    failed.or_else(|| outcomes.first())
}
