//! Durable receiving: live pushes of single entries into a real store on a real disk.
//!
//! Source: docs/BENCHMARKS.md, group commit at least 5 times the rate of one commit an entry.
//! Layer: benches.

use criterion::{Criterion, SamplingMode};
use tallyline::clock::Clock;
use tallyline::store::Store;
use tallyline_proto::log::sign_head;
use tallyline_proto::model::Incarnation;
use tallyline_proto::replica::{Identity, Input, PeerId, Replica};
use tallyline_proto::wire::{Frame, LogRef, Push, encode_frame};
use tempfile::TempDir;

use crate::figures::{measure, per_second, ratio, verdict};
use crate::wasa::Wasa;

/// Entries received, and the most that the driver takes into one step.
const ENTRIES: usize = 256;

/// How much faster group commit must be.
const TARGET: f64 = 5.0;

/// Where the entries come from.
const PEER: PeerId = PeerId(1);

/// A device with a real store that knows the event's members and holds no score.
struct Receiver {
    replica: Replica,
    store: Store,
    clock: Clock,
    // Goes last: the store lies in it.
    _dir: TempDir,
}

pub(crate) fn bench(criterion: &mut Criterion, wasa: &Wasa) {
    let live = live_pushes(wasa);
    let (chunks, chunk_entries) = chunks(wasa);
    let mut group = criterion.benchmark_group("receive");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    let single = measure(
        &mut group,
        "256 live pushes, one commit an entry",
        || Receiver::fresh(wasa),
        |receiver| receiver.receive(&live, 1),
    );
    let grouped = measure(
        &mut group,
        "256 live pushes, group commit",
        || Receiver::fresh(wasa),
        |receiver| receiver.receive(&live, ENTRIES),
    );
    let bulk = measure(
        &mut group,
        "the whole match in chunks, group commit",
        || Receiver::fresh(wasa),
        |receiver| receiver.receive(&chunks, ENTRIES),
    );
    group.finish();
    if let (Some(single), Some(grouped)) = (single, grouped) {
        let (single, grouped) = (single.median, grouped.median);
        let times = ratio(single, grouped);
        println!(
            "durable receiving, live pushes with a signature each: group commit: {:.0} entries/s, \
             one commit an entry: {:.0} entries/s, ratio {times:.1} (at least 5: {})",
            per_second(ENTRIES, grouped),
            per_second(ENTRIES, single),
            verdict(TARGET <= times)
        );
    }
    if let Some(bulk) = bulk {
        let bulk = bulk.median;
        println!(
            "durable receiving in bulk: {chunk_entries} entries in {} chunks, one commit: \
             {bulk:.2?}, {:.0} entries/s",
            chunks.len(),
            per_second(chunk_entries, bulk)
        );
    }
}

impl Receiver {
    fn fresh(wasa: &Wasa) -> Self {
        use tallyline_proto::replica::Disk as _;

        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let mut store = Store::open(&dir.path().join("node.redb")).expect("a fresh store");
        store
            .commit(&wasa.writes(|log| wasa.is_control(log)))
            .expect("there is room");
        let identity = Identity {
            key: tallyline_keys::DeviceKey::from_seed(*wasa.key("D2").seed()),
            store: store.id(),
            label: "D2".to_owned(),
            cloud: false,
            warrant: None,
        };
        let stored = store.load().expect("it was written");
        let replica = Replica::open(identity, stored, Incarnation(2)).expect("it holds");
        let mut receiver = Self {
            replica,
            store,
            clock: Clock::start(),
            _dir: dir,
        };
        let key = wasa.key("D1").public();
        receiver.step(vec![Input::PeerUp {
            peer: PEER,
            key,
            exporter: [0; 32],
        }]);
        receiver
    }

    /// Takes frames, at most `batch` in one step and one commit; returns itself, to be closed
    /// outside the clock.
    fn receive(mut self, frames: &[Vec<u8>], batch: usize) -> Self {
        for frames in frames.chunks(batch) {
            let frame = |bytes: &Vec<u8>| Input::Frame {
                peer: PEER,
                bytes: bytes.clone(),
            };
            self.step(frames.iter().map(frame).collect());
        }
        let refusals = self.replica.refusals();
        assert!(refusals.is_empty(), "{refusals:?}");
        self
    }

    fn step(&mut self, inputs: Vec<Input>) {
        let effects = self.replica.step(self.clock.now(), inputs);
        effects.persist(&mut self.store).expect("there is room");
    }
}

/// Returns scores of the match as live pushes: one entry and its own signature each; the first of
/// a log names it, the others use its tag.
fn live_pushes(wasa: &Wasa) -> Vec<Vec<u8>> {
    let event = wasa.ledger.event();
    let logs = wasa
        .ledger
        .logs()
        .values()
        .filter(|log| !wasa.is_control(log));
    let pushes = logs.flat_map(|log| {
        let key = wasa.keys.values().find(|key| key.public() == log.writer());
        let key = key.expect("one of the nine wrote it");
        log.records().map(move |(seq, record)| {
            let by = if seq == 1 {
                LogRef::Name(*log.name())
            } else {
                LogRef::Tag(log.tag())
            };
            encode_frame(&Frame::Push(Push {
                log: by,
                from: seq,
                entries: vec![record.bytes.clone()],
                signature: sign_head(key, event, log.name(), (seq, record.chain)),
            }))
        })
    });
    let pushes: Vec<Vec<u8>> = pushes.take(ENTRIES).collect();
    assert_eq!(pushes.len(), ENTRIES, "the match has thousands");
    pushes
}

/// Returns all scores of the match as a cold node gets them, and how many entries that are.
fn chunks(wasa: &Wasa) -> (Vec<Vec<u8>>, usize) {
    let mut frames = Vec::new();
    let mut count = 0;
    for log in wasa
        .ledger
        .logs()
        .values()
        .filter(|log| !wasa.is_control(log))
    {
        let mut from = 1;
        while let Some(chunk) = log.chunk(from) {
            count += chunk.entries.len();
            from += u64::try_from(chunk.entries.len()).expect("at most 256");
            frames.push(encode_frame(&Frame::Push(Push {
                log: LogRef::Name(*log.name()),
                from: chunk.from,
                entries: chunk.entries,
                signature: chunk.signature,
            })));
        }
    }
    (frames, count)
}
