//! The sport's own files: `PractiScore` exports, MIFF, text reports and registration lists.
//!
//! Pure: bytes in, values out. Opens no file, knows no store and no verb, and depends on no type
//! of the event's model. A broken file gives a list of [`Complaints`] that say where, what was
//! found and what to do, and nothing half-read; what was left out of a good one stands beside it
//! as warnings. Every size is bounded before it is believed.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`match_file`] | a match, whatever the format |
//! | [`psc`] | the app's export: a zip, a folder, or two JSON texts |
//! | [`miff`] | the Match Interchange File Format |
//! | [`text_report`] | the "$PRACTISCORE" report with its tagged lines |
//! | [`fold`] | names without case and accents, to compare |
//! | [`registration`] | lists of people as CSV, and what they would change |
//! | [`samples`] | small made-up matches for tests |

mod at;
pub mod complaint;
mod decimal;
pub mod fold;
pub mod match_file;
pub mod miff;
mod moment;
pub mod psc;
pub mod registration;
pub mod samples;
pub mod text_report;

pub use complaint::{Complaint, Complaints, Loaded};
pub use match_file::MatchFile;
pub use moment::Date;
