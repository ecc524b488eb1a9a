//! A shooter's sheet as an answer.
//!
//! Layer: node, local.

use std::collections::BTreeSet;

use tallyline_proto::model::{Approvals, Body, ShooterNo, Sum};
use tallyline_proto::rules::results::{self, SheetDrill, ShooterSheet, Version};
use tallyline_proto::rules::scoring::Measure;
use tallyline_proto::rules::standings::{Group, MatchRow, StageRow};
use tallyline_proto::rules::{Fixed2, Verdict};

use super::super::protocol::{
    Problem, RuleInfo, SheetPlace, SheetReport, SheetStage, SheetVersion, exits,
};
use super::super::{answers, convert, standings, words};
use super::{Page, tables};

pub(super) fn sheet(page: &Page<'_>) -> Result<SheetReport, Problem> {
    let roster = page.basis.roster;
    let no = ShooterNo(page.seen.query.shooter.unwrap_or(0));
    let sheet = results::shooter_sheet(page.basis, &page.seen.standings, no);
    let (Some(sheet), Some(shooter)) = (sheet, roster.shooter(no)) else {
        return Err(Problem::new(
            "E01",
            exits::FAILURE,
            format!(
                "E01 shooter {no} is not on the roster of {:?}. `tallyline event show` lists the \
                 shooters.",
                page.seen.name
            ),
        ));
    };
    Ok(SheetReport {
        head: page.head("sheet", page.gaps(&sheet.gaps)),
        shooter: no.0,
        label: shooter.label.clone(),
        division: page.division(shooter.division),
        squad: shooter.squad.0,
        declared: convert::power(shooter.power_factor),
        power_factor: convert::power(page.basis.book.power_factor(roster, no)),
        class: shooter.entrant.class.clone(),
        team: shooter.entrant.team.clone(),
        categories: shooter.categories.clone(),
        stages: sheet.drills.iter().map(|it| stage(page, it)).collect(),
        versions: sheet.versions.iter().map(|it| version(page, it)).collect(),
        overall: sheet.overall.iter().map(|it| overall(page, it)).collect(),
        chrono: sheet.chrono.as_ref().map(|it| tables::chrono_row(page, it)),
        rules: rules(page, &sheet),
    })
}

/// Returns the rules that a sheet names.
fn rules(page: &Page<'_>, sheet: &ShooterSheet) -> Vec<RuleInfo> {
    let mut named = BTreeSet::new();
    let on_drills = sheet.drills.iter().flat_map(|it| &it.versions);
    for version in on_drills.chain(&sheet.versions) {
        if let Body::Score(score) = &version.body {
            named.extend(score.penalties.iter().map(|it| it.rule));
        } else if let Body::Status(status) = &version.body {
            named.extend(status.rule);
        }
    }
    let rules = named.into_iter();
    let rules = rules.filter_map(|no| page.basis.roster.rule(no));
    rules.map(answers::rule).collect()
}

fn stage(page: &Page<'_>, it: &SheetDrill) -> SheetStage {
    let drill = page.basis.roster.drill(it.drill);
    let timed = drill.is_some_and(|it| Measure::of(it) == Some(Measure::Time));
    let result = it.placed.first().and_then(|(_, row)| row.result.as_ref());
    let time = result.map(|it| {
        if timed {
            Fixed2(it.tally.total_centis())
        } else {
            Fixed2::from(it.tally.time_centis)
        }
    });
    let slot = it.slot.as_ref();
    SheetStage {
        drill: it.drill.0,
        name: page.drill(it.drill),
        filled: slot.is_some(),
        missed: result
            .and_then(|it| it.missed)
            .map(|it| standings::missed(it).to_owned()),
        needs_decision: slot.is_some_and(|it| it.needs_decision),
        attempt: slot.map_or(0, |it| it.attempt),
        points: result.filter(|_| !timed).map(|it| it.tally.points),
        penalties: result.filter(|_| !timed).map(|it| it.tally.penalties),
        time: time.map(|it| it.to_string()),
        hit_factor: result
            .filter(|_| !timed)
            .map(|it| it.hit_factor.to_string()),
        places: it.placed.iter().map(|it| placed(page, it)).collect(),
        versions: it.versions.iter().map(|it| version(page, it)).collect(),
    }
}

fn placed(page: &Page<'_>, (group, row): &(Group, StageRow)) -> SheetPlace {
    let result = row.result.as_ref();
    SheetPlace {
        division: group.name(page.basis.roster).to_owned(),
        place: row.place,
        dq: result.is_none(),
        points: result.map(|it| it.stage_points.to_string()),
        time: None,
        percent: result.map(|it| it.percent.to_string()),
    }
}

fn overall(page: &Page<'_>, (group, row): &(Group, MatchRow)) -> SheetPlace {
    let timed = page.basis.roster.structure().ruleset.sum == Sum::Time;
    let result = row.result.as_ref();
    SheetPlace {
        division: group.name(page.basis.roster).to_owned(),
        place: row.place,
        dq: result.is_none(),
        points: result.filter(|_| !timed).map(|it| it.points.to_string()),
        time: result
            .filter(|_| timed)
            .map(|it| Fixed2(it.time_centis).to_string()),
        percent: result.map(|it| it.percent.to_string()),
    }
}

fn version(page: &Page<'_>, it: &Version) -> SheetVersion {
    let (word, text, _) = words::verdict(it.verdict);
    let at_unix_ms = page.unix_ms(it.at_ms);
    let mut approvals = if let Body::Score(score) = &it.body {
        later(score.approvals, at_unix_ms)
    } else {
        Approvals::default()
    };
    for approval in &it.approvals {
        if matches!(approval.verdict, Verdict::Counted | Verdict::CountedLate) {
            let own = later(approval.approvals, page.unix_ms(approval.at_ms));
            approvals.ro_ms = approvals.ro_ms.or(own.ro_ms);
            approvals.shooter_ms = approvals.shooter_ms.or(own.shooter_ms);
        }
    }
    SheetVersion {
        entry: it.entry.to_string(),
        label: page.device(&it.by),
        at_unix_ms,
        record: convert::record(&it.body),
        verdict: word.to_owned(),
        verdict_text: text,
        instead_of: it.instead_of.map(|it| page.reference(&it)),
        replaced_by: it.replaced_by.map(|it| page.reference(&it)),
        ro_ok_unix_ms: approvals.ro_ms,
        shooter_ok_unix_ms: approvals.shooter_ms,
        voids: it.voids.iter().map(|it| page.undone(it)).collect(),
    }
}

/// Turns times relative to an entry into times of the clock.
fn later(approvals: Approvals, at_unix_ms: i64) -> Approvals {
    let later = |ms: i64| at_unix_ms.saturating_add(ms);
    Approvals {
        ro_ms: approvals.ro_ms.map(later),
        shooter_ms: approvals.shooter_ms.map(later),
    }
}
