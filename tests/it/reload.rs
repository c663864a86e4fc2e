//! Hot reload: changes of stub files as editors, deployments and people make them.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::support::{Client, Mock, eventually, folder, write};

fn stub(url: &str, body: &str) -> String {
    format!(r#"{{"request": {{"url": "{url}"}}, "response": {{"body": "{body}"}}}}"#)
}

/// Operations of these tests on a server.
trait ReloadTest {
    /// Returns the status of the last reload.
    fn status(&self) -> Value;
    /// Returns true if a GET of `url` is answered with `body`.
    fn answers(&self, url: &str, body: &str) -> bool;
    fn path(&self, name: &str) -> PathBuf;
    /// Waits until a GET of `url` is answered with `body`.
    fn await_answer(&self, url: &str, body: &str);
    /// Returns true if the last reload failed.
    fn has_failed(&self) -> bool;
    /// Requests a reload; returns its status.
    fn reload(&self) -> Value;
}

impl ReloadTest for Mock {
    fn status(&self) -> Value {
        self.get("/__admin/standin/reload").json()
    }

    fn answers(&self, url: &str, body: &str) -> bool {
        self.get(url).text() == body
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    #[track_caller]
    fn await_answer(&self, url: &str, body: &str) {
        eventually(&format!("{url} says `{body}`; {}", self.status()), || self.answers(url, body));
    }

    fn has_failed(&self) -> bool {
        self.status()["status"] == "failed"
    }

    fn reload(&self) -> Value {
        self.post("/__admin/standin/reload", "").json()
    }
}

#[test]
fn a_save_as_vim_makes_it_is_served() {
    let mock = Mock::with(&stub("/a", "one"));
    for round in 0..3 {
        let text = stub("/a", &format!("vim {round}"));
        let file = mock.path("mappings/stubs.json");
        // a probe, a swap file, the old file moved to a backup, the new one written, the backup
        // removed
        write(mock.root.path(), "mappings/4913", "");
        fs::remove_file(mock.path("mappings/4913")).expect("writable");
        write(mock.root.path(), "mappings/.stubs.json.swp", "b0VIM 9.1");
        fs::rename(&file, mock.path("mappings/stubs.json~")).expect("writable");
        fs::write(&file, text).expect("writable");
        fs::remove_file(mock.path("mappings/stubs.json~")).expect("writable");
        fs::remove_file(mock.path("mappings/.stubs.json.swp")).expect("writable");
        mock.await_answer("/a", &format!("vim {round}"));
    }
    assert_eq!(mock.status()["failures"], 0);
    eventually("the status follows", || mock.status()["stubs"] == 1);
}

#[test]
fn a_backup_that_stays_is_no_stub() {
    let mock = Mock::with(&stub("/a", "one"));
    fs::copy(mock.path("mappings/stubs.json"), mock.path("mappings/stubs.json~")).expect("writable");
    symlink("nobody@nowhere.1", mock.path("mappings/.#stubs.json")).expect("a link");
    write(mock.root.path(), "mappings/stubs.json", &stub("/a", "two"));
    mock.await_answer("/a", "two");
    eventually("the status follows", || mock.status()["files"] == 1);
    assert_eq!(mock.status()["failures"], 0);
}

#[test]
fn a_save_as_vs_code_makes_it_is_served() {
    let mock = Mock::with(&stub("/a", "one"));
    for round in 0..3 {
        let text = stub("/a", &format!("code {round}"));
        let mut file = fs::File::create(mock.path("mappings/stubs.json")).expect("truncated");
        // the write comes well after the truncation
        std::thread::sleep(Duration::from_millis(20));
        std::io::Write::write_all(&mut file, text.as_bytes()).expect("writable");
        mock.await_answer("/a", &format!("code {round}"));
    }
    assert_eq!(mock.status()["failures"], 0, "an empty file in between is no defect");
}

#[test]
fn a_file_that_is_moved_over_is_served_even_with_an_old_time() {
    let mock = Mock::with(&stub("/a", "one"));
    let file = mock.path("mappings/stubs.json");
    let old = fs::metadata(&file).and_then(|metadata| metadata.modified()).expect("a time");
    let draft = mock.path("draft");
    fs::write(&draft, stub("/a", "two")).expect("writable");
    fs::File::options().write(true).open(&draft).and_then(|file| file.set_modified(old)).expect("writable");
    fs::rename(&draft, &file).expect("writable");
    mock.await_answer("/a", "two");
}

#[test]
fn a_file_that_is_written_twice_within_a_tick_is_served_as_it_is_last() {
    let mock = Mock::with(&stub("/a", "0"));
    for round in 0..50 {
        write(mock.root.path(), "mappings/stubs.json", &stub("/a", &(round % 10).to_string()));
    }
    write(mock.root.path(), "mappings/stubs.json", &stub("/a", "x"));
    mock.await_answer("/a", "x");
}

#[test]
fn a_body_that_is_rewritten_is_served_anew() {
    let by_file = |url: &str| format!(r#"{{"request": {{"url": "{url}"}}, "response": {{"bodyFileName": "a.txt"}}}}"#);
    let mock = Mock::configured(&[("mappings/s.json", &by_file("/file")), ("__files/a.txt", "one")], |_| {});
    mock.post("/__admin/mappings", &by_file("/api"));
    assert!(mock.answers("/file", "one") && mock.answers("/api", "one"));
    write(mock.root.path(), "__files/a.txt", "two");
    mock.await_answer("/file", "two");
    mock.await_answer("/api", "two");
    // a missing body file is an error of the stub that names it
    fs::rename(mock.path("__files/a.txt"), mock.path("__files/b.txt")).expect("writable");
    eventually("the reload fails", || mock.has_failed());
    assert!(mock.answers("/file", "two"), "the file with the error keeps its last good version");
    assert_eq!(mock.status()["defects"][0]["line"], 1);
    write(mock.root.path(), "__files/a.txt", "three");
    mock.await_answer("/file", "three");
    mock.await_answer("/api", "three");
    eventually("the status follows", || mock.status()["status"] == "ok");
}

#[test]
fn a_config_map_that_is_swapped_is_served() {
    let root = folder(&[]);
    let at = |name: &str| root.path().join(name);
    let version = |number: usize, text: &str| {
        write(root.path(), &format!("mappings/..{number}/a.json"), text);
        write(root.path(), &format!("mappings/..{number}/b.json"), &stub("/b", &number.to_string()));
    };
    version(1, &stub("/a", "1"));
    symlink("..1", at("mappings/..data")).expect("a link");
    for name in ["a.json", "b.json"] {
        symlink(format!("..data/{name}"), at(&format!("mappings/{name}"))).expect("a link");
    }
    let path = root.path().to_owned();
    let mock = Mock::configured(&[], |config| config.root = Some(path));
    assert!(mock.answers("/a", "1"));
    for number in 2..5 {
        version(number, &stub("/a", &number.to_string()));
        symlink(format!("..{number}"), at("mappings/..data_tmp")).expect("a link");
        fs::rename(at("mappings/..data_tmp"), at("mappings/..data")).expect("writable");
        fs::remove_dir_all(at(&format!("mappings/..{}", number - 1))).expect("writable");
        mock.await_answer("/a", &number.to_string());
        // both came together
        assert!(mock.answers("/b", &number.to_string()));
    }
    assert_eq!(mock.status()["failures"], 0);
}

#[test]
fn a_folder_behind_a_link_that_is_swapped_is_served() {
    let root = folder(&[]);
    write(root.path(), "one/mappings/a.json", &stub("/a", "one"));
    write(root.path(), "two/mappings/a.json", &stub("/a", "two"));
    symlink("one", root.path().join("current")).expect("a link");
    let path = root.path().join("current");
    let mock = Mock::configured(&[], |config| config.root = Some(path));
    assert!(mock.answers("/a", "one"));
    symlink("two", root.path().join("next")).expect("a link");
    fs::rename(root.path().join("next"), root.path().join("current")).expect("writable");
    mock.await_answer("/a", "two");
    // the new folder is watched as well
    write(root.path(), "two/mappings/a.json", &stub("/a", "three"));
    mock.await_answer("/a", "three");
}

#[test]
fn a_change_without_events_is_noticed() {
    // as with a file that is mounted alone: it is written in place, elsewhere
    let elsewhere = folder(&[("a.json", &stub("/a", "one"))]);
    let root = folder(&[]);
    symlink(elsewhere.path().join("a.json"), root.path().join("mappings/a.json")).expect("a link");
    let path = root.path().to_owned();
    let mock = Mock::configured(&[], |config| config.root = Some(path));
    for body in ["two", "six"] {
        write(elsewhere.path(), "a.json", &stub("/a", body));
        mock.await_answer("/a", body);
    }
}

#[test]
fn deleted_new_and_renamed_files_are_noticed() {
    let mock =
        Mock::configured(&[("mappings/a.json", &stub("/x", "a")), ("mappings/b/c.json", &stub("/x", "c"))], |_| {});
    assert!(mock.answers("/x", "c"), "the later path is newer");
    fs::remove_file(mock.path("mappings/b/c.json")).expect("writable");
    mock.await_answer("/x", "a");
    write(mock.root.path(), "mappings/new/deep/d.yaml", "request: {url: /x}\nresponse: {body: d}\n");
    mock.await_answer("/x", "d");
    // older than all others now, whatever the history
    fs::rename(mock.path("mappings/new"), mock.path("mappings/0")).expect("writable");
    mock.await_answer("/x", "a");
    fs::rename(mock.path("mappings/a.json"), mock.path("mappings/a.json.off")).expect("writable");
    mock.await_answer("/x", "d");
    // a folder that was not there when the watch began is watched
    write(mock.root.path(), "mappings/0/deep/d.yaml", "request: {url: /x}\nresponse: {body: e}\n");
    mock.await_answer("/x", "e");
}

#[test]
fn a_folder_that_goes_and_comes_back_is_read_and_watched_again() {
    for gone in ["stubs", "stubs/mappings"] {
        let mock = Mock::configured(&[("stubs/mappings/a.json", &stub("/a", "one"))], |config| {
            config.root = config.root.take().map(|root| root.join("stubs"));
        });
        for round in ["two", "three"] {
            fs::rename(mock.path(gone), mock.path("aside")).expect("writable");
            eventually("the missing folder is reported", || mock.has_failed());
            assert!(!mock.get("/a").text().is_empty() && mock.get("/a").status == 200, "the last good set stays");
            let told = mock.status()["defects"][0]["message"].as_str().expect("a text").to_owned();
            assert!(told.contains("cannot read the folder"), "{told}");
            // made anew, not moved back
            fs::remove_dir_all(mock.path("aside")).expect("writable");
            write(mock.root.path(), "stubs/mappings/a.json", &stub("/a", round));
            mock.await_answer("/a", round);
            eventually("the reload succeeds again", || !mock.has_failed());
        }
        write(mock.root.path(), "stubs/mappings/a.json", &stub("/a", "watched"));
        mock.await_answer("/a", "watched");
    }
}

#[test]
fn thousands_of_files_at_once_are_one_reload_or_a_few() {
    let files: Vec<_> = (0..2000)
        .map(|number| (format!("mappings/{}/{number}.json", number % 20), stub(&format!("/{number}"), "one")))
        .collect();
    let files: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let mock = Mock::configured(&files, |_| {});
    mock.get("/7");
    for (number, (name, text)) in files.iter().enumerate() {
        let changed = stub(&format!("/{number}"), "two");
        write(mock.root.path(), name, if number % 2 == 0 { &changed } else { text });
    }
    mock.await_answer("/1998", "two");
    mock.await_answer("/0", "two");
    for number in (0..2000).step_by(97) {
        assert!(mock.answers(&format!("/{number}"), if number % 2 == 0 { "two" } else { "one" }), "{number}");
    }
    // the status is updated after the stubs are served
    eventually("the status follows", || mock.status()["generation"] != 1);
    let status = mock.status();
    assert!(status["generation"].as_u64().expect("a number") <= 6, "{status}");
    assert_eq!((status["files"].as_u64(), status["stubs"].as_u64()), (Some(2000), Some(2000)));
    // then a single one
    write(mock.root.path(), "mappings/3/3.json", &stub("/3", "three"));
    mock.await_answer("/3", "three");
    eventually("the status follows", || mock.status()["reread"] == 1);
}

/// Broken files: extension, text, line, column, and a part of the message and the help.
const BROKEN: &[(&str, &str, u64, u64, &str)] = &[
    ("json", "", 1, 1, "no JSON here; write an object"),
    ("json", "{", 1, 1, "add the missing `}`"),
    ("json", "{\n  \"request\": {\"url\": \"/a\"},\n}", 2, 27, "trailing comma before `}`; remove it"),
    ("json", "{\n  \"request\": {\"url\": \"/a\"}\n  \"response\": {}\n}", 2, 14, "add a `,`"),
    ("json", "{\"request\": {\"url\": /a}}", 1, 21, "is no comment; write `//`"),
    ("json", "{\n\"request\": {\"url\": \"/a}}", 2, 20, "not closed; end it with `\"`"),
    ("json", "[]", 1, 1, "not a list; write `{…}`"),
    ("json", "{\"request\": []}", 1, 13, "not a list; write `{…}`"),
    (
        "json",
        "{\"request\": {\"url\": \"/a\", \"headers\": {\"A\": {\"equal\": \"1\"}}}}",
        1,
        45,
        "did you mean `equalTo`?",
    ),
    ("json", "{\"request\": {\"urll\": \"/a\"}}", 1, 14, "unknown field `urll`; did you mean `url`?"),
    ("json", "{\"request\": {\"urlPattern\": \"/(\"}}", 1, 28, "not closed at index 1 of the pattern `/(`; add `)`"),
    ("json", "{\"request\": {\"url\": \"/a\"}, \"response\": {\"status\": \"OK\"}}", 1, 51, "not `OK`; write digits"),
    ("json", "{\"request\": {\"url\": \"/a\"}, \"response\": {\"fault\": \"BOOM\"}}", 1, 50, "use EMPTY_RESPONSE"),
    (
        "json",
        "{\"request\": {\"url\": \"/a\"},\n\"response\": {\"bodyFileName\": \"missing.txt\"}}",
        2,
        30,
        "put the file there",
    ),
    ("json", "{\"request\": {\"url\": \"/a\"},\n\"response\": {\"bodyFileName\": \"../x\"}}", 2, 30, "below `__files`"),
    (
        "json",
        "{\"request\": {\"url\": \"/a\"}, \"response\": {\"base64Body\": \"%\"}}",
        1,
        55,
        "encode the bytes as base64",
    ),
    ("json", "{\"id\": \"one\", \"request\": {\"url\": \"/a\"}}", 1, 8, "or leave it out"),
    ("json", "{\"priority\": \"high\", \"request\": {\"url\": \"/a\"}}", 1, 14, "not `high`; write digits"),
    ("json", "{\"mappings\": {}}", 1, 14, "write `[{…}, {…}]`"),
    ("json", "{\n\"response\": {\"delayDistribution\": {\"type\": \"normal\"}}}", 2, 35, "add `mean`"),
    ("yaml", "request:\n  url: /a\n response: {}\n", 3, 2, "align it with them"),
    ("yaml", "request: {url: /a\n", 1, 17, "in this `{…}`; add it"),
    ("yaml", "request:\n  url: /a\nresponse:\n  fixedDelayMilliseconds: soon\n", 4, 27, "write digits"),
];

#[test]
fn a_broken_file_is_reported_with_place_and_help_beside_files_that_change() {
    let mock = Mock::configured(&[("mappings/good.json", &stub("/good", "good"))], |_| {});
    let mut wrong = Vec::new();
    for (round, (extension, text, line, column, expected)) in BROKEN.iter().enumerate() {
        let name = format!("mappings/a.{extension}");
        write(mock.root.path(), "mappings/good.json", &stub("/good", &format!("beside {round}")));
        write(mock.root.path(), &name, text);
        eventually(&format!("{text} fails"), || {
            let status = mock.status();
            status["status"] == "failed"
                && status["defects"][0]["file"].as_str().is_some_and(|file| file.ends_with(&name))
        });
        let status = mock.status();
        let defect = &status["defects"][0];
        let help = defect["help"].as_str().unwrap_or_default();
        let message = defect["message"].as_str().unwrap_or_default();
        if defect["line"] != *line || defect["column"] != *column || !format!("{message}; {help}").contains(expected) {
            wrong.push(format!("{text:?}, {}, {}, {message:?}, {help:?}", defect["line"], defect["column"]));
        }
        mock.await_answer("/good", &format!("beside {round}"));
        fs::remove_file(mock.path(&name)).expect("writable");
        eventually("the status follows", || mock.status()["status"] == "ok");
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn a_failure_is_in_the_metrics_until_it_is_corrected() {
    let mock = Mock::with(&stub("/a", "one"));
    let has = |line: &str| mock.get("/__admin/metrics").text().lines().any(|known| known == line);
    assert!(has("standin_reload_failed 0") && has("standin_reloads_total{result=\"failed\"} 0"));
    write(mock.root.path(), "mappings/stubs.json", "{");
    eventually("the reload fails", || has("standin_reload_failed 1"));
    assert!(has("standin_reloads_total{result=\"failed\"} 1") && has("standin_reloads_total{result=\"ok\"} 0"));
    write(mock.root.path(), "mappings/stubs.json", &stub("/a", "two"));
    eventually("the reload succeeds", || has("standin_reload_failed 0"));
    assert!(has("standin_reloads_total{result=\"ok\"} 1"));
    assert!(mock.get("/__admin/metrics").text().contains("standin_reload_last_success_timestamp_seconds 1"));
}

#[test]
fn changes_through_the_api_survive_a_reload() {
    let ids = ["1", "2", "3"].map(|digit| format!("00000000-0000-4000-8000-00000000000{digit}"));
    let with_id = |id: &str, url: &str, body: &str| stub(url, body).replacen('{', &format!("{{\"id\": \"{id}\", "), 1);
    let mock = Mock::configured(
        &[
            ("mappings/edited.json", &with_id(&ids[0], "/edited", "file")),
            ("mappings/removed.json", &with_id(&ids[1], "/removed", "file")),
            ("mappings/z.json", &with_id(&ids[2], "/z", "file")),
        ],
        |_| {},
    );
    mock.post("/__admin/mappings", &stub("/api", "api"));
    mock.post("/__admin/mappings", &stub("/z", "api"));
    mock.post("/__admin/mappings/edit", &with_id(&ids[0], "/edited", "edited"));
    mock.send(&format!("DELETE /__admin/mappings/{} HTTP/1.1\r\nHost: {}\r\n\r\n", ids[1], mock.address));
    write(mock.root.path(), "mappings/a.json", &stub("/a", "new"));
    write(mock.root.path(), "mappings/z.json", &with_id(&ids[2], "/z", "file again"));
    mock.await_answer("/a", "new");
    assert!(mock.answers("/api", "api"));
    assert!(mock.answers("/z", "api"), "stubs of the API come first");
    assert!(mock.answers("/edited", "edited"));
    assert_eq!(mock.get("/removed").status, 404);
    // until their files change
    write(mock.root.path(), "mappings/edited.json", &with_id(&ids[0], "/edited", "changed"));
    write(mock.root.path(), "mappings/removed.json", &with_id(&ids[1], "/removed", "changed"));
    mock.await_answer("/edited", "changed");
    mock.await_answer("/removed", "changed");
    assert!(mock.answers("/api", "api"));
    // or until a reset
    mock.post("/__admin/mappings/edit", &with_id(&ids[0], "/edited", "edited"));
    mock.send(&format!("DELETE /__admin/mappings/{} HTTP/1.1\r\nHost: {}\r\n\r\n", ids[1], mock.address));
    assert_eq!(mock.post("/__admin/reset", "").status, 200);
    assert!(
        mock.answers("/edited", "changed") && mock.answers("/removed", "changed") && mock.answers("/z", "file again")
    );
    assert_eq!(mock.get("/api").status, 404);
}

#[test]
fn files_that_standin_writes_cause_no_reload() {
    let mock = Mock::with(&stub("/p", "file"));
    let created = mock
        .post("/__admin/mappings", r#"{"persistent": true, "request": {"url": "/p"}, "response": {"body": "api"}}"#);
    let id = created.json()["id"].as_str().expect("an id").to_owned();
    mock.post("/__admin/mappings", &stub("/q", "saved"));
    assert_eq!(mock.post("/__admin/mappings/save", "").status, 200);
    let total = || mock.get("/__admin/mappings").json()["meta"]["total"].clone();
    assert_eq!(mock.reload()["files"], 3);
    assert_eq!(mock.status()["generation"], 1, "nothing has changed: {}", mock.status());
    assert_eq!(total(), 3);
    assert!(mock.answers("/p", "api") && mock.answers("/q", "saved"));
    // another file does not change who comes first
    write(mock.root.path(), "mappings/a.json", &stub("/a", "a"));
    mock.await_answer("/a", "a");
    assert!(mock.answers("/p", "api"));
    assert_eq!(total(), 4);
    mock.send(&format!("DELETE /__admin/mappings/{id} HTTP/1.1\r\nHost: {}\r\n\r\n", mock.address));
    assert!(mock.answers("/p", "file"));
    let generation = mock.status()["generation"].clone();
    assert_eq!(mock.reload()["generation"], generation);
    assert!(mock.answers("/p", "file"));
    // what someone else does to such a file counts
    let written = fs::read_dir(mock.path("mappings")).expect("a folder").filter_map(Result::ok);
    let saved =
        written.map(|entry| entry.path()).find(|path| path.to_string_lossy().contains("-q-")).expect("the saved stub");
    let text = fs::read_to_string(&saved).expect("readable").replace("saved", "by hand");
    fs::write(&saved, text).expect("writable");
    mock.await_answer("/q", "by hand");
}

#[test]
fn edits_that_come_while_files_change_are_never_lost() {
    let mock = Mock::with(&stub("/file", "0"));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..200 {
                write(mock.root.path(), "mappings/stubs.json", &stub("/file", &round.to_string()));
                std::thread::sleep(Duration::from_millis(3));
            }
        });
        for round in 0..200 {
            let persistent = round % 5 == 0;
            let body = format!(
                r#"{{"persistent": {persistent}, "request": {{"url": "/api/{round}"}}, "response": {{"body": "{round}"}}}}"#
            );
            let created = mock.post("/__admin/mappings", &body).json();
            assert!(mock.answers(&format!("/api/{round}"), &round.to_string()));
            if round % 3 == 0 {
                let id = created["id"].as_str().expect("an id");
                mock.send(&format!("DELETE /__admin/mappings/{id} HTTP/1.1\r\nHost: {}\r\n\r\n", mock.address));
                assert_eq!(mock.get(&format!("/api/{round}")).status, 404);
            }
        }
    });
    mock.await_answer("/file", "199");
    mock.reload();
    for round in 0..200 {
        let answer = mock.get(&format!("/api/{round}"));
        assert_eq!(answer.status, if round % 3 == 0 { 404 } else { 200 }, "{round}");
    }
}

#[test]
fn no_call_is_ever_answered_from_half_a_set() {
    let version = |number: usize| {
        let of = |url: &str| format!(r#"{{"request": {{"url": "{url}"}}, "response": {{"body": "{number}"}}}}"#);
        format!(r#"{{"mappings": [{}, {}]}}"#, of("/a"), of("/b"))
    };
    let mock = Mock::with(&version(0));
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for number in 1..=8 {
                write(mock.root.path(), "mappings/stubs.json", &version(number));
                mock.await_answer("/a", &number.to_string());
            }
        });
        let mut client = Client::connect(mock.address);
        let mut get = |url: &str| {
            client.write(format!("GET {url} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
            client.answer().text().parse::<usize>().expect("a number")
        };
        while !writer.is_finished() {
            let (before, between, after) = (get("/a"), get("/b"), get("/a"));
            assert!(before <= between && between <= after, "{before} {between} {after}");
        }
    });
}

#[test]
fn a_scenario_keeps_its_state_while_a_stub_names_it() {
    let states = |second: &str, body: &str| {
        format!(
            r#"{{"mappings": [
            {{"scenarioName": "s", "requiredScenarioState": "Started", "newScenarioState": "{second}",
              "request": {{"url": "/s"}}, "response": {{"body": "1"}}}},
            {{"scenarioName": "s", "requiredScenarioState": "{second}", "request": {{"url": "/s"}},
              "response": {{"body": "{body}"}}}}]}}"#
        )
    };
    let mock = Mock::with(&states("two", "2"));
    assert!(mock.answers("/s", "1") && mock.answers("/s", "2"));
    write(mock.root.path(), "mappings/stubs.json", &states("two", "2 again"));
    mock.await_answer("/s", "2 again");
    write(mock.root.path(), "mappings/stubs.json", &states("another", "3"));
    mock.await_answer("/s", "1");
    assert!(mock.answers("/s", "3"));
}

#[test]
fn counts_of_stubs_that_stay_survive() {
    let mock = Mock::configured(&[("mappings/b.json", &stub("/b", "b"))], |_| {});
    mock.get("/b");
    let never_hit = || mock.get("/__admin/mappings/unmatched").json()["meta"]["total"].clone();
    assert_eq!(never_hit(), 0);
    // before and behind it, so that its rank changes
    write(mock.root.path(), "mappings/a.json", &stub("/a", "a"));
    write(mock.root.path(), "mappings/c.json", &stub("/c", "c"));
    mock.await_answer("/c", "c");
    mock.await_answer("/a", "a");
    assert_eq!(never_hit(), 0);
    mock.post("/__admin/mappings/reset", "");
    assert_eq!(never_hit(), 3);
}

#[test]
fn without_a_watch_files_are_read_on_request() {
    let mock = Mock::configured(&[("mappings/a.json", &stub("/a", "one"))], |config| config.watches = false);
    assert_eq!(mock.status()["status"], "off");
    write(mock.root.path(), "mappings/a.json", &stub("/a", "two"));
    assert!(mock.answers("/a", "one"));
    let answer = mock.post("/__admin/standin/reload", "");
    assert_eq!((answer.status, &answer.json()["reread"]), (200, &Value::from(1)));
    assert!(mock.answers("/a", "two"));
    write(mock.root.path(), "mappings/a.json", "{");
    let answer = mock.post("/__admin/standin/reload", "");
    assert_eq!((answer.status, &answer.json()["status"]), (422, &Value::from("failed")));
    assert!(mock.answers("/a", "two"));
    write(mock.root.path(), "mappings/a.json", &stub("/a", "three"));
    assert_eq!(mock.post("/__admin/standin/reload", "").json()["status"], "off");
    assert!(mock.answers("/a", "three"));
}

#[test]
fn services_on_ports_of_their_own_are_reloaded_together() {
    let named = |name: &str| format!("{name}=127.0.0.1:0").parse::<standin::Listener>().expect("valid");
    let files = [("one/mappings/a.json", stub("/a", "one")), ("two/mappings/a.json", stub("/a", "two"))];
    let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let mock = Mock::configured(&files, |config| config.listeners = vec![named("one"), named("two")]);
    let get = |place: usize| {
        let mut client = Client::connect(mock.addresses()[place]);
        client.write(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
        client.answer().text().to_owned()
    };
    write(mock.root.path(), "two/mappings/a.json", "{");
    eventually("the reload fails", || mock.has_failed());
    write(mock.root.path(), "one/mappings/a.json", &stub("/a", "one again"));
    mock.reload();
    assert_eq!((get(0).as_str(), get(1).as_str()), ("one again", "two"));
    write(mock.root.path(), "two/mappings/a.json", &stub("/a", "two again"));
    eventually("both are new", || get(0) == "one again" && get(1) == "two again");
}

#[test]
fn a_failure_is_drawn_on_stderr() {
    let root = folder(&[("mappings/a.json", &stub("/a", "one"))]);
    let mut child = Command::new(env!("CARGO_BIN_EXE_standin"))
        .args(["serve", path(root.path()), "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
    let url = line.split("http://").nth(1).and_then(|url| url.split_whitespace().next()).expect("the ready line");
    let address = url.parse().expect("an address");
    let status = || {
        let mut client = Client::connect(address);
        client.write(b"GET /__admin/standin/reload HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
        client.answer().json()["status"].as_str().expect("a text").to_owned()
    };
    write(root.path(), "mappings/a.json", "{\n  \"request\": {\"urll\": \"/a\"}\n}");
    eventually("the reload fails", || status() == "failed");
    write(root.path(), "mappings/a.json", &stub("/a", "two"));
    eventually("the reload succeeds", || status() == "ok");
    let _ = Command::new("kill").arg(child.id().to_string()).status();
    let mut told = String::new();
    child.stderr.take().expect("piped").read_to_string(&mut told).expect("UTF-8");
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    for expected in ["mappings/a.json:2:15", "^^^^", "did you mean `url`?", "in their last good version", "good again"]
    {
        assert!(told.contains(expected), "`{expected}` is missing in:\n{told}");
    }
}

fn path(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}
