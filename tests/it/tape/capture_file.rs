//! Packet captures for tests: TCP connections packet by packet, in the formats of capture files.

use std::net::SocketAddr;

use etherparse::PacketBuilder;

/// A packet with its stamp in nanoseconds since 1970, as an Ethernet frame.
#[derive(Clone, Debug)]
pub(crate) struct TestPacket {
    pub(crate) stamp: u64,
    pub(crate) frame: Vec<u8>,
}

/// A TCP connection of a client to a service.
pub(crate) struct TestConnection {
    ends: [SocketAddr; 2],
    /// Next sequence number of either end.
    next: [u32; 2],
    pub(crate) packets: Vec<TestPacket>,
}

/// Index of the client in the ends of a connection.
pub(crate) const CLIENT: usize = 0;
/// Index of the service.
pub(crate) const SERVICE: usize = 1;

impl TestConnection {
    /// A connection that is not opened yet.
    pub(crate) fn new(client: &str, service: &str) -> Self {
        let ends = [client, service].map(|end| end.parse().expect("an address"));
        // the numbers of the client wrap soon
        Self { ends, next: [u32::MAX - 700, 5_000], packets: Vec::new() }
    }

    /// Adds the handshake.
    pub(crate) fn open(&mut self, stamp: u64) {
        self.packet(stamp, CLIENT, b"", "S");
        self.packet(stamp + 1_000, SERVICE, b"", "SA");
        self.packet(stamp + 2_000, CLIENT, b"", "A");
    }

    /// Adds bytes of one end, in segments of so many bytes that are a microsecond apart.
    pub(crate) fn send(&mut self, stamp: u64, from: usize, bytes: &[u8], segment: usize) {
        for (number, part) in (0u64..).zip(bytes.chunks(segment)) {
            self.packet(stamp + number * 1_000, from, part, "A");
        }
    }

    /// Adds a packet with flags: S, A, F, R.
    pub(crate) fn packet(&mut self, stamp: u64, from: usize, payload: &[u8], flags: &str) {
        let (source, target) = (self.ends[from], self.ends[1 - from]);
        let ethernet = PacketBuilder::ethernet2([2; 6], [4; 6]);
        let ip = match (source, target) {
            (SocketAddr::V4(source), SocketAddr::V4(target)) => {
                ethernet.ipv4(source.ip().octets(), target.ip().octets(), 64)
            }
            (SocketAddr::V6(source), SocketAddr::V6(target)) => {
                ethernet.ipv6(source.ip().octets(), target.ip().octets(), 64)
            }
            _ => panic!("ends of one family"),
        };
        let mut tcp = ip.tcp(source.port(), target.port(), self.next[from], 65_000);
        if flags.contains('S') {
            tcp = tcp.syn();
        }
        if flags.contains('A') {
            tcp = tcp.ack(self.next[1 - from]);
        }
        if flags.contains('F') {
            tcp = tcp.fin();
        }
        if flags.contains('R') {
            tcp = tcp.rst();
        }
        let mut frame = Vec::new();
        tcp.write(&mut frame, payload).expect("into memory");
        let length = payload.len() as u32 + u32::from(flags.contains('S')) + u32::from(flags.contains('F'));
        self.next[from] = self.next[from].wrapping_add(length);
        self.packets.push(TestPacket { stamp, frame });
    }
}

/// Returns a pcap file of the link layer `link` with stamps in microseconds, or in nanoseconds.
pub(crate) fn pcap(packets: &[TestPacket], link: u32, in_nanos: bool) -> Vec<u8> {
    let magic: u32 = if in_nanos { 0xa1b2_3c4d } else { 0xa1b2_c3d4 };
    let mut file = Vec::new();
    for field in [magic, 0x0004_0002, 0, 0, 262_144, link] {
        file.extend(field.to_le_bytes());
    }
    for packet in packets {
        let data = on_link(&packet.frame, link);
        let fraction = packet.stamp % 1_000_000_000 / if in_nanos { 1 } else { 1_000 };
        for field in [packet.stamp / 1_000_000_000, fraction, data.len() as u64, data.len() as u64] {
            file.extend((field as u32).to_le_bytes());
        }
        file.extend(data);
    }
    file
}

/// Returns an Ethernet frame as a packet of another link layer.
pub(crate) fn on_link(frame: &[u8], link: u32) -> Vec<u8> {
    let (protocol, ip) = (&frame[12..14], &frame[14..]);
    let head = match link {
        0 => vec![2, 0, 0, 0],
        1 => frame[..14].to_vec(),
        101 => Vec::new(),
        113 => [&[0; 14], protocol].concat(),
        276 => [protocol, &[0; 18]].concat(),
        _ => panic!("link layer {link}"),
    };
    [&head, ip].concat()
}
