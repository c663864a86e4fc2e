//! A performance profile, compiled.

#![no_main]

use libfuzzer_sys::fuzz_target;
use standin_model::profile::{ProfileFile, read_all};

fuzz_target!(|text: &str| {
    let file = ProfileFile { name: "fuzz".into(), file: "fuzz.yaml".into(), text: text.into() };
    for defect in read_all(&[file]).defects {
        let _ = defect.to_string();
    }
});
