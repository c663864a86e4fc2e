//! `/__admin/messages`: the journal of the messages on channels.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Extension, Path};
use http::StatusCode;
use serde_json::{Value, json};

use super::mappings::parse_id;
use super::{AdminResponse, ErrorResponse, channels, empty, json_answer, off_thread, refusal, request_json};
use crate::live::ServiceState;
use crate::live::messaging::MessageEvent;
use standin_stub::format::{Reader, Strictness};
use standin_stub::message::{MessagePattern, message_pattern};
use standin_stub::source::Object;

/// Maximum time that a request may wait for messages.
const MAX_WAIT: Duration = Duration::from_secs(600);

pub(super) async fn list(Extension(live): Extension<Arc<ServiceState>>) -> AdminResponse {
    off_thread(move || listing(&live, &live.messaging().journal().events())).await
}

pub(super) async fn clear(Extension(live): Extension<Arc<ServiceState>>) -> AdminResponse {
    live.messaging().journal().clear();
    json_answer(StatusCode::OK, &json!({}))
}

pub(super) async fn one(Extension(live): Extension<Arc<ServiceState>>, Path(id): Path<String>) -> AdminResponse {
    let shown = |id| match live.messaging().journal().events().iter().find(|event| event.id == id) {
        Some(event) => json_answer(StatusCode::OK, &event_json(event)),
        None => empty(StatusCode::NOT_FOUND),
    };
    parse_id(&id).map_or_else(|refused| *refused, shown)
}

pub(super) async fn delete(Extension(live): Extension<Arc<ServiceState>>, Path(id): Path<String>) -> AdminResponse {
    let removed = |id| {
        live.messaging().journal().remove(&[id]);
        json_answer(StatusCode::OK, &json!({}))
    };
    parse_id(&id).map_or_else(|refused| *refused, removed)
}

/// Counts the messages that match a pattern.
pub(super) async fn count(Extension(live): Extension<Arc<ServiceState>>, body: String) -> AdminResponse {
    search(body, move |pattern| {
        let journal = live.messaging().journal();
        let count = journal.matching(pattern).len();
        json_answer(StatusCode::OK, &json!({"count": count, "messageJournalDisabled": !journal.is_on()}))
    })
    .await
}

/// Lists the messages that match a pattern.
pub(super) async fn find(Extension(live): Extension<Arc<ServiceState>>, body: String) -> AdminResponse {
    search(body, move |pattern| listing(&live, &live.messaging().journal().matching(pattern))).await
}

/// Removes the messages that match a pattern, and lists them.
pub(super) async fn remove(Extension(live): Extension<Arc<ServiceState>>, body: String) -> AdminResponse {
    search(body, move |pattern| {
        let found = live.messaging().journal().matching(pattern);
        live.messaging().journal().remove(&found.iter().map(|event| event.id).collect::<Vec<_>>());
        listing(&live, &found)
    })
    .await
}

/// Waits until `count` messages match a pattern, and lists them.
pub(super) async fn wait(Extension(live): Extension<Arc<ServiceState>>, body: String) -> AdminResponse {
    let mut reader = Reader::of_api(&body);
    let read = reader.parse(&body).and_then(|tree| {
        let mut object = Object::open(&tree, "a wait for messages", &mut reader)?;
        let pattern = object.node("pattern");
        let pattern = pattern.and_then(|node| reader.within("pattern", |reader| message_pattern(node, reader)));
        let timeout = object.integer("timeoutMillis", &mut reader).unwrap_or_default();
        let count = object.integer("count", &mut reader).unwrap_or(1);
        object.close(&["count", "pattern", "timeoutMillis"], Strictness::Strict, &mut reader);
        let timeout = Duration::from_millis(u64::try_from(timeout).unwrap_or_default()).min(MAX_WAIT);
        Some((pattern.unwrap_or_default(), usize::try_from(count).unwrap_or_default(), timeout))
    });
    let Some((pattern, count, timeout)) = read.filter(|_| !reader.has_errors()) else {
        return refusal(StatusCode::UNPROCESSABLE_ENTITY, reader.defects());
    };
    let journal = live.messaging().journal();
    let found = match tokio::time::timeout(timeout, journal.wait_for(&pattern, count)).await {
        Ok(found) => found,
        Err(_) => journal.matching(&pattern),
    };
    listing(&live, &found)
}

/// Answers with what `answer` makes of the pattern in a body, beside the control thread.
async fn search(body: String, answer: impl FnOnce(&MessagePattern) -> AdminResponse + Send + 'static) -> AdminResponse {
    off_thread(move || match pattern(&body) {
        Ok(pattern) => answer(&pattern),
        Err(refused) => *refused,
    })
    .await
}

fn pattern(body: &str) -> Result<MessagePattern, ErrorResponse> {
    let mut reader = Reader::of_api(body);
    let pattern = reader.parse(body).and_then(|tree| message_pattern(&tree, &mut reader));
    match pattern {
        Some(pattern) if !reader.has_errors() => Ok(pattern),
        _ => Err(Box::new(refusal(StatusCode::UNPROCESSABLE_ENTITY, reader.defects()))),
    }
}

fn listing(live: &ServiceState, events: &[Arc<MessageEvent>]) -> AdminResponse {
    let shown: Vec<Value> = events.iter().map(|event| event_json(event)).collect();
    let is_off = !live.messaging().journal().is_on();
    let meta = json!({"total": shown.len()});
    json_answer(StatusCode::OK, &json!({"messageServeEvents": shown, "messageJournalDisabled": is_off, "meta": meta}))
}

/// Returns a message as WireMock's JSON.
fn event_json(event: &MessageEvent) -> Value {
    let channel = channels::channel_json(&event.channel);
    let errors = event.errors.iter().map(|message| json!({"type": "ERROR", "data": {"message": message}}));
    let mut shown = json!({
        "id": event.id.to_string(),
        "eventType": if event.is_sent { "sent" } else { "received" },
        "channelType": "websocket",
        "channelId": channel["id"],
        "channelRequest": channel["initiatingRequest"],
        "message": event.content.to_text(),
        "wasMatched": event.is_sent || event.stub.is_some(),
        "timestamp": request_json::iso_date(event.at),
        "subEvents": errors.collect::<Vec<_>>(),
    });
    shown["channel"] = channel;
    if let Some(stub) = &event.stub {
        shown["stubMapping"] = stub.document.clone();
    }
    shown
}
