//! A JSON text, read as a compact tree: it is the document of serde_json, or none to either.

#![no_main]

use libfuzzer_sys::fuzz_target;
use standin_dialect::json::{JsonNode, JsonTree};

fuzz_target!(|text: String| {
    let expected = serde_json::from_str::<serde_json::Value>(&text).ok();
    // serde_json takes this name for its own way to say a number
    if text.contains("$serde_json") {
        return;
    }
    let tree = JsonTree::parse(text.into());
    assert_eq!(tree.as_ref().map(|tree| JsonNode::from(tree).to_value().into_owned()), expected);
});
