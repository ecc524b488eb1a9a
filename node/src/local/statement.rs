//! Requests about who owns the event, who stands in, and what counts: what each wants of the core.
//!
//! Finds what people name and says what follows; whether it may be is the core's business.
//! Layer: node, local.

use tallyline_keys::PublicKey;
use tallyline_proto::model::{
    self, Amend, Amendment, Card, CardKind, Decision, Drill, DrillNo, EntryId, EventId, Method,
    NoShoots, PhaseChange, Roles, Rule, RuleKind, RuleNo, Terms,
};
use tallyline_proto::replica::{
    Command, DeviceView, EntryFilter, EntryView, GrantView, Now, Phase, Replica, Reply, Selection,
};
use tallyline_proto::rules::{Code, Mistake, Roster, Standings, Verdict};
use tallyline_proto::wire::{card_from_text, card_to_text};
use zeroize::Zeroizing;

use super::clerk::refused;
use super::protocol::{
    Adopt, Amended, Answer, Branch, CardsRevoke, CardsSpare, Decided, DrillChange, EventAmend,
    EventClose, EventPhase, MethodWord, NewRule, PhaseWord, Problem, Recover, Revoke, RevokeWhy,
    Revoked, RuleWord, SpareCard, Transfer, codes, exits,
};
use super::{answers, claims, convert, names, words};
use crate::calendar;
use crate::entropy;
use crate::root::unhex;

/// Most spare cards that are drawn at once: more than a box of tablets holds.
const SPARE_CARDS_MAX: u32 = 20;

/// Timed strings of a drill when nobody says otherwise, as in a structure file.
const STRINGS_DEFAULT: u32 = 1;

/// What is answered once the core agreed.
pub(super) type Tell = Box<dyn FnOnce(&Reply) -> Answer + Send>;

/// Revokes a key; the answer says what follows.
pub(super) fn revoke(
    replica: &mut Replica,
    now: Now,
    revoke: &Revoke,
) -> Result<(Command, Tell), Problem> {
    let key = names::device(replica, now, &revoke.device)?;
    let before = before(replica, revoke.before.as_deref())?;
    Ok(revocation(replica, now, key, (revoke.reason, before)))
}

/// Revokes a spare card that is lost.
pub(super) fn revoke_card(
    replica: &Replica,
    now: Now,
    card: &CardsRevoke,
) -> Result<(Command, Tell), Problem> {
    let key = names::device(replica, now, &card.label)?;
    let devices = replica.devices(now);
    let spare = |it: &&DeviceView| it.key == key && it.roles.contains(Roles::SPARE);
    if !devices.iter().any(|it| spare(&it)) {
        return Err(Problem::new(
            codes::UNKNOWN_DEVICE,
            exits::FAILURE,
            format!(
                "{:?} is no spare card; nothing was changed; `tallyline cards list` lists them; \
                 a device is revoked with `tallyline revoke`",
                card.label
            ),
        ));
    }
    Ok(revocation(replica, now, key, (RevokeWhy::Lost, None)))
}

fn revocation(
    replica: &Replica,
    now: Now,
    key: PublicKey,
    (reason, before): (RevokeWhy, Option<EntryId>),
) -> (Command, Tell) {
    let devices = replica.devices(now);
    let label = devices
        .iter()
        .find(|it| it.key == key)
        .map_or_else(|| key.short(), |it| it.label.clone());
    let grants: Vec<GrantView> = replica
        .grants()
        .into_iter()
        .filter(|it| it.key == key && it.closed.is_none())
        .collect();
    let revoked = Revoked {
        schema: "tallyline.revoked/1".to_owned(),
        follows: words::what_follows(&label, reason, &grants),
        label,
        key: key.fingerprint(),
        reason,
        grants: {
            let zone_min = claims::zone_min(replica);
            let grants = grants.into_iter();
            grants.map(|it| answers::grant(it, zone_min)).collect()
        },
    };
    let command = Command::Revoke {
        key,
        reason: convert::revoke_reason(reason),
        before,
    };
    (command, Box::new(move |_| Answer::ok(&revoked)))
}

/// Says that this device is ready to become the owner's.
pub(super) fn consent(replica: &Replica) -> Result<Command, Problem> {
    if replica.phase() != Phase::Blank && !replica.members().contains(&replica.key()) {
        return Err(Problem::new(
            codes::BAD_VALUE,
            exits::REFUSED,
            "this device is no member of the event, so nobody can give the event to it; nothing \
             was changed; join first (`tallyline join TICKET`)",
        ));
    }
    Ok(Command::Consent)
}

/// Gives the event to a device that is ready.
pub(super) fn transfer(
    replica: &Replica,
    now: Now,
    transfer: &Transfer,
) -> Result<Command, Problem> {
    Ok(Command::Transfer(names::device(
        replica,
        now,
        &transfer.to,
    )?))
}

/// Makes this device the owner's by a recovery card.
pub(super) fn recover(replica: &mut Replica, recover: &Recover) -> Result<Command, Problem> {
    let ReadCard { seed, .. } = read_card(&recover.card, CardKind::Recovery)?;
    if replica.event().is_none() {
        return Err(Problem::new(
            codes::NO_EVENT,
            exits::FAILURE,
            "this device does not know the event yet; nothing was changed; join it with \
             `tallyline join TICKET`, or take in a bundle of any other device with \
             `tallyline import FILE`, then use the card",
        ));
    }
    Ok(Command::Recover {
        seed: *seed,
        reason: recover.reason.map(convert::revoke_reason),
        before: before(replica, recover.before.as_deref())?,
    })
}

/// What a card says, or what somebody typed of one.
pub(crate) struct ReadCard {
    /// The seed of its key.
    pub(crate) seed: Zeroizing<[u8; 32]>,
    /// Its event and the key of the discovery tag, which a seed alone does not tell.
    pub(crate) event: Option<(EventId, [u8; 16])>,
}

/// Reads the seed of a card that is for this, as it was printed, or its seed as somebody typed it:
/// 64 hex digits, spaces between them forgiven. A printed card says which event it is of.
///
/// # Errors
/// A problem that says what is expected.
pub(crate) fn read_card(text: &str, kind: CardKind) -> Result<ReadCard, Problem> {
    let digits: Zeroizing<String> = Zeroizing::new(text.split_whitespace().collect());
    let seed = unhex(&digits).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    if let Some(seed) = seed {
        let seed = Zeroizing::new(seed);
        return Ok(ReadCard { seed, event: None });
    }
    let bad = |text: String| Problem::new(codes::BAD_CARD, exits::USAGE, text);
    let card = card_from_text(text).map_err(|problem| {
        bad(format!(
            "this is no card: {problem}; nothing was changed; type or scan it again (the card's \
             text, or its seed in 64 hex digits)"
        ))
    })?;
    match (card.kind, kind) {
        (CardKind::Spare, CardKind::Recovery) => Err(bad(format!(
            "{:?} is a spare card, which recovers nothing; nothing was changed; on a fresh device: \
             `tallyline cards use CARD`",
            card.label
        ))),
        (CardKind::Recovery, CardKind::Spare) => Err(bad(format!(
            "{:?} is a recovery card, which makes a device the owner's; nothing was changed; on a \
             device that knows the event: `tallyline recover CARD`",
            card.label
        ))),
        (CardKind::Spare, CardKind::Spare) | (CardKind::Recovery, CardKind::Recovery) => {
            let event = Some((card.event, card.discovery_key));
            Ok(ReadCard {
                seed: card.seed,
                event,
            })
        }
    }
}

/// Counts or rejects entries.
pub(super) fn adopt(
    replica: &mut Replica,
    now: Now,
    adopt: &Adopt,
) -> Result<(Command, Tell), Problem> {
    let selection = selection(replica, now, adopt)?;
    let decision = if adopt.reject {
        Decision::Reject
    } else {
        Decision::Count
    };
    let reject = adopt.reject;
    let tell = move |reply: &Reply| {
        Answer::ok(&Decided {
            schema: "tallyline.decided/1".to_owned(),
            entries: if let Reply::Decided(entries) = reply {
                *entries
            } else {
                0
            },
            reject,
        })
    };
    let command = Command::Adopt {
        selection,
        decision,
    };
    Ok((command, Box::new(tell)))
}

fn selection(replica: &mut Replica, now: Now, adopt: &Adopt) -> Result<Selection, Problem> {
    match (&adopt.log, adopt.branch) {
        (Some(log), Some(branch)) if adopt.entries.is_empty() && adopt.device.is_none() => {
            Ok(Selection::Branch {
                log: names::log(replica, log)?,
                here: branch == Branch::Here,
            })
        }
        (None, None) => {
            let views = adoptable(replica, now, adopt)?;
            Ok(Selection::Entries(views.iter().map(|it| it.id).collect()))
        }
        (Some(_) | None, Some(_) | None) => Err(contradiction(
            "a branch is chosen by its log and `here` or `other`, and by nothing else",
        )),
    }
}

/// Returns the entries that `adopt` would decide about, of those that are held here.
pub(super) fn adoptable(
    replica: &mut Replica,
    now: Now,
    adopt: &Adopt,
) -> Result<Vec<EntryView>, Problem> {
    if replica.event().is_none() {
        return Err(names::no_event());
    }
    let views = match (&adopt.device, &adopt.log) {
        (Some(device), None) if adopt.entries.is_empty() => {
            let key = names::device(replica, now, device)?;
            held_back(replica, key)
        }
        (None, Some(log)) if adopt.entries.is_empty() => {
            let log = names::log(replica, log)?;
            let mut views = replica.entries(&EntryFilter::default());
            views.retain(|it| it.log == log && is_held_back(it.verdict));
            views
        }
        (None, None) => named(replica, &adopt.entries)?,
        (Some(_) | None, Some(_) | None) => {
            return Err(contradiction(
                "name entries, or a device, or a log, and only one of them",
            ));
        }
    };
    if views.is_empty() {
        let text = "nothing is selected: no entry of it waits for a decision; nothing was changed; \
                    `tallyline score history` tells how each entry is read";
        return Err(Problem::new(codes::UNKNOWN_ENTRY, exits::FAILURE, text));
    }
    Ok(views)
}

fn named(replica: &mut Replica, entries: &[String]) -> Result<Vec<EntryView>, Problem> {
    if entries.is_empty() {
        return Err(contradiction(
            "nothing is selected: name entries, a device or a log",
        ));
    }
    let mut views = Vec::new();
    for name in entries {
        let entry = Some(names::entry(replica, name)?);
        let found = replica.entries(&EntryFilter {
            entry,
            ..EntryFilter::default()
        });
        if found.is_empty() {
            let text = format!("entry {name} is not on this device; nothing was changed");
            return Err(Problem::new(codes::UNKNOWN_ENTRY, exits::FAILURE, text));
        }
        views.extend(found);
    }
    Ok(views)
}

fn held_back(replica: &mut Replica, key: PublicKey) -> Vec<EntryView> {
    let mut views = replica.entries(&EntryFilter {
        author: Some(key),
        ..EntryFilter::default()
    });
    views.retain(|it| is_held_back(it.verdict));
    views
}

/// Returns whether an entry waits for the owner's decision.
fn is_held_back(verdict: Verdict) -> bool {
    matches!(
        verdict,
        Verdict::Quarantined | Verdict::Unassigned | Verdict::Disputed
    )
}

fn contradiction(text: &str) -> Problem {
    let text = format!("{text}; nothing was changed");
    Problem::new(codes::BAD_VALUE, exits::USAGE, text)
}

/// Changes a drill, or adds a drill or a rule.
pub(super) fn amend(replica: &Replica, amend: EventAmend) -> Result<(Command, Tell), Problem> {
    let Some(roster) = replica.roster() else {
        return Err(names::no_event());
    };
    let (change, drill, rule) = match (amend.drill, amend.rule) {
        (Some(change), None) => {
            let no = change.drill;
            let drill = changed_drill(roster.drill(DrillNo(no)), change)?;
            (Amendment::Drill(drill), Some(no), None)
        }
        (None, Some(rule)) => {
            let last = roster.structure().rules.iter().map(|it| it.no.0).max();
            let no = last.unwrap_or(0).saturating_add(1);
            (Amendment::Rule(new_rule(no, rule)), None, Some(no))
        }
        (Some(_), Some(_)) | (None, None) => {
            return Err(contradiction("name a stage or a rule, one of the two"));
        }
    };
    let tell = move |reply: &Reply| {
        Answer::ok(&Amended {
            schema: "tallyline.amended/1".to_owned(),
            revision: if let Reply::Revised(revision) = reply {
                *revision
            } else {
                0
            },
            drill,
            rule,
        })
    };
    let note = amend.note;
    let command = Command::Amend(Amend { change, note });
    Ok((command, Box::new(tell)))
}

/// Makes the drill of the present one and what changes, or a new one.
#[expect(clippy::needless_pass_by_value, reason = "a request is answered once")]
fn changed_drill(held: Option<&Drill>, change: DrillChange) -> Result<Drill, Problem> {
    let no = DrillNo(change.drill);
    let name = change.name.clone();
    let name = name.or_else(|| held.map(|it| it.name.clone()));
    let name = name.ok_or_else(|| {
        contradiction(&format!(
            "the event has no stage {no}: a new one needs a name"
        ))
    })?;
    let method = change.method.map(method);
    let method = method.or(held.map(|it| it.method));
    let mut drill = Drill {
        no,
        name,
        method: method.unwrap_or(Method::Comstock),
        strings: change
            .strings
            .or(held.map(|it| it.strings))
            .unwrap_or(STRINGS_DEFAULT),
        required_hits: change
            .required_hits
            .clone()
            .or_else(|| held.map(|it| it.required_hits.clone()))
            .unwrap_or_default(),
        steel: change.steel.or(held.map(|it| it.steel)).unwrap_or_default(),
        no_shoots: match (change.no_shoots, held) {
            (Some(true), _) => NoShoots::Present,
            (Some(false), _) => NoShoots::Absent,
            (None, Some(held)) => held.no_shoots,
            (None, None) => NoShoots::NotSaid,
        },
        terms: changed_terms(held, &change),
    };
    if drill.method == Method::Chrono {
        drill.strings = 0;
    }
    Ok(drill)
}

/// Keeps what only some methods need, but for what changes.
fn changed_terms(held: Option<&Drill>, change: &DrillChange) -> Terms {
    let held = held.map(|it| it.terms.clone()).unwrap_or_default();
    Terms {
        par_centis: change.par_cs.unwrap_or(held.par_centis),
        string_max_centis: change.string_limit_cs.unwrap_or(held.string_max_centis),
        drop_worst: change.drop_worst.unwrap_or(held.drop_worst),
        shots: change.shots.unwrap_or(held.shots),
        values: change.values.clone().unwrap_or(held.values),
        ..held
    }
}

fn method(word: MethodWord) -> Method {
    match word {
        MethodWord::Comstock => Method::Comstock,
        MethodWord::Virginia => Method::VirginiaCount,
        MethodWord::FixedTime => Method::FixedTime,
        MethodWord::Chrono => Method::Chrono,
        MethodWord::TimePlus => Method::TimePlus,
        MethodWord::BestStrings => Method::BestStrings,
        MethodWord::Precision => Method::Precision,
        MethodWord::HitValues => Method::HitValues,
        MethodWord::ParTime => Method::ParTime,
        MethodWord::Run => Method::Run,
    }
}

fn new_rule(no: u32, rule: NewRule) -> Rule {
    Rule {
        no: RuleNo(no),
        kind: match rule.kind {
            RuleWord::Procedural => RuleKind::Procedural,
            RuleWord::Dq => RuleKind::Dq,
            RuleWord::Dnf => RuleKind::Dnf,
            RuleWord::Warning => RuleKind::Warning,
        },
        text: rule.text,
        code: rule.code,
        value: rule.value,
    }
}

/// Begins another phase; a review ends by the owner's clock, as people read it.
pub(super) fn phase(replica: &Replica, now: Now, phase: EventPhase) -> Result<Command, Problem> {
    let Some(roster) = replica.roster() else {
        return Err(names::no_event());
    };
    if phase.phase == PhaseWord::Final && !phase.confirmed {
        may_be_final(replica, roster, now)?;
    }
    let minutes = phase
        .review_minutes
        .unwrap_or(roster.structure().ruleset.review_minutes);
    let review_ms = u64::from(minutes).saturating_mul(60_000);
    let change = PhaseChange {
        phase: match phase.phase {
            PhaseWord::Scoring => model::Phase::Scoring,
            PhaseWord::Provisional => model::Phase::Provisional {
                review_ends_ms: now.wall_ms.saturating_add(review_ms),
            },
            PhaseWord::Final => model::Phase::Final {
                since_ms: now.wall_ms,
            },
        },
        note: phase.note,
    };
    Ok(Command::Phase(change))
}

/// Asks before results become final that were not contestable yet, or are not all there.
fn may_be_final(replica: &Replica, roster: &Roster, now: Now) -> Result<(), Problem> {
    let review = match roster.phase() {
        model::Phase::Scoring => Some("they were never posted as provisional".to_owned()),
        model::Phase::Provisional { review_ends_ms } if now.wall_ms < review_ends_ms => {
            let until = calendar::local(review_ends_ms, roster.structure().zone_min);
            Some(format!("they can be contested until {until}"))
        }
        model::Phase::Provisional { .. } | model::Phase::Final { .. } => None,
    };
    let book = replica.book_from_nothing();
    let complete = book.is_some_and(|book| Standings::compute(roster, &book).is_complete());
    let missing = (!complete).then(|| "something is missing (`tallyline report missing`)".into());
    let why: Vec<String> = review.into_iter().chain(missing).collect();
    if why.is_empty() {
        return Ok(());
    }
    let text = format!(
        "results are not final yet: {}. Nothing was changed; `--confirm` declares them final all \
         the same.",
        why.join(", and ")
    );
    Err(refused(&Mistake::new(Code::E12, text)))
}

/// Closes the event.
pub(super) fn close(replica: &Replica, now: Now, close: &EventClose) -> Result<Command, Problem> {
    let lost = lost(replica, now, close)?;
    Ok(Command::CloseEvent { lost })
}

/// Returns the devices that are declared lost.
pub(super) fn lost(
    replica: &Replica,
    now: Now,
    close: &EventClose,
) -> Result<Vec<PublicKey>, Problem> {
    let lost = close.lost.iter();
    lost.map(|name| names::device(replica, now, name)).collect()
}

/// Draws the keys of spare cards, each with the command that admits it.
pub(super) fn spare_cards(
    replica: &Replica,
    now: Now,
    spare: &CardsSpare,
) -> Result<Vec<(Command, SpareCard)>, Problem> {
    if !(1..=SPARE_CARDS_MAX).contains(&spare.count) {
        return Err(contradiction(&format!(
            "1 to {SPARE_CARDS_MAX} cards are drawn at once"
        )));
    }
    let Some((event, manifest)) = replica.event() else {
        return Err(names::no_event());
    };
    let devices = replica.devices(now);
    let labels = (1..=spare.count).map(|number| match spare.count {
        1 => spare.label.clone(),
        _ => format!("{} {number}", spare.label),
    });
    let mut cards = Vec::new();
    for label in labels {
        if devices.iter().any(|it| it.label == label) {
            return Err(contradiction(&format!(
                "{label:?} is the name of a device or card already: choose another --label"
            )));
        }
        let card = Card {
            kind: CardKind::Spare,
            event,
            seed: Zeroizing::new(entropy::bytes()?),
            discovery_key: manifest.discovery_key,
            label: label.clone(),
        };
        let key = card.key().public();
        let roles = Roles::SCORER.with(Roles::RELAY).with(Roles::SPARE);
        let card = SpareCard {
            label: label.clone(),
            key: key.fingerprint(),
            card: card_to_text(&card).to_string(),
        };
        cards.push((Command::Admit { key, roles, label }, card));
    }
    Ok(cards)
}

/// Returns how a spare card is used, in one word.
pub(super) fn card_state(view: &DeviceView) -> &'static str {
    match (view.revoked, view.met) {
        (Some(_), _) => "revoked",
        (None, true) => "in-use",
        (None, false) => "unused",
    }
}

fn before(replica: &mut Replica, name: Option<&str>) -> Result<Option<EntryId>, Problem> {
    name.map(|name| names::entry(replica, name)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held() -> Drill {
        Drill {
            no: DrillNo(2),
            name: "The wall".to_owned(),
            method: Method::Comstock,
            strings: 1,
            required_hits: vec![2, 2],
            steel: 3,
            no_shoots: NoShoots::NotSaid,
            terms: Terms::default(),
        }
    }

    #[test]
    fn a_changed_drill_keeps_what_is_not_named() {
        let change = DrillChange {
            drill: 2,
            steel: Some(5),
            no_shoots: Some(false),
            ..DrillChange::default()
        };
        let expected = Drill {
            steel: 5,
            no_shoots: NoShoots::Absent,
            ..held()
        };
        assert_eq!(changed_drill(Some(&held()), change), Ok(expected));
    }

    #[test]
    fn a_new_drill_needs_a_name_and_is_otherwise_as_in_a_structure_file() {
        let nameless = DrillChange {
            drill: 9,
            ..DrillChange::default()
        };
        let problem = changed_drill(None, nameless.clone()).expect_err("needs a name");
        assert!(problem.text.contains("needs a name"), "{problem}");
        let named = DrillChange {
            name: Some("Chrono".to_owned()),
            method: Some(MethodWord::Chrono),
            ..nameless
        };
        let drill = changed_drill(None, named).expect("a drill");
        assert_eq!((drill.no, drill.strings), (DrillNo(9), 0));
        assert_eq!(drill.required_hits, Vec::<u8>::new());
    }

    #[test]
    fn a_card_is_read_as_printed_or_as_its_seed_and_only_for_what_it_is() {
        let digits = "0a ".repeat(32);
        let seed = |text: &str| read_card(text, CardKind::Recovery).map(|it| *it.seed);
        assert_eq!(seed(&digits), Ok([10; 32]));
        for bad in ["", "0a", "card", &"0a".repeat(33), &"zz".repeat(32)] {
            let problem = seed(bad).expect_err(bad);
            assert_eq!((problem.code.as_str(), problem.exit), ("bad_card", 2));
        }
        let mut card = Card {
            kind: CardKind::Recovery,
            event: EventId(model::Hash([1; 32])),
            seed: Zeroizing::new([10; 32]),
            discovery_key: [2; 16],
            label: "Recovery 1".to_owned(),
        };
        assert_eq!(seed(&card_to_text(&card)), Ok([10; 32]));
        card.kind = CardKind::Spare;
        let problem = seed(&card_to_text(&card)).expect_err("another kind");
        assert!(problem.text.contains("cards use"), "{problem}");
    }
}
