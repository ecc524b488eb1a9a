use tallyline_proto::model::{GrantId, Hash, Incarnation, LogName};
use tallyline_proto::replica::{Disk as _, Write};

use super::Ending::{Kill, PowerCut};
use super::*;

const KIB: u64 = 1024;

fn read(handle: &Handle, offset: u64, length: usize) -> Vec<u8> {
    let mut out = vec![0; length];
    handle.read(offset, &mut out).expect("reads");
    out
}

/// Writes 64 sectors of one value each, from the value 1 on.
fn write_sectors(handle: &Handle) {
    handle.set_len(32 * KIB).expect("grows");
    let bytes: Vec<u8> = (1..=64).flat_map(|value| [value; 512]).collect();
    handle.write(0, &bytes).expect("writes");
}

fn entries(first: u64, count: u64) -> Write {
    Write::Entries {
        log: LogName {
            grant: GrantId(Hash([7; 32])),
            incarnation: Incarnation(1),
        },
        first,
        entries: (first..first + count)
            .map(|seq| seq.to_le_bytes().repeat(10))
            .collect(),
    }
}

fn height(platter: &Platter) -> usize {
    let store = open_store(platter, 1).expect("opens");
    let stored = store.load().expect("loads");
    stored.logs.first().map_or(0, |log| log.entries.len())
}

#[test]
fn an_honest_sync_loses_nothing() {
    for seed in 0..50 {
        let platter = Platter::new(seed);
        let handle = platter.attach().expect("runs");
        write_sectors(&handle);
        handle.sync_data().expect("syncs");
        let image = platter.image();
        platter.power_cut();
        assert_eq!(platter.image(), image, "seed {seed}");
    }
}

#[test]
fn a_kill_keeps_what_was_written_and_ends_the_handle_for_ever() {
    let platter = Platter::new(1);
    let handle = platter.attach().expect("runs");
    write_sectors(&handle);
    let image = platter.image();
    platter.kill();
    handle.write(0, &[9]).expect_err("the process is gone");
    platter
        .attach()
        .expect_err("nobody runs before the device starts again");
    platter.revive();
    handle
        .write(0, &[9])
        .expect_err("an earlier process writes again");
    let mut out = [0; 1];
    handle
        .read(0, &mut out)
        .expect_err("an earlier process reads");
    assert_eq!(platter.image(), image);
    let next = platter.attach().expect("runs");
    assert_eq!(read(&next, 512, 1), [2]);
    assert_eq!(platter.counters().kills, 1);
}

#[test]
fn a_power_cut_tears_at_sectors_and_takes_back_only_what_was_not_synced() {
    let (mut kept, mut lost, mut shorter) = (0, 0, 0);
    for seed in 0..40 {
        let platter = Platter::new(seed);
        let handle = platter.attach().expect("runs");
        handle.set_len(32 * KIB).expect("grows");
        handle.write(0, &vec![0xaa; 32 * 1024]).expect("writes");
        handle.sync_data().expect("syncs");
        write_sectors(&handle);
        handle.set_len(64 * KIB).expect("grows");
        platter.power_cut();
        let image = platter.image();
        shorter += u64::from(image.len() == 32 * 1024);
        for (value, sector) in (1..=64).zip(image.chunks(512)) {
            assert!(
                sector.iter().all(|byte| *byte == value) || sector.iter().all(|byte| *byte == 0xaa),
                "seed {seed}: a sector is torn inside"
            );
            if sector[0] == value {
                kept += 1;
            } else {
                lost += 1;
            }
        }
    }
    // 2,560 sectors, 40 lengths: far from all and nothing.
    assert!(1000 < kept && 1000 < lost, "{kept} kept, {lost} lost");
    assert!(5 < shorter && shorter < 35, "{shorter} of 40 lengths lost");
}

/// Of several writes to one sector any may be the last that arrives, or none.
#[test]
fn unsynced_writes_arrive_in_any_order() {
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..200 {
        let platter = Platter::new(seed);
        let handle = platter.attach().expect("runs");
        handle.set_len(512).expect("grows");
        handle.sync_data().expect("syncs");
        for value in 1..=3 {
            handle.write(0, &[value; 512]).expect("writes");
        }
        platter.power_cut();
        seen.insert(platter.image()[0]);
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3]);
}

#[test]
fn a_seed_fixes_what_survives() {
    let run = |seed| {
        let platter = Platter::new(seed);
        platter.lying_sync(300);
        platter.slow(10..=30_000);
        let mut store = open_store(&platter, 1).expect("opens");
        for first in [1, 4, 7, 10] {
            store.commit(&[entries(first, 3)]).expect("commits");
        }
        platter.power_cut();
        drop(store);
        let struck = (platter.flip_bit(), platter.misdirect());
        (platter.image(), struck, platter.take_delay_ms())
    };
    assert!(run(3) == run(3), "two runs of one seed differ");
    assert!(run(3) != run(4), "the seed means nothing");
}

#[test]
fn a_lying_sync_loses_what_it_lied_about_and_only_at_a_power_cut() {
    let platter = Platter::new(1);
    let handle = platter.attach().expect("runs");
    handle.set_len(32 * KIB).expect("grows");
    handle.sync_data().expect("syncs");
    let before = platter.image();
    platter.lying_sync(1000);
    write_sectors(&handle);
    handle.sync_data().expect("says Ok");
    assert_eq!(platter.counters().lies, 1);
    let written = platter.image();
    platter.kill();
    assert!(platter.image() == written, "a kill loses nothing");
    platter.revive();
    platter.power_cut();
    let image = platter.image();
    assert!(image != written && image != before, "nothing was torn");

    // An honest sync makes up for the lies before it.
    platter.revive();
    let handle = platter.attach().expect("runs");
    write_sectors(&handle);
    handle.sync_data().expect("says Ok");
    platter.lying_sync(0);
    handle.sync_data().expect("syncs");
    platter.power_cut();
    assert!(platter.image() == written, "an honest sync lost something");
}

#[test]
fn a_crash_strikes_before_or_after_its_operation() {
    let run = |crash| {
        let platter = Platter::new(1);
        let handle = platter.attach().expect("runs");
        handle.set_len(512).expect("grows");
        platter.crash_at(crash);
        let outcome = [
            handle.write(0, &[1; 512]).is_ok(),
            handle.sync_data().is_ok(),
            handle.write(0, &[2; 512]).is_ok(),
        ];
        assert!(platter.is_gone(), "{crash:?} did not strike");
        (outcome, platter.image().first().copied())
    };
    assert_eq!(run(Crash::Before(1, Kill)), ([false; 3], Some(0)));
    assert_eq!(run(Crash::After(1, Kill)), ([false; 3], Some(1)));
    assert_eq!(
        run(Crash::Before(3, PowerCut)),
        ([true, true, false], Some(1))
    );
    assert_eq!(
        run(Crash::After(2, PowerCut)),
        ([true, false, false], Some(1))
    );
    assert_eq!(run(Crash::After(3, Kill)), ([true, true, false], Some(2)));
}

#[test]
fn a_full_disk_refuses_until_it_has_room() {
    let platter = Platter::new(1);
    let handle = platter.attach().expect("runs");
    handle.set_len(KIB).expect("grows");
    platter.capacity(512);
    let full =
        |result: io::Result<()>| result.is_err_and(|it| it.kind() == io::ErrorKind::StorageFull);
    assert!(full(handle.set_len(2 * KIB)), "grew");
    assert!(full(handle.write(512, &[1])), "wrote where no room is");
    handle.write(0, &[1; 512]).expect("there is room");
    assert_eq!(platter.counters().refused_full, 2);
    platter.capacity(u64::MAX);
    handle.set_len(2 * KIB).expect("there is room");
}

#[test]
fn failures_strike_once_and_death_is_for_ever() {
    let platter = Platter::new(1);
    let handle = platter.attach().expect("runs");
    handle.set_len(KIB).expect("grows");
    platter.fail(2, io::ErrorKind::TimedOut);
    handle.write(0, &[1]).expect("the first one works");
    let error = handle.write(0, &[2]).expect_err("the second one fails");
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert_eq!(read(&handle, 0, 1), [1], "a failure has no effect");
    platter.fail_read(1, io::ErrorKind::Other);
    handle.read(0, &mut [0]).expect_err("reading fails");
    assert_eq!(read(&handle, 0, 1), [1]);
    platter.fail(9, io::ErrorKind::Other);
    assert!(platter.disarm() && !platter.disarm(), "taken back once");
    platter.die();
    handle.read(0, &mut [0]).expect_err("dead");
    platter.kill();
    platter.revive();
    let handle = platter.attach().expect("the device runs");
    handle.len().expect_err("its disk does not");
}

#[test]
fn slow_syncs_are_counted_and_not_waited_for() {
    let platter = Platter::new(1);
    let handle = platter.attach().expect("runs");
    platter.slow(10..=20);
    for _ in 0..10 {
        handle.sync_data().expect("syncs");
    }
    let delay_ms = platter.take_delay_ms();
    assert!((100..=200).contains(&delay_ms), "{delay_ms}");
    assert_eq!(platter.take_delay_ms(), 0);
}

#[test]
fn decay_changes_one_bit_and_a_misdirected_write_one_block() {
    let platter = Platter::from_image(1, (0..=255).flat_map(|value| [value; 256]).collect());
    let before = platter.image();
    let place = platter.flip_bit().expect("has bytes");
    let flipped = platter.image();
    let changed: Vec<usize> = (0..before.len())
        .filter(|at| before[*at] != flipped[*at])
        .collect();
    assert_eq!(changed, [usize::try_from(place).expect("fits")]);
    assert_eq!((before[changed[0]] ^ flipped[changed[0]]).count_ones(), 1);

    let (from, to) = platter.misdirect().expect("has blocks");
    assert_ne!(from, to);
    let image = platter.image();
    let block = |bytes: &[u8], at: u64| {
        let start = usize::try_from(at).expect("fits");
        bytes[start..start + 4096].to_vec()
    };
    assert!(block(&image, to) == block(&flipped, from), "not there");
    assert_eq!(Platter::new(1).flip_bit(), None);
    assert_eq!(Platter::new(1).misdirect(), None);
}

/// [`COMMIT_SYNCS`] is what a commit of the real store does.
#[test]
fn a_commit_is_two_syncs_and_a_misreported_one_is_on_disk() {
    let platter = Platter::new(1);
    let mut store = open_store(&platter, 1).expect("opens");
    store.commit(&[entries(1, 3)]).expect("commits");
    let before = platter.counters();
    store.commit(&[entries(4, 3)]).expect("commits");
    assert_eq!(platter.counters().syncs - before.syncs, COMMIT_SYNCS);

    platter.misreport_next_commit();
    store
        .commit(&[entries(7, 3)])
        .expect_err("reports an error");
    platter.power_cut();
    drop(store);
    platter.revive();
    assert_eq!(height(&platter), 9, "not on disk");
}

#[test]
fn a_killed_store_writes_nothing_more_and_opens_again() {
    let platter = Platter::new(1);
    let mut store = open_store(&platter, 5).expect("opens");
    store.commit(&[entries(1, 3)]).expect("commits");
    let image = platter.image();
    kill_store(store, &platter);
    assert!(platter.image() == image, "closing wrote");
    open_store(&platter, 6).expect_err("nobody started it");
    platter.revive();
    let store = open_store(&platter, 6).expect("opens");
    assert_eq!(store.id(), 5, "the same store");
    drop(store);
    assert_eq!(height(&platter), 3);

    // A clone of the card is a store of its own with the same content.
    let clone = Platter::from_image(2, platter.image());
    assert_eq!(height(&clone), 3);
    platter.replace(image);
    platter.revive();
    assert_eq!(height(&platter), 3);
}
