//! The binary as a process: its address, its output, its metrics and its end.

use std::io::{ErrorKind, Read as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Answer, Client};

/// A running `standin`, which is killed when this is dropped.
pub(crate) struct StandinProcess {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
    /// First line of its output.
    pub(crate) ready: String,
}

/// The end of a process: its exit code, and the output that was not read before.
pub(crate) struct ProcessEnd {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl StandinProcess {
    /// Starts a command that listens, on a free port.
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::start_with(args, &[])
    }

    /// Starts `serve` on a folder, with more arguments and environment variables.
    pub(crate) fn serve(folder: &Path, args: &[&str], variables: &[(&str, &str)]) -> Self {
        let folder = folder.to_str().expect("UTF-8");
        Self::start_with(&[&["serve", folder], args].concat(), variables)
    }

    /// Starts a command that listens, on a free port, with these environment variables.
    pub(crate) fn start_with(args: &[&str], variables: &[(&str, &str)]) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_standin"))
            .args(args)
            .args(["--listen", "127.0.0.1:0"])
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut process = Self { child, address, ready: String::new() };
        process.ready = process.read_line();
        let url = process.ready.strip_prefix("standin: listening on http://");
        let Some(address) = url.and_then(|url| url.split_whitespace().next()?.parse().ok()) else {
            let _ = process.child.kill();
            let stderr = read_to_end(process.child.stderr.take().expect("piped"));
            panic!("no ready line: `{}{stderr}`", process.ready);
        };
        process.address = address;
        process
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.address))
    }

    pub(crate) fn post(&self, path: &str) -> Answer {
        self.send(&format!("POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\n\r\n", self.address))
    }

    /// Sends bytes on a new connection and reads one response.
    pub(crate) fn send(&self, request: &str) -> Answer {
        let mut client = Client::connect(self.address);
        client.write(request.as_bytes());
        client.answer()
    }

    /// Returns the value of a metric, named with its labels.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let page = self.get("/__admin/metrics");
        let line = page.text().lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no metric {name}"))
    }

    /// Returns the CPU time that the process has used.
    pub(crate) fn cpu_time(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("it runs");
        // fields 14 and 15, in ticks of 10 ms; the name before them may hold anything but `)`
        let fields: Vec<&str> = stat.rsplit(')').next().expect("fields").split_whitespace().collect();
        let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().expect("a number")).sum();
        Duration::from_millis(ticks * 10)
    }

    /// Returns the highest resident memory of the process so far, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("the highest so far");
        line.split_whitespace().nth(1).and_then(|kb| kb.parse::<u64>().ok()).expect("a number") * 1024
    }

    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().expect("kill runs");
        assert!(sent.success());
    }

    /// Starts a command that listens where its arguments say; its first line is not read.
    pub(crate) fn start_listening(args: &[&str]) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_standin"))
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        Self { child, address: SocketAddr::from(([127, 0, 0, 1], 0)), ready: String::new() }
    }

    /// Reads a line of stdout.
    pub(crate) fn read_line(&mut self) -> String {
        // byte by byte, so that no later output is lost in a buffer
        let (mut line, mut byte) = (Vec::new(), [0]);
        let stdout = self.child.stdout.as_mut().expect("piped");
        while !line.ends_with(b"\n") && stdout.read(&mut byte).expect("readable") > 0 {
            line.push(byte[0]);
        }
        String::from_utf8(line).expect("UTF-8")
    }

    /// Reads stderr until it contains a text, and returns what was read.
    pub(crate) fn read_stderr_until(&mut self, text: &str) -> String {
        let mut read = Vec::new();
        let mut byte = [0];
        while !String::from_utf8_lossy(&read).contains(text) {
            match self.child.stderr.as_mut().expect("piped").read(&mut byte) {
                Ok(1..) => read.push(byte[0]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                _ => panic!("stderr ended without `{text}`: {}", String::from_utf8_lossy(&read)),
            }
        }
        String::from_utf8_lossy(&read).into_owned()
    }

    /// Waits for the end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        wait(&mut self.child)
    }

    /// Waits for the end, and reads the output meanwhile.
    pub(crate) fn end(mut self) -> ProcessEnd {
        let stdout = self.child.stdout.take().map(|stdout| thread::spawn(move || read_to_end(stdout)));
        let stderr = self.child.stderr.take().map(|stderr| thread::spawn(move || read_to_end(stderr)));
        let code = self.wait().code();
        let text = |reader: Option<thread::JoinHandle<String>>| reader.map(|reader| reader.join().expect("text"));
        ProcessEnd { code, stdout: text(stdout).unwrap_or_default(), stderr: text(stderr).unwrap_or_default() }
    }
}

impl Drop for StandinProcess {
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
        thread::sleep(Duration::from_millis(10));
    }
}

fn read_to_end(mut from: impl std::io::Read) -> String {
    let mut read = Vec::new();
    let _ = from.read_to_end(&mut read);
    String::from_utf8_lossy(&read).into_owned()
}

/// Runs a command that ends by itself. Returns its exit code, and its output as one line.
pub(crate) fn run(args: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_standin"));
    let mut child = command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    let status = wait(&mut child);
    let Output { stdout, stderr, .. } = child.wait_with_output().expect("a child");
    let told = String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned();
    (status.code(), told.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Runs a command that ends by itself, however long it takes. Returns its exit code, and its output
/// as one line.
pub(crate) fn run_patiently(args: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } =
        Command::new(env!("CARGO_BIN_EXE_standin")).args(args).output().expect("it runs");
    let told = String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned();
    (status.code(), told.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Reads a pipe that another process may keep open, until nothing comes for two seconds.
pub(crate) fn read_for_a_while(mut from: impl std::io::Read + Send + 'static) -> String {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
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
