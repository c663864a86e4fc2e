//! Memory under full load: it stays as it is once the journal is full, and within the journal's
//! bound and a little.

use std::fs;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::super::options::Options;
use super::super::pairs::scratch;
use super::super::process::Helper;
use super::super::report::{Report, number};
use super::super::statistics::Spread;
use super::super::stubs;
use super::super::wrk::{self, Load};
use super::verdict;

/// Looks at the memory once a second.
pub fn row(options: &Options) -> io::Result<Report> {
    let (folder, stub_folder) = scratch()?;
    stubs::one(&stub_folder)?;
    let script = folder.path().join("calls.lua");
    fs::write(&script, wrk::same_path())?;
    let bound = format!("{}", BOUND_MIB << 20);
    let server = options.start(&stub_folder, &["--journal-bytes", &bound])?;
    let start = server.resident()?;
    let time = options.memory_seconds + Duration::from_secs(5);
    let load = Load { connections: 64, time, path: stubs::ONE.to_owned(), script };
    let wrk = Helper::new(load.spawn(server.address())?);
    let begin = Instant::now();
    let mut sizes = Vec::new();
    while begin.elapsed() < options.memory_seconds {
        thread::sleep(Duration::from_secs(1));
        sizes.push(server.resident()?);
    }
    drop(wrk);
    let (third, last) = quarters(&sizes);
    let most = Spread::of(&sizes).most;
    let mut report = Report::default();
    report.say(&format!(
        "RSS MiB: {} at the start, {} in the third quarter of {:?}, {} in the last, {} at most; the journal holds {BOUND_MIB}",
        number(start, 1),
        number(third, 1),
        options.memory_seconds,
        number(last, 1),
        number(most, 1)
    ));
    report.figure("RSS MiB", json!({"start": start, "seconds": sizes}));
    report.limit("at most the journal's bound and 50 MiB more than at the start", verdict(most - start <= MOST));
    report.limit("the last quarter within 4 MiB of the third", verdict((last - third).abs() <= FLAT));
    Ok(report)
}

/// The medians of the third and of the last quarter.
fn quarters(sizes: &[f64]) -> (f64, f64) {
    let (half, last) = (sizes.len() / 2, sizes.len() * 3 / 4);
    (Spread::of(&sizes[half..last]).median, Spread::of(&sizes[last..]).median)
}

/// The default of `--journal-bytes`.
const BOUND_MIB: u32 = 64;
const MOST: f64 = BOUND_MIB as f64 + 50.0;
const FLAT: f64 = 4.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quarters_are_the_later_ones() {
        let sizes: Vec<f64> = (0..8).map(f64::from).collect();
        assert_eq!(quarters(&sizes), (4.5, 6.5));
    }
}
