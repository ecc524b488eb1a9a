//! A registration list and a roster: who is there already, and what a list adds and changes.
//!
//! Layer: node, exchange.

use tallyline_proto::model::{
    Entrant, PowerFactor, RosterChange, Shooter, ShooterNo, SquadNo, Structure,
};
use tallyline_proto::rules::Roster;

use super::changes::{Order, edit_of};
use super::names::{
    CLASS_BYTES_MAX, MEMBER_BYTES_MAX, NAME_BYTES_MAX, NO_SQUAD, clipped, full_label, label,
    names_of,
};
use super::structure::division_place;
use crate::files::registration::{PeopleBook, Person, Preview, ReadList, Verdict};

/// Returns the roster as lists are compared with it.
pub fn book_of(structure: &Structure) -> PeopleBook {
    PeopleBook {
        people: structure
            .shooters
            .iter()
            .map(|it| person(structure, it))
            .collect(),
        divisions: structure
            .divisions
            .iter()
            .map(|it| it.name.clone())
            .collect(),
    }
}

fn person(structure: &Structure, shooter: &Shooter) -> Person {
    let (first_name, last_name) = names_of(&shooter.label);
    let division = structure.divisions.get(shooter.division);
    Person {
        number: Some(shooter.no.0),
        first_name,
        last_name,
        member: shooter.entrant.member.clone(),
        division: division.map_or(String::new(), |it| it.name.clone()),
        class: shooter.entrant.class.clone(),
        power_factor: match shooter.power_factor {
            PowerFactor::Major => "Major",
            PowerFactor::Minor => "Minor",
            PowerFactor::Subminor => "Subminor",
        }
        .to_owned(),
        squad: (shooter.squad.0 != NO_SQUAD).then_some(shooter.squad.0),
        categories: shooter.categories.clone(),
        team: shooter.entrant.team.clone(),
    }
}

/// Adds to the rows of a list what is too long for an event: it would be cut, and the next list would
/// not find who was added.
pub fn mark_too_long(list: &mut ReadList) {
    for row in &mut list.rows {
        let it = &row.person;
        let name = full_label(&it.first_name, &it.last_name);
        let categories = it
            .categories
            .iter()
            .map(|name| ("category", name.as_str(), NAME_BYTES_MAX));
        let too_long = [
            ("name", name.as_str(), NAME_BYTES_MAX),
            ("member number", it.member.as_str(), MEMBER_BYTES_MAX),
            ("class", it.class.as_str(), CLASS_BYTES_MAX),
            ("team", it.team.as_str(), NAME_BYTES_MAX),
        ]
        .into_iter()
        .chain(categories)
        .map(|(what, text, max)| (what, text.trim().len(), max))
        .filter(|(_, bytes, max)| max < bytes)
        .map(|(what, bytes, max)| format!("{what} has {bytes} bytes, limit {max}"));
        let too_long: Vec<String> = too_long.collect();
        row.problems.extend(too_long);
    }
}

/// Makes the changes of a list: its new rows are added, and if wanted those that may be there
/// already; `fresh_no` gives a number that the event has not.
pub fn orders_of(
    preview: &Preview,
    roster: &Roster,
    duplicates: bool,
    mut fresh_no: impl FnMut(&Roster) -> ShooterNo,
) -> Vec<Order> {
    let mut after = roster.clone();
    let divisions = roster.structure().divisions.clone();
    let mut orders = Vec::new();
    for row in &preview.rows {
        let change = match &row.verdict {
            Verdict::New => None,
            Verdict::Duplicate(..) | Verdict::Twice(..) if duplicates => None,
            Verdict::Changed(place, _) => {
                let Some(held) = roster.structure().shooters.get(*place) else {
                    continue;
                };
                let fresh = filled(held, &row.person, roster);
                let (edit, differs) = edit_of(held, &fresh, &divisions);
                if differs.is_empty() {
                    continue;
                }
                Some(RosterChange::Edit(edit))
            }
            Verdict::Unchanged(_)
            | Verdict::Duplicate(..)
            | Verdict::Twice(..)
            | Verdict::Problem(_) => continue,
        };
        let change = change.unwrap_or_else(|| {
            let wanted = row.person.number.map(ShooterNo);
            let free = wanted.filter(|no| no.0 != 0 && after.shooter(*no).is_none());
            let no = free.unwrap_or_else(|| fresh_no(&after));
            RosterChange::Add(shooter(no, &row.person, roster))
        });
        after.apply(&change);
        orders.push(Order::Roster(change));
    }
    orders
}

fn shooter(no: ShooterNo, it: &Person, roster: &Roster) -> Shooter {
    let label = label(&it.first_name, &it.last_name);
    let blank = Shooter {
        no,
        label: if label.is_empty() {
            format!("Shooter {no}")
        } else {
            label
        },
        division: 0,
        power_factor: PowerFactor::Minor,
        squad: SquadNo(NO_SQUAD),
        categories: Vec::new(),
        entrant: Entrant {
            member: clipped(it.member.trim(), MEMBER_BYTES_MAX),
            ..Entrant::default()
        },
    };
    filled(&blank, it, roster)
}

/// Puts what a row says into a shooter; what it does not say stays.
fn filled(held: &Shooter, it: &Person, roster: &Roster) -> Shooter {
    let text = |text: &str, held: &str, max| {
        if text.trim().is_empty() {
            held.to_owned()
        } else {
            clipped(text.trim(), max)
        }
    };
    let power_factor = match it.power_factor.to_ascii_lowercase().as_str() {
        "major" => PowerFactor::Major,
        "minor" => PowerFactor::Minor,
        "subminor" => PowerFactor::Subminor,
        _ => held.power_factor,
    };
    let division = division_place(&roster.structure().divisions, &it.division);
    let categories = it
        .categories
        .iter()
        .map(|name| clipped(name.trim(), NAME_BYTES_MAX));
    let categories: Vec<String> = categories.filter(|name| !name.is_empty()).collect();
    Shooter {
        division: division.unwrap_or(held.division),
        power_factor,
        squad: it
            .squad
            .filter(|&squad| 0 < squad)
            .map_or(held.squad, SquadNo),
        categories: if categories.is_empty() {
            held.categories.clone()
        } else {
            categories
        },
        entrant: Entrant {
            class: text(&it.class, &held.entrant.class, CLASS_BYTES_MAX),
            team: text(&it.team, &held.entrant.team, NAME_BYTES_MAX),
            ..held.entrant.clone()
        },
        ..held.clone()
    }
}
