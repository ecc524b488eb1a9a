//! One event, told to the package under test, and its tables told back.

use tallyline_proto::{
    model::{
        About, Body, Chrono, Court, Discipline, Division, Drill, DrillNo, Entrant, EntryId,
        FaultTimes, HitPoints, Hits, Marks, Method, NoShoots, Overtime, Penalty, Point,
        PowerFactor, Rule, RuleKind, RuleNo, Ruleset, Score, SetScore, Shooter, ShooterNo, SquadNo,
        Status, StatusKind, Steel, StringFaults, Structure, Sum, Target, Terms, Tie, Void,
        VoidReason,
    },
    rules::{
        Roster, Standings,
        scorebook::Missed,
        scoring::Tally,
        standings::{Group, MatchTable, StageTable},
    },
};

use crate::{
    independent::{
        facts::{
            Adds, CourtTerms, Event, Faults, Num, Numbers, Paper, Power, Said, Shot, Sport, Stage,
            TieBreak, Way, Why,
        },
        overall::{MatchCells, MatchLine},
        runs::Sheet,
        tables::{StageCells, StageLine},
    },
    rules_venue::Venue,
};

/// A number where the package under test has a smaller kind of them.
fn small<T: TryFrom<Num>>(number: Num) -> T {
    T::try_from(number)
        .ok()
        .expect("a number that fits what it is for")
}

fn all<T: TryFrom<Num>>(numbers: &[Num]) -> Vec<T> {
    numbers.iter().copied().map(small).collect()
}

/// The event before the first entry.
pub(crate) fn roster(event: &Event) -> Roster {
    let rules = event.rules.iter().map(|rule| Rule {
        no: RuleNo(rule.no),
        kind: RuleKind::Procedural,
        text: "10.2 Procedural".to_owned(),
        code: String::new(),
        value: rule.value.map(small),
    });
    let divisions = event
        .divisions
        .iter()
        .zip('A'..)
        .map(|(floors, name)| Division {
            name: name.to_string(),
            minor_floor: floors.minor.map(small),
            major_floor: floors.major.map(small),
        });
    let shooters = event.people.iter().map(|person| Shooter {
        no: ShooterNo(person.no),
        label: "Shooter".to_owned(),
        division: person.division,
        power_factor: match person.declared {
            Power::Subminor => PowerFactor::Subminor,
            Power::Minor => PowerFactor::Minor,
            Power::Major => PowerFactor::Major,
        },
        squad: SquadNo(1),
        categories: vec![],
        entrant: Entrant::default(),
    });
    let mut roster = Roster::new(Structure {
        epoch_ms: 0,
        zone_min: 0,
        level: String::new(),
        ruleset: ruleset(event),
        divisions: divisions.collect(),
        drills: event.stages.iter().map(drill).collect(),
        shooters: shooters.collect(),
        rules: rules.collect(),
        places: vec![],
        kinds: vec![],
    });
    roster.lock();
    roster
}

/// The package's own numbers of the sport, unless the event has others.
fn ruleset(event: &Event) -> Ruleset {
    let known = Ruleset::of(match event.sport {
        Sport::Ipsc => Discipline::Ipsc,
        Sport::Uspsa => Discipline::Uspsa,
        Sport::Idpa => Discipline::Idpa,
        Sport::SteelChallenge => Discipline::SteelChallenge,
        Sport::MultiGun => Discipline::MultiGun,
        Sport::Icore => Discipline::Icore,
        Sport::Sass => Discipline::Sass,
        Sport::Prs => Discipline::Prs,
        Sport::Precision => Discipline::Precision,
        Sport::Drills => Discipline::Drills,
        Sport::Ski => Discipline::Ski,
        Sport::Court => Discipline::Court,
    });
    if event.own_numbers {
        own_numbers(&known, &event.numbers)
    } else {
        known
    }
}

fn own_numbers(known: &Ruleset, numbers: &Numbers) -> Ruleset {
    let ties = numbers.ties.iter().map(|tie| match tie {
        TieBreak::Xs => Tie::Xs,
        TieBreak::FarScore => Tie::LongestRange,
        TieBreak::FarXs => Tie::LongestRangeXs,
        TieBreak::FewestMisses => Tie::FewestMisses,
        TieBreak::FewestLow => Tie::FewestLow,
        TieBreak::LastShotFirst => Tie::InverseOrder,
        TieBreak::StageWins => Tie::StageWins,
        TieBreak::TieStages => Tie::TieStage,
    });
    let [c_major, d_major] = numbers.major.map(small);
    let [c_minor, d_minor] = numbers.minor.map(small);
    Ruleset {
        hf_decimals: numbers.factor_decimals,
        sum: match numbers.adds {
            Adds::StagePoints => Sum::StagePoints,
            Adds::Times => Sum::Time,
            Adds::Points => Sum::Points,
            Adds::Wins => Sum::Wins,
        },
        percent_decimals: numbers.percent_decimals,
        points: HitPoints {
            full: small(numbers.full),
            c_major,
            d_major,
            c_minor,
            d_minor,
            penalty: small(numbers.penalty),
            late_shot: small(numbers.late_shot),
        },
        times: FaultTimes {
            down_centis: small(numbers.down_centis),
            zones: numbers.down.map(small),
            miss: small(numbers.down_miss),
            steel_miss: small(numbers.down_steel),
            no_shoot_centis: small(numbers.no_shoot_centis),
            x_bonus_centis: small(numbers.x_centis),
            procedural_centis: small(numbers.procedural_centis),
            plate_centis: small(numbers.plate_centis),
            string_procedural_centis: small(numbers.string_procedural_centis),
            movement_centis: small(numbers.movement_centis),
            string_max_centis: small(numbers.string_limit),
        },
        grace_centis: small(numbers.grace_centis),
        ties: ties.collect(),
        ..known.clone()
    }
}

fn drill(stage: &Stage) -> Drill {
    let (method, overtime) = match stage.way {
        Way::Comstock => (Method::Comstock, Overtime::NotCounted),
        Way::Virginia => (Method::VirginiaCount, Overtime::NotCounted),
        Way::FixedTime => (Method::FixedTime, Overtime::NotCounted),
        Way::TimePlus => (Method::TimePlus, Overtime::NotCounted),
        Way::BestStrings => (Method::BestStrings, Overtime::NotCounted),
        Way::Rings => (Method::Precision, Overtime::NotCounted),
        Way::HitValues => (Method::HitValues, Overtime::NotCounted),
        Way::ParDropped => (Method::ParTime, Overtime::NotCounted),
        Way::ParCosts => (Method::ParTime, Overtime::Costs),
        Way::ParPass => (Method::ParTime, Overtime::PassFail),
        Way::ParCapped => (Method::ParTime, Overtime::Capped),
        Way::SkiRun => (Method::Run, Overtime::NotCounted),
        Way::Chrono => (Method::Chrono, Overtime::NotCounted),
        Way::Court => (Method::Court, Overtime::NotCounted),
    };
    Drill {
        no: DrillNo(stage.no),
        name: format!("Drill {}", stage.no),
        method,
        strings: small(stage.strings),
        required_hits: all(&stage.papers),
        steel: small(stage.steel),
        no_shoots: NoShoots::NotSaid,
        terms: Terms {
            par_centis: small(stage.par),
            overtime,
            string_max_centis: small(stage.string_limit),
            drop_worst: small(stage.drop_worst),
            values: all(&stage.values),
            shots: small(stage.shots),
            range: small(stage.range),
            tie_breaker: stage.breaks_ties,
            stage_points: small(stage.prize),
            court: stage.court.map(court),
            ..Terms::default()
        },
    }
}

fn court(terms: CourtTerms) -> Court {
    let [a, b] = terms.sides.map(ShooterNo);
    Court {
        a,
        b,
        sets_to_win: small(terms.sets_to_win),
        points: small(terms.points),
        points_last: small(terms.points_last),
        lead: small(terms.lead),
        cap: small(terms.cap),
    }
}

/// Writes the facts as entries, each by its device.
pub(crate) fn venue(event: &Event) -> Venue {
    let mut venue = Venue::new();
    let mut ids: Vec<EntryId> = Vec::new();
    for (fact, minute) in event.facts.iter().zip(0..) {
        let body = body(&fact.said, &ids);
        ids.push(venue.write(fact.device, minute * 60_000, body));
    }
    venue
}

fn body(said: &Said, ids: &[EntryId]) -> Body {
    match said {
        Said::Shot(shot) => Body::Score(score(shot)),
        Said::NoRun { stage, who, why } => status(
            match why {
                Why::Dnf => StatusKind::Dnf,
                Why::Dns => StatusKind::Dns,
                Why::StageDq => StatusKind::StageDq,
            },
            Some(*stage),
            *who,
        ),
        Said::Out {
            who,
            stage,
            withdrawn,
        } => {
            let kind = if *withdrawn {
                StatusKind::Withdrawn
            } else {
                StatusKind::MatchDq
            };
            status(kind, *stage, *who)
        }
        Said::Reading {
            stage,
            who,
            weights,
            speeds,
        } => Body::Chrono(Chrono {
            drill: DrillNo(*stage),
            shooter: ShooterNo(*who),
            weights_decigrains: all(weights),
            speeds_fps: all(speeds),
            gear: None,
        }),
        Said::Point {
            stage,
            side,
            set,
            number,
        } => Body::Point(Point {
            drill: DrillNo(*stage),
            side: ShooterNo(*side),
            set: small(*set),
            number: small(*number),
        }),
        Said::SetScore {
            stage,
            side,
            set,
            own,
            other,
        } => Body::SetScore(SetScore {
            drill: DrillNo(*stage),
            side: ShooterNo(*side),
            set: small(*set),
            own: small(*own),
            other: small(*other),
        }),
        Said::Undo(place) => Body::Void(Void {
            entry: ids[*place],
            reason: VoidReason::Hits,
            agreed: tallyline_proto::model::Agreed::default(),
            note: String::new(),
        }),
    }
}

fn status(kind: StatusKind, stage: Option<u32>, who: u32) -> Body {
    Body::Status(Status {
        about: About {
            drill: stage.map(DrillNo),
            shooter: ShooterNo(who),
        },
        kind,
        rule: None,
        attempt: 0,
        note: String::new(),
    })
}

fn score(shot: &Shot) -> Score {
    Score {
        attempt: small(shot.attempt),
        time_centis: all(&shot.times),
        hits: shot.papers.iter().map(hits).collect(),
        steel: Steel {
            hit: small(shot.steel.down),
            miss: small(shot.steel.standing),
            no_penalty_miss: small(shot.steel.free_standing),
            no_shoot: small(shot.steel.no_shoot),
        },
        penalties: shot
            .penalties
            .iter()
            .map(|(rule, count)| Penalty {
                rule: RuleNo(*rule),
                count: small(*count),
            })
            .collect(),
        late_shots: small(shot.late),
        extra_shots: small(shot.extra_shots),
        extra_hits: small(shot.extra_hits),
        marks: Marks {
            rings: all(&shot.rings),
            points_down: all(&shot.points_down),
            xs: small(shot.xs),
            string_faults: shot.faults.iter().map(faults).collect(),
            ..Marks::default()
        },
        ..Score::blank(DrillNo(shot.stage), ShooterNo(shot.who))
    }
}

fn hits(paper: &Paper) -> Hits {
    Hits::pack(Target {
        a: small(paper.a),
        b: small(paper.b),
        c: small(paper.c),
        d: small(paper.d),
        no_shoot: small(paper.no_shoot),
        miss: small(paper.miss),
        no_penalty_miss: small(paper.free_miss),
    })
    .expect("at most 15 of each")
}

fn faults(faults: &Faults) -> StringFaults {
    StringFaults {
        missed: small(faults.missed),
        procedurals: small(faults.procedurals),
        movement: small(faults.movement),
        unfinished: faults.unfinished,
    }
}

/// The group of a division, or of everybody.
pub(crate) fn group(division: Option<usize>) -> Group {
    division.map_or(Group::Combined, Group::Division)
}

fn why(missed: Missed) -> Why {
    match missed {
        Missed::Dnf => Why::Dnf,
        Missed::Dns => Why::Dns,
        Missed::StageDq => Why::StageDq,
    }
}

fn sheet(tally: &Tally) -> Sheet {
    Sheet {
        points: tally.points.into(),
        penalties: tally.penalties.into(),
        time: tally.time_centis.into(),
        added: tally.added_centis.into(),
        xs: tally.xs.into(),
        strings: tally.strings.iter().map(|&it| it.into()).collect(),
        rings: tally.rings.iter().map(|&it| it.into()).collect(),
    }
}

pub(crate) fn stage_lines(table: &StageTable) -> Vec<StageLine> {
    let lines = table.rows.iter().map(|row| StageLine {
        place: row.place.into(),
        who: row.shooter.0,
        cells: row.result.as_ref().map(|result| StageCells {
            sheet: sheet(&result.tally),
            factor: result.hit_factor.0.into(),
            stage_points: result.stage_points.0.into(),
            percent: result.percent.0.into(),
            missed: result.missed.map(why),
            doubtful: result.needs_decision,
        }),
    });
    lines.collect()
}

pub(crate) fn match_lines(table: &MatchTable, decimals: u32) -> Vec<MatchLine> {
    let lines = table.rows.iter().map(|row| MatchLine {
        place: row.place.into(),
        who: row.shooter.0,
        cells: row.result.map(|result| {
            assert_eq!(result.percent.decimals, decimals, "digits of a percent");
            MatchCells {
                points: result.points.0.into(),
                percent: result.percent.value.into(),
                time: result.time_centis.into(),
                xs: result.xs.into(),
                drills: result.drills.into(),
                unranked: result.unranked.map(why).into_iter().collect(),
            }
        }),
    });
    lines.collect()
}

/// Slots without a result and slots in doubt, as the package names them.
pub(crate) fn open_slots(standings: &Standings) -> [Vec<(u32, u32)>; 2] {
    [&standings.missing, &standings.undecided].map(|slots| {
        let slots = slots.iter().map(|(drill, shooter)| (drill.0, shooter.0));
        slots.collect()
    })
}
