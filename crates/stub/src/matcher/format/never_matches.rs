//! Detection of request patterns that no request can meet, in files: the mistakes that people ask
//! about most.

use crate::source::defect::Defect;
use crate::source::rule::Rule;
use crate::source::{Node, Reader};

/// Warns of a url field that no request can meet.
pub(super) fn check_url(key: &str, text: &str, node: &Node, reader: &mut Reader) {
    let found = match key {
        "url" | "urlPath" | "urlPathTemplate" => literal_problem(key, text),
        _ => pattern_problem(key, text),
    };
    if let Some((message, help)) = found {
        reader.report(Defect::warning(message).help(help).rule(&Rule::NEVER_MATCHES), node, key);
    }
}

/// Warns of conditions on the query beside a `url` without one: that is compared whole.
pub(super) fn check_query(request: &Node, reader: &mut Reader) {
    let Some(url) = request.get("url").and_then(Node::as_str) else { return };
    let Some(parameters) = request.get("queryParameters") else { return };
    let is_required = |rule: &Node| rule.get("absent").is_none();
    let Some(member) = parameters.members().iter().find(|member| is_required(&member.value)) else { return };
    if url.contains('?') {
        return;
    }
    let message = format!(
        "this never matches: `url` is compared with the query, and `{url}` has none, so that `{}` is never there",
        member.key
    );
    let defect = Defect::warning(message).help(format!("write `\"urlPath\": \"{url}\"`")).rule(&Rule::NEVER_MATCHES);
    reader.report(defect, parameters, "queryParameters");
}

/// Warns of a rule for a path variable that the template does not have.
pub(super) fn check_path_parameter(name: &str, template: &str, node: &Node, reader: &mut Reader) {
    if template.contains(&format!("{{{name}}}")) || template.contains('*') {
        return;
    }
    let message = format!("this never matches: `{template}` has no variable `{name}`");
    let defect = Defect::warning(message).help("name a variable of `urlPathTemplate`").rule(&Rule::NEVER_MATCHES);
    reader.report(defect, node, "pathParameters");
}

type Problem = (String, String);

fn literal_problem(key: &str, text: &str) -> Option<Problem> {
    let (is_path, pattern) = (key != "url", if key == "url" { "urlPattern" } else { "urlPathPattern" });
    if let Some(path) = after_authority(text) {
        return Some((
            format!("`{text}` never matches: a request has a path, not a whole url"),
            format!("write `{path}`; `host`, `port` and `scheme` are fields of their own"),
        ));
    }
    if key != "urlPathTemplate" && text.contains('{') && text.contains('}') && !text.contains("{{") {
        return Some((
            format!("`{text}` is compared as it stands, and `{{…}}` is no variable in `{key}`"),
            "write it as `urlPathTemplate`".to_owned(),
        ));
    }
    if looks_like_pattern(text) && key != "urlPathTemplate" {
        return Some((
            format!("`{text}` looks like a regular expression, and `{key}` is compared as it stands"),
            format!("write it as `{pattern}`"),
        ));
    }
    if !text.starts_with('/') && text != "*" && !text.is_empty() && !text.starts_with("{{") {
        return Some((format!("`{text}` never matches: a path begins with `/`"), format!("write `/{text}`")));
    }
    if is_path && let Some((path, query)) = text.split_once('?') {
        let help = match key {
            "urlPath" => format!("write `\"url\": \"{text}\"`, or `\"urlPath\": \"{path}\"` with `queryParameters`"),
            _ => format!("write `{path}`, and `queryParameters` for `{query}`"),
        };
        return Some((format!("`{text}` never matches: a path has no query"), help));
    }
    if text.contains('#') {
        return Some((
            format!("`{text}` never matches: clients do not send what stands after `#`"),
            "leave out the fragment".to_owned(),
        ));
    }
    let blank = text.find(|c: char| c.is_whitespace() || c.is_control())?;
    let shown = if text[blank..].trim().is_empty() { text.trim().to_owned() } else { text.replace(' ', "%20") };
    Some((format!("`{text}` never matches: a url has no blanks"), format!("write `{shown}`")))
}

fn pattern_problem(key: &str, text: &str) -> Option<Problem> {
    let inner = text.strip_prefix('^').unwrap_or(text);
    if let Some(path) = after_authority(&inner.replace("\\/", "/")) {
        return Some((
            format!("`{text}` never matches: a request has a path, not a whole url"),
            format!("write `{path}`"),
        ));
    }
    // an alternative may begin otherwise
    let has_alternatives = inner.contains('|');
    let mut letters = inner.chars();
    let first = letters.next()?;
    if first.is_ascii_alphanumeric() && !matches!(letters.next(), Some('*' | '?' | '{')) && !has_alternatives {
        return Some((
            format!("`{text}` never matches: a path begins with `/`, and a pattern has to match the whole of it"),
            format!("write `/{inner}`, or `.*{inner}`"),
        ));
    }
    if key == "urlPathPattern" && inner.contains("\\?") && !has_alternatives {
        return Some((
            format!("`{text}` never matches: a path has no query"),
            "write it as `urlPattern`, or give the query as `queryParameters`".to_owned(),
        ));
    }
    let query = unescaped_query(inner)?;
    Some((
        format!("`?` in `{text}` makes the character before it optional, so that no query matches"),
        format!("write `\\\\?{query}`"),
    ))
}

/// Returns what stands behind an unescaped `?` that is meant to begin a query, such as `a=1` in
/// `/x?a=1`.
fn unescaped_query(pattern: &str) -> Option<&str> {
    pattern.match_indices('?').find_map(|(at, _)| {
        let before = pattern[..at].chars().next_back()?;
        let rest = &pattern[at + 1..];
        let name = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-')?;
        let begins_query = before.is_ascii_alphanumeric() && name > 0 && rest[name..].starts_with('=');
        begins_query.then_some(rest)
    })
}

/// Returns the path of an absolute url.
fn after_authority(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"))?;
    Some(rest.find('/').map_or("/", |at| &rest[at..]))
}

/// Returns true if a text has what only a regular expression has.
fn looks_like_pattern(text: &str) -> bool {
    let parts =
        [".*", ".+", "\\d", "\\w", "\\S", "\\/", "\\.", "\\?", "[^", "[a-z", "[A-Z", "[0-9", "(?", "]+", "]*", ")?"];
    parts.iter().any(|part| text.contains(part)) || text.starts_with('^') || text.len() > 1 && text.ends_with('$')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warnings(request: &str) -> Vec<String> {
        let mut reader = Reader::of_file("a.json", request.into());
        let node = reader.parse(request).expect("JSON");
        super::super::request::read(&node, &mut reader);
        reader.defects().iter().filter(|defect| *defect.rule == Rule::NEVER_MATCHES).map(ToString::to_string).collect()
    }

    #[test]
    fn what_no_request_can_meet_is_reported() {
        for (request, help) in [
            (r#"{"urlPath": "/a?b=1"}"#, "\"url\": \"/a?b=1\""),
            (r#"{"urlPathTemplate": "/a/{id}?b=1"}"#, "queryParameters"),
            (r#"{"urlPath": "/a/.*"}"#, "`urlPathPattern`"),
            (r#"{"url": "/a/[0-9]+"}"#, "`urlPattern`"),
            (r#"{"url": "^/a$"}"#, "`urlPattern`"),
            (r#"{"urlPath": "/a/{id}"}"#, "`urlPathTemplate`"),
            (r#"{"url": "http://localhost:8080/a"}"#, "write `/a`"),
            (r#"{"urlPattern": "https://host/a/.*"}"#, "write `/a/.*`"),
            (r#"{"url": "a/b"}"#, "write `/a/b`"),
            (r#"{"urlPath": "/a#top"}"#, "fragment"),
            (r#"{"url": "/a b"}"#, "write `/a%20b`"),
            (r#"{"url": "/a "}"#, "write `/a`"),
            (r#"{"urlPathPattern": "api/.*"}"#, "`/api/.*`"),
            (r#"{"urlPathPattern": "/a\\?b=.*"}"#, "`urlPattern`"),
            (r#"{"urlPattern": "/a?b=.*"}"#, "\\?b=.*"),
            (r#"{"url": "/a", "queryParameters": {"b": {"equalTo": "1"}}}"#, "\"urlPath\": \"/a\""),
            (r#"{"urlPathTemplate": "/a/{id}", "pathParameters": {"no": {"equalTo": "1"}}}"#, "variable"),
        ] {
            let found = warnings(request);
            assert!(found.len() == 1 && found[0].contains(help), "{request}: {found:?}");
        }
    }

    #[test]
    fn what_some_request_meets_is_not() {
        for request in [
            r#"{"url": "/a?b=1&c=[1]"}"#,
            r#"{"url": "/a.b/c(1)/d+e"}"#,
            r#"{"urlPath": "/a;v=1/%20/"}"#,
            r#"{"url": "*", "method": "OPTIONS"}"#,
            r#"{"urlPattern": ".*"}"#,
            r#"{"urlPattern": "/a(\\?.*)?"}"#,
            r#"{"urlPattern": "/items?/[0-9]+"}"#,
            r#"{"urlPathPattern": "^/a/(b|c)$"}"#,
            r#"{"urlPathPattern": "(?i)/a"}"#,
            r#"{"urlPattern": "/a\\?b=1"}"#,
            r#"{"urlPathTemplate": "/a/{id}", "pathParameters": {"id": {"equalTo": "1"}}}"#,
            r#"{"url": "/a", "queryParameters": {"b": {"absent": true}}}"#,
            r#"{"urlPath": "/a", "queryParameters": {"b": {"equalTo": "1"}}}"#,
        ] {
            assert_eq!(warnings(request), Vec::<String>::new(), "{request}");
        }
    }
}
