//! Hot reload: watch, settle, load, swap. A defect keeps the whole last good set, and is told.
//!
//! It has a thread of its own, of low priority: files are read there, catalogs are compiled there, and old ones are
//! dropped there.

mod set;
mod status;
mod watch;

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;
use tokio::sync::oneshot;

pub use self::set::Set;
pub use self::status::{Status, Watching};
use self::watch::{Bell, Watch};
use crate::defect::Defect;
use crate::live::Live;
use crate::stub::catalog::Catalog;
use crate::stub::walk::Tree;

/// Asks for reloads, and tells how they fare.
#[derive(Clone, Debug)]
pub struct Reload {
    sender: Sender<Message>,
    status: Arc<ArcSwap<Status>>,
}

/// Hears of each attempt that failed or changed something.
pub type Tell = Box<dyn FnMut(&Status) + Send>;

/// What the thread is told.
#[derive(Debug)]
enum Message {
    /// Something has happened in a folder that is watched.
    Touched,
    /// Someone wants a reload now, of everything that `reset` names if it names a set.
    Ask {
        reset: Option<Arc<Live>>,
        answer: oneshot::Sender<Arc<Status>>,
    },
    Stop,
}

impl Reload {
    /// Starts reloading these sets, on changes of their files if `watches`. `defects` are those of the first reading.
    pub fn start(
        sets: Vec<Set>,
        defects: Vec<Defect>,
        watches: bool,
        tell: Tell,
    ) -> io::Result<(Self, JoinHandle<()>)> {
        let status = Status {
            watch: if watches { Watching::Polling } else { Watching::Off },
            failed: false,
            generation: 1,
            loaded_at: SystemTime::now(),
            took: Duration::ZERO,
            files: sets.iter().map(Set::files).sum(),
            reread: 0,
            stubs: sets.iter().map(Set::stubs).sum(),
            successes: 0,
            failures: 0,
            defects,
        };
        let (sender, receiver) = mpsc::channel();
        let status = Arc::new(ArcSwap::from_pointee(status));
        let reloader = Reloader {
            sets,
            bell: Bell::new(sender.clone()),
            watch: None,
            receiver,
            status: Arc::clone(&status),
            tell,
            graves: Vec::new(),
            cost: Duration::ZERO,
            deferred: None,
        };
        let thread =
            std::thread::Builder::new().name("standin-reload".to_owned()).spawn(move || reloader.run(watches))?;
        Ok((Self { sender, status }, thread))
    }

    /// How reloading fares.
    pub fn status(&self) -> Arc<Status> {
        self.status.load_full()
    }

    /// Reads what has changed now, whether or not anyone watches; `None` if the server goes down.
    pub async fn again(&self) -> Option<Arc<Status>> {
        self.ask(None).await
    }

    /// Reads what has changed now, and drops what came to `live` through the API and is in no file. With defects, nothing
    /// changes. `None` if the server goes down.
    pub async fn reset(&self, live: &Arc<Live>) -> Option<Arc<Status>> {
        self.ask(Some(Arc::clone(live))).await
    }

    /// Ends it, after what it is at.
    pub fn stop(&self) {
        // an error means that it has ended
        let _ = self.sender.send(Message::Stop);
    }

    async fn ask(&self, reset: Option<Arc<Live>>) -> Option<Arc<Status>> {
        let (answer, answered) = oneshot::channel();
        self.sender.send(Message::Ask { reset, answer }).ok()?;
        answered.await.ok()
    }
}

/// Logs an attempt that failed; for who does not care to draw.
pub fn log(status: &Status) {
    for defect in status.defects.iter().filter(|defect| status.failed && defect.is_error()) {
        tracing::error!("{defect}");
    }
    if status.failed {
        tracing::error!(stubs = status.stubs, "the stubs cannot be reloaded; the last good set stays");
    }
}

/// The thread's own.
struct Reloader {
    sets: Vec<Set>,
    bell: Bell,
    watch: Option<Watch>,
    receiver: Receiver<Message>,
    status: Arc<ArcSwap<Status>>,
    tell: Tell,
    /// Catalogs that calls may still read.
    graves: Vec<Arc<Catalog>>,
    /// How long the last look took.
    cost: Duration,
    /// What came in while the folder settled.
    deferred: Option<Message>,
}

/// How the files of each set stand.
type Trees = Vec<Vec<Tree>>;

impl Reloader {
    fn run(mut self, watches: bool) {
        // parsing gives way to answering; where that is not allowed, it does not
        let _ = rustix::process::nice(NICENESS);
        if watches {
            self.begin_watch();
            // what has changed since the start
            self.look(false);
        }
        let mut next = Instant::now() + self.pause();
        loop {
            let wait = if watches { next.saturating_duration_since(Instant::now()) } else { LONG };
            let wait = if self.graves.is_empty() { wait } else { wait.min(GRAVE_CARE) };
            let message = match self.deferred.take() {
                Some(message) => Ok(message),
                None => self.receiver.recv_timeout(wait),
            };
            match message {
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(Message::Ask { reset, answer }) => {
                    let status = self.obey(reset.as_ref());
                    // whoever asked may have gone
                    let _ = answer.send(status);
                }
                Ok(Message::Touched) => {
                    self.bell.heard();
                    self.look(true);
                }
                Err(RecvTimeoutError::Timeout) if watches && Instant::now() >= next => self.look(false),
                Err(RecvTimeoutError::Timeout) => {
                    self.bury();
                    continue;
                }
            }
            self.bury();
            next = Instant::now() + self.pause();
        }
    }

    /// Drops the catalogs that nobody reads any more.
    fn bury(&mut self) {
        self.graves.retain(|catalog| Arc::strong_count(catalog) > 1);
    }

    fn begin_watch(&mut self) {
        match Watch::new(self.bell.clone()) {
            Ok(watch) => {
                self.watch = Some(watch);
                self.set_watching(Watching::Events);
                self.cover();
            }
            Err(error) => self.poll_from_now_on(&error),
        }
    }

    /// Sees to folders that were made anew.
    fn cover(&mut self) {
        let Some(watch) = &mut self.watch else { return };
        let services = self.sets.iter().flat_map(Set::services);
        if let Err(error) = watch.cover(services, &self.bell) {
            self.watch = None;
            self.poll_from_now_on(&error);
        }
    }

    fn poll_from_now_on(&mut self, error: &notify::Error) {
        tracing::warn!(
            %error,
            "the stub folder cannot be watched and is looked at now and then instead; raise fs.inotify.max_user_watches and \
             max_user_instances, or give --no-watch"
        );
        self.set_watching(Watching::Polling);
    }

    fn set_watching(&self, watch: Watching) {
        self.status.store(Arc::new(Status { watch, ..Status::clone(&self.status.load()) }));
    }

    /// Until the next look, if nothing happens before: so long that looking takes a small part of one core.
    fn pause(&self) -> Duration {
        let gone = self.sets.iter().any(|set| set.defects().iter().any(|defect| defect.place.is_none()));
        let (least, share) = match (&self.watch, gone) {
            (Some(_), false) => (Duration::from_secs(2), 200),
            (None, false) => (Duration::from_millis(500), 50),
            // a folder that cannot be read may come back any time
            (_, true) => (Duration::from_millis(250), 50),
        };
        least.max(self.cost * share)
    }

    fn walk(&mut self) -> Trees {
        let begun = Instant::now();
        let trees = self.sets.iter().map(Set::walk).collect();
        self.cost = begun.elapsed();
        trees
    }

    fn is_current(&self, trees: &Trees) -> bool {
        self.sets.iter().zip(trees).all(|(set, trees)| set.is_current(trees))
    }

    /// Looks whether anything has changed, and if so loads it once it has settled.
    fn look(&mut self, told: bool) {
        let begun = Instant::now();
        self.sets.iter_mut().for_each(Set::begin);
        self.cover();
        let mut trees = self.walk();
        let (current, fresh) = (self.is_current(&trees), self.sets.iter().any(Set::is_fresh));
        if current && !fresh {
            self.sets.iter_mut().for_each(Set::give_up);
            if told {
                // something beside our files is written all the time
                std::thread::sleep((self.cost * 10).min(LONGEST / 4));
            }
            return;
        }
        if !current || told {
            trees = self.settled(trees);
        }
        let mut doubts = true;
        loop {
            self.read(trees);
            if begun.elapsed() > LONGEST * 3 || self.deferred.is_some() {
                break;
            }
            // an editor may be half-way through a file
            if doubts && self.failed() && self.sets.iter().any(Set::has_changed) {
                doubts = false;
                self.is_quiet(DOUBT);
            }
            // what changed while it was read may have been read by halves
            trees = self.walk();
            if self.is_current(&trees) {
                break;
            }
            trees = self.settled(trees);
        }
        if current {
            // only the bytes were looked at
            self.cost = self.cost.max(begun.elapsed() / 4);
        }
        self.conclude(begun, false, None);
    }

    /// Does at once what someone asks for.
    fn obey(&mut self, reset: Option<&Arc<Live>>) -> Arc<Status> {
        let begun = Instant::now();
        self.sets.iter_mut().for_each(Set::begin);
        if self.watch.is_some() {
            self.cover();
        }
        loop {
            let trees = self.walk();
            self.read(trees);
            let now = self.walk();
            if self.is_current(&now) || begun.elapsed() > LONGEST {
                break;
            }
        }
        self.conclude(begun, true, reset);
        self.status.load_full()
    }

    fn read(&mut self, trees: Trees) {
        for (set, trees) in self.sets.iter_mut().zip(trees) {
            set.read(trees);
        }
    }

    fn failed(&self) -> bool {
        self.sets.iter().any(|set| set.defects().iter().any(Defect::is_error))
    }

    /// How the files stand once nothing has happened for a while, or when that takes too long.
    fn settled(&mut self, mut trees: Trees) -> Trees {
        let begun = Instant::now();
        loop {
            let quiet = self.is_quiet(QUIET);
            self.cover();
            let now = self.walk();
            if quiet && now == trees || begun.elapsed() > LONGEST || self.deferred.is_some() {
                return now;
            }
            trees = now;
        }
    }

    /// Waits; whether nothing happened meanwhile. What is asked for ends the wait, and is done afterwards.
    fn is_quiet(&mut self, time: Duration) -> bool {
        let end = Instant::now() + time;
        let mut quiet = true;
        while self.deferred.is_none() {
            match self.receiver.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(Message::Touched) => {
                    self.bell.heard();
                    quiet = false;
                    // told once in a while is enough
                    std::thread::sleep(BREATH);
                }
                Ok(message) => self.deferred = Some(message),
                Err(_) => break,
            }
        }
        quiet
    }

    /// Puts in force what was read, or says why not.
    fn conclude(&mut self, begun: Instant, asked: bool, reset: Option<&Arc<Live>>) {
        let last = self.status.load_full();
        let mut changed = false;
        let mut reread = 0;
        for set in &mut self.sets {
            changed |= set.take_changed();
            reread += set.take_reread();
        }
        let failed = self.failed();
        let mut swapped = false;
        for set in &mut self.sets {
            if failed {
                set.give_up();
                continue;
            }
            let is_reset = reset.is_some_and(|live| Arc::ptr_eq(live, set.live()));
            let swap = if is_reset { set.replace() } else { set.merge() };
            swapped |= swap.changed;
            self.graves.extend(swap.old);
        }
        let defects: Vec<_> = self.sets.iter().flat_map(|set| set.defects().iter().cloned()).collect();
        let visible =
            if failed { changed || !last.failed } else { swapped || last.failed || changed && defects != last.defects };
        if !visible && !asked {
            return;
        }
        let status = Arc::new(Status {
            watch: last.watch,
            failed,
            generation: last.generation + u64::from(swapped),
            loaded_at: if failed { last.loaded_at } else { SystemTime::now() },
            took: begun.elapsed(),
            files: self.sets.iter().map(Set::files).sum(),
            reread,
            stubs: self.sets.iter().map(Set::stubs).sum(),
            successes: last.successes + u64::from(!failed),
            failures: last.failures + u64::from(failed),
            defects,
        });
        self.status.store(Arc::clone(&status));
        if !failed {
            let (generation, stubs, took) = (status.generation, status.stubs, status.took);
            tracing::info!(generation, stubs, files = status.files, reread, ?took, "stubs reloaded");
        }
        if visible || failed {
            (self.tell)(&status);
        }
    }
}

/// Nothing has happened for so long: whatever was at work is done.
const QUIET: Duration = Duration::from_millis(50);

/// Changes that go on and on are loaded after so long all the same.
const LONGEST: Duration = Duration::from_secs(1);

/// How long a file that looks broken may take to become whole before that is told.
const DOUBT: Duration = Duration::from_millis(200);

/// Between two messages of a flood.
const BREATH: Duration = Duration::from_millis(5);

/// How often it is seen whether an old catalog can be dropped.
const GRAVE_CARE: Duration = Duration::from_millis(100);

/// Nothing to wait for but what someone asks.
const LONG: Duration = Duration::from_secs(3600);

/// The priority of the thread below that of the workers.
const NICENESS: i32 = 10;
