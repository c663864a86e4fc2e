//! What the control plane does to the data plane: `cargo bench --bench control -- [ROW...]`.
//!
//! The journal, reloads, single edits, misses, admin calls: each is measured against the same run
//! without it, since absolute figures of a shared machine mean little. Loopback only, bounded in
//! time, and what was started ends with the bench.

#![allow(clippy::print_stdout, reason = "findings go to stdout")]
#![allow(unreachable_pub, reason = "a bench has no outside")]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "only tests unwrap"))]
#![allow(unused_imports, reason = "without a harness tests go and their imports stay")]

#[path = "../shared/client.rs"]
#[allow(dead_code, reason = "the other bench asks for more")]
mod client;
mod open_loop;
mod options;
#[path = "../shared/pairs.rs"]
mod pairs;
#[path = "../shared/process.rs"]
#[allow(dead_code, reason = "the other bench asks for more")]
mod process;
#[path = "../shared/reaper.rs"]
mod reaper;
#[path = "../shared/report.rs"]
mod report;
mod rows;
#[path = "../shared/run.rs"]
mod run;
#[path = "../shared/statistics.rs"]
#[allow(dead_code, reason = "the other bench asks for more")]
mod statistics;
mod stubs;
#[path = "../shared/wrk.rs"]
mod wrk;

use std::env;
use std::io;
use std::process::ExitCode;

use clap::Parser as _;

use options::Options;
use rows::ROWS;
use run::Asked;

/// Runs the rows that were named.
pub fn main() -> ExitCode {
    let argument = env::args().nth(1);
    let ended = match argument.as_deref() {
        Some(reaper::ARGUMENT) => reaper::reap().map(|()| ExitCode::SUCCESS),
        _ => run(&Options::parse()),
    };
    ended.unwrap_or_else(|error| {
        eprintln!("control: {error}");
        ExitCode::from(2)
    })
}

fn run(options: &Options) -> io::Result<ExitCode> {
    let asked = Asked {
        program: "control",
        names: &options.rows,
        list: options.list,
        bench: options.bench,
        json: options.json,
        no_limits: options.no_limits,
    };
    asked.run(&ROWS, options, || {
        format!(
            "the control plane beside the data plane; {} cores; only ratios mean something",
            std::thread::available_parallelism().map_or(0, std::num::NonZero::get)
        )
    })
}
