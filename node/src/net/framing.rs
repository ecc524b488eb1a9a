//! Frames on a stream: a varint length, then that many bytes.
//!
//! Knows nothing about what a frame says. Layer: below `conversation`.
//!
//! Source: PROTOCOL R-FRAME-1.

use std::io;

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt as _, BufReader};
use tokio::time::timeout;

use super::limits::{FRAME_BYTES_MAX, FRAME_TIME};

/// Bytes of the longest length: 64 KiB needs 17 bits.
const PREFIX_BYTES_MAX: usize = 3;

/// Bytes read from the stream at once: a few live pushes, or a quarter of a bulk chunk.
const READ_BYTES: usize = 16 * 1024;

/// Why the next frame cannot be read.
#[derive(Debug, Error)]
pub(super) enum FrameError {
    /// The length is above the limit; nothing was allocated for it.
    #[error("a frame announces more than {FRAME_BYTES_MAX} bytes")]
    TooLarge,
    /// The length is not the shortest varint.
    #[error("a frame's length is not written in its shortest form")]
    Malformed,
    /// The stream ended inside a frame.
    #[error("the stream ended inside a frame")]
    Truncated,
    /// The frame was not whole in time.
    #[error("a frame was not whole within {} s", FRAME_TIME.as_secs())]
    Slow,
    /// The connection is gone.
    #[error("the connection ended: {0}")]
    Lost(io::Error),
}

/// Reads frames from one stream.
#[derive(Debug)]
pub(super) struct FrameReader<R> {
    stream: BufReader<R>,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    /// Reads from the start of a stream.
    pub(super) fn new(stream: R) -> Self {
        Self {
            stream: BufReader::with_capacity(READ_BYTES, stream),
        }
    }

    /// Reads the next frame without its length; `None` at a clean end of the stream.
    ///
    /// Waits as long as it takes for a frame to begin, and then [`FRAME_TIME`] for its end. Not
    /// cancel-safe: a dropped call loses the stream's position.
    ///
    /// # Errors
    /// A [`FrameError`], after which the stream is of no use.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<u8>>, FrameError> {
        let mut first = [0];
        let read = self.stream.read(&mut first).await;
        if read.map_err(FrameError::Lost)? == 0 {
            return Ok(None);
        }
        let [first] = first;
        match timeout(FRAME_TIME, self.rest(first)).await {
            Ok(frame) => frame.map(Some),
            Err(_) => Err(FrameError::Slow),
        }
    }

    /// Reads what follows the first byte of a length.
    async fn rest(&mut self, first: u8) -> Result<Vec<u8>, FrameError> {
        let length = self.length(first).await?;
        let mut frame = vec![0; length];
        let read = self.stream.read_exact(&mut frame).await;
        read.map_err(inside)?;
        Ok(frame)
    }

    /// Reads the rest of a length, refusing it before anything is allocated.
    async fn length(&mut self, first: u8) -> Result<usize, FrameError> {
        let mut byte = first;
        let mut length = usize::from(byte & 0x7f);
        for place in 1..PREFIX_BYTES_MAX {
            if byte & 0x80 == 0 {
                break;
            }
            byte = self.stream.read_u8().await.map_err(inside)?;
            if byte == 0 {
                return Err(FrameError::Malformed);
            }
            length |= usize::from(byte & 0x7f) << (7 * place);
        }
        if byte & 0x80 != 0 || length > FRAME_BYTES_MAX {
            return Err(FrameError::TooLarge);
        }
        Ok(length)
    }
}

/// Writes a frame with its length; `None` above the limit.
pub(super) fn framed(frame: &[u8]) -> Option<Vec<u8>> {
    if frame.len() > FRAME_BYTES_MAX {
        return None;
    }
    let mut bytes = Vec::with_capacity(frame.len() + PREFIX_BYTES_MAX);
    let mut rest = frame.len();
    loop {
        let low = u8::try_from(rest & 0x7f).unwrap_or(0x7f);
        rest >>= 7;
        if rest == 0 {
            bytes.push(low);
            break;
        }
        bytes.push(low | 0x80);
    }
    bytes.extend_from_slice(frame);
    Some(bytes)
}

/// Tells a stream that ended inside a frame from a connection that is gone.
fn inside(error: io::Error) -> FrameError {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        FrameError::Truncated
    } else {
        FrameError::Lost(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt as _;

    async fn read(bytes: &[u8]) -> Vec<String> {
        let mut reader = FrameReader::new(bytes);
        let mut seen = Vec::new();
        loop {
            match reader.next().await {
                Ok(Some(frame)) => seen.push(format!("{}", frame.len())),
                Ok(None) => return seen,
                Err(error) => {
                    seen.push(format!("{error:?}"));
                    return seen;
                }
            }
        }
    }

    #[tokio::test]
    async fn frames_of_every_length_come_back() {
        for length in [0, 1, 127, 128, 16_383, 16_384, FRAME_BYTES_MAX] {
            let frame = vec![7; length];
            let mut bytes = framed(&frame).unwrap();
            bytes.extend(framed(&[1, 2]).unwrap());
            let mut reader = FrameReader::new(bytes.as_slice());
            assert_eq!(reader.next().await.unwrap(), Some(frame), "{length} bytes");
            assert_eq!(reader.next().await.unwrap(), Some(vec![1, 2]), "next");
            assert_eq!(reader.next().await.unwrap(), None, "end");
        }
        assert_eq!(framed(&vec![0; FRAME_BYTES_MAX + 1]), None, "one too many");
    }

    #[tokio::test]
    async fn bad_lengths_are_refused_before_anything_is_allocated() {
        for (bytes, expected) in [
            (&[0x81, 0x80, 0x04][..], "TooLarge"),
            (&[0xff, 0xff, 0xff, 0xff, 0x0f], "TooLarge"),
            (&[0x80, 0x00], "Malformed"),
            (&[0x85, 0x80, 0x00], "Malformed"),
            (&[0x80], "Truncated"),
            (&[3, 1, 2], "Truncated"),
        ] {
            assert_eq!(read(bytes).await, [expected], "{bytes:x?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_body_is_given_up_after_ten_seconds() {
        let (mut far, near) = tokio::io::duplex(64);
        let mut reader = FrameReader::new(near);
        let began = tokio::time::Instant::now();
        let trickle = async {
            far.write_all(&[100]).await.unwrap();
            loop {
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                far.write_all(&[0]).await.unwrap();
            }
        };
        tokio::select! {
            never = trickle => never,
            frame = reader.next() => assert!(matches!(frame, Err(FrameError::Slow)), "{frame:?}"),
        }
        assert_eq!(began.elapsed(), FRAME_TIME, "on the virtual clock");
    }
}
