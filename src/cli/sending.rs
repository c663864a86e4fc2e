//! What `replay` and `gap` have in common: a real target, and how it is protected.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::note;
use super::trust::TrustArgs;
use crate::replay::{Outcome, Plan, Prepared, Replacements, StopRule, Target};
use crate::tape::Recording;

/// What protects a target, and what it is told.
#[derive(Args, Debug)]
pub(super) struct Sending {
    /// The most calls a second that the target may be sent; needed with --target
    #[arg(long, value_name = "N", value_parser = rate, help_heading = "Target")]
    max_per_second: Option<f64>,

    /// Let calls come faster than in the tape's busiest second
    #[arg(long, help_heading = "Target")]
    beyond_recorded: bool,

    /// The methods that the target may be sent
    #[arg(
        long,
        value_name = "METHOD,…",
        value_delimiter = ',',
        default_value = "GET,HEAD,OPTIONS",
        help_heading = "Target"
    )]
    methods: Vec<String>,

    /// When to leave the target alone: more errors than the tape has, a p95 so many times the tape's
    #[arg(long, value_name = "RULE", default_value_t = StopRule::default(), help_heading = "Target")]
    stop: StopRule,

    /// A header in place of a redacted one, or for every call; STANDIN_HEADER_NAME does the same for redacted ones
    #[arg(long, value_name = "NAME: VALUE", help_heading = "Target")]
    header: Vec<String>,

    /// A query parameter in place of a redacted one; STANDIN_QUERY_NAME does the same
    #[arg(long, value_name = "NAME=VALUE", help_heading = "Target")]
    query: Vec<String>,

    /// The most connections at once; calls that find none wait, and are counted
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=60_000), default_value_t = 1_000, help_heading = "Target")]
    max_connections: u32,

    /// How long a call may take
    #[arg(long, value_name = "TIME", value_parser = super::time, default_value = "30s", help_heading = "Target")]
    timeout: Duration,

    #[command(flatten)]
    trust: TrustArgs,

    /// How late the sender itself may be at p99 [default: the larger of 1ms and 5 % of the median latency]
    #[arg(long, value_name = "TIME", value_parser = super::time)]
    max_lateness: Option<Duration>,
}

impl Sending {
    /// How late the sender may be.
    pub(super) fn max_lateness(&self) -> Option<Duration> {
        self.max_lateness
    }

    /// Whether a real target may be sent calls of a method.
    pub(super) fn allows(&self, method: &str) -> bool {
        self.methods.iter().any(|known| known.trim().eq_ignore_ascii_case(method))
    }

    /// A real target.
    pub(super) fn target(&self, url: &str) -> Result<Target, String> {
        if self.max_per_second.is_none() {
            return Err(format!("--target {url} needs --max-per-second: say how many calls a second it can bear"));
        }
        let mut target = self.bounded(Target::parse(url, &self.trust.trust())?);
        target.stop = Some(self.stop);
        Ok(target)
    }

    /// A target with the bounds that were given.
    pub(super) fn bounded(&self, target: Target) -> Target {
        Target { max_connections: self.max_connections as usize, timeout: self.timeout, ..target }
    }

    /// Whether a real target may be sent this plan; if not, why.
    pub(super) fn check(&self, recording: &Recording, plan: &Plan) -> Result<(), String> {
        let planned = plan.per_second();
        if let Some(most) = self.max_per_second.filter(|most| planned > *most) {
            return Err(format!(
                "{planned} calls a second are more than --max-per-second {most}; send them slower (--speed, --rate), or allow more"
            ));
        }
        let recorded = recording.per_second();
        if planned > recorded && !self.beyond_recorded {
            return Err(format!(
                "{planned} calls a second are more than the tape's busiest second had ({recorded}); if the target can bear it, \
                 add --beyond-recorded"
            ));
        }
        if plan.left_out > 0 {
            let methods: BTreeSet<&str> = recording
                .exchanges
                .iter()
                .map(|one| one.request.method.as_str())
                .filter(|one| !self.allows(one))
                .collect();
            let methods: Vec<&str> = methods.into_iter().collect();
            note(&format!(
                "{} calls are not sent, for they may change the target: {}; --methods sends them",
                plan.left_out,
                methods.join(", ")
            ));
        }
        Ok(())
    }

    /// The calls of a plan, ready for a target. A mock is sent what is redacted as it is.
    pub(super) fn prepare(
        &self,
        recording: &Recording,
        tape: &Path,
        plan: &Plan,
        target: &Target,
        to_mock: bool,
    ) -> Result<Arc<Prepared>, String> {
        let mut replacements = Replacements::default();
        self.header.iter().try_for_each(|header| replacements.header(header))?;
        self.query.iter().try_for_each(|query| replacements.query(query))?;
        let bodies = tape.with_file_name("bodies");
        let prepared = Prepared::new(recording, &bodies, plan, target, &replacements, to_mock)
            .map_err(|missing| missing.to_string())?;
        if prepared.redacted_bodies > 0 && !to_mock {
            let calls = prepared.redacted_bodies;
            note(&format!("{calls} calls have redacted parts in their bodies, and are sent as they are on the tape"));
        }
        Ok(Arc::new(prepared))
    }
}

/// What a run came to, in a line.
pub(super) fn account(name: &str, outcome: &Outcome) -> String {
    let ms = |time: Duration| format!("{:.2} ms", time.as_secs_f64() * 1e3);
    let waited = match outcome.waited {
        0 => String::new(),
        calls => format!("; {calls} calls waited for a connection, see --max-connections"),
    };
    format!(
        "{name}: {} calls ({}), sent {} late at p50, {} at p99{waited}",
        outcome.sent,
        outcome.answered,
        ms(outcome.lateness(0.5)),
        ms(outcome.lateness(0.99)),
    )
}

/// Tells on stderr what goes on, where somebody looks on.
pub(super) fn progress(told: &str) {
    if io::stderr().is_terminal() {
        note(told);
    }
}

/// A number above 0.
pub(super) fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate.is_finite() && rate > 0.0 => Ok(rate),
        _ => Err("give a number above 0".to_owned()),
    }
}
