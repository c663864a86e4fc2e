//! The mock that `gap` compares: a server in this process, as `serve` would start it.

use std::net::SocketAddr;
use std::path::Path;

use super::{Ended, GapCommand};
use crate::cli::{BROKE, USAGE, complain, draw};
use crate::config::Config;
use crate::replay::Target;
use crate::server::{Handle, Server, StartError};
use crate::upstream::Trust;

/// A mock that runs in this process, until it is dropped.
pub(super) struct Mock {
    pub(super) target: Target,
    told: String,
    handle: Handle,
}

impl Mock {
    /// Starts the mock of a stub folder.
    pub(super) fn start(command: &GapCommand, dir: &Path, seed: u64) -> Result<Self, Ended> {
        let recorded = dir.join("profiles").join(format!("{RECORDED}.yaml")).exists();
        let profile = command.profile.clone().or_else(|| recorded.then(|| RECORDED.to_owned()));
        let told = match &profile {
            Some(name) => format!("the mock was served with profile {name}, seed {seed}"),
            None => "the mock was served without a profile, as fast as it can; `fit` writes one".to_owned(),
        };
        let defaults = Config::new(dir);
        let config = Config {
            profile,
            seed,
            // the sender has a core of its own, and a journal would only cost time
            workers: defaults.workers.saturating_sub(1).max(1),
            journal_bytes: 0,
            watches: false,
            ..defaults
        };
        let handle = Server::bind(config).and_then(Server::start).map_err(|error| {
            if let StartError::Stubs(defects) = &error {
                draw(defects);
            }
            complain(&error);
            let code = if matches!(error, StartError::Config(_)) { USAGE } else { BROKE };
            Ended { told: "the mock does not start".to_owned(), code }
        })?;
        let address: SocketAddr = handle.addresses()[0].listener.address;
        let target = Target::parse(&format!("http://{address}"), &Trust::System).map_err(Ended::broke)?;
        Ok(Self { target: command.sending.bounded(target), told, handle })
    }

    /// How it was served, and whether it was too slow itself.
    pub(super) fn notes(&self) -> Vec<String> {
        [self.told.clone()].into_iter().chain(self.flagged()).collect()
    }

    /// Whether it was too slow itself.
    pub(super) fn flagged(&self) -> Option<String> {
        let audit = self.handle.audit();
        (audit.flagged.count > 0).then(|| {
            format!(
                "the mock itself was too slow in {} of {} seconds of its workers, do not believe differences that are as \
                 small as its lateness (p99 {:.2} ms); give it a machine with less to do",
                audit.flagged.count,
                audit.windows,
                audit.lateness.p99 / 1e3
            )
        })
    }
}

/// The profile that `fit` writes.
const RECORDED: &str = "recorded";
