//! The list of routes with their documentation, from which the router, the OpenAPI description and
//! the page at `/__admin/docs` are made.

use http::Method;

use standin_stub::defect::nearest;

use super::route::{Payload, Route, RouteGroup};
use super::{
    channels, docs, files, mappings, message_mappings, messages, metrics, near_misses, profile, recordings, reload,
    requests, scenarios, settings, system, ui, what_if,
};

/// Returns the routes of the admin API.
#[rustfmt::skip] // a table: a route a line
pub(super) fn all() -> Vec<Route> {
    use RouteGroup::{Channels, Dashboard, Files, NearMisses, Recordings, Requests, Scenarios, Settings, Standin, Stubs, System};
    use Payload::{Bytes, Events, Html, Json, Nothing, Text};

    vec![
        Route::get("/mappings", Stubs, "List stubs, the first to match first", mappings::list).query(&[("limit", "how many at most"), ("offset", "how many to leave out before")]),
        Route::post("/mappings", Stubs, "Create a stub", mappings::create).takes(Json).answers(201, Json),
        Route::delete("/mappings", Stubs, "Remove all stubs", mappings::clear),
        Route::get("/mappings/{id}", Stubs, "Show a stub", mappings::one),
        Route::put("/mappings/{id}", Stubs, "Change a stub; it keeps its place", mappings::replace).takes(Json),
        Route::delete("/mappings/{id}", Stubs, "Remove a stub", mappings::delete),
        Route::post("/mappings/edit", Stubs, "Change the stub whose id is in the body (the way of WireMock 2)", mappings::edit).takes(Json).answers(204, Nothing),
        Route::post("/mappings/import", Stubs, "Create or change many stubs: all, or none if one is wrong", mappings::import).takes(Json).answers(200, Nothing),
        Route::post("/mappings/save", Stubs, "Write every stub to `mappings/`", mappings::save).answers(200, Nothing),
        Route::post("/mappings/reset", Stubs, "Read the files again in place of all stubs; forget calls and scenario states", reload::reset).answers(200, Nothing),
        Route::post("/mappings/remove", Stubs, "Remove the stub given whole, by its id or an equal request", mappings::remove).takes(Json).answers(200, Nothing),
        Route::post("/mappings/find-by-metadata", Stubs, "List the stubs whose metadata matches", mappings::find_by_metadata).takes(Json),
        Route::post("/mappings/remove-by-metadata", Stubs, "Remove the stubs whose metadata matches", mappings::remove_by_metadata).takes(Json),
        Route::get("/mappings/unmatched", Stubs, "List the stubs that never answered", mappings::unmatched),
        Route::delete("/mappings/unmatched", Stubs, "Remove the stubs that never answered", mappings::remove_unmatched),

        Route::get("/requests", Requests, "List calls, newest first, each with its answer", requests::list).query(&[("limit", "how many at most"), ("since", "only calls from this moment on, in ISO 8601"), ("unmatched", "`true`: only calls that no stub answered"), ("matchingStub", "only calls that the stub of this id answered")]),
        Route::delete("/requests", Requests, "Forget all calls", requests::reset),
        Route::post("/requests/reset", Requests, "Forget all calls (some clients ask so)", requests::reset),
        Route::get("/requests/{id}", Requests, "Show a call", requests::one),
        Route::delete("/requests/{id}", Requests, "Forget a call", requests::delete),
        Route::post("/requests/count", Requests, "Count the calls that a request pattern matches", requests::count).takes(Json),
        Route::post("/requests/find", Requests, "List the calls that a request pattern matches, oldest first", requests::find).takes(Json),
        Route::post("/requests/remove", Requests, "Forget the calls that a request pattern matches", requests::remove).takes(Json),
        Route::post("/requests/remove-by-metadata", Requests, "Forget the calls that stubs with matching metadata answered", requests::remove_by_metadata).takes(Json),
        Route::get("/requests/unmatched", Requests, "List the calls that no stub answered, newest first", requests::unmatched),

        Route::get("/requests/unmatched/near-misses", NearMisses, "The nearest stubs of each call that no stub answered, newest first", near_misses::unmatched).query(&[("limit", "how many calls at most; 1000 if it is not given")]),
        Route::post("/near-misses/request", NearMisses, "The stubs nearest to a call", near_misses::to_request).takes(Json),
        Route::post("/near-misses/request-pattern", NearMisses, "The calls nearest to a request pattern", near_misses::to_pattern).takes(Json),

        Route::get("/scenarios", Scenarios, "List scenarios with their states and stubs", scenarios::list),
        Route::post("/scenarios/reset", Scenarios, "Put all scenarios in their first state", scenarios::reset),
        Route::put("/scenarios/{name}/state", Scenarios, "Put a scenario in a state; without a body, in its first", scenarios::set).takes(Json),

        Route::get("/channels", Channels, "List the open WebSocket channels, the oldest first", channels::list),
        Route::get("/channels/{id}", Channels, "Show an open channel", channels::one),
        Route::delete("/channels/{id}", Channels, "Close a channel", channels::close),
        Route::post("/channels/send", Channels, "Send a message to the channels whose requests match", channels::send).takes(Json),
        Route::get("/messages", Channels, "List the messages of all channels, the oldest first", messages::list),
        Route::delete("/messages", Channels, "Forget all messages", messages::clear),
        Route::get("/messages/{id}", Channels, "Show a message", messages::one),
        Route::delete("/messages/{id}", Channels, "Forget a message", messages::delete),
        Route::post("/messages/count", Channels, "Count the messages that match", messages::count).takes(Json),
        Route::post("/messages/find", Channels, "List the messages that match", messages::find).takes(Json),
        Route::post("/messages/remove", Channels, "Forget the messages that match, and list them", messages::remove).takes(Json),
        Route::post("/messages/wait", Channels, "Wait for a message that matches, for up to `timeoutMillis`", messages::wait).takes(Json),
        Route::post("/messages/wait-for-count", Channels, "Wait for `count` messages that match, for up to `timeoutMillis`", messages::wait).takes(Json),
        Route::get("/message-mappings", Channels, "List message stubs, the first to match first", message_mappings::list),
        Route::post("/message-mappings", Channels, "Create a message stub, or change the one with its id", message_mappings::create).takes(Json).answers(201, Json),
        Route::delete("/message-mappings", Channels, "Remove the message stubs of the API", message_mappings::clear),
        Route::get("/message-mappings/{id}", Channels, "Show a message stub", message_mappings::one),
        Route::put("/message-mappings/{id}", Channels, "Change a message stub", message_mappings::change).takes(Json),
        Route::delete("/message-mappings/{id}", Channels, "Remove a message stub", message_mappings::delete),

        Route::get("/files", Files, "List the files of `__files`", files::list),
        Route::get("/files/{*name}", Files, "Show a file", files::read).answers(200, Bytes),
        Route::put("/files/{*name}", Files, "Write a file; answers with it in base64", files::write).takes(Bytes),
        Route::delete("/files/{*name}", Files, "Remove a file", files::delete).answers(200, Nothing),

        Route::get("/settings", Settings, "Show the delays of all stubs that do not say otherwise", settings::show),
        Route::put("/settings", Settings, "Replace the settings", settings::set).takes(Json).answers(200, Nothing),
        Route::post("/settings", Settings, "Replace the settings", settings::set).takes(Json).answers(200, Nothing),
        Route::new(Method::PATCH, "/settings/extended", Settings, "Change members of `extended`; null removes one", settings::extend).takes(Json),

        Route::get("/recordings/status", Recordings, "Whether a recording was started through the API", recordings::status),
        Route::post("/recordings/start", Recordings, "Forward all requests to a service, to record them", recordings::start).takes(Json),
        Route::post("/recordings/stop", Recordings, "End a recording, and make stubs of its requests", recordings::stop),
        Route::post("/recordings/snapshot", Recordings, "Make stubs of the proxied requests in the journal", recordings::snapshot).takes(Json),
        Route::get("/recorder", Recordings, "Lead to the dashboard, where WireMock has its recorder page", docs::to_dashboard).answers(302, Nothing),

        Route::get("/", System, "List the stubs and the routes", docs::index),
        Route::get("/docs", System, "This page", docs::page).answers(200, Html),
        Route::get("/swagger-ui", System, "This page, where WireMock has its Swagger UI", docs::page).answers(200, Html),
        Route::get("/swagger-ui/", System, "This page too", docs::page).answers(200, Html),
        Route::get("/docs/swagger", System, "The API in OpenAPI 3.1", docs::open_api),
        Route::get("/health", System, "Whether standin is up", system::health),
        Route::get("/version", System, "The version, as JSON or plain text", system::version),
        Route::post("/reset", System, "As `/mappings/reset`", reload::reset).answers(200, Nothing),
        Route::post("/shutdown", System, "Finish the calls in flight and end", system::shutdown).answers(200, Nothing),

        Route::get("/metrics", Standin, "Metrics in Prometheus's text format", metrics::show).answers(200, Text),
        Route::get("/standin/reload", Standin, "What came of the last look at the stub files", reload::show),
        Route::post("/standin/reload", Standin, "Look at the stub files now; 422 if they are broken", reload::reload),
        Route::get("/standin/profile", Standin, "The profile in force, and its stations", profile::show),
        Route::put("/standin/profile", Standin, "Put another profile in force, or none", profile::switch).takes(Json),
        Route::put("/standin/what-if", Standin, "Scale latency and capacity of the profile in force for a limited time", what_if::set).takes(Json),
        Route::delete("/standin/what-if", Standin, "Serve the profile as it is again", what_if::end),
        Route::get("/standin/audit", Standin, "Whether answers were late, and by how much", system::audit),

        Route::get("/ui", Dashboard, "The dashboard", ui::page).answers(200, Html),
        Route::get("/ui/assets/{name}", Dashboard, "A file of the dashboard", ui::asset).answers(200, Bytes),
        Route::get("/ui/events", Dashboard, "What the dashboard shows, twice a second, as server-sent events", ui::stream_events).query(&[("calls", "`true`: with the newest calls")]).answers(200, Events),
        Route::get("/ui/calls", Dashboard, "List calls in short, newest first", ui::list_calls).query(&[("limit", "how many at most; 100 if it is not given, 500 at most"), ("before", "only calls before that of this ordinal"), ("method", "only calls of this method"), ("url", "only calls whose URL contains this text"), ("outcome", "`answered`, `missed`, or `beyond` the valid range"), ("stub", "only calls that the stub of this id answered")]),
        Route::get("/ui/calls/{id}", Dashboard, "Show a call with the result of each clause of its stub or of the nearest stubs", ui::show_call),
        Route::get("/ui/stubs", Dashboard, "List stubs in short, the first to match first", ui::list_stubs).query(&[("limit", "how many at most; 500 at most"), ("offset", "how many to leave out before")]),
        Route::get("/ui/reports", Dashboard, "List the reports that `fit` and `gap` have kept, newest first", ui::list_reports),
        Route::get("/ui/reports/{folder}/{name}", Dashboard, "Show a report, as text or as a page", ui::show_report).answers(200, Bytes),
        Route::post("/ui/check", Dashboard, "Read a stub without adding it; list its errors and warnings with their places", ui::check_stub).takes(Json),
    ]
}

/// Returns the explanation for a path or a method that the admin API does not have.
pub(super) fn explain_unknown(method: &Method, path: &str) -> String {
    let shown: String = path.chars().take(MAX_SHOWN_PATH).collect();
    let below = path.strip_prefix("/__admin").unwrap_or(path).trim_end_matches('/');
    let routes = all();
    let methods: Vec<&str> =
        routes.iter().filter(|route| is_path_of(route.path, below)).map(|route| route.method.as_str()).collect();
    if !methods.is_empty() {
        return format!("the admin path {shown} has no {method}; it has {}\n", methods.join(", "));
    }
    let paths: Vec<&str> = routes.iter().map(|route| route.path).filter(|path| !path.contains('{')).collect();
    let help = match nearest(below, &paths) {
        Some(near) => format!("did you mean /__admin{near}?"),
        None => "all paths are listed at /__admin/docs".to_owned(),
    };
    format!("there is no admin path {shown}; {help}\n")
}

/// Returns true if a path is that of a route, whose segments in braces stand for any.
fn is_path_of(route: &str, path: &str) -> bool {
    let (mut wanted, mut given) = (route.trim_matches('/').split('/'), path.trim_matches('/').split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (Some(wanted), Some(_)) if wanted.starts_with("{*") => return true,
            (Some(wanted), Some(given)) if wanted == given || wanted.starts_with('{') => {}
            (None, None) => return true,
            _ => return false,
        }
    }
}

/// Number of characters of a path that are repeated in an explanation.
const MAX_SHOWN_PATH: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_paths_name_the_nearest() {
        for (method, path, expected) in [
            ("GET", "/__admin/mapping", "did you mean /__admin/mappings?"),
            ("GET", "/__admin/Requests/unmatched/near-miss", "did you mean /__admin/requests/unmatched/near-misses?"),
            ("GET", "/__admin/what/is/this", "/__admin/docs"),
            ("PATCH", "/__admin/settings", "has no PATCH; it has "),
            ("PATCH", "/__admin/mappings/17", "has no PATCH; it has GET, PUT, DELETE"),
        ] {
            let told = explain_unknown(&method.parse().expect("a method"), path);
            assert!(told.contains(expected), "{method} {path}: {told}");
        }
    }

    #[test]
    fn every_route_is_in_the_documentation() {
        let page = include_str!("../../docs/ADMIN_API.md");
        for route in all() {
            let path = route.path.replace("{*", "{");
            let known = |line: &str| {
                let after = line.split(&path).skip(1);
                line.contains(route.method.as_str()) && after.into_iter().any(|rest| rest.starts_with(['`', '?']))
            };
            assert!(page.lines().any(known), "{} {path} is not in docs/ADMIN_API.md", route.method);
        }
    }
}
