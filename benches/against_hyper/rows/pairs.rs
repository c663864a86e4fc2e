//! Measures two servers in turn, the idle one stopped: what drifts or disturbs then meets both.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::super::client::{Connection, Reply};
use super::super::options::Options;
use super::super::process::{Disturbance, Machine, Server, own_cpu};
use super::super::report::Report;
use super::super::wrk::Load;

/// Both servers, started and warm.
#[derive(Debug)]
pub struct Sides {
    pub standin: Server,
    pub hyper: Server,
}

/// What the measurements of one side were, a value a pair.
#[derive(Clone, Debug, Default)]
pub struct Side {
    /// Microseconds of CPU per request.
    pub cpu: Vec<f64>,
    /// Requests per second.
    pub rate: Vec<f64>,
    /// Microseconds until the reply, the median of the run.
    pub latency: Vec<f64>,
}

impl Sides {
    /// Runs the pairs of the options and reports what disturbed them. Returns standin's side and hyper's.
    pub fn measure(&self, options: &Options, load: &Load, report: &mut Report) -> io::Result<(Side, Side)> {
        let warm = Load { time: WARM_UP, ..load.clone() };
        warm.run(self.standin.address())?;
        warm.run(self.hyper.address())?;
        let (mut ours, mut floor, mut others) = (Side::default(), Side::default(), Vec::new());
        for pair in 0..options.pairs {
            let first = pair % 2 == 0;
            for standin in [first, !first] {
                let (server, idle, side) = if standin {
                    (&self.standin, &self.hyper, &mut ours)
                } else {
                    (&self.hyper, &self.standin, &mut floor)
                };
                idle.stop()?;
                let measured = once(server, load, side);
                idle.resume()?;
                others.push(measured?);
            }
        }
        let worst = others.into_iter().max_by(|one, other| one.share().total_cmp(&other.share()));
        if let Some(worst) = worst {
            report.disturbed(worst);
        }
        Ok((ours, floor))
    }

    /// Checks that both answer `request` with 200 and the same bytes, the id of the stub aside.
    pub fn agree(&self, request: &[u8], report: &mut Report) -> io::Result<()> {
        let ours = Connection::open(self.standin.address())?.call(request)?;
        let floor = Connection::open(self.hyper.address())?.call(request)?;
        if ours.status != 200 || ours.body != floor.body {
            return Err(io::Error::other(format!(
                "standin answered {} with another body than bare hyper: {}",
                ours.status,
                String::from_utf8_lossy(&ours.body).chars().take(200).collect::<String>()
            )));
        }
        if skeleton(&ours) != skeleton(&floor) {
            report.say(&format!("the heads differ: standin sends {:?}, hyper {:?}", ours.head, floor.head));
        }
        Ok(())
    }
}

fn once(server: &Server, load: &Load, side: &mut Side) -> io::Result<Disturbance> {
    let (machine, own, before) = (Machine::now()?, own_cpu()?, server.cpu()?);
    let run = load.run(server.address())?;
    let cpu = server.cpu()?.saturating_sub(before);
    side.cpu.push(cpu.as_secs_f64() * 1e6 / run.requests.max(1) as f64);
    side.rate.push(run.rate());
    side.latency.push(run.median.as_secs_f64() * 1e6);
    let ours = cpu + own_cpu()?.saturating_sub(own);
    Ok(Disturbance { machine: Machine::now()?.since(&machine), ours })
}

/// The head with the value of `Matched-Stub-Id` blotted out and names in lower case.
fn skeleton(reply: &Reply) -> Vec<String> {
    reply
        .head
        .lines()
        .map(|line| match line.split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("matched-stub-id") => {
                format!("matched-stub-id: {} bytes", value.trim().len())
            }
            Some((name, value)) => format!("{}:{value}", name.to_ascii_lowercase()),
            None => line.to_owned(),
        })
        .collect()
}

/// A folder for stubs and scripts that goes with its owner.
pub fn scratch() -> io::Result<(tempfile::TempDir, PathBuf)> {
    let folder = tempfile::Builder::new().prefix("against-hyper-").tempdir()?;
    let stubs = folder.path().join("stubs");
    std::fs::create_dir(&stubs)?;
    Ok((folder, stubs))
}

const WARM_UP: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_that_differ_in_the_id_alone_are_the_same() {
        let reply = |head: &str| Reply { status: 200, head: head.to_owned(), body: Vec::new() };
        let ours = reply("HTTP/1.1 200 OK\r\nMatched-Stub-Id: abcd\r\ncontent-length: 3");
        let floor = reply("HTTP/1.1 200 OK\r\nmatched-stub-id: 0000\r\nContent-Length: 3");
        assert_eq!(skeleton(&ours), skeleton(&floor));
        assert_ne!(skeleton(&ours), skeleton(&reply("HTTP/1.1 200 OK\r\nmatched-stub-id: 00000\r\ncontent-length: 3")));
    }
}
