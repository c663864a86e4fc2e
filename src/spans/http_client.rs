//! The HTTP client of the exporter: one connection for each batch.

use std::io;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CONNECTION, HOST};
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use opentelemetry_http::{HttpClient, HttpError};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::upstream::{Connector, UpstreamStream};

/// Sends batches to a collector.
#[derive(Debug)]
pub(super) struct CollectorClient {
    pub(super) connector: Connector,
}

#[async_trait]
impl HttpClient for CollectorClient {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (mut head, body) = request.into_parts();
        head.headers.insert(HOST, self.connector.target().host_header());
        head.headers.insert(CONNECTION, HeaderValue::from_static("close"));
        head.uri = head.uri.path_and_query().cloned().map(Uri::from).unwrap_or_default();
        let request = Request::from_parts(head, Full::new(body));
        let exchange = async {
            let failed = |detail: String| io::Error::other(detail);
            match self.connector.connect().await.map_err(|failure| failed(failure.detail))?.0 {
                UpstreamStream::Plain(stream) => exchange(stream, request).await,
                UpstreamStream::Tls(stream) => exchange(*stream, request).await,
            }
        };
        tokio::time::timeout(TIMEOUT, exchange)
            .await
            .unwrap_or_else(|_| Err(format!("no response within {} s", TIMEOUT.as_secs()).into()))
    }
}

async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, HttpError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let (head, body) = sender.send_request(request).await?.into_parts();
    let body = Limited::new(body, MAX_RESPONSE_BYTES).collect().await?.to_bytes();
    connection.abort();
    Ok(Response::from_parts(head, body))
}

/// Time for a batch, from the name of the host to the last byte of the response.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Maximum length of a response.
const MAX_RESPONSE_BYTES: usize = 64 << 10;
