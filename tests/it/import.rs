//! Measurements of other tools, imported by the binary and served.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use standin::Config;
use standin::Server;

use crate::support::{Client, folder};

const STUBS: &str = r#"{"mappings": [{"request": {"urlPathPattern": "/items/.*"}, "response": {"body": "item"}}]}"#;

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/learn/tests/import").join(name)
}

fn standin(command: &str, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_standin")).arg(command).args(args).output().expect("it runs")
}

fn import(to: &Path, name: &str, more: &[&str]) -> Output {
    let file = sample(name);
    let args = [&[file.to_str().expect("text"), "--to", to.to_str().expect("text")], more].concat();
    standin("import", &args)
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.clone(), output.stderr.clone()].concat()).into_owned()
}

#[test]
fn what_is_imported_passes_check_and_is_served() {
    let folder = folder(&[("mappings/stubs.json", STUBS)]);
    for name in ["results.jtl", "scrape.txt", "locust_stats.csv", "summary.json", "session.har", "metrics.json"] {
        let profile = name.split('.').next().expect("a name");
        let output = import(folder.path(), name, &["--profile", profile]);
        assert_eq!(output.status.code(), Some(0), "{name}: {}", told(&output));
        assert!(told(&output).contains("unlimited: nothing in such data says"), "{}", told(&output));
    }
    let output = import(folder.path(), "points.json", &[]);
    assert!(told(&output).contains("serve it with --profile imported"), "{}", told(&output));
    let check = standin("check", &[folder.path().to_str().expect("text")]);
    assert_eq!(check.status.code(), Some(0), "{}", told(&check));

    let mut config = Config::new(folder.path());
    config.profile = Some("imported".to_owned());
    let server = Server::bind(config).expect("good").start().expect("it starts");
    let mut client = Client::connect(server.addresses()[0].listener.address);
    let mut times: Vec<Duration> = (0..21)
        .map(|number| {
            let begun = Instant::now();
            client.write(format!("GET /items/{number} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
            assert_eq!(client.answer().status, 200);
            begun.elapsed()
        })
        .collect();
    times.sort();
    // measured were 40 to 41 ms
    let median = times[10].as_secs_f64() * 1e3;
    assert!((39.9..60.0).contains(&median), "{median}");
}

#[test]
fn what_was_edited_is_kept() {
    let folder = folder(&[("mappings/stubs.json", STUBS)]);
    let path = folder.path().join("profiles/imported.yaml");
    assert_eq!(import(folder.path(), "points.json", &[]).status.code(), Some(0));
    assert_eq!(import(folder.path(), "own.csv", &[]).status.code(), Some(0), "nobody edited it");
    let edited = fs::read_to_string(&path).expect("written").replace("3.2ms", "4ms");
    fs::write(&path, &edited).expect("writable");
    let refused = import(folder.path(), "points.json", &[]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(told(&refused).contains("--force"), "{}", told(&refused));
    assert_eq!(fs::read_to_string(&path).expect("readable"), edited);
    assert_eq!(import(folder.path(), "points.json", &["--force"]).status.code(), Some(0));
}

#[test]
fn workers_by_hand_are_written_with_a_warning() {
    let folder = folder(&[("mappings/stubs.json", STUBS)]);
    let output = import(folder.path(), "own.csv", &["--workers", "4", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(report["statements"][0].as_str().expect("text").contains("may hold waiting already"));
    let text = fs::read_to_string(folder.path().join("profiles/imported.yaml")).expect("written");
    assert!(text.contains("discipline: fifo") && text.contains("workers: 4"), "{text}");
    assert!(
        text.contains("# - the workers were given by hand") || text.contains("#   - the workers were given by hand"),
        "{text}"
    );
}

#[test]
fn defects_are_told_with_their_lines_and_nothing_is_written() {
    let folder = folder(&[("mappings/stubs.json", STUBS)]);
    let output = import(folder.path(), "broken.csv", &[]);
    assert_eq!(output.status.code(), Some(2));
    let text = told(&output);
    assert!(text.contains("broken.csv` line 2: p99 is less than p50") && text.contains("line 4"), "{text}");
    assert!(!folder.path().join("profiles").exists());
    assert_eq!(import(folder.path(), "missing.csv", &[]).status.code(), Some(64));
    for (more, expected) in
        [(&["--service", ""][..], "`--service` is empty"), (&["--profile", "a/b"], "no name of a profile")]
    {
        let output = import(folder.path(), "own.csv", more);
        assert_eq!(output.status.code(), Some(64), "{}", told(&output));
        assert!(told(&output).contains(expected), "{}", told(&output));
    }
    let unlabelled = import(folder.path(), "scrape.txt", &["--by", "method,nosuch"]);
    assert_eq!(unlabelled.status.code(), Some(2));
    assert!(
        told(&unlabelled).contains("has no label `nosuch`") && told(&unlabelled).contains("`uri`"),
        "{}",
        told(&unlabelled)
    );
    assert_eq!(import(folder.path(), "metrics.json", &["--by", "nosuch"]).status.code(), Some(2));
}

/// Returns the profile that an import wrote.
fn written(name: &str, more: &[&str]) -> String {
    let folder = folder(&[("mappings/stubs.json", STUBS)]);
    let output = import(folder.path(), name, more);
    assert_eq!(output.status.code(), Some(0), "{name} {more:?}: {}", told(&output));
    fs::read_to_string(folder.path().join("profiles/imported.yaml")).expect("written")
}

#[test]
fn each_option_of_an_import_has_its_effect() {
    assert!(written("own.csv", &["--service", "shelf"]).contains("- name: shelf"));
    assert!(written("own.csv", &["--workers", "2", "--discipline", "sharing"]).contains("discipline: sharing"));

    let (unmapped, mapped) = (written("aggregate.csv", &[]), written("aggregate.csv", &["--map", "Home page=GET /"]));
    assert!(!unmapped.contains("name: GET /\n") && mapped.contains("name: GET /\n"), "{unmapped}\n{mapped}");

    let everywhere = written("session.har", &[]);
    let here = written("session.har", &["--host", "shop.example"]);
    assert!(everywhere.contains("app.js") && !here.contains("app.js") && here.contains("/items/{id}"), "{here}");

    let (by_both, by_uri) = (written("scrape.txt", &[]), written("scrape.txt", &["--by", "uri"]));
    assert!(by_both.contains("GET /items/{id}") && !by_uri.contains("GET /items/{id}"), "{by_both}\n{by_uri}");

    let metric = ["--metric", "http.server.request.duration"];
    assert!(written("metrics.json", &metric).contains("/items/{id}"));
    let folder = folder(&[("mappings/stubs.json", STUBS)]);
    let unknown = import(folder.path(), "metrics.json", &["--metric", "http.client.request.duration"]);
    assert_ne!(unknown.status.code(), Some(0), "{}", told(&unknown));

    // a table without any unit, in one of a format that it could not be
    let table = folder.path().join("table.csv");
    fs::write(&table, "operation,p50,p99\nGET /items/{id},3,31\n").expect("writable");
    let (table, to) = (table.to_str().expect("text"), folder.path().to_str().expect("text"));
    let without = standin("import", &[table, "--to", to]);
    assert!(without.status.code() == Some(2) && told(&without).contains("--unit"), "{}", told(&without));
    assert_eq!(standin("import", &[table, "--to", to, "--unit", "us"]).status.code(), Some(0));
    let text = fs::read_to_string(folder.path().join("profiles/imported.yaml")).expect("written");
    assert!(text.contains("p50: 3us"), "{text}");
    let as_har = standin("import", &[table, "--to", to, "--unit", "us", "--format", "har"]);
    assert_eq!(as_har.status.code(), Some(2), "{}", told(&as_har));
}

/// The three commands with which IMPORT.md begins, on a folder that is not there yet.
#[test]
fn an_import_makes_the_folder_that_check_and_serve_take() {
    let folder = folder(&[]);
    let to = folder.path().join("stubs/inventory");
    let output = import(&to, "results.jtl", &[]);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    let dir = to.to_str().expect("text");
    let check = standin("check", &[dir]);
    assert_eq!(check.status.code(), Some(0), "{}", told(&check));
    let mut config = Config::new(&to);
    config.profile = Some("imported".to_owned());
    assert!(Server::bind(config).is_ok());
    // profiles alone are enough to be checked
    fs::remove_dir(to.join("mappings")).expect("it is empty");
    let check = standin("check", &[dir]);
    assert!(
        check.status.code() == Some(0) && told(&check).contains("0 stubs and 1 profile of inventory"),
        "{}",
        told(&check)
    );
}

#[test]
fn what_is_known_from_few_calls_or_not_at_all_is_said() {
    let folder = folder(&[("mappings/stubs.json", STUBS)]);
    let few = folder.path().join("few.csv");
    fs::write(&few, "operation,count,p50_ms,p99_ms\nGET /items/{id},7,3,31\n").expect("writable");
    let args = [few.to_str().expect("text"), "--to", folder.path().to_str().expect("text"), "--map", "Home=GET /"];
    let output = standin("import", &args);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    let words = |output: &Output| told(output).split_whitespace().collect::<Vec<_>>().join(" ");
    for expected in ["known from 7 calls only", "has no effect: no call is called `Home`"] {
        assert!(words(&output).contains(expected), "`{expected}` is not in {}", words(&output));
    }
    let summary = fs::read_to_string(sample("summary.json")).expect("readable");
    let failing = summary.replacen("\"vus_max\"", "\"http_req_failed\": {\"value\": 0.025}, \"vus_max\"", 1);
    fs::write(&few, failing).expect("writable");
    let output = standin("import", &args[..3]);
    let text = words(&output);
    assert!(text.contains("2.50 % of the calls failed (`http_req_failed`)"), "{text}");
}
