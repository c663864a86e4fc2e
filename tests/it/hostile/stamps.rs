//! Recordings whose time stamps cannot be true: made by recorders that had to share a core with the service.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::read::GzDecoder;
use tempfile::TempDir;

/// Two workers in order of arrival, recorded with nothing pinned; headers and bodies taken out.
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

/// Fits a folder; what was printed and the exit code.
fn fit(folder: &TempDir, args: &[&str]) -> (String, Option<i32>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_standin"));
    let done = command.arg("fit").arg(folder.path()).args(args).output().expect("it runs");
    (String::from_utf8_lossy(&done.stdout).into_owned(), done.status.code())
}

fn profile(folder: &TempDir) -> PathBuf {
    folder.path().join("profiles/recorded.yaml")
}

#[test]
fn a_percent_of_impossible_calls_does_not_turn_a_fit_over() {
    for name in TAPES {
        let folder = folder(&tape(name));
        let (told, code) = fit(&folder, &[]);
        assert_eq!(code, Some(0), "{name}: {told}");
        assert!(told.contains(": fifo, 2 workers"), "{name}: {told}");
        assert!(!told.contains("inf") && !told.contains("the service changed while"), "{name}: {told}");
        assert!(told.contains("shorter than the"), "{name}: {told}");
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

/// A tape that does not say what the recorder itself takes: no call over a socket takes 10 µs.
#[test]
fn a_tape_without_a_round_trip_is_fitted_as_well() {
    let text = tape("impossible-stamps-2");
    let (head, rest) = text.split_once('\n').expect("a head");
    let mut head: serde_json::Value = serde_json::from_str(head).expect("JSON");
    head.as_object_mut().expect("an object").remove("overhead");
    let (told, code) = fit(&folder(&format!("{head}\n{rest}")), &[]);
    assert!(code == Some(0) && told.contains(": fifo, 2 workers") && !told.contains("inf"), "{told}");
}

/// Calls of which no two are of one operation: nothing can be compared, and no figure is infinite.
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
    let (told, _) = fit(&folder, &[]);
    assert!(told.contains("effect size") && !told.contains("inf") && !told.contains("NaN"), "{told}");
}
