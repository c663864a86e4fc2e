//! [`Sampler`]: makes one value for a schema.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::merge::{Kind, Merged};
use super::{number, text};
use crate::schema::CompiledSchema;

/// A way to make a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    /// Takes the examples of the schema.
    WithExamples,
    /// Ignores the examples of a description.
    WithoutExamples,
    /// Ignores them, and checks each part whose schema has conditions.
    Careful,
}

impl Attempt {
    pub(super) const ALL: &[Self] = &[Self::WithExamples, Self::WithoutExamples, Self::Careful];
}

/// Error: a schema has no value that can be made here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoValue;

/// Makes one value for a schema that stands alone.
pub(super) struct Sampler<'s> {
    root: &'s Value,
    attempt: Attempt,
    /// Levels of objects that have optional properties.
    pub(super) optional_depth: usize,
    /// References of the values around the one that is made.
    open: Vec<&'s str>,
    /// Number of values made, including parts.
    pub(super) values: usize,
    steps: usize,
    /// Schemas with conditions, by the addresses of their parts.
    checks: HashMap<Vec<usize>, CompiledSchema>,
}

/// A value that is to be made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    /// Levels of objects around it.
    pub(super) depth: usize,
    /// Number of the value among values that must differ.
    pub(super) number: usize,
    /// True to leave out everything that is not required.
    pub(super) is_small: bool,
    /// True to make texts long and numbers broken.
    pub(super) is_unusual: bool,
}

impl<'s> Sampler<'s> {
    pub(super) fn new(root: &'s Value, attempt: Attempt, optional_depth: usize) -> Self {
        Self { root, attempt, optional_depth, open: Vec::new(), values: 0, steps: 0, checks: HashMap::new() }
    }

    /// Makes a value for the whole schema.
    pub(super) fn whole(&mut self) -> Result<Value, NoValue> {
        self.value(&[self.root], Wish { depth: 0, number: 0, is_small: false, is_unusual: false })
    }

    /// Makes a value for which all of these schemas hold.
    pub(super) fn value(&mut self, schemas: &[&'s Value], wish: Wish) -> Result<Value, NoValue> {
        let mut merged = Merged::default();
        if !schemas.iter().all(|schema| merged.add(schema, self.root)) || wish.depth > MAX_DEPTH {
            return Err(NoValue);
        }
        self.with_choices(merged, schemas, wish)
    }

    /// Tries the alternatives of the first open choice in turn, then those of the next.
    fn with_choices(&mut self, mut merged: Merged<'s>, schemas: &[&'s Value], wish: Wish) -> Result<Value, NoValue> {
        self.steps += 1;
        if self.steps > MAX_STEPS || merged.choices.len() > MAX_CHOICES {
            return Err(NoValue);
        }
        if merged.choices.is_empty() {
            return self.chosen(&merged, schemas, wish);
        }
        let choice = merged.choices.remove(0);
        for branch in 0..choice.branches.len() {
            // values that must differ may come from different alternatives
            let branch = (branch + if self.is_careful() { wish.number } else { 0 }) % choice.branches.len();
            let mut with = merged.clone();
            if with.choose(&choice, branch, self.root)
                && let Ok(value) = self.with_choices(with, schemas, wish)
            {
                return Ok(value);
            }
        }
        Err(NoValue)
    }

    fn chosen(&mut self, merged: &Merged<'s>, schemas: &[&'s Value], wish: Wish) -> Result<Value, NoValue> {
        if merged.references.iter().any(|reference| self.open.contains(reference)) {
            // the value would contain one of its own kind
            return if merged.kinds.as_ref().is_some_and(|kinds| kinds.contains(&Kind::Null)) {
                Ok(Value::Null)
            } else {
                Err(NoValue)
            };
        }
        let before = self.open.len();
        self.open.extend(&merged.references);
        let made = if self.is_careful() && merged.has_conditions {
            self.checked(merged, schemas, wish)
        } else {
            self.of_kinds(merged, wish)
        };
        self.open.truncate(before);
        self.values += 1;
        made
    }

    /// Makes values until one is valid.
    fn checked(&mut self, merged: &Merged<'s>, schemas: &[&'s Value], wish: Wish) -> Result<Value, NoValue> {
        let numbers = (0..MAX_VARIANTS).flat_map(|number| [(number, false), (number, true)]);
        for (number, is_unusual) in numbers {
            for is_small in [wish.is_small, true] {
                let is_unusual = is_unusual || wish.is_unusual;
                self.steps += STEPS_OF_CHECK;
                if self.steps > MAX_STEPS {
                    return Err(NoValue);
                }
                let variant = Wish { number: wish.number + number, is_small, is_unusual, ..wish };
                if let Ok(value) = self.of_kinds(merged, variant)
                    && self.check(schemas).is_none_or(|check| check.allows(&value))
                {
                    return Ok(value);
                }
            }
        }
        Err(NoValue)
    }

    /// Returns the evaluator of a part; `None` if there are too many of them. The whole is checked
    /// in any case.
    fn check(&mut self, schemas: &[&'s Value]) -> Option<&CompiledSchema> {
        let key: Vec<usize> = schemas.iter().map(|schema| std::ptr::from_ref(*schema) as usize).collect();
        if self.checks.len() >= MAX_CHECKS && !self.checks.contains_key(&key) {
            return None;
        }
        let root = self.root;
        let check = self.checks.entry(key).or_insert_with(|| {
            let mut whole = Map::new();
            whole.insert("allOf".to_owned(), schemas.iter().map(|schema| (*schema).clone()).collect());
            whole.extend(root.get("$defs").map(|defs| ("$defs".to_owned(), defs.clone())));
            CompiledSchema::new(whole.into())
        });
        Some(check)
    }

    /// Makes a value of the first type that has one.
    fn of_kinds(&mut self, merged: &Merged<'s>, wish: Wish) -> Result<Value, NoValue> {
        if let Some(values) = &merged.values {
            let allowed: Vec<&&Value> = values
                .iter()
                .filter(|value| merged.kinds.as_ref().is_none_or(|kinds| includes(kinds, value)))
                .collect();
            // null beside other values means that there is none
            let place = usize::from(allowed.len() > 1 && allowed[0].is_null());
            return allowed
                .get((place + wish.number) % allowed.len().max(1))
                .map(|value| (**value).clone())
                .ok_or(NoValue);
        }
        let kinds = merged.kinds.clone().unwrap_or_else(|| vec![guessed_kind(merged)]);
        if self.attempt == Attempt::WithExamples
            && wish.number == 0
            && let Some(example) = merged.examples.iter().find(|example| includes(&kinds, example))
        {
            return Ok((*example).clone());
        }
        let (null, others): (Vec<Kind>, Vec<Kind>) = kinds.into_iter().partition(|kind| *kind == Kind::Null);
        others.into_iter().chain(null).find_map(|kind| self.of_kind(kind, merged, wish).ok()).ok_or(NoValue)
    }

    fn of_kind(&mut self, kind: Kind, merged: &Merged<'s>, wish: Wish) -> Result<Value, NoValue> {
        match kind {
            Kind::Object => self.object(merged, wish),
            Kind::Array => self.array(merged, wish),
            Kind::String if wish.is_unusual => text::long(merged, wish.number).map(Value::String).ok_or(NoValue),
            Kind::String => text::sample(merged, wish.number).map(Value::String).ok_or(NoValue),
            Kind::Integer => number::sample(merged, true, wish.number).ok_or(NoValue),
            Kind::Number => {
                let number = number::sample(merged, false, wish.number).ok_or(NoValue)?;
                Ok(if wish.is_unusual { number.as_f64().map_or(number, |number| json!(number + 0.5)) } else { number })
            }
            Kind::Boolean => Ok(json!(wish.number.is_multiple_of(2))),
            Kind::Null => Ok(Value::Null),
        }
    }

    /// Returns the whole schema.
    pub(super) fn root(&self) -> &'s Value {
        self.root
    }

    /// Returns true if parts with conditions are checked.
    pub(super) fn is_careful(&self) -> bool {
        self.attempt == Attempt::Careful
    }
}

fn includes(kinds: &[Kind], value: &Value) -> bool {
    kinds.iter().any(|kind| kind.includes(value))
}

/// Returns the type that the keywords of a schema without `type` speak of.
fn guessed_kind(merged: &Merged<'_>) -> Kind {
    let has = |keys: &[&str]| keys.iter().any(|key| merged.all(key).next().is_some());
    if has(&["properties", "required", "additionalProperties", "minProperties", "patternProperties"]) {
        Kind::Object
    } else if has(&["items", "prefixItems", "minItems", "maxItems", "contains", "uniqueItems"]) {
        Kind::Array
    } else if has(&["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]) {
        Kind::Number
    } else {
        Kind::String
    }
}

/// Maximum number of values that are made of one sample, including those that are given up.
const MAX_STEPS: usize = 20_000;

/// Steps that the evaluation of a part counts for.
const STEPS_OF_CHECK: usize = 4;

/// Maximum number of open choices of one value.
const MAX_CHOICES: usize = 100;

/// Maximum number of parts that are evaluated on their own.
const MAX_CHECKS: usize = 64;

/// Maximum depth of nested objects and lists.
const MAX_DEPTH: usize = 60;

/// Number of variants of a part that is checked.
const MAX_VARIANTS: usize = 8;
