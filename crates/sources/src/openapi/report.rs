//! [`OpenApiReport`]: what was made of a description.

use std::fmt;

use serde_json::{Value as Json, json};
use standin_stub::source::Node;
use standin_text::counted;

/// Report of what was made of a description.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenApiReport {
    /// Title and version of the description.
    pub title: String,
    /// Number of operations with stubs.
    pub operations: usize,
    /// Number of stubs that were written.
    pub stubs: usize,
    /// Number of answers from examples of the description.
    pub from_examples: usize,
    /// Number of answers made from schemas.
    pub from_schemas: usize,
    /// Number of answers without a body, of responses that have none or whose body is not known.
    pub without_body: usize,
    /// Number of webhooks, of which no stubs are made.
    pub webhooks: usize,
    /// Number of operations with callbacks, of which no stubs are made.
    pub callbacks: usize,
}

impl OpenApiReport {
    pub(super) fn read_head(&mut self, root: &Node) {
        let text = |key| root.get("info").and_then(|info| info.get(key)).and_then(Node::as_str);
        let title = text("title").unwrap_or("a description without title");
        self.title = text("version").map_or_else(|| title.to_owned(), |version| format!("{title} {version}"));
    }

    /// Returns the report as JSON.
    pub fn to_json(&self) -> Json {
        json!({
            "title": self.title,
            "operations": self.operations,
            "stubs": self.stubs,
            "answers": {
                "fromExamples": self.from_examples,
                "fromSchemas": self.from_schemas,
                "withoutBody": self.without_body,
            },
            "leftOut": { "webhooks": self.webhooks, "callbacks": self.callbacks },
        })
    }
}

impl fmt::Display for OpenApiReport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |number: usize, noun| counted(number as u64, noun);
        writeln!(out, "{}: {} from {}", self.title, count(self.stubs, "stub"), count(self.operations, "operation"))?;
        write!(
            out,
            "  answers: {} from examples, {} made from schemas, {} without a body",
            self.from_examples, self.from_schemas, self.without_body
        )?;
        let left_out = [(self.webhooks, "webhook"), (self.callbacks, "operation with callbacks")];
        for (number, noun) in left_out.into_iter().filter(|(number, _)| *number > 0) {
            let noun = if number > 1 { noun.replacen("operation ", "operations ", 1) } else { noun.to_owned() };
            let plural = if number > 1 && !noun.contains(' ') { "s" } else { "" };
            write!(out, "\n  left out: {number} {noun}{plural}: standin answers calls, and makes none of them")?;
        }
        Ok(())
    }
}
