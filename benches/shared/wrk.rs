//! Runs wrk and reads what it found.
//!
//! A `done` function prints microseconds and counts on a line of its own, because wrk's text
//! rounds. wrk 4 moves latencies above twice its mean cycle (it means to undo coordinated
//! omission), so only its counts and its median are used here; higher percentiles come from the
//! client beside this file.

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A load to put on a server.
#[derive(Clone, Debug)]
pub struct Load {
    /// Kept open for the whole run.
    pub connections: usize,
    /// How long to call.
    pub time: Duration,
    /// The path that is called, unless the script makes requests.
    pub path: String,
    /// Lua that makes the requests; the line with the result is printed by [`DONE`], which it has
    /// at its end.
    pub script: PathBuf,
}

/// What wrk counted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Run {
    pub requests: u64,
    pub time: Duration,
    pub median: Duration,
    /// Replies whose status is 400 or more.
    pub refused: u64,
    /// Connects, reads and writes that failed, and time-outs.
    pub broken: u64,
}

impl Load {
    /// Runs to the end; an error of any request is an error of the run, since a ratio of errors
    /// says nothing.
    pub fn run(&self, address: SocketAddr) -> io::Result<Run> {
        let run = self.count(address)?;
        if run.refused + run.broken > 0 {
            let Run { requests, refused, broken, .. } = run;
            return Err(io::Error::other(format!(
                "of {requests} requests {refused} had an error status and {broken} failed"
            )));
        }
        Ok(run)
    }

    /// Runs to the end, whatever the statuses are.
    pub fn count(&self, address: SocketAddr) -> io::Result<Run> {
        let output = self.command(address).stderr(Stdio::piped()).output().map_err(|error| missing(&error))?;
        let text = String::from_utf8_lossy(&output.stdout);
        Run::read(&text).ok_or_else(|| {
            io::Error::other(format!("wrk said nothing useful: {}{}", text, String::from_utf8_lossy(&output.stderr)))
        })
    }

    /// Starts it in the background; the caller ends it.
    pub fn spawn(&self, address: SocketAddr) -> io::Result<Child> {
        self.command(address).stdout(Stdio::null()).stderr(Stdio::null()).spawn().map_err(|error| missing(&error))
    }

    fn command(&self, address: SocketAddr) -> Command {
        let mut command = Command::new("wrk");
        command
            .arg(format!("-t{THREADS}"))
            .arg(format!("-c{}", self.connections.max(THREADS)))
            .arg(format!("-d{}s", self.time.as_secs().max(1)))
            .args(["--timeout", "10s", "-s"])
            .arg(&self.script)
            .arg(format!("http://{address}{}", self.path))
            .stdin(Stdio::null());
        command
    }
}

impl Run {
    /// From wrk's output with the line of [`DONE`] in it.
    pub fn read(output: &str) -> Option<Self> {
        let line = output.lines().find_map(|line| line.strip_prefix(MARK))?;
        let numbers: Vec<f64> = line.split_whitespace().map(str::parse).collect::<Result<_, _>>().ok()?;
        let [requests, time, median, refused, broken] = numbers[..] else { return None };
        Some(Self {
            requests: requests as u64,
            time: Duration::from_secs_f64(time / 1e6),
            median: Duration::from_secs_f64(median / 1e6),
            refused: refused as u64,
            broken: broken as u64,
        })
    }

    /// Requests per second.
    pub fn rate(&self) -> f64 {
        self.requests as f64 / self.time.as_secs_f64()
    }
}

/// Lua that calls one path without pause.
pub fn same_path() -> String {
    DONE.to_owned()
}

/// Lua that calls one path and rests `rest` (whole milliseconds) before every call of a connection.
pub fn resting(rest: Duration) -> String {
    format!("function delay() return {} end\n{DONE}", rest.as_millis())
}

/// Lua that cycles through `count` requests; `make` is a Lua expression of `i`, which counts from
/// 0.
pub fn cycle(count: usize, make: &str) -> String {
    let mut script = String::from("local threads = 0\n");
    let _ = write!(
        script,
        "function setup(thread) thread:set('part', threads); threads = threads + 1 end\n\
         function init(args)\n  calls = {{}}\n  for i = 0, {count} - 1 do calls[i + 1] = {make} end\n  \
         at = math.floor(part * {count} / {THREADS})\nend\n\
         function request() at = at % {count} + 1; return calls[at] end\n{DONE}"
    );
    script
}

fn missing(error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot run wrk: {error}; install it (`apt-get install wrk`)"))
}

const THREADS: usize = 2;
const MARK: &str = "counted: ";
const DONE: &str = "function done(summary, latency, requests)\n  local e = summary.errors\n  \
                    print(string.format('counted: %d %d %d %d %d', summary.requests, summary.duration,\n    \
                    latency:percentile(50), e.status, e.connect + e.read + e.write + e.timeout))\nend\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_counts_amid_the_text_of_wrk() {
        let output = "Running 4s test @ http://127.0.0.1:1/hello\n  2 threads and 64 connections\n  \
                      Thread Stats   Avg      Stdev     Max   +/- Stdev\n\
                      counted: 240000 4000000 512 0 0\n";
        let run = Run::read(output).unwrap();
        assert_eq!(run.requests, 240_000);
        assert_eq!(run.median, Duration::from_micros(512));
        assert!((run.rate() - 60_000.0).abs() < 1e-6);
    }

    #[test]
    fn output_without_counts_is_no_run() {
        assert_eq!(Run::read("unable to connect to 127.0.0.1:1 Connection refused\n"), None);
        assert_eq!(Run::read("counted: 1 2 3\n"), None);
        assert_eq!(Run::read("counted: a b c d e\n"), None);
    }

    #[test]
    fn a_cycle_holds_its_count_and_its_expression() {
        let script = cycle(7, "wrk.format('GET', '/' .. i)");
        assert!(script.contains("for i = 0, 7 - 1 do calls[i + 1] = wrk.format('GET', '/' .. i) end"));
        assert!(script.ends_with(DONE));
    }
}
