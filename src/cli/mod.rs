//! Command line: arguments, output and exit codes. Each subcommand has a file of its own.

mod check;
mod demo;
mod draft;
mod export;
mod failure;
mod fit;
mod gap;
mod health;
mod import;
mod init;
mod log;
mod operation_args;
mod overhead;
mod profile_file;
mod proxy_args;
mod ramp;
mod record;
mod recorded_service;
mod recording_end;
mod replay;
mod saved_report;
mod schema;
mod sender_args;
mod serve;
mod server_messages;
mod shell;
mod signals;
mod span_args;
mod stubs;
mod tape;
mod target_args;
mod tls_args;
mod wiremock;

use std::ffi::OsString;
use std::fmt;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory as _, Parser, Subcommand};

use self::failure::{Exit, Failure};
use self::wiremock::Translation;
use crate::stdio::{self, StdStream};
use standin_stub::defect::Defect;
use standin_stub::delay::units::{duration, parse_duration};

/// A stand-in for the backends of a system under test.
///
/// It answers from WireMock stub files, with delays that are true.
#[derive(Debug, Parser)]
#[command(
    name = "standin",
    version,
    max_term_width = 100,
    after_help = "`standin wiremock`, and standin without a command, take WireMock's options and \
                  WIREMOCK_OPTIONS: standin wiremock --help. Docs: docs/ in the repository; examples: stubs/"
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
    Stubs(stubs::StubsArgs),
    Tape(tape::TapeArgs),
    Export(export::ExportArgs),
    Replay(Box<replay::ReplayArgs>),
    Gap(Box<gap::GapCommand>),
    Health(health::HealthArgs),
    Init(init::InitArgs),
    Demo(demo::DemoArgs),
    Schema(schema::SchemaArgs),
    Completions(shell::CompletionsArgs),
    Man(shell::ManArgs),
}

/// Runs the command of `args`, prints its failure, and returns the exit code.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    stdio::report_panics();
    let args: Vec<OsString> = args.into_iter().collect();
    let own = args.get(1..).unwrap_or_default();
    let exit = if wiremock::is_wiremock(own) {
        match wiremock::translate(own) {
            Ok(Translation::Serve(args)) => run(&args),
            Ok(Translation::Printed(exit)) => exit,
            Err(failure) => failure.print(),
        }
    } else {
        run(&args)
    };
    ExitCode::from(exit as u8)
}

fn run(args: &[OsString]) -> Exit {
    match Cli::try_parse_from(args) {
        Ok(cli) => cli.command.run().unwrap_or_else(|failure| failure.print()),
        Err(error) => report_parse_error(&error, args),
    }
}

impl Command {
    fn run(self) -> Result<Exit, Failure> {
        match self {
            Self::Serve(serve) => serve.run(),
            Self::Check(check) => check.run(),
            Self::Draft(draft) => draft.run(),
            Self::Record(record) => record.run(),
            Self::Fit(fit) => fit.run(),
            Self::Import(import) => import.run(),
            Self::Stubs(stubs) => stubs.run(),
            Self::Tape(tape) => tape.run(),
            Self::Export(export) => export.run(),
            Self::Replay(replay) => replay.run(),
            Self::Gap(gap) => gap.run(),
            Self::Health(health) => health.run(),
            Self::Init(init) => init.run(),
            Self::Demo(demo) => demo.run(),
            Self::Schema(schema) => Ok(schema.run()),
            Self::Completions(completions) => Ok(completions.run(Cli::command())),
            Self::Man(man) => man.run(Cli::command()),
        }
    }
}

/// Prints an error of clap, or the help text that was asked for.
fn report_parse_error(error: &clap::Error, args: &[OsString]) -> Exit {
    // nobody reads the output if this fails
    let _ = error.print();
    if error.kind() == ErrorKind::UnknownArgument && has_separate_value(args, "--ramp") {
        print_note("--ramp takes its tape with `=`: --ramp=TAPE");
    }
    if let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg)
        && error.kind() == ErrorKind::UnknownArgument
        && let Some(advice) = wiremock::advice(option)
    {
        print_note(&advice);
    }
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Success,
        _ => Exit::Usage,
    }
}

/// Returns true if `option`, whose value belongs behind a `=`, is followed by an argument that
/// looks like its value.
fn has_separate_value(args: &[OsString], option: &str) -> bool {
    args.windows(2).any(|pair| pair[0] == option && !pair[1].as_encoded_bytes().starts_with(b"-"))
}

/// Prints a line on stdout.
fn print_line(line: &str) {
    stdio::write_line(StdStream::Out, line);
}

/// Prints a message on stderr.
fn print_note(message: &str) {
    print_message(StdStream::Err, stdio::Level::Warn, message);
}

/// Prints an error on stderr.
fn print_error(message: &str) {
    print_message(StdStream::Err, stdio::Level::Error, message);
}

/// Prints a message on stdout, for the people and programs that wait for it.
fn print_ready(message: &str) {
    print_message(StdStream::Out, stdio::Level::Info, message);
}

/// Prints a message about the normal course of a server on stderr.
fn print_info(message: &str) {
    print_message(StdStream::Err, stdio::Level::Info, message);
}

/// Prints a message, as JSON if the log is JSON.
fn print_message(stream: StdStream, level: stdio::Level, message: &str) {
    if stdio::has_json_lines() {
        stdio::write_line(stream, &stdio::json_line(level, message));
    } else {
        stdio::write_line(stream, &format!("standin: {message}"));
    }
}

/// Prints defects with their source lines on stderr.
fn print_diagnostics(defects: &[Defect]) {
    let colour = stdio::has_colours();
    for defect in defects {
        if stdio::has_json_lines() {
            let level = if defect.is_error() { stdio::Level::Error } else { stdio::Level::Warn };
            stdio::write_line(StdStream::Err, &stdio::json_line(level, &defect.to_string()));
        } else {
            stdio::write_line(StdStream::Err, &format!("{}\n", defect.draw(colour)));
        }
    }
}

/// Returns the options that were given, of pairs of a condition and an option.
fn given_options<const N: usize>(options: [(bool, &'static str); N]) -> impl Iterator<Item = &'static str> {
    options.into_iter().filter_map(|(is_given, option)| is_given.then_some(option))
}

/// Parses a duration with its unit, such as `250ms`.
fn parse_time(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|error| error.to_string())
}

/// A duration of the command line, whose default can come from a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct DurationArg(Duration);

impl FromStr for DurationArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse_time(text).map(Self)
    }
}

impl fmt::Display for DurationArg {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() {
            seconds if seconds >= 120 && seconds % 60 == 0 && self.0.subsec_nanos() == 0 => {
                write!(out, "{}m", seconds / 60)
            }
            _ => out.write_str(&duration(self.0)),
        }
    }
}
