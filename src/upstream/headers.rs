//! Removal of hop-by-hop headers (RFC 9110, 7.6.1), and of content codings that cannot be decoded.

use http::Version;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use standin_coding::ContentCoding;

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

/// Removes the codings that cannot be decoded from `Accept-Encoding`; gzip, deflate, brotli, zstd
/// and identity stay, and so does what a client refuses (`*;q=0`). A header that names no others
/// stays as it is.
pub fn keep_decodable_codings(headers: &mut HeaderMap) {
    let lines: Vec<&str> = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|v| v.to_str().ok()).collect();
    let all: Vec<&str> = lines.iter().flat_map(|line| line.split(',')).map(str::trim).collect();
    let kept: Vec<&str> = all.iter().copied().filter(|coding| is_decodable(coding)).collect();
    if kept.len() == all.len() {
        return;
    }
    let kept = if kept.is_empty() { "identity".to_owned() } else { kept.join(", ") };
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_str(&kept).expect("parts of a header's value"));
}

/// Returns true if a member of `Accept-Encoding` names no coding but those that can be decoded.
fn is_decodable(member: &str) -> bool {
    let (name, weight) = member.split_once(';').unwrap_or((member, ""));
    let weight = weight.trim().trim_start_matches(['q', 'Q', '=', ' ']);
    let is_refused = !weight.is_empty() && weight.bytes().all(|byte| matches!(byte, b'0' | b'.'));
    let name = name.trim().to_ascii_lowercase();
    let is_known = ContentCoding::parse(&name).is_some();
    is_known || is_refused
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
            ("gzip,deflate,  br, zstd", "gzip,deflate,  br, zstd"),
            ("br;q=1.0,gzip;q=0.8,dcz", "br;q=1.0, gzip;q=0.8"),
            ("compress", "identity"),
            ("*", "identity"),
            ("gzip, *;q=0", "gzip, *;q=0"),
            ("gzip, *;q=0.5", "gzip"),
            ("", ""),
        ] {
            let mut headers = map(&[]);
            headers.insert("accept-encoding", HeaderValue::from_static(accepted));
            keep_decodable_codings(&mut headers);
            assert_eq!(headers["accept-encoding"], kept);
        }
    }
}
