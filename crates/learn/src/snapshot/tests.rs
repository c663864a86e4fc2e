//! Recorded stubs, checked against what WireMock makes of the same calls.

use std::time::Instant;

use http::{HeaderName, Request};
use standin_stub::call::{Peers, Scheme};
use standin_stub::files::FilesFolder;
use standin_stub::format;
use standin_stub::matcher::MatchStats;
use standin_stub::source::Reader;

use super::*;

fn call(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Call {
    let mut request = Request::builder().method(method).uri(url).body(()).expect("a request");
    for (name, value) in headers {
        let name: HeaderName = name.parse().expect("a name");
        request.headers_mut().append(name, value.parse().expect("a value"));
    }
    let address = "127.0.0.1:1".parse().expect("an address");
    let peers = Peers { scheme: Scheme::Http, remote: address, local: address };
    Call::new(request.into_parts().0, Bytes::copy_from_slice(body), peers, Instant::now(), 1 << 20)
}

fn exchange(call: Call, headers: &[(&'static str, &'static str)], body: &'static [u8]) -> RecordedExchange {
    let headers = headers
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), http::HeaderValue::from_static(value)))
        .collect();
    RecordedExchange { call, status: 200, headers, body: Bytes::from_static(body) }
}

fn spec(text: &str) -> RecordSpec {
    let mut reader = Reader::of_api(text);
    let tree = reader.parse(text).expect("JSON");
    let spec = RecordSpec::read(&tree, &mut reader);
    assert_eq!(reader.defects(), [], "{text}");
    spec
}

/// Returns the requests and responses of stubs.
fn documents(exchanges: Vec<RecordedExchange>, spec: &RecordSpec) -> Vec<(Value, Value)> {
    let part = |stub: &RecordedStub, key: &str| stub.document[key].clone();
    stubs(exchanges, spec).iter().map(|stub| (part(stub, "request"), part(stub, "response"))).collect()
}

#[test]
fn urls_and_queries_are_kept() {
    let exchanges =
        ["/hello/a%20b", "/q?a=1&b=2&a=3&c", "/x?"].map(|url| exchange(call("GET", url, &[], b""), &[], b""));
    let spec = RecordSpec::default();
    let stubs = stubs(exchanges, &spec);
    let names: Vec<_> = stubs.iter().map(|stub| stub.document["name"].clone()).collect();
    assert_eq!(names, ["hello_a-b", "q", "x"]);
    assert_eq!(stubs[0].document["request"], json!({"method": "GET", "url": "/hello/a%20b"}));
    let exactly = |values: &[&str]| {
        let values: Vec<_> = values.iter().map(|value| json!({ "equalTo": value })).collect();
        json!({ "hasExactly": values })
    };
    assert_eq!(
        stubs[1].document["request"],
        json!({"method": "GET", "urlPath": "/q", "queryParameters": {
            "a": exactly(&["1", "3"]), "b": exactly(&["2"]), "c": exactly(&[""]),
        }})
    );
    assert_eq!(stubs[2].document["request"]["url"], "/x");
    assert!(stubs.iter().all(|stub| stub.document["persistent"] == true));
}

#[test]
fn bodies_are_compared_by_their_kind() {
    let pattern = |spec: &str, content_type: &str, body: &[u8]| {
        let sent = call("POST", "/p", &[("content-type", content_type)], body);
        documents(vec![exchange(sent, &[], b"")], &self::spec(spec)).remove(0).0["bodyPatterns"][0].clone()
    };
    let auto = "{}";
    for (content_type, body, expected) in [
        (
            "application/json",
            &b"{\"a\":1}"[..],
            json!({"equalToJson": "{\"a\":1}", "ignoreArrayOrder": true, "ignoreExtraElements": true}),
        ),
        ("text/xml", b"<a/>", json!({"equalToXml": "<a/>"})),
        ("multipart/form-data; boundary=b", b"--b--", json!({"anything": "anything"})),
        ("image/png", b"\x00\xff", json!({"binaryEqualTo": "AP8="})),
        ("text/plain", b"x", json!({"equalTo": "x", "caseInsensitive": false})),
        // a stub with a broken operand could never match
        ("application/json", b"no", json!({"equalTo": "no", "caseInsensitive": false})),
        ("application/xml", b"no", json!({"equalTo": "no", "caseInsensitive": false})),
    ] {
        assert_eq!(pattern(auto, content_type, body), expected, "{content_type}");
    }
    let by = |rule: &str, body: &[u8]| pattern(&format!("{{\"requestBodyPattern\": {rule}}}"), "text/plain", body);
    assert_eq!(
        by(r#"{"matcher": "equalToJson", "ignoreArrayOrder": false}"#, b"1"),
        json!({"equalToJson": "1", "ignoreArrayOrder": false})
    );
    assert_eq!(by(r#"{"matcher": "equalTo"}"#, b"1"), json!({"equalTo": "1"}));
    assert_eq!(by(r#"{"matcher": "equalToXml"}"#, b"<a/>"), json!({"equalToXml": "<a/>"}));
    assert_eq!(by(r#"{"caseInsensitive": true}"#, b"1"), json!({"equalTo": "1", "caseInsensitive": true}));
}

#[test]
fn responses_lose_what_belongs_to_their_transfer() {
    let sent = || call("GET", "/a", &[], b"");
    let packed = Bytes::from(standin_coding::ContentCoding::Gzip.encode(b"text"));
    let exchanges = vec![
        exchange(sent(), &[("content-type", "text/plain"), ("content-length", "2"), ("x-a", "1"), ("x-a", "2")], b"hi"),
        exchange(sent(), &[("content-type", "image/png")], b"\x00\xff"),
        exchange(sent(), &[], b"no type"),
        RecordedExchange {
            body: packed,
            ..exchange(sent(), &[("content-type", "text/plain"), ("content-encoding", "gzip")], b"")
        },
        exchange(sent(), &[("content-type", "text/plain"), ("content-encoding", "br")], b"\x0b"),
        exchange(sent(), &[("content-type", "text/plain; charset=ISO-8859-1")], b"\xe4"),
    ];
    let responses: Vec<Value> = documents(exchanges, &spec("{}")).into_iter().map(|(_, response)| response).collect();
    assert_eq!(
        responses[0],
        json!({"status": 200, "body": "hi", "headers": {"Content-Type": "text/plain", "X-A": ["1", "2"]}})
    );
    assert_eq!(responses[1]["base64Body"], "AP8=");
    assert_eq!(responses[2]["base64Body"], "bm8gdHlwZQ==");
    assert_eq!(responses[3], json!({"status": 200, "body": "text", "headers": {"Content-Type": "text/plain"}}));
    assert_eq!(
        (&responses[4]["base64Body"], &responses[4]["headers"]["Content-Encoding"]),
        (&json!("Cw=="), &json!("br"))
    );
    assert_eq!(responses[5]["base64Body"], "5A==");
}

#[test]
fn long_bodies_have_files() {
    let spec = spec(r#"{"extractBodyCriteria": {"textSizeThreshold": "3", "binarySizeThreshold": 1}}"#);
    let of = |url: &str, content_type: &'static str, body: &'static [u8]| {
        let headers: &[(&'static str, &'static str)] =
            if content_type.is_empty() { &[] } else { &[("content-type", content_type)] };
        exchange(call("GET", url, &[], b""), headers, body)
    };
    let made = stubs(
        [
            of("/big", "text/plain", b"long"),
            of("/short", "text/plain", b"abc"),
            of("/img.png", "", b"\x00\xff"),
            of("/", "", b"{}"),
        ],
        &spec,
    );
    let names: Vec<Option<String>> = made
        .iter()
        .map(|stub| stub.body_file.as_ref().map(|file| file.name.replace(&stub.id.to_string(), "ID")))
        .collect();
    let named = |name: &str| Some(name.to_owned());
    assert_eq!(names, [named("big-ID.txt"), None, named("img.png-ID.png"), named("get--ID.json")]);
    assert_eq!(made[0].document["response"]["bodyFileName"], made[0].body_file.as_ref().expect("a file").name.as_str());
}

#[test]
fn repeats_become_scenarios_or_the_newest_stays() {
    let recorded = || ["/a/b", "/c", "/a/b", "/a/b"].map(|url| exchange(call("GET", url, &[], b""), &[], b""));
    let made = stubs(recorded(), &spec("{}"));
    let states: Vec<_> = made
        .iter()
        .map(|stub| {
            ["scenarioName", "requiredScenarioState", "newScenarioState"].map(|key| stub.document.get(key).cloned())
        })
        .collect();
    let state = |text: &str| Some(Value::from(text));
    let name = state("scenario-1-a-b");
    assert_eq!(states[0], [name.clone(), state("scenario-1-a-b-3"), None]);
    assert_eq!(states[1], [None, None, None]);
    assert_eq!(states[2], [name.clone(), state("scenario-1-a-b-2"), state("scenario-1-a-b-3")]);
    assert_eq!(states[3], [name, state("Started"), state("scenario-1-a-b-2")]);
    assert_eq!(stubs(recorded(), &spec(r#"{"repeatsAsScenarios": false}"#)).len(), 2);
}

#[test]
fn a_recorded_stub_matches_its_call() {
    let spec = spec(r#"{"captureHeaders": {"Accept": {"caseInsensitive": true}, "X-No": {}}}"#);
    let sent =
        || call("PUT", "/a%2Fb?c=%20d", &[("accept", "text/x"), ("content-type", "application/json")], b"{\"a\": 1}");
    let stub = stubs([exchange(sent(), &[], b"ok")], &spec).remove(0);
    assert_eq!(stub.document["request"]["headers"], json!({"Accept": {"equalTo": "text/x", "caseInsensitive": true}}));
    let text = Value::Object(stub.document).to_string();
    let mut reader = Reader::of_api(&text);
    let tree = reader.parse(&text).expect("JSON");
    let mapping = format::mapping(&tree, &FilesFolder::new("none"), &mut reader).expect("a mapping");
    assert_eq!(reader.defects(), []);
    assert!(mapping.pattern.matches(&sent(), &MatchStats::default()));
}

#[test]
fn wrong_specifications_are_reported() {
    for (text, expected) in [
        (r#"{"nope": 1}"#, "unknown field `nope`"),
        (r#"{"outputFormat": "nope"}"#, "Invalid output format"),
        (r#"{"extractBodyCriteria": {"textSizeThreshold": "10 zb"}}"#, "`10 zb` is not a size"),
        (r#"{"filters": {"ids": ["x"]}}"#, "not a valid UUID"),
        (r#"{"filters": {"nope": 1}}"#, "unknown field `nope`"),
        (r#"{"requestBodyPattern": {"matcher": "nope"}}"#, "`nope` is not a matcher"),
        (r#"{"transformers": "a"}"#, "is a list"),
    ] {
        let mut reader = Reader::of_api(text);
        let tree = reader.parse(text).expect("JSON");
        RecordSpec::read(&tree, &mut reader);
        let told = reader.defects().first().map(|defect| defect.message.clone()).unwrap_or_default();
        assert!(told.contains(expected), "{text}: {told}");
    }
}
