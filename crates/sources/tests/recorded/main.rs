//! HAR files and Postman collections: calls, and the stubs that are drafted of them.

use serde_json::json;
use standin_sources::document::{SourceDocument, SourceFormat};
use standin_sources::recorded::{SourceCall, SourceCalls};
use standin_sources::{har, postman};

fn parsed(format: SourceFormat, text: &str) -> SourceDocument {
    let document = SourceDocument::parse("file", text).unwrap_or_else(|defects| panic!("{defects:?}"));
    assert_eq!(document.format, format);
    document
}

fn har_calls(entries: &serde_json::Value) -> SourceCalls {
    let text = json!({"log": {"version": "1.2", "entries": entries}}).to_string();
    har::calls(&parsed(SourceFormat::Har, &text).root)
}

fn left_out(calls: &SourceCalls) -> Vec<(&str, u64)> {
    calls.left_out.iter().map(|(why, count, _)| (why.as_str(), *count)).collect()
}

#[test]
fn entries_of_an_archive_are_calls() {
    let calls = har_calls(&json!([
        {"request": {"method": "post", "url": "HTTPS://User@Shop.example:8443/a/b?x=1#top", "headers": [
            {"name": ":authority", "value": "shop"}, {"name": "Content-Type", "value": "application/x-www-form-urlencoded"}],
            "postData": {"params": [{"name": "a b", "value": "c&d"}, {"name": "e", "value": ""}]}},
         "response": {"status": 200, "headers": [{"name": "content-encoding", "value": "br"}, {"name": "X-A", "value": "1"}],
            "content": {"size": 3, "mimeType": "image/png", "text": "AAEC", "encoding": "base64"}}},
        {"request": {"method": "GET", "url": "http://h"}, "response": {"status": 204, "content": {"size": 0}}},
    ]));
    assert_eq!(left_out(&calls), []);
    let first = &calls.calls[0];
    assert_eq!((first.method.as_str(), first.host.as_str()), ("POST", "shop.example:8443"));
    assert_eq!(first.target, "/a/b?x=1");
    assert_eq!(first.request_body, b"a%20b=c%26d&e=");
    assert_eq!(first.request_headers.len(), 1);
    assert_eq!(first.response_body, [0, 1, 2]);
    let headers: Vec<&str> = first.response_headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(headers, ["X-A", "Content-Type"]);
    assert_eq!((calls.calls[1].target.as_str(), calls.calls[1].status), ("/", 204));
    assert_eq!(calls.hosts(), [("shop.example:8443", 1), ("h", 1)]);
}

#[test]
fn entries_that_no_stub_can_answer_are_counted() {
    let get = |url: &str| json!({"method": "GET", "url": url});
    let calls = har_calls(&json!([
        {"request": get("http://h/a"), "response": {"status": 0}},
        {"request": get("http://h/a"), "response": {"status": 304}},
        {"request": get("http://h/a"), "response": {"status": 200, "content": {"size": 5}}},
        {"request": get("data:x"), "response": {"status": 200}},
        {"request": get("wss://h/a"), "response": {"status": 101}},
        {"request": get("http://h/a"), "response": {"status": 200}, "_fromCache": "memory"},
        {"request": get("http://h/a")},
    ]));
    assert_eq!(calls.calls, []);
    assert_eq!(
        left_out(&calls),
        [
            ("calls without an answer", 1),
            ("answers that say that the browser's copy is current (304)", 1),
            ("answers whose body the archive does not have", 1),
            ("entries that are not http", 2),
            ("answers from the browser's cache", 1),
            ("entries without `request` or `response`", 1),
        ]
    );
}

#[test]
fn saved_responses_of_a_collection_are_calls() {
    let collection = json!({
        "info": {"name": "Shop", "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"},
        "variable": [{"key": "baseUrl", "value": "https://{{host}}/v1"}, {"key": "host", "value": "shop.example"}, {"key": "n", "value": 7}],
        "item": [
            {"name": "Folder", "item": [{
                "name": "Get item",
                "request": {"method": "GET", "url": "{{baseUrl}}/items/7"},
                "response": [{
                    "name": "found", "code": 200, "body": "{\"id\": 7}", "header": [{"key": "Content-Type", "value": "application/json"}],
                    "originalRequest": {"method": "GET", "header": [{"key": "X", "value": "{{n}}"}, {"key": "Y", "value": "off", "disabled": true}],
                        "url": {"raw": "{{baseUrl}}/items/:id?q=a b", "variable": [{"key": "id", "value": "7"}]}},
                }, {"name": "no code", "body": ""}],
            }]},
            {"name": "Post", "request": {"method": "POST", "url": {"raw": "{{elsewhere}}/orders/{{n}}"},
                "body": {"mode": "urlencoded", "urlencoded": [{"key": "a", "value": "{{n}}"}, {"key": "b", "value": "x y"}]}},
             "response": [{"code": 201, "body": "made"}]},
            {"name": "Never run", "request": "http://h/"},
        ],
    });
    let calls = postman::calls(&parsed(SourceFormat::Postman, &collection.to_string()).root);
    assert_eq!(
        left_out(&calls),
        [("responses without a status (`code`)", 1), ("requests without a saved response", 1)]
    );
    let expected = SourceCall {
        method: "GET".to_owned(),
        host: "shop.example".to_owned(),
        target: "/v1/items/7?q=a%20b".to_owned(),
        request_headers: vec![("X".to_owned(), "7".to_owned())],
        status: 200,
        response_headers: vec![("Content-Type".to_owned(), "application/json".to_owned())],
        response_body: b"{\"id\": 7}".to_vec(),
        ..SourceCall::default()
    };
    assert_eq!(calls.calls[0], expected);
    let second = &calls.calls[1];
    assert_eq!((second.host.as_str(), second.target.as_str()), ("", "/orders/7"));
    assert_eq!(second.request_body, b"a=7&b=x%20y");
}

#[test]
fn drafts_have_no_secrets_and_all_calls() {
    let secret = "c2VjcmV0LXRva2VuLTEyMzQ1";
    let calls = har_calls(&json!([
        {"request": {"method": "GET", "url": format!("http://h/me?api_key={secret}"), "headers": [{"name": "Authorization", "value": format!("Bearer {secret}")}]},
         "response": {"status": 200, "headers": [{"name": "Set-Cookie", "value": format!("sid={secret}")}, {"name": "Content-Type", "value": "application/json"}],
            "content": {"text": format!("{{\"token\":\"{secret}\",\"name\":\"Ada\"}}")}}},
        {"request": {"method": "GET", "url": "http://h/items/1", "headers": []},
         "response": {"status": 200, "headers": [], "content": {"text": "one"}}},
    ]));
    let (draft, bodies) = calls.draft("session.har", 100);
    assert_eq!((draft.report.calls, draft.report.operations), (2, 2));
    let text = format!("{draft:?} {bodies:?}");
    assert!(!text.contains(secret), "{text}");
    assert!(text.contains("Ada") && text.contains("session.har"), "{text}");
}
