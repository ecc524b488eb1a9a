//! What is new in an event since somebody looked: entries in the order of their logs, with a cursor
//! from which the next look goes on.
//!
//! A [`Cursor`] is made of heights alone, so it means the same on every node of the event and after
//! every start; whoever resumes with it, at this node or another, misses nothing and sees nothing
//! twice. Layer: node, local.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use tallyline_proto::model::LogName;
use tallyline_proto::replica::{EntryFilter, EntryView, LogRead, Now, Replica, Unread};
use utoipa::ToSchema;

use super::clerk::Clerk;
use super::protocol::{EntryInfo, Problem, codes, exits};
use super::{answers, convert};
use crate::root::{hex, unhex};

/// Most logs in a cursor: above what an event may have; a longer text is nobody's cursor.
const LOGS_MAX: usize = 2048;

/// Bytes of a log's name in a cursor: two logs of an event with the same ones need some luck among
/// a million million.
const TAG_BYTES: usize = 5;

/// Bytes of a chain hash in a cursor: enough to see that a log is another one from a fork on.
const CHAIN_BYTES: usize = 4;

/// How far somebody has read every log of an event.
///
/// As text: `TAGHEIGHTxCHAIN` for each log, with dots between; empty before the first entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursor(BTreeMap<[u8; TAG_BYTES], Place>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    height: u64,
    chain: [u8; CHAIN_BYTES],
}

/// A result that was recorded lately.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Lately {
    /// The entry's UUID.
    pub entry: String,
    /// Match or stage.
    pub drill: Option<u32>,
    /// The shooter's number.
    pub shooter: u32,
    /// The shooter's name.
    pub label: String,
    /// Unix time in milliseconds as the author's clock had it.
    pub at_unix_ms: i64,
}

/// The text is no cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no cursor; leave it out to begin with what is there now")]
pub struct NoCursor;

/// What is new.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct News {
    /// From where the next look goes on.
    #[serde(serialize_with = "as_text")]
    #[schema(value_type = String)]
    pub cursor: Cursor,
    /// Digest of all logs, hex: equal on two nodes that hold the same.
    pub state_digest: String,
    /// Whether there is more behind the cursor already.
    pub more: bool,
    /// Entries about scores, in the order of their logs.
    pub entries: Vec<EntryInfo>,
    /// Entries that are told elsewhere: statements, incidents, records.
    pub others: u64,
}

impl Clerk {
    /// Returns what is behind a cursor, at most `at_most` entries.
    ///
    /// # Errors
    ///
    /// A [`Problem`] if the node is ending.
    pub async fn news(&self, since: Cursor, at_most: usize) -> Result<News, Problem> {
        let look = move |replica: &mut Replica, _: Now| news(replica, since, at_most);
        Ok(self.driver().query(look).await?)
    }

    /// Returns the results that were recorded last and count, newest first.
    ///
    /// # Errors
    ///
    /// A [`Problem`] if the node is ending.
    pub async fn last_scores(&self, at_most: usize) -> Result<Vec<Lately>, Problem> {
        let look = move |replica: &mut Replica, _: Now| lately(replica, at_most);
        Ok(self.driver().query(look).await?)
    }

    /// Returns the cursor behind everything that is here.
    ///
    /// # Errors
    ///
    /// A [`Problem`] if the node is ending.
    pub async fn newest(&self) -> Result<(Cursor, String), Problem> {
        let look = |replica: &mut Replica, _: Now| {
            let mut cursor = Cursor::default();
            for log in replica.logs() {
                cursor.note(replica, log.name, log.height);
            }
            (cursor, hex(&replica.state_digest()))
        };
        Ok(self.driver().query(look).await?)
    }
}

fn news(replica: &mut Replica, mut cursor: Cursor, at_most: usize) -> News {
    let places = cursor.places(replica);
    let unread = replica.unread(&places, at_most);
    let found: usize = unread.iter().map(|it| it.entries.len()).sum();
    let mut entries = Vec::new();
    for Unread { log, read, .. } in &unread {
        cursor.set(*log, *read);
    }
    let views: Vec<EntryView> = unread.into_iter().flat_map(|it| it.entries).collect();
    for view in &views {
        if answers::is_about_scores(&view.body) {
            entries.push(answers::entry(view));
        }
    }
    let others = views.len().saturating_sub(entries.len());
    News {
        cursor,
        state_digest: hex(&replica.state_digest()),
        more: at_most <= found,
        entries,
        others: u64::try_from(others).unwrap_or(u64::MAX),
    }
}

fn lately(replica: &mut Replica, at_most: usize) -> Vec<Lately> {
    let mut views = replica.entries(&EntryFilter::default());
    views.retain(|it| it.body.about().is_some() && answers::stands(it));
    views.sort_by_key(|it| (Reverse(it.at_unix_ms), it.log, it.seq));
    views.truncate(at_most);
    let roster = replica.roster();
    let name = |no: u32| {
        let all = roster.map(|it| it.structure().shooters.as_slice());
        let found = all.unwrap_or_default().iter().find(|it| it.no.0 == no);
        found.map_or_else(String::new, |it| it.label.clone())
    };
    let told = views.iter().filter_map(|it| {
        let (drill, shooter) = convert::place(&it.body);
        let shooter = shooter?.0;
        Some(Lately {
            entry: it.id.to_string(),
            drill: drill.map(|it| it.0),
            shooter,
            label: name(shooter),
            at_unix_ms: it.at_unix_ms,
        })
    });
    told.collect()
}

impl Cursor {
    /// Returns the places in the logs that are here; a log that is another one is read anew from
    /// its fork on.
    fn places(&self, replica: &Replica) -> BTreeMap<LogName, LogRead> {
        let held = replica.logs().into_iter().filter_map(|it| {
            let place = self.0.get(&tag(&it.name))?;
            let read = replica.log_read(&it.name, place.height);
            let same = read.filter(|read| read.chain.0.starts_with(&place.chain));
            // A height that is not here yet: nothing is new until it is passed.
            let ahead = read.is_none() && it.height < place.height;
            let newest = || replica.log_read(&it.name, it.height);
            let other = LogRead {
                height: place.height,
                ..LogRead::default()
            };
            let read = if ahead { newest() } else { same };
            Some((it.name, read.unwrap_or(other)))
        });
        held.collect()
    }

    fn note(&mut self, replica: &Replica, log: LogName, height: u64) {
        if let Some(read) = replica.log_read(&log, height).filter(|_| 0 < height) {
            self.set(log, read);
        }
    }

    fn set(&mut self, log: LogName, read: LogRead) {
        let mut chain = [0; CHAIN_BYTES];
        for (to, from) in chain.iter_mut().zip(read.chain.0) {
            *to = from;
        }
        let height = read.height;
        self.0.insert(tag(&log), Place { height, chain });
    }
}

fn tag(log: &LogName) -> [u8; TAG_BYTES] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(log.grant.uuid().as_bytes());
    hasher.update(&log.incarnation.0.to_be_bytes());
    let mut tag = [0; TAG_BYTES];
    hasher.finalize_xof().fill(&mut tag);
    tag
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (tag, place)) in self.0.iter().enumerate() {
            let dot = if at == 0 { "" } else { "." };
            let (tag, chain) = (hex(tag), hex(&place.chain));
            write!(f, "{dot}{tag}{:x}x{chain}", place.height)?;
        }
        Ok(())
    }
}

impl FromStr for Cursor {
    type Err = NoCursor;

    fn from_str(text: &str) -> Result<Self, NoCursor> {
        let mut cursor = Self::default();
        if text.is_empty() {
            return Ok(cursor);
        }
        for part in text.split('.') {
            let (tag, rest) = part.split_at_checked(TAG_BYTES * 2).ok_or(NoCursor)?;
            let (height, chain) = rest.split_once('x').ok_or(NoCursor)?;
            let bytes = |text| unhex(text).ok_or(NoCursor);
            let tag = bytes(tag)?.try_into().map_err(|_| NoCursor)?;
            let chain = bytes(chain)?.try_into().map_err(|_| NoCursor)?;
            let height = u64::from_str_radix(height, 16).map_err(|_| NoCursor)?;
            cursor.0.insert(tag, Place { height, chain });
            if LOGS_MAX < cursor.0.len() {
                return Err(NoCursor);
            }
        }
        Ok(cursor)
    }
}

impl From<NoCursor> for Problem {
    fn from(no: NoCursor) -> Self {
        Self::new(codes::BAD_VALUE, exits::USAGE, no.to_string())
    }
}

fn as_text<S: serde::Serializer>(cursor: &Cursor, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(cursor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_as_it_is_written() {
        let place = |height| Place {
            height,
            chain: [1, 2, 3, 4],
        };
        let cursor = Cursor(BTreeMap::from([
            ([1; TAG_BYTES], place(7)),
            ([0xab; TAG_BYTES], place(4096)),
        ]));
        let text = cursor.to_string();
        assert_eq!(text, "01010101017x01020304.ababababab1000x01020304");
        assert_eq!(text.parse(), Ok(cursor));
        assert_eq!("".parse(), Ok(Cursor::default()));
        for bad in [
            "7",
            "01010101017",
            "zz010101017x01020304",
            "01010101017x01.",
            "ä",
        ] {
            assert_eq!(bad.parse::<Cursor>(), Err(NoCursor), "{bad}");
        }
    }
}
