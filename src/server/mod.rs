//! A server: its sockets bound, its planes started, and its end in order.
//!
//! One thread accepts, one answers the admin API, and each worker thread owns its connections from accept to close.

mod accept;
mod assignment;
mod control;
mod upkeep;
mod worker;

use std::fmt;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_rustls::TlsAcceptor;

use self::accept::AcceptThread;
use self::assignment::Assignment;
use self::control::ControlThread;
use self::worker::Worker;
use crate::admin::{Control, Vitals};
use crate::audit::{Audit, AuditSnapshot};
use crate::config::{Config, Listener};
use crate::listen::{self, Connections, tls};
use crate::live::Live;
use crate::live::handover;
use crate::live::misses;
use crate::offload::Offload;
use crate::panics::Panics;
use crate::reload::{self, Reload, Set, Status, Tell};
use crate::shutdown::Drain;
use standin_stub::defect::Defect;
use standin_stub::memory::MemoryBudget;

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
    panics: Arc<Panics>,
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
                let errors = standin_text::counted(errors as u64, "defect");
                write!(out, "{errors} in the stubs or profiles; none are served")
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
        let Assignment { sets, places, warnings } = Assignment::new(&config)?;
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
        // the tape's thread is already at work
        let panics = self.config.forward.as_ref().map_or_else(Arc::default, |forward| forward.recorder.panics());
        let accepting = Drain::default();
        let memory = MemoryBudget::new(self.config.max_memory);
        let offload = Offload::start().map_err(StartError::Thread)?;
        let (quit, _) = watch::channel(false);
        let (control, calls) = mpsc::channel(handover::WAITING);
        let audits: Vec<_> = (0..self.config.workers).map(|_| Arc::new(Audit::default())).collect();
        let listeners: Arc<[(Listener, Arc<Live>)]> =
            self.bound.iter().map(|bound| (bound.listener.clone(), Arc::clone(self.live(bound)))).collect();

        let (misses, investigation) = misses::misses(self.config.serves_files, self.config.watches);
        let looks = Arc::clone(&panics);
        let mut threads = vec![spawn("standin-misses".to_owned(), move || investigation.keep_running(&looks))?];
        let mut workers = Vec::new();
        for (number, audit) in audits.iter().enumerate() {
            let (sender, accepted) = mpsc::unbounded_channel();
            workers.push(sender);
            let worker = Worker {
                listeners: Arc::clone(&listeners),
                tls: self.tls.clone(),
                limits: self.config.limits,
                audit: Arc::clone(audit),
                panics: Arc::clone(&panics),
                serving: Arc::clone(&serving),
                seed: self.config.seed,
                number,
                precision: self.config.precision,
                memory: Arc::clone(&memory),
                offload: Arc::clone(&offload),
                misses: misses.clone(),
                control: control.clone(),
                forward: self.config.forward.clone(),
            };
            let quit = quit.subscribe();
            threads.push(spawn(format!("standin-worker-{number}"), move || worker.keep_running(accepted, quit))?);
        }

        drop((misses, offload));

        let accept = AcceptThread {
            sockets: self.bound.into_iter().map(|bound| bound.socket).collect(),
            connections: Arc::clone(&connections),
            workers,
            panics: Arc::clone(&panics),
            work: accepting.work(),
        };
        threads.push(spawn("standin-accept".to_owned(), || run(Builder::new_current_thread(), accept.run()))?);

        let (end, ending) = mpsc::channel(1);
        let lives: Vec<_> = self.sets.iter().map(|set| Arc::clone(set.live())).collect();
        let (reload, reloading) =
            Reload::start(self.sets, self.warnings, self.config.watches, self.tell, Arc::clone(&panics))
                .map_err(StartError::Thread)?;
        threads.push(reloading);
        let context = Arc::new(Control {
            reload: reload.clone(),
            access: self.config.access,
            lives: lives.clone(),
            vitals: Vitals { audits: audits.clone(), connections, memory: Arc::clone(&memory) },
            recorder: self.config.forward.as_ref().map(|forward| Arc::clone(&forward.recorder)),
            panics: Arc::clone(&panics),
            started: Instant::now(),
            allows_disk_delete: self.config.allows_disk_delete,
            max_body: self.config.max_admin_body,
            read_timeout: self.config.limits.read,
            end,
        });
        let admin = self.admin.map(|socket| {
            let live = Arc::clone(&lives[0]);
            let (control, panics) = (control.clone(), Arc::clone(&panics));
            (worker::Admin { live, limits: self.config.limits, memory, control, panics }, socket)
        });
        drop(control);
        let (stop, stopped) = oneshot::channel();
        let control = ControlThread {
            calls,
            context,
            admin,
            lives: lives.clone(),
            panics: Arc::clone(&panics),
            reload: reload.clone(),
            accepting,
            serving,
            quit,
            stopped,
            ending,
            grace: self.config.grace,
        };
        let drained = spawn("standin-control".to_owned(), move || run(Builder::new_current_thread(), control.run()))?;
        Ok(Handle {
            addresses,
            audits,
            lives,
            reload,
            panics,
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
    pub fn audit(&self) -> AuditSnapshot {
        AuditSnapshot::of(&self.audits)
    }

    /// Calls that came beyond the range in which the services of the profile in force were observed.
    pub fn calls_beyond(&self) -> u64 {
        self.lives.iter().flat_map(|live| live.pacing().services()).map(|service| service.beyond).sum()
    }

    /// Returns why it had to end by itself, if a part of it failed again and again.
    pub fn failure(&self) -> Option<String> {
        self.panics.fatal()
    }

    /// Whether it has ended by itself: a client of the admin API asked it to, or it failed.
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
