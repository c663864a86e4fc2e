//! Response templates: rendering, and errors in templates.

use std::fmt::Write as _;
use std::fs;
use std::io::Read as _;

use flate2::read::GzDecoder;
use serde_json::json;
use standin::Config;
use standin::{Server, StartError};
use standin_stub::files::Templating;

use crate::support::{Mock, folder};

fn stub(url: &str, response: &str) -> String {
    format!(r#"{{"request": {{"urlPath": "{url}"}}, "response": {response}}}"#)
}

fn mappings(stubs: &[String]) -> String {
    format!(r#"{{"mappings": [{}]}}"#, stubs.join(", "))
}

#[test]
fn bodies_json_headers_and_files_are_rendered() {
    let text = stub(
        "/text",
        r#"{"transformers": ["response-template"], "transformerParameters": {"who": "you"},
            "headers": {"X-Q": ["{{request.query.q}}", "fixed"], "X-Plain": "{}"}, "body": "{{request.method}} {{parameters.who}}"}"#,
    );
    let json = stub(
        "/json",
        r#"{"transformers": ["response-template"], "jsonBody": {"{{request.query.q}}": ["{{jsonPath request.body '$.a'}}"]}}"#,
    );
    let file = stub("/file", r#"{"transformers": ["response-template"], "bodyFileName": "a.txt"}"#);
    let named = stub("/named", r#"{"transformers": ["response-template"], "bodyFileName": "{{request.query.q}}.txt"}"#);
    let raw = stub(
        "/raw",
        r#"{"transformers": ["response-template"], "bodyFileName": "a.txt",
            "transformerParameters": {"disableBodyFileTemplating": true}}"#,
    );
    let path = r#"{"request": {"urlPathTemplate": "/orders/{id}"},
                   "response": {"transformers": ["response-template"], "body": "{{request.path.id}}"}}"#;
    let plain = stub("/plain", r#"{"body": "{{request.method}}"}"#);
    let stubs = mappings(&[text, json, file, named, raw, path.to_owned(), plain]);
    let mock =
        Mock::configured(&[("mappings/stubs.json", &stubs), ("__files/a.txt", "q is {{request.query.q}}")], |_| {});
    let answer = mock.get("/text?q=1");
    assert_eq!(
        (answer.text(), answer.all("x-q"), answer.header("x-plain")),
        ("GET you", vec!["1", "fixed"], Some("{}"))
    );
    assert_eq!(mock.post("/json?q=k", r#"{"a": "v"}"#).text(), r#"{"k":["v"]}"#);
    assert_eq!(mock.get("/file?q=1").text(), "q is 1");
    assert_eq!(mock.get("/named?q=a").text(), "q is a");
    assert_eq!(mock.get("/named?q=none").status, 500);
    assert_eq!(mock.get("/named?q=../mappings/stubs").status, 500);
    assert_eq!(mock.get("/raw?q=1").text(), "q is {{request.query.q}}");
    assert_eq!(mock.get("/orders/7").text(), "7");
    assert_eq!(mock.get("/plain").text(), "{{request.method}}");
}

#[test]
fn the_same_seed_draws_the_same_values() {
    let stubs = mappings(&[stub(
        "/r",
        r#"{"transformers": ["response-template"], "body": "{{randomValue length=8}} {{request.id}}"}"#,
    )]);
    let drawn = || {
        let mock =
            Mock::with(&stubs.replace("\"request\"", "\"id\": \"5f2c1e0a-9d4b-4c57-8a51-0d9c6f2e7b13\", \"request\""));
        [mock.get("/r").text().to_owned(), mock.get("/r").text().to_owned()]
    };
    let first = drawn();
    assert_ne!(first[0], first[1]);
    assert_eq!(first, drawn());
}

#[test]
fn what_takes_long_is_rendered_beside_the_worker_and_bounded() {
    let long = stub(
        "/long",
        r#"{"transformers": ["response-template"], "body": "{{#each (range 1 20000)}}{{randomInt lower=0 upper=9}}{{/each}}"}"#,
    );
    let endless = stub(
        "/endless",
        r#"{"transformers": ["response-template"], "body": "{{#each (range 1 1000000000)}}x{{/each}}"}"#,
    );
    let mock = Mock::with(&mappings(&[long, endless]));
    assert_eq!(mock.get("/long").text().len(), 20_000);
    assert_eq!(mock.get("/long").text().len(), 20_000);
    let answer = mock.get("/endless");
    assert_eq!((answer.status, answer.text()), (500, "the template takes more than 1000000 steps; shorten its loops"));
}

#[test]
fn rendered_bodies_are_zipped_too() {
    let stubs = mappings(&[stub("/z", r#"{"transformers": ["response-template"], "body": "{{request.url}}"}"#)]);
    let mock = Mock::with(&stubs);
    let answer = mock.send("GET /z?a HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n");
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    let mut text = String::new();
    GzDecoder::new(&answer.body[..]).read_to_string(&mut text).expect("gzip");
    assert_eq!(text, "/z?a");
}

#[test]
fn a_template_that_does_not_parse_is_a_defect_of_its_file() {
    let stubs =
        stub("/a", r#"{"transformers": ["response-template"], "body": "{{#if true}}x", "headers": {"X": "{{x 'y}}"}}"#);
    let root = folder(&[("mappings/stubs.json", &stubs)]);
    let config = Config { strict: true, ..Config::new(root.path()) };
    let Err(StartError::Stubs(defects)) = Server::bind(config) else { panic!("it has defects") };
    let mut told = String::new();
    for defect in &defects {
        let _ = writeln!(told, "{defect}");
    }
    assert!(told.contains("mappings/stubs.json:1:"), "{told}");
    assert!(told.contains("at its line 1, column 1: the block `if` is not closed"), "{told}");
    assert!(told.contains("the quote is not closed"), "{told}");
}

#[test]
fn over_the_api_calls_are_told_what_is_wrong() {
    let mock = Mock::with(r#"{"mappings": []}"#);
    let broken = stub("/a", r#"{"transformers": ["response-template"], "body": "{{#if true}}x"}"#);
    assert_eq!(mock.post("/__admin/mappings", &broken).status, 201);
    let answer = mock.get("/a");
    assert_eq!((answer.status, answer.header("content-type")), (500, Some("text/plain")));
    assert_eq!(answer.text(), "1:0: the block `if` is not closed; write `{{/if}}` at its end");
    let unknown = stub("/b", r#"{"transformers": ["response-template"], "body": "a {{nope 1}}"}"#);
    assert_eq!(mock.post("/__admin/mappings", &unknown).status, 201);
    assert_eq!(mock.get("/b").text(), "1:4: could not find helper: 'nope'");
}

#[test]
fn a_body_file_that_changes_is_parsed_again() {
    let stubs = stub("/file", r#"{"transformers": ["response-template"], "bodyFileName": "a.txt"}"#);
    let mock =
        Mock::configured(&[("mappings/stubs.json", &stubs), ("__files/a.txt", "one {{request.method}}")], |_| {});
    assert_eq!(mock.get("/file").text(), "one GET");
    fs::write(mock.root.path().join("__files/a.txt"), "two {{request.method}}").expect("writable");
    assert_eq!(mock.post("/__admin/reset", "").status, 200);
    assert_eq!(mock.get("/file").text(), "two GET");
}

#[test]
fn templating_can_be_on_or_off_for_all() {
    let named = stub("/named", r#"{"transformers": ["response-template"], "body": "{{request.method}}"}"#);
    let plain = stub("/plain", r#"{"body": "{{request.method}}"}"#);
    let stubs = mappings(&[named, plain]);
    for (templating, expected) in [
        (Templating::All, ["GET", "GET"]),
        (Templating::Named, ["GET", "{{request.method}}"]),
        (Templating::Off, ["{{request.method}}", "{{request.method}}"]),
    ] {
        let mock = Mock::configured(&[("mappings/stubs.json", &stubs)], |config| config.templating = templating);
        assert_eq!([mock.get("/named").text(), mock.get("/plain").text()], expected, "{templating:?}");
        let api = stub("/api", r#"{"transformers": ["response-template"], "body": "{{request.method}}"}"#);
        assert_eq!(mock.post("/__admin/mappings", &api).status, 201);
        assert_eq!(mock.get("/api").text(), expected[0], "{templating:?}");
    }
}

#[test]
fn a_mock_renders_and_refuses_what_does_not_parse() {
    let mapping = |body: &str| json!({"request": {"url": "/t"}, "response": {"transformers": ["response-template"], "body": body}});
    let mock = standin::Mock::start();
    mock.stub_json(mapping("{{upper request.url}}"));
    assert_eq!(ureq::get(mock.url("/t")).call().expect("an answer").body_mut().read_to_string().expect("text"), "/T");
    let refused = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| mock.stub_json(mapping("{{#if x}}"))));
    let told = refused.map(|_| ()).expect_err("it is refused");
    let told = told.downcast_ref::<String>().expect("a text");
    assert!(told.contains("the block `if` is not closed"), "{told}");
}

#[test]
fn soap_numbers_and_headers_are_rendered_as_in_wiremock() {
    let template = |url: &str, body: &str| {
        stub(url, &format!(r#"{{"transformers": ["response-template"], "body": {}}}"#, json!(body)))
    };
    let stubs = mappings(&[
        template("/soap", "{{soapXPath request.body '/q/text()'}} {{xPath request.body 'count(//*)'}}"),
        template(
            "/price",
            "{{#gt (jsonPath request.body '$.price') 10}}dear{{else}}cheap{{/gt}} {{parseJson request.body}}",
        ),
        template("/headers", "{{#each request.headers}}{{@key}};{{/each}}"),
        template("/missing", "{{date (parseDate request.query.d.[0])}}"),
    ]);
    let mock = Mock::configured(&[("mappings/stubs.json", &stubs)], |_| {});
    let soap = "<s:Envelope xmlns:s='u'><s:Body><q>5</q></s:Body></s:Envelope>";
    assert_eq!(mock.post("/soap", soap).text(), "5 3");
    assert_eq!(mock.post("/price", r#"{"price": 12.50}"#).text(), "dear {price=12.50}");
    assert!(mock.get("/headers").text().contains("Host;"));
    let missing = mock.get("/missing");
    assert_eq!((missing.status, missing.text()), (500, "1:8: the value that `parseDate` is given is missing"));
}
