//! The bytes of both directions of a TCP connection, in segments that the input chooses. They are
//! HTTP/1.1 or HTTP/2 far more often than in the packets of `capture`.

#![no_main]

use std::net::SocketAddr;

use libfuzzer_sys::fuzz_target;
use standin_sources::capture::{CaptureReader, ServiceChoice, TcpSegment};

fuzz_target!(|bytes: &[u8]| {
    let ends: [SocketAddr; 2] = ["10.0.0.1:4000", "10.0.0.2:80"].map(|end| end.parse().expect("an address"));
    let mut reader = CaptureReader::new(ServiceChoice::default(), Some(4_096));
    let mut next = [0u32; 2];
    let mut stamp = 0;
    let mut rest = bytes;
    while let [control, length, tail @ ..] = rest {
        let (payload, after) = tail.split_at(usize::from(*length).min(tail.len()));
        let from = usize::from(control & 1);
        // now and then a segment is repeated, or one is missing
        let jump = match control >> 5 {
            1 => u32::from(*length),
            2 => 0u32.wrapping_sub(u32::from(*length)),
            _ => 0,
        };
        let segment = TcpSegment {
            from: ends[from],
            to: ends[1 - from],
            sequence: next[from].wrapping_add(jump),
            acknowledged: Some(next[1 - from]),
            syn: control & 2 != 0 && stamp < 2,
            fin: control & 4 != 0,
            rst: control & 24 == 24,
            payload,
        };
        stamp += 1;
        reader.segment(stamp, &segment);
        next[from] = next[from].wrapping_add(payload.len() as u32);
        rest = after;
    }
    reader.finish();
});
