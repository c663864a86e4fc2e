//! [`SchemaBundler`]: makes a schema stand alone.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use serde_json::{Map, Value as Json, json};
use standin_stub::defect::Defect;
use standin_stub::source::{Node, Reader, Value};

use super::keywords::{NUMBER, SCHEMA, SCHEMA_LIST, SCHEMA_MAP, TYPES};
use super::references::References;
use super::{DEFS_PREFIX, references};

/// The message that a schema is for: `readOnly` properties are not required in requests, and
/// `writeOnly` properties are not required in responses and have no place there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Direction {
    Request,
    Response,
}

/// Rewrites schemas of one description.
pub(crate) struct SchemaBundler {
    /// True for OpenAPI 3.0, whose schemas are not JSON Schemas: `nullable`, boolean
    /// `exclusiveMinimum`, and nothing counts beside `$ref`.
    is_version_3_0: bool,
    /// Names in `$defs` by reference.
    names: BTreeMap<String, String>,
    definitions: HashMap<(String, Direction), Rc<Definition>>,
}

/// A schema that others refer to.
#[derive(Default)]
struct Definition {
    schema: Json,
    refers_to: Vec<String>,
}

/// Context in which a schema is rewritten.
struct Rewriting<'b, 'd, 'r> {
    bundler: &'b mut SchemaBundler,
    references: &'b mut References<'d>,
    reader: &'r mut Reader,
    direction: Direction,
    refers_to: Vec<String>,
}

impl SchemaBundler {
    /// Returns a bundler for OpenAPI 3.0, or for 3.1 and later.
    pub(crate) fn new(is_version_3_0: bool) -> Self {
        Self { is_version_3_0, names: BTreeMap::new(), definitions: HashMap::new() }
    }

    /// Returns a schema with everything that it refers to in `$defs`.
    pub(crate) fn bundle<'d>(
        &mut self,
        node: &'d Node,
        direction: Direction,
        references: &mut References<'d>,
        reader: &mut Reader,
    ) -> Json {
        let whole = self.definition(node, direction, references, reader);
        let mut defs: BTreeMap<String, Json> = BTreeMap::new();
        let mut open = whole.refers_to.clone();
        while let Some(reference) = open.pop() {
            let name = self.name(&reference);
            if defs.contains_key(&name) {
                continue;
            }
            let key = (reference.clone(), direction);
            let definition = match self.definitions.get(&key) {
                Some(known) => Rc::clone(known),
                None => {
                    let place = Node { span: node.span.clone(), value: Value::String(reference) };
                    let target = references.target(&place, reader);
                    let made = target.map_or_else(
                        || Definition { schema: json!({}), refers_to: Vec::new() },
                        |target| self.definition(target, direction, references, reader),
                    );
                    let made = Rc::new(made);
                    self.definitions.insert(key, Rc::clone(&made));
                    made
                }
            };
            open.extend(definition.refers_to.iter().cloned());
            defs.insert(name, definition.schema.clone());
        }
        let mut schema = whole.schema;
        if !defs.is_empty()
            && let Json::Object(schema) = &mut schema
        {
            schema.insert("$defs".to_owned(), Json::Object(defs.into_iter().collect()));
        }
        schema
    }

    fn definition<'d>(
        &mut self,
        node: &'d Node,
        direction: Direction,
        references: &mut References<'d>,
        reader: &mut Reader,
    ) -> Definition {
        let mut rewriting = Rewriting { bundler: self, references, reader, direction, refers_to: Vec::new() };
        let schema = rewriting.schema(node);
        let refers_to = rewriting.refers_to;
        Definition { schema, refers_to }
    }

    /// Returns the name in `$defs` for a reference such as `#/components/schemas/Pet`.
    fn name(&mut self, reference: &str) -> String {
        if let Some(known) = self.names.get(reference) {
            return known.clone();
        }
        let last = references::steps(reference.trim_start_matches('#')).and_then(|mut steps| steps.pop());
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let base: String = last.unwrap_or_default().chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
        let is_taken = |name: &String| self.names.values().any(|known| known == name);
        let numbered = (2..).map(|number| format!("{base}-{number}"));
        let name = std::iter::once(base.clone()).chain(numbered).find(|name| !is_taken(name)).unwrap_or_default();
        self.names.insert(reference.to_owned(), name.clone());
        name
    }
}

impl<'d> Rewriting<'_, 'd, '_> {
    fn schema(&mut self, node: &'d Node) -> Json {
        let members = match &node.value {
            Value::Bool(allows) => return (*allows).into(),
            Value::Object(members) => members,
            _ => {
                self.warn(node, format!("a schema is an object, not {}", node.kind_name()), "write `{…}` here");
                return json!({});
            }
        };
        let mut schema = Map::new();
        if let Some(reference) = node.get("$ref") {
            if let Some(name) = self.reference(reference) {
                schema.insert("$ref".to_owned(), name.into());
            }
            if self.bundler.is_version_3_0 {
                return schema.into();
            }
        }
        for member in members {
            self.keyword(&member.key, &member.value, node, &mut schema);
        }
        if let Some(Json::Bool(true)) = node.get("nullable").map(Node::to_json) {
            return allow_null(schema);
        }
        schema.into()
    }

    fn keyword(&mut self, key: &str, value: &'d Node, whole: &'d Node, schema: &mut Map<String, Json>) {
        let rewritten = match key {
            "items" if matches!(value.value, Value::Array(_)) => {
                let items = value.items().iter().map(|item| self.schema(item)).collect();
                drop(schema.insert("prefixItems".to_owned(), Json::Array(items)));
                return;
            }
            _ if SCHEMA.contains(&key) => self.schema(value),
            _ if SCHEMA_LIST.contains(&key) => {
                let schemas: Vec<Json> = value.items().iter().map(|item| self.schema(item)).collect();
                if schemas.is_empty() {
                    return;
                }
                schemas.into()
            }
            _ if SCHEMA_MAP.contains(&key) => {
                let members = value.members().iter();
                Json::Object(members.map(|member| (member.key.clone(), self.schema(&member.value))).collect())
            }
            // written as `exclusiveMinimum` or `exclusiveMaximum`, see there
            "minimum" | "maximum" if is_exclusive(key, whole) => return,
            _ if NUMBER.iter().any(|(name, _)| *name == key) => {
                let is_count = NUMBER.contains(&(key, true));
                let number = value.to_json();
                if !number.as_f64().is_some_and(|number| !is_count || (number >= 0.0 && number.fract() == 0.0)) {
                    self.warn(value, format!("`{key}` is a number, not {}", value.kind_name()), "correct it");
                    return;
                }
                number
            }
            "exclusiveMinimum" | "exclusiveMaximum" => return exclusive(key, value, whole, schema),
            "required" => self.required(value, whole),
            "type" => match self.types(value) {
                Some(types) => types,
                None => return,
            },
            "dependentRequired" | "const" => value.to_json(),
            "enum" if !value.items().is_empty() => value.to_json(),
            "uniqueItems" if matches!(value.value, Value::Bool(_)) => value.to_json(),
            "format" | "pattern" if value.as_str().is_some() => value.to_json(),
            "example" | "examples" | "default" | "writeOnly" if self.direction == Direction::Response => {
                value.to_json()
            }
            "discriminator" if self.direction == Direction::Response => self.discriminator(value),
            "$dynamicRef" | "$recursiveRef" => {
                self.warn(value, format!("`{key}` is not followed: it allows everything"), "use `$ref`");
                return;
            }
            _ => return,
        };
        schema.insert(key.to_owned(), rewritten);
    }

    /// Returns the reference to `$defs` for a `$ref`.
    fn reference(&mut self, reference: &Node) -> Option<String> {
        let text = reference.as_str()?;
        self.references.target(reference, self.reader)?;
        self.refers_to.push(text.to_owned());
        Some(format!("{DEFS_PREFIX}{}", self.bundler.name(text)))
    }

    /// Returns the required properties that the direction does not excuse.
    fn required(&mut self, value: &Node, whole: &'d Node) -> Json {
        let excuse = if self.direction == Direction::Request { "readOnly" } else { "writeOnly" };
        let names = value.items().iter().filter_map(Node::as_str).filter(|name| {
            let property = whole.get("properties").and_then(|properties| properties.get(name));
            let property = property.and_then(|property| self.references.resolve(property, self.reader));
            !property
                .and_then(|property| property.get(excuse))
                .is_some_and(|excused| excused.value == Value::Bool(true))
        });
        // a name that stands twice would make the schema invalid
        let mut unique: Vec<&str> = Vec::new();
        for name in names {
            if !unique.contains(&name) {
                unique.push(name);
            }
        }
        unique.into()
    }

    fn types(&mut self, value: &Node) -> Option<Json> {
        let named: Vec<&str> = match &value.value {
            Value::String(name) => vec![name],
            _ => value.items().iter().filter_map(Node::as_str).collect(),
        };
        let known: Vec<&str> = named.iter().copied().filter(|name| TYPES.contains(name)).collect();
        if known.is_empty() || known.len() < named.len() {
            let help = format!("write one of {}", TYPES.join(", "));
            self.warn(value, "`type` is not a type of JSON Schema".to_owned(), help);
        }
        match known.as_slice() {
            [] => None,
            [one] => Some((*one).into()),
            _ => Some(known.into()),
        }
    }

    /// Returns a discriminator whose mapping names schemas in `$defs`.
    fn discriminator(&mut self, value: &'d Node) -> Json {
        let mut mapping = Map::new();
        for member in value.get("mapping").map_or(&[][..], Node::members) {
            let Some(text) = member.value.as_str() else { continue };
            let reference = if text.contains('#') || text.contains('/') {
                text.to_owned()
            } else {
                format!("#/components/schemas/{text}")
            };
            let place = Node { span: member.value.span.clone(), value: Value::String(reference) };
            mapping.extend(self.reference(&place).map(|name| (member.key.clone(), name.into())));
        }
        let property = value.get("propertyName").map_or(Json::Null, Node::to_json);
        json!({ "propertyName": property, "mapping": mapping })
    }

    fn warn(&mut self, place: &Node, message: String, help: impl Into<String>) {
        self.reader.report_here(Defect::warning(message).help(help), place);
    }
}

/// Writes `exclusiveMinimum` or `exclusiveMaximum`, which is a boolean beside the bound in OpenAPI
/// 3.0.
fn exclusive(key: &str, value: &Node, whole: &Node, schema: &mut Map<String, Json>) {
    let bound = if key == "exclusiveMinimum" { "minimum" } else { "maximum" };
    match &value.value {
        Value::Bool(true) => schema.extend(whole.get(bound).map(|bound| (key.to_owned(), bound.to_json()))),
        Value::Number(_) => drop(schema.insert(key.to_owned(), value.to_json())),
        _ => {}
    }
}

/// Returns true if the bound `minimum` or `maximum` is exclusive, by a boolean beside it.
fn is_exclusive(bound: &str, whole: &Node) -> bool {
    let key = if bound == "minimum" { "exclusiveMinimum" } else { "exclusiveMaximum" };
    whole.get(key).is_some_and(|value| value.value == Value::Bool(true))
}

/// Returns a schema that also allows null.
fn allow_null(mut schema: Map<String, Json>) -> Json {
    if let Some(Json::Array(values)) = schema.get_mut("enum")
        && !values.contains(&Json::Null)
    {
        values.push(Json::Null);
    }
    if schema.is_empty() {
        return schema.into();
    }
    match schema.get_mut("type") {
        Some(types @ Json::String(_)) => *types = json!([types.take(), "null"]),
        Some(Json::Array(types)) => types.push("null".into()),
        _ => return json!({"anyOf": [schema, {"type": "null"}]}),
    }
    schema.into()
}
