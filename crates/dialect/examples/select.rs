//! Selects a part of the document on standard input: with JSONPath from JSON, with XPath from XML.
//!
//! ```sh
//! cargo run -p standin-dialect --example select -- '$.items[*].price' <<< '{"items": [{"price": 12}]}'
//! cargo run -p standin-dialect --example select -- '//item[@id="2"]' <<< '<a><item id="2">x</item></a>'
//! ```

use std::error::Error;
use std::io::{Read as _, Write as _};

use standin_dialect::json_path::{JsonPath, PathSelection};
use standin_dialect::xml::Document;
use standin_dialect::xml::xpath::{Namespaces, XPath, XPathValue};

fn main() -> Result<(), Box<dyn Error>> {
    let expression = std::env::args().nth(1).ok_or("write an expression such as `$.items[0]` or `//item`")?;
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let found = if text.trim_start().starts_with('<') {
        select_xml(&expression, &text)?
    } else {
        select_json(&expression, &text)?
    };
    let mut out = std::io::stdout().lock();
    for value in found {
        writeln!(out, "{}", value.trim_end())?;
    }
    Ok(())
}

fn select_json(expression: &str, text: &str) -> Result<Vec<String>, Box<dyn Error>> {
    let document: serde_json::Value = serde_json::from_str(text)?;
    let selection = JsonPath::parse(expression)?
        .try_select(&document)
        .map_err(|failure| format!("the path cannot be followed in this document: {failure:?}"))?;
    Ok(match selection {
        PathSelection::Missing => Vec::new(),
        PathSelection::One(value) => vec![value.to_string()],
        PathSelection::Many(values) => values.iter().map(ToString::to_string).collect(),
    })
}

fn select_xml(expression: &str, text: &str) -> Result<Vec<String>, Box<dyn Error>> {
    let document = Document::parse(text)?;
    let value = XPath::parse(expression, Namespaces::Ignored)?
        .evaluate(&document)
        .map_err(|_| "the evaluation takes too many steps")?;
    Ok(match &value {
        XPathValue::Nodes(nodes) => nodes.iter().map(|node| document.shown(*node, usize::MAX)).collect(),
        value => vec![value.as_text(&document).into_owned()],
    })
}
