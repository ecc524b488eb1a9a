//! Randomness from the operating system: the only place that draws it.
//!
//! Layer: node, below everything.

use thiserror::Error;

/// The operating system gave no randomness.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error(
    "the operating system gives no random numbers ({0}); nothing was changed; \
     restart the device and try again"
)]
pub struct EntropyError(getrandom::Error);

/// Draws `N` random bytes.
///
/// # Errors
///
/// [`EntropyError`] if the operating system refuses.
pub fn bytes<const N: usize>() -> Result<[u8; N], EntropyError> {
    let mut drawn = [0; N];
    getrandom::fill(&mut drawn).map_err(EntropyError)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_draws_differ() {
        assert_ne!(bytes::<32>(), bytes::<32>());
        assert_ne!(number(), number());
    }
}
