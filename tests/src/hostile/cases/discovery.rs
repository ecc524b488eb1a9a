//! Input 44: records of mDNS that lie, break rules, or come by the thousand.

use std::fs;
use std::net::UdpSocket;
use std::time::Duration;

use tallyline_keys::DeviceKey;
use tallyline_proto::wire::Frame;
use tallyline_simulator::Random;

use crate::hostile::Outcome;
use crate::hostile::multicast::{self, Forgery};
use crate::hostile::namespace::{ATTACKER, MDNS, Namespace};
use crate::hostile::peer::{End, Peer};
use crate::hostile::venue::Venue;
use crate::hostile::wait::{DEADLINE, ensure, until};
use crate::process::Broken;

/// Forged devices in one flood.
const FORGERIES: u32 = 5_000;

/// Packets of a flood between two short rests, so that a socket's buffer does not lose most of it.
const AT_ONCE: u32 = 50;

/// Devices of the venue, each with an instance and a host name.
const NAMES: usize = 4;

/// Largest packet of mDNS.
const PACKET_BYTES_MAX: usize = 9_000;

/// Input 44.
pub fn forged_records() -> Result<Outcome, Broken> {
    let namespace = match Namespace::create() {
        Ok(namespace) => namespace,
        Err(why) => return Ok(Outcome::Skipped(why)),
    };
    let mut venue = Venue::start_in(&namespace)?;
    let key = venue.owner.known()?.ledger.manifest().discovery_key;
    let mouth = namespace.mouth()?;
    let names = learn(&namespace, &mouth)?;

    let liar = DeviceKey::from_seed([0x44; 32]);
    let door = namespace.inside(|| Peer::listening_at(ATTACKER.into(), &liar))?;
    let port = door.address()?.port();
    for instance in names.iter().chain([&"f".repeat(16)]) {
        let forgery = Forgery {
            instance: instance.clone(),
            host: "e".repeat(16),
            address: ATTACKER,
            port,
            salt: 44,
        };
        say(&mouth, &forgery.packet(&key))?;
    }
    let link = door.accept()?;
    let leak = until("the node leaves the attacker", DEADLINE, || {
        let secret = link.look(|frame| {
            let harmless = matches!(frame, Frame::Present(_) | Frame::Refused(_));
            (!harmless).then(|| format!("{frame:?}"))
        });
        ensure(secret.is_none(), || {
            format!("a stranger was told {secret:?}")
        })?;
        Ok(link.ended().is_some())
    })?;
    let end = link.ended();
    ensure(matches!(end, Some(End::Code(8 | 9))), || format!("{end:?}"))?;

    say(&mouth, &multicast::cut_short())?;
    say(&mouth, &multicast::long_name())?;
    for name in &names {
        say(&mouth, &multicast::goodbye(name))?;
    }
    let dialled = flood(&mouth, &key, 1)?;
    ensure(venue.owner.links("tablet")? == 1, || {
        "the live link ended".to_owned()
    })?;
    let honest = venue.honest_exchange()?;
    let met = found_again(&mut venue, &namespace, &mouth, &key)?;
    venue.done(format!(
        "the attacker's address is dialled, told nothing and left after {:.1} s; {dialled} forgeries, a cut record, \
         a long name and goodbyes: the link stays ({} ms for a score), and a fresh device is found within {:.1} s",
        leak.as_secs_f64(), honest.as_millis(), met.as_secs_f64()
    ))
}

/// Restarts the tablet without any memory of where others are, in the middle of a flood, and waits
/// until it is found.
fn found_again(
    venue: &mut Venue,
    namespace: &Namespace,
    mouth: &UdpSocket,
    key: &[u8; 16],
) -> Result<Duration, Broken> {
    venue.restart_tablet_alone(&namespace.before(), |root| {
        fs::remove_file(root.join("peers.json")).map_err(Broken::of)
    })?;
    flood(mouth, key, 2)?;
    until("the tablet is found by mDNS", DEADLINE, || {
        Ok(venue.owner.links("tablet")? == 1 && venue.tablet.links("owner")? == 1)
    })
}

/// Learns the names that the devices announce.
fn learn(namespace: &Namespace, mouth: &UdpSocket) -> Result<Vec<String>, Broken> {
    let ear = namespace.ear()?;
    let mut names = Vec::new();
    let mut buffer = vec![0; PACKET_BYTES_MAX];
    until("the devices announce themselves", DEADLINE, || {
        say(mouth, &multicast::question())?;
        while let Ok((length, _)) = ear.recv_from(&mut buffer) {
            names.extend(multicast::labels(buffer.get(..length).unwrap_or_default()));
        }
        names.sort_unstable();
        names.dedup();
        Ok(NAMES <= names.len())
    })?;
    Ok(names)
}

/// Announces thousands of devices of the event, each somewhere else where nobody is.
fn flood(mouth: &UdpSocket, key: &[u8; 16], seed: u64) -> Result<u32, Broken> {
    let mut random = Random::new(seed);
    let mut sent = 0;
    for number in 1..=FORGERIES {
        let forgery = Forgery {
            instance: format!("{:016x}", random.next_u64()),
            host: format!("{:016x}", random.next_u64()),
            address: ATTACKER,
            port: u16::try_from(random.below(60_000)).unwrap_or_default() + 1_024,
            salt: random.next_u64(),
        };
        say(mouth, &forgery.packet(key))?;
        sent += 1;
        if number % AT_ONCE == 0 {
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }
    Ok(sent)
}

fn say(mouth: &UdpSocket, packet: &[u8]) -> Result<(), Broken> {
    mouth.send_to(packet, MDNS).map(drop).map_err(Broken::of)
}
