//! Result of a command: an exit code, or a failure that `main` prints.

use std::fmt;
use std::io;

use super::{print_diagnostics, print_error};
use crate::server::StartError;
use standin_stub::defect::Defect;

/// Exit code of the process. The codes are part of the interface, and a higher one is worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Exit {
    /// The command did what it was asked to do.
    Success = 0,
    /// A check failed: stubs have defects, a budget is exceeded, or a server is not healthy.
    CheckFailed = 1,
    /// The command could not finish.
    Broken = 2,
    /// The arguments are wrong.
    Usage = 64,
}

/// Reason that a command has no result, with its exit code.
#[derive(Debug)]
pub(super) struct Failure {
    /// Defects of stubs or profiles, printed before the message.
    defects: Vec<Defect>,
    /// One line for each thing that is wrong.
    message: String,
    help: Option<String>,
    exit_code: Exit,
}

impl Failure {
    /// Returns a failure with one line of `message` for each error.
    pub(super) fn new(exit_code: Exit, message: impl Into<String>) -> Self {
        Self { defects: Vec::new(), message: message.into(), help: None, exit_code }
    }

    /// Returns a failure for wrong arguments.
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// Returns a failure for a command that could not finish.
    pub(super) fn broken(message: impl Into<String>) -> Self {
        Self::new(Exit::Broken, message)
    }

    /// Returns a failure for a check that did not pass.
    pub(super) fn check_failed(message: impl Into<String>) -> Self {
        Self::new(Exit::CheckFailed, message)
    }

    /// Returns a failure of reading a path of the command line: wrong usage where it does not
    /// exist.
    pub(super) fn of_reading(message: impl Into<String>, error: &io::Error) -> Self {
        let exit_code = if error.kind() == io::ErrorKind::NotFound { Exit::Usage } else { Exit::Broken };
        Self::new(exit_code, message)
    }

    /// Returns a failure for an error and its sources.
    pub(super) fn of_error(error: &dyn std::error::Error) -> Self {
        let sources = std::iter::successors(error.source(), |error| error.source());
        let message = sources.fold(error.to_string(), |text, source| format!("{text}: {source}"));
        Self::broken(message)
    }

    /// Adds what the user can do.
    pub(super) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// Returns the exit code of the process.
    pub(super) fn exit_code(&self) -> Exit {
        self.exit_code
    }

    /// Prints the failure on stderr, and returns its exit code.
    pub(super) fn print(&self) -> Exit {
        print_diagnostics(&self.defects);
        self.to_string().lines().for_each(print_error);
        self.exit_code
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)?;
        self.help.iter().try_for_each(|help| write!(out, "; help: {help}"))
    }
}

/// Errors of parsing arguments, such as URLs, are texts.
impl From<String> for Failure {
    fn from(message: String) -> Self {
        Self::usage(message)
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        let exit_code = match error {
            StartError::Stubs(_) => Exit::CheckFailed,
            StartError::Config(_) => Exit::Usage,
            StartError::Bind { .. } | StartError::Thread(_) | StartError::Tls(_) => Exit::Broken,
        };
        let message = Self::of_error(&error).message;
        let defects = if let StartError::Stubs(defects) = error { defects } else { Vec::new() };
        Self { defects, ..Self::new(exit_code, message) }
    }
}
