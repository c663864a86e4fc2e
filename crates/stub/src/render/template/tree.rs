//! The tree of a parsed template, which may be rendered by several requests at once.

use std::sync::{Arc, OnceLock};

use super::position::Position;
use super::value::TemplateValue;
use crate::render::helpers::Helper;
use standin_dialect::java_regex::JavaRegex;
use standin_dialect::json_path::JsonPath;
use standin_dialect::xml::xpath::XPath;

/// A sequence of nodes, and the partials that it defines.
#[derive(Debug, Default)]
pub(crate) struct TemplateBody {
    pub(super) nodes: Vec<TemplateNode>,
    /// Partials defined by `{{#*inline "name"}}…{{/inline}}`, known in the whole body.
    pub(super) inlines: Vec<(Arc<str>, TemplateBody)>,
}

#[derive(Debug)]
pub(super) enum TemplateNode {
    Block(Box<BlockTag>),
    Partial(Box<PartialTag>),
    Tag(Box<HelperCall>),
    Text(Box<str>),
}

/// A call `name first second key=value`, in a tag or in parentheses.
#[derive(Debug)]
pub(crate) struct HelperCall {
    pub(super) name: Box<str>,
    pub(super) helper: Option<Helper>,
    /// The path of the value if no helper has the name.
    pub(super) path: NamePath,
    pub(super) params: Vec<HelperParam>,
    pub(super) hash: Vec<(Box<str>, HelperParam)>,
    pub(super) at: Position,
    /// The compiled form of the first text that the helper was given, usually its only one.
    pub(crate) cached: OnceLock<(Box<str>, Cached)>,
}

/// The compiled form of a text argument.
#[derive(Clone, Debug)]
pub(crate) enum Cached {
    JsonPath(Option<Arc<JsonPath>>),
    Regex(Option<JavaRegex>),
    XPath(Option<Arc<XPath>>),
}

#[derive(Debug)]
pub(super) enum HelperParam {
    Call(Box<HelperCall>),
    Literal(TemplateValue),
    Path(NamePath),
}

/// A block `{{#name …}} body {{else}} otherwise {{/name}}`.
#[derive(Debug)]
pub(crate) struct BlockTag {
    pub(super) call: HelperCall,
    /// True for `{{^name}}`.
    pub(super) inverted: bool,
    /// The block parameters, as in `as |item index|`.
    pub(super) names: Vec<Box<str>>,
    pub(super) body: TemplateBody,
    pub(super) otherwise: TemplateBody,
}

/// A partial `{{> name context key=value}}`.
#[derive(Debug)]
pub(super) struct PartialTag {
    pub(super) name: HelperParam,
    pub(super) context: Option<NamePath>,
    pub(super) hash: Vec<(Box<str>, HelperParam)>,
    /// The body of `{{#> name}}…{{/name}}`: written if there is no such partial, else available to
    /// it as `@partial-block`.
    pub(super) body: Option<TemplateBody>,
    pub(super) at: Position,
}

/// A path to a value, such as `../request.query.[a.b]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamePath {
    /// The number of leading `../`.
    pub(super) up: usize,
    pub(super) origin: PathOrigin,
    pub(super) steps: Vec<PathStep>,
}

/// The origin of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PathOrigin {
    /// The current scope, then the enclosing ones.
    Anywhere,
    /// The root of the model: `@root`.
    Root,
    /// The current value only: `this`, `./`.
    This,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PathStep {
    pub(crate) name: Box<str>,
    /// The name as a number, if it is an integer.
    pub(crate) index: Option<i64>,
}

impl NamePath {
    pub(crate) fn new(text: &str) -> Self {
        if let Some(name) = text.strip_prefix("@../") {
            // a local variable of an enclosing scope
            let inner = Self::new(&format!("@{name}"));
            return Self { up: inner.up + 1, ..inner };
        }
        let mut rest = text;
        let mut up = 0;
        while let Some(inner) = rest.strip_prefix("../") {
            (up, rest) = (up + 1, inner);
        }
        if rest == ".." {
            return Self { up: up + 1, origin: PathOrigin::This, steps: Vec::new() };
        }
        let mut origin = PathOrigin::Anywhere;
        while let Some(inner) = rest.strip_prefix("./") {
            (origin, rest) = (PathOrigin::This, inner);
        }
        if rest == "." {
            return Self { up, origin: PathOrigin::This, steps: Vec::new() };
        }
        let mut steps = steps(rest);
        match steps.first().map(|step| &*step.name) {
            Some("this") => {
                origin = PathOrigin::This;
                steps.remove(0);
            }
            Some("@root") => {
                origin = PathOrigin::Root;
                steps.remove(0);
            }
            _ => {}
        }
        Self { up, origin, steps }
    }
}

/// Splits a path at `.` and `/`; a part in brackets is one name. A bracket within a name, as in
/// `ids[]`, belongs to the name.
fn steps(text: &str) -> Vec<PathStep> {
    let mut steps = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (name, after) = if first == '[' {
            rest[1..].split_once(']').unwrap_or((&rest[1..], ""))
        } else if matches!(first, '.' | '/') {
            rest = &rest[1..];
            continue;
        } else {
            let end = rest.find(['.', '/']).unwrap_or(rest.len());
            rest.split_at(end)
        };
        steps.push(PathStep { name: name.into(), index: name.parse().ok() });
        rest = after;
    }
    steps
}
