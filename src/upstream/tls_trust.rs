//! The certificates that are trusted for an https service.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_rustls::TlsConnector;

use crate::listen::tls::read_pem;

/// The certificates that are trusted for an https service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TrustAnchors {
    /// Certificates that this system trusts.
    #[default]
    System,
    /// The certificates of a PEM file, and those that they signed.
    File(PathBuf),
    /// Any certificate, so that a man in the middle can read the traffic.
    AnyCertificate,
}

/// The certificates that are trusted, loaded for any number of services.
#[derive(Clone, Debug)]
pub struct TlsTrust(Arc<ClientConfig>);

impl TlsTrust {
    /// Loads certificates. The error is a message.
    pub fn load(trust: &TrustAnchors) -> Result<Self, String> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let policy = match trust {
            TrustAnchors::System => {
                Policy::Chain { chain: chain_verifier(&provider, system_roots()?)?, own: Vec::new() }
            }
            TrustAnchors::File(path) => {
                let own = certificates_of(path)?;
                let mut roots = RootCertStore::empty();
                for certificate in &own {
                    roots.add(certificate.clone()).map_err(|error| unreadable(path, &error.to_string()))?;
                }
                Policy::Chain { chain: chain_verifier(&provider, roots)?, own }
            }
            TrustAnchors::AnyCertificate => Policy::AnyCertificate,
        };
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("cannot set up TLS: {error}"))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Verifier { provider, policy }))
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(Arc::new(config)))
    }

    /// Returns what opens TLS connections to a host. The error is a message.
    pub fn connector(&self, host: &str) -> Result<(TlsConnector, ServerName<'static>), String> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| format!("`{host}` is no name that a certificate can have"))?;
        Ok((TlsConnector::from(Arc::clone(&self.0)), name))
    }
}

fn chain_verifier(provider: &Arc<CryptoProvider>, roots: RootCertStore) -> Result<Arc<WebPkiServerVerifier>, String> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| format!("cannot set up TLS: {error}"))
}

fn certificates_of(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = read_pem(path).map_err(|error| unreadable(path, &error.to_string()))?;
    let certificates = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| unreadable(path, &error.to_string()))?;
    if certificates.is_empty() {
        return Err(unreadable(path, "it has no PEM block `CERTIFICATE`"));
    }
    Ok(certificates)
}

fn unreadable(path: &Path, why: &str) -> String {
    format!("cannot read certificates from `{}`: {why}", path.display())
}

fn system_roots() -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    // unreadable certificates are skipped
    store.add_parsable_certificates(system.certs);
    if store.is_empty() {
        return Err("this system has no trusted certificates; give --target-ca FILE".to_owned());
    }
    Ok(store)
}

/// A verifier of the certificates of services.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    policy: Policy,
}

#[derive(Debug)]
enum Policy {
    /// A certificate that a trusted one signed, or one of `own`. A self-signed certificate is made
    /// for one server and marked as an authority at the same time, which a chain does not allow.
    Chain {
        chain: Arc<WebPkiServerVerifier>,
        own: Vec<CertificateDer<'static>>,
    },
    AnyCertificate,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match &self.policy {
            Policy::AnyCertificate => Ok(ServerCertVerified::assertion()),
            // its signature is no proof, but the handshake proves that the server has its key
            Policy::Chain { own, .. } if own.contains(end_entity) => {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            Policy::Chain { chain, .. } => {
                chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
