//! What a node makes of mDNS records, without a network and without a clock.
//!
//! Anybody on the venue's network may send such records, so what is done with them is tried with
//! invented ones: the same functions read them, and the same table keeps them, as when the daemon
//! reports them. Nothing is sent or dialled. Layer: beside `mdns`.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use mdns_sd::{ServiceInfo, TxtProperty};

use super::discovery::{Sighting, Targets};
use super::mdns::{SERVICE, Search, sighting};

/// One mDNS record as anybody may announce it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The name of the instance; any text.
    pub name: String,
    /// Keys and values of the TXT record, in order; a value is any bytes.
    pub properties: Vec<(String, Vec<u8>)>,
    /// Addresses; any.
    pub addresses: Vec<IpAddr>,
    /// The port; any.
    pub port: u16,
}

/// The table of places to dial, filled by mDNS records alone.
#[derive(Debug)]
pub struct Hearsay {
    search: Search,
    own_names: BTreeSet<String>,
    targets: Targets,
}

impl Hearsay {
    /// Begins with an empty table and the discovery keys of the events that are looked for.
    pub fn new(seek: impl IntoIterator<Item = [u8; 16]>) -> Self {
        let search = Search {
            seek: seek.into_iter().collect(),
            ..Search::default()
        };
        Self {
            search,
            own_names: BTreeSet::new(),
            targets: Targets::default(),
        }
    }

    /// Hears a record at a time in milliseconds that only grows; returns the name and the
    /// addresses, best first, if it is taken for a peer of an event that is looked for.
    pub fn hear(&mut self, record: &Record, now_ms: u64) -> Option<(String, Vec<SocketAddr>)> {
        let properties = record.properties.iter().cloned().map(TxtProperty::from);
        let info = ServiceInfo::new(
            SERVICE,
            &record.name,
            "somewhere.local.",
            &record.addresses[..],
            record.port,
            properties.collect::<Vec<_>>(),
        );
        let found = info.ok()?.as_resolved_service();
        match sighting(&found, &self.search, &self.own_names)? {
            Sighting::Seen { name, addresses } => {
                self.targets.seen(name.clone(), addresses.clone(), now_ms);
                Some((name, addresses))
            }
            Sighting::Gone { .. } => None,
        }
    }

    /// Hears that a record was taken back.
    pub fn gone(&mut self, name: &str) {
        self.targets.gone(name);
    }

    /// Takes at most `room` dials that are due at this time: the addresses of each.
    pub fn due(&mut self, now_ms: u64, room: usize) -> Vec<Vec<SocketAddr>> {
        let due = self.targets.due(now_ms, room, |_, _| true);
        due.into_iter().map(|it| it.addresses).collect()
    }

    /// Notes that every dial under way has ended without a connection; `luck` is any number.
    pub fn failed(&mut self, now_ms: u64, luck: u64) {
        self.targets.failed_all(now_ms, luck);
    }

    /// Returns how many places are in the table.
    pub fn candidates(&self) -> usize {
        self.targets.count()
    }
}
