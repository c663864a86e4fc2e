//! `equalToXml`: equality of XML as XMLUnit sees it, with WireMock's choice of what counts.
//!
//! White space around texts, comments, the order of attributes and that of elements of different
//! names do not count. Where WireMock breaks and so never matches (text beside elements; several
//! elements while namespaces are looked away from), documents are compared here as everywhere.

mod compare;
mod placeholder;
#[cfg(test)]
mod tests;
mod view;

use std::sync::Arc;

use hashbrown::HashMap;

use compare::Comparer;
use placeholder::Placeholder;
pub use placeholder::PlaceholderDelimiters;
use standin_dialect::SyntaxError;
use standin_dialect::java_regex::Outcome;
use standin_dialect::xml::{Document, Place};

/// What an XML document must be equal to.
#[derive(Clone, Debug)]
pub struct XmlEquality {
    inner: Arc<ExpectedXml>,
}

#[derive(Debug)]
struct ExpectedXml {
    expected: Document,
    options: XmlOptions,
    /// The texts and attributes of the expected document that stand for something else.
    placeholders: HashMap<Place, Placeholder>,
}

/// What counts.
#[derive(Clone, Debug, Default)]
pub struct XmlOptions {
    /// How namespaces are looked at.
    pub namespaces: NamespaceAwareness,
    /// True if elements of one name may come in any order.
    pub any_order: bool,
    /// What is not compared.
    pub exempted: Exemptions,
    /// What placeholders stand in, if there are any.
    pub delimiters: Option<PlaceholderDelimiters>,
}

/// How namespaces are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NamespaceAwareness {
    /// By what prefixes are bound to, whatever they are; unbound ones are an error.
    #[default]
    Strict,
    /// As WireMock did before 3.12: prefixes of elements do not count, those of attributes do.
    Legacy,
    /// Not at all: names are what is written.
    None,
}

/// A comparison that can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum XmlComparison {
    /// Names of elements.
    ElementTagName,
    /// `xsi:schemaLocation`.
    SchemaLocation,
    /// `xsi:noNamespaceSchemaLocation`.
    NoNamespaceSchemaLocation,
    /// Text, CDATA, element …
    NodeType,
    /// Namespaces of elements.
    NamespaceUri,
    /// Texts.
    TextValue,
    /// Targets of processing instructions.
    InstructionTarget,
    /// What processing instructions say.
    InstructionData,
    /// How many attributes there are.
    AttributeCount,
    /// Values of attributes.
    AttributeValue,
    /// How many children there are.
    ChildCount,
    /// True if a child is there.
    Child,
    /// True if an attribute is there.
    AttributeName,
}

/// Comparisons that are left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exemptions(u16);

impl XmlEquality {
    /// Expects this document. What is odd about its placeholders, if anything, is the second.
    pub fn new(expected: &str, options: XmlOptions) -> Result<(Self, Vec<String>), SyntaxError> {
        let expected = Document::parse(expected)?;
        if let Some(prefix) = expected.unbound_prefix().filter(|_| options.namespaces == NamespaceAwareness::Strict) {
            let message = format!("the prefix `{prefix}` is bound to no namespace");
            let help = format!(
                "declare it: `xmlns:{prefix}=\"…\"`, or look away from namespaces: `\"namespaceAwareness\": \"NONE\"`"
            );
            return Err(SyntaxError::new(0, message, help));
        }
        let (placeholders, odd) = match &options.delimiters {
            Some(delimiters) => placeholder::all(&expected, delimiters),
            None => (HashMap::new(), Vec::new()),
        };
        Ok((Self { inner: Arc::new(ExpectedXml { expected, options, placeholders }) }, odd))
    }

    /// Returns whether the document is equal to the expected one.
    pub fn matches(&self, actual: &Document) -> Outcome {
        if self.is_unreadable(actual) {
            return Outcome::NoMatch;
        }
        let mut comparer = Comparer::new(&self.inner, actual, true);
        let is_equal = comparer.compare();
        match (is_equal, comparer.gave_up) {
            (true, _) => Outcome::Match,
            (false, true) => Outcome::GaveUp,
            (false, false) => Outcome::NoMatch,
        }
    }

    /// How far the document is from the expected one: differences over comparisons, as WireMock
    /// ranks near misses.
    pub fn distance(&self, actual: &Document) -> f64 {
        if self.is_unreadable(actual) {
            return 1.0;
        }
        let mut comparer = Comparer::new(&self.inner, actual, false);
        comparer.compare();
        comparer.differences as f64 / comparer.comparisons.max(1) as f64
    }

    /// Returns the expected document, over several lines.
    pub fn pretty(&self) -> String {
        self.inner.expected.pretty(Place::DOCUMENT, MAX_SHOWN_BYTES)
    }

    fn is_unreadable(&self, actual: &Document) -> bool {
        self.inner.options.namespaces == NamespaceAwareness::Strict && actual.unbound_prefix().is_some()
    }
}

impl NamespaceAwareness {
    /// The names that a stub may give.
    pub const NAMES: [&str; 3] = ["STRICT", "LEGACY", "NONE"];

    /// Returns the one of this name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "STRICT" => Some(Self::Strict),
            "LEGACY" => Some(Self::Legacy),
            "NONE" => Some(Self::None),
            _ => None,
        }
    }
}

impl Exemptions {
    /// Leaves out the comparison of this name; false if XMLUnit has none. Some have names and never
    /// count.
    pub fn add(&mut self, name: &str) -> bool {
        if let Some((_, comparison)) = COMPARISONS.iter().find(|(known, _)| *known == name) {
            self.0 |= comparison.bit();
            return true;
        }
        NEVER_COUNT.contains(&name)
    }

    /// Returns the names of what can be left out.
    pub fn names() -> String {
        COMPARISONS.map(|(name, _)| name).join(", ")
    }

    fn has(self, comparison: XmlComparison) -> bool {
        self.0 & comparison.bit() != 0
    }
}

impl XmlComparison {
    fn bit(self) -> u16 {
        1 << (self as u16)
    }
}

/// Bytes of a document in a message.
const MAX_SHOWN_BYTES: usize = 64 << 10;

const COMPARISONS: [(&str, XmlComparison); 13] = [
    ("ELEMENT_TAG_NAME", XmlComparison::ElementTagName),
    ("SCHEMA_LOCATION", XmlComparison::SchemaLocation),
    ("NO_NAMESPACE_SCHEMA_LOCATION", XmlComparison::NoNamespaceSchemaLocation),
    ("NODE_TYPE", XmlComparison::NodeType),
    ("NAMESPACE_URI", XmlComparison::NamespaceUri),
    ("TEXT_VALUE", XmlComparison::TextValue),
    ("PROCESSING_INSTRUCTION_TARGET", XmlComparison::InstructionTarget),
    ("PROCESSING_INSTRUCTION_DATA", XmlComparison::InstructionData),
    ("ELEMENT_NUM_ATTRIBUTES", XmlComparison::AttributeCount),
    ("ATTR_VALUE", XmlComparison::AttributeValue),
    ("CHILD_NODELIST_LENGTH", XmlComparison::ChildCount),
    ("CHILD_LOOKUP", XmlComparison::Child),
    ("ATTR_NAME_LOOKUP", XmlComparison::AttributeName),
];

const NEVER_COUNT: [&str; 10] = [
    "ATTR_VALUE_EXPLICITLY_SPECIFIED",
    "CHILD_NODELIST_SEQUENCE",
    "DOCTYPE_NAME",
    "DOCTYPE_PUBLIC_ID",
    "DOCTYPE_SYSTEM_ID",
    "HAS_DOCTYPE_DECLARATION",
    "NAMESPACE_PREFIX",
    "XML_ENCODING",
    "XML_STANDALONE",
    "XML_VERSION",
];
