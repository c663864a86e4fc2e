//! Reading a path: names, indexes, slices, wildcards, filters and functions, with the place of what
//! is wrong.

use super::condition;
use super::cursor::{PathCursor, error_at};
use super::function::{FUNCTIONS, FunctionArgument, FunctionCall, PathFunction};
use super::literal;
use super::{Path, PathOrigin, PathStep};
use crate::SyntaxError;

/// Reads a whole expression.
pub(super) fn path(expression: &str) -> Result<Path, SyntaxError> {
    let mut cursor = PathCursor::new(expression.trim_end());
    cursor.skip_blanks();
    if cursor.is_at_end() {
        return Err(cursor.error("an empty path", "write `$` for the whole document or `$.name` for a member"));
    }
    let steps = match cursor.peek() {
        Some('$' | '@') => {
            cursor.bump();
            cursor.steps(PathContext::Nothing, Vec::new())?
        }
        // Jayway puts `$.` in front, so that `.name` scans
        first => {
            let mut steps = Vec::new();
            if first == Some('.') {
                cursor.bump();
                steps.push(PathStep::Scan);
            }
            steps.push(cursor.member(PathContext::Nothing)?);
            cursor.steps(PathContext::Nothing, steps)?
        }
    };
    Ok(around_scan(Path { origin: PathOrigin::Root, steps }))
}

/// The context of a path, which determines where it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PathContext {
    Arguments,
    Filter,
    Nothing,
}

impl PathCursor<'_> {
    /// Reads `$…` or `@…` within a filter or a function's arguments.
    pub(super) fn inner_path(&mut self, inside: PathContext) -> Result<Path, SyntaxError> {
        let origin = if self.bump() == Some('@') { PathOrigin::Item } else { PathOrigin::Root };
        let steps = self.nested(|cursor| cursor.steps(inside, Vec::new()))?;
        Ok(around_scan(Path { origin, steps }))
    }

    /// Reads the steps that follow those read so far.
    fn steps(&mut self, inside: PathContext, mut steps: Vec<PathStep>) -> Result<Vec<PathStep>, SyntaxError> {
        while !self.ends(inside) {
            if steps.len() >= MAX_STEPS {
                let message = format!("a path of more than {MAX_STEPS} steps");
                return Err(SyntaxError::limit(self.place(), message, "shorten the path"));
            }
            match self.peek() {
                Some('[') => steps.push(self.bracket()?),
                Some('.') => self.dotted(inside, &mut steps)?,
                _ if steps.is_empty() => {
                    return Err(self.error("neither `.` nor `[` after the start", "write `$.name` or `$[0]`"));
                }
                _ => steps.push(self.member(inside)?),
            }
        }
        Ok(steps)
    }

    /// Returns true if the path ends here.
    fn ends(&self, inside: PathContext) -> bool {
        match (inside, self.peek()) {
            (_, None) => true,
            (PathContext::Nothing, Some(_)) => false,
            (PathContext::Arguments, Some(next)) => matches!(next, ',' | ')') || next.is_whitespace(),
            (PathContext::Filter, Some(next)) => {
                matches!(next, ')' | ']' | ',' | '<' | '>' | '=' | '~' | '!')
                    || next.is_whitespace()
                    || self.rest().starts_with("&&")
                    || self.rest().starts_with("||")
            }
        }
    }

    /// Reads `.name`, `..name` and whatever else may follow a dot.
    fn dotted(&mut self, inside: PathContext, steps: &mut Vec<PathStep>) -> Result<(), SyntaxError> {
        let start = self.place();
        if self.take("..") {
            steps.push(PathStep::Scan);
        } else {
            self.bump();
        }
        if self.ends(inside) {
            return Err(error_at(start, "a path that ends with a dot", "name a member after it, or take it away"));
        }
        if self.peek() == Some('.') {
            return Err(self.error("a dot too many", "write `.` for a member or `..` for all levels below"));
        }
        steps.push(self.member(inside)?);
        Ok(())
    }

    fn member(&mut self, inside: PathContext) -> Result<PathStep, SyntaxError> {
        match self.peek() {
            Some('[') => self.bracket(),
            Some('*') => Ok(self.wildcard()),
            _ => self.name_or_call(inside),
        }
    }

    fn wildcard(&mut self) -> PathStep {
        self.bump();
        PathStep::Wildcard
    }

    fn name_or_call(&mut self, inside: PathContext) -> Result<PathStep, SyntaxError> {
        let start = self.place();
        while !self.ends(inside) && !matches!(self.peek(), Some('.' | '[' | '(' | ' ')) {
            self.bump();
        }
        let name = self.since(start);
        if self.peek() == Some('(') {
            return self.nested(|cursor| cursor.call(name, start)).map(PathStep::Call);
        }
        if self.peek() == Some(' ') && inside == PathContext::Nothing {
            return Err(self.error("a blank in the path", "write names with blanks as `['first name']`"));
        }
        if name.is_empty() {
            return Err(self.error("no name where one is needed", "write a name, `*` or `[…]`"));
        }
        Ok(PathStep::Names(vec![name.to_owned()]))
    }

    fn call(&mut self, name: &str, start: usize) -> Result<FunctionCall, SyntaxError> {
        let Some(function) = PathFunction::named(name) else {
            let known: Vec<&str> = FUNCTIONS.iter().map(|(name, _)| *name).collect();
            let help = format!("use one of: {}; write a name with brackets as `['{name}(']`", known.join(", "));
            return Err(error_at(start, format!("no function `{name}`"), help));
        };
        self.bump();
        let mut arguments = Vec::new();
        loop {
            self.skip_blanks();
            match self.peek() {
                Some(')') => break,
                None => return Err(error_at(start, format!("`{name}(` is not closed"), "write a `)`")),
                Some('$' | '@') => arguments.push(FunctionArgument::Path(self.inner_path(PathContext::Arguments)?)),
                Some(_) => arguments.push(FunctionArgument::Value(literal::value(self)?)),
            }
            self.skip_blanks();
            if !self.take(",") && self.peek() != Some(')') {
                return Err(
                    self.error(format!("`{name}(` is not closed"), "write `,` before another argument or a `)`")
                );
            }
        }
        self.bump();
        if function == PathFunction::Length {
            count_children(&mut arguments);
        }
        Ok(FunctionCall { function, arguments })
    }

    fn bracket(&mut self) -> Result<PathStep, SyntaxError> {
        let start = self.place();
        self.bump();
        self.skip_blanks();
        match self.peek() {
            Some('\'' | '"') => self.names(start),
            Some('?') => self.nested(|cursor| cursor.filter(start)),
            Some('*') => {
                self.bump();
                self.close(start)?;
                Ok(PathStep::Wildcard)
            }
            Some('-' | ':' | '0'..='9') => self.indexes(start),
            Some('(') => Err(self.error("a computed index", "write `[-1]` for the last item")),
            _ => Err(self.error(
                "none of a quoted name, an index, `*` or `?(` after `[`",
                "write `['name']`, `[0]`, `[*]` or `[?(@.name == 'x')]`",
            )),
        }
    }

    fn close(&mut self, start: usize) -> Result<(), SyntaxError> {
        self.skip_blanks();
        if self.take("]") {
            return Ok(());
        }
        Err(self.error(format!("the `[` at index {start} is not closed"), "write a `]`"))
    }

    fn names(&mut self, start: usize) -> Result<PathStep, SyntaxError> {
        let mut names = Vec::new();
        loop {
            self.skip_blanks();
            if !matches!(self.peek(), Some('\'' | '"')) {
                return Err(self.error("no quoted name", "write each name in quotes: `['one','other']`"));
            }
            names.push(literal::quoted(self)?);
            self.skip_blanks();
            if !self.take(",") {
                break;
            }
        }
        self.close(start)?;
        Ok(PathStep::Names(names))
    }

    fn indexes(&mut self, start: usize) -> Result<PathStep, SyntaxError> {
        let inner = self.take_while(|next| *next != ']');
        self.close(start)?;
        let number = |text: &str| -> Result<i64, SyntaxError> {
            // as Java's `int`: a larger one cannot be an index
            let number: Option<i32> = text.trim().parse().ok();
            let message = format!("`{}` is no index", text.trim());
            number
                .map(i64::from)
                .ok_or_else(|| error_at(start, message, "write whole numbers: `[0]`, `[0,2]` or `[1:3]`"))
        };
        if !inner.contains(':') {
            return inner.split(',').map(number).collect::<Result<_, _>>().map(PathStep::Indexes);
        }
        // a third number, the step of a slice elsewhere, means nothing to Jayway
        let mut ends = inner.split(':').map(|end| (!end.trim().is_empty()).then(|| number(end)).transpose());
        let from = ends.next().transpose()?.flatten();
        let to = ends.next().transpose()?.flatten();
        if from.is_none() && to.is_none() {
            return Err(error_at(
                start,
                "a slice without ends",
                "write `[*]` for all items, or `[1:]`, `[:2]`, `[1:2]`",
            ));
        }
        Ok(PathStep::Slice { from, to })
    }

    fn filter(&mut self, start: usize) -> Result<PathStep, SyntaxError> {
        self.bump();
        self.expect("(", "no `(` after `[?`", "write the filter as `[?(@.name == 'x')]`")?;
        let condition = condition::condition(self)?;
        self.expect(")", "the filter does not end here", "write `)]`, or `&&` or `||` before another condition")?;
        self.close(start)?;
        Ok(PathStep::Filter(condition))
    }
}

/// Wraps a path that scans from its start into the function behind it, which works on all that the
/// path selects, not on each value.
fn around_scan(mut path: Path) -> Path {
    if !(path.ends_in_call() && matches!(path.steps.first(), Some(PathStep::Scan))) {
        return path;
    }
    let Some(PathStep::Call(mut call)) = path.steps.pop() else { return path };
    let origin = path.origin;
    call.arguments.insert(0, FunctionArgument::Path(path));
    if call.function == PathFunction::Length {
        count_children(&mut call.arguments);
    }
    Path { origin, steps: vec![PathStep::Call(call)] }
}

/// Makes the length of a path the number of items and members under all that it selects.
fn count_children(arguments: &mut [FunctionArgument]) {
    if let Some(FunctionArgument::Path(path)) = arguments.first_mut()
        && !path.ends_in_call()
        && !path.steps.is_empty()
    {
        path.steps.push(PathStep::Wildcard);
    }
}

/// Steps of one path, for the stack's sake.
const MAX_STEPS: usize = 128;
