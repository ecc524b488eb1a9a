//! Two real matches, three ways: what the organisers' own software printed, what the package says,
//! and what the second calculation says.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    cases::{self, spread},
    compare::{check, tables},
    independent::{
        counted::Reading,
        facts::{
            Cost, Event, Floors, Num, Paper, Person, Power, Said, Shot, Sport, Stage, SteelCount,
            Way, Why,
        },
        overall::MatchLine,
        tables::StageLine,
    },
    rules_venue::data,
};

fn number(value: &Value) -> Num {
    value.as_i64().expect("a whole number").into()
}

fn numbers(value: &Value) -> Vec<Num> {
    let list = value.as_array().map_or(&[][..], Vec::as_slice);
    list.iter().map(number).collect()
}

fn small(value: &Value) -> u32 {
    u32::try_from(number(value)).expect("a small number")
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().expect("a text")
}

/// Digits after the point of a decimal number.
fn decimal(text: &str, decimals: usize) -> Num {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{part:0<decimals$}");
    digits.parse().expect("a decimal number")
}

/// Seven counts of four bits each.
fn paper(bits: Num) -> Paper {
    let count = |place: u32| (bits >> (4 * place)) & 15;
    Paper {
        a: count(0),
        b: count(1),
        c: count(2),
        d: count(3),
        no_shoot: count(4),
        miss: count(5),
        free_miss: count(6),
    }
}

/// The divisions, stages, people and rules of the Wasa match, and the names of divisions and rules.
fn wasa_event(file: &Value) -> (Event, Vec<String>, BTreeMap<String, u32>) {
    let mut event = cases::event(Sport::Ipsc);
    let list = |value: &'_ Value| value.as_array().expect("a list").clone();
    let divisions: Vec<String> = list(&file["divisions"])
        .iter()
        .map(|it| it.as_str().expect("a name").to_owned())
        .collect();
    event.divisions = divisions
        .iter()
        .map(|name| {
            let floors = &file["division_power_factors"][name];
            Floors {
                minor: floors.get("minor").map(number),
                major: floors.get("major").map(number),
            }
        })
        .collect();
    for stage in list(&file["stages"]) {
        let way = match text(&stage, "scoring") {
            "Comstock" => Way::Comstock,
            "Chrono" => Way::Chrono,
            other => panic!("{other}"),
        };
        event.stages.push(Stage {
            papers: numbers(&stage["target_shots"]),
            steel: number(&stage["steel"]),
            ..Stage::plain(small(&stage["stage"]), way)
        });
    }
    for shooter in list(&file["shooters"]) {
        let division = text(&shooter, "division");
        event.people.push(Person {
            no: small(&shooter["shooter"]),
            division: divisions
                .iter()
                .position(|it| it == division)
                .expect("a known division"),
            // Subminor is what the chronograph makes of Minor.
            declared: match text(&shooter, "power_factor") {
                "MAJOR" => Power::Major,
                _ => Power::Minor,
            },
        });
    }
    let mut codes = BTreeMap::new();
    for (rule, no) in list(&file["rules"]["procedurals"]).iter().zip(1..) {
        codes.insert(text(rule, "uuid").to_owned(), no);
        event.rules.push(Cost { no, value: None });
    }
    (event, divisions, codes)
}

/// What one line of the Wasa log says.
fn wasa_line(line: &Value, codes: &BTreeMap<String, u32>) -> Said {
    let (stage, who) = (small(&line["stage"]), small(&line["shooter"]));
    if line["dnf"] == true {
        let why = Why::Dnf;
        return Said::NoRun { stage, who, why };
    }
    if stage == 15 {
        let measured = |name: &str, decimals: usize| {
            let list = line[name].as_array().map_or(&[][..], Vec::as_slice);
            let list = list.iter().map(|it| it.as_f64().expect("a number"));
            list.map(|it| decimal(&format!("{it:.decimals$}"), decimals))
                .collect()
        };
        return Said::Reading {
            stage,
            who,
            weights: measured("bullet_gr", 1),
            speeds: measured("velocities_fps", 0),
        };
    }
    let penalties = line["procedurals"].as_array().expect("a list").iter();
    Said::Shot(Box::new(Shot {
        stage,
        who,
        times: numbers(&line["time_cs"]),
        papers: numbers(&line["targets"]).into_iter().map(paper).collect(),
        steel: SteelCount {
            down: number(&line["steel_hit"]),
            standing: number(&line["steel_miss"]),
            free_standing: 0,
            no_shoot: number(&line["steel_noshoot"]),
        },
        penalties: penalties
            .map(|it| (codes[text(it, "rule")], number(&it["count"])))
            .collect(),
        ..Shot::default()
    }))
}

/// The Wasa match as it was written: every save takes the one before in its slot back.
fn wasa() -> (Event, Vec<String>) {
    let file: Value = serde_json::from_str(&data("wasa2018/event.json")).expect("valid JSON");
    let (mut event, divisions, codes) = wasa_event(&file);
    let mut held: BTreeMap<(u32, u32), usize> = BTreeMap::new();
    for line in data("wasa2018/log.jsonl.gz").lines() {
        let line: Value = serde_json::from_str(line).expect("valid JSON");
        let (stage, who) = (small(&line["stage"]), small(&line["shooter"]));
        if let Some(place) = held.remove(&(stage, who)) {
            event.say(Said::Undo(place));
        }
        if line["kind"] != "cleared" {
            held.insert((stage, who), event.facts.len());
            event.say(wasa_line(&line, &codes));
        }
        if line["dq_rules"].as_array().is_some_and(|it| !it.is_empty()) {
            event.say(Said::Out {
                who,
                stage: Some(stage),
                withdrawn: false,
            });
        }
    }
    for shooter in file["shooters"].as_array().expect("a list") {
        if shooter["deleted"] == true {
            event.say(Said::Out {
                who: small(&shooter["shooter"]),
                stage: None,
                withdrawn: true,
            });
        }
    }
    (event, divisions)
}

/// Returns the only line of somebody, and whether a printed place is his: the reference counts on
/// where results are equal.
fn place_holds(lines: &[(Num, u32)], who: u32, printed: Num) -> bool {
    let (place, _) = lines
        .iter()
        .find(|(_, whose)| *whose == who)
        .expect("a line");
    let sharing = lines.iter().filter(|(other, _)| other == place).count();
    let sharing = Num::try_from(sharing).expect("few people");
    (*place..*place + sharing).contains(&printed)
}

fn places(lines: &[StageLine]) -> Vec<(Num, u32)> {
    lines.iter().map(|it| (it.place, it.who)).collect()
}

/// V19: every row of both files.
#[test]
fn v19_wasa_is_the_same_in_the_files_the_package_and_the_second_calculation() {
    let (event, divisions) = wasa();
    let (_, standings) = tables(&event);
    let reading = Reading::of(&event);
    let rows = check(&event, &standings);
    assert_eq!(rows, 6_160 + 196 + 440 + 14, "rows of both calculations");
    let division = |name: &str| match name {
        "Combined" => None,
        name => Some(divisions.iter().position(|it| it == name).expect("known")),
    };
    let mut stages: BTreeMap<(u32, Option<usize>), Vec<StageLine>> = BTreeMap::new();
    let csv = data("wasa2018/expected_stages.csv.gz");
    let mut compared = 0;
    for row in csv.split_terminator("\r\n").skip(1) {
        let fields: Vec<&str> = row.split(',').collect();
        let stage: u32 = fields[0].parse().expect("a stage");
        let group = division(fields[1]);
        let who: u32 = fields[3].parse().expect("a shooter");
        let lines = stages
            .entry((stage, group))
            .or_insert_with(|| reading.stage_table(event.stage(stage), group));
        let line = lines.iter().find(|it| it.who == who).expect(row);
        let printed = decimal(fields[2], 0);
        assert!(place_holds(&places(lines), who, printed), "{row}: {line:?}");
        let expected = (fields[4] == "0").then(|| {
            let decimals = [(5, 0), (6, 0), (7, 2), (8, 4), (9, 4), (10, 2)];
            decimals.map(|(column, decimals)| decimal(fields[column], decimals))
        });
        let ours = line.cells.as_ref().map(|it| {
            let sheet = &it.sheet;
            [
                sheet.points,
                sheet.penalties,
                sheet.time,
                it.factor,
                it.stage_points,
                it.percent,
            ]
        });
        assert_eq!(ours, expected, "{row}");
        compared += 1;
    }
    assert_eq!(compared, 6_160 + 196, "stage rows of the file");
    let mut overall: BTreeMap<Option<usize>, Vec<MatchLine>> = BTreeMap::new();
    compared = 0;
    for row in data("wasa2018/expected_overall.csv")
        .split_terminator("\r\n")
        .skip(1)
    {
        let fields: Vec<&str> = row.split(',').collect();
        let group = division(fields[0]);
        let lines = overall
            .entry(group)
            .or_insert_with(|| reading.match_table(group));
        let who: u32 = fields[2].parse().expect("a shooter");
        let line = lines.iter().find(|it| it.who == who).expect(row);
        let order: Vec<(Num, u32)> = lines.iter().map(|it| (it.place, it.who)).collect();
        assert!(place_holds(&order, who, decimal(fields[1], 0)), "{row}");
        let expected = (fields[3] == "0").then(|| (decimal(fields[4], 4), decimal(fields[5], 4)));
        let ours = line.cells.as_ref().map(|it| (it.points, it.percent));
        assert_eq!(ours, expected, "{row}");
        compared += 1;
    }
    assert_eq!(compared, 440 + 14, "match rows of the file");
}

/// The columns of all lines of the report that begin with this letter.
fn rows(report: &str, letter: char) -> Vec<Vec<&str>> {
    let lines = report.lines().filter(|line| line.starts_with(letter));
    lines
        .map(|line| {
            let (_, rest) = line.split_once(' ').expect("columns");
            rest.split(',').collect()
        })
        .collect()
}

/// Sums of hits take targets of up to 15 hits each.
fn papers(most_points: Num) -> Vec<Num> {
    let rounds = most_points / 5;
    let mut papers = vec![15; usize::try_from(rounds / 15).expect("few")];
    papers.extend([rounds % 15].into_iter().filter(|it| 0 < *it));
    papers
}

/// The USPSA match of the report: E lines are shooters, G lines stages, I lines runs.
fn report_event(report: &str) -> Event {
    let mut event = cases::event(Sport::Uspsa);
    let people = rows(report, 'E');
    let mut divisions: Vec<&str> = people.iter().map(|fields| fields[9]).collect();
    divisions.sort_unstable();
    divisions.dedup();
    event.divisions = vec![event.divisions[0]; divisions.len()];
    event.rules.push(Cost { no: 1, value: None });
    for fields in rows(report, 'G') {
        let way = match fields[7] {
            "Fixed" => Way::FixedTime,
            "Comstock" => Way::Comstock,
            other => panic!("{other}"),
        };
        event.stages.push(Stage {
            papers: papers(decimal(fields[3], 0)),
            ..Stage::plain(fields[0].parse().expect("a number"), way)
        });
    }
    for fields in &people {
        let division = divisions.iter().position(|name| *name == fields[9]);
        event.people.push(Person {
            no: fields[0].parse().expect("a number"),
            division: division.expect("known"),
            declared: if fields[12] == "Major" {
                Power::Major
            } else {
                Power::Minor
            },
        });
    }
    // A disqualified shooter's rows may lack what a run needs.
    for fields in rows(report, 'I').iter().filter(|fields| fields[3] == "No") {
        let run = report_run(&event, fields);
        event.say(run);
    }
    for fields in people.iter().filter(|fields| fields[4] == "Yes") {
        event.say(Said::Out {
            who: fields[0].parse().expect("a number"),
            stage: None,
            withdrawn: false,
        });
    }
    event
}

fn report_run(event: &Event, fields: &[&str]) -> Said {
    let count = |column: usize| decimal(fields[column], 0);
    let [stage, who] = [1, 2].map(|column| fields[column].parse().expect("a number"));
    if fields[4] == "Yes" {
        let why = Why::Dnf;
        return Said::NoRun { stage, who, why };
    }
    let terms = event.stage(stage);
    let counts = [5, 6, 7, 8, 10, 9, 17].map(count);
    let penalties = [(1, count(11))];
    Said::Shot(Box::new(Shot {
        stage,
        who,
        papers: spread(counts, &terms.papers),
        times: if terms.way == Way::FixedTime {
            vec![]
        } else {
            vec![decimal(fields[25], 2)]
        },
        penalties: penalties.into_iter().filter(|(_, it)| 0 < *it).collect(),
        late: count(14),
        extra_shots: count(15),
        extra_hits: count(16),
        ..Shot::default()
    }))
}

/// V20: every row of the report. The rows of the disqualified have no numbers to compare.
#[test]
fn v20_the_uspsa_report_is_the_same_in_the_file_the_package_and_the_second_calculation() {
    let report = data("paulbunyan2023/report.txt");
    let event = report_event(&report);
    let (book, standings) = tables(&event);
    assert_eq!(book.totals().unfit, 0, "{:?}", book.verdicts());
    let rows_alike = check(&event, &standings);
    let reading = Reading::of(&event);
    let division = |who: u32| {
        let person = event.people.iter().find(|it| it.no == who);
        Some(person.expect("on the roster").division)
    };
    let mut compared = (0, 0);
    for fields in rows(&report, 'I').iter().filter(|it| it[3] == "No") {
        let [stage, who] = [1, 2].map(|column| fields[column].parse().expect("a number"));
        let lines = reading.stage_table(event.stage(stage), division(who));
        let line = lines.iter().find(|it| it.who == who).expect("a line");
        let cells = line.cells.as_ref().expect("numbers");
        let printed = [28, 29].map(|column| decimal(fields[column], 4));
        assert_eq!([cells.factor, cells.stage_points], printed, "{fields:?}");
        // A DNF row may show what lay on the targets; nothing of it counts.
        if fields[4] == "No" {
            let printed = [26, 27].map(|column| decimal(fields[column], 0));
            let ours = [cells.sheet.points, cells.sheet.net()];
            assert_eq!(ours, printed, "{fields:?}");
        }
        let place = decimal(fields[30], 0);
        assert!(place_holds(&places(&lines), who, place), "{fields:?}");
        compared.0 += 1;
    }
    for fields in rows(&report, 'E').iter().filter(|it| it[4] == "No") {
        let who = fields[0].parse().expect("a number");
        let lines = reading.match_table(division(who));
        let line = lines.iter().find(|it| it.who == who).expect("a line");
        let cells = line.cells.as_ref().expect("numbers");
        let printed = [decimal(fields[10], 4), decimal(fields[11], 0)];
        assert_eq!([cells.points, line.place], printed, "{fields:?}");
        compared.1 += 1;
    }
    assert_eq!(compared, (483, 69), "rows of the file");
    // Each run in its division and in Combined, and the three disqualified on every stage.
    assert_eq!(
        rows_alike,
        2 * (483 + 7 * 3 + 69 + 3),
        "rows of both calculations"
    );
}
