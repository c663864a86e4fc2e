//! Counter-based random numbers: the k-th draw of an operation is the same on any worker.
//!
//! Philox4x32-10 (Salmon, Moraes, Dror and Shaw, *Parallel random numbers: as easy as 1, 2, 3*, SC
//! 2011) is a function of a key and a counter. The key is the seed; the counter is the operation
//! (64 bits), the ordinal (48 bits) and a block number (16 bits). It is part of the interface: the
//! same seed draws the same delays in every version.

use std::convert::Infallible;

use rand::TryRng;

/// The source of all random numbers of a server: its seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draws {
    seed: u64,
}

/// The random numbers of one call, one after the other.
#[derive(Clone, Debug)]
pub struct RandomStream {
    key: [u32; 2],
    counter: [u32; 4],
    block: [u32; 4],
    used: usize,
}

impl Draws {
    /// Makes the source of a seed.
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// Returns the random numbers of the call with this 0-based ordinal of an operation, the same
    /// for every caller. The lower 48 bits of the ordinal count: at a million calls a second they
    /// last nine years.
    pub fn at(&self, operation: u64, ordinal: u64) -> RandomStream {
        let low = |number: u64| number as u32;
        RandomStream {
            key: [low(self.seed), low(self.seed >> 32)],
            // the upper 16 bits of the ordinal share a word with the block number
            counter: [(low(ordinal >> 32) & 0xffff) << 16, low(ordinal), low(operation), low(operation >> 32)],
            block: [0; 4],
            used: 4,
        }
    }
}

impl RandomStream {
    fn next(&mut self) -> u32 {
        if self.used == self.block.len() {
            self.block = philox(self.counter, self.key);
            // the block number wraps within its own 16 bits
            self.counter[0] = (self.counter[0] & 0xffff_0000) | (self.counter[0].wrapping_add(1) & 0xffff);
            self.used = 0;
        }
        self.used += 1;
        self.block[self.used - 1]
    }
}

impl TryRng for RandomStream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.next())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from(self.next()) | u64::from(self.next()) << 32)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(4) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..ROUNDS {
        let wide = |multiplier: u32, word: u32| u64::from(multiplier) * u64::from(word);
        let (one, other) = (wide(MULTIPLIERS[0], counter[0]), wide(MULTIPLIERS[1], counter[2]));
        counter = [
            (other >> 32) as u32 ^ counter[1] ^ key[0],
            other as u32,
            (one >> 32) as u32 ^ counter[3] ^ key[1],
            one as u32,
        ];
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    counter
}

/// The constants of the paper's section 4.3: odd multipliers that were searched for, and the
/// fractions of the golden ratio and of √3 that the key grows by.
const MULTIPLIERS: [u32; 2] = [0xd251_1f53, 0xcd9e_8d57];
const WEYL: [u32; 2] = [0x9e37_79b9, 0xbb67_ae85];
const ROUNDS: usize = 10;

#[cfg(test)]
mod tests {
    use rand::RngExt as _;

    use super::*;

    /// The known answers that the authors publish with their library (Random123, `kat_vectors`).
    #[test]
    fn the_known_answers_are_met() {
        for (counter, key, expected) in [
            ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            ([u32::MAX; 4], [u32::MAX; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
            (
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0],
                [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
            ),
        ] {
            assert_eq!(philox(counter, key), expected);
        }
    }

    /// The layout of key and counter is part of the interface too.
    #[test]
    fn the_counter_is_operation_ordinal_and_block() {
        let mut stream = Draws::new(0x0123_4567_89ab_cdef).at(0x1111_2222_3333_4444, 0xffff_5555_6666_7777);
        for block in 0..3 {
            let counter = [0x5555_0000 + block, 0x6666_7777, 0x3333_4444, 0x1111_2222];
            let words: [u32; 4] = std::array::from_fn(|_| stream.random());
            assert_eq!(words, philox(counter, [0x89ab_cdef, 0x0123_4567]));
        }
        let mut last = Draws::new(1).at(2, 3);
        last.counter[0] |= 0xffff;
        let _: [u32; 8] = std::array::from_fn(|_| last.random());
        assert_eq!(last.counter, [1, 3, 2, 0]);
    }

    #[test]
    fn bytes_and_long_words_are_the_same_numbers() {
        let stream = Draws::new(1).at(2, 3);
        let words: [u32; 5] = {
            let mut stream = stream.clone();
            std::array::from_fn(|_| stream.random())
        };
        assert_eq!(stream.clone().random::<u64>(), u64::from(words[1]) << 32 | u64::from(words[0]));
        let mut bytes = [0; 18];
        stream.clone().fill(&mut bytes);
        assert_eq!(bytes[..16], words[..4].iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>());
        assert_eq!(bytes[16..], words[4].to_le_bytes()[..2]);
    }

    #[test]
    fn a_draw_depends_on_seed_operation_and_ordinal_alone() {
        let draw = |seed, operation, ordinal| Draws::new(seed).at(operation, ordinal).random::<u64>();
        assert_eq!(draw(1, 2, 3), draw(1, 2, 3));
        for other in [draw(2, 2, 3), draw(1, 3, 3), draw(1, 2, 4), draw(1, 2, 3 + (1 << 32)), draw(1, 2 + (1 << 40), 3)]
        {
            assert_ne!(draw(1, 2, 3), other);
        }
    }

    #[test]
    fn ordinals_are_as_good_as_one_long_stream() {
        let draws = Draws::new(42);
        let mean = (0..100_000).map(|k| draws.at(9, k).random::<f64>()).sum::<f64>() / 100_000.0;
        // six standard errors
        assert!((mean - 0.5).abs() < 6.0 * (1.0 / 12f64 / 1e5).sqrt(), "{mean}");
    }
}
