//! Progress of the calls to one side, on stderr: a line that is renewed on a terminal, otherwise a
//! line at the begin and then every ten seconds, for logs of CI.

use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use crate::cli::print_note;
use crate::replay::Plan;
use crate::stdio;
use standin_text::grouped;

/// The progress of a plan that is being sent.
pub(super) struct TrialProgress {
    label: String,
    /// Calls answered and of the plan.
    answered: u64,
    calls: u64,
    length: Duration,
    begun: Instant,
    shown: Instant,
    is_terminal: bool,
}

impl TrialProgress {
    /// Shows the begin of a plan.
    pub(super) fn begin(label: &str, plan: &Plan) -> Self {
        let now = Instant::now();
        let progress = Self {
            label: label.to_owned(),
            answered: 0,
            calls: plan.calls.len() as u64,
            length: Duration::from_nanos(plan.length()),
            begun: now,
            shown: now,
            is_terminal: io::stderr().is_terminal(),
        };
        progress.show(now);
        progress
    }

    /// Counts an answer, and shows the progress if it is time.
    pub(super) fn count(&mut self) {
        self.answered += 1;
        let interval = if self.is_terminal { TERMINAL_INTERVAL } else { LOG_INTERVAL };
        let now = Instant::now();
        if now - self.shown >= interval {
            self.shown = now;
            self.show(now);
        }
    }

    /// Clears the line of a terminal.
    pub(super) fn end(self) {
        if self.is_terminal {
            stdio::write_progress("\r\x1b[K");
        }
    }

    fn show(&self, now: Instant) {
        let line = self.line(now);
        if self.is_terminal {
            stdio::write_progress(&format!("\r\x1b[K{line}"));
        } else {
            print_note(&line);
        }
    }

    fn line(&self, now: Instant) -> String {
        let (answered, calls) = (grouped(self.answered), grouped(self.calls));
        let (passed, length) = ((now - self.begun).as_secs(), self.length.as_secs_f64().ceil());
        format!("{}: {answered} of {calls} calls, {passed} of {length} s", self.label)
    }
}

/// Interval between two states on a terminal.
const TERMINAL_INTERVAL: Duration = Duration::from_millis(500);
/// Interval between two lines of a log.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_much_is_done() {
        let begun = Instant::now();
        let progress = TrialProgress {
            label: "run 2 of 4, the mock".to_owned(),
            answered: 1_200,
            calls: 3_000,
            length: Duration::from_millis(29_400),
            begun,
            shown: begun,
            is_terminal: false,
        };
        let line = progress.line(begun + Duration::from_secs(12));
        assert_eq!(line, "run 2 of 4, the mock: 1,200 of 3,000 calls, 12 of 30 s");
    }
}
