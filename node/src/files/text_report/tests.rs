//! Tests of the text report, on a real one.

use super::super::match_file::{ForeignId, Hits, PowerFactor, Scoring, Sport};
use super::*;

const REAL: &str = include_str!("../../../../tests/data/paulbunyan2023/report.txt");

/// A report as small as it can be.
const SMALL: &str = "$PRACTISCORE 1.7 RESULTS\n$INFO Region:IPSC\nZ 3.0\nA Club,CC,2026-06-01\n\
    D Comp,USPSA,FirstName,LastName,DQPistol,Division,Power Factor,Shoe Size\n\
    E 1,T1,Test,\"One, the first\",No,Open,Major,43\n\
    F Number,Stage_name,ScoringType,TimesRun\nG 1,First,Virginia,1\n\
    H Stage,Comp,DNF,A,Extra Shot,T1,Time\nI 1,1,No,5,1,12.34,12.34\n$END";

fn read(text: &str) -> TextReport {
    let read = read_text_report(text.as_bytes()).expect("readable");
    assert_eq!(read.warnings.to_string(), "");
    read.value
}

/// Reads the small report with one piece of text exchanged and compares the complaint.
fn check(from: &str, to: &str, expected: &str) {
    assert!(SMALL.contains(from), "the small report has no {from}");
    let said = read_text_report(SMALL.replacen(from, to, 1).as_bytes())
        .map_or_else(|errors| errors, |it| it.warnings)
        .to_string();
    assert!(said.contains(expected), "{said:?} lacks {expected:?}");
}

#[test]
fn the_real_report_is_written_byte_for_byte_as_it_was_read() {
    let report = read(REAL);
    assert_eq!(report.shooters.rows.len(), 72);
    assert_eq!(report.stages.rows.len(), 7);
    assert_eq!(report.scores.rows.len(), 494);
    let text = report.to_text();
    for (ours, theirs) in text.lines().zip(REAL.lines()) {
        assert_eq!(ours, theirs);
    }
    assert!(text == REAL, "the end differs");
    assert_eq!(read(&text), report);
}

#[test]
fn values_of_the_real_report_are_exact() {
    let report = read(REAL);
    let first = &report.scores.rows[0];
    assert_eq!((first.time_centis, first.string_centis[0]), (1734, 1734));
    assert_eq!(
        (first.hit_factor_e4, first.stage_points_e4),
        (86_505, 1_600_000)
    );
    assert_eq!(report.shooters.rows[0].match_points_e4, Some(6_567_177));
    assert_eq!(report.info("Match Level"), Some("Level I"));
}

#[test]
fn the_real_report_becomes_a_match() {
    let read = read(REAL).to_match();
    assert_eq!(read.warnings.to_string(), "");
    let it = read.value;
    assert_eq!(it.sport(), Sport::Uspsa);
    assert_eq!(
        it.date.map(|date| date.to_string()).as_deref(),
        Some("2023-01-08")
    );
    assert_eq!(
        (it.stages.len(), it.shooters.len(), it.scores.len()),
        (7, 72, 494)
    );
    assert_eq!(it.stages[3].scoring, Scoring::FixedTime);
    assert_eq!(it.stages[2].classifier.as_deref(), Some("22-06"));
    assert_eq!(it.shooters.iter().filter(|who| who.dq.is_some()).count(), 3);
    assert_eq!(it.shooters[0].id, ForeignId::new("M0001"));
    let first = it
        .scores
        .iter()
        .find(|score| score.shooter == it.shooters[0].id);
    let first = first.expect("a score");
    assert_eq!(first.string_centis, [1734]);
    let Hits::Sums(sums) = first.hits else {
        panic!("sums");
    };
    assert_eq!((sums.a, sums.c), (27, 5));
    let again = super::super::MatchFile {
        made_ids: true,
        ..read_again(&it)
    };
    assert!(
        again == it,
        "MIFF keeps all of it but where its ids came from"
    );
}

/// MIFF holds sums, so a report can be kept in one.
fn read_again(it: &super::super::MatchFile) -> super::super::MatchFile {
    let bytes = super::super::miff::write_miff(it).expect("writable");
    super::super::miff::read_miff(&bytes)
        .expect("readable")
        .value
}

#[test]
fn columns_are_found_by_name_and_others_are_kept() {
    let report = read(SMALL);
    let shooter = &report.shooters.rows[0];
    assert_eq!(shooter.last_name, "One, the first");
    assert_eq!(shooter.other["Shoe Size"], "43");
    assert_eq!(report.to_text(), SMALL);
    let it = report.to_match().value;
    assert_eq!(it.shooters[0].power_factor, PowerFactor::Major);
    assert_eq!(it.scores[0].extra.shots, 1);
    assert_eq!(it.sport(), Sport::Ipsc);
    assert_eq!(it.stages[0].scoring, Scoring::VirginiaCount);
    let turned = SMALL
        .replace("D Comp,USPSA,", "D USPSA,Comp,")
        .replace("E 1,T1,", "E T1,1,");
    assert_eq!(read(&turned).shooters.rows, report.shooters.rows);
}

#[test]
fn each_bad_line_is_named_with_its_place_and_what_to_do() {
    check(
        "$PRACTISCORE",
        "PRACTISCORE",
        "line 1: found PRACTISCORE 1.7 RESULTS; a report begins",
    );
    check(
        "E 1,",
        "E one,",
        "line 6, column \"Comp\": found \"one\"; write a whole number",
    );
    check(
        "E 1,",
        "E ,",
        "line 6, column \"Comp\": a number is missing here",
    );
    check(
        ",No,Open",
        ",Maybe,Open",
        "column \"DQPistol\": found \"Maybe\"; use Yes or No",
    );
    check(
        "12.34,",
        "NaN,",
        "line 10, column \"T1\": found \"NaN\"; write a number",
    );
    check(
        "12.34,",
        "1e18,",
        "column \"T1\": found \"1e18\"; write a number",
    );
    check(
        "I 1,1,",
        "I 2,1,",
        "stage 2: there is no such stage among the G lines",
    );
    check(
        "I 1,1,",
        "I 1,2,",
        "there is no such shooter among the E lines",
    );
    check(",43\n", ",43,44\n", "found 9 cells; there are 8 columns");
    check(
        "D Comp,USPSA",
        "D Comp,Comp",
        "line 5: found Comp; two columns have this name",
    );
    check(
        "Z 3.0\n",
        "Z 3.0\nB remark\n",
        "line 4: found B remark; has a tag",
    );
    check("\n$END", "", "the last line $END is missing");
    check(
        "G 1,First,Virginia,1",
        "G 1,a,b,1\nG 1,a,b,1",
        "stage 1: is there twice",
    );
    check(
        "A Club,CC,2026-06-01\n",
        "A Club\nD a\n",
        "these columns were named before",
    );
}

#[test]
fn damaged_reports_never_panic() {
    let whole = SMALL.as_bytes();
    for at in 0..whole.len() {
        let mut bytes = whole.to_vec();
        bytes[at] ^= 0x95;
        for bytes in [&bytes[..], &whole[..at]] {
            match read_text_report(bytes) {
                Ok(read) => {
                    let text = read.value.to_text();
                    let again = read_text_report(text.as_bytes()).expect("readable").value;
                    assert_eq!(again.to_text(), text, "byte {at}");
                    assert!(read.value.to_match().value.scores.len() < 2, "byte {at}");
                }
                Err(complaints) => assert!(!complaints.to_string().is_empty(), "byte {at}"),
            }
        }
    }
}

/// A line that was cut off counted as a run without a time, and so as a DNF.
#[test]
fn a_score_that_was_cut_off_or_has_a_negative_time_is_told() {
    let score = SMALL
        .lines()
        .find(|line| line.starts_with("I "))
        .expect("a score");
    let cut = score.rsplitn(4, ',').last().expect("cells");
    let told = read_text_report(SMALL.replacen(score, cut, 1).as_bytes());
    let told = told.expect_err("cut").to_string();
    assert!(told.contains("the line was cut off"), "{told}");
    let columns = SMALL
        .lines()
        .find(|line| line.starts_with("H "))
        .expect("columns");
    let place = columns
        .split(',')
        .position(|name| name == "Time")
        .expect("a time");
    let mut cells: Vec<&str> = score.split(',').collect();
    cells[place] = "-1.00";
    let told = read_text_report(SMALL.replacen(score, &cells.join(","), 1).as_bytes());
    let told = told.expect_err("negative").to_string();
    assert!(told.contains("a time is not negative"), "{told}");
    let twice = SMALL.replacen(score, &format!("{score}\n{score}"), 1);
    let warnings = read_text_report(twice.as_bytes()).expect("reads").warnings;
    assert!(
        warnings.to_string().contains("is there twice"),
        "{warnings}"
    );
}
