//! `standin fit` on the command line: what it reads, writes and keeps, and its messages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use self::reference_simulation::{Kind, Station, Truth, steps};

#[allow(dead_code, reason = "shared with the tests of the fitting crate, which use all of it")]
#[path = "../../crates/learn/tests/fit/reference_simulation.rs"]
mod reference_simulation;
#[allow(dead_code, reason = "shared with the tests of the fitting crate, which use all of it")]
#[path = "../../crates/learn/tests/fit/tape_file.rs"]
mod tape_file;

/// A stub folder with a tape of one worker.
struct Folder {
    above: TempDir,
}

impl Folder {
    fn new() -> Self {
        let folder = Self { above: tempfile::tempdir().expect("a temporary folder") };
        for name in ["tapes", "mappings"] {
            fs::create_dir_all(folder.path().join(name)).expect("writable");
        }
        folder.record("one", "http://backend", 1.0);
        folder
    }

    fn path(&self) -> PathBuf {
        self.above.path().join("inventory")
    }

    fn tape(&self, name: &str) -> PathBuf {
        self.path().join(format!("tapes/{name}.jsonl"))
    }

    fn profile(&self) -> PathBuf {
        self.path().join("profiles/recorded.yaml")
    }

    /// Records one worker whose calls take `slower` times as long.
    fn record(&self, name: &str, target: &str, slower: f64) {
        let truth = Truth::new(Station::Fifo(1), 0.5);
        let arrivals = steps(truth.capacity(1), &[0.3, 0.6, 0.8], 3_000, 1);
        let _ = fs::remove_file(self.tape(name));
        let kinds = truth.kinds.iter().map(|kind| Kind { mean: kind.mean * slower, ..*kind }).collect();
        let calls = Truth { kinds, ..truth }.trace(&arrivals, 2).calls;
        tape_file::write(&self.tape(name), target, &["GET /a/{id}", "POST /a"], &calls, 0);
    }

    /// Runs a command on the folder, and asserts its exit code and its output.
    fn assert(&self, args: &[&str], code: i32, expected: &str) {
        assert_run(&[&args[..1], &[&self.path().display().to_string()], &args[1..]].concat(), code, expected);
    }
}

fn assert_run(args: &[&str], code: i32, expected: &str) {
    let done = Command::new(env!("CARGO_BIN_EXE_standin")).args(args).output().expect("it runs");
    let told = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
    assert!(done.status.code() == Some(code) && told.contains(expected), "{args:?}: {:?}\n{told}", done.status);
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).expect("it was written")
}

#[test]
fn what_it_writes_is_served() {
    let folder = Folder::new();
    folder.assert(&["fit"], 0, "fifo, 1 worker");
    assert!(folder.profile().exists());
    folder.assert(&["check"], 0, "1 profile");
    folder.assert(&["fit", "--profile", "other"], 0, "profiles/other.yaml");
}

#[test]
fn a_part_of_the_tapes_is_asked_for() {
    let folder = Folder::new();
    folder.assert(&["fit", "--from", "1h", "--to", "2h"], 2, "no tape has an answered call between 3600s and 7200s");
    folder.assert(&["fit", "--from", "1h"], 2, "later than 3600s after its first");
    folder.assert(&["fit", "--to", "100ms"], 2, "too few to fit; record at least 200: `standin record --ramp`");
    folder.assert(&["fit", "--from", "2s", "--to", "1s"], 64, "`--to` is not later than `--from`");
}

#[test]
fn it_says_what_to_give_instead() {
    let folder = Folder::new();
    for name in ["../out", "a/b", ".hidden", ""] {
        folder.assert(&["fit", "--profile", name], 64, "is no name of a profile");
    }
    assert_run(&["fit", &folder.tape("one").display().to_string()], 64, "is a file; give the stub folder");
    let above = folder.above.path().display().to_string();
    assert_run(&["fit", &above], 64, "is a folder of services; fit each by itself");
    fs::remove_dir_all(folder.path().join("tapes")).expect("it is there");
    folder.assert(&["fit"], 64, "record with `standin record");
}

#[test]
fn what_was_edited_stays() {
    let folder = Folder::new();
    folder.assert(&["fit"], 0, "written to");
    folder.assert(&["fit"], 0, "written to");
    let edited = text(&folder.profile()).replace("workers: 1", "workers: 9");
    fs::write(folder.profile(), &edited).expect("writable");
    folder.assert(&["fit"], 1, "--force");
    assert_eq!(text(&folder.profile()), edited);
    folder.assert(&["fit", "--force"], 0, "written to");
    assert_ne!(text(&folder.profile()), edited);
}

/// A tape without calls is left out, a file that is not a tape is named, and a tape of another
/// service is rejected.
#[test]
fn tapes_that_do_not_belong_here_are_told() {
    let folder = Folder::new();
    let other = folder.tape("two");
    tape_file::write(&other, "http://backend", &[], &[], 0);
    folder.assert(&["fit"], 0, "two.jsonl` has no answered call: left out");
    fs::write(&other, "").expect("writable");
    folder.assert(&["fit"], 2, "two.jsonl`: the first line is no head");
    folder.record("two", "http://another", 1.0);
    folder.assert(&["fit"], 64, "is of http://another, others are of http://backend");
    folder.assert(&["fit", "--anyway"], 0, "written to");
}

/// The worker serves 96 calls a second, and the recording goes up to 77.
#[test]
fn a_load_is_predicted_and_said_to_be_unknown_near_the_capacity() {
    let folder = Folder::new();
    folder.assert(&["fit", "--at", "40/s", "--at", "50"], 0, "     40.0 ");
    folder.assert(&["fit", "--json", "--at", "40/s"], 0, "\"perSecond\": 40.0");
    folder.assert(&["fit", "--at", "95/s"], 1, "predictions are uncertain beyond");
    folder.assert(&["fit", "--at", "95/s"], 1, "does not determine the predictions");
    assert!(text(&folder.profile()).contains("predictions agree within 30% up to"), "{}", text(&folder.profile()));
    folder.assert(&["fit", "--at", "95/s", "--anyway"], 0, "written to");
    folder.assert(&["fit", "--at", "fast"], 64, "give a number above 0");
    folder.assert(&["fit", "--at", "1e9"], 64, "give 0.001 to 1000000 calls a second");
}

/// A service whose speed changes gets no profile, except of a part, or of all with `--anyway`.
#[test]
fn a_service_that_changed_gets_no_profile() {
    let folder = Folder::new();
    folder.record("two", "http://backend", 0.5);
    folder.assert(&["fit"], 1, "--anyway");
    assert!(!folder.profile().exists());
    folder.assert(&["fit", "--anyway"], 0, "written to");
    assert!(folder.profile().exists());
}
