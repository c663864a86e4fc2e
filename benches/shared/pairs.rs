//! Measures two servers in turn, the idle one stopped: what drifts or disturbs then meets both.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::process::{Disturbance, Machine, Server, own_cpu};
use super::report::Report;
use super::wrk::Load;

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

/// Warms both servers, runs the pairs, each in the other order than the one before, and reports
/// what disturbed them.
pub fn measure(servers: [&Server; 2], pairs: u16, load: &Load, report: &mut Report) -> io::Result<(Side, Side)> {
    let warm = Load { time: WARM_UP, ..load.clone() };
    for server in servers {
        warm.run(server.address())?;
    }
    let (mut sides, mut others) = ([Side::default(), Side::default()], Vec::new());
    for pair in 0..usize::from(pairs) {
        for place in [pair % 2, 1 - pair % 2] {
            let idle = servers[1 - place];
            idle.stop()?;
            let measured = once(servers[place], load, &mut sides[place]);
            idle.resume()?;
            others.push(measured?);
        }
    }
    let worst = others.into_iter().max_by(|one, other| one.share().total_cmp(&other.share()));
    if let Some(worst) = worst {
        report.disturbed(worst);
    }
    let [one, other] = sides;
    Ok((one, other))
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

/// A folder for stubs and scripts that goes with its owner.
pub fn scratch() -> io::Result<(tempfile::TempDir, PathBuf)> {
    let folder = tempfile::Builder::new().prefix("standin-bench-").tempdir()?;
    let stubs = folder.path().join("stubs");
    std::fs::create_dir(&stubs)?;
    Ok((folder, stubs))
}

const WARM_UP: Duration = Duration::from_secs(1);
