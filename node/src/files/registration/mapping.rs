//! Which column of a list means what, and the profile that keeps it.

use std::fmt;
use std::fmt::Write as _;

use super::super::complaint::{Complaint, Complaints, shortened};
use super::{LIST, guess};

/// Largest profile that is read, in bytes.
const PROFILE_BYTES_MAX: usize = 64 * 1024;

/// What a column means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Number in the match.
    Number,
    /// First name.
    First,
    /// Last name.
    Last,
    /// Both names in one: `Doe, John` or `John Doe`.
    Name,
    /// Number with the sport's association.
    Member,
    /// Division.
    Division,
    /// Class.
    Class,
    /// Power factor.
    PowerFactor,
    /// Squad.
    Squad,
    /// Categories, separated by commas, semicolons or slashes.
    Category,
    /// A column of its own for one category, with yes or no; its name is the category.
    CategoryFlag,
    /// Team.
    Team,
    /// Nothing that is taken over.
    Ignored,
}

impl Role {
    /// All roles with their words, as profiles have them.
    const WORDS: [(Self, &'static str); 13] = [
        (Self::Number, "number"),
        (Self::First, "first"),
        (Self::Last, "last"),
        (Self::Name, "name"),
        (Self::Member, "member"),
        (Self::Division, "division"),
        (Self::Class, "class"),
        (Self::PowerFactor, "power-factor"),
        (Self::Squad, "squad"),
        (Self::Category, "category"),
        (Self::CategoryFlag, "category-flag"),
        (Self::Team, "team"),
        (Self::Ignored, "ignored"),
    ];

    /// Returns the role's word.
    pub fn word(self) -> &'static str {
        let found = Self::WORDS.iter().find(|(role, _)| *role == self);
        found.map_or("ignored", |(_, word)| word)
    }

    fn parse(word: &str) -> Option<Self> {
        let found = Self::WORDS.iter().find(|(_, known)| *known == word);
        found.map(|(role, _)| *role)
    }

    /// Returns whether several columns may have the role.
    pub(super) fn is_many(self) -> bool {
        matches!(self, Self::Category | Self::CategoryFlag | Self::Ignored)
    }
}

/// One column of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name in the list.
    pub header: String,
    /// What it means.
    pub role: Role,
}

/// Which columns of a list mean what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The profile's name.
    pub profile: String,
    /// Whether it comes from a kept profile, and was not guessed.
    pub saved: bool,
    /// The columns.
    pub columns: Vec<Column>,
}

impl Mapping {
    /// Returns the role of a column, by its name without regard to case and spaces around it.
    pub fn role(&self, header: &str) -> Option<Role> {
        let wanted = header.trim().to_lowercase();
        let found = self
            .columns
            .iter()
            .find(|column| column.header.trim().to_lowercase() == wanted);
        found.map(|column| column.role)
    }

    /// Writes the profile as TOML, to be kept.
    pub fn to_toml(&self) -> String {
        let mut columns = toml::Table::new();
        for column in &self.columns {
            // Of two columns of one name the one that means something is kept.
            if column.role != Role::Ignored || !columns.contains_key(&column.header) {
                let word = toml::Value::String(column.role.word().to_owned());
                columns.insert(column.header.clone(), word);
            }
        }
        let mut table = toml::Table::new();
        let name = toml::Value::String(self.profile.clone());
        table.insert("profile".to_owned(), name);
        table.insert("columns".to_owned(), toml::Value::Table(columns));
        table.to_string()
    }

    /// Reads a kept profile.
    ///
    /// # Errors
    ///
    /// [`Complaints`] with the line of what is no TOML, or the column whose word is not known.
    pub fn of_toml(text: &str) -> Result<Self, Complaints> {
        const PROFILE: &str = "the profile";
        let complaint =
            |place: &str, found: &str, advice: &str| Complaint::new(PROFILE, place, found, advice);
        if PROFILE_BYTES_MAX < text.len() {
            let found = format!("{} bytes", text.len());
            let advice = format!("at most {PROFILE_BYTES_MAX} are read");
            return Err(complaint("", &found, &advice).into());
        }
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            let before = error.span().and_then(|span| text.get(..span.start));
            let line = before.map_or(1, |before| before.split('\n').count());
            let said = error.message();
            complaint(
                &format!("line {line}"),
                "",
                &format!("this is not TOML: {said}"),
            )
        })?;
        let name = table.get("profile").and_then(toml::Value::as_str);
        let columns = table.get("columns").and_then(toml::Value::as_table);
        let (Some(name), Some(columns)) = (name, columns) else {
            let advice = "wants profile = \"a name\" and a table [columns]";
            return Err(complaint("", "", advice).into());
        };
        let mut complaints = Complaints::default();
        let mut mapping = Self {
            profile: shortened(name),
            saved: true,
            columns: Vec::new(),
        };
        for (header, word) in columns {
            if let Some(role) = word.as_str().and_then(Role::parse) {
                mapping.columns.push(Column {
                    header: header.clone(),
                    role,
                });
            } else {
                let known: Vec<&str> = Role::WORDS.iter().map(|(_, word)| *word).collect();
                let advice = format!("use one of {}", known.join(", "));
                let place = format!("columns.{}", shortened(header));
                complaints.push(complaint(&place, &word.to_string(), &advice));
            }
        }
        if complaints.is_empty() {
            Ok(mapping)
        } else {
            Err(complaints)
        }
    }

    /// Returns the profile that is kept of this list: its columns, and those of the one that was
    /// kept before. A column that was only left out because another means the same is not in it.
    #[must_use]
    pub fn merged(&self, name: &str, kept: Option<&Self>) -> Self {
        let known = |header: &str| kept.and_then(|kept| kept.role(header));
        let left_out = |column: &&Column| {
            column.role == Role::Ignored
                && known(&column.header).is_none()
                && guess::role(&column.header) != Role::Ignored
        };
        let own = self.columns.iter().filter(|column| !left_out(column));
        let before = kept.into_iter().flat_map(|kept| &kept.columns);
        let before = before.filter(|column| self.role(&column.header).is_none());
        Self {
            profile: name.to_owned(),
            saved: true,
            columns: own.chain(before).cloned().collect(),
        }
    }

    /// Complains of a column that means something and has the name of another one: nobody knows
    /// which of the two is meant, and a profile could not tell them apart.
    pub(super) fn twice(&self) -> Option<Complaint> {
        let same = |one: &Column, other: &Column| {
            one.header.trim().to_lowercase() == other.header.trim().to_lowercase()
        };
        let counted = |column: &Column| {
            let all = self.columns.iter();
            all.filter(|other| same(column, other)).count()
        };
        let meant = self.columns.iter().filter(|column| !column.role.is_many());
        let twice = meant.into_iter().find(|column| 1 < counted(column))?;
        let found = format!("\"{}\"", twice.header);
        let advice = "two columns have this name; rename or delete one of them in the list";
        Some(Complaint::new(LIST, "the columns", &found, advice))
    }

    /// Says which role two columns have that only one can have.
    pub(super) fn clash(&self) -> Option<Complaint> {
        let clashing = |role: &Role| {
            let mut with = self.columns.iter().filter(|column| column.role == *role);
            let (first, second) = (with.next()?, with.next()?);
            let found = format!("\"{}\" and \"{}\"", first.header, second.header);
            let advice = format!("both mean {}; keep one of them in the profile", role.word());
            Some(Complaint::new(LIST, "the columns", &found, &advice))
        };
        Role::WORDS
            .iter()
            .map(|(role, _)| role)
            .filter(|role| !role.is_many())
            .find_map(clashing)
    }
}

impl fmt::Display for Mapping {
    /// Prints the columns that mean something, three on a line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = if self.saved { "saved" } else { "guessed" };
        write!(f, "Mapping  (profile: {}, {how})", self.profile)?;
        let mut shown = 0;
        let meaning = |column: &&Column| column.role != Role::Ignored;
        for column in self.columns.iter().filter(meaning) {
            let mut text = String::new();
            // Writing into a string cannot fail.
            let _done = write!(
                text,
                "\"{}\" -> {}",
                shortened(&column.header),
                column.role.word()
            );
            let between = if shown % 3 == 0 { "\n  " } else { "   " };
            write!(f, "{between}{text}")?;
            shown += 1;
        }
        let ignored = self.columns.len().saturating_sub(shown);
        if 0 < ignored {
            write!(f, "\n  {ignored} more are not taken over")?;
        }
        Ok(())
    }
}
