//! Fetching: one blob after the other, pictures first, from whoever has it.
//!
//! Looks at what the event names, asks connected members which of it they have, and fetches groups on
//! a stream beside the frames. What came stays, whatever breaks; what does not hold is never kept and
//! is held against its sender. Layer: node, media, above `shelf`.
//!
//! Source: PROTOCOL R-MEDIA-4 to R-MEDIA-8.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tallyline_proto::replica::PeerId;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::watch;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Duration, sleep, timeout};

use super::error::MediaError;
use super::part::NotTaken;
use super::shelf::{Media, Parting, Presence, Whose};
use super::tidings::EventLook;
use super::tree::{BlobHash, HASH_BYTES, Tree, groups_of, span};
use super::wants::{Greed, Metered, named};
use super::wire::{ASKED_MAX, GROUPS_MAX, Give, HERE, NOT_HERE, NOT_NOW, Question, Sized};
use crate::driver::{Driver, Unanswered};
use crate::net::{Net, Side, SidePeer};
use crate::root::Mode;

/// How long passes between two looks at what the event names: a burst of entries is looked at once.
const LOOK_REST: Duration = Duration::from_millis(500);

/// How long nothing happens before everything is looked at again.
const IDLE: Duration = Duration::from_secs(5);

/// Milliseconds of the first and the longest wait before a peer is asked again for what it did not
/// have: it tells by itself when it has it, and this is for when that was lost.
const ASK_MS: (u64, u64) = (2_000, 60_000);

/// How long an answer may take: less than a KiB, and the disk of a busy peer.
const ANSWER_TIME: Duration = Duration::from_secs(10);

/// How long one group may take: 16 KiB at less than one KiB a second. A peer that sends more slowly
/// is left, so that it does not stand in the way of others.
const GROUP_TIME: Duration = Duration::from_secs(20);

/// Milliseconds after which a question's groups are taken no further; the rest is asked for again,
/// perhaps from another peer.
const SLICE_MS: u64 = 60_000;

/// Milliseconds of the first and the longest wait before a peer is asked to give again after it could
/// not, or the stream broke before anything came.
const PEER_REST_MS: (u64, u64) = (1_000, 60_000);

/// Milliseconds before anything is fetched again after the disk failed.
const DISK_REST_MS: u64 = 10_000;

/// How long fetching rests before it looks again whether frames wait.
const REST: Duration = Duration::from_millis(20);

/// Fetches what a node wants.
#[derive(Debug)]
pub struct Fetcher {
    media: Media,
    net: Arc<Net>,
    driver: Driver,
    mode: Mode,
    metered: Metered,
}

/// Something that is wanted and not whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Want {
    blob: Sized,
    picture: bool,
}

/// What is known of one connection.
#[derive(Debug)]
struct Known {
    peer: SidePeer,
    has: BTreeSet<Sized>,
    /// What it was asked for last.
    asked: Vec<Sized>,
    due_ms: u64,
    wait_ms: u64,
    rest_until_ms: u64,
    /// How long it is left alone when it fails next.
    rest_ms: u64,
    /// How often it was asked to give.
    turns: u64,
}

/// What the rounds go on with.
#[derive(Debug, Default)]
struct Rounds {
    known: BTreeMap<PeerId, Known>,
    /// Whole blobs that were told of.
    told: BTreeSet<BlobHash>,
    rest_until_ms: u64,
}

/// What became of one question for groups.
enum Outcome {
    /// The blob is whole.
    Whole,
    /// Groups came.
    Some,
    /// It is not there.
    NotHere,
    /// It is not given now.
    NotNow,
    /// The stream broke; what came stays.
    Broken,
    /// The peer sent what does not hold.
    Rude(String),
    /// This device cannot take it.
    Unable(MediaError),
}

impl Fetcher {
    /// Makes the fetcher of a node.
    pub fn new(media: Media, net: Arc<Net>, driver: Driver, settings: (Mode, Metered)) -> Self {
        let (mode, metered) = settings;
        Self {
            media,
            net,
            driver,
            mode,
            metered,
        }
    }

    /// Fetches until the node stops.
    pub async fn run(self, mut stopped: watch::Receiver<bool>) {
        tokio::select! {
            () = self.keep_looking() => {}
            () = self.rounds() => {}
            _ = stopped.wait_for(|stop| *stop) => {}
        }
    }

    /// Looks at what the event names whenever there is news, also while something is fetched: others
    /// are answered by it.
    async fn keep_looking(&self) {
        while self.look().await {
            let news = async {
                // A cloud has many events, and each hears its own news.
                if self.mode == Mode::Cloud {
                    return self.media.wait_for_news().await;
                }
                tokio::select! {
                    () = self.media.wait_for_news() => {}
                    () = self.net.side_news() => {}
                }
            };
            // A wait that is over is as good.
            timeout(IDLE, news).await.ok();
            // What comes together is looked at together.
            sleep(LOOK_REST).await;
        }
    }

    async fn rounds(&self) {
        let mut rounds = Rounds::default();
        let mut grew = self.media.grew();
        let mut looks = self.media.looks();
        loop {
            grew.borrow_and_update();
            looks.borrow_and_update();
            self.meet(&mut rounds);
            self.tell(&mut rounds).await;
            let missing = self.missing();
            self.ask(&mut rounds, &missing).await;
            if let Some((peer, want)) = self.next(&mut rounds, &missing) {
                let outcome = self.fetch(&peer, want).await;
                self.settle(&mut rounds, &peer, want, outcome);
                continue;
            }
            let woken = async {
                tokio::select! {
                    _ = looks.changed() => {}
                    _ = grew.changed() => {}
                }
            };
            let now_ms = self.net.uptime_ms();
            let due_ms = rounds.due_ms(now_ms).saturating_sub(now_ms);
            timeout(IDLE.min(Duration::from_millis(due_ms)), woken)
                .await
                .ok();
        }
    }

    /// Looks at what the event names; `false` once the loop has ended. While the store is shut it goes
    /// by what it saw before.
    async fn look(&self) -> bool {
        let mode = self.mode;
        let look = self.driver.query(move |replica, now| EventLook {
            greed: Greed::of(mode, replica, now),
            named: named(replica),
            circle: replica.member_peers(),
        });
        match look.await {
            Ok(seen) => self.media.learn(seen),
            Err(Unanswered::Shut(_)) => {}
            Err(Unanswered::Stopped(_)) => return false,
        }
        true
    }

    /// Takes note of who is connected, and of what they told.
    fn meet(&self, rounds: &mut Rounds) {
        let mut peers = self.net.side_peers();
        {
            let tidings = self.media.tidings();
            peers.retain(|it| tidings.circle.contains_key(&it.peer));
            for it in &mut peers {
                it.uplink &= tidings.circle.get(&it.peer) == Some(&true);
            }
        }
        rounds
            .known
            .retain(|id, _| peers.iter().any(|it| it.peer == *id));
        for peer in peers {
            let known = rounds.known.entry(peer.peer).or_insert(Known {
                peer,
                has: BTreeSet::new(),
                asked: Vec::new(),
                due_ms: 0,
                wait_ms: ASK_MS.0,
                rest_until_ms: 0,
                rest_ms: PEER_REST_MS.0,
                turns: 0,
            });
            known.peer = peer;
        }
        let told = std::mem::take(&mut self.media.tidings().told);
        for (peer, blobs) in told {
            if let Some(known) = rounds.known.get_mut(&peer) {
                known.has.extend(blobs);
            }
        }
    }

    /// Tells all members which named blobs became whole here.
    async fn tell(&self, rounds: &mut Rounds) {
        let whole: BTreeMap<BlobHash, u64> = self.media.whole().into_iter().collect();
        let fresh: Vec<Sized> = {
            let tidings = self.media.tidings();
            let named = tidings.named.iter().map(|it| (it.hash, it.len));
            named
                .filter(|(hash, len)| whole.get(hash) == Some(len) && !rounds.told.contains(hash))
                .collect()
        };
        rounds.told.retain(|hash| whole.contains_key(hash));
        if fresh.is_empty() {
            return;
        }
        rounds.told.extend(fresh.iter().map(|(hash, _)| *hash));
        let mut tells = JoinSet::new();
        for peer in rounds.known.keys().copied() {
            for blobs in fresh.chunks(ASKED_MAX) {
                let (net, question) = (self.net.clone(), Question::Tell(blobs.to_vec()));
                tells.spawn(async move { put(&net, peer, &question).await.map(drop) });
            }
        }
        // Who does not hear it asks by itself.
        timeout(ANSWER_TIME, tells.join_all()).await.ok();
    }

    /// Returns what is wanted, not whole, and fits: pictures first, and what is small before what is
    /// large.
    fn missing(&self) -> Vec<Want> {
        let wanted: Vec<Want> = {
            let tidings = self.media.tidings();
            let named = tidings.named.iter();
            let wanted = named
                .filter(|it| tidings.greed.wants(it) || tidings.pinned.contains(&it.hash))
                .map(|it| Want {
                    blob: (it.hash, it.len),
                    picture: it.is_picture(),
                });
            wanted.collect()
        };
        let mut missing: Vec<Want> = wanted
            .into_iter()
            .filter(|it| self.is_missing(it.blob))
            .collect();
        missing.sort_by_key(|it| (!it.picture, it.blob.1, it.blob.0));
        missing.dedup_by_key(|it| it.blob);
        missing
    }

    fn is_missing(&self, (hash, len): Sized) -> bool {
        let more = match self.media.presence(hash) {
            Presence::Whole { .. } => return false,
            Presence::Absent => len,
            Presence::Pending { here, .. } => len.saturating_sub(here),
        };
        self.media.has_room(more, Whose::Others).is_ok()
    }

    /// Asks those whose time it is what they have.
    async fn ask(&self, rounds: &mut Rounds, missing: &[Want]) {
        let now_ms = self.net.uptime_ms();
        let wanted: Vec<Sized> = missing.iter().map(|it| it.blob).collect();
        let carried = self.not_known_in_cloud();
        let mut asks = JoinSet::new();
        for (id, known) in &mut rounds.known {
            let mut blobs = wanted.clone();
            blobs.retain(|it| !known.has.contains(it));
            if known.peer.uplink {
                blobs.extend(carried.iter().copied());
            }
            let fresh = blobs.iter().any(|it| !known.asked.contains(it));
            if blobs.is_empty() || (now_ms < known.due_ms && !fresh) {
                continue;
            }
            if fresh {
                known.wait_ms = ASK_MS.0;
            }
            known.due_ms = now_ms.saturating_add(known.wait_ms);
            known.wait_ms = known.wait_ms.saturating_mul(2).min(ASK_MS.1);
            known.asked.clone_from(&blobs);
            let (net, id) = (self.net.clone(), *id);
            asks.spawn(async move { (id, which(&net, id, &blobs).await) });
        }
        for (id, has) in asks.join_all().await {
            if let Some(known) = rounds.known.get_mut(&id) {
                if known.peer.uplink {
                    let hashes = has.iter().map(|(hash, _)| *hash);
                    self.media.tidings().in_cloud.extend(hashes);
                }
                known.has.extend(has);
            }
        }
    }

    /// Returns named blobs that are whole here, and of which the cloud did not say that it has them.
    fn not_known_in_cloud(&self) -> Vec<Sized> {
        let whole = self.media.whole();
        let tidings = self.media.tidings();
        whole
            .into_iter()
            .filter(|(hash, len)| {
                tidings.names(*hash, *len).is_some() && !tidings.in_cloud.contains(hash)
            })
            .collect()
    }

    /// Chooses what is fetched next, and from whom: whoever had the fewest turns, and the cloud last.
    fn next(&self, rounds: &mut Rounds, missing: &[Want]) -> Option<(SidePeer, Want)> {
        let now_ms = self.net.uptime_ms();
        if now_ms < rounds.rest_until_ms {
            return None;
        }
        for want in missing {
            let givers = rounds.known.values_mut().filter(|it| {
                let costs = it.peer.uplink && self.metered.is_metered(it.peer.mobile);
                let rests = now_ms < it.rest_until_ms;
                it.has.contains(&want.blob) && !rests && (want.picture || !costs)
            });
            if let Some(giver) = givers.min_by_key(|it| (it.peer.uplink, it.turns)) {
                giver.turns = giver.turns.saturating_add(1);
                return Some((giver.peer, *want));
            }
        }
        None
    }

    /// Draws the conclusions of one question for groups.
    fn settle(&self, rounds: &mut Rounds, peer: &SidePeer, want: Want, outcome: Outcome) {
        let now_ms = self.net.uptime_ms();
        let Some(known) = rounds.known.get_mut(&peer.peer) else {
            return;
        };
        match outcome {
            Outcome::Whole => {
                known.rest_ms = PEER_REST_MS.0;
                tracing::info!(hash = %want.blob.0, "a media file is here");
            }
            Outcome::Some => known.rest_ms = PEER_REST_MS.0,
            Outcome::NotHere => {
                known.has.remove(&want.blob);
            }
            Outcome::NotNow | Outcome::Broken => {
                known.rest_until_ms = now_ms.saturating_add(known.rest_ms);
                known.rest_ms = known.rest_ms.saturating_mul(2).min(PEER_REST_MS.1);
            }
            Outcome::Rude(what) => {
                known.has.clear();
                self.net.side_broken(peer.peer, &what);
            }
            Outcome::Unable(error) => {
                tracing::warn!(%error, "media are not fetched for a while");
                rounds.rest_until_ms = now_ms.saturating_add(DISK_REST_MS);
            }
        }
    }

    /// Fetches groups of a blob from a peer; what came is on the disk afterwards.
    async fn fetch(&self, peer: &SidePeer, want: Want) -> Outcome {
        let (hash, len) = want.blob;
        let held = match self.part(want, None).await {
            Ok(held) => held,
            Err(error) => return Outcome::Unable(error),
        };
        let missing = held.as_ref().and_then(Parting::missing);
        let (from, count) = match (&held, missing) {
            (Some(_), Some(missing)) => missing,
            (Some(_), None) => (0, 0),
            (None, _) => (0, groups_of(len)),
        };
        let give = Give {
            hash,
            len,
            from,
            count: count.min(GROUPS_MAX),
            list: held.is_none(),
        };
        if give.count == 0 {
            return self.keep(held, Outcome::Some).await;
        }
        let asked = async {
            let mut side = put(&self.net, peer.peer, &Question::Give(give)).await?;
            let answer = side.reader.read_u8().await.ok()?;
            Some((side, answer))
        };
        let mut side = match timeout(ANSWER_TIME, asked).await {
            Ok(Some((side, HERE))) => side,
            Ok(Some((_, NOT_HERE))) => return Outcome::NotHere,
            Ok(Some((_, NOT_NOW))) => return Outcome::NotNow,
            Ok(Some((_, _))) => return Outcome::Rude("an answer that is none".to_owned()),
            Ok(None) | Err(_) => return Outcome::Broken,
        };
        let begun = match held {
            Some(held) => Ok(held),
            None => self.begin(want, &mut side).await,
        };
        let mut held = match begun {
            Ok(held) => held,
            Err(outcome) => return outcome,
        };
        let end_ms = self.net.uptime_ms().saturating_add(SLICE_MS);
        for group in give.from..give.from.saturating_add(give.count) {
            held = match self.group(held, (len, group), &mut side).await {
                (Some(held), None) => held,
                (held, outcome) => {
                    return self.keep(held, outcome.unwrap_or(Outcome::Broken)).await;
                }
            };
            if end_ms < self.net.uptime_ms() {
                break;
            }
        }
        self.keep(Some(held), Outcome::Some).await
    }

    /// Reads the list of a blob's groups and begins it.
    async fn begin(&self, want: Want, side: &mut Side) -> Result<Parting, Outcome> {
        let (hash, len) = want.blob;
        let groups = usize::try_from(groups_of(len)).unwrap_or_default();
        let mut list = vec![0; groups.saturating_mul(HASH_BYTES)];
        for piece in list.chunks_mut(16 * 1024) {
            let read = timeout(GROUP_TIME, side.reader.read_exact(piece)).await;
            if !matches!(read, Ok(Ok(_))) {
                return Err(Outcome::Broken);
            }
        }
        let parsed = spawn_blocking(move || Tree::parse(hash, len, &list)).await;
        let Ok(tree) = parsed else {
            return Err(Outcome::Broken);
        };
        let Some(tree) = tree else {
            let text = format!("a list of groups that is not that of {hash}");
            return Err(Outcome::Rude(text));
        };
        match self.part(want, Some(tree)).await {
            Ok(Some(held)) => Ok(held),
            Ok(None) => Err(Outcome::Broken),
            Err(error) => Err(Outcome::Unable(error)),
        }
    }

    /// Reads one group and keeps it.
    async fn group(
        &self,
        mut held: Parting,
        (len, group): (u64, u32),
        side: &mut Side,
    ) -> (Option<Parting>, Option<Outcome>) {
        while self.net.frames_wait() {
            sleep(REST).await;
        }
        let mut bytes = vec![0; span(len, group).1];
        let read = timeout(GROUP_TIME, side.reader.read_exact(&mut bytes)).await;
        if !matches!(read, Ok(Ok(_))) {
            return (Some(held), Some(Outcome::Broken));
        }
        {
            let mut tidings = self.media.tidings();
            let came = u64::try_from(bytes.len()).unwrap_or_default();
            tidings.fetched = tidings.fetched.saturating_add(came);
        }
        let taken = spawn_blocking(move || {
            let taken = held.take(group, &bytes);
            held.note();
            (held, taken)
        });
        match taken.await {
            Ok((held, Ok(()))) => (Some(held), None),
            Ok((held, Err(NotTaken::Wrong))) => {
                let text = "a group of media that is not what its hash says".to_owned();
                (Some(held), Some(Outcome::Rude(text)))
            }
            Ok((held, Err(NotTaken::Disk(error)))) => {
                (Some(held), Some(Outcome::Unable(error.into())))
            }
            Err(_) => (None, Some(Outcome::Broken)),
        }
    }

    /// Brings what came to the disk, and gives the blob its name if it is whole.
    async fn keep(&self, held: Option<Parting>, outcome: Outcome) -> Outcome {
        let Some(held) = held else {
            return outcome;
        };
        match spawn_blocking(move || held.finish()).await {
            Ok(Ok(true)) => Outcome::Whole,
            Ok(Ok(false)) => outcome,
            Ok(Err(error)) => Outcome::Unable(error.into()),
            Err(_) => Outcome::Broken,
        }
    }

    /// Opens what is here of a blob, on a thread that may wait.
    async fn part(&self, want: Want, tree: Option<Tree>) -> Result<Option<Parting>, MediaError> {
        let (media, (hash, len)) = (self.media.clone(), want.blob);
        let opened = spawn_blocking(move || media.part(hash, len, tree)).await;
        opened.unwrap_or(Ok(None))
    }
}

impl Rounds {
    /// Returns when something is due that nobody announces.
    fn due_ms(&self, now_ms: u64) -> u64 {
        let asks = self.known.values().map(|it| it.due_ms);
        let rests = self.known.values().map(|it| it.rest_until_ms);
        let all = asks.chain(rests).chain([self.rest_until_ms]);
        all.filter(|at| now_ms < *at).min().unwrap_or(u64::MAX)
    }
}

/// Says something on a stream of its own; the answer can be read from it.
async fn put(net: &Net, peer: PeerId, question: &Question) -> Option<Side> {
    let mut side = net.open_side(peer).await?;
    side.writer.write_all(&question.bytes()).await.ok()?;
    side.writer.shutdown().await.ok()?;
    Some(side)
}

/// Asks which of these a peer has.
async fn which(net: &Net, peer: PeerId, blobs: &[Sized]) -> Vec<Sized> {
    let mut has = Vec::new();
    for blobs in blobs.chunks(ASKED_MAX) {
        let asked = async {
            let mut side = put(net, peer, &Question::Ask(blobs.to_vec())).await?;
            let mut answer = vec![0; blobs.len()];
            side.reader.read_exact(&mut answer).await.ok()?;
            Some(answer)
        };
        let Ok(Some(answer)) = timeout(ANSWER_TIME, asked).await else {
            break;
        };
        let here = blobs.iter().zip(answer).filter(|(_, it)| *it == HERE);
        has.extend(here.map(|(blob, _)| *blob));
    }
    has
}
