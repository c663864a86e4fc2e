//! The opening handshake of WebSocket (RFC 6455, 4.2).

use http::header::{
    CONNECTION, HeaderName, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION,
    UPGRADE,
};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use standin_stub::reply::Reply;

/// Version of the protocol (RFC 6455).
const VERSION: &str = "13";

/// Returns whether a request asks for a WebSocket.
pub fn is_handshake<B>(request: &Request<B>) -> bool {
    request.method() == Method::GET && has_token(request.headers(), &UPGRADE, "websocket")
}

/// Returns the reply to a handshake; its status is 101 if the channel opens.
pub fn accept(headers: &HeaderMap) -> Reply {
    let version = headers.get(SEC_WEBSOCKET_VERSION).and_then(|version| version.to_str().ok());
    if version.is_none_or(|version| version.trim() != VERSION) {
        let mut reply = Reply::text(StatusCode::UPGRADE_REQUIRED, "standin speaks version 13 of WebSocket\n");
        reply.headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static(VERSION));
        return reply;
    }
    let Some(key) = headers.get(SEC_WEBSOCKET_KEY).filter(|_| has_token(headers, &CONNECTION, "upgrade")) else {
        let text = "a WebSocket handshake needs `Connection: Upgrade` and `Sec-WebSocket-Key`\n";
        return Reply::text(StatusCode::BAD_REQUEST, text);
    };
    let mut reply = Reply::empty(StatusCode::SWITCHING_PROTOCOLS);
    let accepted = HeaderValue::from_str(&derive_accept_key(key.as_bytes())).expect("base64 is ASCII");
    reply.headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    reply.headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    reply.headers.insert(SEC_WEBSOCKET_ACCEPT, accepted);
    // clients close a connection on which none of their protocols is chosen
    let first = tokens(headers, &SEC_WEBSOCKET_PROTOCOL).next().map(HeaderValue::from_str);
    if let Some(Ok(protocol)) = first {
        reply.headers.insert(SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    reply
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    tokens(headers, name).any(|value| value.eq_ignore_ascii_case(token))
}

fn tokens<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim).filter(|token| !token.is_empty())
}
