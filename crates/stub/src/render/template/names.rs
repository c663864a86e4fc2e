//! Looks up names: from the innermost scope outwards, through lists, objects and the parts of the
//! request.

use std::sync::Arc;

use super::budget::{ENTRIES_PER_STEP, RenderError};
use super::eval::Evaluator;
use super::request_part::RequestPart;
use super::scope::{Frame, Locals};
use super::tree::{NamePath, PathOrigin, PathStep};
use super::value::TemplateValue;

impl Evaluator<'_> {
    /// Looks up a path in a value, else in the enclosing scopes.
    pub(crate) fn lookup_in(
        &mut self,
        value: &TemplateValue,
        path: &NamePath,
        frame: &Frame<'_>,
    ) -> Result<TemplateValue, RenderError> {
        self.lookup(path, &Frame { value: value.clone(), locals: Locals::new(), parent: Some(frame) })
    }

    /// Looks up a path; null if it leads nowhere.
    pub(super) fn lookup(&mut self, path: &NamePath, frame: &Frame<'_>) -> Result<TemplateValue, RenderError> {
        self.budget.spend(1 + path.steps.len())?;
        let mut frame = frame;
        for _ in 0..path.up {
            let Some(parent) = frame.parent else { return Ok(TemplateValue::Null) };
            frame = parent;
        }
        match path.origin {
            PathOrigin::This => return self.walk(frame.value.clone(), &path.steps),
            PathOrigin::Root => return self.walk(TemplateValue::Part(RequestPart::Root), &path.steps),
            PathOrigin::Anywhere => {}
        }
        let Some((first, rest)) = path.steps.split_first() else { return Ok(TemplateValue::Null) };
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
        Ok(TemplateValue::Null)
    }

    fn walk(&mut self, value: TemplateValue, steps: &[PathStep]) -> Result<TemplateValue, RenderError> {
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

    fn property(&mut self, value: &TemplateValue, step: &PathStep) -> Result<TemplateValue, RenderError> {
        let name = &*step.name;
        Ok(match value {
            TemplateValue::List(list) => match (step.index, name) {
                (Some(index), _) => list.at(index).cloned().unwrap_or(TemplateValue::Null),
                (None, "first") => list.items.first().cloned().unwrap_or(TemplateValue::Null),
                (None, "last") => list.items.last().cloned().unwrap_or(TemplateValue::Null),
                (None, "size" | "length") => TemplateValue::from_usize(list.items.len()),
                (None, "empty" | "isEmpty") => TemplateValue::Bool(list.items.is_empty()),
                _ => TemplateValue::Null,
            },
            TemplateValue::Map(map) => {
                self.budget.spend(map.entries.len() / ENTRIES_PER_STEP)?;
                match (map.get(name), name) {
                    (Some(value), _) => value.clone(),
                    (None, "size") => TemplateValue::from_usize(map.entries.len()),
                    (None, "empty" | "isEmpty") => TemplateValue::Bool(map.entries.is_empty()),
                    _ => TemplateValue::Null,
                }
            }
            TemplateValue::Part(part) => {
                if matches!(part, RequestPart::Request | RequestPart::Piece(_)) && name.starts_with("body") {
                    self.budget.spend_bytes(self.model.call.body().len())?;
                }
                self.budget.spend(3)?;
                self.model.get(*part, name).unwrap_or(TemplateValue::Null)
            }
            TemplateValue::Text(text) => match name {
                "length" => TemplateValue::from_usize(text.encode_utf16().count()),
                "empty" | "isEmpty" => TemplateValue::Bool(text.is_empty()),
                _ => TemplateValue::Null,
            },
            TemplateValue::Named(text) if name == "name" => TemplateValue::Text(Arc::clone(text)),
            TemplateValue::Date(date) if name == "time" => TemplateValue::Int(date.at.as_millisecond()),
            TemplateValue::Xml(node) => node.property(name)?,
            _ => TemplateValue::Null,
        })
    }

    /// Returns the names and values of an object; `None` for other values.
    pub(crate) fn entries(&self, value: &TemplateValue) -> Option<Vec<(Arc<str>, TemplateValue)>> {
        match value {
            TemplateValue::Map(map) => Some(map.entries.clone()),
            TemplateValue::Part(part) => Some(self.model.entries(*part)),
            TemplateValue::Xml(node) => {
                let entry = |name: &&str| Some((Arc::from(*name), node.property(name).ok()?));
                Some(["attributes", "name", "text"].iter().filter_map(entry).collect())
            }
            _ => None,
        }
    }
}
