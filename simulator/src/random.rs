//! Seeded randomness: the only source of chance in a world.

/// A stream of random numbers that a seed fixes (`SplitMix64`: 64 bits of state, every seed good).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Begins the stream of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Begins one of many independent streams of a seed, told apart by name.
    pub fn stream(seed: u64, name: &str) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&seed.to_le_bytes());
        hasher.update(name.as_bytes());
        let mut first = [0; 8];
        first.copy_from_slice(hasher.finalize().as_bytes().split_at(8).0);
        Self(u64::from_le_bytes(first))
    }

    /// Draws 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Draws a number from 0 up to and without `bound`, which is at least 1.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next_u64() % bound.max(1)
    }

    /// Draws a number from `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low.saturating_add(self.below(high.saturating_sub(low).saturating_add(1)))
    }

    /// Returns true in `permille` of 1,000 draws.
    pub fn chance(&mut self, permille: u64) -> bool {
        self.below(1000) < permille
    }

    /// Draws bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        for chunk in bytes.chunks_mut(8) {
            for (to, from) in chunk.iter_mut().zip(self.next_u64().to_le_bytes()) {
                *to = from;
            }
        }
        bytes
    }
}
