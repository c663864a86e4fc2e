//! [`MessageStub`]: what happens when a message arrives on a channel, when a channel opens, or when
//! a request is answered (WireMock's message stub mappings).

use std::sync::Arc;

use bytes::Bytes;
use rand::Rng;
use serde_json::Value;
use uuid::Uuid;

use crate::call::Call;
use crate::delay::Distribution;
use crate::matcher::{MatchInput, MatchStats, RequestPattern, ValueMatcher};
use crate::render::TemplatedText;
use crate::render::settings::SystemKeys;
use crate::render::template::budget::{ALL_STEPS, QUICK_STEPS, RenderBudget, RenderError};
use crate::render::template::request_model::{RequestModel, TemplateContext};
use crate::render::template::value::TemplateValue;

/// A message stub.
#[derive(Debug)]
pub struct MessageStub {
    /// Id, as stated or new.
    pub id: Uuid,
    /// Priority; 5 is the default, and 1 comes first.
    pub priority: i32,
    /// Event that triggers the actions.
    pub trigger: MessageTrigger,
    /// Actions in their order.
    pub actions: Vec<MessageAction>,
    /// Stub in WireMock's JSON.
    pub document: Value,
    /// True if it was read from a file.
    pub is_of_file: bool,
}

/// The event that triggers a message stub.
#[derive(Debug)]
pub enum MessageTrigger {
    /// A message that arrives on a channel.
    Message {
        /// Condition for the request that opened the channel.
        channel: Option<RequestPattern>,
        /// Condition for the message.
        message: MessagePattern,
    },
    /// A channel that opens.
    Connect {
        /// Condition for the request that opens it.
        channel: Option<RequestPattern>,
    },
    /// A request that the HTTP stub of this id answers.
    HttpStub(Uuid),
    /// A request.
    HttpRequest(RequestPattern),
}

/// A condition for messages, as in `/__admin/messages/find`.
#[derive(Debug, Default)]
pub struct MessagePattern {
    /// Condition for the request that opened the channel.
    pub channel: Option<RequestPattern>,
    /// Condition for the message.
    pub body: Option<ValueMatcher>,
}

/// An action of a message stub.
#[derive(Debug)]
pub struct MessageAction {
    /// Message to send, or the end of the channel.
    pub content: ActionContent,
    /// Channels that it acts on.
    pub target: ChannelTarget,
    /// Time between the action before it, or the trigger, and this one.
    pub delay: Option<Distribution>,
    context: TemplateContext,
}

/// The content of an action.
#[derive(Debug)]
pub enum ActionContent {
    /// A text message.
    Text(TemplatedText),
    /// A binary message.
    Binary(Bytes),
    /// The end of the channel, with a close code and a reason.
    Close(u16, String),
}

/// The channels that an action acts on.
#[derive(Debug)]
pub enum ChannelTarget {
    /// The channel of the trigger.
    Originating,
    /// All channels whose request matches.
    Matching(RequestPattern),
}

/// The content of a message on a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageContent {
    /// Text.
    Text(String),
    /// Bytes.
    Binary(Bytes),
}

/// A command for a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelCommand {
    /// A message.
    Send(MessageContent),
    /// The end of the channel, with a close code and a reason.
    Close(u16, String),
}

impl MessageContent {
    /// Returns the length in bytes.
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }

    /// Returns true for an empty message.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the message as text; invalid UTF-8 is replaced.
    pub fn to_text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Binary(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        }
    }
}

impl MessagePattern {
    /// Returns whether a message on the channel that `call` opened matches.
    pub fn matches(&self, call: &Call, message: &MessageContent, stats: &MatchStats) -> bool {
        self.channel.as_ref().is_none_or(|channel| channel.matches(call, stats))
            && self.body.as_ref().is_none_or(|body| matches_content(body, call, message, stats))
    }
}

fn matches_content(matcher: &ValueMatcher, call: &Call, message: &MessageContent, stats: &MatchStats) -> bool {
    match message {
        MessageContent::Text(text) => matcher.matches(MatchInput::Text(text), stats),
        MessageContent::Binary(bytes) => {
            let mut call = call.copy();
            call.raw_body = bytes.clone();
            matcher.matches(MatchInput::Body(&call), stats)
        }
    }
}

impl MessageStub {
    /// Returns whether a message on the channel that `call` opened triggers the stub.
    pub fn is_triggered_by_message(&self, call: &Call, message: &MessageContent, stats: &MatchStats) -> bool {
        let MessageTrigger::Message { channel, message: pattern } = &self.trigger else { return false };
        channel.as_ref().is_none_or(|channel| channel.matches(call, stats)) && pattern.matches(call, message, stats)
    }

    /// Returns whether a channel that `call` opens triggers the stub.
    pub fn is_triggered_by_channel(&self, call: &Call, stats: &MatchStats) -> bool {
        let MessageTrigger::Connect { channel } = &self.trigger else { return false };
        channel.as_ref().is_none_or(|channel| channel.matches(call, stats))
    }

    /// Returns whether a request triggers the stub. `http_stub` is the stub that answers it.
    pub fn is_triggered_by_request(&self, call: &Call, http_stub: Option<Uuid>, stats: &MatchStats) -> bool {
        match &self.trigger {
            MessageTrigger::HttpStub(id) => http_stub == Some(*id),
            MessageTrigger::HttpRequest(pattern) => pattern.matches(call, stats),
            MessageTrigger::Message { .. } | MessageTrigger::Connect { .. } => false,
        }
    }

    /// Returns whether requests can trigger the stub.
    pub fn has_http_trigger(&self) -> bool {
        matches!(self.trigger, MessageTrigger::HttpStub(_) | MessageTrigger::HttpRequest(_))
    }
}

impl MessageAction {
    /// Renders the action. `call` is the request that opened the channel or triggers the stub,
    /// `message` the message that does. Returns `None` if `is_quick` and the rendering takes long;
    /// the error is a message.
    pub fn render(
        &self,
        call: &Call,
        message: Option<&MessageContent>,
        rng: &mut dyn Rng,
        is_quick: bool,
    ) -> Option<Result<ChannelCommand, String>> {
        let text = match &self.content {
            ActionContent::Binary(bytes) => {
                return Some(Ok(ChannelCommand::Send(MessageContent::Binary(bytes.clone()))));
            }
            ActionContent::Close(code, reason) => return Some(Ok(ChannelCommand::Close(*code, reason.clone()))),
            ActionContent::Text(text) => text,
        };
        let mut model = RequestModel::new(call, &self.context);
        if let Some(message) = message.filter(|_| text.fixed().is_none()) {
            model = model.with_object("message", vec![(Arc::from("body"), TemplateValue::text(message.to_text()))]);
        }
        let mut budget = RenderBudget::new(if is_quick { QUICK_STEPS } else { ALL_STEPS });
        match text.render(&model, &mut budget, rng) {
            Ok(text) => Some(Ok(ChannelCommand::Send(MessageContent::Text(text)))),
            Err(RenderError::Exhausted) if is_quick => None,
            Err(error) => Some(Err(error.text())),
        }
    }

    pub(crate) fn new(
        content: ActionContent,
        target: ChannelTarget,
        delay: Option<Distribution>,
        parameters: TemplateValue,
        system_keys: SystemKeys,
    ) -> Self {
        Self { content, target, delay, context: TemplateContext { parameters, path: None, system_keys } }
    }
}
