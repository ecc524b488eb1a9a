//! What is wrong with a node, by its figures: the same rules for alerts and for `tallyline check`.
//!
//! Pure: figures and limits in, troubles out. Layer: node, alerts.

use std::collections::BTreeMap;

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

/// Milliseconds that two clocks may differ.
const CLOCK_MS_MAX: u64 = 2_000;

/// Milliseconds for which a burst of reviews is news.
const BURST_MS: i64 = 60 * 60_000;

/// Names that one text tells; more are counted.
const NAMES_SHOWN: usize = 5;

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
    /// A device is not heard although the event is open.
    Silent,
    /// Clocks differ.
    Clock,
    /// More needs a person than one person can look at.
    Reviews,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
    pub const ALL: [Self; 6] = [
        Self::Store,
        Self::Disk,
        Self::Cloud,
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
            Self::Silent => "silent",
            Self::Clock => "clock",
            Self::Reviews => "reviews",
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
        clock(vitals),
        reviews(vitals),
    ];
    let mut found: Vec<Trouble> = single.into_iter().flatten().collect();
    found.extend(silent(vitals, limits));
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
