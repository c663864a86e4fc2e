//! Results of load tools, of every format.

#![no_main]

use libfuzzer_sys::fuzz_target;
use standin_learn::import::{ImportFormat, ImportOptions, read};

fuzz_target!(|bytes: &[u8]| {
    let _ = read(bytes, &ImportOptions::default());
    for (_, format) in ImportFormat::NAMES {
        let _ = read(bytes, &ImportOptions { format: Some(*format), ..ImportOptions::default() });
    }
});
