//! Inputs 1 to 6: bytes that are no frames, too large, too slow, too many, too deep.

use std::time::Duration;

use tallyline_keys::Signature;
use tallyline_proto::wire::{Frame, Hello, LogRef, Push, encode_frame};
use tallyline_simulator::Random;

use crate::hostile::Outcome;
use crate::hostile::bytes;
use crate::hostile::lies::Forged;
use crate::hostile::peer::{End, Link};
use crate::hostile::venue::Venue;
use crate::hostile::wait::{DEADLINE, ensure, now, until};
use crate::process::Broken;

/// How much more memory one frame may cost that is refused: nothing is allocated for its length.
const REFUSED_KIB_MAX: u64 = 4 * 1024;

/// Errors of one connection at the last of which it ends.
const ERRORS_MAX: usize = 10;

/// Code of an ended connection whose stream is broken (R-NET-2).
const BROKEN: End = End::Code(7);

/// Code of an ended connection with too many errors (R-NET-2).
const REFUSED: End = End::Code(9);

/// Input 1.
pub(crate) fn rubbish() -> Result<Outcome, Broken> {
    let venue = Venue::start()?;
    let mut link = venue.to_owner()?;
    let mut random = Random::new(1);
    let hello = encode_frame(&Frame::Hello(hello()));
    let mut frames = vec![
        Vec::new(),
        hello.get(..hello.len() / 2).unwrap_or_default().to_vec(),
    ];
    while frames.len() < ERRORS_MAX {
        let mut bytes = random.bytes::<48>().to_vec();
        // Kinds above 12 are of later versions and skipped.
        if let Some(kind) = bytes.first_mut() {
            *kind = 1 + *kind % 12;
        }
        frames.push(bytes);
    }
    let last = frames.pop().unwrap_or_default();
    for frame in &frames {
        link.frame(frame)?;
    }
    Venue::until_refused(&venue.owner, "malformed", 9)?;
    ensure(link.ended().is_none(), || {
        "ended before the tenth".to_owned()
    })?;
    link.frame(&last)?;
    let tenth = link.end_within(DEADLINE)?;
    ensure(tenth == REFUSED, || format!("at the tenth: {tenth}"))?;

    let mut cut = venue.to_owner()?;
    cut.raw(&[100, 1, 2, 3])?;
    cut.finish();
    broken(&cut)?;
    let mut long = venue.to_owner()?;
    long.raw(&[0x81, 0x80, 0x04])?;
    broken(&long)?;
    venue.done(
        "10 malformed counted, ended at the tenth with code 9; cut short and too long: code 7",
    )
}

/// Input 2.
pub(crate) fn four_gibibytes() -> Result<Outcome, Broken> {
    let venue = Venue::start()?;
    let before = venue.owner.peak_kib()?;
    let mut link = venue.to_owner()?;
    link.raw(&[0x80, 0x80, 0x80, 0x80, 0x10])?;
    broken(&link)?;
    let grown = venue.owner.peak_kib()?.saturating_sub(before);
    ensure(grown <= REFUSED_KIB_MAX, || {
        format!("{grown} KiB were used for it")
    })?;
    venue.done(format!("code 7 at once, {grown} KiB more than before"))
}

/// Input 3.
pub(crate) fn a_byte_a_second() -> Result<Outcome, Broken> {
    let venue = Venue::start()?;
    let mut link = venue.to_owner()?;
    link.raw(&[100])?;
    let begin = now();
    let mut sent = 0;
    let ended = until("the slow stream is given up", DEADLINE, || {
        if Duration::from_secs(sent) < begin.elapsed() {
            sent += 1;
            // A node that has given up takes no more bytes.
            drop(link.raw(&[0]));
        }
        Ok(link.ended().is_some())
    })?;
    let end = link.end_within(DEADLINE)?;
    ensure(end == BROKEN, || format!("{end}"))?;
    let about_ten = Duration::from_secs(9)..Duration::from_secs(13);
    ensure(about_ten.contains(&ended), || format!("after {ended:?}"))?;
    venue.done(format!(
        "code 7 after {:.1} s and {sent} bytes",
        ended.as_secs_f64()
    ))
}

/// Input 4.
pub(crate) fn idle_streams() -> Result<Outcome, Broken> {
    let venue = Venue::start()?;
    let link = venue.to_owner()?;
    let connection = link.connection().clone();
    let wait = Duration::from_millis(500);
    let (two_way, one_way) = venue.peer.block_on(async {
        let mut streams = Vec::new();
        while streams.len() < 100 {
            match tokio::time::timeout(wait, connection.open_bi()).await {
                Ok(Ok(stream)) => streams.push(stream),
                Ok(Err(_)) | Err(_) => break,
            }
        }
        let one_way = tokio::time::timeout(wait, connection.open_uni()).await;
        (streams.len(), one_way.is_ok())
    });
    // One of the sixteen is the conversation's own.
    ensure(two_way == 15, || {
        format!("{} streams were granted", two_way + 1)
    })?;
    ensure(!one_way, || "a one-way stream was granted".to_owned())?;
    let datagrams = link.connection().max_datagram_size();
    ensure(datagrams.is_none(), || "datagrams are taken".to_owned())?;
    venue.done("16 of 100 granted, no one-way stream, no datagrams")
}

/// Input 5.
pub(crate) fn empty_messages() -> Result<Outcome, Broken> {
    let venue = Venue::start()?;
    let known = venue.owner.known()?;
    let before = (venue.owner.entries()?, venue.owner.peak_kib()?);
    let mut link = venue.to_owner()?;
    let grant = known.grant(&venue.liar.public())?;
    let log = Forged::begin(&venue.liar, known.event(), grant, 5).log;
    let push = |count: usize| {
        Frame::Push(Push {
            log: LogRef::Name(log),
            from: 1,
            entries: vec![Vec::new(); count],
            signature: Signature::from_bytes([0; 64]),
        })
    };
    link.say(&push(257))?;
    link.say(&push(32_768))?;
    link.say(&Frame::Cells(vec![Vec::new(); 32_000]))?;
    Venue::until_refused(&venue.owner, "malformed", 3)?;
    let grown = venue.owner.peak_kib()?.saturating_sub(before.1);
    ensure(venue.owner.entries()? == before.0, || {
        "something was stored".to_owned()
    })?;
    ensure(grown <= REFUSED_KIB_MAX, || {
        format!("{grown} KiB were used for it")
    })?;
    venue.done(format!(
        "257 entries, 32,768 entries and 32,000 cells each refused, {grown} KiB more than before"
    ))
}

/// Input 6.
pub(crate) fn nested_groups() -> Result<Outcome, Broken> {
    let venue = Venue::start()?;
    let known = venue.owner.known()?;
    let mut link = venue.to_owner()?;
    let whole = encode_frame(&Frame::Hello(Hello {
        event_tag: first_bytes(&known.event().0.0),
        ..hello()
    }));
    let deep = [&whole[..], &bytes::groups(101)].concat();
    let open = [&whole[..], &bytes::open_group()].concat();
    let wrong_end = [&whole[..], &bytes::open_group(), &[0xec, 0x03]].concat();
    for frame in [&deep, &open, &wrong_end] {
        link.frame(frame)?;
    }
    Venue::until_refused(&venue.owner, "malformed", 3)?;
    ensure(link.ended().is_none(), || "ended too early".to_owned())?;

    let grant = known.grant(&venue.liar.public())?;
    let mut log = Forged::begin(&venue.liar, known.event(), grant, 6);
    log.score(1, 11, 700).add(bytes::groups(101));
    let entry = log.branch();
    link.say(&Frame::Push(log.push()))?;
    until("the unreadable entry is kept and relayed", DEADLINE, || {
        let held = venue.tablet.known()?;
        Ok(held.entry(&entry.log, 2) == Some(&bytes::groups(101)[..]))
    })?;
    let unknown = venue.tablet.number("/readings/unknown")?;
    ensure(unknown == 1, || format!("{unknown} entries are unknown"))?;
    venue.done(
        "in a frame: 3 malformed counted; in a signed entry: kept, relayed byte by byte, not \
         counted",
    )
}

/// Waits until the node gives the stream up.
fn broken(link: &Link) -> Result<(), Broken> {
    let end = link.end_within(DEADLINE)?;
    ensure(end == BROKEN, || format!("not code 7: {end}"))
}

fn hello() -> Hello {
    Hello {
        version: 1,
        event_tag: [1; 8],
        state: [2; 16],
        store: 3,
        answer: false,
        receipts: 0,
        clock_ms: 0,
    }
}

fn first_bytes(id: &[u8; 32]) -> [u8; 8] {
    let mut tag = [0; 8];
    tag.copy_from_slice(id.split_at(8).0);
    tag
}
