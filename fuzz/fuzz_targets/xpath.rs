//! An XPath and an XML document, separated by a line break.

#![no_main]

use libfuzzer_sys::fuzz_target;
use standin_dialect::xml::Document;
use standin_dialect::xml::xpath::{Namespaces, XPath};

fuzz_target!(|text: &str| {
    let (expression, xml) = text.split_once('\n').unwrap_or((text, "<a b='1'><c>text</c><c/></a>"));
    let document = Document::parse(xml);
    if let Ok(path) = XPath::parse(expression, Namespaces::Ignored)
        && let Ok(document) = document
    {
        let _ = path.evaluate(&document);
    }
});
