//! Configuration of a server: addresses, limits and paths, as values with their defaults.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::admin::AccessRules;
use crate::listen::connection::Limits;
use crate::listen::tls::Certificate;
use crate::proxy::ProxySettings;
use crate::spans::SpanSettings;
use crate::timer::Precision;
use standin_files::regular_file::MAX_BYTES;
use standin_stub::files::Templating;
use standin_stub::memory;

/// Configuration of a [`Server`](crate::Server).
///
/// ```
/// use std::time::Duration;
///
/// let mut config = standin::Config::new("stubs");
/// config.listeners = vec!["127.0.0.1:0".parse()?];
/// config.grace = Duration::from_secs(2);
/// # Ok::<(), standin::ParseListenerError>(())
/// ```
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools)] // settings, each of its own
pub struct Config {
    /// Stub folder, or a folder of stub folders. Without one the server starts without stubs and
    /// keeps none on disk.
    pub root: Option<PathBuf>,
    /// Addresses that answer requests. At least one.
    pub listeners: Vec<Listener>,
    /// Address of a listener for the admin API alone, in addition to `listeners`.
    pub admin_listener: Option<SocketAddr>,
    /// Certificate of `https` listeners.
    pub certificate: Certificate,
    /// Limits of one connection.
    pub limits: Limits,
    /// Maximum number of open connections.
    pub max_connections: usize,
    /// Memory in bytes that all requests together may hold, for bodies that are read, decoded or
    /// sent.
    pub max_memory: usize,
    /// Number of worker threads; the default is one for each core.
    pub workers: usize,
    /// Seed of random delays: the same seed draws the same delays.
    pub seed: u64,
    /// Precision of the end of delays.
    pub precision: Precision,
    /// Time that requests in flight may take when the server shuts down.
    pub grace: Duration,
    /// True if an unmatched GET may be answered with a file of `__files`.
    pub serves_files: bool,
    /// True if web pages of every origin may call stubs: preflight requests are answered, and
    /// responses have CORS headers.
    pub has_stub_cors: bool,
    /// Name of the performance profile; `None` answers without added delay.
    pub profile: Option<String>,
    /// Size of the request journal in bytes; 0 keeps none.
    pub journal_bytes: usize,
    /// Number of requests that a journal shows, the newest; `None` shows all that it holds.
    pub journal_entries: Option<u64>,
    /// Clients that may call the admin API.
    pub access: AccessRules,
    /// Maximum size of a request body of the admin API, in bytes.
    pub max_admin_body: usize,
    /// True if the admin API may delete mapping files that standin did not write.
    pub allows_disk_delete: bool,
    /// True if stub files are reloaded when they change.
    pub watches: bool,
    /// Replies that are templates.
    pub templating: Templating,
    /// True if responses of stubs are compressed for clients that accept gzip.
    pub compresses: bool,
    /// Java patterns of the variables of the environment that templates may read by `systemValue`,
    /// whatever their case.
    pub permitted_system_keys: Vec<String>,
    /// Maximum size of a mapping file or a profile, in bytes.
    pub max_file_bytes: u64,
    /// True if the server refuses to start when a stub or a profile has an error, instead of
    /// leaving it out.
    pub strict: bool,
    /// Proxied responses: stubs with a `proxyBaseUrl`.
    pub proxy: ProxySettings,
    /// Maximum number of webhooks that are being sent at once.
    pub webhook_concurrency: usize,
    /// True if each answered request is logged on stderr.
    pub logs_requests: bool,
    /// Export of OpenTelemetry spans; `None` makes none.
    pub spans: Option<SpanSettings>,
}

/// An address that answers requests, written `[NAME=][http://|https://]ADDRESS`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Service whose stubs answer; without a name, all services that have no listener of their own.
    pub service: Option<String>,
    /// Address to bind; port 0 takes a free one.
    pub address: SocketAddr,
    /// True if the listener speaks TLS.
    pub tls: bool,
}

/// Error of parsing a [`Listener`], with an example of a correct one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseListenerError(String);

impl Config {
    /// Returns the configuration of a server for the stubs of `root`, on a free port of 127.0.0.1.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: Some(root.into()), ..Self::default() }
    }
}

impl Default for Config {
    /// Returns the configuration of a server without a folder, on a free port of 127.0.0.1.
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
            has_stub_cors: false,
            profile: None,
            journal_bytes: 64 << 20,
            journal_entries: None,
            access: AccessRules::default(),
            max_admin_body: 256 << 20,
            allows_disk_delete: false,
            watches: true,
            templating: Templating::default(),
            compresses: true,
            permitted_system_keys: vec!["wiremock.*".to_owned()],
            max_file_bytes: MAX_BYTES,
            strict: false,
            proxy: ProxySettings::default(),
            webhook_concurrency: 10,
            logs_requests: false,
            spans: None,
        }
    }
}

impl FromStr for Listener {
    type Err = ParseListenerError;

    fn from_str(text: &str) -> Result<Self, ParseListenerError> {
        let (service, rest) = match text.split_once('=') {
            Some((name, rest)) => (Some(name.to_owned()), rest),
            None => (None, text),
        };
        let (tls, address) = match rest.split_once("://") {
            Some(("https", address)) => (true, address),
            Some(("http", address)) => (false, address),
            Some((scheme, _)) => {
                return Err(ParseListenerError(format!("`{scheme}` is no scheme to listen for; use http or https")));
            }
            None => (false, rest),
        };
        let resolved =
            address.strip_prefix("localhost:").map_or_else(|| address.to_owned(), |port| format!("127.0.0.1:{port}"));
        match resolved.parse() {
            Ok(address) => Ok(Self { service, address, tls }),
            Err(_) => Err(ParseListenerError(format!(
                "`{address}` is no address; write one such as 127.0.0.1:8080 or [::1]:8080"
            ))),
        }
    }
}

impl fmt::Display for ParseListenerError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for ParseListenerError {}

impl fmt::Display for Listener {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(out, "{scheme}://{}", self.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Listener, ParseListenerError> {
        text.parse()
    }

    #[test]
    fn listeners_are_parsed() {
        let listener = parse("inventory=127.0.0.1:8081").expect("valid");
        assert_eq!(listener.service.as_deref(), Some("inventory"));
        assert_eq!(listener.to_string(), "http://127.0.0.1:8081");
        assert!(parse("https://[::1]:8443").expect("valid").tls);
        assert_eq!(parse("localhost:0").expect("valid").address.port(), 0);
        assert!(parse("8080").unwrap_err().to_string().contains("127.0.0.1:8080"));
        assert!(parse("ftp://127.0.0.1:1").unwrap_err().to_string().contains("https"));
    }
}
