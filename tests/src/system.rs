//! What the machine is that tests run on.

use std::process::Command;

/// Tells whether a test that needs something of the machine fails where it is missing: in CI, and
/// where it could have been installed.
#[expect(
    clippy::disallowed_methods,
    reason = "tests have no configuration to read CI from"
)]
pub fn must_run() -> bool {
    std::env::var_os("CI").is_some() || (cfg!(target_os = "linux") && is_root())
}

/// Tells whether this is root.
pub fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}

/// Says loudly that a test did nothing, and why.
#[expect(
    clippy::print_stderr,
    reason = "whoever reads the test's output is to see it"
)]
pub fn skipped(why: &str) {
    eprintln!("SKIPPED: {why}");
}
