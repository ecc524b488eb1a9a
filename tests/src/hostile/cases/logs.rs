//! Inputs 14 to 19: entries that come again, fork, leave gaps, follow nothing, or come too late.

use serde_json::{Value, json};
use tallyline_proto::model::{GrantId, LogName};
use tallyline_proto::wire::{Frame, Push, log_tag};

use crate::hostile::Outcome;
use crate::hostile::lies::{Forged, Known};
use crate::hostile::peer::Link;
use crate::hostile::venue::{LIAR_SQUAD, Node, Venue};
use crate::hostile::wait::{DEADLINE, ensure, until};
use crate::process::Broken;

/// How often an entry is replayed, and how many branches a log gets.
const MANY: u32 = 1_000;

/// Input 14.
pub fn replayed() -> Result<Outcome, Broken> {
    let venue = Venue::start()?;
    let (known, grant) = liars_own(&venue)?;
    let entries = venue.owner.entries()?;
    let mut link = venue.to_owner()?;
    let mut log = Forged::begin(&venue.liar, known.event(), grant, 14);
    let push = Frame::Push(log.score(1, 11, 700).push());
    for _ in 0..MANY {
        link.say(&push)?;
        acknowledged(&link, &log.log, 1)?;
    }
    venue.tablet.until_entries(entries + 1)?;
    ensure(venue.owner.entries()? == entries + 1, || {
        "more than one".to_owned()
    })?;
    venue.done(format!("1 stored, {MANY} of {MANY} acknowledged"))
}

/// Input 15.
pub fn two_entries_at_one_place() -> Result<Outcome, Broken> {
    let venue = Venue::start()?;
    let (known, grant) = liars_own(&venue)?;
    let mut link = venue.to_owner()?;
    let mut log = Forged::begin(&venue.liar, known.event(), grant, 15);
    let common = log.score(1, 11, 700).push();
    link.say(&Frame::Push(common))?;
    for centis in [801, 802] {
        let mut branch = log.branch();
        link.say(&Frame::Push(branch.score(1, 12, centis).push()))?;
    }
    for node in [&venue.owner, &venue.tablet] {
        until("the alarm", DEADLINE, || Ok(alarmed(node)? == 1))?;
        node.until_verdicts(11, &["counts"])?;
    }
    venue.owner.until_verdicts(12, &["disputed"])?;
    same_proof(&venue)?;
    venue.done("one proof on both nodes, light \"trouble\"; what comes before counts, the rest is disputed")
}

/// Input 16.
pub fn a_thousand_branches() -> Result<Outcome, Broken> {
    let venue = Venue::start()?;
    let (known, grant) = liars_own(&venue)?;
    let (mut one, mut other) = (venue.to_owner()?, venue.to_tablet()?);
    let mut log = Forged::begin(&venue.liar, known.event(), grant, 16);
    let common = Frame::Push(log.score(1, 11, 700).push());
    one.say(&common)?;
    other.say(&common)?;
    for number in 0..MANY {
        let link = if number % 2 == 0 {
            &mut one
        } else {
            &mut other
        };
        let mut branch = log.branch();
        link.say(&Frame::Push(branch.score(1, 12, 1_000 + number).push()))?;
    }
    let proof = until("one proof on both nodes", DEADLINE, || {
        Ok(proofs(&venue.owner)? == proofs(&venue.tablet)? && proofs(&venue.owner)?.len() == 1)
    });
    proof?;
    venue.until_equal()?;
    same_proof(&venue)?;
    let kept = venue.owner.known()?.height(&log.log);
    ensure(kept <= 2, || format!("{kept} entries are kept"))?;
    venue.done(format!(
        "{MANY} branches, half of them to each node: one and the same proof on both"
    ))
}

/// Input 17.
pub fn gaps() -> Result<Outcome, Broken> {
    let venue = Venue::start()?;
    let (known, grant) = liars_own(&venue)?;
    let mut link = venue.to_owner()?;
    let mut log = Forged::begin(&venue.liar, known.event(), grant, 17);
    link.say(&Frame::Push(log.score(1, 11, 700).push()))?;
    acknowledged(&link, &log.log, 1)?;
    let skipped = log.score(1, 12, 700).push();
    let past = log.score(1, 13, 700).push();
    link.say(&Frame::Push(past.clone()))?;
    let tag = log_tag(&log.log);
    link.hear("a Want with the node's own height", |frame| match frame {
        Frame::Want(logs) => logs.contains(&(tag, 1)).then_some(()),
        _ => None,
    })?;
    Venue::until_refused(&venue.owner, "gap", 1)?;
    for from in [0, u64::MAX] {
        link.say(&Frame::Push(Push {
            from,
            ..skipped.clone()
        }))?;
    }
    Venue::until_refused(&venue.owner, "malformed", 2)?;
    let height = venue.owner.known()?.height(&log.log);
    ensure(height == 1, || format!("{height} entries are held"))?;
    link.say(&Frame::Push(skipped))?;
    link.say(&Frame::Push(past))?;
    venue.tablet.until_verdicts(13, &["counts"])?;
    venue.done(
        "a gap: refused, and a Want names the own height; sequences 0 and 2^64 - 1: malformed",
    )
}

/// Input 18.
pub fn another_past() -> Result<Outcome, Broken> {
    let venue = Venue::start()?;
    let (known, grant) = liars_own(&venue)?;
    let mut link = venue.to_owner()?;
    let mut log = Forged::begin(&venue.liar, known.event(), grant, 18);
    let mut other = log.branch();
    link.say(&Frame::Push(log.score(1, 11, 700).push()))?;
    acknowledged(&link, &log.log, 1)?;
    drop(other.score(1, 11, 999).push());
    link.say(&Frame::Push(other.score(1, 12, 700).push()))?;
    Venue::until_refused(&venue.owner, "bad_signature", 1)?;
    let height = venue.owner.known()?.height(&log.log);
    ensure(height == 1, || format!("{height} entries are held"))?;
    venue.done("an entry whose head covers another past: bad signature, nothing stored")
}

/// Input 19.
pub fn after_the_end() -> Result<Outcome, Broken> {
    let venue = Venue::start()?;
    let (known, grant) = liars_own(&venue)?;
    let mut link = venue.to_owner()?;
    let mut log = Forged::begin(&venue.liar, known.event(), grant, 19);
    let mut rewritten = log.branch();
    link.say(&Frame::Push(log.score(1, 11, 700).push()))?;
    acknowledged(&link, &log.log, 1)?;
    let opens = json!([{"to": "tablet", "squads": [LIAR_SQUAD]}]);
    venue.owner.ask(
        &json!({"verb": "grant", "opens": opens, "reason": "handover",
        "closing": [grant.uuid().to_string()]}),
    )?;
    link.say(&Frame::Push(log.score(1, 12, 700).push()))?;
    for node in [&venue.owner, &venue.tablet] {
        node.until_verdicts(11, &["counts"])?;
        node.until_verdicts(12, &["late"])?;
    }
    link.say(&Frame::Push(rewritten.score(1, 11, 999).push()))?;
    for node in [&venue.owner, &venue.tablet] {
        until("the alarm", DEADLINE, || Ok(alarmed(node)? == 1))?;
        node.until_verdicts(11, &["disputed"])?;
    }
    venue.done("past the handover's cut: kept, late; another entry below the cut: a fork, disputed")
}

/// Waits until the node says that it has a log on its disk up to a height.
fn acknowledged(link: &Link, log: &LogName, height: u64) -> Result<(), Broken> {
    let tag = log_tag(log);
    link.hear("a Have", |frame| match frame {
        Frame::Have(logs) => logs.contains(&(tag, height)).then_some(()),
        _ => None,
    })
}

/// Returns how many logs a node says are forked, if its light says trouble.
fn alarmed(node: &Node) -> Result<usize, Broken> {
    let status = node.status()?;
    if status.get("light") != Some(&json!("trouble")) {
        return Ok(0);
    }
    let logs = status.get("logs").and_then(Value::as_array);
    let forked = |log: &&Value| log.get("forked") == Some(&json!(true));
    Ok(logs.map_or(0, |logs| logs.iter().filter(forked).count()))
}

/// Returns the proofs of forks that a node holds.
fn proofs(node: &Node) -> Result<Vec<Frame>, Broken> {
    let frames = node.known()?.frames.into_iter();
    Ok(frames.filter(|it| matches!(it, Frame::Fork(_))).collect())
}

/// Checks that both nodes hold one proof, and the same one.
fn same_proof(venue: &Venue) -> Result<(), Broken> {
    let (one, other) = (proofs(&venue.owner)?, proofs(&venue.tablet)?);
    ensure(one.len() == 1 && one == other, || {
        format!("{} proofs here and {} there", one.len(), other.len())
    })
}

fn liars_own(venue: &Venue) -> Result<(Known, GrantId), Broken> {
    let known = venue.owner.known()?;
    let grant = known.grant(&venue.liar.public())?;
    Ok((known, grant))
}
