//! The app's words for how a stage is scored.

use super::super::match_file::Scoring;

/// Reads the app's word; without one, what a match of this kind means.
pub(in super::super) fn scoring(word: &str, kind: &str) -> Scoring {
    let letters: String = word
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    match letters.as_str() {
        "comstock" => Scoring::Comstock,
        "virginia" | "virginiacount" => Scoring::VirginiaCount,
        "fixed" | "fixedtime" => Scoring::FixedTime,
        "chrono" => Scoring::Chrono,
        "idpa" => Scoring::PointsDown,
        "timeplus" => Scoring::TimePlus,
        "steelchallenge" => Scoring::SteelChallenge,
        "" => match kind.to_ascii_lowercase().as_str() {
            "idpa" => Scoring::PointsDown,
            "sc" => Scoring::SteelChallenge,
            "timeplus" => Scoring::TimePlus,
            _ => Scoring::Comstock,
        },
        _ => Scoring::Other(word.to_owned()),
    }
}

/// Returns the app's word.
pub(super) fn word(scoring: &Scoring) -> &str {
    match scoring {
        Scoring::Comstock => "Comstock",
        Scoring::VirginiaCount => "Virginia",
        Scoring::FixedTime => "Fixed",
        Scoring::Chrono => "Chrono",
        Scoring::PointsDown => "IDPA",
        Scoring::TimePlus => "TimePlus",
        Scoring::SteelChallenge => "SteelChallenge",
        Scoring::Other(word) => word,
    }
}
