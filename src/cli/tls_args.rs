//! Options of TLS to a real service, for all commands that call one.

use std::path::PathBuf;

use clap::Args;

use crate::upstream::TrustAnchors;

/// Certificates that an https target may have.
#[derive(Args, Debug)]
pub(super) struct TlsArgs {
    /// Trust an https target only by the certificates of this PEM file [default: those of this
    /// system]
    #[arg(long, value_name = "FILE", conflicts_with = "target_insecure", help_heading = "Target")]
    target_ca: Option<PathBuf>,

    /// Trust an https target whatever certificate it shows
    #[arg(long, help_heading = "Target")]
    target_insecure: bool,
}

impl TlsArgs {
    /// Returns true if an option was given.
    pub(super) fn is_given(&self) -> bool {
        self.target_ca.is_some() || self.target_insecure
    }

    pub(super) fn trust(&self) -> TrustAnchors {
        match &self.target_ca {
            Some(path) => TrustAnchors::File(path.clone()),
            None if self.target_insecure => TrustAnchors::AnyCertificate,
            None => TrustAnchors::System,
        }
    }
}
