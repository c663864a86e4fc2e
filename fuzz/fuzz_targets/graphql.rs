//! A GraphQL document.

#![no_main]

use libfuzzer_sys::fuzz_target;
use standin_dialect::graphql::GraphQlDocument;

fuzz_target!(|text: &str| {
    let _ = GraphQlDocument::parse(text);
});
