//! Services whose queue is known; they share no code with standin's stations.
//!
//! The finish of a call is computed from its arrival, never from when a thread woke. On a shared
//! machine a response may leave late, but the calls behind it do not wait for that.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand_distr::{Distribution as _, LogNormal};

/// How calls share the capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Queue {
    /// Workers that take calls from one line.
    Fifo(usize),
    /// Processor sharing: each call is as fast as alone while there are at most this many.
    Sharing(usize),
}

/// A kind of calls: its first path segment, its share of all, and its demand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) share: f64,
    /// Mean demand in milliseconds.
    pub(crate) mean: f64,
}

/// Kinds of calls that the references serve.
pub(crate) const KINDS: [Kind; 2] =
    [Kind { name: "fast", share: 0.7, mean: 8.0 }, Kind { name: "slow", share: 0.3, mean: 20.0 }];

/// Returns the rate, in calls a second, at which a service with this many workers saturates.
pub(crate) fn capacity(workers: usize) -> f64 {
    let mean: f64 = KINDS.iter().map(|kind| kind.share * kind.mean).sum();
    workers as f64 * 1_000.0 / mean
}

/// A received call, with the connection for its response.
struct Job {
    came: Instant,
    demand: Duration,
    stream: TcpStream,
}

impl Job {
    fn answer(mut self) {
        // the client may be gone
        let _ = self.stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
}

/// Starts a service that lives as long as the process.
pub(crate) fn start(queue: Queue, seed: u64) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let (jobs, came) = mpsc::channel();
    thread::spawn(move || match queue {
        Queue::Fifo(workers) => serve(&came, Line { free: vec![Instant::now(); workers], busy: Vec::new() }),
        Queue::Sharing(capacity) => {
            serve(&came, Shared { capacity: capacity as f64, running: Vec::new(), last: Instant::now() });
        }
    });
    let draws = Arc::new(Mutex::new(Draws { random: StdRng::seed_from_u64(seed), drawn: HashMap::new() }));
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (jobs, draws) = (jobs.clone(), Arc::clone(&draws));
            thread::spawn(move || hear(&stream, &jobs, &draws));
        }
    });
    address
}

/// Drawn demands by kind of call, and the generator.
struct Draws {
    random: StdRng,
    drawn: HashMap<&'static str, Vec<f64>>,
}

impl Draws {
    fn next(&mut self, name: &str) -> Duration {
        let kind = KINDS.iter().find(|kind| kind.name == name).expect("a known kind");
        let drawn = self.drawn.entry(kind.name).or_default();
        if drawn.is_empty() {
            let spread = LogNormal::new(0.0, SIGMA).expect("a positive spread");
            let batch: Vec<f64> = spread.sample_iter(&mut self.random).take(BATCH).collect();
            let mean = batch.iter().sum::<f64>() / BATCH as f64;
            drawn.extend(batch.iter().map(|demand| demand / mean * kind.mean));
        }
        Duration::from_secs_f64(drawn.pop().expect("just filled") / 1e3)
    }
}

/// Reads calls from a connection.
fn hear(stream: &TcpStream, jobs: &Sender<Job>, draws: &Mutex<Draws>) {
    stream.set_nodelay(true).expect("no delay");
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let came = Instant::now();
        let demand = draws.lock().expect("no panic").next(head.split('/').nth(1).unwrap_or_default());
        let job = Job { came, demand, stream: stream.try_clone().expect("a second handle") };
        if jobs.send(job).is_err() {
            return;
        }
    }
}

/// Serves calls as they come, and answers each when it is finished.
fn serve(came: &Receiver<Job>, mut queue: impl Discipline) {
    loop {
        let Some(next) = queue.next() else {
            let Ok(job) = came.recv() else { return };
            queue.take(job);
            continue;
        };
        match until(next, came) {
            Ok(job) => {
                while let Some(finished) = queue.next().filter(|next| *next <= job.came) {
                    queue.finish(finished).answer();
                }
                queue.take(job);
            }
            Err(RecvTimeoutError::Timeout) => queue.finish(next).answer(),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Waits for a call until a time. It spins at the end, since sleeping alone is late by more than a
/// tenth of a millisecond.
fn until(then: Instant, came: &Receiver<Job>) -> Result<Job, RecvTimeoutError> {
    match came.recv_timeout(then.saturating_duration_since(Instant::now()).saturating_sub(EARLY)) {
        Err(RecvTimeoutError::Timeout) => {}
        other => return other,
    }
    while Instant::now() < then {
        if let Ok(job) = came.try_recv() {
            return Ok(job);
        }
        std::hint::spin_loop();
    }
    Err(RecvTimeoutError::Timeout)
}

/// The order in which calls inside finish.
trait Discipline {
    fn take(&mut self, job: Job);

    /// Returns when the next call finishes if no other arrives before.
    fn next(&self) -> Option<Instant>;

    /// Removes that call.
    fn finish(&mut self, at: Instant) -> Job;
}

/// Workers with one line, by the time at which each is free.
struct Line {
    free: Vec<Instant>,
    busy: Vec<(Instant, Job)>,
}

impl Discipline for Line {
    fn take(&mut self, job: Job) {
        let worker = self.free.iter_mut().min().expect("a worker");
        *worker = job.came.max(*worker) + job.demand;
        self.busy.push((*worker, job));
    }

    fn next(&self) -> Option<Instant> {
        self.busy.iter().map(|(finish, _)| *finish).min()
    }

    fn finish(&mut self, at: Instant) -> Job {
        let place = self.busy.iter().position(|(finish, _)| *finish == at).expect("one of them");
        self.busy.swap_remove(place).1
    }
}

/// Calls that share the capacity equally, none faster than one worker; with the remaining seconds
/// of each.
struct Shared {
    capacity: f64,
    running: Vec<(f64, Job)>,
    /// Time at which the remaining seconds were updated.
    last: Instant,
}

impl Shared {
    fn rate(&self) -> f64 {
        (self.capacity / self.running.len().max(1) as f64).min(1.0)
    }

    fn work_until(&mut self, then: Instant) {
        let done = then.saturating_duration_since(self.last).as_secs_f64() * self.rate();
        self.running.iter_mut().for_each(|(left, _)| *left -= done);
        self.last = self.last.max(then);
    }
}

impl Discipline for Shared {
    fn take(&mut self, job: Job) {
        self.work_until(job.came);
        self.running.push((job.demand.as_secs_f64(), job));
    }

    fn next(&self) -> Option<Instant> {
        let least = self.running.iter().map(|(left, _)| *left).min_by(f64::total_cmp)?;
        Some(self.last + Duration::from_secs_f64(least.max(0.0) / self.rate()))
    }

    fn finish(&mut self, at: Instant) -> Job {
        self.work_until(at);
        let lefts = self.running.iter().map(|(left, _)| *left).enumerate();
        let (place, _) = lefts.min_by(|one, other| one.1.total_cmp(&other.1)).expect("one of them");
        self.running.swap_remove(place).1
    }
}

/// Standard deviation of the logarithms of demands.
const SIGMA: f64 = 0.5;
/// Number of demands that together have the exact mean: at 80 % of the capacity, demands that are 1
/// % higher by chance make calls 5 % slower.
const BATCH: usize = 500;
/// Time by which a thread wakes early, to spin for the rest.
const EARLY: Duration = Duration::from_micros(120);
