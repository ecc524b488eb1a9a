//! A real match, from what was written on the range to every number that was printed.
//!
//! The reference is the scoring app's own result files, not our arithmetic.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

mod rules_venue;
mod sizes;

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
};

use rules_venue::{AllLive, OWNER, Venue, data, status};
use serde_json::Value;
use tallyline_keys::PublicKey;
use tallyline_proto::{
    model::{
        About, Agreed, Approvals, Body, Chrono, Discipline, Division, Drill, DrillNo, Entrant,
        EntryId, Gear, Hits, LogName, Marks, Method, NoShoots, Penalty, PowerFactor, Rule,
        RuleKind, RuleNo, Ruleset, Score, Shooter, ShooterNo, SquadNo, Status, StatusKind, Steel,
        Structure, Terms, Void, VoidReason,
    },
    rules::{
        Authority, Line, Roster, Scorebook, Standing, Verdict,
        results::{self, Basis, OutWhy},
        scorebook::Totals,
        standings::Group,
        validate::check_content,
    },
};

fn number(value: &Value) -> u32 {
    u32::try_from(
        value
            .as_u64()
            .unwrap_or_else(|| panic!("{value} is no number")),
    )
    .expect("small")
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name]
        .as_str()
        .unwrap_or_else(|| panic!("{name} of {value}"))
}

fn event() -> Value {
    serde_json::from_str(&data("wasa2018/event.json")).expect("valid JSON")
}

/// Rules by the short code of the file.
fn rules(event: &Value) -> (Vec<Rule>, BTreeMap<String, RuleNo>) {
    let mut rules = Vec::new();
    let mut numbers = BTreeMap::new();
    let kinds = [
        ("procedurals", RuleKind::Procedural),
        ("dqs", RuleKind::Dq),
        ("dnfs", RuleKind::Dnf),
    ];
    for (list_name, kind) in kinds {
        for (rule, no) in list(&event["rules"], list_name)
            .iter()
            .zip(rules.len() + 1..)
        {
            let no = RuleNo(u32::try_from(no).expect("58 rules"));
            let code = text(rule, "uuid").to_owned();
            numbers.insert(code.clone(), no);
            rules.push(Rule {
                no,
                kind,
                text: text(rule, "name").to_owned(),
                code,
                value: None,
            });
        }
    }
    (rules, numbers)
}

fn structure(event: &Value, rules: Vec<Rule>) -> Structure {
    let floor = |division: &str, kind: &str| {
        event["division_power_factors"][division]
            .get(kind)
            .map(number)
    };
    let names: Vec<&str> = list(event, "divisions")
        .iter()
        .map(|it| it.as_str().expect("a name"))
        .collect();
    let drills = list(event, "stages").iter().map(|stage| Drill {
        no: DrillNo(number(&stage["stage"])),
        name: text(stage, "name").to_owned(),
        method: match text(stage, "scoring") {
            "Comstock" => Method::Comstock,
            "Chrono" => Method::Chrono,
            other => panic!("{other}"),
        },
        strings: number(&stage["strings"]),
        required_hits: list(stage, "target_shots")
            .iter()
            .map(|hits| u8::try_from(number(hits)).expect("few hits"))
            .collect(),
        steel: u8::try_from(number(&stage["steel"])).expect("few steel targets"),
        no_shoots: NoShoots::NotSaid,
        terms: Terms::default(),
    });
    let shooters = list(event, "shooters").iter().map(|shooter| Shooter {
        no: ShooterNo(number(&shooter["shooter"])),
        label: text(shooter, "label").to_owned(),
        division: names
            .iter()
            .position(|name| *name == text(shooter, "division"))
            .expect("a known division"),
        // Subminor is a result of the chronograph; what was declared is Minor.
        power_factor: match text(shooter, "power_factor") {
            "MAJOR" => PowerFactor::Major,
            _ => PowerFactor::Minor,
        },
        squad: SquadNo(number(&shooter["squad"])),
        categories: vec![],
        entrant: Entrant::default(),
    });
    Structure {
        epoch_ms: 1_532_476_800_000,
        zone_min: 180,
        level: "L3".to_owned(),
        ruleset: Ruleset::of(Discipline::Ipsc),
        divisions: names
            .iter()
            .map(|name| Division {
                name: (*name).to_owned(),
                minor_floor: floor(name, "minor"),
                major_floor: floor(name, "major"),
            })
            .collect(),
        drills: drills.collect(),
        shooters: shooters.collect(),
        rules,
        kinds: Vec::new(),
        places: Vec::new(),
    }
}

/// What one line of the real log says.
fn body(line: &Value, rules: &BTreeMap<String, RuleNo>) -> Body {
    let (drill, shooter) = (
        DrillNo(number(&line["stage"])),
        ShooterNo(number(&line["shooter"])),
    );
    if line["dnf"] == true {
        let rule = list(line, "dnf_rules")
            .last()
            .map(|it| rules[it.as_str().expect("a code")]);
        let about = About {
            drill: Some(drill),
            shooter,
        };
        return Body::Status(Status {
            about,
            kind: StatusKind::Dnf,
            rule,
            attempt: 0,
            note: String::new(),
        });
    }
    if drill == DrillNo(15) {
        let speed = |speed: &Value| {
            let whole = format!("{:.0}", speed.as_f64().expect("a speed"));
            whole.parse().expect("whole feet a second")
        };
        let weight = |weight: &Value| {
            let tenths = format!("{:.1}", weight.as_f64().expect("a weight"));
            tenths.replace('.', "").parse().expect("tenths of a grain")
        };
        return Body::Chrono(Chrono {
            drill,
            shooter,
            weights_decigrains: list(line, "bullet_gr").iter().map(weight).collect(),
            speeds_fps: list(line, "velocities_fps").iter().map(speed).collect(),
            gear: (line["gear_check"] == "Pass").then_some(Gear::Pass),
        });
    }
    let count = |name: &str| u8::try_from(number(&line[name])).expect("few steel targets");
    Body::Score(Score {
        drill,
        shooter,
        attempt: 0,
        time_centis: list(line, "time_cs").iter().map(number).collect(),
        hits: list(line, "targets")
            .iter()
            .map(|bits| Hits::from_bits(number(bits)).expect("seven counts"))
            .collect(),
        steel: Steel {
            hit: count("steel_hit"),
            miss: count("steel_miss"),
            no_penalty_miss: 0,
            no_shoot: count("steel_noshoot"),
        },
        penalties: list(line, "procedurals")
            .iter()
            .map(|it| Penalty {
                rule: rules[text(it, "rule")],
                count: u8::try_from(number(&it["count"])).expect("few"),
            })
            .collect(),
        approvals: Approvals::default(),
        late_shots: 0,
        extra_shots: 0,
        extra_hits: 0,
        instead_of: None,
        marks: Marks::default(),
    })
}

/// The whole Wasa match as it was written: every save voids the one before in its slot.
fn wasa() -> (Roster, Venue) {
    let event = event();
    let (rule_list, rules) = rules(&event);
    let structure = structure(&event, rule_list);
    let epoch_ms = i64::try_from(structure.epoch_ms).expect("in this century");
    let mut roster = Roster::new(structure);
    roster.lock();
    let mut venue = Venue::new();
    let mut held: BTreeMap<(u64, u64), EntryId> = BTreeMap::new();
    for line in data("wasa2018/log.jsonl.gz").lines() {
        let line: Value = serde_json::from_str(line).expect("valid JSON");
        let device = text(&line, "device")
            .trim_start_matches('D')
            .parse()
            .expect("D1 to D9");
        let at_ms = line["t_ms"].as_i64().expect("a time") - epoch_ms;
        let cell = (
            line["stage"].as_u64().expect("a stage"),
            number(&line["shooter"]).into(),
        );
        if let Some(entry) = held.remove(&cell) {
            let (reason, note) = (VoidReason::Hits, String::new());
            venue.write(
                device,
                at_ms,
                Body::Void(Void {
                    entry,
                    reason,
                    note,
                    agreed: Agreed::default(),
                }),
            );
        }
        if line["kind"] != "cleared" {
            held.insert(cell, venue.write(device, at_ms, body(&line, &rules)));
        }
        if let Some(rule) = list(&line, "dq_rules").first() {
            let rule = rules[rule.as_str().expect("a code")];
            let (drill, shooter) = (DrillNo(number(&line["stage"])), number(&line["shooter"]));
            let dq = status(
                StatusKind::MatchDq,
                Some(drill),
                ShooterNo(shooter),
                Some(rule),
            );
            venue.write(device, at_ms, dq);
        }
    }
    for shooter in list(&event, "shooters")
        .iter()
        .filter(|it| it["deleted"] == true)
    {
        let shooter = ShooterNo(number(&shooter["shooter"]));
        venue.write(
            OWNER,
            450_000_000,
            status(StatusKind::Withdrawn, None, shooter, None),
        );
    }
    (roster, venue)
}

/// Compares CSV texts row by row. Equal results share a place here, where the reference numbers
/// them on; its place must then be within the shared ones. Returns how many rows were compared.
fn check_csv(ours: &str, reference: &str, key: &[usize], place: usize) -> usize {
    type Rows = BTreeMap<Vec<String>, (u32, Vec<String>)>;
    let read = |csv: &str| -> Rows {
        let mut rows = Rows::new();
        for line in csv.split_terminator("\r\n").skip(1) {
            let mut fields: Vec<String> = line.split(',').map(str::to_owned).collect();
            let key = key.iter().map(|&column| fields[column].clone()).collect();
            let place = fields.remove(place).parse().expect("a place");
            let before = rows.insert(key, (place, fields));
            assert!(before.is_none(), "a row twice: {line}");
        }
        rows
    };
    let (ours_rows, reference_rows) = (read(ours), read(reference));
    assert_eq!(ours.lines().next(), reference.lines().next(), "the header");
    assert_eq!(ours_rows.len(), reference_rows.len(), "number of rows");
    let group = |key: &[String]| key[..key.len() - 1].to_vec();
    let mut shared: BTreeMap<(Vec<String>, u32), u32> = BTreeMap::new();
    for (key, (place, _)) in &ours_rows {
        *shared.entry((group(key), *place)).or_default() += 1;
    }
    let mut taken = BTreeSet::new();
    for (key, (place, fields)) in &ours_rows {
        let (reference_place, reference_fields) = &reference_rows[key];
        assert_eq!(fields, reference_fields, "{key:?}");
        let count = shared[&(group(key), *place)];
        assert!(
            (*place..*place + count).contains(reference_place),
            "{key:?}: {place} shared by {count}, the reference has {reference_place}"
        );
        assert!(
            taken.insert((group(key), *reference_place)),
            "place twice: {key:?}"
        );
    }
    ours_rows.len()
}

/// V19.
#[test]
fn the_whole_wasa_match_equals_the_printed_results() {
    let (roster, venue) = wasa();
    let (book, standings) = venue.standings(&roster, &venue.lines());
    let stages = standings.stages_csv(&roster).to_string();
    let rows = check_csv(
        &stages,
        &data("wasa2018/expected_stages.csv.gz"),
        &[0, 1, 3],
        2,
    );
    assert_eq!(rows, 6_160 + 196, "stage rows");
    let overall = standings.overall_csv(&roster).to_string();
    let rows = check_csv(&overall, &data("wasa2018/expected_overall.csv"), &[0, 2], 1);
    assert_eq!(rows, 440 + 14, "match rows");
    assert!(
        standings.is_complete(),
        "{:?} {:?}",
        standings.missing,
        standings.undecided
    );
    let totals = book.totals();
    let entries = u32::try_from(venue.entries.len()).expect("some thousands");
    let unfit = book
        .verdicts()
        .values()
        .filter(|it| matches!(it, Verdict::Unfit(_)))
        .count();
    // Of the 134 superseded saves 7 only emptied a slot: they are voids alone. Of the 31 incomplete
    // ones 8 were never replaced. A second DQ of one shooter says the same as the first.
    assert_eq!((unfit, totals.duplicates), (8, 1), "{totals:?}");
    let expected = Totals {
        counted: entries - 127 - 8 - 1,
        voided: 127,
        unfit: 8,
        duplicates: 1,
        ..Totals::default()
    };
    assert_eq!(totals, expected, "nothing is left over");
}

/// 31 saves of the real match were drafts: the day's officers would have been asked at once.
#[test]
fn incomplete_saves_are_refused_at_entry() {
    let (roster, _) = wasa();
    let (_, rules) = rules(&event());
    let mut codes: BTreeMap<&str, u32> = BTreeMap::new();
    for line in data("wasa2018/log.jsonl.gz").lines() {
        let line: Value = serde_json::from_str(line).expect("valid JSON");
        let answer = check_content(&roster, "Wasa 2018", &body(&line, &rules), 1);
        let code = answer.map_or_else(|mistake| mistake.code.as_str(), |()| "saved");
        *codes.entry(code).or_default() += 1;
    }
    let expected = [("E03", 30), ("E06", 1), ("saved", 3_576 - 31)];
    assert_eq!(codes, BTreeMap::from(expected));
}

/// The rounding of the reference: half up for points, half to even for stage percent.
#[test]
fn the_one_exact_half_of_the_reference_goes_to_even() {
    let (roster, venue) = wasa();
    let (_, standings) = venue.standings(&roster, &venue.lines());
    let table = standings
        .stage(DrillNo(3), Group::Combined)
        .expect("stage 3");
    let row = table
        .rows
        .iter()
        .find(|row| row.shooter == ShooterNo(82))
        .expect("shooter 82");
    let result = row.result.as_ref().expect("numbers");
    assert_eq!(result.stage_points.to_string(), "65.6250");
    assert_eq!(result.percent.to_string(), "65.62");
}

/// The chronograph alone makes the three Subminor shooters; everybody else keeps the declared one.
#[test]
fn chronograph_readings_give_the_power_factors_of_the_file() {
    let (roster, venue) = wasa();
    let (book, _) = venue.standings(&roster, &venue.lines());
    let event = event();
    assert_eq!(book.readings().len(), 70, "shooters with a reading");
    for shooter in list(&event, "shooters") {
        let expected = match text(shooter, "power_factor") {
            "MAJOR" => PowerFactor::Major,
            "MINOR" => PowerFactor::Minor,
            _ => PowerFactor::Subminor,
        };
        let no = ShooterNo(number(&shooter["shooter"]));
        assert_eq!(book.power_factor(&roster, no), expected, "{no}");
    }
}

/// Everything that the statistics officer of the real match looked up besides the places.
#[test]
fn the_results_of_the_whole_match_are_complete() {
    let (roster, venue) = wasa();
    let lines = venue.lines();
    let (book, standings) = venue.standings(&roster, &lines);
    let basis = Basis {
        roster: &roster,
        book: &book,
        lines: &lines,
    };

    let progress = results::progress(&roster, &book);
    assert!(progress.gaps.is_complete(), "{:?}", progress.gaps);
    let open = progress.cells.iter().filter(|it| !it.is_complete());
    assert_eq!(open.count(), 0, "every cell is done");
    let sum = |count: fn(&results::ProgressCell) -> usize| -> usize {
        progress.cells.iter().map(count).sum()
    };
    // 238 less 7 disqualified and 11 who left, on 14 stages.
    assert_eq!(sum(|it| it.done.try_into().expect("few")), 220 * 14);
    assert_eq!(sum(|it| it.dnf.len()), 19, "not fired");

    let out = results::out_list(basis);
    let disqualified: Vec<u32> = out
        .lines
        .iter()
        .filter(|it| it.why == OutWhy::MatchDq)
        .map(|it| it.shooter.0)
        .collect();
    assert_eq!(disqualified.len(), 7, "{disqualified:?}");
    let named = out.lines.iter().filter(|it| it.rule.is_some());
    assert_eq!(named.count(), 7, "each with its rule");
    let withdrawn = out.lines.iter().filter(|it| it.why == OutWhy::Withdrawn);
    assert_eq!(withdrawn.count(), 11);

    let chrono = results::chrono_list(basis);
    assert_eq!(chrono.measured(), 70);
    let subminor = chrono.lines.iter();
    let subminor = subminor.filter(|it| it.effective == PowerFactor::Subminor);
    assert_eq!(subminor.count(), 3);

    let audit = results::audit(basis);
    assert!(audit.is_complete(), "{:?}", audit.missing);
    let instead = audit.lines.iter().filter(|it| it.instead.is_some());
    // Of the 134 superseded saves 7 only emptied a slot, so that the next one had nothing to void.
    // Instead of one stands a score that does not fit, which counts nowhere.
    assert_eq!((audit.lines.len(), instead.count()), (127, 126));

    let penalties = results::penalty_list(basis);
    let count: u32 = penalties.lines.iter().map(|it| u32::from(it.count)).sum();
    assert_eq!((penalties.lines.len(), count), (109, 169));

    let versions: usize = (1..=238)
        .filter_map(|no| results::shooter_sheet(basis, &standings, ShooterNo(no)))
        .map(|sheet| {
            let drills = sheet.drills.iter().map(|it| it.versions.len());
            drills.sum::<usize>() + sheet.versions.len()
        })
        .sum();
    assert_eq!(
        versions,
        lines.len() - audit.lines.len(),
        "every entry once"
    );
}

/// A fixed sequence of numbers: any order must do, the same ones each time.
struct Shuffle(u64);

impl Shuffle {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % bound
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[test]
fn any_order_of_arrival_gives_the_same_standings() {
    let (roster, venue) = wasa();
    let mut lines = venue.lines();
    let (book, standings) = venue.standings(&roster, &lines);
    for seed in 0..5 {
        Shuffle(seed).shuffle(&mut lines);
        let (other_book, other) = venue.standings(&roster, &lines);
        assert_eq!(other.digest(), standings.digest(), "seed {seed}");
        assert_eq!(other_book, book, "seed {seed}");
    }
}

#[test]
fn a_missing_entry_changes_the_digest_and_is_named() {
    let (roster, venue) = wasa();
    let (book, standings) = venue.standings(&roster, &venue.lines());
    let in_match = |line: &Line<'_>| matches!(line.body, Body::Score(score) if book.out(score.shooter).is_none());
    let place = venue.lines().iter().rposition(in_match).expect("a score");
    let mut lines = venue.lines();
    let gone = lines.remove(place);
    let (_, other) = venue.standings(&roster, &lines);
    let Body::Score(score) = gone.body else {
        panic!("a score was taken")
    };
    assert_eq!(other.missing, [(score.drill, score.shooter)]);
    assert!(!other.is_complete(), "a slot is empty");
    assert_ne!(other.digest(), standings.digest());
}

/// Standings are recomputed whenever entries arrive: the work must not grow with what is there
/// beyond one look at each entry. (Measured: 2.4 ms for the whole match, optimised.)
#[test]
fn authority_is_asked_at_most_twice_for_an_entry() {
    struct Counting(AllLive, Cell<usize>);

    impl Authority for Counting {
        fn standing(&self, log: &LogName, seq: u64, about: Option<About>) -> Standing {
            self.1.set(self.1.get() + 1);
            self.0.standing(log, seq, about)
        }

        fn is_owner(&self, key: &PublicKey) -> bool {
            self.0.is_owner(key)
        }

        fn precedence(&self, log: &LogName) -> (u32, u32) {
            self.0.precedence(log)
        }
    }

    let (roster, venue) = wasa();
    let lines = venue.lines();
    let counting = Counting(venue.authority(), Cell::new(0));
    Scorebook::compute(&roster, &counting, &lines);
    assert!(
        counting.1.get() <= 2 * lines.len(),
        "{} for {}",
        counting.1.get(),
        lines.len()
    );
}
