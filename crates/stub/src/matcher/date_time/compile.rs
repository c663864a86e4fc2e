//! From the letters of a date format to what they read.

use super::DateTimeError;
use super::fields::Field;
use super::format::{Item, OffsetStyle};
use super::names::HALVES;
use standin_dialect::dates::{MONTHS, WEEKDAYS};

/// The pieces of a pattern such as `dd/MM/yyyy[ HH:mm]`.
pub(super) fn items(pattern: &str) -> Result<Vec<Item>, DateTimeError> {
    let mut open: Vec<Vec<Item>> = vec![Vec::new()];
    let mut chars = pattern.chars().peekable();
    while let Some(next) = chars.next() {
        let item = match next {
            '\'' => {
                let last = open.last_mut().expect("the outermost stays");
                quoted(&mut chars, last)
                    .ok_or_else(|| wrong(pattern, "has a quote that is not closed", "close it with `'`"))?;
                continue;
            }
            '[' => {
                if open.len() > MOST_OPTIONAL {
                    return Err(wrong(pattern, "has too many `[` in one another", "nest them less"));
                }
                open.push(Vec::new());
                continue;
            }
            ']' => {
                let inner = open.pop().filter(|_| !open.is_empty());
                Item::Optional(inner.ok_or_else(|| wrong(pattern, "has a `]` without `[`", "remove it"))?)
            }
            '{' | '}' | '#' => {
                return Err(wrong(
                    pattern,
                    &format!("has a bare `{next}`"),
                    &format!("write it in quotes: `'{next}'`"),
                ));
            }
            letter if letter.is_ascii_alphabetic() => {
                let mut count = 1;
                while chars.next_if_eq(&letter).is_some() {
                    count += 1;
                }
                field(letter, count).ok_or_else(|| unknown(pattern, letter, count))?
            }
            literal => Item::Literal(literal),
        };
        open.last_mut().expect("the outermost stays").push(item);
    }
    // an option that is not closed ends with the pattern
    while open.len() > 1 {
        let inner = open.pop().expect("more than one");
        open.last_mut().expect("the outermost stays").push(Item::Optional(inner));
    }
    let mut items = open.pop().expect("the outermost stays");
    reserve(&mut items);
    Ok(items)
}

/// Text up to the next quote; two quotes are one. `None` if it is not closed.
fn quoted(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, items: &mut Vec<Item>) -> Option<()> {
    let before = items.len();
    loop {
        match chars.next()? {
            '\'' if chars.next_if_eq(&'\'').is_some() => items.push(Item::Literal('\'')),
            '\'' => {
                // a pair of quotes alone is a quote
                if items.len() == before {
                    items.push(Item::Literal('\''));
                }
                return Some(());
            }
            literal => items.push(Item::Literal(literal)),
        }
    }
}

fn field(letter: char, count: usize) -> Option<Item> {
    let number = |field: Field| match count {
        1 => Some(Item::Number { field, least: 1, most: LONGEST, reserve: 0 }),
        2 => Some(Item::Number { field, least: 2, most: 2, reserve: 0 }),
        _ => None,
    };
    let name = |field, first, names| match count {
        0..=3 => Some(Item::Name { field, first, names, letters: Some(3) }),
        4 => Some(Item::Name { field, first, names, letters: None }),
        5 => Some(Item::Name { field, first, names, letters: Some(1) }),
        _ => None,
    };
    match letter {
        'y' | 'u' if count == 2 => Some(Item::ShortYear),
        'y' | 'u' => Some(Item::Number { field: Field::Year, least: count, most: LONGEST.max(count), reserve: 0 }),
        'M' | 'L' if count <= 2 => number(Field::Month),
        'M' | 'L' => name(Field::Month, 1, &MONTHS),
        'd' => number(Field::Day),
        'D' if count == 1 => number(Field::DayOfYear),
        'D' if count <= 3 => Some(Item::Number { field: Field::DayOfYear, least: count, most: 3, reserve: 0 }),
        'E' => name(Field::Weekday, 1, &WEEKDAYS),
        'a' if count == 1 => Some(Item::Name { field: Field::HalfOfDay, first: 0, names: &HALVES, letters: None }),
        'H' => number(Field::Hour),
        'k' => number(Field::ClockHour),
        'K' => number(Field::HalfHour),
        'h' => number(Field::ClockHalfHour),
        'm' => number(Field::Minute),
        's' => number(Field::Second),
        'S' if count <= 9 => Some(Item::Fraction(count)),
        'n' => Some(Item::Number { field: Field::Nano, least: count, most: LONGEST.max(count), reserve: 0 }),
        'z' if count <= 4 => Some(Item::Zone),
        'V' if count == 2 => Some(Item::Zone),
        'Z' | 'O' if letter == 'O' && matches!(count, 1 | 4) || letter == 'Z' && count == 4 => {
            Some(Item::Offset(OffsetStyle::Greenwich))
        }
        'X' | 'x' if count == 1 => Some(Item::Offset(OffsetStyle::Hours)),
        'Z' if count <= 3 => Some(Item::Offset(OffsetStyle::Compact)),
        'X' | 'x' if matches!(count, 2 | 4) => Some(Item::Offset(OffsetStyle::Compact)),
        'X' | 'x' | 'Z' if matches!(count, 3 | 5) => Some(Item::Offset(OffsetStyle::Colon)),
        _ => None,
    }
}

/// Tells numbers without a fixed width how many digits the fixed ones right behind them need.
fn reserve(items: &mut [Item]) {
    let mut needed = 0;
    for item in items.iter_mut().rev() {
        match item {
            Item::Number { least, most, .. } if least == most => needed += *most,
            Item::ShortYear => needed += 2,
            Item::Fraction(width) => needed += *width,
            Item::Number { reserve, .. } => {
                *reserve = needed;
                needed = 0;
            }
            Item::Optional(inner) => {
                reserve(inner);
                needed = 0;
            }
            _ => needed = 0,
        }
    }
}

fn unknown(pattern: &str, letter: char, count: usize) -> DateTimeError {
    let letters: String = std::iter::repeat_n(letter, count).collect();
    let help = "use y, M, d, D, E, a, H, h, k, K, m, s, S, n, X, x, Z, O, z and VV, and put texts in quotes: `'T'`";
    wrong(pattern, &format!("has `{letters}`, which standin cannot read"), help)
}

fn wrong(pattern: &str, message: &str, help: &str) -> DateTimeError {
    DateTimeError { message: format!("the date format `{pattern}` {message}"), help: help.to_owned() }
}

/// Digits of a number without a fixed width. More do not fit what they are counted in.
const LONGEST: usize = 18;

/// Optional parts that may stand in one another: whoever walks them recurses.
const MOST_OPTIONAL: usize = 8;
