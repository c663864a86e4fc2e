//! Import of existing measurements (load test results, percentile tables, histograms) as a
//! performance profile.
//!
//! Such data does not say how calls queue: times are taken as demands of an `unlimited` service,
//! and the report says so. Each format has a reader that is pure and bounded in memory; `collect`
//! makes operations of the measurements, and `profile` the profile.

mod buckets;
mod collect;
mod detect;
mod gatling;
mod har;
mod hey;
mod histogram;
mod import_error;
mod jmeter;
mod jmeter_xml;
mod k6;
mod measured_load;
mod measurements;
mod operation_name;
mod otlp;
mod percentiles;
mod profile;
mod prometheus;
mod report;
mod series;
mod table;
mod table_header;
mod units;
mod vegeta;
mod wrk2;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read};

use flate2::read::MultiGzDecoder;

pub use buckets::Buckets;
pub use collect::{CallKey, Collected};
pub use histogram::Histogram;
pub use import_error::{ImportError, ImportErrors, Skipped};
pub use measurements::Measurements;
pub use operation_name::OperationTarget;
pub use percentiles::KnownPercentiles;
pub use profile::{ImportedOperation, ImportedProfile};
use standin_tape::OperationRules;
use standin_text::list_quoted;
pub use units::TimeUnit;

/// The formats that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportFormat {
    /// A CSV table of percentiles by operation: Locust's statistics, JMeter's aggregate report, or
    /// one's own.
    Table,
    /// JMeter's results as CSV (`.jtl`).
    Jmeter,
    /// JMeter's results as XML (`.jtl`).
    JmeterXml,
    /// Gatling's `simulation.log`, text.
    Gatling,
    /// vegeta's results as JSON lines.
    Vegeta,
    /// vegeta's results as CSV.
    VegetaCsv,
    /// hey's rows (`-o csv`).
    Hey,
    /// Percentiles of HdrHistogram, as wrk2 prints them.
    Wrk2,
    /// k6's data points (`--out json`).
    K6,
    /// k6's summary (`--summary-export`, `handleSummary`).
    K6Summary,
    /// A HAR file, version 1.2.
    Har,
    /// Prometheus' text exposition of histograms.
    Prometheus,
    /// OpenTelemetry's metrics as OTLP JSON.
    Otlp,
}

/// Options of an import.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// The format, if it is not to be told from the content.
    pub format: Option<ImportFormat>,
    /// The unit of times where the file does not name it.
    pub unit: Option<TimeUnit>,
    /// Operations by label: `Home page` is `GET /`.
    pub map: BTreeMap<String, String>,
    /// The metric, where a file has several.
    pub metric: Option<String>,
    /// The labels or attributes that tell operations apart.
    pub by: Vec<String>,
    /// The host whose calls are wanted.
    pub host: Option<String>,
    /// Statements on operations.
    pub rules: OperationRules,
}

impl ImportFormat {
    /// All formats with the names that are typed.
    pub const NAMES: &'static [(&'static str, Self)] = &[
        ("csv", Self::Table),
        ("jmeter", Self::Jmeter),
        ("jmeter-xml", Self::JmeterXml),
        ("gatling", Self::Gatling),
        ("vegeta", Self::Vegeta),
        ("vegeta-csv", Self::VegetaCsv),
        ("hey", Self::Hey),
        ("wrk2", Self::Wrk2),
        ("k6", Self::K6),
        ("k6-summary", Self::K6Summary),
        ("har", Self::Har),
        ("prometheus", Self::Prometheus),
        ("otlp", Self::Otlp),
    ];

    /// Returns the name on the command line.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, format)| *format == self).map_or("", |(name, _)| name)
    }

    /// Returns a description of the format.
    pub fn words(self) -> &'static str {
        match self {
            Self::Table => "a table of percentiles",
            Self::Jmeter => "JMeter's results",
            Self::JmeterXml => "JMeter's results (XML)",
            Self::Gatling => "Gatling's log",
            Self::Vegeta | Self::VegetaCsv => "vegeta's results",
            Self::Hey => "hey's results",
            Self::Wrk2 => "percentiles of HdrHistogram",
            Self::K6 => "k6's data points",
            Self::K6Summary => "k6's summary",
            Self::Har => "a HAR",
            Self::Prometheus => "Prometheus' histograms",
            Self::Otlp => "OpenTelemetry's histograms",
        }
    }
}

/// Reads one file, gzipped or not, of the format that was asked for or that its beginning shows.
/// All defects at once where they are independent of each other; lines and calls that are left out
/// are counted in what is returned.
pub fn read(input: impl Read, options: &ImportOptions) -> Result<Collected, ImportErrors> {
    let mut input = BufReader::with_capacity(PEEK_BYTES, input);
    let is_gzip = head(&mut input)?.starts_with(&[0x1f, 0x8b]);
    if is_gzip {
        read_plain(BufReader::with_capacity(PEEK_BYTES, MultiGzDecoder::new(input)), options)
    } else {
        read_plain(input, options)
    }
}

fn read_plain(mut input: impl BufRead, options: &ImportOptions) -> Result<Collected, ImportErrors> {
    let head = head(&mut input)?;
    let format = match options.format {
        Some(format) => format,
        None => detect::format(head)?,
    };
    if head.starts_with(b"\xef\xbb\xbf") {
        input.consume(3);
    }
    let mut read = Collected::new(format, options);
    match format {
        ImportFormat::Table => table::read(input, options, &mut read)?,
        ImportFormat::Jmeter => jmeter::read(input, &mut read)?,
        ImportFormat::JmeterXml => jmeter_xml::read(input, &mut read)?,
        ImportFormat::Gatling => gatling::read(input, &mut read)?,
        ImportFormat::Vegeta => vegeta::read_json(input, &mut read)?,
        ImportFormat::VegetaCsv => vegeta::read_csv(input, &mut read)?,
        ImportFormat::Hey => hey::read(input, options, &mut read)?,
        ImportFormat::Wrk2 => wrk2::read(input, options, &mut read)?,
        ImportFormat::K6 => k6::read(input, options, &mut read)?,
        ImportFormat::K6Summary => k6::read_summary(input, options, &mut read)?,
        ImportFormat::Har => har::read(input, &mut read)?,
        ImportFormat::Prometheus => prometheus::read(input, options, &mut read)?,
        ImportFormat::Otlp => otlp::read(input, options, &mut read)?,
    }
    if read.hosts.len() > 1 {
        let mut hosts: Vec<_> = read.hosts.iter().collect();
        hosts.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let named = hosts.iter().take(5).map(|(host, count)| format!("{host} ({count})")).collect::<Vec<_>>();
        let note = format!(
            "calls of {} hosts are in one profile: {}; a profile stands for one service: choose with `--host`",
            hosts.len(),
            named.join(", ")
        );
        read.notes.push(note);
    }
    Ok(read)
}

/// Returns the beginning of a file without consuming it.
fn head(input: &mut impl BufRead) -> Result<&[u8], ImportError> {
    input.fill_buf().map_err(|error| unreadable(&error))
}

fn unreadable(error: &std::io::Error) -> ImportError {
    ImportError::new(0, format!("cannot be read: {error}"), "give a file that can")
}

/// Reads a whole document, up to a limit.
fn whole(input: impl Read) -> Result<String, ImportError> {
    let mut text = String::new();
    let read = input.take(MAX_DOCUMENT_BYTES + 1).read_to_string(&mut text).map_err(|error| unreadable(&error))?;
    if read as u64 > MAX_DOCUMENT_BYTES {
        let message =
            format!("is larger than {} MiB, and a document like this has to be read at once", MAX_DOCUMENT_BYTES >> 20);
        return Err(ImportError::new(0, message, "import a part of it"));
    }
    Ok(text)
}

/// Lines with their numbers, each up to a limit.
fn lines(
    mut input: impl BufRead,
    mut each: impl FnMut(u64, &str) -> Result<(), ImportError>,
) -> Result<(), ImportError> {
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let read =
            input.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line).map_err(|error| unreadable(&error))?;
        if read == 0 {
            break;
        }
        if read as u64 == MAX_LINE_BYTES {
            return Err(ImportError::new(number, "is longer than 16 MiB", "give a file of lines"));
        }
        each(number, String::from_utf8_lossy(&line).trim())?;
    }
    Ok(())
}

/// Parses an HTTP status; `None` for other texts.
fn status(text: &str) -> Option<u16> {
    text.trim().parse().ok().filter(|status| (100..600).contains(status))
}

/// Bytes at the beginning of a file by which its format is detected.
const PEEK_BYTES: usize = 64 * 1024;
const MAX_DOCUMENT_BYTES: u64 = 256 << 20;
const MAX_LINE_BYTES: u64 = 16 << 20;

/// Returns the first ten names of a set as an enumeration.
fn list_first(names: &BTreeSet<String>) -> String {
    list_quoted(&names.iter().take(10).collect::<Vec<_>>(), "and")
}

#[cfg(test)]
mod tests;
