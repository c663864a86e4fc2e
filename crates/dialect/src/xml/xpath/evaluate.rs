//! What an expression says of a node.

use std::cell::Cell;

use super::axes;
use super::functions;
use super::value::number;
use super::{Arithmetic, Comparison, Document, Expression, GaveUp, Place, Start, Value};

/// What an expression says of a document.
pub(super) fn evaluate(expression: &Expression, document: &Document, namespaces: bool) -> Result<Value, GaveUp> {
    let walk = Walk { document, namespaces, steps: Cell::new(0) };
    Context { walk: &walk, node: Place::DOCUMENT, position: 1, size: 1 }.value(expression)
}

/// A document that is being walked, and how far.
pub(super) struct Walk<'d> {
    pub(super) document: &'d Document,
    pub(super) namespaces: bool,
    steps: Cell<usize>,
}

/// The node that is looked at, and its place among those that are.
#[derive(Clone, Copy)]
pub(super) struct Context<'w> {
    pub(super) walk: &'w Walk<'w>,
    pub(super) node: Place,
    pub(super) position: usize,
    pub(super) size: usize,
}

impl Walk<'_> {
    /// Counts steps, and ends what takes too many.
    pub(super) fn count(&self, steps: usize) -> Result<(), GaveUp> {
        let steps = self.steps.get().saturating_add(steps);
        self.steps.set(steps);
        if steps > MOST_STEPS { Err(GaveUp) } else { Ok(()) }
    }

    /// The text of a node, counted by its length.
    pub(super) fn text(&self, place: Place) -> Result<std::borrow::Cow<'_, str>, GaveUp> {
        self.count(1)?;
        let text = self.document.string_value(place);
        // what is below was walked too, though it may have no text
        let below = if place.is_attribute() { 0 } else { self.document.descendants(place).count() };
        self.count(below + text.len() / BYTES_A_STEP)?;
        Ok(text)
    }

    pub(super) fn as_text(&self, value: &Value) -> Result<String, GaveUp> {
        if let Value::Nodes(nodes) = value {
            return match nodes.first() {
                Some(first) => self.text(*first).map(std::borrow::Cow::into_owned),
                None => Ok(String::new()),
            };
        }
        let text = value.as_text(self.document);
        self.count(1 + text.len() / BYTES_A_STEP)?;
        Ok(text.into_owned())
    }

    pub(super) fn as_number(&self, value: &Value) -> Result<f64, GaveUp> {
        match value {
            Value::Nodes(_) => Ok(number(&self.as_text(value)?)),
            value => Ok(value.as_number(self.document)),
        }
    }
}

impl Context<'_> {
    pub(super) fn value(&self, expression: &Expression) -> Result<Value, GaveUp> {
        self.walk.count(1)?;
        Ok(match expression {
            Expression::And(items) => Value::Boolean(self.all(items, true)?),
            Expression::Arithmetic(arithmetic, sides) => {
                Value::Number(arithmetic.of(self.number(&sides.0)?, self.number(&sides.1)?))
            }
            Expression::Call(function, arguments) => functions::call(*function, arguments, self)?,
            Expression::Compare(comparison, sides) => {
                let (left, right) = (self.value(&sides.0)?, self.value(&sides.1)?);
                Value::Boolean(self.compare(*comparison, &left, &right)?)
            }
            Expression::Literal(text) => Value::Text(text.to_string()),
            Expression::Negative(inner) => Value::Number(-self.number(inner)?),
            Expression::Number(number) => Value::Number(*number),
            Expression::Or(items) => Value::Boolean(!self.all(items, false)?),
            Expression::Path(start, steps) => {
                let mut nodes = match start {
                    Start::Here => vec![self.node],
                    Start::Top => vec![Place::DOCUMENT],
                    Start::Found(expression, predicates) => {
                        let found = self.nodes(expression)?;
                        axes::filtered(found, predicates, self.walk)?
                    }
                };
                for step in steps {
                    nodes = axes::step(step, &nodes, self.walk)?;
                }
                Value::Nodes(nodes)
            }
            Expression::Union(items) => {
                let mut nodes = Vec::new();
                for item in items {
                    nodes.append(&mut self.nodes(item)?);
                }
                Value::Nodes(axes::in_order(nodes))
            }
        })
    }

    pub(super) fn text(&self, expression: &Expression) -> Result<String, GaveUp> {
        self.walk.as_text(&self.value(expression)?)
    }

    pub(super) fn number(&self, expression: &Expression) -> Result<f64, GaveUp> {
        self.walk.as_number(&self.value(expression)?)
    }

    /// The nodes that an expression finds; none of one that finds no nodes.
    pub(super) fn nodes(&self, expression: &Expression) -> Result<Vec<Place>, GaveUp> {
        match self.value(expression)? {
            Value::Nodes(nodes) => Ok(nodes),
            _ => Ok(Vec::new()),
        }
    }

    /// Whether all expressions are as wanted; the first that is not decides.
    fn all(&self, expressions: &[Expression], wanted: bool) -> Result<bool, GaveUp> {
        for expression in expressions {
            if self.value(expression)?.as_boolean() != wanted {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn compare(&self, comparison: Comparison, left: &Value, right: &Value) -> Result<bool, GaveUp> {
        match (left, right) {
            // against true and false, a set of nodes is one value
            (Value::Boolean(_), _) | (_, Value::Boolean(_)) => {
                let (left, right) = (left.as_boolean(), right.as_boolean());
                Ok(comparison.of_numbers(f64::from(left), f64::from(right)))
            }
            (Value::Nodes(left), Value::Nodes(right)) => {
                let texts: Vec<String> = self.texts(right)?;
                self.any(left, |text| {
                    self.walk.count(texts.len())?;
                    Ok(texts.iter().any(|other| comparison.of_texts(text, other)))
                })
            }
            (Value::Nodes(left), Value::Number(right)) => {
                self.any(left, |text| Ok(comparison.of_numbers(number(text), *right)))
            }
            (Value::Number(left), Value::Nodes(right)) => {
                self.any(right, |text| Ok(comparison.of_numbers(*left, number(text))))
            }
            (Value::Nodes(left), Value::Text(right)) => self.any(left, |text| Ok(comparison.of_texts(text, right))),
            (Value::Text(left), Value::Nodes(right)) => self.any(right, |text| Ok(comparison.of_texts(left, text))),
            (Value::Text(left), Value::Text(right)) => Ok(comparison.of_texts(left, right)),
            (left, right) => Ok(comparison.of_numbers(self.walk.as_number(left)?, self.walk.as_number(right)?)),
        }
    }

    fn any(&self, nodes: &[Place], mut holds: impl FnMut(&str) -> Result<bool, GaveUp>) -> Result<bool, GaveUp> {
        for node in nodes {
            if holds(&self.walk.text(*node)?)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn texts(&self, nodes: &[Place]) -> Result<Vec<String>, GaveUp> {
        nodes.iter().map(|node| self.walk.text(*node).map(std::borrow::Cow::into_owned)).collect()
    }
}

impl Arithmetic {
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

impl Comparison {
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
