//! Entries, raw and drawn, and what the rules make of any set of them.

use tallyline_proto::{
    log::Ledger,
    model::{GrantId, Incarnation, LogName, ShooterNo},
    rules::{Scorebook, Standings},
    wire::{ENTRY_BYTES_MAX, decode_entry, encode_entry},
};

use super::{
    bytes::Bytes,
    said::{Known, other_entry},
    venue::{OTHER, OWNER, TABLET, public, venue},
};

/// Most entries of one run: what one shooter's slots need, many times over.
const ENTRIES_MAX: usize = 48;

/// Reads bytes as entries of the owner's and the tablets' logs. What is read is written and read
/// again; books and standings do not depend on the order of lines.
///
/// # Panics
/// If something does not hold.
pub fn run(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let mut ledger = ledger();
    let mut known = Known {
        grants: venue().grants.clone(),
        ends: ledger
            .logs()
            .values()
            .map(|it| (*it.name(), it.height(), it.chain().0))
            .collect(),
        ..Known::default()
    };
    for _ in 0..ENTRIES_MAX {
        if bytes.is_empty() {
            break;
        }
        let (log, who) = log(&mut bytes);
        let entry = if bytes.flag() {
            other_entry(&mut bytes, &known)
        } else {
            bytes.run().to_vec()
        };
        reads_back(&entry, &log);
        ledger.append(log, public(who), entry);
        known.ends.extend(
            ledger
                .logs()
                .get(&log)
                .map(|it| (log, it.height(), it.chain().0)),
        );
    }
    judge(&ledger);
}

/// Returns the logs of the event as they lie in the owner's store.
fn ledger() -> Ledger {
    let mut ledger = Ledger::new(venue().event, venue().manifest.clone());
    let control = GrantId::control(venue().event);
    let mut logs = venue().owner.stored().logs;
    logs.sort_by_key(|log| log.name.grant != control);
    for log in logs {
        let writer = if log.name.grant == control {
            OWNER
        } else {
            TABLET
        };
        for entry in log.entries {
            ledger.append(log.name, public(writer), entry);
        }
    }
    ledger
}

/// Draws a log: the owner's, or one under a tablet's grant.
fn log(bytes: &mut Bytes<'_>) -> (LogName, u8) {
    let (grant, who) = match bytes.below(4) {
        0 => (GrantId::control(venue().event), OWNER),
        1 => venue()
            .grants
            .last()
            .copied()
            .unwrap_or((GrantId::control(venue().event), OTHER)),
        _ => venue()
            .grants
            .first()
            .copied()
            .unwrap_or((GrantId::control(venue().event), OWNER)),
    };
    let incarnation = Incarnation(50 + u64::from(bytes.byte() % 3));
    (LogName { grant, incarnation }, who)
}

fn reads_back(bytes: &[u8], log: &LogName) {
    let Ok(entry) = decode_entry(bytes, log) else {
        return;
    };
    let again = encode_entry(&entry, None);
    // What named a void's target by its place names it by its id then, and is longer.
    if bytes.len() <= ENTRY_BYTES_MAX && again.len() <= ENTRY_BYTES_MAX {
        assert_eq!(decode_entry(&again, log), Ok(entry), "an entry reads back");
    }
}

/// Computes what counts, forwards, backwards and for each shooter alone.
fn judge(ledger: &Ledger) {
    let roster = ledger.authority().roster();
    let mut lines: Vec<_> = ledger.lines().collect();
    let book = Scorebook::compute(roster, ledger, &lines);
    lines.reverse();
    let again = Scorebook::compute(roster, ledger, &lines);
    assert!(
        book == again,
        "the order of lines decides nothing: {book:?} {again:?}"
    );
    let standings = Standings::compute(roster, &book);
    let text =
        standings.stages_csv(roster).to_string() + &standings.overall_csv(roster).to_string();
    assert!(text.starts_with("stage,"), "tables have a header");
    for shooter in (1..=6).map(ShooterNo) {
        let alone = Scorebook::compute(roster, ledger, &ledger.lines_about(shooter));
        for drill in &roster.structure().drills {
            let slot = (book.slot(drill.no, shooter), alone.slot(drill.no, shooter));
            assert_eq!(slot.0, slot.1, "drill {} of shooter {shooter}", drill.no);
        }
        assert_eq!(
            book.out(shooter),
            alone.out(shooter),
            "shooter {shooter} alone"
        );
    }
}
