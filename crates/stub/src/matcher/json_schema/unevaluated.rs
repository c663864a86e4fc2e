//! `unevaluatedItems` and `unevaluatedProperties`: conditions for items and properties that no
//! other keyword of the subschema has evaluated.

use std::borrow::Cow;

use hashbrown::HashSet;

use super::Exceeded;
use super::evaluate::Evaluation;
use super::program::{Dependency, NodeId, SchemaRule};
use super::scope::ScopeId;
use standin_dialect::json::JsonNode;

/// The items and properties that the keywords of a subschema have evaluated.
#[derive(Default)]
struct Evaluated<'v> {
    has_all_items: bool,
    has_all_properties: bool,
    /// The number of leading items that were evaluated.
    prefix: usize,
    items: HashSet<usize>,
    properties: HashSet<Cow<'v, str>>,
    /// Nodes that were visited already.
    asked: HashSet<(NodeId, ScopeId)>,
}

impl Evaluation<'_> {
    /// Evaluates `unevaluatedItems`, after all siblings have been found valid.
    pub(super) fn unevaluated_items(
        &mut self,
        node: NodeId,
        siblings: &[SchemaRule],
        value: JsonNode<'_>,
        scope: ScopeId,
    ) -> Result<bool, Exceeded> {
        let Some(items) = value.items() else { return Ok(true) };
        let siblings = siblings.iter().filter(|sibling| !matches!(sibling, SchemaRule::UnevaluatedItems(_)));
        let evaluated = self.evaluated(siblings, value, scope)?;
        if evaluated.has_all_items {
            return Ok(true);
        }
        let rest = items.enumerate().skip(evaluated.prefix);
        let rest = rest.map(|(index, item)| (evaluated.items.contains(&index), item));
        self.unevaluated_hold(node, rest, scope)
    }

    /// Evaluates `unevaluatedProperties`, after all siblings have been found valid.
    pub(super) fn unevaluated_properties(
        &mut self,
        node: NodeId,
        siblings: &[SchemaRule],
        value: JsonNode<'_>,
        scope: ScopeId,
    ) -> Result<bool, Exceeded> {
        let Some(members) = value.members() else { return Ok(true) };
        let siblings = siblings.iter().filter(|sibling| !matches!(sibling, SchemaRule::UnevaluatedProperties(_)));
        let evaluated = self.evaluated(siblings, value, scope)?;
        if evaluated.has_all_properties {
            return Ok(true);
        }
        let members = members.map(|(name, member)| (evaluated.properties.contains(&name), member));
        self.unevaluated_hold(node, members, scope)
    }

    /// Evaluates a node for those values that are not marked as evaluated.
    fn unevaluated_hold<'v>(
        &mut self,
        node: NodeId,
        values: impl Iterator<Item = (bool, JsonNode<'v>)>,
        scope: ScopeId,
    ) -> Result<bool, Exceeded> {
        for (is_evaluated, value) in values {
            self.spend(1)?;
            if !is_evaluated && !self.holds(node, value, scope)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn evaluated<'v, 'r>(
        &mut self,
        rules: impl Iterator<Item = &'r SchemaRule>,
        value: JsonNode<'v>,
        scope: ScopeId,
    ) -> Result<Evaluated<'v>, Exceeded> {
        let mut evaluated = Evaluated::default();
        for rule in rules {
            self.note(rule, value, scope, &mut evaluated)?;
        }
        Ok(evaluated)
    }

    /// Adds what a valid node has evaluated.
    fn note_node<'v>(
        &mut self,
        id: NodeId,
        value: JsonNode<'v>,
        outer: ScopeId,
        evaluated: &mut Evaluated<'v>,
    ) -> Result<(), Exceeded> {
        let program = self.program;
        let node = &program.nodes[id];
        let scope = self.entered(outer, node.resource)?;
        self.spend(1)?;
        if !evaluated.asked.insert((id, scope)) {
            return Ok(());
        }
        self.descend()?;
        for rule in &node.rules {
            self.note(rule, value, scope, evaluated)?;
        }
        self.ascend();
        Ok(())
    }

    /// Evaluates a node, and adds what it has evaluated if it is valid.
    fn note_if<'v>(
        &mut self,
        id: NodeId,
        value: JsonNode<'v>,
        scope: ScopeId,
        evaluated: &mut Evaluated<'v>,
    ) -> Result<bool, Exceeded> {
        let holds = self.holds(id, value, scope)?;
        if holds {
            self.note_node(id, value, scope, evaluated)?;
        }
        Ok(holds)
    }

    fn note<'v>(
        &mut self,
        rule: &SchemaRule,
        value: JsonNode<'v>,
        scope: ScopeId,
        evaluated: &mut Evaluated<'v>,
    ) -> Result<(), Exceeded> {
        match rule {
            SchemaRule::Items { prefix, rest } => {
                evaluated.prefix = evaluated.prefix.max(prefix.len());
                evaluated.has_all_items |= rest.is_some();
            }
            SchemaRule::UnevaluatedItems(_) => evaluated.has_all_items = true,
            SchemaRule::UnevaluatedProperties(_) => evaluated.has_all_properties = true,
            SchemaRule::Contains { node, evaluates: true, .. } => {
                for (place, item) in value.items().into_iter().flatten().enumerate() {
                    if self.holds(*node, item, scope)? {
                        evaluated.items.insert(place);
                    }
                }
            }
            SchemaRule::Properties(properties) => {
                evaluated.has_all_properties |= properties.additional.is_some();
                for (name, _) in value.members().into_iter().flatten() {
                    if self.has_node_for(properties, &name)? {
                        evaluated.properties.insert(name);
                    }
                }
            }
            SchemaRule::AllOf(nodes) => {
                for node in nodes {
                    self.note_node(*node, value, scope, evaluated)?;
                }
            }
            SchemaRule::AnyOf(nodes) | SchemaRule::OneOf(nodes) => {
                for node in nodes {
                    self.note_if(*node, value, scope, evaluated)?;
                }
            }
            SchemaRule::If { condition, then, otherwise } => {
                let branch = if self.note_if(*condition, value, scope, evaluated)? { then } else { otherwise };
                if let Some(node) = branch {
                    self.note_node(*node, value, scope, evaluated)?;
                }
            }
            SchemaRule::Dependent(dependent) => self.note_dependent(dependent, value, scope, evaluated)?,
            SchemaRule::Reference(node) => self.note_node(*node, value, scope, evaluated)?,
            SchemaRule::DynamicReference { anchor, fallback } => {
                let node = self.target(anchor, *fallback, scope);
                self.note_node(node, value, scope, evaluated)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Adds what the schemas for the properties of an object have evaluated.
    fn note_dependent<'v>(
        &mut self,
        dependent: &[(String, Dependency)],
        value: JsonNode<'v>,
        scope: ScopeId,
        evaluated: &mut Evaluated<'v>,
    ) -> Result<(), Exceeded> {
        for (name, dependency) in dependent {
            if let Dependency::Schema(node) = dependency
                && value.get(name).is_some()
            {
                self.note_node(*node, value, scope, evaluated)?;
            }
        }
        Ok(())
    }
}
