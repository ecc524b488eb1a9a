//! Temporary.
#![cfg(test)]
use tallyline_simulator::venue::{Event, Kind, Venue};
use tallyline_simulator::{Meeting, Weather, World, trace::Detail};
#[test]
fn dbg() {
    let mut w = World::with(3, Weather::STORM, Meeting::ByItself, Detail::Hash);
    let all: Vec<usize> = ["owner", "tablet-1", "tablet-2"].iter().map(|l| Venue::add(&mut w, l, Kind::Tablet)).collect();
    w.found(0, Event { drills: 2, shooters: 6, squad_size: 3 });
    w.join(0, 1);
    w.join(0, 2);
    for k in 0..40 {
        let now = w.now_ms();
        println!("{now} {:?} link02 {:?} link12 {:?} ref {:?}", all.iter().map(|&n| w.devices[n].replica.logs().len()).collect::<Vec<_>>(), w.peer_id(0, 2), w.peer_id(1, 2), all.iter().map(|&n| w.devices[n].refusals.len()).collect::<Vec<_>>());
        if k == 39 { for n in &all { println!("{n}: {:?}", w.devices[*n].refusals); println!("{:?}", w.devices[*n].replica); } }
        w.run_for(if k < 30 { 1000 } else { 10_000 });
    }
}
