//! Values written in a path: texts in either quotes, numbers, lists, objects and regexes.

use serde_json::{Map, Number, Value};

use super::cursor::PathCursor;
use crate::SyntaxError;
use crate::java_regex::JavaRegex;

/// Reads a value. Within lists and objects a bare word is a text, as in Jayway.
pub(super) fn value(cursor: &mut PathCursor<'_>) -> Result<Value, SyntaxError> {
    cursor.skip_blanks();
    match cursor.peek() {
        Some('\'' | '"') => quoted(cursor).map(Value::String),
        Some('[') => cursor.nested(list),
        Some('{') => cursor.nested(object),
        Some('-' | '.' | '0'..='9') => number(cursor),
        _ => word(cursor),
    }
}

/// Reads a text in single or double quotes.
pub(super) fn quoted(cursor: &mut PathCursor<'_>) -> Result<String, SyntaxError> {
    let unclosed = cursor.error("a quote that is not closed", "write the same quote after the text");
    let quote = cursor.bump();
    let mut text = String::new();
    loop {
        match cursor.bump() {
            None => return Err(unclosed),
            next if next == quote => return Ok(text),
            Some('\\') => text.push(escaped(cursor)?),
            Some(next) => text.push(next),
        }
    }
}

/// Reads `/pattern/flags`. Letters that are no flags of Java's are passed over, as in Jayway.
pub(super) fn regex(cursor: &mut PathCursor<'_>) -> Result<JavaRegex, SyntaxError> {
    let unclosed = cursor.error("a regex that is not closed", "write a `/` after the pattern, and `\\/` for one in it");
    cursor.bump();
    let mut escaped = false;
    let pattern = cursor.take_while(|next| {
        let inner = *next != '/' || escaped;
        escaped = *next == '\\' && !escaped;
        inner
    });
    if !cursor.take("/") {
        return Err(unclosed);
    }
    let flags = cursor.take_while(char::is_ascii_alphabetic);
    let flags: String = flags.chars().filter(|flag| JAVA_FLAGS.contains(*flag)).collect();
    let pattern = if flags.is_empty() { pattern.to_owned() } else { format!("(?{flags}){pattern}") };
    JavaRegex::new(&pattern).map_err(|error| SyntaxError {
        at: unclosed.at,
        message: format!("{} at index {} of the pattern `{pattern}`", error.message, error.at),
        ..error
    })
}

fn escaped(cursor: &mut PathCursor<'_>) -> Result<char, SyntaxError> {
    let wrong = cursor.error("an escape that is not one", "write `\\\\` for a backslash, or `\\u` and four hex digits");
    match cursor.bump() {
        None => Err(wrong),
        Some('b') => Ok('\u{8}'),
        Some('f') => Ok('\u{c}'),
        Some('n') => Ok('\n'),
        Some('r') => Ok('\r'),
        Some('t') => Ok('\t'),
        Some('u') => {
            let Some(unit) = hex_unit(cursor) else { return Err(wrong) };
            // a character beyond 16 bits is written as two units
            let units = if (0xd800..0xdc00).contains(&unit) && cursor.take("\\u") {
                [Some(unit), hex_unit(cursor)]
            } else {
                [Some(unit), None]
            };
            let mut decoded = char::decode_utf16(units.into_iter().flatten());
            decoded.next().and_then(Result::ok).ok_or(wrong)
        }
        Some(other) => Ok(other),
    }
}

fn hex_unit(cursor: &mut PathCursor<'_>) -> Option<u16> {
    let digits = cursor.rest().get(..4)?;
    let unit =
        digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| u16::from_str_radix(digits, 16).ok())??;
    cursor.take(digits);
    Some(unit)
}

fn list(cursor: &mut PathCursor<'_>) -> Result<Value, SyntaxError> {
    cursor.bump();
    let mut items = Vec::new();
    loop {
        cursor.skip_blanks();
        if cursor.take("]") {
            return Ok(Value::Array(items));
        }
        items.push(value(cursor)?);
        cursor.skip_blanks();
        if !cursor.take(",") && cursor.peek() != Some(']') {
            return Err(cursor.error("a list that is not closed", "write `,` before another item or a `]`"));
        }
    }
}

fn object(cursor: &mut PathCursor<'_>) -> Result<Value, SyntaxError> {
    cursor.bump();
    let mut members = Map::new();
    loop {
        cursor.skip_blanks();
        if cursor.take("}") {
            return Ok(Value::Object(members));
        }
        let key = match cursor.peek() {
            Some('\'' | '"') => quoted(cursor)?,
            _ => cursor.take_while(|next| is_in_word(*next)).to_owned(),
        };
        cursor.expect(":", "no `:` after a key", "write members as `\"key\": value`")?;
        members.insert(key, value(cursor)?);
        cursor.skip_blanks();
        if !cursor.take(",") && cursor.peek() != Some('}') {
            return Err(cursor.error("an object that is not closed", "write `,` before another member or a `}`"));
        }
    }
}

/// Reads a number as Java's `BigDecimal` does, `.5` included, and spells it as JSON.
fn number(cursor: &mut PathCursor<'_>) -> Result<Value, SyntaxError> {
    let wrong = cursor.error("no number", "write numbers as `5`, `-1.5` or `1e3`, and texts in quotes");
    let mut before = ' ';
    let spelling = cursor.take_while(|next| {
        let inner = next.is_ascii_digit()
            || matches!(next, '-' | '.' | 'e' | 'E')
            || (*next == '+' && matches!(before, 'e' | 'E'));
        before = *next;
        inner
    });
    let (sign, size) = spelling.strip_prefix('-').map_or(("", spelling), |size| ("-", size));
    let size = size.trim_start_matches('0');
    let lead = if size.starts_with(|first: char| first.is_ascii_digit()) { "" } else { "0" };
    let number: Result<Number, _> = format!("{sign}{lead}{}", size.strip_suffix('.').unwrap_or(size)).parse();
    number.map(Value::Number).map_err(|_| wrong)
}

fn word(cursor: &mut PathCursor<'_>) -> Result<Value, SyntaxError> {
    let missing =
        cursor.error("no value where one is needed", "write a text in quotes, a number, `true`, `@.name` or `$.name`");
    match cursor.take_while(|next| is_in_word(*next)) {
        "" => Err(missing),
        "false" => Ok(Value::Bool(false)),
        "null" => Ok(Value::Null),
        "true" => Ok(Value::Bool(true)),
        word => Ok(Value::String(word.to_owned())),
    }
}

fn is_in_word(next: char) -> bool {
    next.is_alphanumeric() || matches!(next, '_' | '-' | '$')
}

/// The flags that Java has for a pattern.
const JAVA_FLAGS: &str = "dimsuxU";
