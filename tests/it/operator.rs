//! What an operator sees: the request log, reloads, JSON logs, the end, probes, and refusals whose
//! advice works.

use serde_json::{Value, json};

use crate::process::StandinProcess;
use crate::support::{Client, Mock, folder, write};

fn stub(url: &str) -> String {
    json!({"name": "the stub", "request": {"url": url}, "response": {"body": "x"}}).to_string()
}

#[test]
fn each_call_is_logged_if_the_operator_asks() {
    let root = folder(&[("mappings/a.json", &stub("/a?b=1"))]);
    for option in ["--log-requests", "--verbose"] {
        let mut server = StandinProcess::serve(root.path(), &[option], &[]);
        server.get("/a?b=1");
        server.get("/missing");
        let told = server.read_stderr_until("/missing 404");
        let line = told.lines().find(|line| line.contains(" GET /a?b=1 200 ")).unwrap_or_else(|| panic!("{told}"));
        assert!(line.contains("ms stub `the stub` ("), "{line}");
        server.signal("-TERM");
        let end = server.end();
        assert!(end.stderr.contains("no stub"), "{}", end.stderr);
        assert!(!end.stderr.contains('\u{1b}'), "no colours into a pipe: {}", end.stderr);
    }
    let server = StandinProcess::serve(root.path(), &[], &[]);
    server.get("/a?b=1");
    server.signal("-TERM");
    let end = server.end();
    assert!(!end.stderr.contains("GET /a"), "{}", end.stderr);
}

#[test]
fn a_good_reload_and_the_end_are_reported() {
    let root = folder(&[("mappings/a.json", &stub("/a")), ("mappings/b.json", &stub("/b"))]);
    let mut server = StandinProcess::serve(root.path(), &[], &[]);
    server.get("/a");
    server.get("/missing");
    write(root.path(), "mappings/a.json", &stub("/other"));
    let told = server.read_stderr_until("changed)");
    assert!(told.contains("standin: reloaded: 2 stubs (1 file changed)"), "{told}");
    std::fs::remove_file(root.path().join("mappings/b.json")).expect("it is there");
    let told = server.read_stderr_until("changed)");
    assert!(told.contains("standin: reloaded: 1 stub (1 file changed)"), "{told}");
    server.signal("-TERM");
    let end = server.end();
    let last = end.stderr.lines().last().unwrap_or_default();
    assert!(last.starts_with("standin: ended after "), "{}", end.stderr);
    assert!(last.ends_with(": 2 calls, 1 of them matched no stub"), "{}", end.stderr);
}

#[test]
fn a_json_log_is_json_throughout() {
    let root = folder(&[("mappings/a.json", &stub("/a"))]);
    let args = ["--log-format", "json", "--log", "info", "--log-requests"];
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_standin"))
        .args(["serve", root.path().to_str().expect("UTF-8"), "--listen", "127.0.0.1:0"])
        .args(args)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut ready = String::new();
    let mut stdout = std::io::BufReader::new(child.stdout.take().expect("piped"));
    std::io::BufRead::read_line(&mut stdout, &mut ready).expect("a line");
    let ready: Value = serde_json::from_str(&ready).expect("the ready line is JSON");
    let message = ready["fields"]["message"].as_str().expect("a message");
    let address = message.strip_prefix("listening on http://").and_then(|rest| rest.split(' ').next());
    let mut client = Client::connect(address.and_then(|address| address.parse().ok()).expect("an address"));
    client.write(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    client.answer();
    // a broken file is drawn over several lines in a text log
    write(root.path(), "mappings/a.json", "{\"request\": {\"urll\": 1}}");
    client.write(b"POST /__admin/standin/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
    client.answer();
    let _ = std::process::Command::new("kill").arg(child.id().to_string()).status();
    let mut told = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().expect("piped"), &mut told).expect("UTF-8");
    child.wait().expect("it ends");
    let lines: Vec<Value> = told
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: `{line}` in\n{told}")))
        .collect();
    for key in ["timestamp", "level", "fields"] {
        assert!(lines.iter().all(|line| !line[key].is_null()), "{key} is missing in\n{told}");
    }
    for expected in ["ended after", "did you mean `url`?", "\"status\":200", "listening"] {
        assert!(told.contains(expected), "`{expected}` is missing in\n{told}");
    }
    // an error of the start too
    let (code, failed) = crate::process::run(&["serve", "/nowhere/at/all", "--log-format", "json"]);
    assert_ne!(code, Some(0));
    assert!(serde_json::from_str::<Value>(&failed).is_ok(), "{failed}");
}

#[test]
fn probes_come_from_anywhere_and_by_any_name() {
    let mock = Mock::configured(&[], |_| {});
    let by_name = |path: &str, host: &str| mock.send(&format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    let probed = by_name("/__admin/health", "wiremock:8080");
    assert_eq!((probed.status, probed.json()["status"].as_str()), (200, Some("healthy")));
    assert!(probed.json()["version"].is_null(), "{}", probed.text());
    assert!(mock.get("/__admin/health").json()["version"].is_string());
    let post = "POST /__admin/health HTTP/1.1\r\nHost: wiremock:8080\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(mock.send(post).status, 403);
    // the advice of the refusal works when it is followed, with the port too
    let refused = by_name("/__admin/mappings", "wiremock:8080");
    assert_eq!(refused.status, 403);
    assert!(
        refused.text().contains("add --admin-host wiremock,") || refused.text().contains("--admin-host wiremock;"),
        "{}",
        refused.text()
    );
    for advised in ["wiremock", "wiremock:8080"] {
        let mock = Mock::configured(&[], |config| config.access.hosts = vec![advised.to_owned()]);
        let allowed = mock.send("GET /__admin/mappings HTTP/1.1\r\nHost: wiremock:8080\r\n\r\n");
        assert_eq!(allowed.status, 200, "{advised}");
    }
}

#[test]
fn admin_paths_that_are_not_there_are_explained() {
    let mock = Mock::configured(&[], |_| {});
    let missing = mock.get("/__admin/mapping");
    assert_eq!(missing.status, 404);
    assert!(missing.text().contains("did you mean /__admin/mappings?"), "{}", missing.text());
    let wrong = mock.send("PATCH /__admin/mappings HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(wrong.status, 404);
    assert!(wrong.text().contains("has no PATCH; it has GET, POST, DELETE"), "{}", wrong.text());
}

#[test]
fn a_misspelt_key_that_is_needed_is_named() {
    let capacity = "{disciplin: fifo, workers: 2, queue: unbounded}";
    let profile = format!("services:\n- name: all\n  capacity: {capacity}\n  default: {{demand: {{fixed: 5ms}}}}\n");
    let root = folder(&[("mappings/a.json", &stub("/a")), ("profiles/peak.yaml", &profile)]);
    let (code, told) = crate::process::run(&["check", root.path().to_str().expect("UTF-8")]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("unknown field `disciplin`") && told.contains("did you mean `discipline`?"), "{told}");
    assert!(!told.contains("has no `discipline`"), "{told}");
}
