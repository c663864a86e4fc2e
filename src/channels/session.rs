//! [`ChannelSession`]: one WebSocket connection, from the end of its handshake to its close.
//!
//! The session runs in the task of its connection. It reads messages and triggers stubs, and sends
//! what waits for the channel at its deadlines. While it waits for a client that does not read, it
//! reads nothing either; the queue of the channel is bounded, and beyond it the connection ends.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, Role, WebSocketConfig};
use uuid::Uuid;

use super::actions::{ActionRunner, TriggeringEvent};
use crate::audit::Audit;
use crate::listen::connection::{ByteStream, Connection, Upgraded};
use crate::live::messaging::{Channel, ChannelCounts, MessageEvent, QueuedCommand};
use crate::worker_context::WorkerContext;
use standin_stub::call::Call;
use standin_stub::message::{ChannelCommand, MessageContent, MessageStub};

/// The limits of a channel.
#[derive(Clone, Copy, Debug)]
pub struct SessionLimits {
    /// Maximum bytes of a message.
    pub message: usize,
    /// Time without any frame after which the channel is closed. A ping is sent after half of it.
    pub idle: Duration,
}

/// A WebSocket connection whose handshake is accepted. Its channel is listed until it is dropped.
pub struct ChannelSession {
    channel: Arc<Channel>,
    means: SessionMeans,
}

/// The means by which a session serves its channel.
pub struct SessionMeans {
    pub connection: Arc<Connection>,
    pub runner: ActionRunner,
    pub context: WorkerContext,
    pub audit: Arc<Audit>,
    pub limits: SessionLimits,
}

type Socket = WebSocketStream<Box<dyn ByteStream>>;

/// The reason why a session ends.
enum SessionEnd {
    /// The client has closed the connection, or it is broken.
    Gone,
    /// The server closes the channel with this code.
    Close(CloseCode, String),
    /// The client does not read.
    Slow,
}

/// An event that a session waits for.
enum SessionEvent {
    Frame(Option<Result<Message, Error>>),
    QueueChanged,
    Due,
    Overflow,
    Shutdown,
    Tick,
}

impl Drop for ChannelSession {
    fn drop(&mut self) {
        self.channel.close();
        self.means.runner.live.messaging().remove_channel(&self.channel.id);
    }
}

impl ChannelSession {
    /// Opens the channel of a request, so that it is listed before its client learns that it is
    /// open.
    pub fn open(call: &Call, means: SessionMeans) -> Self {
        let channel = Arc::new(Channel::new(Arc::new(call.detached())));
        means.runner.live.messaging().add_channel(&channel);
        Self { channel, means }
    }

    /// Serves the channel until it closes.
    pub async fn run(self, upgraded: Upgraded) {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(0)
            .max_message_size(Some(self.means.limits.message))
            .max_frame_size(Some(self.means.limits.message));
        let Upgraded { stream, ahead } = upgraded;
        let mut socket = WebSocketStream::from_partially_read(stream, ahead.to_vec(), Role::Server, Some(config)).await;
        for stub in self.means.runner.stubs_of_channel(&self.channel) {
            self.act(&stub, None).await;
        }
        let end = self.serve(&mut socket).await;
        match end {
            SessionEnd::Gone => {}
            SessionEnd::Slow => {
                self.counts().slow.fetch_add(1, Relaxed);
            }
            SessionEnd::Close(code, reason) => close(&mut socket, code, reason).await,
        }
    }

    async fn serve(&self, socket: &mut Socket) -> SessionEnd {
        let mut work = self.means.connection.work.clone();
        let mut ending = pin!(work.ending());
        let (mut heard, mut is_pinged) = (Instant::now(), false);
        let mut tick = pin!(tokio::time::sleep(self.means.limits.idle / 4));
        loop {
            let due = self.channel.first_due();
            let event = tokio::select! {
                biased;
                () = self.channel.overflowed() => SessionEvent::Overflow,
                () = wait_until(&self.means.context, due) => SessionEvent::Due,
                frame = socket.next() => SessionEvent::Frame(frame),
                () = self.channel.changed() => SessionEvent::QueueChanged,
                () = &mut ending => SessionEvent::Shutdown,
                () = &mut tick => SessionEvent::Tick,
            };
            match event {
                SessionEvent::QueueChanged => {}
                SessionEvent::Overflow => return SessionEnd::Slow,
                SessionEvent::Shutdown => {
                    return SessionEnd::Close(CloseCode::Away, "the server shuts down".to_owned());
                }
                SessionEvent::Due => {
                    if let Some(end) = self.send_due(socket).await {
                        return end;
                    }
                }
                SessionEvent::Frame(frame) => {
                    (heard, is_pinged) = (Instant::now(), false);
                    if let Some(end) = self.receive(frame).await {
                        return end;
                    }
                }
                SessionEvent::Tick => {
                    tick.as_mut().reset(tokio::time::Instant::now() + self.means.limits.idle / 4);
                    if is_pinged && heard.elapsed() >= self.means.limits.idle {
                        self.counts().idle.fetch_add(1, Relaxed);
                        return SessionEnd::Close(CloseCode::Away, "no frame came for too long".to_owned());
                    }
                    if !is_pinged && heard.elapsed() >= self.means.limits.idle / 2 {
                        is_pinged = true;
                        if let Some(end) = self.write(socket, Message::Ping(Bytes::new())).await {
                            return end;
                        }
                    }
                }
            }
        }
    }

    /// Sends the commands that are due.
    async fn send_due(&self, socket: &mut Socket) -> Option<SessionEnd> {
        while let Some(QueuedCommand { command, due, delay }) = self.channel.take_due(Instant::now()) {
            let content = match command {
                ChannelCommand::Send(content) => content,
                ChannelCommand::Close(code, reason) => return Some(SessionEnd::Close(code.into(), reason)),
            };
            let message = match &content {
                MessageContent::Text(text) => Message::text(text.as_str()),
                MessageContent::Binary(bytes) => Message::Binary(bytes.clone()),
            };
            if let Some(end) = self.write(socket, message).await {
                return Some(end);
            }
            if !delay.is_zero() {
                self.means.audit.record(Instant::now().saturating_duration_since(due), delay);
            }
            self.counts().sent.fetch_add(1, Relaxed);
            self.journal(content, true, None, Vec::new());
        }
        None
    }

    /// Writes a message to the connection, unless the queue overflows in the meantime.
    async fn write(&self, socket: &mut Socket, message: Message) -> Option<SessionEnd> {
        tokio::select! {
            sent = socket.send(message) => sent.err().map(|_| SessionEnd::Gone),
            () = self.channel.overflowed() => Some(SessionEnd::Slow),
        }
    }

    /// Handles a frame of the client. Pings are answered by the library.
    async fn receive(&self, frame: Option<Result<Message, Error>>) -> Option<SessionEnd> {
        let content = match frame {
            Some(Ok(Message::Text(text))) => MessageContent::Text(text.as_str().to_owned()),
            Some(Ok(Message::Binary(bytes))) => MessageContent::Binary(bytes),
            // the next read completes the close
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_))) => return None,
            Some(Err(error)) => return Some(self.failed(&error)),
            None => return Some(SessionEnd::Gone),
        };
        self.counts().received.fetch_add(1, Relaxed);
        let content = Arc::new(content);
        let stub = if content.len() <= MAX_INLINE_BYTES {
            self.means.runner.stub_of_message(&self.channel, &content)
        } else {
            let (runner, channel, content) =
                (self.means.runner.clone(), Arc::clone(&self.channel), Arc::clone(&content));
            let find = move || runner.stub_of_message(&channel, &content);
            self.means.runner.offload.run(&self.means.connection.turns, find).await
        };
        let errors = match &stub {
            Some(stub) => self.act(stub, Some(&content)).await,
            None => Vec::new(),
        };
        self.journal(MessageContent::clone(&content), false, stub, errors);
        None
    }

    /// Returns the end of a session whose client breaks the protocol or a limit.
    fn failed(&self, error: &Error) -> SessionEnd {
        match error {
            Error::Capacity(CapacityError::MessageTooLong { .. }) => {
                self.counts().too_long.fetch_add(1, Relaxed);
                let reason = format!("a message is longer than {} bytes", self.means.limits.message);
                SessionEnd::Close(CloseCode::Size, reason)
            }
            Error::Utf8(_) => SessionEnd::Close(CloseCode::Invalid, "a text is not UTF-8".to_owned()),
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => SessionEnd::Gone,
            Error::Protocol(error) => SessionEnd::Close(CloseCode::Protocol, error.to_string()),
            _ => SessionEnd::Gone,
        }
    }

    /// Carries out the actions of a stub; returns the errors of its templates.
    async fn act(&self, stub: &Arc<MessageStub>, message: Option<&Arc<MessageContent>>) -> Vec<String> {
        let event =
            TriggeringEvent { call: Arc::clone(&self.channel.call), message: message.cloned(), at: Instant::now() };
        self.means.runner.run(stub, &event, Some(&self.channel), &self.means.connection.turns).await
    }

    fn journal(&self, content: MessageContent, is_sent: bool, stub: Option<Arc<MessageStub>>, errors: Vec<String>) {
        let journal = self.means.runner.live.messaging().journal();
        if journal.is_on() {
            let (id, channel, at) = (Uuid::new_v4(), Arc::clone(&self.channel), SystemTime::now());
            journal.add(MessageEvent { id, channel, content, is_sent, stub, at, errors });
        }
    }

    fn counts(&self) -> &ChannelCounts {
        self.means.runner.live.messaging().counts()
    }
}

/// Waits for a deadline by the worker's timer; for ever without one.
async fn wait_until(context: &WorkerContext, due: Option<Instant>) {
    match due {
        Some(due) => Arc::clone(&context.timer).wait_until(due).await,
        None => std::future::pending().await,
    }
}

/// Sends a close frame and reads what the client still sends: bytes that are not read would reset
/// the connection, and the client would lose the frame.
async fn close(socket: &mut Socket, code: CloseCode, reason: String) {
    let mut reason = reason;
    let end = (0..=reason.len().min(MAX_REASON_BYTES)).rev().find(|end| reason.is_char_boundary(*end));
    reason.truncate(end.unwrap_or_default());
    let closing = async {
        let frame = CloseFrame { code, reason: reason.into() };
        if socket.close(Some(frame)).await.is_ok() {
            while socket.next().await.is_some_and(|frame| frame.is_ok()) {}
            let stream = socket.get_mut();
            let mut unread = vec![0; READ_BUFFER_BYTES];
            if stream.shutdown().await.is_ok() {
                while stream.read(&mut unread).await.is_ok_and(|count| count > 0) {}
            }
        }
    };
    // a client that does not answer is not waited for
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, closing).await;
}

/// Size of the read buffer of a channel in bytes, which it holds while it is idle.
const READ_BUFFER_BYTES: usize = 2 << 10;

/// Size of a message in bytes up to which a worker matches it.
const MAX_INLINE_BYTES: usize = 16 << 10;

/// Maximum length of the reason of a close (RFC 6455, 5.5).
const MAX_REASON_BYTES: usize = 123;

/// Time that a client has for the answer to a close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
