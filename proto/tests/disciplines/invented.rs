//! Whole small events, drawn from dice: everything that is said about a match, with ties made
//! likely.
//!
//! Proptest draws numbers and this file reads them: the lowest roll is always the plainest choice,
//! so that a failure shrinks to a plain event. Each thing has its own few rolls, so that one of them
//! can shrink while the others stay.

use proptest::prelude::*;

use crate::{
    independent::facts::{
        Adds, Cost, Event, Fact, Floors, Num, Numbers, Person, Power, Said, Sport, Stage, TieBreak,
        Way, Why,
    },
    rules_venue::OWNER,
    shots,
};

/// Rolls for each thing: the event, a person, a stage, a cell.
const ROLLS: usize = 40;
const PEOPLE_MAX: usize = 8;
const STAGES_MAX: usize = 5;
/// The event, its people, its stages, their cells, its corrections.
const THINGS: usize = 1 + PEOPLE_MAX + STAGES_MAX + PEOPLE_MAX * STAGES_MAX + 1;
/// The second device; its entries rank before the owner's.
const TABLET: usize = 1;

/// Rolls that are read one after the other.
pub(crate) struct Dice<'a>(std::slice::Iter<'a, u16>);

impl Dice<'_> {
    /// A number from 0 to below `sides`; 0 when there are no rolls left.
    pub(crate) fn roll(&mut self, sides: Num) -> Num {
        let roll = self.0.next().copied().unwrap_or(0);
        Num::from(roll) * sides / (Num::from(u16::MAX) + 1)
    }

    /// One of these; the first is the plainest.
    pub(crate) fn of<T: Clone>(&mut self, choices: &[T]) -> T {
        let count = Num::try_from(choices.len()).expect("few choices");
        let place = usize::try_from(self.roll(count)).expect("within the choices");
        choices[place].clone()
    }

    /// Whether something happens that happens this often in a hundred times.
    pub(crate) fn happens(&mut self, percent: Num) -> bool {
        100 - percent <= self.roll(100)
    }
}

/// Events of a sport.
pub(crate) fn events(sport: Sport) -> impl Strategy<Value = Event> {
    prop::collection::vec(any::<u16>(), THINGS * ROLLS).prop_map(move |rolls| invent(sport, &rolls))
}

fn invent(sport: Sport, rolls: &[u16]) -> Event {
    let mut things = rolls.chunks(ROLLS).map(|rolls| Dice(rolls.iter()));
    let mut next = || things.next().expect("rolls for every thing");
    let mut dice = next();
    let mut event = frame(sport, &mut dice);
    let people = usize::try_from(3 + dice.roll(6)).expect("few people");
    // A close match: hardly a gap, and results that differ in what breaks ties.
    let close = dice.happens(if sport == Sport::Precision { 85 } else { 60 });
    let stages = if close && sport == Sport::Precision {
        2
    } else {
        usize::try_from(2 + dice.roll(4)).expect("few stages")
    };
    let chrono = !matches!(sport, Sport::Court | Sport::Ski) && dice.happens(60);
    for no in 1..=PEOPLE_MAX {
        let mut dice = next();
        if no <= people {
            person(&mut event, number(no), &mut dice);
        }
    }
    for no in 1..=STAGES_MAX {
        let mut dice = next();
        if no <= stages {
            let stage = shots::stage(sport, number(no), people, &mut dice);
            event.stages.push(stage);
        }
    }
    for stage in 0..STAGES_MAX {
        for person in 0..PEOPLE_MAX {
            let mut dice = next();
            if stage < stages && person < people {
                cell(&mut event, [stage, person], close, &mut dice);
            }
        }
    }
    if chrono {
        chronograph(&mut event);
    }
    let mut dice = next();
    undo(&mut event, &mut dice);
    event
}

fn number(place: usize) -> u32 {
    u32::try_from(place).expect("few of them")
}

/// An event without people and stages.
fn frame(sport: Sport, dice: &mut Dice<'_>) -> Event {
    let numbers = numbers(sport, dice);
    let timed = numbers.adds == Adds::Times;
    let cost = |no, value| Cost { no, value };
    let mut rules = vec![cost(1, None), cost(2, Some(if timed { 250 } else { 5 }))];
    // Points know no bonus: what costs less than nothing is for times alone.
    if timed {
        rules.push(cost(3, Some(-100)));
    }
    let floors = [
        (Some(125), Some(160)),
        (Some(125), None),
        (None, None),
        (None, Some(160)),
    ];
    let mut divisions = Vec::new();
    for _ in 0..2 + dice.roll(2) {
        let (minor, major) = dice.of(&floors);
        divisions.push(Floors { minor, major });
    }
    Event {
        sport,
        own_numbers: numbers != Numbers::of(sport),
        numbers,
        divisions,
        stages: vec![],
        people: vec![],
        rules,
        facts: vec![],
    }
}

/// The numbers of the sport, or others that an event may bring.
fn numbers(sport: Sport, dice: &mut Dice<'_>) -> Numbers {
    let mut numbers = Numbers::of(sport);
    if !dice.happens(if sport == Sport::Precision { 85 } else { 40 }) {
        return numbers;
    }
    numbers.percent_decimals = dice.of(&[2, 3, 4]);
    numbers.grace_centis = dice.of(&[30, 0]);
    match sport {
        Sport::Idpa | Sport::MultiGun | Sport::Icore | Sport::Sass => {
            numbers.down_centis = dice.of(&[100, 50]);
            numbers.x_centis = dice.of(&[0, 50, 100]);
            numbers.down_miss = dice.of(&[5, 10]);
            numbers.no_shoot_centis = dice.of(&[500, 1_000]);
            if sport == Sport::MultiGun {
                numbers.adds = dice.of(&[Adds::Times, Adds::StagePoints]);
            }
        }
        Sport::SteelChallenge => {
            numbers.plate_centis = dice.of(&[300, 200]);
            numbers.movement_centis = dice.of(&[400, 300]);
        }
        Sport::Ipsc | Sport::Uspsa => {
            numbers.late_shot = dice.of(&[5, 10]);
            numbers.factor_decimals = dice.of(&[numbers.factor_decimals, None, Some(4), Some(2)]);
        }
        Sport::Precision => {
            let ties = [
                TieBreak::LastShotFirst,
                TieBreak::FewestLow,
                TieBreak::FewestMisses,
                TieBreak::FarXs,
                TieBreak::FarScore,
            ];
            // Each of them first, so that each of them decides.
            numbers.ties = vec![dice.of(&ties), TieBreak::Xs];
        }
        Sport::Prs | Sport::Drills | Sport::Ski | Sport::Court => {}
    }
    numbers
}

/// Who takes part, and whether they stay.
fn person(event: &mut Event, no: u32, dice: &mut Dice<'_>) {
    let divisions = Num::try_from(event.divisions.len()).expect("few");
    event.people.push(Person {
        no,
        division: usize::try_from(dice.roll(divisions)).expect("few"),
        declared: dice.of(&[
            Power::Minor,
            Power::Major,
            Power::Minor,
            Power::Major,
            Power::Subminor,
        ]),
    });
    for (percent, withdrawn) in [(8, false), (6, true)] {
        if dice.happens(percent) {
            let stage = dice.of(&[None, Some(1)]).filter(|_| !withdrawn);
            event.facts.push(Fact {
                device: OWNER,
                said: Said::Out {
                    who: no,
                    stage,
                    withdrawn,
                },
            });
        }
    }
}

/// What was written about one person on one stage.
fn cell(event: &mut Event, [stage, person]: [usize; 2], close: bool, dice: &mut Dice<'_>) {
    let (stage, who) = (event.stages[stage].clone(), event.people[person].no);
    if let Some(court) = stage.court {
        // One match is one cell, that of its first side.
        if court.sides[0] == who {
            shots::rally(event, &stage, court, dice);
        }
        return;
    }
    let device = dice.of(&[OWNER, TABLET]);
    let why = dice.of(&[Why::Dnf, Why::Dns, Why::StageDq]);
    let missed = Said::NoRun {
        stage: stage.no,
        who,
        why,
    };
    let mut write = |said| event.facts.push(Fact { device, said });
    let kind = dice.roll(100) - if close { 18 } else { 0 };
    if 92 <= kind {
        return;
    }
    let lot = shots::Lot {
        rules: &event.rules.clone(),
        close,
    };
    let first = lot.shot(&stage, who, dice);
    if kind < 80 {
        write(Said::Shot(first.clone().into()));
    } else {
        write(missed.clone());
    }
    // Written twice, by two people or by one who forgot.
    let again = dice.roll(100);
    match again {
        97.. => write(Said::Shot(first.into())),
        94.. => write(Said::Shot(lot.shot(&stage, who, dice).into())),
        92.. => write(missed),
        80.. => {
            let mut reshoot = lot.shot(&stage, who, dice);
            reshoot.attempt = 1 + dice.roll(2);
            write(Said::Shot(reshoot.into()));
        }
        _ => {}
    }
}

/// A last stage where ammunition is measured; the speeds come from what is there already.
fn chronograph(event: &mut Event) {
    let no = u32::try_from(event.stages.len() + 1).expect("few stages");
    event.stages.push(Stage::plain(no, Way::Chrono));
    for person in event.people.clone() {
        // By number and by what was shot, so that no roll is spent: 115, 124, 130 and 165.
        let kind = (usize::try_from(person.no).expect("few") + event.facts.len()) % 7;
        let speeds = match kind {
            0 => vec![1_000, 1_010, 990, 800],
            1 => vec![1_084, 1_082, 1_081],
            2 => vec![1_130, 1_131, 1_132, 1_133],
            3 => vec![1_434, 1_435, 1_436],
            4 => vec![900, 900],
            5 => vec![1_084, 1_087, 1_090],
            _ => continue,
        };
        let mut write = |device, speeds: &[Num]| {
            event.facts.push(Fact {
                device,
                said: Said::Reading {
                    stage: no,
                    who: person.no,
                    weights: vec![1_149, 1_150],
                    speeds: speeds.to_vec(),
                },
            });
        };
        write(OWNER, &speeds);
        // Measured again, with another result: the tablet's ranks first.
        if kind == 5 {
            write(TABLET, &[900, 901, 902]);
        }
    }
}

/// The owner takes some of it back.
fn undo(event: &mut Event, dice: &mut Dice<'_>) {
    let count = Num::try_from(event.facts.len()).expect("few facts");
    for _ in 0..dice.roll(4) {
        if count == 0 {
            return;
        }
        let place = usize::try_from(dice.roll(count)).expect("few facts");
        event.facts.push(Fact {
            device: OWNER,
            said: Said::Undo(place),
        });
    }
}
