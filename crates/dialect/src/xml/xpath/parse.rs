//! From words to an expression, by the grammar of XPath 1.0: operators, functions, brackets.

use super::functions::XPathFunction;
use super::lexer::{XPathToken, error, tokens};
use super::steps::{everywhere, search, shortened};
use super::{ArithmeticOperator, ComparisonOperator, Namespaces, PathStart, XPathExpression};
use crate::SyntaxError;

/// Compiles an expression from its text.
pub(super) fn expression(text: &str, namespaces: Namespaces<'_>) -> Result<XPathExpression, SyntaxError> {
    let mut parser = XPathParser { tokens: tokens(text)?, next: 0, nesting: 0, namespaces };
    if parser.peek() == &XPathToken::End {
        return Err(error(0, "an empty expression", "write one such as `/order/item`"));
    }
    let expression = parser.or()?;
    match parser.peek() {
        XPathToken::End => Ok(expression),
        _ => Err(parser.error("the expression ends before this", "join both by an operator such as `and`")),
    }
}

pub(super) struct XPathParser<'a> {
    pub(super) tokens: Vec<(XPathToken, usize)>,
    pub(super) next: usize,
    nesting: usize,
    pub(super) namespaces: Namespaces<'a>,
}

impl XPathParser<'_> {
    pub(super) fn or(&mut self) -> Result<XPathExpression, SyntaxError> {
        self.nested(|parser| parser.list(&["or"], Self::and, XPathExpression::Or))
    }

    fn and(&mut self) -> Result<XPathExpression, SyntaxError> {
        self.list(&["and"], Self::equality, XPathExpression::And)
    }

    fn equality(&mut self) -> Result<XPathExpression, SyntaxError> {
        self.comparison(&[("=", ComparisonOperator::Equal), ("!=", ComparisonOperator::Unequal)], Self::relation)
    }

    fn relation(&mut self) -> Result<XPathExpression, SyntaxError> {
        let signs = [
            ("<", ComparisonOperator::Less),
            ("<=", ComparisonOperator::LessOrEqual),
            (">", ComparisonOperator::Greater),
            (">=", ComparisonOperator::GreaterOrEqual),
        ];
        self.comparison(&signs, Self::sum)
    }

    fn sum(&mut self) -> Result<XPathExpression, SyntaxError> {
        self.arithmetic(&[("+", ArithmeticOperator::Add), ("-", ArithmeticOperator::Subtract)], Self::product)
    }

    fn product(&mut self) -> Result<XPathExpression, SyntaxError> {
        let signs = [
            ("*", ArithmeticOperator::Multiply),
            ("div", ArithmeticOperator::Divide),
            ("mod", ArithmeticOperator::Remainder),
        ];
        self.arithmetic(&signs, Self::negative)
    }

    fn negative(&mut self) -> Result<XPathExpression, SyntaxError> {
        let mut signs = 0;
        while self.take("-") {
            signs += 1;
        }
        let expression = self.list(&["|"], Self::path, XPathExpression::Union)?;
        // each sign makes a number of it, the second turns it round again
        Ok(match signs {
            0 => expression,
            signs if signs % 2 == 1 => XPathExpression::Negative(Box::new(expression)),
            _ => XPathExpression::Negative(Box::new(XPathExpression::Negative(Box::new(expression)))),
        })
    }

    fn path(&mut self) -> Result<XPathExpression, SyntaxError> {
        if self.begins_primary() {
            return self.filtered();
        }
        let mut steps = Vec::new();
        let start = if self.take("//") {
            steps.push(everywhere());
            self.steps(&mut steps)?;
            PathStart::Top
        } else if self.take("/") {
            if self.begins_step() {
                self.steps(&mut steps)?;
            }
            PathStart::Top
        } else {
            self.steps(&mut steps)?;
            PathStart::Here
        };
        Ok(XPathExpression::Path(start, shortened(search(steps))))
    }

    /// Reads an expression that is no step by itself, such as `(…)` or `'text'`, with predicates
    /// and steps behind it.
    fn filtered(&mut self) -> Result<XPathExpression, SyntaxError> {
        let primary = self.primary()?;
        let predicates = self.predicates()?;
        let mut steps = Vec::new();
        if self.take("//") {
            steps.push(everywhere());
            self.steps(&mut steps)?;
        } else if self.take("/") {
            self.steps(&mut steps)?;
        }
        if predicates.is_empty() && steps.is_empty() {
            return Ok(primary);
        }
        if !primary.finds_nodes() {
            return Err(self.error("a path or predicate behind what finds no nodes", "apply it to a path"));
        }
        Ok(XPathExpression::Path(PathStart::Found(Box::new(primary), predicates), shortened(steps)))
    }

    fn primary(&mut self) -> Result<XPathExpression, SyntaxError> {
        let at = self.at();
        match self.bump() {
            XPathToken::Literal(text) => Ok(XPathExpression::Literal(text.into())),
            XPathToken::Number(number) => Ok(XPathExpression::Number(number)),
            XPathToken::Sign("(") => {
                let inner = self.or()?;
                self.expect(")")?;
                Ok(inner)
            }
            XPathToken::Name(name) => {
                self.expect("(")?;
                let mut arguments = Vec::new();
                if !self.take(")") {
                    loop {
                        arguments.push(self.or()?);
                        if !self.take(",") {
                            break;
                        }
                    }
                    self.expect(")")?;
                }
                let function = XPathFunction::named(&name).ok_or_else(|| {
                    error(at, format!("`{name}` is not a function"), format!("use one of: {}", XPathFunction::names()))
                })?;
                function.check(&arguments).map_err(|message| error(at, message, "see XPath 1.0, section 4"))?;
                Ok(XPathExpression::Call(function, arguments.into()))
            }
            _ => Err(error(at, "an expression is missing", "write one such as `/order/item`")),
        }
    }

    fn list(
        &mut self,
        signs: &[&str],
        mut item: impl FnMut(&mut Self) -> Result<XPathExpression, SyntaxError>,
        make: impl FnOnce(Box<[XPathExpression]>) -> XPathExpression,
    ) -> Result<XPathExpression, SyntaxError> {
        let first = item(self)?;
        let mut items = vec![first];
        while signs.iter().any(|sign| self.take(sign)) {
            items.push(item(self)?);
        }
        if items.len() == 1 {
            return Ok(items.remove(0));
        }
        if signs == ["|"] && !items.iter().all(XPathExpression::finds_nodes) {
            return Err(self.error("`|` joins paths only", "join conditions by `or`"));
        }
        Ok(make(items.into()))
    }

    fn comparison(
        &mut self,
        signs: &[(&str, ComparisonOperator)],
        item: impl Fn(&mut Self) -> Result<XPathExpression, SyntaxError>,
    ) -> Result<XPathExpression, SyntaxError> {
        let mut left = item(self)?;
        while let Some((_, comparison)) = signs.iter().find(|(sign, _)| self.take(sign)) {
            left = XPathExpression::Compare(*comparison, Box::new((left, item(self)?)));
            self.deepen(left.depth())?;
        }
        Ok(left)
    }

    fn arithmetic(
        &mut self,
        signs: &[(&str, ArithmeticOperator)],
        item: impl Fn(&mut Self) -> Result<XPathExpression, SyntaxError>,
    ) -> Result<XPathExpression, SyntaxError> {
        let mut left = item(self)?;
        let mut count = 0;
        while let Some((_, arithmetic)) = signs.iter().find(|(sign, _)| self.take(sign)) {
            left = XPathExpression::Arithmetic(*arithmetic, Box::new((left, item(self)?)));
            count += 1;
            self.deepen(count)?;
        }
        Ok(left)
    }

    /// Returns true if the next token begins no step but a text, a number, brackets, or a function.
    fn begins_primary(&self) -> bool {
        match self.peek() {
            XPathToken::Literal(_) | XPathToken::Number(_) | XPathToken::Sign("(") => true,
            XPathToken::Name(name) => {
                let is_call = matches!(self.tokens.get(self.next + 1), Some((XPathToken::Sign("("), _)));
                is_call && !matches!(name.as_str(), "comment" | "node" | "processing-instruction" | "text")
            }
            _ => false,
        }
    }

    fn begins_step(&self) -> bool {
        matches!(self.peek(), XPathToken::Name(_) | XPathToken::Sign("." | ".." | "@"))
    }

    /// Reads what stands one level down, for the stack's sake.
    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, SyntaxError>) -> Result<T, SyntaxError> {
        self.deepen(self.nesting)?;
        self.nesting += 1;
        let result = read(self);
        self.nesting -= 1;
        result
    }

    fn deepen(&self, depth: usize) -> Result<(), SyntaxError> {
        if depth < DEEPEST {
            return Ok(());
        }
        let message = format!("more than {DEEPEST} expressions in one another");
        Err(SyntaxError::limit(self.at(), message, "split the expression"))
    }

    pub(super) fn peek(&self) -> &XPathToken {
        &self.tokens[self.next].0
    }

    pub(super) fn at(&self) -> usize {
        self.tokens[self.next].1
    }

    pub(super) fn bump(&mut self) -> XPathToken {
        let token = self.peek().clone();
        // the end stays
        self.next = (self.next + 1).min(self.tokens.len() - 1);
        token
    }

    pub(super) fn take(&mut self, sign: &str) -> bool {
        let comes = matches!(self.peek(), XPathToken::Sign(known) if *known == sign);
        if comes {
            self.next += 1;
        }
        comes
    }

    pub(super) fn expect(&mut self, sign: &str) -> Result<(), SyntaxError> {
        if self.take(sign) {
            return Ok(());
        }
        Err(self.error(format!("`{sign}` is missing"), format!("write `{sign}`")))
    }

    pub(super) fn error(&self, message: impl Into<String>, help: impl Into<String>) -> SyntaxError {
        error(self.at(), message, help)
    }
}

impl XPathExpression {
    /// Returns true if the value is a set of nodes.
    pub(super) fn finds_nodes(&self) -> bool {
        matches!(self, Self::Path(..) | Self::Union(_) | Self::Call(XPathFunction::Id, _))
    }

    /// Returns the number of comparisons nested on the left side.
    fn depth(&self) -> usize {
        std::iter::successors(Some(self), |expression| match expression {
            Self::Compare(_, sides) => Some(&sides.0),
            _ => None,
        })
        .count()
    }
}

/// Expressions in one another, for the stack of those who evaluate them.
const DEEPEST: usize = 32;
