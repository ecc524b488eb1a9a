//! `claim`: one cell of a desk, for a time.
//!
//! Layer: node, cli.

use super::args::Claim;
use super::failure::Failure;
use super::session::{DONE, Session, say};
use super::show;
use crate::clock::Clock;
use crate::local::protocol::{
    self, Answer, AskInfo, Claimed, Claims, DeniedInfo, Done, Nothing, Request, codes, exits,
};

/// How often the node is asked while a person waits: soon enough to seem at once.
const ASK_EVERY: std::time::Duration = std::time::Duration::from_millis(100);

/// How long the node is asked, in ms: it gives the desk up before that.
const WAIT_MS: u64 = 45_000;

/// Asks a desk for a cell, gives one back, or lists what is lent.
pub(super) fn claim(args: &Claim, session: &Session) -> Result<u8, Failure> {
    if args.list {
        let screen = session.config.screen;
        session.show::<Claims>(Request::Claims(Nothing {}), |it| show::claims(it, screen))?;
        return Ok(DONE);
    }
    let (Some(drill), Some(squad)) = (args.drill, args.squad) else {
        return Err(Failure::usage(
            "name the stage and the squad: `tallyline claim STAGE SQUAD`; nothing was changed",
        ));
    };
    if args.release {
        return release(drill, squad, session);
    }
    let claim = protocol::Claim {
        drill,
        squad,
        minutes: args.minutes,
    };
    let claims = asked(Request::Claim(claim), (drill, squad), session)?;
    let grant = claims.asked.and_then(|it| it.grant);
    let lent = claims
        .claims
        .into_iter()
        .find(|it| Some(&it.grant) == grant.as_ref());
    let Some(claim) = lent else {
        return Err(Failure::new(
            codes::NOT_LENT,
            exits::REFUSED,
            "the cell was lent and taken back at once; `tallyline grants` tells why",
        ));
    };
    let until = show::until(&claim);
    let grant = claim.grant.clone();
    if session.json {
        let schema = "tallyline.claimed/1".to_owned();
        let told = serde_json::to_string(&Claimed { schema, claim }).unwrap_or_default();
        session.write(&format!("{told}\n"))?;
    } else {
        session.write(&format!("{grant}\n"))?;
        say(&format!(
            "Stage {drill}, squad {squad} is this device's until {until}. What is written after \
             that does not count; give it back with `tallyline claim --release {drill} {squad}`."
        ));
    }
    Ok(DONE)
}

fn release(drill: u32, squad: u32, session: &Session) -> Result<u8, Failure> {
    let request = Request::ClaimRelease(protocol::ClaimRelease { drill, squad });
    let claims = asked(request, (drill, squad), session)?;
    let desk = claims.asked.map_or_else(String::new, |it| it.desk);
    let text = format!(
        "Stage {drill}, squad {squad} is given back to {}.",
        show::plain(&desk)
    );
    if session.json {
        let schema = "tallyline.done/1".to_owned();
        let told = serde_json::to_string(&Done { schema, text }).unwrap_or_default();
        session.write(&format!("{told}\n"))?;
    } else {
        say(&text);
    }
    Ok(DONE)
}

/// Has a desk asked, and waits until it answered.
fn asked(request: Request, cell: (u32, u32), session: &Session) -> Result<Claims, Failure> {
    session.ask(request)?;
    let clock = Clock::start();
    loop {
        let claims: Claims = Answer::Ok(session.ask(Request::Claims(Nothing {}))?).data()?;
        let Some(asked) = claims.asked.clone() else {
            return Err(restarted());
        };
        if (asked.drill, asked.squad) != cell {
            return Err(restarted());
        }
        match asked.phase.as_str() {
            "lent" | "given-back" => return Ok(claims),
            "denied" => return Err(said_no(&asked)),
            "waiting" if clock.now().mono_ms < WAIT_MS => {
                // Another process cannot wake this one: it looks again after a while.
                std::thread::park_timeout(ASK_EVERY);
            }
            _ => return Err(unanswered(&asked)),
        }
    }
}

fn restarted() -> Failure {
    Failure::new(
        "timed_out",
        exits::TIMEOUT,
        "the node was started anew, or asked for another cell meanwhile; what became of this one \
         is not known; look at `tallyline claim --list`",
    )
}

fn unanswered(asked: &AskInfo) -> Failure {
    let desk = show::plain(&asked.desk);
    Failure::new(
        "timed_out",
        exits::TIMEOUT,
        format!(
            "the desk {desk} did not answer; check that it runs and is on the same network \
             (`tallyline status`), then do this again; it may still have heard: look at \
             `tallyline claim --list`"
        ),
    )
}

fn said_no(asked: &AskInfo) -> Failure {
    let Some(denied) = &asked.denied else {
        return unanswered(asked);
    };
    let exit = if denied.code == codes::CELL_HELD {
        exits::CONFLICT
    } else {
        exits::REFUSED
    };
    let desk = show::plain(&asked.desk);
    let why = why(asked, denied);
    Failure::new(
        &denied.code,
        exit,
        format!("{desk} said no: {why}; nothing was changed"),
    )
}

fn why(asked: &AskInfo, denied: &DeniedInfo) -> String {
    let cell = format!("stage {}, squad {}", asked.drill, asked.squad);
    match denied.code.as_str() {
        codes::NOT_A_DESK => "it is no desk; ask the owner for a grant".to_owned(),
        codes::NOT_ITS_CELL => {
            format!("{cell} is not its own any more; ask the owner who has it")
        }
        codes::CELL_HELD => {
            let holder = show::plain(denied.holder.as_deref().unwrap_or("somebody"));
            let until = denied.until_unix_ms.map_or_else(
                || "for good".to_owned(),
                |at| format!("until {}", show::local_time(at, denied.zone_min)),
            );
            format!("{cell} is held by {holder} {until}; wait, or ask {holder} to give it back")
        }
        codes::MAY_NOT_SCORE => "this device is no scorer; ask the owner for it".to_owned(),
        codes::TOO_MANY_CLAIMS => {
            "it lends no more at a time; give back what is not needed any more".to_owned()
        }
        codes::SCORING_OVER => "the owner has said that scoring is over".to_owned(),
        codes::NOT_LENT => format!("it has not lent {cell} to this device"),
        _ => "for a reason that only a later version of this program knows".to_owned(),
    }
}
