//! The steps of a path: axes, tests of names and kinds, predicates.

use super::lexer::{Token, error};
use super::parse::Parser;
use super::{Axis, Expression, NameTest, Namespaces, Step, Test};
use crate::SyntaxError;

impl Parser<'_> {
    pub(super) fn steps(&mut self, steps: &mut Vec<Step>) -> Result<(), SyntaxError> {
        loop {
            steps.push(self.step()?);
            if self.take("//") {
                steps.push(everywhere());
            } else if !self.take("/") {
                return Ok(());
            }
        }
    }

    fn step(&mut self) -> Result<Step, SyntaxError> {
        for (sign, axis) in [(".", Axis::Itself), ("..", Axis::Parent)] {
            if self.take(sign) {
                return Ok(Step { axis, test: Test::Node, predicates: Box::default() });
            }
        }
        let axis = if self.take("@") { Axis::Attribute } else { self.axis()?.unwrap_or(Axis::Child) };
        let at = self.at();
        let Token::Name(name) = self.bump() else {
            return Err(error(at, "a step is missing", "write a name, `*`, `@name`, `text()`, `.` or `..`"));
        };
        let test = if self.take("(") { self.node_type(&name, at)? } else { Test::Name(self.name_test(&name, at)?) };
        Ok(Step { axis, test, predicates: self.predicates()? })
    }

    fn axis(&mut self) -> Result<Option<Axis>, SyntaxError> {
        let is_axis = matches!(self.tokens.get(self.next + 1), Some((Token::Sign("::"), _)));
        let Token::Name(name) = self.peek() else { return Ok(None) };
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

    fn node_type(&mut self, name: &str, at: usize) -> Result<Test, SyntaxError> {
        let test = match name {
            "comment" => Test::Comment,
            "node" => Test::Node,
            "text" => Test::Text,
            "processing-instruction" => match self.peek().clone() {
                Token::Literal(target) => {
                    self.next += 1;
                    Test::Instruction(Some(target.into()))
                }
                _ => Test::Instruction(None),
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
            return Ok(match name.strip_suffix(":*") {
                Some(prefix) => NameTest::Prefixed(prefix.into()),
                None => NameTest::Written(name.into()),
            });
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

    pub(super) fn predicates(&mut self) -> Result<Box<[Expression]>, SyntaxError> {
        let mut predicates = Vec::new();
        while self.take("[") {
            predicates.push(self.or()?);
            self.expect("]")?;
        }
        Ok(predicates.into())
    }
}

/// `//name` without predicates is the same as `/descendant::name`, which need not gather every node first.
pub(super) fn shortened(steps: Vec<Step>) -> Box<[Step]> {
    let mut short: Vec<Step> = Vec::with_capacity(steps.len());
    for step in steps {
        match short.last_mut() {
            Some(last) if last.is_everywhere() && step.axis == Axis::Child && step.predicates.is_empty() => {
                *last = Step { axis: Axis::Descendant, ..step };
            }
            _ => short.push(step),
        }
    }
    short.into()
}

impl Step {
    fn is_everywhere(&self) -> bool {
        self.axis == Axis::DescendantOrSelf && self.test == Test::Node && self.predicates.is_empty()
    }
}

/// What `//` stands for.
pub(super) fn everywhere() -> Step {
    Step { axis: Axis::DescendantOrSelf, test: Test::Node, predicates: Box::default() }
}

const AXES: [(&str, Axis); 12] = [
    ("ancestor", Axis::Ancestor),
    ("ancestor-or-self", Axis::AncestorOrSelf),
    ("attribute", Axis::Attribute),
    ("child", Axis::Child),
    ("descendant", Axis::Descendant),
    ("descendant-or-self", Axis::DescendantOrSelf),
    ("following", Axis::Following),
    ("following-sibling", Axis::FollowingSibling),
    ("parent", Axis::Parent),
    ("preceding", Axis::Preceding),
    ("preceding-sibling", Axis::PrecedingSibling),
    ("self", Axis::Itself),
];
