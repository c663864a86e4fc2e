//! The servers under test as processes: started, stopped while the other is measured, measured, and
//! always ended.

use std::fs;
use std::io::{self, BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::reaper;

/// A server process that listens on a loopback port; killed when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    /// Starts it and waits for the line that names its address.
    pub fn start(command: &mut Command, patience: Duration) -> io::Result<Self> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(|error| {
            io::Error::new(error.kind(), format!("cannot start `{}`: {error}", command.get_program().display()))
        })?;
        reaper::watch(child.id());
        let stdout = child.stdout.take().expect("stdout is piped");
        // from here on dropping ends the process, whatever happens
        let mut server = Self { child, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        let (found, ready) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Some(address) = listening(&line) {
                    let _ = found.send(address);
                }
            }
        });
        server.address = ready.recv_timeout(patience).map_err(|error| {
            let what = match error {
                mpsc::RecvTimeoutError::Timeout => format!("within {patience:?}"),
                mpsc::RecvTimeoutError::Disconnected => "before it ended".to_owned(),
            };
            let program = command.get_program().display();
            io::Error::other(format!("`{program}` printed no `listening on http://ADDRESS` {what}"))
        })?;
        Ok(server)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Takes the CPU from it until [`Server::resume`].
    pub fn stop(&self) -> io::Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets it run again.
    pub fn resume(&self) -> io::Result<()> {
        self.signal(Signal::CONT)
    }

    /// User and system time so far.
    pub fn cpu(&self) -> io::Result<Duration> {
        cpu_of(&self.child)
    }

    /// User time so far.
    pub fn user_cpu(&self) -> io::Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.id()))?;
        cpu_time(&stat, 1).ok_or_else(|| io::Error::other("cannot read /proc/PID/stat"))
    }

    /// Memory in RAM, in MiB.
    pub fn resident(&self) -> io::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        resident_mib(&status).ok_or_else(|| io::Error::other("cannot read /proc/PID/status"))
    }

    /// How long its threads waited for a CPU so far, and how often they were given one.
    #[allow(dead_code, reason = "one of the benches asks")]
    pub fn cpu_waits(&self) -> io::Result<(Duration, u64)> {
        let mut sum = (Duration::ZERO, 0);
        for thread in fs::read_dir(format!("/proc/{}/task", self.id()))? {
            // CPU, waited, runs; a thread may have ended meanwhile
            let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
            let numbers: Vec<u64> = text.split_whitespace().filter_map(|number| number.parse().ok()).collect();
            if let [_, waited, runs] = numbers[..] {
                sum = (sum.0 + Duration::from_nanos(waited), sum.1 + runs);
            }
        }
        Ok(sum)
    }

    fn signal(&self, signal: Signal) -> io::Result<()> {
        kill_process(Pid::from_child(&self.child), signal)?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// A process that is no server; killed when dropped.
#[derive(Debug)]
pub struct Helper(Child);

impl Helper {
    /// Takes it over.
    pub fn new(child: Child) -> Self {
        reaper::watch(child.id());
        Self(child)
    }

    /// User and system time so far.
    pub fn cpu(&self) -> io::Result<Duration> {
        cpu_of(&self.0)
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        end(&mut self.0);
    }
}

/// What the whole machine has done since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Machine {
    /// Worked, over all cores.
    pub busy: Duration,
    /// Not worked.
    pub idle: Duration,
    /// Taken by the hypervisor.
    pub stolen: Duration,
}

impl Machine {
    /// Until now.
    pub fn now() -> io::Result<Self> {
        Self::read(&fs::read_to_string("/proc/stat")?).ok_or_else(|| io::Error::other("cannot read /proc/stat"))
    }

    /// What came after `earlier`.
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            busy: self.busy.saturating_sub(earlier.busy),
            idle: self.idle.saturating_sub(earlier.idle),
            stolen: self.stolen.saturating_sub(earlier.stolen),
        }
    }

    /// All time of all cores.
    pub fn all(&self) -> Duration {
        self.busy + self.idle + self.stolen
    }

    fn read(stat: &str) -> Option<Self> {
        let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
        let ticks: Vec<u64> = line.split_whitespace().map(str::parse).collect::<Result<_, _>>().ok()?;
        let [user, nice, system, idle, waiting, irq, softirq, stolen, ..] = ticks[..] else { return None };
        Some(Self {
            busy: time(user + nice + system + irq + softirq),
            idle: time(idle + waiting),
            stolen: time(stolen),
        })
    }
}

/// What others did while something was measured.
#[derive(Clone, Copy, Debug)]
pub struct Disturbance {
    /// The machine meanwhile.
    pub machine: Machine,
    /// The part of its work that belongs to the measurement.
    pub ours: Duration,
}

impl Disturbance {
    /// The part of the machine that other processes and the hypervisor took.
    pub fn share(&self) -> f64 {
        let others = self.machine.busy.saturating_sub(self.ours) + self.machine.stolen;
        others.as_secs_f64() / self.machine.all().as_secs_f64().max(1e-3)
    }
}

/// User and system time of the bench itself and of its children that have ended, such as wrk.
pub fn own_cpu() -> io::Result<Duration> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    cpu_time(&stat, 4).ok_or_else(|| io::Error::other("cannot read /proc/self/stat"))
}

fn end(child: &mut Child) {
    // SIGKILL also ends what is stopped
    let _ = child.kill();
    let _ = child.wait();
    reaper::forget(child.id());
}

fn cpu_of(child: &Child) -> io::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.id()))?;
    cpu_time(&stat, 2).ok_or_else(|| io::Error::other("cannot read /proc/PID/stat"))
}

fn listening(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("listening on http://")?;
    rest.split([' ', '/']).next()?.parse().ok()
}

/// The sum of `count` fields of `/proc/PID/stat` from the 14th: user and system time, then those of
/// ended children. The name in field 2 may hold anything, brackets too.
fn cpu_time(stat: &str, count: usize) -> Option<Duration> {
    let (_, rest) = stat.rsplit_once(')')?;
    let ticks: Vec<u64> =
        rest.split_whitespace().skip(11).take(count).map(str::parse).collect::<Result<_, _>>().ok()?;
    (ticks.len() == count).then(|| time(ticks.iter().sum()))
}

fn time(ticks: u64) -> Duration {
    Duration::from_secs_f64(ticks as f64 / TICKS_PER_SECOND)
}

fn resident_mib(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1024.0)
}

/// `USER_HZ` of the kernel's interface, whatever its own clock is (`man 5 proc`).
const TICKS_PER_SECOND: f64 = 100.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_found_behind_a_name_with_brackets() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194304 500 0 0 0 250 150 7 9 20 0 3 0 100 1 2";
        assert_eq!(cpu_time(stat, 2), Some(Duration::from_secs(4)));
        assert_eq!(cpu_time(stat, 4), Some(Duration::from_millis(4160)));
        assert_eq!(cpu_time("42 (short) S 1", 2), None);
        assert_eq!(cpu_time("", 2), None);
    }

    #[test]
    fn memory_is_read_in_mebibytes() {
        assert_eq!(resident_mib("Name:\tx\nVmPeak:\t 9999 kB\nVmRSS:\t    2048 kB\n"), Some(2.0));
        assert_eq!(resident_mib("Name:\tkernel thread\n"), None);
    }

    #[test]
    fn shares_of_the_machine_add_up() {
        let before = Machine::read("cpu  100 0 100 700 0 0 0 0 0 0\ncpu0 1 2 3\n").unwrap();
        let after = Machine::read("cpu  120 0 115 755 0 0 5 5 0 0\n").unwrap();
        let between = after.since(&before);
        assert_eq!(between.busy, time(40));
        assert_eq!(between.stolen, time(5));
        assert_eq!(between.all(), time(100));
        let disturbance = Disturbance { machine: between, ours: time(25) };
        assert!((disturbance.share() - 0.2).abs() < 1e-9);
        assert_eq!(Machine::read("intr 5\n"), None);
    }

    #[test]
    fn the_address_is_found_in_the_ready_line() {
        let line = "standin: listening on http://127.0.0.1:40123 (1 stub, profile recorded)";
        assert_eq!(listening(line), Some(SocketAddr::from(([127, 0, 0, 1], 40123))));
        assert_eq!(listening("standin: listening on http://[::1]:80/"), "[::1]:80".parse().ok());
        assert_eq!(listening("standin: reading stubs"), None);
    }
}
