//! Plants faults and finds them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use tallyline_keys::planted::{Fault, plant};

use super::{ALL, DEVICES, Finder, Planted, handshake, other_store};
use crate::{
    day::{Wish, draw},
    plan::{Act, Plan},
    run::{Options, run},
};

/// Only one fault is planted at a time: the switch is the whole process's.
static FIELD: Mutex<()> = Mutex::new(());

/// How a planted fault was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caught {
    /// How many seeds were run, the one that found it included.
    pub seeds: u64,
    /// The invariant that broke.
    pub invariant: String,
    /// What exactly.
    pub what: String,
}

/// Takes the fault out again, also when a run ends by a panic.
struct Uproot;

impl Drop for Uproot {
    fn drop(&mut self) {
        plant(None);
    }
}

/// Plants a fault and runs seeds until one of the invariants that are to find it breaks; `None`:
/// none of them did in as many seeds as are allowed.
pub fn catch(it: &Planted) -> Option<Caught> {
    let _field = FIELD.lock().unwrap_or_else(PoisonError::into_inner);
    (1..=it.seeds_max).find_map(|seed| {
        let (invariant, what) = broken(it, seed, Some(it.fault))?;
        Some(Caught {
            seeds: seed,
            invariant,
            what,
        })
    })
}

/// Returns what breaks on the same seeds without the fault: nothing, or the finder proves nothing.
pub fn without(it: &Planted, seeds: u64) -> Option<Caught> {
    let _field = FIELD.lock().unwrap_or_else(PoisonError::into_inner);
    (1..=seeds).find_map(|seed| {
        let (invariant, what) = broken(it, seed, None)?;
        Some(Caught {
            seeds: seed,
            invariant,
            what,
        })
    })
}

/// Returns the whole table: each fault with what found it. Runs everything.
pub fn table() -> Vec<(&'static Planted, Option<Caught>)> {
    ALL.iter().map(|it| (it, catch(it))).collect()
}

fn broken(it: &Planted, seed: u64, fault: Option<Fault>) -> Option<(String, String)> {
    let _uproot = Uproot;
    plant(fault);
    match it.finder {
        Finder::Day(profile) => live(it, &day(it, profile, seed)).err(),
        Finder::Clocks(profile) => {
            let wrong = day(it, profile, seed);
            let mut right = wrong.clone();
            right
                .happenings
                .retain(|it| !matches!(it.act, Act::Clock { .. }));
            match (live(it, &wrong), live(it, &right)) {
                (Ok(wrong), Ok(right)) if wrong == right => None,
                (Ok(_), Ok(_)) => {
                    let what = "with clocks that are off the standings are other ones";
                    Some(("I15".to_owned(), what.to_owned()))
                }
                (Err(broken), _) | (_, Err(broken)) => Some(broken),
            }
        }
        Finder::Handshake => {
            let what = match handshake::resumes() {
                Some(false) => return None,
                Some(true) => "the second handshake asked nobody for a certificate",
                None => "two devices cannot connect",
            };
            Some(("handshake".to_owned(), what.to_owned()))
        }
        Finder::OtherStore => {
            let what = match other_store::copies() {
                Some((1, 0)) => return None,
                Some((1, _)) => "what the lost store held is still shown as a copy",
                Some(_) | None => "a score is not shown as held by the other device",
            };
            Some(("copies".to_owned(), what.to_owned()))
        }
    }
}

fn day(it: &Planted, profile: &str, seed: u64) -> Plan {
    let wish = Wish {
        devices: Some(DEVICES),
        hours: Some(it.hours),
        profile: Some(profile.to_owned()),
    };
    draw(seed, &wish)
}

/// Lives a day; returns its standings, or the first break of an invariant that is to find the
/// fault. A run that ends by an assertion has found it too.
fn live(it: &Planted, plan: &Plan) -> Result<Option<String>, (String, String)> {
    let options = Options {
        stop_at: it.invariants,
        ..Options::default()
    };
    let ended = catch_unwind(AssertUnwindSafe(|| run(plan, &options)));
    let Ok(run) = ended else {
        let what = "the run ended by an assertion";
        return Err(("assertion".to_owned(), what.to_owned()));
    };
    let expected = |invariant: &str| it.invariants.contains(&invariant);
    let mut violations = run.outcome.violations.into_iter();
    match violations.find(|it| expected(&it.invariant)) {
        Some(it) => Err((it.invariant, it.what)),
        None => Ok(run.outcome.standings),
    }
}
