#![expect(clippy::as_conversions, reason = "small numbers of a test")]

use alloc::{
    format,
    string::{String, ToString as _},
    vec,
    vec::Vec,
};

use super::*;
use crate::{
    model::{
        Agreed, Approvals, Approve, Body, Court, Discipline, Entrant, Incident, JuryDecision,
        Method, Penalty, Place, PlaceNo, PowerFactor, RosterChange, RuleNo, Ruleset, Ruling, Score,
        ShooterEdit, StatusKind, Structure, Terms, Void, VoidReason,
    },
    rules::{
        Fixed4,
        Standing::{Live, Quarantined},
        Standings,
        fixture::{OWNER, Venue, id, key, reading, reshoot, roster, run, score, status},
        scorebook::Missed,
        scoring::Cost,
        standings::Group,
    },
};

/// Shooter 1 is a Lady and Senior of class A, 2 a Senior of class GM, 3 of class A, 4 has none.
/// Teams: 1 and 2 Reds, 3 and 4 Blues.
fn registered(mut roster: Roster) -> Roster {
    for (shooter, class, team, categories) in [
        (1, "A", "Reds", &["Lady", "Senior"] as &[&str]),
        (2, "GM", "Reds", &["Senior"]),
        (3, "A", "Blues", &[]),
        (4, "", "Blues", &[]),
    ] {
        roster.apply(&RosterChange::Edit(ShooterEdit {
            categories: Some(categories.iter().map(|it| (*it).into()).collect()),
            entrant: Some(Entrant {
                class: class.into(),
                team: team.into(),
                ..Entrant::default()
            }),
            ..ShooterEdit::of(ShooterNo(shooter))
        }));
    }
    roster
}

/// A roster like the fixture's, of another discipline and with other drills.
fn roster_of(discipline: Discipline, change: impl FnOnce(&mut Structure)) -> Roster {
    let mut structure = roster().structure().clone();
    structure.ruleset = Ruleset::of(discipline);
    change(&mut structure);
    let mut roster = Roster::new(structure);
    roster.lock();
    registered(roster)
}

/// Writes all entries live, as devices 0, 1 and 2 in turn.
fn venue(entries: &[Body]) -> Venue {
    let mut venue = Venue::default();
    for (body, device) in entries.iter().zip([0, 1, 2].into_iter().cycle()) {
        venue.write(device, body.clone(), Live);
    }
    venue
}

/// Reads a venue and hands what it is made from to a test.
fn read<T>(roster: &Roster, venue: &Venue, test: impl FnOnce(Basis<'_>, &Standings) -> T) -> T {
    let lines = venue.lines();
    let book = Scorebook::compute(roster, venue, &lines);
    let standings = Standings::compute(roster, &book);
    let basis = Basis {
        roster,
        book: &book,
        lines: &lines,
    };
    test(basis, &standings)
}

/// Writes part tables as `group name: place:shooter points, ..`.
fn parts_text(parts: &Parts) -> Vec<String> {
    let row = |row: &crate::rules::standings::MatchRow| {
        let points = row.result.map_or("out".into(), |it| it.points.to_string());
        format!("{}:{} {points}", row.place, row.shooter)
    };
    let table = |table: &PartTable| {
        let rows: Vec<String> = table.rows.iter().map(row).collect();
        let group = match table.group {
            Group::Division(place) => place.to_string(),
            Group::Combined => "all".into(),
        };
        format!("{group} {}: {}", table.name, rows.join(", "))
    };
    parts.tables.iter().map(table).collect()
}

#[test]
fn classes_and_categories_are_placed_among_themselves_with_the_points_of_the_division() {
    let roster = registered(roster());
    let venue = venue(&[run(1, 600), run(2, 500), run(3, 700), run(4, 800)]);
    read(&roster, &venue, |basis, standings| {
        let classes = by_class(&roster, basis.book, standings);
        assert_eq!(
            parts_text(&classes),
            [
                "0 GM: 1:2 30.0000",
                "0 A: 1:1 25.0000",
                "1 A: 1:3 30.0000",
                "all GM: 1:2 30.0000",
                "all A: 1:1 25.0000, 2:3 21.4286",
            ]
        );
        assert!(!classes.gaps.is_complete(), "nobody shot the second drill");
        assert_eq!(classes.gaps.missing.len(), 4);
        let categories = by_category(&roster, basis.book, standings);
        assert_eq!(
            parts_text(&categories),
            [
                "0 Lady: 1:1 25.0000",
                "0 Senior: 1:2 30.0000, 2:1 25.0000",
                "all Lady: 1:1 25.0000",
                "all Senior: 1:2 30.0000, 2:1 25.0000",
            ]
        );
    });
}

#[test]
fn equal_shooters_of_a_class_share_a_place_and_the_disqualified_stand_below() {
    let mut roster = roster();
    for shooter in 1..=4 {
        roster.apply(&RosterChange::Edit(ShooterEdit {
            entrant: Some(Entrant {
                class: "B".into(),
                ..Entrant::default()
            }),
            ..ShooterEdit::of(ShooterNo(shooter))
        }));
    }
    let dq = status(StatusKind::MatchDq, Some(1), 3);
    let venue = venue(&[run(1, 600), run(2, 600), run(4, 900), dq]);
    read(&roster, &venue, |basis, standings| {
        let classes = by_class(&roster, basis.book, standings);
        assert_eq!(
            parts_text(&classes).last().map(String::as_str),
            Some("all B: 1:1 30.0000, 1:2 30.0000, 3:4 20.0000, 4:3 out")
        );
    });
}

/// Writes a team table as `place:team points time [counted | others]`, an asterisk for short.
fn team_text(teams: &Teams, group: Group) -> String {
    let numbers = |list: &[ShooterNo]| {
        let list: Vec<String> = list.iter().map(|it| it.0.to_string()).collect();
        list.join(" ")
    };
    let table = teams.tables.iter().find(|it| it.group == group);
    let rows = table.map_or(&[] as &[TeamRow], |it| &it.rows);
    let row = |row: &TeamRow| {
        format!(
            "{}:{} {} {} [{} | {}]{}",
            row.place,
            row.team,
            row.points,
            row.time_centis,
            numbers(&row.counted),
            numbers(&row.others),
            if row.short { "*" } else { "" }
        )
    };
    rows.iter().map(row).collect::<Vec<_>>().join(", ")
}

#[test]
fn teams_have_the_points_of_their_best_members() {
    let roster = roster_of(Discipline::Ipsc, |structure| {
        structure.ruleset.team_counts = 1;
    });
    let venue = venue(&[run(1, 600), run(2, 500), run(3, 700), run(4, 800)]);
    read(&roster, &venue, |basis, standings| {
        let teams = by_team(&roster, basis.book, standings);
        assert_eq!(
            team_text(&teams, Group::Division(0)),
            "1:Reds 30.0000 0 [2 | 1]"
        );
        assert_eq!(
            team_text(&teams, Group::Combined),
            "1:Reds 30.0000 0 [2 | 1], 2:Blues 21.4286 0 [3 | 4]"
        );
    });
}

#[test]
fn a_team_with_too_few_members_is_told_and_equal_teams_share_a_place() {
    let roster = roster_of(Discipline::Ipsc, |structure| {
        structure.ruleset.team_counts = 2;
    });
    let dq = status(StatusKind::MatchDq, None, 1);
    let entries = [run(1, 400), run(2, 600), run(3, 600), dq];
    read(&roster, &venue(&entries), |basis, standings| {
        let teams = by_team(&roster, basis.book, standings);
        assert_eq!(
            team_text(&teams, Group::Combined),
            "1:Blues 30.0000 0 [3 4 | ], 1:Reds 30.0000 0 [2 | 1]*"
        );
    });
    let roster = roster_of(Discipline::Drills, |_| {});
    read(&roster, &venue(&entries), |basis, standings| {
        let teams = by_team(&roster, basis.book, standings);
        assert_eq!(
            (teams.counts, teams.tables.len()),
            (0, 0),
            "no team results"
        );
    });
}

#[test]
fn where_times_are_added_a_team_of_too_few_is_not_the_fastest() {
    let roster = roster_of(Discipline::Idpa, |structure| {
        structure.ruleset.team_counts = 2;
        structure.drills.truncate(1);
        for drill in &mut structure.drills {
            drill.method = Method::TimePlus;
        }
    });
    let dnf = status(StatusKind::Dnf, Some(1), 2);
    let entries = [run(1, 400), dnf, run(3, 900), run(4, 800)];
    read(&roster, &venue(&entries), |basis, standings| {
        let teams = by_team(&roster, basis.book, standings);
        assert_eq!(
            team_text(&teams, Group::Combined),
            "1:Blues 0.0000 1700 [4 3 | ], 2:Reds 0.0000 400 [1 | 2]*"
        );
        assert!(teams.gaps.is_complete(), "everybody has a result");
        assert!(
            teams.tables[0].rows[0].points == Fixed4::ZERO,
            "stage points say nothing here"
        );
    });
}

#[test]
fn the_progress_grid_tells_who_is_missing_where() {
    let roster = roster();
    let venue = venue(&[
        run(1, 500),
        status(StatusKind::Dnf, Some(1), 2),
        status(StatusKind::Dns, Some(2), 2),
        status(StatusKind::StageDq, Some(2), 1),
        run(3, 600),
        run(3, 601),
        status(StatusKind::MatchDq, None, 4),
    ]);
    read(&roster, &venue, |basis, _| {
        let progress = progress(&roster, basis.book);
        let text: Vec<String> = progress
            .cells
            .iter()
            .map(|cell| {
                format!(
                    "{}/{}: {}/{} missing {} dnf {} dns {} sdq {} decide {}",
                    cell.drill,
                    cell.squad,
                    cell.done,
                    cell.total,
                    cell.missing.len(),
                    cell.dnf.len(),
                    cell.dns.len(),
                    cell.stage_dq.len(),
                    cell.undecided.len()
                )
            })
            .collect();
        assert_eq!(
            text,
            [
                "1/1: 1/1 missing 0 dnf 0 dns 0 sdq 0 decide 0",
                "1/2: 1/1 missing 0 dnf 1 dns 0 sdq 0 decide 0",
                "1/3: 1/1 missing 0 dnf 0 dns 0 sdq 0 decide 1",
                "1/4: 0/0 missing 0 dnf 0 dns 0 sdq 0 decide 0",
                "2/1: 1/1 missing 0 dnf 0 dns 0 sdq 1 decide 0",
                "2/2: 1/1 missing 0 dnf 0 dns 1 sdq 0 decide 0",
                "2/3: 0/1 missing 1 dnf 0 dns 0 sdq 0 decide 0",
                "2/4: 0/0 missing 0 dnf 0 dns 0 sdq 0 decide 0",
            ]
        );
        let cell = |drill, shooter| (DrillNo(drill), ShooterNo(shooter));
        assert_eq!(progress.gaps.missing, [cell(2, 3)]);
        assert_eq!(progress.gaps.undecided, [cell(1, 3)]);
        assert_eq!(progress.gaps.about(ShooterNo(1)), Gaps::default());
    });
}

#[test]
fn penalties_are_listed_with_their_cost_and_the_out_with_their_rule() {
    let roster = roster();
    let penalties = vec![Penalty {
        rule: RuleNo(1),
        count: 2,
    }];
    let faulty = |shooter| {
        Body::Score(Score {
            penalties: penalties.clone(),
            ..score(shooter, 500)
        })
    };
    let mut venue = venue(&[
        faulty(1),
        faulty(4),
        status(StatusKind::MatchDq, Some(1), 4),
        status(StatusKind::Warning, Some(1), 1),
        status(StatusKind::Withdrawn, None, 3),
        status(StatusKind::StageDq, Some(2), 2),
    ]);
    venue.write(1, status(StatusKind::Warning, None, 2), Quarantined);
    read(&roster, &venue, |basis, _| {
        let list = penalty_list(basis);
        let [line] = list.lines.as_slice() else {
            panic!("who is out has no penalties: {list:?}");
        };
        assert_eq!((line.drill, line.shooter), (DrillNo(1), ShooterNo(1)));
        assert_eq!(
            (line.rule, line.count, line.cost),
            (Some(RuleNo(1)), 2, Cost::Points(20))
        );
        assert_eq!((line.by, line.at_ms), (key(OWNER), 0));
        let out = out_list(basis);
        let text: Vec<String> = out
            .lines
            .iter()
            .map(|it| {
                format!(
                    "{:?} {} {:?}",
                    it.why,
                    it.shooter,
                    it.rule.map(|rule| rule.0)
                )
            })
            .collect();
        assert_eq!(
            text,
            [
                "MatchDq 4 Some(2)",
                "StageDq 2 None",
                "Withdrawn 3 None",
                "Warning 1 None",
            ]
        );
        assert_eq!(out.lines[0].drill, Some(DrillNo(1)), "where it happened");
    });
}

#[test]
fn the_chronograph_list_tells_declared_measured_and_what_counts() {
    let roster = roster();
    let gear = |shooter| {
        let Body::Chrono(mut chrono) = reading(shooter, 0) else {
            panic!("a reading");
        };
        chrono.speeds_fps.clear();
        chrono.gear = Some(crate::model::Gear::Pass);
        Body::Chrono(chrono)
    };
    // 124 grains: 1300 ft/s are 161, 1210 are 150, 900 are 111.
    let venue = venue(&[
        reading(1, 1_300),
        gear(1),
        reading(2, 1_210),
        reading(3, 900),
        gear(4),
    ]);
    read(&roster, &venue, |basis, _| {
        let list = chrono_list(basis);
        let text: Vec<String> = list
            .lines
            .iter()
            .map(|it| {
                format!(
                    "{} {:?} {:?} {:?} {}",
                    it.shooter,
                    it.declared,
                    it.measured,
                    it.effective,
                    it.gear.is_some()
                )
            })
            .collect();
        assert_eq!(
            text,
            [
                "1 Major Some(161) Major true",
                "2 Major Some(150) Minor false",
                "3 Minor Some(111) Subminor false",
                "4 Minor None Minor true",
            ]
        );
        assert_eq!(list.lines[2].effective, PowerFactor::Subminor);
        assert_eq!(
            (list.measured(), list.unmeasured.clone()),
            (3, vec![ShooterNo(4)])
        );
        assert!(!list.is_complete(), "one was not measured");
    });
}

/// A correction as `score add --replaces` writes it: void first, then the score in its place.
fn corrected(nth: usize, reason: VoidReason, score: Score) -> [Body; 2] {
    [
        Body::Void(Void {
            entry: id(nth),
            reason,
            note: "seen on the target".into(),
            agreed: Agreed::BOTH,
        }),
        Body::Score(Score {
            instead_of: Some(id(nth)),
            ..score
        }),
    ]
}

#[test]
fn the_audit_tells_who_undid_what_and_what_stands_instead() {
    let roster = roster();
    let mut venue = Venue::default();
    venue.write(1, run(1, 500), Live);
    let [void, fresh] = corrected(0, VoidReason::Time, score(1, 510));
    venue.write(OWNER, void, Live);
    venue.write(OWNER, fresh, Live);
    venue.write(1, status(StatusKind::Dnf, Some(2), 3), Live);
    venue.write(1, crate::rules::fixture::void(3), Live);
    venue.write(2, crate::rules::fixture::void(99), Live);
    read(&roster, &venue, |basis, _| {
        let audit = audit(basis);
        let [first, second, third] = audit.lines.as_slice() else {
            panic!("three voids: {audit:?}");
        };
        assert_eq!((first.by, first.reason), (key(OWNER), VoidReason::Time));
        assert_eq!(
            (first.agreed, first.note.as_str()),
            (Agreed::BOTH, "seen on the target")
        );
        assert_eq!(first.was.map(|it| (it.entry, it.by)), Some((id(0), key(1))));
        assert_eq!(first.instead.map(|it| it.entry), Some(id(2)));
        assert_eq!(second.was.map(|it| it.entry), Some(id(3)));
        assert_eq!(second.instead, None, "nothing stands there");
        assert_eq!((third.verdict, third.was), (Verdict::Waiting, None));
        assert_eq!(audit.missing, [id(99)]);
        assert!(!audit.is_complete(), "one target is not here");
    });
}

#[test]
fn a_sheet_holds_all_versions_with_what_became_of_them() {
    let roster = roster();
    let mut venue = Venue::default();
    venue.write(1, run(1, 500), Live);
    let [void, moved] = corrected(0, VoidReason::WrongShooter, score(2, 500));
    venue.write(1, void, Live);
    venue.write(1, moved, Live);
    venue.write(1, run(1, 700), Live);
    venue.write(1, reshoot(1, 650, 1), Live);
    let approvals = Approvals {
        ro_ms: Some(0),
        shooter_ms: Some(5),
    };
    let entry = id(4);
    venue.write(1, Body::Approve(Approve { entry, approvals }), Live);
    venue.write(1, status(StatusKind::Warning, None, 1), Live);
    read(&roster, &venue, |basis, standings| {
        let sheet = shooter_sheet(basis, standings, ShooterNo(1)).expect("a shooter");
        let [first, second, _] = sheet.drills.as_slice() else {
            panic!("three drills: {sheet:?}");
        };
        let text: Vec<String> = first
            .versions
            .iter()
            .map(|it| {
                format!(
                    "{:?} voids {} approvals {}",
                    it.verdict,
                    it.voids.len(),
                    it.approvals.len()
                )
            })
            .collect();
        assert_eq!(
            text,
            [
                format!("{:?} voids 1 approvals 0", Verdict::Voided(id(1))),
                format!("{:?} voids 0 approvals 0", Verdict::LowerAttempt(id(4))),
                format!("{:?} voids 0 approvals 1", Verdict::Counted),
            ]
        );
        let went_to = first.versions[0].replaced_by.and_then(|it| it.about);
        assert_eq!(went_to.map(|it| it.shooter), Some(ShooterNo(2)));
        assert_eq!(first.slot.as_ref().map(|it| it.attempt), Some(1));
        assert_eq!(first.placed.len(), 2, "in the division and among all");
        assert_eq!((second.slot.is_none(), second.versions.len()), (true, 0));
        assert_eq!((sheet.versions.len(), sheet.out.len()), (1, 1));
        assert_eq!(sheet.gaps.missing, [(DrillNo(2), ShooterNo(1))]);

        let other = shooter_sheet(basis, standings, ShooterNo(2)).expect("a shooter");
        let came_from = other.drills[0].versions[0].instead_of;
        let came_from = came_from.and_then(|it| it.about).map(|it| it.shooter);
        assert_eq!(came_from, Some(ShooterNo(1)));
        assert_eq!(shooter_sheet(basis, standings, ShooterNo(99)), None);
    });
}

#[test]
fn a_court_table_tells_sets_winner_and_balance() {
    let roster = roster_of(Discipline::Court, |structure| {
        structure.drills.truncate(1);
        for drill in &mut structure.drills {
            drill.method = Method::Court;
            drill.required_hits = vec![];
            drill.terms = Terms {
                court: Some(Court {
                    a: ShooterNo(1),
                    b: ShooterNo(3),
                    sets_to_win: 2,
                    points: 21,
                    points_last: 15,
                    lead: 2,
                    cap: 0,
                }),
                ..Terms::default()
            };
        }
    });
    let set = |set, own, other| {
        Body::SetScore(crate::model::SetScore {
            drill: DrillNo(1),
            side: ShooterNo(1),
            set,
            own,
            other,
        })
    };
    read(&roster, &venue(&[set(1, 21, 15)]), |basis, _| {
        let table = court_table(&roster, basis.book);
        assert_eq!(table.missing, [DrillNo(1)]);
        assert!(!table.is_complete(), "one set is not a match");
    });
    let entries = [set(1, 21, 15), set(2, 19, 21), set(3, 15, 12)];
    read(&roster, &venue(&entries), |basis, _| {
        let table = court_table(&roster, basis.book);
        assert!(table.is_complete(), "it is decided");
        assert_eq!(table.matches[0].winner, Some(ShooterNo(1)));
        let rows: Vec<String> = table
            .rows
            .iter()
            .map(|it| {
                format!(
                    "{}:{} {}/{} {} {}",
                    it.place, it.shooter, it.won, it.played, it.sets, it.points
                )
            })
            .collect();
        assert_eq!(rows, ["1:1 1/1 1 7", "2:3 0/1 -1 -7"]);
    });
}

#[test]
fn a_race_lists_who_starts_and_who_has_no_time() {
    let roster = roster_of(Discipline::Ski, |structure| {
        structure.drills.truncate(2);
        for drill in &mut structure.drills {
            drill.method = Method::Run;
            drill.required_hits = vec![];
            drill.steel = 0;
        }
        structure.places.push(Place {
            no: PlaceNo(1),
            name: "Gate 7".into(),
        });
    });
    let incident = uuid::Uuid::from_u128(7);
    let seen = Body::Incident(Incident {
        id: incident,
        race: DrillNo(2),
        bib: ShooterNo(1),
        place: PlaceNo(1),
        before_ms: 0,
        rule: None,
        text: None,
    });
    let decided = Body::JuryDecision(JuryDecision {
        incident,
        ruling: Ruling::Dsq,
        rule: Some(RuleNo(2)),
        note: "seen on the film".into(),
    });
    let mut venue = venue(&[
        status(StatusKind::Dnf, Some(1), 1),
        status(StatusKind::Dns, Some(1), 2),
        status(StatusKind::Withdrawn, None, 3),
        status(StatusKind::MatchDq, None, 4),
    ]);
    venue.write(1, seen, Live);
    venue.write(OWNER, decided, Live);
    read(&roster, &venue, |basis, _| {
        let races = race(basis);
        assert_eq!(races.len(), 2, "both runs");
        let bibs: Vec<u32> = races[0].starts.iter().map(|it| it.bib.0).collect();
        assert_eq!(bibs, [1, 2, 4], "who withdrew does not start");
        let no_time: Vec<(u32, Missed)> = races[0]
            .no_time
            .iter()
            .map(|it| (it.bib.0, it.why))
            .collect();
        assert_eq!(
            no_time,
            [(2, Missed::Dns), (1, Missed::Dnf), (4, Missed::StageDq)]
        );
        assert_eq!(races[0].no_time[2].rule, Some(RuleNo(2)));
        let second = &races[1].no_time[0];
        assert_eq!((second.bib.0, second.why), (1, Missed::StageDq));
        assert_eq!(
            (second.rule, second.note.as_str()),
            (Some(RuleNo(2)), "seen on the film")
        );
        assert_eq!(second.said.map(|(_, by)| by), Some(key(OWNER)));
        assert_eq!(races[1].gaps.missing, [(DrillNo(2), ShooterNo(2))]);
    });
}
