//! TLS of a listener, with a given certificate or a self-signed one made at the start.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

use standin_files::regular_file;

/// The source of a listener's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// PEM files with a chain and its private key.
    Files {
        /// The chain, the server's own certificate first.
        certificate: PathBuf,
        /// PEM file of the private key.
        key: PathBuf,
    },
    /// A new self-signed certificate for localhost and the loopback addresses.
    SelfSigned,
}

/// The reason why a certificate cannot be used.
#[derive(Debug)]
pub struct TlsError {
    what: String,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl fmt::Display for TlsError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.what)
    }
}

impl std::error::Error for TlsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.source)
    }
}

/// Returns an acceptor for this certificate that offers HTTP/2 and HTTP/1.1 by ALPN.
pub fn acceptor(certificate: &Certificate) -> Result<TlsAcceptor, TlsError> {
    let (chain, key) = match certificate {
        Certificate::Files { certificate, key } => (read_chain(certificate)?, read_key(key)?),
        Certificate::SelfSigned => self_signed()?,
    };
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| broken("cannot set up TLS", error))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| broken("the certificate and its key do not go together", error))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let what = || format!("cannot read certificates from `{}`", path.display());
    let pem = read_pem(path).map_err(|error| broken(&what(), error))?;
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(&pem).collect::<Result<_, _>>().map_err(|error| broken(&what(), error))?;
    if chain.is_empty() {
        return Err(broken(&what(), io::Error::other("it has no PEM block `CERTIFICATE`")));
    }
    Ok(chain)
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let what = || format!("cannot read a private key from `{}`", path.display());
    let pem = read_pem(path).map_err(|error| broken(&what(), error))?;
    PrivateKeyDer::from_pem_slice(&pem).map_err(|error| broken(&what(), error))
}

/// Reads a PEM file. Only a regular file is read: a pipe or a device could hold up the start.
pub(crate) fn read_pem(path: &Path) -> io::Result<Vec<u8>> {
    regular_file::read(path, MAX_PEM_BYTES).map_err(|error| match error.kind() {
        io::ErrorKind::FileTooLarge => io::Error::other(format!("it has more than {MAX_PEM_BYTES} bytes")),
        _ => error,
    })
}

/// Maximum size of a PEM file in bytes.
const MAX_PEM_BYTES: u64 = 16 << 20;

fn self_signed() -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
    let made = rcgen::generate_simple_self_signed(names).map_err(|error| broken("cannot make a certificate", error))?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    Ok((vec![made.cert.der().clone()], key))
}

fn broken(what: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> TlsError {
    TlsError { what: what.to_owned(), source: source.into() }
}
