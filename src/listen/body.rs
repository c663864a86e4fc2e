//! Reading of request bodies within limits of length, time and memory.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;

use standin_stub::memory::{MemoryExhausted, MemoryPermit, MemoryShare};

/// The limits of one body.
#[derive(Clone, Copy, Debug)]
pub struct Bounds<'m> {
    /// Maximum length in bytes.
    pub length: usize,
    /// Maximum time until the last byte.
    pub time: Duration,
    /// The share of the memory budget that the bytes are taken from.
    pub memory: &'m Arc<MemoryShare>,
    /// Length in bytes up to which a body takes nothing from the budget.
    pub uncounted: usize,
}

/// The reason why a body was not read.
#[derive(Debug)]
pub enum Unread {
    /// The connection failed, with the error.
    Broken(String),
    /// The memory budget is exhausted.
    Memory(MemoryExhausted),
    /// The body exceeds the maximum length.
    TooLong,
    /// The body did not arrive in time.
    TooSlow,
}

/// Reads a body to its end. Its bytes count towards the memory budget as long as any part of them
/// lives.
pub async fn read<B>(body: B, bounds: Bounds<'_>) -> Result<Bytes, Unread>
where
    B: http_body::Body<Data = Bytes, Error: std::fmt::Display> + Unpin,
{
    if body.size_hint().lower() > bounds.length as u64 {
        return Err(Unread::TooLong);
    }
    tokio::time::timeout(bounds.time, gather(body, bounds)).await.unwrap_or(Err(Unread::TooSlow))
}

async fn gather<B>(mut body: B, bounds: Bounds<'_>) -> Result<Bytes, Unread>
where
    B: http_body::Body<Data = Bytes, Error: std::fmt::Display> + Unpin,
{
    let announced = body.size_hint().upper().and_then(|length| usize::try_from(length).ok());
    let longest = announced.unwrap_or(bounds.length).min(bounds.length);
    let mut gathered = BodyBuffer { bytes: Vec::new(), permit: None, longest, bounds };
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Unread::Broken(error.to_string()))?;
        // trailers are ignored
        let Ok(data) = frame.into_data() else { continue };
        if gathered.bytes.is_empty() && body.is_end_stream() && data.len() <= bounds.uncounted {
            return Ok(data);
        }
        gathered.push(&data)?;
    }
    Ok(gathered.whole())
}

/// The bytes received so far, in one buffer that grows with them: an announced length alone takes
/// no memory.
struct BodyBuffer<'m> {
    bytes: Vec<u8>,
    permit: Option<MemoryPermit>,
    /// The most bytes that can still arrive, by Content-Length and the limit.
    longest: usize,
    bounds: Bounds<'m>,
}

impl BodyBuffer<'_> {
    fn push(&mut self, data: &[u8]) -> Result<(), Unread> {
        let length = self.bytes.len() + data.len();
        if length > self.bounds.length {
            return Err(Unread::TooLong);
        }
        let before = self.bytes.capacity();
        if length > before {
            let capacity = before.saturating_mul(2).min(self.longest).max(length);
            self.count(capacity).map_err(Unread::Memory)?;
            self.bytes.reserve_exact(capacity - self.bytes.len());
        }
        self.bytes.extend_from_slice(data);
        Ok(())
    }

    fn count(&mut self, capacity: usize) -> Result<(), MemoryExhausted> {
        match &mut self.permit {
            Some(permit) => permit.grow(capacity - self.bytes.capacity()),
            None if capacity <= self.bounds.uncounted => Ok(()),
            None => {
                self.permit = Some(self.bounds.memory.take(capacity)?);
                Ok(())
            }
        }
    }

    fn whole(self) -> Bytes {
        match self.permit {
            Some(permit) => permit.hold(self.bytes),
            None => self.bytes.into(),
        }
    }
}
