//! Opens connections to a service, with TLS for `https`.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{ArrivalStream, TargetRefusal, TargetRules, TargetUrl, TlsTrust, TrustAnchors};
use standin_stub::call::Scheme;
use standin_tape::exchange::{ExchangeFailure, FailureReason};

/// Opens connections to one service.
#[derive(Clone)]
pub struct Connector {
    target: TargetUrl,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    /// Rules for the addresses of the service, if any are refused.
    rules: Option<Arc<TargetRules>>,
}

/// A connected stream to a service.
#[derive(Debug)]
pub enum UpstreamStream {
    Plain(ArrivalStream),
    /// A TLS stream over TCP.
    Tls(Box<TlsStream<ArrivalStream>>),
}

/// The duration of opening a connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConnectTimes {
    /// Name resolution and TCP connect.
    pub connect: Duration,
    /// Duration of the TLS handshake.
    pub tls: Duration,
}

impl Connector {
    /// Creates a connector. The error is the message of a TLS configuration that cannot be set up.
    pub fn new(target: TargetUrl, trust: &TrustAnchors) -> Result<Self, String> {
        let tls = match target.scheme {
            Scheme::Http => None,
            Scheme::Https => Some(TlsTrust::load(trust)?.connector(target.host())?),
        };
        Ok(Self { target, tls, rules: None })
    }

    /// Creates a connector that connects only to addresses which `rules` allow.
    pub fn guarded(target: TargetUrl, trust: &TlsTrust, rules: Arc<TargetRules>) -> Result<Self, String> {
        let tls = match target.scheme {
            Scheme::Http => None,
            Scheme::Https => Some(trust.connector(target.host())?),
        };
        Ok(Self { target, tls, rules: Some(rules) })
    }

    /// Returns the base URL of the service.
    pub fn target(&self) -> &TargetUrl {
        &self.target
    }

    /// Opens a connection. A target that the rules refuse is a failure with the reason `Limit`.
    pub async fn connect(&self) -> Result<(UpstreamStream, ConnectTimes), ExchangeFailure> {
        let begin = Instant::now();
        let stream = match &self.rules {
            Some(rules) => self.guarded_socket(rules).await?,
            None => self.socket().await.map_err(|error| failure(FailureReason::Connect, &error))?,
        };
        stream.set_nodelay(true).map_err(|error| failure(FailureReason::Connect, &error))?;
        let stream = ArrivalStream::new(stream);
        let mut times = ConnectTimes { connect: begin.elapsed(), tls: Duration::ZERO };
        let Some((connector, name)) = &self.tls else { return Ok((UpstreamStream::Plain(stream), times)) };
        let begin = Instant::now();
        let stream =
            connector.connect(name.clone(), stream).await.map_err(|error| failure(FailureReason::Tls, &error))?;
        times.tls = begin.elapsed();
        Ok((UpstreamStream::Tls(Box::new(stream)), times))
    }

    async fn socket(&self) -> io::Result<TcpStream> {
        TcpStream::connect((self.target.host(), self.target.port())).await
    }

    /// Connects to the first address that answers, if the rules allow all addresses of the host.
    async fn guarded_socket(&self, rules: &TargetRules) -> Result<TcpStream, ExchangeFailure> {
        let refused =
            |refusal: TargetRefusal| ExchangeFailure { reason: FailureReason::Limit, detail: refusal.to_string() };
        let failed = |error: io::Error| failure(FailureReason::Connect, &error);
        rules.check_host(self.target.host()).map_err(refused)?;
        let resolved = tokio::net::lookup_host((self.target.host(), self.target.port())).await.map_err(failed)?;
        let addresses: Vec<SocketAddr> = resolved.collect();
        for address in &addresses {
            rules.check_address(address.ip()).map_err(refused)?;
        }
        let stream = TcpStream::connect(&addresses[..]).await.map_err(failed)?;
        let (peer, local) = (stream.peer_addr().map_err(failed)?, stream.local_addr().map_err(failed)?);
        rules.check_connection(peer, local).map_err(refused)?;
        Ok(stream)
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Connector").field("target", &self.target).finish_non_exhaustive()
    }
}

fn failure(reason: FailureReason, error: &io::Error) -> ExchangeFailure {
    ExchangeFailure { reason, detail: error.to_string() }
}
