//! How the two sides call a thing: ids, labels, lengths.
//!
//! Layer: node, exchange, at the bottom.

use tallyline_proto::model::{Drill, Shooter};
use uuid::Uuid;

use crate::files::fold::plain_name;
use crate::files::match_file::ForeignId;

/// Longest name of an event, stage, division or shooter, in bytes.
pub const NAME_BYTES_MAX: usize = 64;
/// Longest member number, in bytes.
pub const MEMBER_BYTES_MAX: usize = 32;
/// Longest class, in bytes.
pub const CLASS_BYTES_MAX: usize = 16;
/// Longest text of a rule, in bytes.
pub const RULE_BYTES_MAX: usize = 160;
/// Longest briefing, in bytes.
pub const BRIEFING_BYTES_MAX: usize = 1_000;
/// The squad of those who have none yet: an event knows no shooter without a squad.
pub const NO_SQUAD: u32 = 999;

/// How the last line of a briefing begins that tells a classifier's number.
const CLASSIFIER: &str = "Classifier: ";

/// Returns the name with us of what another program named.
///
/// A UUID of version 5 stays as it is: it was made like this, by us or by another program, so that
/// an event that goes out as a file and comes in elsewhere keeps its names.
pub fn id_of(id: &ForeignId) -> Uuid {
    match Uuid::try_parse(id.text()) {
        Ok(uuid) if uuid.get_version_num() == 5 => uuid,
        Ok(_) | Err(_) => id.uuid(),
    }
}

/// Returns the name of a shooter outside of an event; who came from no file has one made of the
/// event's id and the shooter's number.
pub fn shooter_id(event: Uuid, shooter: &Shooter) -> Uuid {
    let made = || Uuid::new_v5(&event, format!("shooter {}", shooter.no).as_bytes());
    shooter.entrant.id.unwrap_or_else(made)
}

/// Returns the name of a stage outside of an event, as [`shooter_id`].
pub fn drill_id(event: Uuid, drill: &Drill) -> Uuid {
    let made = || Uuid::new_v5(&event, format!("stage {}", drill.no).as_bytes());
    drill.terms.id.unwrap_or_else(made)
}

/// Returns what screens print of a person, `Doe, John`, cut to what an event holds.
pub fn label(first: &str, last: &str) -> String {
    clipped(&full_label(first, last), NAME_BYTES_MAX)
}

/// Returns what screens print of a person, however long.
pub fn full_label(first: &str, last: &str) -> String {
    match (last.trim(), first.trim()) {
        ("", first) => first.to_owned(),
        (last, "") => last.to_owned(),
        (last, first) => format!("{last}, {first}"),
    }
}

/// Returns first and last name of a label; without a comma it is a last name.
pub fn names_of(label: &str) -> (String, String) {
    match label.split_once(", ") {
        Some((last, first)) => (first.to_owned(), last.to_owned()),
        None => (String::new(), label.to_owned()),
    }
}

/// Cuts a text at a character, so that it has at most this many bytes.
pub fn clipped(text: &str, bytes_max: usize) -> String {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    text.get(..end).unwrap_or_default().trim_end().to_owned()
}

/// Puts a classifier's number below a briefing.
pub fn briefing_with(briefing: &str, classifier: Option<&str>) -> String {
    let Some(code) = classifier else {
        return clipped(briefing, BRIEFING_BYTES_MAX);
    };
    let line = clipped(&format!("{CLASSIFIER}{code}"), NAME_BYTES_MAX);
    let room = BRIEFING_BYTES_MAX.saturating_sub(line.len().saturating_add(1));
    let briefing = clipped(briefing, room);
    if briefing.is_empty() {
        line
    } else {
        format!("{briefing}\n{line}")
    }
}

/// Takes the classifier's number off the end of a briefing.
pub fn briefing_of(briefing: &str) -> (String, Option<String>) {
    let (rest, line) = briefing.rsplit_once('\n').unwrap_or(("", briefing));
    match line.strip_prefix(CLASSIFIER.trim_end()) {
        Some(code) => (rest.to_owned(), Some(code.trim().to_owned())),
        None => (briefing.to_owned(), None),
    }
}

/// Returns whether two names are the same to a person.
pub fn same_name(one: &str, other: &str) -> bool {
    plain_name(one) == plain_name(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_version_5_stays_and_any_other_becomes_one() {
        let first = id_of(&ForeignId::new("EQRTwQ"));
        assert_eq!(first.get_version_num(), 5);
        assert_eq!(id_of(&ForeignId::new(&first.to_string())), first);
        let apple = ForeignId::new("7d0f3c3e-52a4-4b6c-9a51-0c6a4c1e9b10");
        assert_eq!(id_of(&apple), apple.uuid());
    }

    #[test]
    fn labels_tell_both_names() {
        for (first, last, expected) in [
            ("John", "Doe", "Doe, John"),
            ("", "Shooter 001", "Shooter 001"),
        ] {
            let label = label(first, last);
            assert_eq!(label, expected);
            assert_eq!(names_of(&label), (first.to_owned(), last.to_owned()));
        }
        assert_eq!(label("Only", ""), "Only");
    }

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(clipped("äö", 3), "ä");
        assert_eq!(clipped("abc", 3), "abc");
    }

    #[test]
    fn a_classifier_survives_in_the_briefing() {
        for briefing in ["", "Start anywhere.\nEngage all."] {
            for code in [None, Some(""), Some("22-06")] {
                let kept = briefing_with(briefing, code);
                let expected = (briefing.to_owned(), code.map(str::to_owned));
                assert_eq!(briefing_of(&kept), expected, "{kept}");
            }
        }
    }
}
