//! [`ProxyDefinition`]: the real service that answers in place of a stub, and what changes on the
//! way to it.

use http::{HeaderName, HeaderValue};

/// The service to which the requests of a stub are forwarded (WireMock's `proxyBaseUrl`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyDefinition {
    /// URL that the URL of a request is appended to.
    pub base_url: String,
    /// Prefix of the URL of a request that is not forwarded.
    pub url_prefix_to_remove: Option<String>,
    /// Headers that are added to a request.
    pub additional_headers: Vec<(HeaderName, HeaderValue)>,
    /// Headers of a request that are not forwarded.
    pub removed_headers: Vec<HeaderName>,
}

impl ProxyDefinition {
    /// Returns the URL at the service for the path and query of a request.
    pub fn url(&self, path_and_query: &str) -> String {
        let prefix = self.url_prefix_to_remove.as_deref().unwrap_or_default();
        let rest = path_and_query.strip_prefix(prefix).unwrap_or(path_and_query);
        format!("{}{rest}", self.base_url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_removed_before_the_base_url_is_added() {
        let mut proxy = ProxyDefinition {
            base_url: "http://inventory/root".to_owned(),
            url_prefix_to_remove: Some("/other".to_owned()),
            additional_headers: Vec::new(),
            removed_headers: Vec::new(),
        };
        for (url, expected) in [("/other/a?b=1", "/root/a?b=1"), ("/other?b", "/root?b"), ("/a/other", "/root/a/other")]
        {
            assert_eq!(proxy.url(url), format!("http://inventory{expected}"));
        }
        proxy.url_prefix_to_remove = None;
        assert_eq!(proxy.url("/other"), "http://inventory/root/other");
    }
}
