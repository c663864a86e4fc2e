//! Content codings of a service: passed on as the client asks, kept decoded in the stubs.

use standin_coding::ContentCoding;

use super::service::{Heard, Recording, Service, everything};
use crate::process::StandinProcess;
use crate::support::Answer;

const TEXT: &str = "the stock of the warehouse, the stock of the shop, the stock of the warehouse";

/// Answers in the first coding that the client accepts.
fn coded(heard: &Heard) -> Vec<u8> {
    let asked = heard.head.to_lowercase();
    let asked = asked.lines().find_map(|line| line.strip_prefix("accept-encoding:")).unwrap_or_default().trim();
    let name = asked.split([',', ';']).next().unwrap_or_default().to_owned();
    let text = format!("{TEXT} of {}", heard.url);
    let text = if heard.url == "/secret" { "{\"password\":\"s3cr3t-s3cr3t\"}".to_owned() } else { text };
    let body = ContentCoding::parse(&name).expect("a coding that is known").encode(text.as_bytes());
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: {name}\r\nVary: Accept-Encoding\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.into_bytes(), body].concat()
}

fn request(url: &str, accepted: &str) -> String {
    format!("GET {url} HTTP/1.1\r\nHost: me\r\nAccept-Encoding: {accepted}\r\n\r\n")
}

fn plain(answer: &Answer) -> String {
    let coding = ContentCoding::parse(answer.header("content-encoding").unwrap_or_default()).expect("known");
    let body = coding.decode(&answer.body, 1 << 20).expect("it has this coding").into_owned();
    String::from_utf8(body).expect("UTF-8")
}

#[test]
fn brotli_and_zstd_pass_and_are_kept_decoded() {
    let service = Service::saying(coded);
    let recording = Recording::of(&service.url(), &[]);
    for (url, accepted) in [("/a", "br"), ("/b", "zstd,  gzip"), ("/c", "gzip, br"), ("/secret", "br;q=0.9, dcz")] {
        let answer = recording.send(&request(url, accepted));
        assert_eq!(answer.header("content-encoding"), accepted.split([',', ';']).next(), "{url}");
        assert!(plain(&answer).contains(if url == "/secret" { "s3cr3t" } else { TEXT }), "the client reads it");
    }
    let (output, code, folder) = recording.end_without_a_tape("-INT");
    assert_eq!(code, Some(0), "{output}");
    assert!(output.contains("replayed: 4 of 4 calls get the recorded answer (100 %)"), "{output}");
    let asked: Vec<String> = service.heard().iter().map(|heard| accept_encoding(&heard.head)).collect();
    assert_eq!(asked, ["br", "zstd,  gzip", "gzip, br", "br;q=0.9"], "as the client asked");
    for url in ["a", "b", "c"] {
        let stub = std::fs::read_to_string(folder.path().join(format!("mappings/recorded/get-{url}.json")));
        let stub = stub.expect("it was drafted");
        assert!(stub.contains(TEXT) && !stub.contains("Content-Encoding"), "{stub}");
    }
    let kept = everything(folder.path());
    assert!(!String::from_utf8_lossy(&kept).contains("s3cr3t"), "no secret is on the disk");
    let bodies = standin_tape::TapeBodies::of([super::service::read(&folder).path.as_path()]).expect("readable");
    let secret = super::service::read(&folder).exchanges.into_iter().find(|one| one.request.url == "/secret");
    let secret = secret.and_then(|one| one.response?.body?.sha256).and_then(|hash| bodies.get(&hash));
    let secret = ContentCoding::Brotli.decode(&secret.expect("it is on the tape"), 1000).expect("brotli").into_owned();
    assert!(String::from_utf8(secret).expect("UTF-8").starts_with("{\"password\":\"~redacted:"));

    let process = StandinProcess::serve(folder.path(), &[], &[]);
    for (accepted, coding) in [("gzip", Some("gzip")), ("br", None), ("zstd, br", None), ("br, gzip", Some("gzip"))] {
        let answer = process.send(&request("/a", accepted));
        assert_eq!((answer.status, answer.header("content-encoding")), (200, coding), "{accepted}");
        assert!(plain(&answer).contains(TEXT));
    }
}

fn accept_encoding(head: &str) -> String {
    let line = head.lines().find(|line| line.to_lowercase().starts_with("accept-encoding:")).expect("it is there");
    line["accept-encoding:".len()..].trim().to_owned()
}
