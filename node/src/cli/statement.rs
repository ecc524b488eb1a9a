//! Verbs about who owns the event, who stands in, and what counts.
//!
//! Layer: node, cli.

use std::io::Read as _;
use std::time::Duration;

use super::args::{Adopt, EventAmend, EventClose, EventStatements, Recover, Revoke, Transfer};
use super::failure::Failure;
use super::session::{DONE, Session, say};
use super::{done, show};
use crate::clock::Clock;
use crate::local::protocol::{
    self, Amended, Answer, Branch, CardsRevoke, Chased, Decided, DrillChange, Entries, NewRule,
    Nothing, Request, Revoked, Statements, StatementsQuery, WhyData, WhyQuery, exits,
};

/// How often the node is asked again while somebody waits.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// Most bytes of a card that is read; a real one has below 500.
const CARD_BYTES_MAX: u64 = 4096;

pub(super) fn revoke(args: Revoke, session: &Session) -> Result<u8, Failure> {
    let Revoke {
        device,
        reason,
        before,
    } = args;
    let request = Request::Revoke(protocol::Revoke {
        device,
        reason,
        before,
    });
    revoked(request, session)
}

pub(super) fn revoke_card(label: String, session: &Session) -> Result<u8, Failure> {
    revoked(Request::CardsRevoke(CardsRevoke { label }), session)
}

fn revoked(request: Request, session: &Session) -> Result<u8, Failure> {
    let told = |it: &Revoked| show::lines(&it.follows).trim_end().to_owned();
    session.tell::<Revoked>(request, |_| String::new(), told)
}

pub(super) fn transfer(args: Transfer, session: &Session) -> Result<u8, Failure> {
    let request = match args.device {
        Some(to) => Request::Transfer(protocol::Transfer { to }),
        None => Request::Consent(Nothing {}),
    };
    done(request, session)
}

pub(super) fn recover(args: &Recover, session: &Session) -> Result<u8, Failure> {
    let request = protocol::Recover {
        card: card(&args.card)?,
        reason: args.reason.0,
        before: args.before.clone(),
    };
    done(Request::Recover(request), session)
}

/// Returns what a card says: what was typed, or the standard input for `-`.
pub(super) fn card(typed: &str) -> Result<String, Failure> {
    if typed != "-" {
        return Ok(typed.to_owned());
    }
    let mut text = String::new();
    std::io::stdin()
        .lock()
        .take(CARD_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(|error| Failure::file(format!("the card could not be read: {error}")))?;
    Ok(text.trim().to_owned())
}

pub(super) fn adopt(args: Adopt, session: &Session) -> Result<u8, Failure> {
    if args.dry_run && args.branch == Some(Branch::Other) {
        return Err(Failure::usage(
            "the other branch is in the proof of the fork only, so its entries cannot be listed \
             before it is chosen; `--branch here --dry-run` lists those that are here",
        ));
    }
    let request = protocol::Adopt {
        entries: args.entries,
        device: args.device,
        log: args.log,
        branch: args.branch,
        reject: args.reject,
    };
    if args.dry_run {
        let screen = session.config.screen;
        let request = Request::Adoptable(request);
        session.show::<Entries>(request, |it| show::entries(it, screen))?;
        return Ok(DONE);
    }
    session.tell::<Decided>(
        Request::Adopt(request),
        |_| String::new(),
        |it| {
            let verb = if it.reject { "Rejected" } else { "Adopted" };
            let entries = show::count(it.entries, "entry", "entries");
            format!("{verb} {entries}; every device reads them so as soon as it hears of it.")
        },
    )
}

pub(super) fn amend(args: EventAmend, session: &Session) -> Result<u8, Failure> {
    let drill = args.stage.map(|drill| DrillChange {
        drill,
        name: args.change.name,
        method: args.change.method,
        strings: args.change.strings,
        required_hits: args.change.targets.map(|it| it.0),
        steel: args.change.steel,
        no_shoots: args.change.no_shoots,
        par_cs: args.change.par,
        string_limit_cs: args.change.string_limit,
        drop_worst: args.change.drop_worst,
        shots: args.change.shots,
        values: (!args.change.value.is_empty()).then_some(args.change.value),
    });
    if let Some(change) = &drill
        && *change
            == (DrillChange {
                drill: change.drill,
                ..DrillChange::default()
            })
    {
        return Err(Failure::usage(
            "nothing changes: name what is to be different (--name, --targets, --steel, \
             --strings, --no-shoots, --method, --par, --string-limit, --drop-worst, --shots, \
             --value)",
        ));
    }
    let rule = args.rule.zip(args.kind).map(|(text, kind)| NewRule {
        text,
        kind,
        code: args.code.unwrap_or_default(),
        value: args.seconds.or(args.points),
    });
    let note = args.note;
    let request = Request::EventAmend(protocol::EventAmend { drill, rule, note });
    session.tell::<Amended>(
        request,
        |it| {
            let number = it.rule.or(it.drill).unwrap_or_default();
            format!("{number}\n")
        },
        |it| {
            format!(
                "The structure is at revision {}. Scores that do not fit it any more are flagged \
                 (`tallyline score list`); all others stay.",
                it.revision
            )
        },
    )
}

pub(super) fn why(name: String, session: &Session) -> Result<u8, Failure> {
    let screen = session.config.screen;
    session.show::<WhyData>(Request::Why(WhyQuery { name }), |it| show::why(it, screen))?;
    Ok(DONE)
}

pub(super) fn statements(args: &EventStatements, session: &Session) -> Result<u8, Failure> {
    let screen = session.config.screen;
    let invalid = args.invalid;
    let request = Request::EventStatements(StatementsQuery { invalid });
    session.show::<Statements>(request, |it| show::statements(it, screen))?;
    Ok(DONE)
}

/// Tells everybody that scoring is over, and closes the event once nobody has to be waited for.
pub(super) fn close(args: EventClose, session: &Session) -> Result<u8, Failure> {
    // Said first: nobody seals before.
    session.ask(Request::EventLastCall(Nothing {}))?;
    let lost = args.declare_lost;
    let clock = Clock::start();
    let limit_ms = args.wait.saturating_mul(1_000);
    loop {
        let chase = Request::EventChase(protocol::EventClose { lost: lost.clone() });
        let value = session.ask(chase)?;
        let chased: Chased = Answer::Ok(value.clone()).data()?;
        if chased.chased.is_empty() {
            return done(Request::EventClose(protocol::EventClose { lost }), session);
        }
        if limit_ms <= clock.now().mono_ms {
            let whom = if session.json {
                format!("{value}\n")
            } else {
                show::chased(&chased)
            };
            session.write(&whom)?;
            return Err(not_closed());
        }
        // Another process cannot wake this one: it looks again after a while.
        std::thread::park_timeout(ASK_EVERY);
    }
}

fn not_closed() -> Failure {
    Failure::new(
        "E12",
        exits::REFUSED,
        "E12 the event is not closed yet: it waits for those listed. Scoring is over, and devices \
         seal as they hear of it. Connect them and do this again (--wait SECONDS goes on trying), \
         or give one up with --declare-lost DEVICE.",
    )
}

/// Says something that is no data, unless a program reads.
pub(super) fn remark(text: &str, session: &Session) {
    if !session.json {
        say(text);
    }
}
