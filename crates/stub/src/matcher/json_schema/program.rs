//! A compiled JSON Schema: a list with one node per subschema. References are indexes of nodes.

use std::sync::Arc;

use hashbrown::HashMap;

use super::leaf::Leaf;

/// Index of a node in its program.
pub(super) type NodeId = usize;

/// Index of a schema resource: a document or a part of one that has an identifier of its own.
pub(super) type ResourceId = usize;

/// A compiled schema. The first node is the schema itself.
#[derive(Debug, Default)]
pub(super) struct Program {
    pub(super) nodes: Vec<SchemaNode>,
    /// Nodes with a dynamic anchor; the name is empty for `$recursiveAnchor`.
    pub(super) anchors: HashMap<(ResourceId, Box<str>), NodeId>,
    /// True if a result may depend on the references that led to the node.
    pub(super) is_dynamic: bool,
    /// True if the schema has `unevaluatedItems` or `unevaluatedProperties`, which evaluate nodes
    /// again.
    pub(super) has_unevaluated: bool,
}

/// One subschema. All of its rules must hold.
#[derive(Debug, Default)]
pub(super) struct SchemaNode {
    pub(super) rules: Vec<SchemaRule>,
    pub(super) resource: ResourceId,
    /// True if a reference leads to the node, so that a value may reach it more than once.
    pub(super) is_shared: bool,
}

/// A keyword, or several that are evaluated together.
#[derive(Debug)]
pub(super) enum SchemaRule {
    Never,
    Leaf(Arc<Leaf>),
    UniqueItems,
    Items {
        /// The nodes of the first items.
        prefix: Vec<NodeId>,
        /// The node of all further items.
        rest: Option<NodeId>,
    },
    Contains {
        node: NodeId,
        least: usize,
        most: Option<usize>,
        /// True if the matching items count as evaluated.
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
    /// A reference to the outermost node in the dynamic scope with this anchor, else to the
    /// fallback.
    DynamicReference {
        anchor: Box<str>,
        fallback: NodeId,
    },
    UnevaluatedItems(NodeId),
    UnevaluatedProperties(NodeId),
}

/// The keywords `properties`, `patternProperties` and `additionalProperties`.
#[derive(Debug, Default)]
pub(super) struct Properties {
    pub(super) named: HashMap<String, NodeId>,
    pub(super) patterns: Vec<(Arc<Leaf>, NodeId)>,
    pub(super) additional: Option<NodeId>,
}

/// A condition for objects that have a certain property.
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
