//! Stubs of an operation as mappings.

use serde_json::{Map, Value, json};
use uuid::Uuid;

/// The parts of a mapping.
pub(super) struct StubParts<'s> {
    /// Text that tells the stub from others of its operation, such as `404`.
    pub(super) label: &'s str,
    pub(super) priority: usize,
    pub(super) request: Map<String, Value>,
    pub(super) response: Map<String, Value>,
}

/// Writes the mappings of an operation.
pub(super) struct StubWriter<'s> {
    /// Method and path, such as `GET /pets/{id}`.
    pub(super) operation: &'s str,
    pub(super) operation_id: Option<&'s str>,
    pub(super) mappings: Vec<Map<String, Value>>,
}

impl StubWriter<'_> {
    /// Adds a mapping. Its id depends on the operation and the label alone.
    pub(super) fn add(&mut self, parts: StubParts<'_>) {
        let StubParts { label, priority, request, response } = parts;
        let name = format!("{} → {label}", self.operation);
        let same_name = |mapping: &&Map<String, Value>| mapping.get("name") == Some(&Value::from(name.as_str()));
        let number = self.mappings.iter().filter(same_name).count();
        let id = Uuid::new_v5(&ID_NAMESPACE, format!("{name} {number}").as_bytes());
        let mut mapping = Map::new();
        mapping.insert("id".to_owned(), id.to_string().into());
        mapping.insert("name".to_owned(), name.into());
        if priority != DEFAULT_PRIORITY {
            mapping.insert("priority".to_owned(), priority.into());
        }
        mapping.insert("request".to_owned(), request.into());
        mapping.insert("response".to_owned(), response.into());
        let draft = match self.operation_id {
            Some(id) => json!({ "operationId": id }),
            None => json!({}),
        };
        mapping.insert("metadata".to_owned(), json!({ "standin": { "draft": draft } }));
        self.mappings.push(mapping);
    }
}

/// The name space of stubs from descriptions.
const ID_NAMESPACE: Uuid = Uuid::from_u128(0x6d1e_0b52_73c4_4f0a_9a55_c0de_21b7_88f3);

/// The priority of a stub that has none.
const DEFAULT_PRIORITY: usize = 5;
