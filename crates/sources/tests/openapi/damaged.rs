//! Descriptions in which something is wrong at any place: nothing panics, and what is made loads.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};
use standin_sources::document::SourceDocument;
use standin_sources::openapi::{self, OpenApiOptions};
use standin_stub::load;
use standin_stub::stub_folder::StubFolder;

fn descriptions() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openapi/descriptions");
    let mut paths: Vec<_> =
        fs::read_dir(folder).expect("descriptions").map(|entry| entry.expect("one").path()).collect();
    paths.sort();
    let read = |path: std::path::PathBuf| {
        let text = fs::read_to_string(&path).expect("UTF-8");
        SourceDocument::parse("a", &text).unwrap_or_else(|defects| panic!("{defects:?}")).root.to_json()
    };
    paths.into_iter().map(read).collect()
}

/// Replaces the value at a place, counted in the order of the document.
fn replace(value: &mut Value, place: &mut usize, replacement: &Value) -> bool {
    if *place == 0 {
        *value = replacement.clone();
        return true;
    }
    *place -= 1;
    match value {
        Value::Array(items) => items.iter_mut().any(|item| replace(item, place, replacement)),
        Value::Object(members) => members.values_mut().any(|member| replace(member, place, replacement)),
        _ => false,
    }
}

fn replacement() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!(null),
        json!(true),
        json!(-1),
        json!(1e300),
        json!("x"),
        json!(""),
        json!([]),
        json!({}),
        json!({"$ref": "#/components/schemas/Missing"}),
        json!({"$ref": "#"}),
        json!({"allOf": [{"$ref": "#/paths"}], "minLength": 7, "minItems": 1_000_000}),
        json!({"type": "object", "additionalProperties": {"$ref": "#"}, "minProperties": 2}),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn damage_is_reported_and_never_panics(
        number in any::<prop::sample::Index>(),
        places in prop::collection::vec((0_usize..150, replacement()), 1..4),
    ) {
        let all = descriptions();
        let mut description = number.get(&all).clone();
        for (place, replacement) in places {
            let mut place = place + 1;
            replace(&mut description, &mut place, &replacement);
        }
        let Ok(document) = SourceDocument::parse("a.json", &description.to_string()) else { return Ok(()) };
        let made = openapi::stubs(document, &OpenApiOptions { requires_security: true, ..OpenApiOptions::default() });
        let folder = tempfile::tempdir().expect("a folder");
        standin_learn::draft::write::write_files(&made.mappings, folder.path(), "openapi", false).expect("it writes");
        let loaded = load::load(&[StubFolder::new("", "", folder.path())]);
        let errors: Vec<String> =
            loaded.defects.iter().filter(|defect| defect.is_error()).map(ToString::to_string).collect();
        prop_assert!(errors.is_empty(), "{description}: {errors:#?}");
    }
}
