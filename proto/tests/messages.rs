//! Every code with the message that a person reads: what the checks refuse is asked of them, what judges
//! and devices say is made as they make it.
//!
//! The table is docs/MESSAGES.md; run with `UPDATE_MESSAGES=1` after a change of words. A code that
//! nothing here brings about makes the test fail.
#![cfg(test)]

use std::{fmt::Write as _, fs, path::Path};

use tallyline_keys::{DeviceKey, PublicKey};
use tallyline_proto::{
    model::{About, Agreed, EntryId, GrantId, Hash, Incarnation, LogName},
    model::{
        Body, CellSet, Discipline, Division, Drill, DrillNo, Entrant, Hits, Method, NoShoots,
        Phase, PowerFactor, Rule, RuleKind, RuleNo, Ruleset, Score, Shooter, ShooterNo, SquadNo,
        Status, StatusKind, Steel, Structure, Target, Terms, Void, VoidReason,
    },
    rules::{
        Authority, Line, Mistake, Roster, Scorebook, Standing,
        validate::{Desk, TimeBounds, Writer, check, question, same_run},
    },
};

/// 25 July 2018, 04:00 UTC: 07:00 at the venue.
const EPOCH_MS: u64 = 1_532_491_200_000;

/// Everything stands live, and nobody is the owner.
struct Officers;

impl Authority for Officers {
    fn standing(&self, _: &LogName, _: u64, _: Option<About>) -> Standing {
        Standing::Live
    }

    fn record_standing(&self, _: &LogName, _: u64) -> Standing {
        Standing::Live
    }

    fn is_owner(&self, _: &PublicKey) -> bool {
        false
    }

    fn precedence(&self, _: &LogName) -> (u32, u32) {
        (0, 0)
    }
}

fn roster() -> Roster {
    let drill = |no, method, hits: &[u8], steel, terms| Drill {
        no: DrillNo(no),
        name: format!("Stage {no}"),
        method,
        strings: if method == Method::BestStrings { 5 } else { 1 },
        required_hits: hits.to_vec(),
        steel,
        no_shoots: NoShoots::Absent,
        terms,
    };
    let shooter = |no| Shooter {
        no: ShooterNo(no),
        label: format!("Shooter {no}"),
        division: 0,
        power_factor: PowerFactor::Minor,
        squad: SquadNo(1),
        categories: Vec::new(),
        entrant: Entrant::default(),
    };
    let limit = Terms {
        string_max_centis: 3_000,
        ..Terms::default()
    };
    let mut roster = Roster::new(Structure {
        epoch_ms: EPOCH_MS,
        zone_min: 180,
        level: String::new(),
        ruleset: Ruleset::of(Discipline::Ipsc),
        divisions: vec![Division {
            name: "Production".into(),
            minor_floor: Some(125),
            major_floor: None,
        }],
        drills: vec![
            drill(1, Method::Comstock, &[2, 2], 2, Terms::default()),
            drill(2, Method::BestStrings, &[], 0, limit),
        ],
        shooters: [175, 204, 205].map(shooter).to_vec(),
        rules: vec![Rule {
            no: RuleNo(1),
            kind: RuleKind::Dq,
            text: "10.5.5 Sweeping".into(),
            code: String::new(),
            value: None,
        }],
        places: Vec::new(),
        kinds: Vec::new(),
    });
    roster.lock();
    roster
}

/// Stage 1, clean, in 42.92 s.
fn clean(shooter: u32) -> Score {
    let two = Target {
        a: 2,
        ..Target::default()
    };
    let two = Hits::pack(two).expect("few hits");
    Score {
        time_centis: vec![4_292],
        hits: vec![two, two],
        steel: Steel {
            hit: 2,
            ..Steel::default()
        },
        ..Score::blank(DrillNo(1), ShooterNo(shooter))
    }
}

fn with(change: impl FnOnce(&mut Score)) -> Body {
    let mut score = clean(204);
    change(&mut score);
    Body::Score(score)
}

fn line(seq: u64, at_ms: i64, body: &Body) -> Line<'_> {
    Line {
        id: EntryId(uuid::Uuid::from_u128(u128::from(seq))),
        log: LogName {
            grant: GrantId(Hash([1; 32])),
            incarnation: Incarnation(1),
        },
        seq,
        author: DeviceKey::from_seed([1; 32]).public(),
        at_ms,
        revision: 1,
        body,
    }
}

/// What is in the event already: a score of 175, and 205 disqualified.
fn there() -> [Body; 2] {
    let dq = Body::Status(Status {
        about: About {
            drill: Some(DrillNo(1)),
            shooter: ShooterNo(205),
        },
        kind: StatusKind::MatchDq,
        rule: Some(RuleNo(1)),
        attempt: 0,
        note: String::new(),
    });
    [Body::Score(clean(175)), dq]
}

/// Asks the checks about an entry, as a device does before it saves.
fn refused(roster: &Roster, body: &Body, revision: u32) -> Mistake {
    let there = there();
    let lines = [line(1, 720_000, &there[0]), line(2, 9_540_000, &there[1])];
    let book = Scorebook::compute(roster, &Officers, &lines);
    let desk = Desk {
        event: "Wasa 2018",
        roster,
        book: &book,
        writer: Writer::Officer,
        time_bounds: TimeBounds::Asked,
    };
    if let Err(mistake) = check(&desk, body, revision) {
        return mistake;
    }
    let asked = question(&desk, &lines, body, None).or_else(|| same_run(&desk, &lines, body));
    asked.unwrap_or_else(|| panic!("{body:?} is taken"))
}

fn all() -> Vec<Mistake> {
    let roster = roster();
    let mut over = roster.clone();
    over.begin(Phase::Final {
        since_ms: EPOCH_MS + 36_300_000,
    });
    let check = |body: Body| refused(&roster, &body, 1);
    let strings = |times: &[u32]| {
        Body::Score(Score {
            time_centis: times.to_vec(),
            ..Score::blank(DrillNo(2), ShooterNo(204))
        })
    };
    let note = Body::Void(Void {
        entry: EntryId(uuid::Uuid::from_u128(1)),
        reason: VoidReason::Hits,
        agreed: Agreed::default(),
        note: "x".repeat(140),
    });
    let cells = |squad| CellSet {
        drills: None,
        squads: Some(vec![SquadNo(squad)]),
    };
    let place = (ShooterNo(175), SquadNo(15));
    let again = Body::Score(Score {
        time_centis: vec![4_229],
        ..clean(175)
    });
    let id = uuid::Uuid::from_u128(0x3f2a_0000_0000_0000_0000_0000_0000_0001);
    vec![
        check(with(|it| it.shooter = ShooterNo(239))),
        Mistake::outside_grant(&[cells(22)], Some(DrillNo(2)), place, Some("VSVA1")),
        check(with(|it| it.hits[1] = Hits::default())),
        check(with(|it| it.hits.truncate(1))),
        check(with(|it| it.steel.hit = 1)),
        check(with(|it| it.time_centis = vec![0])),
        check(with(|it| it.time_centis = vec![12])),
        check(strings(&[300, 300, 300, 300])),
        check(strings(&[300, 3_120, 300, 300, 300])),
        check(with(|it| it.steel.no_shoot = 1)),
        check(again),
        check(Body::Score(clean(204))),
        check(Body::Score(clean(205))),
        refused(&over, &Body::Score(clean(204)), 2),
        Mistake::foreign(&"6/118", "VSVA5", "void"),
        Mistake::approved("07:12:18"),
        Mistake::overlapping((Some(DrillNo(5)), Some(SquadNo(7))), "VSVA5", &12),
        Mistake::does_not_follow(&6, 119, "hash differs", "VSVA5"),
        Mistake::forked(&6, 119, "VSVA5"),
        refused(&roster, &Body::Score(clean(204)), 2),
        Mistake::other_data("incident", &id),
        Mistake::waits("report", &"incident 3f2a0000"),
        check(note),
        Mistake::clock("VSVA3", -250_000),
    ]
}

#[test]
fn every_code_has_its_message_in_the_table() {
    let mut table = String::from(
        "# Messages\n\nEvery code with the words a person reads, produced by \
         [proto/tests/messages.rs](../proto/tests/messages.rs). A message says what is wrong, where, \
         and what to do; codes never change their meaning (PROTOCOL R-CHECK-1).\n\n\
         | code | message |\n| --- | --- |\n",
    );
    let mistakes = all();
    for mistake in &mistakes {
        writeln!(table, "| {} | {} |", mistake.code, mistake.text).expect("a text takes all");
    }
    for code in 1..=22 {
        let code = format!("E{code:02}");
        let there = mistakes.iter().any(|it| it.code.as_str() == code);
        assert!(there, "nothing brings {code} about");
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/MESSAGES.md");
    if std::env::var_os("UPDATE_MESSAGES").is_some() {
        fs::write(&file, &table).expect("the table is written");
    }
    let held = fs::read_to_string(&file).expect("the table is committed");
    assert!(
        held == table,
        "docs/MESSAGES.md is stale: run with UPDATE_MESSAGES=1"
    );
    println!("{table}");
}
