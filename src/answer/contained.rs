//! Panic containment of requests: a request whose handling panics gets a 500, and its connection
//! goes on.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;

use super::observed::ObservedRequest;
use super::{Answer, Answerer, Answering};
use crate::listen::connection::Connection;
use crate::panics::{Panic, Part};
use crate::send::Outgoing;
use standin_stub::reply::panic_text;

/// The handling of one request, whose panics become a 500. It begins with the first poll.
pub(crate) struct Contained {
    answerer: Arc<Answerer>,
    state: State,
    /// The request, if its answer is logged or has a span.
    observed: Option<Box<ObservedRequest>>,
}

#[expect(clippy::large_enum_variant, reason = "a box would cost an allocation a request")]
enum State {
    /// Request that was not polled yet.
    Asked(Option<Request<Incoming>>, Option<Arc<Connection>>),
    /// The response waits for something.
    Waiting(Pin<Box<dyn Future<Output = Answer> + Send>>),
}

/// Answers a request, or says how its connection ends. A panic costs this request alone.
pub(crate) fn contained(answerer: Arc<Answerer>, request: Request<Incoming>, connection: Arc<Connection>) -> Contained {
    let is_observed = answerer.request_log.is_some() || answerer.spans.is_some();
    let observed = if is_observed { ObservedRequest::begin(&answerer, &request, &connection) } else { None };
    Contained { answerer, state: State::Asked(Some(request), Some(connection)), observed }
}

impl Future for Contained {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        let Self { answerer, state, observed } = &mut *self;
        let polled = answerer.panics.catch(Part::Call, || match state {
            State::Waiting(answer) => answer.as_mut().poll(context),
            // the head moves from here straight into the call
            State::Asked(request, connection) => {
                let connection = connection.take().expect("polled again only if it waits");
                match Arc::clone(answerer).answer(request, connection) {
                    Answering::Now(answer) => Poll::Ready(answer),
                    Answering::Later(mut answer) => {
                        let polled = answer.as_mut().poll(context);
                        *state = State::Waiting(answer);
                        polled
                    }
                }
            }
        });
        let polled = polled.unwrap_or_else(|panic| Poll::Ready(Ok(answerer.failed(&panic))));
        if observed.is_none() || polled.is_pending() {
            return polled;
        }
        let observed = observed.take().expect("it is there");
        polled.map(|answer| observed.finish(answerer, answer))
    }
}

impl Answerer {
    /// Returns the 500 of a request whose handling panicked.
    fn failed(&self, panic: &Panic) -> Response<Outgoing> {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        self.live.response_counts().count(self.context.worker, Some(status));
        let mut response = Response::new(Outgoing::whole(panic_text(panic).into()));
        *response.status_mut() = status;
        let plain = HeaderValue::from_static("text/plain;charset=UTF-8");
        response.headers_mut().insert(header::CONTENT_TYPE, plain);
        response
    }
}
