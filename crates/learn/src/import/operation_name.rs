//! Names of operations as tools write them, read as a method and a path template: `GET /items/:id`,
//! `/items/<int:id>`, `https://host/items/${}`.

use std::collections::BTreeSet;

/// The method and the path template of an operation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OperationTarget {
    /// The method; any if none.
    pub method: Option<String>,
    /// The path, with `{name}` where segments vary.
    pub path: String,
    /// The query parameter and its values that tell it from others of the path, as in
    /// `action=list`.
    pub query: Option<String>,
}

impl OperationTarget {
    /// Reads a name. Method and host are optional; returns `None` if the name has no path.
    pub fn of(name: &str) -> Option<Self> {
        let name = name.trim();
        let (method, place) = match name.split_once([' ', '\t']) {
            Some((word, rest)) if is_method(word) => (Some(word.to_ascii_uppercase()), rest.trim()),
            _ => (None, name),
        };
        Self::new(method, place)
    }

    /// Reads a method and a path or URL. Returns `None` if it is neither, or has a wildcard.
    pub fn new(method: Option<String>, place: &str) -> Option<Self> {
        let path = path(place)?;
        if path.contains('*') || path.contains(char::is_whitespace) {
            return None;
        }
        Some(Self { method, path: template(path), query: None })
    }

    /// Returns true if a segment of the path varies.
    pub fn is_template(&self) -> bool {
        self.path.contains('{')
    }

    /// Returns the name of the operation, such as `GET /items/{id}`.
    pub fn name(&self) -> String {
        let Self { method, path, query } = self;
        let method = method.as_ref().map_or_else(String::new, |method| format!("{method} "));
        let query = query.as_ref().map_or_else(String::new, |query| format!("?{query}"));
        format!("{method}{path}{query}")
    }
}

/// Returns true if the word is an HTTP method, in any case.
pub(super) fn is_method(word: &str) -> bool {
    METHODS.contains(&word.to_ascii_uppercase().as_str())
}

/// Returns the host and port of a url, if it has any.
pub(super) fn host(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once("://")?;
    let is_scheme = !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let authority = rest.split(['/', '?', '#']).next()?;
    is_scheme.then(|| authority.rsplit('@').next().unwrap_or(authority)).filter(|host| !host.is_empty())
}

/// Returns the path of a url or a path, without query and fragment.
fn path(place: &str) -> Option<&str> {
    let path = match (place.starts_with('/'), host(place)) {
        (true, _) => place,
        (false, Some(_)) => {
            let rest = place.split_once("://")?.1;
            rest.find(['/', '?', '#']).map_or("/", |start| &rest[start..])
        }
        (false, None) => return None,
    };
    // `{id:a?}` is no query
    let mut depth = 0usize;
    let end = path.find(|c| {
        match c {
            '{' | '<' => depth += 1,
            '}' | '>' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && matches!(c, '?' | '#')
    });
    let path = &path[..end.unwrap_or(path.len())];
    Some(if path.is_empty() { "/" } else { path })
}

/// Returns the path with `{name}` for each variable segment, in the notation of any framework.
fn template(path: &str) -> String {
    let mut taken = BTreeSet::new();
    let segments = path.split('/').map(|segment| {
        let Some(name) = variable(segment) else { return segment.to_owned() };
        let mut unique = name.clone();
        let mut number = 1;
        while !taken.insert(unique.clone()) {
            number += 1;
            unique = format!("{name}{number}");
        }
        format!("{{{unique}}}")
    });
    segments.collect::<Vec<_>>().join("/")
}

/// Returns the name of a variable segment: `:id`, `<int:id>`, `{id:[0-9]+}`, `{id?}`, `[id]`,
/// `${}`, `{}`.
fn variable(segment: &str) -> Option<String> {
    let within = |open: &str, close: char| segment.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
    let inner = if let Some(name) = segment.strip_prefix(':') {
        name
    } else if let Some(inner) = within("<", '>') {
        // Flask has the type before the name
        inner.rsplit(':').next().unwrap_or(inner)
    } else if let Some(inner) = within("${", '}').or_else(|| within("{", '}')) {
        inner.split(':').next().unwrap_or(inner)
    } else {
        within("[", ']')?
    };
    let name: String =
        inner.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_' || *c == '-').collect::<String>();
    Some(if name.is_empty() { "id".to_owned() } else { name })
}

const METHODS: [&str; 9] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frameworks_spell_what_varies_in_their_ways() {
        for (name, expected) in [
            ("GET /items/:id", "GET /items/{id}"),
            ("/items/<int:item_id>/x?full=1", "/items/{item_id}/x"),
            ("post /items/{id:[0-9]+}/{id}", "POST /items/{id}/{id2}"),
            ("GET /items/[id]?a=[b]", "GET /items/{id}"),
            ("https://me@host:80/items/${}", "/items/{id}"),
            ("GET http://host", "GET /"),
            ("/{id?}#x", "/{id}"),
        ] {
            assert_eq!(OperationTarget::of(name).map(|target| target.name()).as_deref(), Some(expected), "{name}");
        }
        for label in ["Home page", "GET", "nightly", "/**", "", "GET items", "/a b"] {
            assert_eq!(OperationTarget::of(label), None, "{label}");
        }
    }

    #[test]
    fn hosts_are_those_of_urls() {
        assert_eq!(host("https://me@host:80/items"), Some("host:80"));
        assert_eq!(host("/redirect?to=http://x"), None);
        assert_eq!(host("items"), None);
    }
}
