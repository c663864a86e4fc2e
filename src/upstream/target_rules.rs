//! Rules for the addresses that requests may be forwarded to.
//!
//! A host is checked by its name, and each address that it resolves to is checked before a
//! connection is opened to exactly that address. Addresses of this machine's cloud metadata service
//! and of its own link are refused unless a rule allows them by number, because whoever may create
//! stubs could read credentials there.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// A pattern of addresses or host names, written as WireMock's `--allow-proxy-targets` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetPattern {
    /// The addresses from the first to the last.
    Addresses(IpAddr, IpAddr),
    /// A host name in lower case, in which `*` stands for one or more characters.
    Name(String),
}

/// The rules for the targets of a server.
#[derive(Clone, Debug, Default)]
pub struct TargetRules {
    /// Patterns of the targets that are allowed; without any of a kind, all of that kind.
    pub allowed: Vec<TargetPattern>,
    /// Patterns of the targets that are refused.
    pub denied: Vec<TargetPattern>,
    /// Listeners of this server, to which nothing is forwarded.
    pub own: Vec<SocketAddr>,
}

/// The reason why a target is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetRefusal {
    /// The rules of the operator refuse it.
    Denied,
    /// The address belongs to the link or the cloud metadata service.
    Metadata(IpAddr),
    /// The address is a listener of this server.
    Own(SocketAddr),
}

impl TargetRules {
    /// Checks the host of a URL before it is resolved.
    pub fn check_host(&self, host: &str) -> Result<(), TargetRefusal> {
        match host.parse() {
            Ok(address) => self.check_address(address),
            Err(_) => {
                let host = host.trim_end_matches('.').to_ascii_lowercase();
                self.check(TargetPattern::is_name, |pattern| pattern.matches_name(&host))
            }
        }
    }

    /// Checks an address that a host resolves to.
    pub fn check_address(&self, address: IpAddr) -> Result<(), TargetRefusal> {
        let address = embedded(address);
        self.check(|pattern| !pattern.is_name(), |pattern| pattern.contains(address))?;
        let is_allowed = self.allowed.iter().any(|pattern| pattern.contains(address));
        if is_metadata(address) && !is_allowed { Err(TargetRefusal::Metadata(address)) } else { Ok(()) }
    }

    /// Checks that a connection did not lead to this server.
    pub fn check_connection(&self, peer: SocketAddr, local: SocketAddr) -> Result<(), TargetRefusal> {
        let peer_ip = peer.ip().to_canonical();
        // a connection to an address of this machine comes from the same address
        let is_here = peer_ip.is_loopback() || peer_ip == local.ip().to_canonical();
        let is_own = |own: &SocketAddr| {
            let ip = own.ip().to_canonical();
            own.port() == peer.port() && (ip.is_unspecified() || ip == peer_ip)
        };
        if is_here && self.own.iter().any(is_own) { Err(TargetRefusal::Own(peer)) } else { Ok(()) }
    }

    /// Applies the patterns of one kind.
    fn check(
        &self,
        is_of_kind: impl Fn(&TargetPattern) -> bool,
        matches: impl Fn(&TargetPattern) -> bool,
    ) -> Result<(), TargetRefusal> {
        let mut allowing = self.allowed.iter().filter(|pattern| is_of_kind(pattern)).peekable();
        let is_allowed = allowing.peek().is_none() || allowing.any(&matches);
        if is_allowed && !self.denied.iter().any(matches) { Ok(()) } else { Err(TargetRefusal::Denied) }
    }
}

impl TargetPattern {
    fn is_name(&self) -> bool {
        matches!(self, Self::Name(_))
    }

    fn contains(&self, address: IpAddr) -> bool {
        match self {
            // addresses of different families are ordered by family
            Self::Addresses(first, last) => first.is_ipv4() == address.is_ipv4() && (*first..=*last).contains(&address),
            Self::Name(_) => false,
        }
    }

    fn matches_name(&self, name: &str) -> bool {
        match self {
            Self::Name(pattern) => matches_wildcards(pattern.as_bytes(), name.as_bytes()),
            Self::Addresses(..) => false,
        }
    }
}

impl FromStr for TargetPattern {
    type Err = String;

    /// Parses an address, a range `FIRST-LAST`, a network `ADDRESS/BITS`, or a host name with `*`.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let wrong = |why: &str| {
            format!("`{text}` {why}; write an address, FIRST-LAST, ADDRESS/BITS or a host name such as *.example.com")
        };
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Addresses(address.to_canonical(), address.to_canonical()));
        }
        if let Some((address, bits)) = text.split_once('/') {
            let (Ok(address), Ok(bits)) = (address.parse::<IpAddr>(), bits.parse::<u32>()) else {
                return Err(wrong("is no network"));
            };
            return network(address, bits).ok_or_else(|| wrong("has too many bits"));
        }
        if let Some((first, last)) = text.split_once('-')
            && let (Ok(first), Ok(last)) = (first.trim().parse::<IpAddr>(), last.trim().parse::<IpAddr>())
        {
            if first.is_ipv4() != last.is_ipv4() || first > last {
                return Err(wrong("is no range of addresses"));
            }
            return Ok(Self::Addresses(first, last));
        }
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '*');
        if text.is_empty() || !text.chars().all(is_name) {
            return Err(wrong("is no target"));
        }
        Ok(Self::Name(text.trim_end_matches('.').to_ascii_lowercase()))
    }
}

impl fmt::Display for TargetRefusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied => out.write_str(DENIED),
            Self::Metadata(address) => write!(
                out,
                "standin sends no requests to {address}: it belongs to the local link or to a cloud's metadata \
                 service, which gives out credentials; allow it with --allow-proxy-targets {address} if that is intended"
            ),
            Self::Own(address) => write!(
                out,
                "standin does not proxy to itself: {address} is one of its own listeners; correct the proxyBaseUrl of \
                 the stub"
            ),
        }
    }
}

fn network(address: IpAddr, bits: u32) -> Option<TargetPattern> {
    match address {
        IpAddr::V4(v4) if bits <= 32 => {
            let rest = u32::MAX.checked_shr(bits).unwrap_or(0);
            let first = u32::from(v4) & !rest;
            Some(TargetPattern::Addresses(Ipv4Addr::from(first).into(), Ipv4Addr::from(first | rest).into()))
        }
        IpAddr::V6(v6) if bits <= 128 => {
            let rest = u128::MAX.checked_shr(bits).unwrap_or(0);
            let first = u128::from(v6) & !rest;
            Some(TargetPattern::Addresses(Ipv6Addr::from(first).into(), Ipv6Addr::from(first | rest).into()))
        }
        _ => None,
    }
}

/// Returns the IPv4 address that an IPv6 address leads to: one that is mapped, behind NAT64 or
/// behind 6to4; others unchanged.
fn embedded(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let segments = v6.segments();
    let v4 = |high: u16, low: u16| IpAddr::V4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    match segments {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            v4(high, low)
        }
        _ => address,
    }
}

/// Returns true for addresses of the link and of the metadata services of clouds.
fn is_metadata(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local() || METADATA_V4.contains(&v4),
        IpAddr::V6(v6) => v6.is_unicast_link_local() || v6 == METADATA_V6,
    }
}

fn matches_wildcards(pattern: &[u8], name: &[u8]) -> bool {
    // positions to return to: after the last `*`, and where it ended in the name
    let (mut at, mut place) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while place < name.len() {
        if pattern.get(at) == Some(&b'*') {
            // a `*` stands for at least one character
            star = Some((at + 1, place + 1));
            (at, place) = (at + 1, place + 1);
        } else if pattern.get(at) == Some(&name[place]) {
            (at, place) = (at + 1, place + 1);
        } else if let Some((after, end)) = star {
            star = Some((after, end + 1));
            (at, place) = (after, end + 1);
        } else {
            return false;
        }
    }
    at == pattern.len() && place == name.len()
}

/// WireMock's answer for a target that its rules refuse.
const DENIED: &str = "The target proxy address is denied in WireMock's configuration.";

/// Metadata services with addresses that are not link-local: Alibaba Cloud, Oracle Cloud, Azure.
const METADATA_V4: [Ipv4Addr; 3] =
    [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(192, 0, 0, 192), Ipv4Addr::new(168, 63, 129, 16)];

/// Metadata service of AWS over IPv6.
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(allowed: &[&str], denied: &[&str]) -> TargetRules {
        let patterns = |texts: &[&str]| texts.iter().map(|text| text.parse().expect("a pattern")).collect();
        TargetRules { allowed: patterns(allowed), denied: patterns(denied), own: Vec::new() }
    }

    #[test]
    fn rules_apply_to_addresses_and_names_each_by_its_kind() {
        let denying =
            rules(&[], &["10.1.2.3", "192.168.10.1-192.168.11.254", "10.9.0.0/16", "*.example.org", "fc00::/7"]);
        for host in ["10.1.2.3", "192.168.10.255", "10.9.255.1", "a.example.org", "A.B.Example.org", "fd12::1"] {
            assert_eq!(denying.check_host(host), Err(TargetRefusal::Denied), "{host}");
        }
        for host in ["10.1.2.4", "192.168.12.1", "10.10.0.1", "example.org", "a.example.org.uk", "2001:db8::1"] {
            assert_eq!(denying.check_host(host), Ok(()), "{host}");
        }
        let allowing = rules(&["inventory", "10.0.0.0/8"], &["10.1.0.0/16"]);
        for (host, allowed) in
            [("inventory", true), ("other", false), ("10.2.0.1", true), ("10.1.0.1", false), ("8.8.8.8", false)]
        {
            assert_eq!(allowing.check_host(host).is_ok(), allowed, "{host}");
        }
    }

    #[test]
    fn metadata_addresses_are_refused_in_all_their_forms() {
        let metadata = [
            "169.254.169.254",
            "169.254.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "fe80::1",
            "fd00:ec2::254",
            "100.100.100.200",
        ];
        for address in metadata {
            let refused = TargetRules::default().check_host(address);
            assert!(matches!(refused, Err(TargetRefusal::Metadata(_))), "{address}: {refused:?}");
        }
        assert_eq!(rules(&["169.254.169.254"], &[]).check_host("169.254.169.254"), Ok(()));
        assert!(rules(&["*"], &[]).check_host("169.254.169.254").is_err(), "a name allows no number");
    }

    #[test]
    fn own_listeners_are_recognized_by_their_connections() {
        let at = |text: &str| text.parse::<SocketAddr>().expect("an address");
        let own = TargetRules { own: vec![at("0.0.0.0:80"), at("10.0.0.1:81")], ..TargetRules::default() };
        for (peer, local, is_own) in [
            ("127.0.0.1:80", "127.0.0.1:5000", true),
            ("10.0.0.2:80", "10.0.0.2:5000", true),
            ("10.0.0.3:80", "10.0.0.2:5000", false),
            ("10.0.0.1:81", "10.0.0.1:5000", true),
            ("127.0.0.1:81", "127.0.0.1:5000", false),
            ("[::ffff:127.0.0.1]:80", "[::ffff:127.0.0.1]:5000", true),
            ("127.0.0.1:82", "127.0.0.1:5000", false),
        ] {
            assert_eq!(own.check_connection(at(peer), at(local)).is_err(), is_own, "{peer}");
        }
    }

    #[test]
    fn wrong_patterns_are_reported() {
        for text in ["", "10.0.0.0/33", "10.0.0.9-10.0.0.1", "10.0.0.1-::1", "http://a", "a b", "10.0.0.0/x"] {
            let error = text.parse::<TargetPattern>().expect_err(text);
            assert!(error.contains("ADDRESS/BITS"), "{error}");
        }
    }
}
