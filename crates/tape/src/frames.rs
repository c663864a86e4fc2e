//! Compression of tapes: zstd frames (RFC 8878), flushed with each write, so that a file whose
//! writer was killed can be read up to its last write.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use zstd::stream::raw::{Encoder, InBuffer, Operation as _, OutBuffer};

/// An encoder of frames that appends to a buffer.
pub(super) struct FrameEncoder {
    encoder: Encoder<'static>,
    /// Bytes of input in the current frame.
    in_frame: usize,
}

impl FrameEncoder {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { encoder: Encoder::new(COMPRESSION_LEVEL)?, in_frame: 0 })
    }

    /// Compresses the input so that it can be decoded as far as it is written. A frame ends when it
    /// is long.
    pub(super) fn append(&mut self, input: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        let mut input = InBuffer::around(input);
        while input.pos() < input.src.len() {
            self.step(out, |encoder, out| encoder.run(&mut input, out).map(|_| 0))?;
        }
        self.in_frame += input.src.len();
        if self.in_frame >= FRAME_BYTES {
            return self.end_frame(out);
        }
        while self.step(out, zstd::stream::raw::Operation::flush)? > 0 {}
        Ok(())
    }

    /// Ends the frame, if there is one.
    pub(super) fn end_frame(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        if self.in_frame == 0 {
            return Ok(());
        }
        while self.step(out, |encoder, out| encoder.finish(out, true))? > 0 {}
        self.in_frame = 0;
        self.encoder.reinit()
    }

    fn step(
        &mut self,
        out: &mut Vec<u8>,
        mut operate: impl FnMut(&mut Encoder<'static>, &mut OutBuffer<'_, Vec<u8>>) -> io::Result<usize>,
    ) -> io::Result<usize> {
        out.reserve(OUTPUT_STEP_BYTES);
        let written = out.len();
        operate(&mut self.encoder, &mut OutBuffer::around_pos(out, written))
    }
}

/// A reader of a file that is compressed or not.
pub enum FrameReader {
    /// The file as it is.
    Plain(BufReader<File>),
    /// Its frames, decoded.
    Frames(Box<BufReader<zstd::Decoder<'static, BufReader<File>>>>),
}

impl FrameReader {
    /// Reads a file from its begin.
    pub(super) fn new(file: File) -> io::Result<Self> {
        let mut plain = BufReader::with_capacity(READ_BUFFER_BYTES, file);
        if !is_frame(plain.fill_buf()?) {
            return Ok(Self::Plain(plain));
        }
        let frames = zstd::Decoder::with_buffer(plain)?;
        Ok(Self::Frames(Box::new(BufReader::with_capacity(READ_BUFFER_BYTES, frames))))
    }
}

impl Read for FrameReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = {
            let mut buffered = self.fill_buf()?;
            buffered.read(out)?
        };
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for FrameReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self {
            Self::Plain(reader) => reader.fill_buf(),
            Self::Frames(reader) => match reader.fill_buf() {
                // the writer was killed within a frame
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(&[]),
                read => read,
            },
        }
    }

    fn consume(&mut self, count: usize) {
        match self {
            Self::Plain(reader) => reader.consume(count),
            Self::Frames(reader) => reader.consume(count),
        }
    }
}

/// Calls `each` with the place and the content of each frame of a file, as far as it was written.
pub(super) fn for_each_frame(file: &File, mut each: impl FnMut(u64, &[u8])) -> io::Result<()> {
    let mut reader = BufReader::with_capacity(READ_BUFFER_BYTES, FileFrom { file, at: 0 });
    let mut content = Vec::new();
    loop {
        let at = reader.get_ref().at - reader.buffer().len() as u64;
        if reader.fill_buf()?.is_empty() {
            return Ok(());
        }
        content.clear();
        let is_whole = read_frame(&mut reader, &mut content)?;
        each(at, &content);
        if !is_whole {
            return Ok(());
        }
    }
}

/// Returns the content of the frame at a place of a file.
pub(super) fn frame_at(file: &File, at: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    let mut reader = BufReader::with_capacity(READ_BUFFER_BYTES, FileFrom { file, at });
    read_frame(&mut reader, &mut content)?;
    Ok(content)
}

/// Reads a frame, and returns false if it is cut off.
fn read_frame(reader: &mut impl BufRead, content: &mut Vec<u8>) -> io::Result<bool> {
    match zstd::Decoder::with_buffer(reader)?.single_frame().read_to_end(content) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// Returns true if bytes begin a frame.
pub(super) fn is_frame(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd])
}

/// Returns true if a file of this name is written in frames.
pub(super) fn is_frame_file(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "zst")
}

/// A file from a place on, with a position of its own.
struct FileFrom<'f> {
    file: &'f File,
    at: u64,
}

impl Read for FileFrom<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(out, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// Level of compression, from 1 to 22: a fast one, since the recorder shares its cores.
const COMPRESSION_LEVEL: i32 = 1;
/// Bytes of input from which on a frame ends. A body is found again by decoding its frame.
const FRAME_BYTES: usize = 1 << 20;
const OUTPUT_STEP_BYTES: usize = 1 << 16;
const READ_BUFFER_BYTES: usize = 1 << 18;
