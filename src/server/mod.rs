//! A server: its sockets bound, its planes started, and its end in order.
//!
//! One thread accepts, one answers the admin API, and each worker thread owns its connections from accept to close.

mod worker;

use std::fmt;
use std::io;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use self::worker::Worker;
use crate::admin::{self, Control, Vitals};
use crate::config::{Config, Listener};
use crate::defect::{self, Defect};
use crate::listen::{self, Connections, tls};
use crate::live::Live;
use crate::live::handover;
use crate::live::journal::Journal;
use crate::live::misses;
use crate::pace::audit::{Audit, Snapshot};
use crate::pace::draws::Draws;
use crate::reload::{self, Reload, Set, Status, Tell};
use crate::shutdown::Drain;
use crate::stub::load::Service;

/// How long the admin API may take to finish once no worker is left.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Between two switches of a timeline.
const SHORTEST_STEP: Duration = Duration::from_millis(1);

/// A server whose sockets are bound and whose stubs are loaded, before its first call.
pub struct Server {
    config: Config,
    bound: Vec<Bound>,
    admin: Option<TcpListener>,
    tls: Option<TlsAcceptor>,
    sets: Vec<Set>,
    warnings: Vec<Defect>,
    tell: Tell,
}

/// A listening socket, and whose calls it takes.
#[derive(Debug)]
struct Bound {
    listener: Listener,
    socket: TcpListener,
    live: usize,
}

/// Where a server listens, and for what.
#[derive(Clone, Debug)]
pub struct Address {
    /// With the port that it got.
    pub listener: Listener,
    /// How many stubs answer there.
    pub stubs: usize,
    /// The profile that they are served with.
    pub profile: Option<String>,
}

/// A server that runs. It ends when this is dropped.
#[derive(Debug)]
pub struct Handle {
    addresses: Vec<Address>,
    audits: Vec<Arc<Audit>>,
    lives: Vec<Arc<Live>>,
    reload: Reload,
    grace: Duration,
    stop: Option<oneshot::Sender<Duration>>,
    threads: Vec<JoinHandle<()>>,
    drained: Option<JoinHandle<bool>>,
}

/// Why a server cannot start.
#[derive(Debug)]
pub enum StartError {
    /// A socket cannot be bound.
    Bind {
        /// Which.
        listener: String,
        /// Why.
        source: io::Error,
    },
    /// The configuration contradicts itself or the folder; what, and how to mend it.
    Config(String),
    /// The stubs are broken; none are served.
    Stubs(Vec<Defect>),
    /// A thread cannot be started.
    Thread(io::Error),
    /// The certificate cannot be used.
    Tls(tls::TlsError),
}

impl fmt::Display for StartError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind { listener, source } if source.kind() == io::ErrorKind::AddrInUse => {
                write!(
                    out,
                    "cannot listen on {listener}: it is taken; end what listens there, or give another --listen"
                )
            }
            Self::Bind { listener, .. } => write!(out, "cannot listen on {listener}"),
            Self::Config(what) => out.write_str(what),
            Self::Stubs(defects) => {
                let errors = defects.iter().filter(|defect| defect.is_error()).count();
                write!(out, "{errors} defect(s) in the stubs; none are served")
            }
            Self::Thread(_) => out.write_str("cannot start a thread"),
            Self::Tls(error) => error.fmt(out),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Bind { source, .. } | Self::Thread(source) => Some(source),
            Self::Tls(error) => error.source(),
            Self::Config(_) | Self::Stubs(_) => None,
        }
    }
}

impl Server {
    /// Loads the stubs and binds the sockets; no call is taken yet.
    pub fn bind(config: Config) -> Result<Self, StartError> {
        let services = config.root.as_deref().map(services).transpose()?;
        let (sets, places, warnings) = assign(&config, services.as_deref().unwrap_or_default())?;
        let mut bound = Vec::with_capacity(config.listeners.len());
        for (listener, live) in config.listeners.iter().zip(places) {
            let failed = |source| StartError::Bind { listener: listener.to_string(), source };
            let socket = listen::bind(listener.address).map_err(failed)?;
            let address = socket.local_addr().map_err(failed)?;
            bound.push(Bound { listener: Listener { address, ..listener.clone() }, socket, live });
        }
        let admin = config
            .admin_listener
            .map(|address| {
                listen::bind(address)
                    .map_err(|source| StartError::Bind { listener: format!("http://{address}"), source })
            })
            .transpose()?;
        let wants_tls = config.listeners.iter().any(|listener| listener.tls);
        let tls = wants_tls.then(|| tls::acceptor(&config.certificate)).transpose().map_err(StartError::Tls)?;
        Ok(Self { config, bound, admin, tls, sets, warnings, tell: Box::new(reload::log) })
    }

    /// Where calls will be answered.
    pub fn addresses(&self) -> Vec<Address> {
        self.bound
            .iter()
            .map(|bound| {
                let live = self.live(bound);
                let profile = live.pacing().active().map(|active| active.name.clone());
                Address { listener: bound.listener.clone(), stubs: live.catalog().len(), profile }
            })
            .collect()
    }

    /// Where the admin API will be answered apart from the calls.
    pub fn admin_address(&self) -> Option<std::net::SocketAddr> {
        self.admin.as_ref().and_then(|socket| socket.local_addr().ok())
    }

    /// What was odd in the stubs, though they can be served.
    pub fn warnings(&self) -> &[Defect] {
        &self.warnings
    }

    /// Hears of each reload that failed or changed something, in place of the log. It is called on the thread that
    /// reloads.
    pub fn on_reload(&mut self, tell: impl FnMut(&Status) + Send + 'static) {
        self.tell = Box::new(tell);
    }

    fn live(&self, bound: &Bound) -> &Arc<Live> {
        self.sets[bound.live].live()
    }

    /// Starts answering.
    pub fn start(self) -> Result<Handle, StartError> {
        let addresses = self.addresses();
        let connections = Arc::new(Connections::new(self.config.workers, self.config.max_connections));
        let serving = Arc::new(Drain::default());
        let accepting = Drain::default();
        let (quit, _) = watch::channel(false);
        let (control, calls) = mpsc::channel(handover::WAITING);
        let audits: Vec<_> = (0..self.config.workers).map(|_| Arc::new(Audit::default())).collect();
        let listeners: Arc<[(Listener, Arc<Live>)]> =
            self.bound.iter().map(|bound| (bound.listener.clone(), Arc::clone(self.live(bound)))).collect();

        let (misses, investigation) = misses::misses(self.config.serves_files, self.config.watches);
        let mut threads = vec![spawn("standin-misses".to_owned(), || investigation.run())?];
        let mut workers = Vec::new();
        for (number, audit) in audits.iter().enumerate() {
            let (sender, accepted) = mpsc::unbounded_channel();
            workers.push(sender);
            let worker = Worker {
                listeners: Arc::clone(&listeners),
                tls: self.tls.clone(),
                limits: self.config.limits,
                audit: Arc::clone(audit),
                serving: Arc::clone(&serving),
                seed: self.config.seed,
                number,
                precision: self.config.precision,
                misses: misses.clone(),
                control: control.clone(),
                forward: self.config.forward.clone(),
            };
            let quit = quit.subscribe();
            threads.push(spawn(format!("standin-worker-{number}"), move || worker.run(accepted, quit))?);
        }

        drop(misses);

        let sockets: Vec<TcpListener> = self.bound.into_iter().map(|bound| bound.socket).collect();
        let (accept_work, accept_connections) = (accepting.work(), Arc::clone(&connections));
        let accept = async move {
            let mut accepts = JoinSet::new();
            for (number, socket) in sockets.into_iter().enumerate() {
                let connections = Arc::clone(&accept_connections);
                accepts.spawn(listen::accept(socket, number, connections, workers.clone(), accept_work.clone()));
            }
            drop((workers, accept_work));
            accepts.join_all().await;
        };
        threads.push(spawn("standin-accept".to_owned(), || run(Builder::new_current_thread(), accept))?);

        let (end, mut ending) = mpsc::channel(1);
        let lives: Vec<_> = self.sets.iter().map(|set| Arc::clone(set.live())).collect();
        let served = lives.clone();
        let (reload, reloading) =
            Reload::start(self.sets, self.warnings, self.config.watches, self.tell).map_err(StartError::Thread)?;
        threads.push(reloading);
        let context = Arc::new(Control {
            reload: reload.clone(),
            access: self.config.access,
            lives: lives.clone(),
            vitals: Vitals { audits: audits.clone(), connections },
            started: Instant::now(),
            allows_disk_delete: self.config.allows_disk_delete,
            max_body: self.config.max_admin_body,
            end,
        });
        let apart = self.admin.map(|socket| {
            worker::serve_admin(socket, Arc::clone(&lives[0]), self.config.limits, control.clone(), accepting.work())
        });
        drop(control);
        let (stop, stopped) = oneshot::channel();
        let (asked, asked_grace) = (reload.clone(), self.config.grace);
        let drained = spawn("standin-control".to_owned(), move || {
            run(Builder::new_current_thread(), async move {
                let admin = tokio::spawn(admin::serve(calls, context));
                let apart = apart.map(tokio::spawn);
                keep_times(&lives);
                let compacting = tokio::spawn(compact(lives));
                let grace = tokio::select! {
                    grace = stopped => grace.unwrap_or_default(),
                    Some(()) = ending.recv() => asked_grace,
                };
                accepting.begin();
                serving.begin();
                let drained = serving.finished(grace).await;
                quit.send_replace(true);
                compacting.abort();
                reload.stop();
                // the admin API goes last, so that it can tell of the end; the workers hold the ways to it
                if let Some(apart) = apart {
                    apart.abort();
                }
                let _ = tokio::time::timeout(LAST_WORDS, admin).await;
                drained
            })
        })?;
        Ok(Handle {
            addresses,
            audits,
            lives: served,
            reload: asked,
            grace: self.config.grace,
            stop: Some(stop),
            threads,
            drained: Some(drained),
        })
    }
}

impl Handle {
    /// Where calls are answered.
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// The stubs that it serves, and what came: one for each set of stubs.
    pub(crate) fn lives(&self) -> &[Arc<Live>] {
        &self.lives
    }

    /// Stubs, scenarios and draws as the files have them; `None` if it has ended.
    pub(crate) fn reset(&self, live: &Arc<Live>) -> Option<Arc<Status>> {
        self.reload.reset_blocking(live)
    }

    /// How late its own answers were, and the seconds in which it was too slow to be believed.
    pub fn audit(&self) -> Snapshot {
        Snapshot::of(&self.audits)
    }

    /// Whether it has ended by itself, as a client of the admin API asked it to.
    pub fn has_ended(&self) -> bool {
        self.drained.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Stops accepting, finishes the calls in flight within the grace period, and ends; blocks until then.
    /// Returns whether all calls were finished.
    pub fn shut_down(mut self) -> bool {
        let grace = self.grace;
        self.end(grace)
    }

    fn end(&mut self, grace: Duration) -> bool {
        if let Some(stop) = self.stop.take() {
            // an error means that the control plane has ended already
            let _ = stop.send(grace);
        }
        let drained = self.drained.take().is_none_or(|control| control.join().unwrap_or(false));
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
        drained
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.end(Duration::ZERO);
    }
}

/// Puts edited catalogs into one layer once edits have ceased.
async fn compact(lives: Vec<Arc<Live>>) {
    let mut every = tokio::time::interval(Duration::from_millis(500));
    loop {
        every.tick().await;
        for live in &lives {
            live.compact_if_quiet();
            if let Some(evicted) = live.journal().first_eviction() {
                tracing::warn!(
                    evicted,
                    "the journal is full: the oldest calls leave it; raise --journal-bytes to keep more"
                );
            }
        }
    }
}

/// Goes from step to step of the timelines of each service.
fn keep_times(lives: &[Arc<Live>]) {
    for live in lives {
        tokio::spawn(keep_time(Arc::clone(live)));
    }
}

/// Goes from step to step of timelines.
async fn keep_time(live: Arc<Live>) {
    loop {
        let next = live.pacing().keep_time(Instant::now());
        let changed = live.pacing().changed();
        match next {
            // steps that are shorter than that follow each other as fast as they may
            Some(next) => {
                tokio::select! {
                    () = tokio::time::sleep_until(next.max(Instant::now() + SHORTEST_STEP).into()) => {}
                    () = changed => {}
                }
            }
            None => changed.await,
        }
    }
}

fn spawn<T: Send + 'static>(
    name: String,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, StartError> {
    std::thread::Builder::new().name(name).spawn(work).map_err(StartError::Thread)
}

/// Runs a future on a runtime of this thread.
fn run<T>(mut builder: Builder, future: impl Future<Output = T>) -> T {
    let runtime = builder.enable_all().build().expect("a runtime needs no more than file descriptors");
    let result = runtime.block_on(future);
    // blocking reads that hang must not hold up the end
    runtime.shutdown_background();
    result
}

/// The services of a folder, which must have some.
fn services(root: &Path) -> Result<Vec<Service>, StartError> {
    let services = Service::all(root).map_err(|error| {
        StartError::Config(format!(
            "cannot read the stub folder `{}`: {error}; give a folder that has `mappings/`",
            root.display()
        ))
    })?;
    if services.is_empty() {
        let root = root.display();
        return Err(StartError::Config(format!(
            "`{root}` has no stubs: neither it nor a folder in it has `mappings/`; create `{root}/mappings`"
        )));
    }
    Ok(services)
}

/// Which stubs each listener answers with: a named one those of its service, the others all that are left.
#[allow(clippy::type_complexity)] // three lists that the one caller takes apart at once
fn assign(config: &Config, services: &[Service]) -> Result<(Vec<Set>, Vec<usize>, Vec<Defect>), StartError> {
    let names = || services.iter().map(|service| service.name.as_str()).collect::<Vec<_>>().join(", ");
    let mut groups: Vec<(Option<&str>, Vec<Service>)> = Vec::new();
    let mut places = Vec::new();
    for listener in &config.listeners {
        let name = listener.service.as_deref();
        if let Some(name) = name
            && !services.iter().any(|service| service.name == name)
        {
            return Err(StartError::Config(format!(
                "--listen {name}=…: there is no service `{name}`; there are: {}",
                names()
            )));
        }
        let place = groups.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
            groups.push((name, Vec::new()));
            groups.len() - 1
        });
        places.push(place);
    }
    let named: Vec<&str> = groups.iter().filter_map(|(name, _)| *name).collect();
    for service in services {
        let own = groups.iter().position(|(name, _)| *name == Some(service.name.as_str()));
        let place = own.or_else(|| groups.iter().position(|(name, _)| name.is_none()));
        let Some(place) = place else {
            return Err(StartError::Config(format!(
                "no --listen serves `{}`; add --listen {}=ADDRESS, or one without a name for all but {}",
                service.name,
                service.name,
                named.join(", ")
            )));
        };
        groups[place].1.push(service.clone());
    }
    let mut defects = Vec::new();
    let share = config.journal_bytes / groups.len().max(1);
    let mut sets = Vec::new();
    for (_, services) in groups {
        let journal = Journal::new(share, config.workers);
        let (set, found) = Set::load(services, journal, config.workers);
        sets.push(set);
        defects.extend(found);
    }
    if defects.iter().any(Defect::is_error) {
        return Err(StartError::Stubs(defects));
    }
    for set in &sets {
        set.live().pacing().draw_stalls_from(Draws::new(config.seed));
    }
    if let Some(name) = &config.profile {
        activate(name, &sets)?;
    }
    Ok((sets, places, defects))
}

/// Puts a profile in force wherever there is one of its name; says where there is none.
fn activate(name: &str, sets: &[Set]) -> Result<(), StartError> {
    let mut available: Vec<String> = sets.iter().flat_map(|set| set.live().pacing().names()).collect();
    available.sort();
    available.dedup();
    let mut applies = false;
    let mut lacking = Vec::new();
    for set in sets {
        let live = set.live();
        applies |= live.pacing().activate(Some(name)).is_ok();
        let folders = live.pacing().lacking(name);
        lacking.extend(folders.into_iter().map(|folder| live.services()[folder].name.clone()));
    }
    if !applies {
        let mend = match defect::nearest(name, &available.iter().map(String::as_str).collect::<Vec<_>>()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if available.is_empty() => "there are none; put one into `profiles/`".to_owned(),
            None => format!("there are: {}", available.join(", ")),
        };
        return Err(StartError::Config(format!("--profile {name}: there is no such profile; {mend}")));
    }
    if !lacking.is_empty() {
        tracing::warn!(
            profile = name,
            services = lacking.join(", "),
            "no such profile there: their calls are not paced"
        );
    }
    Ok(())
}
