//! A tape: a head and exchanges, a line each.

#![no_main]

use libfuzzer_sys::fuzz_target;
use standin_tape::TapeReader;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(reader) = TapeReader::new(bytes) {
        for exchange in reader {
            let _ = exchange;
        }
    }
});
