//! MIFF, the Match Interchange File Format: gzip-packed JSON, one document a match.
//!
//! Follows the format's specification as its authors, the makers of Shooting Sports Analyst,
//! publish it (`lib/api/miff/SPECIFICATION.md` of jslater89/shooting-sports-analyst). Version 1.0
//! is written, so that every reader of 1.x takes it; 1.0 and 1.1 are read, with hits as sums or
//! target by target. Older versions of a score stand in `supersededScores`, oldest first.
//!
//! MIFF has sums of hits and no place for devices, signatures, rules or targets. The format lets
//! programs add fields, so these stand in objects called `tallyline`; other programs skip them. The
//! fields of MIFF always win: if somebody changed them, what no longer fits them is left out with
//! a warning. Scores that are only totals (1.1's overrides) cannot be taken and are named.

mod events;
mod read;
mod write;

use std::io::Read as _;

use flate2::read::MultiGzDecoder;

use super::at::{At, TEXT_BYTES_MAX, json};
use super::complaint::{Complaint, Complaints, Findings, Loaded};
use super::match_file::MatchFile;

pub use write::write_miff;

/// What complaints call the file.
const MIFF: &str = "the MIFF file";
/// Name of the objects with what MIFF has no place for.
const OURS: &str = "tallyline";

/// Reads a MIFF file of version 1.x.
///
/// # Errors
///
/// [`Complaints`] with each bad place: no gzip, too large, no JSON, another format or version, or
/// what is wrong in the fields.
pub fn read_miff(bytes: &[u8]) -> Result<Loaded<MatchFile>, Complaints> {
    let text = unpack(bytes)?;
    let value = json(MIFF, &text)?;
    let mut findings = Findings::default();
    let it = read::document(&At::root(MIFF, &value), &mut findings);
    findings.finish(it)
}

/// Unpacks gzip up to the bound, whatever the file promises.
fn unpack(bytes: &[u8]) -> Result<Vec<u8>, Complaint> {
    let complaint = |advice: &str| Complaint::new(MIFF, "", "", advice);
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Err(complaint(
            "this is no gzip, and a MIFF file always is; export the match again",
        ));
    }
    let max = u64::try_from(TEXT_BYTES_MAX).unwrap_or(u64::MAX);
    let mut text = Vec::new();
    MultiGzDecoder::new(bytes)
        .take(max.saturating_add(1))
        .read_to_end(&mut text)
        .map_err(|error| complaint(&format!("is damaged ({error}); copy or export it again")))?;
    if TEXT_BYTES_MAX < text.len() {
        return Err(complaint(&format!(
            "unpacked at most {max} bytes are read; export the match again"
        )));
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
