//! Records of the local network, which anybody may send, and the table of places to dial.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use tallyline::net::{ADDRESS_REST_MS, ADDRESSES_MAX, CANDIDATES_MAX, Hearsay, Record};
use tallyline_keys::discovery_tag;

use super::bytes::Bytes;

/// The events that are looked for.
const SOUGHT: [[u8; 16]; 2] = [[1; 16], [2; 16]];

/// Most dials at once, as a node has it.
const ROOM: usize = 16;

/// The table, what it was asked for, and the time.
struct Scene {
    hearsay: Hearsay,
    now_ms: u64,
    dialled_ms: BTreeMap<SocketAddr, u64>,
}

/// Announces, takes back and dials as the bytes say. Only records with a right tag are believed,
/// the table stays within its bounds, and nobody is dialled too often.
///
/// # Panics
/// If something does not hold.
pub fn run(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let mut scene = Scene {
        hearsay: Hearsay::new(SOUGHT),
        now_ms: 0,
        dialled_ms: BTreeMap::new(),
    };
    while !bytes.is_empty() {
        match bytes.below(5) {
            0 => scene.hear(&record(&mut bytes)),
            1 => scene.flood(&mut bytes),
            2 => scene.hearsay.gone(&String::from_utf8_lossy(bytes.run())),
            3 => scene.dial(),
            _ => scene.wait(&mut bytes),
        }
        assert!(
            scene.hearsay.candidates() <= CANDIDATES_MAX,
            "the table is bounded"
        );
    }
}

impl Scene {
    fn hear(&mut self, record: &Record) {
        let believed = self.hearsay.hear(record, self.now_ms);
        let Some((name, addresses)) = believed else {
            return;
        };
        assert!(
            is_right(record),
            "a record without a right tag is believed: {record:?}"
        );
        assert!(!name.is_empty(), "a place has a name");
        assert!(addresses.len() <= ADDRESSES_MAX, "few addresses are kept");
        let known = |it: &SocketAddr| record.addresses.contains(&it.ip());
        assert!(
            addresses.iter().all(known),
            "only what was announced is dialled"
        );
        assert!(
            addresses.iter().all(|it| it.port() == record.port),
            "at its port"
        );
    }

    /// Announces many names at once.
    fn flood(&mut self, bytes: &mut Bytes<'_>) {
        let mut record = record(bytes);
        let name = record.name.clone();
        for place in 0..bytes.byte() {
            record.name = format!("{name}{place}");
            self.hear(&record);
        }
    }

    fn dial(&mut self) {
        let due = self.hearsay.due(self.now_ms, ROOM);
        assert!(due.len() <= ROOM, "no more dials than there is room for");
        let mut now: BTreeMap<SocketAddr, u64> = BTreeMap::new();
        for address in due.into_iter().flatten() {
            let before = self.dialled_ms.get(&address);
            let rested = before.is_none_or(|before| before + ADDRESS_REST_MS <= self.now_ms);
            assert!(rested, "{address} is dialled again at {}", self.now_ms);
            now.insert(address, self.now_ms);
        }
        self.dialled_ms.extend(now);
    }

    fn wait(&mut self, bytes: &mut Bytes<'_>) {
        self.now_ms += u64::from(bytes.short());
        if bytes.flag() {
            self.hearsay.failed(self.now_ms, bytes.number());
        }
    }
}

/// Draws a record: names and values of any kind, tags that are right as often as not.
fn record(bytes: &mut Bytes<'_>) -> Record {
    let name = String::from_utf8_lossy(bytes.run()).into_owned();
    let key = bytes.pick(&SOUGHT).copied().unwrap_or_default();
    let salt: [u8; 8] = bytes.array();
    let tag = discovery_tag(&key, &salt);
    let right = [("v", b"1".to_vec()), ("s", hex(salt)), ("t", hex(tag))];
    let mut properties: Vec<(String, Vec<u8>)> = Vec::new();
    for (name, value) in right {
        match bytes.below(4) {
            0 => properties.push((name.to_owned(), bytes.run().to_vec())),
            1 => properties.push((String::from_utf8_lossy(bytes.run()).into_owned(), value)),
            _ => properties.push((name.to_owned(), value)),
        }
    }
    let addresses = (0..bytes.below(12)).map(|_| address(bytes)).collect();
    Record {
        name,
        properties,
        addresses,
        port: bytes.short(),
    }
}

fn address(bytes: &mut Bytes<'_>) -> IpAddr {
    if bytes.flag() {
        IpAddr::from(bytes.array::<4>())
    } else {
        IpAddr::from(bytes.array::<16>())
    }
}

/// Says by itself whether a record carries version, salt and tag of an event that is looked for.
fn is_right(record: &Record) -> bool {
    let value = |name: &str| {
        let same = |(key, _): &&(String, Vec<u8>)| key.eq_ignore_ascii_case(name);
        let found = record.properties.iter().find(same);
        found.map(|(_, value)| value.to_ascii_lowercase())
    };
    let (Some(salt), Some(tag)) = (value("s"), value("t")) else {
        return false;
    };
    let salted = |key: &[u8; 16]| {
        let bytes = unhex(&salt)?;
        Some(hex(discovery_tag(key, &bytes)) == tag)
    };
    value("v").as_deref() == Some(b"1") && SOUGHT.iter().any(|key| salted(key) == Some(true))
}

fn hex(bytes: [u8; 8]) -> Vec<u8> {
    format!("{:016x}", u64::from_be_bytes(bytes)).into_bytes()
}

fn unhex(text: &[u8]) -> Option<[u8; 8]> {
    let text = str::from_utf8(text).ok().filter(|text| text.len() == 16)?;
    u64::from_str_radix(text, 16).ok().map(u64::to_be_bytes)
}
