//! Log on stderr, as text or JSON.

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

use super::Failure;
use crate::stdio::{self, LogLine};

/// Options of the log.
#[derive(Args, Debug)]
pub(super) struct LogArgs {
    /// Log level (error, warn, info, debug, trace), or a filter such as `standin::listen=debug`
    #[arg(long, value_name = "LEVEL", default_value = "warn", env = "STANDIN_LOG", help_heading = "Logs")]
    log: String,

    /// Format of a line
    #[arg(long, value_enum, default_value_t = LogFormat::Text, help_heading = "Logs")]
    log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

impl LogArgs {
    /// Starts to log on stderr. Fails if the filter is wrong.
    pub(super) fn begin(&self) -> Result<(), Failure> {
        stdio::begin_to_serve();
        let filter = EnvFilter::try_new(&self.log).map_err(|error| {
            Failure::usage(format!("--log `{}`: {error}", self.log)).help("use a level such as `info`")
        })?;
        stdio::set_json_lines(matches!(self.log_format, LogFormat::Json));
        let builder =
            tracing_subscriber::fmt().with_env_filter(filter).with_ansi(stdio::has_colours()).with_writer(|| LogLine);
        let started = match self.log_format {
            LogFormat::Text => builder.try_init(),
            LogFormat::Json => builder.json().try_init(),
        };
        // a program that embeds standin may log already
        drop(started);
        Ok(())
    }
}
