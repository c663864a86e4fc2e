//! The JSON Schema of stub files, by which editors complete and check them.

/// JSON Schema (2020-12) of a stub file.
pub const STUB_JSON_SCHEMA: &str = include_str!("stub.schema.json");

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use serde_json::{Value as Json, json};

    use super::*;
    use crate::format::{KEYS, Reader, mapping, response, stream};
    use crate::matcher::format::known_keys::{MULTIPART, OPERATORS, OPTIONS, REQUEST};
    use crate::matcher::json_schema::{JsonSchema, SchemaVersion};
    use crate::source::{Node, read_yaml};
    use crate::stub_folder::StubFolder;
    use standin_dialect::java_regex::MatchOutcome;

    fn schema() -> (Json, JsonSchema) {
        let json: Json = serde_json::from_str(STUB_JSON_SCHEMA).expect("JSON");
        let (schema, problem) = JsonSchema::new(json.clone(), SchemaVersion::default());
        assert_eq!(problem, None);
        (json, schema)
    }

    fn allows(schema: &JsonSchema, stub: &Json) -> bool {
        schema.matches(Some(stub.into()), &stub.to_string()) == MatchOutcome::Match
    }

    #[test]
    fn the_schema_has_exactly_the_keys_that_the_reader_knows() {
        let (json, _) = schema();
        let matcher: Vec<&str> = OPERATORS.iter().chain(OPTIONS).copied().collect();
        for (name, known) in [
            ("mapping", KEYS),
            ("response", response::KEYS),
            ("stream", stream::KEYS),
            ("streamChunk", stream::CHUNK_KEYS),
            ("request", REQUEST),
            ("multipart", MULTIPART),
            ("matcher", matcher.as_slice()),
        ] {
            let properties = json["$defs"][name]["properties"].as_object().expect("properties");
            let properties: BTreeSet<&str> = properties.keys().map(String::as_str).collect();
            assert_eq!(properties, known.iter().copied().collect(), "{name}");
        }
    }

    /// Returns the stubs in a document, wherever they stand.
    fn stubs<'n>(node: &'n Node, found: &mut Vec<&'n Node>) {
        let is_object = |key| node.get(key).is_some_and(|node| !node.members().is_empty());
        if is_object("request") && is_object("response") {
            found.push(node);
        }
        node.items().iter().for_each(|item| stubs(item, found));
        node.members().iter().for_each(|member| stubs(&member.value, found));
    }

    #[test]
    fn stubs_of_the_conformance_cases_are_valid() {
        let (_, schema) = schema();
        let files = StubFolder::new("", "", "none").files();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/conformance/cases");
        let (mut tried, mut wrong) = (0, Vec::new());
        for entry in fs::read_dir(folder).expect("cases") {
            let path = entry.expect("one").path();
            let text = fs::read_to_string(&path).expect("UTF-8");
            let cases = read_yaml(&text).expect("YAML");
            let mut found = Vec::new();
            stubs(&cases, &mut found);
            for node in found {
                let mut reader = Reader::of_file("case", text.as_str().into());
                mapping(node, &files, &mut reader);
                // what the reader complains of, an editor may complain of too
                if !reader.defects().is_empty() {
                    continue;
                }
                tried += 1;
                let stub = node.to_json();
                if !allows(&schema, &stub) {
                    wrong.push(format!("{}: {stub}", path.display()));
                }
            }
        }
        assert!(tried > 300, "only {tried} stubs were found");
        assert!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n"));
    }

    #[test]
    fn mistakes_are_not_valid() {
        let (_, schema) = schema();
        assert!(allows(&schema, &json!({"mappings": [{"request": {"url": "/a"}, "response": {"status": 200}}]})));
        assert!(allows(&schema, &json!([{"request": {"url": "/a"}}])));
        let stream = json!({"format": "sse", "chunks": ["a", {"data": 1, "id": "x", "delay": 5}], "repeat": "forever"});
        assert!(allows(&schema, &json!({"response": {"stream": stream}})));
        for wrong in [
            json!({"request": {"urlPatern": "/a"}}),
            json!({"request": {"url": "/a", "headers": {"A": {"equals": "x"}}}}),
            json!({"response": {"fault": "NONE"}}),
            json!({"response": {"stream": {"format": "json", "chunks": ["a"]}}}),
            json!({"response": {"stream": {"format": "sse", "chunks": []}}}),
            json!({"mappings": [{"response": {"bodyFile": "a"}}]}),
            json!([{"respons": {}}]),
            json!("text"),
        ] {
            assert!(!allows(&schema, &wrong), "{wrong}");
        }
    }
}
