//! A JSONPath, evaluated on a small document: it ends within its steps.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::json;
use standin_dialect::json_path::JsonPath;

fuzz_target!(|expression: &str| {
    if let Ok(path) = JsonPath::parse(expression) {
        let document = json!({"a": [1, 2.50, "x", null, {"b": [true, {"c": "d"}]}], "b": {"a": []}});
        let _ = path.select_within(&document, 10_000);
    }
});
