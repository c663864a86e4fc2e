//! Panic containment of calls: the call whose answering panics gets a 500, and its connection goes on.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;

use super::{Answer, Answerer, Answering};
use crate::listen::connection::Connection;
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
    let answer = || Arc::clone(answerer).answer(request, connection);
    match answerer.panics.catch(Part::Call, answer) {
        Ok(answering) => {
            let answerer = matches!(answering, Answering::Later(_)).then(|| Arc::clone(answerer));
            Contained { answering, answerer }
        }
        Err(panic) => Contained { answering: Answering::Now(Some(answerer.failed(&panic))), answerer: None },
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
            .map(|answer| answer.unwrap_or_else(|panic| answerer.failed(&panic)))
    }
}

impl Answerer {
    /// Returns the 500 of a call whose answering panicked.
    fn failed(&self, panic: &Panic) -> Answer {
        self.live.statuses().count(self.desk.worker, Some(StatusCode::INTERNAL_SERVER_ERROR));
        let mut response = Response::new(Outgoing::whole(failed_text(panic).into()));
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        Ok(response)
    }
}
