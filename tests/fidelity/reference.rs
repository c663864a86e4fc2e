//! Services whose queue is known, of plain threads and sockets: nothing of standin's stations is used.

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
    /// So many workers take calls from one line.
    Fifo(usize),
    /// All calls progress at once, each as fast as alone while there are no more of them than this.
    Sharing(usize),
}

/// A kind of calls: its first path segment, its share of all, and the demand for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) share: f64,
    /// Milliseconds.
    pub(crate) mean: f64,
}

/// What the references are asked.
pub(crate) const KINDS: [Kind; 2] =
    [Kind { name: "fast", share: 0.7, mean: 8.0 }, Kind { name: "slow", share: 0.3, mean: 20.0 }];

/// The spread of demands: the standard deviation of their logarithms.
const SIGMA: f64 = 0.5;

/// Calls a second at which a service of this many workers saturates.
pub(crate) fn capacity(workers: usize) -> f64 {
    let mean: f64 = KINDS.iter().map(|kind| kind.share * kind.mean).sum();
    workers as f64 * 1_000.0 / mean
}

/// A call that came, and where its answer goes.
struct Job {
    demand: Duration,
    stream: TcpStream,
}

impl Job {
    fn answer(mut self) {
        // a client that has gone needs none
        let _ = self.stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
}

/// Starts a service that lives as long as the process.
pub(crate) fn start(queue: Queue, seed: u64) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let (jobs, taken) = mpsc::channel();
    match queue {
        Queue::Fifo(workers) => {
            let taken = Arc::new(Mutex::new(taken));
            for _ in 0..workers {
                let taken = Arc::clone(&taken);
                thread::spawn(move || work(&taken));
            }
        }
        Queue::Sharing(capacity) => {
            thread::spawn(move || share(&taken, capacity as f64));
        }
    }
    let draws: HashMap<_, _> = KINDS.iter().map(|kind| (kind.name, demands(kind))).collect();
    let draws = Arc::new((Mutex::new(StdRng::seed_from_u64(seed)), draws));
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (jobs, draws) = (jobs.clone(), Arc::clone(&draws));
            thread::spawn(move || hear(&stream, &jobs, &draws));
        }
    });
    address
}

/// A log-normal distribution of this mean, in milliseconds.
fn demands(kind: &Kind) -> LogNormal<f64> {
    LogNormal::new(kind.mean.ln() - SIGMA * SIGMA / 2.0, SIGMA).expect("a positive spread")
}

type Draws = (Mutex<StdRng>, HashMap<&'static str, LogNormal<f64>>);

/// Reads calls off a connection.
fn hear(stream: &TcpStream, jobs: &Sender<Job>, draws: &Draws) {
    stream.set_nodelay(true).expect("no delay");
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let name = head.split('/').nth(1).unwrap_or_default();
        let demand = draws.1[name].sample(&mut *draws.0.lock().expect("no panic"));
        let job =
            Job { demand: Duration::from_secs_f64(demand / 1e3), stream: stream.try_clone().expect("a second handle") };
        if jobs.send(job).is_err() {
            return;
        }
    }
}

/// A worker: one call after the other, busy as long as each demands.
fn work(jobs: &Mutex<Receiver<Job>>) {
    loop {
        let job = jobs.lock().expect("no panic").recv();
        let Ok(job) = job else { return };
        until(Instant::now() + job.demand);
        job.answer();
    }
}

/// Wakes in time: sleeping alone is late by more than a tenth of a millisecond.
fn until(end: Instant) {
    thread::sleep(end.saturating_duration_since(Instant::now()).saturating_sub(EARLY));
    while Instant::now() < end {
        std::hint::spin_loop();
    }
}

/// Gives all calls the same part of the capacity, and none more than one worker can do.
fn share(jobs: &Receiver<Job>, capacity: f64) {
    let mut running: Vec<(f64, Job)> = Vec::new();
    let mut last = Instant::now();
    loop {
        let rate = (capacity / running.len().max(1) as f64).min(1.0);
        let least = running.iter().map(|(left, _)| *left).min_by(f64::total_cmp);
        let next = least.map(|left| last + Duration::from_secs_f64(left.max(0.0) / rate));
        let came = match next {
            None => match jobs.recv() {
                Ok(job) => Some(job),
                Err(_) => return,
            },
            Some(next) => match jobs.recv_timeout(next.saturating_duration_since(Instant::now()).saturating_sub(EARLY))
            {
                Ok(job) => Some(job),
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => loop {
                    if let Ok(job) = jobs.try_recv() {
                        break Some(job);
                    }
                    if Instant::now() >= next {
                        break None;
                    }
                },
            },
        };
        let now = Instant::now();
        let done = (now - last).as_secs_f64() * rate;
        last = now;
        for (left, _) in &mut running {
            *left -= done;
        }
        let mut place = 0;
        while place < running.len() {
            if running[place].0 <= 0.0 {
                running.swap_remove(place).1.answer();
            } else {
                place += 1;
            }
        }
        running.extend(came.map(|job| (job.demand.as_secs_f64(), job)));
    }
}

/// How much earlier a thread wakes, to spin for the rest.
const EARLY: Duration = Duration::from_micros(120);
