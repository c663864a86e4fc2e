//! The state of a running server as the dashboard shows it.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::SystemTime;

use serde_json::{Map, Value, json};

use crate::admin::request_json::unix_millis;
use crate::admin::{ControlPlane, profile, recordings};
use crate::audit::{AnswerTimes, AuditSnapshot};
use crate::live::ServiceState;

/// Returns the counters, distributions, stations and flags of now. `recent` are the answer times of
/// the last seconds.
pub(super) fn json(control: &ControlPlane, live: &Arc<ServiceState>, recent: &AnswerTimes) -> Value {
    let counts = live.counts();
    let audit = AuditSnapshot::of(&control.stats.audits);
    let reload = control.reload.status();
    let (journal_bytes, evicted) = live.journal().usage();
    json!({
        "at": unix_millis(SystemTime::now()),
        "uptimeSeconds": control.started.elapsed().as_secs(),
        "answered": counts.matched.load(Relaxed),
        "missed": counts.unmatched.load(Relaxed),
        "statuses": statuses(live),
        "answerTimes": answer_times(recent),
        "audit": {
            "lateness": audit.lateness,
            "windows": audit.windows,
            "flagged": audit.flagged.count,
            "lastFlagged": audit.flagged.last,
            "workers": audit.workers,
        },
        "pacing": profile::json(live),
        "stubs": live.catalog().len(),
        "journal": {"bytes": journal_bytes, "evicted": evicted, "isOn": live.journal().is_on()},
        "reload": {
            "generation": reload.generation,
            "hasFailed": reload.has_failed,
            "leftOut": reload.left_out,
        },
        "recording": recordings::status_name(control, live),
    })
}

/// Returns the number of answers by status; `fault` where a stub broke the connection.
fn statuses(live: &ServiceState) -> Value {
    let mut counts = vec![0; 1000];
    live.response_counts().add_to(&mut counts);
    let sent = counts.into_iter().enumerate().filter(|(_, count)| *count > 0);
    let named = sent.map(|(status, count)| {
        let name = if status == 0 { "fault".to_owned() } else { status.to_string() };
        (name, Value::from(count))
    });
    Value::Object(named.collect::<Map<_, _>>())
}

fn answer_times(times: &AnswerTimes) -> Value {
    let buckets = times.buckets();
    let buckets = buckets.iter().map(|bucket| json!([bucket.index, bucket.intended, bucket.actual]));
    json!({"intended": times.intended(), "actual": times.actual(), "buckets": buckets.collect::<Vec<_>>()})
}
