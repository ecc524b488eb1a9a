//! Inputs 36 to 43: what is shown in TLS, who stays without being admitted, and first packets of
//! QUIC that no library makes.

use std::net::SocketAddr;
use std::time::Duration;

use tallyline_keys::DeviceKey;
use tallyline_proto::wire::{Frame, Join};

use crate::hostile::Outcome;
use crate::hostile::flood;
use crate::hostile::initial::{Answer, Hand, tls12_hello};
use crate::hostile::lies::Forged;
use crate::hostile::papers::{self, Papers};
use crate::hostile::peer::{End, Link, Peer};
use crate::hostile::raw::Raw;
use crate::hostile::venue::Venue;
use crate::hostile::wait::{DEADLINE, ensure, now, until, until_some};
use crate::process::Broken;

/// The alert "the signature in the handshake does not hold" (RFC 8446, 6).
const DECRYPT_ERROR: u64 = 51;

/// The alert "no version that I speak".
const PROTOCOL_VERSION: u64 = 70;

/// The alert "a certificate is required".
const CERTIFICATE_REQUIRED: u64 = 116;

/// How much more memory a flood of first packets may cost: what 64 of them may make a node keep,
/// the 2 MiB that QUIC may buffer for them, and the slack of an allocator that gives nothing back.
const FLOOD_KIB_MAX: u64 = 16 * 1024;

/// First packets a second in a flood.
const RATE: u32 = 1_000;

/// Handshakes that are begun in pieces of one byte.
const CRUMBLED: u64 = 16;

/// Bytes in flight on one stream (PROTOCOL section 10).
const STREAM_WINDOW: u64 = 131_072;

/// Pieces of one byte of a stream in one packet: what fits.
const CRUMBS_IN_PACKET: usize = 130;

/// The code by which QUIC's library ends a connection with too many gaps in a stream.
const INTERNAL_ERROR: u64 = 1;

/// How long a stranger may stay, with the time to notice.
const STRANGER_MAX: std::ops::Range<Duration> = Duration::from_secs(4)..Duration::from_secs(8);

/// Input 36.
pub(crate) fn wrong_certificates() -> Result<Outcome, Broken> {
    let venue = Venue::start()?;
    let to = venue.owner.address()?;
    for (papers, alert) in [
        (Papers::None, Some(CERTIFICATE_REQUIRED)),
        (Papers::Rsa, None),
        (Papers::P256, None),
    ] {
        let fate = fate(&venue.peer, to, &venue.liar, &papers)?;
        let refused = match &fate {
            Err(End::Tls(seen)) => alert.is_none_or(|alert| *seen == alert),
            Ok(_) | Err(End::Code(_) | End::Other(_)) => false,
        };
        ensure(refused, || format!("{papers:?}: {:?}", fate.err()))?;
    }
    for papers in [Papers::Years(1975, 1976), Papers::Years(2090, 2100)] {
        let fate = fate(&venue.peer, to, &venue.liar, &papers)?;
        ensure(fate.is_ok(), || format!("{papers:?}: {:?}", fate.err()))?;
    }
    venue.done(
        "none, RSA, P-256: refused by TLS; expired and not yet valid with the right key: taken",
    )
}

/// Input 37.
pub(crate) fn copied_certificate() -> Result<Outcome, Broken> {
    let venue = Venue::start()?;
    let certificate = venue.to_tablet()?.certificate();
    let certificate = certificate.ok_or_else(|| Broken::new("the tablet shows nothing"))?;
    let papers = Papers::Copied(certificate);
    let fate = fate(&venue.peer, venue.owner.address()?, &venue.liar, &papers)?;
    let end = fate.err();
    ensure(end == Some(End::Tls(DECRYPT_ERROR)), || format!("{end:?}"))?;
    ensure(venue.owner.links("tablet")? == 1, || {
        "the tablet lost its link".to_owned()
    })?;
    venue.done("the handshake fails (decrypt_error), the tablet's own link stays")
}

/// Input 38, without what a revocation does.
pub(crate) fn old_tls_and_early_data() -> Result<Outcome, Broken> {
    let venue = Venue::start()?;
    let to = venue.owner.address()?;
    let hand = Hand::of(38);
    let answer = flood::ask(to, &hand, &hand.packet(0, &[(0, &tls12_hello())])?)?;
    let expected = Answer::Close(0x100 + PROTOCOL_VERSION);
    ensure(answer == expected, || format!("TLS 1.2: {answer:?}"))?;

    let config = papers::dialler(&Papers::Eager, &venue.liar)?;
    for attempt in 1..=2 {
        let endpoint = venue.peer.endpoint();
        let early = venue.peer.block_on(async {
            let connecting = endpoint.connect_with(config.clone(), to, "tallyline");
            let connecting = connecting.map_err(Broken::of)?;
            let Err(connecting) = connecting.into_0rtt() else {
                return Ok(true);
            };
            let connection = connecting.await.map_err(Broken::of)?;
            let (mut send, mut receive) = connection.open_bi().await.map_err(Broken::of)?;
            send.write_all(&[1, u8::MAX]).await.map_err(Broken::of)?;
            // Whatever the node has to give after its handshake has come with its first bytes.
            receive.read_exact(&mut [0; 8]).await.map_err(Broken::of)?;
            connection.close(quinn::VarInt::from_u32(0), b"");
            Ok::<bool, Broken>(false)
        })?;
        ensure(!early, || format!("attempt {attempt} could send early"))?;
    }
    venue.done(
        "TLS 1.2: alert protocol_version; no ticket is given, so nothing can be resumed or sent \
         early",
    )
}

/// Input 39.
pub(crate) fn strangers() -> Result<Outcome, Broken> {
    let venue = Venue::start()?;
    let to = venue.owner.address()?;
    let (members, entries) = (venue.owner.members()?, venue.owner.entries()?);
    let stranger = DeviceKey::from_seed([0x39; 32]);
    let begin = now();
    let silent = venue.peer.meet(to, &stranger)?;
    let end = silent.end_within(DEADLINE)?;
    let stayed = begin.elapsed();
    ensure(not_admitted(&end), || format!("{end}"))?;
    ensure(STRANGER_MAX.contains(&stayed), || {
        format!("stayed {stayed:?}")
    })?;

    let mut loud = venue.peer.meet(to, &stranger)?;
    let begin = now();
    let many = [&[0x80, 0x80, 0x02][..], &vec![u8::MAX; 32 * 1024]].concat();
    for _ in 0..3 {
        // It may be thrown out before the third.
        drop(loud.raw(&many));
    }
    let end = loud.end_within(DEADLINE)?;
    ensure(not_admitted(&end), || format!("{end}"))?;
    ensure(begin.elapsed() < STRANGER_MAX.start, || {
        "not before its time was up".to_owned()
    })?;

    let mut curious = venue.peer.meet(to, &stranger)?;
    curious.say(&Frame::Want(Vec::new()))?;
    let end = curious.end_within(DEADLINE)?;
    ensure(not_admitted(&end), || format!("{end}"))?;
    let mut guessing = venue.peer.meet(to, &stranger)?;
    guessing.say(&Frame::Join(Join {
        event: venue.owner.known()?.event(),
        proof: [0; 32],
        label: "guess".to_owned(),
    }))?;
    Venue::until_refused(&venue.owner, "bad_proof", 1)?;
    ensure(venue.owner.members()? == members, || {
        "somebody was admitted".to_owned()
    })?;
    ensure(venue.owner.entries()? == entries, || {
        "something was stored".to_owned()
    })?;
    venue.done(format!(
        "ended after {:.1} s, after 64 KiB, and at the first word about logs; nothing stored",
        stayed.as_secs_f64()
    ))
}

/// Input 40.
pub(crate) fn clone() -> Result<Outcome, Broken> {
    let venue = Venue::start()?;
    let known = venue.owner.known()?;
    let grant = known.grant(&venue.liar.public())?;
    let second = Peer::new()?;
    let mut one = venue.to_owner()?;
    let mut other = second.meet(venue.owner.address()?, &venue.liar)?;
    for (link, incarnation, shooter) in [(&mut one, 401, 11), (&mut other, 402, 12)] {
        let mut log = Forged::begin(&venue.liar, known.event(), grant, incarnation);
        link.say(&Frame::Push(log.score(1, shooter, 700).push()))?;
    }
    for shooter in [11, 12] {
        venue.tablet.until_verdicts(shooter, &["counts"])?;
    }
    let links = venue.owner.links("liar")?;
    ensure(links == 2, || format!("{links} links with the key"))?;
    venue.done("both are served, both logs are taken, and two links of one key are shown")
}

/// Input 42.
pub(crate) fn flood_of_first_packets() -> Result<Outcome, Broken> {
    let mut venue = Venue::start()?;
    let to = venue.owner.address()?;
    let before = venue.owner.peak_kib()?;
    let flood = flood::Initials::start(to, RATE, Duration::from_secs(4))?;
    flood.until(u64::from(RATE))?;
    let honest = venue.honest_exchange()?;
    let fate = fate(&venue.peer, to, &venue.liar, &Papers::Right)?;
    ensure(fate.is_ok(), || {
        format!("an honest device did not get in: {:?}", fate.err())
    })?;
    let sent = flood.over()?;
    let grown = venue.owner.peak_kib()?.saturating_sub(before);
    ensure(0 < sent.retries, || {
        "no sender was asked for a proof of its address".to_owned()
    })?;
    ensure(grown <= FLOOD_KIB_MAX, || format!("{grown} KiB more"))?;
    venue.done(format!(
        "{} first packets, {} answered by Retry, {grown} KiB more; meanwhile a member got in and \
         a score went over in {} ms",
        sent.packets,
        sent.retries,
        honest.as_millis()
    ))
}

/// Input 43.
pub(crate) fn crumbs() -> Result<Outcome, Broken> {
    let venue = Venue::start()?;
    let to = venue.owner.address()?;
    let before = venue.owner.peak_kib()?;
    let mut packets = 0;
    for number in 0..CRUMBLED {
        packets += flood::crumble(to, &Hand::of(430 + number))?;
    }
    // An answer says that all packets before it were looked at.
    venue.owner.status()?;
    let of_handshakes = venue.owner.peak_kib()?.saturating_sub(before);
    let mut raw = Raw::dial(to, &venue.liar, 43)?;
    let places: Vec<u64> = (1..STREAM_WINDOW).step_by(2).collect();
    for some in places.rchunks(CRUMBS_IN_PACKET) {
        let pieces: Vec<(u64, &[u8])> = some.iter().rev().map(|at| (*at, &[1][..])).collect();
        raw.stream(&pieces)?;
    }
    let end = until_some("the end of the crumbled stream", DEADLINE, || raw.closed())?;
    ensure(end == INTERNAL_ERROR, || format!("ended with {end}"))?;
    let grown = venue.owner.peak_kib()?.saturating_sub(before);
    ensure(grown <= FLOOD_KIB_MAX, || format!("{grown} KiB more"))?;
    let fate = fate(&venue.peer, to, &venue.liar, &Papers::Right)?;
    ensure(fate.is_ok(), || {
        format!("an honest device did not get in: {:?}", fate.err())
    })?;
    venue.done(format!(
        "{CRUMBLED} handshakes in {packets} packets of single bytes: {of_handshakes} KiB more; \
         {} single bytes of a stream: ended for its gaps, {grown} KiB more",
        places.len()
    ))
}

/// Dials and waits for a frame or the end.
fn fate(
    peer: &Peer,
    to: SocketAddr,
    key: &DeviceKey,
    papers: &Papers,
) -> Result<Result<Link, End>, Broken> {
    let mut link = match peer.dial(to, key, papers) {
        Ok(link) => link,
        Err(end) => return Ok(Err(end)),
    };
    // A connection that is refused takes no bytes.
    drop(link.raw(&[1, u8::MAX]));
    until("the node speaks or ends it", DEADLINE, || {
        Ok(link.heard() || link.ended().is_some())
    })?;
    Ok(match link.ended() {
        Some(end) => Err(end),
        None => Ok(link),
    })
}

/// Tells whether a connection ended because its key is not admitted: the network says 8, the core
/// 9.
fn not_admitted(end: &End) -> bool {
    matches!(end, End::Code(8 | 9))
}
