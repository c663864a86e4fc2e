//! A read-only JSON document of compact nodes that point into its text: eight bytes per value or
//! name, where a tree of `serde_json` takes 72 and more.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;

use super::tree_node::{TreeKind, TreeNode};
use super::tree_parser;

/// A read-only JSON document.
///
/// It holds its text, and one node for each value and for each name of a member, in the order of
/// the text. Numbers and strings are read from the text when they are asked for. Of members with
/// one name the last value counts, at the place of the first, as in `serde_json`.
#[derive(Clone)]
pub struct JsonTree {
    text: Bytes,
    nodes: Box<[TreeNode]>,
}

/// A value of a [`JsonTree`].
#[derive(Clone, Copy)]
pub(super) struct TreeValue<'a> {
    pub(super) tree: &'a JsonTree,
    pub(super) at: u32,
}

/// The items of a list of a tree, or the names and values of an object in turns.
#[derive(Clone)]
pub(super) struct TreeChildren<'a> {
    tree: &'a JsonTree,
    next: u32,
    end: u32,
}

impl JsonTree {
    /// Parses a JSON text as strictly as `serde_json` does: in UTF-8, at most 127 levels deep.
    /// Returns `None` if it is not JSON, or is longer than 4 GiB.
    pub fn parse(text: Bytes) -> Option<Self> {
        let nodes = tree_parser::parse(std::str::from_utf8(&text).ok()?)?;
        Some(Self { text, nodes })
    }

    /// Returns an upper estimate of the bytes that the nodes of a text take: at most eight for each
    /// byte of the text.
    pub fn estimated_bytes(text: &[u8]) -> usize {
        tree_parser::max_nodes(text) * size_of::<TreeNode>()
    }

    pub(super) fn root(&self) -> TreeValue<'_> {
        TreeValue { tree: self, at: 0 }
    }
}

impl fmt::Debug for JsonTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonTree").field("nodes", &self.nodes.len()).finish_non_exhaustive()
    }
}

impl<'a> TreeValue<'a> {
    fn node(self) -> TreeNode {
        self.tree.nodes[self.at as usize]
    }

    pub(super) fn kind(self) -> TreeKind {
        TreeKind::of(self.tree.text[self.node().start as usize])
    }

    /// Returns the bytes of a scalar; those of a string are without quotes, and still escaped.
    fn bytes(self) -> &'a [u8] {
        let TreeNode { start, extent } = self.node();
        let start = start as usize + usize::from(self.kind() == TreeKind::String);
        &self.tree.text[start..start + extent as usize]
    }

    /// Returns the text of a number as written.
    pub(super) fn number(self) -> &'a str {
        utf8(self.bytes())
    }

    /// Returns the text of a string.
    pub(super) fn string(self) -> Cow<'a, str> {
        let text = utf8(self.bytes());
        if text.contains('\\') { Cow::Owned(tree_parser::unescaped(text)) } else { Cow::Borrowed(text) }
    }

    /// Returns whether a string is equal to `text`.
    fn is_string(self, text: &str) -> bool {
        let bytes = self.bytes();
        if bytes.len() <= text.len() {
            // escapes are longer than what they stand for
            return bytes == text.as_bytes() && !text.contains('\\');
        }
        self.string() == text
    }

    /// Returns the items of a list, or the names and values of an object in turns; nothing for a
    /// scalar.
    pub(super) fn children(self) -> TreeChildren<'a> {
        let count = if self.kind().is_container() { self.node().extent } else { 1 };
        TreeChildren { tree: self.tree, next: self.at + 1, end: self.at + count }
    }

    /// Returns the value of a member of an object, and the number of members that were searched.
    pub(super) fn find(self, name: &str) -> (Option<Self>, usize) {
        let mut children = self.children();
        let mut searched = 0;
        while let (Some(key), Some(value)) = (children.next(), children.next()) {
            searched += 1;
            if key.is_string(name) {
                return (Some(value), searched);
            }
        }
        (None, searched)
    }
}

impl TreeChildren<'_> {
    /// Returns whether no child is left.
    pub(super) fn is_empty(&self) -> bool {
        self.next >= self.end
    }
}

impl<'a> Iterator for TreeChildren<'a> {
    type Item = TreeValue<'a>;

    fn next(&mut self) -> Option<TreeValue<'a>> {
        if self.is_empty() {
            return None;
        }
        let child = TreeValue { tree: self.tree, at: self.next };
        self.next += if child.kind().is_container() { child.node().extent } else { 1 };
        Some(child)
    }
}

/// Returns a part of the text, which [`JsonTree::parse`] has found to be UTF-8.
fn utf8(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("scalars begin and end between characters")
}
