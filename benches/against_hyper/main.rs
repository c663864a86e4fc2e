//! Ratios of standin against bare hyper: `cargo bench --bench against_hyper -- [ROW...]`.
//!
//! Absolute figures of a shared machine mean little and ratios of one run mean something, so every row runs the same
//! script against both servers in turn, with the idle one stopped. Loopback only, bounded in time, and what was
//! started ends with the bench.

#![allow(clippy::print_stdout, reason = "findings go to stdout")]
#![allow(unreachable_pub, reason = "a bench has no outside")]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "only tests unwrap"))]
#![allow(unused_imports, reason = "without a harness tests go and their imports stay")]

mod client;
mod options;
mod process;
mod reaper;
mod report;
mod rows;
mod server_hyper;
mod statistics;
mod stubs;
mod wrk;

use std::env;
use std::io;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser as _;

use options::Options;
use report::Verdict;
use rows::{ROWS, Row};

/// Runs the rows that were named.
pub fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().collect();
    let ended = match arguments.get(1).map(String::as_str) {
        Some(options::AS_HYPER) => floor(&arguments),
        Some(reaper::ARGUMENT) => reaper::reap().map(|()| ExitCode::SUCCESS),
        Some(rows::AS_HOG) => Ok(rows::hog()),
        _ => run(&Options::parse()),
    };
    ended.unwrap_or_else(|error| {
        eprintln!("against_hyper: {error}");
        ExitCode::from(2)
    })
}

fn floor(arguments: &[String]) -> io::Result<ExitCode> {
    let address = arguments.get(2).and_then(|address| address.parse().ok());
    let address = address.ok_or_else(|| io::Error::other("the floor needs the address to listen on"))?;
    server_hyper::serve(address).map(|()| ExitCode::SUCCESS)
}

fn run(options: &Options) -> io::Result<ExitCode> {
    let rows = named(&options.rows)?;
    // `cargo test --benches` runs this too, without `--bench`: it must not take an hour then
    if options.list || (!options.bench && options.rows.is_empty()) {
        for row in &ROWS {
            println!("{:14}{}", row.name, row.sentence);
        }
        return Ok(ExitCode::SUCCESS);
    }
    if !options.json {
        println!(
            "standin against bare hyper; {} pairs of {:?}, {} cores; only ratios mean something",
            options.pairs,
            options.seconds,
            std::thread::available_parallelism()?
        );
    }
    let mut worst = ExitCode::SUCCESS;
    for row in rows {
        let begin = Instant::now();
        if !options.json {
            println!("\n{}: {}", row.name, row.sentence);
        }
        match (row.run)(options) {
            Ok(report) => {
                if report.verdict() == Verdict::Broken {
                    worst = ExitCode::from(1);
                }
                if options.json {
                    println!("{}", report.json(row.name));
                } else {
                    print!("{}", report.text());
                    println!("  took {:.0?}", begin.elapsed());
                }
            }
            Err(error) => {
                eprintln!("against_hyper: {}: {error}", row.name);
                worst = ExitCode::from(1);
            }
        }
    }
    Ok(worst)
}

fn named(names: &[String]) -> io::Result<Vec<&'static Row>> {
    if names.is_empty() {
        return Ok(ROWS.iter().collect());
    }
    names
        .iter()
        .map(|name| {
            ROWS.iter()
                .find(|row| row.name == name)
                .ok_or_else(|| io::Error::other(format!("there is no row `{name}`; `--list` names them")))
        })
        .collect()
}
