//! Delivery of one webhook: checks, the request over HTTP, and its response.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use super::{HOPS, MAX_RESPONSE_BYTES};
use crate::proxy::{ServiceCall, ServiceClients};
use crate::send::Outgoing;
use crate::upstream::{Exchanged, TargetUrl};
use crate::worker_context::WorkerContext;
use standin_stub::render::WebhookRequest;
use standin_tape::exchange::FailureReason;

/// A webhook that is ready to be sent.
pub(super) struct Delivery {
    target: TargetUrl,
    request: Request<Outgoing>,
}

/// The response to a webhook, with the beginning of its body.
pub(super) struct Delivered {
    pub(super) head: http::response::Parts,
    pub(super) body: Bytes,
}

/// The reason why a webhook has no response.
pub(super) enum DeliveryError {
    /// The rules for targets refuse it; the message says why.
    Refused(String),
    Failed(String),
}

impl Delivery {
    /// Creates the HTTP request of a webhook that has this number of webhooks before it. The error
    /// is a message.
    pub(super) fn new(rendered: &WebhookRequest, hops: u32) -> Result<Self, String> {
        let url = &rendered.url;
        let uri: Uri = url.parse().map_err(|error| format!("`{url}` is no URL ({error})"))?;
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let base = format!("{}://{authority}", uri.scheme_str().unwrap_or_default());
        let target = TargetUrl::parse(&base)
            .map_err(|_| format!("`{url}` is no absolute URL; write http://HOST:PORT/PATH or https://HOST/PATH"))?;
        let method = Method::from_bytes(rendered.method.as_bytes())
            .map_err(|_| format!("`{}` is no method of HTTP", rendered.method))?;
        let mut request = Request::new(Outgoing::whole(rendered.body.clone()));
        *request.headers_mut() = headers(rendered, &target, hops)?;
        *request.method_mut() = method;
        *request.uri_mut() = uri.path_and_query().cloned().map(Uri::from).unwrap_or_default();
        Ok(Self { target, request })
    }

    /// Sends the request, and reads the beginning of its response.
    pub(super) async fn send(
        self,
        clients: &ServiceClients,
        timeout: Duration,
        context: &WorkerContext,
    ) -> Result<Delivered, DeliveryError> {
        let failed = DeliveryError::Failed;
        let client = clients.of(&self.target).map_err(failed)?;
        let permit = client.acquire_permit().await.map_err(|_| failed("too many are in flight".to_owned()))?;
        let mut account = ServiceCall::new(Arc::clone(&client), permit, context.worker);
        match client.exchange(self.request, timeout, context, &mut account).await {
            Ok(Exchanged { response, connection }) => {
                account.keep(connection);
                let (head, body) = response.into_parts();
                let (body, is_whole) = tokio::time::timeout(timeout, read_beginning(body))
                    .await
                    .unwrap_or_else(|_| Err(format!("its response did not end within {timeout:?}")))
                    .map_err(failed)?;
                // dropping the call closes the connection on which the rest arrives
                if is_whole {
                    account.complete();
                }
                Ok(Delivered { head, body })
            }
            Err(failure) if failure.reason == FailureReason::Limit => Err(DeliveryError::Refused(failure.detail)),
            Err(failure) => {
                // the number of the error says no more than its words
                let detail = failure.detail.split(" (os error ").next().unwrap_or_default();
                Err(failed(match failure.reason {
                    FailureReason::Connect => format!("Connect to {} failed: {detail}", self.target),
                    _ => detail.to_owned(),
                }))
            }
        }
    }
}

/// Returns the headers of a request. Those of the message's framing are the HTTP library's.
fn headers(rendered: &WebhookRequest, target: &TargetUrl, hops: u32) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in &rendered.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("`{name}` is no header name"))?;
        let value = HeaderValue::from_bytes(value.as_bytes())
            .map_err(|_| format!("the value of header `{name}` has a control character"))?;
        headers.append(name, value);
    }
    for name in [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
        headers.remove(name);
    }
    headers.entry(HOST).or_insert_with(|| target.host_header());
    headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(USER_AGENT_VALUE));
    headers.insert(HOPS, HeaderValue::from(hops));
    Ok(headers)
}

/// Reads a body up to [`MAX_RESPONSE_BYTES`]; also returns whether that is all of it.
async fn read_beginning(mut body: Incoming) -> Result<(Bytes, bool), String> {
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| format!("its response broke off: {error}"))?;
        let Ok(data) = frame.into_data() else { continue };
        read.extend_from_slice(&data[..data.len().min(MAX_RESPONSE_BYTES - read.len())]);
        if read.len() == MAX_RESPONSE_BYTES {
            return Ok((read.freeze(), false));
        }
    }
    Ok((read.freeze(), true))
}

const USER_AGENT_VALUE: &str = concat!("standin/", env!("CARGO_PKG_VERSION"));
