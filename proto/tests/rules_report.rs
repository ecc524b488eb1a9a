//! A USPSA club match, from the text report's counts to every number it printed.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

mod rules_venue;

use rules_venue::{OWNER, Venue, data, status};
use tallyline_proto::{
    model::{
        Approvals, Body, Discipline, Division, Drill, DrillNo, Entrant, Hits, Marks, Method,
        NoShoots, Penalty, PowerFactor, Rule, RuleKind, RuleNo, Ruleset, Score, Shooter, ShooterNo,
        SquadNo, StatusKind, Steel, Structure, Target, Terms,
    },
    rules::{Roster, Standings, standings::Group},
};

/// One stage or shooter line of a text report, by column.
fn columns(line: &str) -> Vec<&str> {
    line.split_once(' ')
        .map_or(vec![], |(_, rest)| rest.split(',').collect())
}

/// Spreads counts over targets of 15 hits, the last one smaller: the report has sums only.
fn spread(mut counts: [u32; 7], required: &[u8]) -> Vec<Hits> {
    let mut hits = Vec::new();
    for &required in required {
        let mut left = u32::from(required);
        let mut taken = [0u8; 7];
        for (place, count) in counts.iter_mut().enumerate() {
            let is_no_shoot = place == 4;
            let part = (*count).min(if is_no_shoot { 15 } else { left });
            if !is_no_shoot {
                left -= part;
            }
            *count -= part;
            taken[place] = u8::try_from(part).expect("at most 15");
        }
        let [a, b, c, d, no_shoot, miss, no_penalty_miss] = taken;
        let target = Target {
            a,
            b,
            c,
            d,
            no_shoot,
            miss,
            no_penalty_miss,
        };
        hits.push(Hits::pack(target).expect("at most 15"));
    }
    assert_eq!(counts, [0; 7], "every count has a place");
    hits
}

fn centis(text: &str) -> u32 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}{part:0<2}")
        .parse()
        .expect("hundredths of a second")
}

/// The roster of the report: E lines are shooters, G lines stages.
fn report_structure(report: &str) -> Structure {
    let mut divisions: Vec<&str> = rows(report, 'E').iter().map(|fields| fields[9]).collect();
    divisions.sort_unstable();
    divisions.dedup();
    let drills = rows(report, 'G').into_iter().map(|fields| {
        let mut rounds: u32 = fields[3].parse::<u32>().expect("maximum points") / 5;
        let mut required_hits = Vec::new();
        while rounds > 0 {
            let part = rounds.min(15);
            required_hits.push(u8::try_from(part).expect("at most 15"));
            rounds -= part;
        }
        Drill {
            no: DrillNo(fields[0].parse().expect("a number")),
            name: fields[6].to_owned(),
            method: if fields[7] == "Fixed" {
                Method::FixedTime
            } else {
                Method::Comstock
            },
            strings: 1,
            required_hits,
            steel: 0,
            no_shoots: NoShoots::NotSaid,
            terms: Terms::default(),
        }
    });
    let shooters = rows(report, 'E').into_iter().map(|fields| Shooter {
        no: ShooterNo(fields[0].parse().expect("a number")),
        label: fields[1].to_owned(),
        division: divisions
            .binary_search(&fields[9])
            .expect("a known division"),
        power_factor: match fields[12] {
            "Major" => PowerFactor::Major,
            "Minor" => PowerFactor::Minor,
            other => panic!("{other}"),
        },
        squad: SquadNo(1),
        categories: vec![],
        entrant: Entrant::default(),
    });
    Structure {
        epoch_ms: 0,
        zone_min: 0,
        level: String::new(),
        ruleset: Ruleset::of(Discipline::Uspsa),
        drills: drills.collect(),
        shooters: shooters.collect(),
        rules: vec![Rule {
            no: RuleNo(1),
            kind: RuleKind::Procedural,
            text: "10.2 Procedural".to_owned(),
            code: String::new(),
            value: None,
        }],
        divisions: divisions
            .iter()
            .map(|name| Division {
                name: (*name).to_owned(),
                minor_floor: None,
                major_floor: None,
            })
            .collect(),
        kinds: Vec::new(),
        places: Vec::new(),
    }
}

/// One I line of the report as an entry.
fn report_body(fields: &[&str], roster: &Roster) -> Body {
    let count = |column: usize| fields[column].parse::<u32>().expect("a count");
    let (drill, shooter) = (DrillNo(count(1)), ShooterNo(count(2)));
    if fields[4] == "Yes" {
        return status(StatusKind::Dnf, Some(drill), shooter, None);
    }
    let stage = roster.drill(drill).expect("a known stage");
    // A, B, C, D, no-shoot, miss, no-penalty miss.
    let counts = [
        count(5),
        count(6),
        count(7),
        count(8),
        count(10),
        count(9),
        count(17),
    ];
    let fixed = stage.method == Method::FixedTime;
    Body::Score(Score {
        drill,
        shooter,
        attempt: 0,
        time_centis: if fixed {
            vec![]
        } else {
            vec![centis(fields[25])]
        },
        hits: spread(counts, &stage.required_hits),
        steel: Steel::default(),
        penalties: match u8::try_from(count(11)).expect("few") {
            0 => vec![],
            count => vec![Penalty {
                rule: RuleNo(1),
                count,
            }],
        },
        approvals: Approvals::default(),
        late_shots: count(14),
        extra_shots: count(15),
        extra_hits: count(16),
        instead_of: None,
        marks: Marks::default(),
    })
}

/// The columns of all lines that begin with this letter.
fn rows(report: &str, letter: char) -> Vec<Vec<&str>> {
    report
        .lines()
        .filter(|line| line.starts_with(letter))
        .map(columns)
        .collect()
}

fn shooter_no(field: &str) -> ShooterNo {
    ShooterNo(field.parse().expect("a number"))
}

/// V20: a USPSA report, hit factors rounded before ratios, one Fixed Time stage. The rows of the
/// disqualified have no results to compare.
#[test]
fn every_row_of_the_uspsa_report_is_reproduced() {
    let report = data("paulbunyan2023/report.txt");
    let mut roster = Roster::new(report_structure(&report));
    roster.lock();
    let mut venue = Venue::new();
    let mut results = rows(&report, 'I');
    results.retain(|fields| fields[3] == "No");
    for fields in &results {
        venue.write(1, 0, report_body(fields, &roster));
    }
    let (disqualified, shooters): (Vec<_>, Vec<_>) = rows(&report, 'E')
        .into_iter()
        .partition(|fields| fields[4] == "Yes");
    for fields in &disqualified {
        venue.write(
            OWNER,
            0,
            status(StatusKind::MatchDq, None, shooter_no(fields[0]), None),
        );
    }
    let (book, standings) = venue.standings(&roster, &venue.lines());
    assert_eq!(book.totals().unfit, 0, "{:?}", book.verdicts());
    for fields in &results {
        check_stage_row(&roster, &standings, fields);
    }
    for fields in &shooters {
        check_match_row(&roster, &standings, fields);
    }
    assert_eq!((results.len(), shooters.len()), (483, 69), "rows compared");
}

fn group(roster: &Roster, shooter: ShooterNo) -> Group {
    Group::Division(roster.shooter(shooter).expect("on the roster").division)
}

/// An I line against our row: points, net points, hit factor, stage points, place.
fn check_stage_row(roster: &Roster, standings: &Standings, fields: &[&str]) {
    let (drill, shooter) = (
        DrillNo(fields[1].parse().expect("a number")),
        shooter_no(fields[2]),
    );
    let table = standings
        .stage(drill, group(roster, shooter))
        .expect("a table");
    let row = table
        .rows
        .iter()
        .find(|row| row.shooter == shooter)
        .expect("a row");
    let result = row.result.as_ref().expect("numbers");
    let ours = [
        result.hit_factor.to_string(),
        result.stage_points.to_string(),
    ];
    assert_eq!(ours, fields[28..30], "stage {drill}, shooter {shooter}");
    // A DNF row may show what lay on the targets; nothing of it counts.
    if fields[4] == "No" {
        let ours = [
            result.tally.points.to_string(),
            result.tally.net().to_string(),
        ];
        assert_eq!(ours, fields[26..28], "stage {drill}, shooter {shooter}");
    }
    let tied = table
        .rows
        .iter()
        .filter(|other| other.place == row.place)
        .count();
    let shared = row.place..row.place + u32::try_from(tied).expect("few");
    assert!(
        shared.contains(&fields[30].parse().expect("a place")),
        "{drill} {shooter} {shared:?}"
    );
}

/// An E line against our row: match points and place.
fn check_match_row(roster: &Roster, standings: &Standings, fields: &[&str]) {
    let shooter = shooter_no(fields[0]);
    let table = standings.overall(group(roster, shooter)).expect("a table");
    let row = table
        .rows
        .iter()
        .find(|row| row.shooter == shooter)
        .expect("a row");
    let points = row.result.as_ref().expect("numbers").points.to_string();
    assert_eq!(
        (points.as_str(), row.place.to_string().as_str()),
        (fields[10], fields[11]),
        "shooter {shooter}"
    );
}
