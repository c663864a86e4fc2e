//! Schemas, patterns, templates and documents that would take for ever: each is bounded, counted
//! and reported.

use std::io::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Client, Mock};

/// A definition that refers to the next one twice, and so on.
fn doubled(branch: &str, length: usize, last: &Value) -> Value {
    let mut definitions = serde_json::Map::new();
    for place in 0..length {
        let next = json!({"$ref": format!("#/definitions/a{}", place + 1)});
        definitions.insert(format!("a{place}"), json!({branch: [next, next]}));
    }
    definitions.insert(format!("a{length}"), last.clone());
    json!({"definitions": definitions, "$ref": "#/definitions/a0"})
}

fn schema_stub(url: &str, schema: &Value) -> Value {
    json!({"request": {"url": url, "bodyPatterns": [{"matchesJsonSchema": schema}]}, "response": {"body": "ok"}})
}

fn template_stub(url: &str, template: &str) -> Value {
    json!({"request": {"url": url}, "response": {"body": template, "transformers": ["response-template"]}})
}

fn served(stubs: &[Value]) -> Mock {
    Mock::with(&json!({ "mappings": stubs }).to_string())
}

/// The value of a line of the metrics.
fn metric(mock: &Mock, name: &str) -> u64 {
    let page = mock.get("/__admin/metrics");
    let line = page.text().lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no metric {name}"))
}

#[test]
fn references_that_double_hold_no_worker() {
    let mock = served(&[
        schema_stub("/all", &doubled("allOf", 40, &json!({"type": "array"}))),
        schema_stub("/any", &doubled("anyOf", 40, &json!({"type": "integer"}))),
        schema_stub("/one", &doubled("oneOf", 40, &json!({"type": "array"}))),
        schema_stub("/long", &doubled("allOf", 2_000, &json!({"type": "array"}))),
    ]);
    for _ in 0..3 {
        assert_eq!(mock.post("/all", "[]").status, 200);
        assert_eq!(mock.post("/any", "[]").status, 404);
        assert_eq!(mock.post("/one", "[]").status, 404);
        // what would use up the stack is given up
        assert_eq!(mock.post("/long", "[]").status, 404);
    }
}

#[test]
fn parts_beyond_a_thousand_decide_nothing() {
    let stub = |url: &str, kind: &str, text: &str| {
        let part = json!({"matchingType": kind, "bodyPatterns": [{"contains": text}]});
        json!({"request": {"url": url, "multipartPatterns": [part]}, "response": {"body": "ok"}})
    };
    let mock = served(&[stub("/any", "ANY", "1"), stub("/last", "ANY", "1500"), stub("/all", "ALL", "part")]);
    let status = |url: &str, count: usize| {
        let parts: Vec<String> =
            (1..=count).map(|number| format!("--b\r\nContent-Type: text/plain\r\n\r\npart {number}\r\n")).collect();
        let body = format!("{}--b--\r\n", parts.concat());
        let mut client = Client::connect(mock.address);
        let head = format!("Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {}\r\n\r\n", body.len());
        client.write(format!("POST {url} HTTP/1.1\r\nHost: x\r\n{head}{body}").as_bytes());
        client.answer().status
    };
    assert_eq!([status("/any", 1000), status("/all", 1000), status("/any", 2000)], [200, 200, 200]);
    assert_eq!(metric(&mock, "standin_limited_total{limit=\"multipart\"}"), 0);
    assert_eq!([status("/last", 2000), status("/all", 2000)], [404, 404]);
    assert_eq!(metric(&mock, "standin_limited_total{limit=\"multipart\"}"), 2);
}

/// The nearest stub is looked for by what is wrong with the body, of which there is no end.
#[test]
fn a_schema_that_branches_over_itself_leaves_near_misses_alone() {
    let branch = json!({"type": "object", "additionalProperties": {"$ref": "#"}});
    let mut other = branch.clone();
    other["minProperties"] = json!(1);
    let schema = json!({"properties": {"x": {"type": "string"}}, "anyOf": [branch, other, {"type": "null"}]});
    let mock = served(&[schema_stub("/s", &schema)]);
    let body = format!("{}1{}", "{\"a\":".repeat(26), "}".repeat(26));
    for _ in 0..3 {
        let answer = mock.post("/s", &body);
        assert_eq!(answer.status, 404);
        assert!(answer.text().contains("Body does not match"), "{}", answer.text());
    }
}

#[test]
fn a_schema_beyond_its_steps_is_counted_and_told() {
    let schema = json!({"items": {"allOf": [{"type": "integer"}, {"minimum": 0}, {"maximum": 9}]}});
    let mock = served(&[schema_stub("/s", &schema)]);
    assert_eq!(mock.post("/s", "[1,2,3]").status, 200);
    let wide = format!("[{}]", vec!["1"; 200_000].join(","));
    let answer = mock.post("/s", &wide);
    assert_eq!(answer.status, 404);
    assert!(answer.text().contains("Body met a limit of matching"), "{}", answer.text());
    assert_eq!(metric(&mock, "standin_limited_total{limit=\"schema\"}"), 1);
    assert_eq!(metric(&mock, "standin_limited_total{limit=\"regex_backtracking\"}"), 0);
    assert_eq!(mock.post("/s", "[1,2,3]").status, 200);
}

#[test]
fn every_limit_of_matching_has_a_count_of_its_own() {
    let body = |rule: Value| json!({"request": {"urlPath": "/m", "bodyPatterns": [rule]}, "response": {}});
    for (limit, rule, text) in [
        ("xpath", json!({"matchesXPath": "/a"}), format!("<a>{}</a>", "<b/>".repeat(300_000))),
        ("regex_backtracking", json!({"matches": "(?=(a+)+$)(a|aa)+\\1b"}), "a".repeat(64)),
        (
            "json_path",
            json!({"matchesJsonPath": "$[?(@.a =~ /(?=(a+)+$)(a|aa)+\\1b/)]"}),
            json!([{"a": "a".repeat(64)}]).to_string(),
        ),
    ] {
        let mock = served(&[body(rule)]);
        assert_eq!(mock.post("/m", &text).status, 404, "{limit}");
        assert_eq!(metric(&mock, &format!("standin_limited_total{{limit=\"{limit}\"}}")), 1, "{limit}");
    }
    let matcher = json!({"name": "graphql-body-matcher", "parameters": {"query": "{ a }"}});
    let mock = served(&[json!({"request": {"urlPath": "/m", "customMatcher": matcher}, "response": {"body": "ok"}})]);
    let query = |depth: usize| json!({"query": format!("{} a {}", "{ a ".repeat(depth), "}".repeat(depth))});
    assert_eq!(mock.post("/m", "{\"query\": \"query { a }\"}").text(), "ok");
    assert_eq!(mock.post("/m", &query(5_000).to_string()).status, 404);
    assert_eq!(metric(&mock, "standin_limited_total{limit=\"graphql\"}"), 1);
}

/// What is taken is read again by all that lists, saves and compares stubs.
#[test]
fn a_mapping_is_refused_or_read_again_whatever_its_depth() {
    let mock = served(&[json!({"request": {"url": "/ok"}, "response": {"body": "ok"}})]);
    let mapping = |depth: usize| {
        let deep = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        format!("{{\"request\": {{\"url\": \"/deep\"}},\n \"response\": {{\"jsonBody\": {deep}}}}}")
    };
    for depth in [124, 126, 127, 130, 500, 513, 100_000] {
        let refused = mock.post("/__admin/mappings", &mapping(depth));
        assert_eq!(refused.status, 422, "{depth}");
        assert!(
            refused.text().contains("more than 125") && refused.text().contains("(line 2, column "),
            "{}",
            refused.text()
        );
        let import = format!("{{\"mappings\": [{}]}}", mapping(depth));
        assert_eq!(mock.post("/__admin/mappings/import", &import).status, 422, "{depth}");
    }
    let listeners = |depth: usize| {
        let parameters = format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
        format!("{{\"request\": {{\"url\": \"/l\"}}, \"postServeActions\": {{\"x\": {parameters}}}}}")
    };
    // a list of listeners is one level deeper than the map that it may be given as
    assert_eq!(mock.post("/__admin/mappings", &listeners(123)).status, 422);
    for mapping in [mapping(123), listeners(122)] {
        assert_eq!(mock.post("/__admin/mappings", &mapping).status, 201, "{mapping}");
    }
    assert_eq!(mock.get("/deep").status, 200);
    assert_eq!(mock.get("/deeper").status, 404);
    for path in ["/__admin/mappings", "/__admin/mappings/unmatched", "/__admin/near-misses/request"] {
        let answer = if path.ends_with("/request") { mock.post(path, "{\"url\": \"/m\"}") } else { mock.get(path) };
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.text().contains("/l\""), "{path}");
    }
    assert_eq!(mock.post("/__admin/mappings/save", "").status, 200);
    assert_eq!(mock.post("/__admin/standin/reload", "").status, 200);
    assert_eq!(mock.get("/deep").status, 200);
    assert_eq!(mock.post("/__admin/mappings/reset", "").status, 200);
    assert_eq!(mock.get("/deep").status, 200);
}

#[test]
fn aliases_that_multiply_are_refused() {
    let mock = served(&[json!({"request": {"url": "/ok"}, "response": {"body": "ok"}})]);
    let mut yaml = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let alias = format!("*a{}", level - 1);
        yaml.extend(["a", &level.to_string(), ": &a", &level.to_string(), " [", &vec![alias; 10].join(", "), "]\n"]);
    }
    crate::support::write(mock.root.path(), "mappings/laughs.yaml", &yaml);
    // 32 MiB are unfolded before the rest is refused, which takes a while without optimisation
    let mut client = Client::connect(mock.address);
    client.stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time-out");
    let head = format!("POST /__admin/standin/reload HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\n\r\n", mock.address);
    client.write(head.as_bytes());
    let refused = client.answer();
    assert_eq!(refused.status, 422);
    assert!(refused.text().contains("unfold to too much"), "{}", refused.text());
    assert_eq!(mock.get("/ok").status, 200);
}

/// A match that backtracks costs what it takes, not one step.
#[test]
fn a_template_that_backtracks_in_a_loop_ends() {
    let template = "{{#each (range 1 2000)}}{{regexExtract request.body '(?=.*b)(?:a|aa)*?c' default='n'}}{{/each}}";
    let mock = served(&[template_stub("/t", template), template_stub("/quick", "{{matches request.body '(a)\\1'}}")]);
    assert_eq!(mock.post("/quick", "aa").text(), "true");
    let answer = mock.post("/t", &format!("{}b", "a".repeat(2000)));
    assert_eq!(answer.status, 500);
    assert!(answer.text().contains("steps"), "{}", answer.text());
    let path =
        "{{#each (range 1 2000)}}{{jsonPath request.body '$.items[?(@.a =~ /(?=.*b)(?:a|aa)*?(b)\\1/)]'}}{{/each}}";
    let mock = served(&[template_stub("/t", path)]);
    let body = json!({"items": [{"a": format!("{}b", "a".repeat(20))}]}).to_string();
    let answer = mock.post("/t", &body);
    assert_eq!(answer.status, 500);
    assert!(answer.text().contains("steps"), "{}", answer.text());
}

/// A client that closes its connection may still read, so that its rendering ends with its steps.
#[test]
fn renderings_that_nobody_waits_for_end() {
    let each = "{{#each (range 1 900)}}{{#each (range 1 900)}}{{upper 'x'}}{{/each}}{{/each}}";
    let mock = served(&[template_stub("/t", each)]);
    let clients: Vec<Client> = (0..20)
        .map(|_| {
            let mut client = Client::connect(mock.address);
            client.write(b"GET /t HTTP/1.1\r\nHost: a\r\n\r\n");
            client
        })
        .collect();
    thread::sleep(Duration::from_millis(50));
    for mut client in clients {
        client.stream.flush().expect("open");
        drop(client);
    }
    // renderings that go on would keep the server from ending
    let begin = Instant::now();
    mock.shut_down();
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
}

#[test]
fn near_misses_of_many_calls_are_limited_and_say_so() {
    let stubs: Vec<Value> =
        (0..50).map(|place| json!({"request": {"url": format!("/path/{place}")}, "response": {}})).collect();
    let mock = served(&stubs);
    let mut client = Client::connect(mock.address);
    for place in 0..1_010 {
        client.write(format!("GET /miss/{place} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
        client.answer();
    }
    let five = mock.get("/__admin/requests/unmatched/near-misses?limit=5").json();
    assert_eq!(five["nearMisses"].as_array().map(Vec::len), Some(15));
    assert_eq!(five["meta"], json!({"examined": 5, "of": 1010}));
    assert_eq!(five["nearMisses"][0]["request"]["url"], "/miss/1009");
    let all = mock.get("/__admin/requests/unmatched/near-misses").json();
    let examined = all["meta"]["examined"].as_u64().expect("not all were examined");
    assert!(examined <= 1_000, "{examined}");
    assert_eq!(all["nearMisses"].as_array().map(Vec::len), Some(3 * examined as usize));
    let more = mock.get("/__admin/requests/unmatched/near-misses?limit=100000").json();
    assert!(more["meta"].is_null() || more["meta"]["of"] == 1010, "{}", more["meta"]);
}

/// Each call costs some milliseconds; a full journal would take minutes.
#[test]
fn questions_over_the_journal_end_and_say_how_far_they_came() {
    let mock = served(&[json!({"request": {"url": "/j"}, "response": {}})]);
    let wide = format!("[{}]", vec!["1"; 20_000].join(","));
    let mut client = Client::connect(mock.address);
    for _ in 0..400 {
        let head = format!("POST /j HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", wide.len());
        client.write(head.as_bytes());
        client.write(wide.as_bytes());
        assert_eq!(client.answer().status, 200);
    }
    let rules: Vec<Value> = (0..6).map(|least| json!({"items": {"minimum": -least}})).collect();
    let pattern = json!({"bodyPatterns": [{"matchesJsonSchema": {"allOf": rules}}]}).to_string();
    for path in ["count", "find"] {
        let mut asking = Client::connect(mock.address);
        asking.stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time-out");
        let (host, length) = (mock.address, pattern.len());
        let head = format!("POST /__admin/requests/{path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n");
        asking.write(head.as_bytes());
        asking.write(b"Content-Type: application/json\r\n\r\n");
        asking.write(pattern.as_bytes());
        let answer = asking.answer();
        assert_eq!(answer.status, 200, "{}", answer.text());
        let answer = answer.json();
        let (examined, of) = (&answer["meta"]["examined"], &answer["meta"]["of"]);
        assert!(answer["meta"].is_null() || examined.as_u64() < of.as_u64() && *of == 400, "{}", answer["meta"]);
    }
}

#[test]
fn a_document_of_very_many_values_is_refused() {
    let mock = served(&[json!({"request": {"url": "/ok"}, "response": {"body": "ok"}})]);
    let many = vec!["1"; 1_000_001].join(",");
    let mapping = format!("{{\"request\": {{\"url\": \"/a\"}}, \"response\": {{\"jsonBody\": [{many}]}}}}");
    let import = format!("{{\"mappings\": [{mapping}]}}");
    let pattern = format!("{{\"bodyPatterns\": [{{\"equalToJson\": [{many}]}}]}}");
    let settings = format!("{{\"extended\": {{\"a\": [{many}]}}}}");
    for (path, body) in [
        ("/__admin/mappings", &mapping),
        ("/__admin/mappings/import", &import),
        ("/__admin/requests/count", &pattern),
        ("/__admin/requests/find", &pattern),
        ("/__admin/near-misses/request-pattern", &pattern),
        ("/__admin/settings", &settings),
    ] {
        let refused = mock.post(path, body);
        assert_eq!(refused.status, 422, "{path}");
        assert!(refused.text().contains("more than 1000000 values (line 1, column "), "{path}: {}", refused.text());
    }
    assert_eq!(mock.get("/ok").status, 200);
}

/// A width that Rust's formatting does not take used to end the worker.
#[test]
fn numbers_of_any_length_are_formatted() {
    let helpers = [
        "{{numberFormat 1 request.body}}",
        "{{numberFormat 1.5 request.body}}",
        "{{numberFormat 1 '0' minimumIntegerDigits=request.body}}",
        "{{stringFormat request.body 1}}",
        "{{ljust 'a' size=request.body}}",
        "{{wordWrap 'a b' request.body}}",
        "{{abbreviate 'abcdef' request.body}}",
        "{{substring 'abcdef' request.body}}",
        "{{randomValue length=request.body}}",
        "{{range 1 request.body}}",
        "{{math request.body '*' request.body}}",
        "{{now offset=(join request.body ' years' '')}}",
    ];
    let stubs: Vec<Value> = (0..).zip(helpers).map(|(n, helper)| template_stub(&format!("/{n}"), helper)).collect();
    let mock = served(&stubs);
    for (place, helper) in helpers.iter().enumerate() {
        for body in [
            "0".repeat(70_000),
            format!("0.{}", "0".repeat(70_000)),
            "%070000d".to_owned(),
            "%.70000f".to_owned(),
            "9223372036854775807".to_owned(),
            "-9223372036854775808".to_owned(),
            "9".repeat(70_000),
            "1e999999999".to_owned(),
        ] {
            let answer = mock.post(&format!("/{place}"), &body);
            let shown: String = body.chars().take(30).collect();
            assert!([200, 500].contains(&answer.status), "{helper} {shown}");
            assert!(!answer.text().contains("panic"), "{helper} {shown}: {}", answer.text());
        }
    }
}

/// Lenient JSON is read again by a second parser, so a large body is not.
#[test]
fn json_of_clients_may_be_a_little_wrong() {
    let stub = json!({"request": {"urlPath": "/j", "bodyPatterns": [{"equalToJson": {"a": 1}}]}, "response": {}});
    let mock = served(&[stub]);
    for (body, status) in [
        ("{'a': 1}", 200),
        ("{\"a\": 1} and more", 200),
        ("{\"a\": 1 /* one */}", 200),
        ("{a: 1}", 404),
        ("{\"a\": 1,}", 404),
        ("a=1", 404),
    ] {
        assert_eq!(mock.post("/j", body).status, status, "{body}");
    }
    let large = format!("{{'a': 1}}{}", " ".repeat(64 << 10));
    assert_eq!(mock.post("/j", &large).status, 404);
}

#[test]
fn what_is_absent_in_a_body() {
    let rule = json!({"matchesJsonPath": {"expression": "$.a", "absent": "(absent)"}});
    let mock = served(&[json!({"request": {"urlPath": "/a", "bodyPatterns": [rule]}, "response": {}})]);
    for (body, status) in [
        ("", 200),
        ("word", 200),
        ("{}", 200),
        ("{\"a\": []}", 200),
        ("{\"a\": {}}", 404),
        ("{\"a\": 1}", 404),
        ("null", 404),
        ("{\"a\"", 404),
        ("<a/>", 404),
    ] {
        assert_eq!(mock.post("/a", body).status, status, "{body}");
    }
}
