//! Every bound of the network, with the reason for its number.
//!
//! Knows no type of the rest of `net`. Layer: below everything in `net`.
//!
//! Source: PROTOCOL R-NET-1 (limits).

use std::time::Duration;

/// Bounds that differ between a device at a venue and a cloud, which many venues reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Most {
    /// Connections.
    pub(super) links: usize,
    /// Connections with devices that are not admitted.
    pub(super) strangers: usize,
    /// Incoming connections that wait for an answer.
    pub(super) incoming: usize,
    /// Bytes kept for all of those.
    pub(super) incoming_bytes: u64,
    /// Handshakes under way above which a sender must prove its address first.
    pub(super) retry_above: usize,
}

/// The bounds of a device.
pub(super) const AT_A_VENUE: Most = Most {
    links: LINKS_MAX,
    strangers: STRANGERS_MAX,
    incoming: INCOMING_MAX,
    incoming_bytes: INCOMING_BYTES_TOTAL_MAX,
    retry_above: RETRY_ABOVE,
};

/// The bounds of a cloud: one or two gateways each of 10,000 events, at some 25 KB a connection
/// half a GB; a device is a stranger to a node that has not opened its event yet, so there may be
/// as many as connect within a few seconds after a restart.
///
/// Source: PROTOCOL R-CLOUD-2.
pub(super) const IN_THE_CLOUD: Most = Most {
    links: 20_000,
    strangers: 2_000,
    incoming: 1_024,
    incoming_bytes: 16 * 1024 * 1024,
    retry_above: 256,
};

/// Incoming connections that wait for an answer, at most: a venue has fewer devices, and QUIC's
/// own default (65,536) would keep 100 MB for strangers.
pub(super) const INCOMING_MAX: usize = 64;

/// Bytes kept for one incoming connection before it is answered: a first flight is under 2 KiB.
pub(super) const INCOMING_BYTES_MAX: u64 = 64 * 1024;

/// Bytes kept for all unanswered incoming connections: 32 full ones.
pub(super) const INCOMING_BYTES_TOTAL_MAX: u64 = 2 * 1024 * 1024;

/// Handshakes under way above which a sender must prove its address first: a whole venue that
/// starts at once stays below it, a flood from invented addresses does not.
pub(super) const RETRY_ABOVE: usize = 16;

/// Connections, at most: the devices of a large venue and some of them twice for a moment.
pub(super) const LINKS_MAX: usize = 64;

/// Connections with one key, at most: both sides dial, and a cloned device is served too, so
/// that its entries become evidence.
pub(super) const LINKS_PER_KEY_MAX: usize = 2;

/// Connections with devices that are not admitted, at most: joiners come one by one.
pub(super) const STRANGERS_MAX: usize = 8;

/// Connections of one key that were ended because it broke the rules, within [`STRIKE_MS`], after
/// which the key is refused: one may be a fault of a version, three are none.
pub(super) const STRIKES_MAX: usize = 3;

/// Milliseconds for which such an end is remembered: a device that does it for hours cannot hide
/// between long waits, and an official who restarts a broken tablet is not punished for yesterday.
pub(super) const STRIKE_MS: u64 = 60 * 60 * 1_000;

/// Milliseconds for which a key is refused then: long enough that it costs nobody anything, short
/// enough that a device which was mended is back before the next squad.
pub(super) const BARRED_MS: u64 = 10 * 60 * 1_000;

/// Keys of which that is remembered, at most: four times the connections there can be.
pub(super) const BARRED_KEYS_MAX: usize = 256;

/// Milliseconds for which two connections with one key must both be heard before they are called
/// a clone's: the dead one of a device that moved to another address is silent by then.
pub(super) const CLONE_MS: u64 = 12_000;

/// Milliseconds without a datagram after which a connection is not heard any more: one keep-alive
/// and its way.
pub(super) const HEARD_MS: u64 = 6_000;

/// Clones that are remembered, at most.
pub(super) const CLONES_MAX: usize = LINKS_MAX;

/// How long a device that is not admitted may stay: a join takes under a second.
pub(super) const STRANGER_TIME: Duration = Duration::from_secs(5);

/// How long a device that is not admitted may stay while one is waited for: the core ends it
/// earlier, once two people had their two minutes to compare digits.
pub(super) const GUEST_TIME: Duration = Duration::from_mins(3);

/// Bytes that a device that is not admitted may send: a manifest and a control log of a large
/// event fit.
pub(super) const STRANGER_BYTES_MAX: u64 = 64 * 1024;

/// Handshakes that one source address may start each second in the long run.
pub(super) const HANDSHAKES_PER_SECOND: u64 = 4;

/// Handshakes that one source address may start at once.
pub(super) const HANDSHAKES_BURST: u64 = 8;

/// Source addresses whose handshakes are counted, at most; above it the fullest counts stay.
pub(super) const HANDSHAKE_SOURCES_MAX: usize = 1_024;

/// Streams that a peer may open. One is for frames, and few beside it are ever open; the rest is the
/// slack that other implementations expect.
pub(super) const STREAMS_MAX: u32 = 16;

/// Streams beside the frames that are answered at once, for one peer: a fetch, and a question.
///
/// Source: PROTOCOL R-MEDIA-4.
pub(super) const SIDES_MAX: usize = 2;

/// How long opening a stream beside the frames may take: longer means that the peer has as many as
/// it takes.
pub(super) const SIDE_OPEN_TIME: Duration = Duration::from_secs(5);

/// Bytes in flight on one stream: two frames of the largest size.
pub(super) const STREAM_WINDOW_BYTES: u32 = 128 * 1024;

/// Bytes in flight on one connection: bounds what 64 peers can make this device keep.
pub(super) const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;

/// Silence after which a connection is given up: three lost keep-alives. A person who looks at
/// "connected" is wrong for at most this long, and a healed network is dialled afresh.
pub(super) const IDLE_TIME: Duration = Duration::from_secs(15);

/// Time between keep-alives: below half of [`IDLE_TIME`], or one lost packet ends a quiet
/// connection. Costs 81 KB an hour for each pair.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// How long a handshake may take that somebody else began.
pub(super) const HANDSHAKE_TIME: Duration = Duration::from_secs(5);

/// How long one dial may take: a dial into a silent network grows its own waits, so a fresh one
/// finds a healed network sooner.
pub(super) const DIAL_TIME: Duration = Duration::from_secs(3);

/// Wait between the dials of two addresses of one peer: enough for a handshake on a LAN, so
/// that the better address wins and a dead one costs nothing.
pub(super) const DIAL_STAGGER: Duration = Duration::from_millis(200);

/// Dials under way to places that a person named or where a peer was before, at most.
pub(super) const DIALS_MAX: usize = 16;

/// Dials under way to places that only mDNS vouches for, at most: a quarter of
/// [`CANDIDATES_MAX`], so that a device among nothing but forgeries is dialled within four times
/// [`DIAL_TIME`], and forgeries never keep a known peer waiting.
pub(super) const UNPROVEN_DIALS_MAX: usize = 32;

/// Addresses dialled for one peer in one attempt, at most.
pub const ADDRESSES_MAX: usize = 8;

/// Places learned from mDNS that are kept, at most: anybody on the network can announce.
pub const CANDIDATES_MAX: usize = 128;

/// Peers whose addresses are remembered, at most: as many as can be connected.
pub(super) const REMEMBERED_MAX: usize = LINKS_MAX;

/// Addresses remembered for one peer, at most: wired, wireless, and one of each from before.
pub(super) const REMEMBERED_ADDRESSES_MAX: usize = 4;

/// Milliseconds between two dials of an address that only mDNS vouches for: a forged record
/// must not turn the venue into a flood of somebody else's device.
pub const ADDRESS_REST_MS: u64 = 5_000;

/// Milliseconds of the first and the longest wait before a known peer is dialled again: a
/// healed network is found within seconds, and a phone that is switched off costs two packets
/// in 10 s.
pub(super) const REDIAL_MS: (u64, u64) = (1_000, 10_000);

/// Milliseconds of the first and the longest wait before a place that never answered is dialled
/// again.
pub(super) const UNPROVEN_MS: (u64, u64) = (ADDRESS_REST_MS, 30_000);

/// Milliseconds of the first and the longest wait before the cloud is dialled again: ten seconds of
/// signal must be enough. Without a route a dial costs nothing; with one, and a cloud that is silent,
/// three packets in eight seconds.
pub(super) const UPLINK_MS: (u64, u64) = (500, 3_000);

/// Milliseconds of the first and the longest wait, while the cloud is reached over HTTPS, before UDP is
/// tried again: a try is four packets of 1,200 B, so one that never works costs 150 KB an hour.
pub(super) const AGAIN_MS: (u64, u64) = (15_000, 120_000);

/// How long each step of reaching the cloud over HTTPS may take: TCP with two lost packets, TLS and an
/// answer over the slowest usable link.
pub(super) const HTTPS_STEP_TIME: Duration = Duration::from_secs(4);

/// How long all of them may take, over all addresses of the cloud: then UDP is tried again.
pub(super) const HTTPS_TIME: Duration = Duration::from_secs(15);

/// Bytes of an answer to a probe, at most: a real one has some 700.
pub(super) const PROBE_BYTES_MAX: u64 = 16 * 1024;

/// Bytes of one datagram in a tunnel, at most: QUIC sends 1,200 here, and no network more.
///
/// Source: PROTOCOL R-FALL-3.
pub const TUNNELLED_BYTES_MAX: usize = 1_500;

/// Datagrams that wait for the far end of a tunnel, at most; one more is lost, as on a network, and
/// QUIC slows down.
pub(super) const TUNNEL_QUEUE_MAX: usize = 64;

/// Datagrams that have come out of all tunnels and wait for QUIC, at most.
pub(super) const TUNNELS_INBOX_MAX: usize = 1_024;

/// Tunnels to one cloud node, at most: one gateway of ten sits behind a firewall that stops UDP, and
/// each costs up to 150 KB, half of it in full queues.
///
/// Source: PROTOCOL R-FALL-4.
pub const TUNNELS_MAX: usize = 2_048;

/// Tunnels of one source address, at most: an exhibition hall has one address for all of its events.
///
/// Source: PROTOCOL R-FALL-4.
pub const TUNNELS_PER_ADDRESS_MAX: usize = 64;

/// How long a tunnel may bring no datagram: twice the silence after which its connection is given up.
pub(super) const TUNNEL_IDLE_TIME: Duration = Duration::from_secs(30);

/// How long the far end of a tunnel may take one datagram to be taken: then it is not reading.
pub(super) const TUNNEL_WRITE_TIME: Duration = Duration::from_secs(10);

/// How long changes of the remembered addresses gather before they are written.
pub(super) const MEMORY_REST: Duration = Duration::from_millis(500);

/// Bytes of one frame without its length, at most.
///
/// Source: PROTOCOL R-FRAME-1.
pub(super) const FRAME_BYTES_MAX: usize = 64 * 1024;

/// How long one frame may take from its first byte to its last: half a second of the slowest
/// usable link, twenty times over.
pub(super) const FRAME_TIME: Duration = Duration::from_secs(10);

/// Frames that wait for one peer, at most: more means that the peer does not read.
pub(super) const QUEUE_FRAMES_MAX: usize = 256;

/// How long a connection that is being closed may take to deliver its last frames.
pub(super) const FAREWELL_TIME: Duration = Duration::from_secs(1);

/// How often connections are looked through and due dials started.
pub(super) const SWEEP_TIME: Duration = Duration::from_millis(250);

/// How long a connection counts as working after its first frame without further proof.
pub(super) const FRESH_MS: u64 = 5_000;

/// How often browsing starts afresh while peers are missing: mDNS grows its own waits to an
/// hour, and after a silent partition nobody would look.
pub(super) const BROWSE_HUNGRY: Duration = Duration::from_secs(30);

/// How often browsing starts afresh while everybody is connected.
pub(super) const BROWSE_CONTENT: Duration = Duration::from_mins(5);

/// Seconds between two looks at the device's own interfaces.
pub(super) const INTERFACE_POLL_SECONDS: u32 = 5;

/// Instances that are taken with one salt and tag, at most. Whoever hears a record can repeat it under
/// any name, and cannot make another tag: so what is repeated takes no room from what is true. More
/// than one, so that a repetition which comes first does not take the true one's place.
pub(super) const INSTANCES_PER_TAG_MAX: usize = 4;

/// Salts of which that is remembered, at most; then all are forgotten. Every start of a device of the
/// event draws one, and nobody else can make a tag for one.
pub(super) const SALTS_MAX: usize = 1_024;

/// How often what mDNS keeps is counted: a flood of 5,000 records a second brings some 10 MB
/// meanwhile.
pub(super) const MDNS_COUNT_TIME: Duration = Duration::from_secs(2);

/// Records that mDNS may keep: a venue of 128 devices has some 600, and the library itself has no
/// bound but their time to live, which whoever forges them chooses. Some 6 MB.
pub(super) const MDNS_RECORDS_MAX: i64 = 8_000;

/// How long mDNS rests before it is started afresh: what is flooding is not heard meanwhile, and a
/// peer that is sought waits no longer than for a lost packet.
pub(super) const MDNS_REST: Duration = Duration::from_secs(1);

/// How long an announced peer may take to confirm itself after its connection was lost.
pub(super) const VERIFY_TIME: Duration = Duration::from_secs(3);

/// How long goodbyes may take to leave the sockets. Connections linger longer than that in QUIC's
/// books, which nobody needs at the end of a process.
pub(super) const GOODBYE_TIME: Duration = Duration::from_millis(300);

/// How long the end of everything may take.
pub(super) const STOP_TIME: Duration = Duration::from_secs(2);

const _: () = assert!(
    KEEP_ALIVE.as_secs() * 1_000 < HEARD_MS && 2 * HEARD_MS <= CLONE_MS,
    "whoever is there is heard, and whoever is gone is silent for long enough"
);

const _: () = assert!(
    IDLE_TIME.as_millis() < TUNNEL_IDLE_TIME.as_millis(),
    "a connection ends before its tunnel does"
);

const _: () = assert!(
    KEEP_ALIVE.as_millis() * 2 < IDLE_TIME.as_millis(),
    "two keep-alives fit into the idle time"
);
