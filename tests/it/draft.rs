//! `standin draft`: from a tape to stubs that answer as the service did, over HTTP.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use standin::Config;
use standin::{Handle, Server};
use standin_tape::exchange::{BodyRef, Exchange, ExchangeResponse};
use standin_tape::{TapeHead, TapeWriter, VERSION, redaction_marker};
use tempfile::TempDir;

use crate::replay::exchange;
use crate::support::{Answer, Client};

/// A call and its answer as a tape has them, without their bodies.
pub(crate) struct Said<'s> {
    pub(crate) method: &'s str,
    pub(crate) url: &'s str,
    pub(crate) asked: &'s [u8],
    pub(crate) status: u16,
    pub(crate) headers: &'s [(&'s str, &'s str)],
    pub(crate) answer: &'s [u8],
}

pub(crate) const OK: Said<'_> = Said { method: "GET", url: "/", asked: b"", status: 200, headers: &[], answer: b"" };

/// Returns a stub folder with a tape of these calls.
pub(crate) fn taped(said: &[Said<'_>]) -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    tape(folder.path(), "one", said, true);
    folder
}

pub(crate) fn tape(folder: &Path, name: &str, said: &[Said<'_>], bodies: bool) {
    let head = TapeHead { version: VERSION, target: "http://inventory:9000".to_owned(), bodies, ..TapeHead::default() };
    let mut writer = TapeWriter::create(&folder.join(format!("tapes/{name}.jsonl")), &head).expect("writable");
    for (number, said) in (1..).zip(said) {
        let mut keep =
            |body: &[u8]| (!body.is_empty()).then(|| writer.append_body(body, body.len() as u64).expect("writable"));
        let (asked, answered) = (keep(said.asked), keep(said.answer));
        let pairs =
            |pairs: &[(&str, &str)]| pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect::<Vec<_>>();
        let mut exchange: Exchange =
            exchange(said.method, said.url, Duration::from_millis(number), Duration::from_millis(1));
        exchange.number = number;
        exchange.request.body = asked;
        if said.asked.starts_with(b"{") {
            exchange.request.headers = pairs(&[("content-type", "application/json")]);
        }
        exchange.response =
            Some(ExchangeResponse { status: said.status, reason: None, headers: pairs(said.headers), body: answered });
        writer.write(&exchange).expect("writable");
    }
    writer.finish(0, 0).expect("writable");
}

pub(crate) fn draft(folder: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_standin")).arg("draft").arg(folder).args(more).output().expect("it runs")
}

pub(crate) fn told(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.clone(), output.stderr.clone()].concat()).into_owned()
}

/// Drafts stubs and serves them.
pub(crate) fn drafted(folder: &TempDir) -> Handle {
    let output = draft(folder.path(), &[]);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    Server::bind(Config::new(folder.path())).expect("good stubs").start().expect("it starts")
}

pub(crate) fn call(server: &Handle, method: &str, url: &str, headers: &str, body: &[u8]) -> Answer {
    let mut client = Client::connect(server.addresses()[0].listener.address);
    let head = format!("{method} {url} HTTP/1.1\r\nHost: me\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    client.write(&[head.as_bytes(), body].concat());
    client.answer_to(method)
}

/// Returns all files below a folder with their contents.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().map(|entry| entry.expect("readable").path()) {
        if entry.is_dir() {
            all.extend(files(&entry));
        } else {
            all.push((entry.display().to_string(), fs::read(&entry).expect("readable")));
        }
    }
    all.sort();
    all
}

#[test]
fn recorded_calls_are_answered_as_recorded() {
    let picture: Vec<u8> = (0..=255).cycle().take(6_000).collect();
    let long = format!("[{}]", vec!["\"a value that fills the page\""; 400].join(","));
    let json =
        [("Content-Type", "application/json"), ("X-A", "1"), ("X-A", "2"), ("Date", "Mon, 02 Nov 2026 09:00:00 GMT")];
    let said = [
        Said { url: "/items/1", headers: &json, answer: b"{\"id\": 1}", ..OK },
        Said { url: "/items/1", headers: &json, answer: b"{\"id\": 1}", ..OK },
        Said { url: "/items?page=2&size=10", answer: b"page two", ..OK },
        Said { url: "/items?page=1&size=10", answer: b"page one", ..OK },
        Said { url: "/logo.png", headers: &[("Content-Type", "image/png")], answer: &picture, ..OK },
        Said { url: "/long", headers: &json, answer: long.as_bytes(), ..OK },
        Said { url: "/gone", status: 404, answer: b"no", ..OK },
        Said { method: "HEAD", url: "/items/1", headers: &json, ..OK },
        Said { method: "DELETE", url: "/items/1", status: 204, ..OK },
        Said { method: "POST", url: "/orders", asked: b"{\"item\":1,\"n\":2}", status: 201, answer: b"first", ..OK },
        Said { method: "POST", url: "/orders", asked: b"{\"item\":2,\"n\":2}", status: 201, answer: b"second", ..OK },
    ];
    let folder = taped(&said);
    let server = drafted(&folder);
    for said in &said {
        let kind = if said.asked.is_empty() { "" } else { "Content-Type: application/json\r\n" };
        let got = call(&server, said.method, said.url, kind, said.asked);
        assert_eq!(got.status, said.status, "{} {}", said.method, said.url);
        if said.headers == json {
            assert_eq!((got.all("x-a"), got.header("date")), (vec!["1", "2"], None));
            let (got, expected) = (&got.body, said.answer);
            let value = |body: &[u8]| serde_json::from_slice::<serde_json::Value>(body).ok();
            assert_eq!(value(got), value(expected), "{}", said.url);
        } else {
            assert_eq!(got.body, said.answer, "{} {}", said.method, said.url);
        }
    }
    assert_eq!(call(&server, "GET", "/items?size=10&page=2", "", b"").text(), "page two", "in any order");
    assert_eq!(call(&server, "POST", "/orders", "", b"{\"item\":3}").status, 404, "what was not asked is not answered");
    let names: Vec<String> = files(&folder.path().join("__files")).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), 2, "large and binary bodies are files: {names:?}");
    assert!(
        names.iter().any(|name| name.contains(".png")) && names.iter().any(|name| name.contains(".json")),
        "{names:?}"
    );
}

#[test]
fn an_answer_to_head_keeps_its_length() {
    let said = [
        Said { method: "HEAD", url: "/report", headers: &[("Content-Length", "12345"), ("X-A", "1")], ..OK },
        Said { url: "/report", headers: &[("Content-Length", "5")], answer: b"short", ..OK },
    ];
    let server = drafted(&taped(&said));
    let mut client = Client::connect(server.addresses()[0].listener.address);
    for _ in 0..2 {
        client.write(b"HEAD /report HTTP/1.1\r\nHost: me\r\n\r\n");
        let got = client.answer_to("HEAD");
        assert_eq!((got.status, got.header("content-length"), got.header("x-a")), (200, Some("12345"), Some("1")));
    }
    // nothing of a body stands before the next answer
    client.write(b"GET /report HTTP/1.1\r\nHost: me\r\n\r\n");
    assert_eq!(client.answer().text(), "short");
}

#[test]
fn the_same_tapes_give_the_same_files_whatever_their_order_of_calls() {
    let item = |url, answer| Said { url, answer, ..OK };
    let said = [item("/a/1", b"x" as &[u8]), item("/a/2", b"y"), item("/b", b"z"), item("/a/1", b"x")];
    let folder = taped(&said);
    assert_eq!(draft(folder.path(), &[]).status.code(), Some(0));
    let first = files(&folder.path().join("mappings"));
    let again = draft(folder.path(), &[]);
    assert!(told(&again).contains("files: 0 written"), "{}", told(&again));
    assert_eq!(files(&folder.path().join("mappings")), first);
    let [one, two, three, four] = said;
    let other = taped(&[three, four, two, one]);
    draft(other.path(), &[]);
    let content = |files: Vec<(String, Vec<u8>)>| files.into_iter().map(|(_, bytes)| bytes).collect::<Vec<_>>();
    assert_eq!(content(files(&other.path().join("mappings"))), content(first));
}

#[test]
fn a_template_needs_proof_and_nothing_is_answered_that_was_never_asked() {
    let item = |url, answer| Said { url, answer, ..OK };
    let one = taped(&[item("/items/17", b"seventeen"), item("/health", b"up")]);
    let server = drafted(&one);
    assert_eq!(call(&server, "GET", "/items/18", "", b"").status, 404, "one id proves nothing");
    drop(server);
    let two = taped(&[item("/items/17", b"number 17"), item("/items/19", b"number 19"), item("/health", b"up")]);
    let server = drafted(&two);
    assert_eq!(call(&server, "GET", "/items/17", "", b"").text(), "number 17");
    assert_eq!(call(&server, "GET", "/items/19", "", b"").text(), "number 19");
    assert_eq!(call(&server, "GET", "/items/18", "", b"").text(), "number 18", "two prove that the id is repeated");
    for (method, url) in
        [("GET", "/items/search"), ("GET", "/items"), ("GET", "/"), ("POST", "/items/17"), ("GET", "/other/17")]
    {
        assert_eq!(call(&server, method, url, "", b"").status, 404, "{method} {url}");
    }
}

#[test]
fn what_a_user_states_of_ids_and_fields_holds() {
    let folder = taped(&[
        Said { url: "/products/mug", answer: b"mug", ..OK },
        Said { url: "/products/lamp", answer: b"lamp", ..OK },
        Said { url: "/years/2025", answer: b"2025", ..OK },
        Said { url: "/years/2026", answer: b"now", ..OK },
        Said { url: "/years/2027", answer: b"2027", ..OK },
        Said { method: "POST", url: "/events", asked: b"{\"kind\":1,\"note\":\"x\"}", answer: b"taken", ..OK },
    ]);
    let stated =
        ["--id-segments", "/products/{slug}", "--literal", "/years/2026", "--ignore-field", "note", "--max-stubs", "9"];
    let output = draft(folder.path(), &stated);
    let told = told(&output);
    assert_eq!(output.status.code(), Some(0), "{told}");
    for expected in [
        "id: `GET /products/{id}` stands for 2 values (stated by --id-segments): lamp, mug",
        "id: `GET /years/{id}` stands for 2 values (numbers): 2025, 2027",
        "`POST /events without note`",
        "replayed: 6 of 6 calls get the recorded answer (100 %)",
    ] {
        assert!(told.contains(expected), "`{expected}` is not in\n{told}");
    }
    let server = Server::bind(Config::new(folder.path())).expect("good stubs").start().expect("it starts");
    assert_eq!(call(&server, "GET", "/products/vase", "", b"").status, 200);
    let post = |body: &[u8]| call(&server, "POST", "/events", "Content-Type: application/json\r\n", body).status;
    assert_eq!((post(b"{\"kind\":1,\"note\":\"y\"}"), post(b"{\"kind\":2,\"note\":\"x\"}")), (200, 404));
    assert!(folder.path().join("mappings/recorded/get-years-2026.json").exists());
    let wrong = draft(folder.path(), &["--id-segments", "/products"]);
    assert_eq!(wrong.status.code(), Some(64));
}

#[test]
fn misses_of_a_replay_are_listed_with_their_reason() {
    let busy = ["a", "b", "a"].into_iter().cycle().take(30);
    let mut said: Vec<Said<'_>> = busy.map(|answer| Said { url: "/random", answer: answer.as_bytes(), ..OK }).collect();
    said.push(Said { url: "/random", status: 503, ..OK });
    let output = draft(taped(&said).path(), &[]);
    let told = told(&output);
    for expected in
        ["replayed: 20 of 31 calls", "10 calls: another body", "1 call: the service answered 5xx", "GET /random"]
    {
        assert!(told.contains(expected), "`{expected}` is not in\n{told}");
    }
}

#[test]
fn secrets_are_asked_for_by_their_presence() {
    let (path, key) = (format!("/reset/{}", redaction_marker(1)), format!("/who?token={}", redaction_marker(2)));
    let body = format!("{{\"user\":\"ann\",\"password\":\"{}\"}}", redaction_marker(3));
    let cookie = format!("sid={}; Path=/", redaction_marker(4));
    let folder = taped(&[
        Said { url: &path, answer: b"reset", ..OK },
        Said { url: &key, answer: b"ann", headers: &[("Set-Cookie", &cookie)], ..OK },
        Said { method: "POST", url: "/login", asked: body.as_bytes(), answer: b"in", ..OK },
    ]);
    let server = drafted(&folder);
    assert_eq!(call(&server, "GET", "/reset/any-code", "", b"").text(), "reset");
    let who = call(&server, "GET", "/who?token=another", "", b"");
    assert_eq!((who.text(), who.header("set-cookie")), ("ann", Some("sid=standin-00000004; Path=/")));
    assert_eq!(call(&server, "GET", "/who", "", b"").status, 404, "it must be there");
    let login =
        |body: &str| call(&server, "POST", "/login", "Content-Type: application/json\r\n", body.as_bytes()).status;
    assert_eq!(login(r#"{"user":"ann","password":"guess"}"#), 200);
    assert_eq!(login(r#"{"user":"bob","password":"guess"}"#), 404);
    assert_eq!(login(r#"{"user":"ann"}"#), 404);
    let drafts = files(&folder.path().join("mappings"));
    assert!(drafts.iter().all(|(_, text)| !String::from_utf8_lossy(text).contains("~redacted")), "{drafts:?}");
}

#[test]
fn what_people_edited_or_no_longer_record_is_theirs() {
    let item = |url, answer| Said { url, answer, ..OK };
    let folder = taped(&[item("/a", b"recorded"), item("/b", b"recorded")]);
    draft(folder.path(), &[]);
    let mappings = folder.path().join("mappings/recorded");
    let edited = mappings.join("get-a.json");
    let text = fs::read_to_string(&edited).expect("it is there").replace("recorded\"", "by hand\"");
    fs::write(&edited, &text).expect("writable");
    fs::remove_file(folder.path().join("tapes/one.jsonl")).expect("it was there");
    tape(folder.path(), "two", &[item("/a", b"other"), item("/c", b"new")], true);
    let output = draft(folder.path(), &[]);
    assert!(told(&output).contains("edited by hand") && told(&output).contains("--prune"), "{}", told(&output));
    assert_eq!(fs::read_to_string(&edited).expect("it is there"), text);
    assert!(mappings.join("get-b.json").exists() && mappings.join("get-c.json").exists());
    let output = draft(folder.path(), &["--prune"]);
    assert!(told(&output).contains("removed"), "{}", told(&output));
    assert!(!mappings.join("get-b.json").exists() && edited.exists());
}

#[test]
fn operations_with_very_many_stubs_keep_those_called_most() {
    let urls: Vec<String> = (0..20).map(|number| format!("/items/{number}")).collect();
    let mut said: Vec<Said<'_>> = urls.iter().map(|url| Said { url, answer: b"once", ..OK }).collect();
    said.push(Said { url: "/items/7", answer: b"once", ..OK });
    let folder = taped(&said);
    let output = draft(folder.path(), &["--max-stubs", "1"]);
    assert!(told(&output).contains("--max-stubs"), "{}", told(&output));
    let text = fs::read_to_string(folder.path().join("mappings/recorded/get-items-id.json")).expect("a draft");
    let draft: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(draft["mappings"][0]["request"]["url"], "/items/7");
}

#[test]
fn what_cannot_be_drafted_is_told() {
    let folder = TempDir::new().expect("a temporary folder");
    let output = draft(folder.path(), &[]);
    assert_eq!(output.status.code(), Some(64));
    assert!(told(&output).contains("record some first"), "{}", told(&output));
    tape(folder.path(), "bare", &[OK], false);
    let output = draft(folder.path(), &[]);
    assert_eq!(output.status.code(), Some(64));
    assert!(told(&output).contains("--no-bodies"), "{}", told(&output));
    let busy = taped(&[
        Said { url: "/a", answer: b"fine", ..OK },
        Said { url: "/a", status: 503, answer: b"busy", ..OK },
        Said { url: "/b", status: 304, ..OK },
    ]);
    let path = busy.path().join("tapes/one.jsonl");
    let torn = fs::read_to_string(&path).expect("a tape") + "{\"number\":9,\"requ";
    fs::write(&path, torn).expect("writable");
    let output = draft(busy.path(), &[]);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    assert!(told(&output).contains("429 or 408") && told(&output).contains("304"), "{}", told(&output));
    assert!(told(&output).lines().all(|line| line.chars().count() <= 120), "{}", told(&output));
}

#[test]
fn bodies_that_no_mapping_names_any_more_go_with_prune_unless_they_were_edited() {
    let (old, new) = ([0u8, 1, 2].repeat(900), [3u8, 4, 5].repeat(900));
    let say = |url, answer| Said { url, answer, ..OK };
    let folder = taped(&[say("/a", &old), say("/b", &old), say("/c", &old), say("/d", &old)]);
    draft(folder.path(), &[]);
    let names = || -> Vec<String> {
        let names = files(&folder.path().join("__files")).into_iter();
        names.map(|(path, _)| path.rsplit('/').next().expect("a name")[..5].to_owned()).collect()
    };
    assert_eq!(names(), ["get-a", "get-b", "get-c", "get-d"]);
    // a stub of a person's own gives the body of `/b`, and the body of `/c` is changed by hand
    let bodies = files(&folder.path().join("__files"));
    let own = bodies[1].0.rsplit('/').next().expect("a name");
    let own = format!(r#"{{"request": {{"url": "/own"}}, "response": {{"bodyFileName": "{own}"}}}}"#);
    fs::write(folder.path().join("mappings/own.json"), own).expect("writable");
    fs::write(&bodies[2].0, "by hand").expect("writable");
    fs::write(folder.path().join("__files/page-0123abcd.html"), "a person's").expect("writable");
    fs::remove_file(folder.path().join("tapes/one.jsonl")).expect("it was there");
    tape(folder.path(), "two", &[say("/a", &new), say("/d", &old)], true);
    let output = draft(folder.path(), &[]);
    assert!(told(&output).contains("--prune"), "{}", told(&output));
    assert_eq!(names(), ["get-a", "get-a", "get-b", "get-c", "get-d", "page-"], "nothing goes unasked");
    draft(folder.path(), &["--prune"]);
    assert_eq!(names(), ["get-a", "get-b", "get-c", "get-d", "page-"]);
    assert_eq!(draft(folder.path(), &[]).status.code(), Some(0));
    let server = Server::bind(Config::new(folder.path())).expect("good stubs").start().expect("it starts");
    assert_eq!(call(&server, "GET", "/a", "", b"").body, new);
    assert_eq!(call(&server, "GET", "/own", "", b"").body, old);
}

#[test]
fn credentials_of_the_recorded_call_are_not_asked_for_and_bodies_that_were_not_kept_are_told() {
    let folder = TempDir::new().expect("a temporary folder");
    let head =
        TapeHead { version: VERSION, target: "http://inventory:9000".to_owned(), bodies: true, ..TapeHead::default() };
    let mut writer = TapeWriter::create(&folder.path().join("tapes/one.jsonl"), &head).expect("writable");
    let mut kept = exchange("GET", "/mine", Duration::ZERO, Duration::from_millis(1));
    kept.request.headers = vec![("Authorization".to_owned(), format!("Bearer {}", redaction_marker(5)))];
    let body = writer.append_body(b"\x00\xff as it was", 11).expect("writable");
    kept.response.as_mut().expect("it has one").body = Some(body);
    writer.write(&kept).expect("writable");
    let mut unkept = exchange("GET", "/huge", Duration::ZERO, Duration::from_millis(1));
    unkept.response.as_mut().expect("it has one").body = Some(BodyRef { sha256: None, size: 1 << 30 });
    writer.write(&unkept).expect("writable");
    drop(writer);
    let output = draft(folder.path(), &[]);
    assert!(told(&output).contains("not on the tape: `GET /huge`"), "{}", told(&output));
    assert!(told(&output).contains("cut off"), "there is no foot: {}", told(&output));
    let server = drafted(&folder);
    let other = call(&server, "GET", "/mine", "Authorization: Bearer another\r\n", b"");
    assert_eq!(other.body, b"\x00\xff as it was");
    assert_eq!(call(&server, "GET", "/huge", "", b"").status, 404);
}

#[test]
fn little_is_told_when_all_is_well() {
    let item = |url, answer| Said { url, answer, ..OK };
    let folder = taped(&[item("/items/1", b"one" as &[u8]), item("/items/2", b"two"), item("/health", b"up")]);
    let output = draft(folder.path(), &[]);
    let lines: usize = told(&output).lines().map(|line| line.chars().count().div_ceil(80)).sum();
    assert!(lines <= 8, "{}", told(&output));
}
