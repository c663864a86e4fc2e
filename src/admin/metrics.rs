//! `/__admin/metrics`: the metrics of all listeners in Prometheus's text format.
//!
//! Times are in seconds. Counters are exact. The first 200 stubs that answer get series of their
//! own; all others share one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use axum::extract::Extension;
use http::StatusCode;

use super::{AdminResponse, ControlPlane, request_json, text};
use crate::audit::AuditSnapshot;
use crate::listen::connection::TimedOut;
use crate::live::messaging::ChannelCounts;
use crate::live::{RequestCounts, ServiceState, StreamCounts, StreamEnd};
use crate::pacing::{BUCKET_BOUNDS, OperationView, ServiceView, StationView, TimeHistogram};
use crate::panics::Part;
use crate::prometheus_text::MetricKind::{Counter, Gauge, Histogram};
use crate::prometheus_text::PrometheusText;
use crate::request_log::RequestLog;
use crate::spans::SpanCounts;
use crate::stdio;
use crate::webhooks::WebhookCounts;
use standin_stub::matcher::MatchLimit;
use standin_stub::memory::MemoryBudget;

pub(super) async fn show(Extension(control): Extension<Arc<ControlPlane>>) -> AdminResponse {
    let mut page = PrometheusText::default();
    calls(&mut page, &control.services);
    streams(&mut page, &control.services);
    channels(&mut page, &control.services);
    stubs(&mut page, &control.services);
    limits(&mut page, &control);
    journal(&mut page, &control.services);
    stations(&mut page, &control.services);
    operations(&mut page, &control.services);
    timelines(&mut page, &control.services);
    reloads(&mut page, &control);
    tape(&mut page, &control);
    connections(&mut page, &control);
    panics(&mut page, &control);
    memory(&mut page, &control.stats.memory);
    webhooks(&mut page, &control.stats.webhooks);
    if let Some(counts) = &control.stats.spans {
        spans(&mut page, counts);
    }
    AuditSnapshot::of(&control.stats.audits).write_prometheus(&mut page);
    text(StatusCode::OK, page.into_text())
}

fn calls(page: &mut PrometheusText, services: &[Arc<ServiceState>]) {
    let mut metric = page.metric("calls_total", Counter, "Calls, by whether a stub matched.");
    metric.sample(&[("matched", "true")], total(services, |counts| &counts.matched));
    metric.sample(&[("matched", "false")], total(services, |counts| &counts.unmatched));
    let mut metric =
        page.metric("responses_total", Counter, "Answers, by status; `fault` where the connection was broken.");
    let mut statuses = vec![0; 1000];
    for service in services {
        service.response_counts().add_to(&mut statuses);
    }
    for (status, count) in statuses.into_iter().enumerate().filter(|(_, count)| *count > 0) {
        let status = if status == 0 { "fault".to_owned() } else { status.to_string() };
        metric.sample(&[("status", &status)], count);
    }
}

fn streams(page: &mut PrometheusText, services: &[Arc<ServiceState>]) {
    let counts = || services.iter().map(|live| &live.counts().streams);
    page.metric("streams_open", Gauge, "Streams that are being sent.")
        .sample(&[], counts().map(StreamCounts::open).sum::<u64>());
    page.metric("stream_chunks_total", Counter, "Chunks of streams that were sent.")
        .sample(&[], counts().map(|counts| counts.chunks.load(Relaxed)).sum::<u64>());
    let mut metric = page.metric("streams_total", Counter, "Streams that have ended, by the way in which they did.");
    for end in StreamEnd::ALL {
        metric.sample(&[("end", end.name())], counts().map(|counts| counts.ended(end)).sum::<u64>());
    }
}

fn channels(page: &mut PrometheusText, services: &[Arc<ServiceState>]) {
    let counts = || services.iter().map(|live| live.messaging().counts());
    let sum = |count: fn(&ChannelCounts) -> &AtomicU64| counts().map(|counts| count(counts).load(Relaxed)).sum::<u64>();
    page.metric("channels_open", Gauge, "Open WebSocket channels.")
        .sample(&[], services.iter().map(|live| live.messaging().open() as u64).sum::<u64>());
    page.metric("channels_total", Counter, "WebSocket channels that were opened.")
        .sample(&[], sum(|counts| &counts.opened));
    let mut metric = page.metric("messages_total", Counter, "Messages on channels, by direction.");
    metric.sample(&[("direction", "received")], sum(|counts| &counts.received));
    metric.sample(&[("direction", "sent")], sum(|counts| &counts.sent));
    let mut metric = page.metric("channels_limited_total", Counter, "Channels that were closed by a limit.");
    metric.sample(&[("limit", "queue")], sum(|counts| &counts.slow));
    metric.sample(&[("limit", "message")], sum(|counts| &counts.too_long));
    metric.sample(&[("limit", "idle")], sum(|counts| &counts.idle));
}

fn webhooks(page: &mut PrometheusText, counts: &WebhookCounts) {
    let mut metric = page.metric(
        "webhooks_total",
        Counter,
        "Webhooks: sent, failed, refused by the rules for targets or as a circle, dropped as too many waited.",
    );
    let results = [
        ("sent", &counts.sent),
        ("failed", &counts.failed),
        ("refused", &counts.refused),
        ("dropped", &counts.dropped),
    ];
    for (result, count) in results {
        metric.sample(&[("result", result)], count.load(Relaxed));
    }
    let mut metric = page.metric("webhooks_waiting", Gauge, "Webhooks that wait for their delay or for others.");
    metric.sample(&[], counts.waiting.load(Relaxed));
}

fn spans(page: &mut PrometheusText, counts: &SpanCounts) {
    let mut metric =
        page.metric("spans_total", Counter, "Spans: exported, failed to export, dropped as too many waited.");
    for (result, count) in [("exported", &counts.exported), ("failed", &counts.failed), ("dropped", &counts.dropped)] {
        metric.sample(&[("result", result)], count.load(Relaxed));
    }
}

fn stubs(page: &mut PrometheusText, services: &[Arc<ServiceState>]) {
    let mut metric = page.metric("stubs", Gauge, "Stubs in force.");
    metric.sample(&[], services.iter().map(|live| live.catalog().len() as u64).sum::<u64>());
    let mut metric =
        page.metric("stub_calls_total", Counter, "Calls that a stub answered; those of `other` stubs together.");
    let mut others = 0;
    for service in services {
        for stub in service.catalog().stubs() {
            match stub.hits.total() {
                0 => {}
                hits if stub.hits.has_series() => {
                    let name = stub.name.clone().unwrap_or_default();
                    metric.sample(&[("id", &stub.id.to_string()), ("name", &name)], hits);
                }
                hits => others += hits,
            }
        }
    }
    metric.sample(&[("id", "other"), ("name", "")], others);
}

fn limits(page: &mut PrometheusText, control: &ControlPlane) {
    let services = &control.services;
    let mut metric = page.metric("limited_total", Counter, "Calls and connections that met a limit.");
    metric.sample(&[("limit", "body")], total(services, |counts| &counts.body_too_large));
    metric.sample(&[("limit", "head")], total(services, |counts| &counts.head_too_large));
    metric.sample(&[("limit", "connections")], control.stats.connections.refused());
    metric.sample(&[("limit", "admin_connections")], control.stats.admin_connections.refused());
    metric.sample(&[("limit", "log")], stdio::dropped());
    let request_log = control.stats.request_log.as_ref();
    metric.sample(&[("limit", "request_log")], request_log.map_or(0, RequestLog::dropped_in_total));
    metric.sample(&[("limit", "journal")], services.iter().map(|live| live.journal().left_out()).sum::<u64>());
    metric.sample(&[("limit", "memory")], control.stats.memory.refused());
    metric.sample(&[("limit", "near_misses")], total(services, |counts| &counts.near_misses_skipped));
    let connections = &control.stats.connections;
    metric.sample(&[("limit", "idle_timeout")], connections.timed_out(TimedOut::Idle));
    let late = total(services, |counts| &counts.read_timeout) + connections.timed_out(TimedOut::Head);
    metric.sample(&[("limit", "read_timeout")], late);
    for limit in MatchLimit::ALL {
        metric.sample(&[("limit", limit.name())], total(services, |counts| &counts.limit_hits[limit as usize]));
    }
}

/// Writes the metrics of the tape, if one is written.
fn tape(page: &mut PrometheusText, control: &ControlPlane) {
    let Some(written) = control.recorder.as_ref().and_then(|recorder| recorder.tape_progress()) else { return };
    page.metric("tape_calls_total", Counter, "Recorded calls that the system has.").sample(&[], written.exchanges);
    page.metric("tape_dropped_total", Counter, "Calls that are not on the tape: the disk was full or too slow.")
        .sample(&[], written.dropped);
    page.metric("tape_behind_ms", Gauge, "Age of the oldest recorded call that the system does not have yet.")
        .sample(&[], written.lag.as_millis() as u64);
    page.metric("tape_stopped", Gauge, "1 while the disk takes nothing.")
        .sample(&[], u64::from(written.write_error.is_some()));
}

fn journal(page: &mut PrometheusText, services: &[Arc<ServiceState>]) {
    let usage = || services.iter().map(|live| live.journal().usage());
    page.metric("journal_bytes", Gauge, "Bytes that the journal holds.")
        .sample(&[], usage().map(|(bytes, _)| bytes as u64).sum::<u64>());
    page.metric("journal_evicted_calls", Gauge, "Calls that left the journal since its last reset.")
        .sample(&[], usage().map(|(_, evicted)| evicted).sum::<u64>());
}

fn stations(page: &mut PrometheusText, services: &[Arc<ServiceState>]) {
    let services: Vec<_> = services.iter().flat_map(|live| live.pacing().services()).collect();
    let mut metric = |name, kind, help, value: &dyn Fn(&ServiceView) -> u64| {
        let mut metric = page.metric(name, kind, help);
        for service in &services {
            metric.sample(&[("service", &service.name)], value(service));
        }
    };
    metric("station_in_flight", Gauge, "Calls in the station of a service.", &|view| view.main.in_flight as u64);
    metric("station_waiting", Gauge, "Of these, waiting for a worker.", &|view| view.main.waiting as u64);
    metric("station_calls_total", Counter, "Calls that went through it.", &|view| view.paced);
    metric("station_unpaced_total", Counter, "Calls of the service that no operation takes.", &|view| view.unpaced);
    metric("station_overflow_total", Counter, "Calls that found its queue full.", &|view| view.main.overflowed);
    metric("station_limited_total", Counter, "Calls that came faster than its rate limit.", &|view| view.limited);
    metric("station_abandoned_total", Counter, "Calls that were given up, as their clients went away.", &|view| {
        view.abandoned
    });
    metric("station_beyond_valid_total", Counter, "Calls beyond the range in which it was observed.", &|view| {
        view.beyond
    });
    let mut metric = |name, kind, help, value: &dyn Fn(&StationView) -> u64| {
        let mut metric = page.metric(name, kind, help);
        for (service, front) in services.iter().filter_map(|service| Some((service, service.front.as_ref()?))) {
            metric.sample(&[("service", &service.name)], value(front));
        }
    };
    metric("front_in_flight", Gauge, "Calls in the front of a service.", &|front| front.in_flight as u64);
    metric("front_waiting", Gauge, "Of these, waiting for a worker.", &|front| front.waiting as u64);
    metric("front_overflow_total", Counter, "Calls that found its queue full.", &|front| front.overflowed);
}

/// Writes the times of operations, and the profile that they follow.
fn operations(page: &mut PrometheusText, services: &[Arc<ServiceState>]) {
    let mut metric = page.metric("profile_info", Gauge, "1, with the name of the profile in force.");
    let mut names: Vec<String> =
        services.iter().filter_map(|live| live.pacing().active()).map(|active| active.name.clone()).collect();
    names.sort();
    names.dedup();
    for name in &names {
        metric.sample(&[("profile", name)], 1);
    }
    let views: Vec<OperationView> = services.iter().flat_map(|live| live.pacing().operations()).collect();
    let mut metric = |name, help, times: &dyn Fn(&OperationView) -> &TimeHistogram| {
        let mut metric = page.metric(name, Histogram, help);
        for view in &views {
            let labels = [("service", &*view.service), ("operation", &*view.operation)];
            let times = times(view);
            let up_to = BUCKET_BOUNDS.iter().map(Duration::as_secs_f64).zip(times.up_to);
            metric.histogram(&labels, up_to, times.sum.as_secs_f64(), times.count);
        }
    };
    let help = "Times that calls of an operation were meant to take.";
    metric("operation_intended_seconds", help, &|view| &view.intended);
    let help = "Times that they took, to the first byte of the response.";
    metric("operation_actual_seconds", help, &|view| &view.actual);
}

fn timelines(page: &mut PrometheusText, services: &[Arc<ServiceState>]) {
    let views: Vec<_> = services
        .iter()
        .flat_map(|live| {
            let name = |folder: usize| live.folders()[folder].name.clone();
            live.pacing().timelines().into_iter().map(move |view| (name(view.folder), view))
        })
        .collect();
    let mut metric = page.metric("timeline_step", Gauge, "The step of a timeline in force, from 0.");
    for (folder, view) in &views {
        metric.sample(&[("folder", folder), ("profile", &view.profile)], view.step as u64);
    }
}

fn reloads(page: &mut PrometheusText, control: &ControlPlane) {
    let status = control.reload.status();
    let mut metric =
        page.metric("reloads_total", Counter, "Times that changed stub files were read, by whether they were good.");
    metric.sample(&[("result", "ok")], status.successes);
    metric.sample(&[("result", "failed")], status.failures);
    page.metric("reload_last_success_timestamp_seconds", Gauge, "When the stub files in force were read.")
        .sample(&[], request_json::unix_millis(status.loaded_at) / 1000);
    page.metric("reload_failed", Gauge, "1 while the stub files on disk are worse than what is served.")
        .sample(&[], u64::from(status.has_failed));
}

fn connections(page: &mut PrometheusText, control: &ControlPlane) {
    let mut metric = page.metric("connections_open", Gauge, "Open connections, by worker.");
    for (worker, open) in control.stats.connections.open().iter().enumerate() {
        metric.sample(&[("worker", &worker.to_string())], *open as u64);
    }
    page.metric("connections_total", Counter, "Connections accepted.")
        .sample(&[], control.stats.connections.accepted());
    page.metric("uptime_seconds", Gauge, "Since the start.").sample(&[], control.started.elapsed().as_secs());
}

fn panics(page: &mut PrometheusText, control: &ControlPlane) {
    let mut metric =
        page.metric("panics_total", Counter, "Panics that were contained, by the part that they interrupted.");
    for part in Part::ALL {
        metric.sample(&[("part", part.name())], control.panics.count(part));
    }
}

fn memory(page: &mut PrometheusText, budget: &MemoryBudget) {
    page.metric("memory_held_bytes", Gauge, "Bytes of bodies that are being read, decoded or sent.")
        .sample(&[], budget.held() as u64);
    page.metric("memory_limit_bytes", Gauge, "Bytes that these may take, all together: --max-memory.")
        .sample(&[], budget.limit() as u64);
}

fn total(services: &[Arc<ServiceState>], count: impl Fn(&RequestCounts) -> &AtomicU64) -> u64 {
    services.iter().map(|live| count(live.counts()).load(Relaxed)).sum()
}
