//! Statements, cards, and whom the end of an event waits for.
//!
//! Layer: node, cli, show.

use crate::config::Screen;
use crate::local::protocol::{Cards, Chased, SpareCards, Statements, WhyData};

use super::table::{Sheet, Side::Left, clean};
use super::{add, when};

/// Shows all statements, one a line, each with the entry that `--before` takes.
pub(in crate::cli) fn statements(data: &Statements, screen: Screen) -> String {
    let headings = [
        ("BY", Left),
        ("SAYS", Left),
        ("IN FORCE", Left),
        ("SAID", Left),
        ("ENTRY", Left),
    ];
    let mut sheet = Sheet::new(screen, &headings);
    for it in &data.statements {
        sheet.row([
            it.label.clone(),
            it.text.clone(),
            if it.in_force { "yes" } else { "no" }.to_owned(),
            when::utc(it.at_unix_ms),
            it.entry.clone(),
        ]);
    }
    sheet.text()
}

/// Shows why something is as it is: a paragraph, and the statements that decide it.
pub(in crate::cli) fn why(data: &WhyData, screen: Screen) -> String {
    let mut text = format!("{}\n", clean(&data.text));
    if !data.statements.is_empty() {
        let decided = Statements {
            schema: data.schema.clone(),
            statements: data.statements.clone(),
        };
        text.push('\n');
        text.push_str(&statements(&decided, screen));
    }
    text
}

/// Shows whom the end of the event waits for, one a line.
pub(in crate::cli) fn chased(data: &Chased) -> String {
    let mut text = String::new();
    for it in &data.chased {
        let (label, what) = (clean(&it.label), clean(&it.what));
        add(&mut text, format_args!("{label}: {what}\n"));
    }
    text
}

/// Shows cards that were just drawn, each as it is printed.
pub(in crate::cli) fn spare_cards(data: &SpareCards) -> String {
    let mut text = String::new();
    for it in &data.cards {
        let label = clean(&it.label);
        add(
            &mut text,
            format_args!("label  {label}\nkey    {}\ncard   {}\n\n", it.key, it.card),
        );
    }
    text
}

/// Shows the spare cards and whether each is used.
pub(in crate::cli) fn cards(data: &Cards, screen: Screen) -> String {
    let headings = [("CARD", Left), ("STATE", Left), ("FINGERPRINT", Left)];
    let mut sheet = Sheet::new(screen, &headings);
    for it in &data.cards {
        let state = match it.state.as_str() {
            "in-use" => "in use",
            other => other,
        };
        sheet.row([it.label.clone(), state.to_owned(), it.key.clone()]);
    }
    sheet.text()
}
