//! JMeter's results as CSV: a row for each sample, in milliseconds.

use std::io::BufRead;

use super::collect::{Collected, Key};
use super::problem::{Problem, Problems};
use super::status;
use super::table::broken;
use super::units::Unit;

/// Reads results. The time is `elapsed` less `Connect`, which comes before the service has the call.
pub(super) fn read(mut input: impl BufRead, read: &mut Collected) -> Result<(), Problems> {
    let head = input.fill_buf().map_err(|error| super::unreadable(&error))?;
    let first = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let delimiter = [b'\t', b';', b','].into_iter().max_by_key(|c| first.split(|byte| byte == c).count());
    let mut rows = csv::ReaderBuilder::new().delimiter(delimiter.unwrap_or(b',')).flexible(true).from_reader(input);
    let headers = rows.headers().map_err(|error| broken(&error))?.clone();
    let find = |name: &str| headers.iter().position(|header| header.trim().eq_ignore_ascii_case(name));
    let (Some(elapsed), Some(label)) = (find("elapsed"), find("label")) else {
        let mend = "have JMeter write both (`jmeter.save.saveservice.time` and `.label`) and the header row";
        return Err(Problem::new(1, "the header has no `elapsed` or no `label`", mend).into());
    };
    let [stamp, code, message, url, connect, threads] =
        ["timeStamp", "responseCode", "responseMessage", "URL", "Connect", "allThreads"].map(find);
    if connect.is_none() {
        read.notes.push("the file has no `Connect`: times may hold the making of connections".to_owned());
    }
    let mut problems = Problems::default();
    let mut row = csv::StringRecord::new();
    loop {
        match rows.read_record(&mut row) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                problems.add(broken(&error));
                if matches!(error.kind(), csv::ErrorKind::Io(_)) {
                    break;
                }
                continue;
            }
        }
        let line = row.position().map_or(0, csv::Position::line);
        let text = |index: Option<usize>| row.get(index?).map(str::trim).filter(|text| !text.is_empty());
        let number = |index: Option<usize>| text(index).and_then(|text| text.parse::<f64>().ok());
        let name = text(Some(label)).unwrap_or_default();
        let Some(taken) = number(Some(elapsed)).and_then(|ms| Unit::Milliseconds.nanos(ms)) else {
            let what = format!("`{}` is no elapsed time", text(Some(elapsed)).unwrap_or_default());
            problems.add(Problem::new(line, what, "a result that was cut off can be mended by removing its last line"));
            continue;
        };
        if text(message).is_some_and(|message| message.starts_with("Number of samples in transaction")) {
            read.skipped.add("transactions, whose samples the file has as well", name);
            continue;
        }
        let code_text = text(code).unwrap_or_default();
        let status = status(code_text);
        if status.is_none() && code.is_some() {
            read.skipped.add("samples without an answer's status", if code_text.is_empty() { name } else { code_text });
            continue;
        }
        let connected = number(connect).and_then(|ms| Unit::Milliseconds.nanos(ms)).unwrap_or(0.0);
        let url = text(url).filter(|url| *url != "null").map(str::to_owned);
        let key = Key { method: None, url, label: Some(name.to_owned()) };
        match read.call(key, status, (taken - connected).max(0.0), line) {
            Ok(true) => {
                if let Some(ms) = number(stamp) {
                    read.load.arrival(ms / 1e3);
                }
                if let Some(count) = number(threads) {
                    read.load.users(count as u64);
                }
            }
            Ok(false) => {}
            Err(problem) => {
                problems.add(problem);
                break;
            }
        }
    }
    problems.none()
}
