//! The admin API as clients of WireMock read it: serve events, character sets, scenarios, saved
//! edits, errors.

use std::fs;

use serde_json::{Value, json};

use crate::support::{Client, Mock};

fn newest(mock: &Mock) -> Value {
    mock.get("/__admin/requests?limit=1").json()["requests"][0].clone()
}

fn put(mock: &Mock, path: &str, body: &str) -> u16 {
    mock.send(&format!("PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}", body.len())).status
}

#[test]
fn the_journal_shows_rendered_responses() {
    let mock = Mock::with(
        r#"{"mappings": [
        {"request": {"url": "/now"}, "response": {"body": "hi {{request.path}}",
            "headers": {"X-M": "{{request.method}}", "X-F": "1"}, "transformers": ["response-template"]}},
        {"request": {"url": "/late"}, "response": {"jsonBody": {"path": "{{request.path}}"}, "fixedDelayMilliseconds": 20,
            "transformers": ["response-template"]}}
    ]}"#,
    );
    for headers in ["", "Accept-Encoding: gzip\r\n"] {
        mock.send(&format!("GET /now HTTP/1.1\r\nHost: x\r\n{headers}\r\n"));
        let event = newest(&mock);
        assert_eq!(
            (&event["response"]["body"], &event["response"]["headers"]["X-M"]),
            (&json!("hi /now"), &json!("GET"))
        );
        assert_eq!(event["response"]["headers"]["Content-Encoding"], Value::Null);
        assert_eq!(event["responseDefinition"]["body"], "hi /now");
        assert_eq!(event["responseDefinition"]["headers"], json!({"X-M": "GET", "X-F": "1"}));
        assert_eq!(event["stubMapping"]["response"]["body"], "hi {{request.path}}");
    }
    mock.get("/late");
    let event = newest(&mock);
    assert_eq!(event["response"]["body"], r#"{"path":"/late"}"#);
    let timing = json!({"addedDelay": 20, "processTime": 0, "responseSendTime": 0, "serveTime": 0, "totalTime": 20});
    assert_eq!((&event["timing"], &event["subEvents"]), (&timing, &json!([])));
}

#[test]
fn the_journal_explains_unmatched_requests() {
    let mock = Mock::with(r#"{"request": {"url": "/other"}}"#);
    let page = mock.get("/missed").text().to_owned();
    let event = newest(&mock);
    assert_eq!(event["stubMapping"]["response"], json!({"status": 404, "fromConfiguredStub": false}));
    assert_eq!(event["stubMapping"]["request"], json!({"method": "ANY"}));
    let sub_event = &event["subEvents"][0];
    assert_eq!(sub_event["type"], "REQUEST_NOT_MATCHED");
    assert_eq!(sub_event["data"], json!({"status": 404, "contentType": "text/plain", "report": page}));
    let id = event["id"].as_str().expect("an id");
    assert_eq!(mock.get(&format!("/__admin/requests/{id}")).json(), event);
}

#[test]
fn bodies_are_matched_and_shown_in_their_character_set() {
    let mock = Mock::with(
        r#"{"request": {"bodyPatterns": [{"equalTo": "\u00e9!"}]},
            "response": {"headers": {"Content-Type": "text/plain;charset=ISO-8859-1"}, "base64Body": "6T8="}}"#,
    );
    for (content_type, body) in [
        ("text/plain; charset=ISO-8859-1", &b"\xe9!"[..]),
        ("text/plain;Charset=UTF-16", b"\x00\xe9\x00!"),
        ("text/plain;charset=\"utf-16le\"", b"\xe9\x00!\x00"),
        ("text/plain", "é!".as_bytes()),
    ] {
        let mut client = Client::connect(mock.address);
        let head =
            format!("POST /c HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\nContent-Length: {}", body.len());
        client.write(&[head.as_bytes(), b"\r\n\r\n", body].concat());
        assert_eq!(client.answer().status, 200, "{content_type}");
        let event = newest(&mock);
        assert_eq!((&event["request"]["body"], &event["response"]["body"]), (&json!("é!"), &json!("é?")));
    }
}

#[test]
fn scenarios_list_their_states_and_stubs_as_wiremock_does() {
    let mock = Mock::configured(&[], |_| {});
    for (name, required, next) in
        [("a", "Started", "zeta"), ("b", "zeta", "alpha"), ("c", "alpha", "mid"), ("d", "mid", "Started")]
    {
        let stub =
            json!({"name": name, "scenarioName": "S", "requiredScenarioState": required, "newScenarioState": next});
        assert_eq!(mock.post("/__admin/mappings", &stub.to_string()).status, 201);
    }
    let scenario = mock.get("/__admin/scenarios").json()["scenarios"][0].clone();
    assert_eq!(scenario["possibleStates"], json!(["zeta", "Started", "alpha", "mid"]));
    let names: Vec<&Value> = scenario["mappings"].as_array().expect("stubs").iter().map(|stub| &stub["name"]).collect();
    assert_eq!(names, ["a", "b", "c", "d"]);
    assert_eq!(put(&mock, "/__admin/scenarios/S/state", r#"{"state": "mid"}"#), 200);
    assert_eq!(put(&mock, "/__admin/scenarios/S/state", r#"{"state": "none"}"#), 422);
    assert_eq!(mock.post("/__admin/scenarios/reset", "").json(), json!({}));
}

#[test]
fn a_save_writes_edits_of_stubs_that_came_from_files() {
    let id = "11111111-1111-1111-1111-111111111111";
    let stub = |url: &str| format!(r#"{{"id": "{id}", "request": {{"url": "{url}"}}}}"#);
    let untouched = r#"{"request": {"url": "/untouched"}} "#;
    let files = [("mappings/mine.json", &*stub("/before")), ("mappings/other.json", untouched)];
    let mock = Mock::configured(&files, |config| config.watches = false);
    assert_eq!(put(&mock, &format!("/__admin/mappings/{id}"), &stub("/after")), 200);
    assert_eq!(mock.post("/__admin/mappings/save", "").status, 200);
    let read = |name: &str| fs::read_to_string(mock.root.path().join("mappings").join(name)).expect("it is there");
    assert_eq!(serde_json::from_str::<Value>(&read("mine.json")).expect("JSON")["request"]["url"], "/after");
    assert_eq!(read("other.json"), untouched);
    assert_eq!(mock.post("/__admin/mappings/reset", "").status, 200);
    assert_eq!(mock.get("/after").status, 200);
}

#[test]
fn errors_have_the_titles_and_pointers_of_wiremock() {
    let id = "11111111-1111-1111-1111-111111111111";
    let mock = Mock::with(&format!(r#"{{"id": "{id}", "request": {{}}}}"#));
    let refused = |body: &str| {
        let refused = mock.post("/__admin/mappings", body);
        assert_eq!(refused.status, 422, "{body}");
        refused.json()["errors"][0].clone()
    };
    for (body, source) in [
        ("{nope", json!({})),
        ("", json!({"pointer": "/"})),
        ("[]", json!({"pointer": "/"})),
        (r#"{"request": {"urll": "/"}}"#, json!({"pointer": "/request/urll"})),
        (r#"{"request": {"bodyPatterns": [{"nope": "x"}]}}"#, json!({"pointer": "/request/bodyPatterns/0"})),
    ] {
        let error = refused(body);
        assert_eq!((&error["source"], &error["title"]), (&source, &json!("Error parsing JSON")), "{body}");
        assert_eq!(error["code"], 10);
    }
    let taken = refused(&format!(r#"{{"id": "{id}"}}"#));
    let detail = format!("ID of the provided stub mapping '{id}' is already taken by another stub mapping");
    assert_eq!(taken, json!({"code": 109, "title": "Duplicate stub mapping ID", "detail": detail}));
    let unknown = mock.get("/__admin/mappings/xx");
    assert_eq!((unknown.status, &unknown.json()["errors"][0]["title"]), (400, &json!("xx is not a valid UUID")));
}

#[test]
fn the_root_lists_the_stubs_and_pages_describe_the_api() {
    let mock = Mock::with(r#"{"request": {"url": "/a"}}"#);
    let root = mock.get("/__admin/").json();
    assert_eq!((&root["meta"]["total"], &root["mappings"][0]["request"]["url"]), (&json!(1), &json!("/a")));
    for page in ["/__admin/docs", "/__admin/swagger-ui", "/__admin/swagger-ui/"] {
        let page = mock.get(page);
        assert_eq!((page.status, page.header("content-type")), (200, Some("text/html;charset=UTF-8")));
    }
    let recorder = mock.get("/__admin/recorder");
    assert_eq!((recorder.status, recorder.header("location")), (302, Some("/__admin/ui#/record")));
}

#[test]
fn a_tunnel_is_refused_with_an_explanation() {
    let mock = Mock::with(r#"{"request": {"method": "GET", "urlPath": "/a", "host": {"equalTo": "h.example"}}}"#);
    let absolute = mock.send("GET http://h.example/a HTTP/1.1\r\nHost: h.example\r\n\r\n");
    assert_eq!(absolute.status, 200, "stubs answer requests to a forward proxy");
    let tunnel = mock.send("CONNECT h.example:443 HTTP/1.1\r\nHost: h.example:443\r\n\r\n");
    assert!(tunnel.status == 501 && tunnel.text().contains("proxyBaseUrl"), "{} {}", tunnel.status, tunnel.text());
}
