//! Spans of OTLP, Jaeger and Zipkin.

#![no_main]

use libfuzzer_sys::fuzz_target;
use standin_sources::spans::{SpanFormat, SpanOptions, SpanServices};
use standin_sources::timing::{CallLog, TapeOptions};

fuzz_target!(|bytes: &[u8]| {
    for (_, format) in SpanFormat::NAMES {
        let mut log = CallLog::new(TapeOptions::default());
        let _ = format.read(bytes, &SpanOptions::default(), &mut SpanServices::new(), &mut log);
        log.discard();
    }
});
