//! Descriptions, each with calls (`x-calls`) and the answers that its stubs must give.
//!
//! Of each description, the stubs load without a defect, none hides another, and every answer that
//! was made of a schema is valid by it: one that is not is a defect.

mod damaged;
mod defects;
mod large;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use serde_json::{Value, json};
use standin_learn::draft::write;
use standin_sources::document::{SourceDocument, SourceFormat};
use standin_sources::openapi::{self, OpenApiOptions, OpenApiStubs};
use standin_stub::Stub;
use standin_stub::call::{Call, Peers, Scheme};
use standin_stub::catalog::Catalog;
use standin_stub::matcher::MatchStats;
use standin_stub::stub_folder::StubFolder;
use standin_stub::{load, overlap};

/// Makes the stubs of a description.
fn stubs(name: &str, text: &str, options: &OpenApiOptions) -> OpenApiStubs {
    let document = SourceDocument::parse(name, text).unwrap_or_else(|defects| panic!("{name}: {defects:?}"));
    assert_eq!(document.format, SourceFormat::OpenApi);
    openapi::stubs(document, options)
}

/// Writes stubs into a folder and loads them as a server does.
fn loaded(name: &str, made: &OpenApiStubs) -> Vec<Arc<Stub>> {
    let folder = tempfile::tempdir().expect("a folder");
    write::write_files(&made.mappings, folder.path(), "openapi", false).expect("it writes");
    let loaded = load::load(&[StubFolder::new("", "", folder.path())]);
    assert_eq!(loaded.defects.iter().map(ToString::to_string).collect::<Vec<_>>(), [""; 0], "{name}");
    let overlaps = overlap::overlaps(&loaded.stubs);
    assert_eq!(overlaps.iter().map(ToString::to_string).collect::<Vec<_>>(), [""; 0], "{name}");
    assert_eq!(loaded.stubs.len(), made.report.stubs, "{name}");
    loaded.stubs
}

fn call(expected: &Value) -> Call {
    let text = |key: &str| expected.get(key).and_then(Value::as_str);
    let (method, url) = text("call").and_then(|call| call.split_once(' ')).expect("a method and a URL");
    let mut request = http::Request::builder().method(method).uri(url);
    for (name, value) in expected.get("headers").and_then(Value::as_object).into_iter().flatten() {
        request = request.header(name, value.as_str().expect("a text"));
    }
    let body = match expected.get("json") {
        Some(json) => {
            request = request.header("Content-Type", "application/json");
            json.to_string()
        }
        None => text("send").unwrap_or_default().to_owned(),
    };
    let parts = request.body(()).expect("a request").into_parts().0;
    let nobody = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let peers = Peers { scheme: Scheme::Http, remote: nobody, local: nobody };
    Call::new(parts, Bytes::from(body), peers, Instant::now(), 1 << 20)
}

fn check_call(name: &str, expected: &Value, catalog: &Catalog) {
    let found = catalog.find(&call(expected), &MatchStats::default(), |_| true);
    let response = found.map_or_else(|| json!({"status": 404}), |stub| stub.json()["response"].clone());
    let place = format!("{name}: {expected} is answered by {:?} with {response}", found.map(|stub| stub.label()));
    assert_eq!(response["status"], expected["status"], "{place}");
    if let Some(body) = expected.get("body") {
        assert_eq!(&response["jsonBody"], body, "{place}");
    }
    if let Some(text) = expected.get("text") {
        assert_eq!(&response["body"], text, "{place}");
    }
    for key in expected.get("has").and_then(Value::as_array).into_iter().flatten() {
        assert!(response["jsonBody"].get(key.as_str().unwrap_or_default()).is_some(), "{place}");
    }
}

#[test]
fn descriptions_become_stubs_that_answer_their_calls() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openapi/descriptions");
    let mut paths: Vec<_> =
        fs::read_dir(folder).expect("descriptions").map(|entry| entry.expect("one").path()).collect();
    paths.sort();
    assert!(paths.len() >= 30, "only {} descriptions", paths.len());
    for path in paths {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).expect("UTF-8");
        let root = SourceDocument::parse(&name, &text).unwrap_or_else(|defects| panic!("{defects:?}")).root.to_json();
        let requires_security = root.get("x-security") == Some(&json!(true));
        let options = OpenApiOptions { requires_security, ..OpenApiOptions::default() };
        let made = stubs(&name, &text, &options);
        assert_eq!(made.defects.iter().map(ToString::to_string).collect::<Vec<_>>(), [""; 0], "{name}");
        let catalog = Catalog::new(loaded(&name, &made));
        for expected in root["x-calls"].as_array().expect("calls") {
            check_call(&name, expected, &catalog);
        }
        let again = stubs(&name, &text, &options);
        assert_eq!(again.mappings, made.mappings, "{name}: the same description gives the same stubs");
    }
}

#[test]
fn options_change_the_base_path_and_need_credentials() {
    let text = r#"{"openapi": "3.0.0", "info": {"title": "t", "version": "1"}, "servers": [{"url": "http://h/v1"}],
        "security": [{"b": []}], "components": {"securitySchemes": {"b": {"type": "http", "scheme": "basic"}}},
        "paths": {"/a": {"get": {"responses": {"200": {"description": "ok"}}}}}}"#;
    for (base, url) in [(None, "/v1/a"), (Some(""), "/a"), (Some("/x/y"), "/x/y/a")] {
        let options = OpenApiOptions { base_path: base.map(str::to_owned), requires_security: false };
        let catalog = Catalog::new(loaded("base", &stubs("base", text, &options)));
        check_call("base", &json!({"call": format!("GET {url}"), "status": 200}), &catalog);
    }
    let options = OpenApiOptions { requires_security: true, ..OpenApiOptions::default() };
    let catalog = Catalog::new(loaded("security", &stubs("security", text, &options)));
    check_call("security", &json!({"call": "GET /v1/a", "status": 404}), &catalog);
    let authorized = json!({"call": "GET /v1/a", "headers": {"Authorization": "Basic eDp5"}, "status": 200});
    check_call("security", &authorized, &catalog);
}
