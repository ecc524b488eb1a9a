//! A bundle file: everything about an event as a recorded one-way conversation.
//!
//! Layout: the line `TALLYLINE-BUNDLE-1\n`, then `varint length | frame` again and again: a
//! Welcome with the manifest, then pushes, cells and forks. Taking it in is hearing a peer out.

use alloc::vec::Vec;

use super::{FRAME_BYTES_MAX, Frame, WireError, decode_frame, encode_frame};

/// How every bundle begins.
const MAGIC: &[u8] = b"TALLYLINE-BUNDLE-1\n";

/// Longest bundle, in bytes: the quota of one event's store.
pub const BUNDLE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Writes a bundle.
///
/// Source: PROTOCOL R-BUNDLE-1.
pub fn encode_bundle(frames: &[Frame]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    for frame in frames {
        let frame = encode_frame(frame);
        prost::encoding::encode_varint(u64::try_from(frame.len()).unwrap_or(u64::MAX), &mut bytes);
        bytes.extend_from_slice(&frame);
    }
    bytes
}

/// Reads a bundle's frames; kinds this version does not know are left out.
///
/// # Errors
/// If the bytes are no bundle, or one of its frames is damaged.
pub fn decode_bundle(bytes: &[u8]) -> Result<Vec<Frame>, WireError> {
    if BUNDLE_BYTES_MAX < bytes.len() {
        return Err(WireError::TooLarge("bundle"));
    }
    let mut rest = bytes.strip_prefix(MAGIC).ok_or(WireError::Malformed)?;
    let mut frames = Vec::new();
    while !rest.is_empty() {
        let length = prost::encoding::decode_varint(&mut rest).map_err(|_| WireError::Malformed)?;
        let length = usize::try_from(length).map_err(|_| WireError::TooLarge("frame"))?;
        if FRAME_BYTES_MAX < length {
            return Err(WireError::TooLarge("frame"));
        }
        let Some((frame, after)) = rest.split_at_checked(length) else {
            return Err(WireError::Malformed);
        };
        rest = after;
        frames.extend(decode_frame(frame)?);
    }
    Ok(frames)
}
