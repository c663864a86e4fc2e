//! Compares the evaluation with the `jsonschema` crate, and checks that schemas end within their
//! budget.

use std::time::{Duration, Instant};

use jsonschema::Draft;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use standin_dialect::json::JsonTree;

fn compiled(schema: Value) -> JsonSchema {
    let (schema, problem) = JsonSchema::new(schema, SchemaVersion::default());
    assert_eq!(problem, None);
    schema
}

fn outcome(schema: Value, body: &Value) -> MatchOutcome {
    compiled(schema).matches(Some(body.into()), "")
}

/// Returns a chain of `length` definitions, each of which refers to the next in `branch` twice.
fn doubled(branch: &str, length: usize, last: Value) -> Value {
    let mut definitions = Map::new();
    for place in 0..length {
        let next = json!({"$ref": format!("#/definitions/a{}", place + 1)});
        definitions.insert(format!("a{place}"), json!({branch: [next, next]}));
    }
    definitions.insert(format!("a{length}"), last);
    json!({"definitions": definitions, "$ref": "#/definitions/a0"})
}

#[test]
fn references_that_double_end() {
    for branch in ["allOf", "anyOf"] {
        assert_eq!(outcome(doubled(branch, 40, json!({"type": "integer"})), &json!([])), MatchOutcome::NoMatch);
        assert_eq!(outcome(doubled(branch, 40, json!({"type": "array"})), &json!([])), MatchOutcome::Match);
    }
    // `oneOf` fails if two branches hold
    assert_eq!(outcome(doubled("oneOf", 40, json!(true)), &json!([])), MatchOutcome::NoMatch);
}

#[test]
fn a_chain_of_references_does_not_use_up_the_stack() {
    let mut definitions = Map::new();
    for place in 0..15_000 {
        definitions.insert(format!("a{place}"), json!({"$ref": format!("#/definitions/a{}", place + 1)}));
    }
    definitions.insert("a15000".to_owned(), json!(true));
    let schema = json!({"definitions": definitions, "$ref": "#/definitions/a0"});
    assert_eq!(outcome(schema, &json!(1)), MatchOutcome::LimitExceeded);
    // the deepest nesting that is allowed, through the largest stack frames
    let node = json!({"properties": {"c": {"anyOf": [{"allOf": [{"not": {"not": {"$ref": "#"}}}]}]}}});
    let body = (0..125).fold(json!(1), |inner, _| json!({"c": inner}));
    assert_eq!(outcome(node, &body), MatchOutcome::LimitExceeded);
}

#[test]
fn a_deep_body_is_within_the_depth() {
    let schema = json!({"$defs": {"n": {"properties": {"c": {"anyOf": [{"$ref": "#/$defs/n"}, {"type": "null"}]}}}},
        "$ref": "#/$defs/n"});
    let body = (0..125).fold(json!({"c": null}), |inner, _| json!({"c": inner}));
    assert_eq!(outcome(schema, &body), MatchOutcome::Match);
}

#[test]
fn what_takes_long_is_given_up() {
    let wide = Value::Array(vec![json!(1); 200_000]);
    let long = "a".repeat(100);
    let texts = Value::Array((0..2_000).map(|place| json!(format!("{long}{place}"))).collect());
    let many: Vec<Value> = (0..20_000).map(Value::from).collect();
    let objects = Value::Array((0..20_000).map(|place| json!({"a": {"b": [place, 1, 2, 3]}})).collect());
    let names = Value::Object((0..2_000).map(|place| (format!("{long}{place}"), json!(1))).collect());
    let pattern = "^(?=(a+)+$)(a|aa)+\\1b$";
    for (schema, body) in [
        (json!({"allOf": [{"items": {"type": "integer"}}, {"items": {"minimum": 0}}, {"uniqueItems": false}]}), &wide),
        (json!({"items": {"pattern": pattern}}), &texts),
        (json!({"items": {"enum": many}}), &wide),
        (json!({"allOf": vec![json!({"uniqueItems": true}); 20]}), &objects),
        (json!({"patternProperties": {pattern: {}}}), &names),
        (json!({"type": "integer"}), &serde_json::from_str("1e999999999").expect("JSON")),
        (json!({"multipleOf": 0.01}), &serde_json::from_str(&"7".repeat(1 << 20)).expect("JSON")),
    ] {
        let (schema, begin) = (compiled(schema), Instant::now());
        let outcome = schema.matches(Some(body.into()), "");
        let distance = schema.distance(Some(body.into()), "");
        assert!(begin.elapsed() < Duration::from_secs(5), "{:?} {outcome:?} {distance}", begin.elapsed());
    }
}

#[test]
fn what_compiles_slowly_is_refused() {
    let (_, problem) = JsonSchema::new(json!({"allOf": vec![json!({"not": {}}); 20_000]}), SchemaVersion::default());
    assert!(problem.is_some_and(|problem| problem.contains("subschemas")));
    let number: Value = serde_json::from_str("1e999999999").expect("JSON");
    for key in ["multipleOf", "maximum", "const", "minLength", "maxItems", "minContains"] {
        let (_, problem) = JsonSchema::new(json!({ key: number }), SchemaVersion::default());
        assert!(problem.is_some_and(|problem| problem.contains("digits")), "{key}");
    }
}

/// Evaluates with the `jsonschema` crate.
fn expected(schema: &Value, version: SchemaVersion, body: &Value) -> Option<bool> {
    let options = jsonschema::options().should_ignore_unknown_formats(true).offline();
    let options = if schema.get("$schema").is_some() { options } else { options.with_draft(version.0) };
    options.build(schema).ok().map(|validator| validator.is_valid(body))
}

fn evaluated(schema: &Value, version: SchemaVersion, body: &Value) -> Option<bool> {
    let program = compile::compile(schema, version.0).ok()?;
    let holds = Evaluation::new(&program, MAX_STEPS).run(body.into()).ok();
    let tree = JsonTree::parse(body.to_string().into()).expect("JSON");
    let holds_in_tree = Evaluation::new(&program, MAX_STEPS).run((&tree).into()).ok();
    assert_eq!(holds_in_tree, holds, "{schema} {body}");
    let errors = Evaluation::new(&program, MAX_STEPS).errors(body.into()).ok();
    assert_eq!(Evaluation::new(&program, MAX_STEPS).errors((&tree).into()).ok(), errors, "{schema} {body}");
    holds
}

fn body() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        (-3..6i32).prop_map(Value::from),
        Just(json!(1.0)),
        Just(json!(1.5)),
        "[ab]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[abc]", inner, 0..4).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

fn schema() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        prop::sample::select(vec![
            json!({"type": "integer"}),
            json!({"type": ["string", "null"]}),
            json!({"type": "object"}),
            json!({"type": "array", "uniqueItems": true}),
            json!({"enum": [1, "a", [1], {"a": 1}]}),
            json!({"const": {"a": 1}}),
            json!({"minimum": 1, "multipleOf": 2}),
            json!({"maximum": 4}),
            json!({"minLength": 1, "pattern": "^a"}),
            json!({"required": ["a"]}),
            json!({"minItems": 1, "maxItems": 2}),
            json!({"maxProperties": 1}),
            json!({"properties": {"a": {"$ref": "#"}}}),
            json!({"items": {"$ref": "#/$defs/x"}}),
            json!({"$ref": "#/$defs/y"}),
            json!({"dependencies": {"a": ["b"]}}),
        ]),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        let list = || prop::collection::vec(inner.clone(), 1..3);
        let one = |key: &'static str| inner.clone().prop_map(move |inner| json!({ key: inner }));
        let several = |key: &'static str| list().prop_map(move |items| json!({ key: items }));
        let rule = prop_oneof![
            one("not"),
            one("propertyNames"),
            one("contains"),
            one("items"),
            one("additionalProperties"),
            one("unevaluatedItems"),
            one("unevaluatedProperties"),
            several("allOf"),
            several("anyOf"),
            several("oneOf"),
            several("prefixItems"),
            inner.clone().prop_map(|inner| json!({"properties": {"a": inner}})),
            inner.clone().prop_map(|inner| json!({"patternProperties": {"^b": inner}})),
            inner.clone().prop_map(|inner| json!({"dependentSchemas": {"a": inner}})),
            inner.clone().prop_map(|inner| json!({"contains": inner, "minContains": 2, "maxContains": 2})),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(one, two, three)| json!({"if": one, "then": two, "else": three})),
        ];
        // several keywords in one subschema, since some depend on others
        prop::collection::vec(rule, 1..4).prop_map(|rules| {
            let members = rules.into_iter().filter_map(|rule| match rule {
                Value::Object(members) => Some(members),
                _ => None,
            });
            Value::Object(members.flatten().collect())
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn as_the_crate_evaluates(
        root in schema(), x in schema(), body in body(), version in prop::sample::select(&VERSIONS[..])
    ) {
        let mut schema = match root {
            Value::Object(members) => members,
            other => Map::from_iter([("not".to_owned(), json!({"not": other}))]),
        };
        let y = json!({"properties": {"b": {"type": "integer"}}, "prefixItems": [{"type": "string"}]});
        schema.insert("$defs".to_owned(), json!({"x": x, "y": y}));
        let schema = Value::Object(schema);
        let version = SchemaVersion(version);
        prop_assert_eq!(
            evaluated(&schema, version, &body), expected(&schema, version, &body), "{:?} {} {}", version, schema, body
        );
    }
}

const VERSIONS: [Draft; 4] = [Draft::Draft6, Draft::Draft7, Draft::Draft201909, Draft::Draft202012];
