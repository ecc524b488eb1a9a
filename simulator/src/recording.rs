//! A run in a file: what to run again, and what came out, for `replay` and `shrink`.
//!
//! JSON lines. The first is the [`Header`]; each further one is a line of the trace (what people
//! did, what went wrong, links, restarts, violations) as a JSON string.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::oracle::Violation;
use crate::plan::Plan;
use crate::trace::{Detail, Kind};

/// The form of a recording that this program writes and reads.
pub const VERSION: u32 = 1;

/// The commit that the program was built from, 12 hex digits, or `unknown`.
pub const COMMIT: &str = match option_env!("TALLYLINE_SIM_COMMIT") {
    Some(commit) => commit,
    None => "unknown",
};

/// The first line of a recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The form: [`VERSION`].
    pub tallyline_sim: u32,
    /// The commit that the program was built from.
    pub commit: String,
    /// Which code ran: `core` or `wire`.
    pub tier: String,
    /// The seed.
    pub seed: u64,
    /// The scenario's name; `None` for a drawn day.
    pub scenario: Option<String>,
    /// The schedule; `None` for what is no drawn day.
    pub plan: Option<Plan>,
    /// The hash of everything that happened, in hex.
    pub trace: String,
    /// What broke; empty: everything held.
    pub violations: Vec<Violation>,
}

/// A run in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// What to run again, and what came out.
    pub header: Header,
    /// What happened, a line each.
    pub lines: Vec<String>,
}

/// Why a recording cannot be read.
#[derive(Debug)]
pub enum Unreadable {
    /// The file cannot be opened or read.
    File(io::Error),
    /// A line, counted from 1, is not what it must be.
    Line(usize, String),
    /// The file is of another form.
    Version(u32),
    /// There is nothing in the file.
    Empty,
}

/// Where a run stopped being the recorded one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// The line of the trace, counted from 1.
    pub line: usize,
    /// What was recorded; `None`: the recording ends before.
    pub recorded: Option<String>,
    /// What happened now; `None`: the run ends before.
    pub now: Option<String>,
}

impl Recording {
    /// Writes it.
    ///
    /// # Errors
    /// If the writer fails.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer(&mut *out, &self.header)?;
        out.write_all(b"\n")?;
        for line in &self.lines {
            serde_json::to_writer(&mut *out, line)?;
            out.write_all(b"\n")?;
        }
        out.flush()
    }

    /// Writes it into a file, which is replaced if it is there.
    ///
    /// # Errors
    /// If the file cannot be made or written.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        self.write(&mut BufWriter::new(File::create(path)?))
    }

    /// Reads a file.
    ///
    /// # Errors
    /// If it is no recording of this form; the text says which line and what to do.
    pub fn open(path: &Path) -> Result<Self, Unreadable> {
        Self::read(BufReader::new(File::open(path).map_err(Unreadable::File)?))
    }

    /// Reads it.
    ///
    /// # Errors
    /// If it is no recording of this form; the text says which line and what to do.
    pub fn read(from: impl BufRead) -> Result<Self, Unreadable> {
        let mut header = None;
        let mut lines = Vec::new();
        for (number, text) in (1..).zip(from.lines()) {
            let text = text.map_err(|error| {
                if error.kind() == io::ErrorKind::InvalidData {
                    Unreadable::Line(number, "is no text".to_owned())
                } else {
                    Unreadable::File(error)
                }
            })?;
            if header.is_none() {
                header = Some(read_header(&text)?);
            } else {
                let line = serde_json::from_str(&text);
                lines.push(line.map_err(|error| Unreadable::Line(number, error.to_string()))?);
            }
        }
        let header = header.ok_or(Unreadable::Empty)?;
        Ok(Self { header, lines })
    }

    /// Compares with the lines of a run of any detail; `until_ms` leaves out what came after.
    pub fn diverges(&self, lines: &[String], until_ms: Option<u64>) -> Option<Divergence> {
        let before = |line: &&String| {
            until_ms.is_none_or(|until| line_ms(line).is_none_or(|at| at <= until))
        };
        let mut recorded = self.lines.iter().filter(before);
        let mut now = lines
            .iter()
            .filter(|line| is_happening(line))
            .filter(before);
        for line in 1.. {
            let pair = (recorded.next(), now.next());
            match pair {
                (None, None) => break,
                (Some(recorded), Some(now)) if recorded == now => {}
                (recorded, now) => {
                    return Some(Divergence {
                        line,
                        recorded: recorded.cloned(),
                        now: now.cloned(),
                    });
                }
            }
        }
        None
    }
}

/// Reads the first line. The form is looked at before the rest, which another form may not have.
fn read_header(text: &str) -> Result<Header, Unreadable> {
    #[derive(Deserialize)]
    struct Form {
        tallyline_sim: u32,
    }
    let wrong = |error: serde_json::Error| Unreadable::Line(1, error.to_string());
    let form: Form = serde_json::from_str(text).map_err(wrong)?;
    if form.tallyline_sim != VERSION {
        return Err(Unreadable::Version(form.tallyline_sim));
    }
    serde_json::from_str(text).map_err(wrong)
}

/// Returns whether a line is there at the detail of recordings, by its third column.
pub fn is_happening(line: &str) -> bool {
    const KINDS: [Kind; 9] = [
        Kind::Act,
        Kind::Link,
        Kind::Process,
        Kind::Oracle,
        Kind::Seen,
        Kind::In,
        Kind::Disk,
        Kind::Out,
        Kind::State,
    ];
    let name = line.split_whitespace().nth(2).unwrap_or_default();
    let kind = KINDS.iter().find(|kind| kind.to_string() == name);
    kind.is_some_and(|kind| kind.detail() <= Detail::Happenings)
}

/// Reads the virtual time at the start of a line, in ms.
pub fn line_ms(line: &str) -> Option<u64> {
    let (clock, ms) = line.split_whitespace().next()?.split_once('.')?;
    let parts = clock.split(':').map(|part| part.parse::<u64>().ok());
    let [hours, minutes, seconds] = parts.collect::<Option<Vec<_>>>()?.try_into().ok()?;
    Some(((hours * 60 + minutes) * 60 + seconds) * 1_000 + ms.parse::<u64>().ok()?)
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => write!(f, "cannot be read: {error}"),
            Self::Line(1, why) => write!(
                f,
                "line 1 is no header of a recording: {why}; give a file that `tallyline-sim run` wrote"
            ),
            Self::Line(number, why) => write!(
                f,
                "line {number} is no line of a recording: {why}; the file is damaged or was cut \
                 off: record it again with `tallyline-sim run --seed N --out DIR`"
            ),
            Self::Version(version) => write!(
                f,
                "is a recording of form {version}, this program reads form {VERSION}: use the \
                 program of the commit that its first line names"
            ),
            Self::Empty => {
                f.write_str("is empty: record it again with `tallyline-sim run --seed N --out DIR`")
            }
        }
    }
}

impl std::error::Error for Unreadable {}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const END: &str = "(nothing more)";
        let recorded = self.recorded.as_deref().unwrap_or(END);
        let now = self.now.as_deref().unwrap_or(END);
        write!(
            f,
            "diverges at line {}:\n  recorded  {recorded}\n  now       {now}",
            self.line
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Act, Happening, Weather};
    use crate::trace::Trace;

    fn recording() -> Recording {
        let plan = Plan {
            seed: u64::MAX,
            profile: "storm".to_owned(),
            devices: 4,
            drills: 2,
            shooters: 6,
            length_ms: 3_600_000,
            weather: Weather::STORM,
            happenings: vec![Happening {
                at_ms: 61_000,
                act: Act::Kill {
                    device: 2,
                    power: true,
                },
            }],
        };
        let violation = Violation {
            invariant: "I1".to_owned(),
            at_ms: 61_500,
            what: "a \"saved\" score is gone\n(of #2)".to_owned(),
        };
        Recording {
            header: Header {
                tallyline_sim: VERSION,
                commit: COMMIT.to_owned(),
                tier: "core".to_owned(),
                seed: u64::MAX,
                scenario: None,
                plan: Some(plan),
                trace: "ab".repeat(32),
                violations: vec![violation],
            },
            lines: vec![
                "00:01:01.000  #2   act     kill device=2 power=true".to_owned(),
                "00:01:01.500  #2   oracle  I1 \"saved\"".to_owned(),
            ],
        }
    }

    fn bytes(recording: &Recording) -> Vec<u8> {
        let mut bytes = Vec::new();
        recording.write(&mut bytes).expect("memory takes it");
        bytes
    }

    #[test]
    fn a_recording_is_read_as_it_was_written() {
        let recording = recording();
        let read = Recording::read(bytes(&recording).as_slice()).expect("it is sound");
        assert_eq!(read, recording);
    }

    #[test]
    fn the_first_line_of_a_recording_is_this() {
        let text = String::from_utf8(bytes(&recording())).expect("JSON is text");
        let first = text.lines().next().expect("there is a first line");
        let expected = concat!(
            r#"{"tallyline_sim":1,"commit":"COMMIT","tier":"core","seed":18446744073709551615,"#,
            r#""scenario":null,"plan":{"seed":18446744073709551615,"profile":"storm","devices":4,"#,
            r#""drills":2,"shooters":6,"length_ms":3600000,"weather":{"loss_permille":300,"#,
            r#""burst":1,"duplicate_permille":50,"delay_ms_min":5,"delay_ms_max":500,"#,
            r#""ordered":false},"happenings":[{"at_ms":61000,"act":"kill","device":2,"#,
            r#""power":true}]},"trace":"TRACE","violations":[{"invariant":"I1","at_ms":61500,"#,
            r#""what":"a \"saved\" score is gone\n(of #2)"}]}"#
        );
        let expected = expected.replace("COMMIT", COMMIT);
        assert_eq!(first, expected.replace("TRACE", &"ab".repeat(32)));
    }

    #[test]
    fn an_unreadable_file_is_named_with_its_line() {
        let check = |text: &str, expected: &str| {
            let why = Recording::read(text.as_bytes()).expect_err("it is not sound");
            let why = why.to_string();
            assert!(why.contains(expected), "{text:?} says: {why}");
        };
        let header = String::from_utf8(bytes(&recording())).expect("JSON is text");
        let header = header.lines().next().expect("there is a first line");
        check("", "is empty");
        check("hello", "line 1 is no header");
        check("{\"tallyline_sim\":1}", "line 1 is no header");
        check("{\"tallyline_sim\":7,\"new\":1}", "form 7");
        check(&format!("{header}\n\"a line\"\n\"cut of"), "line 3");
        check(&format!("{header}\n{{}}\n"), "line 2");
    }

    #[test]
    fn bytes_that_are_no_text_are_named_with_their_line() {
        let mut bytes = bytes(&recording());
        bytes.extend([0xff, 0xfe, b'\n']);
        let why = Recording::read(bytes.as_slice()).expect_err("it is not sound");
        assert!(matches!(why, Unreadable::Line(4, _)), "{why}");
    }

    #[test]
    fn what_happened_is_found_among_everything() {
        let kinds = [
            Kind::Act,
            Kind::Link,
            Kind::Process,
            Kind::Oracle,
            Kind::Seen,
            Kind::In,
            Kind::Disk,
            Kind::Out,
            Kind::State,
        ];
        let lines = |detail| {
            let mut trace = Trace::new(detail);
            for (no, kind) in kinds.into_iter().enumerate() {
                trace.say(100 * 3_600_000, Some(no * 1_000), kind, "state of act");
                trace.say(100 * 3_600_000, None, kind, "");
            }
            trace.take_lines()
        };
        let mut all = lines(Detail::Everything);
        assert_eq!(all.len(), 18, "every kind twice");
        all.retain(|line| is_happening(line));
        assert_eq!(all, lines(Detail::Happenings));
    }

    #[test]
    fn a_run_is_compared_at_the_recorded_detail() {
        let recording = recording();
        let mut now = recording.lines.clone();
        now.insert(1, "00:01:01.200  #1   out     Push".to_owned());
        assert_eq!(recording.diverges(&now, None), None);

        now.pop();
        let divergence = recording.diverges(&now, None).expect("a line is missing");
        assert_eq!((divergence.line, divergence.now), (2, None));
        let until = Some(61_400);
        assert_eq!(recording.diverges(&now, until), None, "it differs after");

        now.push("00:01:01.500  #2   oracle  I2".to_owned());
        let text = recording.diverges(&now, None).expect("a line differs");
        assert_eq!(
            text.to_string(),
            "diverges at line 2:\n  recorded  00:01:01.500  #2   oracle  I1 \"saved\"\n  now       \
             00:01:01.500  #2   oracle  I2"
        );
    }

    #[test]
    fn the_time_of_a_line_is_read() {
        assert_eq!(line_ms("00:01:01.500  #2   act     x"), Some(61_500));
        assert_eq!(line_ms("120:00:00.001  --   act     x"), Some(432_000_001));
        assert_eq!(line_ms("# a comment"), None);
        assert_eq!(line_ms(""), None);
    }
}
