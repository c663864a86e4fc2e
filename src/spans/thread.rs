//! The thread that exports spans.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use tokio::runtime::Builder;
use tokio::sync::{mpsc, watch};

use super::SpanCounts;
use super::http_client::CollectorClient;
use crate::panics::{Panics, Part};
use crate::upstream::{Connector, TargetUrl, TrustAnchors};
use standin_stub::call::Scheme;

/// The thread that exports spans in batches.
#[derive(Debug)]
pub struct SpanThread {
    spans: mpsc::Receiver<SpanData>,
    counts: Arc<SpanCounts>,
    exporter: SpanExporter,
    /// URL to which spans are sent.
    url: String,
    /// True while the last batch has failed.
    has_failed: bool,
}

impl SpanThread {
    pub(super) fn new(
        spans: mpsc::Receiver<SpanData>,
        counts: Arc<SpanCounts>,
        endpoint: &TargetUrl,
    ) -> Result<Self, String> {
        let connector = Connector::new(endpoint.clone(), &TrustAnchors::System)?;
        let scheme = if endpoint.scheme == Scheme::Https { "https" } else { "http" };
        let url = format!("{scheme}://{}{}/v1/traces", endpoint.authority, endpoint.path_prefix);
        let mut exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(CollectorClient { connector })
            .with_endpoint(&url)
            .with_protocol(Protocol::HttpBinary)
            .build()
            .map_err(|error| format!("spans cannot be exported to {url}: {error}"))?;
        exporter.set_resource(&resource());
        Ok(Self { spans, counts, exporter, url, has_failed: false })
    }

    /// Exports spans until `quit`, and then those that wait.
    pub fn keep_running(mut self, panics: &Panics, mut quit: watch::Receiver<bool>) {
        panics.keep_running(Part::Spans, || {
            let runtime = Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("a runtime needs no more than file descriptors");
            runtime.block_on(self.run(&mut quit));
            // name look-ups that hang must not hold up the end
            runtime.shutdown_background();
        });
    }

    async fn run(&mut self, quit: &mut watch::Receiver<bool>) {
        let mut batch = Vec::with_capacity(MAX_BATCH);
        loop {
            let collected = async {
                while batch.len() < MAX_BATCH {
                    let Some(span) = self.spans.recv().await else { return };
                    batch.push(span);
                }
            };
            let is_ending = tokio::select! {
                _ = tokio::time::timeout(INTERVAL, collected) => false,
                _ = quit.wait_for(|quit| *quit) => true,
            };
            if is_ending {
                break;
            }
            if !batch.is_empty() {
                self.export(std::mem::take(&mut batch)).await;
            }
        }
        while let Ok(span) = self.spans.try_recv() {
            batch.push(span);
        }
        if !batch.is_empty() {
            let waiting = batch.len() as u64;
            if tokio::time::timeout(LAST_EXPORT, self.export(batch)).await.is_err() {
                self.counts.failed.fetch_add(waiting, Relaxed);
            }
        }
    }

    async fn export(&mut self, batch: Vec<SpanData>) {
        let count = batch.len() as u64;
        match self.exporter.export(batch).await {
            Ok(()) => {
                self.counts.exported.fetch_add(count, Relaxed);
                self.has_failed = false;
            }
            Err(error) => {
                self.counts.failed.fetch_add(count, Relaxed);
                // the first of a series
                if !std::mem::replace(&mut self.has_failed, true) {
                    tracing::warn!(url = %self.url, %error, "spans cannot be exported");
                }
            }
        }
    }
}

/// Returns the attributes of this process. `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` add
/// to them.
fn resource() -> Resource {
    let builder = Resource::builder();
    let is_named = std::env::var_os("OTEL_SERVICE_NAME").is_some_and(|name| !name.is_empty());
    if is_named { builder.build() } else { builder.with_service_name("standin").build() }
}

/// Maximum number of spans in a batch.
const MAX_BATCH: usize = 512;

/// Maximum time that a span waits for others of its batch.
const INTERVAL: Duration = Duration::from_millis(500);

/// Time for the last batch when the server ends.
const LAST_EXPORT: Duration = Duration::from_secs(2);
