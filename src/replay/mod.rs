//! Sends a tape's calls again, open loop: each when it is due, whatever became of those before it.
//!
//! ```text
//! tape → plan (what, when) → sender (timer, connections, stop rule) → exchanges → tape or gap
//! ```
//!
//! Latency counts from when a call was due, so that a target that stalls cannot hide what it did to the calls behind. The
//! run accounts for itself: how late it was, what the target answered, and whether its numbers may be reported at all.

mod connection;
mod outcome;
mod plan;
mod prepare;
mod sender;
mod stop;

use std::io;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use http::Uri;

use crate::exchange::Exchange;
use crate::tape::Recording;

pub use outcome::{Mix, Outcome, Refusal};
pub use plan::{Due, Pace, Plan};
pub use prepare::{Missing, Prepared, Replacements};
pub use stop::StopRule;

/// Where calls are sent, and what that may cost.
#[derive(Clone, Debug)]
pub struct Target {
    /// Host and port of plain HTTP/1.1.
    pub authority: String,
    /// Put before the path of each call; empty, or beginning with a slash.
    pub prefix: String,
    /// Connections at once; a call that finds none waits, and is counted.
    pub max_connections: usize,
    /// How long a call may take.
    pub timeout: Duration,
    /// When to stop; never if there is none.
    pub stop: Option<StopRule>,
}

impl Target {
    /// Reads a base URL.
    pub fn parse(url: &str) -> Result<Self, String> {
        let uri: Uri = url.parse().map_err(|error| format!("`{url}` is no URL ({error}); write http://HOST:PORT"))?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => {
                return Err(format!("`{url}`: https is not spoken yet; give an http:// address of the same service"));
            }
            _ => return Err(format!("`{url}` has no scheme; write http://HOST:PORT")),
        }
        let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
        if authority.contains('@') {
            return Err(format!("`{url}` has a password in it; give it by --header 'Authorization: …'"));
        }
        let prefix = uri.path().trim_end_matches('/').to_owned();
        Ok(Self { authority, prefix, max_connections: 1_000, timeout: Duration::from_secs(30), stop: None })
    }

    /// What a socket connects to.
    fn address(&self) -> String {
        let has_port = self.authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        if has_port { self.authority.clone() } else { format!("{}:80", self.authority) }
    }
}

/// Sends a plan's calls, and hands over each with its answer once it has one, in no particular order. Times count from the
/// start of the run; `received` is when a call was due. Blocks until the last answer is there.
///
/// Only what the tape says of a call is handed over: what replaced redacted parts is not.
pub fn run(
    recording: &Recording,
    prepared: &Arc<Prepared>,
    plan: &Plan,
    target: &Target,
    mut sink: impl FnMut(Exchange) -> io::Result<()>,
) -> io::Result<Outcome> {
    let address = first_address(&target.address())?;
    let (results, received) = mpsc::channel();
    std::thread::scope(|scope| {
        let sending = std::thread::Builder::new()
            .name("standin-replay".to_owned())
            .spawn_scoped(scope, || sender::send(recording, prepared, plan, target, address, results))?;
        let mut outcome = Outcome::new(recording, plan);
        let mut written = Ok(());
        for answered in received {
            outcome.count(&answered);
            // the run goes on, so that the target sees its end
            if written.is_ok() {
                written = sink(answered.exchange(&recording.exchanges[answered.call]));
            }
        }
        let ended = sending.join().unwrap_or_else(|_| Err(io::Error::other("the sender ended unexpectedly")))?;
        written?;
        outcome.end(ended);
        Ok(outcome)
    })
}

/// The first address of a name.
fn first_address(authority: &str) -> io::Result<std::net::SocketAddr> {
    use std::net::ToSocketAddrs as _;
    authority.to_socket_addrs()?.next().ok_or_else(|| io::Error::other(format!("`{authority}` has no address")))
}
