//! Near misses held against what a real WireMock 3.13.2 said: distances and pages of some 250 cases.

use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::{Map, Value, json};
use standin::call::{Call, Peers};
use standin::matcher::RequestPattern;
use standin::matcher::near_miss::{
    Budget, LIMIT, Scenario, Subject, Target, WIDTH, breakdown, call_of, distance, findings, hints, near_misses_json, nearest,
    nearest_calls, page, page_width,
};
use standin::stub::format::{Reader, request_pattern};

const RECORDED: &str = include_str!("../near_misses/recorded.json");

fn pattern(request: &Value) -> RequestPattern {
    let mut reader = Reader::of_api(&request.to_string());
    let node = reader.parse(&request.to_string()).expect("JSON");
    let pattern = request_pattern(&node, &mut reader);
    assert!(!reader.failed(), "{request}: {:?}", reader.defects());
    pattern
}

fn call(request: &Value) -> Call {
    let mut builder = http::Request::builder()
        .method(request["method"].as_str().expect("a method"))
        .uri(request["path"].as_str().expect("a path").split('#').next().expect("a first part"))
        .header("Host", "127.0.0.1:18100");
    for header in request["headers"].as_array().into_iter().flatten() {
        builder = builder.header(header[0].as_str().expect("a name"), header[1].as_str().expect("a value").trim());
    }
    let (parts, ()) = builder.body(()).expect("a request").into_parts();
    let body = Bytes::from(request["body"].as_str().unwrap_or_default().to_owned());
    let local = "127.0.0.1:18100".parse().expect("an address");
    let peers = Peers { scheme: standin::call::Scheme::Http, remote: "127.0.0.1:9".parse().expect("an address"), local };
    Call::new(parts, body, peers, Instant::now(), 1 << 20)
}

struct Stub {
    document: Map<String, Value>,
    pattern: RequestPattern,
}

impl Stub {
    fn new(document: &Value) -> Self {
        let document = match document.get("request") {
            Some(_) => document.clone(),
            None => json!({ "request": document }),
        };
        let pattern = pattern(&document["request"]);
        Self { document: document.as_object().expect("an object").clone(), pattern }
    }

    fn target(&self) -> Target<'_> {
        let text = |key: &str| self.document.get(key).and_then(Value::as_str);
        Target {
            name: text("name"),
            pattern: &self.pattern,
            request: self.document["request"].as_object(),
            scenario: text("requiredScenarioState").map(|required| Scenario {
                name: text("scenarioName").expect("a scenario has a name"),
                required,
                state: "Started",
            }),
        }
    }
}

#[test]
fn distances_and_pages_are_wiremocks() {
    let cases: Vec<Value> = serde_json::from_str(RECORDED).expect("JSON");
    assert!(cases.len() > 200);
    let mut wrong = Vec::new();
    for case in &cases {
        let name = case["name"].as_str().expect("a name");
        let stubs: Vec<Stub> = case["stubs"].as_array().expect("a list").iter().map(Stub::new).collect();
        let call = call(&case["request"]);
        // the last that was made is tried first
        let candidates = stubs.iter().enumerate().rev().map(|(place, stub)| (place, &stub.pattern));
        let nearest = nearest(candidates, &call, LIMIT, Budget::UNLIMITED);
        let found: Vec<(u64, f64)> = nearest.found.iter().map(|near| (near.item as u64, near.distance)).collect();
        let recorded = case["near"].as_array().expect("a list").iter();
        let recorded: Vec<(u64, f64)> =
            recorded.map(|near| (near[0].as_u64().expect("a place"), near[1].as_f64().expect("a number"))).collect();
        let same = found.iter().zip(&recorded).all(|(one, other)| one.0 == other.0 && (one.1 - other.1).abs() < 1e-12);
        if !same || found.len() != recorded.len() {
            wrong.push(format!("{name}: distances {found:?} are recorded as {recorded:?}"));
        }
        let ours = page(&stubs[found[0].0 as usize].target(), &call, page_width(&call.headers));
        let theirs = case["page"].as_str().expect("a page");
        if ours != theirs && !DEPARTURES.contains(&name) {
            wrong.push(format!("{name}:\n{ours}\nis recorded as\n{theirs}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n\n"));
}

/// Pages that differ on purpose.
const DEPARTURES: &[&str] = &[];
