//! Named values that a call came with, query or form, as a stub asks for them: in any order, and a
//! secret by its presence.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use standin_tape::is_redacted;

/// The values of each name; `None` where a secret was, or where any value matches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FieldRules(BTreeMap<String, Vec<Option<String>>>);

impl FieldRules {
    /// Fields of decoded pairs. A name that held a secret cannot be asked for.
    pub(super) fn of(pairs: &[(String, String)]) -> Self {
        let mut fields: BTreeMap<String, Vec<Option<String>>> = BTreeMap::new();
        for (name, value) in pairs.iter().filter(|(name, _)| !is_redacted(name)) {
            let value = (!is_redacted(value)).then(|| value.clone());
            fields.entry(name.clone()).or_default().push(value);
        }
        for values in fields.values_mut() {
            values.sort();
        }
        Self(fields)
    }

    /// Returns true if a name occurs twice with one value: `hasExactly` would accept another value
    /// for one of the two.
    pub(super) fn have_twins(pairs: &[(String, String)]) -> bool {
        let mut seen = BTreeSet::new();
        pairs.iter().any(|pair| !is_redacted(&pair.1) && !seen.insert(pair))
    }

    /// Returns the names that have one value, which is no secret.
    pub(super) fn single_values(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter_map(|(name, values)| match values.as_slice() {
            [Some(value)] => Some((name.as_str(), value.as_str())),
            _ => None,
        })
    }

    /// Lets any value of a name match.
    pub(super) fn mask(&mut self, name: &str) {
        if let Some(values) = self.0.get_mut(name) {
            *values = vec![None];
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns how specific the rules are: a call that meets more of them also meets all less
    /// specific ones.
    pub(super) fn weight(&self) -> u64 {
        self.0.values().flatten().map(|value| if value.is_some() { 2 } else { 1 }).sum()
    }

    /// Returns the rules as a stub has them.
    pub(super) fn json(&self) -> Value {
        let rules = self.0.iter().map(|(name, values)| {
            let mut rules: Vec<Value> = values.iter().map(|value| rule(value.as_deref())).collect();
            let rule = if rules.len() == 1 { rules.remove(0) } else { json!({ "hasExactly": rules }) };
            (name.clone(), rule)
        });
        rules.collect::<Map<_, _>>().into()
    }
}

fn rule(value: Option<&str>) -> Value {
    match value {
        Some(value) => json!({ "equalTo": value }),
        None => json!({ "matches": ".*" }),
    }
}
