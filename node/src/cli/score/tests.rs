//! Tests of the requests that are made of typed scores.

use clap::Parser as _;

use super::super::args::{Cli, Verb};
use super::*;

fn typed(line: &str) -> Result<protocol::ScoreAdd, Failure> {
    let words = line.split(' ').map(|word| word.replace('_', " "));
    let start = ["tallyline", "score", "add"].map(str::to_owned);
    let verb = Cli::try_parse_from(start.into_iter().chain(words))
        .unwrap()
        .verb;
    let Verb::Score(ScoreVerb::Add(args)) = verb else {
        panic!("{verb:?}")
    };
    add(*args)
}

#[test]
fn a_score_is_what_the_official_typed() {
    let line = "--drill 2 --shooter 175 --time 42.92 --hits 2A_AC A1M --steel 5/1 --penalty 1x2";
    let request = typed(line).unwrap();
    let expected = ScoreData {
        drill: 2,
        shooter: 175,
        time_cs: vec![4292],
        targets: vec![0x2, 0x101, 0x0010_0001],
        steel: protocol::SteelData {
            hit: 5,
            miss: 1,
            ..protocol::SteelData::default()
        },
        penalties: vec![protocol::PenaltyData { rule: 1, count: 2 }],
        ..ScoreData::default()
    };
    assert_eq!(request.record, Record::Score(expected));
    assert_eq!((request.replaces, request.confirmed), (None, false));
}

/// Every word behind the faults was taken for another string's, `--confirm` too.
#[test]
fn the_faults_of_all_strings_are_one_word() {
    let line = "--drill 2 --shooter 175 --time 4 --time 0 --faults -_U --confirm";
    let request = typed(line).unwrap();
    assert!(request.confirmed, "the flag behind it is read");
    let Record::Score(score) = request.record else {
        panic!("{:?}", request.record)
    };
    let unfinished: Vec<bool> = score.string_faults.iter().map(|it| it.unfinished).collect();
    assert_eq!(
        (score.time_cs, unfinished),
        (vec![400, 0], vec![false, true])
    );
}

#[test]
fn a_correction_names_what_it_replaces_and_why() {
    let line = "--drill 2 --shooter 175 --time 42 --replaces e1 --reason hits --confirm";
    let request = typed(line).unwrap();
    let expected = Replaces {
        entry: "e1".to_owned(),
        reason: protocol::VoidWhy::Hits,
        agreed: protocol::AgreedData::default(),
    };
    assert_eq!(
        (request.replaces, request.confirmed),
        (Some(expected), true)
    );
}

#[test]
fn a_status_and_a_reading_are_records_of_their_own() {
    let status = |line: &str| {
        let record = typed(line).unwrap().record;
        let Record::Status(it) = record else {
            panic!("{record:?}")
        };
        (it.kind, it.drill, it.rule)
    };
    assert_eq!(
        status("--drill 2 --shooter 5 --dnf"),
        (StatusWhat::Dnf, Some(2), None)
    );
    assert_eq!(
        status("--drill 2 --shooter 5 --dnf 57"),
        (StatusWhat::Dnf, Some(2), Some(57))
    );
    assert_eq!(
        status("--shooter 5 --dq 28"),
        (StatusWhat::MatchDq, None, Some(28))
    );
    assert_eq!(
        status("--shooter 5 --withdrawn"),
        (StatusWhat::Withdrawn, None, None)
    );
    let chrono = typed("--drill 15 --shooter 5 --chrono --weight 180 --fps 963,958 --gear fail");
    let expected = ChronoData {
        drill: 15,
        shooter: 5,
        weights_decigrains: vec![1800],
        speeds_fps: vec![963, 958],
        gear: Some(protocol::GearResult::Fail),
    };
    assert_eq!(chrono.unwrap().record, Record::Chrono(expected));
}

#[test]
fn bad_hits_are_a_usage_failure() {
    let failure = typed("--drill 2 --shooter 5 --time 1 --hits 2E").unwrap_err();
    assert_eq!(failure.exit, protocol::exits::USAGE);
    assert!(failure.text.contains("\"2E\" is no target"), "{failure}");
}
