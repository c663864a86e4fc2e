//! A file as a body: read by the blocking pool, whole when it is small and in pieces when it is not.

use std::io::{self, Read};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::sync::mpsc;

use super::{Outgoing, SendError};
use crate::regular_file;

/// Files up to this many bytes are read in one go; larger ones are streamed.
pub const BLOCKING_READ_LIMIT: u64 = 1 << 20;

/// Read at a time from a larger file.
const PIECE: usize = 128 << 10;

struct Pieces {
    left: u64,
    pieces: mpsc::Receiver<io::Result<Bytes>>,
}

/// Opens the file off the worker.
pub(super) async fn open(path: &Path) -> io::Result<Outgoing> {
    let path = path.to_owned();
    tokio::task::spawn_blocking(move || {
        let mut file = regular_file::open(&path)?;
        let length = file.metadata()?.len();
        if length <= BLOCKING_READ_LIMIT {
            let mut bytes = Vec::with_capacity(length as usize);
            file.read_to_end(&mut bytes)?;
            return Ok(Outgoing::whole(bytes.into()));
        }
        let (sender, pieces) = mpsc::channel(2);
        tokio::task::spawn_blocking(move || feed(file, length, &sender));
        Ok(Outgoing::stream(Pieces { left: length, pieces }))
    })
    .await
    .map_err(io::Error::other)?
}

/// Reads ahead by two pieces; ends when the file does, or the client has gone.
fn feed(mut file: std::fs::File, length: u64, sender: &mpsc::Sender<io::Result<Bytes>>) {
    let mut left = length;
    while left > 0 {
        let mut piece = vec![0; PIECE.min(usize::try_from(left).unwrap_or(PIECE))];
        let read = file.read_exact(&mut piece);
        left -= piece.len() as u64;
        let failed = read.is_err();
        if sender.blocking_send(read.map(|()| piece.into())).is_err() || failed {
            return;
        }
    }
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = SendError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, SendError>>> {
        self.pieces.poll_recv(cx).map(|piece| {
            piece.map(|piece| match piece {
                Ok(bytes) => {
                    self.left = self.left.saturating_sub(bytes.len() as u64);
                    Ok(Frame::data(bytes))
                }
                Err(error) => Err(error.into()),
            })
        })
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
