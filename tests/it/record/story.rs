//! The five commands of the README, as a user types them: record, fit, serve, gap, check.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Mutex;
use std::time::Duration;

use super::service::{Recording, Service, answer};
use crate::process::StandinProcess;
use crate::support::{Client, write};

fn standin(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_standin")).args(args).output().expect("it runs")
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.clone(), output.stderr.clone()].concat()).into_owned()
}

/// Sends requests at an interval over concurrent connections; each waits for its responses.
fn traffic(address: std::net::SocketAddr, clients: usize, calls: usize, every: Duration) {
    std::thread::scope(|scope| {
        for client in 0..clients {
            scope.spawn(move || {
                let mut connection = Client::connect(address);
                for call in 0..calls {
                    let item = (call * clients + client) % 7;
                    connection.write(format!("GET /inventory/{item} HTTP/1.1\r\nHost: me\r\n\r\n").as_bytes());
                    assert_eq!(connection.answer().status, 200);
                    std::thread::sleep(every);
                }
            });
        }
    });
}

#[test]
fn the_five_commands_go_together() {
    // one worker: calls wait for each other
    let worker = Mutex::new(());
    let service = Service::saying(move |heard| {
        let _turn = worker.lock();
        std::thread::sleep(Duration::from_millis(4));
        let id = heard.url.rsplit('/').next().unwrap_or_default();
        answer(200, "Content-Type: application/json\r\n", &format!("{{\"id\":\"{id}\",\"stock\":12}}"))
    });
    let recording = Recording::of(&service.url(), &["--exclusive"]);
    traffic(recording.address, 1, 150, Duration::from_millis(4));
    traffic(recording.address, 3, 150, Duration::from_millis(4));
    let (record, code, tape, folder) = recording.end("-INT");
    assert_eq!((code, tape.exchanges.len()), (Some(0), 600), "{record}");
    assert!(!record.contains(" 0.00 "), "{record}");
    for expected in ["600 calls of 1 operation", "8 stubs", "7 of 7 distinct calls", "standin fit"] {
        assert!(record.contains(expected), "`{expected}` is not in\n{record}");
    }
    let dir = folder.path().to_str().expect("UTF-8");

    let page = folder.path().join("fit.html");
    let fit = standin(&["fit", dir, "--html", page.to_str().expect("UTF-8")]);
    // the model of a recording on a busy machine may not be explained, which is code 1
    assert!(matches!(fit.status.code(), Some(0 | 1)), "{}", told(&fit));
    let page = std::fs::read_to_string(page).expect("it was written");
    for expected in ["What was found", "How far to trust it", "What to do next", "GET /inventory/{id}", "<polyline"] {
        assert!(page.contains(expected), "`{expected}` is not in\n{page}");
    }
    assert!(!page.contains("http://") && !page.contains("<script"), "it needs nothing from elsewhere");
    let fit = standin(&["fit", dir, "--html", "/nowhere/at/all.html"]);
    assert_eq!(fit.status.code(), Some(2), "{}", told(&fit));
    assert!(folder.path().join("profiles/recorded.yaml").exists(), "{}", told(&fit));

    write_peak(folder.path());
    let process = StandinProcess::start(&["serve", dir, "--profile", "peak"]);
    let mut client = Client::connect(process.address);
    client.write(b"GET /inventory/3 HTTP/1.1\r\nHost: me\r\nX-Standin-Debug: 1\r\n\r\n");
    let got = client.answer();
    assert_eq!(got.json(), serde_json::json!({"id": "3", "stock": 12}));
    client.write(b"GET /inventory/4711 HTTP/1.1\r\nHost: me\r\n\r\n");
    assert_eq!(client.answer().status, 200, "an id that was not recorded");
    drop(process);

    let mut gap = standin(&["gap", dir, "--budget", "none"]);
    if gap.status.code() == Some(2) {
        // beside other tests the sender may be late; it says so, and what to do
        assert!(told(&gap).contains("the sender was late") && told(&gap).contains("--max-lateness"), "{}", told(&gap));
        gap = standin(&["gap", dir, "--budget", "none", "--max-lateness", "1s"]);
    }
    assert!(matches!(gap.status.code(), Some(0)), "{}", told(&gap));
    assert!(told(&gap).contains("GET /inventory/{id}"), "{}", told(&gap));
    // a plain one ends with a verdict, whichever it is on this machine
    let judged = standin(&["gap", dir, "--max-lateness", "1s"]);
    assert!(matches!(judged.status.code(), Some(0..=2)), "{}", told(&judged));
    assert!(told(&judged).contains("verdict: ") && told(&judged).contains("allowed: p50 3 %"), "{}", told(&judged));

    let check = standin(&["check", dir]);
    assert_eq!(check.status.code(), Some(0), "{}", told(&check));
}

/// Writes the README's profile of a peak for the fitted service, which has the name of the folder.
fn write_peak(folder: &Path) {
    let fitted = std::fs::read_to_string(folder.join("profiles/recorded.yaml")).expect("it was written");
    let name = fitted.lines().find_map(|line| line.trim().strip_prefix("- name: ")).expect("a service").to_owned();
    write(
        folder,
        "profiles/peak.yaml",
        &format!("extends: recorded\nservices: [{{name: {name}, scale: {{capacity: 0.5}}}}]\n"),
    );
}
