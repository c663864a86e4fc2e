//! Recordings with impossible times, made by recorders that shared a core with the service.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::read::GzDecoder;
use tempfile::TempDir;

/// Recordings of a service with two workers in order of arrival, with no thread pinned to a core;
/// without headers and bodies.
const TAPES: [&str; 3] = ["impossible-stamps-1", "impossible-stamps-2", "unpinned-2-workers"];

fn tape(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/it/hostile/tapes/{name}.jsonl.gz"));
    let mut text = String::new();
    GzDecoder::new(fs::File::open(path).expect("it is there")).read_to_string(&mut text).expect("gzip of UTF-8");
    text
}

fn folder(text: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir_all(folder.path().join("tapes")).expect("writable");
    fs::write(folder.path().join("tapes/one.jsonl"), text).expect("writable");
    folder
}

/// Fits a folder. Returns the output and the exit code.
fn fit(folder: &TempDir, args: &[&str]) -> (String, Option<i32>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_standin"));
    let done = command.arg("fit").arg(folder.path()).args(args).output().expect("it runs");
    (String::from_utf8_lossy(&done.stdout).into_owned(), done.status.code())
}

fn profile(folder: &TempDir) -> PathBuf {
    folder.path().join("profiles/recorded.yaml")
}

#[test]
fn one_percent_of_impossible_requests_does_not_change_a_fit() {
    for name in TAPES {
        let folder = folder(&tape(name));
        let (output, code) = fit(&folder, &[]);
        assert_eq!(code, Some(0), "{name}: {output}");
        assert!(output.contains(": fifo, 2 workers"), "{name}: {output}");
        assert!(!output.contains("inf") && !output.contains("the service changed while"), "{name}: {output}");
        assert!(output.contains("shorter than the"), "{name}: {output}");
        assert!(profile(&folder).exists(), "{name}");
    }
}

#[test]
fn calls_that_are_left_out_are_counted_in_text_json_and_page() {
    let folder = folder(&tape("unpinned-2-workers"));
    let page = folder.path().join("fit.html");
    let (json, _) = fit(&folder, &["--json", "--html", page.to_str().expect("UTF-8")]);
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!((json["workers"].as_u64(), json["mistimed"].as_u64()), (Some(2), Some(23)), "{json}");
    assert!(json["effect"].as_f64().is_some_and(|effect| effect < 0.1), "{json}");
    assert!(fs::read_to_string(page).expect("it was written").contains("eft out 23 calls (0.6"));
}

/// Without the overhead of the recorder on the tape, the lower limit for a request over a socket is
/// 10 µs.
#[test]
fn a_tape_without_a_round_trip_is_fitted_as_well() {
    let text = tape("impossible-stamps-2");
    let (head, rest) = text.split_once('\n').expect("a head");
    let mut head: serde_json::Value = serde_json::from_str(head).expect("JSON");
    head.as_object_mut().expect("an object").remove("overhead");
    let (output, code) = fit(&folder(&format!("{head}\n{rest}")), &[]);
    assert!(code == Some(0) && output.contains(": fifo, 2 workers") && !output.contains("inf"), "{output}");
}

/// With one request for each operation nothing can be compared, and no figure is infinite.
#[test]
fn no_figure_is_infinite() {
    let text = tape("impossible-stamps-2");
    let lines: Vec<String> = text
        .lines()
        .take(400)
        .enumerate()
        .map(|(number, line)| line.replacen("{\"number\"", &format!("{{\"operation\":\"GET /{number}\",\"number\""), 1))
        .collect();
    let folder = folder(&lines.join("\n"));
    let (output, _) = fit(&folder, &[]);
    assert!(output.contains("effect size") && !output.contains("inf") && !output.contains("NaN"), "{output}");
}
