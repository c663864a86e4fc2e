//! Character classes: unions, intersections and ranges as Java writes them, and letters in both cases where asked.

use std::fmt::Write as _;

use super::RegexError;
use super::property;
use super::translate::{Cursor, Flags};

/// Classes that may stand in each other.
const MAX_DEPTH: usize = 50;

/// Reads a class after its `[`; gives it in our syntax, brackets and all.
pub(super) fn read(cursor: &mut Cursor<'_>, flags: Flags, start: usize) -> Result<String, RegexError> {
    read_nested(cursor, flags, start, 0)
}

fn read_nested(cursor: &mut Cursor<'_>, flags: Flags, start: usize, depth: usize) -> Result<String, RegexError> {
    if depth > MAX_DEPTH {
        return Err(RegexError::new(start, "classes stand too deep in each other", "simplify the pattern"));
    }
    let unclosed = || RegexError::new(start, "unclosed character class", "add `]`, or write `\\[` for a bracket");
    let negated = cursor.take("^");
    // the operands of `&&`, each a union
    let mut operands = vec![String::new()];
    let mut first = true;
    loop {
        cursor.skip_comments(flags);
        if cursor.take("&&") {
            while cursor.take("&&") {}
            operands.push(String::new());
            continue;
        }
        let at = cursor.at();
        let Some(c) = cursor.next() else { return Err(unclosed()) };
        let union = operands.last_mut().expect("there is always one operand");
        match c {
            ']' if !first => break,
            '[' => {
                let inner = read_nested(cursor, flags, at, depth + 1)?;
                union.push_str(&inner);
            }
            '\\' => {
                if cursor.take("Q") {
                    for quoted in cursor.until("\\E").chars() {
                        push_range(union, quoted, quoted, flags);
                    }
                } else if let Some(low) = cursor.escaped_character()? {
                    range_from(union, low, cursor, flags, at)?;
                } else {
                    union.push_str(&escaped_class(cursor, flags, at)?);
                }
            }
            low => range_from(union, low, cursor, flags, at)?,
        }
        first = false;
    }
    // an empty operand is what `&&` before `]` leaves; Java passes over it
    operands.retain(|operand| !operand.is_empty());
    let mut class = String::from(if negated { "[^" } else { "[" });
    match operands.as_slice() {
        [] => return Err(unclosed()),
        [only] => class.push_str(only),
        several => {
            let bracketed: Vec<String> = several.iter().map(|operand| format!("[{operand}]")).collect();
            class.push_str(&bracketed.join("&&"));
        }
    }
    class.push(']');
    Ok(class)
}

/// A class within a class: `\d`, `\p{…}`.
fn escaped_class(cursor: &mut Cursor<'_>, flags: Flags, at: usize) -> Result<String, RegexError> {
    let c = cursor.next().unwrap_or('\\');
    if let Some(class) = property::shorthand(c, flags) {
        return Ok(format!("[{class}]"));
    }
    if matches!(c, 'p' | 'P') {
        return Ok(format!("[{}]", property::read(cursor, flags, c == 'P', at)?));
    }
    let what = format!("illegal/unsupported escape sequence `\\{c}` in a character class");
    Err(RegexError::new(at, what, format!("write `{c}`")))
}

/// A character that may begin a range.
fn range_from(
    union: &mut String,
    low: char,
    cursor: &mut Cursor<'_>,
    flags: Flags,
    at: usize,
) -> Result<(), RegexError> {
    cursor.skip_comments(flags);
    let rest = cursor.rest();
    let is_range = rest.starts_with('-') && !rest.starts_with("-]") && !rest.starts_with("-[") && rest.len() > 1;
    if !is_range {
        push_range(union, low, low, flags);
        return Ok(());
    }
    cursor.next();
    cursor.skip_comments(flags);
    let high = if cursor.take("\\") {
        match cursor.escaped_character()? {
            Some(high) => high,
            None => {
                return Err(RegexError::new(
                    at,
                    "illegal character range",
                    "put the `-` first or last, or write `\\-`",
                ));
            }
        }
    } else {
        cursor.next().unwrap_or(low)
    };
    if high < low {
        return Err(RegexError::new(
            at,
            format!("illegal character range: `{high}` comes before `{low}`"),
            "swap them",
        ));
    }
    push_range(union, low, high, flags);
    Ok(())
}

/// A range, and its letters in the other case where the flags say so.
fn push_range(union: &mut String, low: char, high: char, flags: Flags) {
    let mut push = |low: u32, high: u32| {
        let _ = write!(union, r"\x{{{low:x}}}-\x{{{high:x}}}");
    };
    push(low as u32, high as u32);
    // the cases of all of Unicode are left to the engine
    if !flags.case_insensitive || flags.unicode_case {
        return;
    }
    for (from, to) in [('a', 'A'), ('A', 'a')] {
        let (start, end) = (low.max(from) as u32, (high as u32).min(from as u32 + 25));
        if start <= end {
            push(start - from as u32 + to as u32, end - from as u32 + to as u32);
        }
    }
}

/// A single character outside a class.
pub(super) fn push_literal(out: &mut String, c: char, flags: Flags) {
    if flags.case_insensitive && flags.unicode_case && c.is_alphabetic() {
        let _ = write!(out, "(?i:{c})");
    } else if flags.case_insensitive && c.is_ascii_alphabetic() {
        out.push('[');
        push_range(out, c, c, flags);
        out.push(']');
    } else if c.is_ascii_alphanumeric() || !c.is_ascii() && !c.is_whitespace() && !c.is_control() {
        out.push(c);
    } else {
        let _ = write!(out, r"\x{{{:x}}}", c as u32);
    }
}
