//! XPath 1.0, the one that WireMock stubs are written in: paths, predicates, functions, four kinds
//! of values.
//!
//! Later versions would not do: their values are sequences, and comparisons mean something else. An
//! expression is compiled once; names are resolved then. Walking is counted, and given up when it
//! takes too many steps.

mod axes;
mod evaluate;
mod functions;
mod lexer;
mod parse;
mod steps;
#[cfg(test)]
mod tests;
mod value;

use super::{Document, NodeId, XmlName};
use crate::SyntaxError;
use evaluate::MOST_STEPS;
use functions::XPathFunction;
pub use value::XPathValue;

/// A compiled XPath expression.
#[derive(Clone, Debug)]
pub struct XPath {
    written: Box<str>,
    expression: XPathExpression,
    namespaces: bool,
}

/// The walk took more steps than it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepLimitExceeded;

/// Prefixes of an expression and the namespaces that they stand for.
#[derive(Clone, Copy, Debug)]
pub enum Namespaces<'a> {
    /// No prefix stands for a namespace, as in WireMock without `xPathNamespaces`: a name fits
    /// whatever the prefix in the document, and a name with a prefix fits nothing.
    Ignored,
    /// A prefix stands for its namespace, whatever the document calls it; a name without one is in
    /// none.
    Bound(&'a [(String, String)]),
}

#[derive(Clone, Debug)]
enum XPathExpression {
    And(Box<[XPathExpression]>),
    Arithmetic(ArithmeticOperator, Box<(XPathExpression, XPathExpression)>),
    Call(XPathFunction, Box<[XPathExpression]>),
    Compare(ComparisonOperator, Box<(XPathExpression, XPathExpression)>),
    Literal(Box<str>),
    Negative(Box<XPathExpression>),
    Number(f64),
    Or(Box<[XPathExpression]>),
    Path(PathStart, Box<[XPathStep]>),
    Union(Box<[XPathExpression]>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ArithmeticOperator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ComparisonOperator {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Where a path begins.
#[derive(Clone, Debug)]
enum PathStart {
    /// At the node that is looked at.
    Here,
    /// The document, as in `/a`.
    Top,
    /// At what an expression finds, as far as it meets the predicates.
    Found(Box<XPathExpression>, Box<[XPathExpression]>),
}

#[derive(Clone, Debug)]
struct XPathStep {
    axis: XPathAxis,
    test: NodeTest,
    predicates: Box<[XPathExpression]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum XPathAxis {
    Ancestor,
    AncestorOrSelf,
    Attribute,
    Child,
    Descendant,
    DescendantOrSelf,
    Following,
    FollowingSibling,
    Itself,
    Parent,
    Preceding,
    PrecedingSibling,
}

/// The test that a node on an axis has to meet.
#[derive(Clone, Debug, PartialEq, Eq)]
enum NodeTest {
    Comment,
    Instruction(Option<Box<str>>),
    Name(NameTest),
    Node,
    Text,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum NameTest {
    /// Any name, written `*`.
    Any,
    /// `p:*`, where prefixes stand for namespaces.
    InNamespace(Box<str>),
    /// A name in a namespace, or in none.
    Bound(Option<Box<str>>, Box<str>),
    /// The name behind the colon, in whatever namespace.
    Local(Box<str>),
    /// A name whose prefix stands for no namespace.
    Never,
    /// The name as it is written in the document, with its prefix.
    Written(Box<str>),
}

impl XPath {
    /// Compiles an expression; its names are resolved with `namespaces`.
    pub fn parse(expression: &str, namespaces: Namespaces<'_>) -> Result<Self, SyntaxError> {
        parse::expression(expression, namespaces).map(|compiled| Self {
            written: expression.into(),
            expression: compiled,
            namespaces: matches!(namespaces, Namespaces::Bound(_)),
        })
    }

    /// Returns the expression as written.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// Returns true if prefixes stand for namespaces. A document with an unbound prefix is then no
    /// document.
    pub fn knows_namespaces(&self) -> bool {
        self.namespaces
    }

    /// Evaluates the expression for a document.
    pub fn evaluate(&self, document: &Document) -> Result<XPathValue, StepLimitExceeded> {
        self.evaluate_within(document, MOST_STEPS).0
    }

    /// Evaluates the expression for a document in at most this many steps. The second value is the
    /// number of steps that were taken; a step takes some tens of nanoseconds.
    pub fn evaluate_within(&self, document: &Document, steps: usize) -> (Result<XPathValue, StepLimitExceeded>, usize) {
        evaluate::evaluate(&self.expression, document, self.namespaces, steps.min(MOST_STEPS))
    }
}

impl NameTest {
    fn fits(&self, name: &XmlName) -> bool {
        match self {
            Self::Any => true,
            Self::InNamespace(namespace) => name.namespace() == Some(namespace),
            Self::Bound(namespace, local) => name.local() == &**local && name.namespace() == namespace.as_deref(),
            Self::Local(local) => name.local() == &**local,
            Self::Never => false,
            Self::Written(written) => name.written() == &**written,
        }
    }
}
