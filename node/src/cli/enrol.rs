//! `invite` and `join`: how a device comes in, and what both screens show meanwhile.
//!
//! The line of text goes to the standard output, so that programs read it; the square for cameras
//! and what people do next go beside it. Layer: node, cli.

use std::fs::OpenOptions;
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use super::args::{Invite, Join, Shown};
use super::failure::Failure;
use super::session::{DONE, Session, say};
use super::{done, question, show};
use crate::clock::Clock;
use crate::local::protocol::{
    self, Answer, Called, Done, EnrolInfo, InviteOver, Invited, NodeInfo, Nothing, Offered,
    PairConfirm, PairingInfo, Request, exits,
};
use crate::qr::Qr;

/// Most bytes of a ticket that is read; a real one has below 500.
const TICKET_BYTES_MAX: u64 = 4096;

/// How often a node is asked while a person waits: soon enough to seem at once.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// How long digits are waited for, in seconds: what the core allows for meeting.
const DIGITS_WAIT_SECONDS: u64 = 15 * 60;

/// How long is waited after a person confirmed digits, in seconds: the other person's time.
const CONFIRMED_WAIT_SECONDS: u64 = 150;

/// Why waiting ended without what was waited for.
enum Gone {
    /// The time is over.
    Late,
    /// The node said why not.
    Failed(Failure),
}

/// Opens an invite, or does what else `invite` can.
pub(super) fn invite(args: &Invite, session: &Session) -> Result<u8, Failure> {
    if args.list {
        let screen = session.config.screen;
        session.show::<EnrolInfo>(Request::Enrolment(Nothing {}), |it| {
            show::invites(it, screen)
        })?;
        return Ok(DONE);
    }
    if let Some(meant) = &args.cancel {
        let invite = (meant != "all").then(|| meant.clone());
        let request = Request::InviteCancel(protocol::InviteCancel { invite });
        return done(request, session);
    }
    if args.digits {
        return invite_by_digits(args, session);
    }
    if let Some(device) = &args.device {
        return invite_device(device, args, session);
    }
    let request = Request::Invite(protocol::Invite {
        role: args.role,
        label: args.label.clone(),
        addresses: args.address.clone(),
        minutes: Some(args.expires),
    });
    let it = session.show::<Invited>(request, |it| format!("{}\n", it.ticket))?;
    show_code(&it.ticket, &args.shown, session)?;
    if !session.json {
        let way = if it.addresses.is_empty() {
            "no address is in it: the device must find this one by mDNS".to_owned()
        } else {
            format!("this device is at {}", it.addresses.join(", "))
        };
        say(&format!(
            "One device may use this ticket once, within {} min: `tallyline join TICKET`. It is \
             secret until then; {way}.",
            it.minutes
        ));
    }
    if args.wait {
        return wait_for_use(&it.invite, session);
    }
    Ok(DONE)
}

/// Invites the device whose offer was scanned.
fn invite_device(device: &str, args: &Invite, session: &Session) -> Result<u8, Failure> {
    let request = Request::InviteDevice(protocol::InviteDevice {
        device: device.to_owned(),
        role: args.role,
        label: args.label.clone(),
        minutes: Some(args.expires),
    });
    let it = session.show::<Called>(request, |it| format!("{}\n", it.invite))?;
    if !session.json {
        say(&format!(
            "The device {} is dialled. Its screen and `tallyline devices` will show the same four \
             words.",
            first_group(&it.key)
        ));
    }
    if args.wait {
        return wait_for_use(&it.invite, session);
    }
    Ok(DONE)
}

/// Waits until an invite was used, and tells by whom.
fn wait_for_use(invite: &str, session: &Session) -> Result<u8, Failure> {
    let over = wait(session, None, |info| {
        info.over
            .iter()
            .find(|it| it.invite == invite)
            .cloned()
            .map(Ok)
    });
    match over {
        Ok(it) if it.end == "used" => told_used(&it, session),
        Ok(it) if it.end == "over" => Err(Failure::new(
            "invite_over",
            exits::TIMEOUT,
            "nobody used the invite in time; it is burnt; invite again",
        )),
        Ok(_) => Err(Failure::new(
            "invite_cancelled",
            exits::FAILURE,
            "the invite was cancelled before anybody used it",
        )),
        Err(Gone::Late) => Err(late("nobody used the invite in time; invite again")),
        Err(Gone::Failed(failure)) => Err(failure),
    }
}

fn told_used(it: &InviteOver, session: &Session) -> Result<u8, Failure> {
    let unknown = || "-".to_owned();
    let label = it.label.clone().unwrap_or_else(unknown);
    let words = it.words.clone().unwrap_or_else(unknown);
    if session.json {
        let told = serde_json::to_string(it).unwrap_or_default();
        session.write(&format!("{told}\n"))?;
    } else {
        session.write(&format!(
            "device  {}\nwords   {words}\n",
            show::plain(&label)
        ))?;
        say("Admitted. Both screens must show the same words; if not, a stranger used the ticket.");
    }
    Ok(DONE)
}

/// Asks for admission, or shows what an owner's device needs to come here.
pub(super) fn join(args: &Join, session: &Session) -> Result<u8, Failure> {
    if args.digits {
        return join_by_digits(args, session);
    }
    if args.show {
        let it = session.show::<Offered>(Request::JoinOffer(Nothing {}), |it| {
            format!("{}\n", it.device)
        })?;
        show_code(&it.device, &args.shown, session)?;
        if !session.json {
            say(&format!(
                "This device is {} at {}. On the owner's device: `tallyline invite --device TEXT`. \
                 The text is secret, and works once within 15 min.",
                first_group(&it.key),
                it.addresses.join(", ")
            ));
        }
    } else {
        let ticket = typed_ticket(args.ticket.as_deref().unwrap_or("-"))?;
        let request = Request::Join(protocol::Join { ticket });
        if !args.wait {
            return done(request, session);
        }
        let asked: Done = Answer::Ok(session.ask(request)?).data()?;
        if !session.json {
            say(&asked.text);
        }
    }
    if args.wait {
        return wait_for_admission(args.within, session);
    }
    Ok(DONE)
}

/// Takes the ticket as it was typed, or from the standard input.
fn typed_ticket(typed: &str) -> Result<String, Failure> {
    if typed != "-" {
        return Ok(typed.to_owned());
    }
    let mut ticket = String::new();
    let input = io::stdin().lock();
    input
        .take(TICKET_BYTES_MAX)
        .read_to_string(&mut ticket)
        .map_err(|error| Failure::file(format!("the ticket could not be read: {error}")))?;
    Ok(ticket.trim().to_owned())
}

/// Waits until this device is admitted, and shows what the owner's screen shows.
fn wait_for_admission(seconds: u64, session: &Session) -> Result<u8, Failure> {
    let admitted = wait(session, Some(seconds), |info| {
        if let Some(end) = &info.ended {
            return Some(Err(ended(end)));
        }
        let here = info.phase == "member" && info.admitted;
        here.then(|| Ok(info.clone()))
    });
    let info = match admitted {
        Ok(info) => info,
        Err(Gone::Failed(failure)) => return Err(failure),
        Err(Gone::Late) => {
            return Err(late(
                "this device is not admitted yet; it goes on asking by itself. Check that both \
                 devices are on one network and that the owner's node runs, then look at \
                 `tallyline status`",
            ));
        }
    };
    if session.json {
        let told = serde_json::to_string(&info).unwrap_or_default();
        session.write(&format!("{told}\n"))?;
    } else {
        session.write(&show::joined(&info))?;
        say("Admitted. The owner's screen must show the same name and words.");
    }
    Ok(DONE)
}

/// Waits on the owner's device until digits can be compared, and asks whether they are equal.
fn invite_by_digits(args: &Invite, session: &Session) -> Result<u8, Failure> {
    if let Some(digits) = &args.confirm {
        confirm(Some(digits.clone()), session)?;
        return wait_after_digits(args.wait, session);
    }
    if args.address.is_empty() {
        return Err(Failure::usage(
            "`invite --digits` needs the address that the new device shows after `join --digits`: \
             --address ADDR; nothing was changed",
        ));
    }
    ask_quietly(
        Request::PairOwner(protocol::PairOwner {
            addresses: args.address.clone(),
            role: args.role,
            label: args.label.clone(),
        }),
        session,
    )?;
    if !session.json {
        say("On the new device: `tallyline join --digits`. Looking for it...");
    }
    let pairing = wait_for_digits(session)?;
    if compared(&pairing, "invite", session)? {
        wait_after_digits(true, session)
    } else {
        Ok(exits::PENDING)
    }
}

/// Waits until the device of a pairing is admitted.
fn wait_after_digits(wanted: bool, session: &Session) -> Result<u8, Failure> {
    if !wanted {
        return Ok(DONE);
    }
    let over = wait(session, Some(CONFIRMED_WAIT_SECONDS), |info| {
        let key = info.pairing.as_ref()?.key.clone()?;
        let used = |it: &&InviteOver| it.key.as_ref() == Some(&key);
        info.over.iter().find(used).cloned().map(Ok)
    });
    match over {
        Ok(it) => told_used(&it, session),
        Err(Gone::Late) => Err(late("the digits were not confirmed on the new device")),
        Err(Gone::Failed(failure)) => Err(failure),
    }
}

/// Waits on the new device until digits can be compared, and asks whether they are equal.
fn join_by_digits(args: &Join, session: &Session) -> Result<u8, Failure> {
    if let Some(digits) = &args.confirm {
        confirm(Some(digits.clone()), session)?;
        return if args.wait {
            wait_for_admission(args.within, session)
        } else {
            Ok(DONE)
        };
    }
    ask_quietly(Request::PairDevice(Nothing {}), session)?;
    let node: NodeInfo = Answer::Ok(session.ask(Request::Node(Nothing {}))?).data()?;
    if !session.json {
        say(&format!(
            "This device is {}, {}. On the owner's device: `tallyline invite --digits --address {}`.",
            show::plain(&node.label),
            first_group(&node.key),
            node.addresses.first().map_or("ADDRESS", String::as_str)
        ));
    }
    let pairing = wait_for_digits(session)?;
    if compared(&pairing, "join", session)? {
        wait_for_admission(CONFIRMED_WAIT_SECONDS, session)
    } else {
        Ok(exits::PENDING)
    }
}

fn wait_for_digits(session: &Session) -> Result<PairingInfo, Failure> {
    let pairing = wait(session, Some(DIGITS_WAIT_SECONDS), |info| {
        let pairing = info.pairing.as_ref()?;
        match pairing.phase.as_str() {
            "comparing" => Some(Ok(pairing.clone())),
            "waiting" => None,
            _ => Some(Err(ended("pairing-failed"))),
        }
    });
    pairing.map_err(|gone| match gone {
        Gone::Late => late("the other device was not found; begin again on both devices"),
        Gone::Failed(failure) => failure,
    })
}

/// Shows the digits and asks a person; without a terminal the answer is a command of its own.
/// Returns whether they were confirmed here.
fn compared(pairing: &PairingInfo, verb: &str, session: &Session) -> Result<bool, Failure> {
    let digits = pairing.digits.clone().unwrap_or_default();
    let spaced = match digits.split_at_checked(3) {
        Some((left, right)) => format!("{left} {right}"),
        None => digits.clone(),
    };
    if session.json {
        let told = serde_json::to_string(pairing).unwrap_or_default();
        session.write(&format!("{told}\n"))?;
    } else {
        session.write(&format!("{spaced}\n"))?;
    }
    let other = show::plain(pairing.label.as_deref().unwrap_or("the other device"));
    if !question::can_be_asked() {
        say(&format!(
            "Both screens must show {spaced}. If they do: `tallyline {verb} --digits --confirm \
             DIGITS`, with the digits of {other}, within 2 min."
        ));
        return Ok(false);
    }
    let same = question::yes(&format!("Does the screen of {other} show {spaced}?"))?;
    confirm(same.then_some(digits), session)?;
    Ok(true)
}

fn confirm(digits: Option<String>, session: &Session) -> Result<(), Failure> {
    ask_quietly(Request::PairConfirm(PairConfirm { digits }), session)
}

fn ask_quietly(request: Request, session: &Session) -> Result<(), Failure> {
    let told: Done = Answer::Ok(session.ask(request)?).data()?;
    if !session.json {
        say(&told.text);
    }
    Ok(())
}

/// Asks the node again and again until `look` has an answer or the seconds are over.
fn wait<T>(
    session: &Session,
    seconds: Option<u64>,
    look: impl Fn(&EnrolInfo) -> Option<Result<T, Failure>>,
) -> Result<T, Gone> {
    let clock = Clock::start();
    let limit_ms = seconds.map_or(u64::MAX, |seconds| seconds.saturating_mul(1_000));
    loop {
        let value = session.ask(Request::Enrolment(Nothing {}));
        let info = value.and_then(|it| Answer::Ok(it).data::<EnrolInfo>().map_err(Failure::from));
        match look(&info.map_err(Gone::Failed)?) {
            Some(found) => return found.map_err(Gone::Failed),
            None if limit_ms <= clock.now().mono_ms => return Err(Gone::Late),
            // Another process cannot wake this one: it looks again after a while.
            None => std::thread::park_timeout(ASK_EVERY),
        }
    }
}

/// Shows a text as a square on the terminal and in a file, as far as wanted.
fn show_code(text: &str, shown: &Shown, session: &Session) -> Result<(), Failure> {
    let wanted = shown.qr || (io::stderr().is_terminal() && !session.json);
    if wanted {
        let screen = session.config.screen;
        match Qr::for_screen(text) {
            Ok(_) if !screen.utf8 && !shown.qr => say(
                "This terminal shows no QR (its locale is not UTF-8); write one with --png FILE.",
            ),
            Ok(qr) => say(&qr.half_blocks(screen.color)),
            Err(error) => say(&error.to_string()),
        }
    }
    let Some(path) = &shown.png else {
        return Ok(());
    };
    let qr = Qr::for_screen(text).map_err(|error| Failure::file(error.to_string()))?;
    let written = qr.png().and_then(|png| write_secret(path, &png));
    written.map_err(|error| {
        Failure::file(format!(
            "{} could not be written: {error}; the invite is open all the same, use the line of \
             text",
            path.display()
        ))
    })
}

/// Writes a file that nobody else may read: what it shows is a secret.
pub(super) fn write_secret(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    // A file that was there keeps its mode otherwise.
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    file.write_all(content)?;
    file.sync_all()
}

/// Returns the first group of a fingerprint: what people read aloud.
fn first_group(fingerprint: &str) -> &str {
    fingerprint.split('-').next().unwrap_or_default()
}

fn ended(end: &str) -> Failure {
    let (code, text) = match end {
        "invite-over" => (
            "invite_over",
            "this device was not admitted: the invite was used by another device, is over, or was \
             cancelled; nothing else was changed; ask the owner for a fresh one",
        ),
        "offer-over" => (
            "offer_over",
            "the owner's device did not come in time; nothing was changed; begin again with \
             `tallyline join --show`",
        ),
        _ => (
            "pairing_failed",
            "the digits were not confirmed on both devices; nobody was admitted; wait 30 s and \
             begin again on both devices",
        ),
    };
    Failure::new(code, exits::REFUSED, text)
}

fn late(text: &str) -> Failure {
    Failure::new("timed_out", exits::TIMEOUT, text)
}
