//! What was told: each trouble once when it begins, and once more when it is over.
//!
//! Kept in a small file in the root, so that a restart repeats nothing and loses nothing. Layer:
//! node, alerts.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::rules::{Grade, Trouble};
use crate::root::sync_dir;

/// The file.
const FILE: &str = "alerts.json";

/// Longest file that is read: all that is held, with texts of half a kilobyte.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Troubles that are held open at once: more than the devices of the largest venue that connect.
const OPEN_MAX: usize = 256;

/// Messages that wait for delivery; the oldest goes first. A day without internet brings a dozen.
const QUEUE_MAX: usize = 200;

/// Looks in a row without a trouble after which it is over: a figure on its limit is not news each
/// time.
const QUIET_LOOKS: u32 = 2;

/// What is open, and what waits for delivery; of one event, or of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    open: BTreeMap<String, Open>,
    queue: VecDeque<Message>,
}

/// A trouble that was told and is not over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Open {
    since_unix_ms: i64,
    text: String,
    /// How bad; what was kept by an earlier version does not say.
    #[serde(default = "warning")]
    grade: Grade,
    /// Looks in a row that did not find it; not kept.
    #[serde(skip)]
    quiet: u32,
}

/// A trouble that was told and is not over, for whoever asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OpenTrouble {
    /// The rule's stable name.
    pub rule: String,
    /// About which device, by the first group of its key; empty for the node or the event itself.
    pub about: String,
    /// How bad: `warning` or `critical`.
    pub grade: Grade,
    /// What, and what to do.
    pub text: String,
    /// Since when, in Unix milliseconds.
    pub since_unix_ms: i64,
}

/// Whether a trouble begins or is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Turn {
    /// It begins.
    Fired,
    /// It is over.
    Recovered,
}

/// One thing to tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// `tallyline.alert/1`.
    pub schema: String,
    /// The rule's stable name.
    pub alert: String,
    /// About which device, by the first group of its key; empty for the node itself.
    pub about: String,
    /// Whether it begins or is over.
    pub state: Turn,
    /// What, and what to do.
    pub text: String,
    /// What the device that tells is called.
    pub node: String,
    /// The event's name, when there is one.
    pub event: Option<String>,
    /// The event's UUID, from a cloud, which may have several of one name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// When, in Unix milliseconds.
    pub at_unix_ms: i64,
    /// Since when, in Unix milliseconds.
    pub since_unix_ms: i64,
    /// Outlets that have it already.
    #[serde(default)]
    pub done: Vec<String>,
}

/// Who tells, and when.
#[derive(Clone, Copy, Debug)]
pub struct Teller<'a> {
    /// What the device is called.
    pub node: &'a str,
    /// The event's name, when there is one.
    pub event: Option<&'a str>,
    /// The event's UUID, where there may be several of one name.
    pub event_id: Option<&'a str>,
    /// Now, in Unix milliseconds.
    pub now_unix_ms: i64,
}

impl OpenTrouble {
    /// Returns what is open by the text of [`Told::to_text`].
    pub fn of_told(text: &str) -> Vec<Self> {
        Told::of_text(text).unwrap_or_default().open_now()
    }
}

impl Told {
    /// Reads what was told before; nothing if there is no file, or it cannot be read.
    pub fn load(dir: &Path) -> Self {
        let path = path(dir);
        let small = fs::metadata(&path).is_ok_and(|it| it.len() <= FILE_BYTES_MAX);
        let text = fs::read_to_string(&path).ok().filter(|_| small);
        let told = text.and_then(|text| serde_json::from_str(&text).ok());
        told.unwrap_or_default()
    }

    /// Writes it down: beside its place, then renamed.
    ///
    /// # Errors
    ///
    /// What the disk said.
    pub fn save(&self, dir: &Path) -> io::Result<()> {
        let path = path(dir);
        let fresh = path.with_extension("fresh");
        let text = serde_json::to_string(self).map_err(io::Error::other)?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&fresh)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&fresh, &path)?;
        sync_dir(dir).map_err(io::Error::other)
    }

    /// Reads what was written by [`Self::to_text`]; `None` if it is something else.
    pub fn of_text(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Returns it as text; `None` if nothing is open and nothing waits.
    pub fn to_text(&self) -> Option<String> {
        if self.open.is_empty() && self.queue.is_empty() {
            return None;
        }
        serde_json::to_string(self).ok()
    }

    /// Compares what is wrong now with what was told; returns whether there is something new.
    pub fn look(&mut self, troubles: &[Trouble], teller: Teller<'_>) -> bool {
        let mut news = false;
        for trouble in troubles {
            let id = id(trouble);
            if let Some(open) = self.open.get_mut(&id) {
                open.quiet = 0;
                continue;
            }
            if OPEN_MAX <= self.open.len() {
                continue;
            }
            let open = Open {
                since_unix_ms: teller.now_unix_ms,
                text: trouble.text.clone(),
                grade: trouble.grade,
                quiet: 0,
            };
            self.queue(message(&id, Turn::Fired, &open, teller));
            self.open.insert(id, open);
            news = true;
        }
        let ids: Vec<String> = troubles.iter().map(id).collect();
        for (_, open) in self.open.iter_mut().filter(|(id, _)| !ids.contains(id)) {
            open.quiet = open.quiet.saturating_add(1);
        }
        let over = |(_, open): &(&String, &Open)| QUIET_LOOKS <= open.quiet;
        let over: Vec<String> = self
            .open
            .iter()
            .filter(over)
            .map(|it| it.0.clone())
            .collect();
        for id in over {
            if let Some(open) = self.open.remove(&id) {
                self.queue(message(&id, Turn::Recovered, &open, teller));
                news = true;
            }
        }
        news
    }

    /// Returns whether a trouble was told and is not over.
    pub fn is_open(&self, trouble: &Trouble) -> bool {
        self.open.contains_key(&id(trouble))
    }

    /// Returns the rule and the device of everything that is open.
    pub fn open(&self) -> impl Iterator<Item = (&str, &str)> {
        self.open.keys().map(|id| parts(id))
    }

    /// Returns everything that is open, for whoever asks.
    pub fn open_now(&self) -> Vec<OpenTrouble> {
        let open = |(id, open): (&String, &Open)| {
            let (rule, about) = parts(id);
            OpenTrouble {
                rule: rule.to_owned(),
                about: about.to_owned(),
                grade: open.grade,
                text: open.text.clone(),
                since_unix_ms: open.since_unix_ms,
            }
        };
        self.open.iter().map(open).collect()
    }

    /// Returns what waits for delivery.
    #[cfg(test)]
    pub(super) fn messages(&self) -> impl Iterator<Item = &Message> {
        self.queue.iter()
    }

    /// Returns the first message that an outlet does not have.
    pub fn next_for(&self, outlet: &str) -> Option<&Message> {
        let mut queue = self.queue.iter();
        queue.find(|it| !it.done.iter().any(|done| done == outlet))
    }

    /// Notes that an outlet has its next message; what all have is forgotten.
    pub fn delivered(&mut self, outlet: &str, outlets: &[&str]) {
        let lacks = |it: &&mut Message| !it.done.iter().any(|done| done == outlet);
        if let Some(message) = self.queue.iter_mut().find(lacks) {
            message.done.push(outlet.to_owned());
        }
        let has = |it: &Message, name: &&str| it.done.iter().any(|done| done == name);
        self.queue
            .retain(|it| !outlets.iter().all(|name| has(it, name)));
    }

    /// Forgets messages from before a time: nobody needs them any more.
    pub fn forget_before(&mut self, unix_ms: i64) {
        self.queue.retain(|it| unix_ms <= it.at_unix_ms);
    }

    /// Returns how many messages wait.
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    fn queue(&mut self, message: Message) {
        if QUEUE_MAX <= self.queue.len() {
            tracing::warn!("too many alerts wait for delivery; the oldest is dropped");
            self.queue.pop_front();
        }
        self.queue.push_back(message);
    }
}

fn path(dir: &Path) -> PathBuf {
    dir.join(FILE)
}

fn warning() -> Grade {
    Grade::Warning
}

fn id(trouble: &Trouble) -> String {
    format!("{}/{}", trouble.rule.name(), trouble.about)
}

fn parts(id: &str) -> (&str, &str) {
    id.split_once('/').unwrap_or((id, ""))
}

fn message(id: &str, state: Turn, open: &Open, teller: Teller<'_>) -> Message {
    let (alert, about) = parts(id);
    Message {
        schema: "tallyline.alert/1".to_owned(),
        alert: alert.to_owned(),
        about: about.to_owned(),
        state,
        text: match state {
            Turn::Fired => open.text.clone(),
            Turn::Recovered => format!("Over: {}", open.text),
        },
        node: teller.node.to_owned(),
        event: teller.event.map(str::to_owned),
        event_id: teller.event_id.map(str::to_owned),
        at_unix_ms: teller.now_unix_ms,
        since_unix_ms: open.since_unix_ms,
        done: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::rules::Rule;
    use super::*;

    fn trouble(rule: Rule, about: &str) -> Trouble {
        Trouble {
            rule,
            about: about.to_owned(),
            grade: Grade::Warning,
            text: format!("{} {about}", rule.name()),
        }
    }

    fn teller(now_unix_ms: i64) -> Teller<'static> {
        Teller {
            node: "Pi",
            event: Some("Match"),
            event_id: None,
            now_unix_ms,
        }
    }

    fn told(told: &mut Told) -> Vec<(String, Turn)> {
        let mut all = Vec::new();
        while let Some(message) = told.next_for("log").cloned() {
            all.push((
                format!("{}/{}", message.alert, message.about),
                message.state,
            ));
            told.delivered("log", &["log"]);
        }
        all
    }

    #[test]
    fn a_trouble_is_told_once_and_once_more_when_it_is_over() {
        let mut it = Told::default();
        let disk = trouble(Rule::Disk, "");
        let silent = trouble(Rule::Silent, "abcd");
        assert!(it.look(&[disk.clone(), silent.clone()], teller(1)), "news");
        assert_eq!(
            told(&mut it),
            [
                ("disk/".to_owned(), Turn::Fired),
                ("silent/abcd".to_owned(), Turn::Fired)
            ]
        );
        for now in 2..50 {
            assert!(
                !it.look(&[silent.clone(), disk.clone()], teller(now)),
                "again"
            );
        }
        assert!(
            !it.look(std::slice::from_ref(&silent), teller(50)),
            "on its limit"
        );
        assert!(
            !it.look(&[silent.clone(), disk.clone()], teller(51)),
            "back"
        );
        assert!(
            !it.look(std::slice::from_ref(&disk), teller(52)),
            "one look"
        );
        assert!(it.look(std::slice::from_ref(&disk), teller(53)), "over");
        assert_eq!(told(&mut it), [("silent/abcd".to_owned(), Turn::Recovered)]);
        for now in 54..60 {
            assert!(
                !it.look(std::slice::from_ref(&disk), teller(now)),
                "over is over"
            );
        }
        assert!(it.look(&[disk, silent], teller(60)), "it begins again");
    }

    #[test]
    fn a_restart_repeats_nothing_and_keeps_what_waits() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Told::load(dir.path()), Told::default(), "no file");
        let mut it = Told::default();
        let disk = trouble(Rule::Disk, "");
        it.look(std::slice::from_ref(&disk), teller(1));
        it.delivered("webhook", &["webhook", "mail"]);
        it.save(dir.path()).unwrap();
        let mut it = Told::load(dir.path());
        assert!(it.is_open(&disk));
        assert!(!it.look(&[disk], teller(2)), "told before the restart");
        assert!(it.next_for("webhook").is_none(), "it has it");
        assert!(it.next_for("mail").is_some(), "it does not");
        it.look(&[], teller(3));
        assert!(it.look(&[], teller(4)), "recovered after the restart");
        assert_eq!(it.next_for("webhook").unwrap().state, Turn::Recovered);
        assert_eq!(it.next_for("webhook").unwrap().since_unix_ms, 1);
        fs::write(dir.path().join(FILE), "{").unwrap();
        assert_eq!(Told::load(dir.path()), Told::default(), "half a file");
    }

    #[test]
    fn everything_is_bounded() {
        let mut it = Told::default();
        let many: Vec<Trouble> = (0..OPEN_MAX + 50)
            .map(|number| trouble(Rule::Silent, &format!("{number:04}")))
            .collect();
        it.look(&many, teller(1));
        assert_eq!(it.open.len(), OPEN_MAX);
        assert_eq!(it.waiting(), QUEUE_MAX);
        it.forget_before(2);
        assert_eq!(it.waiting(), 0);
    }
}
