//! The state of one conversation, and the two things it does: take a frame, produce frames.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use tallyline_keys::{
    PublicKey,
    planted::{Fault, is},
};

use super::VERSION;
use crate::{
    log::{Ledger, Log, Refusal},
    model::{Incarnation, LogName},
    wire::{Frame, Hello, LogRef, LogTag, Push, VECTOR_LOGS_MAX, Vector, event_tag, log_tag},
};

/// Entries that may be on the way to a peer before it has said that they are on its disk: eight
/// chunks keep a slow link busy and bound what a lost connection repeats.
const WINDOW_ENTRIES: u64 = 2048;

/// How long a state must be unchanged before a Hello is sent to close the round, in ms: live
/// pushes settle in that time, so that a closing Hello mostly meets an equal one.
const SETTLE_MS: u64 = 2_000;

/// How long changes may put off the closing Hello, in ms: under steady writing a lost frame is
/// still repaired within this time.
const SETTLE_MS_MAX: u64 = 15_000;

/// First wait for an answer to a Hello or a Want before it is repeated, in ms; it doubles each time.
const REPEAT_MS: u64 = 2_000;

/// Longest wait for an answer to a Hello or a Want, in ms.
const REPEAT_MS_MAX: u64 = 60_000;

/// How long an announced entry may be missing before it is asked for, in ms: in a full mesh the
/// writer's own push is faster and nobody asks.
const ASK_AFTER_MS: u64 = 600;

/// Where a device stands: digest of its logs, digest of its receipts.
type Stand = ([u8; 16], u64);

/// What the replica must do after a conversation took a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Nothing.
    Nothing,
    /// A chunk belongs into the ledger.
    Push(LogName, Push),
    /// The frame was refused.
    Refused(Refused),
}

/// Why a conversation refused a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The peer speaks another version.
    OtherVersion,
    /// The peer talks about another event.
    OtherEvent,
    /// A tag names no log here, or more than one.
    UnknownLog,
}

/// What a device is at the moment it speaks.
#[derive(Clone, Copy, Debug)]
pub struct Here<'a> {
    /// What it holds.
    pub ledger: &'a Ledger,
    /// Its Hello at this state.
    pub hello: Hello,
    /// Its key.
    pub key: PublicKey,
    /// The incarnation of its own logs: they are pushed as they grow.
    pub incarnation: Incarnation,
    /// Monotonic time in ms.
    pub now_ms: u64,
}

impl Here<'_> {
    fn writes(&self, log: &Log) -> bool {
        log.name().incarnation == self.incarnation && log.writer() == self.key
    }
}

/// What a peer announced and this device lacks.
#[derive(Clone, Copy, Debug)]
struct Wish {
    /// The height that the peer announced.
    height: u64,
    /// The height here when it was asked for last.
    from: u64,
    /// When it is asked for next, as monotonic time in ms.
    at_ms: u64,
    /// How long the next answer may take, in ms.
    wait_ms: u64,
}

impl Wish {
    /// Asks from a height on. A log that grew since is answered; one that did not may be refused
    /// here or not be there, and asking for it on and on is a flood that a liar sets off.
    fn ask(&mut self, from: u64, now_ms: u64) {
        if self.from < from {
            self.wait_ms = REPEAT_MS;
        }
        self.from = from;
        self.at_ms = now_ms.saturating_add(self.wait_ms);
        self.wait_ms = self.wait_ms.saturating_mul(2).min(REPEAT_MS_MAX);
    }
}

/// One conversation with one peer about one event.
#[derive(Debug)]
pub struct Conversation {
    /// The peer's key.
    pub key: PublicKey,
    heights: BTreeMap<LogTag, u64>,
    pushed: BTreeMap<LogName, u64>,
    offers: BTreeMap<LogName, u64>,
    asked: BTreeMap<LogTag, Wish>,
    /// Logs that the peer sent and nobody is known to write: each of their entries would be announced,
    /// and each time the whole log asked for in vain.
    unknown: BTreeSet<LogTag>,
    /// How many entries were here when it was last looked at which wishes came true.
    looked_at: u64,
    store: Option<u64>,
    heard_hello: Option<Stand>,
    sent_hello: Option<Stand>,
    repeat_at_ms: u64,
    repeat_wait_ms: u64,
    changed_ms: Option<(u64, u64)>,
    vector_open: bool,
    synced: bool,
    /// The digest here when hashes were sent last.
    doubted: Option<[u8; 16]>,
    /// Both digests at the last vector: equal ones say that the round between brought nothing.
    at_vector: Option<([u8; 16], [u8; 16])>,
    /// What is here when a look at every log found nothing left to push, until the peer wants more.
    pushed_all: Option<([u8; 16], u64)>,
    /// The state at which both sides held the same last.
    agreed: Option<[u8; 16]>,
}

/// Returns this device's Hello: what it holds, in which store, a digest of its receipts, and its clock
/// in milliseconds since the event's epoch.
pub fn hello(ledger: &Ledger, store: u64, receipts: u64, clock_ms: i64) -> Hello {
    let mut state = [0; 16];
    state.copy_from_slice(ledger.state_digest().0.split_at(16).0);
    Hello {
        version: VERSION,
        event_tag: event_tag(ledger.event()),
        state,
        store,
        answer: false,
        receipts,
        clock_ms,
    }
}

/// Returns where a device stands by its Hello: its logs and its receipts.
fn stand(hello: &Hello) -> Stand {
    (hello.state, hello.receipts)
}

impl Conversation {
    /// Begins a conversation; the first [`Conversation::produce`] says Hello.
    pub fn new(key: PublicKey) -> Self {
        Self {
            key,
            heights: BTreeMap::new(),
            pushed: BTreeMap::new(),
            offers: BTreeMap::new(),
            asked: BTreeMap::new(),
            unknown: BTreeSet::new(),
            looked_at: 0,
            store: None,
            heard_hello: None,
            sent_hello: None,
            repeat_at_ms: 0,
            repeat_wait_ms: REPEAT_MS,
            changed_ms: None,
            vector_open: false,
            synced: false,
            doubted: None,
            at_vector: None,
            pushed_all: None,
            agreed: None,
        }
    }

    /// Returns what the peer has on disk, as far as it said so on this connection.
    pub fn heights(&self) -> &BTreeMap<LogTag, u64> {
        &self.heights
    }

    /// Returns the store the peer's heights are durable in.
    pub fn store(&self) -> Option<u64> {
        self.store
    }

    /// Returns whether the last Hello of the peer equals this state.
    pub fn equal(&self, mine: &Hello) -> bool {
        self.heard_hello
            .is_some_and(|(state, _)| state == mine.state)
    }

    /// Returns whether the peer's last Hello equals this state, once for each state.
    pub fn agrees_anew(&mut self, mine: &Hello) -> bool {
        let fresh = self.equal(mine) && self.agreed != Some(mine.state);
        if fresh {
            self.agreed = Some(mine.state);
        }
        fresh
    }

    /// Says Hello before the answer to the peer's, if this side has not said it: a vector that
    /// overtakes it would be answered, and the answer's answer would send the window again.
    pub fn greet(&mut self, mine: &Hello, now_ms: u64, out: &mut Vec<Frame>) {
        if self.sent_hello.is_none() {
            self.say_hello(mine, now_ms, out);
        }
    }

    /// Takes a Hello: compares digests and says what is here if they differ.
    ///
    /// Source: PROTOCOL R-SYNC-1, R-SYNC-4.
    pub fn on_hello(
        &mut self,
        it: &Hello,
        ledger: &Ledger,
        mine: &Hello,
        out: &mut Vec<Frame>,
    ) -> Heard {
        if it.version != mine.version {
            return Heard::Refused(Refused::OtherVersion);
        }
        if it.event_tag != mine.event_tag {
            return Heard::Refused(Refused::OtherEvent);
        }
        if self.store.is_some_and(|held| held != it.store) {
            // Heights of another store say nothing about this one.
            self.heights.clear();
            self.pushed.clear();
            self.pushed_all = None;
        }
        // A vector may have overtaken the first Hello: what it said is of this store.
        self.store = Some(it.store);
        let again = self.heard_hello == Some(stand(it));
        self.heard_hello = Some(stand(it));
        self.vector_open = false;
        if it.state == mine.state {
            self.synced = true;
            self.assume_equal(ledger);
            if again && !it.answer && it.receipts == mine.receipts {
                out.push(Frame::Hello(Hello {
                    answer: true,
                    ..*mine
                }));
            }
            return Heard::Nothing;
        }
        self.vector_open = true;
        out.push(Frame::Vector(vector(ledger)));
        Heard::Nothing
    }

    /// Takes a vector: from here on everything the peer lacks is on offer.
    ///
    /// Source: PROTOCOL R-SYNC-4.
    pub fn on_vector(&mut self, it: &Vector, ledger: &Ledger, mine: &Hello, out: &mut Vec<Frame>) {
        self.synced = true;
        self.pushed_all = None;
        self.pushed.clear();
        self.heights = it.logs.iter().copied().collect();
        if is(Fault::ResumeFromOne) {
            self.heights.clear();
        }
        for (name, log) in ledger.common_logs() {
            self.offers.insert(*name, log.height());
        }
        if it.hashes.is_empty() {
            self.doubt(it, ledger, mine, out);
        } else {
            Self::compare(it, ledger, out);
        }
        if !it.answer && !self.vector_open {
            out.push(Frame::Vector(if it.hashes.is_empty() {
                Vector {
                    answer: true,
                    ..vector(ledger)
                }
            } else {
                vector_with_hashes(ledger)
            }));
        }
        self.vector_open = false;
        // The owner chose another branch of a fork than the one here: whoever holds it sends it.
        for (name, before) in ledger.other_branches() {
            out.push(Frame::Want(Vec::from([(log_tag(&name), before)])));
        }
        for fork in ledger.forks().values().filter(|fork| fork.fits_a_frame()) {
            out.push(Frame::Fork(fork.clone()));
        }
    }

    /// Takes a push and says which log it belongs to.
    pub fn on_push(&mut self, it: Push, ledger: &Ledger) -> Heard {
        let name = match it.log {
            LogRef::Name(name) => name,
            LogRef::Tag(tag) => {
                let mut names = ledger.by_tag(&tag);
                match (names.next(), names.next()) {
                    (Some(name), None) => *name,
                    (None, _) | (Some(_), Some(_)) => return Heard::Refused(Refused::UnknownLog),
                }
            }
        };
        Heard::Push(name, it)
    }

    /// Notes what a push that was taken says about the peer: it holds what it sent.
    pub fn pushed_to_us(&mut self, name: &LogName, end: u64) {
        let held = self.heights.entry(log_tag(name)).or_insert(0);
        *held = end.max(*held);
        let pushed = self.pushed.entry(*name).or_insert(0);
        *pushed = end.max(*pushed);
    }

    /// Answers a push that does not follow: the peer goes on from what is here.
    ///
    /// Source: PROTOCOL R-SYNC-6.
    pub fn refuse_push(
        &mut self,
        name: &LogName,
        why: Refusal,
        ledger: &Ledger,
        out: &mut Vec<Frame>,
    ) {
        let tag = log_tag(name);
        let height = ledger.logs().get(name).map_or(0, Log::height);
        match why {
            Refusal::Gap => out.push(Frame::Want(Vec::from([(tag, height)]))),
            // Either damage or a branch of another chain: the whole log tells which.
            Refusal::BadSignature if 0 < height => out.push(Frame::Want(Vec::from([(tag, 0)]))),
            Refusal::OtherBranch(before) => out.push(Frame::Want(Vec::from([(tag, before)]))),
            Refusal::UnknownGrant => {
                self.asked.remove(&tag);
                if self.unknown.len() < VECTOR_LOGS_MAX {
                    self.unknown.insert(tag);
                }
            }
            Refusal::BadSignature | Refusal::Quota => {}
        }
    }

    /// Takes durable heights; those above this device's are asked for if nobody pushes them.
    ///
    /// Source: PROTOCOL R-SYNC-7.
    pub fn on_have(&mut self, logs: &[(LogTag, u64)], ledger: &Ledger, now_ms: u64) {
        for &(tag, height) in logs {
            if self.heights.len() < VECTOR_LOGS_MAX || self.heights.contains_key(&tag) {
                let held = self.heights.entry(tag).or_insert(0);
                *held = height.max(*held);
            }
            // Behind a known fork everybody's height is of another branch.
            let forked = ledger
                .by_tag(&tag)
                .any(|name| ledger.forks().contains_key(name));
            let room = self.asked.len() < VECTOR_LOGS_MAX || self.asked.contains_key(&tag);
            let unknown = self.unknown.contains(&tag);
            if room && !forked && !unknown && height_of(ledger, tag) < height {
                let wish = Wish {
                    height,
                    from: height_of(ledger, tag),
                    at_ms: now_ms.saturating_add(ASK_AFTER_MS),
                    wait_ms: REPEAT_MS,
                };
                self.asked.entry(tag).or_insert(wish).height = height;
            }
        }
    }

    /// Takes a wish: the named logs are on offer from the named heights on.
    ///
    /// Source: PROTOCOL R-SYNC-7.
    pub fn on_want(&mut self, logs: &[(LogTag, u64)], ledger: &Ledger) {
        for &(tag, height) in logs {
            for name in ledger.by_tag(&tag) {
                let Some(log) = ledger.logs().get(name) else {
                    continue;
                };
                self.pushed_all = None;
                self.heights.insert(tag, height);
                self.pushed.insert(*name, height);
                self.offers.insert(*name, log.height());
            }
        }
    }

    /// Lets logs be asked for again that were refused because nobody was known to write them: what
    /// names the writer may have come.
    pub fn statements_grew(&mut self) {
        self.unknown.clear();
    }

    /// Produces what this device has to say: a Hello when one is due, wishes, and chunks within
    /// the window.
    ///
    /// Source: PROTOCOL R-SYNC-5, R-SYNC-12.
    pub fn produce(&mut self, here: &Here<'_>, out: &mut Vec<Frame>) {
        self.say_hello(&here.hello, here.now_ms, out);
        self.ask(here.ledger, here.now_ms, out);
        if self.synced {
            self.push(here, out);
        }
    }

    /// Returns when [`Conversation::produce`] has something to say although no frame came and
    /// nothing changed, as monotonic time in ms; `None`: never.
    pub fn due_ms(&self, mine: &Hello) -> Option<u64> {
        let equal = self.heard_hello == Some(stand(mine));
        let hello = if self.sent_hello == Some(stand(mine)) {
            (!equal).then_some(self.repeat_at_ms)
        } else if equal || self.sent_hello.is_none() {
            Some(0)
        } else {
            let until = self.changed_ms;
            Some(until.map_or(0, |(quiet_ms, latest_ms)| quiet_ms.min(latest_ms)))
        };
        let wish = self.asked.values().map(|it| it.at_ms).min();
        hello.into_iter().chain(wish).min()
    }

    fn say_hello(&mut self, mine: &Hello, now_ms: u64, out: &mut Vec<Frame>) {
        let equal = self.heard_hello == Some(stand(mine));
        let repeated = self.sent_hello == Some(stand(mine));
        let due = if repeated {
            // Settled when the peer stands here too; else it may have missed this Hello.
            !equal && self.repeat_at_ms <= now_ms
        } else if equal || self.sent_hello.is_none() {
            true
        } else {
            let (quiet_ms, latest_ms) = *self.changed_ms.get_or_insert((
                now_ms.saturating_add(SETTLE_MS),
                now_ms.saturating_add(SETTLE_MS_MAX),
            ));
            quiet_ms.min(latest_ms) <= now_ms
        };
        let silent = is(Fault::NeverResend) && self.sent_hello.is_some();
        if !due || silent {
            return;
        }
        self.repeat_wait_ms = if repeated {
            self.repeat_wait_ms.saturating_mul(2).min(REPEAT_MS_MAX)
        } else {
            REPEAT_MS
        };
        self.repeat_at_ms = now_ms.saturating_add(self.repeat_wait_ms);
        self.sent_hello = Some(stand(mine));
        self.changed_ms = None;
        out.push(Frame::Hello(*mine));
    }

    /// Puts the closing Hello off while the state changes, but not for ever.
    ///
    /// Source: PROTOCOL R-SYNC-8.
    pub fn note_change(&mut self, now_ms: u64) {
        let until = self
            .changed_ms
            .map_or(now_ms.saturating_add(SETTLE_MS_MAX), |it| it.1);
        self.changed_ms = Some((now_ms.saturating_add(SETTLE_MS), until));
    }

    fn ask(&mut self, ledger: &Ledger, now_ms: u64, out: &mut Vec<Frame>) {
        // A wish that came true goes at once, or it would wake the device for nothing.
        let grew = self.looked_at != ledger.entries();
        if !grew && self.asked.values().all(|it| now_ms < it.at_ms) {
            return;
        }
        self.looked_at = ledger.entries();
        self.asked.retain(|tag, wish| {
            let forked = ledger
                .by_tag(tag)
                .any(|name| ledger.forks().contains_key(name));
            !forked && height_of(ledger, *tag) < wish.height
        });
        let mut due = Vec::new();
        for (tag, wish) in &mut self.asked {
            if wish.at_ms <= now_ms {
                let from = height_of(ledger, *tag);
                wish.ask(from, now_ms);
                due.push((*tag, from));
            }
        }
        if !due.is_empty() && !is(Fault::NeverResend) {
            out.push(Frame::Want(due));
        }
    }

    fn push(&mut self, here: &Here<'_>, out: &mut Vec<Frame>) {
        let ledger = here.ledger;
        let stands = Some((here.hello.state, ledger.entries()));
        if self.pushed_all == stands {
            return;
        }
        let mut all = true;
        let mut gaps: Vec<(bool, u64, &LogName, &Log)> = Vec::new();
        let mut on_the_way: u64 = 0;
        for (name, log) in ledger.logs() {
            let clash = ledger.by_tag(&log.tag()).nth(1).is_some();
            let theirs = if clash {
                0
            } else {
                self.heights.get(&log.tag()).copied().unwrap_or(0)
            };
            let pushed = self.pushed.get(name).copied().unwrap_or(0);
            on_the_way = on_the_way.saturating_add(pushed.saturating_sub(theirs));
            let offer = self.offers.get(name).copied().unwrap_or(0);
            let limit = if here.writes(log) {
                log.height()
            } else {
                let held = log
                    .height()
                    .saturating_sub(u64::from(is(Fault::LostLastEntry)));
                offer.min(held)
            };
            let done = theirs.max(pushed);
            if done < limit {
                let first = ledger.is_control(name.grant) || ledger.speaks(name);
                gaps.push((!first, limit.saturating_sub(done), name, log));
            }
        }
        // Statements first, since the rest rests on them; then the smallest gap, so
        // that every lane is soon visible.
        gaps.sort_unstable_by_key(|&(last, gap, name, _)| (last, gap, *name));
        for (_, gap, name, log) in gaps {
            let mut left = gap;
            while 0 < left && on_the_way < WINDOW_ENTRIES {
                let tag = log.tag();
                let theirs = self.heights.get(&tag).copied().unwrap_or(0);
                let pushed = self.pushed.get(name).copied().unwrap_or(0);
                let from = theirs.max(pushed).saturating_add(1);
                let Some(chunk) = log.chunk(from) else { break };
                let count = u64::try_from(chunk.entries.len()).unwrap_or(u64::MAX);
                let known = 1 < from && ledger.by_tag(&tag).nth(1).is_none();
                let log_ref = if known {
                    LogRef::Tag(tag)
                } else {
                    LogRef::Name(*name)
                };
                self.pushed
                    .insert(*name, from.saturating_add(count).saturating_sub(1));
                out.push(Frame::Push(Push {
                    log: log_ref,
                    from,
                    entries: chunk.entries,
                    signature: chunk.signature,
                }));
                on_the_way = on_the_way.saturating_add(count);
                left = left.saturating_sub(count);
            }
            all &= left == 0;
        }
        self.pushed_all = stands.filter(|_| all);
    }

    /// After equal digests the peer holds what is here and common.
    fn assume_equal(&mut self, ledger: &Ledger) {
        for (_, log) in ledger.common_logs() {
            // An old Hello that was overtaken takes nothing back of what the peer said since.
            let held = self.heights.entry(log.tag()).or_insert(0);
            *held = log.height().max(*held);
        }
    }

    /// Equal vectors under different digests, or a round that brought nothing because what is missing
    /// is not taken: some log forked at equal height. Once for each state, the hashes are compared.
    ///
    /// Source: PROTOCOL R-SYNC-9.
    fn doubt(&mut self, it: &Vector, ledger: &Ledger, mine: &Hello, out: &mut Vec<Frame>) {
        let theirs: BTreeMap<LogTag, u64> = it.logs.iter().copied().collect();
        let same = theirs.len() == ledger.common_logs().count()
            && ledger.common_logs().all(|(_, log)| {
                theirs
                    .get(&log.tag())
                    .is_some_and(|&height| height == log.height())
            });
        let Some((state, _)) = self.heard_hello else {
            return;
        };
        let at_vector = Some((mine.state, state));
        let stuck = self.at_vector == at_vector;
        self.at_vector = at_vector;
        if (same || stuck) && state != mine.state && self.doubted != Some(mine.state) {
            self.doubted = Some(mine.state);
            out.push(Frame::Vector(vector_with_hashes(ledger)));
        }
    }

    /// Compares chain hashes where both hold entries; a log that differs is fetched whole, which
    /// shows where it forked.
    fn compare(it: &Vector, ledger: &Ledger, out: &mut Vec<Frame>) {
        let mut forked = Vec::new();
        for (&(tag, height), hash) in it.logs.iter().zip(&it.hashes) {
            for name in ledger.by_tag(&tag) {
                let Some(log) = ledger.logs().get(name) else {
                    continue;
                };
                let chain = log.chain_at(height);
                let differs = chain.is_some_and(|chain| !chain.0.0.starts_with(hash));
                if differs && !ledger.forks().contains_key(name) {
                    forked.push((tag, 0));
                }
            }
        }
        if !forked.is_empty() {
            out.push(Frame::Want(forked));
        }
    }
}

/// Returns what is here of every common log, for a peer that has not said so yet.
fn vector(ledger: &Ledger) -> Vector {
    let logs = ledger
        .common_logs()
        .take(VECTOR_LOGS_MAX)
        .map(|(_, log)| (log.tag(), log.height()))
        .collect();
    Vector {
        logs,
        hashes: Vec::new(),
        answer: false,
    }
}

/// Returns the same with the first bytes of the chain hashes, which show a fork.
fn vector_with_hashes(ledger: &Ledger) -> Vector {
    let first8 = |log: &Log| {
        let mut short = [0; 8];
        short.copy_from_slice(log.chain().0.0.split_at(8).0);
        short
    };
    Vector {
        hashes: ledger
            .common_logs()
            .take(VECTOR_LOGS_MAX)
            .map(|(_, log)| first8(log))
            .collect(),
        answer: true,
        ..vector(ledger)
    }
}

/// Returns the height here of the log that a tag names; 0 if there is none.
fn height_of(ledger: &Ledger, tag: LogTag) -> u64 {
    ledger
        .by_tag(&tag)
        .filter_map(|name| ledger.logs().get(name))
        .map(Log::height)
        .max()
        .unwrap_or(0)
}
