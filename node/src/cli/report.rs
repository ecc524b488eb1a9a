//! Reports: asked for, and written as a table, as comma-separated values or as JSON.
//!
//! Layer: node, cli.

use serde::Deserialize;

use super::args::{OneDay, Plain, ReportVerb, Sheet};
use super::failure::Failure;
use super::session::{DONE, Session, say};
use super::show::{self, Report};
use crate::local::protocol::{
    Answer, AuditReport, ChronoReport, ComplianceReport, CourtReport, DayReport, MissingReport,
    PenaltiesReport, ProgressReport, RaceReport, ReportKind, ReportQuery, Request, SheetReport,
    exits,
};

pub(super) fn report(verb: ReportVerb, session: &Session) -> Result<u8, Failure> {
    let kind = |report| ReportQuery {
        report,
        shooter: None,
        date: None,
    };
    match verb {
        ReportVerb::Sheet(Sheet { shooter, plain }) => {
            let query = ReportQuery {
                shooter: Some(shooter),
                ..kind(ReportKind::Sheet)
            };
            told::<SheetReport>(query, &plain, session)
        }
        ReportVerb::Progress(plain) => {
            told::<ProgressReport>(kind(ReportKind::Progress), &plain, session)
        }
        ReportVerb::Penalties(plain) => {
            told::<PenaltiesReport>(kind(ReportKind::Penalties), &plain, session)
        }
        ReportVerb::Chrono(plain) => {
            told::<ChronoReport>(kind(ReportKind::Chrono), &plain, session)
        }
        ReportVerb::Audit(plain) => told::<AuditReport>(kind(ReportKind::Audit), &plain, session),
        ReportVerb::Missing(plain) => {
            let data = write::<MissingReport>(kind(ReportKind::Missing), &plain, session)?;
            Ok(exit(data.head.complete))
        }
        ReportVerb::Day(OneDay { date, plain }) => {
            let asked = date.is_some();
            let query = ReportQuery {
                date,
                ..kind(ReportKind::Day)
            };
            let data = write::<DayReport>(query, &plain, session)?;
            Ok(exit(!asked || !data.devices.is_empty()))
        }
        ReportVerb::Compliance(OneDay { date, plain }) => {
            let query = ReportQuery {
                date,
                ..kind(ReportKind::Compliance)
            };
            let data = write::<ComplianceReport>(query, &plain, session)?;
            Ok(exit(data.head.complete))
        }
        ReportVerb::Court(plain) => told::<CourtReport>(kind(ReportKind::Court), &plain, session),
        ReportVerb::Race(plain) => told::<RaceReport>(kind(ReportKind::Race), &plain, session),
    }
}

fn exit(complete: bool) -> u8 {
    if complete { DONE } else { exits::PENDING }
}

fn told<T: Report + for<'de> Deserialize<'de>>(
    query: ReportQuery,
    plain: &Plain,
    session: &Session,
) -> Result<u8, Failure> {
    write::<T>(query, plain, session).map(|_| DONE)
}

fn write<T: Report + for<'de> Deserialize<'de>>(
    query: ReportQuery,
    plain: &Plain,
    session: &Session,
) -> Result<T, Failure> {
    let request = Request::Report(query);
    let screen = session.config.screen;
    if !plain.csv {
        return session.show::<T>(request, |it| show::report_text(it, screen));
    }
    let data: T = Answer::Ok(session.ask(request)?).data()?;
    let text = show::report_csv(&data)
        .map_err(|error| Failure::file(format!("the report could not be written: {error}")))?;
    session.write(&text)?;
    if !session.json {
        say(show::report_footer(&data).trim_end());
    }
    Ok(data)
}
