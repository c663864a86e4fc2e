//! Options of the export of OpenTelemetry spans.

use clap::Args;

use crate::spans::SpanSettings;

/// Options of the export of OpenTelemetry spans.
#[derive(Args, Debug)]
pub(super) struct SpanArgs {
    /// Send a span of each call to this collector, as OTLP over HTTP, such as http://127.0.0.1:4318
    #[arg(long, value_name = "URL", value_parser = parse_endpoint, help_heading = "Traces")]
    otlp_endpoint: Option<String>,

    /// Share of calls that have a span, from 0 to 1; for calls of a trace, their client decides
    #[arg(long, value_name = "SHARE", value_parser = parse_share, default_value_t = 1.0, requires = "otlp_endpoint", help_heading = "Traces")]
    trace_sample: f64,
}

impl SpanArgs {
    /// Returns the settings, if spans are exported.
    pub(super) fn settings(&self) -> Option<SpanSettings> {
        let endpoint = self.otlp_endpoint.as_deref()?;
        Some(SpanSettings::new(endpoint, self.trace_sample).expect("each argument was checked"))
    }
}

fn parse_endpoint(text: &str) -> Result<String, String> {
    SpanSettings::new(text, 1.0).map(|_| text.to_owned())
}

fn parse_share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("write a number from 0 to 1, such as 0.01".to_owned()),
    }
}
