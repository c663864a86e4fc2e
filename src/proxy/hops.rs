//! The way of a request through proxies, as its `Via` headers tell it (RFC 9110, 7.6.3).

use http::header::{HeaderMap, HeaderValue, VIA};

/// The names that a set of stubs has in `Via` headers.
#[derive(Debug)]
pub(super) struct Hops {
    /// Name of the server: the beginning of the names of all its sets.
    server: String,
    /// Name of the set of stubs.
    name: String,
    via: HeaderValue,
}

impl Hops {
    /// Creates the names for the set with this index, of a server with this random number.
    pub(super) fn new(server: u32, set: usize) -> Self {
        let server = format!("{PREFIX}{server:08x}.");
        let name = format!("{server}{set}");
        let via = HeaderValue::from_str(&format!("1.1 {name}")).expect("letters, digits and dots");
        Self { server, name, via }
    }

    /// Returns the header that is added to a forwarded request.
    pub(super) fn via(&self) -> HeaderValue {
        self.via.clone()
    }

    /// Returns true if a set of this server has forwarded the request.
    pub(super) fn has_passed_server(&self, headers: &HeaderMap) -> bool {
        // most requests have no Via header
        headers.contains_key(VIA) && names(headers).any(|name| name.starts_with(&self.server))
    }

    /// Returns the message for a request that goes round in a circle.
    pub(super) fn circle(&self, headers: &HeaderMap) -> Option<String> {
        if !headers.contains_key(VIA) {
            return None;
        }
        if names(headers).any(|name| name == self.name) {
            let what = "the request was forwarded from here before, so its target leads back to this standin";
            return Some(format!("standin does not proxy in a circle: {what}; correct the proxyBaseUrl of the stub"));
        }
        let count = names(headers).filter(|name| name.starts_with(PREFIX)).count();
        (count >= MAX_HOPS).then(|| {
            format!("standin does not proxy in a circle: the request has passed {count} standins, and {MAX_HOPS} is the most")
        })
    }
}

/// Returns the names of the proxies that a request has passed.
fn names(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(VIA).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).filter_map(|hop| hop.split_ascii_whitespace().nth(1))
}

/// Beginning of the name of every standin.
const PREFIX: &str = "standin-";

/// Maximum number of standins that a request may pass.
const MAX_HOPS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn circles_and_long_ways_are_refused() {
        let (own, other) = (Hops::new(7, 0), Hops::new(7, 1));
        let mut headers = HeaderMap::new();
        assert_eq!(own.circle(&headers), None);
        headers.append(VIA, HeaderValue::from_static("1.0 fred, 1.1 standin-00000008.0 (comment)"));
        assert!(own.circle(&headers).is_none() && !own.has_passed_server(&headers));
        headers.append(VIA, other.via());
        assert!(own.circle(&headers).is_none() && own.has_passed_server(&headers));
        headers.append(VIA, own.via());
        assert!(own.circle(&headers).is_some_and(|told| told.contains("back to this standin")));
        let mut long = HeaderMap::new();
        for server in 0..MAX_HOPS as u32 {
            assert_eq!(own.circle(&long), None);
            long.append(VIA, Hops::new(server + 100, 0).via());
        }
        assert!(own.circle(&long).is_some_and(|told| told.contains("has passed 16 standins")));
    }
}
