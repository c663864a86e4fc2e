//! The steps of a path: axes, tests of names and kinds, predicates.

use super::lexer::{XPathToken, error};
use super::parse::XPathParser;
use super::{NameTest, Namespaces, NodeTest, XPathAxis, XPathExpression, XPathStep};
use crate::SyntaxError;

impl XPathParser<'_> {
    pub(super) fn steps(&mut self, steps: &mut Vec<XPathStep>) -> Result<(), SyntaxError> {
        loop {
            steps.push(self.step()?);
            if self.take("//") {
                steps.push(everywhere());
            } else if !self.take("/") {
                return Ok(());
            }
        }
    }

    fn step(&mut self) -> Result<XPathStep, SyntaxError> {
        for (sign, axis) in [(".", XPathAxis::Itself), ("..", XPathAxis::Parent)] {
            if self.take(sign) {
                return Ok(XPathStep { axis, test: NodeTest::Node, predicates: Box::default() });
            }
        }
        let axis = if self.take("@") { XPathAxis::Attribute } else { self.axis()?.unwrap_or(XPathAxis::Child) };
        let at = self.at();
        let XPathToken::Name(name) = self.bump() else {
            return Err(error(at, "a step is missing", "write a name, `*`, `@name`, `text()`, `.` or `..`"));
        };
        let test = if self.take("(") { self.node_type(&name, at)? } else { NodeTest::Name(self.name_test(&name, at)?) };
        Ok(XPathStep { axis, test, predicates: self.predicates()? })
    }

    fn axis(&mut self) -> Result<Option<XPathAxis>, SyntaxError> {
        let is_axis = matches!(self.tokens.get(self.next + 1), Some((XPathToken::Sign("::"), _)));
        let XPathToken::Name(name) = self.peek() else { return Ok(None) };
        if !is_axis {
            return Ok(None);
        }
        let known = AXES.iter().find(|(known, _)| known == name);
        let Some((_, axis)) = known else {
            let names = AXES.map(|(name, _)| name).join(", ");
            return Err(self.error(format!("`{name}` is not an axis"), format!("use one of: {names}")));
        };
        self.next += 2;
        Ok(Some(*axis))
    }

    fn node_type(&mut self, name: &str, at: usize) -> Result<NodeTest, SyntaxError> {
        let test = match name {
            "comment" => NodeTest::Comment,
            "node" => NodeTest::Node,
            "text" => NodeTest::Text,
            "processing-instruction" => match self.peek().clone() {
                XPathToken::Literal(target) => {
                    self.next += 1;
                    NodeTest::Instruction(Some(target.into()))
                }
                _ => NodeTest::Instruction(None),
            },
            _ => {
                let message = format!("`{name}(…)` is no step");
                return Err(error(at, message, "functions stand in predicates or around paths"));
            }
        };
        self.expect(")")?;
        Ok(test)
    }

    fn name_test(&self, name: &str, at: usize) -> Result<NameTest, SyntaxError> {
        if name == "*" {
            return Ok(NameTest::Any);
        }
        let Namespaces::Bound(known) = self.namespaces else {
            return Ok(if name.contains(':') { NameTest::Never } else { NameTest::Local(name.into()) });
        };
        let Some((prefix, local)) = name.split_once(':') else { return Ok(NameTest::Bound(None, name.into())) };
        let bound = known.iter().find(|(known, _)| known == prefix).map(|(_, namespace)| namespace.as_str());
        let namespace = match (prefix, bound) {
            (_, Some(namespace)) => namespace,
            ("xml", None) => "http://www.w3.org/XML/1998/namespace",
            _ => {
                let help = format!("add it: `\"xPathNamespaces\": {{\"{prefix}\": \"…\"}}`");
                return Err(error(at, format!("the prefix `{prefix}` stands for no namespace"), help));
            }
        };
        Ok(match local {
            "*" => NameTest::InNamespace(namespace.into()),
            local => NameTest::Bound(Some(namespace.into()), local.into()),
        })
    }

    pub(super) fn predicates(&mut self) -> Result<Box<[XPathExpression]>, SyntaxError> {
        let mut predicates = Vec::new();
        while self.take("[") {
            predicates.push(self.or()?);
            self.expect("]")?;
        }
        Ok(predicates.into())
    }
}

/// Shortens `//name` without predicates to `/descendant::name`, which need not gather every node
/// first.
pub(super) fn shortened(steps: Vec<XPathStep>) -> Box<[XPathStep]> {
    let mut short: Vec<XPathStep> = Vec::with_capacity(steps.len());
    for step in steps {
        match short.last_mut() {
            Some(last) if last.is_everywhere() && step.axis == XPathAxis::Child && step.predicates.is_empty() => {
                *last = XPathStep { axis: XPathAxis::Descendant, ..step };
            }
            _ => short.push(step),
        }
    }
    short.into()
}

/// Makes the name of a path that is a mere search, such as `//name[@id]`, that which is written in
/// the document.
///
/// Where no prefix stands for a namespace, Java searches by names with their prefixes, while other
/// steps look at the name behind the colon.
pub(super) fn search(mut steps: Vec<XPathStep>) -> Vec<XPathStep> {
    let begin = usize::from(steps.first().is_some_and(|first| first.axis == XPathAxis::Itself));
    let searches = match &mut steps[begin..] {
        [one] => matches!(one.axis, XPathAxis::Descendant | XPathAxis::DescendantOrSelf),
        [first, second] => first.is_everywhere() && second.axis == XPathAxis::Child,
        _ => false,
    };
    if let Some(last) = steps.last_mut()
        && searches
        && !last.predicates.iter().any(XPathExpression::depends_on_position)
        && let NodeTest::Name(NameTest::Local(name)) = &last.test
    {
        last.test = NodeTest::Name(NameTest::Written(name.clone()));
    }
    steps
}

impl XPathExpression {
    /// Returns true if a predicate selects by position: a number, or `position()` and `last()`.
    fn depends_on_position(&self) -> bool {
        match self {
            Self::Number(_) | Self::Arithmetic(..) | Self::Negative(_) => true,
            Self::Call(function, _) => !function.is_boolean(),
            Self::And(items) | Self::Or(items) => items.iter().any(Self::depends_on_position),
            Self::Compare(_, sides) => [&sides.0, &sides.1].into_iter().any(Self::has_position),
            Self::Literal(_) | Self::Path(..) | Self::Union(_) => false,
        }
    }

    /// Returns true if the value is computed from `position()` or `last()`.
    fn has_position(&self) -> bool {
        match self {
            Self::Call(function, arguments) => function.is_position() || arguments.iter().any(Self::has_position),
            Self::Arithmetic(_, sides) | Self::Compare(_, sides) => {
                [&sides.0, &sides.1].into_iter().any(Self::has_position)
            }
            Self::Negative(inner) => inner.has_position(),
            Self::And(items) | Self::Or(items) => items.iter().any(Self::has_position),
            Self::Literal(_) | Self::Number(_) | Self::Path(..) | Self::Union(_) => false,
        }
    }
}

impl XPathStep {
    fn is_everywhere(&self) -> bool {
        self.axis == XPathAxis::DescendantOrSelf && self.test == NodeTest::Node && self.predicates.is_empty()
    }
}

/// Returns the step that `//` stands for.
pub(super) fn everywhere() -> XPathStep {
    XPathStep { axis: XPathAxis::DescendantOrSelf, test: NodeTest::Node, predicates: Box::default() }
}

const AXES: [(&str, XPathAxis); 12] = [
    ("ancestor", XPathAxis::Ancestor),
    ("ancestor-or-self", XPathAxis::AncestorOrSelf),
    ("attribute", XPathAxis::Attribute),
    ("child", XPathAxis::Child),
    ("descendant", XPathAxis::Descendant),
    ("descendant-or-self", XPathAxis::DescendantOrSelf),
    ("following", XPathAxis::Following),
    ("following-sibling", XPathAxis::FollowingSibling),
    ("parent", XPathAxis::Parent),
    ("preceding", XPathAxis::Preceding),
    ("preceding-sibling", XPathAxis::PrecedingSibling),
    ("self", XPathAxis::Itself),
];
