//! The recordings API: a service is called through standin, which then answers without it.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use serde_json::{Value, json};

use super::proxying;
use crate::record::service::{Service, answer};
use crate::support::Mock;

/// Returns a service that counts its answers in their bodies.
fn counting() -> Service {
    let count = AtomicUsize::new(0);
    Service::saying(move |heard| {
        let number = count.fetch_add(1, SeqCst) + 1;
        answer(200, "Content-Type: text/plain\r\n", &format!("{} {number}", heard.url))
    })
}

fn empty() -> Mock {
    Mock::with("{\"mappings\": []}")
}

fn start(mock: &Mock, spec: &Value) -> Value {
    let started = mock.post("/__admin/recordings/start", &spec.to_string());
    assert_eq!(started.status, 200, "{}", started.text());
    started.json()
}

fn stop(mock: &Mock) -> Value {
    let stopped = mock.post("/__admin/recordings/stop", "");
    assert_eq!(stopped.status, 200, "{}", stopped.text());
    stopped.json()
}

fn status(mock: &Mock) -> String {
    mock.get("/__admin/recordings/status").json()["status"].as_str().expect("a status").to_owned()
}

#[test]
fn a_recording_ends_with_stubs_that_answer_as_the_service_did() {
    let service = counting();
    let mock = empty();
    assert_eq!(status(&mock), "NeverStarted");
    assert_eq!(start(&mock, &json!({"targetBaseUrl": service.url()})), json!({}));
    assert_eq!(status(&mock), "Recording");
    // a second start changes nothing
    assert_eq!(start(&mock, &json!({"targetBaseUrl": "http://127.0.0.1:1"})), json!({}));
    assert_eq!(mock.get("/a?x=1").text(), "/a?x=1 1");
    assert_eq!(mock.get("/b").text(), "/b 2");
    assert_eq!(mock.get("/b").text(), "/b 3");
    let mappings = stop(&mock)["mappings"].as_array().expect("mappings").clone();
    assert_eq!(status(&mock), "Stopped");
    assert_eq!(mock.post("/__admin/recordings/stop", "").status, 400);
    let names: Vec<_> = mappings.iter().map(|stub| stub["name"].as_str().expect("a name")).collect();
    assert_eq!(names, ["b", "b", "a"], "newest first");
    assert!(mappings.iter().all(|stub| stub["persistent"] == true));

    let heard = service.heard().len();
    for expected in ["/b 2", "/b 3", "/b 3"] {
        assert_eq!(mock.get("/b").text(), expected);
    }
    assert_eq!((mock.get("/a?x=1").text(), mock.get("/a?x=2").status), ("/a?x=1 1", 404));
    assert_eq!(service.heard().len(), heard, "the service is no longer asked");
    // the stubs were saved
    assert_eq!(mock.post("/__admin/mappings/reset", "").status, 200);
    assert_eq!(mock.get("/a?x=1").text(), "/a?x=1 1");
    assert_eq!(std::fs::read_dir(mock.root.path().join("mappings")).expect("a folder").count(), 4);
}

#[test]
fn a_snapshot_takes_what_was_proxied_before() {
    let service = counting();
    let mock = proxying(&json!({"proxyBaseUrl": service.url()}));
    let own = json!({"request": {"url": "/own"}, "response": {"body": "own", "status": 202}});
    assert_eq!(mock.post("/__admin/mappings", &own.to_string()).status, 201);
    for path in ["/a", "/b", "/own"] {
        mock.get(path);
    }
    let snapshot = |spec: Value| {
        let mut spec = spec;
        spec["persist"] = false.into();
        let taken = mock.post("/__admin/recordings/snapshot", &spec.to_string());
        assert_eq!(taken.status, 200, "{}", taken.text());
        let urls = taken.json()["mappings"].as_array().expect("mappings").clone();
        urls.iter().map(|stub| stub["request"]["url"].as_str().expect("a url").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(snapshot(json!({})), ["/b", "/a"]);
    assert_eq!(snapshot(json!({"filters": {"urlPattern": "/a.*", "method": "GET"}})), ["/a"]);
    assert_eq!(snapshot(json!({"filters": {"method": "POST"}})), [""; 0]);
    assert_eq!(snapshot(json!({"filters": {"allowNonProxied": true}})), ["/own", "/b", "/a"]);
    let id = mock.get("/__admin/requests").json()["requests"][1]["id"].clone();
    assert_eq!(snapshot(json!({"filters": {"ids": [id]}})), ["/b"]);
    let ids = mock.post("/__admin/recordings/snapshot", &json!({"outputFormat": "IDS", "persist": false}).to_string());
    assert_eq!(ids.json()["ids"].as_array().map(Vec::len), Some(2));
    assert_eq!(std::fs::read_dir(mock.root.path().join("mappings")).expect("a folder").count(), 1, "nothing is saved");
    assert_eq!(mock.post("/__admin/recordings/snapshot", "").json()["mappings"].as_array().map(Vec::len), Some(2));
}

#[test]
fn bodies_above_a_size_are_extracted() {
    let service = Service::saying(|_| answer(200, "Content-Type: text/plain\r\n", &"0123456789".repeat(40)));
    let mock = empty();
    start(&mock, &json!({"targetBaseUrl": service.url(), "extractBodyCriteria": {"textSizeThreshold": "100"}}));
    mock.get("/big");
    let stub = stop(&mock)["mappings"][0].clone();
    let file = stub["response"]["bodyFileName"].as_str().expect("a file").to_owned();
    assert_eq!(file, format!("big-{}.txt", stub["id"].as_str().expect("an id")));
    assert_eq!(std::fs::read(mock.root.path().join("__files").join(file)).expect("it is there").len(), 400);
    assert_eq!(mock.get("/big").body.len(), 400);
}

#[test]
fn what_cannot_be_recorded_is_reported() {
    let service = Service::saying(|_| answer(200, "", &"x".repeat(100_000)));
    let stub = json!({"request": {"urlPattern": ".*"}, "response": {"proxyBaseUrl": service.url()}}).to_string();
    let mock = Mock::configured(&[("mappings/stubs.json", &stub)], |config| config.journal_bytes = 64 << 10);
    mock.get("/long");
    let taken = mock.post("/__admin/recordings/snapshot", &json!({"transformers": ["shorten"]}).to_string()).json();
    assert_eq!(taken["mappings"], json!([]));
    let warnings = taken["warnings"].to_string();
    assert!(warnings.contains("`shorten`") && warnings.contains("GET /long is left out"), "{warnings}");
    for (spec, expected) in [
        ("", json!("/")),
        ("{bad", json!(null)),
        ("{\"outputFormat\": \"nope\"}", json!("/outputFormat")),
        ("{\"filters\": {\"ids\": [\"x\"]}}", json!("/filters/ids/0")),
    ] {
        let refused = mock.post("/__admin/recordings/start", spec);
        assert_eq!((refused.status, &refused.json()["errors"][0]["source"]["pointer"]), (422, &expected), "{spec}");
    }
    assert_eq!(status(&mock), "NeverStarted");
}

#[test]
fn a_recording_names_a_service() {
    let mock = empty();
    for target in ["ftp://127.0.0.1", "not a url", "http://", "//host"] {
        let refused = mock.post("/__admin/recordings/start", &json!({ "targetBaseUrl": target }).to_string());
        let error = refused.json()["errors"][0].clone();
        assert_eq!((refused.status, &error["source"]["pointer"]), (422, &json!("/targetBaseUrl")), "{target}: {error}");
        assert_eq!(status(&mock), "NeverStarted");
    }
}
