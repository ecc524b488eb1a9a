//! Waiting for a condition with a deadline, and saying what did not come.
//!
//! Layer: below everything in `hostile`.

use std::thread;
use std::time::{Duration, Instant};

use crate::process::Broken;

/// How long anything may take that should take a second: far above what a loaded machine needs.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Time between two looks at a condition.
pub const LOOK: Duration = Duration::from_millis(10);

/// Returns the time, for deadlines and figures.
#[expect(
    clippy::disallowed_methods,
    reason = "deadlines and figures of a program that waits for real processes"
)]
pub fn now() -> Instant {
    Instant::now()
}

/// Waits until a condition holds, and returns how long that took.
///
/// # Errors
/// If it does not hold in time, with `what`; or what the condition itself says.
pub fn until(
    what: &str,
    deadline: Duration,
    mut holds: impl FnMut() -> Result<bool, Broken>,
) -> Result<Duration, Broken> {
    let begin = now();
    while !holds()? {
        if deadline < begin.elapsed() {
            return Err(Broken::new(format!("not within {deadline:?}: {what}")));
        }
        thread::park_timeout(LOOK);
    }
    Ok(begin.elapsed())
}

/// Waits until something is there, and returns it.
///
/// # Errors
/// If it does not come in time, with `what`; or what the question itself says.
pub fn until_some<T>(
    what: &str,
    deadline: Duration,
    mut ask: impl FnMut() -> Result<Option<T>, Broken>,
) -> Result<T, Broken> {
    let mut found = None;
    until(what, deadline, || {
        found = ask()?;
        Ok(found.is_some())
    })?;
    found.ok_or_else(|| Broken::new(what))
}

/// Returns an error with these words unless a condition holds.
///
/// # Errors
/// If it does not hold.
pub fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), Broken> {
    if holds {
        Ok(())
    } else {
        Err(Broken::new(otherwise()))
    }
}
