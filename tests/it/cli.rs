//! The binary: what it prints, how it exits, what signals do.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpStream;
use std::process::{Child, Command, Output, Stdio};

use crate::support::{Client, eventually, folder};

fn standin(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_standin")).args(args).output().expect("it runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A server process that is killed with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Process {
    fn signal(&self, signal: &str) {
        let done = Command::new("kill").args([signal, &self.0.id().to_string()]).status().expect("kill runs");
        assert!(done.success());
    }

    fn exit(&mut self) -> i32 {
        let mut status = None;
        eventually("the process ends", || {
            status = self.0.try_wait().expect("a child");
            status.is_some()
        });
        status.and_then(|status| status.code()).unwrap_or(-1)
    }
}

fn serve(dir: &str) -> (Process, std::net::SocketAddr, String) {
    serve_with(dir, &[])
}

fn serve_with(dir: &str, more: &[&str]) -> (Process, std::net::SocketAddr, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_standin"))
        .args(["serve", dir, "--listen", "127.0.0.1:0"])
        .args(more)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it runs");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
    let url = line.strip_prefix("standin: listening on http://").expect("the ready line");
    let address = url.split_whitespace().next().and_then(|address| address.parse().ok()).expect("an address");
    (Process(child), address, line)
}

#[test]
fn the_ready_line_names_the_port_and_the_stubs() {
    let root = folder(&[("mappings/s.json", r#"{"request": {"url": "/a"}, "response": {"body": "ok"}}"#)]);
    let (mut process, address, line) = serve(root.path().to_str().expect("UTF-8"));
    assert!(line.ends_with("(1 stub)\n"), "{line}");
    let mut client = Client::connect(address);
    client.write(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(client.answer().text(), "ok");
    process.signal("-TERM");
    assert_eq!(process.exit(), 0);
}

#[test]
fn all_answers_are_templates_or_none_is() {
    let named = r#"{"request": {"url": "/named"}, "response": {"body": "{{request.method}}", "transformers": ["response-template"]}}"#;
    let plain = r#"{"request": {"url": "/plain"}, "response": {"body": "{{request.method}}"}}"#;
    let root = folder(&[("mappings/a.json", named), ("mappings/b.json", plain)]);
    for (more, expected) in [
        (&[][..], ["GET", "{{request.method}}"]),
        (&["--global-response-templating"][..], ["GET", "GET"]),
        (&["--disable-response-templating"][..], ["{{request.method}}", "{{request.method}}"]),
    ] {
        let (_process, address, _) = serve_with(root.path().to_str().expect("UTF-8"), more);
        let mut client = Client::connect(address);
        let answers = ["/named", "/plain"].map(|path| {
            client.write(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
            client.answer().text().to_owned()
        });
        assert_eq!(answers, expected, "{more:?}");
    }
    let both = standin(&["serve", "--global-response-templating", "--disable-response-templating"]);
    assert_eq!(both.status.code(), Some(64));
}

#[test]
#[cfg(target_os = "linux")]
fn the_precision_in_force_is_told() {
    let root = folder(&[("mappings/s.json", r#"{"request": {"url": "/a"}, "response": {"body": "ok"}}"#)]);
    for (more, told) in [(&[][..], "normal"), (&["--precision", "high"][..], "high")] {
        let (_process, address, _) = serve_with(root.path().to_str().expect("UTF-8"), more);
        let mut client = Client::connect(address);
        client.write(b"GET /__admin/standin/audit HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
        let audit = client.answer().json();
        assert_eq!(audit["precision"], told, "{audit}");
        client.write(b"GET /__admin/metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
        let metrics = client.answer();
        let metrics = metrics.text();
        assert!(metrics.contains(&format!("standin_timer_info{{precision=\"{told}\"}} 1")), "{metrics}");
    }
}

#[test]
fn a_second_signal_ends_at_once() {
    let stub = r#"{"request": {"url": "/long"}, "response": {"body": "0123456789",
        "chunkedDribbleDelay": {"numberOfChunks": 10, "totalDuration": 60000}}}"#;
    let root = folder(&[("mappings/s.json", stub)]);
    let (mut process, address, _) = serve(root.path().to_str().expect("UTF-8"));
    let mut client = Client::connect(address);
    client.write(b"GET /long HTTP/1.1\r\nHost: x\r\n\r\n");
    client.stream.read_exact(&mut [0]).expect("the head comes at once");
    process.signal("-TERM");
    eventually("it accepts no more connections", || TcpStream::connect(address).is_err());
    assert!(process.0.try_wait().expect("a child").is_none(), "the first signal waits for the call");
    process.signal("-TERM");
    assert_eq!(process.exit(), 2);
}

#[test]
fn every_defect_is_told_at_once() {
    let root = folder(&[
        (
            "mappings/a.json",
            "{\n  \"request\": {\"url\": \"/a\", \"headers\": {\"X\": {\"equal\": \"1\"}}},\n  \"respnse\": {}\n}",
        ),
        (
            "mappings/b.json",
            "{\"request\": {\"urlPattern\": \"/(\"}, \"response\": {\"status\": \"OK\", \"fault\": \"BOOM\"}}",
        ),
        ("mappings/c.json", "{\"request\": {\"url\": \"/c\"},}"),
        (
            "mappings/d.yaml",
            "request:\n  url: /d\nresponse:\n  bodyFileName: ../secret\n  fixedDelayMilliseconds: soon\n",
        ),
        ("mappings/e.json", "{\"request\": {\"url\": \"/e\"}, \"response\": {\"bodyFileName\": \"missing.txt\"}}"),
    ]);
    let dir = root.path().to_str().expect("UTF-8");
    let output = standin(&["check", dir]);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    for expected in [
        "a.json:2:",
        "did you mean `equalTo`?",
        "unknown field `respnse`",
        "did you mean `response`?",
        "b.json:1:",
        "not `OK`",
        "`BOOM` is not a fault",
        "c.json:1:",
        "trailing comma",
        "d.yaml:4:",
        "leads out of",
        "not `soon`",
        "missing.txt",
    ] {
        assert!(told.contains(expected), "`{expected}` is not told in:\n{told}");
    }
    assert!(told.lines().all(|line| line.chars().count() <= 140), "{told}");
    let serving = standin(&["serve", dir, "--listen", "127.0.0.1:0", "--strict"]);
    assert_eq!(serving.status.code(), Some(1));
    assert!(text(&serving.stderr).contains("none are served"));
}

#[test]
fn check_finds_stubs_that_are_never_reached() {
    let root = folder(&[(
        "mappings/s.json",
        r#"{"mappings": [
            {"name": "same", "request": {"url": "/a", "method": "GET"}, "response": {}},
            {"name": "again", "request": {"method": "GET", "url": "/a"}, "response": {}},
            {"name": "narrow", "priority": 6, "request": {"url": "/b", "headers": {"X": {"equalTo": "1"}}}, "response": {}},
            {"name": "wide", "request": {"url": "/b"}, "response": {}},
            {"name": "fine", "request": {"url": "/c"}, "response": {}}
        ]}"#,
    )]);
    let output = standin(&["check", root.path().to_str().expect("UTF-8")]);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(told.matches("is never reached").count(), 2, "{told}");
    assert!(told.contains("asks for the same") && told.contains("asks for less"), "{told}");
}

#[test]
fn wrong_usage_exits_64_and_says_what_is_right() {
    for (args, expected) in [
        (&["serve", "--listen", "8080"][..], "127.0.0.1:8080"),
        (&["serve", "--grace", "10"], "unit"),
        (&["serve", "--max-head", "100"], "8192"),
        (&["serve", "--log", "=x="], "--log"),
        (&["serve", "/nowhere/at/all"], "mappings/"),
        (&["serve", "--lisen", "x"], "--listen"),
        (&["serev"], "serve"),
        (&["check", "/nowhere/at/all"], "mappings/"),
    ] {
        let output = standin(args);
        assert_eq!(output.status.code(), Some(64), "{args:?}");
        assert!(text(&output.stderr).contains(expected), "{args:?}: {}", text(&output.stderr));
    }
}

#[test]
fn logs_are_quiet_unless_asked_for_and_json_if_wanted() {
    let root = folder(&[("mappings/s.json", r#"{"request": {"url": "/a"}}"#)]);
    let logged = |args: &[&str]| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_standin"))
            .args(["serve", root.path().to_str().expect("UTF-8"), "--listen", "127.0.0.1:0"])
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
        let _ = Command::new("kill").arg(child.id().to_string()).status();
        text(&child.wait_with_output().expect("it ends").stderr)
    };
    let quiet = logged(&[]);
    assert!(quiet.starts_with("standin: ended after ") && quiet.lines().count() == 1, "{quiet}");
    assert!(logged(&["--log", "info"]).contains("listening"));
    let json = logged(&["--log", "info", "--log-format", "json"]);
    let line: serde_json::Value = serde_json::from_str(json.lines().next().expect("a line")).expect("JSON");
    assert_eq!(line["fields"]["message"], "listening");
}

#[test]
fn a_taken_port_is_an_error_and_never_another_port() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let root = folder(&[]);
    let output = standin(&["serve", root.path().to_str().expect("UTF-8"), "--listen", &address]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("it is taken"), "{}", text(&output.stderr));
}

#[test]
fn help_fits_a_terminal_of_80_columns() {
    for args in [&["--help"][..], &["serve", "--help"], &["check", "--help"]] {
        let output =
            Command::new(env!("CARGO_BIN_EXE_standin")).args(args).env("COLUMNS", "80").output().expect("it runs");
        assert_eq!(output.status.code(), Some(0));
        let help = text(&output.stdout);
        let long: Vec<_> = help.lines().filter(|line| line.chars().count() > 80).collect();
        assert!(long.is_empty(), "{args:?}: {long:?}");
    }
}

#[test]
fn health_says_whether_it_is_up() {
    let root = folder(&[("mappings/a.json", r#"{"request": {"url": "/a"}}"#)]);
    let (process, address, _) = serve(root.path().to_str().expect("UTF-8"));
    let asked = standin(&["health", &address.to_string()]);
    assert_eq!((asked.status.code(), text(&asked.stdout)), (Some(0), "standin: healthy\n".to_owned()));
    drop(process);
    let asked = standin(&["health", &address.to_string()]);
    assert_eq!(asked.status.code(), Some(1));
    assert!(text(&asked.stderr).contains("does not answer"), "{}", text(&asked.stderr));
}

#[test]
fn a_profile_is_named_in_the_ready_line_and_must_be_there() {
    let root = folder(&[
        ("mappings/a.json", r#"{"request": {"url": "/a"}}"#),
        (
            "profiles/peak.yaml",
            "services:\n  - {name: s, capacity: {discipline: unlimited}, default: {demand: {fixed: 1ms}}}\n",
        ),
    ]);
    let dir = root.path().to_str().expect("UTF-8");
    let (_process, _, line) = serve_with(dir, &["--profile", "peak"]);
    assert!(line.contains("(1 stub, profile peak)"), "{line}");
    let refused = standin(&["serve", dir, "--listen", "127.0.0.1:0", "--profile", "peek"]);
    assert_eq!(refused.status.code(), Some(64));
    assert!(text(&refused.stderr).contains("did you mean `peak`?"), "{}", text(&refused.stderr));
    let checked = standin(&["check", dir]);
    assert_eq!(checked.status.code(), Some(0));
    assert!(text(&checked.stdout).contains("1 stub and 1 profile"), "{}", text(&checked.stdout));
    crate::support::write(root.path(), "profiles/peak.yaml", "services:\n  - {nam: s}\n");
    let checked = standin(&["check", dir]);
    assert_eq!(checked.status.code(), Some(1));
    assert!(text(&checked.stderr).contains("did you mean `name`?"), "{}", text(&checked.stderr));
}
