//! The thread that reloads: it waits for changes and questions, lets changes settle, reads, and swaps.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;

use super::status::Health;
use super::watch::{Bell, Watch};
use super::{Message, Set, Status, Tell, Watching};
use crate::live::Live;
use crate::panics::{self, Panic, Panics, Part};
use standin_stub::catalog::Catalog;
use standin_stub::defect::Defect;
use standin_stub::walk::Tree;

/// What reloads.
pub(super) struct Reloader {
    sets: Vec<Set>,
    bell: Bell,
    watch: Option<Watch>,
    receiver: Receiver<Message>,
    status: Arc<ArcSwap<Status>>,
    health: Arc<Health>,
    tell: Tell,
    /// Catalogs that calls may still read.
    graves: Vec<Arc<Catalog>>,
    /// How long the last look took.
    cost: Duration,
    /// What came in while the folder settled.
    deferred: Option<Message>,
    panics: Arc<Panics>,
    /// Whether a reload was interrupted by a panic, so that the next one reads again.
    is_interrupted: bool,
}

/// How the files of each set stand.
type Trees = Vec<Vec<Tree>>;

impl Reloader {
    pub(super) fn new(
        sets: Vec<Set>,
        sender: Sender<Message>,
        receiver: Receiver<Message>,
        status: Arc<ArcSwap<Status>>,
        health: Arc<Health>,
        tell: Tell,
        panics: Arc<Panics>,
    ) -> Self {
        Self {
            sets,
            bell: Bell::new(sender),
            watch: None,
            receiver,
            status,
            health,
            tell,
            graves: Vec::new(),
            cost: Duration::ZERO,
            deferred: None,
            panics,
            is_interrupted: false,
        }
    }

    /// Reloads until it is told to stop; on changes of files if `watches`.
    pub(super) fn run(&mut self, watches: bool) {
        // parsing gives way to answering; where that is not allowed, it does not
        let _ = rustix::process::nice(NICENESS);
        if watches {
            self.work(|reloader| {
                reloader.begin_watch();
                // what has changed since the start
                reloader.look(false);
            });
        }
        let mut next = Instant::now() + self.pause();
        loop {
            panics::planted("reload-thread");
            let wait = if watches { next.saturating_duration_since(Instant::now()) } else { LONG };
            let wait = if self.graves.is_empty() { wait } else { wait.min(GRAVE_CARE) };
            let message = match self.deferred.take() {
                Some(message) => Ok(message),
                None => self.receiver.recv_timeout(wait),
            };
            match message {
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(Message::Ask { reset, answer }) => {
                    self.work(|reloader| reloader.obey(reset.as_ref()));
                    // whoever asked may have gone
                    let _ = answer.send(self.status.load_full());
                }
                Ok(Message::Touched) => {
                    self.bell.heard();
                    self.work(|reloader| reloader.look(true));
                }
                Err(RecvTimeoutError::Timeout) if watches && Instant::now() >= next => {
                    self.work(|reloader| reloader.look(false));
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.bury();
                    continue;
                }
            }
            self.bury();
            next = Instant::now() + self.pause();
        }
    }

    /// Does a piece of work. A panic fails that work alone, and the status says so; the last good set stays in force.
    fn work(&mut self, work: impl FnOnce(&mut Self)) {
        let panics = Arc::clone(&self.panics);
        self.health.set_working(true);
        let done = panics.catch(Part::Reload, || work(self));
        self.health.set_working(false);
        if let Err(panic) = done {
            self.interrupted(&panic);
        }
    }

    /// Keeps what is in force after a panic, and has the next look read everything again.
    fn interrupted(&mut self, panic: &Panic) {
        self.is_interrupted = true;
        self.sets.iter_mut().for_each(Set::interrupted);
        let last = self.status.load_full();
        let message = format!("standin failed while it read the stub folder: {panic}");
        let defect =
            Defect::error(message).help("the last good set stays; report this with the files that changed last");
        let failures = last.failures + 1;
        let status = Arc::new(Status { failed: true, failures, defects: vec![defect], ..Status::clone(&last) });
        self.status.store(Arc::clone(&status));
        if !last.failed {
            (self.tell)(&status);
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
        let gone = self.sets.iter().any(|set| set.defects().any(|defect| defect.place.is_none()));
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
        if current && !fresh && !self.is_interrupted {
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
    fn obey(&mut self, reset: Option<&Arc<Live>>) {
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
    }

    fn read(&mut self, trees: Trees) {
        panics::planted("reload");
        for (set, trees) in self.sets.iter_mut().zip(trees) {
            set.read(trees);
        }
    }

    fn failed(&self) -> bool {
        self.sets.iter().any(|set| set.defects().any(Defect::is_error))
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
        self.is_interrupted = false;
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
        let defects: Vec<_> = self.sets.iter().flat_map(Set::defects).cloned().collect();
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
            busy: Duration::ZERO,
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

/// The priority of the thread below that of the workers: the lowest, so that a worker that wakes takes its core at once. With 10, a
/// reload of 10,000 stubs raised the p99 of calls beside it from 0.15 to 3 ms on two cores.
const NICENESS: i32 = 19;
