//! A bundle, checked by itself: every hash and every signature, without a root and without a
//! network. Anybody can do it, with the program and the file alone.
//!
//! Each frame is judged where it stands, so that a file that was cut or altered is told with the
//! place. Layer: node, exchange.

use serde::{Deserialize, Serialize};
use tallyline_keys::DeviceKey;
use tallyline_proto::log::{Ledger, Refusal};
use tallyline_proto::model::{EventId, Incarnation, LogName, Manifest};
use tallyline_proto::replica::{
    Command, Disk, Identity, Input, Now, Replica, Reply, RequestId, Stored, Write,
};
use tallyline_proto::wire::{
    self, FRAME_BYTES_MAX, Frame, LogRef, decode_frame, decode_manifest, event_id,
};

use crate::files::complaint::Complaint;
use crate::root::hex;

/// How a bundle begins.
pub const MAGIC: &[u8] = b"TALLYLINE-BUNDLE-1\n";

/// What complaints call the file.
const BUNDLE: &str = "the bundle";
/// Most problems that are told one by one.
const PROBLEMS_MAX: usize = 100;

/// What a bundle holds, and what of it does not hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckReport {
    /// Names the shape.
    pub schema: String,
    /// Whether everything holds.
    pub ok: bool,
    /// The event's UUID.
    pub event: String,
    /// The event's id: the hash of its manifest.
    pub event_id: String,
    /// The event's name.
    pub name: String,
    /// Fingerprint of the key that founded it.
    pub founder: String,
    /// Fingerprint of the key that owns it now.
    pub owner: String,
    /// Logs.
    pub logs: u64,
    /// Entries whose hashes were recomputed.
    pub entries: u64,
    /// Signatures checked: heads, statements, cells.
    pub signatures: u64,
    /// Logs that forked, each with its proof.
    pub forks: Vec<String>,
    /// What does not hold, with where it stands in the file.
    pub problems: Vec<String>,
    /// What to know besides.
    pub remarks: Vec<String>,
    /// Digest of the tables, equal on every device that shows the same ones; empty if this version
    /// does not know the event's rules.
    pub standings_digest: String,
    /// Digest of all logs.
    pub state_digest: String,
}

/// A frame with its place in the file.
struct Placed {
    /// Its number, from 1.
    no: usize,
    /// Its first byte.
    at: usize,
    frame: Frame,
}

/// A disk that keeps nothing: what is checked stays in memory.
struct Nowhere;

impl Disk for Nowhere {
    type Error = std::convert::Infallible;

    fn commit(&mut self, _writes: &[Write]) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// Checks a bundle.
///
/// # Errors
///
/// A [`Complaint`] if the file is no bundle or its first frame, which says what event it is, cannot
/// be read; with the place.
pub fn check_bundle(bytes: &[u8]) -> Result<CheckReport, Complaint> {
    let mut report = CheckReport {
        schema: "tallyline.checked/1".to_owned(),
        ..CheckReport::default()
    };
    let frames = frames(bytes, &mut report)?;
    let (event, manifest) = founded(&frames)?;
    report.event = event.uuid().to_string();
    report.event_id = hex(&event.0.0);
    report.name.clone_from(&manifest.name);
    report.founder = manifest.owner.fingerprint();
    for (placed, flaw) in judge(event, &mut Ledger::new(event, manifest), frames) {
        problem(&mut report, &placed, &flaw);
    }
    // A cut file has whole frames before the cut: what they say is told all the same.
    summarize(bytes, &mut report);
    report.ok = report.problems.is_empty() && report.forks.is_empty();
    Ok(report)
}

/// Finds what of a bundle is damaged: cut, altered or missing between two frames. What holds and is
/// only refused by rights (a revoked device's entries, a fork's other branch) is no damage.
///
/// # Errors
///
/// As [`check_bundle`].
pub fn damage_of(bytes: &[u8]) -> Result<Vec<String>, Complaint> {
    let mut report = CheckReport::default();
    let frames = frames(bytes, &mut report)?;
    let (event, manifest) = founded(&frames)?;
    let mut ledger = Ledger::new(event, manifest);
    for (placed, flaw) in judge(event, &mut ledger, frames) {
        let damaged = match &flaw {
            Flaw::Refused(log, Refusal::Gap) => !ledger.forks().contains_key(log),
            Flaw::Refused(_, Refusal::BadSignature)
            | Flaw::Unnamed
            | Flaw::Cell(_)
            | Flaw::Second => true,
            Flaw::Refused(_, Refusal::UnknownGrant | Refusal::Quota | Refusal::OtherBranch(_)) => {
                false
            }
        };
        if damaged {
            problem(&mut report, &placed, &flaw);
        }
    }
    Ok(report.problems)
}

/// Reads the event from the first frame.
fn founded(frames: &[Placed]) -> Result<(EventId, Manifest), Complaint> {
    let Some(Frame::Welcome(bytes)) = frames.first().map(|placed| &placed.frame) else {
        let advice = "does not begin with an event; export it again";
        return Err(Complaint::new(BUNDLE, "frame 1", "", advice));
    };
    let manifest = decode_manifest(bytes).map_err(|error| {
        let advice = format!("the event cannot be read ({error}); export it again");
        Complaint::new(BUNDLE, "frame 1", "", &advice)
    })?;
    Ok((event_id(bytes), manifest))
}

/// Reads frame by frame up to what is broken.
fn frames(bytes: &[u8], report: &mut CheckReport) -> Result<Vec<Placed>, Complaint> {
    let Some(mut rest) = bytes.strip_prefix(MAGIC) else {
        let advice = "is no bundle: it does not begin as one; choose the file that `export` wrote";
        return Err(Complaint::new(BUNDLE, "byte 0", "", advice));
    };
    let mut frames = Vec::new();
    let mut no = 0_usize;
    while !rest.is_empty() {
        no = no.saturating_add(1);
        let at = bytes.len().saturating_sub(rest.len());
        let place = format!("frame {no}, byte {at}");
        let Some((length, after)) = varint(rest) else {
            report
                .problems
                .push(format!("{place}: the file ends within a frame's length"));
            break;
        };
        if u64::try_from(FRAME_BYTES_MAX).unwrap_or(u64::MAX) < length {
            let text = format!("{place}: a frame of {length} bytes; the file is altered from here");
            report.problems.push(text);
            break;
        }
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let Some((frame, after)) = after.split_at_checked(length) else {
            let there = after.len();
            let text = format!("{place}: the file ends here: {there} of {length} bytes are there");
            report.problems.push(text);
            break;
        };
        match decode_frame(frame) {
            Ok(Some(frame)) => frames.push(Placed { no, at, frame }),
            Ok(None) => {
                let text = format!("{place}: a kind of frame of a later version; not checked");
                report.remarks.push(text);
            }
            Err(error) => report
                .problems
                .push(format!("{place}: cannot be read: {error}")),
        }
        rest = after;
    }
    if frames.is_empty() {
        let advice = "holds nothing that can be read; export it again";
        return Err(Complaint::new(BUNDLE, "", "", advice));
    }
    Ok(frames)
}

/// Reads a length of at most ten bytes, seven bits each from the lowest.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value: u64 = 0;
    for (place, &byte) in bytes.iter().enumerate().take(10) {
        let shift = u32::try_from(place).ok()?.checked_mul(7)?;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(place.checked_add(1)?..)?));
        }
    }
    None
}

/// Takes the frames in, each by its own signatures. Who may write a log follows from statements in
/// others, so what nobody is known to have written is asked again until nothing new is learnt.
fn judge(event: EventId, ledger: &mut Ledger, frames: Vec<Placed>) -> Vec<(Placed, Flaw)> {
    let mut flaws = Vec::new();
    let mut waiting: Vec<Placed> = frames.into_iter().skip(1).collect();
    loop {
        let count = waiting.len();
        let mut later = Vec::new();
        for placed in waiting {
            match take(event, ledger, &placed.frame) {
                Ok(()) => {}
                Err(Flaw::Refused(_, Refusal::UnknownGrant | Refusal::Gap)) => later.push(placed),
                Err(flaw) => flaws.push((placed, flaw)),
            }
        }
        if later.len() == count || later.is_empty() {
            for placed in later {
                if let Err(flaw) = take(event, ledger, &placed.frame) {
                    flaws.push((placed, flaw));
                }
            }
            return flaws;
        }
        waiting = later;
    }
}

/// What is wrong with a frame.
enum Flaw {
    Refused(LogName, Refusal),
    Unnamed,
    Cell(String),
    Second,
}

fn take(event: EventId, ledger: &mut Ledger, frame: &Frame) -> Result<(), Flaw> {
    match frame {
        Frame::Push(push) => {
            let LogRef::Name(name) = push.log else {
                return Err(Flaw::Unnamed);
            };
            let taken = ledger.take(name, push.from, &push.entries, &push.signature);
            taken
                .map(drop)
                .map_err(|refusal| Flaw::Refused(name, refusal))
        }
        Frame::Fork(fork) => {
            let taken = ledger.take_fork(fork);
            taken
                .map(drop)
                .map_err(|refusal| Flaw::Refused(fork.log, refusal))
        }
        Frame::Cells(cells) => cells
            .iter()
            .try_for_each(|bytes| match wire::decode_cell(bytes) {
                Ok(Some(cell)) if cell.holds(event) => Ok(()),
                Ok(Some(cell)) => Err(Flaw::Cell(cell.signer.short())),
                Ok(None) => Ok(()),
                Err(error) => Err(Flaw::Cell(error.to_string())),
            }),
        Frame::Welcome(_) => Err(Flaw::Second),
        Frame::Hello(_)
        | Frame::Vector(_)
        | Frame::Have(_)
        | Frame::Want(_)
        | Frame::Present(_)
        | Frame::Join(_)
        | Frame::Refused(_)
        | Frame::Claim(_)
        | Frame::Commit(_)
        | Frame::Reveal(_)
        | Frame::Ask(_)
        | Frame::KeyAsk(_)
        | Frame::Keys(_)
        | Frame::Warrant(_)
        | Frame::Denied(_) => Ok(()),
    }
}

fn problem(report: &mut CheckReport, placed: &Placed, flaw: &Flaw) {
    let what = match flaw {
        Flaw::Refused(log, refusal) => {
            let entries = if let Frame::Push(push) = &placed.frame {
                let count = u64::try_from(push.entries.len()).unwrap_or(u64::MAX);
                let last = push.from.saturating_add(count).saturating_sub(1);
                format!("entries {} to {last} of ", push.from)
            } else {
                String::new()
            };
            let why = match refusal {
                Refusal::Gap => "entries before these are missing",
                Refusal::BadSignature => "a hash or the signature does not hold: they were altered",
                Refusal::UnknownGrant => "nobody in the file may write this log",
                Refusal::Quota => "more than an event may have",
                Refusal::OtherBranch(_) => "the owner chose the other branch",
            };
            format!("{entries}log {}: {why}", short(log))
        }
        Flaw::Unnamed => "entries of a log without its name".to_owned(),
        Flaw::Cell(what) => format!("a signed cell does not hold ({what})"),
        Flaw::Second => "a second event in one file".to_owned(),
    };
    if report.problems.len() < PROBLEMS_MAX {
        let (no, at) = (placed.no, placed.at);
        report
            .problems
            .push(format!("frame {no}, byte {at}: {what}"));
    }
}

/// Returns a log's name as messages show it: the grant's first group and the incarnation.
fn short(log: &LogName) -> String {
    let grant = log.grant.uuid().to_string();
    let first = grant.split('-').next().unwrap_or_default();
    format!("{first}-{:016x}", log.incarnation.0)
}

/// Reads the event from what holds, and counts.
fn summarize(bytes: &[u8], report: &mut CheckReport) {
    let Some(mut replica) = replica_of(bytes) else {
        return;
    };
    let verified = replica.verify();
    report.logs = verified.logs;
    report.entries = verified.entries;
    report.signatures = verified.signatures;
    for text in verified.problems {
        let list = if text.ends_with("forked") {
            &mut report.forks
        } else {
            &mut report.problems
        };
        list.push(text);
    }
    report.owner = replica
        .owner()
        .map(|key| key.fingerprint())
        .unwrap_or_default();
    for log in replica.logs() {
        if log.height < log.head_known {
            report.remarks.push(format!(
                "log {} of {} has {} entries here, and a signed word of {}: the file was written \
                 before the rest came in, or it was cut between two frames",
                short(&log.name),
                log.label,
                log.height,
                log.head_known
            ));
        }
    }
    report.state_digest = hex(&replica.state_digest());
    if let Some(standings) = replica.standings() {
        report.standings_digest = hex(&standings.digest());
    }
}

/// Reads a bundle into memory, as far as it goes.
///
/// Returns `None` if the file is no bundle.
pub fn replica_of(bytes: &[u8]) -> Option<Replica> {
    let whole = whole_frames(bytes)?;
    let identity = Identity {
        // Signs nothing: nothing leaves this replica.
        key: DeviceKey::from_seed([0x5a; 32]),
        store: 1,
        label: "verify".to_owned(),
        cloud: false,
        warrant: None,
    };
    let mut replica = Replica::open(identity, Stored::default(), Incarnation(1)).ok()?;
    // A log that another one's statements admit may stand before it: until nothing is new.
    for request in 1.. {
        let import = Input::Command {
            request: RequestId(request),
            command: Box::new(Command::Import(whole.clone())),
        };
        let now = Now {
            mono_ms: request,
            wall_ms: 0,
        };
        let done = replica.step(now, vec![import]).persist(&mut Nowhere);
        let replies = done.map(|released| released.replies).unwrap_or_default();
        match replies.first() {
            Some((_, Reply::Imported { fresh, .. })) if 0 < *fresh => {}
            Some((_, Reply::Imported { .. })) => break,
            Some(_) | None => return None,
        }
    }
    Some(replica)
}

/// Returns the frames of a bundle that are whole and can be read, as a bundle; `None` if the file is
/// none.
pub fn whole_frames(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut whole = MAGIC.to_vec();
    let mut rest = bytes.strip_prefix(MAGIC)?;
    while let Some((length, after)) = varint(rest) {
        let length = usize::try_from(length).ok()?;
        let Some((frame, after)) = after.split_at_checked(length) else {
            break;
        };
        let taken = rest.len().saturating_sub(after.len());
        if decode_frame(frame).is_ok() {
            whole.extend_from_slice(rest.get(..taken)?);
        }
        rest = after;
    }
    Some(whole)
}
