//! HTTP/2 with prior knowledge, and HTTPS with either protocol by ALPN, by a client that is not
//! ours.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::Mock;

const STUBS: &str = r#"{"mappings": [
    {"request": {"url": "/hello"}, "response": {"body": "hi", "headers": {"Connection": "keep-alive", "X-A": "1"}}},
    {"request": {"url": "/slow"}, "response": {"body": "late", "fixedDelayMilliseconds": 60}},
    {"request": {"url": "/echo", "bodyPatterns": [{"equalTo": "whole"}]}, "response": {"body": "read"}},
    {"request": {"url": "/secure", "scheme": "https"}, "response": {"body": "by tls"}},
    {"request": {"url": "/reset"}, "response": {"fault": "CONNECTION_RESET_BY_PEER"}},
    {"request": {"url": "/garbage"}, "response": {"fault": "RANDOM_DATA_THEN_CLOSE"}},
    {"request": {"url": "/empty"}, "response": {"fault": "EMPTY_RESPONSE"}}
]}"#;

fn secure() -> Mock {
    Mock::configured(&[("mappings/s.json", STUBS)], |config| {
        config.listeners = vec!["https://127.0.0.1:0".parse().expect("valid")];
    })
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

fn request(path: &str, body: &'static str) -> Request<Full<Bytes>> {
    Request::post(format!("http://localhost{path}")).body(Full::from(body)).expect("a request")
}

async fn text(response: Response<hyper::body::Incoming>) -> String {
    String::from_utf8_lossy(&response.into_body().collect().await.expect("a body").to_bytes()).into_owned()
}

async fn http2<S>(stream: S) -> http2::SendRequest<Full<Bytes>>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.expect("HTTP/2");
    tokio::spawn(connection);
    sender
}

async fn tls(address: SocketAddr, protocol: &[u8]) -> TlsStream<TcpStream> {
    let mut config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Trusting))
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let stream = TcpStream::connect(address).await.expect("it listens");
    let name = ServerName::try_from("localhost").expect("a name");
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("TLS")
}

#[test]
fn http2_is_spoken_with_prior_knowledge() {
    let mock = Mock::with(STUBS);
    run(async {
        let mut client = http2(TcpStream::connect(mock.address).await.expect("it listens")).await;
        let response = client.send_request(request("/hello", "")).await.expect("an answer");
        assert_eq!(response.version(), http::Version::HTTP_2);
        assert_eq!(response.headers()["x-a"], "1");
        assert!(!response.headers().contains_key("connection"), "HTTP/2 has no such header");
        assert_eq!(text(response).await, "hi");
        assert_eq!(text(client.send_request(request("/echo", "whole")).await.expect("an answer")).await, "read");
        assert_eq!(client.send_request(request("/nothing", "")).await.expect("an answer").status(), 404);
    });
}

#[test]
fn calls_on_one_http2_connection_wait_side_by_side() {
    let mock = Mock::with(STUBS);
    run(async {
        let client = http2(TcpStream::connect(mock.address).await.expect("it listens")).await;
        let start = Instant::now();
        let calls: Vec<_> = (0..50)
            .map(|_| {
                let mut client = client.clone();
                tokio::spawn(
                    async move { text(client.send_request(request("/slow", "")).await.expect("an answer")).await },
                )
            })
            .collect();
        for call in calls {
            assert_eq!(call.await.expect("no panic"), "late");
        }
        let took = start.elapsed();
        assert!(took >= Duration::from_millis(60) && took < Duration::from_secs(2), "{took:?}");
    });
}

#[test]
fn no_more_calls_share_a_connection_than_may() {
    let mock = Mock::configured(&[("mappings/s.json", STUBS)], |config| config.limits.streams = 1);
    run(async {
        let mut client = http2(TcpStream::connect(mock.address).await.expect("it listens")).await;
        // the client has heard of the limit once it has had an answer
        client.send_request(request("/hello", "")).await.expect("an answer");
        let start = Instant::now();
        let (one, other) =
            (client.clone().send_request(request("/slow", "")), client.send_request(request("/slow", "")));
        let (one, other) = tokio::join!(one, other);
        assert!(one.is_ok() && other.is_ok());
        assert!(start.elapsed() >= Duration::from_millis(120), "{:?}", start.elapsed());
    });
}

#[test]
fn a_fault_on_http2_ends_its_stream_alone() {
    let mock = Mock::with(STUBS);
    run(async {
        let mut client = http2(TcpStream::connect(mock.address).await.expect("it listens")).await;
        for fault in ["/reset", "/garbage", "/empty"] {
            assert!(client.send_request(request(fault, "")).await.is_err(), "{fault}");
            assert_eq!(text(client.send_request(request("/hello", "")).await.expect("an answer")).await, "hi");
        }
    });
}

#[test]
fn https_speaks_what_the_client_offers() {
    let mock = secure();
    run(async {
        let mut client = http2(tls(mock.address, b"h2").await).await;
        assert_eq!(text(client.send_request(request("/secure", "")).await.expect("an answer")).await, "by tls");
        let stream = tls(mock.address, b"http/1.1").await;
        let (mut client, connection) = http1::handshake(TokioIo::new(stream)).await.expect("HTTP/1.1");
        tokio::spawn(connection);
        let mut hosted = request("/secure", "");
        hosted.headers_mut().insert("host", http::HeaderValue::from_static("localhost"));
        let response = client.send_request(hosted).await.expect("an answer");
        assert_eq!((response.version(), text(response).await.as_str()), (http::Version::HTTP_11, "by tls"));
    });
}

#[test]
fn faults_over_tls_reset_tcp_and_encrypt_the_garbage() {
    let mock = secure();
    let break_with = |path: &'static str| {
        run(async {
            let mut stream = tls(mock.address, b"http/1.1").await;
            let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
            stream.write_all(request.as_bytes()).await.expect("open");
            let mut bytes = Vec::new();
            let end = stream.read_to_end(&mut bytes).await.map_err(|error| error.kind());
            (bytes, end.map(|_| ()))
        })
    };
    assert_eq!(break_with("/reset"), (Vec::new(), Err(std::io::ErrorKind::ConnectionReset)));
    assert_eq!(break_with("/empty"), (Vec::new(), Ok(())));
    let (bytes, end) = break_with("/garbage");
    assert!(end.is_ok() && !bytes.is_empty() && !bytes.starts_with(b"HTTP"), "{bytes:?}");
}

/// A stream that is reset, a connection that ends, and TLS that says goodbye without ending it.
#[test]
fn a_call_is_given_up_however_its_client_goes() {
    let profile = "services: [{name: s, capacity: {discipline: fifo, workers: 1, queue: unbounded}, abandon: free,
        default: {demand: {fixed: 20s}}}]";
    let mock = Mock::configured(&[("mappings/s.json", STUBS), ("profiles/p.yaml", profile)], |config| {
        config.profile = Some("p".to_owned());
        config.listeners =
            ["https://127.0.0.1:0", "http://127.0.0.1:0"].map(|listener| listener.parse().expect("valid")).into();
    });
    let [secure, plain] = mock.addresses()[..] else { panic!("two listeners") };
    let mut view = crate::support::Client::connect(plain);
    let mut wait_for = |in_flight: u64, abandoned: u64| {
        let deadline = Instant::now() + Duration::from_secs(5);
        loop {
            view.write(b"GET /__admin/standin/profile HTTP/1.1\r\nHost: localhost\r\n\r\n");
            let service = view.answer().json()["services"][0].clone();
            if service["inFlight"] == in_flight && service["abandoned"] == abandoned {
                return;
            }
            assert!(Instant::now() < deadline, "not {in_flight} and {abandoned}: {service}");
        }
    };
    run(async {
        for (round, protocol) in (0..).zip([&b"h2"[..], b"h2", b"http/1.1", b"http/1.1"]) {
            let mut stream = tls(secure, protocol).await;
            if protocol == b"h2" {
                let mut client = http2(stream).await;
                let call = tokio::spawn(async move {
                    let _ = client.send_request(request("/hello", "")).await;
                });
                tokio::task::yield_now().await;
                tokio::time::sleep(Duration::from_millis(100)).await;
                wait_for(1, round);
                call.abort();
                tokio::time::sleep(Duration::from_millis(100)).await;
            } else {
                stream.write_all(b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n").await.expect("open");
                wait_for(1, round);
                if round == 2 {
                    drop(stream);
                } else {
                    stream.get_mut().1.send_close_notify();
                    stream.flush().await.expect("open");
                }
            }
            wait_for(0, round + 1);
        }
    });
}

#[test]
fn a_given_certificate_is_shown() {
    let made = rcgen::generate_simple_self_signed(vec!["given.test".to_owned()]).expect("a certificate");
    let shown = made.cert.der().to_vec();
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let files = [("mappings/s.json", STUBS), ("cert.pem", certificate.as_str()), ("key.pem", key.as_str())];
    let folder = crate::support::folder(&files);
    let mock = Mock::configured(&[("mappings/s.json", STUBS)], |config| {
        config.listeners = vec!["https://127.0.0.1:0".parse().expect("valid")];
        config.certificate = standin::Certificate::Files {
            certificate: folder.path().join("cert.pem"),
            key: folder.path().join("key.pem"),
        };
    });
    run(async {
        let stream = tls(mock.address, b"http/1.1").await;
        let peer = stream.get_ref().1.peer_certificates().expect("a certificate");
        assert_eq!(peer[0].as_ref(), shown);
    });
}

/// Takes any certificate: what is tested is not who the server is.
#[derive(Debug)]
struct Trusting;

impl ServerCertVerifier for Trusting {
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
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
