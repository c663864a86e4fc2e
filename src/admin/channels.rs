//! `/__admin/channels`: the open channels of WebSocket connections, and messages to them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Extension, Path};
use http::StatusCode;
use serde_json::{Value, json};

use super::mappings::{files, parse_id};
use super::{AdminResponse, empty, json_answer, refusal, request_json};
use crate::live::ServiceState;
use crate::live::messaging::{Channel, QueuedCommand};
use standin_stub::format::{Reader, Strictness};
use standin_stub::matcher::RequestPattern;
use standin_stub::matcher::format::request_pattern;
use standin_stub::message::{ChannelCommand, sent_message};
use standin_stub::source::Object;

pub(super) async fn list(Extension(live): Extension<Arc<ServiceState>>) -> AdminResponse {
    let channels: Vec<Value> = live.messaging().channels().iter().map(|channel| channel_json(channel)).collect();
    json_answer(StatusCode::OK, &json!({"channels": channels, "meta": {"total": channels.len()}}))
}

pub(super) async fn one(Extension(live): Extension<Arc<ServiceState>>, Path(id): Path<String>) -> AdminResponse {
    let shown = |id| match live.messaging().channel(&id) {
        Some(channel) => json_answer(StatusCode::OK, &channel_json(&channel)),
        None => empty(StatusCode::NOT_FOUND),
    };
    parse_id(&id).map_or_else(|refused| *refused, shown)
}

/// Closes a channel, if it is open.
pub(super) async fn close(Extension(live): Extension<Arc<ServiceState>>, Path(id): Path<String>) -> AdminResponse {
    let closed = |id| {
        if let Some(channel) = live.messaging().channel(&id) {
            channel.push(at_once(ChannelCommand::Close(1000, String::new())));
        }
        json_answer(StatusCode::OK, &json!({}))
    };
    parse_id(&id).map_or_else(|refused| *refused, closed)
}

/// Sends a message to the channels whose requests match.
pub(super) async fn send(Extension(live): Extension<Arc<ServiceState>>, body: String) -> AdminResponse {
    let mut reader = Reader::of_api(&body);
    let read = reader.parse(&body).and_then(|tree| {
        let mut object = Object::open(&tree, "a message to channels", &mut reader)?;
        if let Some(kind) = object.text("type", &mut reader).filter(|kind| kind != "websocket") {
            let node = object.node("type").unwrap_or(object.whole());
            reader.error_at(node, "type", format!("there are no channels of the type `{kind}`"), "write `websocket`");
        }
        let pattern = object.node("initiatingRequest");
        let pattern = pattern.map(|node| reader.within("initiatingRequest", |reader| request_pattern(node, reader)));
        let message = object.node("message");
        object.close(&["initiatingRequest", "message", "type"], Strictness::Strict, &mut reader);
        let Some(message) = message else {
            reader.error(&tree, "there is no `message`", "add `\"message\": {\"body\": {\"data\": \"…\"}}`");
            return None;
        };
        let command = reader.within("message", |reader| sent_message(message, &files(&live), reader))?;
        Some((pattern.unwrap_or_else(RequestPattern::default), command))
    });
    let Some((pattern, command)) = read.filter(|_| !reader.has_errors()) else {
        return refusal(StatusCode::UNPROCESSABLE_ENTITY, reader.defects());
    };
    let mut channels = live.messaging().matching(&pattern);
    channels.retain(|channel| channel.push(at_once(command.clone())));
    let shown: Vec<Value> = channels.iter().map(|channel| channel_json(channel)).collect();
    json_answer(StatusCode::OK, &json!({"channelsMessaged": shown.len(), "channels": shown}))
}

fn at_once(command: ChannelCommand) -> QueuedCommand {
    QueuedCommand { command, due: Instant::now(), delay: Duration::ZERO }
}

/// Returns a channel as WireMock's JSON.
pub(super) fn channel_json(channel: &Channel) -> Value {
    json!({
        "type": "websocket",
        "id": channel.id.to_string(),
        "open": channel.is_open(),
        "initiatingRequest": request_json::call_json(&channel.call, channel.opened),
    })
}
