//! Inputs 20 to 34: who may say what, and who says it all the same.

use serde_json::{Value, json};
use tallyline_keys::DeviceKey;
use tallyline_proto::model::{
    Agreed, Body, CloseReason, EntryId, GrantId, Hash, Incarnation, LogName, Predecessor, Void,
    VoidReason,
};
use tallyline_proto::wire::{Frame, encode_signed, entry_id, grant_id, sign_statement};

use crate::hostile::Outcome;
use crate::hostile::lies::{
    self, Forged, Known, admit, assign, close, entry, opening, stated, succeeding,
};
use crate::hostile::venue::{Venue, is, verdict};
use crate::hostile::wait::{DEADLINE, ensure, until};
use crate::process::Broken;

/// Logs of a grant that nobody knows.
const UNKNOWN: u32 = 300;

/// Statements of the owner in one flood.
const STATEMENTS: u32 = 4_097;

/// Statements in one chunk of that flood: what its bytes allow.
const STATEMENTS_IN_CHUNK: u32 = 200;

/// A squad that nobody holds a grant for at the start; its shooters are 21 to 30.
const FREE_SQUAD: u32 = 3;

/// Another one; its shooters are 31 to 40.
const OTHER_FREE_SQUAD: u32 = 4;

/// Input 20.
pub(crate) fn unknown_grant() -> Result<Outcome, Broken> {
    let venue = Venue::start()?;
    let known = venue.owner.known()?;
    let event = known.event();
    let owner = venue.owner.stolen_key()?;
    let entries = venue.owner.entries()?;
    let opens = sign_statement(
        &owner,
        event,
        &opening(&[(venue.liar.public(), FREE_SQUAD)]),
    );
    let grant = grant_id(opens.id(event), 0);
    let mut link = venue.to_owner()?;
    let logs = (1..=UNKNOWN).map(|number| {
        let mut log = Forged::begin(&venue.liar, event, grant, u64::from(number));
        log.score(1, 21, 700 + number).push()
    });
    let pushes: Vec<Frame> = logs.map(Frame::Push).collect();
    for push in &pushes {
        link.say(push)?;
    }
    Venue::until_refused(&venue.owner, "unknown_grant", UNKNOWN.into())?;
    ensure(venue.owner.entries()? == entries, || {
        "something was stored".to_owned()
    })?;
    ensure(link.ended().is_none(), || "the connection ended".to_owned())?;

    let mut control = Forged::begin(&owner, event, GrantId::control(event), 20);
    let statement = entry(Body::Statement(encode_signed(&opens)));
    link.say(&Frame::Push(control.add(statement).push()))?;
    if let Some(push) = pushes.first() {
        link.say(push)?;
    }
    venue.tablet.until_verdicts(21, &["counts"])?;
    venue.done(format!(
        "{UNKNOWN} refused, the peer stays; with the grant the entry is taken"
    ))
}

/// Input 21, without deputies.
pub(crate) fn grants_by_others() -> Result<Outcome, Broken> {
    let venue = Venue::start()?;
    let known = venue.owner.known()?;
    let event = known.event();
    let owner = venue.owner.stolen_key()?;
    let (grants, entries) = (venue.owner.grants()?, venue.owner.entries()?);
    let wish = opening(&[(venue.liar.public(), FREE_SQUAD)]);
    let mut link = venue.to_owner()?;
    let mut control = Forged::begin(&venue.liar, event, GrantId::control(event), 211);
    link.say(&Frame::Push(
        control.add(stated(&venue.liar, event, &wish)).push(),
    ))?;
    Venue::until_refused(&venue.owner, "bad_signature", 1)?;

    let own = known.admit(&venue.liar.public())?;
    let mut aside = Forged::begin(&venue.liar, event, own, 212);
    link.say(&Frame::Push(
        aside.add(stated(&venue.liar, event, &wish)).push(),
    ))?;
    let mut smuggled = Forged::begin(&owner, event, GrantId::control(event), 213);
    link.say(&Frame::Push(
        smuggled.add(stated(&venue.liar, event, &wish)).push(),
    ))?;
    venue.tablet.until_entries(entries + 2)?;
    for node in [&venue.owner, &venue.tablet] {
        ensure(node.grants()? == grants, || "a grant appeared".to_owned())?;
    }
    venue.done(
        "in the control log: bad signature; in its own log and under the owner's head: kept, no \
         grant",
    )
}

/// Input 22.
pub(crate) fn two_grants_for_one_cell() -> Result<Outcome, Broken> {
    let venue = Venue::start()?;
    let known = venue.owner.known()?;
    let event = known.event();
    let owner = venue.owner.stolen_key()?;
    let tablet = venue.tablet.stolen_key()?;
    let both = [
        (tablet.public(), FREE_SQUAD),
        (venue.liar.public(), FREE_SQUAD),
    ];
    let flat = sign_statement(&owner, event, &opening(&both));
    let [one, two] = [0, 1].map(|place| grant_id(flat.id(event), place));
    let shallow = opening(&[(tablet.public(), OTHER_FREE_SQUAD)]);
    let shallow = sign_statement(&owner, event, &shallow);
    let closing = close(
        known.grant(&venue.liar.public())?,
        CloseReason::Handover,
        Vec::new(),
    );
    let deeper = assign(vec![closing], &[(venue.liar.public(), OTHER_FREE_SQUAD)]);
    let deeper = sign_statement(&owner, event, &deeper);
    let [high, deep] = [&shallow, &deeper].map(|it| grant_id(it.id(event), 0));

    let mut link = venue.to_owner()?;
    let mut control = Forged::begin(&owner, event, GrantId::control(event), 22);
    for signed in [flat, shallow, deeper] {
        control.add(entry(Body::Statement(encode_signed(&signed))));
    }
    link.say(&Frame::Push(control.push()))?;
    let writes = [
        (&tablet, one, 21),
        (&venue.liar, two, 22),
        (&tablet, high, 31),
        (&venue.liar, deep, 32),
    ];
    for (key, grant, shooter) in writes {
        let mut log = Forged::begin(key, event, grant, 221);
        link.say(&Frame::Push(log.score(1, shooter, 700).push()))?;
    }
    let first_is_lower = one < two;
    let (of_one, of_two) = if first_is_lower {
        ("counts", "late")
    } else {
        ("late", "counts")
    };
    for node in [&venue.owner, &venue.tablet] {
        for (shooter, word) in [(21, of_one), (22, of_two), (31, "late"), (32, "counts")] {
            node.until_verdicts(shooter, &[word])?;
        }
    }
    venue.done(
        "equal depths: the lower id counts, the other is late; else the deeper one counts; the \
         same on both",
    )
}

/// Input 23.
pub(crate) fn closing_what_is_not_there() -> Result<Outcome, Broken> {
    let venue = Venue::start()?;
    let known = venue.owner.known()?;
    let event = known.event();
    let owner = venue.owner.stolen_key()?;
    let (grants, entries) = (venue.owner.grants()?, venue.owner.entries()?);
    let closing = close(GrantId(Hash([9; 32])), CloseReason::Handover, Vec::new());
    let statement = assign(vec![closing], &[(venue.liar.public(), FREE_SQUAD)]);
    let mut control = Forged::begin(&owner, event, GrantId::control(event), 23);
    let push = control.add(stated(&owner, event, &statement)).push();
    venue.to_owner()?.say(&Frame::Push(push))?;
    venue.tablet.until_entries(entries + 1)?;
    for node in [&venue.owner, &venue.tablet] {
        ensure(node.grants()? == grants, || "a grant appeared".to_owned())?;
    }
    venue.done("kept as evidence, nothing opened; a depth is computed and never claimed")
}

/// Input 24.
pub(crate) fn unknown_cut() -> Result<Outcome, Broken> {
    let venue = Venue::start()?;
    let (known, grant) = liars_own(&venue)?;
    let event = known.event();
    let owner = venue.owner.stolen_key()?;
    let mut link = venue.to_owner()?;
    let mut log = Forged::begin(&venue.liar, event, grant, 24);
    let first = log.score(1, 11, 700).push();
    let up_to_cut = log.score(1, 12, 700).score(1, 13, 700).push();
    let cut = log.cut();
    let past = log.score(1, 14, 700).push();
    let wish = opening(&[(venue.liar.public(), FREE_SQUAD)]);
    let opens = sign_statement(&owner, event, &wish);
    let other = grant_id(opens.id(event), 0);
    let mut wrong = Forged::begin(&venue.liar, event, other, 24);
    let held = wrong.score(1, 21, 700).push();
    let mut lie = wrong.cut();
    lie.hash = Hash([5; 32]);

    let mut control = Forged::begin(&owner, event, GrantId::control(event), 24);
    link.say(&Frame::Push(
        control
            .add(entry(Body::Statement(encode_signed(&opens))))
            .push(),
    ))?;
    link.say(&Frame::Push(first))?;
    link.say(&Frame::Push(held))?;
    venue.tablet.until_verdicts(21, &["counts"])?;
    for (grant, cut) in [(grant, cut), (other, lie)] {
        let closes = assign(vec![close(grant, CloseReason::Handover, vec![cut])], &[]);
        link.say(&Frame::Push(
            control.add(stated(&owner, event, &closes)).push(),
        ))?;
    }
    for node in [&venue.owner, &venue.tablet] {
        node.until_verdicts(21, &["disputed"])?;
        node.until_verdicts(11, &["counts"])?;
    }
    link.say(&Frame::Push(up_to_cut))?;
    link.say(&Frame::Push(past))?;
    for node in [&venue.owner, &venue.tablet] {
        for (shooter, word) in [(11, "counts"), (12, "counts"), (13, "counts"), (14, "late")] {
            node.until_verdicts(shooter, &[word])?;
        }
    }
    venue.done(
        "what is here counts, what comes up to the cut too, past it late; another hash at the \
         cut: disputed",
    )
}

/// Input 30.
pub(crate) fn flood_of_statements() -> Result<Outcome, Broken> {
    let venue = Venue::start()?;
    let known = venue.owner.known()?;
    let event = known.event();
    let owner = venue.owner.stolen_key()?;
    let (members, entries) = (venue.owner.members()?, venue.owner.entries()?);
    let mut link = venue.to_owner()?;
    let again = stated(&owner, event, &admit(venue.liar.public(), "liar"));
    let mut theirs = Forged::begin(&venue.liar, event, GrantId::control(event), 300);
    link.say(&Frame::Push(theirs.add(again.clone()).push()))?;
    Venue::until_refused(&venue.owner, "bad_signature", 1)?;

    let mut control = Forged::begin(&owner, event, GrantId::control(event), 301);
    for number in 1..=STATEMENTS {
        control.add(again.clone());
        if number % STATEMENTS_IN_CHUNK == 0 {
            link.say(&Frame::Push(control.push()))?;
        }
    }
    link.say(&Frame::Push(control.push()))?;
    for (own, other) in [(302, 303), (303, 302)] {
        let before = Predecessor {
            incarnation: Incarnation(other),
            height: 1,
            hash: Hash([3; 32]),
        };
        let mut looped = Forged::begin(&owner, event, GrantId::control(event), own);
        let signed = sign_statement(&owner, event, &admit(venue.liar.public(), "liar"));
        let body = Body::Statement(encode_signed(&signed));
        link.say(&Frame::Push(
            looped.add(succeeding(body, 1, vec![before])).push(),
        ))?;
    }
    // The last piece goes beyond what anybody takes of one owner; the two after it do not.
    let kept = STATEMENTS / STATEMENTS_IN_CHUNK * STATEMENTS_IN_CHUNK;
    venue.tablet.until_entries(entries + u64::from(kept) + 2)?;
    Venue::until_refused(&venue.owner, "quota", 1)?;
    for node in [&venue.owner, &venue.tablet] {
        ensure(node.members()? == members, || {
            "the members changed".to_owned()
        })?;
    }
    venue.done(format!(
        "{kept} of {STATEMENTS} by the owner are kept, the rest is refused, and all by the liar; \
         two logs that name each other: both read"
    ))
}

/// Input 31.
pub(crate) fn after_a_theft() -> Result<Outcome, Broken> {
    let venue = Venue::start()?;
    let (known, grant) = liars_own(&venue)?;
    let mut link = venue.to_owner()?;
    let mut log = Forged::begin(&venue.liar, known.event(), grant, 31);
    let mut fresh = Forged::begin(&venue.liar, known.event(), grant, 310);
    link.say(&Frame::Push(log.score(1, 11, 700).push()))?;
    venue.tablet.until_verdicts(11, &["counts"])?;
    venue
        .owner
        .ask(&json!({"verb": "grant", "opens": [], "reason": "stolen",
        "closing": [grant.uuid().to_string()]}))?;
    link.say(&Frame::Push(log.score(1, 12, 700).push()))?;
    link.say(&Frame::Push(fresh.score(1, 13, 700).push()))?;
    for node in [&venue.owner, &venue.tablet] {
        for (shooter, word) in [(11, "counts"), (12, "quarantined"), (13, "quarantined")] {
            node.until_verdicts(shooter, &[word])?;
        }
    }
    venue.done("up to the cut counts; past it, and in a log the cut does not name: quarantined")
}

/// Input 32.
pub(crate) fn after_a_death() -> Result<Outcome, Broken> {
    let venue = Venue::start()?;
    let (known, grant) = liars_own(&venue)?;
    let mut link = venue.to_owner()?;
    let mut log = Forged::begin(&venue.liar, known.event(), grant, 32);
    link.say(&Frame::Push(log.score(1, 11, 700).push()))?;
    venue.tablet.until_verdicts(11, &["counts"])?;
    venue.owner.ask(
        &json!({"verb": "handover", "grant": grant.uuid().to_string(),
        "to": "tablet", "reason": "dead"}),
    )?;
    venue.until_equal()?;
    venue.tablet.score(1, 13)?;
    venue.owner.until_verdicts(13, &["counts"])?;
    link.say(&Frame::Push(log.score(1, 12, 700).score(1, 13, 700).push()))?;
    for node in [&venue.owner, &venue.tablet] {
        node.until_verdicts(12, &["late"])?;
        node.until_verdicts(13, &["counts", "late-beaten"])?;
    }
    venue.done("slot free: late, and counts; slot taken: late-beaten, the tablet's counts")
}

/// Input 33.
pub(crate) fn voids_by_others() -> Result<Outcome, Broken> {
    let venue = Venue::start()?;
    let (known, grant) = liars_own(&venue)?;
    let event = known.event();
    let score = venue.tablet.score(1, 5)?;
    until("the owner has it", DEADLINE, || {
        venue.owner.holds(5, &score)
    })?;
    let theirs = tablets_log(&venue, &venue.owner.known()?)?;
    let mut link = venue.to_owner()?;
    let mut log = Forged::begin(&venue.liar, event, grant, 33);
    let name = log.log;
    log.add(void(entry_id(&theirs, 1)));
    log.score(1, 11, 700);
    log.add(void(entry_id(&name, 2)));
    log.add(void(entry_id(&name, 3)));
    log.add(void(entry_id(&theirs, 999)));
    link.say(&Frame::Push(log.push()))?;
    for node in [&venue.owner, &venue.tablet] {
        let mut words = Vec::new();
        let read = until("the voids are read", DEADLINE, || {
            words = in_order(&node.written_by("liar")?);
            Ok(words == ["quarantined", "voided", "counts", "unfit", "waiting"])
        });
        read.map_err(|_| Broken::new(format!("the liar's entries read {words:?}")))?;
        let history = node.history(5)?;
        let counts = |it: &&Value| is(it, "entry", &score) && verdict(it) == "counts";
        ensure(history.iter().find(counts).is_some(), || {
            format!("{history:?}")
        })?;
    }
    venue.done(
        "of another's entry: quarantined, that counts on; of a void: unfit; of nothing known: \
         waiting",
    )
}

/// Input 34.
pub(crate) fn not_in_the_structure() -> Result<Outcome, Broken> {
    let venue = Venue::start()?;
    let (known, grant) = liars_own(&venue)?;
    let mut log = Forged::begin(&venue.liar, known.event(), grant, 34);
    log.score(1, 999, 700).score(9, 11, 700).score(1, 12, 700);
    venue.to_owner()?.say(&Frame::Push(log.push()))?;
    for node in [&venue.owner, &venue.tablet] {
        node.until_verdicts(12, &["counts"])?;
        let words = node.written_by("liar")?;
        let counting = words.iter().filter(|it| verdict(it) == "counts").count();
        ensure(counting == 1 && words.len() == 3, || format!("{words:?}"))?;
        let flagged = words.iter().filter(|it| {
            ["unfit", "quarantined"]
                .iter()
                .any(|word| is(it, "verdict", word))
        });
        ensure(flagged.count() == 2, || format!("{words:?}"))?;
    }
    venue.done("shooter 999 and drill 9: stored, flagged, not counted; the entry after them counts")
}

/// Returns the verdicts of entries in the order of their sequences.
fn in_order(entries: &[Value]) -> Vec<String> {
    let mut entries: Vec<&Value> = entries.iter().collect();
    entries.sort_by_key(|it| it.get("seq").and_then(Value::as_u64));
    entries.into_iter().map(verdict).collect()
}

fn void(entry: EntryId) -> Vec<u8> {
    lies::entry(Body::Void(Void {
        entry,
        reason: VoidReason::Test,
        note: String::new(),
        agreed: Agreed::BOTH,
    }))
}

/// Returns the log in which the tablet writes.
fn tablets_log(venue: &Venue, known: &Known) -> Result<LogName, Broken> {
    let tablet: DeviceKey = venue.tablet.stolen_key()?;
    let mut logs = known.ledger.logs().values();
    let log = logs.find(|log| log.writer() == tablet.public());
    let name = log.map(|log| *log.name());
    name.ok_or_else(|| Broken::new("the tablet wrote nothing"))
}

fn liars_own(venue: &Venue) -> Result<(Known, GrantId), Broken> {
    let known = venue.owner.known()?;
    let grant = known.grant(&venue.liar.public())?;
    Ok((known, grant))
}
