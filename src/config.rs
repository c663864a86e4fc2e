//! What is meant: addresses, limits and paths, checked together so that every mistake is told at once.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::listen::connection::Limits;
use crate::listen::tls::Certificate;
use crate::live::Access;
use crate::record::Forward;
use crate::timer::Precision;
use standin_files::regular_file::MAX_BYTES;
use standin_stub::files::Templating;
use standin_stub::memory;

/// How a server is to be.
#[derive(Clone, Debug)]
pub struct Config {
    /// The stub folder, or a folder of such folders; without one there are no stubs at first, and none are kept.
    pub root: Option<PathBuf>,
    /// Where calls are answered.
    pub listeners: Vec<Listener>,
    /// Where the admin API is answered apart from the calls.
    pub admin_listener: Option<SocketAddr>,
    /// The certificate of `https` listeners.
    pub certificate: Certificate,
    /// What a client may ask of a connection.
    pub limits: Limits,
    /// Connections at once.
    pub max_connections: usize,
    /// Bytes that all calls together may hold: of bodies that are being read, decoded or sent.
    pub max_memory: usize,
    /// Threads that answer calls.
    pub workers: usize,
    /// Where random delays begin; the same seed draws the same delays.
    pub seed: u64,
    /// How precisely delays end.
    pub precision: Precision,
    /// How long calls in flight may take when the server goes down.
    pub grace: Duration,
    /// Whether an unmatched GET may be answered from `__files`.
    pub serves_files: bool,
    /// The profile to serve with; `None` is as fast as it can.
    pub profile: Option<String>,
    /// Bytes of the journal of calls; 0 keeps none.
    pub journal_bytes: usize,
    /// Who may call the admin API.
    pub access: Access,
    /// Bytes of a body of the admin API at most.
    pub max_admin_body: usize,
    /// Whether the admin API may delete mapping files that standin did not write.
    pub allows_disk_delete: bool,
    /// Whether stub files that change are read again.
    pub watches: bool,
    /// Which replies are templates.
    pub templating: Templating,
    /// Bytes of a mapping file or a profile at most.
    pub max_file_bytes: u64,
    /// What becomes of calls that no stub answers; a 404 if nothing is said.
    pub forward: Option<Forward>,
}

/// Where calls are answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The service whose stubs answer; all that have no listener of their own if none is named.
    pub service: Option<String>,
    /// The address; port 0 takes a free one.
    pub address: SocketAddr,
    /// Whether TLS is spoken.
    pub tls: bool,
}

impl Config {
    /// A server for the stubs of `root`, on a free port of 127.0.0.1.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: Some(root.into()), ..Self::default() }
    }
}

impl Default for Config {
    /// A server without a folder, on a free port of 127.0.0.1.
    fn default() -> Self {
        Self {
            root: None,
            listeners: vec![Listener { service: None, address: SocketAddr::from(([127, 0, 0, 1], 0)), tls: false }],
            admin_listener: None,
            certificate: Certificate::SelfSigned,
            limits: Limits::default(),
            max_connections: 60_000,
            max_memory: memory::default_limit(),
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            seed: rand::random(),
            precision: Precision::Normal,
            grace: Duration::from_secs(10),
            serves_files: true,
            profile: None,
            journal_bytes: 64 << 20,
            access: Access::default(),
            max_admin_body: 256 << 20,
            allows_disk_delete: false,
            watches: true,
            templating: Templating::default(),
            max_file_bytes: MAX_BYTES,
            forward: None,
        }
    }
}

impl Listener {
    /// Reads `[NAME=][http://|https://]ADDRESS`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (service, rest) = match text.split_once('=') {
            Some((name, rest)) => (Some(name.to_owned()), rest),
            None => (None, text),
        };
        let (tls, address) = match rest.split_once("://") {
            Some(("https", address)) => (true, address),
            Some(("http", address)) => (false, address),
            Some((scheme, _)) => return Err(format!("`{scheme}` is no scheme to listen for; use http or https")),
            None => (false, rest),
        };
        let resolved =
            address.strip_prefix("localhost:").map_or_else(|| address.to_owned(), |port| format!("127.0.0.1:{port}"));
        match resolved.parse() {
            Ok(address) => Ok(Self { service, address, tls }),
            Err(_) => Err(format!("`{address}` is no address; write one such as 127.0.0.1:8080 or [::1]:8080")),
        }
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(out, "{scheme}://{}", self.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_read() {
        let listener = Listener::parse("inventory=127.0.0.1:8081").expect("valid");
        assert_eq!(listener.service.as_deref(), Some("inventory"));
        assert_eq!(listener.to_string(), "http://127.0.0.1:8081");
        assert!(Listener::parse("https://[::1]:8443").expect("valid").tls);
        assert_eq!(Listener::parse("localhost:0").expect("valid").address.port(), 0);
        assert!(Listener::parse("8080").unwrap_err().contains("127.0.0.1:8080"));
        assert!(Listener::parse("ftp://127.0.0.1:1").unwrap_err().contains("https"));
    }
}
