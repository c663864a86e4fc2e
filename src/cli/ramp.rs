//! `record --ramp`: options and report of a recording that makes its own traffic.

use std::fmt::Write as _;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use clap::Args;

use super::sender_args::{TargetRules, newest, open};
use super::{Failure, parse_time};
use crate::config::Listener;
use crate::locks::LockUnpoisoned as _;
use crate::ramp::{NOTE_KEY, Ramp, RampCalls, RampEnd, RampGuard, RampReport, STEP_SHARES};
use crate::record::{CallObserver, RecorderConfig};
use crate::replay::{CancelToken, Pace, Plan, ReplayTarget, StopBaseline, redacted_names};
use crate::upstream::TrustAnchors;

/// Options of a ramp.
#[derive(Args, Debug)]
pub(super) struct RampArgs {
    /// Send a tape's calls as well, in steps of 10, 20, 40, 60, 80 and 95 % of --max-per-second
    /// [default: DIR's newest tape]
    #[arg(long, value_name = "TAPE", num_args = 0..=1, require_equals = true)]
    #[expect(clippy::option_option, reason = "not given, given, and given with a tape")]
    ramp: Option<Option<PathBuf>>,

    /// Length of each step of the ramp
    #[arg(long, value_name = "TIME", value_parser = parse_time, default_value = "20s", requires = "ramp")]
    step: Duration,

    /// Seed of the random calls and times of the ramp
    #[arg(long, value_name = "N", default_value_t = 1, requires = "ramp")]
    seed: u64,

    #[command(flatten)]
    rules: TargetRules,
}

/// A ramp that is ready to start.
#[derive(Debug)]
pub(super) struct PreparedRamp {
    ramp: Ramp,
    calls: RampCalls,
    guard: Arc<RampGuard>,
    cancel: CancelToken,
}

/// A ramp that runs on a thread of its own.
#[derive(Debug)]
pub(super) struct RunningRamp {
    thread: JoinHandle<io::Result<RampReport>>,
    cancel: CancelToken,
    step: Arc<Mutex<String>>,
}

impl RampArgs {
    /// Returns true if a ramp was asked for.
    pub(super) fn is_given(&self) -> bool {
        self.ramp.is_some()
    }

    /// Returns the ramp of `--ramp`, if given. Adds its note and redaction to the settings of the
    /// tape.
    pub(super) fn prepare(
        &self,
        dir: &Path,
        target: &str,
        max_per_second: Option<f64>,
        keeps: impl Fn(&str) -> bool,
        settings: &mut RecorderConfig,
    ) -> Result<Option<PreparedRamp>, Failure> {
        let Some(tape) = &self.ramp else {
            let given =
                "--beyond-recorded, --methods, --stop, --header and --query are for --ramp; add it, or leave them out";
            return if self.rules.are_given() { Err(Failure::usage(given)) } else { Ok(None) };
        };
        let top = max_per_second
            .ok_or_else(|| format!("--ramp needs --max-per-second: say how many calls a second {target} can bear"))?;
        let path = match tape {
            Some(path) => path.clone(),
            None => newest(dir)?.ok_or_else(|| {
                let dir = dir.display();
                format!("`{dir}` has no tape with calls to send; record one first, or give --ramp=TAPE")
            })?,
        };
        let recording = open(&path)?;
        let ramp = Ramp { top, step: self.step, seed: self.seed, stop: self.rules.stop() };
        let plan = Plan::new(&recording, Pace::Recorded { speed: 1.0 }, |method| self.rules.allows(method));
        if plan.calls.is_empty() {
            return Err(Failure::usage(format!(
                "`{}` has no call that may be sent; give another --ramp=TAPE, or --methods",
                path.display()
            )));
        }
        self.rules.check_rate(&recording, ramp.highest())?;
        self.rules.print_left_out(&recording, &plan);
        // the recorder rewrites these requests as those of any client
        let recorder = ReplayTarget::parse("http://127.0.0.1", &TrustAnchors::System)?;
        let prepared = self.rules.prepare(&recording, &path, &plan, &recorder, false)?;
        let cancel = CancelToken::default();
        let errors = StopBaseline::of(&recording, &plan).errors;
        let guard = Arc::new(RampGuard::new(ramp.stop, errors, cancel.clone()));
        if let Some(tape) = &mut settings.tape {
            let secret = |name: &String| !CREDENTIAL_HEADERS.contains(&name.as_str()) && !keeps(name);
            redacted_names(&recording).iter().filter(|name| secret(name)).for_each(|name| tape.redaction.add(name));
            tape.notes.insert(NOTE_KEY.to_owned(), ramp.note(&recording));
        }
        let seeing = Arc::clone(&guard);
        settings.observer = Some(CallObserver::new(move |sighting| seeing.see(sighting)));
        Ok(Some(PreparedRamp { ramp, calls: RampCalls { recording, plan, prepared }, guard, cancel }))
    }
}

impl PreparedRamp {
    /// Starts to send to the recorder at this address.
    pub(super) fn start(self, recorder: &Listener, timeout: Duration) -> io::Result<RunningRamp> {
        let scheme = if recorder.tls { "https" } else { "http" };
        let url = format!("{scheme}://{}", reachable(recorder.address));
        // the recorder is this process
        let target = ReplayTarget::parse(&url, &TrustAnchors::AnyCertificate).map_err(io::Error::other)?;
        let target = ReplayTarget { cancel: self.cancel.clone(), timeout, ..target };
        let step = Arc::new(Mutex::new(String::new()));
        let (shown, seconds) = (Arc::clone(&step), self.ramp.step.as_secs_f64());
        let work = move || {
            let begins = |number: usize, per_second: f64| {
                let told = format!(
                    "step {} of {}: {per_second:.1} calls a second for {seconds} s, ",
                    number + 1,
                    STEP_SHARES.len()
                );
                *shown.lock_unpoisoned() = told;
            };
            self.ramp.run(&self.calls, &target, &self.guard, begins)
        };
        let thread = thread::Builder::new().name("standin-ramp".to_owned()).spawn(work)?;
        Ok(RunningRamp { thread, cancel: self.cancel, step })
    }
}

impl RunningRamp {
    /// Returns the current step, as the beginning of a line.
    pub(super) fn step(&self) -> String {
        self.step.lock_unpoisoned().clone()
    }

    /// Returns true if the ramp has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    pub(super) fn cancel(&self) {
        self.cancel.cancel("ended by a signal");
    }

    /// Waits for the end of the ramp, and returns its report.
    pub(super) fn join(self) -> io::Result<RampReport> {
        self.thread.join().unwrap_or_else(|_| Err(io::Error::other("the sending thread panicked")))
    }
}

/// Returns the summary of a ramp, a line for each step.
pub(super) fn summary(report: &RampReport) -> String {
    let mut told = "  ramp:".to_owned();
    for step in &report.steps {
        let passed = step.passed;
        let p95 = passed.p95.map_or_else(String::new, |p95| format!(", p95 {}", standin_text::short_duration(p95)));
        let failed = if passed.failed > 0 { format!(", {} failed", passed.failed) } else { String::new() };
        let others = passed.calls.saturating_sub(step.sent);
        let others = if others > 0 { format!(" and {others} of other clients") } else { String::new() };
        let _ = write!(told, "\n    {:.1} calls a second: {} sent{others}{p95}{failed}", step.per_second, step.sent);
    }
    let at = report.steps.len();
    let _ = match &report.end {
        RampEnd::Whole => write!(told, "\n  all {at} steps were made"),
        RampEnd::Stopped(why) => write!(told, "\n  stopped in step {at} of {}: {why}", STEP_SHARES.len()),
        RampEnd::Halted => write!(told, "\n  ended by a signal in step {at} of {}", STEP_SHARES.len()),
        RampEnd::Differs(_) => write!(told, "\n  given up after step {at} of {}", STEP_SHARES.len()),
    };
    told
}

/// Returns an address by which a client on this machine can call the listener.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Headers of which the recorder redacts the credentials alone.
const CREDENTIAL_HEADERS: [&str; 4] = ["authorization", "proxy-authorization", "cookie", "set-cookie"];
