//! [`RequestRule`]: the conditions that a request must meet.

use serde_json::{Map, Value, json};

/// The conditions that a request must meet, beside its method and path.
#[derive(Clone, Debug, Default)]
pub(super) struct RequestRule {
    pub(super) path: Map<String, Value>,
    pub(super) query: Map<String, Value>,
    pub(super) headers: Map<String, Value>,
    pub(super) cookies: Map<String, Value>,
    pub(super) form: Map<String, Value>,
    pub(super) body: Vec<Value>,
}

impl RequestRule {
    /// Adds the conditions of another rule; both must be met.
    pub(super) fn and(mut self, other: &Self) -> Self {
        let pairs = [
            (&mut self.path, &other.path),
            (&mut self.query, &other.query),
            (&mut self.headers, &other.headers),
            (&mut self.cookies, &other.cookies),
            (&mut self.form, &other.form),
        ];
        for (own, others) in pairs {
            for (name, rule) in others {
                let both = match own.get(name) {
                    Some(before) if before != rule => json!({ "and": [before, rule] }),
                    _ => rule.clone(),
                };
                own.insert(name.clone(), both);
            }
        }
        self.body.extend(other.body.iter().cloned());
        self
    }

    /// Returns true if there is no condition.
    pub(super) fn is_empty(&self) -> bool {
        let maps = [&self.path, &self.query, &self.headers, &self.cookies, &self.form];
        maps.iter().all(|map| map.is_empty()) && self.body.is_empty()
    }

    /// Returns the request pattern.
    pub(super) fn json(&self, method: &str, template: &str, has_variables: bool) -> Map<String, Value> {
        let mut request = Map::new();
        request.insert("method".to_owned(), method.into());
        let key = if has_variables { "urlPathTemplate" } else { "urlPath" };
        request.insert(key.to_owned(), template.into());
        let maps = [
            ("pathParameters", &self.path),
            ("queryParameters", &self.query),
            ("headers", &self.headers),
            ("cookies", &self.cookies),
            ("formParameters", &self.form),
        ];
        for (key, map) in maps.into_iter().filter(|(_, map)| !map.is_empty()) {
            request.insert(key.to_owned(), map.clone().into());
        }
        if !self.body.is_empty() {
            request.insert("bodyPatterns".to_owned(), self.body.clone().into());
        }
        request
    }
}

/// Returns the matcher of a value that must be there, whatever it is.
pub(super) fn present() -> Value {
    json!({ "matches": "[\\s\\S]*" })
}
