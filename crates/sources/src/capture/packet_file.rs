//! Packet captures: the packets of pcap and pcapng files, in one pass.

use std::io::Read;

use pcap_parser::pcapng::Block;
use pcap_parser::{Linktype, PcapBlockOwned, PcapError, create_reader};

/// A captured packet.
#[derive(Clone, Copy, Debug)]
pub struct CapturedPacket<'p> {
    /// Time stamp, in nanoseconds since 1970; `None` if the file has none for it.
    pub stamp: Option<u64>,
    /// Kind of the link layer, as the file numbers it.
    pub link: i32,
    /// Bytes from the link layer on.
    pub data: &'p [u8],
    /// True if the capture kept a part of the packet only.
    pub is_cut: bool,
    /// Resolution of the stamp in nanoseconds.
    pub resolution: u64,
}

/// The end of a capture file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaptureFileEnd {
    /// Resolution of the time stamps in nanoseconds, the coarsest of all interfaces.
    pub resolution: u64,
    /// Reason that the file ends early, if it does.
    pub broken: Option<String>,
}

/// Reads all packets of a capture. The error says why the file is no capture.
pub fn read_packets(input: impl Read, mut each: impl FnMut(CapturedPacket<'_>)) -> Result<CaptureFileEnd, String> {
    let mut reader = create_reader(BUFFER_BYTES, Fill(input)).map_err(|error| match error {
        PcapError::ReadError => "cannot be read".to_owned(),
        PcapError::Eof => "is empty".to_owned(),
        _ => "is neither a pcap nor a pcapng file".to_owned(),
    })?;
    let mut state = FileState::default();
    loop {
        match reader.next() {
            Ok((length, block)) => {
                state.block(block, &mut each);
                reader.consume(length);
            }
            Err(PcapError::Eof) => break,
            Err(PcapError::Incomplete(_)) => {
                let before = reader.data().len();
                if reader.refill().is_err() {
                    return Ok(state.end(Some("it cannot be read further")));
                }
                if reader.data().len() == before {
                    let is_end = reader.reader_exhausted();
                    if is_end && before == 0 {
                        break;
                    }
                    if is_end || !reader.grow(MAX_BLOCK_BYTES) {
                        let why = if is_end { "its last packet is cut off" } else { "a block is too long" };
                        return Ok(state.end(Some(why)));
                    }
                }
            }
            Err(PcapError::UnexpectedEof) => return Ok(state.end(Some("its last packet is cut off"))),
            Err(_) => return Ok(state.end(Some("it has a broken block"))),
        }
    }
    Ok(state.end(None))
}

/// Reads as much as fits, so that the kind of a file shows in the first read.
struct Fill<R>(R);

impl<R: Read> Read for Fill<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.0.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) if filled == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(filled)
    }
}

/// Interface of a pcapng section, or the only one of a pcap file.
#[derive(Clone, Copy)]
struct CaptureInterface {
    link: i32,
    /// Units of the time stamps in a second.
    units: u64,
    /// Seconds to add to the time stamps.
    offset: i64,
}

#[derive(Default)]
struct FileState {
    interfaces: Vec<CaptureInterface>,
    resolution: u64,
}

impl FileState {
    fn block(&mut self, block: PcapBlockOwned<'_>, each: &mut impl FnMut(CapturedPacket<'_>)) {
        match block {
            PcapBlockOwned::LegacyHeader(header) => {
                let units = if header.is_nanosecond_precision() { 1_000_000_000 } else { 1_000_000 };
                self.interfaces.clear();
                self.add(CaptureInterface { link: header.network.0, units, offset: 0 });
            }
            PcapBlockOwned::Legacy(packet) => {
                let Some(interface) = self.interfaces.first() else { return };
                let stamp =
                    u64::from(packet.ts_sec).saturating_mul(interface.units).saturating_add(u64::from(packet.ts_usec));
                each(CapturedPacket {
                    stamp: interface.nanos(stamp),
                    link: interface.link,
                    data: packet.data,
                    is_cut: packet.caplen < packet.origlen,
                    resolution: self.resolution,
                });
            }
            PcapBlockOwned::NG(Block::SectionHeader(_)) => self.interfaces.clear(),
            PcapBlockOwned::NG(Block::InterfaceDescription(interface)) => {
                let units = interface.ts_resolution().filter(|units| *units > 0).unwrap_or(1_000_000);
                let Linktype(link) = interface.linktype;
                self.add(CaptureInterface { link, units, offset: interface.ts_offset() });
            }
            PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
                let Some(interface) = self.interfaces.get(packet.if_id as usize) else { return };
                let stamp = (u64::from(packet.ts_high) << 32) | u64::from(packet.ts_low);
                let length = (packet.caplen as usize).min(packet.data.len());
                each(CapturedPacket {
                    stamp: interface.nanos(stamp),
                    link: interface.link,
                    data: &packet.data[..length],
                    is_cut: packet.caplen < packet.origlen,
                    resolution: self.resolution,
                });
            }
            PcapBlockOwned::NG(Block::SimplePacket(packet)) => {
                let Some(interface) = self.interfaces.first() else { return };
                let is_cut = packet.data.len() < packet.origlen as usize;
                each(CapturedPacket {
                    stamp: None,
                    link: interface.link,
                    data: packet.data,
                    is_cut,
                    resolution: self.resolution,
                });
            }
            PcapBlockOwned::NG(_) => {}
        }
    }

    fn add(&mut self, interface: CaptureInterface) {
        if self.interfaces.len() < MAX_INTERFACES {
            self.interfaces.push(interface);
            self.resolution = self.resolution.max((1_000_000_000 / interface.units).max(1));
        }
    }

    fn end(self, broken: Option<&str>) -> CaptureFileEnd {
        CaptureFileEnd { resolution: self.resolution, broken: broken.map(str::to_owned) }
    }
}

impl CaptureInterface {
    /// Converts a time stamp to nanoseconds since 1970; `None` if that is no time in this era.
    fn nanos(&self, stamp: u64) -> Option<u64> {
        let nanos = u128::from(stamp) * 1_000_000_000 / u128::from(self.units);
        let nanos = i128::try_from(nanos).ok()? + i128::from(self.offset) * 1_000_000_000;
        u64::try_from(nanos).ok()
    }
}

/// Size of the read buffer.
const BUFFER_BYTES: usize = 1 << 20;
/// Longest block that is read.
const MAX_BLOCK_BYTES: usize = 16 << 20;
/// Maximum number of interfaces of a section.
const MAX_INTERFACES: usize = 4_096;
