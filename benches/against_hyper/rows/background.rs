//! A load beside a measurement, that keeps half of the machine at work.
//!
//! By chance: threads that rest for exponential times, so that calls come as they come from many
//! clients that know nothing of each other. In bursts: wrk, which rests by the millisecond, so that
//! its calls come together at each full one; a delay of whole milliseconds that begins in a burst
//! then ends in one.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::super::client::{Connection, Random, get};
use super::super::process::{Helper, Server};
use super::super::report::Report;
use super::super::stubs;
use super::super::wrk::{self, Load};

/// How its calls come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beat {
    Chance,
    Bursts,
}

/// A load that goes on until it is dropped.
#[derive(Debug)]
pub struct Background {
    helper: Helper,
}

impl Background {
    /// Finds the number of resting connections that keeps half of the machine busy.
    pub fn start(beat: Beat, server: &Server, folder: &Path, report: &mut Report) -> io::Result<Self> {
        let cores = thread::available_parallelism()?.get() as f64;
        let mut connections = 16;
        for _ in 0..TRIES {
            let helper = Helper::new(beat.spawn(connections, server.address(), folder)?);
            let (ours, clients) = observe(server, &helper)?;
            connections = ((connections as f64 * cores / 2.0 / (ours + clients).max(0.02)) as usize).clamp(2, 1_000);
        }
        let helper = Helper::new(beat.spawn(connections, server.address(), folder)?);
        let (ours, clients) = observe(server, &helper)?;
        report.say(&format!(
            "background: {connections} connections keep {:.2} of {cores} cores busy, the server {ours:.2} of them",
            ours + clients
        ));
        Ok(Self { helper })
    }

    /// CPU time of the client so far.
    pub fn cpu(&self) -> io::Result<Duration> {
        self.helper.cpu()
    }
}

impl Beat {
    fn spawn(self, connections: usize, address: SocketAddr, folder: &Path) -> io::Result<Child> {
        if self == Self::Bursts {
            let script = folder.join("background.lua");
            fs::write(&script, wrk::resting(Duration::from_millis(1)))?;
            let (time, path) = (Duration::from_secs(3_600), stubs::ONE.to_owned());
            return Load { connections, time, path, script }.spawn(address);
        }
        let mut command = Command::new(std::env::current_exe()?);
        command.args([AS_LOAD, &address.to_string(), &connections.to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
    }
}

/// The argument that makes this binary a load by chance; address and number of connections follow.
pub const AS_LOAD: &str = "--as-load";

/// Calls until it is killed, or the server is gone.
pub fn call_by_chance(address: SocketAddr, connections: usize) -> io::Result<ExitCode> {
    let threads: Vec<_> = (0..connections)
        .map(|number| {
            thread::Builder::new().stack_size(128 * 1024).spawn(move || -> io::Result<()> {
                let (mut random, request) = (Random(number as u64 + 1), get(stubs::ONE));
                let mut connection = Connection::open(address)?;
                loop {
                    thread::sleep(REST.mul_f64(-(1.0 - random.share()).ln()));
                    connection.time(&request)?;
                }
            })
        })
        .collect::<io::Result<_>>()?;
    for thread in threads {
        thread.join().map_err(|_| io::Error::other("a client thread panicked"))??;
    }
    Ok(ExitCode::SUCCESS)
}

/// The cores that the server and its client use, over a second.
fn observe(server: &Server, helper: &Helper) -> io::Result<(f64, f64)> {
    thread::sleep(Duration::from_millis(300));
    let (begin, ours, clients) = (Instant::now(), server.cpu()?, helper.cpu()?);
    thread::sleep(Duration::from_secs(1));
    let (ours, clients) = (server.cpu()?.saturating_sub(ours), helper.cpu()?.saturating_sub(clients));
    let time = begin.elapsed().as_secs_f64();
    Ok((ours.as_secs_f64() / time, clients.as_secs_f64() / time))
}

/// How often the number of connections is corrected.
const TRIES: usize = 4;

/// The mean rest of a connection between two calls of a load by chance.
const REST: Duration = Duration::from_millis(2);
