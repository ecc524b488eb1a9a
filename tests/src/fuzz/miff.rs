//! The Match Interchange File Format: gzip, or the text inside.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use tallyline::files::miff::{read_miff, write_miff};

use super::psc::check;

/// Reads any bytes as a MIFF file; what is no gzip is packed first. What can be read and has its
/// numbers is written, and read again as the same.
///
/// # Panics
/// If something does not hold.
pub fn run(data: &[u8]) {
    let read = if data.starts_with(&[0x1f, 0x8b]) {
        read_miff(data)
    } else {
        read_miff(&packed(data))
    };
    let read = match read {
        Ok(read) => read,
        Err(complaints) => return check(&complaints),
    };
    match write_miff(&read.value) {
        Ok(bytes) => {
            let again = read_miff(&bytes).map(|again| again.value);
            assert_eq!(again, Ok(read.value), "what was written reads back");
        }
        Err(complaints) => check(&complaints),
    }
}

fn packed(data: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::new(1));
    let packed = packer.write_all(data).and_then(|()| packer.finish());
    packed.unwrap_or_default()
}
