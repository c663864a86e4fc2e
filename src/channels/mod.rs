//! WebSocket connections: the handshake, and the session that serves a channel to its end.

mod actions;
mod handshake;
mod session;

pub use self::actions::{ActionRunner, TriggeringEvent};
pub use self::handshake::{accept, is_handshake};
pub use self::session::{ChannelSession, SessionLimits, SessionMeans};
