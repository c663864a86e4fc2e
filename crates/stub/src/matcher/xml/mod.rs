//! `equalToXml`: equality of XML by the rules of XMLUnit, with the settings of WireMock.
//!
//! White space around texts, comments, the order of attributes, and the order of elements with
//! different names do not count. In some cases WireMock fails and so never matches: text beside
//! elements, and several elements without namespace awareness. Here these documents are compared
//! like all others.

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
use standin_dialect::java_regex::MatchOutcome;
use standin_dialect::xml::{Document, NodeId};

/// An expected XML document with its options.
#[derive(Clone, Debug)]
pub struct XmlEquality {
    inner: Arc<ExpectedXml>,
}

#[derive(Debug)]
struct ExpectedXml {
    expected: Document,
    options: XmlOptions,
    /// The texts and attributes of the expected document that are placeholders.
    placeholders: HashMap<NodeId, Placeholder>,
}

/// Options of the comparison.
#[derive(Clone, Debug, Default)]
pub struct XmlOptions {
    /// The treatment of namespaces.
    pub namespaces: NamespaceAwareness,
    /// True if elements with the same name may come in any order.
    pub any_order: bool,
    /// The comparisons that are left out.
    pub exempted: Exemptions,
    /// The delimiters of placeholders; `None` if placeholders are disabled.
    pub delimiters: Option<PlaceholderDelimiters>,
}

/// The treatment of namespaces in a comparison.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NamespaceAwareness {
    /// Namespaces count, prefixes do not; an unbound prefix is an error.
    #[default]
    Strict,
    /// As in WireMock before 3.12: prefixes of elements do not count, those of attributes do.
    Legacy,
    /// No namespaces: names are compared as written.
    None,
}

/// A comparison of XMLUnit that can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum XmlComparison {
    /// Compares the names of elements.
    ElementTagName,
    /// Compares `xsi:schemaLocation`.
    SchemaLocation,
    /// Compares `xsi:noNamespaceSchemaLocation`.
    NoNamespaceSchemaLocation,
    /// Compares the types of nodes: text, CDATA, element …
    NodeType,
    /// Compares the namespaces of elements.
    NamespaceUri,
    /// Compares the contents of texts.
    TextValue,
    /// Compares the targets of processing instructions.
    InstructionTarget,
    /// Compares the data of processing instructions.
    InstructionData,
    /// Compares the numbers of attributes.
    AttributeCount,
    /// Compares the values of attributes.
    AttributeValue,
    /// Compares the numbers of children.
    ChildCount,
    /// Compares the presence of a child.
    Child,
    /// Compares the presence of an attribute.
    AttributeName,
}

/// A set of comparisons that are left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exemptions(u16);

impl XmlEquality {
    /// Parses the expected document. The second value lists the placeholders that are invalid.
    ///
    /// # Errors
    ///
    /// Fails if the document is not XML, or has an unbound prefix while namespaces count.
    pub fn new(expected: &str, options: XmlOptions) -> Result<(Self, Vec<String>), SyntaxError> {
        let expected = Document::parse(expected)?;
        if let Some(prefix) = expected.unbound_prefix().filter(|_| options.namespaces == NamespaceAwareness::Strict) {
            let message = format!("the prefix `{prefix}` is bound to no namespace");
            let help =
                format!("declare it: `xmlns:{prefix}=\"…\"`, or ignore namespaces: `\"namespaceAwareness\": \"NONE\"`");
            return Err(SyntaxError::new(0, message, help));
        }
        let (placeholders, odd) = match &options.delimiters {
            Some(delimiters) => placeholder::all(&expected, delimiters),
            None => (HashMap::new(), Vec::new()),
        };
        Ok((Self { inner: Arc::new(ExpectedXml { expected, options, placeholders }) }, odd))
    }

    /// Returns whether the document is equal to the expected one.
    pub fn matches(&self, actual: &Document) -> MatchOutcome {
        if self.is_unreadable(actual) {
            return MatchOutcome::NoMatch;
        }
        let mut comparer = Comparer::new(&self.inner, actual, true);
        let is_equal = comparer.compare();
        match (is_equal, comparer.gave_up) {
            (true, _) => MatchOutcome::Match,
            (false, true) => MatchOutcome::LimitExceeded,
            (false, false) => MatchOutcome::NoMatch,
        }
    }

    /// Returns the distance to the expected document: differences over comparisons, as WireMock
    /// ranks near misses.
    pub fn distance(&self, actual: &Document) -> f64 {
        if self.is_unreadable(actual) {
            return 1.0;
        }
        let mut comparer = Comparer::new(&self.inner, actual, false);
        comparer.compare();
        comparer.differences as f64 / comparer.comparisons.max(1) as f64
    }

    /// Returns the expected document, pretty-printed.
    pub fn pretty(&self) -> String {
        self.inner.expected.pretty(NodeId::DOCUMENT, MAX_SHOWN_BYTES)
    }

    fn is_unreadable(&self, actual: &Document) -> bool {
        self.inner.options.namespaces == NamespaceAwareness::Strict && actual.unbound_prefix().is_some()
    }
}

impl NamespaceAwareness {
    /// The names of the options in a stub.
    pub const NAMES: [&str; 3] = ["STRICT", "LEGACY", "NONE"];

    /// Returns the option of this name.
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
    /// Adds the comparison of this name; returns false if XMLUnit has none. Some comparisons exist
    /// by name and never have an effect.
    pub fn add(&mut self, name: &str) -> bool {
        if let Some((_, comparison)) = COMPARISONS.iter().find(|(known, _)| *known == name) {
            self.0 |= comparison.bit();
            return true;
        }
        NEVER_COUNT.contains(&name)
    }

    /// Returns the names of the comparisons that can be left out.
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

/// Maximum number of bytes of a document in a message.
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
