//! Options of the service behind a recorder, for `record` and `serve --on-miss`: protection, TLS,
//! and content of the tape.

use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use serde_json::Map;

use super::tls_args::TlsArgs;
use super::{DurationArg, Failure, given_options, print_note, sender_args};
use crate::record::{RecorderConfig, TapeConfig};
use crate::upstream::{Connector, TargetUrl, UpstreamLimits};
use standin_tape::{RecorderOverhead, RedactionRules, TAPE_ENDINGS};

/// Protection of a service, and what is kept of its calls.
#[derive(Args, Debug)]
pub(super) struct TargetArgs {
    /// The most calls at the target at once; others wait
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000), default_value_t = MAX_IN_FLIGHT, help_heading = "Target")]
    max_in_flight: u32,

    /// The most calls a second that the target gets; others wait [default: as they come]
    #[arg(long, value_name = "N", value_parser = sender_args::parse_rate, help_heading = "Target")]
    max_per_second: Option<f64>,

    /// Time that a call may wait to be let through; beyond it: 503, and 0s refuses at once
    #[arg(long, value_name = "TIME", default_value_t = QUEUE_TIMEOUT, help_heading = "Target")]
    queue_timeout: DurationArg,

    /// Time that the target may be silent; beyond it: 504
    #[arg(long, value_name = "TIME", default_value_t = TARGET_TIMEOUT, help_heading = "Target")]
    target_timeout: DurationArg,

    #[command(flatten)]
    trust: TlsArgs,

    /// Keep no bodies: a tape for `fit` alone
    #[arg(long, help_heading = "Tape")]
    no_bodies: bool,

    /// The longest body that is kept; longer ones pass, and are left out of drafts
    #[arg(long, value_name = "BYTES", default_value_t = MAX_KEPT_BODY_BYTES, help_heading = "Tape")]
    keep_body: usize,

    /// Redact the value of this key as well: of a header, a parameter, or a JSON member; may be
    /// given more than once
    #[arg(long, value_name = "KEY", help_heading = "Tape")]
    redact: Vec<String>,

    /// Do not redact this key, though it is one of those that usually hold secrets
    #[arg(long, value_name = "KEY", help_heading = "Tape")]
    keep: Vec<String>,

    /// Replace the values of this key by others of the same form, equal ones by equal ones; may be
    /// given more than once
    #[arg(long, value_name = "KEY", help_heading = "Tape")]
    anonymise: Vec<String>,

    /// All calls that the target gets come through here, so that `fit` knows its whole load
    #[arg(long, help_heading = "Tape")]
    exclusive: bool,

    /// Write the tape as plain JSON lines (`.jsonl`), not compressed (`.jsonl.zst`)
    #[arg(long, help_heading = "Tape")]
    no_compress: bool,
}

impl TargetArgs {
    /// Returns the settings of a recorder that writes to `tape`, if given.
    pub(super) fn settings(
        &self,
        target: &str,
        connections: Option<u32>,
        workers: usize,
        tape: Option<PathBuf>,
    ) -> Result<RecorderConfig, Failure> {
        Ok(RecorderConfig {
            connector: Connector::new(TargetUrl::parse(target)?, &self.trust.trust())?,
            limits: self.limits(connections),
            timeout: self.target_timeout.0,
            workers,
            tape: tape.map(|path| self.tape(path)),
            observer: None,
        })
    }

    /// Returns the path of a new tape in a stub folder, named after the time.
    pub(super) fn new_tape(&self, dir: &Path) -> PathBuf {
        let now = Timestamp::now().strftime("%Y-%m-%dT%H-%M-%SZ").to_string();
        let [compressed, plain] = TAPE_ENDINGS;
        let ending = if self.no_compress { plain } else { compressed };
        let mut names = std::iter::once(now.clone()).chain((2..).map(|again| format!("{now}-{again}")));
        let path = |name: &str, ending: &str| dir.join("tapes").join(format!("{name}{ending}"));
        // both would have their bodies in one file
        let name = names.find(|name| TAPE_ENDINGS.iter().all(|ending| !path(name, ending).exists()));
        path(&name.expect("there are names without end"), ending)
    }

    /// Returns the limits that protect a service.
    pub(super) fn limits(&self, connections: Option<u32>) -> UpstreamLimits {
        UpstreamLimits {
            in_flight: Some(self.max_in_flight),
            per_second: self.max_per_second,
            connections,
            max_wait: self.queue_timeout.0,
        }
    }

    /// Returns the maximum rate in calls per second, if there is one.
    pub(super) fn max_per_second(&self) -> Option<f64> {
        self.max_per_second
    }

    /// Returns the maximum time of a call: it may wait for a permit, and then for the target.
    pub(super) fn patience(&self) -> Duration {
        self.queue_timeout.0 + self.target_timeout.0
    }

    /// Returns true if the values of a key are not redacted.
    pub(super) fn keeps(&self, key: &str) -> bool {
        self.keep.iter().any(|kept| kept.eq_ignore_ascii_case(key))
    }

    /// Returns true if bodies are kept, so that stubs can be drafted.
    pub(super) fn keeps_bodies(&self) -> bool {
        !self.no_bodies
    }

    /// Returns the options that were given and apply only to a target of misses.
    pub(super) fn given_target_options(&self) -> impl Iterator<Item = &'static str> {
        given_options([
            (self.target_timeout != TARGET_TIMEOUT, "--target-timeout"),
            (self.trust.is_given(), "--target-ca or --target-insecure"),
        ])
    }

    /// Returns the options of the tape that were given.
    pub(super) fn given_tape_options(&self) -> impl Iterator<Item = &'static str> {
        given_options([
            (self.no_bodies, "--no-bodies"),
            (self.keep_body != MAX_KEPT_BODY_BYTES, "--keep-body"),
            (!self.redact.is_empty(), "--redact"),
            (!self.keep.is_empty(), "--keep"),
            (!self.anonymise.is_empty(), "--anonymise"),
            (self.exclusive, "--exclusive"),
            (self.no_compress, "--no-compress"),
        ])
    }

    /// Returns the limits in words, for the first line of output.
    pub(super) fn bounds(&self) -> String {
        let rate = self.max_per_second.map_or_else(String::new, |most| format!(" and {most} calls a second"));
        format!("at most {} in flight{rate}", self.max_in_flight)
    }

    fn tape(&self, path: PathBuf) -> TapeConfig {
        let mut redaction = RedactionRules::default();
        self.keep.iter().for_each(|key| redaction.remove(key));
        self.redact.iter().for_each(|key| redaction.add(key));
        self.anonymise.iter().for_each(|key| redaction.anonymise(key));
        TapeConfig {
            path,
            bodies: !self.no_bodies,
            max_body_bytes: self.keep_body,
            redaction,
            exclusive: self.exclusive,
            overhead: None::<RecorderOverhead>,
            notes: Map::new(),
        }
    }
}

/// Returns the addresses of a service. Prints a note if it cannot be reached yet, which is no
/// error.
pub(super) fn reach(origin: &TargetUrl) -> Vec<SocketAddr> {
    let told = |what: &str, error: std::io::Error| {
        print_note(&format!("cannot {what} {origin} yet ({error}); calls get a 502 until it is there"));
    };
    let addresses: Vec<SocketAddr> = match (origin.host(), origin.port()).to_socket_addrs() {
        Ok(addresses) => addresses.collect(),
        Err(error) => {
            told("find", error);
            return Vec::new();
        }
    };
    if let Some(error) = addresses.first().and_then(|first| TcpStream::connect_timeout(first, REACH_TIMEOUT).err()) {
        told("reach", error);
    }
    addresses
}

const MAX_IN_FLIGHT: u32 = 256;
const QUEUE_TIMEOUT: DurationArg = DurationArg(Duration::from_secs(30));
const TARGET_TIMEOUT: DurationArg = DurationArg(Duration::from_secs(60));
const MAX_KEPT_BODY_BYTES: usize = 16 << 20;

/// Time-out of the first connection to the service.
const REACH_TIMEOUT: Duration = Duration::from_secs(2);
