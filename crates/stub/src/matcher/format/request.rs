//! Reads request patterns of stubs.

use http::HeaderName;
use serde_json::{Map, Value as Json};

use super::custom::custom_matcher;
use super::date_time::echo_relative_dates;
use super::field::field_rule;
use super::json_schema::echo_schemas;
use super::multipart::multipart_patterns;
use super::never_matches;
use super::operand::java_regex;
use super::value::value_matcher;
use crate::matcher::{Clause, FieldMatcher, FieldName, FieldRule, MethodRule, RequestPattern, UrlRule, ValueMatcher};
use crate::source::defect::Defect;
use crate::source::rule::Rule;
use crate::source::{Node, Object, Reader, Strictness, Value};
use standin_dialect::PathTemplate;

pub(crate) const KEYS: &[&str] = &[
    "basicAuth",
    "basicAuthCredentials",
    "bodyPatterns",
    "clientIp",
    "cookies",
    "customMatcher",
    "formParameters",
    "headers",
    "host",
    "method",
    "multipartPatterns",
    "pathParameters",
    "port",
    "queryParameters",
    "scheme",
    "url",
    "urlPath",
    "urlPathPattern",
    "urlPathTemplate",
    "urlPattern",
];

/// The URL fields in order of precedence.
const URL_KEYS: &[&str] = &["url", "urlPattern", "urlPath", "urlPathPattern", "urlPathTemplate"];

/// Reads a request pattern that stands alone, as in `requests/find`.
pub fn request_pattern(node: &Node, reader: &mut Reader) -> RequestPattern {
    read(node, reader).0
}

/// Returns the pattern of a stub without a request, which matches every request.
pub fn anything() -> (RequestPattern, Map<String, Json>) {
    let mut echo = Map::new();
    echo.insert("method".to_owned(), "ANY".into());
    (RequestPattern::default(), echo)
}

/// Reads a request pattern. The second value is the pattern as WireMock echoes it.
pub fn read(node: &Node, reader: &mut Reader) -> (RequestPattern, Map<String, Json>) {
    let Some(mut object) = Object::open(node, "a request pattern", reader) else { return anything() };
    let mut clauses = Vec::new();
    clauses.push(Clause::Method(method(&mut object, reader)));
    let url = url(&mut object, reader);
    path_parameters(&mut object, &url, &mut clauses, reader);
    clauses.push(Clause::Url(url));
    clauses.extend(object.text("scheme", reader).map(Clause::Scheme));
    clauses.extend(object.integer("port", reader).map(Clause::Port));
    clauses.extend(one_value("host", &mut object, reader).map(Clause::Host));
    clauses.extend(one_value("clientIp", &mut object, reader).map(Clause::ClientIp));
    fields("headers", &mut object, &mut clauses, reader);
    fields("queryParameters", &mut object, &mut clauses, reader);
    fields("cookies", &mut object, &mut clauses, reader);
    fields("formParameters", &mut object, &mut clauses, reader);
    clauses.extend(basic_auth(&mut object, reader));
    body_patterns(&mut object, &mut clauses, reader);
    if let Some(node) = object.node("customMatcher") {
        object.echo("customMatcher", node.to_json());
        clauses.push(custom_matcher(node, reader));
    }
    multipart_patterns(&mut object, &mut clauses, reader);
    if reader.is_lenient() {
        never_matches::check_query(node, reader);
    }
    let mut echo = object.close(KEYS, Strictness::Strict, reader);
    echo.entry("method").or_insert_with(|| "ANY".into());
    echo.values_mut().for_each(echo_relative_dates);
    echo.values_mut().for_each(echo_schemas);
    (RequestPattern::new(clauses), echo)
}

fn method(object: &mut Object<'_>, reader: &mut Reader) -> MethodRule {
    let Some(node) = object.node("method") else { return MethodRule::Any };
    let Value::String(method) = &node.value else {
        let message = format!("`method` is a string, not {}", node.kind_name());
        reader.error_at(node, "method", message, "write one such as \"GET\", or \"ANY\"");
        return MethodRule::Any;
    };
    object.echo("method", method.clone().into());
    if reader.is_lenient() && method.chars().any(|c| c.is_ascii_lowercase()) {
        let help = format!("write `{}`", method.to_ascii_uppercase());
        let defect = Defect::warning(format!("`{method}` never matches: methods are upper case")).help(help);
        reader.report(defect.rule(&Rule::NEVER_MATCHES), node, "method");
    }
    match method.as_str() {
        "ANY" => MethodRule::Any,
        "GET_OR_HEAD" => MethodRule::GetOrHead,
        other => MethodRule::Is(other.to_owned()),
    }
}

fn url(object: &mut Object<'_>, reader: &mut Reader) -> UrlRule {
    let mut rule = None;
    for &key in URL_KEYS {
        let Some(text) = object.text(key, reader) else { continue };
        let node = object.node(key).unwrap_or(object.whole());
        if rule.is_some() {
            if reader.is_lenient() {
                let help = format!("keep one of: {}", URL_KEYS.join(", "));
                reader.warn_at(node, key, format!("`{key}` is ignored beside another url field"), help);
            }
            continue;
        }
        if reader.is_lenient() {
            never_matches::check_url(key, &text, node, reader);
        }
        let pattern = |reader: &mut Reader| reader.within(key, |reader| java_regex(&text, node, reader));
        rule = match key {
            "url" => Some(UrlRule::Url(text.strip_suffix('?').unwrap_or(&text).to_owned())),
            "urlPath" => Some(UrlRule::Path(text)),
            "urlPathPattern" => pattern(reader).map(UrlRule::PathPattern),
            "urlPathTemplate" => Some(UrlRule::PathTemplate(PathTemplate::new(&text))),
            _ => pattern(reader).map(UrlRule::UrlPattern),
        };
    }
    rule.unwrap_or(UrlRule::Any)
}

/// Reads the matchers for path variables. Without a path template, WireMock ignores them.
fn path_parameters(object: &mut Object<'_>, url: &UrlRule, clauses: &mut Vec<Clause>, reader: &mut Reader) {
    let Some(node) = object.node("pathParameters") else { return };
    object.echo("pathParameters", node.to_json());
    let Some(parameters) = reader.within("pathParameters", |reader| Object::open(node, "`pathParameters`", reader))
    else {
        return;
    };
    let UrlRule::PathTemplate(template) = url else {
        if reader.is_lenient() {
            let help = "give the url as `urlPathTemplate`";
            reader.warn_at(node, "pathParameters", "`pathParameters` without `urlPathTemplate` is ignored", help);
        }
        return;
    };
    let spelt = object.node("urlPathTemplate").and_then(Node::as_str).unwrap_or_default();
    for member in parameters.members() {
        if reader.is_lenient() && member.value.get("absent").is_none() {
            never_matches::check_path_parameter(&member.key, spelt, &member.value, reader);
        }
        let rule = reader.within("pathParameters", |reader| {
            reader.within(&member.key, |reader| value_matcher(&member.value, false, reader))
        });
        if let Some(rule) = rule {
            clauses.push(Clause::PathParameter { template: template.clone(), name: member.key.clone(), rule });
        }
    }
}

fn one_value(key: &str, object: &mut Object<'_>, reader: &mut Reader) -> Option<ValueMatcher> {
    let node = object.node(key)?;
    object.echo(key, node.to_json());
    reader.within(key, |reader| value_matcher(node, false, reader))
}

fn fields(key: &str, object: &mut Object<'_>, clauses: &mut Vec<Clause>, reader: &mut Reader) {
    let Some(node) = object.node(key) else { return };
    object.echo(key, node.to_json());
    reader.within(key, |reader| {
        let Some(named) = Object::open(node, &format!("`{key}`"), reader) else { return };
        for member in named.members() {
            let read = reader.within(&member.key, |reader| {
                let name = field_name(key, &member.key, &member.value, reader)?;
                // a cookie has no list of values
                let rule = match name {
                    FieldName::Cookie(_) => FieldRule::One(value_matcher(&member.value, false, reader)?),
                    _ => field_rule(&member.value, reader)?,
                };
                Some(FieldMatcher { name, rule })
            });
            clauses.extend(read.map(Clause::Field));
        }
    });
}

fn field_name(key: &str, name: &str, node: &Node, reader: &mut Reader) -> Option<FieldName> {
    match key {
        "cookies" => Some(FieldName::Cookie(name.to_owned())),
        "formParameters" => Some(FieldName::Form(name.to_owned())),
        "queryParameters" => Some(FieldName::Query(name.to_owned())),
        _ => match HeaderName::from_bytes(name.as_bytes()) {
            Ok(name) => Some(FieldName::Header(name)),
            Err(_) => {
                let help = "use letters, digits and `-`";
                reader.error(node, format!("`{name}` cannot be the name of a header"), help);
                None
            }
        },
    }
}

fn basic_auth(object: &mut Object<'_>, reader: &mut Reader) -> Option<Clause> {
    let (key, node) =
        ["basicAuthCredentials", "basicAuth"].into_iter().find_map(|key| Some((key, object.node(key)?)))?;
    object.echo("basicAuthCredentials", node.to_json());
    reader.within(key, |reader| {
        let mut credentials = Object::open(node, "credentials", reader)?;
        let username = credentials.text("username", reader);
        let password = credentials.text("password", reader);
        credentials.close(&["password", "username"], Strictness::Strict, reader);
        // incomplete credentials match no request
        Some(match (username, password) {
            (Some(username), Some(password)) => Clause::basic_auth(&username, &password),
            _ => Clause::Unsatisfiable,
        })
    })
}

fn body_patterns(object: &mut Object<'_>, clauses: &mut Vec<Clause>, reader: &mut Reader) {
    let Some(node) = object.node("bodyPatterns") else { return };
    object.echo("bodyPatterns", node.to_json());
    reader.within("bodyPatterns", |reader| {
        let Value::Array(items) = &node.value else {
            let message = format!("`bodyPatterns` is a list, not {}", node.kind_name());
            reader.error(node, message, "write `\"bodyPatterns\": [{…}]`");
            return;
        };
        for (place, item) in items.iter().enumerate() {
            let rule = reader.within(place.to_string(), |reader| value_matcher(item, true, reader));
            clauses.extend(rule.map(Clause::Body));
        }
    });
}
