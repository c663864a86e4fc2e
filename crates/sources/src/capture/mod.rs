//! Packet captures (pcap, pcapng): TCP connections reassembled, and their HTTP exchanges with the
//! stamps of the wire.
//!
//! A call arrives with the packet that has the last byte of its request. Its response begins and
//! ends with the packets of its first and last byte. Calls of which packets are missing are left
//! out and counted.

mod connection;
mod frames;
mod http1;
mod http2;
mod message;
mod open_call;
mod packet;
mod packet_file;
mod reassembly;
mod service_choice;

use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::net::SocketAddr;

use self::connection::CapturedConnection;
pub use self::connection::UnreadReason;
use self::open_call::CaptureTally;
pub use self::packet::{PacketContent, TcpSegment, parse_packet};
pub use self::packet_file::{CaptureFileEnd, CapturedPacket, read_packets};
pub use self::service_choice::ServiceChoice;
use crate::timing::TimedCall;

/// A reader of one or several captures of the same traffic.
#[derive(Debug)]
pub struct CaptureReader {
    services: ServiceChoice,
    connections: HashMap<[SocketAddr; 2], CapturedConnection>,
    tally: CaptureTally,
    report: CaptureReport,
}

/// Counts of a capture, without those of its calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaptureReport {
    /// Stamp of the first packet, in nanoseconds since 1970.
    pub first_stamp: Option<u64>,
    /// Number of packets.
    pub packets: u64,
    /// Number of packets of which the capture kept a part.
    pub cut_packets: u64,
    /// Number of packets that are fragments, which are not read.
    pub fragments: u64,
    /// Number of packets of a link layer that is not read.
    pub unknown_links: u64,
    /// Number of packets without a time stamp.
    pub unstamped: u64,
    /// Connections that are not read, or not to their end, by reason.
    pub unread: BTreeMap<UnreadReason, u64>,
    /// Connections whose begin is missing, and which gave no call.
    pub unknown_connections: u64,
    /// Number of calls left out because packets are missing.
    pub lost: u64,
    /// Number of calls whose response is not in the capture.
    pub unfinished: u64,
    /// Number of calls by address of the service.
    pub services: BTreeMap<SocketAddr, u64>,
}

impl CaptureReader {
    /// Creates a reader of the calls to `services`. Bodies of up to `max_body` bytes are kept;
    /// `None` keeps none.
    pub fn new(services: ServiceChoice, max_body: Option<u64>) -> Self {
        Self {
            services,
            connections: HashMap::new(),
            tally: CaptureTally { max_body, ..CaptureTally::default() },
            report: CaptureReport::default(),
        }
    }

    /// Reads a capture to its end, and gives each call once it is complete, with the address of its
    /// service, the stamp of the first packet, and the resolution of stamps. The error says why the
    /// file is no capture.
    pub fn read(
        &mut self,
        input: impl Read,
        mut each: impl FnMut(TimedCall, SocketAddr, u64, u64),
    ) -> Result<CaptureFileEnd, String> {
        read_packets(input, |packet| {
            let service = self.packet(&packet);
            let first = self.report.first_stamp.unwrap_or(0);
            if let Some(service) = service {
                for call in self.tally.finished.drain(..) {
                    each(call, service, first, packet.resolution);
                }
            }
        })
    }

    /// Ends the reading, and returns what was counted.
    pub fn finish(mut self) -> CaptureReport {
        let mut connections = std::mem::take(&mut self.connections);
        for connection in connections.values_mut() {
            self.end(connection);
        }
        self.report.lost = self.tally.lost;
        self.report
    }

    /// Takes a packet. Returns the service of its connection, if that is known.
    fn packet(&mut self, packet: &CapturedPacket<'_>) -> Option<SocketAddr> {
        self.report.packets += 1;
        self.report.cut_packets += u64::from(packet.is_cut);
        let Some(stamp) = packet.stamp else {
            self.report.unstamped += 1;
            return None;
        };
        // packets of several processors may be a little out of order
        let first = *self.report.first_stamp.get_or_insert(stamp);
        let stamp = stamp.max(first);
        match parse_packet(packet.link, packet.data) {
            PacketContent::Tcp(segment) => return self.segment(stamp, &segment),
            PacketContent::Fragment => self.report.fragments += 1,
            PacketContent::UnknownLink => self.report.unknown_links += 1,
            PacketContent::Other => {}
        }
        None
    }

    /// Takes a TCP segment. Returns the service of its connection, if that is known.
    pub fn segment(&mut self, stamp: u64, segment: &TcpSegment<'_>) -> Option<SocketAddr> {
        let mut key = [segment.from, segment.to];
        key.sort_unstable();
        let known = self.connections.get(&key);
        if known.is_none() && segment.payload.is_empty() && !segment.syn {
            return None;
        }
        if known.is_some_and(|connection| connection.is_reopened_by(segment))
            && let Some(mut old) = self.connections.remove(&key)
        {
            self.end(&mut old);
        }
        if self.connections.len() >= MAX_CONNECTIONS && !self.connections.contains_key(&key) {
            self.forget_oldest();
        }
        let connection = self.connections.entry(key).or_insert_with(|| CapturedConnection::new(segment));
        connection.segment(stamp, segment, &self.services, &mut self.tally);
        let service = connection.service();
        self.count_calls(service);
        service
    }

    /// Ends a connection of which no more packets come.
    fn end(&mut self, connection: &mut CapturedConnection) {
        self.report.unfinished += connection.finish(&self.services, &mut self.tally);
        if let Some(reason) = connection.unread() {
            *self.report.unread.entry(reason).or_default() += 1;
        }
        self.report.unknown_connections += u64::from(connection.is_unknown() && connection.has_data());
    }

    fn count_calls(&mut self, service: Option<SocketAddr>) {
        let count = self.tally.finished.len() as u64;
        if let Some(service) = service.filter(|_| count > 0) {
            *self.report.services.entry(service).or_default() += count;
        }
    }

    /// Ends the connections whose last packet is the oldest, a quarter of all.
    fn forget_oldest(&mut self) {
        let mut ages: Vec<(u64, [SocketAddr; 2])> =
            self.connections.iter().map(|(key, connection)| (connection.last, *key)).collect();
        ages.sort_unstable();
        ages.truncate(MAX_CONNECTIONS / 4);
        for (_, key) in ages {
            if let Some(mut connection) = self.connections.remove(&key) {
                self.end(&mut connection);
            }
        }
    }
}

/// Connections that are followed at once.
const MAX_CONNECTIONS: usize = 65_536;
