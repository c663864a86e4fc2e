//! The services whose calls are wanted of a capture.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

/// The addresses that are taken as one service; none stands for whatever accepts connections.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceChoice {
    wanted: Vec<(Option<IpAddr>, u16)>,
}

impl ServiceChoice {
    /// Adds a service, given as `HOST:PORT`, or as `:PORT` or `PORT` for any host. The error says
    /// what is wrong.
    pub fn add(&mut self, text: &str) -> Result<(), String> {
        let port = text.strip_prefix(':').unwrap_or(text);
        if let Ok(port) = port.parse() {
            self.wanted.push((None, port));
            return Ok(());
        }
        if let Ok(address) = text.parse::<SocketAddr>() {
            self.wanted.push((Some(address.ip()), address.port()));
            return Ok(());
        }
        if text.rsplit_once(':').is_none_or(|(_, port)| port.parse::<u16>().is_err()) {
            return Err(format!("`{text}` has no port; write HOST:PORT, or :PORT for any host"));
        }
        let found = text.to_socket_addrs().map_err(|error| format!("`{text}` has no address here: {error}"))?;
        self.wanted.extend(found.map(|address| (Some(address.ip()), address.port())));
        Ok(())
    }

    /// Returns true if calls of this address are wanted.
    pub(super) fn includes(&self, address: SocketAddr) -> bool {
        self.wanted.is_empty() || self.names(address)
    }

    /// Returns the index of the client, if exactly one end is a service that was named.
    pub(super) fn client_of(&self, ends: [SocketAddr; 2]) -> Option<usize> {
        match ends.map(|end| self.names(end)) {
            [true, false] => Some(1),
            [false, true] => Some(0),
            _ => None,
        }
    }

    fn names(&self, address: SocketAddr) -> bool {
        let ip = address.ip().to_canonical();
        self.wanted
            .iter()
            .any(|(host, port)| *port == address.port() && host.is_none_or(|host| host.to_canonical() == ip))
    }
}
