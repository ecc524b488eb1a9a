//! Everything that happens in a run, as one hash and, when wanted, as lines for a person.
//!
//! The hash covers every line at every detail, so a run that is only hashed equals the same run
//! written out. A line has five columns, as [`COLUMN_KEY`] says.

use std::fmt;

use crate::plan::clock;

/// What the columns of a line mean; printed before the lines.
pub const COLUMN_KEY: &str = "\
# column 1: virtual time, hours:minutes:seconds.milliseconds since the event was locked
# column 2: device, #0 is the owner; -- is nobody in particular
# column 3: kind: act (people and faults), in (input of the core), out (frame released), disk
#           (commit), link (up and down), state (digest after a step), seen (shown to an RO),
#           oracle (an invariant)
# column 4: what, then its details as name=value";

/// How much a trace writes out. The hash is the same for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// Nothing: only the hash.
    Hash,
    /// What people did, what went wrong, links, restarts, violations.
    Happenings,
    /// Every input, state and message.
    Everything,
}

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// People and faults.
    Act,
    /// A connection came up or went down.
    Link,
    /// A process started or died, a store was set aside.
    Process,
    /// An invariant was checked and broken, or a phase began.
    Oracle,
    /// What an RO was shown.
    Seen,
    /// An input of the core.
    In,
    /// A commit.
    Disk,
    /// A frame that was released.
    Out,
    /// A digest after a step.
    State,
}

/// Everything that happens in a run.
#[derive(Debug)]
pub struct Trace {
    hasher: blake3::Hasher,
    detail: Detail,
    zero_ms: u64,
    lines: Vec<String>,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Act => "act",
            Self::Link => "link",
            Self::Process => "process",
            Self::Oracle => "oracle",
            Self::Seen => "seen",
            Self::In => "in",
            Self::Disk => "disk",
            Self::Out => "out",
            Self::State => "state",
        }
    }

    /// Returns the least detail at which lines of this kind are written.
    pub fn detail(self) -> Detail {
        match self {
            Self::Act | Self::Link | Self::Process | Self::Oracle => Detail::Happenings,
            Self::Seen | Self::In | Self::Disk | Self::Out | Self::State => Detail::Everything,
        }
    }
}

impl Trace {
    /// Begins an empty trace.
    pub fn new(detail: Detail) -> Self {
        Self {
            hasher: blake3::Hasher::new(),
            detail,
            zero_ms: 0,
            lines: Vec::new(),
        }
    }

    /// Lets times count from here on.
    pub fn set_zero(&mut self, now_ms: u64) {
        self.zero_ms = now_ms;
    }

    /// Notes something at a time and a device: bytes that tell it apart for the hash, and words for
    /// a line, which are made only if somebody reads them.
    pub fn note(
        &mut self,
        (now_ms, device): (u64, Option<usize>),
        kind: Kind,
        bytes: &[u8],
        words: impl FnOnce() -> String,
    ) {
        let number = device.map_or(u64::MAX, |no| u64::try_from(no).unwrap_or(u64::MAX));
        self.hasher.update(&now_ms.to_le_bytes());
        self.hasher.update(&number.to_le_bytes());
        self.hasher.update(kind.name().as_bytes());
        self.hasher.update(bytes);
        if kind.detail() <= self.detail {
            let at = clock(now_ms.saturating_sub(self.zero_ms));
            let who = device.map_or_else(|| "--".to_owned(), |no| format!("#{no}"));
            self.lines
                .push(format!("{at}  {who:<4} {:<8}{}", kind.name(), words()));
        }
    }

    /// Notes words that are in the hash, too.
    pub fn say(&mut self, now_ms: u64, device: Option<usize>, kind: Kind, words: &str) {
        self.note((now_ms, device), kind, words.as_bytes(), || {
            words.to_owned()
        });
    }

    /// Takes the lines written since the last call.
    pub fn take_lines(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lines)
    }

    /// Returns the hash of everything so far, in hex.
    pub fn hash(&self) -> String {
        self.hasher.finalize().to_hex().to_string()
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
