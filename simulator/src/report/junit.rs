//! `junit.xml`: one test case for each seed, for the programs that show tests.

use std::fmt::Write as _;

use super::summary::held;
use crate::outcome::Outcome;
use crate::plan::clock;

/// Writes the file; `again` says how a run is repeated.
pub fn xml(outcomes: &[Outcome], again: &dyn Fn(&Outcome) -> String) -> String {
    let failures = outcomes.iter().filter(|outcome| !held(outcome)).count();
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n<testsuite \
         name=\"tallyline-sim\" tests=\"{}\" failures=\"{failures}\" errors=\"0\">\n",
        outcomes.len()
    );
    for outcome in outcomes {
        case(&mut text, outcome, again);
    }
    text.push_str("</testsuite>\n</testsuites>\n");
    text
}

fn case(text: &mut String, outcome: &Outcome, again: &dyn Fn(&Outcome) -> String) {
    let profile = escaped(&outcome.profile);
    let start = format!(
        "<testcase classname=\"tallyline-sim.{profile}\" name=\"seed {}\"",
        outcome.seed
    );
    if held(outcome) {
        text.push_str(&start);
        text.push_str("/>\n");
        return;
    }
    let first = outcome.violations.first();
    let kind = first.map_or("false-safe", |it| it.invariant.as_str());
    let message = first.map_or("scores were shown safe that were not", |it| {
        it.what.as_str()
    });
    let mut body = String::new();
    for broken in &outcome.violations {
        let at = clock(broken.at_ms);
        // Writing to a String cannot fail.
        writeln!(body, "{at}  {}  {}", broken.invariant, broken.what).ok();
    }
    writeln!(body, "shown safe and not safe: {}", outcome.false_safe).ok();
    writeln!(body, "again: {}", again(outcome)).ok();
    let (kind, message, body) = (escaped(kind), escaped(message), escaped(&body));
    writeln!(
        text,
        "{start}>\n<failure type=\"{kind}\" message=\"{message}\">{body}</failure>\n</testcase>"
    )
    .ok();
}

/// Returns a text as it may stand in an element or an attribute. What XML 1.0 cannot hold at all
/// becomes U+FFFD.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\n' | '\t' => out.push(c),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ if c.is_control() => out.push('\u{fffd}'),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::Violation;

    #[test]
    fn what_xml_cannot_hold_is_escaped() {
        let check = |text: &str, expected: &str| assert_eq!(escaped(text), expected);
        check("plain, ä \n\t", "plain, ä \n\t");
        check("a<b>&\"c'", "a&lt;b&gt;&amp;&quot;c&apos;");
        check("]]>", "]]&gt;");
        check("\u{0}\u{1b}\r\u{ffff}", "\u{fffd}\u{fffd}\u{fffd}\u{fffd}");
        check("&amp;", "&amp;amp;");
    }

    #[test]
    fn every_seed_is_a_case_and_a_failure_says_how_to_repeat_it() {
        let broken = Violation {
            invariant: "I2".to_owned(),
            at_ms: 61_000,
            what: "entry \"4\" <gone>".to_owned(),
        };
        let outcomes = [
            Outcome {
                seed: 4,
                profile: "storm".to_owned(),
                ..Outcome::default()
            },
            Outcome {
                seed: 5,
                profile: "cards & more".to_owned(),
                violations: vec![broken],
                ..Outcome::default()
            },
        ];
        let again = |outcome: &Outcome| format!("tallyline-sim replay seed-{}.jsonl", outcome.seed);
        let expected = "\
<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<testsuites>
<testsuite name=\"tallyline-sim\" tests=\"2\" failures=\"1\" errors=\"0\">
<testcase classname=\"tallyline-sim.storm\" name=\"seed 4\"/>
<testcase classname=\"tallyline-sim.cards &amp; more\" name=\"seed 5\">
<failure type=\"I2\" message=\"entry &quot;4&quot; &lt;gone&gt;\">\
00:01:01.000  I2  entry &quot;4&quot; &lt;gone&gt;
shown safe and not safe: 0
again: tallyline-sim replay seed-5.jsonl
</failure>
</testcase>
</testsuite>
</testsuites>
";
        assert_eq!(xml(&outcomes, &again), expected);
    }
}
