//! The command line: what was typed, and nothing more. Each subcommand has a file of its own.

mod check;
mod draft;
mod fit;
mod gap;
mod health;
mod import;
mod log;
mod overhead;
mod profile_file;
mod ramp;
mod record;
mod recording_end;
mod replay;
mod sender_args;
mod serve;
mod server_messages;
mod signals;
mod target_args;
mod tls_args;

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

use crate::stdio::{self, StdStream};
use standin_stub::defect::Defect;
use standin_stub::delay::units::parse_duration;

/// Exit codes; they are part of the interface.
const FINE: u8 = 0;
const CHECK_FAILED: u8 = 1;
const BROKE: u8 = 2;
const USAGE: u8 = 64;

/// A stand-in for the backends of a system under test.
///
/// It answers from WireMock stub files, with delays that are true.
#[derive(Debug, Parser)]
#[command(
    name = "standin",
    version,
    max_term_width = 100,
    after_help = "Docs: docs/ in the repository; examples: stubs/"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(Box<serve::ServeArgs>),
    Check(check::CheckArgs),
    Draft(draft::DraftArgs),
    Record(Box<record::RecordArgs>),
    Fit(fit::FitArgs),
    Import(Box<import::ImportArgs>),
    Replay(Box<replay::ReplayArgs>),
    Gap(Box<gap::GapCommand>),
    Health(health::HealthArgs),
}

/// Why a command has no result, and how it exits.
#[derive(Debug)]
struct Ended {
    told: String,
    code: u8,
}

impl Ended {
    fn usage(told: impl Into<String>) -> Self {
        Self { told: told.into(), code: USAGE }
    }

    fn broke(told: impl Into<String>) -> Self {
        Self { told: told.into(), code: BROKE }
    }
}

impl From<String> for Ended {
    fn from(told: String) -> Self {
        Self::usage(told)
    }
}

/// Runs the command that was typed.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    stdio::report_panics();
    let args: Vec<OsString> = args.into_iter().collect();
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) => {
            let fine = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            // a closed pipe is no reason to complain
            let _ = error.print();
            if error.kind() == ErrorKind::UnknownArgument && takes_its_value_apart(&args, "--ramp") {
                note("--ramp takes its tape with `=`: --ramp=TAPE");
            }
            return ExitCode::from(if fine { FINE } else { USAGE });
        }
    };
    ExitCode::from(match cli.command {
        Command::Serve(serve) => serve.run(),
        Command::Check(check) => check.run(),
        Command::Draft(draft) => draft.run(),
        Command::Record(record) => record.run(),
        Command::Fit(fit) => fit.run(),
        Command::Import(import) => import.run(),
        Command::Replay(replay) => replay.run(),
        Command::Gap(gap) => gap.run(),
        Command::Health(health) => health.run(),
    })
}

/// Whether an option that has its value behind a `=` is followed by something that looks like it.
fn takes_its_value_apart(args: &[OsString], option: &str) -> bool {
    args.windows(2).any(|pair| pair[0] == option && !pair[1].as_encoded_bytes().starts_with(b"-"))
}

/// Writes a line to stdout, for programs that wait for it.
fn say(line: &str) {
    stdio::write_line(StdStream::Out, line);
}

/// Writes a message to stderr, with its causes.
fn complain(error: &dyn std::error::Error) {
    let mut message = format!("standin: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        message.push_str(": ");
        message.push_str(&error.to_string());
        cause = error.source();
    }
    stdio::write_line(StdStream::Err, &message);
}

/// Writes a message of our own to stderr.
fn note(message: &str) {
    stdio::write_line(StdStream::Err, &format!("standin: {message}"));
}

/// Reads a duration with its unit.
fn time(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|error| error.to_string())
}

/// Draws defects on stderr.
fn draw(defects: &[Defect]) {
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    for defect in defects {
        stdio::write_line(StdStream::Err, &format!("{}\n", defect.draw(colour)));
    }
}
