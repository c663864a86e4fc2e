//! `standin check` as a linter.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use super::{ID, folder, mock_of, stub, with_id};
use crate::support::write;

fn check(dir: &Path, args: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_standin")).arg("check").arg(".").args(args).current_dir(dir).output();
    output.expect("it runs")
}

fn report(dir: &Path, args: &[&str]) -> Value {
    let output = check(dir, &[args, &["--format", "json"]].concat());
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Returns the rules that are broken by one mapping file.
fn rules(text: &str) -> Vec<String> {
    let root = folder(&[("mappings/a.json", text)]);
    let report = report(root.path(), &[]);
    let defects = report["defects"].as_array().expect("a list");
    defects.iter().map(|defect| defect["rule"].as_str().expect("a text").to_owned()).collect()
}

#[test]
fn each_rule_is_broken_by_what_it_describes() {
    let of = |request: &str, response: &str| format!("{{\"request\": {request}, \"response\": {response}}}");
    for (text, rule) in [
        ("{".to_owned(), "invalid"),
        (r#"{"body": "x"}"#.to_owned(), "no-stub"),
        (of(r#"{"url": "/a"}"#, r#"{"bodyFileName": "gone"}"#), "missing-body-file"),
        (of(r#"{"urlPath": "/a?b=1"}"#, "{}"), "never-matches"),
        (of(r#"{"url": "/a/.*"}"#, "{}"), "never-matches"),
        (of(r#"{"url": "http://host/a"}"#, "{}"), "never-matches"),
        (of(r#"{"url": "/a", "method": "get"}"#, "{}"), "never-matches"),
        (of(r#"{"url": "/a"}"#, r#"{"status": 200, "status": 201}"#), "repeated-name"),
        (of(r#"{"url": "/a"}"#, r#"{"body": "{{request.path}}"}"#), "template-not-rendered"),
        (of(r#"{"url": "/a"}"#, r#"{"body": "AKIAIOSFODNN7EXAMPLE"}"#), "secret"),
        (of(r#"{"url": "/a"}"#, r#"{"transformers": ["body-transformer"]}"#), "unknown-extension"),
        (of(r#"{"customMatcher": {"name": "mine"}}"#, "{}"), "unknown-extension"),
        (
            r#"{"scenarioName": "s", "requiredScenarioState": "no", "request": {"url": "/a"}, "response": {}}"#
                .to_owned(),
            "never-reached",
        ),
    ] {
        assert_eq!(rules(&text), [rule], "{text}");
    }
    assert!(rules(&of(r#"{"url": "/a"}"#, r#"{"body": "{{name}}"}"#)).is_empty());
}

#[test]
fn two_stubs_with_one_id_are_reported_with_both_places() {
    let root = folder(&[("mappings/a.json", &with_id(ID, "/a", "A")), ("mappings/b.json", &with_id(ID, "/b", "B"))]);
    let report = report(root.path(), &[]);
    let defect = &report["defects"][0];
    assert_eq!((defect["rule"].as_str(), defect["severity"].as_str()), (Some("duplicate-id"), Some("error")));
    assert_eq!((defect["line"].as_u64(), defect["column"].as_u64()), (Some(1), Some(8)));
    assert!(defect["file"].as_str().expect("a text").ends_with("b.json"));
    assert!(defect["message"].as_str().expect("a text").contains("a.json:1"), "{defect}");
}

#[test]
fn options_of_serve_change_what_is_right() {
    let stub = r#"{"request": {"urlPath": "/a"}, "response": {"bodyFileName": "files/{{request.query.f}}"}}"#;
    let root = folder(&[("mappings/a.json", stub)]);
    assert_eq!(check(root.path(), &[]).status.code(), Some(1));
    let global = check(root.path(), &["--global-response-templating"]);
    assert_eq!(global.status.code(), Some(0), "{}", String::from_utf8_lossy(&global.stderr));
    let both = check(root.path(), &["--global-response-templating", "--disable-response-templating"]);
    assert_eq!(both.status.code(), Some(64));
}

#[test]
fn sarif_has_rules_regions_and_relative_uris() {
    let root = folder(&[]);
    write(root.path(), "mappings/my stubs/a.json", "{\n  \"request\": {\"urlPath\": \"/a?b\"},\n  \"response\": {}\n}");
    let output = check(root.path(), &["--format", "sarif"]);
    assert_eq!(output.status.code(), Some(1));
    let log: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    let result = &run["results"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().expect("rules");
    assert_eq!(rules[result["ruleIndex"].as_u64().expect("a number") as usize]["id"], "never-matches");
    assert_eq!((result["ruleId"].as_str(), result["level"].as_str()), (Some("never-matches"), Some("warning")));
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "mappings/my%20stubs/a.json");
    assert_eq!(place["region"], serde_json::json!({"startLine": 2, "startColumn": 26, "endLine": 2, "endColumn": 32}));
    let clean = folder(&[("mappings/a.json", &stub("/a", "A"))]);
    let output = check(clean.path(), &["--format", "sarif"]);
    let log: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((output.status.code(), &log["runs"][0]["results"]), (Some(0), &serde_json::json!([])));
}

#[test]
fn what_the_admin_api_accepts_and_does_not_do_is_in_a_header() {
    let mock = mock_of(&[]);
    let warned =
        r#"{"request": {"url": "/a"}, "response": {"body": "A", "transformers": ["mine", "response-template"]}}"#;
    let answer = mock.post("/__admin/mappings", warned);
    assert_eq!(answer.status, 201);
    let header = |answer: &crate::support::Answer| {
        answer.headers.iter().find(|(name, _)| name == "standin-warning").map(|(_, value)| value.clone())
    };
    assert!(header(&answer).is_some_and(|text| text.contains("the transformer `mine` is unknown")), "{answer:?}");
    assert_eq!(header(&mock.post("/__admin/mappings", &stub("/b", "B"))), None);
}
