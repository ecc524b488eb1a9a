//! What each kind of write becomes: its command, the answer that it must get, and what follows.
//!
//! Three tables, each read from the top; the first row whose condition holds decides.
//!
//! | table | question |
//! | --- | --- |
//! | [`RECORDS`] | what does the line say? |
//! | [`COMMANDS`] | is it added, or does it replace an entry? |
//! | [`FOLLOWS`] | which answers may come, and what follows each? |
//!
//! [`TOTALS`] says how often each command gets each answer in the real match. Layer: node, demo;
//! pure.

use std::collections::BTreeMap;

use super::data::{Kind, Line, Match};
use crate::local::protocol::{
    ChronoData, GearResult, PenaltyData, Record, ScoreData, StatusRecord, StatusWhat, SteelData,
    VoidWhy,
};

/// The answer of a write that is on disk.
pub(super) const SAVED: &str = "saved";

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// The shooter did not finish; times, hits and readings of the line mean nothing.
    Dnf,
    /// A reading of the chronograph.
    Chrono,
    /// A result.
    Score,
}

/// One row of [`RECORDS`].
pub(super) struct RecordRow {
    when: fn(&Match, &Line) -> bool,
    what: What,
}

/// What a line says: a DNF also where it stands at the chronograph.
pub(super) const RECORDS: [RecordRow; 3] = [
    RecordRow {
        when: |_, line| line.dnf,
        what: What::Dnf,
    },
    RecordRow {
        when: |data, line| data.is_chrono(line.drill),
        what: What::Chrono,
    },
    RecordRow {
        when: |_, _| true,
        what: What::Score,
    },
];

/// Which entry a line replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aim {
    /// The one that stands in the slot of the shooter whom it was first saved for.
    OtherShooter,
    /// The one that stands in its own slot.
    Own,
    /// None.
    Nothing,
}

/// One row of [`COMMANDS`].
pub(super) struct CommandRow {
    when: fn(&Slots<'_>) -> bool,
    aim: Aim,
}

/// What stands where a line writes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slots<'a> {
    /// The line.
    pub(super) line: &'a Line,
    /// What stands in its own slot.
    pub(super) own: Option<&'a Held>,
    /// What stands in the slot from which the line moves a result.
    pub(super) other: Option<&'a Held>,
}

/// An entry that stands in a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    /// The entry's UUID.
    pub(super) entry: String,
    /// What it says.
    pub(super) record: Record,
}

/// Which entry is replaced. A result that was saved for the wrong shooter is moved in one command;
/// only equal content is moved, since the slot may have been cleared and filled again since.
pub(super) const COMMANDS: [CommandRow; 3] = [
    CommandRow {
        when: is_moved,
        aim: Aim::OtherShooter,
    },
    CommandRow {
        when: |slots| slots.own.is_some(),
        aim: Aim::Own,
    },
    CommandRow {
        when: |_| true,
        aim: Aim::Nothing,
    },
];

/// What follows an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// The owner gives the same command on its own device.
    Owner,
    /// The disqualification is recorded by the same device.
    MatchDq,
    /// What stands in the slot is voided by the same device.
    Void,
    /// A DNF is recorded by the same device.
    Dnf,
    /// Nothing.
    Nothing,
}

/// One row of [`FOLLOWS`].
pub(super) struct FollowRow {
    answers: &'static [&'static str],
    when: fn(&Case<'_>) -> bool,
    /// What follows.
    pub(super) then: Then,
}

/// Who gives a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// A tablet.
    Tablet,
    /// The owner, on its own device.
    Owner,
}

/// What a row of [`FOLLOWS`] looks at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case<'a> {
    /// The line.
    pub(super) line: &'a Line,
    /// Whether the device's grants of the shift cover the line's cell.
    pub(super) covered: bool,
    /// Who gave the command.
    pub(super) by: By,
    /// Whether the shooter is disqualified already.
    pub(super) shooter_out: bool,
    /// What stands in the line's slot, and before the command also.
    pub(super) own: Option<&'a Held>,
}

/// Which answers may come, and what follows each.
///
/// A result that is refused at the device because the cell is another's (E02) or the shooter is
/// out (E11) is the owner's to enter. An incomplete one (E03, E06) becomes what it stands for: a
/// DQ, an emptied slot, a DNF; a draft that a later line completes becomes nothing.
pub(super) const FOLLOWS: [FollowRow; 9] = [
    FollowRow {
        answers: &["E02"],
        when: |it| !it.covered && it.by == By::Tablet,
        then: Then::Owner,
    },
    FollowRow {
        answers: &["E11"],
        when: |it| it.shooter_out && it.by == By::Tablet,
        then: Then::Owner,
    },
    FollowRow {
        answers: &["E03", "E06"],
        when: is_dq,
        then: Then::MatchDq,
    },
    FollowRow {
        answers: &["E03"],
        when: |it| it.line.kind == Kind::Cleared && it.own.is_some(),
        then: Then::Void,
    },
    FollowRow {
        answers: &["E03"],
        when: |it| it.line.kind == Kind::Cleared || it.line.superseded,
        then: Then::Nothing,
    },
    FollowRow {
        answers: &["E03"],
        when: |it| it.own.is_none(),
        then: Then::Dnf,
    },
    FollowRow {
        answers: &["E03"],
        when: holds_dnf,
        then: Then::Nothing,
    },
    FollowRow {
        answers: &[SAVED],
        when: is_dq,
        then: Then::MatchDq,
    },
    FollowRow {
        answers: &[SAVED],
        when: |_| true,
        then: Then::Nothing,
    },
];

/// A kind of command, as totals count them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Command {
    /// A result for an empty slot.
    Score,
    /// A result that replaces an entry.
    ScoreReplaces,
    /// A reading for an empty slot.
    Chrono,
    /// A reading that replaces an entry.
    ChronoReplaces,
    /// A DNF for an empty slot.
    Dnf,
    /// A DNF that replaces an entry.
    DnfReplaces,
    /// A void alone.
    Void,
    /// A disqualification.
    MatchDq,
    /// A withdrawal.
    Withdrawn,
}

/// How often each command gets each answer in the real match; every other pair: never.
pub(super) const TOTALS: [(Command, &str, u64); 16] = [
    (Command::Score, SAVED, 3_142),
    (Command::Score, "E03", 22),
    (Command::Score, "E06", 1),
    (Command::Score, "E11", 2),
    (Command::ScoreReplaces, SAVED, 25),
    (Command::ScoreReplaces, "E02", 6),
    (Command::ScoreReplaces, "E03", 8),
    (Command::Chrono, SAVED, 227),
    (Command::Chrono, "E02", 2),
    (Command::ChronoReplaces, SAVED, 78),
    (Command::Dnf, SAVED, 73),
    (Command::Dnf, "E11", 6),
    (Command::DnfReplaces, SAVED, 2),
    (Command::Void, SAVED, 5),
    (Command::MatchDq, SAVED, 8),
    (Command::Withdrawn, SAVED, 11),
];

/// Answers by command, counted.
pub(super) type Answers = BTreeMap<(Command, String), u64>;

/// Says which totals of the real match differ from [`TOTALS`], one sentence each.
pub(super) fn differing(answers: &Answers) -> Vec<String> {
    let expected: BTreeMap<(Command, String), u64> = TOTALS
        .iter()
        .map(|(command, answer, count)| ((*command, (*answer).to_owned()), *count))
        .collect();
    let mut keys: Vec<&(Command, String)> = expected.keys().chain(answers.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    keys.into_iter()
        .filter_map(|key| {
            let count = |map: &Answers| map.get(key).copied().unwrap_or_default();
            let (wanted, got) = (count(&expected), count(answers));
            (wanted != got).then(|| {
                format!(
                    "{:?} answered {} {got} times, expected {wanted}",
                    key.0, key.1
                )
            })
        })
        .collect()
}

/// Finds what follows an answer; `None` if the table does not allow the answer there.
pub(super) fn follow(case: &Case<'_>, answer: &str) -> Option<&'static FollowRow> {
    FOLLOWS
        .iter()
        .find(|row| row.answers.contains(&answer) && (row.when)(case))
}

/// Finds which entry a line replaces.
pub(super) fn aim<'a>(slots: &Slots<'a>) -> Option<&'a Held> {
    let row = COMMANDS.iter().find(|row| (row.when)(slots))?;
    match row.aim {
        Aim::OtherShooter => slots.other,
        Aim::Own => slots.own,
        Aim::Nothing => None,
    }
}

/// Returns the shooter from whose slot a line moves a result.
pub(super) fn moved_from(line: &Line) -> Option<u32> {
    let origin = line
        .origin
        .as_deref()
        .filter(|_| line.kind == Kind::ReassignIn)?;
    origin.strip_prefix("from shooter ")?.parse().ok()
}

/// Makes what a line says.
pub(super) fn record(data: &Match, line: &Line) -> Record {
    let row = RECORDS.iter().find(|row| (row.when)(data, line));
    match row.map_or(What::Score, |row| row.what) {
        What::Dnf => status(line, StatusWhat::Dnf, rule(data, line.dnf_rules.last())),
        What::Chrono => Record::Chrono(chrono(line)),
        What::Score => Record::Score(score(data, line)),
    }
}

/// Makes the DNF that an incomplete line stands for.
pub(super) fn dnf(line: &Line) -> Record {
    status(line, StatusWhat::Dnf, None)
}

/// Makes the disqualification of a line.
pub(super) fn match_dq(data: &Match, line: &Line) -> Record {
    status(line, StatusWhat::MatchDq, rule(data, line.dq_rules.first()))
}

/// Makes a withdrawal.
pub(super) fn withdrawn(shooter: u32) -> Record {
    Record::Status(StatusRecord {
        shooter,
        drill: None,
        kind: StatusWhat::Withdrawn,
        attempt: 0,
        rule: None,
        note: String::new(),
    })
}

/// Returns the kind of a command.
pub(super) fn command(record: &Record, replaces: bool) -> Command {
    match (record, replaces) {
        (Record::Score(_), false) => Command::Score,
        (Record::Score(_), true) => Command::ScoreReplaces,
        (Record::Chrono(_), false) => Command::Chrono,
        (Record::Chrono(_), true) => Command::ChronoReplaces,
        (Record::Status(status), _) => match (status.kind, replaces) {
            (StatusWhat::Dnf, false) => Command::Dnf,
            (StatusWhat::Dnf, true) => Command::DnfReplaces,
            (StatusWhat::MatchDq, _) => Command::MatchDq,
            (
                StatusWhat::Withdrawn | StatusWhat::Dns | StatusWhat::StageDq | StatusWhat::Warning,
                _,
            ) => Command::Withdrawn,
        },
        // No such entry is made of a line of this match.
        (Record::Point(_) | Record::Set(_), _) => Command::Score,
    }
}

/// Says why a line's entry takes another out.
pub(super) fn reason(line: &Line) -> VoidWhy {
    let changed = |names: &[&str]| line.changed.iter().any(|it| names.contains(&it.as_str()));
    match (line.kind, line.origin.as_deref()) {
        (Kind::ReassignIn, _) => VoidWhy::WrongShooter,
        (_, Some(origin)) if origin.starts_with("Moved to") => VoidWhy::WrongShooter,
        (_, Some("Reshoot")) => VoidWhy::Reshoot,
        (_, Some("Stage edited")) => VoidWhy::Definition,
        (Kind::Resave | Kind::SignatureOnly, _) => VoidWhy::Duplicate,
        _ if changed(&["str"]) => VoidWhy::Time,
        _ if changed(&["proc", "proc_cnts", "dqs"]) => VoidWhy::Penalty,
        _ => VoidWhy::Hits,
    }
}

/// Whether the other shooter's slot holds the same run, which is moved here.
fn is_moved(slots: &Slots<'_>) -> bool {
    let Some(Record::Score(other)) = slots.other.map(|held| &held.record) else {
        return false;
    };
    slots.line.kind == Kind::ReassignIn
        && other.time_cs == slots.line.time_cs
        && other.targets == slots.line.targets
}

fn is_dq(case: &Case<'_>) -> bool {
    !case.line.dq_rules.is_empty()
}

fn holds_dnf(case: &Case<'_>) -> bool {
    matches!(
        case.own.map(|held| &held.record),
        Some(Record::Status(StatusRecord {
            kind: StatusWhat::Dnf,
            ..
        }))
    )
}

fn status(line: &Line, kind: StatusWhat, rule: Option<u32>) -> Record {
    let drill = Some(line.drill);
    Record::Status(StatusRecord {
        shooter: line.shooter,
        drill,
        kind,
        attempt: 0,
        rule,
        note: String::new(),
    })
}

fn rule(data: &Match, code: Option<&String>) -> Option<u32> {
    data.rules.get(code?).copied()
}

fn chrono(line: &Line) -> ChronoData {
    let digits = |text: String| text.replace('.', "").parse().ok();
    ChronoData {
        drill: line.drill,
        shooter: line.shooter,
        weights_decigrains: line
            .bullet_gr
            .iter()
            .filter_map(|it| digits(format!("{it:.1}")))
            .collect(),
        speeds_fps: line
            .velocities_fps
            .iter()
            .filter_map(|it| digits(format!("{it:.0}")))
            .collect(),
        gear: (line.gear_check.as_deref() == Some("Pass")).then_some(GearResult::Pass),
    }
}

fn score(data: &Match, line: &Line) -> ScoreData {
    let recorded_ms = i64::try_from(line.t_ms).unwrap_or_default();
    let penalty = |it: &super::data::Procedural| {
        Some(PenaltyData {
            rule: rule(data, Some(&it.rule))?,
            count: it.count,
        })
    };
    ScoreData {
        drill: line.drill,
        shooter: line.shooter,
        time_cs: line.time_cs.clone(),
        targets: line.targets.clone(),
        steel: SteelData {
            hit: line.steel_hit,
            miss: line.steel_miss,
            no_penalty_miss: 0,
            no_shoot: line.steel_noshoot,
        },
        penalties: line.procedurals.iter().filter_map(penalty).collect(),
        ro_ok_ms: line.ro_signed_ms.map(|it| it.saturating_sub(recorded_ms)),
        shooter_ok_ms: line
            .shooter_signed_ms
            .map(|it| it.saturating_sub(recorded_ms)),
        ..ScoreData::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(n: u64) -> (Match, Line) {
        let data = Match::built_in().expect("reads");
        let line = data
            .lines
            .iter()
            .find(|it| it.n == n)
            .expect("there")
            .clone();
        (data, line)
    }

    fn then(n: u64, answer: &str, own: Option<&Held>) -> Option<Then> {
        let (_, line) = line(n);
        let case = Case {
            line: &line,
            covered: true,
            by: By::Tablet,
            shooter_out: false,
            own,
        };
        follow(&case, answer).map(|row| row.then)
    }

    fn held(record: Record) -> Held {
        Held {
            entry: "e".to_owned(),
            record,
        }
    }

    #[test]
    fn an_incomplete_line_becomes_what_it_stands_for() {
        let (data, score_line) = line(27);
        let score = held(record(&data, &score_line));
        let dnf = held(dnf(&score_line));
        for (n, answer, own, expected) in [
            (1693, "E03", None, Some(Then::MatchDq)),
            (2528, "E06", None, Some(Then::MatchDq)),
            (45, "E03", Some(&score), Some(Then::Void)),
            (515, "E03", None, Some(Then::Nothing)),
            (60, "E03", None, Some(Then::Nothing)),
            (249, "E03", None, Some(Then::Dnf)),
            (228, "E03", Some(&dnf), Some(Then::Nothing)),
            (2675, SAVED, None, Some(Then::MatchDq)),
            (27, SAVED, None, Some(Then::Nothing)),
            // Answers that nothing in the data explains.
            (27, "E02", None, None),
            (27, "E11", None, None),
            (27, "E04", None, None),
        ] {
            assert_eq!(then(n, answer, own), expected, "{n} {answer}");
        }
    }

    #[test]
    fn a_run_is_moved_only_while_the_same_run_stands_there() {
        let (data, line) = line(514);
        assert_eq!(moved_from(&line), Some(204));
        let run = held(record(&data, &line));
        let other = held(dnf(&line));
        let aim_of = |other| {
            aim(&Slots {
                line: &line,
                own: None,
                other,
            })
        };
        assert_eq!(aim_of(Some(&run)), Some(&run));
        assert_eq!(aim_of(Some(&other)), None);
        assert_eq!(aim_of(None), None);
    }

    #[test]
    fn the_totals_are_those_of_the_whole_match() {
        let sum = |answer: &str| -> u64 {
            TOTALS
                .iter()
                .filter(|it| it.1 == answer)
                .map(|it| it.2)
                .sum()
        };
        assert_eq!(
            [sum(SAVED), sum("E02"), sum("E03"), sum("E06"), sum("E11")],
            [3_571, 8, 30, 1, 8]
        );
        assert_eq!(differing(&Answers::new()).len(), TOTALS.len());
    }

    #[test]
    fn readings_and_rules_are_taken_as_numbers() {
        let (data, line) = line(1168);
        let Record::Chrono(chrono) = record(&data, &line) else {
            panic!("{line:?}")
        };
        assert!(
            chrono.speeds_fps.iter().all(|it| (600..1500).contains(it)),
            "{chrono:?}"
        );
        assert!(
            chrono
                .weights_decigrains
                .iter()
                .all(|it| (1_200..2_400).contains(it)),
            "{chrono:?}"
        );
        let with_rules = data.lines.iter().filter(|it| !it.procedurals.is_empty());
        for line in with_rules {
            let Record::Score(score) = record(&data, line) else {
                continue;
            };
            assert_eq!(
                score.penalties.len(),
                line.procedurals.len(),
                "line {}",
                line.n
            );
        }
    }
}
