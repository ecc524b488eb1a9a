//! What a person sees while the match runs: a live picture, or plain lines where there is no
//! terminal.
//!
//! Writes to the standard error only. Layer: node, demo.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::replay::CLOUD;
use crate::clock::Clock;
use crate::local::protocol::StatusData;

/// How often the picture is drawn at most, in a second.
const DRAWS_PER_SECOND: u8 = 4;

/// Milliseconds between two plain lines.
const PLAIN_MS: u64 = 5_000;

/// Length of a bar in characters.
const BAR: u64 = 16;

/// What a person sees.
pub(super) struct Screen {
    clock: Clock,
    state: Mutex<State>,
    draw: MultiProgress,
    head: ProgressBar,
    bars: BTreeMap<String, ProgressBar>,
}

/// What is known of the match and its nodes.
#[derive(Debug, Default)]
struct State {
    phase: String,
    written: u64,
    lines: u64,
    plain_ms: u64,
    rows: BTreeMap<String, Row>,
}

/// What is known of one tablet, gateway or cloud.
#[derive(Clone, Debug, Default)]
struct Row {
    label: String,
    done: u64,
    lines: u64,
    doing: String,
    links: usize,
    entries: u64,
    copies: Option<u32>,
    in_cloud: u64,
}

impl Screen {
    /// Makes an empty picture of some devices, each with the number of its lines.
    pub(super) fn new(clock: Clock, devices: &[(String, u64)]) -> Self {
        let draw =
            MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(DRAWS_PER_SECOND));
        let style =
            ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
        let line = || draw.add(ProgressBar::new(1).with_style(style.clone()));
        let head = line();
        let bars = devices
            .iter()
            .map(|(label, _)| (label.clone(), line()))
            .collect();
        let rows = devices.iter().map(|(label, lines)| {
            let row = Row {
                label: label.clone(),
                lines: *lines,
                ..Row::default()
            };
            (label.clone(), row)
        });
        let state = State {
            lines: devices.iter().map(|it| it.1).sum(),
            rows: rows.collect(),
            ..State::default()
        };
        Self {
            clock,
            state: Mutex::new(state),
            draw,
            head,
            bars,
        }
    }

    /// Says one thing that happened.
    pub(super) fn say(&self, text: &str) {
        let seconds = self.clock.now().mono_ms / 1_000;
        let line = format!("{:02}:{:02}  {text}", seconds / 60, seconds % 60);
        if self.draw.is_hidden() || self.draw.println(&line).is_err() {
            write(&line);
        }
    }

    /// Tells what the whole is at.
    pub(super) fn phase(&self, text: &str) {
        text.clone_into(&mut self.state().phase);
        self.redraw();
    }

    /// Tells that a device's line is done.
    pub(super) fn line_done(&self, device: &str) {
        let mut state = self.state();
        state.written += 1;
        if let Some(row) = state.rows.get_mut(device) {
            row.done += 1;
        }
    }

    /// Tells what a device is at; empty: nothing special.
    pub(super) fn doing(&self, device: &str, text: &str) {
        if let Some(row) = self.state().rows.get_mut(device) {
            text.clone_into(&mut row.doing);
        }
    }

    /// Tells that a device has another name from here on.
    pub(super) fn rename(&self, device: &str, label: &str) {
        if let Some(row) = self.state().rows.get_mut(device) {
            label.clone_into(&mut row.label);
        }
    }

    /// Tells what a node says about itself.
    pub(super) fn status(&self, device: &str, status: &StatusData) {
        if let Some(row) = self.state().rows.get_mut(device) {
            row.links = status.links.len();
            row.entries = status.totals.entries;
            row.in_cloud = status.totals.in_cloud;
            row.copies = status
                .logs
                .iter()
                .filter(|log| 0 < log.height)
                .map(|log| log.least_copies)
                .min();
        }
    }

    /// Draws what is known.
    pub(super) fn redraw(&self) {
        let now_ms = self.clock.now().mono_ms;
        let mut state = self.state();
        if !self.draw.is_hidden() {
            self.head.set_message(head(&state, now_ms));
            for (device, bar) in &self.bars {
                bar.set_message(state.rows.get(device).map(picture).unwrap_or_default());
            }
        } else if state.plain_ms + PLAIN_MS <= now_ms {
            state.plain_ms = now_ms;
            let line = plain(&state, now_ms);
            drop(state);
            write(&line);
        }
    }

    /// Takes the picture away, so that the verdict stands alone.
    pub(super) fn end(&self) {
        if !self.draw.is_hidden() {
            self.redraw();
            self.head.abandon();
            self.bars.values().for_each(ProgressBar::abandon);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Screen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Screen").finish_non_exhaustive()
    }
}

fn head(state: &State, now_ms: u64) -> String {
    let seconds = now_ms / 1_000;
    format!(
        "{:02}:{:02}  {}  {} of {} writes",
        seconds / 60,
        seconds % 60,
        state.phase,
        state.written,
        state.lines
    )
}

fn picture(row: &Row) -> String {
    let filled = (row.done * BAR).checked_div(row.lines).unwrap_or_default();
    let mut bar = String::new();
    for place in 0..BAR {
        bar.push(if row.lines == 0 {
            ' '
        } else if place < filled {
            '#'
        } else {
            '.'
        });
    }
    let mut text = format!("{:<7} {bar} ", row.label);
    let written = if row.lines == 0 {
        String::new()
    } else {
        format!("{}/{}", row.done, row.lines)
    };
    let copies = row
        .copies
        .map_or_else(|| "-".to_owned(), |it| it.to_string());
    let rest = write!(
        text,
        "{written:>9}  links {:>2}  entries {:>5}  copies {copies:>2}  in the cloud {:>5}  {}",
        row.links, row.entries, row.in_cloud, row.doing
    );
    if rest.is_err() {
        text.clear();
    }
    text
}

/// One line about everything, for logs.
fn plain(state: &State, now_ms: u64) -> String {
    let rows = state.rows.values();
    // Until the gateway has internet the cloud has nothing, as it should.
    let members = || {
        rows.clone()
            .filter(|row| row.label != CLOUD)
            .map(|row| row.entries)
    };
    let least = members().min().unwrap_or_default();
    let most = members().max().unwrap_or_default();
    let cloud = rows
        .clone()
        .map(|row| row.in_cloud)
        .max()
        .unwrap_or_default();
    let odd: Vec<String> = rows
        .filter(|row| !row.doing.is_empty())
        .map(|row| format!("{} {}", row.label, row.doing))
        .collect();
    let mut line = head(state, now_ms);
    if write!(
        line,
        ", {least} to {most} entries on each node, {cloud} in the cloud"
    )
    .is_err()
    {
        line.clear();
    }
    if !odd.is_empty() {
        line.push_str("; ");
        line.push_str(&odd.join(", "));
    }
    line
}

/// Writes a line; there is nobody to tell when that fails.
fn write(line: &str) {
    let line = format!("{line}\n");
    if std::io::stderr().lock().write_all(line.as_bytes()).is_err() {}
}
