//! Large descriptions, generated.

use serde_json::{Map, Value, json};
use standin_sources::openapi::OpenApiOptions;
use standin_stub::catalog::Catalog;

use crate::{check_call, loaded, stubs};

/// Returns a schema of some resource; most properties refer to other resources.
fn resource(number: usize, all: usize) -> Value {
    let to = |step: usize| json!({"$ref": format!("#/components/schemas/R{}", (number * 7 + step) % all)});
    json!({
        "type": "object",
        "required": ["id", "name", "status"],
        "properties": {
            "id": {"type": "string", "format": "uuid"},
            "name": {"type": "string", "minLength": 1, "maxLength": number % 40 + 1},
            "status": {"type": "string", "enum": ["new", "open", "closed"]},
            "size": {"type": "integer", "minimum": number, "maximum": number + 5},
            "ratio": {"type": "number", "multipleOf": 0.05, "minimum": 0.1, "maximum": 0.9},
            "code": {"type": "string", "pattern": format!("^[A-Z]{{{}}}-[0-9]+$", number % 5 + 1)},
            "parent": to(0),
            "children": {"type": "array", "items": to(1)},
            "byKey": {"type": "object", "additionalProperties": to(2)},
            "either": {"oneOf": [to(3), {"type": "null"}]},
            "also": {"allOf": [to(4), {"type": "object", "properties": {"note": {"type": "string"}}}]},
        },
    })
}

/// Returns a description with two paths for each resource.
fn description(resources: usize) -> Value {
    let mut paths = Map::new();
    for number in 0..resources {
        let reference = json!({"$ref": format!("#/components/schemas/R{number}")});
        let content = json!({"application/json": {"schema": reference}});
        let list = json!({"application/json": {"schema": {"type": "array", "items": reference}}});
        let error = json!({"description": "none", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}});
        paths.insert(format!("/r{number}"), json!({
            "get": {"responses": {"200": {"description": "all", "content": list}}},
            "post": {"requestBody": {"required": true, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/New"}}}},
                "responses": {"201": {"description": "made", "content": content}, "400": error}},
        }));
        paths.insert(format!("/r{number}/{{id}}"), json!({
            "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string", "format": "uuid"}}],
            "get": {"responses": {"200": {"description": "one", "content": content}, "404": error}},
            "delete": {"responses": {"204": {"description": "gone"}, "404": error}},
        }));
    }
    let mut schemas: Map<String, Value> =
        (0..resources).map(|number| (format!("R{number}"), resource(number, resources))).collect();
    schemas.insert(
        "Error".to_owned(),
        json!({"type": "object", "required": ["message"], "properties": {"message": {"type": "string"}}}),
    );
    schemas.insert(
        "New".to_owned(),
        json!({"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}),
    );
    json!({"openapi": "3.1.0", "info": {"title": "Large", "version": "1"}, "paths": paths, "components": {"schemas": schemas}})
}

/// All resources refer to each other, so that each answer could contain all others.
#[test]
fn a_description_whose_schemas_all_refer_to_each_other_becomes_stubs() {
    let made = stubs("large.json", &description(40).to_string(), &OpenApiOptions::default());
    assert_eq!(made.defects.iter().map(ToString::to_string).collect::<Vec<_>>(), [""; 0]);
    assert_eq!(made.report.operations, 160);
    let largest = made.mappings.iter().map(|file| file.content.to_string().len()).max();
    assert!(largest < Some(200_000), "{largest:?}");
    let catalog = Catalog::new(loaded("large.json", &made));
    for expected in [
        json!({"call": "GET /r7", "status": 200}),
        json!({"call": "GET /r7/3fa85f64-5717-4562-b3fc-2c963f66afa6", "status": 200, "has": ["id", "name", "status"]}),
        json!({"call": "POST /r39", "json": {"name": "x"}, "status": 201}),
        json!({"call": "POST /r39", "json": {}, "status": 400}),
        json!({"call": "DELETE /r0/3fa85f64-5717-4562-b3fc-2c963f66afa6", "headers": {"Prefer": "code=404"}, "status": 404}),
    ] {
        check_call("large.json", &expected, &catalog);
    }
}

/// Many operations with small schemas.
#[test]
fn a_description_of_a_thousand_operations_becomes_stubs() {
    let mut paths = Map::new();
    for number in 0..500 {
        let schema = json!({"type": "object", "properties": {"n": {"type": "integer", "minimum": number}}});
        let content = json!({"application/json": {"schema": schema}});
        paths.insert(
            format!("/group{}/{{a}}/op{number}/{{b}}", number % 30),
            json!({
                "parameters": [{"name": "a", "in": "path", "required": true, "schema": {"type": "string"}},
                    {"name": "b", "in": "path", "required": true, "schema": {"type": "integer"}}],
                "get": {"responses": {"200": {"description": "ok", "content": content}}},
                "put": {"requestBody": {"required": true, "content": content}, "responses": {"200": {"description": "ok"}, "422": {"description": "no"}}},
            }),
        );
    }
    let description = json!({"openapi": "3.0.3", "info": {"title": "Many", "version": "1"}, "paths": paths});
    let made = stubs("many.json", &description.to_string(), &OpenApiOptions::default());
    assert_eq!(made.defects.iter().map(ToString::to_string).collect::<Vec<_>>(), [""; 0]);
    assert_eq!((made.report.operations, made.report.from_schemas), (1_000, 500));
    let catalog = Catalog::new(loaded("many.json", &made));
    let get = json!({"call": "GET /group2/x/op32/7", "status": 200, "body": {"n": 32}});
    check_call("many.json", &get, &catalog);
    check_call("many.json", &json!({"call": "PUT /group2/x/op32/7", "json": {"n": 31}, "status": 422}), &catalog);
}
