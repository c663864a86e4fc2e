//! The two exact inversions of a layered queue: the pool gives the start of every call and how many
//! calls are in service at every moment; a slow-down by that number gives the demand of every call.

use crate::fit::prepare::workload::Workload;
use crate::fit::station_model::FreeTimes;

/// What a pool of workers did to a workload, whatever happens to the calls that hold a worker.
pub(crate) struct PoolInversion {
    /// Times at which the number in service changes, in nanoseconds, ascending.
    times: Vec<f64>,
    /// Number of calls in service from each of `times` on.
    in_service: Vec<u32>,
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
            spans: vec![(0, 0); work.len()],
            waited,
        };
        let (mut present, mut finishes) = (0u32, work.by_finish.iter().peekable());
        for (start, call) in starts {
            while let Some(done) = finishes.next_if(|done| work.finishes[**done as usize] <= start) {
                present -= 1;
                inversion.spans[*done as usize].1 = inversion.push(work.finishes[*done as usize], present);
            }
            present += 1;
            inversion.spans[call as usize].0 = inversion.push(start, present);
        }
        for done in finishes {
            present -= 1;
            inversion.spans[*done as usize].1 = inversion.push(work.finishes[*done as usize], present);
        }
        inversion
    }

    fn push(&mut self, time: f64, in_service: u32) -> u32 {
        self.times.push(time);
        self.in_service.push(in_service);
        self.times.len() as u32 - 1
    }

    /// Returns how many calls are in service when a call starts, itself included.
    pub(crate) fn in_service_at_start(&self, call: usize) -> u32 {
        self.in_service[self.spans[call].0 as usize]
    }

    /// Returns the progress of a call that runs throughout, at each of the times, in nanoseconds:
    /// its rate is 1 / (1 + `slowdown` (max(1, m / `cores`) − 1)) while m calls are in service.
    pub(crate) fn progress(&self, cores: u32, slowdown: f64) -> Vec<f64> {
        let mut progress = Vec::with_capacity(self.times.len());
        let (mut sum, mut previous, mut rate) = (0.0, self.times.first().copied().unwrap_or(0.0), 1.0);
        for (time, in_service) in self.times.iter().zip(&self.in_service) {
            sum += (time - previous) * rate;
            progress.push(sum);
            previous = *time;
            rate = 1.0 / (1.0 + slowdown * (crowding(*in_service, cores) - 1.0));
        }
        progress
    }

    /// Returns the demand of a call under the slow-down of its progress, in nanoseconds.
    pub(crate) fn demand(&self, progress: &[f64], call: usize) -> f64 {
        let (start, finish) = self.spans[call];
        progress[finish as usize] - progress[start as usize]
    }
}

/// Returns the calls in service per core, at least 1.
pub(crate) fn crowding(in_service: u32, cores: u32) -> f64 {
    (f64::from(in_service) / f64::from(cores)).max(1.0)
}

/// Shortest stay in service that a call is given where the pool leaves it none.
const MIN_STAY_NANOS: f64 = 1_000.0;
