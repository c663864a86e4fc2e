//! An OpenAPI description, and its stubs.

#![no_main]

use libfuzzer_sys::fuzz_target;
use standin_sources::document::{SourceDocument, SourceFormat};
use standin_sources::openapi::{self, OpenApiOptions};

fuzz_target!(|text: &str| {
    if let Ok(document) = SourceDocument::parse("openapi.yaml", text)
        && document.format == SourceFormat::OpenApi
    {
        let _ = openapi::stubs(document, &OpenApiOptions { base_path: None, requires_security: false });
    }
});
