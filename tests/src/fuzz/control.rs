//! Statements and scores in two orders of arrival: one authority and the same verdicts.

use std::collections::{BTreeMap, BTreeSet};

use tallyline_proto::{
    log::{Authority, Ledger, Log, Taken},
    model::{Hash, LogName},
    rules::{Authority as _, Scorebook, Standings},
    wire::Fork,
};

use super::{
    branch::{Chunk, Writers},
    bytes::Bytes,
    venue::{ALL, public, venue},
};

/// Most chunks of one run besides the venue's own: enough for grants, closes, forks and scores under
/// them, and few enough for thousands of runs a minute.
const CHUNKS_MAX: usize = 16;

/// Most rounds until two know the same: in each at least one chunk or proof is news.
const ROUNDS_MAX: usize = 4 * (CHUNKS_MAX + 1);

/// Draws a history of statements and scores, some of them lies, tells it to one ledger in the
/// order in which it was written and to another in any order, lets the two exchange their proofs
/// of forks, and compares them.
///
/// # Panics
/// If something does not hold.
pub fn run(data: &[u8]) {
    let (chunks, order) = draw(data);
    let mut others = chunks.clone();
    shuffle(&mut others, order);
    let (mut one, mut two) = (fresh(), fresh());
    tell(&mut two, &others);
    settle(&mut one, &mut two, &chunks);
    compare(&one, &two);
}

/// Draws a history, the venue's own before it or nothing, and a number that puts it into another
/// order.
fn draw(data: &[u8]) -> (Vec<Chunk>, u64) {
    let mut bytes = Bytes::new(data);
    let order = u64::from_le_bytes(bytes.array());
    let mut writers = Writers::default();
    let mut chunks = if bytes.flag() {
        writers.take_up_venue()
    } else {
        Vec::new()
    };
    let most = chunks.len() + CHUNKS_MAX;
    while !bytes.is_empty() && chunks.len() < most {
        chunks.extend(writers.write(&mut bytes));
    }
    (chunks, order)
}

fn fresh() -> Ledger {
    Ledger::new(venue().event, venue().manifest.clone())
}

/// Tells a ledger everything, as often as it is news: what rests on something else is refused until
/// that is there, and of a forked log the branch that the owner chose is asked for again. Returns
/// whether anything changed.
fn tell(ledger: &mut Ledger, chunks: &[Chunk]) -> bool {
    let told = chunks.iter().fold(false, |news, it| {
        let taken = ledger.take(it.log, it.from, &it.entries, &it.signature);
        news | matches!(taken, Ok(Taken::Grown(_) | Taken::Forked(_)))
    });
    told | !ledger.settle_forks().is_empty()
}

/// Shows every proof of a fork to another. Returns whether one of them was news.
fn show_forks(from: &Ledger, to: &mut Ledger) -> bool {
    from.forks().values().fold(false, |news, fork| {
        let taken = to.take_fork(fork);
        news | matches!(taken, Ok(Taken::Forked(_)))
    })
}

/// Sends another what it wants of branches that the owner chose. Returns whether anything changed.
fn send_branches(from: &Ledger, to: &mut Ledger) -> bool {
    let mut chunks = Vec::new();
    for (name, before) in to.other_branches() {
        let held = from.logs().get(&name);
        let mut next = before + 1;
        while let Some(it) = held.and_then(|log| log.chunk(next)) {
            next = it.end() + 1;
            chunks.push(Chunk {
                log: name,
                from: it.from,
                entries: it.entries,
                signature: it.signature,
            });
        }
    }
    tell(to, &chunks)
}

/// Tells both until nothing changes any more.
fn settle(one: &mut Ledger, two: &mut Ledger, chunks: &[Chunk]) {
    for _ in 0..ROUNDS_MAX {
        let told = tell(one, chunks) | tell(two, chunks);
        let shown = show_forks(one, two) | show_forks(two, one);
        let sent = send_branches(one, two) | send_branches(two, one);
        if !told && !shown && !sent {
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
    assert_eq!(forks(one), forks(two), "the same proofs of forks");
    for log in one.logs().keys().chain(two.logs().keys()) {
        assert_eq!(one.is_common(log), two.is_common(log), "{log:?} is common");
        let written = one.authority().writer(log.grant).is_some();
        assert!(one.is_common(log) || !written, "{log:?} is written");
    }
    assert_eq!(held(one), held(two), "the same logs");
    authorities(one, two);
    assert_eq!(one.state_digest(), two.state_digest(), "one digest");
    verdicts(one, two);
    assert_eq!(standings(one), standings(two), "the same standings");
}

/// Compares what two make of all statements.
fn authorities(one: &Ledger, two: &Ledger) {
    let (left, right) = (one.authority(), two.authority());
    assert_eq!(left.owners(), right.owners(), "the same owners");
    assert_eq!(left.members(), right.members(), "the same members");
    assert_eq!(left.grants(), right.grants(), "the same grants");
    assert_eq!(left.last_call(), right.last_call(), "the same last call");
    assert_eq!(left.closing(), right.closing(), "closed alike");
    for key in ALL.map(public) {
        assert_eq!(left.revoked(&key), right.revoked(&key), "revoked alike");
    }
    let rosters = [left, right].map(|it| format!("{:?}", it.roster()));
    assert_eq!(rosters.first(), rosters.last(), "the same roster");
    let loose = [one, two].map(loose);
    let void = |authority: &Authority| -> BTreeSet<Hash> {
        let void = authority.invalid().iter().copied();
        void.filter(|id| loose.iter().all(|it| !it.contains(id)))
            .collect()
    };
    assert_eq!(void(left), void(right), "the same statements are void");
}

fn standings(ledger: &Ledger) -> [u8; 32] {
    let lines: Vec<_> = ledger.lines().collect();
    let roster = ledger.authority().roster();
    Standings::compute(roster, &Scorebook::compute(roster, ledger, &lines)).digest()
}

/// Returns the statements that stand in logs that not everybody takes: they are void, and whoever
/// read what names the writer holds them.
fn loose(ledger: &Ledger) -> BTreeSet<Hash> {
    let loose = ledger.said().filter(|it| !ledger.is_common(&it.log));
    loose.map(|it| it.id).collect()
}

/// Returns the proofs of forks of logs that everybody takes.
fn forks(ledger: &Ledger) -> Vec<&Fork> {
    let common = |fork: &&Fork| ledger.is_common(&fork.log);
    ledger.forks().values().filter(common).collect()
}

/// Returns how far each log is held and undisputed, and the chain hash there or, if it forked,
/// before its fork. Of a log that forked at its first entry the proof alone may be held.
fn held(ledger: &Ledger) -> BTreeMap<LogName, (u64, Hash)> {
    let whole = |log: &Log| (*log.name(), (log.height(), log.chain().0));
    let common = ledger.common_logs();
    let mut held: BTreeMap<_, _> = common.map(|(_, log)| whole(log)).collect();
    for fork in forks(ledger) {
        let (height, hash) = held.entry(fork.log).or_default();
        (*height, *hash) = ((*height).min(fork.from - 1), fork.prefix);
    }
    held
}

/// Compares how each entry stands that both hold, up to where its log forked.
fn verdicts(one: &Ledger, two: &Ledger) {
    for (name, log) in one.common_logs() {
        let forked = one.forks().get(name).map_or(u64::MAX, |fork| fork.from);
        let shared = two.logs().get(name).map_or(0, Log::height);
        for (seq, _) in log
            .records()
            .take_while(|(seq, _)| *seq < forked && *seq <= shared)
        {
            let about = one.line(name, seq).and_then(|it| it.body.about());
            let stands = [one, two].map(|it| it.standing(name, seq, about));
            assert_eq!(stands.first(), stands.last(), "{name:?} at {seq}");
            assert_eq!(one.precedence(name), two.precedence(name), "{name:?}");
            assert_eq!(
                one.authority().adoptions(name),
                two.authority().adoptions(name),
                "{name:?}"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use tallyline_proto::log::Said;

    use super::{draw, fresh, settle};
    use crate::fuzz::{
        builders::{BUILDERS, kind},
        corpus, seeds,
    };

    /// Returns the kinds of statements that are in force after one program.
    fn in_force(data: &[u8]) -> BTreeSet<&'static str> {
        let (chunks, _) = draw(data);
        let (mut one, mut two) = (fresh(), fresh());
        settle(&mut one, &mut two, &chunks);
        let stands = |it: &&Said| {
            let fork = one.forks().get(&it.log);
            fork.is_none_or(|fork| it.seq < fork.from)
                && !one.authority().invalid().contains(&it.id)
        };
        let said = one.said().filter(stands);
        said.filter_map(|it| it.statement.as_ref().map(kind))
            .collect()
    }

    fn assert_every_kind(programs: impl IntoIterator<Item = (String, Vec<u8>)>) {
        let programs = programs.into_iter();
        let seen: BTreeSet<_> = programs.flat_map(|(_, data)| in_force(&data)).collect();
        let kinds = BUILDERS.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(seen, kinds, "kinds of statements in force");
    }

    #[test]
    fn every_kind_of_statement_comes_into_force_where_campaigns_begin() {
        assert_every_kind(seeds::of("control"));
    }

    #[test]
    fn every_kind_of_statement_comes_into_force_in_the_corpus() {
        assert_every_kind(corpus::inputs("control").expect("the corpus is committed"));
    }
}
