//! Reads bytes as choices and values; where they end, every choice is the first one.

/// The bytes that are left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    /// Begins at the front.
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    /// Returns whether nothing is left.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes an array; what is missing is 0.
    pub(super) fn array<const N: usize>(&mut self) -> [u8; N] {
        let (front, rest) = self.0.split_at(N.min(self.0.len()));
        self.0 = rest;
        let mut array = [0; N];
        for (to, from) in array.iter_mut().zip(front) {
            *to = *from;
        }
        array
    }

    /// Takes one byte.
    pub(super) fn byte(&mut self) -> u8 {
        let [byte] = self.array();
        byte
    }

    /// Takes a bit.
    pub(super) fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// Takes a number of two bytes.
    pub(super) fn short(&mut self) -> u16 {
        u16::from_le_bytes(self.array())
    }

    /// Takes a number that is small as a rule and any number at times, so that both are met.
    pub(super) fn number(&mut self) -> u64 {
        match self.byte() {
            255 => u64::from_le_bytes(self.array()),
            small => small.into(),
        }
    }

    /// Takes a number below `count`; 0 if there is none.
    pub(super) fn below(&mut self, count: usize) -> usize {
        usize::from(self.byte()).checked_rem(count).unwrap_or(0)
    }

    /// Takes one of several; `None` if there are none.
    pub(super) fn pick<'t, T>(&mut self, of: &'t [T]) -> Option<&'t T> {
        of.get(self.below(of.len()))
    }

    /// Takes a run of bytes: two bytes say how many, and there may be fewer left.
    pub(super) fn run(&mut self) -> &'a [u8] {
        let count = usize::from(self.short()).min(self.0.len());
        let (front, rest) = self.0.split_at(count);
        self.0 = rest;
        front
    }

    /// Returns all that is left.
    pub(super) fn rest(self) -> &'a [u8] {
        self.0
    }
}
