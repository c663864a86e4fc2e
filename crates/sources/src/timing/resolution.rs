//! The resolution of times, found from their values.

/// Finds the largest power of ten, in nanoseconds, that all times are multiples of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResolutionMeter {
    divisor: u64,
    /// Number of different times in a row.
    changes: u32,
    last: u64,
}

impl ResolutionMeter {
    /// Takes a time in nanoseconds.
    pub fn add(&mut self, nanos: u64) {
        if self.divisor != 1 {
            self.divisor = gcd(self.divisor, nanos);
        }
        self.changes += u32::from(nanos != self.last && self.changes < MIN_TIMES);
        self.last = nanos;
    }

    /// Returns the resolution in nanoseconds, at most `coarsest`, which the form of the times
    /// allows. Few times tell too little: theirs is `coarsest`.
    pub fn resolution(&self, coarsest: u64) -> u64 {
        if self.changes < MIN_TIMES || self.divisor == 0 {
            return coarsest;
        }
        let mut unit = 1;
        while unit < coarsest && self.divisor.is_multiple_of(unit * 10) {
            unit *= 10;
        }
        unit
    }
}

fn gcd(one: u64, other: u64) -> u64 {
    let (mut one, mut other) = (one, other);
    while other > 0 {
        (one, other) = (other, one % other);
    }
    one
}

/// Times from which on their common divisor is the resolution: the chance that twenty times end in
/// a zero by accident is one in 10^20.
const MIN_TIMES: u32 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_common_divisor_is_the_resolution() {
        let found = |times: &mut dyn Iterator<Item = u64>| {
            let mut meter = ResolutionMeter::default();
            times.for_each(|time| meter.add(time));
            meter.resolution(1_000_000_000)
        };
        assert_eq!(found(&mut (1..100).map(|k| k * 1_000_000)), 1_000_000);
        assert_eq!(found(&mut (1..100).map(|k| k * 1_000)), 1_000);
        assert_eq!(found(&mut (1..100).map(|k| k * 10_000_001)), 1);
        assert_eq!(found(&mut (1..5).map(|k| k * 10)), 1_000_000_000, "too few");
    }
}
