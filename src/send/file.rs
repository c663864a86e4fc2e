//! Files as bodies: read off the worker, small files whole, large ones piece by piece as the client
//! takes them.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use super::{Outgoing, SendError, Unsendable};
use standin_files::regular_file;
use standin_stub::memory::{MemoryPermit, MemoryShare};

/// Size of a read in bytes.
const PIECE: usize = 64 << 10;

/// Number of buffers of a file that is being sent: one is filled while the other waits for the
/// client.
const BUFFERS: usize = 2;

/// A file that is being sent. A buffer is filled again only when the client has taken its bytes, so
/// that a client that does not read holds two buffers and no thread.
struct FilePieces {
    left: u64,
    file: Option<File>,
    reading: Option<JoinHandle<(File, io::Result<Buffer>)>>,
    free: mpsc::UnboundedReceiver<Buffer>,
}

/// A buffer with bytes of a file, counted by its permit.
struct Buffer {
    bytes: Vec<u8>,
    _permit: MemoryPermit,
    home: mpsc::UnboundedSender<Buffer>,
}

/// A buffer whose bytes are being sent. It returns to the reader when hyper drops it.
struct LentBuffer(Option<Buffer>);

/// Opens a file off the worker and returns a body that streams it, or a range of it.
pub(super) async fn open(
    path: &Path,
    range: Option<Range<u64>>,
    memory: &Arc<MemoryShare>,
) -> Result<Outgoing, Unsendable> {
    off_worker(path, memory, move |mut file, length, memory| {
        let range = range.unwrap_or(0..length);
        if range.start > 0 {
            file.seek(SeekFrom::Start(range.start))?;
        }
        // the file may have become shorter
        let length = range.end.min(length).saturating_sub(range.start);
        if length <= (BUFFERS * PIECE) as u64 {
            return Ok(Outgoing::whole(read_whole(file, length, memory)?));
        }
        Ok(Outgoing::stream(FilePieces::new(file, length, memory)?))
    })
    .await
}

/// Reads a file off the worker.
pub(super) async fn read(path: &Path, memory: &Arc<MemoryShare>) -> Result<Bytes, Unsendable> {
    off_worker(path, memory, read_whole).await
}

async fn off_worker<T: Send + 'static>(
    path: &Path,
    memory: &Arc<MemoryShare>,
    work: impl FnOnce(File, u64, &Arc<MemoryShare>) -> Result<T, Unsendable> + Send + 'static,
) -> Result<T, Unsendable> {
    let (path, memory) = (path.to_owned(), Arc::clone(memory));
    let opened = spawn_blocking(move || {
        let file = regular_file::open(&path).map_err(|error| naming_file(&path, &error))?;
        let length = file.metadata()?.len();
        work(file, length, &memory)
    });
    opened.await.map_err(io::Error::other)?
}

/// Returns the error with the name of the file, from `__files` on: the client of a mock is to know
/// which file is missing, and no path of the machine.
fn naming_file(path: &Path, error: &io::Error) -> io::Error {
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    let from = parts.iter().rposition(|part| part == "__files").unwrap_or(parts.len().saturating_sub(1));
    let name: Vec<_> = parts[from..].iter().filter(|part| *part != "\0").map(AsRef::as_ref).collect();
    io::Error::new(error.kind(), format!("`{}`: {error}", name.join("/")))
}

fn read_whole(file: File, length: u64, memory: &Arc<MemoryShare>) -> Result<Bytes, Unsendable> {
    let permit = memory.take(usize::try_from(length).unwrap_or(usize::MAX))?;
    let mut bytes = Vec::with_capacity(length as usize);
    file.take(length).read_to_end(&mut bytes)?;
    Ok(permit.hold(bytes))
}

impl FilePieces {
    fn new(file: File, length: u64, memory: &Arc<MemoryShare>) -> Result<Self, Unsendable> {
        let (home, free) = mpsc::unbounded_channel();
        for _ in 0..BUFFERS {
            let buffer = Buffer { bytes: Vec::new(), _permit: memory.take(PIECE)?, home: home.clone() };
            // the receiver is still in this function
            let _ = home.send(buffer);
        }
        Ok(Self { left: length, file: Some(file), reading: None, free })
    }
}

/// Fills a buffer with the next bytes of a file.
fn fill(mut file: File, mut buffer: Buffer, length: usize) -> (File, io::Result<Buffer>) {
    buffer.bytes.resize(length, 0);
    let read = file.read_exact(&mut buffer.bytes);
    (file, read.map(|()| buffer))
}

impl http_body::Body for FilePieces {
    type Data = Bytes;
    type Error = SendError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, SendError>>> {
        loop {
            if let Some(reading) = &mut self.reading {
                let read = ready!(Pin::new(reading).poll(cx));
                self.reading = None;
                let (file, buffer) = read?;
                let buffer = buffer?;
                self.file = Some(file);
                self.left -= buffer.bytes.len() as u64;
                return Poll::Ready(Some(Ok(Frame::data(Bytes::from_owner(LentBuffer(Some(buffer)))))));
            }
            if self.left == 0 {
                return Poll::Ready(None);
            }
            let length = PIECE.min(usize::try_from(self.left).unwrap_or(PIECE));
            // the file is gone after a failed read
            let Some(buffer) = ready!(self.free.poll_recv(cx)) else { return Poll::Ready(None) };
            let Some(file) = self.file.take() else { return Poll::Ready(None) };
            self.reading = Some(spawn_blocking(move || fill(file, buffer, length)));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

impl AsRef<[u8]> for LentBuffer {
    fn as_ref(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |buffer| &buffer.bytes)
    }
}

impl Drop for LentBuffer {
    fn drop(&mut self) {
        if let Some(buffer) = self.0.take() {
            let home = buffer.home.clone();
            // an error means that the whole file has been sent
            let _ = home.send(buffer);
        }
    }
}
