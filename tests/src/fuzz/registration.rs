//! Lists of people who registered, and the profiles of their columns.

use tallyline::files::registration::{
    Colours, Listing, Mapping, PeopleBook, Person, Verdict, preview, read_registration,
};

use super::psc::check;

/// Reads any bytes as a profile and as a list. A profile that can be read is written and read
/// again; a list is compared with two people, and once they are all there, with itself.
///
/// # Panics
/// If something does not hold.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match Mapping::of_toml(&text) {
        Ok(mapping) => {
            let again = Mapping::of_toml(&mapping.to_toml());
            assert_eq!(again, Ok(mapping), "a profile reads back");
        }
        Err(complaints) => check(&complaints),
    }
    let list = match read_registration(data, None) {
        Ok(list) => list,
        Err(complaints) => return check(&complaints),
    };
    let kept = Mapping::of_toml(&list.mapping.to_toml());
    assert!(kept.is_ok(), "what was guessed can be kept");
    let mut book = book();
    let first = preview(&list, &book);
    assert_eq!(
        first.rows.len(),
        list.rows.len(),
        "each row has its verdict"
    );
    for colours in [Colours::On, Colours::Off] {
        let shown = first.text(&book, Listing::All, colours);
        assert!(
            list.rows.len() < shown.lines().count(),
            "each row has its line"
        );
    }
    let lines: Vec<u64> = first.rows.iter().map(|row| row.line).collect();
    assert!(lines.is_sorted_by(|one, next| one < next), "{lines:?}");
    let people = first.rows.iter();
    let people = people.filter(|row| !matches!(row.verdict, Verdict::Problem(_)));
    book.people = people.map(|row| row.person.clone()).collect();
    let [new, _, _, duplicates, _] = preview(&list, &book).counts();
    assert_eq!((new, duplicates), (0, 0), "the same list again adds nobody");
}

fn book() -> PeopleBook {
    let person = |first: &str, last: &str, member: &str| Person {
        first_name: first.to_owned(),
        last_name: last.to_owned(),
        member: member.to_owned(),
        division: "CO".to_owned(),
        ..Person::default()
    };
    PeopleBook {
        people: vec![person("John", "Doe", "A12345"), person("Jane", "Roe", "")],
        divisions: ["CO", "L10", "Open"].map(str::to_owned).to_vec(),
    }
}
