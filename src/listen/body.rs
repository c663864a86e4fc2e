//! A request body, read whole within its limits: of length, of time, and of the memory of all
//! calls.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;

use standin_stub::memory::{MemoryExhausted, MemoryPermit, MemoryShare};

/// Bounds of one body.
#[derive(Clone, Copy, Debug)]
pub struct Bounds<'m> {
    /// Bytes at most.
    pub length: usize,
    /// Time until the last byte.
    pub time: Duration,
    /// Where its bytes are counted.
    pub memory: &'m Arc<MemoryShare>,
    /// Bytes that are not counted.
    pub uncounted: usize,
}

/// Why a body was not read.
#[derive(Debug)]
pub enum Unread {
    /// It broke off; why.
    Broken(String),
    /// There is no memory left for it.
    Memory(MemoryExhausted),
    /// It is longer than it may be.
    TooLong,
    /// It did not come in time.
    TooSlow,
}

/// Reads a body to its end. Its bytes count as held for as long as any part of them lives.
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
    let mut gathered = Gathered { bytes: Vec::new(), permit: None, longest, bounds };
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Unread::Broken(error.to_string()))?;
        // trailers are not looked at
        let Ok(data) = frame.into_data() else { continue };
        if gathered.bytes.is_empty() && body.is_end_stream() && data.len() <= bounds.uncounted {
            return Ok(data);
        }
        gathered.push(&data)?;
    }
    Ok(gathered.whole())
}

/// The bytes so far, in one buffer that grows as they come: what was only announced takes nothing.
struct Gathered<'m> {
    bytes: Vec<u8>,
    permit: Option<MemoryPermit>,
    /// Bytes that can come at most.
    longest: usize,
    bounds: Bounds<'m>,
}

impl Gathered<'_> {
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
