//! Evaluation of expressions for a node.

use std::cell::Cell;

use super::axes;
use super::functions;
use super::value::number;
use super::{
    ArithmeticOperator, ComparisonOperator, Document, NodeId, PathStart, StepLimitExceeded, XPathExpression, XPathValue,
};

/// Evaluates an expression for a document in at most `limit` steps. The second value is the number
/// of steps that were taken.
pub(super) fn evaluate(
    expression: &XPathExpression,
    document: &Document,
    namespaces: bool,
    limit: usize,
) -> (Result<XPathValue, StepLimitExceeded>, usize) {
    let walk = XPathWalk { document, namespaces, limit, steps: Cell::new(0) };
    let value = Context { walk: &walk, node: NodeId::DOCUMENT, position: 1, size: 1 }.value(expression);
    (value, walk.steps.get().min(limit))
}

/// A document that is being walked, and how far.
pub(super) struct XPathWalk<'d> {
    pub(super) document: &'d Document,
    pub(super) namespaces: bool,
    limit: usize,
    steps: Cell<usize>,
}

/// The node that is looked at, and its place among those that are.
#[derive(Clone, Copy)]
pub(super) struct Context<'w> {
    pub(super) walk: &'w XPathWalk<'w>,
    pub(super) node: NodeId,
    pub(super) position: usize,
    pub(super) size: usize,
}

impl XPathWalk<'_> {
    /// Counts steps, and ends what takes too many.
    pub(super) fn count(&self, steps: usize) -> Result<(), StepLimitExceeded> {
        let steps = self.steps.get().saturating_add(steps);
        self.steps.set(steps);
        if steps > self.limit { Err(StepLimitExceeded) } else { Ok(()) }
    }

    /// Returns the text of a node and spends steps for its length.
    pub(super) fn text(&self, place: NodeId) -> Result<std::borrow::Cow<'_, str>, StepLimitExceeded> {
        self.count(1)?;
        let text = self.document.string_value(place);
        // what is below was walked too, though it may have no text
        let below = if place.is_attribute() { 0 } else { self.document.descendants(place).count() };
        self.count(below + text.len() / BYTES_A_STEP)?;
        Ok(text)
    }

    pub(super) fn as_text(&self, value: &XPathValue) -> Result<String, StepLimitExceeded> {
        if let XPathValue::Nodes(nodes) = value {
            return match nodes.first() {
                Some(first) => self.text(*first).map(std::borrow::Cow::into_owned),
                None => Ok(String::new()),
            };
        }
        let text = value.as_text(self.document);
        self.count(1 + text.len() / BYTES_A_STEP)?;
        Ok(text.into_owned())
    }

    pub(super) fn as_number(&self, value: &XPathValue) -> Result<f64, StepLimitExceeded> {
        match value {
            XPathValue::Nodes(_) => Ok(number(&self.as_text(value)?)),
            value => Ok(value.as_number(self.document)),
        }
    }
}

impl Context<'_> {
    pub(super) fn value(&self, expression: &XPathExpression) -> Result<XPathValue, StepLimitExceeded> {
        self.walk.count(1)?;
        Ok(match expression {
            XPathExpression::And(items) => XPathValue::Boolean(self.all(items, true)?),
            XPathExpression::Arithmetic(arithmetic, sides) => {
                XPathValue::Number(arithmetic.of(self.number(&sides.0)?, self.number(&sides.1)?))
            }
            XPathExpression::Call(function, arguments) => functions::call(*function, arguments, self)?,
            XPathExpression::Compare(comparison, sides) => {
                let (left, right) = (self.value(&sides.0)?, self.value(&sides.1)?);
                XPathValue::Boolean(self.compare(*comparison, &left, &right)?)
            }
            XPathExpression::Literal(text) => XPathValue::Text(text.to_string()),
            XPathExpression::Negative(inner) => XPathValue::Number(-self.number(inner)?),
            XPathExpression::Number(number) => XPathValue::Number(*number),
            XPathExpression::Or(items) => XPathValue::Boolean(!self.all(items, false)?),
            XPathExpression::Path(start, steps) => {
                let mut nodes = match start {
                    PathStart::Here => vec![self.node],
                    PathStart::Top => vec![NodeId::DOCUMENT],
                    PathStart::Found(expression, predicates) => {
                        let found = self.nodes(expression)?;
                        axes::filtered(found, predicates, self.walk)?
                    }
                };
                for step in steps {
                    nodes = axes::step(step, &nodes, self.walk)?;
                }
                XPathValue::Nodes(nodes)
            }
            XPathExpression::Union(items) => {
                let mut nodes = Vec::new();
                for item in items {
                    nodes.append(&mut self.nodes(item)?);
                }
                XPathValue::Nodes(axes::in_order(nodes))
            }
        })
    }

    pub(super) fn text(&self, expression: &XPathExpression) -> Result<String, StepLimitExceeded> {
        self.walk.as_text(&self.value(expression)?)
    }

    pub(super) fn number(&self, expression: &XPathExpression) -> Result<f64, StepLimitExceeded> {
        self.walk.as_number(&self.value(expression)?)
    }

    /// Returns the nodes that an expression finds; none for an expression that finds no nodes.
    pub(super) fn nodes(&self, expression: &XPathExpression) -> Result<Vec<NodeId>, StepLimitExceeded> {
        match self.value(expression)? {
            XPathValue::Nodes(nodes) => Ok(nodes),
            _ => Ok(Vec::new()),
        }
    }

    /// Returns true if all expressions have the wanted value; the first that has not decides.
    fn all(&self, expressions: &[XPathExpression], wanted: bool) -> Result<bool, StepLimitExceeded> {
        for expression in expressions {
            if self.value(expression)?.as_boolean() != wanted {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn compare(
        &self,
        comparison: ComparisonOperator,
        left: &XPathValue,
        right: &XPathValue,
    ) -> Result<bool, StepLimitExceeded> {
        match (left, right) {
            // against true and false, a set of nodes is one value
            (XPathValue::Boolean(_), _) | (_, XPathValue::Boolean(_)) => {
                let (left, right) = (left.as_boolean(), right.as_boolean());
                Ok(comparison.of_numbers(f64::from(left), f64::from(right)))
            }
            (XPathValue::Nodes(left), XPathValue::Nodes(right)) => {
                let texts: Vec<String> = self.texts(right)?;
                self.any(left, |text| {
                    self.walk.count(texts.len())?;
                    Ok(texts.iter().any(|other| comparison.of_texts(text, other)))
                })
            }
            (XPathValue::Nodes(left), XPathValue::Number(right)) => {
                self.any(left, |text| Ok(comparison.of_numbers(number(text), *right)))
            }
            (XPathValue::Number(left), XPathValue::Nodes(right)) => {
                self.any(right, |text| Ok(comparison.of_numbers(*left, number(text))))
            }
            (XPathValue::Nodes(left), XPathValue::Text(right)) => {
                self.any(left, |text| Ok(comparison.of_texts(text, right)))
            }
            (XPathValue::Text(left), XPathValue::Nodes(right)) => {
                self.any(right, |text| Ok(comparison.of_texts(left, text)))
            }
            (XPathValue::Text(left), XPathValue::Text(right)) => Ok(comparison.of_texts(left, right)),
            (left, right) => Ok(comparison.of_numbers(self.walk.as_number(left)?, self.walk.as_number(right)?)),
        }
    }

    fn any(
        &self,
        nodes: &[NodeId],
        mut holds: impl FnMut(&str) -> Result<bool, StepLimitExceeded>,
    ) -> Result<bool, StepLimitExceeded> {
        for node in nodes {
            if holds(&self.walk.text(*node)?)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn texts(&self, nodes: &[NodeId]) -> Result<Vec<String>, StepLimitExceeded> {
        nodes.iter().map(|node| self.walk.text(*node).map(std::borrow::Cow::into_owned)).collect()
    }
}

impl ArithmeticOperator {
    fn of(self, left: f64, right: f64) -> f64 {
        match self {
            Self::Add => left + right,
            Self::Subtract => left - right,
            Self::Multiply => left * right,
            Self::Divide => left / right,
            Self::Remainder => left % right,
        }
    }
}

impl ComparisonOperator {
    fn of_numbers(self, left: f64, right: f64) -> bool {
        match self {
            Self::Equal => left == right,
            Self::Unequal => left != right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }

    /// Texts are equal as texts, and less or more as numbers.
    fn of_texts(self, left: &str, right: &str) -> bool {
        match self {
            Self::Equal => left == right,
            Self::Unequal => left != right,
            _ => self.of_numbers(number(left), number(right)),
        }
    }
}

/// Steps of one evaluation: some tens of milliseconds.
pub(super) const MOST_STEPS: usize = 2_000_000;

/// Bytes of text that take as long as a step.
pub(super) const BYTES_A_STEP: usize = 64;
