//! From Java's syntax to ours, from left to right, with the flags in force at each place.

use std::fmt::Write as _;

use super::RegexError;
use super::class;
use super::property;

/// Groups that may stand in each other.
const MAX_DEPTH: usize = 200;

/// Java's line terminators but for CR LF.
pub(super) const TERMINATORS: &str = r"\n\r\x{85}\x{2028}\x{2029}";

/// A class that no character is in.
pub(super) const NOTHING: &str = r"[^\x{0}-\x{10FFFF}]";

/// What the pattern is to match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Some part of a text.
    Part,
    /// The whole of it.
    Whole,
}

/// A pattern in our syntax.
#[derive(Debug)]
pub(super) struct Translation {
    pub(super) pattern: String,
    pub(super) backtracks: bool,
    pub(super) prefix: String,
}

/// Flags in force, each a letter of Java's. DOTALL is on from the start, as WireMock compiles its patterns.
#[allow(clippy::struct_excessive_bools)]
#[derive(Clone, Copy, Debug)]
pub(super) struct Flags {
    pub(super) case_insensitive: bool,
    pub(super) comments: bool,
    dot_all: bool,
    multiline: bool,
    unix_lines: bool,
    pub(super) unicode_case: bool,
    pub(super) unicode_class: bool,
}

impl Flags {
    const START: Self = Self {
        case_insensitive: false,
        comments: false,
        dot_all: true,
        multiline: false,
        unix_lines: false,
        unicode_case: false,
        unicode_class: false,
    };

    fn set(&mut self, flag: char, on: bool) -> bool {
        match flag {
            'd' => self.unix_lines = on,
            'i' => self.case_insensitive = on,
            'm' => self.multiline = on,
            's' => self.dot_all = on,
            'u' => self.unicode_case = on,
            'x' => self.comments = on,
            'U' => {
                self.unicode_class = on;
                self.unicode_case = on;
            }
            _ => return false,
        }
        true
    }
}

pub(super) fn translate(java: &str, mode: Mode) -> Result<Translation, RegexError> {
    let mut translator = Translator {
        cursor: Cursor::new(java),
        out: String::with_capacity(java.len() + 16),
        flags: Flags::START,
        mode,
        open: Vec::new(),
        groups: 0,
        names: Vec::new(),
        backtracks: false,
        prefix: Prefix::Growing(String::new()),
    };
    translator.run()?;
    Ok(Translation { pattern: translator.out, backtracks: translator.backtracks, prefix: translator.prefix.text() })
}

/// A place in the pattern.
#[derive(Debug)]
pub(super) struct Cursor<'p> {
    text: &'p str,
    at: usize,
}

impl<'p> Cursor<'p> {
    fn new(text: &'p str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    pub(super) fn take(&mut self, part: &str) -> bool {
        let there = self.rest().starts_with(part);
        if there {
            self.at += part.len();
        }
        there
    }

    pub(super) fn rest(&self) -> &'p str {
        &self.text[self.at..]
    }

    /// Everything up to `end`, which is passed over too; the rest where it does not come.
    pub(super) fn until(&mut self, end: &str) -> &'p str {
        let rest = self.rest();
        let (part, length) = match rest.find(end) {
            Some(place) => (&rest[..place], place + end.len()),
            None => (rest, rest.len()),
        };
        self.at += length;
        part
    }

    /// Passes over white space and comments where the flag says so.
    pub(super) fn skip_comments(&mut self, flags: Flags) {
        if !flags.comments {
            return;
        }
        loop {
            match self.peek() {
                Some(c) if c.is_ascii_whitespace() || c == '\u{b}' => _ = self.next(),
                Some('#') => {
                    let line = self.rest().find(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']);
                    self.at += line.unwrap_or(self.rest().len());
                }
                _ => return,
            }
        }
    }

    fn digits(&mut self, radix: u32, most: usize) -> &'p str {
        let rest = self.rest();
        let length = rest.chars().take(most).take_while(|c| c.is_digit(radix)).count();
        self.at += length;
        &rest[..length]
    }

    /// The character of an escape that stands for one, after its backslash; `None` leaves the cursor where it was.
    pub(super) fn escaped_character(&mut self) -> Result<Option<char>, RegexError> {
        let start = self.at;
        let Some(c) = self.next() else {
            return Err(RegexError::new(
                start,
                "unexpected internal error: `\\` at the end of the pattern",
                "write `\\\\`",
            ));
        };
        let code = match c {
            't' => 0x9,
            'n' => 0xa,
            'r' => 0xd,
            'f' => 0xc,
            'a' => 0x7,
            'e' => 0x1b,
            '0' => {
                let most = if self.peek().is_some_and(|c| matches!(c, '0'..='3')) { 3 } else { 2 };
                let digits = self.digits(8, most);
                u32::from_str_radix(digits, 8)
                    .map_err(|_| RegexError::new(start, "illegal octal escape", "write `\\0n`"))?
            }
            'x' if self.take("{") => {
                let digits = self.until("}");
                u32::from_str_radix(digits, 16)
                    .map_err(|_| RegexError::new(start, "illegal hexadecimal escape", "write `\\x{h…h}`"))?
            }
            'x' => self.hex(2, start)?,
            'u' => self.utf16(start)?,
            'c' => match self.next() {
                Some(control) => control as u32 ^ 64,
                None => return Err(RegexError::new(start, "illegal control escape", "write `\\cX`")),
            },
            c if c.is_ascii_alphanumeric() => {
                self.at = start;
                return Ok(None);
            }
            literal => literal as u32,
        };
        match char::from_u32(code) {
            Some(c) => Ok(Some(c)),
            None => Err(RegexError::new(start, "half of a surrogate pair is no character", "write both halves")),
        }
    }

    fn hex(&mut self, count: usize, start: usize) -> Result<u32, RegexError> {
        let digits = self.digits(16, count);
        if digits.len() < count {
            return Err(RegexError::new(start, "illegal hexadecimal escape", format!("give {count} digits")));
        }
        u32::from_str_radix(digits, 16).map_err(|_| RegexError::new(start, "illegal hexadecimal escape", "give digits"))
    }

    /// Four digits, or two times four for a character beyond them.
    fn utf16(&mut self, start: usize) -> Result<u32, RegexError> {
        let first = self.hex(4, start)?;
        if (0xd800..0xdc00).contains(&first) && self.take("\\u") {
            let second = self.hex(4, start)?;
            if (0xdc00..0xe000).contains(&second) {
                return Ok(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00));
            }
        }
        Ok(first)
    }
}

struct Translator<'p> {
    cursor: Cursor<'p>,
    out: String,
    flags: Flags,
    mode: Mode,
    open: Vec<Open>,
    groups: usize,
    names: Vec<&'p str>,
    backtracks: bool,
    prefix: Prefix,
}

/// A group that has not ended.
#[derive(Clone, Copy, Debug)]
struct Open {
    /// Where it begins in the pattern.
    start: usize,
    /// Where it begins in what was written.
    written: usize,
    /// The flags to go back to after it.
    outer: Flags,
    looks_around: bool,
}

/// The literal text that every match begins with.
#[derive(Debug)]
enum Prefix {
    Growing(String),
    Complete(String),
}

impl Prefix {
    fn text(self) -> String {
        match self {
            Self::Growing(text) | Self::Complete(text) => text,
        }
    }

    fn complete(&mut self) {
        if let Self::Growing(text) = self {
            *self = Self::Complete(std::mem::take(text));
        }
    }
}

impl Translator<'_> {
    fn run(&mut self) -> Result<(), RegexError> {
        loop {
            self.cursor.skip_comments(self.flags);
            let start = self.cursor.at();
            let Some(c) = self.cursor.next() else { break };
            let mut before = self.out.len();
            match c {
                '(' => {
                    self.prefix.complete();
                    self.open_group(start)?;
                    continue;
                }
                ')' => before = self.close_group(start)?,
                '|' => {
                    if self.open.is_empty() {
                        self.prefix = Prefix::Complete(String::new());
                    }
                    self.out.push('|');
                    continue;
                }
                '*' | '+' | '?' => {
                    let what = format!("dangling meta character '{c}'");
                    return Err(RegexError::new(start, what, format!("write `\\{c}`, or put something before it")));
                }
                // a repetition of nothing, which Java takes
                '{' => {
                    self.repetition(start)?;
                    self.lazy_or_possessive();
                    continue;
                }
                '^' => {
                    self.caret();
                    self.quantifier(before)?;
                    continue;
                }
                '$' => {
                    self.prefix.complete();
                    self.dollar();
                }
                '.' => {
                    self.prefix.complete();
                    self.dot();
                }
                '[' => {
                    self.prefix.complete();
                    let class = class::read(&mut self.cursor, self.flags, start)?;
                    if self.flags.case_insensitive && self.flags.unicode_case {
                        let _ = write!(self.out, "(?i:{class})");
                    } else {
                        self.out.push_str(&class);
                    }
                }
                '\\' => self.escape(start)?,
                literal => self.literal(literal),
            }
            self.quantifier(before)?;
        }
        match self.open.last() {
            None => Ok(()),
            Some(open) => Err(RegexError::new(open.start, "unclosed group", "add `)`")),
        }
    }

    fn literal(&mut self, c: char) {
        if let Prefix::Growing(text) = &mut self.prefix {
            if self.open.is_empty() && !self.flags.case_insensitive {
                text.push(c);
            } else {
                self.prefix.complete();
            }
        }
        class::push_literal(&mut self.out, c, self.flags);
    }

    fn open_group(&mut self, start: usize) -> Result<(), RegexError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(RegexError::new(start, "groups stand too deep in each other", "simplify the pattern"));
        }
        let mut open = Open { start, written: self.out.len(), outer: self.flags, looks_around: false };
        if !self.cursor.take("?") {
            self.groups += 1;
            self.out.push('(');
        } else if self.cursor.take(":") {
            self.out.push_str("(?:");
        } else if let Some(kind) = ["=", "!", "<=", "<!", ">"].into_iter().find(|kind| self.cursor.take(kind)) {
            self.backtracks = true;
            open.looks_around = kind != ">";
            let _ = write!(self.out, "(?{kind}");
        } else if self.cursor.take("<") {
            self.named_group(start)?;
        } else {
            return self.flag_group(open);
        }
        self.open.push(open);
        Ok(())
    }

    fn named_group(&mut self, start: usize) -> Result<(), RegexError> {
        let name = self.cursor.until(">");
        let valid =
            name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.bytes().all(|c| c.is_ascii_alphanumeric());
        if !valid {
            let mend = "begin it with a letter; letters and digits may follow";
            return Err(RegexError::new(start, format!("`{name}` is no name of a group"), mend));
        }
        if self.names.contains(&name) {
            return Err(RegexError::new(
                start,
                format!("named capturing group <{name}> is already defined"),
                "use another name",
            ));
        }
        self.names.push(name);
        self.groups += 1;
        let _ = write!(self.out, "(?<{name}>");
        Ok(())
    }

    /// `(?i-m)` changes the flags of the group it stands in, `(?i-m:` those of a group of its own.
    fn flag_group(&mut self, open: Open) -> Result<(), RegexError> {
        let mut on = true;
        loop {
            match self.cursor.next() {
                Some(')') => return Ok(()),
                Some(':') => {
                    self.out.push_str("(?:");
                    self.open.push(open);
                    return Ok(());
                }
                Some('-') if on => on = false,
                Some(flag) if self.flags.set(flag, on) => {}
                _ => {
                    return Err(RegexError::new(open.start, "unknown inline modifier", "use the flags d i m s u x U"));
                }
            }
        }
    }

    /// Returns where the group began in what was written.
    fn close_group(&mut self, start: usize) -> Result<usize, RegexError> {
        let Some(open) = self.open.pop() else {
            return Err(RegexError::new(start, "unmatched closing ')'", "write `\\)`, or open the group"));
        };
        self.flags = open.outer;
        self.out.push(')');
        Ok(open.written)
    }

    fn caret(&mut self) {
        if !self.flags.multiline {
            self.out.push_str(r"\A");
            return;
        }
        self.prefix.complete();
        self.backtracks = true;
        // not after a terminator at the very end, and not within CR LF
        let line = if self.flags.unix_lines {
            r"(?<=\n)".to_owned()
        } else {
            format!(r"(?:(?<=[{TERMINATORS}])(?<!\r(?=\n)))")
        };
        let _ = write!(self.out, r"(?:(?:\A|{line})(?!\z))");
    }

    fn dollar(&mut self) {
        let terminators = if self.flags.unix_lines { r"\n".to_owned() } else { TERMINATORS.to_owned() };
        if self.flags.multiline {
            self.backtracks = true;
            let within = if self.flags.unix_lines { "" } else { r"(?!(?<=\r)\n)" };
            let _ = write!(self.out, r"(?:{within}(?=[{terminators}]|\z))");
        } else if self.mode == Mode::Whole && self.ends_here() {
            // the whole text has been matched here anyhow
        } else {
            self.last_line_end(&terminators);
        }
    }

    /// The end, or the place before a last line terminator.
    fn last_line_end(&mut self, terminators: &str) {
        self.backtracks = true;
        let pair = if terminators == r"\n" { "" } else { r"\r\n|" };
        let within = if terminators == r"\n" { "" } else { r"(?!(?<=\r)\n)" };
        let _ = write!(self.out, r"(?:{within}(?=(?:{pair}[{terminators}])?\z))");
    }

    /// Whether nothing can follow on this branch but ends of groups that are not repeated and do not look around.
    fn ends_here(&self) -> bool {
        if self.open.iter().any(|open| open.looks_around) {
            return false;
        }
        let mut depth = self.open.len();
        let mut rest = self.cursor.rest().chars().peekable();
        while let Some(c) = rest.next() {
            match c {
                '|' if depth == 0 => return true,
                ')' if depth > 0 && !rest.peek().is_some_and(|next| matches!(next, '*' | '+' | '{' | '?')) => {
                    depth -= 1;
                }
                _ => return false,
            }
        }
        true
    }

    fn dot(&mut self) {
        if self.flags.dot_all {
            self.out.push_str("(?s:.)");
        } else if self.flags.unix_lines {
            self.out.push_str(r"[^\n]");
        } else {
            let _ = write!(self.out, "[^{TERMINATORS}]");
        }
    }

    fn escape(&mut self, start: usize) -> Result<(), RegexError> {
        if self.cursor.take("Q") {
            // a quantifier after it is for the last character alone
            let quoted = self.cursor.until("\\E");
            let (most, last) =
                quoted.char_indices().next_back().map_or((quoted, None), |(at, c)| (&quoted[..at], Some(c)));
            most.chars().for_each(|c| self.literal(c));
            let before = self.out.len();
            if let Some(last) = last {
                self.literal(last);
            }
            return self.quantifier(before);
        }
        if let Some(c) = self.cursor.escaped_character()? {
            self.literal(c);
            return Ok(());
        }
        self.prefix.complete();
        let Some(c) = self.cursor.next() else { return Ok(()) };
        if let Some(class) = property::shorthand(c, self.flags) {
            let _ = write!(self.out, "[{class}]");
            return Ok(());
        }
        match c {
            'p' | 'P' => {
                let class = property::read(&mut self.cursor, self.flags, c == 'P', start)?;
                let _ = write!(self.out, "[{class}]");
            }
            'A' | 'G' => self.out.push_str(r"\A"),
            'z' => self.out.push_str(r"\z"),
            'Z' => {
                let terminators = if self.flags.unix_lines { r"\n" } else { TERMINATORS };
                self.last_line_end(terminators);
            }
            // Java 17's word boundary knows all letters and digits, whatever the flags
            'b' => self.out.push_str(r"\b"),
            'B' => self.out.push_str(r"\B"),
            'R' => {
                let _ = write!(self.out, r"(?:\r\n|[\x{{b}}\f{TERMINATORS}])");
            }
            'k' => self.named_reference(start)?,
            '1'..='9' => self.reference(c),
            'X' | 'N' => {
                let what = format!("`\\{c}` has no translation");
                return Err(RegexError::new(start, what, "name the characters in another way"));
            }
            other => {
                let what = format!("illegal/unsupported escape sequence `\\{other}`");
                return Err(RegexError::new(
                    start,
                    what,
                    format!("write `{other}` for the letter, `\\\\{other}` for a backslash before it"),
                ));
            }
        }
        Ok(())
    }

    fn named_reference(&mut self, start: usize) -> Result<(), RegexError> {
        if !self.cursor.take("<") {
            return Err(RegexError::new(
                start,
                "\\k is not followed by '<' for named capturing group",
                "write `\\k<name>`",
            ));
        }
        let name = self.cursor.until(">");
        if !self.names.contains(&name) {
            return Err(RegexError::new(
                start,
                format!("named capturing group <{name}> does not exist"),
                "define it before",
            ));
        }
        self.backtracks = true;
        let case = if self.flags.case_insensitive { "i" } else { "" };
        let _ = write!(self.out, r"(?{case}:\k<{name}>)");
        Ok(())
    }

    /// As many digits as make the number of a group that has begun.
    fn reference(&mut self, first: char) {
        let mut number = first as usize - '0' as usize;
        while let Some(digit) = self.cursor.peek().and_then(|c| c.to_digit(10)) {
            let longer = number * 10 + digit as usize;
            if longer > self.groups {
                break;
            }
            number = longer;
            self.cursor.next();
        }
        if number > self.groups {
            self.out.push_str(NOTHING);
            return;
        }
        self.backtracks = true;
        let case = if self.flags.case_insensitive { "i" } else { "" };
        let _ = write!(self.out, r"(?{case}:\{number})");
    }

    /// A quantifier after what was written from `before` on.
    fn quantifier(&mut self, before: usize) -> Result<(), RegexError> {
        self.cursor.skip_comments(self.flags);
        let start = self.cursor.at();
        let repeated = match self.cursor.peek() {
            Some(c @ ('*' | '+' | '?')) => {
                self.cursor.next();
                c.to_string()
            }
            Some('{') => {
                self.cursor.next();
                self.repetition(start)?
            }
            _ => return Ok(()),
        };
        if let Prefix::Growing(text) = &mut self.prefix {
            text.pop();
            self.prefix.complete();
        }
        let atom = self.out.split_off(before);
        let possessive = match self.cursor.peek() {
            Some('+') => {
                self.cursor.next();
                true
            }
            Some('?') => {
                self.cursor.next();
                let _ = write!(self.out, "(?:{atom}){repeated}?");
                return Ok(());
            }
            _ => false,
        };
        if possessive {
            self.backtracks = true;
            // not even within one repetition does Java go back
            let _ = write!(self.out, "(?>(?:(?>{atom})){repeated})");
        } else {
            let _ = write!(self.out, "(?:{atom}){repeated}");
        }
        Ok(())
    }

    /// After `{`: the bounds, as we write them.
    fn repetition(&mut self, start: usize) -> Result<String, RegexError> {
        let illegal =
            || RegexError::new(start, "illegal repetition", "write `\\{` for a brace, or `{n}`, `{n,}`, `{n,m}`");
        let least = self.cursor.digits(10, 10);
        if least.is_empty() {
            return Err(illegal());
        }
        let bounds = if self.cursor.take(",") {
            let most = self.cursor.digits(10, 10);
            let in_order = most.is_empty() || least.parse::<u64>().unwrap_or(0) <= most.parse::<u64>().unwrap_or(0);
            if !in_order {
                return Err(RegexError::new(start, "illegal repetition range", "give the smaller number first"));
            }
            format!("{{{least},{most}}}")
        } else {
            format!("{{{least}}}")
        };
        if self.cursor.take("}") {
            Ok(bounds)
        } else {
            Err(RegexError::new(start, "unclosed counted closure", "add `}`"))
        }
    }

    fn lazy_or_possessive(&mut self) {
        if !self.cursor.take("?") {
            self.cursor.take("+");
        }
    }
}
