//! One signature for a batch: a log of 200 entries against 200 signatures.
//!
//! Source: docs/BENCHMARKS.md, at least 50 times cheaper. Layer: benches.

use criterion::Criterion;
use tallyline_keys::Signature;
use tallyline_proto::log::{Chain, Ledger, Log, Taken, sign_head, verify_head};
use tallyline_proto::model::{Body, EventId, Incarnation, LogName};

use crate::figures::{measure, ratio, verdict};
use crate::wasa::Wasa;

/// Entries of the log, as the target has them.
const ENTRIES: usize = 200;

/// How much cheaper one signature for all of them must be.
const TARGET: f64 = 50.0;

/// A device's log of real scores, with a signature at every height.
struct Scores {
    event: EventId,
    name: LogName,
    entries: Vec<Vec<u8>>,
    heads: Vec<(u64, Chain, Signature)>,
}

pub(crate) fn bench(criterion: &mut Criterion, wasa: &Wasa) {
    let scores = Scores::of(wasa);
    let mut group = criterion.benchmark_group("verify");
    let signatures = measure(
        &mut group,
        "200 signatures",
        || (),
        |()| scores.check_signatures(wasa),
    );
    let log = measure(
        &mut group,
        "a log of 200 entries",
        || (),
        |()| scores.check_log(wasa),
    );
    let taken = measure(
        &mut group,
        "a log of 200 entries, decoded and indexed",
        || control_only(wasa),
        |ledger| scores.take(ledger),
    );
    group.finish();
    let (Some(signatures), Some(log), Some(taken)) = (signatures, log, taken) else {
        return;
    };
    // Load on the machine during one of the two would bend the ratio.
    let (signatures, log, taken) = (signatures.least, log.least, taken.least);
    let cheaper = ratio(signatures, log);
    println!(
        "verification of a log of 200 entries: {log:.2?}, of 200 signatures: {signatures:.2?}, \
         ratio {cheaper:.1} (at least 50: {})",
        verdict(TARGET <= cheaper)
    );
    println!(
        "taking the same log in, decoded and indexed: {taken:.2?}, {:.1} times cheaper than 200 \
         signatures alone",
        ratio(signatures, taken)
    );
}

impl Scores {
    fn of(wasa: &Wasa) -> Self {
        let key = wasa.key("D1");
        let admit = wasa
            .ledger
            .authority()
            .members()
            .get(&key.public())
            .expect("a member")
            .admit;
        let name = LogName {
            grant: admit,
            incarnation: Incarnation(1),
        };
        let event = wasa.ledger.event();
        let logs = wasa.ledger.logs().values();
        let entries: Vec<Vec<u8>> = logs
            .flat_map(Log::records)
            .filter(|(_, record)| matches!(record.entry.body, Body::Score(_)))
            .take(ENTRIES)
            .map(|(_, record)| record.bytes.clone())
            .collect();
        let mut chain = Chain::start(event, &name, &key.public());
        let mut heads = Vec::new();
        for (height, entry) in (1..).zip(&entries) {
            chain = chain.link(entry);
            heads.push((height, chain, sign_head(key, event, &name, (height, chain))));
        }
        Self {
            event,
            name,
            entries,
            heads,
        }
    }

    /// Checks a signature for each entry.
    fn check_signatures(&self, wasa: &Wasa) {
        let writer = wasa.key("D1").public();
        for (height, chain, signature) in &self.heads {
            let holds = verify_head(
                &writer,
                self.event,
                &self.name,
                (*height, *chain),
                signature,
            );
            assert!(holds, "the signature holds");
        }
    }

    /// Computes the chain again and checks one signature.
    fn check_log(&self, wasa: &Wasa) {
        let writer = wasa.key("D1").public();
        let start = Chain::start(self.event, &self.name, &writer);
        let chain = self
            .entries
            .iter()
            .fold(start, |chain, entry| chain.link(entry));
        let (height, _, signature) = self.heads.last().expect("200 of them");
        let holds = verify_head(&writer, self.event, &self.name, (*height, chain), signature);
        assert!(holds, "the signature holds");
    }

    /// Takes the log in as from a peer; returns the ledger, to be let go outside the clock.
    fn take(&self, mut ledger: Ledger) -> Ledger {
        let (_, _, signature) = self.heads.last().expect("200 of them");
        let taken = ledger.take(self.name, 1, &self.entries, signature);
        assert!(matches!(taken, Ok(Taken::Grown(_))), "{taken:?}");
        ledger
    }
}

/// Returns a ledger that knows the members and holds no score.
fn control_only(wasa: &Wasa) -> Ledger {
    let mut ledger = Ledger::new(wasa.ledger.event(), wasa.ledger.manifest().clone());
    for log in wasa
        .ledger
        .logs()
        .values()
        .filter(|log| wasa.is_control(log))
    {
        let entries = log
            .records()
            .map(|(_, record)| record.bytes.clone())
            .collect();
        let heads: Vec<(u64, [u8; 64])> = log
            .heads()
            .iter()
            .map(|(&height, it)| (height, *it.as_bytes()))
            .collect();
        ledger
            .restore(*log.name(), entries, &heads)
            .expect("it was here before");
    }
    ledger
}
