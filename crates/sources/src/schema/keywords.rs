//! The keywords of JSON Schema by what they hold. Other keywords say nothing about values.

/// Keywords that hold one schema.
pub(super) const SCHEMA: &[&str] = &[
    "additionalProperties",
    "contains",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
];

/// Keywords that hold a list of schemas.
pub(super) const SCHEMA_LIST: &[&str] = &["allOf", "anyOf", "oneOf", "prefixItems"];

/// Keywords that hold schemas by name.
pub(super) const SCHEMA_MAP: &[&str] = &["dependentSchemas", "patternProperties", "properties"];

/// Keywords that hold a number, with whether it is a whole one that is not negative.
pub(super) const NUMBER: &[(&str, bool)] = &[
    ("maxContains", true),
    ("maxItems", true),
    ("maxLength", true),
    ("maxProperties", true),
    ("maximum", false),
    ("minContains", true),
    ("minItems", true),
    ("minLength", true),
    ("minProperties", true),
    ("minimum", false),
    ("multipleOf", false),
];

/// Names of types in JSON Schema.
pub(super) const TYPES: &[&str] = &["array", "boolean", "integer", "null", "number", "object", "string"];
