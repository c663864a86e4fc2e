//! A trie of path segments for path templates and the literal prefixes of patterns.

use hashbrown::HashMap;

use super::{Posting, PostingLists};
use crate::call::Call;
use standin_dialect::TemplateSegment;

/// A node of the trie, with one child per segment that follows in a template or prefix.
#[derive(Debug, Default)]
pub(super) struct Trie {
    literals: HashMap<Box<str>, Trie>,
    variable: Option<Box<Trie>>,
    /// Templates that end here.
    here: Posting,
    /// Patterns whose literal prefix ends here.
    below: Posting,
}

/// Collects templates and prefixes.
#[derive(Default)]
pub(super) struct TrieBuilder {
    literals: HashMap<Box<str>, TrieBuilder>,
    variable: Option<Box<TrieBuilder>>,
    here: Vec<u32>,
    below: Vec<u32>,
}

impl TrieBuilder {
    pub(super) fn add_template(&mut self, segments: &[TemplateSegment], slot: u32) {
        match segments {
            [] => self.here.push(slot),
            [TemplateSegment::Literal(literal), rest @ ..] => {
                self.literals.entry(literal.as_str().into()).or_default().add_template(rest, slot);
            }
            [TemplateSegment::Variable, rest @ ..] => self.variable.get_or_insert_default().add_template(rest, slot),
            [TemplateSegment::Mixed, ..] => self.below.push(slot),
        }
    }

    /// Adds a pattern. Every URL of the pattern begins with `prefix`; only its complete segments
    /// are used.
    pub(super) fn add_prefix(&mut self, prefix: &str, slot: u32) {
        let path = prefix.split('?').next().unwrap_or_default();
        let mut node = self;
        if let Some((whole, _)) = path.rsplit_once('/') {
            for segment in whole.split('/') {
                node = node.literals.entry(segment.into()).or_default();
            }
        }
        node.below.push(slot);
    }

    pub(super) fn compile(self, posting: &impl Fn(Vec<u32>) -> Posting) -> Trie {
        Trie {
            literals: self.literals.into_iter().map(|(key, node)| (key, node.compile(posting))).collect(),
            variable: self.variable.map(|node| Box::new(node.compile(posting))),
            here: posting(self.here),
            below: posting(self.below),
        }
    }
}

impl Trie {
    /// Appends the lists of all nodes that the path of the request reaches.
    pub(super) fn lists<'i>(&'i self, call: &Call, lists: &mut PostingLists<'i>) {
        self.walk(Some(call.path()), call, lists);
    }

    fn walk<'i>(&'i self, rest: Option<&str>, call: &Call, lists: &mut PostingLists<'i>) {
        self.below.lists(call, lists);
        let Some(rest) = rest else {
            self.here.lists(call, lists);
            return;
        };
        if self.literals.is_empty() && self.variable.is_none() {
            return;
        }
        let (segment, rest) = match rest.split_once('/') {
            Some((segment, rest)) => (segment, Some(rest)),
            None => (rest, None),
        };
        if let Some(node) = self.literals.get(segment) {
            node.walk(rest, call, lists);
        }
        if let Some(node) = &self.variable {
            node.walk(rest, call, lists);
        }
    }
}
