//! A parsed template: what it says, ready to be evaluated any number of times and by several calls
//! at once.

use std::sync::{Arc, OnceLock};

use super::value::TemplateValue;
use crate::render::helpers::Helper;
use standin_dialect::java_regex::JavaRegex;
use standin_dialect::json_path::JsonPath;

/// Nodes in their order, and the partials that they define for themselves.
#[derive(Debug, Default)]
pub(crate) struct TemplateBody {
    pub(super) nodes: Vec<TemplateNode>,
    /// `{{#*inline "name"}}…{{/inline}}`: known in all of the body, wherever they stand in it.
    pub(super) inlines: Vec<(Arc<str>, TemplateBody)>,
}

#[derive(Debug)]
pub(super) enum TemplateNode {
    Block(Box<BlockTag>),
    Partial(Box<PartialTag>),
    Tag(Box<HelperCall>),
    Text(Box<str>),
}

/// `name first second key=value`, as it stands in a tag or between parentheses.
#[derive(Debug)]
pub(crate) struct HelperCall {
    pub(super) name: Box<str>,
    pub(super) helper: Option<Helper>,
    /// Where the value is found if no helper has the name.
    pub(super) path: NamePath,
    pub(super) params: Vec<HelperParam>,
    pub(super) hash: Vec<(Box<str>, HelperParam)>,
    pub(super) at: Position,
    /// What was compiled from the first text that a helper was given, which is mostly the only one.
    pub(crate) cached: OnceLock<(Box<str>, Cached)>,
}

/// What a helper compiles from a text.
#[derive(Clone, Debug)]
pub(crate) enum Cached {
    JsonPath(Option<Arc<JsonPath>>),
    Regex(Option<JavaRegex>),
}

#[derive(Debug)]
pub(super) enum HelperParam {
    Call(Box<HelperCall>),
    Literal(TemplateValue),
    Path(NamePath),
}

/// `{{#name …}} body {{else}} otherwise {{/name}}`
#[derive(Debug)]
pub(crate) struct BlockTag {
    pub(super) call: HelperCall,
    /// `{{^name}}`
    pub(super) inverted: bool,
    /// `as |item index|`
    pub(super) names: Vec<Box<str>>,
    pub(super) body: TemplateBody,
    pub(super) otherwise: TemplateBody,
}

/// `{{> name context key=value}}`
#[derive(Debug)]
pub(super) struct PartialTag {
    pub(super) name: HelperParam,
    pub(super) context: Option<NamePath>,
    pub(super) hash: Vec<(Box<str>, HelperParam)>,
    /// `{{#> name}}…{{/name}}`: what is written where there is no such partial, and
    /// `@partial-block` of one that there is.
    pub(super) body: Option<TemplateBody>,
    pub(super) at: Position,
}

/// `../request.query.[a.b]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamePath {
    /// How many `../` lead it.
    pub(super) up: usize,
    pub(super) origin: PathOrigin,
    pub(super) steps: Vec<PathStep>,
}

/// Where a path is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PathOrigin {
    /// From the current value outwards, until something is found.
    Anywhere,
    /// `@root`
    Root,
    /// `this`, `./`: in the current value only.
    This,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PathStep {
    pub(crate) name: Box<str>,
    /// The name as a number, if it is one.
    pub(crate) index: Option<i64>,
}

/// A place in a template: the line from 1 and the column from 0, as WireMock counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

impl NamePath {
    /// Returns the path of a name as it is written.
    pub(crate) fn new(text: &str) -> Self {
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

/// Returns the names between `.` and `/`; what stands in brackets is one name.
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
            let end = rest.find(['.', '/', '[']).unwrap_or(rest.len());
            rest.split_at(end)
        };
        steps.push(PathStep { name: name.into(), index: name.parse().ok() });
        rest = after;
    }
    steps
}
