//! A response template, parsed.

#![no_main]

use libfuzzer_sys::fuzz_target;
use standin_stub::render::template::Template;

fuzz_target!(|text: &str| {
    if let Ok(template) = Template::parse(text) {
        let _ = template.unknown_helper();
    }
});
