//! Errors of starting a server.

use std::fmt;
use std::io;

use crate::listen::tls::TlsError;
use standin_stub::defect::Defect;

/// Error of starting a server.
#[derive(Debug)]
pub enum StartError {
    /// A socket cannot be bound.
    Bind {
        /// URL of the listener.
        listener: String,
        /// Error of the operating system.
        source: io::Error,
    },
    /// The configuration contradicts itself or the folder. The text says how to correct it.
    Config(String),
    /// The stubs or profiles have errors, and the configuration is strict or asks for a profile
    /// that has an error; none are served.
    Stubs(Vec<Defect>),
    /// A thread cannot be started.
    Thread(io::Error),
    /// The certificate cannot be used.
    Tls(TlsError),
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
