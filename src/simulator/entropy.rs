//! The simulator's only randomness: drawn from a seed, so that a story can be told again.
//!
//! Each draw reads its own `ChaCha` stream, numbered by a counter that is kept with the state: after a
//! restart with the same seed no id comes twice.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

const LETTERS_AND_DIGITS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Seeded randomness.
#[derive(Debug)]
pub(super) struct Entropy {
    seed: u64,
    drawn: u64,
}

impl Entropy {
    /// `drawn`: how many draws were made before, 0 for a new story.
    pub(super) const fn new(seed: u64, drawn: u64) -> Self {
        Self { seed, drawn }
    }

    /// Randomness of the operating system, for keys and secrets that are made once.
    pub(super) fn unpredictable() -> Self {
        Self::new(rsa::rand_core::OsRng.next_u64(), 0)
    }

    /// Counts up with every draw, never down.
    pub(super) const fn drawn(&self) -> u64 {
        self.drawn
    }

    /// Skips draws that were made before a restart.
    pub(super) fn skip_to(&mut self, drawn: u64) {
        self.drawn = self.drawn.max(drawn);
    }

    pub(super) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// Letters and digits.
    pub(super) fn text(&mut self, length: usize) -> String {
        let mut bytes = vec![0; length];
        self.fill(&mut bytes);
        bytes
            .into_iter()
            .filter_map(|byte| LETTERS_AND_DIGITS.get(usize::from(byte) % LETTERS_AND_DIGITS.len()))
            .map(|letter| char::from(*letter))
            .collect()
    }

    pub(super) fn digits(&mut self, length: usize) -> String {
        let mut bytes = vec![0; length];
        self.fill(&mut bytes);
        bytes
            .into_iter()
            .map(|byte| char::from(b'0' + byte % 10))
            .collect()
    }

    /// Lower-case hexadecimal digits, two for each byte.
    pub(super) fn hex<const N: usize>(&mut self) -> String {
        hex::encode(self.bytes::<N>())
    }

    /// In the form of a UUID, 36 characters.
    pub(super) fn uuid(&mut self) -> String {
        uuid::Builder::from_random_bytes(self.bytes())
            .into_uuid()
            .to_string()
    }

    fn fill(&mut self, bytes: &mut [u8]) {
        let mut generator = ChaCha20Rng::seed_from_u64(self.seed);
        generator.set_stream(self.drawn);
        self.drawn = self.drawn.saturating_add(1);
        generator.fill_bytes(bytes);
    }
}

/// The `position`-th number of a stream of a seed, whatever else was drawn meanwhile.
pub(super) fn number_at(seed: u64, stream: u64, position: u64) -> [u32; 2] {
    let mut generator = ChaCha20Rng::seed_from_u64(seed);
    generator.set_stream(stream);
    generator.set_word_pos(u128::from(position).saturating_mul(2));
    [generator.next_u32(), generator.next_u32()]
}
