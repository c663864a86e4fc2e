//! A mapping file in YAML, read as far as the stubs that are served.

#![no_main]

use libfuzzer_sys::fuzz_target;
use standin_stub::files::FilesFolder;
use standin_stub::format::{self, Reader};

fuzz_target!(|text: &str| {
    let mut reader = Reader::of_file("fuzz.yaml", text.into());
    if let Some(tree) = reader.parse_yaml(text) {
        let _ = format::mapping(&tree, &FilesFolder::new("/nonexistent"), &mut reader);
    }
    for defect in reader.into_defects() {
        let _ = defect.to_string();
    }
});
