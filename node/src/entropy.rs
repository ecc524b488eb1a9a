//! Randomness from the operating system: the only place that draws it.
//!
//! A simulated venue needs every random number to follow from a seed. [`seed_this_thread`] gives
//! one thread such a source; it is code that somebody must write, and no file, flag or variable
//! of a running node leads there. Layer: node, below everything.

use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;

use thiserror::Error;

/// Sets the simulated randomness apart from every other use of a seed.
const SEED_CONTEXT: &str = "tallyline v1 simulated randomness";

/// The operating system gave no randomness.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error(
    "the operating system gives no random numbers ({0}); nothing was changed; \
     restart the device and try again"
)]
pub struct EntropyError(getrandom::Error);

thread_local! {
    /// What this thread draws from instead of the operating system; empty in every real node.
    static SEEDED: RefCell<Option<blake3::OutputReader>> = const { RefCell::new(None) };
}

/// Fills a buffer with random bytes.
///
/// # Errors
///
/// [`EntropyError`] if the operating system refuses.
pub fn fill(bytes: &mut [u8]) -> Result<(), EntropyError> {
    let seeded = SEEDED.with_borrow_mut(|source| match source {
        Some(source) => {
            source.fill(bytes);
            true
        }
        None => false,
    });
    if seeded {
        return Ok(());
    }
    getrandom::fill(bytes).map_err(EntropyError)
}

/// Draws `N` random bytes.
///
/// # Errors
///
/// [`EntropyError`] if the operating system refuses.
pub fn bytes<const N: usize>() -> Result<[u8; N], EntropyError> {
    let mut drawn = [0; N];
    fill(&mut drawn)?;
    Ok(drawn)
}

/// Draws 64 random bits.
///
/// # Errors
///
/// [`EntropyError`] if the operating system refuses.
pub fn number() -> Result<u64, EntropyError> {
    bytes().map(u64::from_le_bytes)
}

/// For simulation only: until the guard is dropped, everything that this one thread draws follows
/// from a seed and is no secret.
///
/// No node calls it, and nothing that a user can set does: keys, tickets and handshakes of a real
/// venue must not be guessable. Other threads are not touched.
pub fn seed_this_thread(seed: u64) -> SeededThread {
    let mut hasher = blake3::Hasher::new_derive_key(SEED_CONTEXT);
    hasher.update(&seed.to_le_bytes());
    let source = hasher.finalize_xof();
    SeededThread {
        before: SEEDED.replace(Some(source)),
        stays_here: PhantomData,
    }
}

/// Gives the thread its former source of randomness back when it is dropped.
#[must_use = "the seeded source ends when this is dropped"]
pub struct SeededThread {
    before: Option<blake3::OutputReader>,
    /// A raw pointer cannot be sent: the guard is dropped on the thread that it guards.
    stays_here: PhantomData<*const ()>,
}

impl Drop for SeededThread {
    fn drop(&mut self) {
        SEEDED.set(self.before.take());
    }
}

impl fmt::Debug for SeededThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SeededThread")
            .field(&self.stays_here)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_draws_differ() {
        assert_ne!(bytes::<32>(), bytes::<32>());
        assert_ne!(number(), number());
    }

    #[test]
    fn a_seed_fixes_one_thread_until_its_guard_goes() {
        let drawn = |seed| {
            let _guard = seed_this_thread(seed);
            [number(), number()]
        };
        assert_eq!(drawn(1), drawn(1), "one seed, one stream");
        assert_ne!(drawn(1), drawn(2), "another seed");
        assert_ne!(number(), drawn(1)[0], "the operating system again");

        let _guard = seed_this_thread(1);
        let elsewhere = std::thread::spawn(number).join().expect("ends");
        assert_ne!(elsewhere, drawn(1)[0], "another thread is not touched");
        assert_eq!(
            number(),
            drawn(1)[0],
            "an inner guard restores the outer source"
        );
    }
}
