//! Names of scoring events and sports, as the format's own program calls them.

use super::super::match_file::{MatchFile, Rule, RuleKind, Scoring, Sport, TargetHits};

/// Points down on a target.
pub(super) const POINTS_DOWN: &str = "-1";
/// A procedural.
pub(super) const PROCEDURAL: &str = "Procedural";
/// A shot after the par time.
pub(super) const LATE_SHOT: &str = "Overtime shot";
/// A shot beyond the number allowed; a local event, as the format's sports do not know it.
pub(super) const EXTRA_SHOT: &str = "Extra shot";
/// A hit beyond the number allowed; local, too.
pub(super) const EXTRA_HIT: &str = "Extra hit";
/// One penalty point; local, too.
pub(super) const PENALTY_POINT: &str = "Additional penalty";
/// A missed steel target of a match in which it costs points down; local, too.
pub(super) const STEEL_MISS: &str = "Steel miss";

/// The zones in the order of [`TargetHits::counts`].
pub(super) const ZONES: [&str; 7] = ["A", "B", "C", "D", "NS", "M", "NPM"];

/// Returns which zone a name means.
pub(super) fn zone(name: &str) -> Option<usize> {
    ZONES.iter().position(|zone| *zone == name)
}

/// Returns hits without zones of which there are none, with their names.
pub(super) fn named(hits: &TargetHits) -> impl Iterator<Item = (&'static str, u32)> {
    ZONES
        .into_iter()
        .zip(hits.counts())
        .filter(|(_, count)| 0 < *count)
}

/// Returns the format's name of a sport; those it does not know keep the app's name.
pub(super) fn sport(it: &MatchFile) -> &str {
    match it.sport() {
        Sport::Ipsc => "ipsc",
        Sport::Uspsa => "uspsa",
        Sport::Idpa => "idpa",
        Sport::Icore => "icore",
        Sport::SteelChallenge => "steelChallenge",
        Sport::TimePlus => "timePlus",
        Sport::Other if it.kind.trim().is_empty() => "other",
        Sport::Other => &it.kind,
    }
}

/// Returns the app's kind and subkind for a sport of the format.
pub(super) fn kinds(sport: &str) -> (&str, &str) {
    match sport {
        "ipsc" => ("uspsa_p", "ipsc"),
        "uspsa" => ("uspsa_p", "uspsa"),
        "icore" => ("timeplus", "icore"),
        "steelChallenge" => ("sc", "SCSA"),
        "timePlus" => ("timeplus", ""),
        "other" => ("", ""),
        other => (other, ""),
    }
}

/// Returns the format's name of a way of scoring.
pub(super) fn scoring_type(stage: &Scoring) -> &'static str {
    match stage {
        Scoring::Comstock | Scoring::VirginiaCount => "hitFactor",
        Scoring::FixedTime | Scoring::Other(_) => "points",
        Scoring::Chrono => "ignored",
        Scoring::PointsDown | Scoring::TimePlus | Scoring::SteelChallenge => "timePlus",
    }
}

/// Returns what a way of scoring of the format means in a sport.
pub(super) fn scoring(name: &str, sport: Sport) -> Option<Scoring> {
    match (name, sport) {
        ("hitFactor", _) => Some(Scoring::Comstock),
        ("points", _) => Some(Scoring::FixedTime),
        ("ignored" | "timePlusChrono", _) => Some(Scoring::Chrono),
        ("timePlus", Sport::Idpa) => Some(Scoring::PointsDown),
        ("timePlus", Sport::SteelChallenge) => Some(Scoring::SteelChallenge),
        ("timePlus", _) => Some(Scoring::TimePlus),
        (_, _) => None,
    }
}

/// Returns the seconds that the format's sports give a penalty, in hundredths, if they know it.
pub(super) fn built_in_value(name: &str) -> Option<i64> {
    match name {
        "Non-Threat" | "Hits on Non-Threat" => Some(500),
        "PE" | "Procedural Error" | "Finger PE" => Some(300),
        "Flagrant" | "Flagrant Penalty" => Some(1000),
        "FTDR" | "Failure to Do Right" => Some(3000),
        _ => None,
    }
}

/// Returns the place of a rule among the rules of its kind.
pub(super) fn place_of(rules: &[Rule], kind: RuleKind, text: &str) -> Option<usize> {
    rules
        .iter()
        .filter(|rule| rule.kind == kind)
        .position(|rule| rule.text == text)
}
