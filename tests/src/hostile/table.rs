//! The list of all bad inputs with what has to come of them, and the printed table.
//!
//! The numbers are those of the plan's list and never change. Layer: above the cases.

use serde_json::{Value, json};

use super::cases::{framing, logs, signatures};
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
        input: "the same entry with an over-long varint or reordered fields, under the original's signature",
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
