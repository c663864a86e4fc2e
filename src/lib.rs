//! A stand-in for the backends that a system under test depends on: it returns their responses, and
//! takes as long as they do.
//!
//! standin reads WireMock's stub format, and it can be used as a command, from a container, or from
//! Rust. This crate is the Rust side: a mock server for one test, and a server for the stubs of a
//! folder.
//!
//! # A mock server in a test
//!
//! A [`Mock`] has a free port and threads of its own, and ends when it is dropped. It works the
//! same in a `#[test]` and in a `#[tokio::test]`:
//!
//! ```
//! use standin::Mock;
//! use standin::mock::{get, json};
//!
//! let server = Mock::start();
//! let stub = server.stub(get("/users/7").reply(json!({"id": 7})));
//!
//! let answer = ureq::get(server.url("/users/7")).call()?.body_mut().read_to_string()?;
//!
//! assert_eq!(answer, r#"{"id":7}"#);
//! stub.verify(1);
//! # Ok::<(), ureq::Error>(())
//! ```
//!
//! # A server in a program
//!
//! A [`Server`] serves the stubs of a folder, as `standin serve` does:
//!
//! ```no_run
//! let server = standin::Server::bind(standin::Config::new("stubs"))?;
//! let handle = server.start()?;
//! println!("{:?}", handle.addresses());
//! # Ok::<(), standin::StartError>(())
//! ```
//!
//! Dropping a [`Handle`] ends the server at once and cuts off the requests in flight.
//! [`Handle::shut_down`] finishes them first.
//!
//! # Where to go next
//!
//! - [`mock::guide`]: requests, replies, delays, scenarios and verification, with examples.
//! - [`Config`]: addresses, TLS, limits and the performance profile of a server.
//! - `docs/` in the repository: stub format, performance profiles, recording and fitting, command
//!   line.

// items are `pub` within their private modules; the compiler sees what is unused all the same
#![allow(unreachable_pub)]

mod admin;
mod answer;
mod audit;
mod channels;
mod cli;
mod config;
mod listen;
mod live;
mod locks;
pub mod mock;
mod offload;
mod pacing;
mod panics;
mod prometheus_text;
mod proxy;
mod ramp;
mod record;
mod reload;
mod replay;
mod request_log;
mod send;
mod server;
mod shutdown;
mod spans;
mod stdio;
mod tasks;
mod timer;
mod upstream;
mod webhooks;
mod wire;
mod worker_context;

pub use admin::AccessRules;
pub use config::{Config, Listener, ParseListenerError};
pub use listen::connection::Limits;
pub use listen::tls::{Certificate, TlsError};
pub use mock::Mock;
pub use proxy::ProxySettings;
pub use server::{Address, Handle, Server, StartError};
pub use spans::SpanSettings;
pub use standin_stub::defect::Defect;
pub use standin_stub::files::Templating;
pub use timer::Precision;
pub use upstream::{TargetPattern, TrustAnchors};

/// Items for the binary and the tests of this repository; they may change at any time.
#[doc(hidden)]
pub mod internal {
    pub use crate::cli::main;
    pub use crate::ramp::{NOTE_KEY as RAMP_NOTE_KEY, STEP_SHARES as RAMP_STEP_SHARES};
    pub use crate::replay::{Pace, Plan, PreparedCalls, Replacements, ReplayOutcome, ReplayTarget, run as replay};
}
