//! What is read anew after one more entry equals what is read from nothing: `Scorebook::renew` and
//! `Standings::renew`, entry by entry, in every discipline.

use std::collections::BTreeSet;

use proptest::prelude::*;
use tallyline_proto::{
    model::{About, Body, ShooterNo},
    rules::{Line, Roster, Scorebook, Standings},
};

use crate::{
    bridge,
    independent::facts::{Event, Sport},
    invented::events,
};

/// Whom an entry decides about, and where. A void is about what the entry is that it names.
fn abouts(roster: &Roster, lines: &[Line<'_>], line: &Line<'_>) -> Vec<About> {
    let subject = match line.body.target() {
        None => Some(line),
        Some(target) => lines.iter().find(|it| it.id == target),
    };
    let Some(subject) = subject else {
        return vec![];
    };
    // Ammunition counts on every drill.
    if let Body::Chrono(it) = subject.body {
        return vec![About {
            drill: None,
            shooter: it.shooter,
        }];
    }
    let Some(about) = subject.body.about() else {
        return vec![];
    };
    // A point is one side's, and the other side's loss.
    let drill = about.drill.and_then(|no| roster.drill(no));
    match drill.and_then(|drill| drill.terms.court) {
        Some(court) => [court.a, court.b]
            .map(|shooter| About { shooter, ..about })
            .to_vec(),
        None => vec![about],
    }
}

/// Adds whoever the shooters play, and whom those play: a point that both sides claim is read with
/// the entries of both, so that nobody of a chain of matches can be read without the others.
fn with_opponents(roster: &Roster, shooters: &BTreeSet<ShooterNo>) -> BTreeSet<ShooterNo> {
    let mut all = shooters.clone();
    for drill in &roster.structure().drills {
        if let Some(court) = drill.terms.court
            && (all.contains(&court.a) || all.contains(&court.b))
        {
            all.extend([court.a, court.b]);
        }
    }
    if all == *shooters {
        all
    } else {
        with_opponents(roster, &all)
    }
}

/// All entries about some shooters, with the voids of those.
fn lines_about<'a>(
    roster: &Roster,
    lines: &[Line<'a>],
    shooters: &BTreeSet<ShooterNo>,
) -> Vec<Line<'a>> {
    let wanted = |line: &&Line<'_>| {
        let abouts = abouts(roster, lines, line);
        abouts.iter().any(|about| shooters.contains(&about.shooter))
    };
    lines.iter().filter(wanted).copied().collect()
}

/// Reads an event entry by entry from the `begin`-th hundredth of it on.
fn check(event: &Event, begin: usize) {
    let roster = bridge::roster(event);
    let venue = bridge::venue(event);
    let all = venue.lines();
    let authority = venue.authority();
    let begin = all.len() * begin / 100;
    let mut book = Scorebook::compute(&roster, &authority, &all[..begin]);
    let mut standings = Standings::compute(&roster, &book);
    for count in begin + 1..=all.len() {
        let lines = &all[..count];
        let changed = abouts(&roster, lines, &lines[count - 1]);
        let shooters = changed.iter().map(|it| it.shooter).collect();
        let shooters = with_opponents(&roster, &shooters);
        let about = lines_about(&roster, lines, &shooters);
        book.renew(&roster, &authority, &shooters, &about);
        standings.renew(&roster, &book, &changed);
        let body = lines[count - 1].body;
        let whole = Scorebook::compute(&roster, &authority, lines);
        assert_eq!(book, whole, "left: renewed, right: computed; {body:?}");
        let whole = Standings::compute(&roster, &whole);
        assert_eq!(standings, whole, "left: renewed, right: computed; {body:?}");
    }
}

proptest! {
    #[test]
    fn one_more_entry_renews_what_counts_in_any_discipline(
        event in prop::sample::select(SPORTS.to_vec()).prop_flat_map(events),
        begin in 0usize..100,
    ) {
        check(&event, begin);
    }
}

pub(crate) const SPORTS: [Sport; 12] = [
    Sport::Ipsc,
    Sport::Uspsa,
    Sport::Idpa,
    Sport::SteelChallenge,
    Sport::MultiGun,
    Sport::Icore,
    Sport::Sass,
    Sport::Prs,
    Sport::Precision,
    Sport::Drills,
    Sport::Ski,
    Sport::Court,
];
