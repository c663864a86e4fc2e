//! The certificates that are trusted for an https service.

use std::fs;
use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use standin::Certificate;
use tempfile::TempDir;

use super::service::Recording;
use crate::support::Mock;

/// The files of a certificate and its key.
struct CertificateFiles {
    certificate: PathBuf,
    key: PathBuf,
}

impl CertificateFiles {
    /// Writes a self-signed certificate for a name, marked as an authority as `openssl req -x509`
    /// marks it.
    fn self_signed(folder: &TempDir, file: &str, name: &str) -> Self {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        let path = |end: &str| folder.path().join(format!("{file}.{end}"));
        let files = Self { certificate: path("pem"), key: path("key") };
        fs::write(&files.certificate, certificate.pem()).expect("it is written");
        fs::write(&files.key, key.serialize_pem()).expect("it is written");
        files
    }
}

/// Returns the status and the text of a response of a service with a certificate, through a
/// recorder that trusts a certificate.
fn recorded(own: &CertificateFiles, trusted: &CertificateFiles) -> (u16, String) {
    let stub = r#"{"request": {}, "response": {"body": "safe"}}"#;
    let service = Mock::configured(&[("mappings/a.json", stub)], |config| {
        config.listeners = vec!["https://127.0.0.1:0".parse().expect("valid")];
        config.certificate = Certificate::Files { certificate: own.certificate.clone(), key: own.key.clone() };
    });
    let target = format!("https://localhost:{}", service.address.port());
    let recording = Recording::of(&target, &["--target-ca", trusted.certificate.to_str().expect("UTF-8")]);
    let got = recording.get("/");
    (got.status, got.text().to_owned())
}

#[test]
fn a_self_signed_certificate_is_trusted_by_itself() {
    let folder = TempDir::new().expect("a temporary folder");
    let own = CertificateFiles::self_signed(&folder, "own", "localhost");
    assert_eq!(recorded(&own, &own), (200, "safe".to_owned()));
    let other = CertificateFiles::self_signed(&folder, "other", "localhost");
    assert_eq!(recorded(&own, &other).0, 502, "another certificate of the same name");
    let elsewhere = CertificateFiles::self_signed(&folder, "elsewhere", "elsewhere.example");
    assert_eq!(recorded(&elsewhere, &elsewhere).0, 502, "a certificate of another name");
}
