//! Services that speak TLS.

use serde_json::json;
use standin::TrustAnchors;

use super::{proxying, proxying_with};
use crate::record::service::{Service, answer};
use crate::support::Mock;

/// Returns an https service with a self-signed certificate.
fn https_service() -> Mock {
    let stub = json!({"request": {"urlPattern": ".*"}, "response": {"body": "over TLS"}}).to_string();
    Mock::configured(&[("mappings/stubs.json", &stub)], |config| {
        config.listeners = vec!["https://127.0.0.1:0".parse().expect("a listener")];
    })
}

#[test]
fn a_self_signed_certificate_is_accepted_as_in_wiremock() {
    let service = https_service();
    let base_url = format!("https://127.0.0.1:{}", service.address.port());
    assert_eq!(proxying(&json!({"proxyBaseUrl": base_url})).get("/").text(), "over TLS");

    let made = rcgen::generate_simple_self_signed(vec!["other.test".to_owned()]).expect("a certificate");
    let folder = tempfile::tempdir().expect("a folder");
    let pem = folder.path().join("ca.pem");
    std::fs::write(&pem, made.cert.pem()).expect("writable");
    let strict = proxying_with(&json!({"proxyBaseUrl": base_url}), |config| {
        config.proxy.trust = TrustAnchors::File(pem);
    });
    let got = strict.get("/x");
    let expected = format!("SSL failure trying to make a proxied request from WireMock to {base_url}/x\r\n");
    assert!(got.status == 500 && got.text().starts_with(&expected), "{}", got.text());
}

#[test]
fn a_service_without_tls_is_an_ssl_failure() {
    let service = Service::saying(|_| answer(200, "", "plain"));
    let mock = proxying(&json!({"proxyBaseUrl": format!("https://{}", service.address)}));
    let got = mock.get("/");
    assert!(got.status == 500 && got.text().starts_with("SSL failure trying"), "{}", got.text());
}
