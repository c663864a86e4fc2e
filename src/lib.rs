//! A stand-in for the backends that a system under test depends on: it answers with their content and performs as they do.
//!
//! In a test, a [`Mock`] is all there is to know; [`mock::guide`] shows what it can:
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
//! In a program, [`Server`] serves a folder as the command line does:
//!
//! ```no_run
//! let server = standin::Server::bind(standin::Config::new("stubs"))?;
//! let handle = server.start()?;
//! println!("{:?}", handle.addresses());
//! # Ok::<(), standin::StartError>(())
//! ```
//!
//! How a call travels:
//!
//! ```text
//! listen → call → matcher → render → pace → send            `answer` joins them in one readable function
//!             live (catalog, scenarios, stats) · admin      the control plane, beside it
//! ```
//!
//! A [`Call`](standin_stub::call::Call) arrives, a [`Reply`](standin_stub::reply::Reply) goes back, and all [`Stub`](standin_stub::Stub)s together, compiled, are the
//! [`Catalog`](standin_stub::catalog::Catalog). What is wrong in a file is a [`Defect`](standin_stub::defect::Defect).
//!
//! # Cancel safety
//!
//! Dropping a [`Handle`] ends the server at once: calls in flight are cut off. [`Handle::shut_down`] finishes them first.

pub mod admin;
mod answer;
pub mod audit;
pub mod cli;
pub mod config;
pub mod listen;
pub mod live;
pub mod mock;
pub mod offload;
pub mod pacing;
mod panics;
pub mod ramp;
pub mod record;
pub mod reload;
pub mod replay;
pub mod send;
mod server;
pub mod shutdown;
mod stdio;
pub mod tasks;
pub mod timer;
pub mod upstream;
pub mod wire;

pub use config::Config;
pub use mock::Mock;
pub use server::{Address, Handle, Server, StartError};
