//! Prints values: as Java's `toString` does, and as JSON as Jackson does.

use std::sync::Arc;

use super::budget::{MAX_OUTPUT_BYTES, RenderError};
use super::eval::Evaluator;
use super::value::{ListKind, MapKind, TemplateValue, XmlValue};
use standin_dialect::dates::print_date;
use standin_dialect::java_decimal::plain_decimal_text;
use standin_dialect::java_text::double_text;
use standin_dialect::json::push_quoted;

/// The layout of JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    Compact,
    /// Compact, with numbers without exponents.
    CompactPlain,
    /// One member per line and the items of a list on one line, with numbers without exponents, as
    /// Jackson prints.
    Pretty,
    /// Pretty, without members that are null.
    PrettyNonNull,
}

impl Layout {
    fn is_pretty(self) -> bool {
        matches!(self, Self::Pretty | Self::PrettyNonNull)
    }
}

impl Evaluator<'_> {
    /// Writes a value to the output; nothing for null.
    pub(crate) fn write(&mut self, value: &TemplateValue) -> Result<(), RenderError> {
        match value {
            TemplateValue::Null => Ok(()),
            TemplateValue::Text(text) | TemplateValue::Named(text) | TemplateValue::Number(text) => self.push(text),
            value => {
                let mut text = String::new();
                self.java(value, &mut text)?;
                self.push(&text)
            }
        }
    }

    /// Returns the text of a value; empty for null.
    pub(crate) fn text_of(&mut self, value: &TemplateValue) -> Result<Arc<str>, RenderError> {
        match value {
            TemplateValue::Null => Ok("".into()),
            TemplateValue::Text(text) | TemplateValue::Named(text) | TemplateValue::Number(text) => {
                Ok(Arc::clone(text))
            }
            value => {
                let mut text = String::new();
                self.java(value, &mut text)?;
                Ok(text.into())
            }
        }
    }

    fn java(&mut self, value: &TemplateValue, out: &mut String) -> Result<(), RenderError> {
        let before = out.len();
        self.budget.spend(1)?;
        match value {
            TemplateValue::Null => out.push_str("null"),
            TemplateValue::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            TemplateValue::Int(number) => out.push_str(&number.to_string()),
            TemplateValue::Double(number) => out.push_str(&double_text(*number)),
            TemplateValue::Number(text) | TemplateValue::Text(text) | TemplateValue::Named(text) => out.push_str(text),
            TemplateValue::Date(date) => {
                let text = print_date(date.at, date.format.as_deref(), date.zone.as_ref())?;
                out.push_str(&text);
            }
            TemplateValue::List(list) => match &list.kind {
                ListKind::Path(path) => out.push_str(path),
                ListKind::Json => self.json(value, Layout::Compact, 0, out)?,
                ListKind::Values => {
                    if let Some(first) = list.items.first() {
                        self.java(first, out)?;
                    }
                }
                ListKind::Plain => {
                    out.push('[');
                    for (place, item) in list.items.iter().enumerate() {
                        out.push_str(if place == 0 { "" } else { ", " });
                        self.java(item, out)?;
                    }
                    out.push(']');
                }
            },
            TemplateValue::Map(map) if map.kind == MapKind::Json => self.json(value, Layout::PrettyNonNull, 0, out)?,
            TemplateValue::Map(map) if matches!(map.kind, MapKind::Path(_)) => {
                if let MapKind::Path(path) = &map.kind {
                    out.push_str(path);
                }
            }
            TemplateValue::Xml(node) => out.push_str(&self.xml_text(node)?),
            TemplateValue::Map(_) | TemplateValue::Part(_) => {
                out.push('{');
                for (place, (key, value)) in self.entries(value).unwrap_or_default().into_iter().enumerate() {
                    out.push_str(if place == 0 { "" } else { ", " });
                    out.push_str(&key);
                    out.push('=');
                    self.java(&value, out)?;
                }
                out.push('}');
            }
        }
        self.budget.spend_bytes(out.len() - before)
    }

    /// Returns the text of an XML node, and spends steps for what was written.
    fn xml_text(&mut self, node: &XmlValue) -> Result<String, RenderError> {
        // one byte more, so that a text that was cut exceeds the limit
        let text = node.document.shown(node.place, MAX_OUTPUT_BYTES + 1);
        self.budget.spend_bytes(text.len())?;
        if text.len() > MAX_OUTPUT_BYTES {
            return Err(RenderError::failed(format!("the XML is longer than {} MiB", MAX_OUTPUT_BYTES >> 20)));
        }
        Ok(text)
    }

    /// Returns the JSON of a value.
    pub(crate) fn json_of(&mut self, value: &TemplateValue, layout: Layout) -> Result<String, RenderError> {
        let mut out = String::new();
        self.json(value, layout, 0, &mut out)?;
        Ok(out)
    }

    fn json(
        &mut self,
        value: &TemplateValue,
        layout: Layout,
        depth: usize,
        out: &mut String,
    ) -> Result<(), RenderError> {
        let before = out.len();
        self.budget.spend(1)?;
        match value {
            TemplateValue::Double(number) if !number.is_finite() => push_quoted(&double_text(*number), out),
            TemplateValue::Null | TemplateValue::Bool(_) | TemplateValue::Int(_) | TemplateValue::Double(_) => {
                self.java(value, out)?;
            }
            TemplateValue::Number(text) if layout == Layout::Compact => out.push_str(text),
            TemplateValue::Number(text) => out.push_str(&plain_decimal_text(text).ok_or_else(|| {
                RenderError::failed(format!("the number `{text}` is too long to be written without an exponent"))
            })?),
            TemplateValue::Text(text) | TemplateValue::Named(text) => push_quoted(text, out),
            TemplateValue::Date(_) => {
                let mut text = String::new();
                self.java(value, &mut text)?;
                push_quoted(&text, out);
            }
            TemplateValue::List(list) if list.kind == ListKind::Values && list.items.len() == 1 => {
                self.json(&list.items[0], layout, depth, out)?;
            }
            TemplateValue::List(list) => self.json_list(&list.items, layout, depth, out)?,
            TemplateValue::Map(_) | TemplateValue::Part(_) | TemplateValue::Xml(_) => {
                let entries = self.entries(value).unwrap_or_default();
                self.json_map(&entries, layout, depth, out)?;
            }
        }
        self.budget.spend_bytes(out.len() - before)
    }

    fn json_list(
        &mut self,
        items: &[TemplateValue],
        layout: Layout,
        depth: usize,
        out: &mut String,
    ) -> Result<(), RenderError> {
        let (open, between, close) = if layout.is_pretty() { ("[ ", ", ", " ]") } else { ("[", ",", "]") };
        if items.is_empty() {
            out.push_str(if layout.is_pretty() { "[ ]" } else { "[]" });
            return Ok(());
        }
        for (place, item) in items.iter().enumerate() {
            out.push_str(if place == 0 { open } else { between });
            self.json(item, layout, depth, out)?;
        }
        out.push_str(close);
        Ok(())
    }

    fn json_map(
        &mut self,
        entries: &[(Arc<str>, TemplateValue)],
        layout: Layout,
        depth: usize,
        out: &mut String,
    ) -> Result<(), RenderError> {
        let mut is_first = true;
        for (key, value) in entries {
            if layout == Layout::PrettyNonNull && value.is_null() {
                continue;
            }
            out.push(if is_first { '{' } else { ',' });
            is_first = false;
            if layout.is_pretty() {
                new_line(depth + 1, out);
            }
            push_quoted(key, out);
            out.push_str(if layout.is_pretty() { " : " } else { ":" });
            self.json(value, layout, depth + 1, out)?;
        }
        if is_first {
            out.push_str(if layout.is_pretty() { "{ }" } else { "{}" });
            return Ok(());
        }
        if layout.is_pretty() {
            new_line(depth, out);
        }
        out.push('}');
        Ok(())
    }
}

fn new_line(depth: usize, out: &mut String) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}
