//! Evaluates a compiled schema within a budget of steps.
//!
//! Results of nodes are kept per value where references may lead to them again. So a schema that
//! branches through references takes time polynomial in its size and that of the value. The budget
//! ends anything that takes longer.

use hashbrown::hash_map::{Entry, HashMap};
use serde_json::Value;
use smallvec::SmallVec;

use super::Exceeded;
use super::leaf::CHILDREN_PER_STEP;
use super::program::{Dependency, NodeId, Program, Properties, ResourceId, SchemaRule};
use super::scope::{ScopeId, Scopes};
use standin_dialect::json::{JsonNode, MemberIndex};

/// One evaluation of a program.
pub(super) struct Evaluation<'p> {
    pub(super) program: &'p Program,
    steps: usize,
    depth: usize,
    /// Results per node and value.
    results: HashMap<(NodeId, ValueId, ScopeId), NodeState>,
    /// True while a temporary value is evaluated: the name of a property.
    is_passing: bool,
    pub(super) scopes: Scopes,
}

/// The identity of a value: see [`JsonNode::identity`].
type ValueId = (usize, u32);

/// The nodes for the value of one property.
pub(super) type Nodes = SmallVec<[NodeId; 2]>;

#[derive(Clone, Copy)]
enum NodeState {
    /// The evaluation of the node has begun and not ended: the schema refers to itself without
    /// descending into the value.
    Begun,
    Ended(bool),
}

impl<'p> Evaluation<'p> {
    pub(super) fn new(program: &'p Program, steps: usize) -> Self {
        let (results, scopes) = (HashMap::new(), Scopes::default());
        Self { program, steps, depth: 0, results, is_passing: false, scopes }
    }

    /// Returns whether the value is valid.
    pub(super) fn run(&mut self, value: JsonNode<'_>) -> Result<bool, Exceeded> {
        self.holds(ROOT, value, Scopes::EMPTY)
    }

    pub(super) fn spend(&mut self, steps: usize) -> Result<(), Exceeded> {
        self.steps = self.steps.checked_sub(steps).ok_or(Exceeded)?;
        Ok(())
    }

    /// Returns whether the value is valid by a node.
    pub(super) fn holds(&mut self, id: NodeId, value: JsonNode<'_>, outer: ScopeId) -> Result<bool, Exceeded> {
        let program = self.program;
        let node = &program.nodes[id];
        let scope = self.entered(outer, node.resource)?;
        self.spend(1)?;
        let key = (id, value.identity(), scope);
        let is_kept = node.is_shared && !self.is_passing;
        if is_kept {
            self.spend(STEPS_PER_RESULT)?;
            match self.results.entry(key) {
                Entry::Occupied(known) => return Ok(matches!(known.get(), NodeState::Begun | NodeState::Ended(true))),
                Entry::Vacant(place) => _ = place.insert(NodeState::Begun),
            }
        }
        self.descend()?;
        let mut holds = true;
        for rule in &node.rules {
            if !self.rule(rule, &node.rules, value, scope)? {
                holds = false;
                break;
            }
        }
        self.depth -= 1;
        if is_kept {
            self.results.insert(key, NodeState::Ended(holds));
        }
        Ok(holds)
    }

    /// Enters a node; each nesting level takes a part of the stack.
    ///
    /// # Errors
    ///
    /// Fails if nodes nest too deep.
    pub(super) fn descend(&mut self) -> Result<(), Exceeded> {
        if self.depth == MAX_DEPTH {
            return Err(Exceeded);
        }
        self.depth += 1;
        Ok(())
    }

    pub(super) fn ascend(&mut self) {
        self.depth -= 1;
    }

    /// Returns the scope inside a resource.
    pub(super) fn entered(&mut self, outer: ScopeId, resource: ResourceId) -> Result<ScopeId, Exceeded> {
        if !self.program.is_dynamic {
            return Ok(outer);
        }
        self.spend(1 + self.scopes.depth(outer))?;
        Ok(self.scopes.entered(outer, resource))
    }

    /// Returns the node that a dynamic reference leads to.
    pub(super) fn target(&mut self, anchor: &str, fallback: NodeId, scope: ScopeId) -> NodeId {
        let anchors = &self.program.anchors;
        let find = |resource| anchors.get(&(resource, Box::from(anchor))).copied();
        self.scopes.outermost(scope, find).unwrap_or(fallback)
    }

    pub(super) fn rule(
        &mut self,
        rule: &SchemaRule,
        siblings: &[SchemaRule],
        value: JsonNode<'_>,
        scope: ScopeId,
    ) -> Result<bool, Exceeded> {
        match rule {
            SchemaRule::Never => Ok(false),
            SchemaRule::Leaf(leaf) => {
                self.spend(leaf.cost(value))?;
                let (holds, backtracking) = leaf.holds(value)?;
                self.spend(backtracking)?;
                Ok(holds)
            }
            SchemaRule::UniqueItems => self.unique(value),
            SchemaRule::Items { prefix, rest } => self.items(prefix, *rest, value, scope),
            SchemaRule::Contains { node, least, most, .. } => self.contains(*node, *least, *most, value, scope),
            SchemaRule::Properties(properties) => self.properties(properties, value, scope),
            SchemaRule::PropertyNames(node) => Ok(self.bad_names(*node, value, scope, 1)? == 0),
            SchemaRule::Dependent(dependent) => self.dependent(dependent, value, scope),
            SchemaRule::AllOf(nodes) => self.all(nodes, value, scope),
            SchemaRule::AnyOf(nodes) => Ok(self.matching(nodes, value, scope, 1)? == 1),
            SchemaRule::OneOf(nodes) => Ok(self.matching(nodes, value, scope, 2)? == 1),
            SchemaRule::Not(node) => Ok(!self.holds(*node, value, scope)?),
            SchemaRule::If { condition, then, otherwise } => {
                let branch = if self.holds(*condition, value, scope)? { then } else { otherwise };
                branch.map_or(Ok(true), |node| self.holds(node, value, scope))
            }
            SchemaRule::Reference(node) => self.holds(*node, value, scope),
            SchemaRule::DynamicReference { anchor, fallback } => {
                let node = self.target(anchor, *fallback, scope);
                self.holds(node, value, scope)
            }
            SchemaRule::UnevaluatedItems(node) => self.unevaluated_items(*node, siblings, value, scope),
            SchemaRule::UnevaluatedProperties(node) => self.unevaluated_properties(*node, siblings, value, scope),
        }
    }

    fn all(&mut self, nodes: &[NodeId], value: JsonNode<'_>, scope: ScopeId) -> Result<bool, Exceeded> {
        for node in nodes {
            if !self.holds(*node, value, scope)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Counts the nodes by which the value is valid, up to `enough`.
    fn matching(
        &mut self,
        nodes: &[NodeId],
        value: JsonNode<'_>,
        scope: ScopeId,
        enough: usize,
    ) -> Result<usize, Exceeded> {
        let mut count = 0;
        for node in nodes {
            if self.holds(*node, value, scope)? {
                count += 1;
            }
            if count == enough {
                break;
            }
        }
        Ok(count)
    }

    fn items(
        &mut self,
        prefix: &[NodeId],
        rest: Option<NodeId>,
        value: JsonNode<'_>,
        scope: ScopeId,
    ) -> Result<bool, Exceeded> {
        let Some(items) = value.items() else { return Ok(true) };
        for (place, item) in items.enumerate() {
            let Some(node) = prefix.get(place).copied().or(rest) else { break };
            if !self.holds(node, item, scope)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn contains(
        &mut self,
        node: NodeId,
        least: usize,
        most: Option<usize>,
        value: JsonNode<'_>,
        scope: ScopeId,
    ) -> Result<bool, Exceeded> {
        let Some(items) = value.items() else { return Ok(true) };
        let enough = most.map_or(least, |most| least.max(most + 1));
        let mut count = 0;
        for item in items {
            if count >= enough {
                break;
            }
            count += usize::from(self.holds(node, item, scope)?);
        }
        Ok(count >= least && most.is_none_or(|most| count <= most))
    }

    fn properties(&mut self, properties: &Properties, value: JsonNode<'_>, scope: ScopeId) -> Result<bool, Exceeded> {
        let Some(members) = value.members() else { return Ok(true) };
        let takes_others = !properties.patterns.is_empty() || properties.additional.is_some();
        if !takes_others && properties.named.len() < self.length(value)? {
            let members = self.indexed(value, properties.named.len())?;
            for (name, node) in &properties.named {
                self.spend(1)?;
                if let Some(member) = members.get(name)
                    && !self.holds(*node, member, scope)?
                {
                    return Ok(false);
                }
            }
            return Ok(true);
        }
        for (name, member) in members {
            for node in self.nodes_of(properties, &name)? {
                if !self.holds(node, member, scope)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Returns the number of items or members of a value. It spends steps where they are counted.
    fn length(&mut self, value: JsonNode<'_>) -> Result<usize, Exceeded> {
        let length = value.len();
        if value.is_searched() {
            self.spend(length / CHILDREN_PER_STEP)?;
        }
        Ok(length)
    }

    /// Prepares an object for a number of lookups. It spends steps where members are searched.
    fn indexed<'v>(&mut self, value: JsonNode<'v>, lookups: usize) -> Result<MemberIndex<'v>, Exceeded> {
        if value.is_searched() {
            let passes = lookups.min(PASSES_TO_SORT);
            self.spend(value.len().saturating_mul(passes) / CHILDREN_PER_STEP)?;
        }
        Ok(MemberIndex::new(value, lookups))
    }

    /// Returns the nodes for the value of a property.
    pub(super) fn nodes_of(&mut self, properties: &Properties, name: &str) -> Result<Nodes, Exceeded> {
        self.spend(1 + name.len() / NAME_BYTES_PER_STEP)?;
        let mut nodes: Nodes = properties.named.get(name).copied().into_iter().collect();
        if !properties.patterns.is_empty() {
            let text = Value::String(name.to_owned());
            let text = JsonNode::from(&text);
            for (pattern, node) in &properties.patterns {
                self.spend(pattern.cost(text))?;
                let (holds, backtracking) = pattern.holds(text)?;
                self.spend(backtracking)?;
                if holds {
                    nodes.push(*node);
                }
            }
        }
        if nodes.is_empty() {
            nodes.extend(properties.additional);
        }
        Ok(nodes)
    }

    /// Returns whether `properties` has a node for a property.
    pub(super) fn has_node_for(&mut self, properties: &Properties, name: &str) -> Result<bool, Exceeded> {
        Ok(!self.nodes_of(properties, name)?.is_empty())
    }

    /// Counts the property names that are invalid by a node, up to `enough`.
    pub(super) fn bad_names(
        &mut self,
        node: NodeId,
        value: JsonNode<'_>,
        scope: ScopeId,
        enough: usize,
    ) -> Result<usize, Exceeded> {
        let Some(members) = value.members() else { return Ok(0) };
        let mut count = 0;
        for (name, _) in members {
            self.spend(1 + name.len() / NAME_BYTES_PER_STEP)?;
            let outer = std::mem::replace(&mut self.is_passing, true);
            let name = Value::String(name.into_owned());
            let holds = self.holds(node, JsonNode::from(&name), scope);
            self.is_passing = outer;
            count += usize::from(!holds?);
            if count == enough {
                break;
            }
        }
        Ok(count)
    }

    fn dependent(
        &mut self,
        dependent: &[(String, Dependency)],
        value: JsonNode<'_>,
        scope: ScopeId,
    ) -> Result<bool, Exceeded> {
        if !value.is_object() {
            return Ok(true);
        }
        let members = self.indexed(value, dependent.len())?;
        for (name, dependency) in dependent {
            self.spend(1)?;
            if members.get(name).is_some() && !self.dependency(dependency, value, scope)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn dependency(&mut self, dependency: &Dependency, value: JsonNode<'_>, scope: ScopeId) -> Result<bool, Exceeded> {
        match dependency {
            Dependency::Schema(node) => self.holds(*node, value, scope),
            Dependency::Required(names) => {
                self.spend(names.len())?;
                let members = self.indexed(value, names.len())?;
                Ok(names.iter().all(|name| members.get(name).is_some()))
            }
        }
    }
}

pub(super) const ROOT: NodeId = 0;

/// Maximum nesting of nodes, each of which takes a part of the stack. A body has up to 127 levels.
const MAX_DEPTH: usize = 640;

/// Steps that looking up and keeping a result costs.
const STEPS_PER_RESULT: usize = 4;

/// Passes over the members of an object that sorting them costs.
const PASSES_TO_SORT: usize = 16;

/// Number of bytes of a property name per step.
pub(super) const NAME_BYTES_PER_STEP: usize = 64;
