//! The loop from a real service to its stand-in, against the toy service of `standin demo`, which
//! has a real queue: two workers.
//!
//! It records the service at 20, 40 and 60 % of its capacity, fits a model, and measures the gap
//! between the service's recording and the mock. It takes about a minute:
//!
//! ```sh
//! cargo build && cargo run --example record_fit_gap
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::env;
use std::error::Error;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// Workers and demand, for the service and for the calls to it.
const SIZE: [&str; 4] = ["--workers", "2", "--demand", "3ms"];

fn main() -> Result<(), Box<dyn Error>> {
    let standin = binary()?;
    let folder = tempfile::tempdir()?;
    let demo = ["demo", "--listen", "127.0.0.1:0"];
    let mut service = Command::new(&standin).args(demo).args(SIZE).stdout(Stdio::piped()).spawn()?;
    let (target, _rest) = listening(&mut service)?;

    let record = ["record", "--target", &target, "--listen", "127.0.0.1:0", "--exclusive"];
    let mut recorder = Command::new(&standin).args(record).arg(folder.path()).stdout(Stdio::piped()).spawn()?;
    let (address, rest) = listening(&mut recorder)?;
    let call = ["demo", "--call", address.trim_start_matches("http://"), "--time", "8s"];
    Command::new(&standin).args(call).args(SIZE).status()?;
    kill_process(Pid::from_child(&recorder), Signal::INT)?;
    print!("{}", std::io::read_to_string(rest)?);
    recorder.wait()?;
    service.kill()?;
    service.wait()?;

    for command in ["fit", "gap"] {
        println!("\n$ standin {command} FOLDER");
        let status = Command::new(&standin).arg(command).arg(folder.path()).status()?;
        println!("exit code {}", status.code().unwrap_or_default());
    }
    Ok(())
}

/// Returns the path of the `standin` binary, which cargo puts beside the folder of the examples.
fn binary() -> Result<PathBuf, Box<dyn Error>> {
    let examples = env::current_exe()?.parent().map(PathBuf::from).unwrap_or_default();
    let path = examples.with_file_name("standin");
    if path.exists() { Ok(path) } else { Err(format!("no `{}`: run `cargo build` first", path.display()).into()) }
}

/// Waits until a server listens; returns its URL and the rest of its output.
fn listening(child: &mut Child) -> Result<(String, BufReader<ChildStdout>), Box<dyn Error>> {
    let mut output = BufReader::new(child.stdout.take().ok_or("its output is piped")?);
    let mut line = String::new();
    output.read_line(&mut line)?;
    print!("{line}");
    let url = line.split_whitespace().find(|word| word.starts_with("http://")).ok_or("the server did not start")?;
    Ok((url.trim_end_matches(',').to_owned(), output))
}
