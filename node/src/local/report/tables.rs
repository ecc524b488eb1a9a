//! Progress, penalties, chronograph, audit, courts and races as answers.
//!
//! Layer: node, local.

use tallyline_proto::model::Phase;
use tallyline_proto::rules::results::{self, ChronoLine, NoTime, OutLine, OutWhy, PenaltyLine};
use tallyline_proto::rules::scorebook::Missed;
use tallyline_proto::rules::scoring::Cost;

use super::super::protocol::{
    AuditReport, ChronoReport, ChronoRow, CourtMatch, CourtReport, CourtRow, GearResult, NoTimeRow,
    OutRow, PenaltiesReport, PenaltyRow, ProgressCell, ProgressReport, RaceReport, RaceRun,
    RaceStart,
};
use super::super::{convert, standings};
use super::{Page, numbers};

pub(super) fn progress(page: &Page<'_>) -> ProgressReport {
    let progress = results::progress(page.basis.roster, page.basis.book);
    ProgressReport {
        head: page.head("progress", page.gaps(&progress.gaps)),
        squads: progress.squads.iter().map(|it| it.0).collect(),
        cells: progress.cells.iter().map(cell).collect(),
    }
}

pub(super) fn cell(cell: &results::ProgressCell) -> ProgressCell {
    ProgressCell {
        drill: cell.drill.0,
        squad: cell.squad.0,
        total: cell.total,
        done: cell.done,
        missing: numbers(&cell.missing),
        dnf: numbers(&cell.dnf),
        dns: numbers(&cell.dns),
        stage_dq: numbers(&cell.stage_dq),
        undecided: numbers(&cell.undecided),
    }
}

pub(super) fn penalties(page: &Page<'_>) -> PenaltiesReport {
    let list = results::penalty_list(page.basis);
    let out = results::out_list(page.basis);
    let row = |it: &PenaltyLine| PenaltyRow {
        drill: it.drill.0,
        shooter: it.shooter.0,
        label: page.shooter(it.shooter),
        rule: it.rule.map(|no| no.0),
        rule_text: page.rule(it.rule),
        count: it.count,
        cost: cost(it.cost),
        by: page.device(&it.by),
        at_unix_ms: page.unix_ms(it.at_ms),
        entry: it.entry.to_string(),
    };
    PenaltiesReport {
        head: page.head("penalties", page.gaps(&list.gaps)),
        penalties: list.lines.iter().map(row).collect(),
        out: out.lines.iter().map(|it| out_row(page, it)).collect(),
    }
}

fn cost(cost: Cost) -> String {
    match cost {
        Cost::Points(points) => points.to_string(),
        Cost::Centis(centis) => {
            let (sign, centis) = (if centis < 0 { "-" } else { "" }, centis.unsigned_abs());
            format!("{sign}{}.{:02} s", centis / 100, centis % 100)
        }
    }
}

pub(super) fn out_row(page: &Page<'_>, it: &OutLine) -> OutRow {
    let kind = match it.why {
        OutWhy::MatchDq => "match-dq",
        OutWhy::StageDq => "stage-dq",
        OutWhy::Withdrawn => "withdrawn",
        OutWhy::Warning => "warning",
    };
    OutRow {
        kind: kind.to_owned(),
        shooter: it.shooter.0,
        label: page.shooter(it.shooter),
        drill: it.drill.map(|no| no.0),
        rule: it.rule.map(|no| no.0),
        rule_text: page.rule(it.rule),
        note: it.note.clone(),
        by: page.device(&it.by),
        at_unix_ms: page.unix_ms(it.at_ms),
        entry: it.entry.to_string(),
    }
}

pub(super) fn chrono(page: &Page<'_>) -> ChronoReport {
    let list = results::chrono_list(page.basis);
    let mut missing = Vec::new();
    for line in list.lines.iter().filter(|it| it.needs_decision) {
        let shooter = line.shooter;
        missing.push(format!(
            "Shooter {shooter} has different readings: void all but one."
        ));
    }
    match list.unmeasured.as_slice() {
        [] => {}
        [one] => missing.push(format!("Shooter {one} was not measured.")),
        many => missing.push(format!("{} shooters were not measured.", many.len())),
    }
    ChronoReport {
        head: page.head("chrono", missing),
        measured: u64::try_from(list.measured()).unwrap_or(u64::MAX),
        rows: list.lines.iter().map(|it| chrono_row(page, it)).collect(),
    }
}

pub(super) fn chrono_row(page: &Page<'_>, it: &ChronoLine) -> ChronoRow {
    let shooter = page.basis.roster.shooter(it.shooter);
    ChronoRow {
        shooter: it.shooter.0,
        label: page.shooter(it.shooter),
        division: shooter.map_or_else(String::new, |it| page.division(it.division)),
        declared: convert::power(it.declared),
        measured: it.measured,
        power_factor: convert::power(it.effective),
        weights_decigrains: it.weights_decigrains.clone(),
        speeds_fps: it.speeds_fps.clone(),
        gear: it.gear.map(|gear| match gear {
            tallyline_proto::model::Gear::Pass => GearResult::Pass,
            tallyline_proto::model::Gear::Fail => GearResult::Fail,
        }),
        needs_decision: it.needs_decision,
        by: page.device(&it.by),
        at_unix_ms: page.unix_ms(it.at_ms),
        entry: it.entry.to_string(),
    }
}

pub(super) fn audit(page: &Page<'_>) -> AuditReport {
    let audit = results::audit(page.basis);
    let missing = audit.missing.iter();
    let missing = missing.map(|entry| format!("Entry {entry} is voided and not here yet."));
    AuditReport {
        head: page.head("audit", missing.take(standings::MISSING_MAX).collect()),
        voids: audit.lines.iter().map(|it| page.undone(it)).collect(),
    }
}

pub(super) fn court(page: &Page<'_>) -> CourtReport {
    let table = results::court_table(page.basis.roster, page.basis.book);
    let missing = table.missing.iter();
    let missing = missing.map(|no| format!("Match {no} ({}) is not decided.", page.drill(*no)));
    CourtReport {
        head: page.head("court", missing.take(standings::MISSING_MAX).collect()),
        matches: table
            .matches
            .iter()
            .map(|it| CourtMatch {
                drill: it.drill.0,
                name: page.drill(it.drill),
                a: it.court.a.0,
                a_label: page.shooter(it.court.a),
                b: it.court.b.0,
                b_label: page.shooter(it.court.b),
                sets: it.sets.iter().map(|set| (set.a, set.b)).collect(),
                won: it.won,
                winner: it.winner.map(|no| no.0),
            })
            .collect(),
        rows: table
            .rows
            .iter()
            .map(|it| CourtRow {
                place: it.place,
                shooter: it.shooter.0,
                label: page.shooter(it.shooter),
                played: it.played,
                won: it.won,
                sets: it.sets,
                points: it.points,
            })
            .collect(),
    }
}

pub(super) fn race(page: &Page<'_>) -> RaceReport {
    let races = results::race(page.basis);
    let missing = races.iter().flat_map(|it| page.gaps(&it.gaps));
    let state = match page.basis.roster.phase() {
        Phase::Scoring | Phase::Provisional { .. } => "unofficial",
        Phase::Final { .. } => "official",
    };
    let no_time = |it: &NoTime| NoTimeRow {
        kind: match it.why {
            Missed::Dns => "dns",
            Missed::Dnf => "dnf",
            Missed::StageDq => "dsq",
        }
        .to_owned(),
        bib: it.bib.0,
        label: page.shooter(it.bib),
        rule: it.rule.map(|no| no.0),
        rule_text: page.rule(it.rule),
        note: it.note.clone(),
        by: it.said.map(|(_, key)| page.device(&key)),
        at_unix_ms: it.at_ms.map(|at_ms| page.unix_ms(at_ms)),
    };
    RaceReport {
        head: page.head("race", missing.take(standings::MISSING_MAX).collect()),
        state: state.to_owned(),
        runs: races
            .iter()
            .map(|race| RaceRun {
                drill: race.drill.0,
                name: page.drill(race.drill),
                starts: race
                    .starts
                    .iter()
                    .map(|it| RaceStart {
                        bib: it.bib.0,
                        label: page.shooter(it.bib),
                        division: page.division(it.division),
                        squad: it.squad.0,
                    })
                    .collect(),
                no_time: race.no_time.iter().map(no_time).collect(),
            })
            .collect(),
    }
}
