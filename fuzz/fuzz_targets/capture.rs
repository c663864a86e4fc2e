//! A packet capture: blocks, packets, TCP, HTTP/1.1 and HTTP/2.

#![no_main]

use libfuzzer_sys::fuzz_target;
use standin_sources::capture::{CaptureReader, ServiceChoice};

fuzz_target!(|bytes: &[u8]| {
    let mut reader = CaptureReader::new(ServiceChoice::default(), Some(4_096));
    let _ = reader.read(bytes, |_, _, _, _| {});
    reader.finish();
});
