//! The documentation of the API: an index, OpenAPI and an HTML page, all from the list of routes.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Extension;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value, json};

use super::route::{Payload, Route, RouteGroup, RouteList};
use super::{AdminResponse, json_answer, mappings};
use crate::live::ServiceState;

/// Lists the stubs, as WireMock does, and the routes.
pub(super) async fn index(
    Extension(live): Extension<Arc<ServiceState>>,
    Extension(RouteList(routes)): Extension<RouteList>,
) -> AdminResponse {
    let routes: Vec<Value> = routes()
        .iter()
        .map(|route| json!({"method": route.method.as_str(), "path": full(route), "summary": route.summary}))
        .collect();
    let mut index = mappings::listing_of_all(&live);
    index["docs"] = "/__admin/docs".into();
    index["openapi"] = "/__admin/docs/swagger".into();
    index["routes"] = routes.into();
    json_answer(StatusCode::OK, &index)
}

/// Redirects `/__admin` to the index.
pub(super) async fn to_index() -> AdminResponse {
    redirect("/__admin/")
}

/// Redirects WireMock's recorder page to the dashboard, whose page Record starts and stops
/// recordings.
pub(super) async fn to_dashboard() -> AdminResponse {
    redirect("/__admin/ui#/record")
}

fn redirect(place: &'static str) -> AdminResponse {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::FOUND;
    response.headers_mut().insert(header::LOCATION, HeaderValue::from_static(place));
    response
}

pub(super) async fn open_api(Extension(RouteList(routes)): Extension<RouteList>) -> AdminResponse {
    json_answer(StatusCode::OK, &description(&routes()))
}

fn description(routes: &[Route]) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for route in routes {
        let path = paths.entry(full(route)).or_insert_with(|| json!({}));
        path[route.method.as_str().to_lowercase()] = operation(route);
    }
    let tags: Vec<Value> = RouteGroup::ALL.iter().map(|group| json!({"name": group.title()})).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "standin admin API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "WireMock's admin API, and under `/__admin/standin` what only standin has.",
        },
        "tags": tags,
        "paths": paths,
    })
}

fn operation(route: &Route) -> Value {
    let in_path = parameters(route.path)
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}));
    let in_query = route.query.iter().map(|(name, says)| {
        json!({"name": name, "in": "query", "required": false, "description": says, "schema": {"type": "string"}})
    });
    let parameters: Vec<Value> = in_path.chain(in_query).collect();
    let mut answer = json!({"description": "done"});
    if let Some(kind) = content_type(route.answers) {
        answer["content"] = json!({ kind: {} });
    }
    let mut operation = json!({
        "tags": [route.group.title()],
        "summary": route.summary,
        "parameters": parameters,
        "responses": { route.status.to_string(): answer },
    });
    if let Some(kind) = route.body.and_then(content_type) {
        operation["requestBody"] = json!({"content": { kind: {} }});
    }
    operation
}

pub(super) async fn page(Extension(RouteList(routes)): Extension<RouteList>) -> AdminResponse {
    let mut page = String::from(BEGIN);
    let _ = write!(
        page,
        "<p>standin {}. The same in <a href=\"/__admin/docs/swagger\">OpenAPI</a>. A page to watch and change \
         it: the <a href=\"/__admin/ui\">dashboard</a>.</p>",
        env!("CARGO_PKG_VERSION")
    );
    let routes = routes();
    for group in RouteGroup::ALL {
        let _ = write!(page, "<h2>{}</h2><table>", group.title());
        for route in routes.iter().filter(|route| route.group == group) {
            let _ = write!(
                page,
                "<tr><td class=\"{0}\">{0}<td><code>{1}</code><td>{2}",
                route.method,
                full(route),
                code(route.summary)
            );
            for (name, says) in route.query {
                let _ = write!(page, "<br><code>?{name}=</code> {}", code(says));
            }
        }
        page.push_str("</table>");
    }
    page.push_str("</main></body></html>\n");
    let mut response = Response::new(Body::from(page));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html;charset=UTF-8"));
    response
}

fn full(route: &Route) -> String {
    format!("/__admin{}", route.path.replace("{*", "{"))
}

fn parameters(path: &'static str) -> impl Iterator<Item = &'static str> {
    path.split('{').skip(1).filter_map(|rest| rest.split('}').next()).map(|name| name.trim_start_matches('*'))
}

fn content_type(payload: Payload) -> Option<&'static str> {
    match payload {
        Payload::Bytes => Some("application/octet-stream"),
        Payload::Events => Some("text/event-stream"),
        Payload::Html => Some("text/html"),
        Payload::Json => Some("application/json"),
        Payload::Nothing => None,
        Payload::Text => Some("text/plain"),
    }
}

/// Marks up text in backticks as code. The texts are constants that need no escaping.
fn code(text: &str) -> String {
    let parts = text.split('`').enumerate();
    parts.map(|(n, part)| if n % 2 == 1 { format!("<code>{part}</code>") } else { part.to_owned() }).collect()
}

const BEGIN: &str = r#"<!DOCTYPE html>
<html lang="en"><head><meta charset="UTF-8"><meta name="viewport" content="width=device-width">
<title>standin admin API</title><style>
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;margin:0}
main{max-width:60rem;margin:0 auto;padding:1rem}
h2{margin:2rem 0 .5rem;font-size:1.1rem}
table{border-collapse:collapse;width:100%}
td{padding:.3rem .8rem .3rem 0;vertical-align:top;border-top:1px solid #8884}
td:first-child{width:4.5rem;font:600 .8rem/1.9 ui-monospace,monospace}
code{font:.9rem ui-monospace,monospace;overflow-wrap:anywhere}
.GET{color:#2a7de1}.POST{color:#2e9d5b}.PUT,.PATCH{color:#b7791f}.DELETE{color:#d64545}
@media(max-width:40rem){td{display:block;border:0;padding:.1rem 0}tr{display:block;border-top:1px solid #8884;padding:.4rem 0}}
</style></head><body><main><h1>standin admin API</h1>"#;

#[cfg(test)]
mod tests {
    use super::super::routes;
    use super::*;

    #[test]
    fn every_route_is_described_once() {
        let routes = routes::all();
        let described = description(&routes);
        let paths = described["paths"].as_object().expect("paths");
        let operations: usize = paths.values().map(|path| path.as_object().expect("methods").len()).sum();
        assert_eq!(operations, routes.len());
        let file = &paths["/__admin/files/{name}"]["put"];
        assert_eq!(file["parameters"][0]["name"], "name");
        assert!(file["requestBody"]["content"]["application/octet-stream"].is_object());
    }

    #[test]
    fn code_is_marked_up() {
        assert_eq!(code("as `x` is"), "as <code>x</code> is");
    }
}
