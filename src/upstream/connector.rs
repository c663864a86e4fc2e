//! Opens connections to a service, with TLS for `https`.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{ArrivalStream, TargetRefusal, TargetRules, TargetUrl};
use standin_stub::call::Scheme;
use standin_tape::exchange::{ExchangeFailure, FailureReason};

/// The certificates that are trusted for an https service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TrustAnchors {
    /// Certificates that this system trusts.
    #[default]
    System,
    /// Certificates signed by one of a PEM file.
    File(PathBuf),
    /// Any certificate, so that a man in the middle can read the traffic.
    AnyCertificate,
}

/// The certificates that are trusted, loaded for any number of services.
#[derive(Clone, Debug)]
pub struct TlsTrust(Arc<ClientConfig>);

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
    /// TLS over TCP.
    Tls(Box<TlsStream<ArrivalStream>>),
}

/// The duration of opening a connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConnectTimes {
    /// Name resolution and TCP connect.
    pub connect: Duration,
    /// TLS handshake.
    pub tls: Duration,
}

impl Connector {
    /// Creates a connector. The error is the message of a TLS configuration that cannot be set up.
    pub fn new(target: TargetUrl, trust: &TrustAnchors) -> Result<Self, String> {
        let tls = match target.scheme {
            Scheme::Http => None,
            Scheme::Https => Some(tls_connector(&target, &TlsTrust::load(trust)?)?),
        };
        Ok(Self { target, tls, rules: None })
    }

    /// Creates a connector that connects only to addresses which `rules` allow.
    pub fn guarded(target: TargetUrl, trust: &TlsTrust, rules: Arc<TargetRules>) -> Result<Self, String> {
        let tls = match target.scheme {
            Scheme::Http => None,
            Scheme::Https => Some(tls_connector(&target, trust)?),
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

impl TlsTrust {
    /// Loads certificates. The error is a message.
    pub fn load(trust: &TrustAnchors) -> Result<Self, String> {
        client_config(trust).map(|config| Self(Arc::new(config)))
    }
}

fn tls_connector(target: &TargetUrl, trust: &TlsTrust) -> Result<(TlsConnector, ServerName<'static>), String> {
    let name = ServerName::try_from(target.host().to_owned())
        .map_err(|_| format!("`{}` is no name that a certificate can have", target.host()))?;
    Ok((TlsConnector::from(Arc::clone(&trust.0)), name))
}

fn failure(reason: FailureReason, error: &io::Error) -> ExchangeFailure {
    ExchangeFailure { reason, detail: error.to_string() }
}

fn client_config(trust: &TrustAnchors) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("cannot set up TLS: {error}"))?;
    let mut config = match trust {
        TrustAnchors::AnyCertificate => {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(AcceptAnyCertificate(provider)))
        }
        TrustAnchors::System | TrustAnchors::File(_) => builder.with_root_certificates(roots(trust)?),
    }
    .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn roots(trust: &TrustAnchors) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    if let TrustAnchors::File(path) = trust {
        let what = |why: String| format!("cannot read certificates from `{}`: {why}", path.display());
        for certificate in CertificateDer::pem_file_iter(path).map_err(|error| what(error.to_string()))? {
            let certificate = certificate.map_err(|error| what(error.to_string()))?;
            store.add(certificate).map_err(|error| what(error.to_string()))?;
        }
        if store.is_empty() {
            return Err(what("it has no PEM block `CERTIFICATE`".to_owned()));
        }
        return Ok(store);
    }
    let system = rustls_native_certs::load_native_certs();
    // unreadable certificates are skipped
    store.add_parsable_certificates(system.certs);
    if store.is_empty() {
        return Err("this system has no trusted certificates; give --target-ca FILE".to_owned());
    }
    Ok(store)
}

/// A verifier that accepts every certificate, for `--target-insecure`.
#[derive(Debug)]
struct AcceptAnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
