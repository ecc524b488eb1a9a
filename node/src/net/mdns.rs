//! Announces this device on the local network and browses for others of the same event.
//!
//! What is announced says nothing about the device: instance and host names are random at each
//! start, and the record carries the protocol's version, a salt and a keyed tag that only
//! members of the event can compute. What is heard is never trusted. mDNS grows its own waits
//! up to an hour, so browsing is started afresh again and again while peers are missing; a
//! record that expires never ends a connection. Layer: beside `dial`.
//!
//! Source: PROTOCOL R-FIND-1.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{SocketAddr, SocketAddrV6};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mdns_sd::{ResolvedService, ScopedIp, ServiceDaemon, ServiceEvent, ServiceInfo};
use tallyline_keys::discovery_tag;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::{debug, warn};

use super::MdnsHealth;
use super::discovery::{Discovery, Sighting, best_first};
use super::limits::{
    ADDRESS_REST_MS, ADDRESSES_MAX, BROWSE_CONTENT, BROWSE_HUNGRY, INTERFACE_POLL_SECONDS,
    MDNS_COUNT_TIME, MDNS_RECORDS_MAX, MDNS_REST, STOP_TIME, VERIFY_TIME,
};
use crate::entropy::{self, EntropyError};

/// The service type of every device.
pub(super) const SERVICE: &str = "_tallyline._udp.local.";

/// The version of the protocol that is announced.
const VERSION: &str = "1";

/// Record key of the version.
const KEY_VERSION: &str = "v";

/// Record key of the salt, 16 hex digits.
const KEY_SALT: &str = "s";

/// Record key of the tag, 16 hex digits.
const KEY_TAG: &str = "t";

/// What mDNS should do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Search {
    /// The discovery key under which this device announces itself.
    pub(super) announce: Option<[u8; 16]>,
    /// Discovery keys under which it looks for others.
    pub(super) seek: BTreeSet<[u8; 16]>,
    /// Whether peers are missing.
    pub(super) hungry: bool,
}

/// The running daemon, for whoever wants to ask it something.
#[derive(Clone, Default)]
pub(super) struct Verifier(Arc<Mutex<Running>>);

/// The daemon, and how it does.
#[derive(Default)]
struct Running {
    daemon: Option<ServiceDaemon>,
    health: MdnsHealth,
}

/// mDNS as a source of sightings.
pub(super) struct Mdns {
    port: u16,
    own_port: u16,
    search: watch::Receiver<Search>,
    verifier: Verifier,
    daemon: Option<ServiceDaemon>,
    events: Option<mdns_sd::Receiver<ServiceEvent>>,
    browsed_at: Instant,
    counted_at: Instant,
    announced: Option<[u8; 16]>,
    own_names: BTreeSet<String>,
    alarm: Alarm,
}

/// Told, in words, when mDNS heard more than it may keep.
pub(super) type Alarm = Box<dyn Fn(&str) + Send + Sync>;

/// What happened while waiting.
enum Woken {
    Event(Option<ServiceEvent>),
    Changed(bool),
    Due,
    Count,
}

impl Verifier {
    /// Asks whether an announced device is still there; if not, its record is flushed.
    pub(super) fn verify(&self, name: String) {
        let running = self.lock();
        if let Some(daemon) = &running.daemon
            && let Err(error) = daemon.verify(name, VERIFY_TIME)
        {
            debug!(%error, "a record was not verified");
        }
    }

    /// Takes the announcement back and ends the daemon.
    pub(super) async fn stop(&self) {
        let daemon = self.lock().daemon.take();
        if let Some(Ok(ended)) = daemon.map(|daemon| daemon.shutdown())
            && timeout(STOP_TIME, ended.recv_async()).await.is_err()
        {
            debug!("mDNS did not end in time");
        }
    }

    /// Tells how mDNS does.
    pub(super) fn health(&self) -> MdnsHealth {
        self.lock().health.clone()
    }

    /// Keeps the daemon that runs.
    fn put(&self, daemon: ServiceDaemon) {
        let mut running = self.lock();
        running.daemon = Some(daemon);
        running.health.starts = running.health.starts.saturating_add(1);
        running.health.announcing = false;
    }

    /// Notes that everything works.
    fn works(&self, announcing: bool) {
        let mut running = self.lock();
        running.health.fault = None;
        running.health.announcing = announcing;
    }

    /// Notes what does not work.
    fn fails(&self, fault: String) {
        let mut running = self.lock();
        running.health.fault = Some(fault);
        running.health.announcing = false;
    }

    fn lock(&self) -> MutexGuard<'_, Running> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mdns {
    /// Makes a source that announces `own_port`; nothing happens before somebody listens to it.
    pub(super) fn new(
        mdns_port: u16,
        own_port: u16,
        search: watch::Receiver<Search>,
        verifier: Verifier,
        alarm: Alarm,
    ) -> Self {
        Self {
            port: mdns_port,
            own_port,
            search,
            verifier,
            daemon: None,
            events: None,
            browsed_at: Instant::now(),
            counted_at: Instant::now(),
            announced: None,
            own_names: BTreeSet::new(),
            alarm,
        }
    }

    /// Ends the daemon and all that it keeps; the next turn starts another.
    async fn end_daemon(&mut self) {
        self.verifier.stop().await;
        self.daemon = None;
        self.events = None;
    }

    /// Starts the daemon afresh if it keeps more than it may: its library keeps every record that
    /// anybody announces until the time that its sender chose.
    async fn bound(&mut self) {
        self.counted_at = Instant::now();
        let Some(daemon) = &self.daemon else {
            return;
        };
        let kept = kept_records(daemon).await;
        if kept <= MDNS_RECORDS_MAX {
            return;
        }
        (self.alarm)(&format!(
            "mDNS kept {kept} records, more than {MDNS_RECORDS_MAX}; it is started afresh"
        ));
        self.end_daemon().await;
        sleep(MDNS_REST).await;
    }

    /// Sees to it that a daemon runs, announces and browses.
    fn keep_up(&mut self, search: &Search) -> Result<(), mdns_sd::Error> {
        let daemon = if let Some(daemon) = &self.daemon {
            daemon.clone()
        } else {
            let daemon = ServiceDaemon::new_with_port(self.port)?;
            daemon.set_ip_check_interval(INTERFACE_POLL_SECONDS)?;
            self.verifier.put(daemon.clone());
            self.announced = None;
            self.daemon.insert(daemon).clone()
        };
        if let Some(key) = search.announce.filter(|key| self.announced != Some(*key)) {
            let own = announcement(&key, self.own_port)?;
            let name = own.get_fullname().to_owned();
            daemon.register(own)?;
            for old in std::mem::replace(&mut self.own_names, BTreeSet::from([name])) {
                daemon.unregister(&old)?;
            }
            self.announced = Some(key);
        }
        if self.events.is_none() {
            daemon.stop_browse(SERVICE)?;
            self.events = Some(daemon.browse(SERVICE)?);
            self.browsed_at = Instant::now();
        }
        self.verifier.works(self.announced.is_some());
        Ok(())
    }

    /// Waits for whatever comes first.
    async fn wait(&mut self, search: &Search) -> Woken {
        let pause = if search.hungry {
            BROWSE_HUNGRY
        } else {
            BROWSE_CONTENT
        };
        let event = async {
            match &self.events {
                Some(events) => events.recv_async().await.ok(),
                None => None,
            }
        };
        // None of these holds anything that is lost when another one wins.
        tokio::select! {
            biased;
            event = event => Woken::Event(event),
            changed = self.search.changed() => Woken::Changed(changed.is_ok()),
            () = sleep_until(self.browsed_at + pause) => Woken::Due,
            () = sleep_until(self.counted_at + MDNS_COUNT_TIME) => Woken::Count,
        }
    }

    /// Reads one event; `None` if it says nothing about a peer of this event.
    fn read(&self, event: ServiceEvent, search: &Search) -> Option<Sighting> {
        match event {
            ServiceEvent::ServiceResolved(found) => sighting(&found, search, &self.own_names),
            ServiceEvent::ServiceRemoved(_, name) => Some(Sighting::Gone { name }),
            ServiceEvent::SearchStarted(_)
            | ServiceEvent::ServiceFound(..)
            | ServiceEvent::SearchStopped(_)
            | _ => None,
        }
    }
}

impl Discovery for Mdns {
    async fn next(&mut self) -> Option<Sighting> {
        loop {
            let search = self.search.borrow_and_update().clone();
            if search.seek.is_empty() {
                self.search.changed().await.ok()?;
                continue;
            }
            if let Err(error) = self.keep_up(&search) {
                warn!(%error, "mDNS does not work; static and remembered peers still do");
                self.verifier.fails(error.to_string());
                self.daemon = None;
                self.events = None;
                sleep(std::time::Duration::from_millis(ADDRESS_REST_MS)).await;
                continue;
            }
            // Not one of the things waited for: a flood must not keep it from its turn.
            if self.counted_at.elapsed() >= MDNS_COUNT_TIME {
                self.bound().await;
                continue;
            }
            match self.wait(&search).await {
                Woken::Count => {}
                Woken::Event(Some(event)) => {
                    if let Some(sighting) = self.read(event, &search) {
                        return Some(sighting);
                    }
                }
                // A reader that was too slow is cut off without a word.
                Woken::Event(None) | Woken::Due => self.events = None,
                Woken::Changed(false) => return None,
                Woken::Changed(true) => {
                    if self.search.borrow().seek != search.seek {
                        self.events = None;
                    }
                }
            }
        }
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier")
    }
}

/// Counts the records that a daemon keeps; 0 if it does not say.
async fn kept_records(daemon: &ServiceDaemon) -> i64 {
    let Ok(answer) = daemon.get_metrics() else {
        return 0;
    };
    match timeout(STOP_TIME, answer.recv_async()).await {
        Ok(Ok(metrics)) => {
            let kept = metrics
                .iter()
                .filter(|(name, _)| name.starts_with("cached-"));
            kept.map(|(_, count)| *count).sum()
        }
        Ok(Err(_)) | Err(_) => 0,
    }
}

/// Makes what this device announces.
fn announcement(key: &[u8; 16], port: u16) -> Result<ServiceInfo, mdns_sd::Error> {
    let drawn = |error: EntropyError| mdns_sd::Error::Msg(error.to_string());
    let salt: [u8; 8] = entropy::bytes().map_err(drawn)?;
    let instance = hex(entropy::bytes::<8>().map_err(drawn)?);
    let host = format!("{}.local.", hex(entropy::bytes::<8>().map_err(drawn)?));
    let tag = hex(discovery_tag(key, &salt));
    let salt = hex(salt);
    let record = [(KEY_VERSION, VERSION), (KEY_SALT, &salt), (KEY_TAG, &tag)];
    let info = ServiceInfo::new(SERVICE, &instance, &host, "", port, &record[..])?;
    Ok(info.enable_addr_auto())
}

/// Reads a record; `None` if it is this device's own or of no event that is looked for.
pub(super) fn sighting(
    found: &ResolvedService,
    search: &Search,
    own_names: &BTreeSet<String>,
) -> Option<Sighting> {
    let name = found.get_fullname().to_owned();
    let ours = !own_names.contains(&name) && is_sought(found, search);
    ours.then(|| Sighting::Seen {
        name,
        addresses: addresses(found),
    })
}

/// Tells whether a record carries the tag of an event that this device looks for.
fn is_sought(found: &ResolvedService, search: &Search) -> bool {
    let value = |key| found.get_property_val_str(key);
    let tagged = || {
        let salt = unhex(value(KEY_SALT)?)?;
        let tag = unhex(value(KEY_TAG)?)?;
        let mut keys = search.seek.iter();
        keys.find(|key| discovery_tag(key, &salt) == tag)
    };
    value(KEY_VERSION) == Some(VERSION) && tagged().is_some()
}

/// Returns where an announced device may be, the best address first.
fn addresses(found: &ResolvedService) -> Vec<SocketAddr> {
    let port = found.get_port();
    let known = found.get_addresses().iter().filter_map(|ip| match ip {
        ScopedIp::V4(ip) => Some(SocketAddr::from((*ip.addr(), port))),
        ScopedIp::V6(ip) => {
            let local = ip.addr().is_unicast_link_local();
            let scope = if local { ip.scope_id().index } else { 0 };
            Some(SocketAddrV6::new(*ip.addr(), port, 0, scope).into())
        }
        _ => None,
    });
    let mut known: Vec<_> = known.collect::<BTreeSet<_>>().into_iter().collect();
    best_first(&mut known);
    known.truncate(ADDRESSES_MAX);
    known
}

/// Writes 8 bytes as 16 hex digits.
fn hex(bytes: [u8; 8]) -> String {
    format!("{:016x}", u64::from_be_bytes(bytes))
}

/// Reads 8 bytes from exactly 16 hex digits.
fn unhex(text: &str) -> Option<[u8; 8]> {
    let digits = text.bytes().all(|digit| digit.is_ascii_hexdigit());
    if text.len() != 16 || !digits {
        return None;
    }
    u64::from_str_radix(text, 16).ok().map(u64::to_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(key: &[u8; 16]) -> ResolvedService {
        announcement(key, 4_433).unwrap().as_resolved_service()
    }

    #[test]
    fn only_records_with_the_tag_of_a_sought_event_count() {
        let search = |keys: &[[u8; 16]]| Search {
            seek: keys.iter().copied().collect(),
            ..Search::default()
        };
        let ours = found(&[1; 16]);
        assert!(is_sought(&ours, &search(&[[1; 16]])), "ours");
        assert!(is_sought(&ours, &search(&[[0; 16], [1; 16]])), "one of two");
        assert!(!is_sought(&ours, &search(&[[2; 16]])), "another event");
        assert!(!is_sought(&ours, &search(&[])), "nothing sought");
    }

    #[test]
    fn two_announcements_of_one_device_have_nothing_in_common() {
        let (one, two) = (found(&[1; 16]), found(&[1; 16]));
        assert_ne!(one.get_fullname(), two.get_fullname(), "instance");
        assert_ne!(one.get_hostname(), two.get_hostname(), "host");
        for key in [KEY_SALT, KEY_TAG] {
            let value = |of: &ResolvedService| of.get_property_val_str(key).map(str::to_owned);
            assert_ne!(value(&one), value(&two), "{key}");
        }
        let bytes: usize = one
            .get_properties()
            .iter()
            .map(|p| p.val().map_or(0, <[u8]>::len))
            .sum();
        assert_eq!(bytes, 33, "version, salt and tag, nothing else");
    }

    #[test]
    fn salts_and_tags_are_read_strictly() {
        assert_eq!(
            unhex("00000000000000ff"),
            Some([0, 0, 0, 0, 0, 0, 0, 255]),
            "right"
        );
        for wrong in [
            "",
            "ff",
            "+0000000000000ff",
            "00000000000000fg",
            "000000000000000ff",
        ] {
            assert_eq!(unhex(wrong), None, "{wrong}");
        }
    }
}
