//! Active timelines: their steps are installed one after the other.
//!
//! Nothing here waits: the control plane calls again at the time that it is given.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{ActiveProfile, ActiveSet, Pacing};
use standin_model::profile::ScaleFactors;

/// State of a timeline, for metrics and the admin API.
#[derive(Clone, Debug)]
pub struct TimelineView {
    /// Index of its stub folder.
    pub folder: usize,
    /// 0-based index of the active step.
    pub step: usize,
    /// Number of steps of the timeline.
    pub steps: usize,
    /// Begin of the step, in the timeline's own time.
    pub at: Duration,
    /// Profile that is served.
    pub profile: String,
    /// Factors on top of those of the profile's services.
    pub scale: ScaleFactors,
    /// Time since the activation.
    pub after: Duration,
    /// Time until another step begins; `None` if this one stays active.
    pub next: Option<Duration>,
}

impl Pacing {
    /// Installs the steps of timelines that have begun, and ends a [`WhatIf`](super::WhatIf) whose
    /// time is over. Returns when that happens next: call this again then, or when
    /// [`Pacing::profile_changed`] resolves.
    pub fn advance_timelines(&self, now: Instant) -> Option<Instant> {
        let mut persistent = self.persistent();
        let what_if_ended = persistent.end_what_if(now);
        let active = self.active()?;
        let available = self.available.load();
        let mut next = persistent.what_if.map(|what_if| what_if.until);
        let mut switched = what_if_ended;
        let folders = active.folders.iter().enumerate().map(|(folder, running)| {
            let running = running.as_ref()?;
            let profiles = available.get(folder).map_or(&[][..], Vec::as_slice);
            let Some(timeline) = &running.named.spec.timeline else {
                if what_if_ended {
                    return persistent.activate(folder, &running.named, profiles, running.since, now);
                }
                return Some(running.clone());
            };
            let active_step = timeline.active_step(now.saturating_duration_since(running.since));
            let at = active_step.next.and_then(|next| running.since.checked_add(next));
            next = [next, at].into_iter().flatten().min();
            let is_same = running.active_step.is_some_and(|before| before.step == active_step.step);
            if is_same && !what_if_ended {
                return Some(ActiveProfile { active_step: Some(active_step), ..running.clone() });
            }
            switched = true;
            let running = persistent.activate(folder, &running.named, profiles, running.since, now)?;
            if !is_same {
                tracing::info!(
                    timeline = active.name,
                    step = active_step.step,
                    profile = running.profile.name,
                    "the next step begins"
                );
            }
            Some(running)
        });
        let folders = folders.collect();
        if switched {
            self.active.store(Some(Arc::new(ActiveSet { name: active.name.clone(), folders })));
        }
        next
    }

    /// Resolves when another profile is activated.
    pub async fn profile_changed(&self) {
        self.changed.notified().await;
    }

    /// Returns the state of the active timelines.
    pub fn timelines(&self) -> Vec<TimelineView> {
        let now = Instant::now();
        let Some(active) = self.active() else { return Vec::new() };
        let running =
            active.folders.iter().enumerate().filter_map(|(folder, running)| Some((folder, running.as_ref()?)));
        running.filter_map(|(folder, running)| running.timeline(folder, now)).collect()
    }
}

impl ActiveProfile {
    fn timeline(&self, folder: usize, now: Instant) -> Option<TimelineView> {
        let timeline = self.named.spec.timeline.as_ref()?;
        let active_step = self.active_step?;
        let step = timeline.steps.get(active_step.step)?;
        let after = now.saturating_duration_since(self.since);
        Some(TimelineView {
            folder,
            step: active_step.step,
            steps: timeline.steps.len(),
            at: step.at,
            profile: self.profile.name.clone(),
            scale: step.scale,
            after,
            next: active_step.next.map(|next| next.saturating_sub(after)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use standin_model::profile::{CompiledProfile, ProfileFile, read_all};

    const SERVICE: &str =
        "services: [{name: s, capacity: {discipline: fifo, workers: 4, queue: 9}, default: {demand: {fixed: 8ms}}}]";

    fn folder(texts: &[(&str, &str)]) -> Vec<Arc<CompiledProfile>> {
        let file = |(name, text): &(&str, &str)| ProfileFile {
            name: (*name).into(),
            file: (*name).into(),
            text: (*text).into(),
        };
        let loaded = read_all(&texts.iter().map(file).collect::<Vec<_>>());
        assert!(!loaded.has_errors(), "{:?}", loaded.defects);
        loaded.profiles.into_iter().map(Arc::new).collect()
    }

    fn workers(pacing: &Pacing) -> Vec<Option<u32>> {
        pacing.services().iter().map(|service| service.main.workers).collect()
    }

    fn day(at: &str) -> String {
        format!(
            "timeline: [{{at: 0s, profile: p}}, {{at: {at}, scale: {{capacity: 0.5}}}}, {{at: 20m, profile: p}}]\nrepeat: 1h"
        )
    }

    #[test]
    fn each_folder_keeps_its_own_time() {
        let plain = folder(&[("day", SERVICE)]);
        let folders = vec![
            folder(&[("day", &day("10m")), ("p", SERVICE)]),
            folder(&[("day", &day("5m")), ("p", SERVICE)]),
            plain,
        ];
        let pacing = Pacing::new(folders);
        assert_eq!(pacing.advance_timelines(Instant::now()), None, "nothing is in force");
        pacing.activate(Some("day")).unwrap();
        let begun = Instant::now();
        let after = |minutes: u64| begun + Duration::from_secs(60 * minutes);
        let mut now = begun;
        // two rounds, always at the time that was returned
        let mut seen = Vec::new();
        while now < after(115) {
            let next = pacing.advance_timelines(now).expect("it goes on for ever");
            assert!(next > now);
            seen.push((now.duration_since(begun).as_secs_f64() / 60.0, workers(&pacing)));
            // a little late, as clocks are
            now = next + Duration::from_millis(1);
        }
        let rounded: Vec<_> = seen
            .iter()
            .map(|(minutes, workers)| (minutes.round(), workers.iter().map(|w| w.unwrap()).collect::<Vec<_>>()))
            .collect();
        let round = |begin: f64| {
            [
                (begin, vec![4, 4, 4]),
                (begin + 5.0, vec![4, 2, 4]),
                (begin + 10.0, vec![2, 2, 4]),
                (begin + 20.0, vec![4, 4, 4]),
            ]
        };
        assert_eq!(rounded, [round(0.0), round(60.0)].concat());
    }

    #[test]
    fn other_files_leave_the_time_alone_unless_the_timeline_changes() {
        let pacing = Pacing::new(vec![folder(&[("day", &day("10m")), ("p", SERVICE)])]);
        pacing.activate(Some("day")).unwrap();
        let since = || pacing.active().unwrap().folders[0].as_ref().unwrap().since;
        let begun = since();
        let faster = SERVICE.replace("8ms", "1ms");
        assert_eq!(pacing.replace_profiles(vec![folder(&[("day", &day("10m")), ("p", &faster)])]), None);
        assert_eq!(since(), begun);
        assert_eq!(pacing.replace_profiles(vec![folder(&[("day", &day("11m")), ("p", &faster)])]), None);
        assert!(since() > begun);
        let again = since();
        pacing.restart();
        assert!(since() > again);
        assert_eq!(pacing.timelines()[0].profile, "p");
        assert_eq!(pacing.replace_profiles(vec![folder(&[("p", SERVICE)])]), Some("day".to_owned()));
        assert_eq!(pacing.advance_timelines(Instant::now()), None);
    }

    #[test]
    fn a_step_that_begins_keeps_queues_and_draws() {
        let pacing = Pacing::new(vec![folder(&[("day", &day("10m")), ("p", SERVICE)])]);
        pacing.activate(Some("day")).unwrap();
        let (before, now) = (pacing.active().unwrap(), Instant::now());
        let next = pacing.advance_timelines(now).unwrap();
        pacing.advance_timelines(next);
        let after = pacing.active().unwrap();
        let (one, other) = (before.folders[0].as_ref().unwrap(), after.folders[0].as_ref().unwrap());
        assert!(!Arc::ptr_eq(&one.profile, &other.profile));
        assert!(Arc::ptr_eq(&one.stations[0], &other.stations[0]));
        assert!(Arc::ptr_eq(&one.ordinals[0][0], &other.ordinals[0][0]));
        assert_eq!(pacing.timelines()[0].scale, ScaleFactors { latency: 1.0, capacity: 0.5 });
    }
}
