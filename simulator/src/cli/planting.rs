//! What only `tallyline-sim-planted` can: plant a mistake for any verb, and the verb `faults`, which
//! plants each and shows what finds it.

use super::args::Faults;
use super::output::print;
use super::{BROKE, HELD};
use crate::planted::{ALL, Caught, Planted, catch, find};

/// Prints the table, a line as soon as it is known; fails if a mistake was not found.
pub(super) fn faults(args: &Faults) -> Result<u8, String> {
    let chosen: Vec<&Planted> = match &args.only {
        None => ALL.iter().collect(),
        Some(name) => vec![named(name)?],
    };
    let alone = chosen.len() == 1;
    print([row("fault", "caught by", "seeds", "command")])?;
    let mut missed = 0_usize;
    for it in chosen {
        let caught = catch(it);
        missed += usize::from(caught.is_none());
        print(lines(it, caught.as_ref(), alone))?;
    }
    Ok(if missed == 0 { HELD } else { BROKE })
}

/// Plants a mistake for whatever is run now.
pub(super) fn plant(name: &str) -> Result<(), String> {
    tallyline_keys::planted::plant(Some(named(name)?.fault));
    Ok(())
}

fn named(name: &str) -> Result<&'static Planted, String> {
    let names = || ALL.map(|it| it.name).join(", ");
    let missing = || format!("there is no planted mistake {name}; there are: {}", names());
    find(name).ok_or_else(missing)
}

fn lines(it: &Planted, caught: Option<&Caught>, alone: bool) -> Vec<String> {
    let most = it.seeds_max;
    let Some(caught) = caught else {
        let seeds = format!("> {most}");
        return vec![row(it.name, "NOTHING", &seeds, &it.command())];
    };
    let mut lines = vec![row(
        it.name,
        &caught.invariant,
        &caught.seeds.to_string(),
        &it.command(),
    )];
    if alone {
        lines.push(format!("{}: {}", caught.invariant, caught.what));
    }
    lines
}

fn row(fault: &str, caught: &str, seeds: &str, command: &str) -> String {
    format!("{fault:<22} {caught:<10} {seeds:>5}  {command}")
}
