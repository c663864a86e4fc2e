//! TCP segments in captured packets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use etherparse::{EtherType, LaxNetSlice, LaxSlicedPacket, TransportSlice};

/// A TCP segment, with the addresses of its packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpSegment<'p> {
    /// Address and port of the sender.
    pub from: SocketAddr,
    /// Address and port of the receiver.
    pub to: SocketAddr,
    /// Sequence number of the first byte of the payload, or of the SYN.
    pub sequence: u32,
    /// Acknowledgement number; `None` without the flag ACK.
    pub acknowledged: Option<u32>,
    /// True if the segment opens the connection.
    pub syn: bool,
    /// True if the sender sends nothing behind this segment.
    pub fin: bool,
    /// True if the connection is reset.
    pub rst: bool,
    /// The bytes that the segment carries.
    pub payload: &'p [u8],
}

/// The content of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketContent<'p> {
    /// A TCP segment.
    Tcp(TcpSegment<'p>),
    /// A part of a fragmented packet, which is not read.
    Fragment,
    /// Any other protocol.
    Other,
    /// A packet of a link layer that is not known.
    UnknownLink,
}

/// Finds the TCP segment of a packet of the link layer `link`.
pub fn parse_packet(link: i32, data: &[u8]) -> PacketContent<'_> {
    let packet = match link {
        NULL | LOOP => data.get(4..).and_then(ip),
        ETHERNET => LaxSlicedPacket::from_ethernet(data).ok(),
        RAW_OLD | RAW_OPENBSD | RAW | IPV4 | IPV6 => ip(data),
        LINUX_COOKED => ether(data, 14, 16),
        LINUX_COOKED_2 => ether(data, 0, 20),
        _ => return PacketContent::UnknownLink,
    };
    packet.map_or(PacketContent::Other, |packet| content(&packet))
}

fn ip(data: &[u8]) -> Option<LaxSlicedPacket<'_>> {
    LaxSlicedPacket::from_ip(data).ok()
}

/// Reads a packet behind a header with the protocol at `protocol_at`, which is `length` bytes long.
fn ether(data: &[u8], protocol_at: usize, length: usize) -> Option<LaxSlicedPacket<'_>> {
    let protocol = data.get(protocol_at..protocol_at + 2)?;
    let protocol = EtherType(u16::from_be_bytes([protocol[0], protocol[1]]));
    Some(LaxSlicedPacket::from_ether_type(protocol, data.get(length..)?))
}

fn content<'p>(packet: &LaxSlicedPacket<'p>) -> PacketContent<'p> {
    let (source, destination, payload) = match &packet.net {
        Some(LaxNetSlice::Ipv4(ip)) => {
            let header = ip.header();
            let (from, to) = (Ipv4Addr::from(header.source()), Ipv4Addr::from(header.destination()));
            (IpAddr::V4(from), IpAddr::V4(to), ip.payload())
        }
        Some(LaxNetSlice::Ipv6(ip)) => {
            let header = ip.header();
            let (from, to) = (Ipv6Addr::from(header.source()), Ipv6Addr::from(header.destination()));
            (IpAddr::V6(from), IpAddr::V6(to), ip.payload())
        }
        _ => return PacketContent::Other,
    };
    if payload.fragmented {
        return PacketContent::Fragment;
    }
    let Some(TransportSlice::Tcp(tcp)) = &packet.transport else { return PacketContent::Other };
    PacketContent::Tcp(TcpSegment {
        from: SocketAddr::new(source, tcp.source_port()),
        to: SocketAddr::new(destination, tcp.destination_port()),
        sequence: tcp.sequence_number(),
        acknowledged: tcp.ack().then(|| tcp.acknowledgment_number()),
        syn: tcp.syn(),
        fin: tcp.fin(),
        rst: tcp.rst(),
        payload: tcp.payload(),
    })
}

// the numbers of https://www.tcpdump.org/linktypes.html
const NULL: i32 = 0;
const ETHERNET: i32 = 1;
const RAW_OLD: i32 = 12;
const RAW_OPENBSD: i32 = 14;
const RAW: i32 = 101;
const LOOP: i32 = 108;
const LINUX_COOKED: i32 = 113;
const IPV4: i32 = 228;
const IPV6: i32 = 229;
const LINUX_COOKED_2: i32 = 276;
