//! Proxied requests in the journal.

use std::time::Duration;

use serde_json::{Value, json};

use super::proxying;
use crate::record::service::{Service, answer};
use crate::support::{Client, Mock, eventually};

fn newest(mock: &Mock) -> Value {
    mock.get("/__admin/requests").json()["requests"][0].clone()
}

#[test]
fn the_response_of_the_service_is_kept_with_its_timing() {
    let service = Service::saying(|_| {
        std::thread::sleep(Duration::from_millis(60));
        answer(202, "X-Up: 1\r\n", "hello")
    });
    let mock = proxying(&json!({
        "proxyBaseUrl": service.url(),
        "fixedDelayMilliseconds": 50,
        "headers": {"X-Stub": "2"},
    }));
    assert_eq!(mock.get("/a?b=1").status, 202);
    let event = newest(&mock);
    assert_eq!((&event["wasMatched"], &event["request"]["url"]), (&json!(true), &json!("/a?b=1")));
    let response = &event["response"];
    assert_eq!(
        (&response["status"], &response["body"], &response["bodyAsBase64"]),
        (&json!(202), &json!("hello"), &json!("aGVsbG8="))
    );
    assert_eq!((&response["headers"]["X-Up"], &response["headers"]["X-Stub"]), (&json!("1"), &json!("2")));
    assert_eq!(event["responseDefinition"]["proxyBaseUrl"], json!(service.url()));
    let timing = |key: &str| event["timing"][key].as_u64().expect(key);
    assert!(timing("processTime") >= 60 && timing("serveTime") == timing("processTime"), "{}", event["timing"]);
    assert_eq!((timing("addedDelay"), timing("totalTime")), (50, timing("processTime") + 50));
}

#[test]
fn failures_are_kept_as_the_client_got_them() {
    let mock = proxying(&json!({"proxyBaseUrl": "http://127.0.0.1:1"}));
    let got = mock.get("/");
    let event = newest(&mock);
    assert_eq!((&event["wasMatched"], &event["response"]["status"]), (&json!(true), &json!(500)));
    assert_eq!(event["response"]["body"], json!(got.text()));
}

#[test]
fn a_body_that_is_too_long_passes_and_is_left_out() {
    let service = Service::saying(|_| answer(200, "", &"x".repeat(100_000)));
    let stub = json!({"request": {"urlPattern": ".*"}, "response": {"proxyBaseUrl": service.url()}}).to_string();
    let mock = Mock::configured(&[("mappings/stubs.json", &stub)], |config| config.journal_bytes = 64 << 10);
    assert_eq!(mock.get("/").body.len(), 100_000);
    let response = newest(&mock)["response"].clone();
    assert_eq!((&response["bodyOmitted"], &response["body"]), (&json!(true), &json!("")));
}

#[test]
fn a_client_that_goes_away_ends_the_call_at_the_service() {
    let service = Service::new(|heard, stream| {
        if heard.url == "/never" {
            // until the other side closes the connection
            let _ = std::io::copy(stream, &mut std::io::sink());
            return;
        }
        std::io::Write::write_all(stream, &answer(200, "", "ok")).expect("a client");
    });
    let mock = proxying(&json!({"proxyBaseUrl": service.url()}));
    let mut client = Client::connect(mock.address);
    client.write(b"GET /never HTTP/1.1\r\nHost: me\r\n\r\n");
    eventually("the call is there", || service.heard().len() == 1);
    assert_eq!(service.in_flight(), 1);
    drop(client);
    eventually("the call has ended", || service.in_flight() == 0);
    eventually("it is in the journal", || newest(&mock)["request"]["url"] == "/never");
    assert_eq!(mock.get("/next").text(), "ok");
}
