//! Opens connections to a service, over TLS where its URL says so.

use std::fmt;
use std::io;
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

use super::TargetUrl;
use standin_stub::call::Scheme;
use standin_tape::exchange::{ExchangeFailure, FailureReason};

/// Whose certificates an https service may show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TrustAnchors {
    /// Those that this system trusts.
    #[default]
    System,
    /// Those signed by one of a PEM file.
    File(PathBuf),
    /// Any: whoever is in between can read along.
    AnyCertificate,
}

/// The way to a service.
#[derive(Clone)]
pub struct Connector {
    origin: TargetUrl,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

/// A stream to a service, before HTTP is spoken.
#[derive(Debug)]
pub enum UpstreamStream {
    /// TCP alone.
    Plain(TcpStream),
    /// TLS over it.
    Tls(Box<TlsStream<TcpStream>>),
}

/// How long opening took.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConnectTimes {
    /// Finding the address and connecting.
    pub connect: Duration,
    /// Agreeing on TLS.
    pub tls: Duration,
}

impl Connector {
    /// The way to `origin`; the error says why nobody can be trusted.
    pub fn new(origin: TargetUrl, trust: &TrustAnchors) -> Result<Self, String> {
        let tls = match origin.scheme {
            Scheme::Http => None,
            Scheme::Https => {
                let name = ServerName::try_from(origin.host().to_owned())
                    .map_err(|_| format!("`{}` is no name that a certificate can have", origin.host()))?;
                Some((TlsConnector::from(Arc::new(client_config(trust)?)), name))
            }
        };
        Ok(Self { origin, tls })
    }

    /// The service.
    pub fn origin(&self) -> &TargetUrl {
        &self.origin
    }

    /// Opens a connection.
    pub async fn connect(&self) -> Result<(UpstreamStream, ConnectTimes), ExchangeFailure> {
        let begin = Instant::now();
        let stream = self.socket().await.map_err(|error| failure(FailureReason::Connect, &error))?;
        let mut took = ConnectTimes { connect: begin.elapsed(), tls: Duration::ZERO };
        let Some((connector, name)) = &self.tls else { return Ok((UpstreamStream::Plain(stream), took)) };
        let begin = Instant::now();
        let stream =
            connector.connect(name.clone(), stream).await.map_err(|error| failure(FailureReason::Tls, &error))?;
        took.tls = begin.elapsed();
        Ok((UpstreamStream::Tls(Box::new(stream)), took))
    }

    async fn socket(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect((self.origin.host(), self.origin.port())).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Connector").field("origin", &self.origin).finish_non_exhaustive()
    }
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
    // a certificate that cannot be read is one that nobody is trusted by
    store.add_parsable_certificates(system.certs);
    if store.is_empty() {
        return Err("this system names nobody whose certificates can be trusted; give --target-ca FILE".to_owned());
    }
    Ok(store)
}

/// Believes every certificate, as an operator asked for.
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
