//! `/__admin/metrics`: counters and gauges in Prometheus's text format, of all listeners together.
//!
//! Times are in seconds. Counters are exact and never evicted. A stub has series of its own as long as there are few of
//! them: the first stubs that answer get them, all others share one.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use axum::extract::Extension;
use http::StatusCode;

use super::{AdminResponse, ControlPlane, logged, text};
use crate::audit::AuditSnapshot;
use crate::listen::connection::TimedOut;
use crate::live::{RequestCounts, ServiceState};
use crate::pacing::{ServiceView, StationView};
use crate::panics::Part;
use crate::stdio;
use standin_stub::matcher::MatchLimit;
use standin_stub::memory::MemoryBudget;

pub(super) async fn show(Extension(control): Extension<Arc<ControlPlane>>) -> AdminResponse {
    let mut page = Page::default();
    calls(&mut page, &control.lives);
    stubs(&mut page, &control.lives);
    limits(&mut page, &control);
    journal(&mut page, &control.lives);
    stations(&mut page, &control.lives);
    timelines(&mut page, &control.lives);
    reloads(&mut page, &control);
    tape(&mut page, &control);
    connections(&mut page, &control);
    panics(&mut page, &control);
    memory(&mut page, &control.vitals.memory);
    page.text.push_str(&AuditSnapshot::of(&control.vitals.audits).prometheus());
    text(StatusCode::OK, page.text)
}

fn calls(page: &mut Page, lives: &[Arc<ServiceState>]) {
    let metric = page.metric("calls_total", "counter", "Calls, by whether a stub matched.");
    metric.value(&[("matched", "true")], total(lives, |counts| &counts.matched));
    metric.value(&[("matched", "false")], total(lives, |counts| &counts.missed));
    let metric =
        page.metric("responses_total", "counter", "Answers, by status; `fault` where the connection was broken.");
    let mut statuses = vec![0; 1000];
    for live in lives {
        live.statuses().add_to(&mut statuses);
    }
    for (status, count) in statuses.into_iter().enumerate().filter(|(_, count)| *count > 0) {
        let status = if status == 0 { "fault".to_owned() } else { status.to_string() };
        metric.value(&[("status", &status)], count);
    }
}

fn stubs(page: &mut Page, lives: &[Arc<ServiceState>]) {
    let metric = page.metric("stubs", "gauge", "Stubs in force.");
    metric.value(&[], lives.iter().map(|live| live.catalog().len() as u64).sum());
    let metric =
        page.metric("stub_calls_total", "counter", "Calls that a stub answered; those of `other` stubs together.");
    let mut others = 0;
    for live in lives {
        for stub in live.catalog().stubs() {
            match stub.hits.total() {
                0 => {}
                hits if stub.hits.has_series() => {
                    let name = stub.name.clone().unwrap_or_default();
                    metric.value(&[("id", &stub.id.to_string()), ("name", &name)], hits);
                }
                hits => others += hits,
            }
        }
    }
    metric.value(&[("id", "other"), ("name", "")], others);
}

fn limits(page: &mut Page, control: &ControlPlane) {
    let lives = &control.lives;
    let metric = page.metric("limited_total", "counter", "Calls and connections that met a limit.");
    metric.value(&[("limit", "body")], total(lives, |counts| &counts.body_too_large));
    metric.value(&[("limit", "head")], total(lives, |counts| &counts.head_too_large));
    metric.value(&[("limit", "connections")], control.vitals.connections.refused());
    metric.value(&[("limit", "log")], stdio::dropped());
    metric.value(&[("limit", "memory")], control.vitals.memory.refused());
    metric.value(&[("limit", "near_misses")], total(lives, |counts| &counts.near_misses_skipped));
    let connections = &control.vitals.connections;
    metric.value(&[("limit", "idle_timeout")], connections.timed_out(TimedOut::Idle));
    let late = total(lives, |counts| &counts.read_timeout) + connections.timed_out(TimedOut::Head);
    metric.value(&[("limit", "read_timeout")], late);
    for limit in MatchLimit::ALL {
        metric.value(&[("limit", limit.name())], total(lives, |counts| &counts.limit_hits[limit as usize]));
    }
}

/// The tape that is being written; nothing where none is.
fn tape(page: &mut Page, control: &ControlPlane) {
    let Some(written) = control.recorder.as_ref().and_then(|recorder| recorder.taped()) else { return };
    page.metric("tape_calls_total", "counter", "Recorded calls that the system has.").value(&[], written.exchanges);
    page.metric("tape_dropped_total", "counter", "Calls that are not on the tape: the disk was full or too slow.")
        .value(&[], written.dropped);
    page.metric("tape_behind_ms", "gauge", "Age of the oldest recorded call that the system does not have yet.")
        .value(&[], written.behind.as_millis() as u64);
    page.metric("tape_stopped", "gauge", "1 while the disk takes nothing.")
        .value(&[], u64::from(written.broke.is_some()));
}

fn journal(page: &mut Page, lives: &[Arc<ServiceState>]) {
    let usage = || lives.iter().map(|live| live.journal().usage());
    page.metric("journal_bytes", "gauge", "Bytes that the journal holds.")
        .value(&[], usage().map(|(bytes, _)| bytes as u64).sum());
    page.metric("journal_evicted_calls", "gauge", "Calls that left the journal since its last reset.")
        .value(&[], usage().map(|(_, evicted)| evicted).sum());
}

fn stations(page: &mut Page, lives: &[Arc<ServiceState>]) {
    let services: Vec<_> = lives.iter().flat_map(|live| live.pacing().services()).collect();
    let mut metric = |name, kind, help, value: &dyn Fn(&ServiceView) -> u64| {
        let metric = page.metric(name, kind, help);
        for service in &services {
            metric.value(&[("service", &service.name)], value(service));
        }
    };
    metric("station_in_flight", "gauge", "Calls in the station of a service.", &|view| view.main.in_flight as u64);
    metric("station_waiting", "gauge", "Of these, waiting for a worker.", &|view| view.main.waiting as u64);
    metric("station_calls_total", "counter", "Calls that went through it.", &|view| view.paced);
    metric("station_unpaced_total", "counter", "Calls of the service that no operation takes.", &|view| view.unpaced);
    metric("station_overflow_total", "counter", "Calls that found its queue full.", &|view| view.main.overflowed);
    metric("station_limited_total", "counter", "Calls that came faster than its rate limit.", &|view| view.limited);
    metric("station_abandoned_total", "counter", "Calls that were given up, as their clients went away.", &|view| {
        view.abandoned
    });
    metric("station_beyond_valid_total", "counter", "Calls beyond the range in which it was observed.", &|view| {
        view.beyond
    });
    let mut metric = |name, kind, help, value: &dyn Fn(&StationView) -> u64| {
        let metric = page.metric(name, kind, help);
        for (service, front) in services.iter().filter_map(|service| Some((service, service.front.as_ref()?))) {
            metric.value(&[("service", &service.name)], value(front));
        }
    };
    metric("front_in_flight", "gauge", "Calls in the front of a service.", &|front| front.in_flight as u64);
    metric("front_waiting", "gauge", "Of these, waiting for a worker.", &|front| front.waiting as u64);
    metric("front_overflow_total", "counter", "Calls that found its queue full.", &|front| front.overflowed);
}

fn timelines(page: &mut Page, lives: &[Arc<ServiceState>]) {
    let views: Vec<_> = lives
        .iter()
        .flat_map(|live| {
            let name = |folder: usize| live.services()[folder].name.clone();
            live.pacing().timelines().into_iter().map(move |view| (name(view.folder), view))
        })
        .collect();
    let metric = page.metric("timeline_step", "gauge", "The step of a timeline in force, from 0.");
    for (folder, view) in &views {
        metric.value(&[("folder", folder), ("profile", &view.profile)], view.step as u64);
    }
}

fn reloads(page: &mut Page, control: &ControlPlane) {
    let status = control.reload.status();
    let metric =
        page.metric("reloads_total", "counter", "Times that changed stub files were read, by whether they were good.");
    metric.value(&[("result", "ok")], status.successes);
    metric.value(&[("result", "failed")], status.failures);
    page.metric("reload_last_success_timestamp_seconds", "gauge", "When the stub files in force were read.")
        .value(&[], logged::millis(status.loaded_at) / 1000);
    page.metric("reload_failed", "gauge", "1 while the stub files on disk are worse than what is served.")
        .value(&[], status.has_failed.into());
}

fn connections(page: &mut Page, control: &ControlPlane) {
    let metric = page.metric("connections_open", "gauge", "Open connections, by worker.");
    for (worker, open) in control.vitals.connections.open().iter().enumerate() {
        metric.value(&[("worker", &worker.to_string())], *open as u64);
    }
    page.metric("connections_total", "counter", "Connections accepted.")
        .value(&[], control.vitals.connections.accepted());
    page.metric("uptime_seconds", "gauge", "Since the start.").value(&[], control.started.elapsed().as_secs());
}

fn panics(page: &mut Page, control: &ControlPlane) {
    let metric =
        page.metric("panics_total", "counter", "Panics that were contained, by the part that they interrupted.");
    for part in Part::ALL {
        metric.value(&[("part", part.name())], control.panics.count(part));
    }
}

fn memory(page: &mut Page, budget: &MemoryBudget) {
    page.metric("memory_held_bytes", "gauge", "Bytes of bodies that are being read, decoded or sent.")
        .value(&[], budget.held() as u64);
    page.metric("memory_limit_bytes", "gauge", "Bytes that these may take, all together: --max-memory.")
        .value(&[], budget.limit() as u64);
}

fn total(lives: &[Arc<ServiceState>], count: impl Fn(&RequestCounts) -> &AtomicU64) -> u64 {
    lives.iter().map(|live| count(live.counts()).load(Relaxed)).sum()
}

/// The page, metric by metric.
#[derive(Debug, Default)]
struct Page {
    text: String,
    name: &'static str,
}

impl Page {
    fn metric(&mut self, name: &'static str, kind: &str, help: &str) -> &mut Self {
        let _ = writeln!(self.text, "# HELP standin_{name} {help}\n# TYPE standin_{name} {kind}");
        self.name = name;
        self
    }

    fn value(&mut self, labels: &[(&str, &str)], value: u64) {
        let written: Vec<String> =
            labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        let labels = if written.is_empty() { String::new() } else { format!("{{{}}}", written.join(",")) };
        let _ = writeln!(self.text, "standin_{}{labels} {value}", self.name);
    }
}

/// A label's value, as the format wants it.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped() {
        let mut page = Page::default();
        page.metric("x", "gauge", "X.").value(&[("name", "a\"b\\c\nd")], 1);
        assert_eq!(page.text, "# HELP standin_x X.\n# TYPE standin_x gauge\nstandin_x{name=\"a\\\"b\\\\c\\nd\"} 1\n");
    }
}
