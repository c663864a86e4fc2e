//! Reports of `standin gap` beside their numbers: conditions, its progress, the next
//! command and the comparisons before.

use std::path::Path;
use std::time::Duration;

use standin_tape::{TapeHead, TapeWriter, VERSION};
use tempfile::TempDir;

use crate::process::run_patiently;
use crate::replay::exchange;
use crate::support::{folder, write};

const MS: Duration = Duration::from_millis(1);
const STUB: &str =
    r#"{"request": {"urlPathTemplate": "/items/{id}"}, "response": {"body": "ok", "fixedDelayMilliseconds": 21}}"#;
/// 2026-11-02 10:00 UTC.
const RECORDED_MS: u64 = 1_793_613_600_000;

/// Returns a stub folder whose stub takes 21 ms, with a tape of a service that took 20 ms.
fn recorded() -> TempDir {
    let root = folder(&[]);
    write(root.path(), "mappings/items.json", STUB);
    write_tape(&root.path().join("tapes/monday.jsonl"), 300, MS * 4);
    root
}

fn write_tape(path: &Path, calls: u32, gap: Duration) {
    let head = TapeHead {
        version: VERSION,
        target: "http://inventory:9000".to_owned(),
        started_unix_ms: RECORDED_MS,
        ..TapeHead::default()
    };
    let mut writer = TapeWriter::create(path, &head).expect("writable");
    for k in 0..calls {
        let latency = MS * 20 * (100 + k * 7 % 11) / 100;
        writer.write(&exchange("GET", &format!("/items/{k}"), gap * k, latency)).expect("writable");
    }
    writer.finish(0, 0).expect("writable");
}

fn gap(root: &Path, more: &[&str]) -> (Option<i32>, String) {
    run_patiently(&[&["gap", root.to_str().expect("UTF-8"), "--max-lateness", "10s"], more].concat())
}

#[test]
fn a_report_names_its_conditions_and_shows_its_progress() {
    let root = recorded();
    let junit = root.path().join("gap.xml").display().to_string();
    let page = root.path().join("gap.html").display().to_string();
    let (code, told) = gap(root.path(), &["--budget", "none", "--junit", &junit, "--html", &page]);
    assert_eq!(code, Some(0), "{told}");
    let dir = root.path().display();
    let command = format!("standin gap {dir} --budget default");
    for expected in [
        "service: http://inventory:9000, recorded 2026-11-02 10:00 UTC",
        "by standin ",
        "machine: ",
        " core",
        "the mock: 0 of 300 calls, 0 of 2 s",
        &command,
    ] {
        // a command goes on in the next line after a backslash
        assert!(told.replace(" \\ ", " ").contains(expected), "`{expected}` is not in {told}");
    }
    let junit = std::fs::read_to_string(junit).expect("it was written");
    let property = "<property name=\"service\" value=\"http://inventory:9000, recorded 2026-11-02 10:00 UTC\"/>";
    assert!(junit.contains(property) && junit.contains(&command), "{junit}");
    let page = std::fs::read_to_string(page).expect("it was written");
    assert!(page.contains("Service: http://inventory:9000, recorded") && page.contains(&command), "{page}");
    let (_, json) = gap(root.path(), &["--budget", "none", "--json"]);
    assert!(
        json.contains("\"service\": \"http://inventory:9000\"") && json.contains("\"command\": \"standin gap"),
        "{json}"
    );
}

#[test]
fn comparisons_of_a_folder_leave_a_trend() {
    let root = recorded();
    let history = root.path().join("gap-history.jsonl");
    let lines = || std::fs::read_to_string(&history).map_or(0, |text| text.lines().count());
    let (_, told) = gap(root.path(), &["--budget", "p50=60%"]);
    assert!(!told.contains("over time"), "{told}");
    assert_eq!(lines(), 1);
    let (_, told) = gap(root.path(), &["--budget", "p50=60%", "--no-history"]);
    assert!(told.contains("over time") && told.contains("off in the comparison of 20"), "{told}");
    assert_eq!(lines(), 1);
    // a line that cannot be read is left out, and said
    let text = std::fs::read_to_string(&history).expect("it is there") + "{\n";
    std::fs::write(&history, text).expect("writable");
    let (_, told) = gap(root.path(), &["--budget", "p50=60%"]);
    assert!(told.contains("1 lines of") && told.contains("over time"), "{told}");
    let (_, told) = gap(root.path(), &["--budget", "p50=60%"]);
    assert!(told.contains("in the 2 comparisons before"), "{told}");
    assert_eq!(lines(), 3);
}

fn profile(recorded: &str) -> String {
    format!(
        "services:\n  - name: items\n    capacity: {{discipline: unlimited}}\n    operations:\n      - name: GET /items/{{id}}\n        match: {{urlPathTemplate: \
         \"/items/{{id}}\"}}\n        demand: {{fixed: 1ms}}\n    valid: {{recorded: \"{recorded}\"}}\n"
    )
}

#[test]
fn a_later_recording_says_whether_the_service_has_changed() {
    let root = recorded();
    write(root.path(), "profiles/recorded.yaml", &profile("2025-03-01T08:00:00Z"));
    for budget in ["p50=90%", "p50=1%"] {
        let (code, told) = gap(root.path(), &["--budget", budget]);
        // the verdict is that of the machine; what follows from it is not
        let expected = match code {
            Some(0) => "the service has not changed since by more than the budget allows",
            Some(1) => "the service has changed since the profile was fitted",
            _ => "whether the service has changed since is not judged",
        };
        assert!(told.contains("the profile is of 2025-03-01 08:00 UTC") && told.contains(expected), "{told}");
    }
    // the profile of the recording itself has no age
    write(root.path(), "profiles/recorded.yaml", &profile("2026-11-02T10:00:00Z"));
    let (_, told) = gap(root.path(), &["--budget", "none"]);
    assert!(!told.contains("the profile is of"), "{told}");
}

#[test]
fn an_old_profile_is_stale() {
    let root = recorded();
    write(root.path(), "profiles/recorded.yaml", &profile("2001-02-03T04:05:06Z"));
    let check = |more: &[&str]| run_patiently(&[&["check", root.path().to_str().expect("UTF-8")], more].concat());
    let (code, told) = check(&["--stale", "30d"]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("the profile `recorded` of") && told.contains("--stale allows 30 days"), "{told}");
    let (_, json) = check(&["--stale", "30d", "--format", "json"]);
    assert!(json.contains("\"rule\": \"stale\""), "{json}");
    assert_eq!(check(&["--stale", "300000d"]).0, Some(0));
    assert_eq!(check(&[]).0, Some(0));
    assert_eq!(check(&["--stale", "soon"]).0, Some(64));
    write(root.path(), "profiles/recorded.yaml", &profile("yesterday"));
    let (code, told) = check(&[]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("`yesterday` is no time since 1970"), "{told}");
}
