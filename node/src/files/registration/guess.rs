//! Guesses what columns mean by their names.

use super::mapping::{Column, Mapping, Role};

/// Name of the profile that was guessed.
const GUESSED: &str = "by-name";

/// Names of columns, in small letters without anything but letters and digits.
const NAMES: [(&str, Role); 57] = [
    ("firstname", Role::First),
    ("first", Role::First),
    ("fname", Role::First),
    ("givenname", Role::First),
    ("etunimi", Role::First),
    ("lastname", Role::Last),
    ("last", Role::Last),
    ("lname", Role::Last),
    ("surname", Role::Last),
    ("familyname", Role::Last),
    ("sukunimi", Role::Last),
    ("name", Role::Name),
    ("fullname", Role::Name),
    ("shooter", Role::Name),
    ("shootername", Role::Name),
    ("competitor", Role::Name),
    ("member", Role::Member),
    ("memberno", Role::Member),
    ("membernumber", Role::Member),
    ("memberid", Role::Member),
    ("membershipnumber", Role::Member),
    ("uspsa", Role::Member),
    ("uspsanumber", Role::Member),
    ("uspsano", Role::Member),
    ("idpa", Role::Member),
    ("idpanumber", Role::Member),
    ("scsanumber", Role::Member),
    ("ipscid", Role::Member),
    ("ipscalias", Role::Member),
    ("ics", Role::Member),
    ("div", Role::Division),
    ("division", Role::Division),
    ("handgundiv", Role::Division),
    ("class", Role::Class),
    ("classification", Role::Class),
    ("grade", Role::Class),
    ("pf", Role::PowerFactor),
    ("powerfactor", Role::PowerFactor),
    ("power", Role::PowerFactor),
    ("handgunpf", Role::PowerFactor),
    ("squad", Role::Squad),
    ("squadno", Role::Squad),
    ("squadnumber", Role::Squad),
    ("sqd", Role::Squad),
    ("category", Role::Category),
    ("categories", Role::Category),
    ("age", Role::Category),
    ("agecategory", Role::Category),
    ("lady", Role::CategoryFlag),
    ("female", Role::CategoryFlag),
    ("law", Role::CategoryFlag),
    ("military", Role::CategoryFlag),
    ("junior", Role::CategoryFlag),
    ("senior", Role::CategoryFlag),
    ("team", Role::Team),
    ("number", Role::Number),
    ("shooternumber", Role::Number),
];

/// Guesses the columns of a header. Of two that mean the same, the first is taken.
pub(super) fn mapping(headers: &[String]) -> Mapping {
    let mut columns: Vec<Column> = Vec::new();
    for header in headers {
        let role = role(header);
        let taken = !role.is_many() && columns.iter().any(|column| column.role == role);
        columns.push(Column {
            header: header.clone(),
            role: if taken { Role::Ignored } else { role },
        });
    }
    Mapping {
        profile: GUESSED.to_owned(),
        saved: false,
        columns,
    }
}

/// Guesses one column.
pub(super) fn role(header: &str) -> Role {
    let letters: String = header
        .replace('#', " number ")
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    let found = NAMES.iter().find(|(name, _)| *name == letters);
    found.map_or(Role::Ignored, |(_, role)| *role)
}

/// Returns the category that a column of yes and no stands for.
pub(super) fn category_of(header: &str) -> String {
    match header.trim().to_ascii_lowercase().as_str() {
        "female" | "lady" => "Lady".to_owned(),
        "law" => "Law Enforcement".to_owned(),
        _ => header.trim().to_owned(),
    }
}
