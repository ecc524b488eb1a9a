//! Reads the structure file: the JSON text from which an owner founds an event.
//!
//! Knows the file's shape (docs/CLI.md) and turns it into the model's [`Structure`]. Reads no
//! file itself, and does not judge what the core judges: the size of the whole and the order of
//! numbers among statements. Layer: above `model`, below `cli` and `demo`.

mod cursor;
mod kinds;
mod terms;

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;
use tallyline_proto::model::{
    Discipline, Division, Drill, DrillNo, Entrant, Method, NoShoots, PowerFactor, Rule, RuleKind,
    RuleNo, Ruleset, Shooter, ShooterNo, SquadNo, Structure,
};
use tallyline_proto::rules::scoring::is_minor_only;

use cursor::At;

/// Longest name of an event, drill, division or shooter, in bytes; what an entry on the wire
/// may carry.
const NAME_BYTES_MAX: usize = 64;
/// Longest text of a rule, in bytes; what an entry on the wire may carry.
const RULE_BYTES_MAX: usize = 160;
/// Most timed strings of one drill; Steel Challenge, the richest, has 5.
const STRINGS_MAX: u64 = 16;
/// Most hits that count on one paper target: a count has 4 bits.
const REQUIRED_HITS_MAX: u64 = 15;
/// Most steel targets of one drill: a count has 8 bits.
const STEEL_MAX: u64 = 255;
/// Most problems shown at once: a file of another kind would fill the screen.
const PROBLEMS_MAX: usize = 10;
/// Most items of one list; far above any match, and small enough to answer at once.
const ITEMS_MAX: usize = 10_000;
/// Most names that a complaint lists: more than any rule book has divisions.
const LISTED_MAX: usize = 12;
/// Milliseconds of a day.
const DAY_MS: u64 = 86_400_000;

/// What a structure file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StructureFile {
    /// The event's name, 1 to 64 bytes.
    pub name: String,
    /// Drills, shooters and rules.
    pub structure: Structure,
}

/// Everything that is wrong with a structure file, at most ten places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StructureProblems(Vec<String>);

impl StructureFile {
    /// Reads the text of a structure file.
    ///
    /// Rules are numbered from 1 over procedurals, dqs and dnfs in the order of the file, and
    /// keep their `uuid` as code. Fields without a meaning here are skipped.
    ///
    /// # Errors
    ///
    /// [`StructureProblems`] with the place of each bad value and what to write there.
    pub fn parse(text: &str) -> Result<Self, StructureProblems> {
        let value: Value = serde_json::from_str(text)
            .map_err(|error| StructureProblems(vec![format!("this is not JSON: {error}")]))?;
        let mut reader = Reader::default();
        let file = reader.file(&At::root(&value));
        match (file, reader.problems.is_empty()) {
            (Some(file), true) => Ok(file),
            (Some(_) | None, _) => Err(StructureProblems(reader.problems)),
        }
    }
}

impl fmt::Display for StructureProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, problem) in self.0.iter().take(PROBLEMS_MAX).enumerate() {
            if 0 < place {
                f.write_str("\n")?;
            }
            f.write_str(problem)?;
        }
        let more = self.0.len().saturating_sub(PROBLEMS_MAX);
        if 0 < more {
            write!(f, "\nand {more} more")
        } else {
            Ok(())
        }
    }
}

impl std::error::Error for StructureProblems {}

/// Reads what is right and collects what is wrong, so that one run shows all bad places.
#[derive(Default)]
struct Reader {
    problems: Vec<String>,
}

impl Reader {
    fn file(&mut self, root: &At<'_>) -> Option<StructureFile> {
        let name = self.take(root.field("event").and_then(|it| it.name(NAME_BYTES_MAX)));
        let level = self.take(root.optional("level", At::any_text));
        let zone_min = self
            .take(root.optional("zone_min", |it| it.signed(-720..=840)))
            .map(Option::unwrap_or_default);
        let date = self.take(root.field("date").and_then(|it| day(&it)));
        let ruleset = self.take(root.optional("ruleset", terms::ruleset));
        let divisions = self.divisions(root);
        let rules = self.rules(root);
        let places = self.take(root.optional("places", kinds::places));
        let kinds = self.take(root.optional("kinds", kinds::kinds));
        let drills = self.list(root.field("stages"), drill);
        let shooters = {
            let divisions = divisions.as_deref().unwrap_or_default();
            self.list(root.field("shooters"), |it| shooter(it, divisions))
        };
        let mut drills = drills?;
        let mut shooters = shooters?;
        drills.sort_by_key(|drill| drill.no);
        shooters.sort_by_key(|shooter| shooter.no);
        self.unique("stages", "stage", drills.iter().map(|drill| drill.no.0));
        self.unique(
            "shooters",
            "shooter",
            shooters.iter().map(|shooter| shooter.no.0),
        );
        let zone_min = zone_min?;
        Some(StructureFile {
            name: name?,
            structure: Structure {
                epoch_ms: epoch_ms(date?, zone_min),
                zone_min,
                level: level?.unwrap_or_default(),
                ruleset: ruleset?.unwrap_or_else(|| Ruleset::of(Discipline::Ipsc)),
                divisions: divisions?,
                drills,
                shooters,
                rules: rules?,
                kinds: kinds?.unwrap_or_default(),
                places: places?.unwrap_or_default(),
            },
        })
    }

    /// Reads the divisions with their floors, in the order in which the file lists them.
    fn divisions(&mut self, root: &At<'_>) -> Option<Vec<Division>> {
        let names = self.list(root.field("divisions"), |it| it.name(NAME_BYTES_MAX))?;
        let floors = self.take(root.optional("division_power_factors", At::object))?;
        let mut known = BTreeMap::new();
        for (name, it) in floors.unwrap_or_default() {
            if !names.contains(&name) {
                let name = cursor::shortened(&name);
                self.problems.push(format!(
                    "division_power_factors: \"{name}\" is not in divisions; add it there or \
                     remove it here"
                ));
            }
            let floors = self.take(power_factors(&it))?;
            known.insert(name, floors);
        }
        let read = |name: String| {
            let (minor_floor, major_floor) = known.get(&name).copied().unwrap_or_default();
            Division {
                name,
                minor_floor,
                major_floor,
            }
        };
        Some(names.into_iter().map(read).collect())
    }

    /// Numbers the rules from 1 over the three lists; a missing list is an empty one.
    fn rules(&mut self, root: &At<'_>) -> Option<Vec<Rule>> {
        const LISTS: [(&str, RuleKind); 3] = [
            ("procedurals", RuleKind::Procedural),
            ("dqs", RuleKind::Dq),
            ("dnfs", RuleKind::Dnf),
        ];
        let mut rules: Vec<Rule> = Vec::new();
        let Some(lists) = self.take(root.optional("rules", |it| Ok(it.clone())))? else {
            return Some(rules);
        };
        for (key, kind) in LISTS {
            if let Some(list) = self.take(lists.optional(key, |it| Ok(it.clone())))? {
                let read = self.list(Ok(list), |it| rule(it, kind))?;
                rules.extend(read);
            }
        }
        for (rule, no) in rules.iter_mut().zip(1..) {
            rule.no = RuleNo(no);
        }
        Some(rules)
    }

    /// Keeps a value, or its problem.
    fn take<T>(&mut self, read: Result<T, String>) -> Option<T> {
        read.map_err(|problem| self.problems.push(problem)).ok()
    }

    /// Reads each item of a list and collects the problem of each bad one.
    fn list<'a, T>(
        &mut self,
        list: Result<At<'a>, String>,
        read: impl Fn(&At<'a>) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        let items = self.take(list.and_then(|it| it.items(ITEMS_MAX)))?;
        let before = self.problems.len();
        let read: Vec<T> = items
            .into_iter()
            .filter_map(|it| self.take(read(&it)))
            .collect();
        (self.problems.len() == before).then_some(read)
    }

    /// Tells of each number that names two things; the numbers come in order.
    fn unique(&mut self, list: &str, what: &str, numbers: impl Iterator<Item = u32>) {
        let mut before = None;
        for number in numbers {
            if before == Some(number) {
                self.problems.push(format!(
                    "{list}: {what} {number} is there twice; a number names one {what} for ever"
                ));
            }
            before = Some(number);
        }
    }
}

/// Day of a file: days since 1 January 1970.
#[derive(Clone, Copy)]
struct Day(u64);

fn epoch_ms(day: Day, zone_min: i32) -> u64 {
    let midnight_utc = day.0.saturating_mul(DAY_MS);
    let shift_ms = i64::from(zone_min).saturating_mul(60_000);
    midnight_utc.saturating_add_signed(shift_ms.saturating_neg())
}

/// Reads `2018-07-25`; years 1970 to 9999.
fn day(it: &At<'_>) -> Result<Day, String> {
    let advice = "write the first day as YYYY-MM-DD, for example 2018-07-25";
    let text = it.text()?;
    let mut parts = text
        .split('-')
        .map(|part| (part.len(), part.parse::<u64>().ok()));
    let (Some((4, Some(year))), Some((2, Some(month))), Some((2, Some(date))), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(it.problem(advice));
    };
    days_since_1970(year, month, date)
        .map(Day)
        .ok_or_else(|| it.problem(advice))
}

/// Counts days of the Gregorian calendar, or returns `None` for a date that does not exist.
fn days_since_1970(year: u64, month: u64, date: u64) -> Option<u64> {
    let leap = |year: u64| {
        (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400)
    };
    let days_in = |month: u64| match month {
        2 if leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if year < 1970 || !(1..=12).contains(&month) || !(1..=days_in(month)).contains(&date) {
        return None;
    }
    let years: u64 = (1970..year)
        .map(|year| if leap(year) { 366 } else { 365 })
        .sum();
    let months: u64 = (1..month).map(days_in).sum();
    years.checked_add(months)?.checked_add(date)?.checked_sub(1)
}

fn power_factors(it: &At<'_>) -> Result<(Option<u32>, Option<u32>), String> {
    let floor = |it: &At<'_>| it.number(1..=1000);
    Ok((it.optional("minor", floor)?, it.optional("major", floor)?))
}

fn rule(it: &At<'_>, kind: RuleKind) -> Result<Rule, String> {
    let warning = it.optional("warn", At::flag)?.unwrap_or(false);
    Ok(Rule {
        no: RuleNo(0),
        kind: if warning { RuleKind::Warning } else { kind },
        text: it.field("name")?.name(RULE_BYTES_MAX)?,
        code: it.optional("uuid", At::any_text)?.unwrap_or_default(),
        value: rule_value(it)?,
    })
}

fn drill(it: &At<'_>) -> Result<Drill, String> {
    let method = terms::method(&it.field("scoring")?)?;
    let strings = it.optional("strings", |it| it.number(0..=STRINGS_MAX))?;
    if strings == Some(0) && !method.may_be_untimed() {
        return Err(it
            .field("strings")?
            .problem("a stage that is shot has 1 to 16 strings"));
    }
    let default_strings = u32::from(!matches!(method, Method::Chrono | Method::Court));
    let required_hits = match it.optional("target_shots", |it| it.items(ITEMS_MAX))? {
        None => Vec::new(),
        Some(targets) => targets
            .into_iter()
            .map(|it| it.number(1..=REQUIRED_HITS_MAX).map(low_byte))
            .collect::<Result<_, _>>()?,
    };
    Ok(Drill {
        no: DrillNo(it.field("stage")?.no()?),
        name: it.field("name")?.name(NAME_BYTES_MAX)?,
        method,
        strings: strings.unwrap_or(default_strings),
        required_hits,
        steel: it
            .optional("steel", |it| it.number(0..=STEEL_MAX))?
            .map_or(0, low_byte),
        no_shoots: match it.optional("no_shoots", At::flag)? {
            None => NoShoots::NotSaid,
            Some(false) => NoShoots::Absent,
            Some(true) => NoShoots::Present,
        },
        terms: terms::terms(it, method)?,
    })
}

fn shooter(it: &At<'_>, divisions: &[Division]) -> Result<Shooter, String> {
    let named = it.field("division")?;
    let name = named.text()?;
    let (division, known) = divisions
        .iter()
        .enumerate()
        .find(|(_, known)| known.name == name)
        .ok_or_else(|| {
            let names: Vec<&str> = divisions.iter().map(|it| it.name.as_str()).collect();
            let known = listed(&names);
            named.problem(&format!("use one of the file's divisions: {known}"))
        })?;
    let factor = it.field("power_factor")?;
    let power_factor = match factor.text()?.to_ascii_uppercase().as_str() {
        "MAJOR" if is_minor_only(known) => {
            let advice = format!("{name} has a floor for Minor and none for Major; use MINOR");
            return Err(factor.problem(&advice));
        }
        "MAJOR" => PowerFactor::Major,
        "MINOR" => PowerFactor::Minor,
        "SUBMINOR" => PowerFactor::Subminor,
        _ => return Err(factor.problem("use MAJOR, MINOR or SUBMINOR")),
    };
    let categories = match it.optional("categories", |it| it.items(ITEMS_MAX))? {
        None => Vec::new(),
        Some(list) => list
            .into_iter()
            .map(|it| it.name(NAME_BYTES_MAX))
            .collect::<Result<_, _>>()?,
    };
    Ok(Shooter {
        no: ShooterNo(it.field("shooter")?.no()?),
        label: it.field("label")?.name(NAME_BYTES_MAX)?,
        division,
        power_factor,
        squad: SquadNo(it.field("squad")?.no()?),
        categories,
        entrant: Entrant {
            id: None,
            member: short_text(it, "member", 32)?,
            class: short_text(it, "class", 16)?,
            team: short_text(it, "team", NAME_BYTES_MAX)?,
        },
    })
}

/// Reads what breaking a rule once costs: `"seconds"` where time is counted, `"points"` elsewhere; a
/// bonus is below 0.
fn rule_value(it: &At<'_>) -> Result<Option<i32>, String> {
    let seconds = it.optional("seconds", At::signed_centis)?;
    let points = it.optional("points", |it| it.signed(-1_000..=1_000))?;
    match (seconds, points) {
        (Some(_), Some(_)) => Err(it.problem("a rule costs \"seconds\" or \"points\", not both")),
        (seconds, points) => Ok(seconds.or(points)),
    }
}

/// Reads a text that may be missing, of at most this many bytes.
fn short_text(it: &At<'_>, key: &str, bytes_max: usize) -> Result<String, String> {
    let read = |it: &At<'_>| {
        let text = it.any_text()?;
        if bytes_max < text.len() {
            let found = text.len();
            return Err(it.problem(&format!("{found} bytes are more than {bytes_max}")));
        }
        Ok(text)
    };
    Ok(it.optional(key, read)?.unwrap_or_default())
}

/// Lists names for a complaint: all that a real match has, and no screenful of any others.
fn listed(names: &[&str]) -> String {
    let shown: Vec<&str> = names.iter().take(LISTED_MAX).copied().collect();
    let more = names.len().saturating_sub(LISTED_MAX);
    let shown = shown.join(", ");
    if 0 < more {
        format!("{shown} and {more} more")
    } else {
        shown
    }
}

/// Narrows a number that was checked to be at most 255.
fn low_byte(number: u32) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests;
