//! One run of a service, recorded three ways at once: by the recorder, by tcpdump on loopback, and
//! by the access log of nginx. Needs tcpdump and nginx, so that it is ignored; `.ci/run` runs it.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use standin_tape::{LoadedTape, OperationRules};
use tempfile::TempDir;

use super::{standin, text, told};
use crate::support::eventually;

/// A process that ends with the test.
struct Running(Child);

impl Running {
    /// Ends the process in an orderly way, so that it writes what it has.
    fn end(mut self) {
        let id = self.0.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().expect("kill runs").success());
        self.0.wait().expect("it ends");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a service that takes 40 to 60 ms for a call; returns its port.
fn service() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    thread::spawn(move || {
        for (number, stream) in (0u64..).zip(listener.incoming()) {
            let Ok(stream) = stream else { continue };
            thread::spawn(move || serve(stream, number));
        }
    });
    port
}

fn serve(mut stream: TcpStream, connection: u64) {
    let mut reader = BufReader::new(stream.try_clone().expect("a socket"));
    for number in connection.. {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        thread::sleep(Duration::from_millis(40 + number * 7 % 21));
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n{number:4000}");
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// Returns a port that is free now.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").port()
}

fn recorder(target: u16, folder: &Path) -> (Running, u16) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_standin"))
        .args(["record", "--target", &format!("http://127.0.0.1:{target}"), text(folder), "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let line = lines.find_map(|line| line.ok().filter(|line| line.contains("listening on"))).expect("it listens");
    // the rest of the output is read, so that the recorder never waits for it
    thread::spawn(move || lines.for_each(drop));
    let port = line.split("127.0.0.1:").nth(1).and_then(|rest| rest.split(' ').next()).expect("a port");
    (Running(child), port.parse().expect("a port"))
}

fn nginx(target: u16, folder: &Path) -> (Running, u16) {
    let port = free_port();
    let dir = folder.display();
    let config = format!(
        "daemon off; worker_processes 1; pid {dir}/nginx.pid; error_log {dir}/error.log;\n\
         events {{ worker_connections 256; }}\n\
         http {{ log_format timed '$msec \"$request\" $status $body_bytes_sent $request_time $upstream_response_time';\n\
         access_log {dir}/access.log timed; client_body_temp_path {dir}/b; proxy_temp_path {dir}/p;\n\
         fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;\n\
         upstream service {{ server 127.0.0.1:{target}; keepalive 32; }}\n\
         server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://service; proxy_http_version 1.1;\n\
         proxy_set_header Connection \"\"; }} }} }}\n"
    );
    let path = folder.join("nginx.conf");
    fs::write(&path, config).expect("writable");
    let child = Command::new("nginx").args(["-c", text(&path)]).spawn().expect("nginx is installed");
    let running = Running(child);
    eventually("nginx listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    (running, port)
}

fn tcpdump(port: u16, file: &Path) -> Running {
    let filter = format!("tcp port {port}");
    let mut child = Command::new("tcpdump")
        .args(["-i", "lo", "-s", "0", "-B", "65536", "-U", "--immediate-mode", "-Z", "root", "-w", text(file), &filter])
        .stderr(Stdio::piped())
        .spawn()
        .expect("tcpdump is installed");
    let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
    assert!(lines.any(|line| line.is_ok_and(|line| line.contains("listening on"))), "tcpdump may not capture here");
    thread::spawn(move || lines.for_each(drop));
    Running(child)
}

fn load(port: u16) {
    let clients: Vec<_> = (0..8)
        .map(|client| {
            thread::spawn(move || {
                let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("nginx listens");
                let mut reader = BufReader::new(stream.try_clone().expect("a socket"));
                for number in 0..40 {
                    let request = if number % 4 == 0 {
                        format!("POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n{number:9000}")
                    } else {
                        format!("GET /items/{} HTTP/1.1\r\nHost: x\r\n\r\n", client * 100 + number)
                    };
                    stream.write_all(request.as_bytes()).expect("sent");
                    let mut line = String::new();
                    while line != "\r\n" {
                        line.clear();
                        reader.read_line(&mut line).expect("an answer");
                    }
                    reader.read_exact(&mut [0; 4_000]).expect("a body");
                }
            })
        })
        .collect();
    for client in clients {
        client.join().expect("all calls are answered");
    }
}

fn newest(folder: &Path) -> LoadedTape {
    let tapes = standin_tape::tapes_of_folder(folder).expect("tapes");
    LoadedTape::open(tapes.last().expect("a tape")).expect("a tape")
}

/// Returns the names of the operations, and p50 and p95 of the latencies in milliseconds.
fn summary(tape: &LoadedTape) -> (BTreeSet<String>, [f64; 2]) {
    let tree = tape.operations(&OperationRules::default());
    let names = tape.exchanges.iter().map(|one| tree.name(&one.request.method, &one.request.url)).collect();
    let mut latencies: Vec<u64> = tape.exchanges.iter().filter_map(|one| tape.latency(one)).collect();
    latencies.sort_unstable();
    (names, [50, 95].map(|percent| latencies[latencies.len() * percent / 100] as f64 / 1e6))
}

#[test]
#[ignore = "needs tcpdump and nginx"]
fn a_recorder_a_capture_and_a_log_agree() {
    let folder = TempDir::new().expect("a temporary folder");
    let path = |name: &str| -> PathBuf { folder.path().join(name) };
    let port = service();
    let (recorder, recorded_at) = recorder(port, &path("recorded"));
    let capture = tcpdump(port, &path("calls.pcap"));
    let (nginx, front) = nginx(recorded_at, folder.path());
    load(front);
    eventually("the log is written", || {
        fs::read_to_string(path("access.log")).is_ok_and(|log| log.lines().count() == 320)
    });
    // what tcpdump has not read from the kernel when it ends is lost
    let (file, service) = (path("calls.pcap"), format!(":{port}"));
    let mut captured = String::new();
    eventually("the capture has all calls", || {
        // the tape of an attempt that was too early
        let _ = fs::remove_dir_all(path("captured"));
        let made = standin(&["tape", "from", text(&file), "--service", &service, "--out", text(&path("captured"))]);
        captured = told(&made);
        captured.contains("320 calls of 2 operations")
    });
    eprintln!("{captured}");
    capture.end();
    nginx.end();
    recorder.end();

    let format = "$msec \"$request\" $status $body_bytes_sent $request_time $upstream_response_time";
    let log = path("access.log");
    let logged = standin(&["tape", "from", text(&log), "--log-format", format, "--out", text(&path("logged"))]);
    assert_eq!(logged.status.code(), Some(0), "{}", told(&logged));

    let tapes = ["recorded", "captured", "logged"].map(|name| newest(&path(name)));
    assert_eq!(tapes.each_ref().map(|tape| tape.exchanges.len()), [320; 3]);
    let [recorded, captured, logged] = tapes.each_ref().map(summary);
    eprintln!("recorded {recorded:?}\ncaptured {captured:?}\nlogged {logged:?}");
    assert_eq!((&recorded.0, &recorded.0), (&captured.0, &logged.0));
    // a busy machine delays some calls between the recorder's stamp and the wire's
    for (number, slack) in [(0, 0.5), (1, 2.0)] {
        let [one, other, log] = [&recorded, &captured, &logged].map(|summary| summary.1[number]);
        assert!((one - other).abs() < one * 0.03 + slack, "captured {captured:?}, recorded {recorded:?}");
        // the log is rounded to a millisecond, and has the way through the recorder as well
        assert!(log > other * 0.97 - 1.0, "logged {logged:?}, captured {captured:?}");
    }
}
