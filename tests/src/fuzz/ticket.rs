//! Tickets as bytes and as text, and the fingerprints that people read aloud.

use tallyline_keys::PublicKey;
use tallyline_proto::wire::{decode_ticket, encode_ticket, ticket_from_text, ticket_to_text};

/// Reads any bytes as a ticket, as a ticket's text and as a fingerprint; what can be read is
/// written and read again.
///
/// # Panics
/// If something does not hold.
pub fn run(data: &[u8]) {
    if let Ok(ticket) = decode_ticket(data) {
        let again = decode_ticket(&encode_ticket(&ticket));
        assert_eq!(again.as_ref(), Ok(&ticket), "bytes read back");
        let text = ticket_to_text(&ticket);
        // A ticket that is longer than any real one is refused as text: no person types it.
        if text.len() <= LONGEST_TEXT {
            assert_eq!(
                ticket_from_text(&text).as_ref(),
                Ok(&ticket),
                "text reads back"
            );
        }
    }
    let text = String::from_utf8_lossy(data);
    for text in [text.as_ref(), &format!("TALLYLINE1-{text}")] {
        match ticket_from_text(text) {
            Ok(ticket) => {
                let again = ticket_from_text(&ticket_to_text(&ticket));
                assert_eq!(again, Ok(ticket), "text reads back");
            }
            Err(problem) => assert!(problem.to_string().len() < 200, "{problem}"),
        }
    }
    if let Ok(key) = PublicKey::parse(&text) {
        assert_eq!(
            PublicKey::parse(&key.fingerprint()),
            Ok(key),
            "a key reads back"
        );
    }
}

/// Longest text of a ticket that is read, in bytes, as docs/PROTOCOL.md has it.
const LONGEST_TEXT: usize = 1024;
