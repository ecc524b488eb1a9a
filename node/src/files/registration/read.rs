//! Reads a list: finds the header, maps the columns, and takes the rows.

use csv::{ReaderBuilder, StringRecord, Trim};

use super::super::at::utf8;
use super::super::complaint::{Complaint, Complaints, shortened};
use super::super::match_file::PowerFactor;
use super::mapping::{Mapping, Role};
use super::{LIST, Person, guess};

/// Largest list that is read, in bytes.
const LIST_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Most rows; ten times the largest match.
const ROWS_MAX: usize = 20_000;
/// Most columns; registration systems ask a lot.
const COLUMNS_MAX: usize = 300;
/// Rows among which the header is looked for: some systems put a title above it.
const HEADER_ROWS: usize = 10;
/// Longest cell that is taken over, in bytes.
const CELL_BYTES_MAX: usize = 256;
/// Largest squad or number of a shooter.
const NO_MAX: u32 = 1_000_000;

/// A list as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadList {
    /// Which columns were taken as what.
    pub mapping: Mapping,
    /// The rows, with those that hold nothing left out.
    pub rows: Vec<ListRow>,
}

/// One row of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListRow {
    /// The line of the file in which it begins.
    pub line: u64,
    /// Who stands there.
    pub person: Person,
    /// What is wrong with single cells.
    pub problems: Vec<String>,
}

/// Reads a list of people from CSV with commas, semicolons or tabs. With a profile, columns mean
/// what it says and others are guessed; without one, all are guessed.
///
/// # Errors
///
/// [`Complaints`] if the list is too large, no UTF-8, has no header that tells who is meant, or if
/// two columns mean the same. What is wrong with single rows stands with the rows.
pub fn read_registration(bytes: &[u8], profile: Option<&Mapping>) -> Result<ReadList, Complaints> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if LIST_BYTES_MAX < bytes.len() {
        let found = format!("{} bytes", bytes.len());
        let advice = format!("at most {LIST_BYTES_MAX} are read");
        return Err(Complaint::new(LIST, "", &found, &advice).into());
    }
    let text = utf8(LIST, bytes)?;
    let (records, header) = table(text, profile)?;
    let names = records
        .get(header)
        .map(|(_, record)| record.iter().map(str::to_owned).collect::<Vec<_>>())
        .unwrap_or_default();
    let mapping = mapping(&names, profile);
    if let Some(complaint) = mapping.twice().or_else(|| mapping.clash()) {
        return Err(complaint.into());
    }
    let rows = records
        .iter()
        .skip(header.saturating_add(1))
        .filter(|(_, record)| record.iter().any(|cell| !cell.is_empty()))
        .map(|(line, record)| list_row(*line, record, &mapping))
        .collect();
    Ok(ReadList { mapping, rows })
}

/// The records of a list, each with the line in which it begins.
type Records = Vec<(u64, StringRecord)>;

/// Splits the text into records and finds the one with the names of the columns: with the separator
/// for which there is one, since notes may hold more commas than a list has columns.
fn table(text: &str, profile: Option<&Mapping>) -> Result<(Records, usize), Complaint> {
    let start: String = text.lines().take(HEADER_ROWS).collect();
    let count = |separator: u8| start.bytes().filter(|&byte| byte == separator).count();
    let mut separators = [b',', b';', b'\t'];
    separators.sort_by_key(|&it| std::cmp::Reverse(count(it)));
    let mut first = None;
    for separator in separators {
        let found = records(text, separator);
        let found = found.and_then(|records| header(&records, profile).map(|at| (records, at)));
        match found {
            Ok(found) => {
                open_quote(text, separator)?;
                return Ok(found);
            }
            Err(complaint) => {
                first.get_or_insert(complaint);
            }
        }
    }
    Err(first.unwrap_or_else(|| Complaint::new(LIST, "", "", "there is nothing in it")))
}

fn records(text: &str, separator: u8) -> Result<Records, Complaint> {
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(Trim::All)
        .delimiter(separator)
        .from_reader(text.as_bytes());
    let mut records = Records::new();
    let mut lines = Lines::new(text);
    for record in reader.records() {
        let record = record
            .map_err(|error| Complaint::new(LIST, "", "", &format!("this is no CSV: {error}")))?;
        let line = lines.of(record.position().map_or(0, csv::Position::byte));
        let place = format!("line {line}");
        if COLUMNS_MAX < record.len() {
            let found = format!("{} cells", record.len());
            let advice = format!("at most {COLUMNS_MAX} are read");
            return Err(Complaint::new(LIST, &place, &found, &advice));
        }
        if ROWS_MAX <= records.len() {
            let advice = format!("more than {ROWS_MAX} rows; at most that many are read");
            return Err(Complaint::new(LIST, &place, "", &advice));
        }
        records.push((line, record));
    }
    Ok(records)
}

/// Counts lines up to where records begin, which come one after the other.
struct Lines<'a> {
    text: &'a str,
    at: usize,
    line: u64,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            line: 1,
        }
    }

    /// Returns the line of a record that was looked for from a byte on; it begins after empty lines.
    fn of(&mut self, byte: u64) -> u64 {
        let from = usize::try_from(byte).unwrap_or(usize::MAX);
        let rest = self.text.get(from..).unwrap_or_default();
        let begin = rest.trim_start_matches(['\r', '\n']).len();
        let to = self.text.len().saturating_sub(begin);
        let passed = self.text.get(self.at..to).unwrap_or_default();
        self.line = self.line.saturating_add(breaks(passed));
        self.at = to;
        self.line
    }
}

/// Returns how many lines end in a text: at `\n`, `\r\n`, or `\r` alone, as records do.
fn breaks(text: &str) -> u64 {
    let next = text.bytes().skip(1).map(Some).chain([None]);
    let ends = text.bytes().zip(next);
    let ends = ends.filter(|&(byte, next)| byte == b'\n' || (byte == b'\r' && next != Some(b'\n')));
    u64::try_from(ends.count()).unwrap_or(u64::MAX)
}

/// Complains of a quote that is open at the end, or that was closed by the next quote lines below:
/// it swallowed the people between.
fn open_quote(text: &str, separator: u8) -> Result<(), Complaint> {
    #[derive(Clone, Copy)]
    enum At {
        Begin,
        Inside,
        Quoted(u64),
        /// Behind a quote that closes, or is the first of two that stand for one.
        Closing(u64),
    }
    let complaint = |opened: u64| {
        let advice = "a quote opens here and is not closed in its cell; close it, or take it out";
        Err(Complaint::new(LIST, &format!("line {opened}"), "", advice))
    };
    let mut at = At::Begin;
    let (mut line, mut bytes) = (1_u64, text.bytes().peekable());
    while let Some(byte) = bytes.next() {
        let ends = byte == separator || byte == b'\n' || byte == b'\r';
        at = match (at, byte) {
            (At::Begin, b'"') => At::Quoted(line),
            (At::Quoted(opened), b'"') => At::Closing(opened),
            (At::Quoted(opened), _) => At::Quoted(opened),
            (At::Closing(opened), b'"') => At::Quoted(opened),
            (At::Closing(opened), _) if !ends && opened < line => return complaint(opened),
            (At::Begin | At::Inside | At::Closing(_), _) if ends => At::Begin,
            (At::Begin | At::Inside | At::Closing(_), _) => At::Inside,
        };
        if byte == b'\n' || (byte == b'\r' && bytes.peek() != Some(&b'\n')) {
            line = line.saturating_add(1);
        }
    }
    match at {
        At::Quoted(opened) => complaint(opened),
        At::Begin | At::Inside | At::Closing(_) => Ok(()),
    }
}

/// Finds the row with the names of the columns: the first that names a person's name and one more.
fn header(records: &[(u64, StringRecord)], profile: Option<&Mapping>) -> Result<usize, Complaint> {
    let is_header = |(_, record): &(u64, StringRecord)| {
        let role = |cell: &str| {
            profile
                .and_then(|profile| profile.role(cell))
                .unwrap_or_else(|| guess::role(cell))
        };
        let mut named = false;
        let mut known: usize = 0;
        for cell in record {
            match role(cell) {
                Role::Ignored => {}
                Role::Last | Role::Name => {
                    named = true;
                    known = known.saturating_add(1);
                }
                Role::Number
                | Role::First
                | Role::Member
                | Role::Division
                | Role::Class
                | Role::PowerFactor
                | Role::Squad
                | Role::Category
                | Role::CategoryFlag
                | Role::Team => known = known.saturating_add(1),
            }
        }
        named && 2 <= known
    };
    let found = records.iter().take(HEADER_ROWS).position(is_header);
    found.ok_or_else(|| {
        let first = records.first().map(|(_, record)| {
            let cells: Vec<&str> = record.iter().collect();
            cells.join(", ")
        });
        let advice = "no row names the columns; name them \"First Name\", \"Last Name\", \
                      \"Member #\", \"Division\", \"Squad\"";
        let advice = match profile {
            Some(profile) => format!(
                "{advice}, or correct what profiles/{}.toml says of them",
                profile.profile
            ),
            None => format!("{advice}, or give a profile"),
        };
        let place = format!("the first {HEADER_ROWS} rows");
        Complaint::new(LIST, &place, &first.unwrap_or_default(), &advice)
    })
}

fn mapping(names: &[String], profile: Option<&Mapping>) -> Mapping {
    let mut mapping = guess::mapping(names);
    if let Some(profile) = profile {
        mapping.profile.clone_from(&profile.profile);
        mapping.saved = profile.saved;
        let told: Vec<Role> = names.iter().filter_map(|name| profile.role(name)).collect();
        for column in &mut mapping.columns {
            // What the profile says of one column must not be guessed for another.
            column.role = match profile.role(&column.header) {
                Some(role) => role,
                None if !column.role.is_many() && told.contains(&column.role) => Role::Ignored,
                None => column.role,
            };
        }
    }
    mapping
}

fn list_row(line: u64, record: &StringRecord, mapping: &Mapping) -> ListRow {
    let mut it = ListRow {
        line,
        person: Person::default(),
        problems: Vec::new(),
    };
    let mut both = String::new();
    for (column, cell) in mapping.columns.iter().zip(record) {
        if column.role == Role::Ignored {
            continue;
        }
        if CELL_BYTES_MAX < cell.len() {
            let header = shortened(&column.header);
            it.problems.push(format!(
                "\"{header}\" has {} bytes, at most {CELL_BYTES_MAX} are taken",
                cell.len()
            ));
            continue;
        }
        let person = &mut it.person;
        match column.role {
            Role::First => cell.clone_into(&mut person.first_name),
            Role::Last => cell.clone_into(&mut person.last_name),
            Role::Name => cell.clone_into(&mut both),
            Role::Member => person.member = member(cell),
            Role::Division => cell.clone_into(&mut person.division),
            Role::Class => cell.clone_into(&mut person.class),
            Role::Team => cell.clone_into(&mut person.team),
            Role::Number => person.number = number(cell, "number", &mut it.problems),
            Role::Squad => {
                person.squad = squad(cell, &mut it.problems).filter(|&squad| 0 < squad);
            }
            Role::PowerFactor => match PowerFactor::parse(cell) {
                Some(factor) => factor.word().clone_into(&mut person.power_factor),
                None => it.problems.push(format!(
                    "power factor \"{}\" unknown; use Major or Minor",
                    shortened(cell)
                )),
            },
            Role::Category => {
                let names = cell.split([',', ';', '/']).map(str::trim);
                // A column of ages in years says no category.
                let is_age = |name: &str| name.parse::<f64>().is_ok();
                let names = names.filter(|name| !name.is_empty() && !is_age(name));
                person.categories.extend(names.map(str::to_owned));
            }
            Role::CategoryFlag => {
                if is_yes(cell) {
                    person.categories.push(guess::category_of(&column.header));
                }
            }
            Role::Ignored => {}
        }
    }
    if it.person.first_name.is_empty() && it.person.last_name.is_empty() {
        (it.person.last_name, it.person.first_name) = split(&both);
    }
    if it.person.first_name.is_empty() && it.person.last_name.is_empty() {
        it.problems.insert(0, "the name is missing".to_owned());
    }
    it
}

/// Returns a member number without what people put around it.
fn member(cell: &str) -> String {
    let plain = cell.trim_start_matches('#').trim();
    match plain.to_ascii_lowercase().as_str() {
        "none" | "n/a" | "na" | "-" | "pending" | "pen" => String::new(),
        _ => plain.to_ascii_uppercase(),
    }
}

/// Splits `Doe, John` and `John Doe` into last and first name.
fn split(both: &str) -> (String, String) {
    let both = both.trim();
    let (last, first) = match (both.split_once(','), both.rsplit_once(' ')) {
        (Some((last, first)), _) => (last, first),
        (None, Some((first, last))) => (last, first),
        (None, None) => (both, ""),
    };
    (last.trim().to_owned(), first.trim().to_owned())
}

/// Reads `7` and `Squad 7`.
fn squad(cell: &str, problems: &mut Vec<String>) -> Option<u32> {
    let lower = cell.to_lowercase();
    let plain = ["squad", "sq"]
        .into_iter()
        .find_map(|word| lower.strip_prefix(word));
    number(plain.unwrap_or(cell).trim(), "squad", problems)
}

fn number(cell: &str, what: &str, problems: &mut Vec<String>) -> Option<u32> {
    if cell.is_empty() {
        return None;
    }
    let digits = cell.bytes().all(|byte| byte.is_ascii_digit());
    let number = cell.parse().ok().filter(|&it| digits && it <= NO_MAX);
    if number.is_none() {
        problems.push(format!(
            "{what} \"{}\" is not a number from 1 to {NO_MAX}",
            shortened(cell)
        ));
    }
    number
}

fn is_yes(cell: &str) -> bool {
    let lower = cell.to_lowercase();
    ["yes", "y", "true", "1", "x"].contains(&lower.as_str())
}
