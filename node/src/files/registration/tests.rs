//! Tests of registration lists and their previews.

use super::*;

const LIST_TEXT: &str = "\
First Name,Last Name,Member #,Div,Squad,Class,Power Factor,Category,Email
John,Doe,A12346,CO,3,B,Minor,Senior,john@example.invalid
Jane,Roe,a777,Carry Optics,4,A,Minor,Lady,
Max,New,A900,L10,,U,Major,,
Ann,Old,A500,LTD10X,2,U,Minor,,
";

fn book() -> PeopleBook {
    let person = |number, first: &str, last: &str, member: &str, squad| Person {
        number: Some(number),
        first_name: first.to_owned(),
        last_name: last.to_owned(),
        member: member.to_owned(),
        division: "CO".to_owned(),
        class: "A".to_owned(),
        power_factor: "Minor".to_owned(),
        squad: Some(squad),
        categories: vec!["Lady".to_owned()],
        ..Person::default()
    };
    PeopleBook {
        people: vec![
            person(1, "John", "Doe", "A12345", 1),
            person(2, "Jane", "Roe", "A777", 4),
            person(3, "Bob", "Poe", "", 4),
        ],
        divisions: ["CO", "L10", "Open"].map(str::to_owned).to_vec(),
    }
}

fn read(text: &str) -> ReadList {
    read_registration(text.as_bytes(), None).expect("readable")
}

/// Reads a row below the usual header and returns what it would do.
fn verdict(row: &str) -> Verdict {
    let header = LIST_TEXT.lines().next().expect("a header");
    let list = read(&format!("{header}\n{row}\n"));
    let preview = preview(&list, &book());
    preview.rows.first().expect("a row").verdict.clone()
}

/// A list of an old office program ends its lines with a carriage return alone.
#[test]
fn a_row_is_told_by_its_line_whatever_ends_the_lines() {
    for end in ["\n", "\r\n", "\r"] {
        let rows = [
            "First Name,Last Name,Division",
            "",
            "Ann,Ash,CO",
            "Bo,Elm,NONE",
        ];
        let preview = preview(&read(&rows.join(end)), &book());
        let lines: Vec<u64> = preview.rows.iter().map(|row| row.line).collect();
        assert_eq!(lines, [3, 4], "{end:?}");
        assert_eq!(preview.problem_lines(), [4], "{end:?}");
    }
}

#[test]
fn a_preview_says_what_a_list_would_change() {
    let book = book();
    let preview = preview(&read(LIST_TEXT), &book);
    let text = preview.text(&book, Listing::Telling, Colours::Off);
    let expected = "\
Mapping  (profile: by-name, guessed)
  \"First Name\" -> first   \"Last Name\" -> last   \"Member #\" -> member
  \"Div\" -> division   \"Squad\" -> squad   \"Class\" -> class
  \"Power Factor\" -> power-factor   \"Category\" -> category
  1 more are not taken over
4 rows: 1 new, 1 unchanged, 1 possible duplicate, 1 problem
  line 2   possible duplicate of  A12345 Doe, John              same name, member number differs by one digit
  line 5   problem                division \"LTD10X\" unknown; did you mean \"L10\"?
";
    assert_eq!(text, expected);
    assert_eq!(preview.problem_lines(), [5]);
    let all = preview.text(&book, Listing::All, Colours::On);
    assert!(all.contains("\u{1b}[32mnew  "), "green");
    assert!(
        all.contains("\u{1b}[33m1 possible duplicate\u{1b}[0m"),
        "yellow"
    );
    assert!(all.contains("\u{1b}[31mproblem  "), "red");
    assert_eq!(all.lines().count(), text.lines().count() + 2);
}

#[test]
fn each_row_gets_its_verdict() {
    let change = |field, from: &str, to: &str| Change {
        field,
        from: from.to_owned(),
        to: to.to_owned(),
    };
    let problem = |text: &str| Verdict::Problem(vec![text.to_owned()]);
    let cases = [
        ("Jane,Roe,A777,CO,4,A,Minor,Lady,", Verdict::Unchanged(1)),
        ("JANE,roe,#a777,carry optics,,,,,", Verdict::Unchanged(1)),
        (
            "Jane,Roe,A777,Open,Squad 5,A,,,",
            Verdict::Changed(
                1,
                vec![change("division", "CO", "Open"), change("squad", "4", "5")],
            ),
        ),
        (
            "Jane,Roe,A77,CO,4,A,Minor,,",
            Verdict::Duplicate(1, Doubt::MemberDiffers),
        ),
        (
            "Jane,Roe,,CO,4,A,Minor,,",
            Verdict::Duplicate(1, Doubt::MemberMissing),
        ),
        (
            "Bob,Poe,A1,CO,4,A,Minor,,",
            Verdict::Duplicate(2, Doubt::MemberMissing),
        ),
        (
            "Janet,Row,A777,CO,4,A,Minor,,",
            Verdict::Duplicate(1, Doubt::NameDiffers),
        ),
        ("Jane,Roe,B123456,CO,4,A,Minor,,", Verdict::New),
        ("Bob,Poe,,CO,4,A,Minor,Lady,", Verdict::Unchanged(2)),
        (",,A1,CO,4,A,Minor,,", problem("the name is missing")),
        ("A,B,A1,,4,A,Minor,,", problem("the division is missing")),
        (
            "A,B,A1,Rifle,4,A,Minor,,",
            problem("division \"Rifle\" unknown; use one of CO, L10, Open"),
        ),
        (
            "A,B,A1,CO,four,A,Minor,,",
            problem("squad \"four\" is not a number from 1 to 1000000"),
        ),
        (
            "A,B,A1,CO,-4,A,Minor,,",
            problem("squad \"-4\" is not a number from 1 to 1000000"),
        ),
        (
            "A,B,A1,CO,4,A,Huge,,",
            problem("power factor \"Huge\" unknown; use Major or Minor"),
        ),
    ];
    for (row, expected) in cases {
        assert_eq!(verdict(row), expected, "{row}");
    }
}

#[test]
fn a_person_twice_in_a_list_is_a_problem_with_the_other_row() {
    let list = read("Last,First,Member,Division\nB,A,1,CO\nC,A,2,CO\nb,a,1,CO\n");
    let preview = preview(&list, &book());
    let told = Verdict::Problem(vec!["the same person as line 2".to_owned()]);
    assert_eq!(preview.rows[2].verdict, told);
    assert_eq!(preview.rows[2].line, 4);
}

#[test]
fn importing_the_same_list_again_changes_nothing() {
    let list = read("First,Last,Member,Div,Squad\nA,B,1,Carry Optics,3\nC,D,2,Open,4\n");
    let mut book = book();
    let first = preview(&list, &book);
    assert_eq!(first.counts(), [2, 0, 0, 0, 0]);
    book.people
        .extend(first.rows.into_iter().map(|row| row.person));
    assert_eq!(preview(&list, &book).counts(), [0, 2, 0, 0, 0]);
}

#[test]
fn headers_are_found_below_titles_with_any_separator_and_one_name() {
    let list =
        read("Spring Match\n\nSquad;Name;Division\n2;\"Doe, John\";CO\n;Jane van Roe;CO\n;;\n");
    assert_eq!(list.rows.len(), 2);
    let people: Vec<_> = list
        .rows
        .iter()
        .map(|row| {
            (
                row.line,
                row.person.first_name.as_str(),
                row.person.last_name.as_str(),
            )
        })
        .collect();
    assert_eq!(people, [(4, "John", "Doe"), (5, "Jane van", "Roe")]);
    let list = read("Name\tFemale\tLaw\nA B\tYes\tno\n");
    assert_eq!(list.rows[0].person.categories, ["Lady"]);
}

#[test]
fn a_profile_is_kept_as_toml_and_used_again() {
    let mapping = Mapping {
        profile: "club".to_owned(),
        saved: true,
        columns: vec![
            Column {
                header: "Vorname".to_owned(),
                role: Role::First,
            },
            Column {
                header: "Nachname".to_owned(),
                role: Role::Last,
            },
            Column {
                header: "Name".to_owned(),
                role: Role::Team,
            },
            Column {
                header: "Klasse".to_owned(),
                role: Role::Division,
            },
        ],
    };
    let text = mapping.to_toml();
    let mut kept = Mapping::of_toml(&text).expect("a profile");
    kept.columns.sort_by_key(|column| column.role);
    let mut columns = mapping.columns;
    columns.sort_by_key(|column| column.role);
    assert_eq!(kept.columns, columns, "{text}");
    let text = "Vorname,Nachname,Name,Klasse\nA,B,Verein,CO\n";
    let list = read_registration(text.as_bytes(), Some(&kept)).expect("readable");
    let person = &list.rows[0].person;
    assert_eq!(
        (person.last_name.as_str(), person.team.as_str()),
        ("B", "Verein")
    );
    assert_eq!(person.division, "CO");
    assert!(
        list.mapping
            .to_string()
            .starts_with("Mapping  (profile: club, saved)")
    );
}

#[test]
fn broken_profiles_are_named() {
    let cases = [
        ("profile = ", "line 1: this is not TOML"),
        ("profile = \"a\"", "wants profile"),
        (
            "profile = \"a\"\n[columns]\nA = \"frist\"",
            "columns.A: found \"frist\"; use one of number",
        ),
        (
            "profile = \"a\"\n[columns]\nA = 3",
            "columns.A: found 3; use one of",
        ),
    ];
    for (text, expected) in cases {
        let said = Mapping::of_toml(text).unwrap_err().to_string();
        assert!(said.contains(expected), "{text}: {said}");
    }
}

#[test]
fn lists_that_cannot_be_read_are_named() {
    let wide = format!("{}\n", "a,".repeat(400));
    let long = format!("Name,Div\n{}", "A B,CO\n".repeat(20_001));
    let cases: [(&[u8], &str); 6] = [
        (b"", "no row names the columns"),
        (b"a,b,c\n1,2,3\n", "found a, b, c; no row names the columns"),
        (
            b"Name,Div\nJ\xe4rvi,CO\n",
            "line 2: found byte 0xe4; this is no UTF-8",
        ),
        (wide.as_bytes(), "line 1: found 401 cells; at most 300"),
        (long.as_bytes(), "line 20001: more than 20000 rows"),
        (&vec![b'a'; 9 * 1024 * 1024], "at most 8388608 are read"),
    ];
    for (bytes, expected) in cases {
        let said = read_registration(bytes, None).unwrap_err().to_string();
        assert!(said.contains(expected), "{said}");
    }
    let clash =
        Mapping::of_toml("profile = \"a\"\n[columns]\nA = \"last\"\nB = \"last\"\nC = \"squad\"");
    let clash = clash.expect("a profile");
    let said = read_registration(b"A,B,C\nx,y,1\n", Some(&clash))
        .unwrap_err()
        .to_string();
    assert!(said.contains("both mean last"), "{said}");
}

#[test]
fn damaged_lists_never_panic() {
    let whole = LIST_TEXT.as_bytes();
    let book = book();
    for at in 0..whole.len() {
        for flip in [0x01, 0x0e, 0x22] {
            let mut bytes = whole.to_vec();
            bytes[at] ^= flip;
            if let Ok(list) = read_registration(&bytes, None) {
                let text = preview(&list, &book).text(&book, Listing::All, Colours::Off);
                assert!(!text.is_empty(), "byte {at}");
            }
        }
    }
}

/// Numbers of rows were wrong below an empty line, and after a cell of two lines.
#[test]
fn a_row_is_told_by_its_line_in_the_file() {
    let list = read("Last,First,Division\r\n\r\nA,B,CO\r\nC,\"D\nE\",CO\n\n\nF,G,CO");
    let lines: Vec<u64> = list.rows.iter().map(|row| row.line).collect();
    assert_eq!(lines, [3, 4, 8]);
}

/// A quote that nobody closed took in everybody below it, and nobody was told.
#[test]
fn an_open_quote_is_told_with_its_line() {
    for (text, line) in [
        ("Last,First\nA,B\n\"C,D\nE,F\n", Some(3)),
        ("Last,First\nA,B\n\"C,D\nE,\"F\"\nG,H\n", Some(3)),
        ("Last,First\nA,\"B \"\"the\"\" C\"\nD,\"E\nF\"\n", None),
        ("Last,First\nO\"Neil,B\n", None),
    ] {
        let told = read_registration(text.as_bytes(), None);
        match line {
            Some(line) => {
                let told = told.expect_err("refused").to_string();
                assert!(told.contains(&format!("line {line}: ")), "{told}");
            }
            None => assert!(told.is_ok(), "{text}: {told:?}"),
        }
    }
}

#[test]
fn notes_full_of_commas_do_not_hide_the_semicolons() {
    let list = read("Last;First;Notes\nA;B;one, two, three, four, five\nC;D;a,b,c,d\n");
    let names: Vec<_> = list
        .rows
        .iter()
        .map(|row| row.person.last_name.as_str())
        .collect();
    assert_eq!(names, ["A", "C"]);
}

#[test]
fn an_age_in_years_is_no_category() {
    let list = read("Last,First,Age\nA,B,64\nC,D,Senior\n");
    let categories: Vec<_> = list
        .rows
        .iter()
        .map(|row| row.person.categories.join("/"))
        .collect();
    assert_eq!(categories, ["", "Senior"]);
}

/// Two rows of one list that may mean one person were both new.
#[test]
fn who_may_be_in_the_list_twice_is_told() {
    let list = read(
        "Last,First,Member,Division\nNúñez,José,A1,CO\nNunez,Jose,,CO\nNunez,Jose,B1,CO\n\
         Other,Max,A1,CO\nNunez,Jose,X99,CO\n",
    );
    let verdicts: Vec<_> = preview(&list, &book())
        .rows
        .into_iter()
        .map(|it| it.verdict)
        .collect();
    assert_eq!(
        verdicts,
        [
            Verdict::New,
            Verdict::Twice(2, Doubt::MemberMissing),
            Verdict::Twice(2, Doubt::MemberDiffers),
            Verdict::Twice(2, Doubt::NameDiffers),
            Verdict::New,
        ]
    );
}

/// The second of two columns of one name made the profile say that the first is ignored, and every
/// list after it was refused.
#[test]
fn two_columns_of_one_name_are_told_and_never_poison_a_profile() {
    let told = read_registration(b"Last,First,Division,division \nA,B,CO,x\n", None);
    let told = told.expect_err("refused").to_string();
    assert!(told.contains("two columns have this name"), "{told}");
    let column = |role| Column {
        header: "Notes".to_owned(),
        role,
    };
    for roles in [[Role::Squad, Role::Ignored], [Role::Ignored, Role::Squad]] {
        let mapping = Mapping {
            profile: "club".to_owned(),
            saved: true,
            columns: roles.map(column).to_vec(),
        };
        let kept = Mapping::of_toml(&mapping.to_toml()).expect("a profile");
        assert_eq!(kept.role("Notes"), Some(Role::Squad));
    }
    let profile = Mapping::of_toml("profile = \"club\"\n[columns]\nName = \"ignored\"");
    let profile = profile.expect("a profile");
    let told = read_registration(b"Name,Division\nA B,CO\n", Some(&profile));
    let told = told.expect_err("refused").to_string();
    assert!(told.contains("profiles/club.toml"), "{told}");
}

/// The profile lost the columns that the last list did not have.
#[test]
fn a_profile_keeps_the_columns_of_lists_before() {
    let before =
        Mapping::of_toml("profile = \"club\"\n[columns]\nGruppe = \"squad\"\nX = \"team\"");
    let before = before.expect("a profile");
    let list = read_registration(b"Last,First,Member,USPSA,X\nA,B,1,2,T\n", Some(&before));
    let merged = list
        .expect("readable")
        .mapping
        .merged("club", Some(&before));
    let roles = ["Last", "Gruppe", "X", "USPSA"].map(|header| merged.role(header));
    assert_eq!(
        roles,
        [Some(Role::Last), Some(Role::Squad), Some(Role::Team), None],
        "USPSA means what Member does here, and may stand alone in the next list"
    );
}
