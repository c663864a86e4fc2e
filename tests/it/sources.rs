//! Descriptions and recordings of other tools: made into stubs by the binary, checked and served;
//! tapes and journals written as HAR.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use standin::Config;
use standin::Server;
use tempfile::TempDir;

use crate::support::{Client, folder};

const DESCRIPTION: &str = r"
openapi: 3.0.3
info: {title: Inventory, version: '2'}
servers: [{url: 'https://api.example.com/v2'}]
paths:
  /items/{id}:
    get:
      parameters: [{name: id, in: path, required: true, schema: {type: integer}}]
      responses:
        '200':
          description: an item
          content:
            application/json:
              schema: {type: object, required: [id], properties: {id: {type: integer, example: 7}, kind: {enum: [lamp, chair]}}}
        '404':
          description: none
          content: {application/json: {examples: {gone: {value: {error: gone}}}}}
  /orders:
    post:
      security: [{token: []}]
      requestBody: {required: true, content: {application/json: {schema: {type: object, required: [item]}}}}
      responses: {'201': {description: made}, '400': {description: wrong}, '401': {description: who}}
components: {securitySchemes: {token: {type: http, scheme: bearer}}}
";

fn standin(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_standin")).args(args).output().expect("it runs")
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.clone(), output.stderr.clone()].concat()).into_owned()
}

fn path(folder: &TempDir, name: &str) -> String {
    folder.path().join(name).to_str().expect("text").to_owned()
}

/// Makes stubs of a file in the folder `out`, and checks them.
fn stubs_from(folder: &TempDir, file: &str, more: &[&str]) -> String {
    let (file, out) = (path(folder, file), path(folder, "out"));
    let made = standin(&[&["stubs", "from", &file, "--out", &out], more].concat());
    assert_eq!(made.status.code(), Some(0), "{}", told(&made));
    let checked = standin(&["check", &out]);
    assert_eq!(checked.status.code(), Some(0), "{}", told(&checked));
    told(&made)
}

struct Served {
    client: Client,
    _server: standin::Handle,
}

impl Served {
    fn folder(path: &Path) -> Self {
        let server = Server::bind(Config::new(path)).expect("good").start().expect("it starts");
        let client = Client::connect(server.addresses()[0].listener.address);
        Self { client, _server: server }
    }

    /// Returns status and body of the answer to a request with these header lines.
    fn ask(&mut self, request: &str, headers: &str, body: &str) -> (u16, String) {
        let length = body.len();
        let text = format!("{request} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n{headers}\r\n{body}");
        self.client.write(text.as_bytes());
        let answer = self.client.answer();
        (answer.status, String::from_utf8_lossy(&answer.body).into_owned())
    }
}

#[test]
fn a_description_is_served_and_other_responses_are_asked_for() {
    let folder = folder(&[("api.yaml", DESCRIPTION)]);
    let report = stubs_from(&folder, "api.yaml", &["--security"]);
    assert!(report.contains("Inventory 2: ") && report.contains("from 2 operations"), "{report}");
    assert!(report.contains("standin serve"), "{report}");
    let mut served = Served::folder(&folder.path().join("out"));
    let (status, body) = served.ask("GET /v2/items/1", "", "");
    let body: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!((status, body), (200, json!({"id": 7, "kind": "lamp"})));
    assert_eq!(served.ask("GET /v2/items/one", "", "").0, 404);
    let (status, body) = served.ask("GET /v2/items/1", "Prefer: code=404\r\n", "");
    assert_eq!((status, body.replace(' ', "").as_str()), (404, "{\"error\":\"gone\"}"));
    let (token, json) = ("Authorization: Bearer x\r\n", "Content-Type: application/json\r\n");
    assert_eq!(served.ask("POST /v2/orders", &format!("{token}{json}"), "{\"item\": 1}").0, 201);
    assert_eq!(served.ask("POST /v2/orders", &format!("{token}{json}"), "{}").0, 400);
    assert_eq!(served.ask("POST /v2/orders", json, "{\"item\": 1}").0, 401);
}

#[test]
fn what_was_edited_stays_and_what_is_gone_is_removed_on_request() {
    let folder = folder(&[("api.yaml", DESCRIPTION)]);
    stubs_from(&folder, "api.yaml", &["--base-path", "/"]);
    let mappings = folder.path().join("out/mappings/openapi");
    let edited = mappings.join("get-items-id.json");
    let edited = if edited.exists() {
        edited
    } else {
        let names = fs::read_dir(&mappings).expect("stubs").map(|entry| entry.expect("one").path());
        names.into_iter().find(|path| path.to_string_lossy().contains("get-items")).expect("a file of the operation")
    };
    let text = fs::read_to_string(&edited).expect("text").replace("\"lamp\"", "\"sofa\"");
    fs::write(&edited, &text).expect("it writes");
    let shorter = DESCRIPTION.split("  /orders:").next().expect("a part");
    fs::write(folder.path().join("api.yaml"), shorter).expect("it writes");
    let report = stubs_from(&folder, "api.yaml", &["--base-path", "/"]);
    assert!(report.contains("edited by hand and left alone") && report.contains("not drafted any more"), "{report}");
    let report = stubs_from(&folder, "api.yaml", &["--base-path", "/", "--prune"]);
    assert!(report.contains("removed"), "{report}");
    assert_eq!(fs::read_to_string(&edited).expect("text"), text);
    assert_eq!(fs::read_dir(&mappings).expect("stubs").count(), 1);
}

#[test]
fn defects_are_drawn_and_the_rest_is_written() {
    let broken = DESCRIPTION.replace("type: object, required: [item]", "$ref: 'other.yaml#/Item'");
    let folder = folder(&[("api.yaml", &broken), ("note.txt", "hello"), ("old.json", "{\"swagger\": \"2.0\"}")]);
    let out = path(&folder, "out");
    let made = standin(&["stubs", "from", &path(&folder, "api.yaml"), "--out", &out, "--json"]);
    assert_eq!(made.status.code(), Some(1), "{}", told(&made));
    assert!(told(&made).contains("leads out of this file") && told(&made).contains("help: bundle"), "{}", told(&made));
    let report: Value = serde_json::from_slice(&made.stdout).expect("JSON");
    assert_eq!(report["operations"], 2);
    for (file, message) in
        [("note.txt", "neither an OpenAPI"), ("old.json", "Swagger 2.0"), ("none.yaml", "cannot read")]
    {
        let made = standin(&["stubs", "from", &path(&folder, file), "--out", &out]);
        assert!(made.status.code() > Some(1) && told(&made).contains(message), "{}", told(&made));
    }
    let small = standin(&["stubs", "from", &path(&folder, "api.yaml"), "--out", &out, "--max-file-bytes", "10"]);
    assert!(small.status.code() > Some(0), "{}", told(&small));
}

#[test]
fn archives_and_collections_are_served() {
    let call = |url: &str, text: &str| {
        json!({"request": {"method": "GET", "url": url, "headers": []},
            "response": {"status": 200, "headers": [], "content": {"mimeType": "text/plain", "text": text}}})
    };
    let archive =
        json!({"log": {"entries": [call("http://shop/a", "the shop's"), call("http://cdn/a", "the other's")]}});
    let collection = json!({"info": {"name": "c"}, "item": [{"name": "b", "request": "http://h/b",
        "response": [{"code": 202, "body": "saved"}]}]});
    let folder = folder(&[("a.har", &archive.to_string()), ("c.json", &collection.to_string())]);
    let several = standin(&["stubs", "from", &path(&folder, "a.har"), "--out", &path(&folder, "out")]);
    assert_eq!(several.status.code(), Some(64), "{}", told(&several));
    assert!(told(&several).contains("--host"), "{}", told(&several));
    stubs_from(&folder, "a.har", &["--host", "shop"]);
    stubs_from(&folder, "c.json", &["--max-stubs", "5"]);
    let mut served = Served::folder(&folder.path().join("out"));
    assert_eq!(served.ask("GET /a", "", ""), (200, "the shop's".to_owned()));
    assert_eq!(served.ask("GET /b", "", ""), (202, "saved".to_owned()));
}

#[test]
fn tapes_and_journals_become_archives_that_become_stubs() {
    let tape = [
        json!({"standinTape": 1, "target": "http://shop:80", "startedUnixMs": 1_793_613_600_000_u64, "bodies": false}),
        json!({"number": 1, "request": {"method": "GET", "url": "/a"}, "response": {"status": 204},
            "times": {"received": 1, "sent": 2, "firstByte": 3, "lastByte": 4}, "inFlight": 1, "reused": false}),
        json!({"end": {"exchanges": 1, "dropped": 2, "refused": 0}}),
    ];
    let tape = tape.map(|line| line.to_string() + "\n").concat();
    let stub = r#"{"request": {"url": "/hello"}, "response": {"body": "world"}}"#;
    let folder = folder(&[("tapes/t.jsonl", &tape), ("mappings/hello.json", stub)]);
    let out = path(&folder, "t.har");
    let written = standin(&["export", "har", &path(&folder, "tapes/t.jsonl"), "--out", &out]);
    assert_eq!(written.status.code(), Some(0), "{}", told(&written));
    assert!(told(&written).contains("2 calls of the recording are not on the tape"), "{}", told(&written));
    let archive: Value = serde_json::from_slice(&fs::read(&out).expect("the archive")).expect("JSON");
    assert_eq!(archive["log"]["entries"][0]["request"]["url"], "http://shop:80/a");
    stubs_from(&folder, "t.har", &[]);

    let mut served = Served::folder(folder.path());
    assert_eq!(served.ask("GET /hello", "", "").0, 200);
    let (status, journal) = served.ask("GET /__admin/requests", "", "");
    assert_eq!(status, 200, "{journal}");
    let mut export = Command::new(env!("CARGO_BIN_EXE_standin"))
        .args(["export", "har", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it runs");
    std::io::Write::write_all(&mut export.stdin.take().expect("piped"), journal.as_bytes()).expect("it reads");
    let written = export.wait_with_output().expect("it ends");
    let archive: Value = serde_json::from_slice(&written.stdout).expect("JSON");
    assert_eq!(archive["log"]["entries"][0]["response"]["content"]["text"], "world");
    let wrong = standin(&["export", "har", &path(&folder, "mappings/hello.json")]);
    assert!(told(&wrong).contains("neither a tape nor a journal"), "{}", told(&wrong));
}
