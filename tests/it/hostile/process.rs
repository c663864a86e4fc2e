//! The binary as a process of its own, and a service behind it.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use crate::support::{Answer, Client};

/// A running `standin`, killed with the test.
pub(super) struct Process {
    pub(super) child: Child,
    pub(super) address: SocketAddr,
}

impl Process {
    /// Starts a server on a free port; the test reads its stderr, or does not.
    pub(super) fn start(args: &[&str]) -> Self {
        Self::start_with(args, &[])
    }

    /// As [`Process::start`], with these environment variables.
    pub(super) fn start_with(args: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_standin"))
            .args(args)
            .args(["--listen", "127.0.0.1:0"])
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        // byte by byte, so that nothing of what comes later is lost in a buffer
        let mut line = Vec::new();
        let mut byte = [0];
        while !line.ends_with(b"\n") && child.stdout.as_mut().expect("piped").read(&mut byte).expect("readable") > 0 {
            line.push(byte[0]);
        }
        let line = String::from_utf8(line).expect("UTF-8");
        let url = line.strip_prefix("standin: listening on http://");
        let address = url.and_then(|url| url.split_whitespace().next()?.parse().ok());
        let address = address.unwrap_or_else(|| panic!("no ready line: `{line}`"));
        Self { child, address }
    }

    pub(super) fn get(&self, path: &str) -> Answer {
        let mut client = Client::connect(self.address);
        client.write(format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.address).as_bytes());
        client.answer()
    }

    /// The value of a metric, 0 if it is not there.
    pub(super) fn metric(&self, name: &str) -> u64 {
        let page = self.get("/__admin/metrics");
        let line = page.text().lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|value| value.parse().ok()).unwrap_or(0)
    }

    pub(super) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().expect("kill runs");
        assert!(sent.success());
    }

    /// Waits for its end.
    pub(super) fn wait(&mut self) -> ExitStatus {
        wait(&mut self.child)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn wait(child: &mut Child) -> ExitStatus {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(status) = child.try_wait().expect("a child") {
            return status;
        }
        if Instant::now() > deadline {
            let _ = child.kill();
            panic!("it does not end");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Runs a command that must come to its end by itself; its exit code, and what it says, as one line.
pub(super) fn run(args: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_standin"));
    let mut child = command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    let status = wait(&mut child);
    let Output { stdout, stderr, .. } = child.wait_with_output().expect("a child");
    let told = String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned();
    (status.code(), told.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// A service that answers each call at once, with a body of its own.
pub(super) struct Service {
    pub(super) url: String,
    pub(super) calls: Arc<AtomicU64>,
}

impl Service {
    /// Bodies have so many bytes, and no two are alike.
    pub(super) fn of_bodies(bytes: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let calls = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&calls);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let counted = Arc::clone(&counted);
                std::thread::spawn(move || answer_all(stream, bytes, &counted));
            }
        });
        Self { url, calls }
    }
}

fn answer_all(mut stream: TcpStream, bytes: usize, calls: &AtomicU64) {
    let _ = stream.set_nodelay(true);
    let (mut unread, mut piece) = (Vec::new(), [0; 4096]);
    while let Ok(read @ 1..) = stream.read(&mut piece) {
        unread.extend_from_slice(&piece[..read]);
        while let Some(end) = unread.windows(4).position(|four| four == b"\r\n\r\n") {
            unread.drain(..end + 4);
            let number = calls.fetch_add(1, Ordering::Relaxed);
            let body = format!("{number:0bytes$}");
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }
}

/// Reads to the end of something that others may keep open, for a while at most.
pub(super) fn read_for_a_while(mut from: impl std::io::Read + Send + 'static) -> String {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut piece = [0; 16 << 10];
        while let Ok(read @ 1..) = from.read(&mut piece) {
            if sender.send(piece[..read].to_vec()).is_err() {
                return;
            }
        }
    });
    let mut all = Vec::new();
    while let Ok(piece) = receiver.recv_timeout(Duration::from_secs(2)) {
        all.extend(piece);
    }
    String::from_utf8_lossy(&all).into_owned()
}
