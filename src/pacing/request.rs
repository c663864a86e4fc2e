//! A request of a paced service: its demands, and its way through the stations of the service.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use http::StatusCode;

use super::stations::{ServiceStations, Stage};
use super::{ActiveProfile, ActiveSet, RequestTimes};
use crate::timer::Timer;
use standin_model::draws::Draws;
use standin_model::profile::{CompiledConnectionRules, CompiledService, Reneging};
use standin_model::station::{Admission, Capacity, FinishEstimate, JobId, Slot, Work};
use standin_stub::call::Call;
use standin_stub::delay::units;
use standin_stub::matcher::MatchStats;
use standin_stub::reply::Reply;

/// A request that an operation of the active profile paces, with its demands.
#[derive(Debug)]
pub struct PacedRequest {
    active: Arc<ActiveSet>,
    folder: usize,
    service: usize,
    operation: usize,
    /// 0-based index of the request within its operation.
    ordinal: u64,
    /// Time that the request holds a worker alone, and the part of it that others disturb.
    work: Work,
    /// Time before the request asks for a worker.
    outside_latency: Duration,
    /// Time that the request holds a worker of the front station; `None` if it does not stop there.
    front_demand: Option<Duration>,
    /// Bytes a second at which the body leaves; without limit if `None`.
    pub transfer_rate: Option<f64>,
    /// Status of the answer in place of the stub's answer, if the class of the request has one.
    pub status: Option<StatusCode>,
}

/// The progress of a request through the stations of its service, and the times that it took.
#[derive(Debug)]
pub struct ServiceProgress<'r> {
    /// `None` if no service paces the request.
    request: Option<&'r PacedRequest>,
    arrival: Instant,
    /// Time that the rate limit held the request.
    rate_wait: Duration,
    /// Time at which the request had passed all that comes before the main station.
    at_main_station: Instant,
    finish: Instant,
    /// Job in the main station if the finish still depends on later requests.
    job: Option<JobId>,
    slot: Option<SlotGuard<'r>>,
    rejection: Option<Rejection>,
    is_beyond_range: bool,
}

/// The reason why a service turned a request away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rejection {
    RateLimited,
    FrontFull,
    QueueFull,
}

/// A place in a station, which is released when this is dropped before it is
/// [completed](SlotGuard::complete).
#[derive(Debug)]
struct SlotGuard<'r> {
    stations: &'r ServiceStations,
    stage: Stage,
    /// `None` if the request stays to the end, whatever its client does.
    slot: Option<Slot>,
}

impl ActiveSet {
    /// Returns the demands of a request whose stub belongs to `folder`; `None` if no service paces
    /// it. `body_bytes` returns the length of the answer's body if it is known, and is only called
    /// if a class depends on it.
    pub fn pace(
        self: Arc<Self>,
        folder: usize,
        body_bytes: impl FnOnce() -> Option<u64>,
        call: &Call,
        stats: &MatchStats,
        draws: Draws,
    ) -> Option<PacedRequest> {
        let active = self.folders.get(folder)?.as_ref()?;
        let matched = active.profile.match_call(call, stats)?;
        let service = matched.service;
        let Some(operation) = matched.operation else {
            active.stations[service].unpaced.fetch_add(1, Relaxed);
            return None;
        };
        let ordinal = active.ordinals[service][operation].fetch_add(1, Relaxed);
        let after = call.arrival.saturating_duration_since(active.since);
        let model = &active.profile.services[service].operations[operation];
        let body_bytes = if model.has_class_by_length() { body_bytes() } else { None };
        let demands = model.draw(&draws, ordinal, after, body_bytes);
        Some(PacedRequest {
            folder,
            service,
            operation,
            ordinal,
            work: Work { demand: demands.demand, contention: model.contention },
            outside_latency: demands.outside_latency,
            front_demand: demands.front_demand,
            transfer_rate: demands.transfer_rate,
            status: demands.class.and_then(|class| class.status),
            active: self,
        })
    }
}

impl PacedRequest {
    /// Returns the rules by which the service closes connections, if it has any, and the idle time
    /// of the connection of this request.
    pub fn connection_rules(&self, draws: Draws) -> Option<(&CompiledConnectionRules, Option<Duration>)> {
        let rules = self.service().connections.as_ref()?;
        Some((rules, rules.draw_idle(&draws, self.ordinal)))
    }

    /// Returns whether the request leaves its station when its client goes away.
    pub fn can_renege(&self) -> bool {
        self.service().reneging == Reneging::FreeWorker
    }

    /// Records the time that the answered request was meant to take, and the time that it took.
    pub fn record_times(&self, intended: Duration, actual: Duration) {
        if let Some(active) = &self.active.folders[self.folder] {
            active.times[self.service][self.operation].record(intended, actual);
        }
    }

    /// Takes the request to the main station of its service: through the latency outside, the rate
    /// limit and the front station. Resolves when the main station has admitted it, or when the
    /// request is rejected.
    ///
    /// If the future or the progress is dropped early and the request can renege, its place is free
    /// for later requests.
    pub async fn serve(&self, arrival: Instant, timer: &Arc<Timer>) -> ServiceProgress<'_> {
        let (service, stations) = (self.service(), self.stations());
        let mut progress = ServiceProgress::new(Some(self), arrival);
        progress.finish = arrival + self.outside_latency;
        let depends_on_load = self.depends_on_load();
        // other requests may ask for a worker in the meantime
        if depends_on_load && !self.outside_latency.is_zero() {
            Arc::clone(timer).wait_until(progress.finish).await;
        }

        if let Some(limit) = &service.rate_limit {
            let Some(turn) = stations.take_rate_token(progress.finish, limit.rate) else {
                stations.limited.fetch_add(1, Relaxed);
                return progress.reject(Rejection::RateLimited);
            };
            progress.rate_wait = turn - progress.finish;
            progress.finish = turn;
        }
        stations.paced.fetch_add(1, Relaxed);
        if depends_on_load && !progress.rate_wait.is_zero() {
            Arc::clone(timer).wait_until(progress.finish).await;
        }

        if let Some(demand) = self.front_demand {
            let at = stations.to_sim_time(progress.finish);
            let (admission, slot) = stations.lock(Stage::Front).admit_to_slot(at, demand);
            let slot = self.guard(Stage::Front, slot);
            progress.finish = match admission {
                Admission::Due(finish) => stations.to_instant(finish),
                Admission::Shared(job, not_before) => {
                    self.wait_for_finish(Stage::Front, job, stations.to_instant(not_before), timer).await
                }
                Admission::Overflow => {
                    stations.front_overflowed.fetch_add(1, Relaxed);
                    return progress.reject(Rejection::FrontFull);
                }
            };
            Arc::clone(timer).wait_until(progress.finish).await;
            slot.complete();
        }

        progress.at_main_station = progress.finish;
        self.enter_main_station(progress)
    }

    fn enter_main_station<'r>(&'r self, mut progress: ServiceProgress<'r>) -> ServiceProgress<'r> {
        let (service, stations) = (self.service(), self.stations());
        let at = stations.to_sim_time(progress.finish);
        let mut station = stations.lock(Stage::Main);
        let (admission, slot) = station.admit_to_slot(at, self.work);
        let mut in_flight = station.in_flight(at) as u64;
        drop(station);
        if service.front_station.is_some() {
            in_flight += stations.lock(Stage::Front).in_flight(at) as u64;
        }
        let in_second = stations.count_second(at);
        let valid = &service.valid;
        progress.is_beyond_range = valid.in_flight.is_some_and(|most| in_flight > most)
            || valid.per_second.is_some_and(|most| in_second as f64 > most);
        if progress.is_beyond_range {
            stations.beyond.fetch_add(1, Relaxed);
        }
        progress.slot = Some(self.guard(Stage::Main, slot));
        match admission {
            Admission::Due(finish) => progress.finish = stations.to_instant(finish),
            Admission::Shared(job, not_before) => {
                progress.job = Some(job);
                progress.finish = stations.to_instant(not_before);
            }
            Admission::Overflow => {
                stations.overflowed.fetch_add(1, Relaxed);
                return progress.reject(Rejection::QueueFull);
            }
        }
        progress
    }

    /// Waits about until a job that shares its workers is finished; returns the exact time of its
    /// finish.
    async fn wait_for_finish(&self, stage: Stage, job: JobId, mut not_before: Instant, timer: &Arc<Timer>) -> Instant {
        let stations = self.stations();
        loop {
            tokio::select! {
                () = Arc::clone(timer).wait_until(not_before) => {}
                // estimates may be too late now
                () = stations.capacity_changed.notified() => {}
            }
            let now = stations.to_sim_time(Instant::now());
            let estimate = stations.lock(stage).estimate_finish(job, now);
            match estimate {
                FinishEstimate::Finished(at) => return stations.to_instant(at),
                FinishEstimate::NotBefore(at) => not_before = stations.to_instant(at),
            }
        }
    }

    /// Returns whether the finish of the request depends on other requests.
    fn depends_on_load(&self) -> bool {
        let service = self.service();
        service.station.capacity != Capacity::Unlimited || service.stalls.is_some() || self.front_demand.is_some()
    }

    fn guard(&self, stage: Stage, slot: Option<Slot>) -> SlotGuard<'_> {
        SlotGuard { stations: self.stations(), stage, slot: slot.filter(|_| self.can_renege()) }
    }

    fn active(&self) -> &ActiveProfile {
        self.active.folders[self.folder].as_ref().expect("a request is paced only in a folder that has the profile")
    }

    fn service(&self) -> &CompiledService {
        &self.active().profile.services[self.service]
    }

    fn stations(&self) -> &ServiceStations {
        &self.active().stations[self.service]
    }
}

impl<'r> ServiceProgress<'r> {
    /// ServiceProgress of a request that no service paces: it is finished when it arrives.
    pub fn unpaced(arrival: Instant) -> Self {
        Self::new(None, arrival)
    }

    fn new(request: Option<&'r PacedRequest>, arrival: Instant) -> Self {
        Self {
            request,
            arrival,
            rate_wait: Duration::ZERO,
            at_main_station: arrival,
            finish: arrival,
            job: None,
            slot: None,
            rejection: None,
            is_beyond_range: false,
        }
    }

    fn reject(mut self, reason: Rejection) -> Self {
        self.rejection = Some(reason);
        self
    }

    /// Returns the time at which the service finishes the request, without the stub's own delay: a
    /// lower bound until [`ServiceProgress::wait_for_finish`] has resolved.
    pub fn finish(&self) -> Instant {
        self.finish
    }

    /// Returns whether the load is beyond the range in which the service was observed.
    pub fn is_beyond_range(&self) -> bool {
        self.is_beyond_range
    }

    /// Returns whether the service turned the request away.
    pub fn is_rejected(&self) -> bool {
        self.rejection.is_some()
    }

    /// Returns a copy of the answer to a request that was turned away.
    pub fn rejection_reply(&self) -> Option<Reply> {
        let (reason, service) = (self.rejection?, self.request?.service());
        let overflow = match reason {
            Rejection::RateLimited => service.rate_limit.as_ref().map(|limit| &limit.overflow),
            Rejection::FrontFull => service.front_station.as_ref().map(|front| &front.overflow),
            Rejection::QueueFull => None,
        };
        Some(overflow.unwrap_or(&service.station.overflow).clone())
    }

    /// Resolves when the exact finish is known. At that time it may lie a little in the future or
    /// in the past.
    pub async fn wait_for_finish(&mut self, timer: &Arc<Timer>) {
        if let (Some(request), Some(job)) = (self.request, self.job.take()) {
            self.finish = request.wait_for_finish(Stage::Main, job, self.finish, timer).await;
        }
    }

    /// Ends the use of the station: the request got all that it asked for.
    pub fn complete(&mut self) {
        if let Some(slot) = self.slot.take() {
            slot.complete();
        }
    }

    /// Returns the parts of the time of the request; `None` if no service paces it, or the service
    /// turned it away.
    pub fn times(&self) -> Option<RequestTimes<'r>> {
        let request = self.request.filter(|_| self.rejection.is_none())?;
        let service = request.service();
        let front = request.front_demand.unwrap_or_default();
        let before = request.outside_latency + self.rate_wait + front;
        let served = self.finish.saturating_duration_since(self.at_main_station);
        Some(RequestTimes {
            service: &service.name,
            operation: &service.operations[request.operation].name,
            outside: request.outside_latency,
            rate_waiting: self.rate_wait,
            front_waiting: self.at_main_station.saturating_duration_since(self.arrival).saturating_sub(before),
            front,
            waiting: served.saturating_sub(request.work.demand),
            demand: request.work.demand,
        })
    }

    /// Appends where the time of the request went, for the debug header.
    pub fn explain(&self, text: &mut String) {
        let Some(request) = self.request else { return };
        let (service, time) = (request.service(), units::duration);
        let operation = &service.operations[request.operation].name;
        let _ = write!(text, "; service=\"{}\"; operation=\"{operation}\"", service.name);
        let _ = write!(text, "; ordinal={}; demand={}", request.ordinal, time(request.work.demand));
        let _ = write!(text, "; outside={}", time(request.outside_latency));
        if !self.rate_wait.is_zero() {
            let _ = write!(text, "; rate-waiting={}", time(self.rate_wait));
        }
        if let Some(front_demand) = request.front_demand {
            let before = request.outside_latency + self.rate_wait + front_demand;
            let waiting = self.at_main_station.saturating_duration_since(self.arrival).saturating_sub(before);
            let _ = write!(text, "; front={}; front-waiting={}", time(front_demand), time(waiting));
        }
        let _ = match self.rejection {
            Some(Rejection::RateLimited) => write!(text, "; rate=limited"),
            Some(Rejection::FrontFull) => write!(text, "; front=full"),
            Some(Rejection::QueueFull) => write!(text, "; queue=full"),
            None => {
                let served = self.finish.saturating_duration_since(self.at_main_station);
                write!(text, "; waiting={}", time(served.saturating_sub(request.work.demand)))
            }
        };
        text.push_str(if self.is_beyond_range { "; range=beyond" } else { "; range=valid" });
    }
}

impl SlotGuard<'_> {
    /// Leaves the place as it is: the request got all that it asked for.
    fn complete(mut self) {
        self.slot = None;
    }
}

impl Drop for SlotGuard<'_> {
    fn drop(&mut self) {
        let Some(slot) = self.slot else { return };
        let now = self.stations.to_sim_time(Instant::now());
        if self.stations.lock(self.stage).release(slot, now) {
            self.stations.abandoned.fetch_add(1, Relaxed);
            // requests that share the workers go on faster now
            self.stations.capacity_changed.notify_waiters();
        }
    }
}
