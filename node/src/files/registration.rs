//! Lists of people who registered, as CSV: what a list says, and what it would change.
//!
//! Columns are guessed by their names, or taken from a profile that was kept. [`preview`] compares
//! a list with the shooters who are there and says of each row whether it is new, unchanged,
//! changed, a possible duplicate or a problem; nothing is decided here. Mail, phone and address are
//! never taken over.

mod divisions;
mod guess;
mod mapping;
mod preview;
mod read;
mod text;

pub use mapping::{Column, Mapping, Role};
pub use preview::{Change, Doubt, PeopleBook, Preview, Row, Verdict, preview};
pub use read::{ListRow, ReadList, read_registration};
pub use text::{Colours, Listing};

/// What complaints call the file.
const LIST: &str = "the registration list";

/// A person as a list or a roster tells.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Person {
    /// Number in the match, if there is one.
    pub number: Option<u32>,
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// Number with the sport's association.
    pub member: String,
    /// Division.
    pub division: String,
    /// Class.
    pub class: String,
    /// Power factor, `Major`, `Minor`, `Subminor` or empty.
    pub power_factor: String,
    /// Squad; `None` if there is none yet.
    pub squad: Option<u32>,
    /// Categories.
    pub categories: Vec<String>,
    /// Team.
    pub team: String,
}

impl Person {
    /// Returns the person as lists print them: `A12345 Doe, John`.
    pub fn shown(&self) -> String {
        let name = match (self.last_name.as_str(), self.first_name.as_str()) {
            ("", first) => first.to_owned(),
            (last, "") => last.to_owned(),
            (last, first) => format!("{last}, {first}"),
        };
        if self.member.is_empty() {
            name
        } else {
            format!("{} {name}", self.member)
        }
    }
}

#[cfg(test)]
mod tests;
