//! `standin gap`: budgets, exit codes, and the mock replayed and compared in one go.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use standin_tape::exchange::Exchange;
use tempfile::TempDir;

use crate::replay::{Backend, exchange, tape};
use crate::support::{eventually, folder, write};

fn gap(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_standin")).arg("gap").args(args).output().expect("it runs")
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.clone(), output.stderr.clone()].concat()).into_owned()
}

fn calls(count: u32, gap: Duration, latency: Duration) -> Vec<Exchange> {
    // a spread of a tenth, so that percentiles differ
    let latency = |k: u32| latency * (100 + k * 7 % 11) / 100;
    (0..count).map(|k| exchange("GET", &format!("/items/{k}"), gap * k, latency(k))).collect()
}

const MS: Duration = Duration::from_millis(1);

/// Returns two tapes, the second of which takes `percent` of the first.
fn two(percent: u32) -> (TempDir, String, String) {
    let folder = TempDir::new().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name);
    tape(&path("before.jsonl"), &calls(2_500, MS, MS * 10));
    tape(&path("after.jsonl"), &calls(2_500, MS, MS * percent / 10));
    let (one, other) = (path("before.jsonl").display().to_string(), path("after.jsonl").display().to_string());
    (folder, one, other)
}

#[test]
fn two_tapes_are_compared_and_judged() {
    let (_folder, before, after) = two(108);
    for (budget, code, expected) in [
        ("p50=10%,p95=10%", 0, "within the budget"),
        ("p50=5%", 1, "OVER the budget"),
        ("p99=10%", 2, "80 % are needed"),
        ("p50", 64, "p95=10%"),
    ] {
        let output = gap(&[&before, &after, "--budget", budget]);
        assert_eq!(output.status.code(), Some(code), "{budget}: {}", told(&output));
        assert!(told(&output).contains(expected), "{budget}: {}", told(&output));
    }
    for (budget, code, expected) in
        [(&[][..], 1, "OVER the default budget"), (&["--budget", "none"], 0, "no budget was asked for")]
    {
        let output = gap(&[&[before.as_str(), &after], budget].concat());
        let text = told(&output);
        assert_eq!(output.status.code(), Some(code), "{text}");
        for expected in
            ["after (2,500 calls) against before", "GET /items/{id}", "+8.0 %", "fixed delay", "few", expected]
        {
            assert!(text.contains(expected), "`{expected}` is not in\n{text}");
        }
        assert!(
            text.contains("why: the mock after is slower at every percentile, by about the same (+8.0 %)"),
            "{text}"
        );
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }
    let same = gap(&[&before, &before]);
    assert_eq!(same.status.code(), Some(0), "{}", told(&same));
    assert!(told(&same).contains("within the default budget") && !told(&same).contains("why:"), "{}", told(&same));
}

/// A comparison of too few calls does not pass.
#[test]
fn what_cannot_be_judged_is_no_pass() {
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join("short.jsonl");
    tape(&path, &calls(150, MS, MS * 10));
    let path = path.display().to_string();
    let output = gap(&[&path, &path]);
    assert_eq!(output.status.code(), Some(2), "{}", told(&output));
    for expected in ["p50 needs 200 calls, there are 150\n", "record longer"] {
        assert!(told(&output).contains(expected), "{}", told(&output));
    }
    assert_eq!(gap(&[&path, &path, "--budget", "none"]).status.code(), Some(0));
}

/// Several tapes a side are runs: there is noise, a test over all rows, and a note if they are no
/// runs of one load.
#[test]
fn several_tapes_a_side_are_runs() {
    let folder = TempDir::new().expect("a temporary folder");
    let write = |name: &str, count: u32, percent: u32| {
        let path = folder.path().join(name);
        tape(&path, &calls(count, MS, MS * percent / 10));
        path.display().to_string()
    };
    let side = |name: &str, percent: u32| -> Vec<String> {
        (0..4).map(|run| write(&format!("{name}{run}.jsonl"), 1_200, percent + run)).collect()
    };
    let compare = |one: &[String], other: &[String]| {
        let mut args = vec!["--reference"];
        args.extend(one.iter().map(String::as_str));
        args.push("--mock");
        args.extend(other.iter().map(String::as_str));
        args.push("--json");
        let output = gap(&args);
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        (output.status.code(), json)
    };
    let (same, slower) = (side("same", 100), side("slower", 130));
    let (code, json) = compare(&same, &slower);
    assert_eq!((code, &json["reference"]["runs"], &json["mock"]["runs"]), (Some(1), &4.into(), &4.into()));
    assert_eq!(json["cells"][0]["noiseFrom"], "runs");
    let chance = json["inference"]["chance"].as_f64().expect("a number");
    assert!((chance - 2.0 / 70.0).abs() < 1e-9, "{}", json["inference"]);
    let (code, json) = compare(&same, &same);
    assert_eq!((code, &json["verdict"], &json["causes"]), (Some(0), &"within".into(), &serde_json::json!([])));
    assert_eq!(json["inference"]["chance"], 1.0);
    // another load is no run of this one
    let longer = [same[0].clone(), write("longer.jsonl", 2_000, 100)];
    let (_, json) = compare(&longer, &slower);
    assert!(
        json["inference"].is_null()
            && json["notes"][0].as_str().is_some_and(|note| note.contains("not runs of one load")),
        "{json}"
    );
    for wrong in [
        &["--reference", &same[0]][..],
        &["--mock", &same[0]],
        &[&same[0], "--reference", &same[0], "--mock", &same[1]],
    ] {
        assert_eq!(gap(wrong).status.code(), Some(64), "{wrong:?}");
    }
}

#[test]
fn json_is_an_object() {
    let (_folder, before, after) = two(100);
    let output = gap(&[&before, &after, "--json", "--budget", "p50=1%"]);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&json["verdict"], &json["cells"][0]["deviation"]["wasserstein"]), (&"within".into(), &0.0.into()));
}

#[test]
fn what_cannot_be_compared_says_why() {
    let root = folder(&[]);
    let dir = root.path().to_str().expect("UTF-8");
    let missing = root.path().join("no.jsonl");
    for (args, expected) in [
        (&[dir][..], "record one first"),
        (&["/nowhere/at/all"], "give a stub folder, or two tapes"),
        (&[dir, missing.to_str().expect("UTF-8")], "tape"),
    ] {
        let output = gap(args);
        assert_eq!(output.status.code(), Some(64), "{}", told(&output));
        assert!(told(&output).contains(expected), "{}", told(&output));
    }
}

/// Returns a stub folder whose stub takes `milliseconds`, with a tape of a service that took 20 ms.
fn recorded(milliseconds: u32, url: &str) -> TempDir {
    let stub = format!(
        r#"{{"request": {{"urlPathTemplate": "{url}"}}, "response": {{"body": "ok", "fixedDelayMilliseconds": {milliseconds}}}}}"#
    );
    let root = folder(&[]);
    write(root.path(), "mappings/items.json", &stub);
    tape(&root.path().join("tapes/monday.jsonl"), &calls(300, MS * 4, MS * 20));
    root
}

fn gap_of(root: &Path, more: &[&str]) -> Output {
    let mut args = vec![root.to_str().expect("UTF-8"), "--max-lateness", "10s"];
    args.extend(more);
    gap(&args)
}

#[test]
fn the_newest_tape_is_replayed_against_the_mock() {
    let near = recorded(21, "/items/{id}");
    let output = gap_of(near.path(), &["--budget", "p50=40%"]);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    let text = told(&output);
    for expected in ["mock (300 calls) against recorded (300 calls)", "without a profile", "within the budget"] {
        assert!(text.contains(expected), "`{expected}` is not in\n{text}");
    }
    let far = recorded(60, "/items/{id}");
    let output = gap_of(far.path(), &["--budget", "p50=40%"]);
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    assert!(told(&output).contains("why: the mock was served without a profile"), "{}", told(&output));
    // a mock without the stubs is not compared at all
    let empty = recorded(20, "/other/{id}");
    let output = gap_of(empty.path(), &[]);
    assert_eq!(output.status.code(), Some(2), "{}", told(&output));
    assert!(told(&output).contains("no stub for 100.0 %"), "{}", told(&output));
    let output = gap_of(near.path(), &["--profile", "peak"]);
    assert_eq!(output.status.code(), Some(64), "{}", told(&output));
}

#[test]
fn a_fitted_profile_is_served_by_default() {
    let root = recorded(0, "/items/{id}");
    let profile = "services:\n  - name: items\n    capacity: {discipline: unlimited}\n    operations:\n      - name: GET /items/{id}\n        \
                   match: {urlPathTemplate: \"/items/{id}\"}\n        demand: {fixed: 21ms}\n";
    write(root.path(), "profiles/recorded.yaml", profile);
    let output = gap_of(root.path(), &["--budget", "p50=40%"]);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    assert!(told(&output).contains("of its capacity, by profile “recorded”"), "{}", told(&output));
}

#[test]
fn the_live_service_and_the_mock_take_turns() {
    let backend = Backend::new(|_, _| (200, Duration::from_millis(21)));
    let root = recorded(21, "/items/{id}");
    let url = backend.url();
    let output = gap_of(root.path(), &["--target", &url]);
    assert_eq!(output.status.code(), Some(64), "{}", told(&output));
    assert!(backend.seen().is_empty());
    let live = ["--target", &url, "--max-per-second", "500", "--budget", "p50=40%", "--json"];
    let output = gap_of(root.path(), &live);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&json["reference"]["name"], &json["reference"]["runs"]), (&"live".into(), &4.into()));
    assert_eq!((&json["reference"]["calls"], &json["mock"]["calls"]), (&300.into(), &300.into()));
    assert_eq!(backend.seen().len(), 300);
    assert!(backend.seen().iter().all(|seen| seen.method == "GET"));
    // one that fails is left alone
    let failing = Backend::new(|number, _| (if number > 30 { 500 } else { 200 }, Duration::ZERO));
    let url = failing.url();
    let output = gap_of(root.path(), &["--target", &url, "--max-per-second", "500", "--blocks", "1"]);
    assert_eq!(output.status.code(), Some(2), "{}", told(&output));
    assert!(told(&output).contains("the run was stopped"), "{}", told(&output));
    assert!(failing.seen().len() < 250, "{}", failing.seen().len());
}

/// Whole runs of one schedule, with a new mock for each, give the significance of the comparison.
#[test]
fn runs_of_one_schedule_tell_how_sure_it_is() {
    let backend = Backend::new(|_, _| (200, Duration::from_millis(60)));
    let root = recorded(21, "/items/{id}");
    let url = backend.url();
    let page = root.path().join("gap.html").display().to_string();
    let live = ["--target", &url, "--max-per-second", "500", "--runs", "4", "--stop", "errors=1%"];
    let output = gap_of(root.path(), &[&live[..], &["--json", "--html", &page]].concat());
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&json["reference"]["runs"], &json["mock"]["runs"]), (&4.into(), &4.into()));
    assert_eq!(backend.seen().len(), 1_200, "the whole schedule in each");
    let inference = &json["inference"];
    assert_eq!(inference["runs"], serde_json::json!([4, 4]));
    // 70 divisions, of which the real one and its mirror image are the most extreme
    let chance = inference["chance"].as_f64().expect("a number");
    assert!((chance - 2.0 / 70.0).abs() < 1e-9, "{inference}");
    assert!(inference["power"][0]["seen"].as_f64().expect("a number") > 0.0, "{inference}");
    let page = std::fs::read_to_string(page).expect("it was written");
    assert!(page.contains("the mock really differs") && page.contains("would notice a difference of"), "{page}");
    assert!(json["cells"][0]["noise"]["p50"].as_f64().is_some(), "{}", json["cells"][0]);
    for wrong in [&["--runs", "4"][..], &["--target", &url, "--max-per-second", "500", "--runs", "4", "--blocks", "2"]]
    {
        assert_eq!(gap_of(root.path(), wrong).status.code(), Some(64), "{wrong:?}");
    }
}

#[test]
fn a_page_and_a_file_for_ci_are_written() {
    let (folder, before, after) = two(108);
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (page, junit) = (path("gap.html"), path("gap.xml"));
    let output = gap(&[&before, &after, "--budget", "p50=5%", "--html", &page, "--junit", &junit]);
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    let page = std::fs::read_to_string(page).expect("it was written");
    for expected in [
        "differs from the service by more than allowed (the budget p50=5%)",
        "GET /items/{id}",
        "prefers-color-scheme",
        "a fixed delay",
        "+8.0 %",
        "What to do next",
        "<figcaption>",
    ] {
        assert!(page.contains(expected), "`{expected}` is not in\n{page}");
    }
    assert!(
        !page.contains("src=") && !page.contains("href=") && !page.contains("url("),
        "it needs nothing from elsewhere"
    );
    let junit = std::fs::read_to_string(junit).expect("it was written");
    assert!(junit.contains("<failure message=\"p50") && junit.contains("classname=\"GET /items/{id}\""), "{junit}");
    assert!(junit.contains("failures=\"1\""), "{junit}");

    let output = gap(&[&before, &after, "--html", "/nowhere/at/all.html"]);
    assert_eq!(output.status.code(), Some(2), "{}", told(&output));
}

/// Output files that cannot be written are reported before anything is sent.
#[test]
fn what_cannot_be_written_is_said_before_anything_is_sent() {
    let backend = Backend::new(|_, _| (200, Duration::ZERO));
    let root = recorded(20, "/items/{id}");
    for option in ["--html", "--junit"] {
        let live = ["--target", &backend.url(), "--max-per-second", "500", option, "/nowhere/at/all"];
        let output = gap_of(root.path(), &live);
        assert_eq!(output.status.code(), Some(2), "{}", told(&output));
        assert!(told(&output).contains("cannot write `/nowhere/at/all`"), "{}", told(&output));
    }
    assert!(backend.seen().is_empty());
}

#[test]
fn options_without_effect_are_refused() {
    let (folder, before, after) = two(100);
    let root = recorded(20, "/items/{id}");
    let dir = root.path().to_str().expect("UTF-8");
    let inside = folder.path().to_str().expect("UTF-8");
    for (args, expected) in [
        (&[dir, "--blocks", "2"][..], "--target"),
        (&[dir, "--max-per-second", "5"], "--max-per-second is for a live service"),
        (&[dir, "--methods", "POST"], "--methods is for a live service"),
        (&[&before, &after, "--profile", "x"], "--profile has no effect on tapes"),
        (&[&before, &after, "--seed", "7"], "--seed has no effect on tapes"),
        (&[&before, &after, "--max-lateness", "1s"], "--max-lateness has no effect on tapes"),
        (&["--reference", &before, &before, "--mock", &after], "given twice"),
        (&["--reference", &before, "--mock", &after, &after], "given twice"),
        (&[inside, inside], "is a folder"),
    ] {
        let output = gap(args);
        assert_eq!(output.status.code(), Some(64), "{args:?}: {}", told(&output));
        assert!(told(&output).contains(expected), "{args:?}: {}", told(&output));
    }
}

/// The reason for a missing result is in the JSON and in the JUnit file.
#[test]
fn a_refused_run_says_so_to_programs() {
    let root = recorded(20, "/items/{id}");
    let junit = root.path().join("gap.xml");
    let (dir, path) = (root.path().to_str().expect("UTF-8"), junit.to_str().expect("UTF-8"));
    let output = gap(&[dir, "--max-lateness", "1ns", "--json", "--junit", path]);
    assert_eq!(output.status.code(), Some(2), "{}", told(&output));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&json["version"], &json["verdict"]), (&1.into(), &"refused".into()), "{json}");
    assert!(json["why"].as_str().is_some_and(|why| why.contains("late itself")), "{json}");
    let junit = std::fs::read_to_string(junit).expect("it was written");
    assert!(junit.contains("errors=\"1\"") && junit.contains("late itself"), "{junit}");
}

#[test]
fn ctrl_c_ends_a_comparison_with_a_word() {
    let backend = Backend::new(|_, _| (200, Duration::ZERO));
    let root = recorded(20, "/items/{id}");
    tape(&root.path().join("tapes/monday2.jsonl"), &calls(3_000, MS * 10, MS * 20));
    std::fs::remove_file(root.path().join("tapes/monday.jsonl")).expect("it was there");
    let (dir, url) = (root.path().to_str().expect("UTF-8"), backend.url());
    for (live, expected) in [
        (&["--target", &url, "--max-per-second", "500", "--blocks", "1"][..], "calls to the live service and 0 calls"),
        (&[], "calls to the mock"),
    ] {
        let child = Command::new(env!("CARGO_BIN_EXE_standin"))
            .args(["gap", dir])
            .args(live)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        let begun = std::time::Instant::now();
        // what the mock gets cannot be seen from here
        let is_begun = || begun.elapsed() > Duration::from_millis(1_500);
        eventually("calls are sent", || is_begun() && (live.is_empty() || backend.seen().len() >= 5));
        let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill runs");
        assert!(sent.success());
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(2), "{}", told(&output));
        assert!(
            told(&output).contains("ended by a signal, after") && told(&output).contains(expected),
            "{}",
            told(&output)
        );
    }
    let seen = backend.seen().len();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(backend.seen().len(), seen, "nothing goes on");
}

#[test]
fn a_page_shows_how_latency_grows_with_the_load() {
    let folder = TempDir::new().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (tape_of, page) = (path("ramp.jsonl"), path("gap.html"));
    // calm, then three times as busy
    let mut ramp = calls(6_000, MS, MS * 5);
    let busy = calls(6_000, MS / 3, MS * 9);
    ramp.extend(busy.into_iter().map(|mut call| {
        for time in [&mut call.times.sent, &mut call.times.first_byte, &mut call.times.last_byte] {
            *time = time.map(|time| time + 6_000_000_000);
        }
        call.times.received += 6_000_000_000;
        call
    }));
    tape(Path::new(&tape_of), &ramp);
    let output = gap(&[&tape_of, &tape_of, "--html", &page]);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    let page = std::fs::read_to_string(page).expect("it was written");
    for expected in
        ["By load: slow answers, p95", "<polyline class=\"mock\"", "p95, ms</text>", ">3,000</text>", ">10</text>"]
    {
        assert!(page.contains(expected), "`{expected}` is not in\n{page}");
    }
}
