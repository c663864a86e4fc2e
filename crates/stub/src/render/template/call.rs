//! Parses the content of tags: a name, its parameters, and calls in parentheses.

use std::sync::OnceLock;

use super::TemplateError;
use super::parse::TemplateParser;
use super::tree::{HelperCall, HelperParam, NamePath, PartialTag};
use super::value::TemplateValue;
use crate::render::helpers;

impl TemplateParser<'_> {
    pub(super) fn partial(&mut self, start: usize) -> Result<PartialTag, TemplateError> {
        self.cursor.skip_space();
        let name = if self.cursor.take("(") {
            HelperParam::Call(Box::new(self.nested_call(start)?))
        } else if let Some(literal) = self.cursor.literal()? {
            HelperParam::Literal(literal)
        } else {
            let name = self.cursor.name()?;
            HelperParam::Literal(TemplateValue::Text(name.trim_matches(['[', ']']).into()))
        };
        let mut context = None;
        let mut hash = Vec::new();
        loop {
            self.cursor.skip_space();
            if self.cursor.is_closing() || self.cursor.rest().is_empty() {
                break;
            }
            let key = self.cursor.name()?;
            self.cursor.skip_space();
            if self.cursor.take("=") {
                hash.push((key.into(), self.param()?));
            } else {
                context = Some(NamePath::new(key));
            }
        }
        Ok(PartialTag { name, context, hash, body: None, at: self.cursor.position(start) })
    }

    pub(super) fn call(&mut self, is_block: bool) -> Result<HelperCall, TemplateError> {
        self.cursor.skip_space();
        let start = self.cursor.at;
        let name = self.cursor.name()?;
        let mut call = HelperCall {
            name: name.into(),
            helper: helpers::find(name),
            path: NamePath::new(name),
            params: Vec::new(),
            hash: Vec::new(),
            at: self.cursor.position(start),
            cached: OnceLock::new(),
        };
        loop {
            self.cursor.skip_space();
            let rest = self.cursor.rest();
            let ends = self.cursor.is_closing() || rest.is_empty() || rest.starts_with([')', '}']);
            let names = rest.strip_prefix("as").is_some_and(|after| after.trim_start().starts_with('|'));
            if ends || is_block && names {
                break;
            }
            let at = self.cursor.at;
            if rest.starts_with(['(', '"', '\'']) {
                let param = self.param()?;
                self.push_param(&mut call, param, at)?;
            } else if let Some(literal) = self.cursor.literal()? {
                self.push_param(&mut call, HelperParam::Literal(literal), at)?;
            } else {
                let name = self.cursor.name()?;
                self.cursor.skip_space();
                if self.cursor.take("=") {
                    let value = self.param()?;
                    call.hash.push((name.into(), value));
                } else {
                    self.push_param(&mut call, HelperParam::Path(NamePath::new(name)), at)?;
                }
            }
        }
        if call.helper.is_none() && !(call.params.is_empty() && call.hash.is_empty()) {
            self.unknown.get_or_insert_with(|| (name.into(), call.at));
        }
        Ok(call)
    }

    fn push_param(&self, call: &mut HelperCall, param: HelperParam, at: usize) -> Result<(), TemplateError> {
        if let Some((key, _)) = call.hash.last() {
            let message = format!("a parameter cannot follow `{key}=`");
            return Err(self.cursor.error(at, message, "put parameters before named arguments"));
        }
        call.params.push(param);
        Ok(())
    }

    fn param(&mut self) -> Result<HelperParam, TemplateError> {
        self.cursor.skip_space();
        let start = self.cursor.at;
        if self.cursor.take("(") {
            return Ok(HelperParam::Call(Box::new(self.nested_call(start)?)));
        }
        match self.cursor.literal()? {
            Some(literal) => Ok(HelperParam::Literal(literal)),
            None => Ok(HelperParam::Path(NamePath::new(self.cursor.name()?))),
        }
    }

    /// Parses `(name params)` after the opening parenthesis.
    fn nested_call(&mut self, start: usize) -> Result<HelperCall, TemplateError> {
        let call = self.deeper(start, |parser| parser.call(false))?;
        self.cursor.skip_space();
        if !self.cursor.take(")") {
            return Err(self.cursor.error(start, "`(` is not closed", "write `)` after the parameters"));
        }
        if call.helper.is_none() {
            self.unknown.get_or_insert_with(|| (call.name.clone(), call.at));
        }
        Ok(call)
    }
}
