//! Looking up names: from the inside out, through lists, objects and the parts of the call.

use std::sync::Arc;

use super::budget::{ENTRIES_A_STEP, Stop};
use super::eval::{Evaluator, Frame, Locals};
use super::model::Part;
use super::tree::{Origin, Path, Step};
use super::value::Value;

impl Evaluator<'_> {
    /// What a path leads to from a value, or else from what is around it.
    pub(crate) fn lookup_in(&mut self, value: &Value, path: &Path, frame: &Frame<'_>) -> Result<Value, Stop> {
        self.lookup(path, &Frame { value: value.clone(), locals: Locals::new(), parent: Some(frame) })
    }

    /// What a path leads to; null if nowhere.
    pub(super) fn lookup(&mut self, path: &Path, frame: &Frame<'_>) -> Result<Value, Stop> {
        self.budget.spend(1 + path.steps.len())?;
        let mut frame = frame;
        for _ in 0..path.up {
            let Some(parent) = frame.parent else { return Ok(Value::Null) };
            frame = parent;
        }
        match path.origin {
            Origin::This => return self.walk(frame.value.clone(), &path.steps),
            Origin::Root => return self.walk(Value::Part(Part::Root), &path.steps),
            Origin::Anywhere => {}
        }
        let Some((first, rest)) = path.steps.split_first() else { return Ok(Value::Null) };
        let mut around = Some(frame);
        let mut innermost = true;
        while let Some(frame) = around {
            let found = self.walk(frame.value.clone(), &path.steps)?;
            if !found.is_null() {
                return Ok(found);
            }
            let local =
                frame.locals.iter().rev().find(|(name, _)| *name == &*first.name).map(|(_, value)| value.clone());
            let variable = || {
                let name = first.name.strip_prefix('@').unwrap_or(&first.name);
                self.variables.iter().find(|(known, _)| **known == *name).map(|(_, value)| value.clone())
            };
            if let Some(value) = local.or_else(|| if innermost { variable() } else { None }) {
                let found = self.walk(value, rest)?;
                if !found.is_null() {
                    return Ok(found);
                }
            }
            (around, innermost) = (frame.parent, false);
        }
        Ok(Value::Null)
    }

    fn walk(&mut self, value: Value, steps: &[Step]) -> Result<Value, Stop> {
        let mut value = value;
        for step in steps {
            self.budget.spend(1)?;
            value = self.property(&value, step)?;
            if value.is_null() {
                break;
            }
        }
        Ok(value)
    }

    fn property(&mut self, value: &Value, step: &Step) -> Result<Value, Stop> {
        let name = &*step.name;
        Ok(match value {
            Value::List(list) => match (step.index, name) {
                (Some(index), _) => list.at(index).cloned().unwrap_or(Value::Null),
                (None, "first") => list.items.first().cloned().unwrap_or(Value::Null),
                (None, "last") => list.items.last().cloned().unwrap_or(Value::Null),
                (None, "size" | "length") => Value::whole(list.items.len()),
                (None, "empty" | "isEmpty") => Value::Bool(list.items.is_empty()),
                _ => Value::Null,
            },
            Value::Map(map) => {
                self.budget.spend(map.entries.len() / ENTRIES_A_STEP)?;
                match (map.get(name), name) {
                    (Some(value), _) => value.clone(),
                    (None, "size") => Value::whole(map.entries.len()),
                    (None, "empty" | "isEmpty") => Value::Bool(map.entries.is_empty()),
                    _ => Value::Null,
                }
            }
            Value::Part(part) => {
                if matches!(part, Part::Request | Part::Piece(_)) && name.starts_with("body") {
                    self.budget.spend_bytes(self.model.call.body().len())?;
                }
                self.budget.spend(3)?;
                self.model.get(*part, name).unwrap_or(Value::Null)
            }
            Value::Text(text) => match name {
                "length" => Value::whole(text.encode_utf16().count()),
                "empty" | "isEmpty" => Value::Bool(text.is_empty()),
                _ => Value::Null,
            },
            Value::Named(text) if name == "name" => Value::Text(Arc::clone(text)),
            Value::Date(date) if name == "time" => Value::Int(date.at.as_millisecond()),
            _ => Value::Null,
        })
    }

    /// The names and values of an object; `None` of anything else.
    pub(crate) fn entries(&self, value: &Value) -> Option<Vec<(Arc<str>, Value)>> {
        match value {
            Value::Map(map) => Some(map.entries.clone()),
            Value::Part(part) => Some(self.model.entries(*part)),
            _ => None,
        }
    }
}
