//! Compilation of patterns of Java's `DateTimeFormatter`, such as `dd/MM/yyyy[ HH:mm]`.

use super::fields::DateField;
use super::names::{DAY_HALVES, MONTHS, WEEKDAYS};
use super::zone::OffsetStyle;
use crate::SyntaxError;

/// A part of a compiled pattern.
#[derive(Clone, Debug)]
pub(super) enum PatternItem {
    /// The character itself, with no meaning.
    Literal(char),
    /// `min` to `max` digits; `reserved` more are left to the numbers of fixed width that follow at
    /// once.
    Number { field: DateField, min: usize, max: usize, reserved: usize },
    /// The last two digits of a year from 2000.
    ShortYear,
    /// This many digits of a fraction of a second.
    Fraction(usize),
    /// One of some names, cut to `letters` where it is given. The first name has the value `first`.
    Name { field: DateField, first: i64, names: &'static [&'static str], letters: Option<usize> },
    /// An offset from UTC.
    Offset(OffsetStyle),
    /// The name of a zone.
    Zone,
    /// Items that may be missing as a whole.
    Optional(Vec<PatternItem>),
}

/// Compiles a pattern. Letters without a meaning here are errors, as they are in Java.
pub(super) fn compile(pattern: &str) -> Result<Vec<PatternItem>, SyntaxError> {
    let mut open: Vec<Vec<PatternItem>> = vec![Vec::new()];
    let mut chars = pattern.char_indices().peekable();
    while let Some((at, next)) = chars.next() {
        let item = match next {
            '\'' => {
                let last = open.last_mut().expect("the outermost list stays");
                quoted(&mut chars, last)
                    .ok_or_else(|| error(pattern, at, "has a quote that is not closed", "close it with `'`"))?;
                continue;
            }
            '[' => {
                if open.len() > MAX_OPTIONAL_DEPTH {
                    let error = error(pattern, at, "has too many `[` in one another", "nest them less");
                    return Err(SyntaxError { is_limit: true, ..error });
                }
                open.push(Vec::new());
                continue;
            }
            ']' => {
                let inner = open.pop().filter(|_| !open.is_empty());
                PatternItem::Optional(inner.ok_or_else(|| error(pattern, at, "has a `]` without `[`", "remove it"))?)
            }
            '{' | '}' | '#' => {
                let help = format!("write it in quotes: `'{next}'`");
                return Err(error(pattern, at, &format!("has a bare `{next}`"), &help));
            }
            letter if letter.is_ascii_alphabetic() => {
                let mut count = 1;
                while chars.next_if(|(_, next)| *next == letter).is_some() {
                    count += 1;
                }
                item_of(letter, count).ok_or_else(|| unknown_letters(pattern, at, letter, count))?
            }
            literal => PatternItem::Literal(literal),
        };
        open.last_mut().expect("the outermost list stays").push(item);
    }
    // an optional part that is not closed ends with the pattern
    while open.len() > 1 {
        let inner = open.pop().expect("more than one list");
        open.last_mut().expect("the outermost list stays").push(PatternItem::Optional(inner));
    }
    let mut items = open.pop().expect("the outermost list stays");
    reserve_digits(&mut items);
    Ok(items)
}

/// Reads text up to the next quote; two quotes are one. `None` if it is not closed.
fn quoted(chars: &mut std::iter::Peekable<std::str::CharIndices<'_>>, items: &mut Vec<PatternItem>) -> Option<()> {
    let before = items.len();
    loop {
        match chars.next()?.1 {
            '\'' if chars.next_if(|(_, next)| *next == '\'').is_some() => items.push(PatternItem::Literal('\'')),
            '\'' => {
                // a pair of quotes with nothing between them is a quote
                if items.len() == before {
                    items.push(PatternItem::Literal('\''));
                }
                return Some(());
            }
            literal => items.push(PatternItem::Literal(literal)),
        }
    }
}

/// Returns the item of `count` equal letters, by the table of Java's
/// `DateTimeFormatterBuilder.appendPattern`.
fn item_of(letter: char, count: usize) -> Option<PatternItem> {
    use PatternItem::{Fraction, Number, Offset, ShortYear, Zone};
    let wide = |field| Number { field, min: count, max: MAX_DIGITS.max(count), reserved: 0 };
    match letter {
        'y' | 'u' if count == 2 => Some(ShortYear),
        'y' | 'u' => Some(wide(DateField::Year)),
        'M' | 'L' if count <= 2 => number(DateField::Month, count),
        'M' | 'L' => name(DateField::Month, &MONTHS, count),
        'd' => number(DateField::Day, count),
        'D' if count == 1 => number(DateField::DayOfYear, count),
        'D' if count <= 3 => Some(Number { field: DateField::DayOfYear, min: count, max: 3, reserved: 0 }),
        'e' if count <= 2 => number(DateField::UsWeekday, count),
        'c' if count == 1 => number(DateField::UsWeekday, count),
        'E' => name(DateField::Weekday, &WEEKDAYS, count),
        'e' | 'c' if count >= 3 => name(DateField::Weekday, &WEEKDAYS, count),
        'a' if count == 1 => {
            Some(PatternItem::Name { field: DateField::HalfOfDay, first: 0, names: &DAY_HALVES, letters: None })
        }
        'H' => number(DateField::Hour, count),
        'k' => number(DateField::ClockHour, count),
        'K' => number(DateField::HalfHour, count),
        'h' => number(DateField::ClockHalfHour, count),
        'm' => number(DateField::Minute, count),
        's' => number(DateField::Second, count),
        'S' if count <= 9 => Some(Fraction(count)),
        'n' => Some(wide(DateField::Nano)),
        'A' => Some(wide(DateField::MilliOfDay)),
        'z' if count <= 4 => Some(Zone),
        'V' if count == 2 => Some(Zone),
        'v' if matches!(count, 1 | 4) => Some(Zone),
        'O' if matches!(count, 1 | 4) => Some(Offset(OffsetStyle::Greenwich)),
        'Z' if count <= 3 => Some(Offset(OffsetStyle::Compact)),
        'Z' if count == 4 => Some(Offset(OffsetStyle::Greenwich)),
        'Z' if count == 5 => Some(Offset(OffsetStyle::Colon)),
        'X' | 'x' if count == 1 => Some(Offset(OffsetStyle::Hours)),
        'X' | 'x' if matches!(count, 2 | 4) => Some(Offset(OffsetStyle::Compact)),
        'X' | 'x' if matches!(count, 3 | 5) => Some(Offset(OffsetStyle::Colon)),
        _ => None,
    }
}

/// Returns the item of a number: one letter has no fixed width, two letters are two digits.
fn number(field: DateField, count: usize) -> Option<PatternItem> {
    match count {
        1 => Some(PatternItem::Number { field, min: 1, max: MAX_DIGITS, reserved: 0 }),
        2 => Some(PatternItem::Number { field, min: 2, max: 2, reserved: 0 }),
        _ => None,
    }
}

/// Returns the item of a name, whose first value is 1: up to three letters are short, four full,
/// five a single letter.
fn name(field: DateField, names: &'static [&'static str], count: usize) -> Option<PatternItem> {
    let letters = match count {
        0..=3 => Some(3),
        4 => None,
        5 => Some(1),
        _ => return None,
    };
    Some(PatternItem::Name { field, first: 1, names, letters })
}

/// Counts, for each number without a fixed width, the digits that the numbers of fixed width right
/// behind it need, so that `yyyyMMdd` can be read.
fn reserve_digits(items: &mut [PatternItem]) {
    let mut needed = 0;
    for item in items.iter_mut().rev() {
        match item {
            PatternItem::Number { min, max, .. } if min == max => needed += *max,
            PatternItem::ShortYear => needed += 2,
            PatternItem::Fraction(width) => needed += *width,
            PatternItem::Number { reserved, .. } => {
                *reserved = needed;
                needed = 0;
            }
            PatternItem::Optional(inner) => {
                reserve_digits(inner);
                needed = 0;
            }
            _ => needed = 0,
        }
    }
}

fn unknown_letters(pattern: &str, at: usize, letter: char, count: usize) -> SyntaxError {
    let letters = letter.to_string().repeat(count.min(MAX_LETTERS_SHOWN));
    let help = "use the letters y u M L d D E e c a H h k K m s S n A X x Z O z v VV, and quote other text: `'T'`";
    error(pattern, at, &format!("has `{letters}`, which is not supported"), help)
}

fn error(pattern: &str, at: usize, fault: &str, help: &str) -> SyntaxError {
    SyntaxError::new(at, format!("the date format `{pattern}` {fault}"), help)
}

/// Digits of a number without a fixed width: as many as fit into an `i64`.
const MAX_DIGITS: usize = 18;

/// Depth of optional parts in one another; reading them recurses.
const MAX_OPTIONAL_DEPTH: usize = 8;

/// Letters of an unknown field that an error shows.
const MAX_LETTERS_SHOWN: usize = 20;
