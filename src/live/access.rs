//! Who may call the control plane: loopback peers on loopback listeners, or whoever has the token.
//!
//! A browser is not a loopback peer even when it runs there: a page of another site could send a request for its user.
//! So a foreign Origin, or a Host that is a name we do not know, needs the token as well.

use std::net::IpAddr;

use http::{HeaderMap, header};

use crate::call::Peers;

/// Who may call.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// The bearer token, if there is one.
    pub token: Option<String>,
    /// Whether everyone may.
    pub open: bool,
    /// Names of this host that a browser may call it by.
    pub hosts: Vec<String>,
}

impl Access {
    /// Why a call may not be made, if it may not.
    pub fn refuses(&self, peers: &Peers, headers: &HeaderMap) -> Option<String> {
        if self.open || self.has_token(headers) {
            return None;
        }
        let cure = "send `Authorization: Bearer …` with the token of --admin-token, or start standin with --admin-open";
        if !is_loopback(peers.local.ip()) || !is_loopback(peers.remote.ip()) {
            return Some(format!("the admin API answers on loopback only; {cure}\n"));
        }
        let foreign = headers.get(header::ORIGIN).map(|value| value.to_str().unwrap_or("?")).filter(|origin| {
            let host = origin.split_once("://").map_or(*origin, |(_, host)| host);
            !self.is_ours(host)
        });
        if let Some(origin) = foreign {
            return Some(format!("the admin API does not answer pages of `{origin}`; {cure}\n"));
        }
        let host = headers.get(header::HOST).map(|value| value.to_str().unwrap_or("?"));
        host.filter(|host| name(host).parse::<IpAddr>().is_err() && !self.is_ours(host))
            .map(|host| format!("`{host}` is not a known name of this host; add --admin-host {host}, or {cure}\n"))
    }

    fn has_token(&self, headers: &HeaderMap) -> bool {
        let sent = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        match (&self.token, sent) {
            (Some(token), Some(sent)) => same(token.as_bytes(), sent.trim().as_bytes()),
            _ => false,
        }
    }

    /// Whether a host, with or without a port, is this one.
    fn is_ours(&self, host: &str) -> bool {
        let name = name(host);
        name == "localhost"
            || name.parse().is_ok_and(is_loopback)
            || self.hosts.iter().any(|known| known.eq_ignore_ascii_case(name))
    }
}

/// A host without its port.
fn name(host: &str) -> &str {
    match host.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
        Some((address, _)) => address,
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    }
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// Compares without telling by the time taken how much of a token was right.
fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |differing, (a, b)| differing | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::call::Scheme;

    fn peers(remote: &str, local: &str) -> Peers {
        Peers { scheme: Scheme::Http, remote: remote.parse().expect("address"), local: local.parse().expect("address") }
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().expect("name"), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn only_this_host_may_call_without_a_token() {
        let near = peers("127.0.0.1:5000", "127.0.0.1:8080");
        let far = peers("203.0.113.9:5000", "0.0.0.0:8080");
        let access = Access { token: Some("t0ken".to_owned()), open: false, hosts: vec!["standin.test".to_owned()] };
        for (peers, sent, allowed) in [
            (&near, &[][..], true),
            (&near, &[("host", "127.0.0.1:8080")], true),
            (&near, &[("host", "[::1]:8080")], true),
            (&near, &[("host", "localhost")], true),
            (&near, &[("host", "standin.test:8080")], true),
            (&near, &[("host", "rebound.example")], false),
            (&near, &[("origin", "http://localhost:3000")], true),
            (&near, &[("origin", "http://203.0.113.5")], false),
            (&near, &[("origin", "null")], false),
            (&far, &[], false),
            (&far, &[("authorization", "Bearer t0ken")], true),
            (&far, &[("authorization", "Bearer t0keN")], false),
            (&near, &[("origin", "https://evil.example"), ("authorization", "Bearer t0ken")], true),
        ] {
            assert_eq!(access.refuses(peers, &headers(sent)).is_none(), allowed, "{peers:?} {sent:?}");
        }
        assert!(Access { open: true, ..Access::default() }.refuses(&far, &HeaderMap::new()).is_none());
    }
}
