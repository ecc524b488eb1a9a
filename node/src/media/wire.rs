//! What two nodes say about blobs, on a stream of its own for each question.
//!
//! Bytes in, values out; every count is checked before anything is kept for it. Layer: node, media.
//!
//! Source: PROTOCOL R-MEDIA-2, R-MEDIA-3.

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::tree::{BLOB_BYTES_MAX, BlobHash, HASH_BYTES, groups_of};

/// Blobs that are asked about, or told of, at once.
pub(super) const ASKED_MAX: usize = 64;

/// Groups that one question asks for, at most: 4 MiB, after which others have their turn.
pub(super) const GROUPS_MAX: u32 = 256;

/// The answer: it is not here.
pub(super) const NOT_HERE: u8 = 0;
/// The answer: it is here whole, or it comes now.
pub(super) const HERE: u8 = 1;
/// The answer: it is here and not given now.
pub(super) const NOT_NOW: u8 = 2;

const KIND_ASK: u8 = 1;
const KIND_GIVE: u8 = 2;
const KIND_TELL: u8 = 3;

/// A blob with its length.
pub(super) type Sized = (BlobHash, u64);

/// What one side says first on a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// Which of these are there whole? The answer is a byte for each.
    Ask(Vec<Sized>),
    /// Groups of one blob are wanted.
    Give(Give),
    /// These are whole here from now on. There is no answer.
    Tell(Vec<Sized>),
}

/// Groups of one blob. The answer is a byte, the list of all groups' hashes if it is wanted, and the
/// groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Give {
    pub(super) hash: BlobHash,
    pub(super) len: u64,
    /// The first group.
    pub(super) from: u32,
    /// How many, at most [`GROUPS_MAX`].
    pub(super) count: u32,
    /// Whether the list is wanted first.
    pub(super) list: bool,
}

/// Why a question is none.
#[derive(Debug, Error)]
pub(super) enum Unread {
    /// The stream ended or broke.
    #[error("the stream broke: {0}")]
    Broken(#[from] std::io::Error),
    /// The kind is of a later version.
    #[error("a question of the unknown kind {0}")]
    Unknown(u8),
    /// A value is outside its range.
    #[error("{0}")]
    Malformed(&'static str),
}

impl Question {
    /// Reads one question.
    ///
    /// # Errors
    /// [`Unread`].
    pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Self, Unread> {
        match stream.read_u8().await? {
            KIND_ASK => blobs(stream).await.map(Self::Ask),
            KIND_TELL => blobs(stream).await.map(Self::Tell),
            KIND_GIVE => {
                let (hash, len) = blob(stream).await?;
                let give = Give {
                    hash,
                    len,
                    from: stream.read_u32_le().await?,
                    count: stream.read_u32_le().await?,
                    list: match stream.read_u8().await? {
                        0 => false,
                        1 => true,
                        _ => return Err(Unread::Malformed("a flag is 0 or 1")),
                    },
                };
                let end = give.from.checked_add(give.count);
                let fits = end.is_some_and(|end| end <= groups_of(len));
                if !fits || !(1..=GROUPS_MAX).contains(&give.count) {
                    return Err(Unread::Malformed("groups that the blob does not have"));
                }
                Ok(Self::Give(give))
            }
            other => Err(Unread::Unknown(other)),
        }
    }

    /// Returns its bytes.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let (kind, blobs) = match self {
            Self::Ask(blobs) => (KIND_ASK, blobs),
            Self::Tell(blobs) => (KIND_TELL, blobs),
            Self::Give(give) => {
                bytes.push(KIND_GIVE);
                bytes.extend(give.hash.0);
                bytes.extend(give.len.to_le_bytes());
                bytes.extend(give.from.to_le_bytes());
                bytes.extend(give.count.to_le_bytes());
                bytes.push(u8::from(give.list));
                return bytes;
            }
        };
        let count = blobs.len().min(ASKED_MAX);
        bytes.push(kind);
        bytes.push(u8::try_from(count).unwrap_or_default());
        for (hash, len) in blobs.iter().take(count) {
            bytes.extend(hash.0);
            bytes.extend(len.to_le_bytes());
        }
        bytes
    }
}

/// Reads a count and so many blobs.
async fn blobs(stream: &mut (impl AsyncRead + Unpin)) -> Result<Vec<Sized>, Unread> {
    let count = usize::from(stream.read_u8().await?);
    if !(1..=ASKED_MAX).contains(&count) {
        return Err(Unread::Malformed("1 to 64 blobs are named at once"));
    }
    let mut all = Vec::with_capacity(count);
    for _ in 0..count {
        all.push(blob(stream).await?);
    }
    Ok(all)
}

async fn blob(stream: &mut (impl AsyncRead + Unpin)) -> Result<Sized, Unread> {
    let mut hash = [0; HASH_BYTES];
    stream.read_exact(&mut hash).await?;
    let len = stream.read_u64_le().await?;
    if !(1..=BLOB_BYTES_MAX).contains(&len) {
        return Err(Unread::Malformed("no blob has so many bytes"));
    }
    Ok((BlobHash(hash), len))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(bytes: &[u8]) -> Result<Question, Unread> {
        let mut stream = bytes;
        Question::read(&mut stream).await
    }

    fn give() -> Give {
        Give {
            hash: BlobHash([3; 32]),
            len: 300 * 16_384,
            from: 44,
            count: 256,
            list: true,
        }
    }

    /// R-MEDIA-2, R-MEDIA-3.
    #[tokio::test]
    async fn every_question_comes_back_from_its_bytes() {
        let blobs: Vec<Sized> = (1..=64).map(|no| (BlobHash([no; 32]), no.into())).collect();
        for question in [
            Question::Ask(blobs.clone()),
            Question::Tell(vec![(BlobHash([9; 32]), BLOB_BYTES_MAX)]),
            Question::Give(give()),
            Question::Give(Give {
                list: false,
                ..give()
            }),
        ] {
            let bytes = question.bytes();
            assert_eq!(read(&bytes).await.unwrap(), question);
            for cut in 0..bytes.len() {
                let cut = read(&bytes[..cut]).await;
                assert!(matches!(cut, Err(Unread::Broken(_))), "{cut:?}");
            }
        }
    }

    #[tokio::test]
    async fn what_is_out_of_range_is_refused() {
        let bad = |change: fn(&mut Give)| {
            let mut give = give();
            change(&mut give);
            Question::Give(give).bytes()
        };
        let mut flag = Question::Give(give()).bytes();
        *flag.last_mut().unwrap() = 2;
        for bytes in [
            vec![KIND_ASK, 0],
            vec![KIND_ASK, 65],
            [&[KIND_TELL, 1][..], &[0; 40]].concat(),
            [&[KIND_TELL, 1][..], &[0xff; 40]].concat(),
            bad(|it| it.count = 0),
            bad(|it| it.count = 257),
            bad(|it| it.from = 45),
            bad(|it| it.from = u32::MAX),
            bad(|it| it.len = 0),
            flag,
        ] {
            let read = read(&bytes).await;
            assert!(matches!(read, Err(Unread::Malformed(_))), "{read:?}");
        }
        assert!(matches!(read(&[0]).await, Err(Unread::Unknown(0))));
    }

    /// Whatever comes, reading ends with a question or a refusal, and keeps no more than 64 blobs.
    #[tokio::test]
    async fn garbage_is_answered_and_never_panics() {
        let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        for _ in 0..20_000 {
            let length = usize::try_from(next() % 200).unwrap();
            let mut bytes: Vec<u8> = (0..length)
                .map(|_| u8::try_from(next() % 256).unwrap())
                .collect();
            if let Some(kind) = bytes.first_mut() {
                *kind %= 5;
            }
            if let Ok(question) = read(&bytes).await {
                let said = question.bytes();
                assert_eq!(bytes[..said.len()], said, "what was read is what was said");
            }
        }
    }
}
