//! The export of the `PractiScore` app: `.psc`, a zip of `match_def.json` and `match_scores.json`.
//!
//! The app publishes no description. The names of the fields are facts read off public parsers of
//! its files and off one real match; where those differ, the reader takes each of them. Fields
//! without a meaning here are skipped, mail and phone on purpose. Two things have no name there
//! that we know of: extra shots and extra hits of Virginia Count. They are written under names of
//! our own (`tallyline_extra_shots`, `tallyline_extra_hits`), which the app will not count.
//! Signatures are drawings; only when they were given is kept.

mod container;
mod definition;
mod kinds;
mod scores;
mod write;

use super::at::{At, json};
use super::complaint::{Complaint, Complaints, Findings, Loaded};
use super::match_file::MatchFile;

pub(super) use definition::{note as read_note, rules as read_rules, stage as read_stage};
pub(super) use kinds::scoring as scoring_of;
pub(super) use scores::parts as read_score;
pub use write::{WrittenTexts, texts, write_psc};
pub(super) use write::{rules as rule_members, score as score_members, stage as stage_members};

/// Name of the text that defines the match.
pub const DEFINITION: &str = "match_def.json";
/// Name of the text with the scores.
pub const SCORES: &str = "match_scores.json";
/// Name of the text with older versions, where they are apart.
pub const HISTORY: &str = "match_scores_history.json";

/// Reads a `.psc` file.
///
/// # Errors
///
/// [`Complaints`] with each bad place: no zip, encrypted, too large, entries that lead outside,
/// no `match_def.json`, or what is wrong in the texts.
pub fn read_psc(bytes: &[u8]) -> Result<Loaded<MatchFile>, Complaints> {
    let texts = container::unpack(bytes)?;
    read_texts(
        &texts.definition,
        texts.scores.as_deref(),
        texts.history.as_deref(),
    )
}

/// Reads the files of an unpacked `.psc`, given as names and contents; other files are skipped.
///
/// # Errors
///
/// [`Complaints`] if `match_def.json` is missing or there twice, or what is wrong in the texts.
pub fn read_folder<'a>(
    files: impl IntoIterator<Item = (&'a str, &'a [u8])>,
) -> Result<Loaded<MatchFile>, Complaints> {
    let (mut definition, mut scores, mut history) = (None, None, None);
    for (name, bytes) in files {
        let place = match container::base_name(name) {
            DEFINITION => &mut definition,
            SCORES => &mut scores,
            HISTORY => &mut history,
            _ => continue,
        };
        if place.replace(bytes).is_some() {
            return Err(twice(name).into());
        }
    }
    let definition = definition.ok_or_else(no_definition)?;
    read_texts(definition, scores, history)
}

/// Reads the JSON texts of a `.psc`: the definition, the scores, and the older versions if they
/// are apart. A match without scores is read with a warning.
///
/// # Errors
///
/// [`Complaints`] with the file, the JSON path, what was found and what to do.
pub fn read_texts(
    definition: &[u8],
    scores: Option<&[u8]>,
    history: Option<&[u8]>,
) -> Result<Loaded<MatchFile>, Complaints> {
    let mut findings = Findings::default();
    let value = findings.take(json(DEFINITION, definition));
    if scores.is_none() {
        let advice = "is not there: the match has no scores yet";
        findings
            .warnings
            .push(Complaint::new(SCORES, "", "", advice));
    }
    let scores = scores.and_then(|bytes| findings.take(json(SCORES, bytes)));
    let history = history.and_then(|bytes| findings.take(json(HISTORY, bytes)));
    let it = value.and_then(|value| {
        let mut it = definition::definition(&At::root(DEFINITION, &value), &mut findings)?;
        let scores = scores.as_ref().map(|value| At::root(SCORES, value));
        let history = history.as_ref().map(|value| At::root(HISTORY, value));
        it.scores = scores::scores(&it, scores.as_ref(), history.as_ref(), &mut findings)?;
        Some(it)
    });
    findings.finish(it)
}

fn no_definition() -> Complaint {
    let advice = "is missing: this is no match of the app; choose the .psc file or its folder";
    Complaint::new(DEFINITION, "", "", advice)
}

fn twice(name: &str) -> Complaint {
    Complaint::new(name, "", "", "is there twice; keep the folder of one match")
}

#[cfg(test)]
mod tests;
