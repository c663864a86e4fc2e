//! `standin serve`: serves the stubs of a folder until a signal ends it.

mod args;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use self::args::OnMiss;
pub(super) use self::args::ServeArgs;
use super::recording_end::{self, RecordingEnd};
use super::server_messages::{end_text, failure_text, measurement_doubts, report_reload};
use super::signals::receive_signal;
use super::target_args::reach;
use super::{Exit, Failure, given_options, print_diagnostics, print_info, print_note, print_ready};
use crate::config::Config;
use crate::record::{ForwardRule, Recorder};
use crate::server::Server;
use standin_text::counted;

/// Recorder that answers requests without a stub, and its tape.
struct MissForwarding {
    recorder: Arc<Recorder>,
    tape: Option<PathBuf>,
}

/// Interval of checking whether the server has ended by itself.
const END_POLL_INTERVAL: Duration = Duration::from_millis(100);

impl ServeArgs {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        self.log.begin()?;
        let forwarding = self.forward_misses()?;
        let forward = forwarding
            .as_ref()
            .map(|forwarding| ForwardRule { recorder: Arc::clone(&forwarding.recorder), forwards_all: false });
        let served = self.serve(forward);
        let Some(MissForwarding { recorder, tape: Some(tape) }) = &forwarding else { return served };
        let exit = served.inspect_err(|_| recording_end::discard(recorder, tape))?;
        let end = recording_end::end(recorder, tape)
            .map_err(|error| Failure::broken(format!("the tape could not be written to its end: {error}")))?;
        if end == RecordingEnd::Calls {
            print_note(&format!("next: standin draft {}", self.dir.display()));
        }
        Ok(exit)
    }

    /// Serves until a signal or the admin API ends the server. Fails if the server cannot start.
    fn serve(&self, forward: Option<ForwardRule>) -> Result<Exit, Failure> {
        let mut server = Server::bind(Config::from(self))?.forward(forward);
        print_diagnostics(server.warnings());
        let mut failed = false;
        server.on_reload(move |status| {
            report_reload(status, failed);
            failed = status.has_failed;
        });
        let (addresses, admin) = (server.addresses(), server.admin_address());
        if addresses.iter().any(|address| address.listener.tls) && self.tls_cert.is_none() {
            print_note("https with a self-signed certificate made now; give --tls-cert and --tls-key for another");
        }
        let signal = receive_signal().map_err(|error| Failure::of_error(&error))?;
        let started = Instant::now();
        let handle = server.start()?;
        for address in addresses {
            tracing::info!(address = %address.listener, stubs = address.stubs, "listening");
            let stubs = counted(address.stubs as u64, "stub");
            let profile = address.profile.map(|name| format!(", profile {name}")).unwrap_or_default();
            let left_out = match address.left_out {
                0 => String::new(),
                count => format!(", {count} left out: run standin check"),
            };
            print_ready(&format!("listening on {} ({stubs}{profile}{left_out})", address.listener));
        }
        if let Some(admin) = admin {
            print_ready(&format!("admin API on http://{admin}/__admin"));
        }
        while signal.recv_timeout(END_POLL_INTERVAL) == Err(RecvTimeoutError::Timeout) && !handle.has_ended() {}
        let (doubts, failure) = (measurement_doubts(&handle), handle.failure());
        let lives = handle.lives().to_vec();
        let all_finished = handle.shut_down();
        print_info(&end_text(started.elapsed(), &lives));
        for doubt in &doubts {
            print_note(doubt);
        }
        if let Some(failure) = failure {
            print_note(&failure_text(&failure));
            return Ok(Exit::Broken);
        }
        if !all_finished {
            print_note("calls were still in flight after the grace period, and were cut off; see --grace");
            return Ok(Exit::Broken);
        }
        Ok(Exit::Success)
    }

    /// Starts the recorder that requests without a stub go through, if `--on-miss` asks for it.
    fn forward_misses(&self) -> Result<Option<MissForwarding>, Failure> {
        self.check_miss_options()?;
        let (OnMiss::Forward | OnMiss::Record, Some(target)) = (self.on_miss, &self.target) else { return Ok(None) };
        let tape = (self.on_miss == OnMiss::Record).then(|| self.forwarding.new_tape(&self.dir));
        if tape.is_some() && !self.dir.join("mappings").is_dir() {
            let dir = self.dir.display();
            return Err(Failure::usage(format!(
                "--on-miss record needs the stub folder of one service, but `{dir}` has no `mappings/`"
            )));
        }
        let workers = self.workers.map_or_else(|| Config::default().workers, usize::from);
        let settings = self.forwarding.settings(target, self.target_connections, workers, tape.clone())?;
        let place = tape.as_ref().map(|tape| format!(" and recorded to {}", tape.display()));
        reach(settings.connector.target());
        let recorder =
            Recorder::start(settings).map_err(|error| Failure::usage(format!("cannot write the tape: {error}")))?;
        let bounds = self.forwarding.bounds();
        print_note(&format!("misses are answered by {}{} ({bounds})", recorder.target(), place.unwrap_or_default()));
        Ok(Some(MissForwarding { recorder, tape }))
    }

    /// Checks that no option is given that has no effect with this `--on-miss`. Reports all of
    /// them.
    fn check_miss_options(&self) -> Result<(), Failure> {
        let tape_options = self.forwarding.given_tape_options();
        let messages: Vec<String> = match self.on_miss {
            OnMiss::Record => Vec::new(),
            OnMiss::Forward => tape_options
                .map(|option| {
                    format!("{option} is for a tape, and --on-miss forward writes none; say --on-miss record")
                })
                .collect(),
            OnMiss::NotFound => {
                let own = given_options([
                    (self.target.is_some(), "--target"),
                    (self.target_connections.is_some(), "--target-connections"),
                ]);
                own.chain(self.forwarding.given_target_options())
                    .chain(tape_options)
                    .map(|option| {
                        format!("{option} is for misses; say what becomes of them: --on-miss forward or record")
                    })
                    .collect()
            }
        };
        if messages.is_empty() { Ok(()) } else { Err(Failure::usage(messages.join("\n"))) }
    }
}
