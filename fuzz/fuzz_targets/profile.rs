//! A performance profile, compiled.

#![no_main]

use libfuzzer_sys::fuzz_target;
use standin_model::profile::load::{self, File};

fuzz_target!(|text: &str| {
    let file = File { name: "fuzz".into(), file: "fuzz.yaml".into(), text: text.into() };
    for defect in load::read_all(&[file]).defects {
        let _ = defect.to_string();
    }
});
