//! The two exact inversions of a layered queue: the pool gives the start of every call and how many
//! calls are in service at every moment; the law of the cores gives the demand of every call.

use super::core_law::{Composition, CoreLaw, MAX_GROUPS, stretch};
use crate::fit::prepare::workload::Workload;
use crate::fit::station_model::FreeTimes;

/// What a pool of workers did to a workload, whatever happens to the calls that hold a worker.
pub(crate) struct PoolInversion {
    /// Times at which the number in service changes, in nanoseconds, ascending.
    times: Vec<f64>,
    /// Number of calls in service from each of `times` on.
    in_service: Vec<u32>,
    /// Operation of the call that starts or finishes at each of `times`.
    operations: Vec<u32>,
    /// Index into `times` of the start of each call, and of its finish.
    spans: Vec<(u32, u32)>,
    /// Number of calls that waited for a worker.
    pub(crate) waited: usize,
}

impl PoolInversion {
    /// Inverts a FIFO pool; without `workers` each call starts at once. Calls enter `outside`
    /// nanoseconds after their arrival.
    pub(crate) fn new(work: &Workload, workers: Option<u32>, outside: f64) -> Self {
        let mut starts: Vec<(f64, u32)> = Vec::with_capacity(work.len());
        let (mut free, mut waited) = (workers.map(FreeTimes::new), 0);
        for call in 0..work.len() {
            let finish = work.finishes[call];
            let ready = work.arrivals[call] + outside;
            let start = free.as_ref().map_or(ready, |free| ready.max(free.earliest()));
            waited += usize::from(start > ready);
            starts.push((start.min(finish - MIN_STAY_NANOS), call as u32));
            if let Some(free) = &mut free {
                free.take(finish);
            }
        }
        starts.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
        let mut inversion = Self {
            times: Vec::with_capacity(2 * work.len()),
            in_service: Vec::with_capacity(2 * work.len()),
            operations: Vec::with_capacity(2 * work.len()),
            spans: vec![(0, 0); work.len()],
            waited,
        };
        let (mut present, mut finishes) = (0u32, work.by_finish.iter().peekable());
        for (start, call) in starts {
            while let Some(done) = finishes.next_if(|done| work.finishes[**done as usize] <= start) {
                present -= 1;
                inversion.spans[*done as usize].1 =
                    inversion.push(work.finishes[*done as usize], present, work.operations[*done as usize]);
            }
            present += 1;
            inversion.spans[call as usize].0 = inversion.push(start, present, work.operations[call as usize]);
        }
        for done in finishes {
            present -= 1;
            inversion.spans[*done as usize].1 =
                inversion.push(work.finishes[*done as usize], present, work.operations[*done as usize]);
        }
        inversion
    }

    fn push(&mut self, time: f64, in_service: u32, operation: u32) -> u32 {
        self.times.push(time);
        self.in_service.push(in_service);
        self.operations.push(operation);
        self.times.len() as u32 - 1
    }

    /// Returns how many calls are in service when a call starts, itself included.
    pub(crate) fn in_service_at_start(&self, call: usize) -> u32 {
        self.in_service[self.spans[call].0 as usize]
    }

    /// Returns the stretch of work at the cores from each of the times on, by group of the call.
    pub(crate) fn core_stretches(&self, law: &mut CoreLaw) -> Vec<Vec<f64>> {
        let mut stretches: Vec<Vec<f64>> = (0..MAX_GROUPS).map(|_| Vec::with_capacity(self.times.len())).collect();
        let (mut composition, mut before): (Composition, u32) = ([0; MAX_GROUPS], 0);
        for (operation, in_service) in self.operations.iter().zip(&self.in_service) {
            let count = &mut composition[law.group(*operation)];
            *count = if *in_service > before { count.saturating_add(1) } else { count.saturating_sub(1) };
            before = *in_service;
            for (all, now) in stretches.iter_mut().zip(law.at(composition)) {
                all.push(now);
            }
        }
        stretches
    }

    /// Returns the progress of a call that runs throughout, at each of the times, in nanoseconds,
    /// if the cores slow down `share` of it.
    pub(crate) fn progress(&self, core_stretches: &[f64], share: f64) -> Vec<f64> {
        let mut progress = Vec::with_capacity(self.times.len());
        let (mut sum, mut previous, mut rate) = (0.0, self.times.first().copied().unwrap_or(0.0), 1.0);
        for (time, core_stretch) in self.times.iter().zip(core_stretches) {
            sum += (time - previous) * rate;
            progress.push(sum);
            previous = *time;
            rate = 1.0 / stretch(share, *core_stretch);
        }
        progress
    }

    /// Returns the demand of a call under its progress, in nanoseconds.
    pub(crate) fn demand(&self, progress: &[f64], call: usize) -> f64 {
        let (start, finish) = self.spans[call];
        progress[finish as usize] - progress[start as usize]
    }
}

/// Shortest stay in service that a call is given where the pool leaves it none.
const MIN_STAY_NANOS: f64 = 1_000.0;
