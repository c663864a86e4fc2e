//! Expected number of requests.

use std::fmt;
use std::ops::{Range, RangeFrom, RangeInclusive, RangeToInclusive};

use standin_text::counted;

/// Expected number of requests: a number, or a range such as `1..`, `..=3` or `2..=3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    least: u64,
    most: u64,
}

impl Times {
    pub(super) fn allow(self, count: u64) -> bool {
        (self.least..=self.most).contains(&count)
    }

    pub(super) fn are_exceeded_by(self, count: u64) -> bool {
        count > self.most
    }
}

impl fmt::Display for Times {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let calls = |count: u64| counted(count, "call");
        match (self.least, self.most) {
            (0, 0) => out.write_str("no call"),
            (0, u64::MAX) => out.write_str("any number of calls"),
            (0, most) => write!(out, "at most {}", calls(most)),
            (least, u64::MAX) => write!(out, "at least {}", calls(least)),
            (least, most) if least == most => write!(out, "{}", calls(least)),
            (least, most) => write!(out, "{least} to {most} calls"),
        }
    }
}

macro_rules! numbers {
    ($($number:ty),*) => { $(
        impl From<$number> for Times {
            fn from(count: $number) -> Self {
                let count = bound(count);
                Self { least: count, most: count }
            }
        }

        impl From<RangeFrom<$number>> for Times {
            fn from(range: RangeFrom<$number>) -> Self {
                Self { least: bound(range.start), most: u64::MAX }
            }
        }

        impl From<RangeToInclusive<$number>> for Times {
            fn from(range: RangeToInclusive<$number>) -> Self {
                Self { least: 0, most: bound(range.end) }
            }
        }

        impl From<RangeInclusive<$number>> for Times {
            fn from(range: RangeInclusive<$number>) -> Self {
                Self { least: bound(*range.start()), most: bound(*range.end()) }
            }
        }

        impl From<Range<$number>> for Times {
            fn from(range: Range<$number>) -> Self {
                Self { least: bound(range.start), most: bound(range.end).saturating_sub(1) }
            }
        }
    )* };
}

numbers!(i32, u32, u64, usize);

/// Returns the number, or 0 for a negative one.
fn bound(count: impl TryInto<u64>) -> u64 {
    count.try_into().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_read_as_words() {
        for (times, words) in [
            (Times::from(0), "no call"),
            (Times::from(1), "1 call"),
            (Times::from(2..), "at least 2 calls"),
            (Times::from(..=1), "at most 1 call"),
            (Times::from(2..=3), "2 to 3 calls"),
            (Times::from(2..4), "2 to 3 calls"),
            (Times::from(0..), "any number of calls"),
        ] {
            assert_eq!(times.to_string(), words);
        }
        assert!(Times::from(2..4).allow(3) && !Times::from(2..4).allow(4));
    }
}
