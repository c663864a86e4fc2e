//! The first commands of a new user: a folder to begin with, a toy service, completions, manuals.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Output, Stdio};

use crate::support::{Client, folder};

fn standin(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_standin")).args(args).output().expect("it runs")
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.clone(), output.stderr.clone()].concat()).into_owned()
}

/// A demo service, which ends with the test.
struct Demo {
    process: Child,
    address: SocketAddr,
}

impl Demo {
    fn start(more: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_standin"))
            .args(["demo", "--listen", "127.0.0.1:0"])
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .expect("it runs");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
        let url = line.split_whitespace().find_map(|word| word.strip_prefix("http://")).expect("its address");
        let address = url.trim_end_matches(',').parse().expect("an address");
        Self { process, address }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn init_makes_a_folder_that_passes_check_and_overwrites_nothing() {
    let folder = folder(&[("new/NOTE.md", "mine")]);
    let dir = folder.path().join("new");
    let dir = dir.to_str().expect("text");
    let made = standin(&["init", dir]);
    assert_eq!(made.status.code(), Some(0), "{}", told(&made));
    assert!(told(&made).contains("NOTE.md is there already"), "{}", told(&made));
    assert!(told(&made).contains(&format!("next: standin serve {dir}")), "{}", told(&made));
    assert_eq!(fs::read_to_string(folder.path().join("new/NOTE.md")).expect("text"), "mine");
    let checked = standin(&["check", dir]);
    assert_eq!(checked.status.code(), Some(0), "{}", told(&checked));
    assert!(told(&checked).contains("2 stubs") && told(&checked).contains("1 profile"), "{}", told(&checked));
    let file = folder.path().join("new/NOTE.md");
    assert_eq!(standin(&["init", file.to_str().expect("text")]).status.code(), Some(64));
}

#[test]
fn a_demo_service_answers_and_takes_the_calls_of_another() {
    let demo = Demo::start(&["--demand", "1ms", "--workers", "4"]);
    let mut client = Client::connect(demo.address);
    // three requests on one connection
    for (request, status, body) in [
        ("GET /items/7 HTTP/1.1\r\n\r\n", 200, "\"id\":7"),
        ("POST /orders HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", 201, "taken"),
        ("GET /nothing HTTP/1.1\r\n\r\n", 404, "no such thing"),
    ] {
        client.write(request.as_bytes());
        let answer = client.answer();
        assert_eq!(answer.status, status);
        assert!(answer.text().contains(body), "{}", answer.text());
    }
    let address = demo.address.to_string();
    let sent = standin(&["demo", "--call", &address, "--demand", "20ms", "--time", "200ms"]);
    assert_eq!(sent.status.code(), Some(0), "{}", told(&sent));
    assert!(told(&sent).contains("60 % of the capacity") && told(&sent).contains("0 failed"), "{}", told(&sent));
    drop(demo);
    let failed = standin(&["demo", "--call", &address, "--demand", "20ms", "--time", "500ms"]);
    assert_eq!(failed.status.code(), Some(1), "{}", told(&failed));
    assert_eq!(standin(&["demo", "--demand", "1us"]).status.code(), Some(64));
}

#[test]
fn workers_of_a_demo_service_take_one_call_each() {
    let demo = Demo::start(&["--demand", "100ms", "--workers", "1"]);
    let begun = std::time::Instant::now();
    let mut clients: Vec<Client> = (0..3).map(|_| Client::connect(demo.address)).collect();
    for client in &mut clients {
        client.write(b"GET /items/1 HTTP/1.1\r\n\r\n");
    }
    for client in &mut clients {
        assert_eq!(client.answer().status, 200);
    }
    // one after the other, each 30 % shorter at most
    assert!(begun.elapsed().as_millis() >= 210, "{:?}", begun.elapsed());
}

#[test]
fn schemas_are_printed() {
    for (kind, key) in [("stub", "urlPathTemplate"), ("profile", "discipline")] {
        let printed = standin(&["schema", kind]);
        assert_eq!(printed.status.code(), Some(0), "{kind}");
        let schema: serde_json::Value = serde_json::from_slice(&printed.stdout).expect("JSON");
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert!(schema.to_string().contains(key), "{kind}");
    }
    assert_eq!(standin(&["schema", "plan"]).status.code(), Some(64));
}

#[test]
fn completions_and_manuals_name_the_commands() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = standin(&["completions", shell]);
        assert_eq!(script.status.code(), Some(0), "{shell}");
        let text = told(&script);
        assert!(text.contains("record") && text.contains("stubs") && text.contains("max-file-bytes"), "{shell}");
    }
    let folder = folder(&[]);
    let out = folder.path().join("man1");
    let written = standin(&["man", "--out", out.to_str().expect("text")]);
    assert_eq!(written.status.code(), Some(0), "{}", told(&written));
    for page in ["standin.1", "standin-serve.1", "standin-stubs-from.1"] {
        let text = fs::read_to_string(out.join(page)).unwrap_or_else(|error| panic!("{page}: {error}"));
        assert!(text.contains(".SH NAME"), "{page}");
    }
}
