//! Validation of the Host header: exactly one, and an authority (RFC 9112, 3.2; RFC 3986, 3.2).

use http::{HeaderMap, HeaderValue, Request, Version, header};

/// The Host headers of a request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hosts<'r> {
    first: Option<&'r HeaderValue>,
    has_more: bool,
}

impl<'r> Hosts<'r> {
    /// Adds a Host header.
    pub fn add(&mut self, value: &'r HeaderValue) {
        self.has_more = self.first.is_some();
        self.first.get_or_insert(value);
    }

    /// Returns the problem for which a request of this HTTP version has to get a 400, if there is
    /// one.
    pub fn problem(self, version: Version) -> Option<&'static str> {
        match self.first {
            None if version == Version::HTTP_11 => Some("the request has no Host header; HTTP/1.1 needs one\n"),
            Some(_) if self.has_more => Some("the request has more than one Host header; send one\n"),
            Some(host) if !is_authority(host.as_bytes()) => {
                Some("the Host header is no host; write a name or an address, and a port if it is not the default\n")
            }
            _ => None,
        }
    }
}

/// Returns the problem of a request's Host headers for which it has to get a 400, if there is one.
pub fn host_problem<B>(request: &Request<B>) -> Option<&'static str> {
    let mut hosts = Hosts::default();
    request.headers().get_all(header::HOST).iter().for_each(|value| hosts.add(value));
    hosts.problem(request.version())
}

/// Returns every authority that a request names: that of its target (`:authority` on HTTP/2) and
/// those of its Host headers. A header that is not text is returned as `?`.
pub fn authorities<'r>(target: &'r http::Uri, headers: &'r HeaderMap) -> impl Iterator<Item = &'r str> {
    let hosts = headers.get_all(header::HOST).iter().map(|value| value.to_str().unwrap_or("?"));
    target.authority().map(http::uri::Authority::as_str).into_iter().chain(hosts)
}

/// Splits `host`, `host:port` or `[address]:port` into host and port; the address without brackets.
/// Returns `None` if the text is not an authority.
pub fn split_authority(text: &str) -> Option<(&str, Option<&str>)> {
    if !is_authority(text.as_bytes()) {
        return None;
    }
    let (host, rest) = match text.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
        Some((address, rest)) => (address, rest),
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    Some((host, rest.strip_prefix(':')))
}

/// Returns whether bytes are `uri-host [":" port]`; the host may be empty.
fn is_authority(bytes: &[u8]) -> bool {
    let (is_host, rest) = if let Some(inner) = bytes.strip_prefix(b"[") {
        let length = inner.iter().position(|byte| *byte == b']').unwrap_or(inner.len());
        let is_address = length > 0
            && inner[..length].iter().all(|byte| is_name_byte(*byte) || *byte == b':')
            && inner.get(length) == Some(&b']');
        (is_address, inner.get(length + 1..).unwrap_or_default())
    } else {
        let mut rest = bytes;
        while let [byte, after @ ..] = rest
            && is_name_byte(*byte)
        {
            rest = after;
        }
        (true, rest)
    };
    is_host && (rest.is_empty() || rest[0] == b':' && rest[1..].iter().all(u8::is_ascii_digit))
}

/// Returns whether a byte is allowed in a `reg-name`. Percent escapes are not decoded.
fn is_name_byte(byte: u8) -> bool {
    NAME_BYTES[usize::from(byte)]
}

const NAME_BYTES: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let others = b"-._~%!$&'()*+,;=";
    let mut at = 0;
    while at < others.len() {
        table[others[at] as usize] = true;
        at += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities_are_told_from_other_text() {
        for (text, expected) in [
            ("localhost", Some(("localhost", None))),
            ("localhost:8080", Some(("localhost", Some("8080")))),
            ("127.0.0.1:", Some(("127.0.0.1", Some("")))),
            ("[::1]:8080", Some(("::1", Some("8080")))),
            ("[::1]", Some(("::1", None))),
            ("", Some(("", None))),
            ("my_service.internal", Some(("my_service.internal", None))),
            ("[::1].evil.example", None),
            ("[::1", None),
            ("[]", None),
            ("::1", None),
            ("user@localhost", None),
            ("localhost:80:80", None),
            ("localhost:port", None),
            ("local host", None),
            ("localhost/path", None),
        ] {
            assert_eq!(split_authority(text), expected, "{text}");
        }
    }
}
