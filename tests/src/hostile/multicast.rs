//! Records of mDNS by hand: true ones, forged ones, and some that no responder sends.
//!
//! Layer: below the cases.

use std::net::Ipv4Addr;

use tallyline_keys::discovery_tag;

/// What every device announces itself under, as labels.
const DEVICES: [&str; 3] = ["_tallyline", "_udp", "local"];

/// Kinds of records.
const A: u16 = 1;
const PTR: u16 = 12;
const HINFO: u16 = 13;
const TXT: u16 = 16;
const SRV: u16 = 33;

/// The class "internet", and the bit that says "forget what you knew".
const INTERNET: u16 = 1;
const FLUSH: u16 = 0x8000;

/// Seconds for which forged records are said to hold: no test waits for their end.
const TTL: u32 = 4_500;

/// What a forged device announces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forgery {
    /// Its instance name, one label.
    pub instance: String,
    /// Its host name, one label.
    pub host: String,
    /// Where it says it is.
    pub address: Ipv4Addr,
    /// At which port.
    pub port: u16,
    /// The salt of its tag.
    pub salt: u64,
}

impl Forgery {
    /// Lays out the answer that announces it, with the right tag of an event.
    pub fn packet(&self, discovery_key: &[u8; 16]) -> Vec<u8> {
        let instance = [&[self.instance.as_str()][..], &DEVICES].concat();
        let host = [self.host.as_str(), "local"];
        let tag = discovery_tag(discovery_key, &self.salt.to_be_bytes());
        let texts = [
            "v=1".to_owned(),
            format!("s={:016x}", self.salt),
            format!("t={:016x}", u64::from_be_bytes(tag)),
        ];
        let mut txt = Vec::new();
        for text in texts {
            label(&text, &mut txt);
        }
        let mut srv = vec![0, 0, 0, 0];
        srv.extend_from_slice(&self.port.to_be_bytes());
        name(&host, &mut srv);
        let mut packet = answer(4);
        record(
            &DEVICES,
            (PTR, INTERNET, TTL),
            &named(&instance),
            &mut packet,
        );
        record(&instance, (SRV, INTERNET | FLUSH, TTL), &srv, &mut packet);
        record(&instance, (TXT, INTERNET | FLUSH, TTL), &txt, &mut packet);
        record(
            &host,
            (A, INTERNET | FLUSH, TTL),
            &self.address.octets(),
            &mut packet,
        );
        packet
    }
}

/// Lays out the question who is there.
pub fn question() -> Vec<u8> {
    let mut packet = vec![0; 12];
    if let Some(count) = packet.get_mut(5) {
        *count = 1;
    }
    name(&DEVICES, &mut packet);
    packet.extend_from_slice(&PTR.to_be_bytes());
    packet.extend_from_slice(&INTERNET.to_be_bytes());
    packet
}

/// Lays out the goodbye of an instance, in its name.
pub fn goodbye(instance: &str) -> Vec<u8> {
    let instance = [&[instance][..], &DEVICES].concat();
    let mut packet = answer(1);
    record(&DEVICES, (PTR, INTERNET, 0), &named(&instance), &mut packet);
    packet
}

/// Lays out an answer whose record ends before it says it does.
pub fn cut_short() -> Vec<u8> {
    let mut packet = answer(1);
    record(
        &["host", "local"],
        (HINFO, INTERNET, TTL),
        &[200, b'x'],
        &mut packet,
    );
    packet
}

/// Lays out an answer with a name of more bytes than any name may have.
pub fn long_name() -> Vec<u8> {
    let part = "x".repeat(60);
    let long = [&part, &part, &part, &part, &part, "_udp", "local"].map(|it: &str| it);
    let mut packet = answer(1);
    record(&DEVICES, (PTR, INTERNET, TTL), &named(&long), &mut packet);
    packet
}

/// Finds the labels of 16 hexadecimal digits in a packet: instances and hosts of devices.
pub fn labels(packet: &[u8]) -> Vec<String> {
    let found = packet.windows(17).filter_map(|window| {
        let (length, digits) = window.split_first()?;
        let text = std::str::from_utf8(digits).ok()?;
        let hex = text.bytes().all(|it| it.is_ascii_hexdigit());
        (*length == 16 && hex).then(|| text.to_owned())
    });
    found.collect()
}

/// Begins an answer of so many records.
fn answer(records: u8) -> Vec<u8> {
    vec![0, 0, 0x84, 0, 0, 0, 0, records, 0, 0, 0, 0]
}

fn record(owner: &[&str], (kind, class, ttl): (u16, u16, u32), data: &[u8], to: &mut Vec<u8>) {
    name(owner, to);
    to.extend_from_slice(&kind.to_be_bytes());
    to.extend_from_slice(&class.to_be_bytes());
    to.extend_from_slice(&ttl.to_be_bytes());
    let length = u16::try_from(data.len()).unwrap_or(u16::MAX);
    to.extend_from_slice(&length.to_be_bytes());
    to.extend_from_slice(data);
}

fn named(labels: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    name(labels, &mut bytes);
    bytes
}

fn name(labels: &[&str], to: &mut Vec<u8>) {
    for text in labels {
        label(text, to);
    }
    to.push(0);
}

fn label(text: &str, to: &mut Vec<u8>) {
    to.push(u8::try_from(text.len()).unwrap_or(63));
    to.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forgery_names_its_labels() {
        let forgery = Forgery {
            instance: "00000000000000aa".to_owned(),
            host: "00000000000000bb".to_owned(),
            address: Ipv4Addr::LOCALHOST,
            port: 1,
            salt: 2,
        };
        let found = labels(&forgery.packet(&[1; 16]));
        for name in [&forgery.instance, &forgery.host] {
            assert!(found.contains(name), "{name} in {found:?}");
        }
        assert_eq!(labels(&question()), Vec::<String>::new(), "nobody");
        assert_eq!(
            labels(&goodbye("00000000000000aa")),
            ["00000000000000aa"],
            "one"
        );
    }
}
