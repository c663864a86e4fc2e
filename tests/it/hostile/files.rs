//! Stub folders with unsuitable content: pipes, devices, endless files, circular links, planted
//! links.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::TempDir;

use crate::process::{StandinProcess, run};
use crate::support::{Client, Mock, eventually, folder, write};

const STUB: &str = r#"{"request": {"url": "/a"}, "response": {"body": "fine"}}"#;

fn pipe(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe");
}

fn sparse(path: &Path) {
    File::create(path).and_then(|file| file.set_len(1 << 40)).expect("a sparse file");
}

fn path(root: &TempDir) -> &str {
    root.path().to_str().expect("UTF-8")
}

/// Creates a file that is not regular, or far too long, at a path.
type Plant = fn(&Path);

/// Kinds of unsuitable files: a text that the error message contains, and the function that creates
/// one.
const PLANTS: [(&str, Plant); 5] = [
    ("a named pipe", pipe),
    ("a socket", |path| drop(UnixListener::bind(path).expect("a socket"))),
    ("a device", |path| symlink("/dev/zero", path).expect("a link")),
    ("--max-file-bytes", sparse),
    ("a named pipe", |path| {
        let target = path.with_extension("target");
        pipe(&target);
        symlink(target, path).expect("a link");
    }),
];

#[test]
fn certificates_and_keys_are_read_from_regular_files_only() {
    let made = rcgen::generate_simple_self_signed(vec!["a.test".to_owned()]).expect("a certificate");
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    for (kind, plant) in PLANTS {
        let kind = if kind == "--max-file-bytes" { "more than 16777216 bytes" } else { kind };
        for name in ["cert.pem", "key.pem"] {
            let root = folder(&[("mappings/a.json", STUB), ("cert.pem", &certificate), ("key.pem", &key)]);
            let planted = root.path().join(name);
            fs::remove_file(&planted).expect("writable");
            plant(&planted);
            let [cert, key] = ["cert.pem", "key.pem"].map(|name| format!("{}/{name}", path(&root)));
            let (code, told) =
                run(&["serve", path(&root), "--listen", "https://127.0.0.1:0", "--tls-cert", &cert, "--tls-key", &key]);
            assert!(code == Some(2) && told.contains(kind) && told.contains(name), "{name}: {told}");
        }
    }
}

#[test]
fn a_tape_without_an_end_of_line_is_refused() {
    let root = folder(&[]);
    sparse(&root.path().join("t.jsonl"));
    let tape = format!("{}/t.jsonl", path(&root));
    let (code, told) = run(&["gap", &tape, &tape]);
    assert!(code == Some(2) && told.contains("more than 67108864 bytes"), "{told}");
}

#[test]
fn files_that_are_not_regular_are_reported_at_the_start() {
    for (kind, plant) in PLANTS {
        for name in ["mappings/x.json", "mappings/deep/x.yaml", "profiles/p.yaml"] {
            let root = folder(&[("mappings/a.json", STUB)]);
            let planted = root.path().join(name);
            fs::create_dir_all(planted.parent().expect("below the root")).expect("writable");
            plant(&planted);
            for command in [&["serve", "--strict"][..], &["check"]] {
                let (code, told) = run(&[command, &[path(&root)]].concat());
                assert!(code == Some(1) && told.contains(kind) && told.contains(name), "{command:?} {name}: {told}");
            }
        }
    }
}

#[test]
fn a_body_file_that_is_not_regular_is_reported_at_the_start() {
    let stub = r#"{"request": {"url": "/b"}, "response": {"bodyFileName": "x.txt"}}"#;
    for (kind, plant) in PLANTS.into_iter().filter(|(kind, _)| !kind.starts_with("--")) {
        let root = folder(&[("mappings/a.json", stub)]);
        plant(&root.path().join("__files/x.txt"));
        let (code, told) = run(&["serve", "--strict", path(&root)]);
        // a link out of the folder is refused before its target is opened
        let is_named = told.contains(kind) || told.contains("leads out of the folder");
        assert!(code == Some(1) && is_named && told.contains("x.txt"), "{told}");
    }
}

#[test]
fn a_very_long_body_file_is_streamed() {
    let root = folder(&[("mappings/a.json", r#"{"request": {"url": "/b"}, "response": {"bodyFileName": "x.bin"}}"#)]);
    sparse(&root.path().join("__files/x.bin"));
    let server = StandinProcess::start(&["serve", path(&root)]);
    let mut client = Client::connect(server.address);
    client.write(b"HEAD /b HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(client.answer_to("HEAD").header("content-length"), Some("1099511627776"));
}

#[test]
fn a_reload_reports_errors_and_continues() {
    let mock = Mock::with(STUB);
    let status = || mock.get("/__admin/standin/reload").json();
    for (kind, plant) in PLANTS {
        let planted = mock.root.path().join("mappings/x.json");
        plant(&planted);
        eventually("the reload fails", || status()["status"] == "failed");
        assert!(status()["defects"].to_string().contains(kind), "{}", status());
        assert_eq!(mock.get("/a").text(), "fine");
        assert!(mock.get("/__admin/metrics").text().contains("standin_reload_failed 1"));
        fs::remove_file(&planted).expect("there");
        eventually("it is good again", || status()["status"] == "ok");
    }
    // the thread is still running
    write(mock.root.path(), "mappings/new.json", r#"{"request": {"url": "/new"}, "response": {"body": "new"}}"#);
    eventually("a new stub is served", || mock.get("/new").text() == "new");
}

#[test]
fn files_that_are_not_regular_are_never_sent() {
    let mock = Mock::with(STUB);
    pipe(&mock.root.path().join("__files/pipe.txt"));
    assert_eq!(mock.get("/pipe.txt").status, 404);
    assert_eq!(mock.get("/__admin/files/pipe.txt").status, 404);
    let stub = r#"{"request": {"url": "/b"}, "response": {"bodyFileName": "pipe.txt"}}"#;
    assert_eq!(mock.post("/__admin/mappings", stub).status, 201);
    assert_eq!(mock.get("/b").status, 500);
    let stub = r#"{"request": {"urlPath": "/t"}, "response": {"bodyFileName": "{{request.query.f}}", "transformers": ["response-template"]}}"#;
    assert_eq!(mock.post("/__admin/mappings", stub).status, 201);
    assert_eq!(mock.get("/t?f=pipe.txt").status, 500);
}

#[test]
fn folders_that_link_to_each_other_are_read_once() {
    let root = folder(&[]);
    for base in ["mappings", "__files", "profiles"] {
        let folders: Vec<PathBuf> = (0..14).map(|number| root.path().join(format!("{base}/f{number}"))).collect();
        for (place, folder) in folders.iter().enumerate() {
            fs::create_dir_all(folder).expect("writable");
            let stub = format!(r#"{{"request": {{"url": "/{place}"}}, "response": {{"body": "{place}"}}}}"#);
            fs::write(folder.join("s.json"), stub).expect("writable");
        }
        for (place, folder) in folders.iter().enumerate() {
            for (other, target) in folders.iter().enumerate().filter(|(other, _)| *other != place) {
                symlink(target, folder.join(format!("l{other}"))).expect("a link");
            }
        }
    }
    let server = StandinProcess::start(&["serve", path(&root)]);
    assert_eq!(server.metric("standin_stubs"), 14);
    assert_eq!((server.get("/13").text(), server.get("/f3/s.json").status), ("13", 200));
    assert_eq!(server.get("/f3/l4/s.json").status, 200, "a file can be named by the path through a link");
}

#[test]
fn a_tape_that_is_no_regular_file_is_reported() {
    let root = tempfile::tempdir().expect("a folder");
    fs::create_dir(root.path().join("tapes")).expect("writable");
    pipe(&root.path().join("tapes/one.jsonl"));
    for command in ["fit", "draft"] {
        let (code, told) = run(&[command, path(&root)]);
        assert!(code == Some(2) && told.contains("a named pipe") && told.contains("one.jsonl"), "{command}: {told}");
    }
}

#[test]
fn the_size_limit_of_files_is_an_option() {
    let long = format!(r#"{{"request": {{"url": "/a"}}, "response": {{"body": "{}"}}}}"#, "x".repeat(5_000));
    let root = folder(&[("mappings/a.json", &long)]);
    let (code, told) = run(&["serve", "--strict", path(&root), "--max-file-bytes", "5000"]);
    assert!(code == Some(1) && told.contains("--max-file-bytes"), "{told}");
    let (code, told) = run(&["check", path(&root), "--max-file-bytes", "5000"]);
    assert!(code == Some(1) && told.contains("--max-file-bytes"), "{told}");
    let server = StandinProcess::start(&["serve", path(&root), "--max-file-bytes", "6000"]);
    assert_eq!(server.get("/a").body.len(), 5_000);
}

fn put(mock: &Mock, name: &str, body: &str) -> u16 {
    let head = format!("PUT /__admin/files/{name} HTTP/1.1\r\nHost: {}\r\n", mock.address);
    mock.send(&format!("{head}Content-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}", body.len())).status
}

#[test]
fn no_write_follows_a_planted_link() {
    let outside = tempfile::tempdir().expect("a folder");
    let victim = outside.path().join("victim");
    fs::write(&victim, "untouched").expect("writable");
    let mock = Mock::with(STUB);
    let root = mock.root.path();
    let id = "3c0fd2ea-3a4d-4c4e-8d3b-000000000001";
    let links = [
        "__files/.new.txt.part",
        "__files/new.txt.part",
        &format!("mappings/saved-{id}.json.part"),
        &format!("mappings/.saved-{id}.json.part"),
    ];
    for link in links {
        symlink(&victim, root.join(link)).expect("a link");
    }
    symlink(outside.path(), root.join("__files/out")).expect("a link");
    assert_eq!(put(&mock, "new.txt", "written"), 200);
    assert_eq!(fs::read_to_string(root.join("__files/new.txt")).expect("there"), "written");
    assert_eq!((put(&mock, "out/victim", "written"), put(&mock, "out/other", "written")), (404, 404));
    let stub = format!(
        r#"{{"id": "{id}", "name": "saved", "persistent": true, "request": {{"url": "/p"}}, "response": {{"body": "p"}}}}"#
    );
    assert_eq!(mock.post("/__admin/mappings", &stub).status, 201);
    assert_eq!(fs::read_to_string(&victim).expect("there"), "untouched");
    assert_eq!(fs::read_dir(outside.path()).expect("there").count(), 1);
}

#[test]
fn invalid_file_names_are_errors_of_the_request() {
    let mock = Mock::with(STUB);
    let longest = format!("{}.txt", "n".repeat(251));
    assert_eq!(put(&mock, &longest, "fits"), 200);
    assert_eq!(mock.get(&format!("/{longest}")).text(), "fits");
    let longer = "n".repeat(256);
    assert_eq!(put(&mock, &longer, "too long"), 400);
    assert_eq!(put(&mock, &format!("{longer}/a.txt"), "too long"), 400);
    assert_eq!(put(&mock, &format!("{longest}/below-a-file"), "no folder"), 400);
    assert_eq!(
        (mock.get(&format!("/{longer}")).status, mock.get(&format!("/__admin/files/{longer}")).status),
        (404, 404)
    );
}

#[test]
fn hidden_files_are_not_served() {
    let named = r#"{"request": {"url": "/named"}, "response": {"bodyFileName": ".env"}}"#;
    let made = r#"{"request": {"urlPath": "/made"}, "response": {"bodyFileName": "{{request.query.f}}", "transformers": ["response-template"]}}"#;
    let mock = Mock::configured(
        &[
            ("mappings/named.json", named),
            ("mappings/made.json", made),
            ("__files/.env", "SECRET"),
            ("__files/.git/config", "SECRET"),
            ("__files/a/.hidden/b.txt", "SECRET"),
            ("__files/a/seen.txt", "seen"),
        ],
        |_| {},
    );
    for name in ["/.env", "/%2eenv", "/.git/config", "/.git/", "/a/.hidden/b.txt", "/a/%2Ehidden/b.txt", "/./.env"] {
        let answer = mock.get(name);
        assert!(answer.status == 404 && !answer.text().contains("SECRET"), "{name}: {}", answer.text());
    }
    assert_eq!(mock.get("/a/seen.txt").text(), "seen");
    // the author of a stub may name hidden files; a request may not
    assert_eq!(mock.get("/named").text(), "SECRET");
    let answer = mock.get("/made?f=.env");
    assert!(answer.status == 500 && !answer.text().contains("SECRET"), "{}", answer.text());
    assert_eq!(mock.get("/made?f=a/seen.txt").text(), "seen");
}
