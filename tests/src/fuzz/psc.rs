//! The scoring app's export: a zip, or its texts.

use tallyline::files::{
    Complaints,
    psc::{read_psc, read_texts, write_psc},
};

/// Longest list of complaints as text, in bytes: a screenful, whatever the file holds.
pub(super) const COMPLAINTS_BYTES_MAX: usize = 8 * 1024;

/// Reads any bytes as an export: a zip if they begin like one; otherwise texts with a zero byte
/// between them, as no JSON holds one. What can be read is written, and read again as the same.
///
/// # Panics
/// If something does not hold.
pub fn run(data: &[u8]) {
    let read = if data.starts_with(b"PK") {
        read_psc(data)
    } else {
        let mut texts = data.splitn(3, |&byte| byte == 0);
        let definition = texts.next().unwrap_or_default();
        read_texts(definition, texts.next(), texts.next())
    };
    let read = match read {
        Ok(read) => read,
        Err(complaints) => return check(&complaints),
    };
    match write_psc(&read.value) {
        Ok(bytes) => {
            let again = read_psc(&bytes).map(|again| again.value);
            assert_eq!(again, Ok(read.value), "what was written reads back");
        }
        Err(complaints) => check(&complaints),
    }
}

/// Checks that a refusal says why, in few words.
pub(super) fn check(complaints: &Complaints) {
    let said = complaints.to_string();
    assert!(!said.is_empty(), "a refusal says why");
    let length = said.len();
    assert!(
        length <= COMPLAINTS_BYTES_MAX,
        "{length} bytes of complaints"
    );
}
