//! [`Webhook`]: a request that a stub sends once it has answered, rendered for each call.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rand::Rng;

use super::helpers;
use super::settings::SystemKeys;
use super::template::budget::{ALL_STEPS, RenderBudget, RenderError};
use super::template::request_model::{RequestModel, TemplateContext};
use super::templated_text::TemplatedText;
use crate::call::Call;
use crate::delay::Distribution;
use standin_dialect::PathTemplate;

/// The webhooks of a stub in their order. One that cannot be configured is its error.
pub type Webhooks = Arc<[Result<Webhook, String>]>;

/// A request that a stub sends once it has answered (WireMock's listener `webhook`).
#[derive(Debug)]
pub struct Webhook {
    /// Method; its letters are sent in upper case.
    pub method: TemplatedText,
    /// Absolute URL of the target.
    pub url: TemplatedText,
    /// Headers with all values of each, in order.
    pub headers: Vec<(String, Vec<TemplatedText>)>,
    /// Body; sent with `POST`, `PUT` and `PATCH` only.
    pub body: WebhookBody,
    /// Time between the answer and the request.
    pub delay: Option<Distribution>,
    context: TemplateContext,
}

/// The body of a webhook.
#[derive(Debug)]
pub enum WebhookBody {
    /// A text, perhaps a template.
    Text(TemplatedText),
    /// Bytes that are sent as they are.
    Bytes(Bytes),
}

/// A request that is ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookRequest {
    /// Method in upper case.
    pub method: String,
    /// Absolute URL as rendered.
    pub url: String,
    /// Headers in their order; a name may occur several times.
    pub headers: Vec<(String, String)>,
    /// Body; empty without one.
    pub body: Bytes,
    /// Time to wait before it is sent.
    pub delay: Duration,
}

impl Webhook {
    /// Creates a webhook that sends `GET` to a URL without headers, body and delay. `parameters`
    /// are those that templates see.
    pub fn new(url: TemplatedText, parameters: &serde_json::Value) -> Self {
        Self {
            method: TemplatedText::Fixed("GET".to_owned()),
            url,
            headers: Vec::new(),
            body: WebhookBody::Bytes(Bytes::new()),
            delay: None,
            context: TemplateContext {
                parameters: helpers::value_of(parameters),
                path: None,
                system_keys: SystemKeys::default(),
            },
        }
    }

    /// Sets the path template of the stub's URL, and the variables of the environment that may be
    /// read.
    #[must_use]
    pub fn of_stub(self, path: Option<PathTemplate>, system_keys: SystemKeys) -> Self {
        Self { context: TemplateContext { path, system_keys, ..self.context }, ..self }
    }

    /// Renders the request for a call. The error is a message.
    pub fn render(&self, call: &Call, rng: &mut dyn Rng) -> Result<WebhookRequest, String> {
        let model = RequestModel::of_webhook(call, &self.context);
        let mut budget = RenderBudget::new(ALL_STEPS);
        let mut render = |text: &TemplatedText| text.render(&model, &mut budget, &mut *rng).map_err(RenderError::text);
        let url = render(&self.url)?;
        let method = render(&self.method)?.to_ascii_uppercase();
        let mut headers = Vec::new();
        for (name, values) in &self.headers {
            for value in values {
                headers.push((name.clone(), render(value)?));
            }
        }
        let body = match &self.body {
            WebhookBody::Text(text) => Bytes::from(render(text)?),
            WebhookBody::Bytes(bytes) => bytes.clone(),
        };
        let has_body = matches!(method.as_str(), "POST" | "PUT" | "PATCH");
        let delay = self.delay.as_ref().map_or(Duration::ZERO, |delay| delay.sample(rng));
        Ok(WebhookRequest { method, url, headers, body: if has_body { body } else { Bytes::new() }, delay })
    }
}
