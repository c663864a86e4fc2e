//! Ratios of standin against bare hyper: `cargo bench --bench against_hyper -- [ROW...]`.
//!
//! Absolute figures of a shared machine mean little and ratios of one run mean something, so every
//! row runs the same script against both servers in turn, with the idle one stopped. Loopback only,
//! bounded in time, and what was started ends with the bench.

#![allow(clippy::print_stdout, reason = "findings go to stdout")]
#![allow(unreachable_pub, reason = "a bench has no outside")]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "only tests unwrap"))]
#![allow(unused_imports, reason = "without a harness tests go and their imports stay")]

#[path = "../shared/client.rs"]
mod client;
mod features;
mod options;
#[path = "../shared/pairs.rs"]
mod pairs;
#[path = "../shared/process.rs"]
mod process;
mod proxy_hyper;
#[path = "../shared/reaper.rs"]
mod reaper;
#[path = "../shared/report.rs"]
#[allow(dead_code, reason = "the other bench asks for more")]
mod report;
mod rows;
#[path = "../shared/run.rs"]
mod run;
mod server_hyper;
mod server_threads;
#[path = "../shared/statistics.rs"]
mod statistics;
mod stubs;
#[path = "../shared/wrk.rs"]
#[allow(dead_code, reason = "the control bench asks for more")]
mod wrk;

use std::env;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser as _;

use options::Options;
use rows::ROWS;
use run::Asked;

/// Runs the rows that were named.
pub fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().collect();
    let ended = match arguments.get(1).map(String::as_str) {
        Some(options::AS_HYPER) => floor(&arguments),
        Some(options::AS_PROXY) => floor_proxy(&arguments),
        Some(options::AS_THREADS) => floor_threads(&arguments),
        Some(reaper::ARGUMENT) => reaper::reap().map(|()| ExitCode::SUCCESS),
        Some(rows::AS_HOG) => Ok(rows::hog()),
        Some(rows::AS_LOAD) => load(&arguments),
        _ => run(&Options::parse()),
    };
    ended.unwrap_or_else(|error| {
        eprintln!("against_hyper: {error}");
        ExitCode::from(2)
    })
}

fn floor(arguments: &[String]) -> io::Result<ExitCode> {
    server_hyper::serve(own_address(arguments)?).map(|()| ExitCode::SUCCESS)
}

fn floor_threads(arguments: &[String]) -> io::Result<ExitCode> {
    server_threads::serve(own_address(arguments)?).map(|()| ExitCode::SUCCESS)
}

fn own_address(arguments: &[String]) -> io::Result<SocketAddr> {
    let address = arguments.get(2).and_then(|address| address.parse().ok());
    address.ok_or_else(|| io::Error::other("an address must follow"))
}

fn load(arguments: &[String]) -> io::Result<ExitCode> {
    let connections = arguments.get(3).and_then(|connections| connections.parse().ok());
    let connections = connections.ok_or_else(|| io::Error::other("the load needs the number of its connections"))?;
    rows::call_by_chance(own_address(arguments)?, connections)
}

fn floor_proxy(arguments: &[String]) -> io::Result<ExitCode> {
    let address = |place: usize| arguments.get(place).and_then(|address| address.parse().ok());
    let (Some(address), Some(service)) = (address(2), address(3)) else {
        return Err(io::Error::other("the proxy needs the addresses to listen on and to call"));
    };
    proxy_hyper::serve(address, service).map(|()| ExitCode::SUCCESS)
}

fn run(options: &Options) -> io::Result<ExitCode> {
    let asked = Asked {
        program: "against_hyper",
        names: &options.rows,
        list: options.list,
        bench: options.bench,
        json: options.json,
        no_limits: options.no_limits,
    };
    asked.run(&ROWS, options, || {
        format!(
            "standin against bare hyper; {} pairs of {:?}, {} cores; only ratios mean something",
            options.pairs,
            options.seconds,
            std::thread::available_parallelism().map_or(0, std::num::NonZero::get)
        )
    })
}
