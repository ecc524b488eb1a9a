//! What is wrong with a file, each with its place and what to do; a list of bounded length.
//!
//! Knows no format. Layer: files, at the bottom.

use std::fmt;

/// Most complaints that are kept: a person reads ten, a program may want more.
const KEPT_MAX: usize = 100;
/// Most complaints that are shown at once: a file of another kind would fill the screen.
const SHOWN_MAX: usize = 10;
/// Longest piece of a bad value that a complaint repeats, in characters.
const PIECE_CHARS_MAX: usize = 40;

/// One thing that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// The file's name, such as `match_def.json`; for a file without names inside, its kind.
    pub file: String,
    /// Where in it: a JSON path such as `match_stages[2].stage_scoretype`, or a line.
    pub place: String,
    /// What stands there, shortened; empty if something is missing.
    pub found: String,
    /// What should be there, or what to do.
    pub advice: String,
}

impl Complaint {
    /// Makes a complaint; a long piece of the file is shortened.
    pub(crate) fn new(file: &str, place: &str, found: &str, advice: &str) -> Self {
        Self {
            file: shortened(file),
            place: place.to_owned(),
            found: shortened(found),
            advice: advice.to_owned(),
        }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in [&self.file, &self.place] {
            if !part.is_empty() {
                write!(f, "{part}: ")?;
            }
        }
        if !self.found.is_empty() {
            write!(f, "found {}; ", self.found)?;
        }
        f.write_str(&self.advice)
    }
}

/// All that is wrong with a file: the first hundred, and how many more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Complaints {
    kept: Vec<Complaint>,
    more: usize,
}

impl Complaints {
    /// Adds one; beyond a hundred it is only counted.
    pub(crate) fn push(&mut self, complaint: Complaint) {
        if self.kept.len() < KEPT_MAX {
            self.kept.push(complaint);
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Returns how many there are.
    pub fn len(&self) -> usize {
        self.kept.len().saturating_add(self.more)
    }

    /// Returns those that were kept, in the order in which they were found.
    pub fn iter(&self) -> std::slice::Iter<'_, Complaint> {
        self.kept.iter()
    }
}

impl<'a> IntoIterator for &'a Complaints {
    type Item = &'a Complaint;
    type IntoIter = std::slice::Iter<'a, Complaint>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl From<Complaint> for Complaints {
    fn from(complaint: Complaint) -> Self {
        Self {
            kept: vec![complaint],
            more: 0,
        }
    }
}

impl fmt::Display for Complaints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, complaint) in self.kept.iter().take(SHOWN_MAX).enumerate() {
            if 0 < place {
                f.write_str("\n")?;
            }
            write!(f, "{complaint}")?;
        }
        match self.len().saturating_sub(SHOWN_MAX) {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

impl std::error::Error for Complaints {}

/// What a file says, and what to know about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded<T> {
    /// What was read, whole.
    pub value: T,
    /// What was left out or looks odd; nothing that counts is missing.
    pub warnings: Complaints,
}

/// Collects what is wrong and what is odd while a file is read.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// What makes the file unreadable.
    pub(super) errors: Complaints,
    /// What is only odd.
    pub(super) warnings: Complaints,
}

impl Findings {
    /// Keeps a value, or its complaint as an error.
    pub(super) fn take<T>(&mut self, read: Result<T, Complaint>) -> Option<T> {
        read.map_err(|complaint| self.errors.push(complaint)).ok()
    }

    /// Keeps a value, or its complaint as a warning.
    pub(super) fn try_take<T>(&mut self, read: Result<T, Complaint>) -> Option<T> {
        read.map_err(|complaint| self.warnings.push(complaint)).ok()
    }

    /// Gives out the value if nothing was wrong.
    pub(super) fn finish<T>(self, value: Option<T>) -> Result<Loaded<T>, Complaints> {
        match value {
            Some(value) if self.errors.is_empty() => Ok(Loaded {
                value,
                warnings: self.warnings,
            }),
            Some(_) | None => Err(self.errors),
        }
    }
}

/// Returns a piece of a file as complaints repeat it: its beginning, if it is long, without
/// characters that would move a terminal's cursor.
pub(super) fn shortened(text: &str) -> String {
    let plain = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let mut short: String = text.chars().take(PIECE_CHARS_MAX).map(plain).collect();
    if text.chars().nth(PIECE_CHARS_MAX).is_some() {
        short.push_str("...");
    }
    short
}
