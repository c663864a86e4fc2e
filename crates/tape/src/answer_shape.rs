//! Shapes of answers: what answers of one kind have in common, whatever their values.

use std::collections::BTreeSet;

use serde_json::Value;

/// The shape of an answer: its content type, and the members of its JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerShape {
    content_type: Option<String>,
    /// Names of the members, if the body is a JSON object or a list of objects.
    members: Option<BTreeSet<String>>,
}

impl AnswerShape {
    /// Returns the shape of an answer with this body, which may be none.
    pub fn of(content_type: Option<&str>, body: Option<&[u8]>) -> Self {
        let document = body.and_then(|body| serde_json::from_slice::<Value>(body).ok());
        let members = match document {
            Some(Value::Object(members)) => Some(members.into_iter().map(|(name, _)| name).collect()),
            Some(Value::Array(mut items)) => match items.drain(..).next() {
                Some(Value::Object(members)) => {
                    Some(members.into_iter().map(|(name, _)| format!("[].{name}")).collect())
                }
                _ => None,
            },
            _ => None,
        };
        Self { content_type: content_type.map(str::to_owned), members }
    }

    /// Returns true if both have one content type, and half of the members of the smaller one in
    /// common.
    pub fn is_like(&self, other: &Self) -> bool {
        let alike = match (&self.members, &other.members) {
            (Some(one), Some(other)) => one.intersection(other).count() * 2 >= one.len().min(other.len()),
            (one, other) => one.is_none() && other.is_none(),
        };
        self.content_type == other.content_type && alike
    }
}
