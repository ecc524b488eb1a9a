//! Divisions by the many names that people type for them.

/// Names for one division, in capitals without spaces; the sports share the short forms.
const ALIASES: [&[&str]; 19] = [
    &["OPEN", "OPN", "OP"],
    &["LIMITED", "LTD", "LIM"],
    &["LIMITED10", "L10", "LTD10", "LIM10", "LTDTEN"],
    &["LIMITEDOPTICS", "LO", "LIMOPTICS", "LTDOPTICS"],
    &["CARRYOPTICS", "CO", "CARRYOPTIC"],
    &["PRODUCTION", "PROD", "PRD"],
    &["PRODUCTIONOPTICS", "PO", "PRODOPTICS", "PRODUCTIONOPTIC"],
    &["OPTICS", "OPT"],
    &["SINGLESTACK", "SS", "SSTK"],
    &["REVOLVER", "REV", "REVO"],
    &["PISTOLCALIBERCARBINE", "PCC"],
    &["PCCOPTICS", "PCCO"],
    &["PCCIRON", "PCCI"],
    &["STANDARD", "STD"],
    &["CLASSIC", "CLA", "CLS"],
    &["STOCKSERVICEPISTOL", "SSP"],
    &["ENHANCEDSERVICEPISTOL", "ESP"],
    &["CUSTOMDEFENSIVEPISTOL", "CDP"],
    &["COMPACTCARRYPISTOL", "CCP"],
];

/// Finds the division of the event that a text means: by its name, or by another name for it.
pub(super) fn find<'a>(text: &str, divisions: &'a [String]) -> Option<&'a str> {
    let wanted = plain(text);
    let same = |division: &&String| plain(division) == wanted;
    let alike = |division: &&String| {
        let name = plain(division);
        ALIASES
            .iter()
            .any(|names| names.contains(&name.as_str()) && names.contains(&wanted.as_str()))
    };
    divisions
        .iter()
        .find(same)
        .or_else(|| divisions.iter().find(alike))
        .map(String::as_str)
}

/// Returns the division that a mistyped text most likely means.
pub(super) fn suggestion<'a>(text: &str, divisions: &'a [String]) -> Option<&'a str> {
    let wanted = plain(text);
    let most = if wanted.len() <= 3 { 1 } else { 2 };
    let nearest = divisions
        .iter()
        .map(|division| {
            let name = plain(division);
            let names = ALIASES
                .iter()
                .find(|names| names.contains(&name.as_str()))
                .copied()
                .unwrap_or_default();
            let others = names.iter().map(|other| distance(&wanted, other, most));
            let own = distance(&wanted, &name, most);
            (others.chain([own]).min().unwrap_or(own), division)
        })
        .min_by_key(|(distance, _)| *distance)?;
    (nearest.0 <= most).then_some(nearest.1.as_str())
}

/// Returns a name in capitals without anything but letters and digits.
fn plain(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_uppercase)
        .collect()
}

/// Returns how many letters have to be changed, put in or taken out to make one text of another;
/// anything above `most` if it is more than that.
pub(super) fn distance(from: &str, to: &str, most: usize) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    if most < from.len().abs_diff(to.len()) {
        return most.saturating_add(1);
    }
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, a) in (1_usize..).zip(&from) {
        let mut left = line;
        let mut diagonal = line.saturating_sub(1);
        for (cell, b) in row.iter_mut().skip(1).zip(&to) {
            let changed = diagonal.saturating_add(usize::from(a != b));
            diagonal = *cell;
            left = changed
                .min(left.saturating_add(1))
                .min(diagonal.saturating_add(1));
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = line;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_a_typist() {
        let cases = [
            ("A12345", "A12345", 0),
            ("A12345", "A12346", 1),
            ("A12345", "A1234", 1),
            ("A12345", "A123456", 1),
            ("A12345", "A12354", 2),
            ("LTD10X", "LTD10", 1),
            ("", "AB", 2),
            ("", "ABCD", 4),
            ("ABCD", "", 4),
        ];
        for (from, to, expected) in cases {
            assert_eq!(distance(from, to, 10), expected, "{from} {to}");
        }
        assert_eq!(distance("A", "ABCDEF", 2), 3, "no further than asked");
    }

    #[test]
    fn divisions_are_found_by_other_names_and_guessed_when_mistyped() {
        let divisions = ["L10", "CO", "Open", "Production Optics"].map(str::to_owned);
        let cases = [
            ("l10", Some("L10"), None),
            ("Limited 10", Some("L10"), None),
            ("Carry Optics", Some("CO"), None),
            ("production-optics", Some("Production Optics"), None),
            ("OPN", Some("Open"), None),
            ("LTD10X", None, Some("L10")),
            ("Opne", None, Some("Open")),
            ("Carryoptix", None, Some("CO")),
            ("Rifle", None, None),
            ("", None, None),
        ];
        for (text, found, guessed) in cases {
            assert_eq!(find(text, &divisions), found, "{text}");
            if found.is_none() && !text.is_empty() {
                assert_eq!(suggestion(text, &divisions), guessed, "{text}");
            }
        }
    }
}
