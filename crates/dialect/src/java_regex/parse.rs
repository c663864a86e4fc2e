//! Java's grammar of regular expressions: choices, sequences, groups and repetitions.
//!
//! Odd cases follow the JVM rather than the manual: `a{2}{3}` repeats nothing three times, `]` and
//! `}` stand for themselves.

use super::cursor::{PatternCursor, error};
use super::escape::EscapedItem;
use super::tree::{Anchor, CharSet, Greediness, RegexNode};
use super::{Flags, property};
use crate::SyntaxError;

/// Groups and classes that may stand in each other.
const MAX_DEPTH: usize = 100;

/// A pattern that was read.
#[derive(Debug)]
pub(super) struct ParsedPattern {
    pub(super) root: RegexNode,
    /// The number of numbered groups.
    pub(super) groups: usize,
    /// Names of groups and their numbers.
    pub(super) names: Vec<(String, usize)>,
}

/// Reads a whole pattern.
pub(super) fn parse(java: &str, flags: Flags) -> Result<ParsedPattern, SyntaxError> {
    let mut parser = RegexParser { cursor: PatternCursor::new(java, flags), groups: 0, names: Vec::new(), depth: 0 };
    let root = parser.choice()?;
    if !parser.cursor.is_over() {
        return error(parser.cursor.at(), "`)` closes no group", "write `\\)`, or open the group");
    }
    Ok(ParsedPattern { root, groups: parser.groups, names: parser.names })
}

/// The reader of one pattern.
#[derive(Debug)]
pub(super) struct RegexParser {
    pub(super) cursor: PatternCursor,
    /// Groups opened so far.
    pub(super) groups: usize,
    pub(super) names: Vec<(String, usize)>,
    depth: usize,
}

impl RegexParser {
    /// Reads what stands deeper by one, unless that is too deep.
    pub(super) fn deeper<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, SyntaxError>,
    ) -> Result<T, SyntaxError> {
        if self.depth >= MAX_DEPTH {
            let message = format!("more than {MAX_DEPTH} groups or classes stand in each other");
            return Err(SyntaxError::limit(self.cursor.at(), message, "simplify the pattern"));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    fn choice(&mut self) -> Result<RegexNode, SyntaxError> {
        let mut branches = vec![self.sequence()?];
        while self.cursor.peek() == '|' {
            self.cursor.advance();
            branches.push(self.sequence()?);
        }
        Ok(if branches.len() == 1 { branches.remove(0) } else { RegexNode::Choice(branches) })
    }

    fn sequence(&mut self) -> Result<RegexNode, SyntaxError> {
        let mut nodes = Vec::new();
        loop {
            let c = self.cursor.peek();
            if c == '(' {
                nodes.extend(self.deeper(Self::group)?);
                continue;
            }
            let at = self.cursor.at();
            let atom = match c {
                '\0' if self.cursor.is_over() => break,
                '|' | ')' => break,
                '*' | '+' | '?' => {
                    let message = format!("`{c}` repeats nothing");
                    return error(at, message, format!("write `\\{c}` for the character, or put something before it"));
                }
                // what stands between two repetitions, or before the first
                '{' => RegexNode::Empty,
                '[' => RegexNode::Class(self.class()?),
                '\\' => self.escaped()?,
                _ => {
                    self.cursor.advance();
                    self.plain(c)
                }
            };
            nodes.push(self.repeated(atom)?);
        }
        nodes.retain(|node| *node != RegexNode::Empty);
        Ok(match nodes.len() {
            0 => RegexNode::Empty,
            1 => nodes.remove(0),
            _ => RegexNode::Sequence(nodes),
        })
    }

    fn plain(&self, c: char) -> RegexNode {
        let flags = self.cursor.flags;
        let unix = flags.has(Flags::UNIX_LINES);
        match c {
            '^' if flags.has(Flags::MULTILINE) => RegexNode::Anchor(Anchor::LineStart { unix }),
            '^' => RegexNode::Anchor(Anchor::Start),
            '$' if flags.has(Flags::MULTILINE) => RegexNode::Anchor(Anchor::LineEnd { unix }),
            '$' => RegexNode::Anchor(Anchor::TextEnd { unix }),
            '.' if flags.has(Flags::DOTALL) => RegexNode::Class(CharSet::all()),
            '.' => RegexNode::Class(property::line_terminators(unix).negated()),
            c => self.literal(c.into()),
        }
    }

    fn escaped(&mut self) -> Result<RegexNode, SyntaxError> {
        Ok(match self.escape(false, false)? {
            EscapedItem::Code(code) => self.literal(code),
            EscapedItem::Node(node) => node,
            EscapedItem::Set(set) => RegexNode::Class(set),
        })
    }

    fn literal(&self, code: u32) -> RegexNode {
        let variants = super::fold::variants(code, self.cursor.flags);
        match (char::from_u32(code), variants.len()) {
            (Some(c), 1) => RegexNode::Literal(c),
            (Some(_), _) => RegexNode::Class(CharSet::Spans(variants)),
            (None, _) => RegexNode::Never,
        }
    }

    /// Reads a group; `None` if it only changes flags.
    fn group(&mut self) -> Result<Option<RegexNode>, SyntaxError> {
        let open = self.cursor.at();
        let outer = self.cursor.flags;
        let node = if self.cursor.advance() == '?' {
            match self.cursor.skip() {
                ':' => self.choice()?,
                '=' => self.look(false, false)?,
                '!' => self.look(false, true)?,
                '>' => RegexNode::Atomic(Box::new(self.choice()?)),
                '<' => self.named_or_behind(open)?,
                _ => {
                    self.cursor.unread();
                    self.change_flags(open)?;
                    match self.cursor.read() {
                        ')' => return Ok(None),
                        ':' => self.choice()?,
                        _ => {
                            let help =
                                "use `(?:`, `(?=`, `(?!`, `(?<=`, `(?<!`, `(?>`, `(?<name>` or flags of `idmsuxU`";
                            return error(open, "`(?` is followed by neither a group type nor a flag", help);
                        }
                    }
                }
            }
        } else {
            self.groups += 1;
            RegexNode::Capture(Box::new(self.choice()?))
        };
        if self.cursor.peek() != ')' {
            return error(
                open,
                "the group that begins here is not closed",
                "add `)`, or write `\\(` for the character",
            );
        }
        self.cursor.read();
        self.cursor.flags = outer;
        self.repeated(node).map(Some)
    }

    fn look(&mut self, behind: bool, negative: bool) -> Result<RegexNode, SyntaxError> {
        Ok(RegexNode::Look { behind, negative, inner: Box::new(self.choice()?) })
    }

    fn named_or_behind(&mut self, open: usize) -> Result<RegexNode, SyntaxError> {
        let first = self.cursor.read();
        if first == '=' || first == '!' {
            let look = self.look(true, first == '!')?;
            let RegexNode::Look { inner, .. } = &look else { return Ok(look) };
            if !inner.has_greatest_length() {
                let help = "bound its repetitions, and take back-references out of it";
                return error(open, "the look-behind has no greatest length that Java can see", help);
            }
            return Ok(look);
        }
        let name = self.group_name(first, open)?;
        if self.names.iter().any(|(known, _)| *known == name) {
            return error(open, format!("two groups are named `{name}`"), "rename one of them");
        }
        self.groups += 1;
        self.names.push((name, self.groups));
        Ok(RegexNode::Capture(Box::new(self.choice()?)))
    }

    /// Reads a name that `>` ends, of which the first character has been read.
    pub(super) fn group_name(&mut self, first: char, start: usize) -> Result<String, SyntaxError> {
        let mut name = String::new();
        let mut c = first;
        while c.is_ascii_alphanumeric() {
            name.push(c);
            c = self.cursor.read();
        }
        if c == '>' && name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return Ok(name);
        }
        let help = "begin it with a letter a-z or A-Z, go on with letters and digits, end it with `>`";
        error(start, "the name of the group is not valid", help)
    }

    /// Reads flags up to what is none.
    fn change_flags(&mut self, open: usize) -> Result<(), SyntaxError> {
        let mut on = true;
        let mut c = self.cursor.peek();
        loop {
            let flag = match c {
                'i' => Flags::CASE_INSENSITIVE,
                'm' => Flags::MULTILINE,
                's' => Flags::DOTALL,
                'd' => Flags::UNIX_LINES,
                'u' => Flags::UNICODE_CASE,
                'x' => Flags::COMMENTS,
                'U' => Flags::UNICODE_CLASS.with(Flags::UNICODE_CASE),
                'c' => return error(open, "the flag `c` (canonical equivalence) is not supported", "remove it"),
                '-' if on => {
                    on = false;
                    c = self.cursor.advance();
                    continue;
                }
                _ => return Ok(()),
            };
            let flags = self.cursor.flags;
            self.cursor.flags = if on { flags.with(flag) } else { flags.without(flag) };
            c = self.cursor.advance();
        }
    }

    /// Reads the repetition that follows a node, if there is one, and puts the node under it.
    fn repeated(&mut self, node: RegexNode) -> Result<RegexNode, SyntaxError> {
        let (least, most) = match self.cursor.peek() {
            '?' => (0, Some(1)),
            '*' => (0, None),
            '+' => (1, None),
            '{' => self.counts()?,
            _ => return Ok(node),
        };
        let greed = match self.cursor.advance() {
            '?' => Greediness::Lazy,
            '+' => Greediness::Possessive,
            _ => Greediness::Greedy,
        };
        if greed != Greediness::Greedy {
            self.cursor.advance();
        }
        // a place is there or not, however often one asks
        if node.is_zero_width() && !node.captures() {
            return Ok(if least == 0 { RegexNode::Empty } else { node });
        }
        Ok(RegexNode::Repeat { inner: Box::new(node), least, most, greed })
    }

    /// Reads `{n}`, `{n,}` or `{n,m}` up to the brace that ends it.
    fn counts(&mut self) -> Result<(u32, Option<u32>), SyntaxError> {
        let open = self.cursor.at();
        if !self.cursor.raw(1).is_ascii_digit() {
            let help = "write `\\{` for the character, or `{n}`, `{n,}`, `{n,m}` to repeat";
            return error(open, "`{` is followed by no number", help);
        }
        let first = self.cursor.skip();
        let (least, mut c) = self.number(first, open)?;
        let mut most = Some(least);
        if c == ',' {
            c = self.cursor.read();
            most = None;
            if c != '}' {
                let (number, next) = self.number(c, open)?;
                (most, c) = (Some(number), next);
            }
        }
        if c != '}' {
            return error(open, "the repetition is not closed", "write `{n}`, `{n,}` or `{n,m}`");
        }
        if most.is_some_and(|most| most < least) {
            return error(open, "the repetition ends before it begins", "give the smaller number first");
        }
        self.cursor.unread();
        Ok((least, most))
    }

    /// Reads digits of which the first has been read; what follows them too.
    fn number(&mut self, first: char, open: usize) -> Result<(u32, char), SyntaxError> {
        let (mut number, mut c) = (0_u32, first);
        while let Some(digit) = c.to_digit(10) {
            number = number.saturating_mul(10).saturating_add(digit);
            c = self.cursor.read();
        }
        if number > i32::MAX as u32 {
            return error(open, "the repetition counts higher than Java can", "lower the number");
        }
        Ok((number, c))
    }
}
