//! Panic containment of calls: the call whose answering panics gets a 500, and its connection goes on.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;

use super::{Answer, Answerer, Answering};
use crate::listen::connection::Connection;
use crate::panics::{Panic, Part};
use crate::send::Outgoing;
use standin_stub::reply::panic_text;

/// An answer whose panics become a 500.
pub(crate) struct Contained {
    /// None before it was asked for.
    answering: Option<Answering>,
    /// The worker's answerer, while there is something to poll that may panic.
    answerer: Option<Arc<Answerer>>,
}

/// Answers a request, or says how its connection breaks. A panic costs this call alone.
pub(crate) fn contained(
    answerer: &Arc<Answerer>,
    request: Request<Incoming>,
    connection: Arc<Connection>,
) -> Contained {
    let mut slot = Some(request);
    let mut contained = Contained { answering: None, answerer: None };
    // written in place, as a call is answered here whose answer is at hand
    let place = &mut contained.answering;
    let answer = || *place = Some(Arc::clone(answerer).answer(&mut slot, connection));
    match answerer.panics.catch(Part::Call, answer) {
        Ok(()) => {
            if matches!(contained.answering, Some(Answering::Later(_))) {
                contained.answerer = Some(Arc::clone(answerer));
            }
        }
        Err(panic) => contained.answering = Some(Answering::Now(Some(Ok(answerer.failed(&panic))))),
    }
    contained
}

impl Future for Contained {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        let Self { answering: Some(answering), answerer } = &mut *self else { return Poll::Pending };
        let Some(answerer) = answerer else { return Pin::new(answering).poll(context) };
        answerer
            .panics
            .poll(Part::Call, Pin::new(answering), context)
            .map(|answer| answer.unwrap_or_else(|panic| Ok(answerer.failed(&panic))))
    }
}

impl Answerer {
    /// Returns the 500 of a call whose answering panicked.
    fn failed(&self, panic: &Panic) -> Response<Outgoing> {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        self.live.statuses().count(self.desk.worker, Some(status));
        let mut response = Response::new(Outgoing::whole(panic_text(panic).into()));
        *response.status_mut() = status;
        let plain = HeaderValue::from_static("text/plain;charset=UTF-8");
        response.headers_mut().insert(header::CONTENT_TYPE, plain);
        response
    }
}
