//! Folders as teams have them: broken stubs beside good ones, files that are no stubs, and folders
//! without stubs.

use std::fs;
use std::process::Command;

use crate::process::StandinProcess;
use crate::support::{Mock, eventually, folder, write};

mod check; // the linter
mod wiremock; // WireMock's command line

fn stub(url: &str, body: &str) -> String {
    format!(r#"{{"request": {{"url": "{url}"}}, "response": {{"body": "{body}"}}}}"#)
}

fn with_id(id: &str, url: &str, body: &str) -> String {
    stub(url, body).replacen('{', &format!("{{\"id\": \"{id}\", "), 1)
}

fn mock_of(files: &[(&str, &str)]) -> Mock {
    Mock::configured(files, |_| {})
}

const ID: &str = "00000000-0000-4000-8000-000000000001";

#[test]
fn what_is_broken_is_left_out_alone() {
    let (a, b) = (stub("/a", "A"), stub("/b", "B"));
    let list = format!(r#"{{"mappings": [{b}, {{"request": {{"url": "/bad", "method": 5}}}}]}}"#);
    let filter =
        r#"{"request": {"url": "/filter", "bodyPatterns": [{"matchesJsonPath": "$[?(@.a ==="}]}, "response": {}}"#;
    let mock = mock_of(&[
        ("mappings/a.json", &a),
        ("mappings/list.json", &list),
        ("mappings/filter.json", filter),
        ("mappings/broken.json", "{"),
        ("mappings/answer.json", r#"{"status": 200, "body": "x"}"#),
        ("mappings/net.json", r#"{"Request": {"Path": "/n"}, "Response": {"StatusCode": 200}}"#),
        ("mappings/latin.json", "{}"),
    ]);
    assert_eq!((mock.get("/a").text(), mock.get("/b").text()), ("A", "B"));
    for url in ["/bad", "/filter", "/other", "/n"] {
        assert_eq!(mock.get(url).status, 404, "{url}");
    }
    let status = mock.get("/__admin/standin/reload").json();
    assert_eq!((status["stubs"].as_u64(), status["leftOut"].as_u64()), (Some(2), Some(6)), "{status}");
    assert!(status.to_string().contains("a file of WireMock.Net"), "{status}");
}

#[test]
fn a_missing_body_file_fails_its_stub_alone_and_is_named() {
    let missing = r#"{"request": {"url": "/missing"}, "response": {"bodyFileName": "deep/gone.json"}}"#;
    let outside = r#"{"request": {"url": "/outside"}, "response": {"bodyFileName": "../x.json"}}"#;
    let mock =
        mock_of(&[("mappings/a.json", &stub("/a", "A")), ("mappings/b.json", missing), ("mappings/c.json", outside)]);
    assert_eq!(mock.get("/a").text(), "A");
    let answer = mock.get("/missing");
    assert_eq!(answer.status, 500);
    assert!(answer.text().contains("`__files/deep/gone.json`"), "{}", answer.text());
    let answer = mock.get("/outside");
    assert_eq!(answer.status, 500);
    assert!(answer.text().contains("x.json"), "{}", answer.text());
    write(mock.root.path(), "__files/deep/gone.json", "here");
    eventually("the body is there", || mock.get("/missing").text() == "here");
}

#[test]
fn stubs_with_one_id_are_all_served() {
    let mock = mock_of(&[("mappings/a.json", &with_id(ID, "/a", "A")), ("mappings/b.json", &with_id(ID, "/b", "B"))]);
    assert_eq!((mock.get("/a").text(), mock.get("/b").text()), ("A", "B"));
    let ids = || {
        let mappings = mock.get("/__admin/mappings").json()["mappings"].clone();
        let mut ids: Vec<_> = mappings.as_array().expect("a list").iter().map(|stub| stub["id"].to_string()).collect();
        ids.sort();
        ids
    };
    let before = ids();
    assert!(before.len() == 2 && before[0] != before[1] && before.contains(&format!("\"{ID}\"")), "{before:?}");
    let answer = mock.get("/b");
    let header = answer.headers.iter().find(|(name, _)| name == "matched-stub-id").expect("the id").1.clone();
    assert!(header != ID && before.contains(&format!("\"{header}\"")));
    // a third one that comes later, and then the first goes
    write(mock.root.path(), "mappings/c.json", &with_id(ID, "/c", "C"));
    eventually("the third is served", || mock.get("/c").text() == "C");
    assert_eq!((mock.get("/a").text(), mock.get("/b").text()), ("A", "B"));
    fs::remove_file(mock.root.path().join("mappings/a.json")).expect("writable");
    eventually("the first is gone", || mock.get("/a").status == 404);
    assert_eq!((mock.get("/b").text(), mock.get("/c").text()), ("B", "C"));
    assert!(ids().contains(&format!("\"{ID}\"")), "the second has the id now");
}

#[test]
fn a_file_that_becomes_broken_keeps_its_own_last_good_version() {
    let mock = mock_of(&[("mappings/a.json", &stub("/a", "1")), ("mappings/b.json", &stub("/b", "1"))]);
    let status = || mock.get("/__admin/standin/reload").json()["status"].clone();
    for round in ["2", "3"] {
        write(mock.root.path(), "mappings/a.json", "{");
        write(mock.root.path(), "mappings/b.json", &stub("/b", round));
        eventually("the other file changes", || mock.get("/b").text() == round);
        assert_eq!(mock.get("/a").text(), "1");
        eventually("the error is reported", || status() == "failed");
        // a reset reads the files, and keeps it as well
        assert_eq!(mock.post("/__admin/mappings/reset", "").status, 200);
        assert_eq!((mock.get("/a").text(), mock.get("/b").text()), ("1", round));
    }
    write(mock.root.path(), "mappings/a.json", &stub("/a", "4"));
    eventually("it is good again", || mock.get("/a").text() == "4" && status() == "ok");
    write(mock.root.path(), "mappings/a.json", "{");
    eventually("the error is reported", || status() == "failed");
    fs::remove_file(mock.root.path().join("mappings/a.json")).expect("writable");
    eventually("a file that goes takes its stubs with it", || mock.get("/a").status == 404);
}

#[test]
fn a_broken_profile_leaves_the_stubs_and_the_other_profiles() {
    let peak = "services:\n  - {name: s, capacity: {discipline: unlimited}, default: {demand: {fixed: 1ms}}}\n";
    let files =
        [("mappings/a.json", stub("/a", "A")), ("profiles/peak.yaml", peak.into()), ("profiles/bad.yaml", "{".into())];
    let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let mock = Mock::configured(&files, |config| config.profile = Some("peak".to_owned()));
    assert_eq!(mock.get("/a").text(), "A");
    write(mock.root.path(), "profiles/peak.yaml", "services: [");
    eventually("the error is reported", || {
        mock.get("/__admin/standin/reload").json().to_string().contains("peak.yaml")
    });
    assert_eq!(mock.get("/__admin/standin/profile").json()["profile"], "peak");
}

#[test]
fn folders_without_stubs_start() {
    let root = tempfile::TempDir::new().expect("a folder");
    let mock = Mock::configured(&[], |config| config.root = Some(root.path().to_owned()));
    assert_eq!(mock.get("/a").status, 404);
    assert_eq!(mock.post("/__admin/mappings", &stub("/a", "api")).status, 201);
    assert_eq!(mock.get("/a").text(), "api");
    write(root.path(), "__files/hello.txt", "static");
    eventually("its files are served", || mock.get("/hello.txt").text() == "static");
    write(root.path(), "mappings/b.json", &stub("/b", "B"));
    eventually("its stubs are served once they are there", || mock.get("/b").text() == "B");
    assert_eq!(mock.get("/a").text(), "api");
    let empty = tempfile::TempDir::new().expect("a folder");
    let checked = Command::new(env!("CARGO_BIN_EXE_standin")).arg("check").arg(empty.path()).output().expect("it runs");
    assert_eq!(checked.status.code(), Some(0), "nothing to serve is no error");
}

#[test]
fn the_ready_line_counts_what_is_left_out_and_strict_refuses() {
    let root = folder(&[("mappings/a.json", &stub("/a", "A")), ("mappings/b.json", "{"), ("mappings/c.json", "[]")]);
    let dir = root.path().to_str().expect("UTF-8");
    let process = StandinProcess::serve(root.path(), &[], &[]);
    assert_eq!(process.get("/a").text(), "A");
    assert!(process.ready.ends_with("(1 stub, 2 left out: run standin check)\n"), "{}", process.ready);
    let strict = Command::new(env!("CARGO_BIN_EXE_standin"))
        .args(["serve", dir, "--listen", "127.0.0.1:0", "--strict"])
        .output()
        .expect("it runs");
    assert_eq!(strict.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&strict.stderr).contains("none are served"));
}

#[test]
fn a_large_upload_to_a_plain_stub_is_answered() {
    let mock = mock_of(&[("mappings/a.json", &stub("/up", "stored"))]);
    let answer = mock.post("/up", &"x".repeat(20_000_000));
    assert_eq!((answer.status, answer.text()), (200, "stored"));
}
