//! JMeter's results as CSV: a row for each sample, in milliseconds.

use std::io::BufRead;

use super::collect::{CallKey, Collected};
use super::import_error::{ImportError, ImportErrors, Skipped};
use super::status;
use super::table::broken;
use super::units::TimeUnit;

/// Reads results. The time is `elapsed` less `Connect`, which comes before the service has the
/// call.
pub(super) fn read(mut input: impl BufRead, read: &mut Collected) -> Result<(), ImportErrors> {
    let head = input.fill_buf().map_err(|error| super::unreadable(&error))?;
    let first = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let delimiter = [b'\t', b';', b','].into_iter().max_by_key(|c| first.split(|byte| byte == c).count());
    let mut rows = csv::ReaderBuilder::new().delimiter(delimiter.unwrap_or(b',')).flexible(true).from_reader(input);
    let columns = ResultColumns::new(rows.headers().map_err(|error| broken(&error))?)?;
    if columns.connect.is_none() {
        read.notes.push("the file has no `Connect`: times may hold the making of connections".to_owned());
    }
    let mut errors = ImportErrors::default();
    let mut row = csv::StringRecord::new();
    loop {
        match rows.read_record(&mut row) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                errors.add(broken(&error));
                if matches!(error.kind(), csv::ErrorKind::Io(_)) {
                    break;
                }
                continue;
            }
        }
        let line = row.position().map_or(0, csv::Position::line);
        let sample = match columns.sample(&row, line, &mut read.skipped) {
            Ok(Some(sample)) => sample,
            Ok(None) => continue,
            Err(error) => {
                errors.add(error);
                continue;
            }
        };
        match read.call(sample.key, sample.status, sample.nanos, line) {
            Ok(true) => {
                if let Some(ms) = sample.stamp_ms {
                    read.load.arrival(ms / 1e3);
                }
                if let Some(count) = sample.threads {
                    read.load.users(count as u64);
                }
            }
            Ok(false) => {}
            Err(error) => {
                errors.add(error);
                break;
            }
        }
    }
    errors.none()
}

/// The columns of the results, by index.
struct ResultColumns {
    elapsed: usize,
    label: usize,
    stamp: Option<usize>,
    code: Option<usize>,
    message: Option<usize>,
    url: Option<usize>,
    connect: Option<usize>,
    threads: Option<usize>,
}

/// A row of the results.
struct ResultSample {
    key: CallKey,
    status: Option<u16>,
    /// The time from the connection to the end of the answer, in nanoseconds.
    nanos: f64,
    /// The time of the sample, in milliseconds since 1970.
    stamp_ms: Option<f64>,
    /// The number of threads at that time.
    threads: Option<f64>,
}

impl ResultColumns {
    fn new(headers: &csv::StringRecord) -> Result<Self, ImportError> {
        let find = |name: &str| headers.iter().position(|header| header.trim().eq_ignore_ascii_case(name));
        let (Some(elapsed), Some(label)) = (find("elapsed"), find("label")) else {
            let help = "have JMeter write both (`jmeter.save.saveservice.time` and `.label`) and the header row";
            return Err(ImportError::new(1, "the header has no `elapsed` or no `label`", help));
        };
        let [stamp, code, message, url, connect, threads] =
            ["timeStamp", "responseCode", "responseMessage", "URL", "Connect", "allThreads"].map(find);
        Ok(Self { elapsed, label, stamp, code, message, url, connect, threads })
    }

    /// Reads a row. Returns `None` for one that is left out, which is counted in `skipped`.
    fn sample(
        &self,
        row: &csv::StringRecord,
        line: u64,
        skipped: &mut Skipped,
    ) -> Result<Option<ResultSample>, ImportError> {
        let text = |index: Option<usize>| row.get(index?).map(str::trim).filter(|text| !text.is_empty());
        let number = |index: Option<usize>| text(index).and_then(|text| text.parse::<f64>().ok());
        let name = text(Some(self.label)).unwrap_or_default();
        let Some(taken) = number(Some(self.elapsed)).and_then(|ms| TimeUnit::Milliseconds.nanos(ms)) else {
            let message = format!("`{}` is no elapsed time", text(Some(self.elapsed)).unwrap_or_default());
            let help = "if the file was cut off, remove its last line";
            return Err(ImportError::new(line, message, help));
        };
        if text(self.message).is_some_and(|message| message.starts_with("Number of samples in transaction")) {
            skipped.add("transactions, whose samples the file has as well", name);
            return Ok(None);
        }
        let code = text(self.code).unwrap_or_default();
        let status = status(code);
        if status.is_none() && self.code.is_some() {
            skipped.add("samples without an answer's status", if code.is_empty() { name } else { code });
            return Ok(None);
        }
        let connected = number(self.connect).and_then(|ms| TimeUnit::Milliseconds.nanos(ms)).unwrap_or(0.0);
        let url = text(self.url).filter(|url| *url != "null").map(str::to_owned);
        let key = CallKey { method: None, url, label: Some(name.to_owned()) };
        let nanos = (taken - connected).max(0.0);
        Ok(Some(ResultSample { key, status, nanos, stamp_ms: number(self.stamp), threads: number(self.threads) }))
    }
}
