//! Start and end of a server and its threads.
//!
//! One thread accepts connections, one runs the admin API, and each worker thread owns its
//! connections from accept to close.

mod accept;
mod admin_listener;
mod control;
mod handle;
mod listener_plan;
mod maintenance;
mod shared_parts;
mod start_error;
mod threads;
mod worker;

use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_rustls::TlsAcceptor;

use self::admin_listener::AdminListener;
use self::control::ControlThread;
pub use self::handle::Handle;
use self::listener_plan::ListenerPlan;
use self::shared_parts::SharedParts;
pub use self::start_error::StartError;
use self::threads::{run, spawn};
use self::worker::{Served, Worker};
use crate::admin::{self, AdminRequest};
use crate::answer::misses;
use crate::config::{Config, Listener};
use crate::listen::{self, Accepted, tls};
use crate::live::ServiceState;
use crate::offload::Offload;
use crate::proxy::ProxyClient;
use crate::record::ForwardRule;
use crate::reload::{self, OnStatus, Reload, ReloadStatus, WatchedStubs};
use crate::shutdown::Drain;
use crate::spans::SpanRecorder;
use crate::webhooks::{self, WebhookSender, WebhookSettings};
use standin_stub::defect::Defect;

/// A server whose sockets are bound and whose stubs are loaded, before its first request.
pub struct Server {
    config: Config,
    listeners: Vec<BoundListener>,
    admin: Option<TcpListener>,
    tls: Option<TlsAcceptor>,
    sets: Vec<WatchedStubs>,
    /// Client of proxied services for each of `sets`.
    proxies: Vec<Arc<ProxyClient>>,
    warnings: Vec<Defect>,
    tell: OnStatus,
    /// Upstream that answers instead of stubs, or after them.
    forward: Option<ForwardRule>,
}

/// A listening socket and its stubs.
#[derive(Debug)]
struct BoundListener {
    listener: Listener,
    socket: TcpListener,
    /// Index of its stubs in `Server::sets`.
    set: usize,
}

/// Address of a listener, with its stubs and profile.
#[derive(Clone, Debug)]
pub struct Address {
    /// Listener, with the port that it got.
    pub listener: Listener,
    /// Number of stubs that answer there.
    pub stubs: usize,
    /// Number of stubs that are left out because they have errors.
    pub left_out: usize,
    /// Name of the active performance profile.
    pub profile: Option<String>,
}

impl Server {
    /// Loads the stubs and binds the sockets. Requests are answered after [`Server::start`].
    pub fn bind(config: Config) -> Result<Self, StartError> {
        let ListenerPlan { mut sets, set_of_listener, warnings } = ListenerPlan::new(&config)?;
        let mut listeners = Vec::with_capacity(config.listeners.len());
        for (listener, set) in config.listeners.iter().zip(set_of_listener) {
            let failed = |source| StartError::Bind { listener: listener.to_string(), source };
            let socket = listen::bind(listener.address).map_err(failed)?;
            let address = socket.local_addr().map_err(failed)?;
            listeners.push(BoundListener { listener: Listener { address, ..listener.clone() }, socket, set });
        }
        let admin = config
            .admin_listener
            .map(|address| {
                listen::bind(address)
                    .map_err(|source| StartError::Bind { listener: format!("http://{address}"), source })
            })
            .transpose()?;
        let has_tls = config.listeners.iter().any(|listener| listener.tls);
        let tls = has_tls.then(|| tls::acceptor(&config.certificate)).transpose().map_err(StartError::Tls)?;
        let mut server = Self {
            proxies: Vec::new(),
            config,
            listeners,
            admin,
            tls,
            sets: Vec::new(),
            warnings,
            tell: Box::new(reload::log),
            forward: None,
        };
        if let Some(base_url) = &server.config.proxy.all {
            for set in &mut sets {
                set.add_proxy_stub(base_url).map_err(StartError::Config)?;
            }
        }
        server.sets = sets;
        server.proxies = server.proxy_clients()?;
        Ok(server)
    }

    /// Returns the addresses that will answer requests, in the order of the configuration.
    pub fn addresses(&self) -> Vec<Address> {
        self.listeners
            .iter()
            .map(|bound| {
                let live = self.live(bound);
                let profile = live.pacing().active().map(|active| active.name.clone());
                let left_out = self.sets[bound.set].left_out();
                Address { listener: bound.listener.clone(), stubs: live.catalog().len(), left_out, profile }
            })
            .collect()
    }

    /// Returns the address of the listener for the admin API alone, if there is one.
    pub fn admin_address(&self) -> Option<std::net::SocketAddr> {
        self.admin.as_ref().and_then(|socket| socket.local_addr().ok())
    }

    /// Returns the warnings about the stubs, which are served nevertheless.
    pub fn warnings(&self) -> &[Defect] {
        &self.warnings
    }

    /// Sends requests to a real service: all of them, or those that no stub matches.
    pub(crate) fn forward(self, forward: Option<ForwardRule>) -> Self {
        Self { forward, ..self }
    }

    /// Calls `tell`, in place of logging, for each reload that failed or changed something. It runs
    /// on the thread that reloads.
    pub(crate) fn on_reload(&mut self, tell: impl FnMut(&ReloadStatus) + Send + 'static) {
        self.tell = Box::new(tell);
    }

    /// Creates the client of proxied services for each set of stubs.
    fn proxy_clients(&self) -> Result<Vec<Arc<ProxyClient>>, StartError> {
        let own = |set| {
            let of_set = self.listeners.iter().filter(move |bound| bound.set == set);
            of_set.map(|bound| bound.listener.address).chain(self.admin_address()).collect()
        };
        let own = (0..self.sets.len()).map(own).collect();
        ProxyClient::for_sets(&self.config.proxy, own, self.config.workers).map_err(StartError::Config)
    }

    fn live(&self, bound: &BoundListener) -> &Arc<ServiceState> {
        self.sets[bound.set].live()
    }

    /// Starts the threads of the server, which answer requests from now on.
    pub fn start(self) -> Result<Handle, StartError> {
        let addresses = self.addresses();
        let recorder = self.forward.as_ref().map(|forward| &*forward.recorder);
        let mut shared = SharedParts::new(&self.config, recorder)?;
        let lives: Vec<_> = self.sets.iter().map(|set| Arc::clone(set.live())).collect();
        let (control, calls) = mpsc::channel(admin::MAX_WAITING);
        let (quit, _) = watch::channel(false);
        let settings =
            WebhookSettings { concurrency: self.config.webhook_concurrency, targets: self.config.proxy.clone() };
        let (webhooks, webhook_thread) = webhooks::channel(&settings).map_err(StartError::Config)?;
        let webhook_counts = Arc::clone(webhooks.counts());
        let spans = self.config.spans.as_ref().map(SpanRecorder::new).transpose().map_err(StartError::Config)?;
        let (spans, span_thread) = spans.unzip();
        shared.spans = spans;
        let (mut threads, workers) = self.spawn_workers(&shared, &control, &quit, &webhooks)?;

        if let Some(thread) = span_thread {
            let (panics, quitting) = (Arc::clone(&shared.panics), quit.subscribe());
            threads.push(spawn("standin-spans".to_owned(), move || thread.keep_running(&panics, quitting))?);
        }
        let (panics, quitting) = (Arc::clone(&shared.panics), quit.subscribe());
        threads.push(spawn("standin-webhooks".to_owned(), move || webhook_thread.keep_running(&panics, quitting))?);

        let accepting = Drain::default();
        let sockets = self.listeners.into_iter().map(|bound| bound.socket).collect();
        threads.push(shared.spawn_acceptor(sockets, workers, accepting.work())?);

        let (reload, reloading) =
            Reload::start(self.sets, self.warnings, self.config.watches, self.tell, Arc::clone(&shared.panics))
                .map_err(StartError::Thread)?;
        threads.push(reloading);

        let (end, ending) = mpsc::channel(1);
        let recorder = self.forward.map(|forward| forward.recorder);
        let end = (end, webhook_counts);
        let context = shared.control_context(&self.config, recorder, &reload, &lives, end, accepting.work());
        let context = Arc::new(context);
        let admin = self.admin.map(|socket| {
            let live = Arc::clone(&lives[0]);
            let listener = AdminListener {
                live,
                limits: self.config.limits,
                memory: Arc::clone(&shared.memory),
                connections: Arc::clone(&shared.admin_connections),
                control: control.clone(),
                panics: Arc::clone(&shared.panics),
            };
            (listener, socket)
        });
        // the admin API ends once the last worker has dropped its sender
        drop(control);
        let (stop, stopped) = oneshot::channel();
        let SharedParts { panics, serving, audits, .. } = shared;
        let grace = self.config.grace;
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
            grace,
        };
        let drained = spawn("standin-control".to_owned(), move || run(Builder::new_current_thread(), control.run()))?;
        let stop = Some(stop);
        Ok(Handle { addresses, audits, lives, reload, panics, grace, stop, threads, drained: Some(drained) })
    }

    /// Starts the worker threads and the thread for unmatched requests. Returns the threads, and
    /// for each worker the channel of its connections.
    #[expect(clippy::type_complexity, reason = "two lists, used once")]
    fn spawn_workers(
        &self,
        shared: &SharedParts,
        control: &mpsc::Sender<AdminRequest>,
        quit: &watch::Sender<bool>,
        webhooks: &WebhookSender,
    ) -> Result<(Vec<JoinHandle<()>>, Vec<mpsc::UnboundedSender<Accepted>>), StartError> {
        let offload = Offload::start().map_err(StartError::Thread)?;
        let served = |bound: &BoundListener| Served {
            listener: bound.listener.clone(),
            live: Arc::clone(self.live(bound)),
            proxy: Arc::clone(&self.proxies[bound.set]),
        };
        let listeners: Arc<[Served]> = self.listeners.iter().map(served).collect();
        let (misses, miss_worker) = misses::channel(self.config.serves_files, self.config.watches);
        let panics = Arc::clone(&shared.panics);
        let mut threads = vec![spawn("standin-misses".to_owned(), move || miss_worker.keep_running(&panics))?];
        let mut workers = Vec::with_capacity(shared.audits.len());
        for (number, audit) in shared.audits.iter().enumerate() {
            let (sender, accepted) = mpsc::unbounded_channel();
            workers.push(sender);
            let worker = Worker {
                listeners: Arc::clone(&listeners),
                tls: self.tls.clone(),
                limits: self.config.limits,
                audit: Arc::clone(audit),
                panics: Arc::clone(&shared.panics),
                serving: Arc::clone(&shared.serving),
                seed: self.config.seed,
                number,
                precision: self.config.precision,
                memory: Arc::clone(&shared.memory),
                offload: Arc::clone(&offload),
                misses: misses.clone(),
                control: control.clone(),
                forward: self.forward.clone(),
                webhooks: webhooks.clone(),
                request_log: shared.request_log.clone(),
                spans: shared.spans.clone(),
                has_stub_cors: self.config.has_stub_cors,
            };
            let quit = quit.subscribe();
            threads.push(spawn(format!("standin-worker-{number}"), move || worker.keep_running(accepted, quit))?);
        }
        Ok((threads, workers))
    }
}
