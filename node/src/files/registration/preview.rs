//! Compares a list with the shooters who are there, row by row.

use std::collections::BTreeMap;

use super::super::complaint::shortened;
use super::super::fold::plain_name;
use super::Person;
use super::divisions::{distance, find, suggestion};
use super::mapping::Mapping;
use super::read::ReadList;

/// Shooters who are there already, and the divisions that they may be in.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct PeopleBook {
    /// The shooters.
    pub people: Vec<Person>,
    /// The event's divisions.
    pub divisions: Vec<String>,
}

/// What a list would change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// Which columns were taken as what.
    pub mapping: Mapping,
    /// The rows in order.
    pub rows: Vec<Row>,
}

/// One row and what it would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The line of the file in which it begins.
    pub line: u64,
    /// Who stands there, with the division as the event calls it.
    pub person: Person,
    /// What it would do.
    pub verdict: Verdict,
}

/// What a row would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Add a shooter.
    New,
    /// Nothing: the shooter, by place in the book, is there as the row says.
    Unchanged(usize),
    /// Change a shooter, by place in the book.
    Changed(usize, Vec<Change>),
    /// Perhaps add a shooter who is there already, by place in the book.
    Duplicate(usize, Doubt),
    /// Perhaps add somebody who is in the list already, by the line of the other.
    Twice(u64, Doubt),
    /// Nothing before it is mended: why, in words.
    Problem(Vec<String>),
}

/// A value that a row would change; one that is empty in the list is left as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What it is: `division`, `squad`, ...
    pub field: &'static str,
    /// What is there.
    pub from: String,
    /// What the list says.
    pub to: String,
}

/// Why a row may mean a shooter who is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// The same name, and member numbers that differ by one letter or digit.
    MemberDiffers,
    /// The same name, and one of the two has no member number.
    MemberMissing,
    /// The same member number and another name.
    NameDiffers,
}

impl Doubt {
    /// Returns it in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::MemberDiffers => "same name, member number differs by one digit",
            Self::MemberMissing => "same name, member number only once",
            Self::NameDiffers => "same member number, other name",
        }
    }
}

/// Compares a list with the shooters who are there. Decides and changes nothing.
pub fn preview(list: &ReadList, book: &PeopleBook) -> Preview {
    let known = Known::new(&book.people);
    let mut listed = Known::default();
    let mut lines = Vec::new();
    let mut seen: BTreeMap<(String, String), u64> = BTreeMap::new();
    let mut rows = Vec::with_capacity(list.rows.len());
    for it in &list.rows {
        let mut person = it.person.clone();
        let mut problems = it.problems.clone();
        problems.extend(division(&mut person, &book.divisions));
        let key = (name_of(&person), person.member.to_uppercase());
        if problems.is_empty() {
            if let Some(before) = seen.get(&key) {
                problems.push(format!("the same person as line {before}"));
            } else {
                seen.insert(key, it.line);
            }
        }
        let verdict = if problems.is_empty() {
            known.verdict(&person)
        } else {
            Verdict::Problem(problems)
        };
        let verdict = match (verdict, listed.verdict(&person)) {
            (Verdict::New, Verdict::Duplicate(place, doubt)) => {
                Verdict::Twice(lines.get(place).copied().unwrap_or_default(), doubt)
            }
            (verdict, _) => verdict,
        };
        if verdict == Verdict::New {
            listed.add(person.clone());
            lines.push(it.line);
        }
        rows.push(Row {
            line: it.line,
            person,
            verdict,
        });
    }
    Preview {
        mapping: list.mapping.clone(),
        rows,
    }
}

/// Puts the event's name of the division in, or says what is wrong with it.
fn division(person: &mut Person, divisions: &[String]) -> Option<String> {
    if divisions.is_empty() {
        return None;
    }
    if person.division.is_empty() {
        return Some("the division is missing".to_owned());
    }
    if let Some(name) = find(&person.division, divisions) {
        name.clone_into(&mut person.division);
        return None;
    }
    let shown = shortened(&person.division);
    let listed: Vec<&str> = divisions.iter().map(String::as_str).take(12).collect();
    let advice = suggestion(&person.division, divisions).map_or_else(
        || format!("use one of {}", listed.join(", ")),
        |name| format!("did you mean \"{name}\"?"),
    );
    Some(format!("division \"{shown}\" unknown; {advice}"))
}

/// People by name and by member number.
#[derive(Default)]
struct Known {
    people: Vec<Person>,
    names: BTreeMap<String, Vec<usize>>,
    members: BTreeMap<String, Vec<usize>>,
}

impl Known {
    fn new(people: &[Person]) -> Self {
        let mut known = Self::default();
        for person in people {
            known.add(person.clone());
        }
        known
    }

    fn add(&mut self, person: Person) {
        let place = self.people.len();
        self.names.entry(name_of(&person)).or_default().push(place);
        if !person.member.is_empty() {
            let member = person.member.to_uppercase();
            self.members.entry(member).or_default().push(place);
        }
        self.people.push(person);
    }

    fn verdict(&self, person: &Person) -> Verdict {
        let member = person.member.to_uppercase();
        let by_name = self
            .names
            .get(&name_of(person))
            .map_or(&[][..], Vec::as_slice);
        let by_member = self.members.get(&member).map_or(&[][..], Vec::as_slice);
        let of = |place: &usize| {
            self.people
                .get(*place)
                .map_or(String::new(), |it| it.member.to_uppercase())
        };
        if let Some(&place) = by_name.iter().find(|place| of(place) == member) {
            let changes = self
                .people
                .get(place)
                .map_or(Vec::new(), |it| changes(it, person));
            return if changes.is_empty() {
                Verdict::Unchanged(place)
            } else {
                Verdict::Changed(place, changes)
            };
        }
        if let Some(&place) = by_member.first() {
            return Verdict::Duplicate(place, Doubt::NameDiffers);
        }
        let near = |place: &&usize| {
            let other = of(place);
            !other.is_empty() && !member.is_empty() && distance(&other, &member, 1) <= 1
        };
        if let Some(&place) = by_name.iter().find(near) {
            return Verdict::Duplicate(place, Doubt::MemberDiffers);
        }
        let missing = |place: &&usize| of(place).is_empty() != member.is_empty();
        match by_name.iter().find(missing) {
            Some(&place) => Verdict::Duplicate(place, Doubt::MemberMissing),
            None => Verdict::New,
        }
    }
}

/// Returns a name to compare.
fn name_of(person: &Person) -> String {
    let (last, first) = (&person.last_name, &person.first_name);
    format!("{} {}", plain_name(last), plain_name(first))
}

fn changes(from: &Person, to: &Person) -> Vec<Change> {
    let squad = |person: &Person| person.squad.map(|it| it.to_string()).unwrap_or_default();
    let sorted = |person: &Person| {
        let mut names = person.categories.clone();
        names.sort();
        names.join(", ")
    };
    // Two names for one division are no change.
    let same = find(&from.division, std::slice::from_ref(&to.division)).is_some();
    let kept = if same { &to.division } else { &from.division };
    [
        ("division", kept.clone(), to.division.clone()),
        ("class", from.class.clone(), to.class.clone()),
        (
            "power factor",
            from.power_factor.clone(),
            to.power_factor.clone(),
        ),
        ("squad", squad(from), squad(to)),
        ("categories", sorted(from), sorted(to)),
        ("team", from.team.clone(), to.team.clone()),
    ]
    .into_iter()
    .filter(|(_, from, to)| !to.is_empty() && from != to)
    .map(|(field, from, to)| Change { field, from, to })
    .collect()
}
