//! Operations that a query parameter tells apart: one rule in `draft`, `fit`, `gap` and `import`.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use standin_tape::exchange::ExchangeResponse;
use standin_tape::{TapeHead, TapeWriter, VERSION};
use tempfile::TempDir;

use crate::replay::exchange;

const JSON: &str = "application/json";

/// URL, content type, body and milliseconds of the calls of a service.
const CALLS: [(&str, &str, &str, u64); 9] = [
    ("/db?action=list&_=17", JSON, r#"{"items":[1,2],"total":2}"#, 5),
    ("/db?action=count&_=18", JSON, r#"{"count":2}"#, 5),
    ("/search?mode=quick", JSON, r#"{"hits":[1]}"#, 4),
    ("/search?mode=deep", JSON, r#"{"hits":[1,2,3]}"#, 40),
    ("/search", JSON, r#"{"hits":[]}"#, 4),
    ("/greet?lang=en", JSON, r#"{"text":"hello"}"#, 5),
    ("/greet?lang=de", JSON, r#"{"text":"guten Tag"}"#, 5),
    ("/stock?item=1", JSON, r#"{"stock":1}"#, 5),
    ("/stock?item=2", JSON, r#"{"stock":77777777}"#, 5),
];

/// Calls of each kind.
const COUNT: u64 = 60;

/// Writes a tape of the calls, whose times vary by a few percent.
fn tape(path: &Path) {
    let head =
        TapeHead { version: VERSION, target: "http://shop:9000".to_owned(), bodies: true, ..TapeHead::default() };
    let mut writer = TapeWriter::create(path, &head).expect("writable");
    let mut number = 0;
    for round in 0..COUNT {
        for (url, kind, body, ms) in CALLS {
            number += 1;
            let latency = Duration::from_micros(ms * (1_000 + round * 7 % 50));
            let mut call = exchange("GET", url, Duration::from_millis(number * 50), latency);
            call.number = number;
            call.in_flight = 1;
            let reference = writer.append_body(body.as_bytes(), body.len() as u64).expect("writable");
            let headers = vec![("Content-Type".to_owned(), kind.to_owned())];
            call.response = Some(ExchangeResponse { status: 200, reason: None, headers, body: Some(reference) });
            writer.write(&call).expect("writable");
        }
    }
    writer.finish(0, 0).expect("writable");
}

fn taped() -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    tape(&folder.path().join("tapes/one.jsonl"));
    folder
}

fn standin(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_standin")).args(args).output().expect("it runs")
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.clone(), output.stderr.clone()].concat()).into_owned()
}

fn assert_has(text: &str, expected: &[&str], absent: &[&str]) {
    for one in expected {
        assert!(text.contains(one), "`{one}` is not in\n{text}");
    }
    for one in absent {
        assert!(!text.contains(one), "`{one}` is in\n{text}");
    }
}

const TOLD_APART: [&str; 4] = ["GET /db?action=count", "GET /db?action=list", "GET /search?mode=deep", "GET /search"];
const ALIKE: [&str; 3] = ["GET /greet?", "GET /stock?", "mode=quick"];

#[test]
fn drafts_have_an_operation_for_each_kind_of_answer() {
    let folder = taped();
    let dir = folder.path().to_str().expect("UTF-8");
    let output = standin(&["draft", dir]);
    let text = told(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    let expected = [
        "query: `action` tells calls of `GET /db` apart (their answers are of different kinds)",
        "query: `mode` tells calls of `GET /search` apart (their median times differ, such as 4.",
        "of 6 operations",
        "replayed: 540 of 540 calls get the recorded answer (100 %)",
    ];
    assert_has(&text, &expected, &["`lang` tells", "`item` tells"]);
    let stated = standin(&["draft", dir, "--query-key", "lang", "--no-query-key", "mode"]);
    let expected = ["`lang` tells calls of `GET /greet` apart (stated by --query-key): `GET /greet?lang=de`"];
    assert_has(&told(&stated), &expected, &["`mode` tells"]);
    assert_eq!(standin(&["draft", dir, "--query-key", "a=b"]).status.code(), Some(64));
    assert_eq!(standin(&["draft", dir, "--no-query-key", ""]).status.code(), Some(64));
}

#[test]
fn a_profile_serves_each_with_its_own_time() {
    let folder = taped();
    let dir = folder.path().to_str().expect("UTF-8");
    let profile = || fs::read_to_string(folder.path().join("profiles/recorded.yaml")).expect("it was written");
    let fit = standin(&["fit", dir, "--anyway"]);
    assert!(matches!(fit.status.code(), Some(0 | 1)), "{}", told(&fit));
    assert_has(&profile(), &TOLD_APART, &ALIKE);
    let (deep, all) = (profile().find("GET /search?mode=deep"), profile().find("name: GET /search\n"));
    assert!(deep.is_some() && deep < all, "the first match wins\n{}", profile());
    assert_has(&profile(), &["queryParameters: {mode: {equalTo: \"deep\"}}"], &[]);
    assert_eq!(standin(&["draft", dir]).status.code(), Some(0));
    let check = standin(&["check", dir]);
    assert_eq!(check.status.code(), Some(0), "{}", told(&check));
    let fit = standin(&["fit", dir, "--anyway", "--no-query-key", "mode"]);
    assert!(matches!(fit.status.code(), Some(0 | 1)), "{}", told(&fit));
    assert_has(&profile(), &["GET /db?action=list"], &["GET /search?"]);
}

#[test]
fn tapes_are_compared_by_the_same_operations() {
    let folder = taped();
    let other = folder.path().join("other.jsonl");
    tape(&other);
    let (one, other) = (folder.path().join("tapes/one.jsonl"), other);
    let (one, other) = (one.to_str().expect("UTF-8"), other.to_str().expect("UTF-8"));
    let gap = standin(&["gap", one, other, "--budget", "none"]);
    assert_has(&told(&gap), &TOLD_APART, &ALIKE);
    let gap = standin(&["gap", one, other, "--budget", "none", "--no-query-key", "action", "--query-key", "item"]);
    assert_has(&told(&gap), &["GET /stock?item={id}", "GET /search?mode=deep"], &["GET /db?"]);
    assert_eq!(standin(&["gap", one, other, "--literal", "x"]).status.code(), Some(64));
}

#[test]
fn an_import_tells_apart_what_takes_different_times() {
    let folder = TempDir::new().expect("a temporary folder");
    let mut table = "timeStamp,elapsed,label,responseCode,success,URL\n".to_owned();
    for round in 0..COUNT {
        for (number, (url, _, _, ms)) in (0..).zip(CALLS) {
            let (at, ms) = (1_700_000_000_000 + round * 1_000 + number * 100, ms + round % 2);
            writeln!(table, "{at},{ms},step {number},200,true,http://shop:9000{url}").expect("memory");
        }
    }
    let file = folder.path().join("results.jtl");
    fs::write(&file, table).expect("writable");
    let (file, dir) = (file.to_str().expect("UTF-8"), folder.path().to_str().expect("UTF-8"));
    let profile = || fs::read_to_string(folder.path().join("profiles/imported.yaml")).expect("it was written");
    let output = standin(&["import", file, "--to", dir]);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    assert_has(
        &profile(),
        &["/search?mode=deep", "queryParameters: {mode: {equalTo: \"deep\"}}"],
        &["lang=", "item=", "quick"],
    );
    let stated = ["--query-key", "lang", "--no-query-key", "mode", "--id-segments", "/{any}"];
    let output = standin(&[&["import", file, "--to", dir][..], &stated].concat());
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    assert_has(&profile(), &["/{id}?lang=de", "/{id}?lang=en"], &["mode="]);
}
