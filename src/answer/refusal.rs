//! The answers to calls that are not let in: too long, too slow, or too much at a time.

use std::sync::atomic::Ordering::Relaxed;

use http::{HeaderValue, Request, StatusCode, header};

use super::Answerer;
use crate::listen::body::Unread;
use crate::listen::connection::Connection;
use crate::listen::host::Hosts;
use crate::send::Unsendable;
use standin_stub::memory::{MemoryExhausted, MemoryPermit};
use standin_stub::reply::Reply;

/// Bytes that a call takes beside its head and its body while it waits for its answer, or nearly.
const WAITING: usize = 4 << 10;

impl Answerer {
    /// Lets a call in unless its head is too long, with what the head holds: a connection of
    /// HTTP/1.1 has but one.
    pub(super) fn let_in<B>(
        &self,
        head: &Request<B>,
        connection: &Connection,
    ) -> Result<Option<MemoryPermit>, Box<Reply>> {
        let size = self.check_head(head)?;
        if !connection.http2 {
            return Ok(None);
        }
        connection.memory.take(size + WAITING).map(Some).map_err(exhausted)
    }

    /// The size of a head, unless it is too long or names no host.
    pub(super) fn check_head<B>(&self, head: &Request<B>) -> Result<usize, Box<Reply>> {
        let (size, hosts) = measure(head);
        if size <= self.limits.head {
            return match hosts.problem(head.version()) {
                None => Ok(size),
                Some(why) => Err(Box::new(no_host(why))),
            };
        }
        self.live.counts().head_too_large.fetch_add(1, Relaxed);
        let text = format!("the head is longer than {} bytes; raise --max-head\n", self.limits.head);
        Err(closing(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, text))
    }

    /// The answer to a call whose body was not read.
    pub(super) fn unread(&self, unread: Unread) -> Box<Reply> {
        match unread {
            Unread::Broken(why) => closing(StatusCode::BAD_REQUEST, format!("the body broke off: {why}\n")),
            Unread::Memory(why) => exhausted(why),
            Unread::TooLong => {
                self.live.counts().body_too_large.fetch_add(1, Relaxed);
                let text = format!("the body is longer than {} bytes; raise --max-body\n", self.limits.body);
                closing(StatusCode::PAYLOAD_TOO_LARGE, text)
            }
            Unread::TooSlow => {
                self.live.counts().read_timeout.fetch_add(1, Relaxed);
                let text = format!("the body did not come within {:?}; raise --read-timeout\n", self.limits.read);
                closing(StatusCode::REQUEST_TIMEOUT, text)
            }
        }
    }
}

/// The answer to a call for which there is no memory.
pub(super) fn exhausted(why: MemoryExhausted) -> Box<Reply> {
    closing(StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n"))
}

/// The answer to a call whose reply has a body that cannot be sent.
pub(super) fn unsendable(why: &Unsendable) -> Box<Reply> {
    match why {
        Unsendable::Memory(why) => exhausted(*why),
        Unsendable::Unreadable(_) => Box::new(Reply::text(StatusCode::INTERNAL_SERVER_ERROR, format!("{why}\n"))),
    }
}

/// The bytes of a head as HTTP/1.1 sends it, and its Host headers.
fn measure<B>(head: &Request<B>) -> (usize, Hosts<'_>) {
    let target = head.uri().path_and_query().map_or(0, |target| target.as_str().len());
    let (mut size, mut hosts) = (target + 16, Hosts::default());
    for (name, value) in head.headers() {
        size += name.as_str().len() + value.len() + 4;
        if *name == header::HOST {
            hosts.add(value);
        }
    }
    (size, hosts)
}

/// The answer to a request whose Host is not as it must be.
pub(super) fn no_host(why: &'static str) -> Reply {
    Reply::text(StatusCode::BAD_REQUEST, why)
}

/// A refusal after which the rest of the request is not read.
fn closing(status: StatusCode, text: String) -> Box<Reply> {
    let mut reply = Reply::text(status, text);
    reply.headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    Box::new(reply)
}
