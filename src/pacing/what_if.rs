//! What-if factors: latency and capacity of the active profile, changed for a limited time.

use std::sync::Arc;
use std::time::Instant;

use super::{ActiveProfile, ActiveSet, Pacing, PersistentState};
use standin_model::profile::ScaleFactors;

/// Factors on top of those of the active profile and its timeline, until a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WhatIf {
    /// Factors of all services.
    pub scale: ScaleFactors,
    /// End; from then on the profile is served as it is.
    pub until: Instant,
}

impl WhatIf {
    /// Returns these factors together with those of a step of a timeline.
    pub(super) fn applied_to(self, scale: ScaleFactors) -> ScaleFactors {
        ScaleFactors { latency: scale.latency * self.scale.latency, capacity: scale.capacity * self.scale.capacity }
    }
}

impl Pacing {
    /// Returns the factors in force.
    pub fn what_if(&self) -> Option<WhatIf> {
        self.persistent().what_if
    }

    /// Sets the factors on top of the active profile, or removes them. Queues stay as they are.
    /// Returns false, and changes nothing, if no profile is active.
    pub fn set_what_if(&self, what_if: Option<WhatIf>) -> bool {
        let mut persistent = self.persistent();
        let Some(active) = self.active() else { return false };
        persistent.what_if = what_if;
        let (available, now) = (self.available.load(), Instant::now());
        let folders: Vec<Option<ActiveProfile>> = active
            .folders
            .iter()
            .enumerate()
            .map(|(folder, running)| {
                let running = running.as_ref()?;
                let profiles = available.get(folder).map_or(&[][..], Vec::as_slice);
                persistent.activate(folder, &running.named, profiles, running.since, now)
            })
            .collect();
        self.active.store(Some(Arc::new(ActiveSet { name: active.name.clone(), folders })));
        self.changed.notify_one();
        true
    }
}

impl PersistentState {
    /// Removes the factors if their time is over; returns true if it is.
    pub(super) fn end_what_if(&mut self, now: Instant) -> bool {
        let has_ended = self.what_if.is_some_and(|what_if| what_if.until <= now);
        if has_ended {
            self.what_if = None;
        }
        has_ended
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use standin_model::profile::{CompiledProfile, ProfileFile, read_all};

    const SERVICE: &str =
        "services: [{name: s, capacity: {discipline: fifo, workers: 4, queue: 9}, default: {demand: {fixed: 8ms}}}]";
    const DAY: &str = "timeline: [{at: 0s, profile: p}, {at: 10m, scale: {capacity: 0.5}}]";

    fn pacing() -> Pacing {
        let file = |(name, text): (&str, &str)| ProfileFile { name: name.into(), file: name.into(), text: text.into() };
        let loaded = read_all(&[("p", SERVICE), ("day", DAY)].map(file));
        let profiles: Vec<Arc<CompiledProfile>> = loaded.profiles.into_iter().map(Arc::new).collect();
        Pacing::new(vec![profiles])
    }

    fn workers(pacing: &Pacing) -> Option<u32> {
        pacing.services()[0].main.workers
    }

    fn half_for(time: Duration) -> WhatIf {
        WhatIf { scale: ScaleFactors { latency: 1.0, capacity: 0.5 }, until: Instant::now() + time }
    }

    #[test]
    fn factors_act_at_once_and_end_by_themselves() {
        let pacing = pacing();
        assert!(!pacing.set_what_if(Some(half_for(Duration::from_secs(60)))), "no profile is active");
        pacing.activate(Some("p")).unwrap();
        assert!(pacing.set_what_if(Some(half_for(Duration::from_secs(60)))));
        assert_eq!(workers(&pacing), Some(2));
        let until = pacing.what_if().unwrap().until;
        assert_eq!(pacing.advance_timelines(until.checked_sub(Duration::from_millis(1)).unwrap()), Some(until));
        assert_eq!(workers(&pacing), Some(2));
        assert_eq!(pacing.advance_timelines(until), None);
        assert_eq!((workers(&pacing), pacing.what_if()), (Some(4), None));
    }

    #[test]
    fn factors_multiply_those_of_a_timeline() {
        let pacing = pacing();
        pacing.activate(Some("day")).unwrap();
        pacing.set_what_if(Some(half_for(Duration::from_secs(3600))));
        assert_eq!(workers(&pacing), Some(2));
        let step = Instant::now() + Duration::from_secs(601);
        pacing.advance_timelines(step);
        assert_eq!(workers(&pacing), Some(1));
        pacing.advance_timelines(step + Duration::from_secs(3600));
        assert_eq!(workers(&pacing), Some(2));
    }

    #[test]
    fn another_profile_keeps_them_and_none_ends_them() {
        let pacing = pacing();
        pacing.activate(Some("p")).unwrap();
        pacing.set_what_if(Some(half_for(Duration::from_secs(60))));
        pacing.activate(Some("day")).unwrap();
        assert_eq!(workers(&pacing), Some(2));
        assert!(pacing.set_what_if(None));
        assert_eq!(workers(&pacing), Some(4));
        pacing.set_what_if(Some(half_for(Duration::from_secs(60))));
        pacing.activate(None).unwrap();
        assert_eq!(pacing.what_if(), None);
    }
}
