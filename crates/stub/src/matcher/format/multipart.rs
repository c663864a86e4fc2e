//! Reads `multipartPatterns`, a list of patterns for multipart parts.

use http::HeaderName;

use super::field::field_rule;
use super::value::value_matcher;
use crate::matcher::{Clause, FieldRule, MultipartRule, ValueMatcher};
use crate::source::{Node, Object, Reader, Strictness, Value};

pub(crate) const KEYS: &[&str] = &["bodyPatterns", "fileName", "filename", "headers", "matchingType", "name"];

/// Reads the multipart patterns of a request pattern.
pub(super) fn multipart_patterns(object: &mut Object<'_>, clauses: &mut Vec<Clause>, reader: &mut Reader) {
    let Some(node) = object.node("multipartPatterns") else { return };
    object.echo("multipartPatterns", node.to_json());
    reader.within("multipartPatterns", |reader| {
        let Value::Array(items) = &node.value else {
            let message = format!("`multipartPatterns` is a list, not {}", node.kind_name());
            reader.error(node, message, "write `\"multipartPatterns\": [{…}]`");
            return;
        };
        for (place, item) in items.iter().enumerate() {
            clauses.extend(reader.within(place.to_string(), |reader| rule(item, reader)).map(Clause::Multipart));
        }
    });
}

fn rule(node: &Node, reader: &mut Reader) -> Option<MultipartRule> {
    let mut object = Object::open(node, "a multipart pattern", reader)?;
    let name = object.text("name", reader);
    let file_name = object.text("fileName", reader).or_else(|| object.text("filename", reader));
    let all = match object.text("matchingType", reader).as_deref() {
        None | Some("ANY") => false,
        Some("ALL") => true,
        Some(other) => {
            let help = "write \"ANY\" for one of the parts, or \"ALL\"";
            reader.error_at(node, "matchingType", format!("`{other}` is not a way to match parts"), help);
            false
        }
    };
    let headers = headers(&object, reader);
    let bodies = bodies(&object, reader);
    object.close(KEYS, Strictness::Strict, reader);
    let rule = MultipartRule { name, file_name, all, headers, bodies };
    if reader.is_lenient() {
        warn_of_names(&rule, node, reader);
    }
    Some(rule)
}

/// Warns of names that select no part though they look as if they did.
fn warn_of_names(rule: &MultipartRule, node: &Node, reader: &mut Reader) {
    if rule.headers.is_empty() && rule.bodies.is_empty() && rule.file_name.is_some() {
        let help = "add `\"headers\": {\"Content-Disposition\": {\"contains\": \"filename=…\"}}`";
        reader.warn_at(node, "fileName", "`fileName` counts only beside `headers` or `bodyPatterns`", help);
    }
    let by_header = rule.headers.iter().any(|(name, _)| *name == http::header::CONTENT_DISPOSITION);
    if let Some(name) = rule.name.as_ref().filter(|_| !by_header) {
        let help = format!("add `\"headers\": {{\"Content-Disposition\": {{\"contains\": \"name=\\\"{name}\\\"\"}}}}`");
        reader.warn_at(node, "name", "`name` selects no part: it is only a name for people", help);
    }
}

fn headers(object: &Object<'_>, reader: &mut Reader) -> Vec<(HeaderName, FieldRule)> {
    let Some(node) = object.node("headers") else { return Vec::new() };
    reader.within("headers", |reader| {
        let Some(named) = Object::open(node, "`headers`", reader) else { return Vec::new() };
        let mut rules = Vec::new();
        for member in named.members() {
            rules.extend(reader.within(&member.key, |reader| {
                let rule = field_rule(&member.value, reader)?;
                match HeaderName::from_bytes(member.key.as_bytes()) {
                    Ok(name) => Some((name, rule)),
                    Err(_) => {
                        let message = format!("`{}` cannot be the name of a header", member.key);
                        reader.error(&member.value, message, "use letters, digits and `-`");
                        None
                    }
                }
            }));
        }
        rules
    })
}

fn bodies(object: &Object<'_>, reader: &mut Reader) -> Vec<ValueMatcher> {
    let Some(node) = object.node("bodyPatterns") else { return Vec::new() };
    reader.within("bodyPatterns", |reader| {
        let Value::Array(items) = &node.value else {
            let message = format!("`bodyPatterns` is a list, not {}", node.kind_name());
            reader.error(node, message, "write `\"bodyPatterns\": [{…}]`");
            return Vec::new();
        };
        let read = |(place, item): (usize, &Node)| {
            reader.within(place.to_string(), |reader| value_matcher(item, true, reader))
        };
        items.iter().enumerate().filter_map(read).collect()
    })
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use bytes::Bytes;

    use crate::call::{Call, Peers, Scheme};
    use crate::matcher::format::request_pattern;
    use crate::matcher::{MatchStats, RequestPattern};
    use crate::source::Reader;

    fn read(patterns: &str) -> (RequestPattern, Vec<String>) {
        let text = format!("{{\"multipartPatterns\": {patterns}}}");
        let mut reader = Reader::of_file("a.json", text.as_str().into());
        let node = reader.parse(&text).expect("JSON");
        let pattern = request_pattern(&node, &mut reader);
        (pattern, reader.into_defects().iter().map(ToString::to_string).collect())
    }

    fn call(content_type: &str, body: &str) -> Call {
        let request = http::Request::post("/").header("Content-Type", content_type).body(()).expect("a request");
        let address = "127.0.0.1:80".parse().expect("an address");
        let peers = Peers { scheme: Scheme::Http, remote: address, local: address };
        Call::new(request.into_parts().0, Bytes::from(body.to_owned()), peers, Instant::now(), 1 << 20)
    }

    const FORM: &str = "multipart/form-data; boundary=B";

    const TWO_PARTS: &str = "--B\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-Type: application/json\r\n\r\n\
        {\"id\": 1}\r\n--B\r\nContent-Disposition: form-data; name=\"b\"; filename=\"b.txt\"\r\n\r\ntext\r\n--B--\r\n";

    #[test]
    fn one_part_or_all_of_them() {
        for (patterns, expected) in [
            ("[{}]", true),
            (r#"[{"name": "zzz"}]"#, true),
            (r#"[{"fileName": "zzz"}]"#, true),
            (r#"[{"bodyPatterns": [{"contains": "ex"}]}]"#, true),
            (r#"[{"bodyPatterns": [{"contains": "ex"}], "fileName": "b.txt"}]"#, true),
            (r#"[{"bodyPatterns": [{"contains": "ex"}], "fileName": "c.txt"}]"#, false),
            (r#"[{"bodyPatterns": [{"contains": "ex"}], "matchingType": "ALL"}]"#, false),
            (r#"[{"bodyPatterns": [{"matches": ".+"}], "matchingType": "ALL"}]"#, true),
            (r#"[{"bodyPatterns": [{"matchesJsonPath": {"expression": "$.id", "equalTo": "1"}}]}]"#, true),
            (r#"[{"bodyPatterns": [{"binaryEqualTo": "dGV4dA=="}]}]"#, true),
            (r#"[{"headers": {"content-type": {"contains": "json"}}, "bodyPatterns": [{"contains": "id"}]}]"#, true),
            (r#"[{"headers": {"content-type": {"contains": "json"}}, "bodyPatterns": [{"contains": "ex"}]}]"#, false),
            (r#"[{"headers": {"X-Y": {"absent": true}}, "matchingType": "ALL"}]"#, true),
            // each pattern may match another part
            (r#"[{"bodyPatterns": [{"contains": "ex"}]}, {"bodyPatterns": [{"contains": "id"}]}]"#, true),
        ] {
            let (pattern, _) = read(patterns);
            assert_eq!(pattern.matches(&call(FORM, TWO_PARTS), &MatchStats::default()), expected, "{patterns}");
            assert!(!pattern.matches(&call("text/plain", TWO_PARTS), &MatchStats::default()), "{patterns}");
        }
        let (any, _) = read("[{}]");
        assert!(!any.matches(&call(FORM, "no parts"), &MatchStats::default()));
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (patterns, told) in [
            (r#"[{"bodyPatterns": [{"contains": "x"}]}]"#, 0),
            (r#"[{"name": "a", "headers": {"Content-Disposition": {"contains": "name=\"a\""}}}]"#, 0),
            (r#"[{"name": "a"}]"#, 1),
            (r#"[{"fileName": "a"}]"#, 1),
            (r#"[{"matchingType": "SOME"}]"#, 1),
            (r#"[{"body": "a"}]"#, 1),
            (r#"[{"headers": {"a b": {"equalTo": "x"}}}]"#, 1),
            (r#"[{"bodyPatterns": {"equalTo": "x"}}]"#, 1),
            ("{}", 1),
        ] {
            let (_, defects) = read(patterns);
            assert_eq!(defects.len(), told, "{patterns}: {defects:?}");
        }
    }
}
