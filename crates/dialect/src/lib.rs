//! The small languages of WireMock stubs: Java's regular expressions and dates, Jayway's JSONPath,
//! JsonUnit's equality of JSON, XML and XPath 1.0, GraphQL, path templates.
//!
//! Everything here gives the answers of the Java libraries that WireMock uses, odd ones included.
//! Texts come from strangers, so parsers limit depth and size, and evaluation limits its steps.
//! Every parser reports a [`SyntaxError`] with the place, a message and help.
//!
//! # Java regular expressions
//!
//! ```
//! use standin_dialect::java_regex::{JavaRegex, MatchOutcome};
//!
//! let regex = JavaRegex::new(r"\p{Upper}\w*+(?<!x)")?;
//! assert_eq!(regex.matches("Ada"), MatchOutcome::Match);
//! assert_eq!(regex.matches("Alex"), MatchOutcome::NoMatch);
//!
//! let error = JavaRegex::new("(a").expect_err("the group is not closed");
//! assert!(!error.help.is_empty());
//! # Ok::<(), standin_dialect::SyntaxError>(())
//! ```
//!
//! # JSONPath
//!
//! ```
//! use serde_json::json;
//! use standin_dialect::json_path::JsonPath;
//!
//! let order = json!({"items": [{"name": "tea", "price": 7}, {"name": "pot", "price": 12}]});
//! let dear = JsonPath::parse("$.items[?(@.price > 10)].name")?;
//! assert!(dear.try_select(&order).expect("the path applies").is_found());
//! # Ok::<(), standin_dialect::SyntaxError>(())
//! ```
//!
//! # Equality of JSON
//!
//! ```
//! use serde_json::json;
//! use standin_dialect::json::JsonEquality;
//!
//! let (ignores_order, ignores_extra) = (true, false);
//! let expected = json!({"id": "${json-unit.any-string}", "tags": ["b", "a"]});
//! let expected = JsonEquality::new(expected, ignores_order, ignores_extra)?;
//! assert!(expected.matches(&json!({"tags": ["a", "b"], "id": "7"})));
//! # Ok::<(), standin_dialect::SyntaxError>(())
//! ```
//!
//! # XML and XPath
//!
//! ```
//! use standin_dialect::xml::Document;
//! use standin_dialect::xml::xpath::{Namespaces, XPath};
//!
//! let document = Document::parse("<order><item>tea</item><item>pot</item></order>")?;
//! let count = XPath::parse("count(/order/item)", Namespaces::Ignored)?;
//! let value = count.evaluate(&document).expect("few steps");
//! assert_eq!(value.as_text(&document), "2");
//! # Ok::<(), standin_dialect::SyntaxError>(())
//! ```
//!
//! # GraphQL
//!
//! ```
//! use standin_dialect::graphql::GraphQlDocument;
//!
//! let expected = GraphQlDocument::parse("{ hero { name age } }")?;
//! assert_eq!(GraphQlDocument::parse("query { hero { age, name } }")?, expected);
//! # Ok::<(), standin_dialect::SyntaxError>(())
//! ```
//!
//! # Dates
//!
//! ```
//! use standin_dialect::dates::{DateOffset, DateParser};
//!
//! let parser = DateParser::for_format("d MMM yyyy HH:mm z")?;
//! let date = parser.parse("1 Jun 2026 09:30 CEST").expect("a date");
//! let offset = DateOffset::parse("now +3 days")?;
//! let later = offset.apply(date.zoned().expect("it has a zone")).expect("in range");
//! assert_eq!(later.timestamp().to_string(), "2026-06-04T07:30:00Z");
//! # Ok::<(), standin_dialect::SyntaxError>(())
//! ```
//!
//! # Path templates
//!
//! ```
//! use standin_dialect::PathTemplate;
//!
//! let template = PathTemplate::new("/orders/{id}/items/{item}");
//! assert_eq!(template.variable("item", "/orders/7/items/tea"), Some("tea"));
//! ```

#[doc(hidden)]
pub mod cpu_time;
pub mod dates;
mod error;
pub mod graphql;
pub mod java_decimal;
pub mod java_regex;
pub mod java_text;
pub mod json;
pub mod json_path;
mod path_template;
pub mod xml;

pub use error::SyntaxError;
pub use path_template::{PathTemplate, TemplateSegment};

/// Runs the examples of the README as doctests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;
