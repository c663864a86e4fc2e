//! Paths of operations as path templates, and their order: concrete paths come before templates.

use std::collections::HashMap;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use standin_stub::defect::Defect;
use standin_stub::source::Node;

/// An operation with its path.
pub(super) struct OperationPath<'d> {
    pub(super) method: &'static str,
    /// Path as the description has it.
    pub(super) written: String,
    /// Path template of the stubs.
    pub(super) template: String,
    /// Query parameters that the path fixes, as in `/items?beta=true`, with their values.
    pub(super) query: Vec<(String, String)>,
    /// Names of the variables in the description, and in the template.
    pub(super) variables: Vec<(String, String)>,
    /// Path item, which has the parameters that its operations share.
    pub(super) item: &'d Node,
    pub(super) operation: &'d Node,
    segments: Vec<Segment>,
}

/// A part of a path between two slashes, the most concrete kind first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Literal(String),
    Mixed,
    Variable,
}

impl<'d> OperationPath<'d> {
    pub(super) fn new(
        method: &'static str,
        base: &str,
        written: &str,
        item: &'d Node,
        operation: &'d Node,
    ) -> Result<Self, Box<Defect>> {
        if !written.starts_with('/') {
            return Err(Box::new(
                Defect::error(format!("the path `{written}` does not begin with `/`")).help("add the `/`"),
            ));
        }
        if written.contains('#') {
            let message = format!("no request has the path `{written}`: a path ends before `#`");
            return Err(Box::new(Defect::error(message).help("remove the `#` and what follows it")));
        }
        let (path, query) = written.split_once('?').unwrap_or((written, ""));
        let (mut template, mut variables, mut segments) = (base.to_owned(), Vec::new(), Vec::new());
        for part in path.split('/').skip(1) {
            let before = variables.len();
            let text = segment(part, &mut variables);
            segments.push(match variables.len() - before {
                0 => Segment::Literal(text.clone()),
                1 if part.starts_with('{') && part.find('}') == Some(part.len() - 1) => Segment::Variable,
                _ => Segment::Mixed,
            });
            template.push('/');
            template.push_str(&text);
        }
        let (written, query) = (written.to_owned(), fixed_query(query));
        Ok(Self { method, written, template, query, variables, item, operation, segments })
    }

    /// Returns method and path, such as `GET /items/{id}`, with the query that the path fixes.
    pub(super) fn name(&self) -> String {
        let pairs: Vec<String> = self.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let separator = if pairs.is_empty() { "" } else { "?" };
        format!("{} {}{separator}{}", self.method, self.template, pairs.join("&"))
    }

    /// Returns true if some path has both forms.
    fn overlaps(&self, other: &Self) -> bool {
        self.segments.len() == other.segments.len()
            && self.segments.iter().zip(&other.segments).all(|pair| match pair {
                (Segment::Literal(one), Segment::Literal(other)) => one == other,
                _ => true,
            })
    }
}

/// Returns the parameters of a query, decoded.
fn fixed_query(query: &str) -> Vec<(String, String)> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

/// Returns a part of a path as a template, and adds its variables.
fn segment(part: &str, variables: &mut Vec<(String, String)>) -> String {
    let (mut template, mut rest) = (String::new(), part);
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else { break };
        template.extend(utf8_percent_encode(before, NOT_IN_PATHS));
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        let mut plain: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
        while plain.is_empty() || variables.iter().any(|(_, known)| *known == plain) {
            plain.push('_');
        }
        template.push('{');
        template.push_str(&plain);
        template.push('}');
        variables.push((name.to_owned(), plain));
        rest = after;
    }
    template.extend(utf8_percent_encode(rest, NOT_IN_PATHS));
    template
}

/// Returns the operations with the number of operations that must be tried before each: those of
/// more concrete paths that a request may have too, and theirs.
pub(super) fn with_levels(paths: Vec<OperationPath<'_>>) -> Vec<(OperationPath<'_>, usize)> {
    let mut alike: HashMap<(&str, usize), Vec<usize>> = HashMap::new();
    for (place, path) in paths.iter().enumerate() {
        alike.entry((path.method, path.segments.len())).or_default().push(place);
    }
    let mut levels = vec![0; paths.len()];
    for mut places in alike.into_values() {
        // a path that fixes more of the query is more concrete
        places.sort_by_key(|place| {
            let path = &paths[*place];
            (path.segments.iter().map(kind_rank).collect::<Vec<_>>(), std::cmp::Reverse(path.query.len()))
        });
        for (number, place) in places.iter().enumerate() {
            let before = places[..number].iter().filter(|other| paths[**other].overlaps(&paths[*place]));
            levels[*place] = before.map(|other| levels[*other] + 1).max().unwrap_or(0);
        }
    }
    paths.into_iter().zip(levels).collect()
}

fn kind_rank(segment: &Segment) -> u8 {
    match segment {
        Segment::Literal(_) => 0,
        Segment::Mixed => 1,
        Segment::Variable => 2,
    }
}

/// Returns the path of the first server, without a slash at its end.
pub(super) fn base_path(servers: Option<&Node>) -> String {
    let Some(server) = servers.and_then(|servers| servers.items().first()) else { return String::new() };
    let mut url = server.get("url").and_then(Node::as_str).unwrap_or_default().to_owned();
    for variable in server.get("variables").map_or(&[][..], Node::members) {
        if let Some(default) = variable.value.get("default").map(Node::to_json) {
            let default = default.as_str().map_or_else(|| default.to_string(), str::to_owned);
            url = url.replace(&format!("{{{}}}", variable.key), &default);
        }
    }
    let after_scheme = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
    let path = match url.contains("://") || url.starts_with("//") {
        true => {
            after_scheme.trim_start_matches('/').find('/').map_or("", |at| &after_scheme.trim_start_matches('/')[at..])
        }
        false => after_scheme,
    };
    normalized_base(path.split(['?', '#']).next().unwrap_or_default())
}

/// Returns a base path with a slash at its begin and none at its end; nothing for the root.
pub fn normalized_base(path: &str) -> String {
    let path = path.trim_start_matches('.').trim_matches('/');
    if path.is_empty() { String::new() } else { format!("/{}", utf8_percent_encode(path, NOT_IN_PATHS)) }
}

/// Characters that a path has only percent-encoded.
const NOT_IN_PATHS: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'`').add(b'{').add(b'}');
