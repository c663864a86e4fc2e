//! From the text of a path to its steps.

use serde_json::Value;

use super::filter::{Comparison, Filter, Operand};
use super::function::Function;
use super::{JsonPath, PathError, Step};
use crate::matcher::java_regex::JavaRegex;

/// How deep filters may stand in each other.
const MAX_DEPTH: usize = 32;

/// Parses a whole path.
pub(super) fn path(expression: &str) -> Result<JsonPath, PathError> {
    let trimmed = expression.trim();
    let text = if trimmed.starts_with(['$', '@']) { trimmed.to_owned() } else { format!("$.{trimmed}") };
    let mut parser = Parser { text: &text, at: 0, depth: 0 };
    if trimmed.is_empty() {
        return Err(parser.error("the path is empty", "write one such as `$.name`"));
    }
    let path = parser.path()?;
    if parser.at < text.len() {
        return Err(parser.unexpected("a step: `.name`, `[…]` or the end"));
    }
    Ok(path)
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    /// `$` or `@`, steps, and functions at the end.
    fn path(&mut self) -> Result<JsonPath, PathError> {
        self.at += 1;
        let (mut steps, mut functions) = (Vec::new(), Vec::new());
        loop {
            if self.take("..") {
                steps.push(Step::Scan);
                if self.rest().starts_with('[') {
                    continue;
                }
                self.name_or_function(&mut steps, &mut functions)?;
            } else if self.take(".") {
                self.name_or_function(&mut steps, &mut functions)?;
            } else if self.take("[") {
                if !functions.is_empty() {
                    return Err(self.error("a function ends a path", "move it to the end"));
                }
                steps.push(self.brackets()?);
            } else {
                break;
            }
        }
        let definite = steps.iter().all(|step| match step {
            Step::Indexes(indexes) => indexes.len() == 1,
            Step::Names(names) => names.len() == 1,
            _ => false,
        });
        Ok(JsonPath { steps, functions, definite })
    }

    /// What follows a dot.
    fn name_or_function(&mut self, steps: &mut Vec<Step>, functions: &mut Vec<Function>) -> Result<(), PathError> {
        if self.take("*") {
            steps.push(Step::Wildcard);
            return Ok(());
        }
        if self.rest().starts_with('[') {
            return Ok(());
        }
        let start = self.at;
        let rest = self.rest();
        let length = rest.find(|c: char| {
            matches!(c, '.' | '[' | ']' | '(' | ')' | ',' | '=' | '<' | '>' | '!' | '&' | '|') || c.is_whitespace()
        });
        let name = rest[..length.unwrap_or(rest.len())].to_owned();
        if name.is_empty() {
            return Err(self.unexpected("a name"));
        }
        self.at += name.len();
        if self.take("(") {
            let arguments = self.arguments()?;
            match Function::new(&name, arguments) {
                Some(function) => functions.push(function),
                None => {
                    self.at = start;
                    let mend = format!("use one of: {}", Function::NAMES.join(", "));
                    return Err(self.error(&format!("`{name}` is no function"), &mend));
                }
            }
        } else if functions.is_empty() {
            steps.push(Step::Names(vec![name]));
        } else {
            return Err(self.error("a function ends a path", "move it to the end"));
        }
        Ok(())
    }

    /// After the opening parenthesis of a function.
    fn arguments(&mut self) -> Result<Vec<Operand>, PathError> {
        let mut arguments = Vec::new();
        self.space();
        if self.take(")") {
            return Ok(arguments);
        }
        loop {
            arguments.push(self.operand()?);
            self.space();
            if self.take(")") {
                return Ok(arguments);
            }
            if !self.take(",") {
                return Err(self.unexpected("`,` or `)`"));
            }
        }
    }

    /// After `[`.
    fn brackets(&mut self) -> Result<Step, PathError> {
        self.space();
        let step = if self.take("*") {
            Step::Wildcard
        } else if self.take("?") {
            self.space();
            if !self.take("(") {
                return Err(self.unexpected("`(` after `?`"));
            }
            let filter = self.any_of()?;
            self.space();
            if !self.take(")") {
                return Err(self.unexpected("`)` at the end of the filter"));
            }
            Step::Filter(filter)
        } else if self.rest().starts_with(['\'', '"']) {
            let mut names = vec![self.quoted()?];
            self.space();
            while self.take(",") {
                self.space();
                names.push(self.quoted()?);
                self.space();
            }
            Step::Names(names)
        } else {
            self.indexes()?
        };
        self.space();
        if self.take("]") { Ok(step) } else { Err(self.unexpected("`]`")) }
    }

    fn indexes(&mut self) -> Result<Step, PathError> {
        let first = self.integer();
        self.space();
        if self.take(":") {
            self.space();
            return Ok(Step::Slice(first, self.integer()));
        }
        let Some(first) = first else { return Err(self.unexpected("an index, a quoted name, `*` or `?(…)`")) };
        let mut indexes = vec![first];
        while self.take(",") {
            self.space();
            indexes.push(self.integer().ok_or_else(|| self.unexpected("an index"))?);
            self.space();
        }
        Ok(Step::Indexes(indexes))
    }

    fn integer(&mut self) -> Option<i64> {
        let rest = self.rest();
        let digits = rest.strip_prefix('-').unwrap_or(rest);
        let count = digits.bytes().take_while(u8::is_ascii_digit).count();
        let length = rest.len() - digits.len() + count;
        let number = rest[..length].parse().ok()?;
        self.at += length;
        Some(number)
    }

    /// `a || b`
    fn any_of(&mut self) -> Result<Filter, PathError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error("filters stand too deep in each other", "simplify the path"));
        }
        let mut filters = vec![self.all_of()?];
        loop {
            self.space();
            if !self.take("||") {
                break;
            }
            filters.push(self.all_of()?);
        }
        self.depth -= 1;
        Ok(if filters.len() == 1 { filters.remove(0) } else { Filter::Any(filters) })
    }

    /// `a && b`
    fn all_of(&mut self) -> Result<Filter, PathError> {
        let mut filters = vec![self.term()?];
        loop {
            self.space();
            if !self.take("&&") {
                break;
            }
            filters.push(self.term()?);
        }
        Ok(if filters.len() == 1 { filters.remove(0) } else { Filter::All(filters) })
    }

    /// `!a`, `(a)`, `a == b` or `a`
    fn term(&mut self) -> Result<Filter, PathError> {
        self.space();
        if self.rest().starts_with('!') && !self.rest().starts_with("!=") {
            self.at += 1;
            self.depth += 1;
            if self.depth > MAX_DEPTH {
                return Err(self.error("filters stand too deep in each other", "simplify the path"));
            }
            let term = self.term()?;
            self.depth -= 1;
            return Ok(Filter::Not(Box::new(term)));
        }
        if self.take("(") {
            let inner = self.any_of()?;
            self.space();
            return if self.take(")") { Ok(inner) } else { Err(self.unexpected("`)`")) };
        }
        let left = self.operand()?;
        self.space();
        let Some(comparison) = self.comparison() else { return Ok(Filter::Exists(left)) };
        self.space();
        if comparison == Comparison::Matches {
            return self.regex().map(|regex| Filter::Matches(left, regex));
        }
        let right = self.operand()?;
        Ok(Filter::Compare(left, comparison, right))
    }

    fn comparison(&mut self) -> Option<Comparison> {
        let symbol = Comparison::SYMBOLS.iter().find(|(symbol, _)| {
            let after = self.rest().strip_prefix(symbol);
            // a word ends where the next one may begin
            after.is_some_and(|after| {
                !symbol.ends_with(char::is_alphabetic) || !after.starts_with(char::is_alphanumeric)
            })
        });
        let (symbol, comparison) = symbol?;
        self.at += symbol.len();
        Some(*comparison)
    }

    fn operand(&mut self) -> Result<Operand, PathError> {
        self.space();
        let rest = self.rest();
        match rest.chars().next() {
            Some('$') => self.path().map(Operand::FromRoot),
            Some('@') => self.path().map(Operand::FromHere),
            Some('\'' | '"') => self.quoted().map(|text| Operand::Literal(Value::String(text))),
            Some('[' | '{') => self.json(),
            Some(_) => {
                let length = rest
                    .find(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '+' | '.' | '_')))
                    .unwrap_or(rest.len());
                let word = &rest[..length];
                match serde_json::from_str::<Value>(word) {
                    Ok(literal) => {
                        self.at += length;
                        Ok(Operand::Literal(literal))
                    }
                    Err(_) => Err(self.unexpected("a path, a number, a quoted text, true, false or null")),
                }
            }
            None => Err(self.unexpected("a value")),
        }
    }

    /// A list or an object; strings in it may have single quotes.
    fn json(&mut self) -> Result<Operand, PathError> {
        match crate::source::read_json(self.rest()) {
            Ok(node) => {
                self.at += node.span.end;
                Ok(Operand::Literal(node.to_json()))
            }
            Err(error) => {
                self.at += error.span.start;
                Err(self.error(&error.what, &error.mend.unwrap_or_default()))
            }
        }
    }

    /// `/pattern/flags`
    fn regex(&mut self) -> Result<JavaRegex, PathError> {
        let start = self.at;
        if !self.take("/") {
            return Err(self.unexpected("a pattern between slashes"));
        }
        let mut pattern = String::new();
        loop {
            let Some(c) = self.next() else { return Err(self.error("the pattern is not closed", "end it with `/`")) };
            match c {
                '/' => break,
                '\\' if self.take("/") => pattern.push('/'),
                '\\' => {
                    pattern.push('\\');
                    pattern.extend(self.next());
                }
                other => pattern.push(other),
            }
        }
        let flags: String = self.rest().chars().take_while(char::is_ascii_alphabetic).collect();
        self.at += flags.len();
        let source = if flags.is_empty() { pattern } else { format!("(?{flags}){pattern}") };
        JavaRegex::new(&source).map_err(|error| PathError { at: start + error.at, what: error.what, mend: error.mend })
    }

    fn quoted(&mut self) -> Result<String, PathError> {
        let start = self.at;
        let Some(quote @ ('\'' | '"')) = self.next() else {
            self.at = start;
            return Err(self.unexpected("a name in quotes"));
        };
        let mut text = String::new();
        loop {
            match self.next() {
                None => {
                    self.at = start;
                    return Err(self.error("this text is not closed", &format!("end it with `{quote}`")));
                }
                Some('\\') => text.extend(self.next()),
                Some(c) if c == quote => return Ok(text),
                Some(c) => text.push(c),
            }
        }
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn next(&mut self) -> Option<char> {
        let c = self.rest().chars().next()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn take(&mut self, part: &str) -> bool {
        let there = self.rest().starts_with(part);
        if there {
            self.at += part.len();
        }
        there
    }

    fn space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn unexpected(&self, expected: &str) -> PathError {
        match self.rest().chars().next() {
            Some(found) => self.error(&format!("expected {expected}, found `{found}`"), "correct the path there"),
            None => self.error(&format!("the path ends where {expected} should stand"), "complete it"),
        }
    }

    fn error(&self, what: &str, mend: &str) -> PathError {
        PathError { at: self.at, what: what.to_owned(), mend: mend.to_owned() }
    }
}
