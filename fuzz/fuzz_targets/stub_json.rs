//! A mapping file in JSON, read as far as the stubs that are served.

#![no_main]

use libfuzzer_sys::fuzz_target;
use standin_stub::files::FilesFolder;
use standin_stub::format::{self, Reader};

fuzz_target!(|text: &str| {
    let mut reader = Reader::of_file("fuzz.json", text.into());
    if let Some(tree) = reader.parse(text) {
        let _ = format::mapping(&tree, &FilesFolder::new("/nonexistent"), &mut reader);
    }
    // drawing a defect must not fail either
    for defect in reader.into_defects() {
        let _ = defect.to_string();
    }
});
