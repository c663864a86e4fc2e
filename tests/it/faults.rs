//! How connections break: the exact bytes, FIN or RST.

use crate::support::{Client, End, Mock};

fn stub(fault: &str) -> String {
    format!(
        r#"{{"mappings": [
        {{"request": {{"url": "/f"}}, "response": {{"status": 201, "body": "unused", "fault": "{fault}"}}}},
        {{"request": {{"url": "/ok"}}, "response": {{"body": "ok"}}}}
    ]}}"#
    )
}

fn break_with(fault: &str) -> (Vec<u8>, End) {
    let mock = Mock::with(&stub(fault));
    let mut client = Client::connect(mock.address);
    // the connection has been used before: a fault ends it all the same
    client.write(b"GET /ok HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(client.answer().text(), "ok");
    client.write(b"POST /f HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\ndata");
    let end = client.read_to_end();
    assert_eq!(mock.get("/ok").text(), "ok", "the server goes on");
    end
}

#[test]
fn an_empty_response_is_a_fin_without_a_byte() {
    assert_eq!(break_with("EMPTY_RESPONSE"), (Vec::new(), End::Fin));
}

#[test]
fn a_reset_is_an_rst_without_a_byte() {
    assert_eq!(break_with("CONNECTION_RESET_BY_PEER"), (Vec::new(), End::Rst));
}

#[test]
fn a_malformed_chunk_follows_a_good_head() {
    let (bytes, end) = break_with("MALFORMED_RESPONSE_CHUNK");
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.starts_with("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\u{1}standin"), "{text:?}");
    assert_eq!(end, End::Fin);
}

#[test]
fn random_data_is_no_http() {
    let (bytes, end) = break_with("RANDOM_DATA_THEN_CLOSE");
    assert!(!bytes.is_empty() && !bytes.starts_with(b"HTTP"), "{bytes:?}");
    assert_eq!(end, End::Fin);
}
