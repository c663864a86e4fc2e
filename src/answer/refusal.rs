//! Responses to requests that are refused: too long, too slow, or beyond the memory budget.

use std::sync::atomic::Ordering::Relaxed;

use http::{HeaderValue, Request, StatusCode, header};

use super::Answerer;
use crate::listen::body::Unread;
use crate::listen::connection::Connection;
use crate::listen::host::Hosts;
use crate::send::Unsendable;
use standin_stub::memory::{MemoryExhausted, MemoryPermit};
use standin_stub::reply::Reply;

/// Approximate size in bytes of a waiting request beside its head and its body.
const REQUEST_OVERHEAD_BYTES: usize = 4 << 10;

impl Answerer {
    /// Checks the head of a request and takes its size from the memory budget on HTTP/2, where a
    /// connection holds many heads at once.
    pub(super) fn admit<B>(
        &self,
        head: &Request<B>,
        connection: &Connection,
    ) -> Result<Option<MemoryPermit>, Box<Reply>> {
        let size = self.check_head(head)?;
        if !connection.http2 {
            return Ok(None);
        }
        connection.memory.take(size + REQUEST_OVERHEAD_BYTES).map(Some).map_err(exhausted)
    }

    /// Returns the size of a head in bytes, or a refusal if it is too long or has no valid Host.
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

    /// Returns the response to a request whose body was not read.
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

/// Returns the response to a request that the memory budget has no room for.
pub(super) fn exhausted(why: MemoryExhausted) -> Box<Reply> {
    closing(StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n"))
}

/// Returns the response in place of one whose body cannot be sent.
pub(super) fn unsendable(why: &Unsendable) -> Box<Reply> {
    match why {
        Unsendable::Memory(why) => exhausted(*why),
        Unsendable::Unreadable(_) => Box::new(Reply::text(StatusCode::INTERNAL_SERVER_ERROR, format!("{why}\n"))),
    }
}

/// Returns the response to an admin request that this standin has proxied.
pub(super) fn own_admin() -> Reply {
    Reply::text(
        StatusCode::FORBIDDEN,
        "standin does not proxy to its own admin API; correct the `proxyBaseUrl` of the stub\n",
    )
}

/// Returns the response to a CONNECT request that no stub matched.
pub(super) fn no_tunnel() -> Reply {
    Reply::text(
        StatusCode::NOT_IMPLEMENTED,
        "standin opens no tunnels, as it is no proxy of browsers: let the client call standin itself, over http or \
         over https with --https-port; a stub with a `proxyBaseUrl` leads on to the real service\n",
    )
}

/// Returns the response in place of one whose whole body was not received from a service.
pub(super) fn undribbled(unread: &Unread) -> Box<Reply> {
    let why = match unread {
        Unread::Broken(why) => why.as_str(),
        Unread::Memory(_) => "the memory budget is exhausted",
        Unread::TooLong => "it is too long for a chunked dribble delay",
        Unread::TooSlow => "it did not come in time; raise --proxy-timeout",
    };
    let text = format!("the body of the proxied response is not sent: {why}\n");
    Box::new(Reply::text(StatusCode::INTERNAL_SERVER_ERROR, text))
}

/// Returns the size of a head in bytes as HTTP/1.1 would send it, and its Host headers.
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

/// Returns the response to a request with a missing or invalid Host.
pub(super) fn no_host(why: &'static str) -> Reply {
    Reply::text(StatusCode::BAD_REQUEST, why)
}

/// Returns a refusal that closes the connection, so that the rest of the request is not read.
fn closing(status: StatusCode, text: String) -> Box<Reply> {
    let mut reply = Reply::text(status, text);
    reply.headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    Box::new(reply)
}
