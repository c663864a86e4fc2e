//! What was typed behind `cargo bench --bench control --`.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use clap::Parser;

use super::process::Server;

/// What the control plane does to the data plane, against the same run without it.
#[derive(Debug, Parser)]
#[command(name = "control", after_help = "exits with 1 if a limit was broken")]
#[allow(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub struct Options {
    /// the rows to run; all if none is named
    pub rows: Vec<String>,
    /// interleaved pairs of measurements
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..))]
    pub pairs: u16,
    /// length of one measurement
    #[arg(long, value_name = "S", default_value = "4", value_parser = seconds)]
    pub seconds: Duration,
    /// length of the row `memory`
    #[arg(long, value_name = "S", default_value = "60", value_parser = seconds)]
    pub memory_seconds: Duration,
    /// reloads of the row `reloads`
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub reloads: usize,
    /// stubs of the rows `reload_10k`, `posts` and `misses`
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = hundreds)]
    pub stubs: usize,
    /// races of the row `scenario`
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub races: usize,
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
    /// Starts the program under test on a stub folder, with more arguments for this row.
    pub fn start(&self, folder: &Path, more: &[&str]) -> io::Result<Server> {
        let mut command = Command::new(&self.standin);
        command.arg("serve").arg(folder).args(["--listen", "127.0.0.1:0"]).args(more).args(&self.with);
        Server::start(&mut command, PATIENCE)
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds @ 1..=86_400) => Ok(Duration::from_secs(seconds)),
        _ => Err(format!("`{text}` is no length of a measurement; give whole seconds, 1 to 86400")),
    }
}

fn hundreds(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count @ 100..=1_000_000) if count % 100 == 0 => Ok(count),
        _ => Err(format!("`{text}` stubs do not fill a hundred files evenly; give a multiple of 100")),
    }
}

const PATIENCE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stubs_come_in_hundreds() {
        assert_eq!(hundreds("10000"), Ok(10_000));
        for text in ["0", "150", "-100", "many"] {
            assert!(hundreds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn lengths_are_whole_seconds() {
        assert_eq!(seconds("4"), Ok(Duration::from_secs(4)));
        assert!(seconds("0").is_err() && seconds("0.5").is_err());
    }
}
