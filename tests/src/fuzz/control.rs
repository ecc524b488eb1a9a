//! Statements and scores in two orders of arrival: one authority and the same verdicts.

use std::collections::BTreeMap;

use tallyline_proto::{
    log::{Ledger, Log, Refusal, Taken},
    model::{GrantId, Hash, LogName},
    rules::{Authority as _, Scorebook, Standings, scorebook::about},
    wire::Fork,
};

use super::{
    branch::{Chunk, Writers},
    bytes::Bytes,
    venue::venue,
};

/// Most chunks of one run: enough for grants, closes, forks and scores under them, and few enough
/// for thousands of runs a minute.
const CHUNKS_MAX: usize = 16;

/// Draws a history of statements and scores, some of them lies, tells it to one ledger in the
/// order in which it was written and to another in any order, lets the two exchange their proofs
/// of forks, and compares them.
///
/// # Panics
/// If something does not hold.
pub fn run(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let order = u64::from_le_bytes(bytes.array());
    let mut writers = Writers::default();
    let mut chunks = Vec::new();
    while !bytes.is_empty() && chunks.len() < CHUNKS_MAX {
        chunks.extend(writers.write(&mut bytes));
    }
    let mut one = Told::new(chunks.clone());
    shuffle(&mut chunks, order);
    let mut two = Told::new(chunks);
    settle(&mut one, &mut two);
    compare(&one.ledger, &two.ledger);
}

/// A ledger and what it has not taken in yet.
struct Told {
    ledger: Ledger,
    waiting: Vec<Chunk>,
}

impl Told {
    fn new(waiting: Vec<Chunk>) -> Self {
        Self {
            ledger: Ledger::new(venue().event, venue().manifest.clone()),
            waiting,
        }
    }

    /// Tells everything that waits; what rests on something else waits on. Returns whether
    /// anything changed.
    fn tell(&mut self) -> bool {
        let before = self.waiting.len();
        let ledger = &mut self.ledger;
        self.waiting.retain(|it| {
            let taken = ledger.take(it.log, it.from, &it.entries, &it.signature);
            matches!(taken, Err(Refusal::Gap | Refusal::UnknownGrant))
        });
        self.waiting.len() < before
    }

    /// Shows every proof of a fork to another. Returns whether one of them was news.
    fn show_forks(&self, other: &mut Ledger) -> bool {
        let forks = self.ledger.forks().values();
        forks.fold(false, |news, fork| {
            let taken = other.take_fork(fork);
            news | matches!(taken, Ok(Taken::Forked(_)))
        })
    }
}

/// Tells both until nothing changes any more.
fn settle(one: &mut Told, two: &mut Told) {
    let most = 4 * (CHUNKS_MAX + 1);
    for _ in 0..most {
        let told = one.tell() | two.tell();
        let shown = one.show_forks(&mut two.ledger) | two.show_forks(&mut one.ledger);
        if !told && !shown {
            return;
        }
    }
    unreachable!("two that hear the same do not settle");
}

/// Puts things into another order that the seed decides.
fn shuffle<T>(things: &mut [T], seed: u64) {
    let mut luck = seed;
    for end in (1..things.len()).rev() {
        luck = luck
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let place = usize::try_from(luck >> 33).unwrap_or_default() % (end + 1);
        things.swap(place, end);
    }
}

fn compare(one: &Ledger, two: &Ledger) {
    let (left, right) = (one.authority(), two.authority());
    assert_eq!(forks(one), forks(two), "the same proofs of forks");
    assert_eq!(left.members(), right.members(), "the same members");
    assert_eq!(left.grants(), right.grants(), "the same grants");
    assert_eq!(
        left.invalid(),
        right.invalid(),
        "the same statements are void"
    );
    let rosters = (
        format!("{:?}", left.roster()),
        format!("{:?}", right.roster()),
    );
    assert_eq!(rosters.0, rosters.1, "the same roster");
    let control = GrantId::control(venue().event);
    // A grant that stood behind a fork of the control log is no grant: whoever heard of the fork
    // first never took in what was written under it, and it counts nowhere.
    if !one.forks().keys().any(|log| log.grant == control) {
        assert_eq!(held(one), held(two), "the same logs");
        assert_eq!(
            one.state_digest(),
            two.state_digest(),
            "and the same digest"
        );
    }
    verdicts(one, two);
    let digests = [one, two].map(|ledger| {
        let lines: Vec<_> = ledger.lines().collect();
        let roster = ledger.authority().roster();
        Standings::compute(roster, &Scorebook::compute(roster, ledger, &lines)).digest()
    });
    assert_eq!(digests.first(), digests.last(), "the same standings");
}

/// Returns the proofs of forks of logs that somebody may write; what is held of others says
/// nothing.
fn forks(ledger: &Ledger) -> Vec<&Fork> {
    let written = |fork: &&Fork| ledger.authority().writer(fork.log.grant).is_some();
    ledger.forks().values().filter(written).collect()
}

/// Returns how far each log is held and undisputed, and the chain hash there or, if it forked,
/// before its fork. Of a log that forked at its first entry the proof alone may be held.
fn held(ledger: &Ledger) -> BTreeMap<LogName, (u64, Hash)> {
    let whole = |log: &Log| (*log.name(), (log.height(), log.chain().0));
    let mut held: BTreeMap<_, _> = ledger.logs().values().map(whole).collect();
    for (name, fork) in ledger.forks() {
        let (height, hash) = held.entry(*name).or_default();
        (*height, *hash) = ((*height).min(fork.from - 1), fork.prefix);
    }
    held
}

/// Compares how each entry stands that both hold, up to where its log forked. A log that nobody
/// may write any more counts nowhere, and whether it forked is known to whoever asked in time.
fn verdicts(one: &Ledger, two: &Ledger) {
    let written = |log: &LogName| one.authority().writer(log.grant).is_some();
    for (name, log) in one.logs().iter().filter(|(name, _)| written(name)) {
        let forked = one.forks().get(name).map_or(u64::MAX, |fork| fork.from);
        let shared = two.logs().get(name).map_or(0, Log::height);
        for (seq, _) in log
            .records()
            .take_while(|(seq, _)| *seq < forked && *seq <= shared)
        {
            let about = one.line(name, seq).and_then(|it| about(it.body));
            let stands = [one, two].map(|it| it.standing(name, seq, about));
            assert_eq!(stands.first(), stands.last(), "{name:?} at {seq}");
            assert_eq!(one.precedence(name), two.precedence(name), "{name:?}");
        }
    }
}
