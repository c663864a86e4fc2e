//! The clients of all services that stubs forward to, created when they are first called.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use hashbrown::HashMap;
use http::uri::Authority;

use super::ProxySettings;
use crate::locks::LockUnpoisoned as _;
use crate::send::Outgoing;
use crate::upstream::{Connector, TargetRules, TargetUrl, TlsTrust, Upstream, UpstreamLimits};
use standin_stub::call::Scheme;

/// The client of one service.
pub type ServiceClient = Upstream<Outgoing>;

/// The clients of services, by scheme and authority.
#[derive(Debug)]
pub struct ServiceClients {
    trust: TlsTrust,
    rules: Arc<TargetRules>,
    limits: UpstreamLimits,
    workers: usize,
    clients: Mutex<HashMap<(Scheme, Authority), Arc<ServiceClient>>>,
}

impl ServiceClients {
    pub(super) fn new(trust: TlsTrust, rules: TargetRules, limits: UpstreamLimits, workers: usize) -> Self {
        Self { trust, rules: Arc::new(rules), limits, workers, clients: Mutex::default() }
    }

    /// Creates the clients of webhooks, which may call this server too. The error is a message
    /// about certificates.
    pub fn of_webhooks(settings: &ProxySettings) -> Result<Self, String> {
        let rules = TargetRules {
            allowed: settings.allowed_targets.clone(),
            denied: settings.denied_targets.clone(),
            own: Vec::new(),
        };
        let limits =
            UpstreamLimits { in_flight: None, per_second: None, connections: None, max_wait: settings.queue_timeout };
        Ok(Self::new(TlsTrust::load(&settings.trust)?, rules, limits, 1))
    }

    /// Returns the client of a service. The error is a message.
    pub fn of(&self, target: &TargetUrl) -> Result<Arc<ServiceClient>, String> {
        let key = (target.scheme, target.authority.clone());
        let mut clients = self.clients.lock_unpoisoned();
        if let Some(client) = clients.get(&key) {
            return Ok(Arc::clone(client));
        }
        if clients.len() >= MAX_SERVICES {
            // templates may name any number of services; those without a request are forgotten
            clients.retain(|_, client| Arc::strong_count(client) > 1);
        }
        if clients.len() >= MAX_SERVICES {
            return Err(format!("standin calls {MAX_SERVICES} other services at this moment; try again later"));
        }
        let connector = Connector::guarded(target.clone(), &self.trust, Arc::clone(&self.rules))?;
        let client = Arc::new(Upstream::new(connector, &self.limits, Instant::now(), self.workers));
        clients.insert(key, Arc::clone(&client));
        Ok(client)
    }
}

/// Maximum number of services whose connections are kept.
const MAX_SERVICES: usize = 256;
