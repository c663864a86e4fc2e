//! The mock that `gap` compares: a server in this process, as `serve` would start it.

use std::net::SocketAddr;
use std::ops::Range;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use super::GapCommand;
use crate::audit::{FlaggedWindow, FlaggedWindows};
use crate::cli::{Exit, Failure};
use crate::config::Config;
use crate::replay::{CancelToken, ReplayOutcome, ReplayTarget};
use crate::server::{Handle, Server};
use crate::upstream::TrustAnchors;

/// A mock that runs in this process, until it is dropped.
pub(super) struct InProcessMock {
    pub(super) target: ReplayTarget,
    /// The profile that it is served with.
    pub(super) profile: Option<String>,
    told: String,
    handle: Handle,
}

impl InProcessMock {
    /// Starts the mock of a stub folder.
    pub(super) fn start(command: &GapCommand, dir: &Path, seed: u64, cancel: &CancelToken) -> Result<Self, Failure> {
        let profile = Self::profile(command, dir);
        let told = match &profile {
            Some(name) => format!("the mock was served with profile {name}, seed {seed}"),
            None => "the mock was served without a profile, as fast as it can; `fit` writes one".to_owned(),
        };
        let defaults = Config::new(dir);
        let config = Config {
            profile: profile.clone(),
            seed,
            // the sender has a core of its own, and a journal would only cost time
            workers: defaults.workers.saturating_sub(1).max(1),
            journal_bytes: 0,
            watches: false,
            ..defaults
        };
        let handle = Server::bind(config).and_then(Server::start).map_err(|error| {
            let failure = Failure::from(error);
            failure.print();
            let message = "the mock does not start";
            if failure.exit_code() == Exit::Usage { Failure::usage(message) } else { Failure::broken(message) }
        })?;
        let address: SocketAddr = handle.addresses()[0].listener.address;
        let target =
            ReplayTarget::parse(&format!("http://{address}"), &TrustAnchors::System).map_err(Failure::broken)?;
        let target = ReplayTarget { cancel: cancel.clone(), ..target };
        Ok(Self { target: command.sending.bounded(target), profile, told, handle })
    }

    /// Returns the name of the profile that the mock of a folder is served with, if any.
    pub(super) fn profile(command: &GapCommand, dir: &Path) -> Option<String> {
        let recorded = dir.join("profiles").join(format!("{RECORDED}.yaml")).exists();
        command.profile.clone().or_else(|| recorded.then(|| RECORDED.to_owned()))
    }

    /// Returns notes on how the mock was served and on seconds in which it was too slow.
    pub(super) fn notes(&self) -> Vec<String> {
        [self.told.clone()].into_iter().chain(self.flagged()).collect()
    }

    /// Returns the times at which the mock itself was too slow, in nanoseconds since the first call
    /// of a run was due. If `allowed` is given, only that lateness counts.
    pub(super) fn doubtful(&self, outcome: &ReplayOutcome, allowed: Option<Duration>) -> Vec<Range<u64>> {
        let Some(started) = outcome.started else { return Vec::new() };
        // the second in which the last call came is judged when it is over
        let (before, began) = (self.handle.audit(), Instant::now());
        let mut audit = before.clone();
        while audit.windows < before.windows + before.workers.len() as u64 && began.elapsed() < LONGEST_WINDOW {
            thread::sleep(POLL);
            audit = self.handle.audit();
        }
        doubtful(&audit.flagged, started, allowed)
    }

    /// Returns a note if the mock itself was too slow.
    pub(super) fn flagged(&self) -> Option<String> {
        let audit = self.handle.audit();
        (audit.flagged.count > 0).then(|| {
            format!(
                "the mock itself was too slow in {} of {} seconds of its workers (lateness p99 {:.2} ms): calls that came or \
                 ended then are left out, unless --max-lateness allows so much; give it a machine with less to do",
                audit.flagged.count,
                audit.windows,
                audit.lateness.p99 / 1e3
            )
        })
    }
}

/// Returns the flagged seconds on the clock of a run. The time before the oldest kept one is
/// unknown, and therefore doubtful as well.
fn doubtful(flagged: &FlaggedWindows, started: SystemTime, allowed: Option<Duration>) -> Vec<Range<u64>> {
    let started = started.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let nanos = |ms: u64| Duration::from_millis(ms).saturating_sub(started).as_nanos() as u64;
    let forgotten = flagged.last.last().filter(|_| flagged.count > flagged.last.len() as u64);
    let is_late = |window: &&FlaggedWindow| {
        allowed.is_none_or(|most| window.lateness_p99.max(window.loop_lag_max) > most.as_nanos() as f64 / 1e3)
    };
    let known =
        flagged.last.iter().filter(is_late).map(|window| nanos(window.at)..nanos(window.at + window.milliseconds));
    let before = forgotten.filter(|_| allowed.is_none()).map(|oldest| 0..nanos(oldest.at));
    known.chain(before).filter(|range| !range.is_empty()).collect()
}

/// A window of the audit lasts a second, and is closed by the heartbeat after it.
const LONGEST_WINDOW: Duration = Duration::from_millis(1_300);
const POLL: Duration = Duration::from_millis(50);
/// The profile that `fit` writes.
const RECORDED: &str = "recorded";

#[cfg(test)]
mod tests {
    use super::*;

    fn window(at: u64, late_ms: f64) -> FlaggedWindow {
        FlaggedWindow {
            at,
            milliseconds: 1_000,
            worker: 0,
            reasons: Vec::new(),
            limit: 200.0,
            median_intended: 1_000.0,
            calls: 100,
            late_calls: 50,
            lateness_p99: late_ms * 1e3,
            loop_lag_max: 300.0,
            cpu_waits: 0,
            cpu_share: 0.5,
        }
    }

    #[test]
    fn flagged_seconds_stand_on_the_clock_of_the_run() {
        let started = SystemTime::UNIX_EPOCH + Duration::from_millis(10_500);
        let flags = |count, last: &[FlaggedWindow]| FlaggedWindows { count, last: last.to_vec() };
        let ms = |from: u64, to: u64| from * 1_000_000..to * 1_000_000;
        let last = [window(13_000, 2.0), window(10_000, 9.0), window(9_000, 9.0)];
        assert_eq!(doubtful(&flags(3, &last), started, None), [ms(2_500, 3_500), ms(0, 500)]);
        // so much is allowed
        assert_eq!(doubtful(&flags(3, &last), started, Some(Duration::from_millis(5))), [ms(0, 500)]);
        assert_eq!(doubtful(&flags(3, &last), started, Some(Duration::from_secs(10))), []);
        // what is not kept any more may lie anywhere before
        assert_eq!(doubtful(&flags(99, &last[..1]), started, None), [ms(2_500, 3_500), ms(0, 2_500)]);
        assert_eq!(doubtful(&flags(0, &[]), started, None), []);
    }
}
