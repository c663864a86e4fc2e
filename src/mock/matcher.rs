//! Matchers of values, kept in the stub format.

use serde_json::{Map, Value, json};

/// Matcher of a header, parameter, cookie, URL or body. A text stands for [`equal_to`], JSON for
/// [`equal_to_json`].
///
/// ```
/// use standin::mock::{contains, get, json, json_at, matching, partial_json, post};
///
/// get("/users").header("Accept", contains("json").or("*/*"));
/// get("/users").query("page", matching("[0-9]+"));
/// post("/orders").body(partial_json(json!({"sku": "A-100"})));
/// post("/orders").body(json_at("$.amount", matching("[1-9][0-9]*")));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct Matcher(pub(super) Map<String, Value>);

/// Matches exactly this text.
pub fn equal_to(text: impl Into<String>) -> Matcher {
    Matcher::one("equalTo", text.into())
}

/// Matches this text without regard to case.
pub fn equal_ignoring_case(text: impl Into<String>) -> Matcher {
    let mut matcher = equal_to(text);
    matcher.0.insert("caseInsensitive".to_owned(), true.into());
    matcher
}

/// Matches a text with this part.
pub fn contains(part: impl Into<String>) -> Matcher {
    Matcher::one("contains", part.into())
}

/// Matches a text as a whole by a regular expression, in Java's syntax as everywhere in a stub.
pub fn matching(pattern: impl Into<String>) -> Matcher {
    Matcher::one("matches", pattern.into())
}

/// Matches an absent value.
pub fn absent() -> Matcher {
    Matcher::one("absent", true)
}

/// Matches any value, and an absent one.
pub fn anything() -> Matcher {
    Matcher::one("anything", "(always)")
}

/// Matches what the matcher does not.
pub fn not(matcher: impl Into<Matcher>) -> Matcher {
    Matcher::one("not", Value::Object(matcher.into().0))
}

/// Matches equal JSON, whatever the order of members.
pub fn equal_to_json(expected: Value) -> Matcher {
    Matcher::one("equalToJson", expected)
}

/// Matches JSON that contains this: it may have more members and items, and lists may have another
/// order.
pub fn partial_json(expected: Value) -> Matcher {
    let mut matcher = equal_to_json(expected);
    for flag in ["ignoreArrayOrder", "ignoreExtraElements"] {
        matcher.0.insert(flag.to_owned(), true.into());
    }
    matcher
}

/// Matches JSON with a value at this JSONPath, such as `$.items[?(@.count > 3)]`.
pub fn json_path(expression: impl Into<String>) -> Matcher {
    Matcher::one("matchesJsonPath", expression.into())
}

/// Matches JSON whose value at this JSONPath matches.
pub fn json_at(expression: impl Into<String>, matcher: impl Into<Matcher>) -> Matcher {
    let mut operand = matcher.into().0;
    operand.insert("expression".to_owned(), expression.into().into());
    Matcher::one("matchesJsonPath", Value::Object(operand))
}

impl Matcher {
    fn one(operator: &str, operand: impl Into<Value>) -> Self {
        Self(Map::from_iter([(operator.to_owned(), operand.into())]))
    }

    /// Matches if both do.
    pub fn and(self, other: impl Into<Self>) -> Self {
        self.joined("and", other.into())
    }

    /// Matches if either does.
    pub fn or(self, other: impl Into<Self>) -> Self {
        self.joined("or", other.into())
    }

    fn joined(mut self, operator: &str, other: Self) -> Self {
        if let Some(Value::Array(known)) = self.0.get_mut(operator) {
            known.push(Value::Object(other.0));
            return self;
        }
        Self::one(operator, json!([self.0, other.0]))
    }
}

impl From<&str> for Matcher {
    fn from(text: &str) -> Self {
        equal_to(text)
    }
}

impl From<String> for Matcher {
    fn from(text: String) -> Self {
        equal_to(text)
    }
}

impl From<&String> for Matcher {
    fn from(text: &String) -> Self {
        equal_to(text)
    }
}

impl From<Value> for Matcher {
    fn from(expected: Value) -> Self {
        equal_to_json(expected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matchers_are_spelt_as_in_a_stub() {
        let three = contains("a").and("b").and(not(absent()));
        let expected = json!({"and": [{"contains": "a"}, {"equalTo": "b"}, {"not": {"absent": true}}]});
        assert_eq!(Value::Object(three.0), expected);
        let at = json!({"matchesJsonPath": {"matches": "[0-9]", "expression": "$.n"}});
        assert_eq!(Value::Object(json_at("$.n", matching("[0-9]")).0), at);
        let partial = json!({"equalToJson": {"a": 1}, "ignoreArrayOrder": true, "ignoreExtraElements": true});
        assert_eq!(Value::Object(partial_json(json!({"a": 1})).0), partial);
    }
}
