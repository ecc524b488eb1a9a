//! What officials type for hits, steel, times, penalties and lists of numbers.
//!
//! Decimal numbers become whole hundredths or tenths without a float. Knows no event: whether a
//! stage has that many targets is for the rules to say. Layer: node, cli.

use std::str::FromStr;

use tallyline_proto::model::{Hits, Target};

use crate::local::protocol::{FaultsData, PenaltyData, SteelData};

/// Most paper targets of one stage that are read; the richest real stage has 14.
const TARGETS_MAX: usize = 64;
/// How a ring that is an X is recorded.
const X_RING: u8 = 11;
/// Most hits that count on one paper target: a count has 4 bits.
const SHOTS_MAX: u8 = 15;
/// Largest number of a list such as `1-300`; far above any match's stages and squads.
const LIST_NUMBER_MAX: u32 = 1000;

/// Numbers of stages or squads: `1,2,5-8` or `all`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Numbers(pub(super) Option<Vec<u32>>);

/// Steel as it is typed: `6`, `5/1`, `5/0/1/1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SteelText(pub(super) SteelData);

/// A penalty as it is typed: `1` or `1x3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PenaltyText(pub(super) PenaltyData);

/// Hits that count on each paper target: `2,2,2`, or `none`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ShotsText(pub(super) Vec<u8>);

/// The rule of a DNF: its number, or `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RuleText(pub(super) Option<u32>);

/// Reads seconds with at most two decimals as hundredths.
pub(super) fn centis(text: &str) -> Result<u32, String> {
    scaled(text, 2).ok_or_else(|| {
        format!("\"{text}\" is no time; write seconds with at most two decimals, such as 42.92")
    })
}

/// Reads seconds with at most two decimals as hundredths; a bonus is below 0.
pub(super) fn signed_centis(text: &str) -> Result<i32, String> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let hundredths = i32::try_from(centis(digits)?).unwrap_or(i32::MAX);
    Ok(hundredths.saturating_mul(sign))
}

/// Reads `FIELD=VALUE`.
pub(super) fn field(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        Some(_) | None => Err("write FIELD=VALUE, such as name=Mia".to_owned()),
    }
}

/// Reads grains with at most one decimal as tenths.
pub(super) fn decigrains(text: &str) -> Result<u32, String> {
    scaled(text, 1).ok_or_else(|| {
        format!("\"{text}\" is no weight; write grains with at most one decimal, such as 180.0")
    })
}

/// Reads the hits of all paper targets into the protocol's packed counts.
pub(super) fn targets(words: &[String]) -> Result<Vec<u32>, String> {
    let mut packed = Vec::new();
    for word in spaced(words) {
        let (times, target) = repeated(word)?;
        packed.extend(std::iter::repeat_n(self::target(target)?, times));
        if TARGETS_MAX < packed.len() {
            return Err(format!(
                "the hits name {} paper targets, more than the {TARGETS_MAX} a stage may have",
                packed.len()
            ));
        }
    }
    Ok(packed)
}

/// Reads the rings of all shots: 0 to 10, X.
pub(super) fn rings(words: &[String]) -> Result<Vec<u8>, String> {
    spaced(words)
        .map(|word| match word.parse::<u8>() {
            Ok(ring @ 0..=10) => Ok(ring),
            Err(_) if word.eq_ignore_ascii_case("x") => Ok(X_RING),
            Ok(_) | Err(_) => Err(format!("\"{word}\" is no ring; write 0 to 10, or X")),
        })
        .collect()
}

/// Reads the faults of all strings: `-`, `2M`, `1P`, `1V`, `U`, or several of them joined.
pub(super) fn faults(words: &[String]) -> Result<Vec<FaultsData>, String> {
    spaced(words).map(string_faults).collect()
}

fn string_faults(word: &str) -> Result<FaultsData, String> {
    let advice = || {
        format!(
            "\"{word}\" is no faults of a string; write - for none, or a number and M (missed plates), \
             P (procedural), V (movement), and U for a string that was not finished"
        )
    };
    let mut faults = FaultsData::default();
    let mut count: Option<u8> = None;
    if word == "-" {
        return Ok(faults);
    }
    for letter in word.chars() {
        if let Some(digit) = letter.to_digit(10).and_then(|it| u8::try_from(it).ok()) {
            let so_far = count.unwrap_or(0).checked_mul(10);
            let so_far = so_far.and_then(|it| it.checked_add(digit));
            count = Some(so_far.ok_or_else(advice)?);
            continue;
        }
        let number = count.take();
        match letter.to_ascii_uppercase() {
            'M' => faults.missed = number.unwrap_or(1),
            'P' => faults.procedurals = number.unwrap_or(1),
            'V' => faults.movement = number.unwrap_or(1),
            'U' if number.is_none() => faults.unfinished = true,
            _ => return Err(advice()),
        }
    }
    if count.is_some() {
        return Err(advice());
    }
    Ok(faults)
}

fn spaced(words: &[String]) -> impl Iterator<Item = &str> {
    let parts = words.iter().flat_map(|text| text.split([' ', ',']));
    parts.filter(|it| !it.is_empty())
}

/// Splits `6x2A` into 6 and `2A`; a word without `x` stands for one target.
fn repeated(word: &str) -> Result<(usize, &str), String> {
    let Some((times, target)) = word.split_once(['x', 'X']) else {
        return Ok((1, word));
    };
    match times.parse() {
        Ok(times @ 1..=TARGETS_MAX) => Ok((times, target)),
        Ok(_) | Err(_) => Err(format!(
            "\"{word}\" repeats a target \"{times}\" times; write 1 to {TARGETS_MAX} before the x, \
             such as 6x2A"
        )),
    }
}

/// Reads one target: letters with a count before each that is not 1.
fn target(word: &str) -> Result<u32, String> {
    if word == "0" || word == "-" {
        return Ok(0);
    }
    let problem = |what: String| {
        format!(
            "\"{word}\" is no target: {what}; write hits as AC, 2A, A1M, 2AN with letters A B C \
             D, M miss, N no-shoot, P no-penalty miss, or 0 for nothing"
        )
    };
    let mut counts = Target::default();
    let mut digits = String::new();
    for letter in word.chars() {
        if letter.is_ascii_digit() {
            digits.push(letter);
            continue;
        }
        let place = match letter.to_ascii_uppercase() {
            'A' => &mut counts.a,
            'B' => &mut counts.b,
            'C' => &mut counts.c,
            'D' => &mut counts.d,
            'M' => &mut counts.miss,
            'N' => &mut counts.no_shoot,
            'P' => &mut counts.no_penalty_miss,
            _ => return Err(problem(format!("it has the character {letter:?}"))),
        };
        let count = if digits.is_empty() {
            Ok(1)
        } else {
            digits.parse::<u8>()
        };
        let sum = count.ok().and_then(|count| place.checked_add(count));
        *place = sum.ok_or_else(|| problem(format!("{digits}{letter} is too many")))?;
        digits.clear();
    }
    if !digits.is_empty() {
        return Err(problem(format!("no letter follows {digits}")));
    }
    let packed = Hits::pack(counts);
    packed
        .map(Hits::bits)
        .ok_or_else(|| problem("a count is above 15".to_owned()))
}

/// Reads a decimal number as a whole number of its last decimal; point and comma both separate.
fn scaled(text: &str, decimals: usize) -> Option<u32> {
    let (whole, part) = text.split_once(['.', ',']).unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(part) || decimals < part.len() {
        return None;
    }
    let bare_point = part.is_empty() && text.len() != whole.len();
    if bare_point {
        return None;
    }
    format!("{whole}{part:0<decimals$}").parse().ok()
}

impl FromStr for Numbers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.eq_ignore_ascii_case("all") {
            return Ok(Self(None));
        }
        let problem = || {
            format!(
                "\"{text}\" is no list; write numbers from 1 to {LIST_NUMBER_MAX} such as \
                 1,2,5-8, or all"
            )
        };
        let number = |text: &str| match text.trim().parse() {
            Ok(number @ 1..=LIST_NUMBER_MAX) => Ok(number),
            Ok(_) | Err(_) => Err(problem()),
        };
        let mut numbers = Vec::new();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return Err(problem());
            }
            numbers.extend(first..=last);
        }
        numbers.sort_unstable();
        numbers.dedup();
        Ok(Self(Some(numbers)))
    }
}

impl FromStr for SteelText {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let problem = || {
            format!(
                "\"{text}\" is no steel; write HIT, HIT/MISS, HIT/MISS/NO-PENALTY-MISS or \
                 HIT/MISS/NO-PENALTY-MISS/NO-SHOOT, each 0 to 255, such as 6 or 5/1"
            )
        };
        let counts = text.split('/').map(|count| count.trim().parse::<u8>());
        let counts: Vec<u8> = counts.collect::<Result<_, _>>().map_err(|_| problem())?;
        let mut steel = SteelData::default();
        match *counts.as_slice() {
            [hit] => steel.hit = hit,
            [hit, miss] => (steel.hit, steel.miss) = (hit, miss),
            [hit, miss, npm] => {
                (steel.hit, steel.miss, steel.no_penalty_miss) = (hit, miss, npm);
            }
            [hit, miss, no_penalty_miss, no_shoot] => {
                steel = SteelData {
                    hit,
                    miss,
                    no_penalty_miss,
                    no_shoot,
                };
            }
            _ => return Err(problem()),
        }
        Ok(Self(steel))
    }
}

impl FromStr for PenaltyText {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (rule, count) = text.split_once(['x', 'X']).unwrap_or((text, "1"));
        match (rule.trim().parse(), count.trim().parse()) {
            (Ok(rule @ 1..), Ok(count @ 1..)) => Ok(Self(PenaltyData { rule, count })),
            (Ok(_) | Err(_), Ok(_) | Err(_)) => Err(format!(
                "\"{text}\" is no penalty; write the rule's number from `tallyline event show`, \
                 and a count of at most 255 behind an x when it is not 1, such as 1 or 1x3"
            )),
        }
    }
}

impl FromStr for ShotsText {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self(Vec::new()));
        }
        let problem = || {
            format!(
                "\"{text}\" is no list of targets; write the hits that count on each, 1 to \
                 {SHOTS_MAX}, such as 2,2,2, or none"
            )
        };
        let shots: Result<Vec<u8>, _> = text.split(',').map(|it| it.trim().parse()).collect();
        let shots = shots.map_err(|_| problem())?;
        let fits = |it: &u8| (1..=SHOTS_MAX).contains(it);
        if shots.iter().all(fits) && shots.len() <= TARGETS_MAX {
            Ok(Self(shots))
        } else {
            Err(problem())
        }
    }
}

impl FromStr for RuleText {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(rule @ 1..) => Ok(Self(Some(rule))),
            Ok(_) | Err(_) if text == "none" => Ok(Self(None)),
            Ok(_) | Err(_) => Err(format!(
                "\"{text}\" is no rule; write its number from `tallyline event show`, or nothing"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::record_text::{centis_text, decigrains_text, target_text};

    fn words(text: &str) -> Vec<String> {
        vec![text.to_owned()]
    }

    #[test]
    fn hits_are_read_and_written_in_one_notation() {
        let check = |typed: &str, shown: &str| {
            let packed = targets(&words(typed)).unwrap();
            let texts: Vec<String> = packed.iter().map(|&it| target_text(it)).collect();
            assert_eq!(texts.join(" "), shown, "{typed}");
        };
        check("2A 2A 2C AC", "2A 2A 2C AC");
        check("aa", "2A");
        check("CA", "AC");
        check("A1M", "AM");
        check("2AN", "2AN");
        check("2A1N,DP", "2AN DP");
        check("3x2A 2M", "2A 2A 2A 2M");
        check("0 - 15A", "0 0 15A");
        check("", "");
    }

    #[test]
    fn packed_counts_match_the_logs_of_the_real_match() {
        assert_eq!(
            targets(&words("2A AC 2M")).unwrap(),
            [0x2, 0x101, 0x0020_0000]
        );
    }

    #[test]
    fn bad_hits_are_told_with_the_word_and_what_to_write() {
        let check = |typed: &str, expected: &str| {
            let problem = targets(&words(typed)).unwrap_err();
            assert!(problem.contains(expected), "{problem:?} lacks {expected:?}");
        };
        check("2A XA", "\"XA\" repeats a target \"\" times");
        check(
            "2A 2E",
            "\"2E\" is no target: it has the character 'E'; write hits as AC",
        );
        check("2A2", "no letter follows 2");
        check("16A", "a count is above 15");
        check("9A9A", "a count is above 15");
        check("300A", "300A is too many");
        check("0x2A", "write 1 to 64 before the x");
        check("40x2A 40x2A", "name 80 paper targets");
    }

    #[test]
    fn decimals_are_read_without_floats() {
        let check = |text: &str, expected: Option<u32>| {
            assert_eq!(centis(text).ok(), expected, "{text}");
        };
        check("42.92", Some(4292));
        check("42,92", Some(4292));
        check("42.9", Some(4290));
        check("42", Some(4200));
        check("0.05", Some(5));
        check("0.1", Some(10));
        check("42.925", None);
        check("42.", None);
        check(".5", None);
        check("-1", None);
        check("1e3", None);
        check("", None);
        check("1.2.3", None);
        check("42949672.96", None);
        check("42949672.95", Some(u32::MAX));
        assert_eq!(decigrains("180.0"), Ok(1800));
        assert_eq!(decigrains("124.25").ok(), None);
        assert_eq!(centis_text(4205), "42.05");
        assert_eq!(decigrains_text(1805), "180.5");
    }

    #[test]
    fn lists_steel_and_penalties_are_read() {
        let list = |text: &str| text.parse::<Numbers>().map(|it| it.0).ok();
        assert_eq!(list("all"), Some(None));
        assert_eq!(list("3, 1,5-7,6"), Some(Some(vec![1, 3, 5, 6, 7])));
        for bad in ["", "0", "1-", "7-5", "a", "1,,2", "1-2000"] {
            assert_eq!(list(bad), None, "{bad}");
        }
        let steel = |text: &str| {
            let steel = text.parse::<SteelText>().ok()?.0;
            Some((steel.hit, steel.miss, steel.no_penalty_miss, steel.no_shoot))
        };
        assert_eq!(steel("6"), Some((6, 0, 0, 0)));
        assert_eq!(steel("5/1"), Some((5, 1, 0, 0)));
        assert_eq!(steel("4/1/1"), Some((4, 1, 1, 0)));
        assert_eq!(steel("4/0/1/2"), Some((4, 0, 1, 2)));
        for bad in ["", "6/", "256", "1/1/1/1/1", "-1"] {
            assert_eq!(steel(bad), None, "{bad}");
        }
        let penalty = |text: &str| text.parse::<PenaltyText>().ok().map(|it| it.0);
        assert_eq!(penalty("7"), Some(PenaltyData { rule: 7, count: 1 }));
        assert_eq!(penalty("7x3"), Some(PenaltyData { rule: 7, count: 3 }));
        for bad in ["0", "7x0", "7x256", "x2", "EQRTwQ"] {
            assert_eq!(penalty(bad), None, "{bad}");
        }
    }
}
