//! Sending thread of a replay: a timer, a task for each call, and a stop monitor.

use std::collections::BTreeSet;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, mpsc};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use tokio::runtime::Builder;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot};

use super::outcome::{ReplayedCall, SendingEnd};
use super::stop::{StopBaseline, StopMonitor};
use super::{Plan, PreparedCalls, ReplayTarget, ScheduledCall};
use crate::locks::LockUnpoisoned as _;
use crate::tasks::Tasks;
use crate::timer::{Precision, Timer};
use crate::upstream::{self, ConnectionPool, UpstreamConnection};
use standin_tape::exchange::{ExchangeFailure, FailureReason};
use standin_tape::{LoadedTape, is_error};

/// Sends all calls of a plan, and each finished call to `results`. Returns when no call is open.
pub(super) fn send(
    recording: &LoadedTape,
    prepared: &Arc<PreparedCalls>,
    plan: &Plan,
    target: &ReplayTarget,
    results: mpsc::Sender<ReplayedCall>,
) -> io::Result<SendingEnd> {
    let timer = Arc::new(Timer::new(Precision::Normal));
    let (parking, firing) = (Arc::clone(&timer), Arc::clone(&timer));
    let runtime = Builder::new_current_thread()
        .event_interval(EVENT_INTERVAL)
        .on_thread_park(move || parking.fire_due())
        .enable_all()
        .build()?;
    let most = plan.calls.iter().map(|due| recording.exchanges[due.call].in_flight).max().unwrap_or(1);
    let watch = target.stop.map(|rule| StopMonitor::new(rule, StopBaseline::of(recording, plan)));
    runtime.block_on(async {
        let tasks = Tasks::new();
        tokio::spawn(tasks.clone().run(move || firing.fire_due(), |_| panic!("a task of the sender panicked")));
        tasks.spawn(Arc::clone(&timer).run());
        let pool = ConnectionPool::default();
        // connections are opened before the first call, so that few calls wait for one
        let mut sockets = Vec::new();
        for _ in 0..(most as usize).clamp(1, target.max_connections.min(MAX_PRECONNECTED)) {
            sockets.push(target.connector.connect().await.map_err(|failure| io::Error::other(failure.detail))?.0);
        }
        let (start, started) = (Instant::now() + START_DELAY, SystemTime::now() + START_DELAY);
        for socket in sockets {
            pool.put(UpstreamConnection::open(socket, start, &tasks, ()).await?);
        }
        let sender = Arc::new(Sender {
            prepared: Arc::clone(prepared),
            target: target.clone(),
            start,
            tasks: tasks.clone(),
            timer,
            pool,
            permits: Arc::new(Semaphore::new(target.max_connections)),
            results,
            watch: Mutex::new(watch),
            open: Mutex::default(),
            closed: Notify::new(),
            in_flight: AtomicU32::new(0),
            stopped: AtomicBool::new(false),
            given_up: AtomicU64::new(0),
        });
        let (told, ended) = oneshot::channel();
        let calls = plan.calls.clone();
        tasks.spawn(async move {
            // an error means that nobody waits for it any more
            let _ = told.send(sender.dispatch(calls).await);
        });
        let ended = ended.await.map_err(|_| io::Error::other("the sender ended unexpectedly"))?;
        Ok(SendingEnd { started: Some(started), ..ended })
    })
}

struct Sender {
    prepared: Arc<PreparedCalls>,
    target: ReplayTarget,
    /// Time of the first call.
    start: Instant,
    tasks: Tasks,
    timer: Arc<Timer>,
    pool: ConnectionPool<Full<Bytes>>,
    permits: Arc<Semaphore>,
    results: mpsc::Sender<ReplayedCall>,
    watch: Mutex<Option<StopMonitor>>,
    /// Scheduled times and numbers of the open calls.
    open: Mutex<BTreeSet<(u64, u64)>>,
    /// Signals that a call has ended.
    closed: Notify,
    in_flight: AtomicU32,
    stopped: AtomicBool,
    /// Calls that waited for a connection when the run was stopped.
    given_up: AtomicU64,
}

impl Sender {
    async fn dispatch(self: Arc<Self>, calls: Vec<ScheduledCall>) -> SendingEnd {
        let mut ended = SendingEnd::default();
        let all = calls.len() as u64;
        for (number, due) in (1..).zip(calls) {
            // the request is made early, as this takes time
            let Some(request) = self.prepared.request(due.call) else { continue };
            tokio::select! {
                biased;
                () = Arc::clone(&self.timer).wait_until_exactly(self.start + Duration::from_nanos(due.at)) => {}
                () = self.target.cancel.cancelled() => {}
            }
            ended.cancelled = self.target.cancel.reason();
            ended.stopped = if ended.cancelled.is_some() { None } else { self.stop_reason() };
            if ended.cancelled.is_some() || ended.stopped.is_some() {
                self.stopped.store(true, Ordering::Relaxed);
                ended.unsent = all - number + 1;
                break;
            }
            self.open().insert((due.at, number));
            self.tasks.spawn(Arc::clone(&self).call(number, due, request));
        }
        tokio::select! {
            biased;
            () = self.all_closed() => {}
            () = self.halted_for(CANCEL_GRACE) => ended.cut_off = self.open().len() as u64,
        }
        ended.unsent += self.given_up.load(Ordering::Relaxed);
        ended.cancelled = self.target.cancel.reason();
        ended
    }

    async fn all_closed(&self) {
        while !self.open().is_empty() {
            self.closed.notified().await;
        }
    }

    async fn halted_for(&self, time: Duration) {
        self.target.cancel.cancelled().await;
        self.stopped.store(true, Ordering::Relaxed);
        tokio::time::sleep(time).await;
    }

    /// Sends one call at its time, and reports its end.
    async fn call(self: Arc<Self>, number: u64, due: ScheduledCall, request: Request<Full<Bytes>>) {
        let mut answered = ReplayedCall::new(number, due);
        answered.in_flight = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        let permit = self.permit(&mut answered).await;
        if self.stopped.load(Ordering::Relaxed) {
            self.given_up.fetch_add(1, Ordering::Relaxed);
        } else {
            let exchanged = self.exchange(request, &mut answered);
            let connection = tokio::time::timeout(self.target.timeout, exchanged).await.unwrap_or_else(|_| {
                Err(ExchangeFailure {
                    reason: FailureReason::Timeout,
                    detail: format!("after {:?}", self.target.timeout),
                })
            });
            let connection = connection.map_err(|failure| answered.failure = Some(failure)).ok();
            self.observe(&answered);
            // an error means that the run has ended
            let _ = self.results.send(answered);
            if let Some(mut connection) = connection
                && connection.sender.ready().await.is_ok()
            {
                self.pool.put(connection);
            }
        }
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        drop(permit);
        self.open().remove(&(due.at, number));
        self.closed.notify_one();
    }

    async fn permit(&self, answered: &mut ReplayedCall) -> Option<OwnedSemaphorePermit> {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Some(permit);
        }
        let before = Instant::now();
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        answered.times.permit_wait = before.elapsed().as_nanos() as u64;
        permit.ok()
    }

    /// Sends a request and reads the whole response. A connection that closed before it took
    /// anything is replaced.
    async fn exchange(
        &self,
        mut request: Request<Full<Bytes>>,
        answered: &mut ReplayedCall,
    ) -> Result<UpstreamConnection<Full<Bytes>>, ExchangeFailure> {
        loop {
            let mut connection = match self.pool.take() {
                Some(connection) => {
                    answered.reused = true;
                    connection
                }
                None => self.connect(answered).await?,
            };
            connection.times.clear();
            let sent = connection.sender.try_send_request(request).await;
            answered.stamp(&connection.times);
            match sent {
                Ok(response) => {
                    answered.status = Some(response.status().as_u16());
                    let read = read(response.into_body(), answered).await;
                    answered.stamp(&connection.times);
                    return read.map(|()| connection);
                }
                Err(mut error) => match error.take_message() {
                    Some(unsent) if answered.reused => request = unsent,
                    _ => return Err(upstream::failure_of(&error.into_error())),
                },
            }
        }
    }

    async fn connect(&self, answered: &mut ReplayedCall) -> Result<UpstreamConnection<Full<Bytes>>, ExchangeFailure> {
        answered.reused = false;
        let (stream, took) = self.target.connector.connect().await?;
        answered.times.connect = took.connect.as_nanos() as u64;
        answered.times.tls = took.tls.as_nanos() as u64;
        UpstreamConnection::open(stream, self.start, &self.tasks, ())
            .await
            .map_err(|error| ExchangeFailure { reason: FailureReason::Connect, detail: error.to_string() })
    }

    fn observe(&self, answered: &ReplayedCall) {
        if let Some(watch) = self.watch().as_mut() {
            let failed = answered.failure.is_some() || is_error(answered.status);
            let now = self.start.elapsed().as_nanos() as u64;
            watch.observe(failed, now.saturating_sub(answered.at));
        }
    }

    /// Returns the reason to send no more calls, if there is one.
    fn stop_reason(&self) -> Option<String> {
        let watch = self.watch();
        let watch = watch.as_ref()?;
        let late = Instant::now().checked_duration_since(self.start)?.checked_sub(watch.slow_threshold());
        let overdue = late.map_or(0, |late| self.open().range(..(late.as_nanos() as u64, 0)).count());
        watch.stop_reason(overdue)
    }

    fn watch(&self) -> MutexGuard<'_, Option<StopMonitor>> {
        self.watch.lock_unpoisoned()
    }

    fn open(&self) -> MutexGuard<'_, BTreeSet<(u64, u64)>> {
        self.open.lock_unpoisoned()
    }
}

async fn read(mut body: hyper::body::Incoming, answered: &mut ReplayedCall) -> Result<(), ExchangeFailure> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| upstream::failure_of(&error))?;
        answered.size += frame.data_ref().map_or(0, |data| data.len() as u64);
    }
    Ok(())
}

/// Number of tasks between two polls of the sockets, as in a worker.
const EVENT_INTERVAL: u32 = 2;
/// Time between the preparation and the first call.
const START_DELAY: Duration = Duration::from_millis(20);
/// Time that open calls have after a cancellation.
const CANCEL_GRACE: Duration = Duration::from_secs(2);
/// Maximum number of connections opened before the first call.
const MAX_PRECONNECTED: usize = 256;
