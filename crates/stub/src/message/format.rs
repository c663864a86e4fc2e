//! Reading of message stubs, message patterns and messages to send, in WireMock's JSON.

use base64::Engine as _;
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::stub::{
    ActionContent, ChannelCommand, ChannelTarget, MessageAction, MessageContent, MessagePattern, MessageStub,
    MessageTrigger,
};
use crate::files::{BLOCKING_READ_LIMIT, FilesFolder, Templating};
use crate::format::{delay_of, parse_template};
use crate::matcher::format::{request_pattern, value_matcher};
use crate::matcher::{Rank, RequestPattern};
use crate::render::TemplatedText;
use crate::render::parameters_value;
use crate::render::template::Template;
use crate::source::{Node, Object, Reader, Strictness, Value};
use standin_files::regular_file;

/// Known fields of a message stub.
const KEYS: &[&str] =
    &["$schema", "actions", "id", "insertionIndex", "metadata", "name", "priority", "trigger", "uuid"];

/// Reads a message stub; `None` if it cannot be used.
pub fn message_stub(node: &Node, files: &FilesFolder, reader: &mut Reader) -> Option<MessageStub> {
    let mut object = Object::open(node, "a message stub", reader)?;
    let errors = reader.error_count();
    let id = ["id", "uuid"].into_iter().find_map(|key| id(&mut object, key, reader)).unwrap_or_else(Uuid::new_v4);
    object.echo("id", id.to_string().into());
    object.text("name", reader);
    let priority = object.integer("priority", reader);
    if let Some(metadata) = object.node("metadata") {
        object.echo("metadata", metadata.to_json());
    }
    let trigger = match object.node("trigger") {
        Some(node) => {
            object.echo("trigger", node.to_json());
            reader.within("trigger", |reader| trigger(node, reader))
        }
        None => Some(MessageTrigger::Message { channel: None, message: MessagePattern::default() }),
    };
    let actions = object.node("actions").map(Node::items).unwrap_or_default();
    if let Some(node) = object.node("actions") {
        object.echo("actions", node.to_json());
    }
    let is_of_request = matches!(trigger, Some(MessageTrigger::HttpStub(_) | MessageTrigger::HttpRequest(_)));
    let actions = reader.within("actions", |reader| {
        let read = |(index, node): (usize, &Node)| {
            reader.within(index.to_string(), |reader| action(node, is_of_request, files, reader))
        };
        actions.iter().enumerate().filter_map(read).collect()
    });
    let document = object.close(KEYS, Strictness::TopLevel, reader);
    if reader.error_count() > errors {
        return None;
    }
    let priority = priority.unwrap_or(Rank::DEFAULT_PRIORITY.into());
    let priority = priority.clamp(i32::MIN.into(), i32::MAX.into()) as i32;
    let document = Json::Object(document);
    Some(MessageStub { id, priority, trigger: trigger?, actions, document, is_of_file: false })
}

fn id(object: &mut Object<'_>, key: &str, reader: &mut Reader) -> Option<Uuid> {
    let text = object.text(key, reader)?;
    let id = text.parse().ok();
    if id.is_none() {
        let node = object.node(key).unwrap_or(object.whole());
        let help = "write 36 characters such as `5f2c1e0a-9d4b-4c57-8a51-0d9c6f2e7b13`, or leave it out";
        reader.error_at(node, key, format!("`{text}` is not a UUID"), help);
    }
    id
}

fn trigger(node: &Node, reader: &mut Reader) -> Option<MessageTrigger> {
    let mut object = Object::open(node, "a trigger", reader)?;
    let kind = object.text("type", reader).unwrap_or_else(|| "message".to_owned());
    let (known, trigger): (&[&str], _) = match kind.as_str() {
        "message" => {
            let message = object
                .node("message")
                .map(|node| reader.within("message", |reader| message_pattern(node, reader)).unwrap_or_default());
            let message = message.unwrap_or_default();
            (&["channel", "message", "type"], MessageTrigger::Message { channel: channel(&object, reader), message })
        }
        "connect" => (&["channel", "type"], MessageTrigger::Connect { channel: channel(&object, reader) }),
        "http-stub" => {
            let Some(id) = id(&mut object, "stubId", reader) else {
                reader.error(node, "this trigger needs the `stubId` of an HTTP stub", "add `\"stubId\"`");
                return None;
            };
            (&["stubId", "type"], MessageTrigger::HttpStub(id))
        }
        "http-request" => {
            let Some(pattern) = object.node("requestPattern") else {
                reader.error(node, "this trigger needs a `requestPattern`", "add `\"requestPattern\": {…}`");
                return None;
            };
            let pattern = reader.within("requestPattern", |reader| request_pattern(pattern, reader));
            (&["requestPattern", "type"], MessageTrigger::HttpRequest(pattern))
        }
        _ => {
            let help = "write one of message, connect, http-stub, http-request";
            reader.error_at(node.get("type").unwrap_or(node), "type", format!("`{kind}` is no trigger"), help);
            return None;
        }
    };
    object.close(known, Strictness::Strict, reader);
    Some(trigger)
}

/// Reads the condition for the channel of a trigger.
fn channel(object: &Object<'_>, reader: &mut Reader) -> Option<RequestPattern> {
    let node = object.node("channel")?;
    reader.within("channel", |reader| {
        let mut channel = Object::open(node, "a channel pattern", reader)?;
        check_type(&mut channel, "type", reader);
        let pattern = channel.node("initiatingRequestPattern");
        channel.close(&["initiatingRequestPattern", "type"], Strictness::Strict, reader);
        pattern.map(|node| reader.within("initiatingRequestPattern", |reader| request_pattern(node, reader)))
    })
}

/// Reports a type of channel other than `websocket`.
fn check_type(object: &mut Object<'_>, key: &str, reader: &mut Reader) {
    if let Some(kind) = object.text(key, reader).filter(|kind| kind != "websocket") {
        let node = object.node(key).unwrap_or(object.whole());
        reader.error_at(node, key, format!("there are no channels of the type `{kind}`"), "write `websocket`");
    }
}

/// Reads a condition for messages.
pub fn message_pattern(node: &Node, reader: &mut Reader) -> Option<MessagePattern> {
    let object = Object::open(node, "a message pattern", reader)?;
    let channel = object.node("channel");
    let channel = channel.map(|node| reader.within("channel", |reader| request_pattern(node, reader)));
    let body = object.node("body");
    let body = body.and_then(|node| reader.within("body", |reader| value_matcher(node, true, reader)));
    object.close(&["body", "channel"], Strictness::Strict, reader);
    Some(MessagePattern { channel, body })
}

fn action(node: &Node, is_of_request: bool, files: &FilesFolder, reader: &mut Reader) -> Option<MessageAction> {
    let mut object = Object::open(node, "an action", reader)?;
    let kind = object.text("type", reader).unwrap_or_else(|| "send".to_owned());
    let is_templated = files.settings.templating != Templating::Off;
    let (known, content): (&[&str], _) = match kind.as_str() {
        "send" => {
            let Some(message) = object.node("message") else {
                reader.error(node, "an action needs a `message`", "add `\"message\": {\"body\": {\"data\": …}}`");
                return None;
            };
            let content = reader.within("message", |reader| message_body(message, is_templated, files, reader));
            (&["channelTarget", "delay", "message", "transformerParameters", "transformers", "type"], content?)
        }
        "close" => (&["channelTarget", "code", "delay", "reason", "type"], close(&mut object, reader)?),
        _ => {
            let help = "write `send` or `close`";
            reader.error_at(node.get("type").unwrap_or(node), "type", format!("`{kind}` is no action"), help);
            return None;
        }
    };
    let delay = delay_of(&object, reader);
    let target = target(&object, is_of_request, reader)?;
    let parameters = object.node("transformerParameters").map_or_else(|| Json::Object(Map::new()), Node::to_json);
    object.close(known, Strictness::Strict, reader);
    let parameters = parameters_value(&parameters);
    Some(MessageAction::new(content, target, delay, parameters, files.settings.system_keys.clone()))
}

fn close(object: &mut Object<'_>, reader: &mut Reader) -> Option<ActionContent> {
    let code = object.integer("code", reader).unwrap_or(1000);
    let reason = object.text("reason", reader).unwrap_or_default();
    let is_allowed = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
    if !is_allowed || reason.len() > MAX_REASON_BYTES {
        let message = format!("a close needs a code of RFC 6455 and a reason of up to {MAX_REASON_BYTES} bytes");
        reader.error_at(object.whole(), "code", message, "write 1000, another registered code, or 3000 to 4999");
        return None;
    }
    Some(ActionContent::Close(code as u16, reason))
}

fn target(object: &Object<'_>, is_of_request: bool, reader: &mut Reader) -> Option<ChannelTarget> {
    let Some(node) = object.node("channelTarget") else {
        if is_of_request {
            let help = "add a `channelTarget` of the type `request-initiated`";
            reader.error(object.whole(), "a request has no channel to act on", help);
            return None;
        }
        return Some(ChannelTarget::Originating);
    };
    reader.within("channelTarget", |reader| {
        let mut target = Object::open(node, "a channel target", reader)?;
        let kind = target.text("type", reader).unwrap_or_default();
        check_type(&mut target, "channelType", reader);
        let pattern = target.node("requestPattern");
        target.close(&["channelType", "requestPattern", "type"], Strictness::Strict, reader);
        match (kind.as_str(), pattern) {
            ("originating", None) if !is_of_request => Some(ChannelTarget::Originating),
            ("request-initiated", Some(pattern)) => {
                let pattern = reader.within("requestPattern", |reader| request_pattern(pattern, reader));
                Some(ChannelTarget::Matching(pattern))
            }
            _ => {
                let help = "write `{\"type\": \"request-initiated\", \"requestPattern\": {…}}`, \
                            or `{\"type\": \"originating\"}` with a trigger that has a channel";
                reader.error(node, "this is no channel target", help);
                None
            }
        }
    })
}

/// Reads the message of `/__admin/channels/send`.
pub fn sent_message(node: &Node, files: &FilesFolder, reader: &mut Reader) -> Option<ChannelCommand> {
    match message_body(node, false, files, reader)? {
        ActionContent::Text(text) => {
            Some(ChannelCommand::Send(MessageContent::Text(text.fixed().unwrap_or_default().to_owned())))
        }
        ActionContent::Binary(bytes) => Some(ChannelCommand::Send(MessageContent::Binary(bytes))),
        ActionContent::Close(..) => None,
    }
}

/// Reads `{"body": …}`: a text, or an object with `data`, `base64Data` or `filePath`.
fn message_body(node: &Node, is_templated: bool, files: &FilesFolder, reader: &mut Reader) -> Option<ActionContent> {
    let object = Object::open(node, "a message", reader)?;
    let body = object.node("body");
    object.close(&["body"], Strictness::Strict, reader);
    let Some(node) = body else {
        reader.error(node, "a message needs a `body`", "write `{\"body\": {\"data\": \"…\"}}`");
        return None;
    };
    reader.within("body", |reader| {
        if let Value::String(text) = &node.value {
            return Some(ActionContent::Text(text_of(text.clone(), node, is_templated, reader)));
        }
        let mut body = Object::open(node, "the body of a message", reader)?;
        let (data, base64) = (body.node("data"), body.text("base64Data", reader));
        let path = body.text("filePath", reader);
        body.close(&["base64Data", "data", "encoding", "filePath", "format"], Strictness::Strict, reader);
        if let Some(data) = data {
            let text = match data.to_json() {
                Json::String(text) => text,
                other => other.to_string(),
            };
            return Some(ActionContent::Text(text_of(text, data, is_templated, reader)));
        }
        let read = match (base64, path) {
            (Some(encoded), _) => {
                let decoded = base64::engine::general_purpose::STANDARD.decode(encoded.as_bytes());
                decoded.map_err(|error| format!("`base64Data` is not base64: {error}"))
            }
            (None, Some(path)) => match files.find(&path).map(|path| regular_file::read(&path, BLOCKING_READ_LIMIT)) {
                Some(Ok(bytes)) => Ok(bytes),
                Some(Err(error)) => Err(format!("cannot read `{path}` in `__files`: {error}")),
                None => Err(format!("`{path}` leads out of the folder `__files`")),
            },
            (None, None) => Err("the body of a message is empty".to_owned()),
        };
        match read.map(String::from_utf8) {
            Ok(Ok(text)) if node.get("filePath").is_some() => {
                Some(ActionContent::Text(text_of(text, node, is_templated, reader)))
            }
            Ok(Ok(text)) => Some(ActionContent::Binary(text.into_bytes().into())),
            Ok(Err(error)) => Some(ActionContent::Binary(error.into_bytes().into())),
            Err(message) => {
                reader.error(node, message, "write `data`, `base64Data`, or `filePath` with a file of up to 1 MiB");
                None
            }
        }
    })
}

fn text_of(text: String, node: &Node, is_templated: bool, reader: &mut Reader) -> TemplatedText {
    if !is_templated || !Template::is_one(&text) {
        return TemplatedText::Fixed(text);
    }
    match parse_template(&text, node, "data", reader) {
        Ok(template) => TemplatedText::Template(template),
        Err(message) => TemplatedText::Broken(message),
    }
}

/// Maximum length of the reason of a close (RFC 6455, 5.5).
const MAX_REASON_BYTES: usize = 123;
