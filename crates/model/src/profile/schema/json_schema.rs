//! The JSON Schema of profiles, by which editors complete and check them.

/// JSON Schema (2020-12) of a profile.
pub const PROFILE_JSON_SCHEMA: &str = include_str!("profile.schema.json");

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value as Json, json};

    use super::super::operation::{AUTOCORRELATION_KEYS, CLASS_KEYS, DEFAULT_KEYS, OPERATION_KEYS, TRANSFER_KEYS};
    use super::super::overflow::{OVERFLOW_KEYS, RATE_LIMIT_KEYS};
    use super::super::profile::{PROFILE_KEYS, STEP_KEYS};
    use super::super::service::{CONNECTION_KEYS, SCALE_KEYS, SERVICE_KEYS, STALL_KEYS, VALID_KEYS};
    use super::super::station::{CAPACITY_KEYS, FRONT_KEYS};
    use super::*;
    use standin_dialect::java_regex::MatchOutcome;
    use standin_stub::delay::Distribution;
    use standin_stub::matcher::json_schema::{JsonSchema, SchemaVersion};
    use standin_stub::source::read_yaml;

    fn schema() -> (Json, JsonSchema) {
        let json: Json = serde_json::from_str(PROFILE_JSON_SCHEMA).expect("JSON");
        let (schema, problem) = JsonSchema::new(json.clone(), SchemaVersion::default());
        assert_eq!(problem, None);
        (json, schema)
    }

    fn allows(schema: &JsonSchema, profile: &Json) -> bool {
        schema.matches(Some(profile.into()), &profile.to_string()) == MatchOutcome::Match
    }

    #[test]
    fn the_schema_has_exactly_the_keys_that_the_reader_knows() {
        let (json, _) = schema();
        let properties = |object: &Json| -> BTreeSet<String> {
            object["properties"].as_object().expect("properties").keys().cloned().collect()
        };
        let known = |keys: Vec<&str>| -> BTreeSet<String> { keys.into_iter().map(str::to_owned).collect() };
        assert_eq!(properties(&json), known(PROFILE_KEYS.key_names()));
        for (name, keys) in [
            ("step", STEP_KEYS.key_names()),
            ("service", SERVICE_KEYS.key_names()),
            ("stalls", STALL_KEYS.key_names()),
            ("connections", CONNECTION_KEYS.key_names()),
            ("scale", SCALE_KEYS.key_names()),
            ("valid", VALID_KEYS.key_names()),
            ("station", CAPACITY_KEYS.key_names()),
            ("station", FRONT_KEYS.key_names()),
            ("overflow", OVERFLOW_KEYS.key_names()),
            ("rateLimit", RATE_LIMIT_KEYS.key_names()),
            ("operation", OPERATION_KEYS.key_names()),
            ("default", DEFAULT_KEYS.key_names()),
            ("class", CLASS_KEYS.key_names()),
            ("order", AUTOCORRELATION_KEYS.key_names()),
            ("transfer", TRANSFER_KEYS.key_names()),
            ("distribution", Distribution::KINDS.iter().copied().chain(["min", "max"]).collect()),
        ] {
            assert_eq!(properties(&json["$defs"][name]), known(keys), "{name}");
        }
    }

    /// Returns the YAML texts between fences in a document.
    fn yaml_blocks(markdown: &str) -> Vec<String> {
        let blocks = markdown.split("```yaml\n").skip(1);
        blocks.filter_map(|block| block.split("```").next()).map(str::to_owned).collect()
    }

    #[test]
    fn profiles_of_the_documentation_are_valid() {
        let (_, schema) = schema();
        let mut tried = 0;
        for text in yaml_blocks(include_str!("../../../../../docs/PROFILES.md")) {
            let Ok(node) = read_yaml(&text) else { continue };
            // other blocks are parts of a profile
            if ["services", "extends", "timeline"].iter().any(|key| node.get(key).is_some()) {
                tried += 1;
                assert!(allows(&schema, &node.to_json()), "{text}");
            }
        }
        assert!(tried >= 4, "only {tried} profiles were found");
    }

    #[test]
    fn mistakes_are_not_valid() {
        let (_, schema) = schema();
        for wrong in [
            json!({"service": []}),
            json!({"services": [{"capacity": {"discipline": "fifo"}}]}),
            json!({"services": [{"name": "a", "capacity": {"discipline": "lifo"}}]}),
            json!({"services": [{"name": "a", "default": {"demand": {"lognormal": {"mean": "1ms"}}}}]}),
            json!({"services": [{"name": "a", "default": {"demand": {"fixed": "soon"}}}]}),
            json!({"timeline": [{"profile": "a"}]}),
        ] {
            assert!(!allows(&schema, &wrong), "{wrong}");
        }
    }
}
