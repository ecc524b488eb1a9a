//! Verbs about scores: record, void, list, standings.
//!
//! Layer: node, cli.

use super::args::{
    Approve, Entries as EntriesArgs, EntryArgs, InDivision, ScoreAdd, ScoreVerb, Standings,
};
use super::failure::Failure;
use super::session::{DONE, Session, say};
use super::{notation, show};
use crate::local::protocol::{
    self, ChronoData, Entries, EntriesQuery, PointData, Record, Replaces, Request, Saved,
    ScoreData, SetData, StandingsData, StandingsQuery, StatusRecord, StatusWhat,
};

/// What can be done about a slot that is filled (E09).
const ADD_WAYS: &str = "Nothing was saved. A reshoot: `--attempt N`; a correction: `--replaces ENTRY`; both \
                        all the same, for a person to decide: `--confirm`.";
const MOVE_WAYS: &str = "Nothing was saved. Void the other one first, or move it there all the same, for a \
                         person to decide: `--confirm`.";

/// Says what can be done if a slot is filled.
fn with_ways(failure: Failure, ways: &str) -> Failure {
    if failure.code != "E09" {
        return failure;
    }
    Failure {
        text: format!("{} {ways}", failure.text),
        ..failure
    }
}

pub(super) fn score(verb: ScoreVerb, session: &Session) -> Result<u8, Failure> {
    match verb {
        ScoreVerb::Add(args) => {
            let add = Request::ScoreAdd(add(*args)?);
            saved(add, session).map_err(|failure| with_ways(failure, ADD_WAYS))
        }
        ScoreVerb::Void(args) => {
            let request = protocol::ScoreVoid {
                entry: args.entry,
                reason: args.reason,
                note: args.note,
                wall_ms: None,
                agreed: args.agreed.data(),
            };
            saved(Request::ScoreVoid(request), session)
        }
        ScoreVerb::Move(args) => {
            let request = protocol::ScoreMove {
                entry: args.entry,
                shooter: args.shooter,
                drill: args.drill,
                agreed: args.agreed.data(),
                confirmed: args.confirm,
            };
            let moved = saved(Request::ScoreMove(request), session);
            moved.map_err(|failure| with_ways(failure, MOVE_WAYS))
        }
        ScoreVerb::Point(args) => {
            let record = Record::Point(PointData {
                drill: args.drill,
                side: args.side,
                set: args.set,
                number: args.number,
            });
            saved(Request::ScoreAdd(recorded(record, args.entry)), session)
        }
        ScoreVerb::Set(args) => {
            let record = Record::Set(SetData {
                drill: args.drill,
                side: args.side,
                set: args.set,
                own: args.own,
                other: args.other,
            });
            saved(Request::ScoreAdd(recorded(record, args.entry)), session)
        }
        ScoreVerb::List(args) => entries(Request::ScoreList(query(args)), session),
        ScoreVerb::History(args) => entries(Request::ScoreHistory(query(args)), session),
    }
}

pub(super) fn standings(args: Standings, session: &Session) -> Result<u8, Failure> {
    let Standings {
        stage,
        all,
        class,
        category,
        teams,
        who,
        csv,
    } = args;
    let InDivision { division, combined } = who;
    let request = Request::Standings(StandingsQuery {
        drill: stage,
        division,
        combined,
        all,
        class,
        category,
        teams,
    });
    let screen = session.config.screen;
    if csv {
        let data: StandingsData = protocol::Answer::Ok(session.ask(request)?).data()?;
        let text = show::standings_csv(&data).map_err(|error| {
            Failure::file(format!("the standings could not be written: {error}"))
        })?;
        session.write(&text)?;
        if !session.json {
            say(show::standings_footer(&data).trim_end());
        }
    } else {
        session.show::<StandingsData>(request, |it| show::standings(it, screen))?;
    }
    Ok(DONE)
}

/// Agrees with a score after it was saved.
pub(super) fn approve(args: Approve, session: &Session) -> Result<u8, Failure> {
    let agreed = args.by.data();
    let request = protocol::ApproveData {
        entry: args.entry,
        ro: agreed.ro,
        shooter: agreed.shooter,
        wall_ms: None,
    };
    saved(Request::Approve(request), session)
}

/// Makes the request of what was typed.
fn add(args: ScoreAdd) -> Result<protocol::ScoreAdd, Failure> {
    let entry = args.entry.clone();
    Ok(recorded(record(args)?, entry))
}

/// Makes the request of a record and of what was typed about its entry.
fn recorded(record: Record, entry: EntryArgs) -> protocol::ScoreAdd {
    let replaces = match (entry.replaces, entry.reason) {
        (Some(held), Some(reason)) => Some(Replaces {
            entry: held,
            reason,
            agreed: entry.agreed.data(),
        }),
        (Some(_), None) | (None, Some(_) | None) => None,
    };
    protocol::ScoreAdd {
        record,
        replaces,
        confirmed: entry.confirm,
        revision: None,
        wall_ms: None,
    }
}

fn record(args: ScoreAdd) -> Result<Record, Failure> {
    if let Some(status) = status(&args) {
        return Ok(Record::Status(status));
    }
    let drill = args
        .drill
        .ok_or_else(|| Failure::usage("--drill is missing"))?;
    if args.chrono.chrono {
        return Ok(Record::Chrono(ChronoData {
            drill,
            shooter: args.shooter,
            weights_decigrains: args.chrono.weight,
            speeds_fps: args.chrono.fps,
            gear: args.chrono.gear,
        }));
    }
    Ok(Record::Score(ScoreData {
        drill,
        shooter: args.shooter,
        attempt: args.attempt,
        time_cs: args.time,
        targets: notation::targets(&args.hits).map_err(Failure::usage)?,
        steel: args.steel.map(|steel| steel.0).unwrap_or_default(),
        penalties: args.penalty.iter().map(|penalty| penalty.0).collect(),
        ro_ok_ms: None,
        shooter_ok_ms: None,
        late_shots: args.late_shots,
        extra_shots: args.extra_shots,
        extra_hits: args.extra_hits,
        rings: notation::rings(&args.marks.rings).map_err(Failure::usage)?,
        points_down: args.marks.down,
        xs: args.marks.xs,
        string_faults: notation::faults(&args.marks.faults).map_err(Failure::usage)?,
        timer: args.marks.timer,
        instead_of: None,
    }))
}

fn status(args: &ScoreAdd) -> Option<StatusRecord> {
    let kinds = [
        (args.dnf.map(|rule| rule.0), StatusWhat::Dnf),
        (args.dns.map(|rule| rule.0), StatusWhat::Dns),
        (args.stage_dq.map(|rule| rule.0), StatusWhat::StageDq),
        (args.dq.map(Some), StatusWhat::MatchDq),
        (args.warning.map(|rule| rule.0), StatusWhat::Warning),
        (args.withdrawn.then_some(None), StatusWhat::Withdrawn),
    ];
    let mut kinds = kinds.into_iter();
    let (rule, kind) = kinds.find_map(|(rule, kind)| Some((rule?, kind)))?;
    let note = args.note.clone().unwrap_or_default();
    Some(StatusRecord {
        shooter: args.shooter,
        drill: args.drill,
        kind,
        attempt: args.attempt,
        rule,
        note,
    })
}

fn query(args: EntriesArgs) -> EntriesQuery {
    let EntriesArgs {
        drill,
        shooter,
        device,
        entry,
    } = args;
    EntriesQuery {
        drill,
        shooter,
        device,
        entry,
    }
}

fn saved(request: Request, session: &Session) -> Result<u8, Failure> {
    session.tell::<Saved>(
        request,
        |it| show::lines(&it.entries),
        |it| {
            let warnings = it.warnings.iter().map(|warning| format!("\n{warning}"));
            format!("Saved on this device.{}", warnings.collect::<String>())
        },
    )
}

fn entries(request: Request, session: &Session) -> Result<u8, Failure> {
    let screen = session.config.screen;
    session.show::<Entries>(request, |it| show::entries(it, screen))?;
    Ok(DONE)
}

#[cfg(test)]
mod tests;
