//! Evaluates a template: looks up names from the innermost scope outwards, calls helpers, and
//! writes the output.

use std::mem;
use std::sync::Arc;

use rand::Rng;
use serde_json::Value as Json;
use smallvec::SmallVec;

use super::budget::{MAX_CALLS, MAX_OUTPUT_BYTES, RenderBudget, RenderError};
use super::documents::{JsonDocument, ParsedDocuments};
use super::helper_args::HelperArgs;
use super::request_model::RequestModel;
use super::request_part::RequestPart;
use super::scope::{Frame, Locals};
use super::tree::{BlockTag, HelperCall, HelperParam, PartialTag, TemplateBody, TemplateNode};
use super::value::{ListKind, MapKind, TemplateValue};
use crate::render::helpers::Helper;
use standin_dialect::xml::Document;

/// The state of one rendering.
pub(crate) struct Evaluator<'t> {
    pub(crate) model: &'t RequestModel<'t>,
    pub(crate) budget: &'t mut RenderBudget,
    /// The source of random values.
    pub(crate) rng: &'t mut dyn Rng,
    out: String,
    /// The variables that `assign`, `val` and other helpers have set.
    pub(super) variables: Vec<(Arc<str>, TemplateValue)>,
    /// The partials of the enclosing bodies, innermost last.
    partials: Vec<(Arc<str>, &'t TemplateBody)>,
    /// The partials that `partial` has defined for the rest of the template.
    defined: Vec<(Arc<str>, &'t TemplateBody)>,
    /// The current nesting of calls.
    calls: usize,
    documents: ParsedDocuments,
}

impl<'t> Evaluator<'t> {
    pub(super) fn new(model: &'t RequestModel<'t>, budget: &'t mut RenderBudget, rng: &'t mut dyn Rng) -> Self {
        Self {
            model,
            budget,
            rng,
            out: String::new(),
            variables: Vec::new(),
            partials: Vec::new(),
            defined: Vec::new(),
            calls: 0,
            documents: ParsedDocuments::default(),
        }
    }

    /// Renders the whole template; `expected_bytes` is the probable length of the output.
    pub(super) fn run(mut self, body: &'t TemplateBody, expected_bytes: usize) -> Result<String, RenderError> {
        self.out.reserve(expected_bytes);
        let root = Frame { value: TemplateValue::Part(RequestPart::Root), locals: Locals::new(), parent: None };
        self.body(body, &root)?;
        Ok(self.out)
    }

    fn body(&mut self, body: &'t TemplateBody, frame: &Frame<'_>) -> Result<(), RenderError> {
        let known = self.partials.len();
        self.partials.extend(body.inlines.iter().map(|(name, body)| (Arc::clone(name), body)));
        for node in &body.nodes {
            self.budget.spend(1)?;
            match node {
                TemplateNode::Text(text) => self.push(text)?,
                TemplateNode::Tag(call) => {
                    let value = self.call(call, frame)?;
                    self.write(&value).map_err(|error| error.at(call.at))?;
                }
                TemplateNode::Block(block) => self.block(block, frame).map_err(|error| error.at(block.call.at))?,
                TemplateNode::Partial(partial) => {
                    self.nested(|evaluator| evaluator.partial(partial, frame)).map_err(|error| error.at(partial.at))?;
                }
            }
        }
        self.partials.truncate(known);
        Ok(())
    }

    /// Appends a text to the output.
    pub(crate) fn push(&mut self, text: &str) -> Result<(), RenderError> {
        self.budget.spend_bytes(text.len())?;
        if self.out.len() + text.len() > MAX_OUTPUT_BYTES {
            return Err(RenderError::failed(format!("the text is longer than {} MiB", MAX_OUTPUT_BYTES >> 20)));
        }
        self.out.push_str(text);
        Ok(())
    }

    /// Runs `inner` and returns its output instead of writing it.
    pub(crate) fn capture(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<(), RenderError>,
    ) -> Result<String, RenderError> {
        let outer = mem::take(&mut self.out);
        let result = inner(self);
        let inner = mem::replace(&mut self.out, outer);
        result.map(|()| inner)
    }

    /// Sets a variable for the rest of the template.
    pub(crate) fn assign(&mut self, name: &str, value: TemplateValue) {
        match self.variables.iter_mut().find(|(known, _)| **known == *name) {
            Some((_, known)) => *known = value,
            None => self.variables.push((name.into(), value)),
        }
    }

    /// Defines the body of a block as a partial.
    pub(crate) fn define(&mut self, name: &str, args: &HelperArgs<'t, '_>) {
        let Some(block) = args.block else { return };
        match self.defined.iter_mut().find(|(known, _)| **known == *name) {
            Some((_, body)) => *body = &block.body,
            None => self.defined.push((name.into(), &block.body)),
        }
    }

    /// Writes the partial of this name; returns false if there is none.
    pub(crate) fn write_partial(&mut self, name: &str, frame: &Frame<'_>) -> Result<bool, RenderError> {
        let mut known = self.partials.iter().rev().chain(&self.defined);
        let Some(&(_, body)) = known.find(|(known, _)| **known == *name) else { return Ok(false) };
        self.nested(|evaluator| evaluator.body(body, frame))?;
        Ok(true)
    }

    /// Writes the body of a block.
    pub(crate) fn inner(&mut self, args: &HelperArgs<'t, '_>) -> Result<(), RenderError> {
        args.block.map_or(Ok(()), |block| self.body(&block.body, args.frame))
    }

    /// Writes the `else` part of a block.
    pub(crate) fn otherwise(&mut self, args: &HelperArgs<'t, '_>) -> Result<(), RenderError> {
        args.block.map_or(Ok(()), |block| self.body(&block.otherwise, args.frame))
    }

    /// Writes the body of a block in a new scope. `named` are the values of the block parameters.
    pub(crate) fn inner_of(
        &mut self,
        args: &HelperArgs<'t, '_>,
        value: TemplateValue,
        mut locals: Locals<'t>,
        named: &[&TemplateValue],
    ) -> Result<(), RenderError> {
        let Some(block) = args.block else { return Ok(()) };
        self.budget.spend(1)?;
        for (name, value) in block.names.iter().zip(named) {
            locals.push((name, (*value).clone()));
        }
        self.body(&block.body, &Frame { value, locals, parent: Some(args.frame) })
    }

    /// Parses a text as JSON; `None` if it is not JSON.
    pub(crate) fn document(&mut self, text: &Arc<str>) -> Result<Option<Arc<Json>>, RenderError> {
        self.documents.json(text, self.model.call, self.budget)
    }

    /// Parses a text as JSON that is only read; `None` if it is not JSON.
    pub(crate) fn readable_document(&mut self, text: &Arc<str>) -> Result<Option<JsonDocument>, RenderError> {
        self.documents.readable_json(text, self.model.call, self.budget)
    }

    /// Parses a text as XML; `None` if it is not XML.
    pub(crate) fn xml_document(&mut self, text: &Arc<str>) -> Result<Option<Arc<Document>>, RenderError> {
        self.documents.xml(text, self.budget)
    }

    fn call(&mut self, call: &'t HelperCall, frame: &Frame<'_>) -> Result<TemplateValue, RenderError> {
        self.budget.spend(1)?;
        match call.helper {
            Some(helper) => {
                let args = self.evaluate_args(call, None, frame)?;
                self.help(helper, &args).map_err(|error| error.at(call.at))
            }
            None => self.lookup(&call.path, frame),
        }
    }

    /// Calls a helper, and spends the steps of the texts that it takes and returns.
    fn help(&mut self, helper: Helper, args: &HelperArgs<'t, '_>) -> Result<TemplateValue, RenderError> {
        let values = [&args.context].into_iter().chain(&args.params).chain(args.hash.iter().map(|(_, value)| value));
        let length = |value: &TemplateValue| {
            if let TemplateValue::Text(text) | TemplateValue::Named(text) = value { text.len() } else { 0 }
        };
        self.budget.spend_bytes(values.map(length).sum())?;
        let made = self.nested(|evaluator| helper(evaluator, args))?;
        self.budget.spend_bytes(length(&made))?;
        Ok(made)
    }

    fn evaluate_args<'f>(
        &mut self,
        call: &'t HelperCall,
        block: Option<&'t BlockTag>,
        frame: &'f Frame<'f>,
    ) -> Result<HelperArgs<'t, 'f>, RenderError> {
        let mut params = call.params.iter();
        let context = match params.next() {
            Some(first) => self.param(first, frame)?,
            None => frame.value.clone(),
        };
        let params = params.map(|param| self.param(param, frame)).collect::<Result<_, _>>()?;
        let hash = call.hash.iter().map(|(key, param)| Ok((&**key, self.param(param, frame)?)));
        let hash = hash.collect::<Result<_, RenderError>>()?;
        Ok(HelperArgs { call, context, params, hash, block, frame })
    }

    fn param(&mut self, param: &'t HelperParam, frame: &Frame<'_>) -> Result<TemplateValue, RenderError> {
        match param {
            HelperParam::Call(call) => self.call(call, frame),
            HelperParam::Literal(value) => Ok(value.clone()),
            HelperParam::Path(path) => self.lookup(path, frame),
        }
    }

    fn block(&mut self, block: &'t BlockTag, frame: &Frame<'_>) -> Result<(), RenderError> {
        let args = match block.call.helper {
            Some(helper) if !block.inverted => {
                let args = self.evaluate_args(&block.call, Some(block), frame)?;
                let value = self.help(helper, &args)?;
                return self.write(&value);
            }
            _ => HelperArgs {
                call: &block.call,
                context: self.lookup(&block.call.path, frame)?,
                params: SmallVec::new(),
                hash: SmallVec::new(),
                block: Some(block),
                frame,
            },
        };
        self.nested(|evaluator| {
            let value = args.context.clone();
            let holds = value.is_empty() == block.inverted;
            match &value {
                _ if !holds => evaluator.otherwise(&args),
                TemplateValue::List(_) if !block.inverted => evaluator.each(&args, 0),
                TemplateValue::Map(map) if !block.inverted && matches!(map.kind, MapKind::Path(_)) => {
                    evaluator.each(&args, 0)
                }
                _ if block.inverted => evaluator.inner(&args),
                TemplateValue::Bool(_) => evaluator.inner(&args),
                _ => evaluator.inner_of(&args, value.clone(), Locals::new(), &[&value]),
            }
        })
    }

    /// Writes the body of a block for each item or entry of its value, or the `else` part if there
    /// is none.
    pub(crate) fn each(&mut self, args: &HelperArgs<'t, '_>, base: i64) -> Result<(), RenderError> {
        if let Some(items) = args.context.items() {
            if items.is_empty() {
                return self.otherwise(args);
            }
            let last = items.len() - 1;
            for (place, item) in items.into_iter().enumerate() {
                let index = base + place as i64;
                let word = |holds: bool, word: &str| TemplateValue::text(if holds { word } else { "" });
                let locals = vec![
                    ("@index", TemplateValue::Int(index)),
                    ("@key", TemplateValue::Int(index)),
                    ("@first", word(place == 0, "first")),
                    ("@last", word(place == last, "last")),
                    ("@odd", word(index % 2 != 0, "odd")),
                    ("@even", word(index % 2 == 0, "even")),
                    ("@index_1", TemplateValue::Int(index + 1)),
                ];
                let index = TemplateValue::Int(index);
                self.inner_of(args, item.clone(), locals, &[&item, &index])?;
            }
            return Ok(());
        }
        let entries = self.entries(&args.context).unwrap_or_default();
        let Some(last) = entries.len().checked_sub(1) else { return self.otherwise(args) };
        for (place, (key, value)) in entries.into_iter().enumerate() {
            let word = |holds: bool, word: &str| TemplateValue::text(if holds { word } else { "" });
            let key = TemplateValue::Text(key);
            let (first, last) = (word(place == 0, "first"), word(place == last, "last"));
            let index = TemplateValue::from_usize(place);
            let locals = vec![("@key", key.clone()), ("@index", index), ("@first", first), ("@last", last)];
            self.inner_of(args, value.clone(), locals, &[&value, &key])?;
        }
        Ok(())
    }

    fn partial(&mut self, partial: &'t PartialTag, frame: &Frame<'_>) -> Result<(), RenderError> {
        let name = self.param(&partial.name, frame)?;
        let name = self.text_of(&name)?;
        let mut locals = Locals::new();
        for (key, param) in &partial.hash {
            locals.push((key, self.param(param, frame)?));
        }
        let value = match &partial.context {
            Some(path) => self.lookup(path, frame)?,
            None => frame.value.clone(),
        };
        let inner = Frame { value, locals, parent: Some(frame) };
        let known = self.partials.len();
        if let Some(body) = &partial.body {
            self.partials.push((Arc::from("@partial-block"), body));
        }
        let written = self.write_partial(&name, &inner)?;
        self.partials.truncate(known);
        match &partial.body {
            _ if written => Ok(()),
            Some(body) => self.body(body, &inner),
            None => Err(RenderError::failed(format!("there is no partial `{name}`"))),
        }
    }

    /// Runs `inner` one nesting level deeper.
    fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T, RenderError>) -> Result<T, RenderError> {
        if self.calls == MAX_CALLS {
            return Err(RenderError::failed(format!("blocks and partials nest more than {MAX_CALLS} deep")));
        }
        self.calls += 1;
        let result = inner(self);
        self.calls -= 1;
        result
    }

    /// Creates a list and spends its steps.
    pub(crate) fn list(&mut self, items: Vec<TemplateValue>, kind: ListKind) -> Result<TemplateValue, RenderError> {
        self.budget.spend(items.len() / 4)?;
        Ok(TemplateValue::list(items, kind)?)
    }
}
