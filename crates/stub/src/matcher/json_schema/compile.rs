//! Compiles a JSON Schema into a program.
//!
//! Time and memory are linear in the size of the schema: a subschema is compiled once, whatever the
//! number of references to it, and nothing recurses.

use std::sync::Arc;

use hashbrown::HashMap;
use jsonschema::Draft;
use referencing::{Registry, Resolver};
use serde_json::{Map, Value};

use super::leaf::{Leaf, check_numbers};
use super::program::{Dependency, NodeId, Program, Properties, ResourceId, SchemaNode, SchemaRule};

/// Compiles a schema; the error says why it cannot be used.
pub(super) fn compile(schema: &Value, version: Draft) -> Result<Program, String> {
    check_numbers(schema)?;
    let draft = version.detect(schema);
    check(schema, draft).map_err(|error| error.to_string())?;
    let resource = draft.create_resource_ref(schema);
    let base = resource.id().unwrap_or(DEFAULT_BASE).to_owned();
    let base = jsonschema::uri::from_str(&base).map_err(|error| error.to_string())?;
    let registry =
        Registry::new().draft(draft).add(base.as_str(), resource).and_then(referencing::RegistryBuilder::prepare);
    let registry = registry.map_err(|error| error.to_string())?;
    let mut compiler = Compiler::default();
    compiler.node(schema, &registry.resolver(base), draft)?;
    compiler.run()?;
    let mut program = compiler.program;
    for node in &mut program.nodes {
        // a node without references to others is evaluated as fast as its result is looked up
        node.is_shared = (node.is_shared || program.has_unevaluated) && node.rules.iter().any(SchemaRule::descends);
    }
    Ok(program)
}

/// Validates a schema against its meta-schema.
fn check(schema: &Value, draft: Draft) -> Result<(), jsonschema::ValidationError<'_>> {
    match draft {
        Draft::Draft4 => jsonschema::draft4::meta::validate(schema),
        Draft::Draft6 => jsonschema::draft6::meta::validate(schema),
        Draft::Draft7 => jsonschema::draft7::meta::validate(schema),
        Draft::Draft201909 => jsonschema::draft201909::meta::validate(schema),
        Draft::Draft202012 => jsonschema::draft202012::meta::validate(schema),
        _ => jsonschema::meta::validate(schema),
    }
}

#[derive(Default)]
struct Compiler<'r> {
    program: Program,
    /// Nodes by the addresses of their subschemas, which do not move during compilation.
    known: HashMap<*const Value, NodeId>,
    queue: Vec<CompileTask<'r>>,
    resources: HashMap<String, ResourceId>,
    /// Subschemas with a dynamic anchor, and its name.
    anchors: Vec<(ResourceId, Box<str>, CompileTask<'r>)>,
    /// Compiled assertions by their text: many subschemas have the same.
    leaves: HashMap<String, Arc<Leaf>>,
}

/// A subschema that waits for compilation.
#[derive(Clone)]
struct CompileTask<'r> {
    id: NodeId,
    contents: &'r Value,
    resolver: Resolver<'r>,
    draft: Draft,
}

impl<'r> Compiler<'r> {
    fn run(&mut self) -> Result<(), String> {
        loop {
            while let Some(task) = self.queue.pop() {
                self.task(&task)?;
            }
            if !self.program.is_dynamic || self.anchors.is_empty() {
                return Ok(());
            }
            for (resource, name, task) in std::mem::take(&mut self.anchors) {
                let id = self.node(task.contents, &task.resolver, task.draft)?;
                self.program.nodes[id].is_shared = true;
                self.program.anchors.insert((resource, name), id);
            }
        }
    }

    /// Returns the node of a subschema. A new one is added to the queue.
    fn node(&mut self, contents: &'r Value, outer: &Resolver<'r>, draft: Draft) -> Result<NodeId, String> {
        if let Some(id) = self.known.get(&std::ptr::from_ref(contents)) {
            return Ok(*id);
        }
        if self.program.nodes.len() == MAX_SUBSCHEMAS {
            return Err(format!("it has more than {MAX_SUBSCHEMAS} subschemas"));
        }
        let draft = draft.detect(contents);
        let resolver = entered(contents, outer, draft)?;
        let resource = self.resource(&resolver, draft)?;
        let id = self.program.nodes.len();
        self.program.nodes.push(SchemaNode { resource, ..SchemaNode::default() });
        self.known.insert(contents, id);
        self.queue.push(CompileTask { id, contents, resolver, draft });
        Ok(id)
    }

    /// Returns the number of the resource of a resolver. The dynamic anchors of a new resource are
    /// recorded.
    fn resource(&mut self, resolver: &Resolver<'r>, draft: Draft) -> Result<ResourceId, String> {
        let uri = resolver.base_uri();
        if let Some(id) = self.resources.get(uri.as_str()) {
            return Ok(*id);
        }
        let id = self.resources.len();
        self.resources.insert(uri.as_str().to_owned(), id);
        let (root, resolver, _) = resolver.lookup("#").map_err(|error| error.to_string())?.into_inner();
        let mut found = |name: &str, contents| {
            let task = CompileTask { id: 0, contents, resolver: resolver.clone(), draft };
            self.anchors.push((id, name.into(), task));
        };
        if root.get("$recursiveAnchor") == Some(&Value::Bool(true)) {
            found("", root);
        }
        let mut open = vec![root];
        while let Some(contents) = open.pop() {
            if let Some(name) = contents.get("$dynamicAnchor").and_then(Value::as_str) {
                found(name, contents);
            }
            let is_inside = |inner: &&Value| draft.create_resource_ref(inner).id().is_none();
            open.extend(draft.subresources_of(contents).filter(is_inside));
        }
        Ok(id)
    }

    fn task(&mut self, task: &CompileTask<'r>) -> Result<(), String> {
        let rules = match task.contents {
            Value::Bool(false) => vec![SchemaRule::Never],
            Value::Object(schema) => self.rules(task, schema)?,
            _ => Vec::new(),
        };
        self.program.nodes[task.id].rules = rules;
        Ok(())
    }

    /// Compiles the keywords of a subschema, cheap ones first.
    fn rules(&mut self, task: &CompileTask<'r>, schema: &'r Map<String, Value>) -> Result<Vec<SchemaRule>, String> {
        let mut rules = Vec::new();
        let reference = schema.get("$ref").and_then(Value::as_str);
        if let Some(reference) = reference.filter(|_| has_lone_references(task.draft)) {
            rules.extend(self.reference(task, reference)?);
            return Ok(rules);
        }
        let assertions = Leaf::assertions(schema);
        if !assertions.is_empty() {
            rules.push(SchemaRule::Leaf(self.leaf(&assertions, task.draft)?));
        }
        if schema.get("uniqueItems") == Some(&Value::Bool(true)) {
            rules.push(SchemaRule::UniqueItems);
        }
        self.object_rules(task, schema, &mut rules)?;
        self.array_rules(task, schema, &mut rules)?;
        self.logic_rules(task, schema, &mut rules)?;
        if let Some(reference) = reference {
            rules.extend(self.reference(task, reference)?);
        }
        match (task.draft, schema.get("$recursiveRef"), schema.get("$dynamicRef")) {
            (Draft::Draft201909, Some(_), _) => rules.push(self.recursive_reference(task)?),
            (Draft::Draft202012, _, Some(Value::String(reference))) => {
                rules.push(self.dynamic_reference(task, reference)?);
            }
            _ => {}
        }
        if knows_unevaluated(task.draft) {
            if let Some(inner) = schema.get("unevaluatedItems") {
                self.program.has_unevaluated = true;
                rules.push(SchemaRule::UnevaluatedItems(self.child(task, inner)?));
            }
            if let Some(inner) = schema.get("unevaluatedProperties") {
                self.program.has_unevaluated = true;
                rules.push(SchemaRule::UnevaluatedProperties(self.child(task, inner)?));
            }
        }
        Ok(rules)
    }

    fn object_rules(
        &mut self,
        task: &CompileTask<'r>,
        schema: &'r Map<String, Value>,
        rules: &mut Vec<SchemaRule>,
    ) -> Result<(), String> {
        let members = |key: &str| schema.get(key).and_then(Value::as_object).into_iter().flatten();
        let mut properties = Properties::default();
        for (name, inner) in members("properties") {
            properties.named.insert(name.clone(), self.child(task, inner)?);
        }
        for (pattern, inner) in members("patternProperties") {
            let assertions = Map::from_iter([("pattern".to_owned(), pattern.as_str().into())]);
            properties.patterns.push((self.leaf(&assertions, task.draft)?, self.child(task, inner)?));
        }
        properties.additional = self.member(task, schema, "additionalProperties")?;
        if !properties.named.is_empty() || !properties.patterns.is_empty() || properties.additional.is_some() {
            rules.push(SchemaRule::Properties(Box::new(properties)));
        }
        if task.draft != Draft::Draft4
            && let Some(node) = self.member(task, schema, "propertyNames")?
        {
            rules.push(SchemaRule::PropertyNames(node));
        }
        let mut dependent = Vec::new();
        for (name, inner) in members("dependencies") {
            let dependency = match inner {
                Value::Array(names) => {
                    Dependency::Required(names.iter().filter_map(Value::as_str).map(str::to_owned).collect())
                }
                inner => Dependency::Schema(self.child(task, inner)?),
            };
            dependent.push((name.clone(), dependency));
        }
        if knows_unevaluated(task.draft) {
            for (name, inner) in members("dependentSchemas") {
                dependent.push((name.clone(), Dependency::Schema(self.child(task, inner)?)));
            }
        }
        if !dependent.is_empty() {
            rules.push(SchemaRule::Dependent(dependent));
        }
        Ok(())
    }

    fn array_rules(
        &mut self,
        task: &CompileTask<'r>,
        schema: &'r Map<String, Value>,
        rules: &mut Vec<SchemaRule>,
    ) -> Result<(), String> {
        let tuple = match schema.get("items") {
            Some(Value::Array(items)) => Some((items, "additionalItems")),
            _ if task.draft == Draft::Draft202012 => {
                schema.get("prefixItems").and_then(Value::as_array).map(|items| (items, "items"))
            }
            _ => None,
        };
        let (prefix, rest) = match tuple {
            Some((items, rest)) => (self.children(task, items)?, self.member(task, schema, rest)?),
            None => (Vec::new(), self.member(task, schema, "items")?),
        };
        if !prefix.is_empty() || rest.is_some() {
            rules.push(SchemaRule::Items { prefix, rest });
        }
        if task.draft != Draft::Draft4
            && let Some(node) = self.member(task, schema, "contains")?
        {
            let count = |key: &str| schema.get(key).filter(|_| knows_unevaluated(task.draft)).and_then(count);
            let least = count("minContains").unwrap_or(1);
            let evaluates = knows_unevaluated(task.draft);
            rules.push(SchemaRule::Contains { node, least, most: count("maxContains"), evaluates });
        }
        Ok(())
    }

    fn logic_rules(
        &mut self,
        task: &CompileTask<'r>,
        schema: &'r Map<String, Value>,
        rules: &mut Vec<SchemaRule>,
    ) -> Result<(), String> {
        for (key, rule) in
            [("allOf", SchemaRule::AllOf as fn(_) -> _), ("anyOf", SchemaRule::AnyOf), ("oneOf", SchemaRule::OneOf)]
        {
            if let Some(items) = schema.get(key).and_then(Value::as_array) {
                rules.push(rule(self.children(task, items)?));
            }
        }
        if let Some(node) = self.member(task, schema, "not")? {
            rules.push(SchemaRule::Not(node));
        }
        if !matches!(task.draft, Draft::Draft4 | Draft::Draft6)
            && let Some(condition) = self.member(task, schema, "if")?
        {
            let (then, otherwise) = (self.member(task, schema, "then")?, self.member(task, schema, "else")?);
            rules.push(SchemaRule::If { condition, then, otherwise });
        }
        Ok(())
    }

    fn child(&mut self, task: &CompileTask<'r>, contents: &'r Value) -> Result<NodeId, String> {
        self.node(contents, &task.resolver, task.draft)
    }

    fn children(&mut self, task: &CompileTask<'r>, items: &'r [Value]) -> Result<Vec<NodeId>, String> {
        items.iter().map(|item| self.child(task, item)).collect()
    }

    fn member(
        &mut self,
        task: &CompileTask<'r>,
        schema: &'r Map<String, Value>,
        key: &str,
    ) -> Result<Option<NodeId>, String> {
        schema.get(key).map(|inner| self.child(task, inner)).transpose()
    }

    fn leaf(&mut self, assertions: &Map<String, Value>, draft: Draft) -> Result<Arc<Leaf>, String> {
        let text = format!("{draft:?}{}", Value::Object(assertions.clone()));
        if let Some(leaf) = self.leaves.get(&text) {
            return Ok(Arc::clone(leaf));
        }
        let leaf = Arc::new(Leaf::compile(assertions, draft)?);
        self.leaves.insert(text, Arc::clone(&leaf));
        Ok(leaf)
    }

    /// Compiles a reference; `None` for an empty one, which adds nothing.
    fn reference(&mut self, task: &CompileTask<'r>, reference: &str) -> Result<Option<SchemaRule>, String> {
        if reference.is_empty() {
            return Ok(None);
        }
        Ok(Some(SchemaRule::Reference(self.target(task, reference)?.0)))
    }

    fn recursive_reference(&mut self, task: &CompileTask<'r>) -> Result<SchemaRule, String> {
        let (target, contents) = self.target(task, "#")?;
        if contents.get("$recursiveAnchor") != Some(&Value::Bool(true)) {
            return Ok(SchemaRule::Reference(target));
        }
        self.program.is_dynamic = true;
        Ok(SchemaRule::DynamicReference { anchor: "".into(), fallback: target })
    }

    fn dynamic_reference(&mut self, task: &CompileTask<'r>, reference: &str) -> Result<SchemaRule, String> {
        let (target, contents) = self.target(task, reference)?;
        let anchor = reference.rsplit_once('#').map_or("", |(_, fragment)| fragment);
        // a reference that does not lead to a dynamic anchor of its name is an ordinary one
        if anchor.is_empty() || contents.get("$dynamicAnchor").and_then(Value::as_str) != Some(anchor) {
            return Ok(SchemaRule::Reference(target));
        }
        self.program.is_dynamic = true;
        Ok(SchemaRule::DynamicReference { anchor: anchor.into(), fallback: target })
    }

    fn target(&mut self, task: &CompileTask<'r>, reference: &str) -> Result<(NodeId, &'r Value), String> {
        let found = task.resolver.lookup(reference).map_err(|error| error.to_string())?;
        let (contents, resolver, draft) = found.into_inner();
        let id = self.node(contents, &resolver, draft)?;
        self.program.nodes[id].is_shared = true;
        Ok((id, contents))
    }
}

/// Returns the resolver for a subschema, which may have an identifier of its own.
fn entered<'r>(contents: &'r Value, outer: &Resolver<'r>, draft: Draft) -> Result<Resolver<'r>, String> {
    let resource = draft.create_resource_ref(contents);
    let is_root = || outer.lookup("#").is_ok_and(|root| std::ptr::eq(root.contents(), contents));
    if resource.id().is_none() || is_root() {
        return Ok(outer.clone());
    }
    outer.in_subresource(resource).map_err(|error| error.to_string())
}

/// Returns whether a reference in this version hides the keywords beside it.
fn has_lone_references(draft: Draft) -> bool {
    matches!(draft, Draft::Draft4 | Draft::Draft6 | Draft::Draft7)
}

/// Returns whether the version has `unevaluatedItems` and the related keywords.
fn knows_unevaluated(draft: Draft) -> bool {
    !has_lone_references(draft)
}

/// Parses a count, which may be written `2.0`.
fn count(value: &Value) -> Option<usize> {
    value.as_u64().map(|count| count as usize).or_else(|| value.as_f64().map(|count| count as usize))
}

/// Identifier of a schema without one.
const DEFAULT_BASE: &str = "json-schema:///";

/// Maximum number of subschemas, including those of referenced schemas.
const MAX_SUBSCHEMAS: usize = 20_000;
