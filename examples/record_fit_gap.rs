//! The loop from a real service to its stand-in, against a toy service with a real queue: two
//! workers of 5 ms each.
//!
//! It records the service at 20, 40 and 60 % of its capacity, fits a model, and measures the gap
//! between the service's recording and the mock. It takes about a minute:
//!
//! ```sh
//! cargo build && cargo run --example record_fit_gap
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};
use std::{env, thread};

use rustix::process::{Pid, Signal, kill_process};

const WORKERS: u32 = 2;
const DEMAND: Duration = Duration::from_millis(5);

fn main() -> Result<(), Box<dyn Error>> {
    let standin = binary()?;
    let service = start_service()?;
    let folder = tempfile::tempdir()?;

    let record = ["record", "--target", &service, "--listen", "127.0.0.1:0", "--exclusive"];
    let mut recorder = Command::new(&standin).args(record).arg(folder.path()).stdout(Stdio::piped()).spawn()?;
    let (address, rest) = listening(&mut recorder)?;
    let capacity = f64::from(WORKERS) / DEMAND.as_secs_f64();
    for share in [0.2, 0.4, 0.6] {
        println!("sending {:.0} requests/s for 8 s", share * capacity);
        send(&address, share * capacity, Duration::from_secs(8));
    }
    kill_process(Pid::from_child(&recorder), Signal::INT)?;
    print!("{}", std::io::read_to_string(rest)?);
    recorder.wait()?;

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

/// Starts a service whose workers take connections from one queue; returns its base URL.
fn start_service() -> Result<String, Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}", listener.local_addr()?);
    let (queue, waiting) = mpsc::channel();
    let waiting = Arc::new(Mutex::new(waiting));
    for _ in 0..WORKERS {
        let waiting = Arc::clone(&waiting);
        thread::spawn(move || {
            loop {
                let next = waiting.lock().expect("no worker panics").recv();
                let Ok(connection) = next else { return };
                // a client that has gone is no error of the service
                let _ = work(connection);
            }
        });
    }
    thread::spawn(move || listener.incoming().flatten().try_for_each(|connection| queue.send(connection)));
    Ok(url)
}

/// Serves one request and closes its connection.
fn work(mut connection: TcpStream) -> std::io::Result<()> {
    let mut head = [0; 4096];
    // the head of a GET comes in one piece
    let _ = connection.read(&mut head)?;
    thread::sleep(DEMAND);
    connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
}

/// Waits until a recorder listens; returns its URL and the rest of its output.
fn listening(child: &mut Child) -> Result<(String, BufReader<ChildStdout>), Box<dyn Error>> {
    let mut output = BufReader::new(child.stdout.take().ok_or("its output is piped")?);
    let mut line = String::new();
    output.read_line(&mut line)?;
    print!("{line}");
    let url = line.split_whitespace().find(|word| word.starts_with("http://")).ok_or("the recorder did not start")?;
    Ok((url.to_owned(), output))
}

/// Sends requests at a rate, whether or not the earlier ones are done. Their spacing varies around
/// its mean by a fixed sequence, so that some meet.
fn send(url: &str, per_second: f64, time: Duration) {
    let start = Instant::now();
    let mut due = Duration::ZERO;
    let mut clients = Vec::new();
    for number in 0_u32.. {
        // the golden ratio's multiples are spread evenly over 0 to 1; -ln makes exponential gaps of
        // them
        let spread = (f64::from(number) * 0.618_033_988_749_895).fract();
        due += Duration::from_secs_f64(-(1.0 - spread).ln() / per_second);
        if due > time {
            break;
        }
        thread::sleep((start + due).saturating_duration_since(Instant::now()));
        let url = format!("{url}/work");
        clients.push(thread::spawn(move || ureq::get(url).call().is_ok()));
    }
    let done = clients.into_iter().filter_map(|client| client.join().ok()).filter(|ok| *ok).count();
    println!("  {done} answered");
}
