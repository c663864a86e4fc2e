//! Compares near misses with those of WireMock 3.13.2: distances and pages of about 250 cases.

use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::{Map, Value, json};
use standin_stub::call::{Call, Peers};
use standin_stub::format::{Reader, request_pattern};
use standin_stub::matcher::RequestPattern;
use standin_stub::matcher::near_miss::{
    ComparedStub, DEFAULT_PAGE_WIDTH, MAX_NEAR_MISSES, NearMissSubject, ScenarioRequirement, SearchBudget,
    clauses_json, diagnose, distance, find_nearest_calls, find_nearest_patterns, near_misses_json,
    parse_logged_request, render_page, requested_page_width,
};

const RECORDED: &str = include_str!("../near_misses/recorded.json");

fn pattern(request: &Value) -> RequestPattern {
    let mut reader = Reader::of_api(&request.to_string());
    let node = reader.parse(&request.to_string()).expect("JSON");
    let pattern = request_pattern(&node, &mut reader);
    assert!(!reader.has_errors(), "{request}: {:?}", reader.defects());
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
    let peers =
        Peers { scheme: standin_stub::call::Scheme::Http, remote: "127.0.0.1:9".parse().expect("an address"), local };
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

    fn target(&self) -> ComparedStub<'_> {
        let text = |key: &str| self.document.get(key).and_then(Value::as_str);
        ComparedStub {
            name: text("name"),
            pattern: &self.pattern,
            request: self.document["request"].as_object(),
            scenario: text("requiredScenarioState").map(|required| ScenarioRequirement {
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
        // the newest stub is tried first
        let candidates = stubs.iter().enumerate().rev().map(|(place, stub)| (place, &stub.pattern));
        let nearest = find_nearest_patterns(candidates, &call, MAX_NEAR_MISSES, SearchBudget::UNLIMITED);
        let found: Vec<(u64, f64)> = nearest.found.iter().map(|near| (near.item as u64, near.distance)).collect();
        let recorded = case["near"].as_array().expect("a list").iter();
        let recorded: Vec<(u64, f64)> =
            recorded.map(|near| (near[0].as_u64().expect("a place"), near[1].as_f64().expect("a number"))).collect();
        let same = found.iter().zip(&recorded).all(|(one, other)| one.0 == other.0 && (one.1 - other.1).abs() < 1e-12);
        if (!same || found.len() != recorded.len()) && !OTHER_DISTANCES.contains(&name) {
            wrong.push(format!("{name}: distances {found:?} are recorded as {recorded:?}"));
        }
        let ours = render_page(&stubs[found[0].0 as usize].target(), &call, requested_page_width(&call.headers));
        let theirs = case["page"].as_str().expect("a page");
        if ours != theirs && !OTHER_PAGES.contains(&name) {
            wrong.push(format!("{name}:\n{ours}\nis recorded as\n{theirs}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n\n"));
}

/// Cases whose pages differ on purpose. A clause that matches has no remark, and a body that
/// matches is not shown, though WireMock reports both as mismatches. JSON for a cookie or path
/// parameter is not shown as written.
const OTHER_PAGES: &[&str] = &[
    "header ops absent",
    "body fine url not",
    "all sections",
    "all sections ok",
    "header and basic order", // credentials stand after the headers
    "h ci wrong nearer",      // any value may pass
    "abs fits url not",
    "pp json",
    "cookie missing only absent",
    "scenario ok state",
];

/// Cases whose distances differ: a missing null, and a value that matches although another is
/// nearer.
const OTHER_DISTANCES: &[&str] = &["body json", "body json obj", "h ci wrong nearer"];

#[test]
fn a_match_has_distance_zero() {
    let cases: Vec<Value> = serde_json::from_str(RECORDED).expect("JSON");
    let stubs: Vec<Stub> = cases.iter().map(|case| Stub::new(&case["stubs"][0])).collect();
    let stats = standin_stub::matcher::MatchStats::default();
    let mut matches = 0;
    for call in cases.iter().map(|case| call(&case["request"])) {
        for stub in &stubs {
            let is_match = stub.pattern.matches(&call, &stats);
            matches += usize::from(is_match);
            let distance = distance(&stub.pattern, &call);
            assert!((0.0..=1.0).contains(&distance));
            assert_eq!(is_match, distance == 0.0, "{:?} {}", stub.document, call.url());
            let target = ComparedStub { scenario: None, ..stub.target() };
            assert_eq!(is_match, diagnose(&target, &call).iter().all(|finding| finding.matches));
        }
    }
    assert!(matches > 20, "only {matches}");
}

#[test]
fn large_calls_and_many_stubs_cost_little() {
    let large = "x".repeat(1 << 20);
    let stub = Stub::new(&json!({
        "method": "POST", "urlPath": "/a",
        "bodyPatterns": [{"equalTo": "y".repeat(1 << 20)}, {"equalToJson": {"a": 1}}, {"matches": "y+"}],
    }));
    let posted = call(&json!({"method": "POST", "path": "/a", "body": large}));
    let start = Instant::now();
    assert!(distance(&stub.pattern, &posted) > 0.0);
    let page = render_page(&stub.target(), &posted, DEFAULT_PAGE_WIDTH);
    // about 9 ms in an optimized build
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    assert!(page.len() < 64 * 1024, "{}", page.len());
    assert!(page.contains("more bytes)"), "{page}");
    let stubs: Vec<Stub> =
        (0..10_000).map(|i| Stub::new(&json!({"method": "GET", "url": format!("/items/{i}/x")}))).collect();
    let missed = call(&json!({"method": "GET", "path": "/items/777/y"}));
    let candidates = || stubs.iter().enumerate().map(|(place, stub)| (place, &stub.pattern));
    let start = Instant::now();
    let found = find_nearest_patterns(candidates(), &missed, MAX_NEAR_MISSES, SearchBudget::UNLIMITED);
    // about 8 ms
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    assert_eq!((found.found[0].item, found.is_complete()), (777, true));
    let budget = SearchBudget { candidates: 100, until: None };
    let cut_short = find_nearest_patterns(candidates(), &missed, MAX_NEAR_MISSES, budget);
    assert_eq!((cut_short.examined, cut_short.of), (100, 10_000));
    assert!(!cut_short.is_complete());
    let over = find_nearest_patterns(candidates(), &missed, MAX_NEAR_MISSES, SearchBudget::until(Instant::now()));
    assert_eq!(over.examined, 0);
}

#[test]
fn the_nearest_calls_and_the_json_of_them() {
    let pattern = pattern(&json!({"method": "GET", "url": "/path/abd"}));
    let logged = [json!({"url": "/path/xyz/zzz/yyy"}), json!({"url": "/path/abc"})];
    let calls: Vec<Call> = logged
        .iter()
        .map(|logged| parse_logged_request(logged.as_object().expect("an object"), 1 << 20).expect("a request"))
        .collect();
    let found = find_nearest_calls(calls.iter().enumerate(), &pattern, MAX_NEAR_MISSES, SearchBudget::UNLIMITED);
    let misses =
        found.found.iter().map(|near| (logged[near.item].clone(), NearMissSubject::Pattern(json!({})), near.distance));
    assert_eq!(
        near_misses_json(misses).to_string(),
        "{\"nearMisses\":[\
         {\"request\":{\"url\":\"/path/abc\"},\"requestPattern\":{},\
         \"matchResult\":{\"distance\":0.02849002849002849,\"diffDescriptions\":[],\"subEvents\":[]}},\
         {\"request\":{\"url\":\"/path/xyz/zzz/yyy\"},\"requestPattern\":{},\
         \"matchResult\":{\"distance\":0.16591251885369532,\"diffDescriptions\":[],\"subEvents\":[]}}]}"
    );
}

#[test]
fn the_clauses_one_by_one() {
    let stub = Stub::new(&json!({"urlPath": "/b", "headers": {"X-One": {"contains": "1"}, "Y": {"absent": true}}}));
    let call = call(&json!({"method": "GET", "path": "/a?q=1", "headers": [["x-one", "2"], ["X-One", "3"]]}));
    assert_eq!(
        clauses_json(&diagnose(&stub.target(), &call)),
        json!([
            {"clause": "method", "operator": "equalTo", "expected": "ANY", "actual": "GET", "matches": true},
            {"clause": "url", "operator": "urlPath", "expected": "/b", "actual": "/a?q=1", "matches": false},
            {"clause": "header", "name": "X-One", "operator": "contains", "expected": "1", "actual": ["2", "3"], "matches": false},
            {"clause": "header", "name": "Y", "operator": "absent", "expected": "(absent)", "actual": null, "matches": true},
        ])
    );
}

/// The page shows the expected and actual values of matchers for documents, parts and dates, and
/// the distance is plausible.
#[test]
fn documents_parts_and_dates_say_what_they_ask() {
    let form = "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nwrong\r\n--B--\r\n";
    for (asked, body, shown, nearest) in [
        (
            json!({"bodyPatterns": [{"equalToXml": "<a><b>1</b></a>"}]}),
            "<a><b>2</b></a>",
            ["<b>1</b>", "<b>2</b>"],
            0.2,
        ),
        (json!({"bodyPatterns": [{"matchesXPath": "//c"}]}), "<a><b>2</b></a>", ["//c", "<b>2</b>"], 1.0),
        (
            json!({"bodyPatterns": [{"matchesXPath": {"expression": "//b/text()", "equalTo": "yes"}}]}),
            "<a><b>yea</b><b>no</b></a>",
            ["//b/text() [equalTo] yes", "yea"],
            0.4,
        ),
        (
            json!({"bodyPatterns": [{"matchesJsonSchema": {"properties": {"a": {"type": "null"}, "b": {}}}}]}),
            "{\"a\": 1}",
            ["[matchesJsonSchema]", "{\"a\": 1}"],
            0.5,
        ),
        (json!({"bodyPatterns": [{"before": "2021-01-01"}]}), "2031-01-01", ["[before]", "2031-01-01"], 0.11),
        (
            json!({"multipartPatterns": [{"name": "a", "bodyPatterns": [{"equalTo": "right"}]}]}),
            form,
            ["[Multipart: a]", "wrong"],
            1.0,
        ),
    ] {
        let stub = Stub::new(&asked);
        let call = call(&json!({
            "method": "POST", "path": "/", "body": body,
            "headers": [["Content-Type", "multipart/form-data; boundary=B"]],
        }));
        let distance = distance(&stub.pattern, &call) * 46.0;
        assert!(0.0 < distance && distance <= nearest, "{asked}: {distance}");
        let page = render_page(&stub.target(), &call, 200);
        assert!(shown.iter().all(|text| page.contains(text)) && page.contains("does not match"), "{asked}: {page}");
        let told = clauses_json(&diagnose(&stub.target(), &call));
        let last = told.as_array().and_then(|clauses| clauses.last()).expect("a clause");
        assert_eq!(last["matches"], json!(false), "{told}");
    }
    // without a body there is nothing to show
    let bare = call(&json!({"method": "POST", "path": "/", "body": "", "headers": []}));
    let stub = Stub::new(&json!({"multipartPatterns": [{}]}));
    assert!(render_page(&stub.target(), &bare, DEFAULT_PAGE_WIDTH).contains("Multipart is not present"));
}
