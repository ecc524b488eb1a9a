//! Everything that happens in a run of real network code: one hash, figures and lines.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use crate::plan::clock;

/// The trace of one run; copies are the same trace.
#[derive(Clone, Debug)]
pub(super) struct Trace(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    start: Instant,
    hasher: blake3::Hasher,
    lines: Option<Vec<String>>,
    faults: BTreeMap<&'static str, u64>,
    violations: Vec<String>,
}

/// Most violations that are kept: the first ones say what broke.
const VIOLATIONS_MAX: usize = 32;

impl Trace {
    /// Begins an empty trace in a runtime; `lines` keeps text for a person, too.
    pub(super) fn new(lines: bool) -> Self {
        Self(Arc::new(Mutex::new(State {
            start: Instant::now(),
            hasher: blake3::Hasher::new(),
            lines: lines.then(Vec::new),
            faults: BTreeMap::new(),
            violations: Vec::new(),
        })))
    }

    /// Returns virtual milliseconds since the start.
    pub(super) fn now_ms(&self) -> u64 {
        self.with(|state| state.now_ms())
    }

    /// Notes bytes in the hash, and words if somebody reads them.
    pub(super) fn note(&self, bytes: &[&[u8]], words: impl FnOnce() -> String) {
        self.with(|state| {
            let now_ms = state.now_ms();
            state.hasher.update(&now_ms.to_le_bytes());
            for part in bytes {
                let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
                state.hasher.update(&length.to_le_bytes());
                state.hasher.update(part);
            }
            if let Some(lines) = &mut state.lines {
                lines.push(format!("{}  {}", clock(now_ms), words()));
            }
        });
    }

    /// Notes words that are in the hash, too.
    pub(super) fn say(&self, words: &str) {
        self.note(&[words.as_bytes()], || words.to_owned());
    }

    /// Counts something that went wrong on purpose.
    pub(super) fn count(&self, fault: &'static str) {
        self.with(|state| *state.faults.entry(fault).or_insert(0) += 1);
    }

    /// Notes that something broke which must hold.
    pub(super) fn violation(&self, what: String) {
        self.say(&format!("VIOLATION {what}"));
        self.with(|state| {
            if state.violations.len() < VIOLATIONS_MAX {
                state.violations.push(what);
            }
        });
    }

    /// Returns hash, lines, faults and violations so far.
    pub(super) fn finish(
        &self,
    ) -> (
        [u8; 32],
        Vec<String>,
        BTreeMap<&'static str, u64>,
        Vec<String>,
    ) {
        self.with(|state| {
            (
                *state.hasher.finalize().as_bytes(),
                state.lines.take().unwrap_or_default(),
                std::mem::take(&mut state.faults),
                std::mem::take(&mut state.violations),
            )
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
