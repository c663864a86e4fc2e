//! Instructions per request by callgrind: blind to the noise of a shared machine, and to the
//! kernel.
//!
//! The difference of two run lengths leaves the start out. What a server does by the clock
//! (heartbeats) goes on while callgrind slows it down, so the instructions of an idle stretch are
//! taken off by its length. Sixteen calls are in flight, so that one turn of the event loop serves
//! some, as under load. The kernel's work stands in the number of system calls, which has every
//! reading of the clock in it: a program under callgrind has no vDSO.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::super::client::Connection;
use super::super::options::{Options, hyper};
use super::super::pairs::scratch;
use super::super::process::Server;
use super::super::report::Report;
use super::Workload;
use super::workload::JUDGED;

/// Counts all workloads whose CPU is judged.
pub fn row(options: &Options) -> io::Result<Report> {
    if !available() {
        return Err(io::Error::other(MISSING));
    }
    let mut report = Report::default();
    report.columns();
    for workload in JUDGED {
        // one that cannot be counted must not take the others with it
        if let Err(error) = count(options, workload, workload.name(), &mut report) {
            report.say(&format!("{}: {error}", workload.name()));
        }
    }
    report.say("no limit stands here: the limits are of CPU, in which the kernel has the larger part");
    Ok(report)
}

/// Counts one workload: instructions of standin by those of hyper; `None` without valgrind.
pub fn ratio(options: &Options, workload: Workload, report: &mut Report) -> io::Result<Option<f64>> {
    count(options, workload, "instructions/request", report)
}

fn count(options: &Options, workload: Workload, name: &str, report: &mut Report) -> io::Result<Option<f64>> {
    if !available() {
        report.say(MISSING);
        return Ok(None);
    }
    let (folder, stub_folder) = scratch()?;
    workload.stubs(&stub_folder)?;
    let ours = per_request(&options.standin(&stub_folder), options, workload, &folder.path().join("standin.out"))?;
    let floor = per_request(&hyper()?, options, workload, &folder.path().join("hyper.out"))?;
    let ratio = report.compare(name, &[ours.instructions], &[floor.instructions], 0).median;
    report.compare("  system calls/request", &[ours.system_calls], &[floor.system_calls], 2);
    Ok(Some(ratio))
}

fn available() -> bool {
    ["valgrind", "callgrind_control"].iter().all(|tool| {
        let quiet = Command::new(tool).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        quiet.is_ok_and(|status| status.success())
    })
}

fn per_request(program: &Command, options: &Options, workload: Workload, out: &Path) -> io::Result<Cost> {
    let mut command = Command::new("valgrind");
    command
        .args(["-q", "--tool=callgrind", "--fair-sched=yes", "--collect-systime=yes"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(program.get_program())
        .args(program.get_args());
    let server = Server::start(&mut command, PATIENCE)?;
    let mut profile = Profile { server: &server, out, dumps: 0 };
    let mut calls = Sender::open(&server, workload)?;
    calls.send(options.requests.max(IN_FLIGHT))?;
    profile.dump()?;

    let begin = Instant::now();
    thread::sleep(Duration::from_secs(1));
    let by_the_clock = profile.dump()?.times(1.0 / begin.elapsed().as_secs_f64());
    let mut count = |requests| {
        let begin = Instant::now();
        calls.send(requests)?;
        Ok::<_, io::Error>(profile.dump()?.less(by_the_clock.times(begin.elapsed().as_secs_f64())))
    };
    let short = options.requests.max(IN_FLIGHT);
    let (few, many) = (count(short)?, count(3 * short)?);
    Ok(many.less(few).times(1.0 / (2 * short) as f64))
}

/// What callgrind counts.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Cost {
    instructions: f64,
    system_calls: f64,
}

impl Cost {
    fn less(self, other: Self) -> Self {
        Self {
            instructions: self.instructions - other.instructions,
            system_calls: self.system_calls - other.system_calls,
        }
    }

    fn times(self, factor: f64) -> Self {
        Self { instructions: self.instructions * factor, system_calls: self.system_calls * factor }
    }
}

/// What a running server has cost since the last look.
#[derive(Debug)]
struct Profile<'a> {
    server: &'a Server,
    out: &'a Path,
    dumps: u32,
}

impl Profile<'_> {
    fn dump(&mut self) -> io::Result<Cost> {
        let output = Command::new("callgrind_control").arg("-d").arg(self.server.id().to_string()).output()?;
        self.dumps += 1;
        let path = format!("{}.{}", self.out.display(), self.dumps);
        let text = fs::read_to_string(&path).map_err(|error| {
            let said = String::from_utf8_lossy(&output.stderr);
            io::Error::new(error.kind(), format!("callgrind wrote no profile: {}", said.trim()))
        })?;
        total(&text).ok_or_else(|| io::Error::other("cannot read the profile of callgrind"))
    }
}

/// Cycles through the requests of a workload on some connections.
#[derive(Debug)]
struct Sender {
    connections: Vec<Connection>,
    workload: Workload,
    sent: usize,
}

impl Sender {
    fn open(server: &Server, workload: Workload) -> io::Result<Self> {
        let connections = (0..IN_FLIGHT).map(|_| Connection::open(server.address())).collect::<io::Result<_>>()?;
        Ok(Self { connections, workload, sent: 0 })
    }

    fn send(&mut self, requests: usize) -> io::Result<()> {
        for _ in 0..requests.div_ceil(IN_FLIGHT) {
            for connection in &mut self.connections {
                // a stride that is prime to the number of stubs reaches all of them, far from each
                // other
                self.sent = (self.sent + STRIDE) % self.workload.count();
                connection.send(&self.workload.request(self.sent))?;
            }
            for connection in &mut self.connections {
                let (status, _) = connection.receive()?;
                if status != 200 {
                    return Err(io::Error::other(format!("a call was answered with {status}")));
                }
            }
        }
        Ok(())
    }
}

/// The sum over all functions of a profile, whose first two events are instructions and system
/// calls.
fn total(profile: &str) -> Option<Cost> {
    let mut sums = profile.lines().find_map(|line| line.strip_prefix("totals: "))?.split_whitespace();
    // callgrind leaves out zeros at the end of a line
    let mut next = || sums.next().unwrap_or("0").parse().ok();
    Some(Cost { instructions: next()?, system_calls: next()? })
}

const MISSING: &str = "cannot count instructions without valgrind; install it (`apt-get install valgrind`)";
const IN_FLIGHT: usize = 16;
const STRIDE: usize = 7_919;
const PATIENCE: Duration = Duration::from_secs(240);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_of_a_profile_is_read() {
        let profile = "part: 2\nevents: Ir sysCount sysTime\nfn=(1) main\n1 5\n\ntotals: 5732 12 90\n";
        assert_eq!(total(profile), Some(Cost { instructions: 5732.0, system_calls: 12.0 }));
        assert_eq!(total("totals: 7\n"), Some(Cost { instructions: 7.0, system_calls: 0.0 }));
        assert_eq!(total("part: 2\n"), None);
    }
}
