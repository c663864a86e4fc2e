//! How long the worker's thread could have run and did not, as the kernel tells.

use std::time::Duration;

/// Of one thread, since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Waiting {
    /// Ready to run, and without a core.
    pub(super) for_core: Duration,
    /// How often it was given one.
    pub(super) slices: u64,
}

impl Waiting {
    /// Of the thread that asks; none where the kernel does not tell.
    pub(super) fn now() -> Option<Self> {
        Self::read(&std::fs::read_to_string("/proc/thread-self/schedstat").ok()?)
    }

    /// Reads `RUN WAIT SLICES`, times in nanoseconds.
    fn read(text: &str) -> Option<Self> {
        let mut words = text.split_ascii_whitespace().skip(1);
        let for_core = Duration::from_nanos(words.next()?.parse().ok()?);
        Some(Self { for_core, slices: words.next()?.parse().ok()? })
    }

    pub(super) fn since(self, before: Self) -> Self {
        Self {
            for_core: self.for_core.saturating_sub(before.for_core),
            slices: self.slices.saturating_sub(before.slices),
        }
    }

    /// How long it waited each time.
    pub(super) fn mean(self) -> Duration {
        self.for_core.checked_div(u32::try_from(self.slices).unwrap_or(u32::MAX)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_words_are_read() {
        let waiting = Waiting::read("812345 4000000 200\n").expect("three numbers");
        assert_eq!(waiting, Waiting { for_core: Duration::from_millis(4), slices: 200 });
        assert_eq!(waiting.mean(), Duration::from_micros(20));
        assert_eq!((Waiting::read("12"), Waiting::read("a b c"), Waiting::default().mean()), (None, None, Duration::ZERO));
    }
}
