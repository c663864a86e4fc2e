//! The audit must flag a disturbed run within a window of a second, and must not flag a calm one.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::process::{Command, ExitCode};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use serde_json::json;

use super::super::client::Calls;
use super::super::options::Options;
use super::super::pairs::scratch;
use super::super::process::{Disturbance, Helper, Machine, Server, own_cpu};
use super::super::report::{Report, Verdict};
use super::super::stubs;
use super::super::wrk::{self, Load};
use super::published;

/// Disturbs in three ways, then leaves in peace.
pub fn row(options: &Options) -> io::Result<Report> {
    let (folder, stub_folder) = scratch()?;
    stubs::delays(&stub_folder, &[DELAY])?;
    let script = folder.path().join("calls.lua");
    fs::write(&script, wrk::same_path())?;
    let mut report = Report::default();

    let stopped = |server: &Server| {
        server.stop()?;
        thread::sleep(Duration::from_millis(200));
        server.resume()?;
        Ok(Vec::new())
    };
    disturb(options, &stub_folder, "stopped for 200 ms", stopped, &mut report)?;
    let hogs = |_: &Server| (0..thread::available_parallelism()?.get()).map(|_| start_hog()).collect();
    disturb(options, &stub_folder, "a CPU hog on every core", hogs, &mut report)?;
    let load = |connections, path: String, time| Load { connections, time, path, script: script.clone() };
    let fresh = options.start_standin(&stub_folder)?;
    let most = load(256, stubs::ONE.to_owned(), Duration::from_secs(2)).run(fresh.address())?.rate();
    drop(fresh);
    // were every answer in time, these connections would ask for twice of what can be done
    let connections = (2.0 * most * f64::from(DELAY) / 1e6).ceil() as usize;
    let overload = |server: &Server| {
        let wrk = load(connections, stubs::after(DELAY), Duration::from_secs(60)).spawn(server.address())?;
        Ok(vec![Helper::new(wrk)])
    };
    disturb(options, &stub_folder, "twice the load that it sustains", overload, &mut report)?;
    calm(options, &stub_folder, &mut report)?;
    Ok(report)
}

fn disturb(
    options: &Options,
    stub_folder: &std::path::Path,
    name: &str,
    disturbance: impl Fn(&Server) -> io::Result<Vec<Helper>>,
    report: &mut Report,
) -> io::Result<()> {
    let server = options.start_standin(stub_folder)?;
    let traffic = light(server.address(), Duration::from_secs(12));
    thread::sleep(REST);
    let verdict = if let Some(before) = flags(&server)? {
        let begin = Instant::now();
        let helpers = disturbance(&server)?;
        let flagged = wait_for_flag(&server, before, begin)?;
        drop(helpers);
        report.figure(name, json!(flagged.map(|after| after.as_secs_f64())));
        match flagged {
            Some(after) => report.say(&format!("{name}: flagged after {:.2} s", after.as_secs_f64())),
            None => report.say(&format!("{name}: no flag within 5 s")),
        }
        // a window may have begun just before, and the next one be the first that is disturbed
        // throughout
        if flagged.is_some_and(|after| after <= TWO_WINDOWS) { Verdict::Met } else { Verdict::Broken }
    } else {
        report.say(&format!("{name}: this server publishes no flags"));
        Verdict::Open
    };
    report.limit(&format!("{name}: flagged within one window"), verdict);
    drop(server);
    // the server is gone, so its calls fail now
    let _ = traffic.join();
    Ok(())
}

/// How long after `begin` there are more flags than `before`.
fn wait_for_flag(server: &Server, before: u64, begin: Instant) -> io::Result<Option<Duration>> {
    while begin.elapsed() < Duration::from_secs(5) {
        if flags(server)?.unwrap_or(0) > before {
            return Ok(Some(begin.elapsed()));
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(None)
}

/// A flag is false only if it is of a second in which nobody else wanted the machine, so that is
/// watched meanwhile.
fn calm(options: &Options, stub_folder: &std::path::Path, report: &mut Report) -> io::Result<()> {
    let server = options.start_standin(stub_folder)?;
    let traffic = light(server.address(), options.calm_seconds);
    let mut others = Vec::new();
    while !traffic.is_finished() {
        others.push(Others::during(Duration::from_millis(250), &server)?);
    }
    let ended = traffic.join().map_err(|_| io::Error::other("the client panicked"))?;
    let calls: usize = ended?.iter().map(Vec::len).sum();
    let limit = format!("no flag in {:?} of calm", options.calm_seconds);
    let Some(page) = published::audit(server.address())? else {
        report.limit(&limit, Verdict::Open);
        return Ok(());
    };
    let count = published::flags(&page).unwrap_or(0);
    let flagged = published::last_flagged(&page);
    let mut shares = Vec::new();
    for window in &flagged {
        let share = others.iter().filter(|others| others.meet(window)).map(|others| others.share).fold(0.0, f64::max);
        report.say(&format!(
            "flagged while others took up to {:.0} % of the machine: {}",
            share * 100.0,
            window.reasons
        ));
        shares.push(share);
    }
    let most = others.iter().map(|others| others.share).fold(0.0, f64::max);
    report.say(&format!(
        "calm: {count} flagged windows in {calls} calls; others took up to {:.0} % of the machine in a quarter of a second",
        most * 100.0
    ));
    report.figure("calm", json!({"calls": calls, "flags": count, "others": most, "othersWhenFlagged": shares}));
    let verdict = match count {
        0 => Verdict::Met,
        _ if flagged.len() as u64 == count && shares.iter().all(|share| *share > CALM) => Verdict::Open,
        _ => Verdict::Broken,
    };
    report.limit(&limit, verdict);
    Ok(())
}

/// What others took of the machine in a stretch of time.
#[derive(Debug)]
struct Others {
    began: SystemTime,
    ended: SystemTime,
    share: f64,
}

impl Others {
    fn during(time: Duration, server: &Server) -> io::Result<Self> {
        let ours = || -> io::Result<Duration> { Ok(own_cpu()? + server.cpu()?) };
        let (began, machine, own) = (SystemTime::now(), Machine::now()?, ours()?);
        thread::sleep(time);
        let ours = ours()?.saturating_sub(own);
        let share = Disturbance { machine: Machine::now()?.since(&machine), ours }.share();
        Ok(Self { began, ended: SystemTime::now(), share })
    }

    fn meet(&self, window: &published::Flagged) -> bool {
        self.began < window.ended && window.began < self.ended
    }
}

/// Calls at some 700 a second, so that a window has what to judge.
fn light(address: SocketAddr, time: Duration) -> thread::JoinHandle<io::Result<Vec<Vec<f64>>>> {
    let each = (time.as_secs_f64() / 5.5e-3) as usize;
    let calls = Calls { connections: 4, each, paths: vec![stubs::after(DELAY)], rest: Duration::from_millis(5) };
    thread::spawn(move || calls.run(address))
}

fn flags(server: &Server) -> io::Result<Option<u64>> {
    Ok(published::audit(server.address())?.as_ref().and_then(published::flags))
}

/// The argument that makes this binary a hog.
pub const AS_HOG: &str = "--as-hog";

/// Takes a core for ten seconds.
pub fn hog() -> ExitCode {
    let begin = Instant::now();
    let mut turns = 0_u64;
    while begin.elapsed() < Duration::from_secs(10) {
        turns = std::hint::black_box(turns.wrapping_add(1));
    }
    ExitCode::SUCCESS
}

fn start_hog() -> io::Result<Helper> {
    Ok(Helper::new(Command::new(std::env::current_exe()?).arg(AS_HOG).spawn()?))
}

/// In microseconds.
const DELAY: u32 = 300;

/// Others that took no more of the machine in a quarter of a second leave it calm: a twentieth is a
/// tick of one core.
const CALM: f64 = 0.05;

const TWO_WINDOWS: Duration = Duration::from_millis(2_100);

/// So long nothing happens before a disturbance.
const REST: Duration = Duration::from_millis(2_500);
