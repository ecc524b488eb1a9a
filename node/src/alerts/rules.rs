//! What is wrong with a node, by its figures: the same rules for alerts and for `tallyline check`.
//!
//! Pure: figures and limits in, troubles out. Layer: node, alerts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::local::protocol::{CloudData, DeviceVitals, VitalsData};

/// Bytes that must be free whatever the disk's size, in the default.
const FREE_BYTES_MIN: u64 = 500 * 1_000_000;

/// Hundredths of a disk that must be free, in the default.
const FREE_PERCENT_MIN: u64 = 10;

/// Milliseconds that an entry may wait for the cloud, in the default: an hour. A venue without
/// internet is no fault; one that is to have it is worth a look by then.
const LAG_MS_MAX: u64 = 60 * 60_000;

/// Milliseconds that a device may be silent during an open event, in the default.
const SILENT_MS_MAX: u64 = 15 * 60_000;

/// Milliseconds for which all exchanges with a device may fail, in the default. Somebody who walks out of
/// reach and back is no fault.
const SYNC_MS_MAX: u64 = 15 * 60_000;

/// Exchanges that have to fail in a row before it means something.
const FAILED_MIN: u64 = 5;

/// Milliseconds that two clocks may differ.
const CLOCK_MS_MAX: u64 = 2_000;

/// Milliseconds for which a burst of reviews is news.
const BURST_MS: i64 = 60 * 60_000;

/// Names that one text tells; more are counted.
const NAMES_SHOWN: usize = 5;

/// Why a cloud is not reached, where it is not the network's sign-in page (`net::Trouble`).
const UNREACHABLE: &str = "cloud-unreachable";

/// Bytes that other devices' entries need; below it they are not taken any more.
const ROOM_BYTES: u64 = 128 * 1024 * 1024;

/// What can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// Nothing is saved, or a store was damaged.
    Store,
    /// The disk has too little left.
    Disk,
    /// Entries wait too long for the cloud.
    Cloud,
    /// Exchanges fail although the other side is reached.
    Sync,
    /// A device is not heard although the event is open.
    Silent,
    /// Clocks differ.
    Clock,
    /// More needs a person than one person can look at.
    Reviews,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    /// Somebody should look.
    Warning,
    /// Scores are not saved, or not taken.
    Critical,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Which rule.
    pub rule: Rule,
    /// About what: the key of a device; empty for the node itself.
    pub about: String,
    /// How bad.
    pub grade: Grade,
    /// What, and what to do.
    pub text: String,
}

/// From when on something is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Milliseconds that an entry may wait for the cloud.
    pub lag_ms: u64,
    /// How much must be free.
    pub free: FreeMin,
    /// Milliseconds that a device may be silent during an open event.
    pub silent_ms: u64,
    /// Milliseconds for which exchanges may fail although the other side is reached.
    pub sync_ms: u64,
}

/// How much of the disk must be free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FreeMin {
    /// 10 % and 500 MB, whichever is more.
    Usual,
    /// So many bytes.
    Bytes(u64),
    /// So many hundredths of the disk.
    Percent(u64),
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            lag_ms: LAG_MS_MAX,
            free: FreeMin::Usual,
            silent_ms: SILENT_MS_MAX,
            sync_ms: SYNC_MS_MAX,
        }
    }
}

impl std::str::FromStr for FreeMin {
    type Err = ();

    /// Reads `10%`, `500MB`, `2GB` or bytes.
    fn from_str(text: &str) -> Result<Self, ()> {
        let number = |digits: &str| digits.trim().parse::<u64>().map_err(|_| ());
        if let Some(percent) = text.strip_suffix('%') {
            let percent = number(percent)?;
            return if percent <= 100 {
                Ok(Self::Percent(percent))
            } else {
                Err(())
            };
        }
        for (unit, bytes) in [("KB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000)] {
            if let Some(count) = text.strip_suffix(unit) {
                return number(count)?.checked_mul(bytes).map(Self::Bytes).ok_or(());
            }
        }
        number(text).map(Self::Bytes)
    }
}

impl FreeMin {
    fn bytes(self, disk_bytes: u64) -> u64 {
        let percent = |count: u64| {
            disk_bytes
                .checked_div(100)
                .unwrap_or(0)
                .saturating_mul(count)
        };
        match self {
            Self::Usual => percent(FREE_PERCENT_MIN).max(FREE_BYTES_MIN),
            Self::Bytes(bytes) => bytes,
            Self::Percent(count) => percent(count),
        }
    }
}

impl Rule {
    /// All of them, the worst first.
    pub const ALL: [Self; 7] = [
        Self::Store,
        Self::Disk,
        Self::Cloud,
        Self::Sync,
        Self::Silent,
        Self::Clock,
        Self::Reviews,
    ];

    /// Returns its stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Disk => "disk",
            Self::Cloud => "cloud",
            Self::Sync => "sync",
            Self::Silent => "silent",
            Self::Clock => "clock",
            Self::Reviews => "reviews",
        }
    }

    /// Returns whether it is about one event, and not about the node with all that it holds.
    pub fn is_of_an_event(self) -> bool {
        match self {
            Self::Sync | Self::Silent | Self::Clock | Self::Reviews => true,
            Self::Store | Self::Disk | Self::Cloud => false,
        }
    }
}

impl Trouble {
    fn new(rule: Rule, grade: Grade, text: String) -> Self {
        Self {
            rule,
            about: String::new(),
            grade,
            text,
        }
    }
}

/// Returns how long the oldest entry waits for the cloud, in milliseconds.
pub fn lag_ms(vitals: &VitalsData) -> u64 {
    let since = vitals.pending_since_unix_ms.unwrap_or(vitals.now_unix_ms);
    u64::try_from(vitals.now_unix_ms.saturating_sub(since)).unwrap_or(0)
}

/// Finds everything that is wrong.
pub fn troubles(vitals: &VitalsData, limits: &Limits) -> Vec<Trouble> {
    let single = [
        store(vitals),
        disk(vitals, limits),
        cloud(vitals, limits),
        wrong_cloud(vitals, limits),
        clock(vitals),
        reviews(vitals),
    ];
    let mut found: Vec<Trouble> = single.into_iter().flatten().collect();
    found.extend(silent(vitals, limits));
    found.extend(failing(vitals, limits));
    found.sort_by(|one, next| (one.rule, &one.about).cmp(&(next.rule, &next.about)));
    found
}

fn store(vitals: &VitalsData) -> Option<Trouble> {
    if let Some(why) = &vitals.trouble {
        let text = format!(
            "Nothing is saved: {why}. What was saved before is safe; make room or check the disk."
        );
        return Some(Trouble::new(Rule::Store, Grade::Critical, text));
    }
    let text = || {
        "A damaged store was moved aside; its content comes back from the other devices. Replace \
         the card or disk after the event."
            .to_owned()
    };
    (0 < vitals.damaged).then(|| Trouble::new(Rule::Store, Grade::Warning, text()))
}

/// Returns the one trouble of events that save nothing, each with its name and why.
pub fn store_of_events(failing: &[(String, String)]) -> Option<Trouble> {
    let (event, why) = failing.first()?;
    let of = match failing.len().saturating_sub(1) {
        0 => event.clone(),
        more => format!("{event} and {more} more events"),
    };
    let text = format!(
        "Nothing is saved of {of}: {why}. What was saved before is safe; make room, or check the \
         disk or the database."
    );
    Some(Trouble::new(Rule::Store, Grade::Critical, text))
}

/// Returns the trouble of a cloud whose events' store does not answer.
pub fn store_away(why: &str) -> Trouble {
    let text = format!(
        "The store of the events does not answer: {why}. Devices keep what they have; check the \
         database."
    );
    Trouble::new(Rule::Store, Grade::Critical, text)
}

fn disk(vitals: &VitalsData, limits: &Limits) -> Option<Trouble> {
    let free = vitals.free_bytes?;
    let least = limits.free.bytes(vitals.disk_bytes.unwrap_or(0));
    let grade = if free < ROOM_BYTES {
        Grade::Critical
    } else if free < least {
        Grade::Warning
    } else {
        return None;
    };
    let text = format!(
        "The disk has {} MB left, less than {} MB. Make room; nothing that waits for the cloud is \
         dropped.",
        free / 1_000_000,
        least.max(ROOM_BYTES) / 1_000_000
    );
    Some(Trouble::new(Rule::Disk, grade, text))
}

fn cloud(vitals: &VitalsData, limits: &Limits) -> Option<Trouble> {
    let lag = lag_ms(vitals);
    if vitals.pending == 0 || lag <= limits.lag_ms {
        return None;
    }
    let reach = match &vitals.cloud {
        Some(cloud) if cloud.connected => "it is connected".to_owned(),
        Some(CloudData { why: Some(why), .. }) => format!("it is not reached ({})", why.reason),
        Some(_) => "it is not reached from here".to_owned(),
        None => "this device carries nothing there by itself".to_owned(),
    };
    let text = format!(
        "{} entries are not in the cloud, the oldest for {} min; {reach}. Nothing is lost; check \
         the internet, or bring a gateway near.",
        vitals.pending,
        lag / 60_000
    );
    Some(Trouble::new(Rule::Cloud, Grade::Warning, text))
}

/// Entries wait although the network reaches somebody at the cloud's address. A venue without internet, or
/// with a sign-in page before it, is no fault.
fn wrong_cloud(vitals: &VitalsData, limits: &Limits) -> Option<Trouble> {
    let cloud = vitals.cloud.as_ref().filter(|it| !it.connected)?;
    let why = cloud.why.as_ref()?;
    let reached = why.needs_a_person && why.reason == UNREACHABLE;
    if !reached || vitals.pending == 0 || lag_ms(vitals) <= limits.sync_ms {
        return None;
    }
    let text = format!(
        "{} entries do not go into the cloud although there is internet: {}. Nothing is lost; {}.",
        vitals.pending, why.text, why.fix
    );
    Some(Trouble::new(Rule::Sync, Grade::Warning, text))
}

/// Returns for how long all exchanges with a device fail, in milliseconds; `None` if they do not, or too
/// few did.
pub fn failing_ms(device: &DeviceVitals) -> Option<u64> {
    let failing = device.failing.as_ref();
    let failing = failing.filter(|it| FAILED_MIN <= it.times);
    failing.map(|it| it.for_ms)
}

/// One for each device that connects again and again, and with which no exchange goes well.
fn failing(vitals: &VitalsData, limits: &Limits) -> Vec<Trouble> {
    let over = |it: &&DeviceVitals| failing_ms(it).is_some_and(|ms| limits.sync_ms < ms);
    let trouble = |it: &DeviceVitals| {
        let failing = it.failing.as_ref()?;
        let text = format!(
            "Exchanges with {} fail for {} min, {} times in a row (the last one: {}). What it has is \
             not lost; see `tallyline why {}`, and check its version and its network.",
            it.label,
            failing.for_ms / 60_000,
            failing.times,
            failing.why,
            it.key
        );
        Some(Trouble {
            about: it.key.clone(),
            ..Trouble::new(Rule::Sync, Grade::Warning, text)
        })
    };
    vitals
        .devices
        .iter()
        .filter(over)
        .filter_map(trouble)
        .collect()
}

/// One for each device: each is somebody's to look after. One that was not heard since the node
/// started has not fallen silent.
fn silent(vitals: &VitalsData, limits: &Limits) -> Vec<Trouble> {
    let over =
        |it: &&DeviceVitals| !it.cloud && it.silent_ms.is_some_and(|ms| limits.silent_ms < ms);
    let silent = vitals.devices.iter().filter(|_| vitals.open).filter(over);
    silent
        .map(|it| Trouble {
            about: it.key.clone(),
            ..Trouble::new(
                Rule::Silent,
                Grade::Warning,
                format!(
                    "{} was not heard for {} min although the event is open. Check that it runs \
                     and is on the network.",
                    it.label,
                    it.silent_ms.unwrap_or(0) / 60_000
                ),
            )
        })
        .collect()
}

fn clock(vitals: &VitalsData) -> Option<Trouble> {
    let off: Vec<&DeviceVitals> = vitals
        .devices
        .iter()
        .filter(|it| {
            it.clock_ahead_ms
                .is_some_and(|ms| CLOCK_MS_MAX < ms.unsigned_abs())
        })
        .collect();
    if off.is_empty() {
        return None;
    }
    let shown = off.iter().take(NAMES_SHOWN);
    let mut names: Vec<String> = shown
        .map(|it| format!("{} by {} ms", it.label, it.clock_ahead_ms.unwrap_or(0)))
        .collect();
    let more = off.len().saturating_sub(NAMES_SHOWN);
    if 0 < more {
        names.push(format!("{more} more"));
    }
    let text = format!(
        "Clocks differ from this device's: {}. Scores are not harmed; set the clocks, this one's \
         first.",
        names.join(", ")
    );
    Some(Trouble::new(Rule::Clock, Grade::Warning, text))
}

fn reviews(vitals: &VitalsData) -> Option<Trouble> {
    let burst = vitals.burst_unix_ms?;
    if BURST_MS < vitals.now_unix_ms.saturating_sub(burst) {
        return None;
    }
    let text = format!(
        "More than ten things within an hour need a person; {} are open. See `tallyline conflicts \
         list`.",
        vitals.reviews
    );
    Some(Trouble::new(Rule::Reviews, Grade::Warning, text))
}

/// Returns the worst grade of each rule; `None` where all is well.
pub fn by_rule(troubles: &[Trouble]) -> BTreeMap<Rule, Option<Grade>> {
    let worst = |rule: Rule| {
        let of = troubles.iter().filter(move |it| it.rule == rule);
        (rule, of.map(|it| it.grade).max())
    };
    Rule::ALL.into_iter().map(worst).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::protocol::{FailingVitals, WhyNot};

    fn well() -> VitalsData {
        VitalsData {
            now_unix_ms: 1_000_000_000_000,
            open: true,
            has_cloud: true,
            free_bytes: Some(50_000_000_000),
            disk_bytes: Some(100_000_000_000),
            devices: vec![DeviceVitals {
                label: "Tablet 1".to_owned(),
                key: "abcd".to_owned(),
                connected: true,
                cloud: false,
                silent_ms: Some(0),
                clock_ahead_ms: Some(-2_000),
                last_sync_unix_ms: None,
                failing: None,
            }],
            ..VitalsData::default()
        }
    }

    fn check(change: fn(&mut VitalsData), expected: &[(Rule, Grade)]) {
        let mut vitals = well();
        change(&mut vitals);
        let found = troubles(&vitals, &Limits::default());
        let found: Vec<_> = found.iter().map(|it| (it.rule, it.grade)).collect();
        assert_eq!(found, expected, "{vitals:?}");
    }

    #[test]
    fn each_rule_has_its_limit() {
        let warning = |rule| [(rule, Grade::Warning)];
        check(|_| {}, &[]);
        check(
            |it| it.free_bytes = Some(9_999_999_999),
            &warning(Rule::Disk),
        );
        check(|it| it.free_bytes = Some(10_000_000_000), &[]);
        check(
            |it| it.free_bytes = Some(1),
            &[(Rule::Disk, Grade::Critical)],
        );
        check(|it| it.free_bytes = None, &[]);
        check(
            |it| {
                it.disk_bytes = Some(1_000_000_000);
                it.free_bytes = Some(499_000_000);
            },
            &warning(Rule::Disk),
        );
        check(
            |it| it.trouble = Some("the disk is full".to_owned()),
            &[(Rule::Store, Grade::Critical)],
        );
        check(|it| it.damaged = 1, &warning(Rule::Store));
        check(
            |it| it.devices[0].clock_ahead_ms = Some(2_001),
            &warning(Rule::Clock),
        );
        check(
            |it| it.devices[0].clock_ahead_ms = Some(-2_001),
            &warning(Rule::Clock),
        );
    }

    #[test]
    fn waiting_and_silence_are_told_when_they_last_and_matter() {
        let warning = |rule| [(rule, Grade::Warning)];
        let silent = |it: &mut VitalsData| it.devices[0].silent_ms = Some(15 * 60_000 + 1);
        check(silent, &warning(Rule::Silent));
        check(
            |it| {
                it.devices[0].silent_ms = Some(15 * 60_000 + 1);
                it.open = false;
            },
            &[],
        );
        check(|it| it.devices[0].silent_ms = None, &[]);
        check(
            |it| {
                it.devices[0].silent_ms = Some(15 * 60_000 + 1);
                it.devices[0].cloud = true;
            },
            &[],
        );
        check(
            |it| {
                it.pending = 3;
                it.pending_since_unix_ms = Some(it.now_unix_ms - 60 * 60_000 - 1);
            },
            &warning(Rule::Cloud),
        );
        check(
            |it| {
                it.pending = 3;
                it.pending_since_unix_ms = Some(it.now_unix_ms - 60_000);
            },
            &[],
        );
        check(
            |it| it.burst_unix_ms = Some(it.now_unix_ms - 60_000),
            &warning(Rule::Reviews),
        );
        check(
            |it| it.burst_unix_ms = Some(it.now_unix_ms - 2 * BURST_MS),
            &[],
        );
    }

    fn failing(times: u64, for_ms: u64) -> FailingVitals {
        let why = "bad_signature".to_owned();
        FailingVitals { times, for_ms, why }
    }

    #[test]
    fn exchanges_that_fail_are_told_where_the_other_side_is_reached() {
        let warning = |rule| [(rule, Grade::Warning)];
        check(
            |it| it.devices[0].failing = Some(failing(5, 15 * 60_000 + 1)),
            &warning(Rule::Sync),
        );
        check(
            |it| it.devices[0].failing = Some(failing(4, 15 * 60_000 + 1)),
            &[],
        );
        check(
            |it| it.devices[0].failing = Some(failing(90, 15 * 60_000)),
            &[],
        );
        let waiting = |it: &mut VitalsData, reason: &str, needs_a_person| {
            it.pending = 3;
            it.pending_since_unix_ms = Some(it.now_unix_ms - 15 * 60_000 - 1);
            it.cloud = Some(CloudData {
                address: "cloud.example:4433".to_owned(),
                connected: false,
                over: None,
                why: Some(WhyNot {
                    reason: reason.to_owned(),
                    text: "another node answers there".to_owned(),
                    fix: "check the address".to_owned(),
                    needs_a_person,
                }),
            });
        };
        let cases = [
            ("cloud-unreachable", true, 1),
            ("cloud-unreachable", false, 0),
            ("captive-portal", true, 0),
        ];
        for (reason, needs_a_person, expected) in cases {
            let mut vitals = well();
            waiting(&mut vitals, reason, needs_a_person);
            let found = troubles(&vitals, &Limits::default());
            let found = found.iter().filter(|it| it.rule == Rule::Sync).count();
            assert_eq!(found, expected, "{reason} {needs_a_person}");
            vitals.pending = 0;
            assert_eq!(troubles(&vitals, &Limits::default()), [], "nothing waits");
        }
    }

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, expected) in [
            ("10%", Ok(FreeMin::Percent(10))),
            ("500MB", Ok(FreeMin::Bytes(500_000_000))),
            ("2 GB", Ok(FreeMin::Bytes(2_000_000_000))),
            ("17", Ok(FreeMin::Bytes(17))),
            ("101%", Err(())),
            ("-1", Err(())),
            ("99999999999999GB", Err(())),
            ("", Err(())),
        ] {
            assert_eq!(text.parse(), expected, "{text}");
        }
    }
}
