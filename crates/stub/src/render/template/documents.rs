//! Texts that a rendering has parsed: each is parsed once, however many helpers use it.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value as Json;

use super::budget::{RenderBudget, RenderError};
use crate::call::Call;
use crate::source::lenient_json;
use standin_dialect::json::{JsonNode, JsonTree};
use standin_dialect::xml::Document;

/// Parsed texts with their documents; `None` where a text is none.
#[derive(Default)]
pub(super) struct ParsedDocuments {
    json: Vec<(Arc<str>, Option<Arc<Json>>)>,
    /// Long texts that were parsed to be read only.
    trees: Vec<(Arc<str>, Arc<JsonTree>)>,
    xml: Vec<(Arc<str>, Option<Arc<Document>>)>,
}

/// A JSON document that is only read.
pub(crate) enum JsonDocument {
    /// The document of a short text.
    Value(Arc<Json>),
    /// The document of a long text.
    Tree(Arc<JsonTree>),
}

/// The bytes of a shared text.
struct TextBytes(Arc<str>);

impl ParsedDocuments {
    /// Parses a text as JSON; `None` if it is not JSON. The tree of a long text counts toward the
    /// memory of `call`.
    pub(super) fn json(
        &mut self,
        text: &Arc<str>,
        call: &Call,
        budget: &mut RenderBudget,
    ) -> Result<Option<Arc<Json>>, RenderError> {
        if let Some((_, document)) = self.json.iter().find(|(known, _)| known == text) {
            return Ok(document.clone());
        }
        budget.spend_bytes(text.len() * JSON_COST_FACTOR)?;
        if text.len() > MAX_VALUE_BYTES && !call.allows_editable_tree(text) {
            return Err(no_memory());
        }
        let document = serde_json::from_str(text).ok().or_else(|| lenient_json(text)).map(Arc::new);
        if self.json.len() < MAX_DOCUMENTS {
            self.json.push((Arc::clone(text), document.clone()));
        }
        Ok(document)
    }

    /// Parses a text as JSON that is only read; `None` if it is not JSON. A long text becomes a
    /// compact tree.
    pub(super) fn readable_json(
        &mut self,
        text: &Arc<str>,
        call: &Call,
        budget: &mut RenderBudget,
    ) -> Result<Option<JsonDocument>, RenderError> {
        if text.len() <= MAX_VALUE_BYTES {
            return Ok(self.json(text, call, budget)?.map(JsonDocument::Value));
        }
        if let Some((_, tree)) = self.trees.iter().find(|(known, _)| known == text) {
            return Ok(Some(JsonDocument::Tree(Arc::clone(tree))));
        }
        budget.spend_bytes(text.len() * JSON_COST_FACTOR)?;
        if !call.allows_tree(text) {
            return Err(no_memory());
        }
        let Some(tree) = JsonTree::parse(Bytes::from_owner(TextBytes(Arc::clone(text)))).map(Arc::new) else {
            // with comments, single quotes and the like
            return Ok(self.json(text, call, budget)?.map(JsonDocument::Value));
        };
        if self.trees.len() < MAX_DOCUMENTS {
            self.trees.push((Arc::clone(text), Arc::clone(&tree)));
        }
        Ok(Some(JsonDocument::Tree(tree)))
    }

    /// Parses a text as XML; `None` if it is not XML.
    pub(super) fn xml(
        &mut self,
        text: &Arc<str>,
        budget: &mut RenderBudget,
    ) -> Result<Option<Arc<Document>>, RenderError> {
        if let Some((_, document)) = self.xml.iter().find(|(known, _)| known == text) {
            return Ok(document.clone());
        }
        budget.spend_bytes(text.len() * XML_COST_FACTOR)?;
        let document = match Document::parse(text) {
            Ok(document) => Some(Arc::new(document)),
            Err(error) if error.is_limit => return Err(error.into()),
            Err(_) => None,
        };
        if self.xml.len() < MAX_DOCUMENTS {
            self.xml.push((Arc::clone(text), document.clone()));
        }
        Ok(document)
    }
}

/// Returns the error of a rendering that needs more memory than there is; a 503 takes its place.
fn no_memory() -> RenderError {
    RenderError::failed("there is no memory for the JSON of the template; raise --max-memory")
}

impl JsonDocument {
    /// Returns the whole document.
    pub(crate) fn node(&self) -> JsonNode<'_> {
        match self {
            Self::Value(value) => JsonNode::from(&**value),
            Self::Tree(tree) => JsonNode::from(&**tree),
        }
    }
}

impl AsRef<[u8]> for TextBytes {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// Cost of parsing JSON, relative to copying it.
const JSON_COST_FACTOR: usize = 4;

/// Length of a JSON text, in bytes, up to which it becomes a tree of `serde_json`, which takes up
/// to 90 times as much.
const MAX_VALUE_BYTES: usize = 16 << 10;

/// Cost of parsing XML, relative to copying it.
const XML_COST_FACTOR: usize = 8;

/// Maximum number of parsed documents of a kind that are kept.
const MAX_DOCUMENTS: usize = 8;
