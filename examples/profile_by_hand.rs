//! A performance profile written by hand: two workers of 20 ms serve 100 requests/s at most.
//!
//! Ten clients at once overload them, so that most of the latency is time in the queue:
//!
//! ```sh
//! cargo run --example profile_by_hand
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::{Duration, Instant};
use std::{fs, thread};

use standin::{Config, Server};

const STUB: &str = r#"{"request": {"urlPath": "/report"}, "response": {"body": "ready"}}"#;

const PROFILE: &str = "
services:
  - name: reports
    capacity: {discipline: fifo, workers: 2, queue: unbounded}
    operations:
      - {name: GET /report, match: {urlPath: /report}, demand: {fixed: 20ms}}
";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    for (file, text) in [("mappings/report.json", STUB), ("profiles/by-hand.yaml", PROFILE)] {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().expect("a folder"))?;
        fs::write(path, text)?;
    }
    let mut config = Config::new(folder.path());
    config.profile = Some("by-hand".to_owned());
    let handle = Server::bind(config)?.start()?;
    let url = format!("http://{}/report", handle.addresses()[0].listener.address);

    let started = Instant::now();
    let clients: Vec<_> = (0..10)
        .map(|_| {
            let url = url.clone();
            thread::spawn(move || {
                let sent = Instant::now();
                ureq::get(url).call().map(|_| sent.elapsed())
            })
        })
        .collect();
    let mut latencies = Vec::new();
    for client in clients {
        latencies.push(client.join().expect("the client does not panic")?);
    }
    latencies.sort();
    println!("10 requests at once took {:?}; alone, each takes 20 ms", started.elapsed());
    println!("latencies: {latencies:?}");
    assert!(latencies[9] >= Duration::from_millis(80), "the last pair waits for the four pairs before it");
    handle.shut_down();
    Ok(())
}
