//! Proxied responses: requests of stubs with a `proxyBaseUrl`, forwarded to real services.
//!
//! Each service has one client of `upstream`, shared by all workers, with the limits that also
//! protect the service of a recorder. A target is checked before a connection is opened, and the
//! `Via` header tells a request that comes round again.

mod clients;
mod hops;
mod reply;
mod request;
mod service_call;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Response;
use hyper::body::Incoming;

pub use self::clients::ServiceClients;
use self::hops::Hops;
use self::request::ProxiedUrl;
pub use self::service_call::ServiceCall;
use crate::send::Outgoing;
use crate::upstream::{Exchanged, TargetPattern, TargetRules, TlsTrust, TrustAnchors, UpstreamLimits};
use crate::worker_context::WorkerContext;
use standin_stub::call::Call;
use standin_stub::proxy::ProxyDefinition;
use standin_stub::reply::Reply;

/// The settings of proxied responses, as WireMock's options have them.
#[derive(Clone, Debug)]
pub struct ProxySettings {
    /// Base URL of a service for all requests that no other stub matches: a stub of priority 10.
    pub all: Option<String>,
    /// True if services get the Host header of the client instead of their own.
    pub preserve_host: bool,
    /// True if services get the User-Agent header of the client.
    pub preserve_user_agent: bool,
    /// Content codings that services may be asked for; `None` for all that the client accepts.
    pub supported_encodings: Option<Vec<String>>,
    /// Maximum time without a byte from a service.
    pub timeout: Duration,
    /// Targets that are allowed; without any, all but the metadata services of clouds.
    pub allowed_targets: Vec<TargetPattern>,
    /// Targets that are refused.
    pub denied_targets: Vec<TargetPattern>,
    /// Certificates that are trusted; the default is any, as in WireMock.
    pub trust: TrustAnchors,
    /// Maximum number of concurrent requests at each service.
    pub max_in_flight: Option<u32>,
    /// Maximum number of requests a second at each service.
    pub max_per_second: Option<f64>,
    /// Maximum time that a request waits for these limits.
    pub queue_timeout: Duration,
}

/// The part of a server that forwards requests of stubs to real services.
#[derive(Debug)]
pub struct ProxyClient {
    settings: ProxySettings,
    clients: Arc<ServiceClients>,
    hops: Hops,
}

/// The response of a service while its body arrives.
#[derive(Debug)]
pub struct ProxiedResponse {
    pub response: Response<Incoming>,
    /// Account of the call, to be ended with the body.
    pub call: ServiceCall,
}

impl Default for ProxySettings {
    fn default() -> Self {
        Self {
            all: None,
            preserve_host: false,
            preserve_user_agent: false,
            supported_encodings: None,
            timeout: Duration::from_secs(300),
            allowed_targets: Vec::new(),
            denied_targets: Vec::new(),
            trust: TrustAnchors::AnyCertificate,
            max_in_flight: Some(256),
            max_per_second: None,
            queue_timeout: Duration::from_secs(30),
        }
    }
}

impl ProxyClient {
    /// Creates the client of each set of stubs, for a server with this number of workers.
    /// `own_listeners` has the addresses of each set, to which nothing is forwarded. The error is a
    /// message about certificates.
    pub fn for_sets(
        settings: &ProxySettings,
        own_listeners: Vec<Vec<SocketAddr>>,
        workers: usize,
    ) -> Result<Vec<Arc<Self>>, String> {
        let trust = TlsTrust::load(&settings.trust)?;
        let server = rand::random();
        let client = |(set, own): (usize, Vec<SocketAddr>)| {
            let rules =
                TargetRules { allowed: settings.allowed_targets.clone(), denied: settings.denied_targets.clone(), own };
            let limits = UpstreamLimits {
                in_flight: settings.max_in_flight,
                per_second: settings.max_per_second,
                connections: None,
                max_wait: settings.queue_timeout,
            };
            let clients = Arc::new(ServiceClients::new(trust.clone(), rules, limits, workers));
            Arc::new(Self { settings: settings.clone(), clients, hops: Hops::new(server, set) })
        };
        Ok(own_listeners.into_iter().enumerate().map(client).collect())
    }

    /// Returns the maximum time without a byte from a service.
    pub fn timeout(&self) -> Duration {
        self.settings.timeout
    }

    /// Returns true if this server has forwarded a request with these headers.
    pub fn has_forwarded(&self, headers: &http::HeaderMap) -> bool {
        self.hops.has_passed_server(headers)
    }

    /// Forwards a request with this body, and waits for the head of the response. The error is the
    /// reply for a service that did not respond, or that may not be called.
    pub async fn send(
        &self,
        definition: &ProxyDefinition,
        call: &Call,
        body: Outgoing,
        context: &WorkerContext,
    ) -> Result<ProxiedResponse, Box<Reply>> {
        let url = ProxiedUrl::parse(definition.url(call.url())).map_err(reply::refused)?;
        if let Some(circle) = self.hops.circle(&call.headers) {
            return Err(reply::refused(circle));
        }
        let client = self.clients.of(&url.target).map_err(reply::refused)?;
        let asked = client.acquire_permit().await;
        let permit = asked.map_err(|exceeded| reply::limit_exceeded(exceeded, &url.target))?;
        let admitted = client.wait_for_rate(&permit, &context.timer).await;
        admitted.map_err(|exceeded| reply::limit_exceeded(exceeded, &url.target))?;
        let request = request::to_service(&url, definition, (call, body), &self.settings, &self.hops);
        let mut account = ServiceCall::new(Arc::clone(&client), permit, context.worker);
        match client.exchange(request, self.settings.timeout, context, &mut account).await {
            Ok(Exchanged { response, .. }) if response.status().is_informational() => {
                Err(reply::unexpected_status(response.status(), &url))
            }
            Ok(Exchanged { response, connection }) => {
                account.keep(connection);
                Ok(ProxiedResponse { response, call: account })
            }
            Err(failure) => Err(reply::failed(&failure, &url)),
        }
    }
}
