//! A Java regular expression and a text, separated by a line break.

#![no_main]

use libfuzzer_sys::fuzz_target;
use standin_dialect::java_regex::JavaRegex;

fuzz_target!(|text: &str| {
    let (pattern, text) = text.split_once('\n').unwrap_or((text, "abc 123"));
    if let Ok(regex) = JavaRegex::new(pattern) {
        let _ = regex.matches(text);
        let _ = regex.captures(text);
    }
});
