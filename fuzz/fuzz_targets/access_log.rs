//! A format of an access log, and its lines.

#![no_main]

use libfuzzer_sys::fuzz_target;
use standin_sources::access_log::{LogOptions, LogReader};
use standin_sources::timing::{CallLog, TapeOptions};

fuzz_target!(|input: (String, String)| {
    let (format, text) = input;
    for format in [None, Some(format)] {
        let options = LogOptions { format, ..LogOptions::default() };
        if let Ok(reader) = LogReader::new(&options, &text) {
            let mut log = CallLog::new(TapeOptions::default());
            // fewer lines than are written to a tape
            let _ = reader.read(text.as_bytes(), "log", &mut log);
            log.discard();
        }
    }
});
