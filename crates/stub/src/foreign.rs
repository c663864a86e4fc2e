//! Recognition of files in `mappings/` that are no stubs: formats of other tools, and answers or
//! notes that lie there.

use crate::defect::Defect;
use crate::source::rule::Rule;
use crate::source::{Node, Reader, Value};

/// A format of another tool, and the way from it to stubs.
struct ForeignFormat {
    name: &'static str,
    is_it: fn(&Node) -> bool,
    help: &'static str,
}

/// Known formats. The first that applies is named.
const FORMATS: &[ForeignFormat] = &[
    ForeignFormat {
        name: "WireMock.Net",
        is_it: |node| has_any(node, &["Request", "Response"]) && !has_any(node, &["request", "response"]),
        help: "WireMock.Net writes other fields: write `request` and `response` as WireMock has them",
    },
    ForeignFormat {
        name: "Mountebank",
        is_it: |node| node.get("imposters").is_some() || has_all(node, &["protocol", "stubs"]),
        help: "write a stub with `request` and `response` for each of its `stubs`",
    },
    ForeignFormat {
        name: "MockServer",
        is_it: |node| has_any(node, &["httpRequest", "httpResponse", "httpRequests"]),
        help: "write `request` for `httpRequest` and `response` for `httpResponse`",
    },
    ForeignFormat {
        name: "Hoverfly",
        is_it: |node| {
            let has_pairs = node.get("data").is_some_and(|data| data.get("pairs").is_some());
            has_pairs || node.get("meta").is_some_and(|meta| meta.get("hoverflyVersion").is_some())
        },
        help: "write a stub with `request` and `response` for each of its `pairs`",
    },
    ForeignFormat {
        name: "Pact",
        is_it: |node| node.get("interactions").is_some() && has_any(node, &["consumer", "provider"]),
        help: "write a stub with `request` and `response` for each of its `interactions`",
    },
    ForeignFormat {
        name: "OpenAPI",
        is_it: |node| has_any(node, &["openapi", "swagger"]),
        help: "it describes an API and holds no stubs; move it out of `mappings/`",
    },
    ForeignFormat {
        name: "Postman",
        is_it: |node| has_all(node, &["info", "item"]),
        help: "it is a collection and holds no stubs; move it out of `mappings/`",
    },
    ForeignFormat {
        name: "HAR",
        is_it: |node| node.get("log").is_some_and(|log| log.get("entries").is_some()),
        help: "it is a recording and holds no stubs; move it out of `mappings/`",
    },
    ForeignFormat {
        name: "Mockoon",
        is_it: |node| node.get("routes").is_some() && has_any(node, &["endpointPrefix", "hostname", "lastMigration"]),
        help: "write a stub with `request` and `response` for each of its `routes`",
    },
];

/// Fields of which a stub has at least one.
const STUB_FIELDS: [&str; 2] = ["request", "response"];

/// Fields of a response definition that are no fields of a stub.
const RESPONSE_FIELDS: [&str; 8] =
    ["status", "headers", "body", "jsonBody", "base64Body", "bodyFileName", "proxyBaseUrl", "fault"];

/// Fields of a request pattern that are no fields of a stub.
const REQUEST_FIELDS: [&str; 7] =
    ["method", "url", "urlPath", "urlPattern", "urlPathPattern", "urlPathTemplate", "bodyPatterns"];

/// Returns true if a document is in the format of another tool.
pub(super) fn is_foreign(node: &Node) -> bool {
    format_of(node).is_some()
}

/// Reports a value that is no stub, such as one without `request` and `response`; returns whether
/// it is none. A value that is no object is left to the reader of stubs.
pub(super) fn report_no_stub(node: &Node, reader: &mut Reader) -> bool {
    if let Some(format) = format_of(node) {
        let defect = Defect::error(format!("this is a file of {}, and no stub", format.name)).help(format.help);
        reader.report_here(defect.rule(&Rule::NO_STUB), node);
        return true;
    }
    let Value::Object(_) = &node.value else { return false };
    if has_any(node, &STUB_FIELDS) {
        return false;
    }
    let help = if has_any(node, &REQUEST_FIELDS) {
        "put what it asks for into `\"request\": {…}`"
    } else if has_any(node, &RESPONSE_FIELDS) {
        "put the answer into `\"response\": {…}`, and say in `\"request\": {…}` to which calls"
    } else {
        "write `{\"request\": {…}, \"response\": {…}}`, or move the file out of `mappings/`; bodies belong to `__files/`"
    };
    let defect = Defect::error("this is no stub: it has neither `request` nor `response`").help(help);
    reader.report_here(defect.rule(&Rule::NO_STUB), node);
    true
}

/// Returns the format of a document, or of the first item of a list.
fn format_of(node: &Node) -> Option<&'static ForeignFormat> {
    let node = node.items().first().unwrap_or(node);
    if has_any(node, &STUB_FIELDS) {
        return None;
    }
    FORMATS.iter().find(|format| (format.is_it)(node))
}

fn has_any(node: &Node, keys: &[&str]) -> bool {
    keys.iter().any(|key| node.get(key).is_some())
}

fn has_all(node: &Node, keys: &[&str]) -> bool {
    keys.iter().all(|key| node.get(key).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(text: &str) -> String {
        let mut reader = Reader::of_file("a.json", text.into());
        let node = reader.parse(text).expect("JSON");
        report_no_stub(&node, &mut reader);
        reader.defects().first().map_or_else(String::new, ToString::to_string)
    }

    #[test]
    fn formats_of_other_tools_are_named() {
        for (text, name) in [
            (r#"{"Guid": "1", "Request": {"Path": "/a"}, "Response": {"StatusCode": 200}}"#, "WireMock.Net"),
            (r#"[{"Request": {}, "Response": {}}]"#, "WireMock.Net"),
            (r#"{"imposters": [{"port": 4545, "protocol": "http", "stubs": []}]}"#, "Mountebank"),
            (r#"{"port": 4545, "protocol": "http", "stubs": []}"#, "Mountebank"),
            (r#"[{"httpRequest": {"path": "/a"}, "httpResponse": {"body": "x"}}]"#, "MockServer"),
            (r#"{"httpRequest": {"path": "/a"}, "httpForward": {}}"#, "MockServer"),
            (r#"{"data": {"pairs": []}, "meta": {"schemaVersion": "v5"}}"#, "Hoverfly"),
            (r#"{"consumer": {}, "provider": {}, "interactions": []}"#, "Pact"),
            (r#"{"openapi": "3.0.0", "paths": {}}"#, "OpenAPI"),
            (r#"{"info": {}, "item": []}"#, "Postman"),
            (r#"{"log": {"entries": []}}"#, "HAR"),
        ] {
            assert!(report(text).contains(&format!("a file of {name}, and no stub")), "{text}: {}", report(text));
        }
    }

    #[test]
    fn what_lies_among_stubs_is_reported_with_the_way_out() {
        for (text, help) in [
            (r#"{"status": 200, "body": "x"}"#, "`\"response\": {…}`"),
            (r#"{"urlPath": "/a", "method": "GET"}"#, "`\"request\": {…}`"),
            (r#"{"name": "Ada", "age": 36}"#, "out of `mappings/`"),
            ("{}", "out of `mappings/`"),
        ] {
            assert!(report(text).contains(help) && report(text).contains("no stub"), "{text}: {}", report(text));
        }
        for stub in [r#"{"request": {}}"#, r#"{"response": {}}"#, r#"{"request": {}, "httpRequest": {}}"#] {
            assert_eq!(report(stub), "");
        }
    }
}
