//! The text report with its tagged lines.

use tallyline::files::{psc::write_psc, text_report::read_text_report};

use super::psc::check;

/// Reads any bytes as a report; what can be read is written, and reads back to the same text. Its
/// match holds sums of hits, which the app's export refuses.
///
/// # Panics
/// If something does not hold.
pub fn run(data: &[u8]) {
    let report = match read_text_report(data) {
        Ok(read) => read.value,
        Err(complaints) => return check(&complaints),
    };
    let text = report.to_text();
    let again = read_text_report(text.as_bytes());
    let again = again.map(|again| again.value.to_text());
    assert_eq!(again.as_deref(), Ok(text.as_str()), "a report reads back");
    let it = report.to_match().value;
    assert_eq!(
        it.scores.len(),
        report.scores.rows.len(),
        "every score is taken"
    );
    let written = write_psc(&it);
    assert_eq!(written.is_ok(), it.scores.is_empty(), "sums have no place");
}
