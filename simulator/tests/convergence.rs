//! Replicas in memory under loss, cuts and kills: everybody ends with the same logs.
#![cfg(test)]

use tallyline_proto::{
    model::{Agreed, CloseReason, GrantId, Open},
    replica::{Command, EntryFilter, Founding, Reply},
    rules::{Standings, Verdict},
};
use tallyline_simulator::{
    DeviceNo, Weather, World, cells, score, small_founding, small_structure,
};

/// An event of 4 drills and 24 shooters in squads of 6.
fn founding(world: &mut World) -> Founding {
    small_founding(world.random(), small_structure(4, 24, 6))
}

fn record(drill: u32, shooter: u32, time_centis: u32) -> Command {
    Command::Record {
        body: score(drill, shooter, time_centis, 3),
        replaces: None,
        confirmed: true,
        revision: None,
        wall_ms: None,
        agreed: Agreed::BOTH,
    }
}

fn grant(world: &mut World, owner: DeviceNo, to: DeviceNo, squads: &[u32]) -> GrantId {
    let key = world.devices[to].key();
    let opens = vec![Open {
        key,
        cells: cells(&[], squads),
        until_ms: None,
    }];
    let command = Command::Assign {
        closing: vec![],
        reason: CloseReason::Handover,
        opens,
    };
    match world.command(owner, command) {
        Some(Reply::Assigned(grants)) => grants[0],
        other => panic!("the grant is opened: {other:?}"),
    }
}

/// An owner and four tablets, tablet n with a grant for squad n.
fn venue(world: &mut World) -> Vec<DeviceNo> {
    let founding = founding(world);
    let all = world.venue(founding, 4);
    let joined = |world: &mut World| {
        all.iter()
            .all(|&no| world.devices[no].replica.devices(now()).len() == 5)
    };
    world.run_until(120_000, joined).expect("everybody joins");
    for no in 1..=4 {
        grant(world, all[0], all[no], &[u32::try_from(no).expect("small")]);
    }
    let granted = |world: &mut World| {
        all.iter()
            .all(|&no| world.devices[no].replica.grants().len() == 4)
    };
    world
        .run_until(120_000, granted)
        .expect("everybody hears of the grants");
    all
}

fn now() -> tallyline_proto::replica::Now {
    tallyline_proto::replica::Now {
        mono_ms: 0,
        wall_ms: 0,
    }
}

fn standings_digest(world: &mut World, no: DeviceNo) -> [u8; 32] {
    let book = world.devices[no].replica.book().expect("an event");
    let roster = world.devices[no].replica.roster().expect("an event");
    Standings::compute(roster, &book).digest()
}

fn assert_same_everywhere(world: &mut World, all: &[DeviceNo], entries: usize) {
    let first = standings_digest(world, all[0]);
    for &no in all {
        assert_eq!(
            standings_digest(world, no),
            first,
            "device {no} shows the same standings"
        );
        let counted = world.devices[no]
            .replica
            .entries(&EntryFilter::default())
            .iter()
            .filter(|entry| entry.verdict == Verdict::Counted)
            .count();
        assert_eq!(counted, entries, "device {no} counts every entry once");
        assert!(
            world.devices[no].replica.verify().problems.is_empty(),
            "every signature holds"
        );
    }
}

#[test]
fn two_replicas_converge_over_a_calm_link() {
    let mut world = World::new(1, Weather::CALM);
    let all = venue(&mut world);
    let reply = world.command(all[1], record(1, 1, 1234));
    assert!(
        matches!(reply, Some(Reply::Saved(_))),
        "the score is saved: {reply:?}"
    );
    let took = world
        .run_until(10_000, |world| world.converged(&all))
        .expect("converged");
    assert!(
        took <= 100,
        "a live push takes one way, not a round: {took} ms"
    );
    assert_same_everywhere(&mut world, &all, 1);
}

/// S1-02: a bad link (30 % loss, 500 ms): all scores arrive, each once.
#[test]
fn s1_02_all_scores_arrive_each_once_over_a_bad_link() {
    for seed in 0..20 {
        let mut world = World::new(seed, Weather::STORM);
        let all = venue(&mut world);
        for drill in 1..=4 {
            for shooter in 1..=24_u32 {
                let tablet = all[usize::try_from((shooter - 1) / 6 + 1).expect("small")];
                let time = 1000 + shooter * 7 + drill;
                let reply = world.command(tablet, record(drill, shooter, time));
                assert!(matches!(reply, Some(Reply::Saved(_))), "saved: {reply:?}");
            }
            world.run_for(700);
        }
        world
            .run_until(300_000, |world| world.converged(&all))
            .expect("converged");
        assert_same_everywhere(&mut world, &all, 96);
    }
}

/// S0-04: each RO writes the own partition; after any cut and rejoin all nodes hold identical logs
/// and standings.
#[test]
fn s0_04_after_any_cut_kill_and_rejoin_all_hold_identical_logs_and_standings() {
    for seed in 100..130 {
        let weather = Weather {
            loss_permille: 50,
            ..Weather::STORM
        };
        let mut world = World::new(seed, weather);
        let all = venue(&mut world);
        for drill in 1..=4 {
            for shooter in 1..=24_u32 {
                let one = usize::try_from(world.random().below(5)).expect("small");
                let other = usize::try_from(world.random().below(5)).expect("small");
                match world.random().below(12) {
                    0 if one != other => world.cut(all[one], all[other]),
                    1 => world.kill(all[one]),
                    2 => world.heal(),
                    3 => world.devices[all[one]].clock_off_ms = -1_000_000_000_000,
                    4 => {
                        world.kill(all[one]);
                        world.heal();
                    }
                    _ => {}
                }
                let tablet = all[usize::try_from((shooter - 1) / 6 + 1).expect("small")];
                let reply = world.command(tablet, record(drill, shooter, 900 + shooter + drill));
                assert!(matches!(reply, Some(Reply::Saved(_))), "saved: {reply:?}");
                world.run_for(60);
            }
        }
        world.heal();
        world
            .run_until(300_000, |world| world.converged(&all))
            .expect("converged");
        assert_same_everywhere(&mut world, &all, 96);
    }
}

#[test]
fn a_failed_commit_saves_nothing_and_shows_nothing() {
    let mut world = World::new(7, Weather::CALM);
    let all = venue(&mut world);
    let before = world.devices[all[1]].replica.state_digest();
    world.devices[all[1]]
        .platter
        .fail(1, std::io::ErrorKind::Other);
    assert_eq!(
        world.command(all[1], record(1, 1, 1234)),
        None,
        "no reply leaves the device"
    );
    assert_eq!(
        world.devices[all[1]].replica.state_digest(),
        before,
        "nothing was kept"
    );
    let reply = world.command(all[1], record(1, 1, 1234));
    assert!(
        matches!(reply, Some(Reply::Saved(_))),
        "it is saved the second time: {reply:?}"
    );
    world.kill(all[1]);
    world.heal();
    world
        .run_until(60_000, |world| world.converged(&all))
        .expect("converged");
    assert_same_everywhere(&mut world, &all, 1);
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = || {
        let mut world = World::new(42, Weather::STORM);
        let all = venue(&mut world);
        for shooter in 1..=6 {
            world.command(all[1], record(2, shooter, 2000 + shooter));
            world.run_for(500);
        }
        world.run_for(20_000);
        (
            world.traffic(),
            world.now_ms(),
            world.devices[all[2]].replica.state_digest(),
        )
    };
    assert_eq!(run(), run(), "nothing but the seed decides");
}

/// Source: PROTOCOL R-CHECK-1 (E22).
#[test]
fn how_far_a_clock_is_off_is_seen_by_the_others() {
    let mut world = World::new(5, Weather::CALM);
    let all = venue(&mut world);
    let off_ms = [0, 7 * 60_000, -3 * 60_000, 0, 0];
    for (&no, off_ms) in all.iter().zip(off_ms) {
        world.devices[no].clock_off_ms = off_ms;
    }
    // Whatever changes is followed by a Hello, which tells the time.
    for round in 1..=2 {
        for no in 1..=4_u32 {
            let command = record(round, (no - 1) * 6 + 1, 1_000);
            let no = usize::try_from(no).expect("small");
            assert!(matches!(
                world.command(all[no], command),
                Some(Reply::Saved(_))
            ));
        }
        world.run_for(30_000);
    }
    let seen = world.devices[all[0]].replica.devices(now());
    let ahead = |no: usize| {
        let key = world.devices[all[no]].key();
        let view = seen.iter().find(|it| it.key == key);
        view.expect("a member").clock_ahead_ms
    };
    for (no, off_ms) in off_ms.into_iter().enumerate().skip(1) {
        let Some(ahead_ms) = ahead(no) else {
            panic!("device {no} told no time: {seen:?}");
        };
        // What it said was some seconds on the way.
        assert!((ahead_ms - off_ms).abs() < 10_000, "{no}: {ahead_ms}");
    }
}
