//! Samples of schemas, each checked by the evaluator that stubs use.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Sample, sample};
use crate::schema::CompiledSchema;

fn sampled(schema: &Value) -> Sample {
    let compiled = CompiledSchema::new(schema.clone());
    assert_eq!(compiled.problem, None, "{schema}");
    sample(&compiled)
}

fn valid(schema: &Value) -> Value {
    match sampled(schema) {
        Sample::Valid(value) => value,
        other => panic!("{schema} gives {other:?}"),
    }
}

#[test]
fn scalars_are_within_their_bounds() {
    for (schema, expected) in [
        (json!({"type": "integer"}), json!(1)),
        (json!({"type": "integer", "minimum": 18}), json!(18)),
        (json!({"type": "integer", "maximum": -3}), json!(-3)),
        (json!({"type": "integer", "exclusiveMinimum": 4, "multipleOf": 5}), json!(5)),
        (json!({"type": "number", "minimum": 0.5, "maximum": 0.9, "multipleOf": 0.1}), json!(0.5)),
        (json!({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}), json!(1.0 / 3.0)),
        (json!({"type": "boolean"}), json!(true)),
        (json!({"type": "null"}), json!(null)),
        (json!({"type": ["null", "string"]}), json!("string")),
        (json!({"enum": [null, "red"]}), json!("red")),
        (json!({"const": {"a": 1}}), json!({"a": 1})),
        (json!({"type": "string", "maxLength": 3}), json!("str")),
        (json!({"type": "string", "format": "date"}), json!("2024-01-01")),
        (json!({"type": "string", "example": "an example"}), json!("an example")),
        (json!({"type": "string", "example": 7, "default": "d"}), json!("d")),
        (json!({"type": "array", "items": {"type": "integer"}, "minItems": 3, "uniqueItems": true}), json!([1, 2, 3])),
        (json!({"type": "object", "additionalProperties": {"type": "integer"}}), json!({"property1": 1})),
        (json!({}), json!("string")),
    ] {
        assert_eq!(valid(&schema), expected, "{schema}");
    }
}

#[test]
fn patterns_have_texts() {
    for pattern in [
        "^[a-z]{3}-[0-9]{4}$",
        "^(foo|bar)+$",
        r"^\d{3}-\d{2}-\d{4}$",
        "^#[0-9A-Fa-f]{6}$",
        r"^[\w.+-]+@[\w-]+\.[a-z]{2,}$",
        "^(?=.*[0-9]).{8,}$",
        "[^a-z]",
        r"^\+?[1-9]\d{1,14}$",
        r"^arn:aws:s3:::[^/]+/.*$",
        "",
        "^$",
    ] {
        let schema = json!({"type": "string", "pattern": pattern});
        // digits are what the look-ahead wants, and letters come first
        if pattern.contains("?=") {
            assert!(matches!(sampled(&schema), Sample::Valid(_) | Sample::Invalid(_)));
        } else {
            valid(&schema);
        }
    }
    let bounded = json!({"type": "string", "pattern": "^[A-Z]+$", "minLength": 20, "maxLength": 24});
    assert_eq!(valid(&bounded).as_str().map(str::len), Some(20));
}

#[test]
fn alternatives_conditions_and_combinations_are_met() {
    for schema in [
        // both branches allow the first's sample, so that only the second can be the one
        json!({"oneOf": [{"type": "object"}, {"type": "object", "required": ["a"]}, {"type": "string"}]}),
        json!({"oneOf": [{"type": "integer"}, {"type": "number", "minimum": 1.5}]}),
        json!({"allOf": [{"properties": {"a": {"minimum": 3}}}, {"properties": {"a": {"type": "integer"}}, "required": ["a"]}]}),
        json!({"anyOf": [{"type": "integer", "minimum": 3}, {"type": "string"}], "not": {"const": 3}}),
        json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}, "not": {"required": ["a"]}, "required": ["b"]}),
        json!({"type": "object", "properties": {"kind": {"enum": ["x", "y"]}, "x": {"type": "integer"}, "y": {"type": "integer"}},
            "required": ["kind"], "if": {"properties": {"kind": {"const": "x"}}}, "then": {"required": ["x"]}, "else": {"required": ["y"]}}),
        json!({"type": "array", "contains": {"const": 7}, "minContains": 2}),
        json!({"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "items": false}),
        json!({"type": "array", "items": {"type": "object", "properties": {"id": {"format": "uuid", "type": "string"}}, "required": ["id"]},
            "uniqueItems": true, "minItems": 4}),
        json!({"type": "object", "minProperties": 3, "propertyNames": {"pattern": "^[a-z]{4}$"}}),
        json!({"type": "object", "patternProperties": {"^x-": {"type": "integer"}}, "additionalProperties": false, "minProperties": 2}),
        json!({"type": "object", "properties": {"a": {}, "b": {}, "c": {}}, "maxProperties": 2, "required": ["c"]}),
        json!({"type": "object", "properties": {"card": {"type": "string"}, "code": {"type": "string"}}, "dependentRequired": {"card": ["code"]}}),
        json!({"type": "object", "required": ["a", "b"], "properties": {"a": {"oneOf": [{"type": "integer"}, {"type": "number"}]},
            "b": {"oneOf": [{"maxLength": 10, "type": "string"}, {"type": "string"}]}}}),
    ] {
        valid(&schema);
    }
}

#[test]
fn schemas_that_refer_to_themselves_end() {
    let tree = json!({"$ref": "#/$defs/Tree", "$defs": {"Tree": {"type": "object", "required": ["name", "children"], "properties": {
        "name": {"type": "string"}, "parent": {"$ref": "#/$defs/Tree"}, "children": {"type": "array", "items": {"$ref": "#/$defs/Tree"}}}}}});
    assert_eq!(valid(&tree), json!({"name": "string", "children": []}));
    let expression = json!({"$ref": "#/$defs/E", "$defs": {"E": {"oneOf": [
        {"type": "object", "required": ["left"], "properties": {"left": {"$ref": "#/$defs/E"}}}, {"type": "integer"}]}}});
    assert_eq!(valid(&expression), json!(1));
    let nullable = json!({"$ref": "#/$defs/N", "$defs": {"N": {"type": ["object", "null"], "required": ["next"],
        "properties": {"next": {"$ref": "#/$defs/N"}}}}});
    assert_eq!(valid(&nullable), json!({"next": null}));
    let endless = json!({"$ref": "#/$defs/N", "$defs": {"N": {"type": "object", "required": ["next"],
        "properties": {"next": {"$ref": "#/$defs/N"}}}}});
    assert_eq!(sampled(&endless), Sample::None);
    let mutual: Vec<(String, Value)> = (0..60)
        .map(|number| {
            let refers = |to: usize| json!({"$ref": format!("#/$defs/S{}", to % 60)});
            let properties: serde_json::Map<String, Value> =
                (1..12).map(|step| (format!("p{step}"), refers(number + step * 7))).collect();
            (format!("S{number}"), json!({"type": "object", "properties": properties}))
        })
        .collect();
    let mutual = json!({"$ref": "#/$defs/S0", "$defs": mutual.into_iter().collect::<serde_json::Map<_, _>>()});
    assert!(valid(&mutual).to_string().len() < 100_000);
}

#[test]
fn discriminators_name_the_alternative() {
    let pets = |whole: Value| {
        let mut whole = whole;
        whole["$defs"] = json!({
            "Pet": {"type": "object", "required": ["kind"], "properties": {"kind": {"type": "string"}},
                "discriminator": {"propertyName": "kind", "mapping": {"feline": "#/$defs/Cat"}}},
            "Cat": {"allOf": [{"$ref": "#/$defs/Pet"}, {"type": "object", "properties": {"lives": {"type": "integer"}}}]},
            "Dog": {"allOf": [{"$ref": "#/$defs/Pet"}, {"type": "object", "properties": {"barks": {"type": "boolean"}}}]},
        });
        valid(&whole)
    };
    assert_eq!(pets(json!({"$ref": "#/$defs/Cat"})), json!({"kind": "feline", "lives": 1}));
    assert_eq!(pets(json!({"$ref": "#/$defs/Dog"})), json!({"kind": "Dog", "barks": true}));
    assert_eq!(pets(json!({"$ref": "#/$defs/Pet"})), json!({"kind": "feline", "lives": 1}));
    let either = json!({"anyOf": [{"$ref": "#/$defs/Dog"}, {"$ref": "#/$defs/Cat"}],
        "discriminator": {"propertyName": "kind", "mapping": {"d": "#/$defs/Dog"}}});
    assert_eq!(pets(either)["barks"], json!(true));
}

#[test]
fn what_cannot_be_met_is_said() {
    for schema in [
        json!({"type": "string", "minLength": 5, "maxLength": 3}),
        json!({"allOf": [{"type": "string"}, {"type": "integer"}]}),
        json!({"type": "object", "required": ["a"], "properties": {"a": false}}),
        json!(false),
    ] {
        assert_eq!(sampled(&schema), Sample::None, "{schema}");
    }
    let both = json!({"allOf": [{"type": "object", "properties": {"a": {}}, "required": ["a"], "additionalProperties": false},
        {"type": "object", "properties": {"b": {}}, "required": ["b"], "additionalProperties": false}]});
    assert!(matches!(sampled(&both), Sample::Invalid(_)));
}

/// Schemas that have values: bounds in order, and no contradictions.
fn schema() -> impl Strategy<Value = Value> {
    let bounds = (0_i64..50, 0_i64..50);
    let leaf = prop_oneof![
        Just(json!({"type": "boolean"})),
        Just(json!({"type": ["string", "null"], "format": "date-time"})),
        Just(json!({"type": "string", "format": "uuid"})),
        Just(json!({"enum": ["a", 2, null]})),
        bounds
            .clone()
            .prop_map(|(low, more)| json!({"type": "integer", "minimum": low - 25, "maximum": low - 25 + more})),
        bounds.clone().prop_map(
            |(low, more)| json!({"type": "number", "exclusiveMinimum": low, "exclusiveMaximum": low + more + 1})
        ),
        bounds.clone().prop_map(|(low, more)| json!({"type": "string", "minLength": low, "maxLength": low + more})),
        bounds.prop_map(|(low, more)| json!({"type": "string", "pattern": format!("^[a-f]{{{low},{}}}$", low + more)})),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        let names = prop::sample::subsequence(vec!["a", "b", "c", "d"], 0..=4);
        prop_oneof![
            (prop::collection::vec(inner.clone(), 4), names).prop_map(|(schemas, required)| {
                let properties: serde_json::Map<String, Value> =
                    ["a", "b", "c", "d"].map(str::to_owned).into_iter().zip(schemas).collect();
                json!({"type": "object", "properties": properties, "required": required})
            }),
            (inner.clone(), 0_usize..4)
                .prop_map(|(items, least)| json!({"type": "array", "items": items, "minItems": least})),
            prop::collection::vec(inner.clone(), 1..4).prop_map(|branches| json!({"anyOf": branches})),
            inner.clone().prop_map(|one| json!({"oneOf": [one, {"type": "array", "maxItems": 0}]})),
            (inner.clone(), inner).prop_map(|(one, other)| json!({"allOf": [
                {"type": "object", "properties": {"x": one}, "required": ["x"]}, {"properties": {"y": other}}]})),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn every_sample_is_valid(schema in schema()) {
        let found = sampled(&schema);
        prop_assert!(matches!(found, Sample::Valid(_)), "{schema} gives {found:?}");
    }
}
