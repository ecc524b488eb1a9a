//! Cards as a page to be printed: an SVG that any browser prints.
//!
//! What is on it is for match officials who see it for the first time, in the rain: what it is
//! for, where it belongs, what to do when it is lost. The page is as secret as the cards. Layer:
//! node, below `cli`.

use std::fmt::Write as _;

use tallyline_keys::words;
use tallyline_proto::model::{Card, CardKind};
use tallyline_proto::wire::{card_to_text, card_words};
use zeroize::Zeroizing;

use crate::qr::Qr;

/// Cards on one page: three fit A4 with a code that any phone reads.
pub const CARDS_A_PAGE: usize = 3;

/// Width of A4 in mm.
const WIDTH_MM: usize = 210;

/// Height of one card in mm: a third of A4.
const CARD_MM: usize = 99;

/// Side of the code in mm.
const CODE_MM: usize = 62;

/// Left and upper edge of a card's content in mm: printers leave this much.
const EDGE_MM: usize = 12;

/// Left edge of the words in mm, right of the code.
const WORDS_MM: usize = EDGE_MM + CODE_MM + 8;

/// Characters of the text in one line below the code.
const TEXT_LINE: usize = 68;

/// What is printed on every card of a kind: its name, and lines of what to know.
struct Advice {
    name: &'static str,
    lines: [&'static str; 7],
}

/// For whoever finds one in the match box.
const SPARE: Advice = Advice {
    name: "SPARE DEVICE",
    lines: [
        "When a tablet dies or is lost: take any phone or tablet",
        "with Tallyline and scan this square. It can score at once.",
        "One card for one device, once. Then strike it out.",
        "Keep it in the match box, not on a notice board:",
        "whoever holds it can join the event.",
        "Lost? Tell the owner of the event. One tap makes it",
        "worthless; the other cards stay good.",
    ],
};

/// For whoever keeps the safe.
const RECOVERY: Advice = Advice {
    name: "RECOVERY",
    lines: [
        "When the owner's device is gone for good: scan this on",
        "another device. It becomes the owner of the event.",
        "Scores are safe meanwhile; scoring goes on without it.",
        "Keep it in the safe, never with the devices:",
        "whoever holds it can take the event over.",
        "Lost? Keep scoring. Found an event of your own with new",
        "cards next time, and tell everybody who must know.",
    ],
};

/// Returns a page with at most [`CARDS_A_PAGE`] cards; more are left out.
///
/// The page holds the cards' secrets: write it where nobody else reads it, and wipe it.
pub fn card_page(cards: &[Card], event_name: &str) -> String {
    let shown = cards.iter().take(CARDS_A_PAGE);
    let height = CARD_MM * CARDS_A_PAGE;
    let mut page = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH_MM}mm\" height=\"{height}mm\" \
         viewBox=\"0 0 {WIDTH_MM} {height}\" font-family=\"sans-serif\">\n\
         <rect width=\"{WIDTH_MM}\" height=\"{height}\" fill=\"#fff\"/>\n"
    );
    for (place, card) in shown.enumerate() {
        card_onto(&mut page, card, event_name, place * CARD_MM);
    }
    page.push_str("</svg>\n");
    page
}

/// Returns as many pages as the cards need.
pub fn card_pages(cards: &[Card], event_name: &str) -> Vec<String> {
    let pages = cards.chunks(CARDS_A_PAGE);
    pages.map(|cards| card_page(cards, event_name)).collect()
}

/// Adds one card whose upper edge is at `top` mm.
fn card_onto(page: &mut String, card: &Card, event_name: &str, top: usize) {
    let text = card_to_text(card);
    let advice = match card.kind {
        CardKind::Spare => &SPARE,
        CardKind::Recovery => &RECOVERY,
    };
    if top != 0 {
        let line = format!(
            "<path d=\"M0 {top}H{WIDTH_MM}\" stroke=\"#999\" stroke-width=\"0.3\" \
             stroke-dasharray=\"3 2\"/>\n"
        );
        page.push_str(&line);
    }
    code_onto(page, &text, top + EDGE_MM - 4);
    let name = advice.name;
    line_onto(page, (WORDS_MM, top + 18), "7\" font-weight=\"bold", name);
    line_onto(page, (WORDS_MM, top + 26), "5", event_name);
    line_onto(page, (WORDS_MM, top + 32), "4", &card.label);
    let spoken = words(card_words(&card.key().public())).join("  ");
    line_onto(
        page,
        (WORDS_MM, top + 39),
        "4.5\" font-weight=\"bold",
        &spoken,
    );
    for (place, line) in advice.lines.iter().enumerate() {
        line_onto(page, (WORDS_MM, top + 46 + place * 5), "3.8", line);
    }
    for (place, line) in lines_of(&text).iter().enumerate() {
        let at = (EDGE_MM, top + 84 + place * 4);
        line_onto(page, at, "3\" font-family=\"monospace", line);
    }
}

/// Adds the code of a text.
fn code_onto(page: &mut String, text: &str, top: usize) {
    let Ok(qr) = Qr::for_paper(text) else {
        // A card has some 200 characters; a code takes ten times as many.
        return;
    };
    let (path, side) = qr.svg_path();
    let path = Zeroizing::new(path);
    // Writing to a text does not fail.
    let _ = writeln!(
        page,
        "<svg x=\"{EDGE_MM}\" y=\"{top}\" width=\"{CODE_MM}\" height=\"{CODE_MM}\" \
         viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\"><path d=\"{}\"/></svg>",
        *path
    );
}

/// Adds a line of text at a place in mm.
fn line_onto(page: &mut String, (left, base): (usize, usize), size: &str, text: &str) {
    let text = escaped(text);
    // Writing to a text does not fail.
    let _ = writeln!(
        page,
        "<text x=\"{left}\" y=\"{base}\" font-size=\"{size}\">{text}</text>"
    );
}

/// Splits a card's text into lines that fit the page.
fn lines_of(text: &str) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut rest = text;
    while let Some((line, more)) = rest.split_at_checked(TEXT_LINE) {
        lines.push(line);
        rest = more;
    }
    if !rest.is_empty() {
        lines.push(rest);
    }
    lines
}

/// Makes a text harmless inside XML: an event's name is anybody's.
fn escaped(text: &str) -> String {
    let mut safe = String::new();
    for letter in text.chars() {
        match letter {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '"' => safe.push_str("&quot;"),
            _ if letter.is_control() => safe.push('?'),
            _ => safe.push(letter),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use tallyline_proto::model::{EventId, Hash};

    fn card(kind: CardKind, label: &str) -> Card {
        Card {
            kind,
            event: EventId(Hash([7; 32])),
            seed: Zeroizing::new([9; 32]),
            discovery_key: [5; 16],
            label: label.to_owned(),
        }
    }

    #[test]
    fn a_page_has_each_card_with_its_code_words_and_text() {
        let cards = [
            card(CardKind::Recovery, "Recovery card 1"),
            card(CardKind::Spare, "Spare 1"),
        ];
        let page = card_page(&cards, "Spring Match");
        assert_eq!(page.matches("shape-rendering").count(), 2, "a code each");
        for card in &cards {
            let spoken = words(card_words(&card.key().public())).join("  ");
            assert!(page.contains(&spoken), "{spoken}");
            assert!(page.contains(&card.label));
            let plain: String = page
                .split(['<', '>'])
                .filter(|piece| {
                    piece
                        .bytes()
                        .all(|it| it.is_ascii_uppercase() || b"-0123456789".contains(&it))
                })
                .collect();
            assert!(
                plain.contains(card_to_text(card).as_str()),
                "its text, line by line"
            );
        }
        assert!(page.contains("Spring Match") && page.contains("Keep it in the safe"));
    }

    #[test]
    fn a_name_cannot_break_the_page() {
        let page = card_page(&[card(CardKind::Spare, "A&B")], "<script>\"x\"</script>");
        assert!(!page.contains("<script>"), "{page}");
        assert!(page.contains("&lt;script&gt;&quot;x&quot;") && page.contains("A&amp;B"));
    }

    #[test]
    fn four_cards_need_two_pages() {
        let cards = vec![card(CardKind::Spare, "S"); 4];
        let pages = card_pages(&cards, "E");
        let counts: Vec<usize> = pages
            .iter()
            .map(|it| it.matches("SPARE DEVICE").count())
            .collect();
        assert_eq!(counts, [3, 1]);
    }
}
