//! The floor: hyper alone, a runtime per core, sockets shared by SO_REUSEPORT, no matching.
//!
//! It sends the very bytes that standin sends for the stubs of these benches (the value of
//! `Matched-Stub-Id` aside, whose length is the same), so that a ratio shows what finding, pacing
//! and auditing cost and nothing else. The one thing that it reads of a path is
//! `/after/MICROSECONDS`: it waits that long by tokio's sleep.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use socket2::{Domain, Protocol, Socket, Type};

/// What every reply of the benches carries: 200 bytes of JSON.
pub const BODY: &str = concat!(
    r#"{"item":"a reply of two hundred bytes","state":"in stock","warehouse":"north","quantity":4,"price":9.90,"#,
    r#""currency":"EUR","tags":["one","two","three"],"note":"the same for every stub of these benches"}"#
);

/// Serves until the process is killed.
pub fn serve(address: SocketAddr) -> io::Result<()> {
    on_all_cores(address, work)
}

/// Works on a listener in each core, and prints the line that standin prints when it is bound.
pub fn on_all_cores(
    address: SocketAddr,
    work: impl Fn(StdListener) -> io::Result<()> + Clone + Send + 'static,
) -> io::Result<()> {
    let first = bind(address)?;
    let address = first.local_addr()?;
    let cores = thread::available_parallelism()?.get();
    let mut listeners = vec![first];
    for _ in 1..cores {
        listeners.push(bind(address)?);
    }
    let workers: Vec<_> = listeners
        .into_iter()
        .map(|listener| {
            let work = work.clone();
            thread::spawn(move || work(listener))
        })
        .collect();
    announce(address, "bare hyper");
    for worker in workers {
        worker.join().map_err(|_| io::Error::other("a worker of the floor panicked"))??;
    }
    Ok(())
}

/// Prints the line that says where a floor listens.
#[allow(clippy::print_stdout, reason = "the ready line is the interface")]
pub fn announce(address: SocketAddr, what: &str) {
    println!("floor: listening on http://{address} ({what})");
}

fn bind(address: SocketAddr) -> io::Result<StdListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.bind(&address.into())?;
    socket.listen(4096)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn work(listener: StdListener) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(async move {
                // a client that breaks off is no news for a floor
                let _ = http1::Builder::new()
                    .auto_date_header(false)
                    .serve_connection(TokioIo::new(stream), service_fn(answer))
                    .await;
            });
        }
    })
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    if let Some(delay) = request.uri().path().strip_prefix("/after/") {
        tokio::time::sleep(Duration::from_micros(delay.parse().unwrap_or(0))).await;
    }
    if request.method() == Method::POST {
        // standin reads it too, so the floor may not leave it in the socket
        let _ = request.into_body().collect().await;
    }
    let mut response = Response::new(Full::new(Bytes::from_static(BODY.as_bytes())));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(
        HeaderName::from_static("matched-stub-id"),
        HeaderValue::from_static("00000000-0000-4000-8000-000000000000"),
    );
    Ok(response)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_body_has_the_length_that_the_rows_speak_of() {
        assert_eq!(super::BODY.len(), 200);
    }
}
