//! The base URL of a service: its address, its Host header and the prefix of its paths.

use std::fmt;

use http::uri::Authority;
use http::{HeaderValue, Uri};

use standin_stub::call::Scheme;

/// The base URL of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetUrl {
    /// Scheme: `http`, or `https` for TLS.
    pub scheme: Scheme,
    /// Host and port as given; also the Host header.
    pub authority: Authority,
    /// Prefix of the path of each request; empty, or with a leading slash.
    pub path_prefix: String,
}

impl TargetUrl {
    /// Parses a base URL. The error is a message.
    pub fn parse(url: &str) -> Result<Self, String> {
        let uri: Uri = url.parse().map_err(|error| format!("`{url}` is no URL ({error}); write http://HOST:PORT"))?;
        let scheme = match uri.scheme_str() {
            Some("http") => Scheme::Http,
            Some("https") => Scheme::Https,
            Some(other) => return Err(format!("the scheme `{other}` is not supported; use http or https")),
            None => return Err(format!("`{url}` has no scheme; write http://HOST:PORT")),
        };
        let Some(authority) = uri.authority().cloned().filter(|authority| !authority.host().is_empty()) else {
            return Err(format!("`{url}` has no host; write http://HOST:PORT"));
        };
        let has_port = authority.as_str().len() > authority.host().len();
        if has_port && authority.port_u16().is_none() && !authority.as_str().contains('@') {
            return Err(format!("`{url}` has no valid port; write http://HOST:PORT"));
        }
        if authority.as_str().contains('@') {
            return Err(format!("`{url}` has a password in it; send it as a header instead"));
        }
        if uri.query().is_some() {
            return Err(format!("`{url}` has a query; a base URL ends with its path"));
        }
        Ok(Self { scheme, authority, path_prefix: uri.path().trim_end_matches('/').to_owned() })
    }

    /// Returns the Host header.
    pub fn host_header(&self) -> HeaderValue {
        HeaderValue::from_str(self.authority.as_str()).expect("an authority is visible ASCII")
    }

    /// Returns the host to connect to; an IPv6 address is without its brackets.
    pub fn host(&self) -> &str {
        self.authority.host().trim_start_matches('[').trim_end_matches(']')
    }

    /// Returns the port to connect to.
    pub fn port(&self) -> u16 {
        self.authority.port_u16().unwrap_or(self.scheme.default_port())
    }

    /// Returns the path and query of a URL, with the prefix of the service. The scheme and host of
    /// an absolute URL are dropped.
    pub fn with_path_prefix(&self, url: &str) -> String {
        let rest = url.split_once("://").filter(|_| !url.starts_with('/')).map(|(_, rest)| rest);
        let path = rest.map_or(url, |rest| rest.find('/').map_or("/", |slash| &rest[slash..]));
        if path.starts_with('/') { format!("{}{path}", self.path_prefix) } else { path.to_owned() }
    }

    /// Returns the part of a URL after the base URL, or `None` if the URL is not of this service.
    pub fn strip_base<'u>(&self, url: &'u str) -> Option<&'u str> {
        let uri: Uri = url.parse().ok()?;
        let port = uri.port_u16().or_else(|| (uri.scheme_str()? == "https").then_some(443)).unwrap_or(80);
        let host = uri.host()?.trim_start_matches('[').trim_end_matches(']');
        if uri.scheme_str()? != self.scheme.as_str() || !host.eq_ignore_ascii_case(self.host()) || port != self.port() {
            return None;
        }
        let (_, rest) = url.split_once("://")?;
        let path = rest.find(['/', '?', '#']).map_or("", |place| &rest[place..]);
        let below = path.strip_prefix(self.path_prefix.as_str())?;
        (below.is_empty() || self.path_prefix.is_empty() || below.starts_with(['/', '?', '#'])).then_some(below)
    }
}

impl fmt::Display for TargetUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}://{}{}", self.scheme.as_str(), self.authority, self.path_prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_urls_are_read() {
        let target = TargetUrl::parse("http://inventory:9000/api/").expect("valid");
        assert_eq!((target.host(), target.port(), target.path_prefix.as_str()), ("inventory", 9000, "/api"));
        assert_eq!(target.to_string(), "http://inventory:9000/api");
        let bare = TargetUrl::parse("https://[::1]").expect("valid");
        assert_eq!((bare.host(), bare.port(), bare.path_prefix.as_str()), ("::1", 443, ""));
        for (wrong, told) in [
            ("inventory:9000", "http://HOST:PORT"),
            ("/a", "no scheme"),
            ("ftp://a", "http or https"),
            ("http://user:word@a", "password"),
            ("http://a:99999", "valid port"),
            ("http://a/b?c", "query"),
        ] {
            let error = TargetUrl::parse(wrong).expect_err(wrong);
            assert!(error.contains(told), "{wrong}: {error}");
        }
    }

    #[test]
    fn paths_stand_behind_the_base() {
        let target = TargetUrl::parse("http://a/api").expect("valid");
        assert_eq!(target.with_path_prefix("/x?y=1"), "/api/x?y=1");
        assert_eq!(target.with_path_prefix("http://other:1/x"), "/api/x");
        assert_eq!(target.with_path_prefix("http://other:1"), "/api/");
        assert_eq!(target.with_path_prefix("*"), "*");
        assert_eq!(target.strip_base("http://A:80/api/x?y"), Some("/x?y"));
        assert_eq!(target.strip_base("http://a/api"), Some(""));
        for other in ["http://a/apix", "https://a/api/x", "http://b/api/x", "http://a:81/api/x", "/api/x"] {
            assert_eq!(target.strip_base(other), None, "{other}");
        }
    }
}
