//! What a person did that cannot be taken, in words for the screen, each with a stable code.
//!
//! A message says what is wrong, where, and what to do. Codes never change their meaning; numbers
//! that are missing here belong to kinds of entries of later versions.

use alloc::{borrow::ToOwned as _, format, string::String, vec::Vec};
use core::fmt;

use crate::model::{CellSet, DrillNo, ShooterNo, SquadNo};

/// A stable number for what is wrong.
///
/// Source: PROTOCOL R-CHECK-1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// A drill, shooter or rule that the event does not have.
    E01,
    /// Outside what the device may score.
    E02,
    /// Hits do not add up.
    E03,
    /// Another number of paper targets than the drill has.
    E04,
    /// Steel does not add up.
    E05,
    /// The time is missing or out of bounds.
    E06,
    /// Another number of strings than the drill has.
    E07,
    /// No-shoot hits where the drill has no no-shoots.
    E08,
    /// The slot is filled already.
    E09,
    /// Same time and hits as another shooter; a warning.
    E10,
    /// The shooter is disqualified or withdrawn.
    E11,
    /// The event takes no scores.
    E12,
    /// The void names nothing that its author may void.
    E13,
    /// Somebody else has to agree first.
    E14,
    /// A grant overlaps an open one.
    E15,
    /// Signature, chain or sequence does not hold.
    E16,
    /// Two entries with one sequence.
    E17,
    /// The structure differs.
    E18,
    /// The same identity with other data.
    E19,
    /// Names something that is not here yet; a state, not a failure.
    E20,
    /// Too large.
    E21,
    /// The clock is far off; a warning.
    E22,
}

impl Code {
    /// Returns the code as it is printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::E01 => "E01",
            Self::E02 => "E02",
            Self::E03 => "E03",
            Self::E04 => "E04",
            Self::E05 => "E05",
            Self::E06 => "E06",
            Self::E07 => "E07",
            Self::E08 => "E08",
            Self::E09 => "E09",
            Self::E10 => "E10",
            Self::E11 => "E11",
            Self::E12 => "E12",
            Self::E13 => "E13",
            Self::E14 => "E14",
            Self::E15 => "E15",
            Self::E16 => "E16",
            Self::E17 => "E17",
            Self::E18 => "E18",
            Self::E19 => "E19",
            Self::E20 => "E20",
            Self::E21 => "E21",
            Self::E22 => "E22",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a person did that cannot be taken. Prints the code and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The stable number.
    pub code: Code,
    /// What is wrong, where, and what to do.
    pub text: String,
}

impl Mistake {
    /// Makes a mistake with these words.
    pub fn new(code: Code, text: String) -> Self {
        Self { code, text }
    }

    /// Says that the writer holds no cell for this shooter (E02). `may` is what the device may
    /// score, `holder` the label of the device that scores the shooter's squad.
    pub fn outside_grant(
        may: &[CellSet],
        drill: Option<DrillNo>,
        (shooter, squad): (ShooterNo, SquadNo),
        holder: Option<&str>,
    ) -> Self {
        let names_drills = may.iter().any(|cells| cells.drills.is_some());
        let may = if may.is_empty() {
            "may not score".to_owned()
        } else {
            let cells: Vec<String> = may.iter().map(cells).collect();
            format!("may score {}", cells.join(" and "))
        };
        let place = match drill {
            Some(drill) if names_drills => format!("on stage {drill} shooter {shooter}"),
            Some(_) | None => format!("shooter {shooter}"),
        };
        let advice = match holder {
            Some(holder) => format!("Scores for squad {squad} come from device {holder}."),
            None => "Ask the event owner for a grant.".to_owned(),
        };
        Self::new(
            Code::E02,
            format!("this device {may}; {place} is in squad {squad}. {advice}"),
        )
    }

    /// Says that a void names an entry that is not here (E13).
    pub fn void_missing(entry: &dyn fmt::Display) -> Self {
        Self::new(
            Code::E13,
            format!("entry {entry} is not on this device. Sync, then try it again."),
        )
    }

    /// Says that somebody answers an entry of another device (E13). `author` is that device's label,
    /// `verb` what was to be done to it: `void`, `approve`.
    pub fn foreign(entry: &dyn fmt::Display, author: &str, verb: &str) -> Self {
        Self::new(
            Code::E13,
            format!(
                "entry {entry} was written by {author}. Only {author} or the owner may {verb} it."
            ),
        )
    }

    /// Says that a void names something that no void can undo (E13).
    pub fn void_of_void(entry: &dyn fmt::Display) -> Self {
        Self::new(
            Code::E13,
            format!("entry {entry} is not a score and cannot be voided. Enter a new score."),
        )
    }

    /// Says that only the owner lifts a disqualification or a withdrawal (E13).
    pub fn void_needs_owner(entry: &dyn fmt::Display) -> Self {
        Self::new(
            Code::E13,
            format!("entry {entry} takes a shooter out of the match. Only the owner may void it."),
        )
    }

    /// Says that a cell already has a writer (E15): drill and squad, `None` for every one. `holder` is
    /// the label of the device that holds it, `grant` the name of its grant.
    pub fn overlapping(
        cell: (Option<DrillNo>, Option<SquadNo>),
        holder: &str,
        grant: &dyn fmt::Display,
    ) -> Self {
        let cell = match cell {
            (Some(drill), Some(squad)) => format!("stage {drill}, squad {squad}"),
            (Some(drill), None) => format!("stage {drill}"),
            (None, Some(squad)) => format!("squad {squad}"),
            (None, None) => "the whole match".to_owned(),
        };
        Self::new(
            Code::E15,
            format!(
                "{cell} already belongs to {holder} (grant {grant}). Close that grant or transfer \
                 it."
            ),
        )
    }

    /// Says that an entry does not continue its log (E16). `log` is the log's alias, `seq` the
    /// entry's sequence from 1, `why` what differs, `author` the device's label.
    pub fn does_not_follow(log: &dyn fmt::Display, seq: u64, why: &str, author: &str) -> Self {
        let before = seq.saturating_sub(1);
        Self::new(
            Code::E16,
            format!(
                "entry {log}/{seq} does not follow {log}/{before} ({why}). \
                 The log of {author} was not taken beyond {log}/{before}."
            ),
        )
    }

    /// Says that a device wrote two entries at one sequence (E17).
    pub fn forked(log: &dyn fmt::Display, seq: u64, author: &str) -> Self {
        Self::new(
            Code::E17,
            format!(
                "device {author} wrote two different entries {log}/{seq}. Both kept and shown as \
                 disputed until the owner decides; scoring continues."
            ),
        )
    }

    /// Says that nothing can be decided about a log that not every device takes, since its writer is
    /// named behind the fork of another log, on the branch here or on none any more (E17).
    pub fn not_common(author: &str, behind: Option<String>) -> Self {
        let who = format!(
            "device {author} was named on one of two versions of a log, so that not every device \
             takes what it wrote, and a decision would hold on some of them only. It is kept."
        );
        let what = match behind {
            Some(log) => format!(
                "First choose the version that names it: `tallyline adopt --log {log} --branch here`."
            ),
            None => {
                "The owner chose the other version: enter it again on a device that may.".into()
            }
        };
        Self::new(Code::E17, format!("{who} {what}"))
    }

    /// Says that something waits for what it belongs to (E20): a state, not a failure.
    pub fn waits(what: &str, of: &dyn fmt::Display) -> Self {
        Self::new(
            Code::E20,
            format!("{what} waits for {of} (not received yet)."),
        )
    }

    /// Warns that the clock of another device is far off (E22), in milliseconds ahead of this one's.
    /// Nothing is judged by it.
    pub fn clock(label: &str, ahead_ms: i64) -> Self {
        let seconds = ahead_ms.unsigned_abs().wrapping_div(1_000);
        let (minutes, rest) = (seconds.wrapping_div(60), seconds.wrapping_rem(60));
        let way = if ahead_ms < 0 { "behind" } else { "ahead of" };
        Self::new(
            Code::E22,
            format!(
                "the clock of {label} is {minutes} min {rest} s {way} this device. Scores are kept in \
                 the right order anyway; please set the clock."
            ),
        )
    }

    /// Says that an approved score is not changed by one alone (E14); `clock` is when the shooter
    /// approved.
    pub fn approved(clock: &str) -> Self {
        Self::new(
            Code::E14,
            format!(
                "this score was approved by the shooter at {clock}. Both must agree, or choose \
                 \"arbitration\"."
            ),
        )
    }

    /// Says that a score is of a later revision of the structure (E18).
    pub fn revision(have: u32, need: u32) -> Self {
        Self::new(
            Code::E18,
            format!(
                "this device has revision {have} of the event, the score needs revision {need}."
            ),
        )
    }

    /// Says that a text is too long (E21); lengths in bytes.
    pub fn too_large(what: &str, bytes: usize, bytes_max: usize) -> Self {
        Self::new(
            Code::E21,
            format!("{what} has {bytes} bytes, limit {bytes_max}."),
        )
    }

    /// Says that an incident or report of this identity is here and says something else (E19).
    pub fn other_data(what: &str, id: &dyn fmt::Display) -> Self {
        Self::new(
            Code::E19,
            format!(
                "{what} {id} is here already and says something else. Nothing was saved. Add it \
                 with an id of its own, or void the one that is wrong."
            ),
        )
    }

    /// Asks what a second score in one slot is (E09): a question, not a refusal. `held` is what the
    /// entry says that is there, such as its time; `clock` when it was saved.
    pub fn slot_filled(drill: DrillNo, shooter: ShooterNo, held: &str, clock: &str) -> Self {
        Self::new(
            Code::E09,
            format!(
                "shooter {shooter} already has a score on stage {drill} ({held}, {clock}). \
                 Reshoot, correction, or wrong shooter?"
            ),
        )
    }

    /// Warns of a run with the same time and hits as another shooter's (E10), saved at `clock`.
    pub fn same_run(shooter: ShooterNo, clock: &str) -> Self {
        Self::new(
            Code::E10,
            format!(
                "same time and hits as shooter {shooter} at {clock}. Wrong shooter? Move it / \
                 keep both."
            ),
        )
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.text)
    }
}

impl core::error::Error for Mistake {}

/// Prints a cell set: `squad 22`, `stages 3, 4, squads 1-5`, `everything`.
fn cells(cells: &CellSet) -> String {
    let drills = cells.drills.as_ref().map(|list| {
        numbers(
            "stage",
            &list.iter().map(|drill| drill.0).collect::<Vec<_>>(),
        )
    });
    let squads = cells.squads.as_ref().map(|list| {
        numbers(
            "squad",
            &list.iter().map(|squad| squad.0).collect::<Vec<_>>(),
        )
    });
    match (drills, squads) {
        (None, None) => "everything".to_owned(),
        (Some(one), None) | (None, Some(one)) => one,
        (Some(drills), Some(squads)) => format!("{drills}, {squads}"),
    }
}

/// Prints ascending numbers with a word before them, runs of three and more as `1-5`.
pub(super) fn numbers(word: &str, list: &[u32]) -> String {
    let plural = if list.len() == 1 { "" } else { "s" };
    format!("{word}{plural} {}", ranges(list))
}

/// Prints ascending numbers, runs of three and more as `1-5`.
pub(super) fn ranges(list: &[u32]) -> String {
    let mut parts: Vec<String> = Vec::new();
    let runs = list.chunk_by(|left, right| left.checked_add(1) == Some(*right));
    for run in runs {
        match run {
            [first, _, .., last] => parts.push(format!("{first}-{last}")),
            few => parts.extend(few.iter().map(|number| format!("{number}"))),
        }
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use alloc::{string::ToString as _, vec};

    use super::*;

    fn squads(list: &[u32]) -> CellSet {
        CellSet {
            drills: None,
            squads: Some(list.iter().map(|&no| SquadNo(no)).collect()),
        }
    }

    #[test]
    fn messages_read_as_the_field_knows_them() {
        let one = (ShooterNo(175), SquadNo(15));
        let stage = CellSet {
            drills: Some(vec![DrillNo(5)]),
            ..squads(&[1, 2, 3, 7])
        };
        for (mistake, text) in [
            (
                Mistake::outside_grant(&[squads(&[22])], Some(DrillNo(2)), one, Some("VSVA1")),
                "E02 this device may score squad 22; shooter 175 is in squad 15. \
                 Scores for squad 15 come from device VSVA1.",
            ),
            (
                Mistake::outside_grant(&[stage], Some(DrillNo(2)), one, None),
                "E02 this device may score stage 5, squads 1-3, 7; on stage 2 shooter 175 is \
                 in squad 15. Ask the event owner for a grant.",
            ),
            (
                Mistake::outside_grant(&[], None, one, None),
                "E02 this device may not score; shooter 175 is in squad 15. \
                 Ask the event owner for a grant.",
            ),
            (
                Mistake::foreign(&"6/118", "VSVA5", "void"),
                "E13 entry 6/118 was written by VSVA5. Only VSVA5 or the owner may void it.",
            ),
            (
                Mistake::overlapping((Some(DrillNo(5)), Some(SquadNo(7))), "VSVA5", &12),
                "E15 stage 5, squad 7 already belongs to VSVA5 (grant 12). Close that grant or \
                 transfer it.",
            ),
            (
                Mistake::does_not_follow(&6, 119, "hash differs", "VSVA5"),
                "E16 entry 6/119 does not follow 6/118 (hash differs). \
                 The log of VSVA5 was not taken beyond 6/118.",
            ),
            (
                Mistake::forked(&6, 119, "VSVA5"),
                "E17 device VSVA5 wrote two different entries 6/119. Both kept and shown as \
                 disputed until the owner decides; scoring continues.",
            ),
            (
                Mistake::revision(1, 2),
                "E18 this device has revision 1 of the event, the score needs revision 2.",
            ),
            (
                Mistake::too_large("note", 140, 120),
                "E21 note has 140 bytes, limit 120.",
            ),
            (
                Mistake::slot_filled(DrillNo(2), ShooterNo(175), "42.92 s", "07:12"),
                "E09 shooter 175 already has a score on stage 2 (42.92 s, 07:12). \
                 Reshoot, correction, or wrong shooter?",
            ),
        ] {
            assert_eq!(mistake.to_string(), text);
        }
    }

    #[test]
    fn runs_of_numbers_are_shortened() {
        for (list, text) in [
            (vec![1], "1"),
            (vec![1, 2], "1, 2"),
            (vec![1, 2, 3, 5, 7, 8, 9], "1-3, 5, 7-9"),
            (vec![], ""),
        ] {
            assert_eq!(ranges(&list), text);
        }
    }
}
