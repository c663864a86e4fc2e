//! Parses the text of a template, in the grammar of handlebars.java 4.3.
//!
//! Lines that hold only the tag of a block keep their line break, unlike in handlebars.js.

use super::TemplateError;
use super::cursor::{Closing, TemplateCursor};
use super::position::Position;
use super::tree::{BlockTag, HelperCall, TemplateBody, TemplateNode};
use super::value::TemplateValue;

/// The tree of a template, and the first unknown helper.
pub(super) struct Parsed {
    pub(super) body: TemplateBody,
    pub(super) unknown: Option<(Box<str>, Position)>,
}

/// Parses a text. Only the part from the first `{{` to the last `}}` is parsed; the rest is
/// literal.
pub(super) fn parse(text: &str) -> Result<Parsed, TemplateError> {
    let (Some(start), Some(end)) = (text.find("{{"), text.rfind("}}").map(|end| end + 2)) else {
        return Ok(Parsed { body: plain(text), unknown: None });
    };
    if end <= start {
        return Ok(Parsed { body: plain(text), unknown: None });
    }
    let cursor = TemplateCursor::new(&text[..end], start);
    let mut parser = TemplateParser { cursor, depth: 0, trims: false, unknown: None };
    let (mut body, ending) = parser.body()?;
    if let BodyEnd::Close(name, at) = ending {
        return Err(parser.cursor.error(at, format!("`{name}` is closed, but not open"), "remove the tag"));
    }
    if let BodyEnd::Else(_, at) = ending {
        return Err(parser.cursor.error(at, "`else` is outside a block", "remove the tag"));
    }
    if start > 0 {
        body.nodes.insert(0, TemplateNode::Text(text[..start].into()));
    }
    if end < text.len() {
        body.nodes.push(TemplateNode::Text(text[end..].into()));
    }
    Ok(Parsed { body, unknown: parser.unknown })
}

fn plain(text: &str) -> TemplateBody {
    TemplateBody { nodes: vec![TemplateNode::Text(text.into())], inlines: Vec::new() }
}

pub(super) struct TemplateParser<'t> {
    pub(super) cursor: TemplateCursor<'t>,
    depth: usize,
    /// True if a `~}}` trims the following text.
    trims: bool,
    pub(super) unknown: Option<(Box<str>, Position)>,
}

/// The end of a body.
enum BodyEnd<'t> {
    /// `{{/name}}`, with its offset.
    Close(&'t str, usize),
    /// `{{else}}`, or `{{else if …}}` with the block that it opens, and its offset.
    Else(Option<Opening>, usize),
    /// The end of the text.
    End,
}

/// The opening tag of a block.
struct Opening {
    call: HelperCall,
    names: Vec<Box<str>>,
}

impl<'t> TemplateParser<'t> {
    fn body(&mut self) -> Result<(TemplateBody, BodyEnd<'t>), TemplateError> {
        let mut body = TemplateBody::default();
        loop {
            self.text(&mut body);
            if self.cursor.rest().is_empty() {
                return Ok((body, BodyEnd::End));
            }
            let start = self.cursor.at;
            self.cursor.at += 2;
            if self.cursor.rest().starts_with("{{") {
                self.cursor.at += 2;
                self.raw(&mut body, start)?;
                continue;
            }
            if self.cursor.take("~") {
                trim_end(&mut body);
            }
            if self.cursor.rest().starts_with('!') {
                self.comment(start)?;
            } else if self.cursor.take("#>") {
                self.partial_block(&mut body, start)?;
            } else if self.cursor.take("#*") {
                self.inline(&mut body, start)?;
            } else if self.cursor.take("#") {
                self.block(&mut body, start, false)?;
            } else if self.cursor.take("^") {
                self.cursor.skip_space();
                if self.cursor.is_closing() {
                    self.close(Closing::Double)?;
                    return Ok((body, BodyEnd::Else(None, start)));
                }
                self.block(&mut body, start, true)?;
            } else if self.cursor.take("/") {
                self.cursor.skip_space();
                let name = self.cursor.name()?;
                self.close(Closing::Double)?;
                return Ok((body, BodyEnd::Close(name, start)));
            } else if self.cursor.take(">") {
                let partial = self.partial(start)?;
                self.close(Closing::Double)?;
                body.nodes.push(TemplateNode::Partial(Box::new(partial)));
            } else if self.cursor.rest().starts_with('=') {
                let help = "use `{{` and `}}` everywhere";
                return Err(self.cursor.error(start, "other delimiters are not supported", help));
            } else {
                let closing = if self.cursor.take("{") { Closing::Triple } else { Closing::Double };
                if closing == Closing::Double && self.is_else() {
                    let opening = self.else_tag()?;
                    return Ok((body, BodyEnd::Else(opening, start)));
                }
                self.cursor.take("&");
                let call = self.call(false)?;
                self.close(closing)?;
                body.nodes.push(TemplateNode::Tag(Box::new(call)));
            }
        }
    }

    /// Reads the literal text up to the next tag. `\{{` escapes a tag.
    fn text(&mut self, body: &mut TemplateBody) {
        let mut text = String::new();
        loop {
            let rest = self.cursor.rest();
            let Some(at) = rest.find("{{") else {
                text.push_str(rest);
                self.cursor.at = self.cursor.text.len();
                break;
            };
            let Some(before) = rest[..at].strip_suffix('\\') else {
                text.push_str(&rest[..at]);
                self.cursor.at += at;
                break;
            };
            text.push_str(before);
            let end = rest[at..].find("}}").map_or(rest.len(), |end| at + end + 2);
            text.push_str(&rest[at..end]);
            self.cursor.at += end;
        }
        if std::mem::take(&mut self.trims) {
            text.drain(..text.len() - text.trim_start().len());
        }
        if !text.is_empty() {
            body.nodes.push(TemplateNode::Text(text.into()));
        }
    }

    fn close(&mut self, closing: Closing) -> Result<(), TemplateError> {
        self.trims = self.cursor.close(closing)?;
        Ok(())
    }

    fn comment(&mut self, start: usize) -> Result<(), TemplateError> {
        let end = if self.cursor.rest().starts_with("!--") { "--}}" } else { "}}" };
        let Some(length) = self.cursor.rest().find(end) else {
            let message = format!("the comment is not closed: `{end}` is missing");
            return Err(self.cursor.error(start, message, format!("write `{end}` at its end")));
        };
        self.trims = self.cursor.rest()[..length].ends_with('~');
        self.cursor.at += length + end.len();
        Ok(())
    }

    fn is_else(&self) -> bool {
        let rest = self.cursor.rest().trim_start();
        rest.strip_prefix("else").is_some_and(|after| after.starts_with([' ', '\t', '\r', '\n', '}', '~']))
    }

    fn else_tag(&mut self) -> Result<Option<Opening>, TemplateError> {
        self.cursor.skip_space();
        self.cursor.take("else");
        self.cursor.skip_space();
        let opening = if self.cursor.is_closing() { None } else { Some(self.opening()?) };
        self.close(Closing::Double)?;
        Ok(opening)
    }

    /// Parses `name params key=value as |names|`.
    fn opening(&mut self) -> Result<Opening, TemplateError> {
        let call = self.call(true)?;
        let mut names = Vec::new();
        self.cursor.skip_space();
        if self.cursor.take("as") {
            self.cursor.skip_space();
            if !self.cursor.take("|") {
                return Err(self.cursor.error(self.cursor.at, "`as` is followed by names", "write `as |item index|`"));
            }
            loop {
                self.cursor.skip_space();
                if self.cursor.take("|") {
                    break;
                }
                names.push(self.cursor.name()?.into());
            }
        }
        Ok(Opening { call, names })
    }

    fn block(&mut self, body: &mut TemplateBody, start: usize, inverted: bool) -> Result<(), TemplateError> {
        let opening = self.opening()?;
        self.close(Closing::Double)?;
        let name = opening.call.name.clone();
        let block = self.deeper(start, |parser| parser.block_body(opening, inverted, &name, start))?;
        body.nodes.push(TemplateNode::Block(Box::new(block)));
        Ok(())
    }

    /// Parses a block after its opening tag up to its closing tag, which a chain of `else if`
    /// shares.
    fn block_body(
        &mut self,
        opening: Opening,
        inverted: bool,
        name: &str,
        start: usize,
    ) -> Result<BlockTag, TemplateError> {
        let Opening { call, names } = opening;
        let (body, ending) = self.body()?;
        let otherwise = match ending {
            BodyEnd::Else(Some(chained), at) => {
                let block = self.deeper(at, |parser| parser.block_body(chained, false, name, start))?;
                TemplateBody { nodes: vec![TemplateNode::Block(Box::new(block))], inlines: Vec::new() }
            }
            BodyEnd::Else(None, _) => {
                let (otherwise, ending) = self.body()?;
                self.expect_close(&ending, name, start)?;
                otherwise
            }
            ending => {
                self.expect_close(&ending, name, start)?;
                TemplateBody::default()
            }
        };
        Ok(BlockTag { call, inverted, names, body, otherwise })
    }

    fn expect_close(&self, ending: &BodyEnd<'_>, name: &str, start: usize) -> Result<(), TemplateError> {
        match ending {
            BodyEnd::Close(found, _) if *found == name => Ok(()),
            BodyEnd::Close(found, at) => {
                let message = format!("found `{{{{/{found}}}}}` where `{{{{/{name}}}}}` is expected");
                Err(self.cursor.error(*at, message, format!("close `{name}` first")))
            }
            BodyEnd::Else(_, at) => {
                Err(self.cursor.error(*at, "a block has one `else`", "use `else if`, or close the block first"))
            }
            BodyEnd::End => {
                let message = format!("the block `{name}` is not closed");
                Err(self.cursor.error(start, message, format!("write `{{{{/{name}}}}}` at its end")))
            }
        }
    }

    /// Parses `{{{{name}}}} literal text {{{{/name}}}}`.
    fn raw(&mut self, body: &mut TemplateBody, start: usize) -> Result<(), TemplateError> {
        let call = self.call(true)?;
        self.cursor.close(Closing::Raw)?;
        let end = format!("{{{{{{{{/{}}}}}}}}}", call.name);
        let Some(length) = self.cursor.rest().find(&end) else {
            let message = format!("the block `{}` is not closed: `{end}` is missing", call.name);
            return Err(self.cursor.error(start, message, format!("write `{end}` at its end")));
        };
        let text = plain(&self.cursor.rest()[..length]);
        self.cursor.at += length + end.len();
        let block =
            BlockTag { call, inverted: false, names: Vec::new(), body: text, otherwise: TemplateBody::default() };
        body.nodes.push(TemplateNode::Block(Box::new(block)));
        Ok(())
    }

    /// Parses `{{#*inline "name"}}…{{/inline}}`.
    fn inline(&mut self, body: &mut TemplateBody, start: usize) -> Result<(), TemplateError> {
        self.cursor.skip_space();
        if self.cursor.name()? != "inline" {
            let help = "write `{{#*inline \"name\"}}`, or leave out the `*`";
            return Err(self.cursor.error(start, "the only decorator is `inline`", help));
        }
        self.cursor.skip_space();
        let Some(TemplateValue::Text(name)) = self.cursor.literal()? else {
            return Err(self.cursor.error(start, "`inline` has a name in quotes", "write `{{#*inline \"name\"}}`"));
        };
        self.close(Closing::Double)?;
        let (inner, ending) = self.deeper(start, Self::body)?;
        self.expect_close(&ending, "inline", start)?;
        body.inlines.push((name, inner));
        Ok(())
    }

    fn partial_block(&mut self, body: &mut TemplateBody, start: usize) -> Result<(), TemplateError> {
        let from = self.cursor.at;
        let mut partial = self.partial(start)?;
        let name = self.cursor.text[from..self.cursor.at].split_whitespace().next().unwrap_or_default();
        let name = name.trim_matches(['"', '\'']).to_owned();
        self.close(Closing::Double)?;
        let (inner, ending) = self.deeper(start, Self::body)?;
        self.expect_close(&ending, &name, start)?;
        partial.body = Some(inner);
        body.nodes.push(TemplateNode::Partial(Box::new(partial)));
        Ok(())
    }

    pub(super) fn deeper<T>(
        &mut self,
        start: usize,
        inner: impl FnOnce(&mut Self) -> Result<T, TemplateError>,
    ) -> Result<T, TemplateError> {
        if self.depth == MAX_DEPTH {
            let message = format!("blocks and parentheses nest more than {MAX_DEPTH} deep");
            return Err(self.cursor.error(start, message, "nest them less"));
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }
}

fn trim_end(body: &mut TemplateBody) {
    if let Some(TemplateNode::Text(text)) = body.nodes.last_mut() {
        *text = text.trim_end().into();
    }
}

/// Maximum nesting of blocks and parentheses, which use the stack.
pub(super) const MAX_DEPTH: usize = 100;
