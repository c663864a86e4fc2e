//! The floor of a recorder: hyper in front of hyper, a runtime per core, a connection to the
//! service for each of a client's.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::client::conn::http1 as client;
use hyper::header::{CONNECTION, HOST, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use super::server_hyper;

/// Passes calls on to `service` until the process is killed.
pub fn serve(address: SocketAddr, service: SocketAddr) -> io::Result<()> {
    server_hyper::on_all_cores(address, move |listener| work(listener, service))
}

fn work(listener: StdListener, service: SocketAddr) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(async move {
                // a client that breaks off is no news for a floor
                let _ = pass(stream, service).await;
            });
        }
    })
}

async fn pass(stream: TcpStream, service: SocketAddr) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let upstream = TcpStream::connect(service).await?;
    upstream.set_nodelay(true)?;
    let (sender, connection) = client::handshake(TokioIo::new(upstream)).await?;
    tokio::spawn(connection);
    let host = HeaderValue::from_str(&service.to_string())?;
    // one call at a time, as HTTP/1.1 has it: the lock is always free
    let sender = Arc::new(Mutex::new(sender));
    let answer = service_fn(move |mut request: Request<Incoming>| {
        let (sender, host) = (Arc::clone(&sender), host.clone());
        async move {
            request.headers_mut().remove(CONNECTION);
            request.headers_mut().insert(HOST, host);
            let mut sender = sender.lock().await;
            sender.ready().await?;
            let response: Response<Incoming> = sender.send_request(request).await?;
            Ok::<_, hyper::Error>(response)
        }
    });
    http1::Builder::new().auto_date_header(false).serve_connection(TokioIo::new(stream), answer).await?;
    Ok(())
}
