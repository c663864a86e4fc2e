//! References (`$ref`) between the parts of one description.

use std::collections::HashSet;

use percent_encoding::percent_decode_str;
use standin_stub::defect::Defect;
use standin_stub::source::{Node, Reader, Value};

/// A description whose references are followed. Each wrong reference is reported once.
pub(crate) struct References<'d> {
    root: &'d Node,
    reported: HashSet<String>,
}

impl<'d> References<'d> {
    /// Returns the references of a description.
    pub(crate) fn new(root: &'d Node) -> Self {
        Self { root, reported: HashSet::new() }
    }

    /// Returns the object that a node is or refers to; `None` if a reference leads nowhere, which
    /// is reported.
    pub(crate) fn resolve(&mut self, node: &'d Node, reader: &mut Reader) -> Option<&'d Node> {
        let mut node = node;
        for _ in 0..MAX_HOPS {
            let Some(reference) = node.get("$ref").filter(|reference| reference.as_str().is_some()) else {
                return Some(node);
            };
            node = self.target(reference, reader)?;
        }
        self.report(
            node,
            "endless",
            Defect::error("this reference leads back to itself").help("name its target"),
            reader,
        );
        None
    }

    /// Returns the node that the text of a `$ref` names; `None` if there is none, which is
    /// reported.
    pub(crate) fn target(&mut self, reference: &Node, reader: &mut Reader) -> Option<&'d Node> {
        let text = reference.as_str().unwrap_or_default();
        let Some(pointer) = text.strip_prefix('#') else {
            let defect = Defect::error(format!("`{text}` leads out of this file, and nothing is fetched"))
                .help("bundle the description into one file first, as `redocly bundle` does");
            self.report(reference, text, defect, reader);
            return None;
        };
        let found = steps(pointer).and_then(|steps| {
            steps.iter().try_fold(self.root, |node, step| match &node.value {
                Value::Array(items) => items.get(step.parse::<usize>().ok()?),
                _ => node.get(step),
            })
        });
        if found.is_none() {
            let defect = Defect::error(format!("`{text}` names nothing in this description"))
                .help("correct the name, or add what it means to `components`");
            self.report(reference, text, defect, reader);
        }
        found
    }

    fn report(&mut self, place: &Node, key: &str, defect: Defect, reader: &mut Reader) {
        if self.reported.insert(key.to_owned()) {
            reader.report_here(defect, place);
        }
    }
}

/// Returns the steps of a JSON pointer in a URI fragment (RFC 6901, section 6).
pub(super) fn steps(pointer: &str) -> Option<Vec<String>> {
    if pointer.is_empty() {
        return Some(Vec::new());
    }
    let steps = pointer
        .strip_prefix('/')?
        .split('/')
        .map(|step| percent_decode_str(step).decode_utf8_lossy().replace("~1", "/").replace("~0", "~"));
    Some(steps.collect())
}

/// Maximum number of references that lead to one object.
const MAX_HOPS: usize = 32;
