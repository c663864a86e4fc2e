//! HTTP/2 frames of one direction (RFC 9113), with header blocks decoded.

use fluke_hpack::Decoder;

/// Meaning of a frame for its stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FrameEvent {
    /// A field section of a stream.
    Headers {
        stream: u32,
        fields: Vec<(String, String)>,
        /// Stamp of the first byte of the frame.
        begun: u64,
        ends: bool,
    },
    /// A part of a body.
    Data { stream: u32, bytes: Vec<u8>, ends: bool },
    /// The sender gives up a stream.
    Reset { stream: u32 },
}

/// The frames of one direction.
pub(super) struct FrameReader {
    /// Bytes of the connection preface that are still to come.
    preface: usize,
    buffer: Vec<u8>,
    /// Stamp of the first byte in the buffer.
    begun: u64,
    decoder: Decoder<'static>,
    /// Header block that continues in the next frame.
    block: Option<HeaderBlock>,
}

struct HeaderBlock {
    stream: u32,
    bytes: Vec<u8>,
    begun: u64,
    ends: bool,
    /// True for a promised request, whose fields count for the state of the decoder only.
    is_promise: bool,
}

impl FrameReader {
    /// Creates a reader; the client's stream begins with a preface.
    pub(super) fn new(is_client: bool) -> Self {
        let mut decoder = Decoder::new();
        decoder.set_max_allowed_table_size(MAX_TABLE_BYTES);
        let preface = if is_client { PREFACE.len() } else { 0 };
        Self { preface, buffer: Vec::new(), begun: 0, decoder, block: None }
    }

    /// Takes bytes, and returns the events of the frames that are complete. `Err` if the bytes are
    /// no HTTP/2; nothing behind them can be read.
    pub(super) fn read(&mut self, stamp: u64, mut bytes: &[u8]) -> Result<Vec<FrameEvent>, ()> {
        let skipped = self.preface.min(bytes.len());
        self.preface -= skipped;
        bytes = &bytes[skipped..];
        if self.buffer.is_empty() {
            self.begun = stamp;
        }
        self.buffer.extend_from_slice(bytes);
        let mut events = Vec::new();
        let mut at = 0;
        while let Some(head) = self.buffer.get(at..at + FRAME_HEAD_BYTES) {
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let (kind, flags) = (head[3], head[4]);
            let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]) & 0x7fff_ffff;
            let Some(payload) = self.buffer.get(at + FRAME_HEAD_BYTES..at + FRAME_HEAD_BYTES + length) else { break };
            let payload = payload.to_vec();
            events.extend(self.frame(kind, flags, stream, &payload)?);
            at += FRAME_HEAD_BYTES + length;
            self.begun = stamp;
        }
        self.buffer.drain(..at);
        Ok(events)
    }

    fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Result<Option<FrameEvent>, ()> {
        if self.block.is_some() && kind != CONTINUATION {
            return Err(());
        }
        let ends = flags & END_STREAM != 0;
        match kind {
            DATA => {
                let bytes = unpadded(payload, flags)?.to_vec();
                Ok(Some(FrameEvent::Data { stream, bytes, ends }))
            }
            HEADERS => {
                let mut bytes = unpadded(payload, flags)?;
                if flags & PRIORITY != 0 {
                    bytes = bytes.get(5..).ok_or(())?;
                }
                self.begin_block(stream, bytes, ends, false);
                self.end_block(flags)
            }
            PUSH_PROMISE => {
                let bytes = unpadded(payload, flags)?.get(4..).ok_or(())?;
                self.begin_block(stream, bytes, false, true);
                self.end_block(flags)
            }
            CONTINUATION => {
                let block = self.block.as_mut().filter(|block| block.stream == stream).ok_or(())?;
                block.bytes.extend_from_slice(payload);
                if block.bytes.len() > MAX_BLOCK_BYTES {
                    return Err(());
                }
                self.end_block(flags)
            }
            RST_STREAM => Ok(Some(FrameEvent::Reset { stream })),
            _ => Ok(None),
        }
    }

    fn begin_block(&mut self, stream: u32, bytes: &[u8], ends: bool, is_promise: bool) {
        self.block = Some(HeaderBlock { stream, bytes: bytes.to_vec(), begun: self.begun, ends, is_promise });
    }

    fn end_block(&mut self, flags: u8) -> Result<Option<FrameEvent>, ()> {
        if flags & END_HEADERS == 0 {
            return Ok(None);
        }
        let block = self.block.take().ok_or(())?;
        let fields = self.decoder.decode(&block.bytes).map_err(|_| ())?;
        if block.is_promise {
            return Ok(None);
        }
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let fields = fields.into_iter().map(|(name, value)| (text(name), text(value))).collect();
        Ok(Some(FrameEvent::Headers { stream: block.stream, fields, begun: block.begun, ends: block.ends }))
    }
}

impl std::fmt::Debug for FrameReader {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("FrameReader").field("buffered", &self.buffer.len()).finish_non_exhaustive()
    }
}

/// Returns a payload without its padding.
fn unpadded(payload: &[u8], flags: u8) -> Result<&[u8], ()> {
    if flags & PADDED == 0 {
        return Ok(payload);
    }
    let (padding, rest) = payload.split_first().ok_or(())?;
    let length = rest.len().checked_sub(usize::from(*padding)).ok_or(())?;
    Ok(&rest[..length])
}

/// The first bytes of a client.
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const FRAME_HEAD_BYTES: usize = 9;
/// Longest header block that is read.
const MAX_BLOCK_BYTES: usize = 1 << 20;
/// Largest table of header fields that is kept.
const MAX_TABLE_BYTES: usize = 1 << 20;

// types and flags of frames
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const PUSH_PROMISE: u8 = 5;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const PRIORITY: u8 = 32;
