//! Removal of hop-by-hop headers (RFC 9110, 7.6.1), and of content codings that cannot be decoded.

use http::Version;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// Returns true if a response says that its connection is closed after it (RFC 9112, 9.3).
pub fn closes_connection(version: Version, headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let mut options = values.flat_map(|value| value.split(',')).map(str::trim);
    match version {
        Version::HTTP_10 => !options.any(|option| option.eq_ignore_ascii_case("keep-alive")),
        _ => options.any(|option| option.eq_ignore_ascii_case("close")),
    }
}

/// Removes the hop-by-hop headers.
pub fn remove_hop_by_hop(headers: &mut HeaderMap) {
    if headers.contains_key(header::CONNECTION) {
        let named: Vec<HeaderName> = headers
            .get_all(header::CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(|name| name.trim().parse().ok())
            .collect();
        for name in named {
            headers.remove(name);
        }
    }
    for name in &HOP_BY_HOP_HEADERS {
        headers.remove(name);
    }
}

/// Removes the codings that cannot be decoded from `Accept-Encoding`; gzip, deflate and identity
/// stay.
pub fn keep_decodable_codings(headers: &mut HeaderMap) {
    let Some(accepted) = headers.get(header::ACCEPT_ENCODING) else { return };
    let accepted = accepted.to_str().unwrap_or_default();
    let known = |coding: &&str| {
        let name = coding.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        matches!(name.as_str(), "gzip" | "x-gzip" | "deflate" | "identity")
    };
    let kept: Vec<&str> = accepted.split(',').map(str::trim).filter(known).collect();
    let kept = if kept.is_empty() { "identity".to_owned() } else { kept.join(", ") };
    if kept != accepted {
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_str(&kept).expect("parts of a header's value"));
    }
}

/// Joins the cookie fields of HTTP/2 to the one field of HTTP/1.1 (RFC 9113, 8.2.3).
pub fn join_cookies(headers: &mut HeaderMap) {
    let lines: Vec<&[u8]> = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if lines.len() > 1
        && let Ok(joined) = HeaderValue::from_bytes(&lines.join(&b"; "[..]))
    {
        headers.insert(header::COOKIE, joined);
    }
}

const HOP_BY_HOP_HEADERS: [HeaderName; 9] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("http2-settings"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn map(headers: &[(&'static str, &'static str)]) -> HeaderMap {
        headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn hop_by_hop_headers_are_removed() {
        let mut sent = map(&[
            ("connection", "keep-alive, X-Hop"),
            ("x-hop", "1"),
            ("te", "trailers"),
            ("accept", "*/*"),
            ("accept", "text/plain"),
        ]);
        remove_hop_by_hop(&mut sent);
        assert_eq!(sent, map(&[("accept", "*/*"), ("accept", "text/plain")]));
    }

    #[test]
    fn codings_that_cannot_be_decoded_are_not_accepted() {
        for (accepted, kept) in [
            ("gzip, deflate, br, zstd", "gzip, deflate"),
            ("br;q=1.0, gzip;q=0.8", "gzip;q=0.8"),
            ("br", "identity"),
            ("*", "identity"),
            ("gzip", "gzip"),
        ] {
            let mut headers = map(&[]);
            headers.insert("accept-encoding", HeaderValue::from_static(accepted));
            keep_decodable_codings(&mut headers);
            assert_eq!(headers["accept-encoding"], kept);
        }
    }
}
