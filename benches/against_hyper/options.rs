//! What was typed behind `cargo bench --bench against_hyper --`.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use clap::Parser;

use super::process::Server;

/// Ratios of standin against bare hyper, under the same script in the same run.
#[derive(Debug, Parser)]
#[command(name = "against_hyper", after_help = "exits with 1 if a limit was broken")]
#[allow(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub struct Options {
    /// the rows to run; all if none is named
    pub rows: Vec<String>,
    /// interleaved pairs of measurements, standin and hyper in turn
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..))]
    pub pairs: u16,
    /// length of one measurement
    #[arg(long, value_name = "S", default_value = "4", value_parser = seconds)]
    pub seconds: Duration,
    /// length of the row `lognormal`
    #[arg(long, value_name = "S", default_value = "300", value_parser = seconds)]
    pub lognormal_seconds: Duration,
    /// length of the calm run in the row `audit`
    #[arg(long, value_name = "S", default_value = "300", value_parser = seconds)]
    pub calm_seconds: Duration,
    /// requests by which the row `instructions` counts
    #[arg(long, value_name = "N", default_value_t = 2000)]
    pub requests: usize,
    /// the program under test
    #[arg(long, value_name = "PATH", default_value = env!("CARGO_BIN_EXE_standin"))]
    pub standin: PathBuf,
    /// an argument more for `standin serve`; may be repeated
    #[arg(long = "with", value_name = "ARG", allow_hyphen_values = true)]
    pub with: Vec<String>,
    /// a JSON line a row instead of text
    #[arg(long)]
    pub json: bool,
    /// report broken limits without failing: for a smoke run
    #[arg(long)]
    pub no_limits: bool,
    /// list the rows
    #[arg(long)]
    pub list: bool,
    /// cargo says so itself
    #[arg(long, hide = true)]
    pub bench: bool,
}

impl Options {
    /// The command that serves a stub folder with the program under test.
    pub fn standin(&self, folder: &Path) -> Command {
        let mut command = Command::new(&self.standin);
        command.arg("serve").arg(folder).args(["--listen", "127.0.0.1:0"]).args(&self.with);
        command
    }

    /// Starts the program under test.
    pub fn start_standin(&self, folder: &Path) -> io::Result<Server> {
        Server::start(&mut self.standin(folder), PATIENCE)
    }
}

/// Starts the floor.
pub fn start_hyper() -> io::Result<Server> {
    Server::start(&mut hyper()?, PATIENCE)
}

/// The argument that makes this binary the floor.
pub const AS_HYPER: &str = "--as-hyper";

/// The command that runs the floor: this binary again.
pub fn hyper() -> io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(AS_HYPER).arg(SocketAddr::from(([127, 0, 0, 1], 0)).to_string());
    Ok(command)
}

/// Starts the floor of lateness.
pub fn start_threads() -> io::Result<Server> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(AS_THREADS).arg(SocketAddr::from(([127, 0, 0, 1], 0)).to_string());
    Server::start(&mut command, PATIENCE)
}

/// The argument that makes this binary the floor of lateness.
pub const AS_THREADS: &str = "--as-threads";

/// The argument that makes this binary a bare proxy.
pub const AS_PROXY: &str = "--as-proxy";

/// The command that runs a bare proxy in front of a service.
pub fn proxy(service: SocketAddr) -> io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(AS_PROXY).arg(SocketAddr::from(([127, 0, 0, 1], 0)).to_string()).arg(service.to_string());
    Ok(command)
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds @ 1..=86_400) => Ok(Duration::from_secs(seconds)),
        _ => Err(format!("`{text}` is no length of a measurement; give whole seconds, 1 to 86400")),
    }
}

pub const PATIENCE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_whole_seconds_because_wrk_counts_in_them() {
        assert_eq!(seconds("4"), Ok(Duration::from_secs(4)));
        for text in ["0", "0.5", "-1", "NaN", "soon", ""] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
