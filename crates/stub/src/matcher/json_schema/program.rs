//! A compiled JSON Schema: one node for each subschema, in a list. References are numbers of nodes.

use std::sync::Arc;

use hashbrown::HashMap;

use super::leaf::Leaf;

/// Index of a node in its program.
pub(super) type NodeId = usize;

/// Index of a schema resource: a document or a part of one that has an identifier of its own.
pub(super) type ResourceId = usize;

/// A compiled schema. Its first node is the schema itself.
#[derive(Debug, Default)]
pub(super) struct Program {
    pub(super) nodes: Vec<SchemaNode>,
    /// Nodes with a dynamic anchor; the name is empty for `$recursiveAnchor`.
    pub(super) anchors: HashMap<(ResourceId, Box<str>), NodeId>,
    /// True if the result for a value may depend on the references that led to it.
    pub(super) is_dynamic: bool,
    /// True if what a subschema says of the rest of a value is asked for more than once.
    pub(super) has_unevaluated: bool,
}

/// One subschema: all of its rules must hold.
#[derive(Debug, Default)]
pub(super) struct SchemaNode {
    pub(super) rules: Vec<SchemaRule>,
    pub(super) resource: ResourceId,
    /// True if a reference leads here, so that a value may come here more than once.
    pub(super) is_shared: bool,
}

/// A keyword, or several that belong together.
#[derive(Debug)]
pub(super) enum SchemaRule {
    Never,
    Leaf(Arc<Leaf>),
    UniqueItems,
    Items {
        /// For each of the first items.
        prefix: Vec<NodeId>,
        /// For every item behind them.
        rest: Option<NodeId>,
    },
    Contains {
        node: NodeId,
        least: usize,
        most: Option<usize>,
        /// True if what it finds counts as evaluated.
        evaluates: bool,
    },
    Properties(Box<Properties>),
    PropertyNames(NodeId),
    Dependent(Vec<(String, Dependency)>),
    AllOf(Vec<NodeId>),
    AnyOf(Vec<NodeId>),
    OneOf(Vec<NodeId>),
    Not(NodeId),
    If {
        condition: NodeId,
        then: Option<NodeId>,
        otherwise: Option<NodeId>,
    },
    Reference(NodeId),
    /// The outermost node in the dynamic scope that has the anchor; this node if there is none.
    DynamicReference {
        anchor: Box<str>,
        fallback: NodeId,
    },
    UnevaluatedItems(NodeId),
    UnevaluatedProperties(NodeId),
}

/// `properties`, `patternProperties` and `additionalProperties`.
#[derive(Debug, Default)]
pub(super) struct Properties {
    pub(super) named: HashMap<String, NodeId>,
    pub(super) patterns: Vec<(Arc<Leaf>, NodeId)>,
    pub(super) additional: Option<NodeId>,
}

/// What an object with a certain property must also meet.
#[derive(Debug)]
pub(super) enum Dependency {
    Required(Vec<String>),
    Schema(NodeId),
}

impl SchemaRule {
    /// Returns whether the rule may lead to other nodes.
    pub(super) fn descends(&self) -> bool {
        !matches!(self, Self::Never | Self::Leaf(_) | Self::UniqueItems)
    }
}
