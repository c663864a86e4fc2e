//! The services that one `record` observes: for each its target, its listener and its folder.

use std::path::{Path, PathBuf};

use super::Failure;
use crate::config::Listener;

/// A service that is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RecordedService {
    /// Name, if several may be recorded.
    pub(super) name: Option<String>,
    /// URL of the service.
    pub(super) target: String,
    /// Stub folder.
    pub(super) dir: PathBuf,
    /// Address that clients call in its place.
    pub(super) listen: Listener,
}

impl RecordedService {
    /// Returns the services of the options `--target` and `--listen`. Named ones have a folder each
    /// below `dir`, and a listener of their name, or a free port.
    pub(super) fn all(targets: &[String], listeners: &[Listener], dir: &Path) -> Result<Vec<Self>, Failure> {
        let named: Vec<(Option<&str>, &str)> = targets.iter().map(|target| split_name(target)).collect();
        if let [(None, target)] = named[..] {
            return Self::single(target, listeners, dir).map(|service| vec![service]);
        }
        let mut services: Vec<Self> = Vec::new();
        for (name, target) in &named {
            let Some(name) = name else {
                return Err(Failure::usage(format!("--target {target}: one of several services needs a name"))
                    .help(format!("write it as --target NAME={target}")));
            };
            if !is_folder_name(name) {
                return Err(Failure::usage(format!("--target {name}=…: `{name}` cannot be the name of a folder"))
                    .help("use letters, digits, `-`, `_` and `.`"));
            }
            if services.iter().any(|known| known.name.as_deref() == Some(name)) {
                return Err(Failure::usage(format!("--target {name}=… is given twice"))
                    .help("give each service a name of its own"));
            }
            let listen = listeners.iter().find(|listener| listener.service.as_deref() == Some(name));
            services.push(Self {
                name: Some((*name).to_owned()),
                target: (*target).to_owned(),
                dir: dir.join(name),
                listen: listen.cloned().unwrap_or_else(|| free_port(name)),
            });
        }
        for (place, listener) in listeners.iter().enumerate() {
            let is_of = |other: &Listener| other.service == listener.service;
            match &listener.service {
                None => {
                    return Err(Failure::usage(format!("--listen {listener}: which of the services is called there?"))
                        .help("write it as --listen NAME=ADDRESS"));
                }
                Some(name) if !services.iter().any(|service| is_of(&service.listen)) => {
                    return Err(Failure::usage(format!("--listen {name}=…: there is no --target {name}=…")));
                }
                Some(name) if listeners[..place].iter().any(is_of) => {
                    return Err(Failure::usage(format!("--listen {name}=… is given twice")));
                }
                Some(_) => {}
            }
        }
        Ok(services)
    }

    fn single(target: &str, listeners: &[Listener], dir: &Path) -> Result<Self, Failure> {
        let listen = match listeners {
            [] => DEFAULT_ADDRESS.parse().expect("a constant"),
            [listen] => listen.clone(),
            [_, second, ..] => {
                return Err(Failure::usage(format!("--listen {second}: one service has one address"))
                    .help("give several services as --target NAME=URL and --listen NAME=ADDRESS"));
            }
        };
        if let Some(name) = &listen.service {
            return Err(Failure::usage(format!("--listen {name}=…: the one service that is recorded has no name"))
                .help(format!("leave out `{name}=`, or name the service: --target {name}={target}")));
        }
        Ok(Self { name: None, target: target.to_owned(), dir: dir.to_owned(), listen })
    }

    /// Returns the beginning of the messages about the service.
    pub(super) fn prefix(&self) -> String {
        self.name.as_ref().map_or_else(String::new, |name| format!("{name}: "))
    }
}

/// Splits `NAME=URL`.
fn split_name(target: &str) -> (Option<&str>, &str) {
    match target.split_once('=') {
        Some((name, url)) if !name.contains([':', '/']) => (Some(name), url),
        _ => (None, target),
    }
}

fn is_folder_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !name.is_empty() && !name.starts_with('.') && name.bytes().all(is_plain)
}

fn free_port(name: &str) -> Listener {
    let address = "127.0.0.1:0".parse().expect("a constant");
    Listener { service: Some(name.to_owned()), address, tls: false }
}

/// Address that clients of a single service call.
const DEFAULT_ADDRESS: &str = "127.0.0.1:8080";
