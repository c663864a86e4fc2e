//! [`Merged`]: everything that some schemas say about one value.

use serde_json::{Map, Value};

use crate::schema::DEFS_PREFIX;

/// A type of JSON values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
    Null,
}

impl Kind {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "object" => Self::Object,
            "array" => Self::Array,
            "string" => Self::String,
            "integer" => Self::Integer,
            "number" => Self::Number,
            "boolean" => Self::Boolean,
            "null" => Self::Null,
            _ => return None,
        })
    }

    /// Returns true if a value is of this type.
    pub(crate) fn includes(self, value: &Value) -> bool {
        match self {
            Self::Object => value.is_object(),
            Self::Array => value.is_array(),
            Self::String => value.is_string(),
            Self::Integer => value.as_f64().is_some_and(|number| number.fract() == 0.0),
            Self::Number => value.is_number(),
            Self::Boolean => value.is_boolean(),
            Self::Null => value.is_null(),
        }
    }
}

/// A choice between alternatives, each a list of schemas.
#[derive(Clone, Debug)]
pub(crate) struct Choice<'s> {
    pub(super) branches: Vec<Vec<&'s Value>>,
    discriminator: Option<&'s Value>,
}

/// Everything that some schemas say about one value.
#[derive(Clone, Debug, Default)]
pub(crate) struct Merged<'s> {
    /// Types that are allowed, in order; `None` if all are.
    pub(crate) kinds: Option<Vec<Kind>>,
    /// Values that are allowed, if they are listed.
    pub(crate) values: Option<Vec<&'s Value>>,
    /// Values that the schemas give as examples or defaults.
    pub(super) examples: Vec<&'s Value>,
    /// Open choices, of `oneOf`, `anyOf` and `if`.
    pub(crate) choices: Vec<Choice<'s>>,
    /// References that led here, the outermost first.
    pub(super) references: Vec<&'s str>,
    /// The keyword members of each schema, for bounds that are read where they are needed.
    pub(crate) schemas: Vec<&'s Map<String, Value>>,
    pub(super) properties: Vec<(&'s str, Vec<&'s Value>)>,
    pub(super) required: Vec<&'s str>,
    /// Properties whose values discriminators give, with these values.
    pub(super) discriminated: Vec<(&'s str, &'s str)>,
    /// True if a schema says what not every value of the right type and bounds meets.
    pub(super) has_conditions: bool,
}

impl<'s> Merged<'s> {
    /// Adds a schema. Returns false if no value can be valid any more.
    pub(crate) fn add(&mut self, schema: &'s Value, root: &'s Value) -> bool {
        let Value::Object(members) = schema else { return schema != &Value::Bool(false) };
        if let Some(name) = members.get("$ref").and_then(Value::as_str).and_then(definition_name)
            && !self.references.contains(&name)
        {
            if self.references.len() >= MAX_REFERENCES {
                return false;
            }
            self.references.push(name);
            if let Some(target) = root.get("$defs").and_then(|defs| defs.get(name))
                && !self.add(target, root)
            {
                return false;
            }
        }
        if let Some(Value::Array(parts)) = members.get("allOf")
            && !parts.iter().all(|part| self.add(part, root))
        {
            return false;
        }
        self.schemas.push(members);
        self.has_conditions |= CONDITIONS.iter().any(|key| members.contains_key(*key));
        self.add_examples(members);
        self.add_choices(members);
        self.add_object(members);
        self.add_discriminator(members, root);
        self.add_kinds(members) && self.add_values(members)
    }

    /// Returns the greatest value of a keyword that is a lower bound.
    pub(super) fn at_least(&self, key: &str) -> Option<f64> {
        self.numbers(key).reduce(f64::max)
    }

    /// Returns the least value of a keyword that is an upper bound.
    pub(super) fn at_most(&self, key: &str) -> Option<f64> {
        self.numbers(key).reduce(f64::min)
    }

    /// Returns the values of a keyword that holds numbers.
    pub(super) fn numbers(&self, key: &str) -> impl Iterator<Item = f64> {
        self.all(key).filter_map(Value::as_f64)
    }

    /// Returns the texts of a keyword.
    pub(crate) fn texts(&self, key: &str) -> impl Iterator<Item = &'s str> {
        self.all(key).filter_map(Value::as_str)
    }

    /// Returns the values of a keyword.
    pub(crate) fn all(&self, key: &str) -> impl Iterator<Item = &'s Value> {
        self.schemas.iter().filter_map(move |schema| schema.get(key))
    }

    /// Returns true if a value of this type is allowed.
    pub(super) fn may_be(&self, kind: Kind) -> bool {
        self.kinds.as_ref().is_none_or(|kinds| kinds.contains(&kind))
    }

    fn add_kinds(&mut self, members: &Map<String, Value>) -> bool {
        let named: Vec<Kind> = match members.get("type") {
            Some(Value::String(name)) => Kind::named(name).into_iter().collect(),
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).filter_map(Kind::named).collect(),
            _ => return true,
        };
        let kinds = match self.kinds.take() {
            None => named,
            // an integer is a number too
            Some(before) => {
                let narrowed = |kind: Kind| match kind {
                    Kind::Number if !named.contains(&kind) && named.contains(&Kind::Integer) => Kind::Integer,
                    kind => kind,
                };
                let is_named =
                    |kind: &Kind| named.contains(kind) || (*kind == Kind::Integer && named.contains(&Kind::Number));
                before.into_iter().map(narrowed).filter(is_named).collect()
            }
        };
        let is_possible = !kinds.is_empty();
        self.kinds = Some(kinds);
        is_possible
    }

    fn add_values(&mut self, members: &'s Map<String, Value>) -> bool {
        let listed = members.get("enum").and_then(Value::as_array).map(|values| values.iter().collect());
        for values in listed.into_iter().chain(members.get("const").map(|value| vec![value])) {
            let kept: Vec<&Value> = match &self.values {
                None => values,
                Some(before) => before.iter().copied().filter(|value| values.contains(value)).collect(),
            };
            if kept.is_empty() {
                return false;
            }
            self.values = Some(kept);
        }
        true
    }

    fn add_examples(&mut self, members: &'s Map<String, Value>) {
        self.examples.extend(members.get("example"));
        self.examples.extend(members.get("examples").and_then(Value::as_array).and_then(|list| list.first()));
        self.examples.extend(members.get("default"));
    }

    fn add_choices(&mut self, members: &'s Map<String, Value>) {
        for key in ["oneOf", "anyOf"] {
            if let Some(Value::Array(branches)) = members.get(key) {
                let branches = branches.iter().map(|branch| vec![branch]).collect();
                self.choices.push(Choice { branches, discriminator: members.get("discriminator") });
            }
        }
        if let Some(condition) = members.get("if") {
            let held = std::iter::once(condition).chain(members.get("then")).collect();
            let branches = vec![held, members.get("else").into_iter().collect()];
            self.choices.push(Choice { branches, discriminator: None });
        }
    }

    fn add_object(&mut self, members: &'s Map<String, Value>) {
        for (name, schema) in members.get("properties").and_then(Value::as_object).into_iter().flatten() {
            match self.properties.iter_mut().find(|(known, _)| known == name) {
                Some((_, schemas)) => schemas.push(schema),
                None => self.properties.push((name, vec![schema])),
            }
        }
        for name in members.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            if !self.required.contains(&name) {
                self.required.push(name);
            }
        }
    }

    /// Adds an alternative of a choice. Returns false if no value can be valid any more.
    pub(super) fn choose(&mut self, choice: &Choice<'s>, branch: usize, root: &'s Value) -> bool {
        let schemas = &choice.branches[branch];
        let name = schemas.first().and_then(|schema| schema.get("$ref")).and_then(Value::as_str);
        if let (Some(discriminator), Some(name)) = (choice.discriminator, name.and_then(definition_name))
            && let Some(property) = discriminator.get("propertyName").and_then(Value::as_str)
        {
            self.discriminated.push((property, key_of(discriminator, name).unwrap_or(name)));
        }
        schemas.iter().all(|schema| self.add(schema, root))
    }

    /// Adds the discriminator of a schema that others extend: the value tells the one that is asked
    /// for, or the first of them if it is the base itself.
    fn add_discriminator(&mut self, members: &'s Map<String, Value>, root: &'s Value) {
        let Some(discriminator) = members.get("discriminator") else { return };
        let Some(property) = discriminator.get("propertyName").and_then(Value::as_str) else { return };
        if members.contains_key("oneOf") || members.contains_key("anyOf") {
            return;
        }
        let Some((base, before)) = self.references.split_last() else { return };
        let mapped = before.iter().find_map(|name| key_of(discriminator, name));
        if let Some(key) = mapped.or(before.last().copied()).or_else(|| key_of(discriminator, base)) {
            self.discriminated.push((property, key));
            return;
        }
        let kinds = discriminator.get("mapping").and_then(Value::as_object);
        let first = kinds.and_then(|kinds| kinds.iter().next());
        let target = first.and_then(|(_, to)| root.get("$defs")?.get(definition_name(to.as_str()?)?));
        self.discriminated.push((property, first.map_or(base, |(key, _)| key)));
        if let Some(target) = target {
            self.choices.push(Choice { branches: vec![vec![target], Vec::new()], discriminator: None });
        }
    }
}

/// Returns the name in `$defs` that a reference has.
fn definition_name(reference: &str) -> Option<&str> {
    reference.strip_prefix(DEFS_PREFIX)
}

/// Returns the key that the mapping of a discriminator has for a schema.
fn key_of<'s>(discriminator: &'s Value, name: &str) -> Option<&'s str> {
    let mapping = discriminator.get("mapping")?.as_object()?;
    let found = mapping.iter().find(|(_, to)| to.as_str().and_then(definition_name) == Some(name));
    found.map(|(key, _)| key.as_str())
}

/// Maximum number of references that lead to one value.
const MAX_REFERENCES: usize = 200;

/// Keywords that not every value of the right type and bounds meets.
const CONDITIONS: &[&str] = &[
    "anyOf",
    "contains",
    "dependentRequired",
    "dependentSchemas",
    "if",
    "maxProperties",
    "not",
    "oneOf",
    "patternProperties",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
    "uniqueItems",
];
