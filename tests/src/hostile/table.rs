//! The list of all bad inputs with what has to come of them, and the printed table.
//!
//! The numbers are those of the plan's list and never change. Layer: above the cases.

use serde_json::{Value, json};

use super::cases::{
    authority, discovery, disk, framing, logs, ownership, quota, receipts, signatures, structure,
    tls, words,
};
use super::{Outcome, Run};
use crate::process::Broken;

/// One bad input.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Its number.
    pub number: u8,
    /// What is given to a node.
    pub input: &'static str,
    /// What has to come of it.
    pub expected: &'static str,
    /// What gives it and looks.
    pub run: Run,
}

/// All bad inputs, by number.
pub const CASES: &[Case] = &[
    Case {
        number: 1,
        input: "random bytes, 0 B, a frame cut short, a frame of 64 KiB and one byte",
        expected: "each frame refused as malformed and the connection ended at the tenth (code 9); \
                   a stream cut inside a frame or a frame too long ends it at once (code 7)",
        run: framing::rubbish,
    },
    Case {
        number: 2,
        input: "a frame that announces 4 GiB",
        expected: "the connection ended at once (code 7), nothing allocated for it",
        run: framing::four_gibibytes,
    },
    Case {
        number: 3,
        input: "a frame of 100 bytes at one byte a second",
        expected: "the connection ended 10 s after the first byte (code 7)",
        run: framing::a_byte_a_second,
    },
    Case {
        number: 4,
        input: "100 streams opened and left idle",
        expected: "16 granted, none of them one-way, no datagrams",
        run: framing::idle_streams,
    },
    Case {
        number: 5,
        input: "32,768 empty messages in one frame",
        expected: "refused as malformed; so is one entry above 256; no memory that stays",
        run: framing::empty_messages,
    },
    Case {
        number: 6,
        input: "protobuf nested 101 deep, groups that do not end or end wrongly",
        expected: "malformed in a frame; in an entry that is signed: kept, relayed, not counted",
        run: framing::nested_groups,
    },
    Case {
        number: 7,
        input: "the same entry with an over-long varint or reordered fields, under the \
                original's signature",
        expected: "bad signature, nothing stored",
        run: signatures::encoded_otherwise,
    },
    Case {
        number: 8,
        input: "an entry with a field of a later version, signed",
        expected: "stored, relayed byte by byte, and what is known of it counts",
        run: signatures::a_later_versions_field,
    },
    Case {
        number: 9,
        input: "a signature with one bit off, none, one of 63 B",
        expected: "refused, nothing stored",
        run: signatures::not_quite_signed,
    },
    Case {
        number: 10,
        input: "a signature with S + L",
        expected: "bad signature, nothing stored",
        run: signatures::above_the_groups_order,
    },
    Case {
        number: 11,
        input: "an Admit by the owner of a key of small order, the neutral point among them",
        expected: "kept as evidence, nobody is admitted",
        run: signatures::weak_keys,
    },
    Case {
        number: 12,
        input: "a signature with R of small order under a good key",
        expected: "bad signature, nothing stored",
        run: signatures::small_order_r,
    },
    Case {
        number: 13,
        input: "an entry signed for another event, another use, another log",
        expected: "bad signature, nothing stored",
        run: signatures::signed_for_something_else,
    },
    Case {
        number: 14,
        input: "one entry replayed 1,000 times",
        expected: "stored once, acknowledged each time",
        run: logs::replayed,
    },
    Case {
        number: 15,
        input: "two signed entries at one sequence",
        expected: "a proof on every node, disputed from there on, the light says trouble",
        run: logs::two_entries_at_one_place,
    },
    Case {
        number: 16,
        input: "1,000 branches of one log",
        expected: "one proof is kept, the same on every node",
        run: logs::a_thousand_branches,
    },
    Case {
        number: 17,
        input: "a gap; sequence 0; sequence 2^64 - 1",
        expected: "a gap is refused and answered by the own height; the others are malformed",
        run: logs::gaps,
    },
    Case {
        number: 18,
        input: "an entry that continues another past",
        expected: "bad signature, nothing stored",
        run: logs::another_past,
    },
    Case {
        number: 19,
        input: "an entry after the grant's end, and another one in the place of an old one",
        expected: "late and flagged; a fork, disputed",
        run: logs::after_the_end,
    },
    Case {
        number: 20,
        input: "300 logs under a grant that nobody knows",
        expected: "refused and counted, nothing stored, no error of the peer; taken when the \
                   grant is known",
        run: authority::unknown_grant,
    },
    Case {
        number: 21,
        input: "a grant signed by a device that is not the owner",
        expected: "refused in the control log; elsewhere kept as evidence, without effect",
        run: authority::grants_by_others,
    },
    Case {
        number: 22,
        input: "two open grants that cover one cell",
        expected: "for that cell the deepest, of equal ones the lowest id is live; the other is \
                   late; the same on every node",
        run: authority::two_grants_for_one_cell,
    },
    Case {
        number: 23,
        input: "an Assign that closes a grant that does not exist",
        expected: "invalid as a whole, kept as evidence",
        run: authority::closing_what_is_not_there,
    },
    Case {
        number: 24,
        input: "a cut that names a hash nobody has; a cut with another hash than the log's",
        expected: "what is here up to the cut counts, and so does what comes up to it; another \
                   hash: disputed",
        run: authority::unknown_cut,
    },
    Case {
        number: 25,
        input: "the owner revokes its own key",
        expected: "kept as evidence, changes nothing",
        run: ownership::the_owner_revokes_itself,
    },
    Case {
        number: 26,
        input: "a revoked key is admitted again, before and after",
        expected: "no member; refused on the owner's device (E02) and at the door",
        run: ownership::a_revoked_key_comes_back,
    },
    Case {
        number: 27,
        input: "a Transfer without the new owner's signature",
        expected: "kept as evidence, changes nothing",
        run: ownership::a_transfer_nobody_agreed_to,
    },
    Case {
        number: 28,
        input: "the old owner grants after a Transfer",
        expected: "changes nothing on any node; refused on its own device (E02)",
        run: ownership::the_old_owner_goes_on,
    },
    Case {
        number: 29,
        input: "a Recover signed by a key that the manifest does not list",
        expected: "refused, nothing stored",
        run: ownership::a_recovery_by_an_unlisted_key,
    },
    Case {
        number: 30,
        input: "a control log of 4,097 statements; two of them that name each other as \
                predecessors",
        expected: "by the owner: kept up to 4,096, the rest refused, and the nodes stay small and \
                   answer; by anybody else: refused",
        run: authority::flood_of_statements,
    },
    Case {
        number: 31,
        input: "entries past the cut of a stolen device",
        expected: "quarantined, not counted",
        run: authority::after_a_theft,
    },
    Case {
        number: 32,
        input: "entries past the cut of a dead device, slot free, slot taken",
        expected: "free: late, and counts; taken: flagged, does not count",
        run: authority::after_a_death,
    },
    Case {
        number: 33,
        input: "a void of another's entry, of a void, of an unknown entry",
        expected: "no effect, kept, flagged",
        run: authority::voids_by_others,
    },
    Case {
        number: 34,
        input: "a score for a shooter or a drill that the structure does not have",
        expected: "stored, flagged, not counted",
        run: authority::not_in_the_structure,
    },
    Case {
        number: 35,
        input: "times of 1970 and 2106, jumps back, and as far as numbers go",
        expected: "stored and shown, no verdict depends on them",
        run: words::impossible_times,
    },
    Case {
        number: 36,
        input: "TLS: no certificate, RSA, P-256; expired and not yet valid with the right key",
        expected: "the first three refused, the last two taken",
        run: tls::wrong_certificates,
    },
    Case {
        number: 37,
        input: "TLS: another device's certificate with the liar's key",
        expected: "the handshake fails",
        run: tls::copied_certificate,
    },
    Case {
        number: 38,
        input: "TLS 1.2; 0-RTT; tickets of old sessions",
        expected: "refused; none is given",
        run: tls::old_tls_and_early_data,
    },
    Case {
        number: 39,
        input: "a stranger that says nothing, sends more than 64 KiB, speaks of logs, or guesses \
                an invite",
        expected: "ended within 5 s or at once (code 8 or 9), nothing stored, nobody admitted",
        run: tls::strangers,
    },
    Case {
        number: 40,
        input: "two devices with one key at once",
        expected: "both are served, and both links are shown",
        run: tls::clone,
    },
    Case {
        number: 41,
        input: "a device that is connected when its key is revoked",
        expected: "its connections end within a second (code 10)",
        run: ownership::revoked_while_connected,
    },
    Case {
        number: 42,
        input: "1,000 first packets of QUIC a second from many addresses",
        expected: "senders must prove their address; memory stays small; a member gets in",
        run: tls::flood_of_first_packets,
    },
    Case {
        number: 43,
        input: "handshakes and a stream in pieces of one byte, the last ones first",
        expected: "what is kept is bounded; a stream with too many gaps ends the connection",
        run: tls::crumbs,
    },
    Case {
        number: 44,
        input: "mDNS: a device's own name at an attacker's address, 5,000 forged devices, a \
                record cut short, a name of 300 B, a goodbye for a live device",
        expected: "TLS decides, a stranger is told nothing but an Admit; candidates are bounded; \
                   the live connection stays; a fresh device is found",
        run: discovery::forged_records,
    },
    Case {
        number: 45,
        input: "receipts by a wrong key, for an unknown log, with another hash, older than the \
                one held, beyond our head",
        expected: "refused or without effect; beyond our head: counts for what is here",
        run: receipts::false_receipts,
    },
    Case {
        number: 46,
        input: "heights and presences without a receipt",
        expected: "nothing is in the cloud",
        run: receipts::boasts,
    },
    Case {
        number: 47,
        input: "a cloud whose answers come twice, in any order, with another hash, after a dead \
                connection, for half of it",
        expected: "in the cloud is exactly what a signed receipt with the right hash covers",
        run: receipts::lying_cloud,
    },
    Case {
        number: 48,
        input: "a manifest whose hash is another, one of 51,201 B, a Lock of another structure",
        expected: "refused; kept without effect",
        run: structure::other_structures,
    },
    Case {
        number: 49,
        input: "chunks of media among the frames",
        expected: "media never come as frames: a frame of an unknown kind is skipped",
        run: structure::media_as_frames,
    },
    Case {
        number: 50,
        input: "a disk that fills in the middle of a batch",
        expected: "no acknowledgement, the light says so; taken once there is room",
        run: disk::full_disk,
    },
    Case {
        number: 51,
        input: "a store cut short, empty, with flipped bits, of another format, in use by a \
                second process",
        expected: "moved aside and fetched again; the second process ends with a message",
        run: disk::damaged_store,
    },
    Case {
        number: 52,
        input: "a key file that others can read, that holds rubbish, that is missing",
        expected: "the node does not start and says what to do",
        run: disk::bad_key_files,
    },
    Case {
        number: 53,
        input: "tickets: wrong version, damaged, 10 KB, of another event, used before",
        expected: "clear words, nothing changed",
        run: words::bad_tickets,
    },
    Case {
        number: 54,
        input: "labels with marks of direction, NUL, line feeds, too long, empty; HTML",
        expected: "refused everywhere; HTML is only text, since there is no page",
        run: words::bad_labels,
    },
    Case {
        number: 55,
        input: "a member that writes for ever",
        expected: "taken up to its quota, the rest refused and counted; the others go on",
        run: quota::writes_for_ever,
    },
];

/// Finds a case by its number.
pub fn find(number: u8) -> Option<&'static Case> {
    CASES.iter().find(|case| case.number == number)
}

/// Returns one line of the table for a person.
pub fn line(case: &Case, outcome: &Result<Outcome, Broken>) -> String {
    let (mark, observed) = match outcome {
        Ok(Outcome::Seen(seen)) => ("ok", seen.text.clone()),
        Ok(Outcome::Skipped(why)) => ("SKIPPED", why.clone()),
        Err(broken) => ("NOT OK", broken.to_string()),
    };
    format!(
        "| {} | {} | {} | {observed} | {mark} |",
        case.number, case.input, case.expected
    )
}

/// Returns one line of the table for a program.
pub fn record(case: &Case, outcome: &Result<Outcome, Broken>) -> Value {
    let mut record = json!({"number": case.number, "input": case.input,
        "expected": case.expected, "ok": outcome.is_ok()});
    let rest = match outcome {
        Ok(Outcome::Seen(seen)) => json!({"observed": seen.text,
            "peak_kib": seen.figures.peak_kib, "files": seen.figures.files,
            "honest_ms": seen.figures.honest_ms}),
        Ok(Outcome::Skipped(why)) => json!({"skipped": why}),
        Err(broken) => json!({"observed": broken.to_string()}),
    };
    if let (Some(record), Value::Object(rest)) = (record.as_object_mut(), rest) {
        record.extend(rest);
    }
    record
}
