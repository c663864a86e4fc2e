//! The front of answering: requests that are no proper HTTP get a 400, and calls whose answering panics a 500.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;

use super::{Answer, Answerer, Answering};
use crate::listen::connection::Connection;
use crate::listen::host::host_problem;
use crate::panics::{Panic, Part};
use crate::reply::failed_text;
use crate::send::Outgoing;

/// An answer whose panics become a 500.
pub(crate) struct Contained {
    answering: Answering,
    /// The worker's answerer, while there is something to poll that may panic.
    answerer: Option<Arc<Answerer>>,
}

/// Answers a request, or says how its connection breaks. A panic costs this call alone.
pub(crate) fn contained(
    answerer: &Arc<Answerer>,
    request: Request<Incoming>,
    connection: Arc<Connection>,
) -> Contained {
    if let Some(why) = host_problem(&request) {
        return Contained { answering: Answering::Now(Some(Ok(answerer.refused(why)))), answerer: None };
    }
    let answer = || Arc::clone(answerer).answer(request, connection);
    match answerer.panics.catch(Part::Call, answer) {
        Ok(answering) => {
            let answerer = matches!(answering, Answering::Later(_)).then(|| Arc::clone(answerer));
            Contained { answering, answerer }
        }
        Err(panic) => Contained { answering: Answering::Now(Some(Ok(answerer.failed(&panic)))), answerer: None },
    }
}

impl Future for Contained {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        let Self { answering, answerer } = &mut *self;
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
        self.plain(StatusCode::INTERNAL_SERVER_ERROR, failed_text(panic).into())
    }

    /// Returns the 400 of a request that is no proper HTTP.
    fn refused(&self, why: &'static str) -> Response<Outgoing> {
        self.plain(StatusCode::BAD_REQUEST, Bytes::from_static(why.as_bytes()))
    }

    fn plain(&self, status: StatusCode, text: Bytes) -> Response<Outgoing> {
        self.live.statuses().count(self.desk.worker, Some(status));
        let mut response = Response::new(Outgoing::whole(text));
        *response.status_mut() = status;
        let plain = HeaderValue::from_static("text/plain;charset=UTF-8");
        response.headers_mut().insert(header::CONTENT_TYPE, plain);
        response
    }
}
