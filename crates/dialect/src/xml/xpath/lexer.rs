//! The words of an expression. What `*`, `and`, `or`, `div` and `mod` are depends on the word
//! before.

use crate::SyntaxError;

/// A token of an expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum XPathToken {
    /// A name, perhaps with a prefix; `*` and `p:*` too.
    Name(String),
    Literal(String),
    Number(f64),
    /// An operator or a piece of punctuation.
    Sign(&'static str),
    /// Behind the last word.
    End,
}

/// Returns the tokens with their places; the last is [`XPathToken::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<(XPathToken, usize)>, SyntaxError> {
    let mut tokens: Vec<(XPathToken, usize)> = Vec::new();
    let mut at = 0;
    while let Some(next) = text[at..].chars().next() {
        let rest = &text[at..];
        if matches!(next, ' ' | '\t' | '\r' | '\n') {
            at += 1;
            continue;
        }
        let is_operator = tokens.last().is_some_and(|(token, _)| ends_operand(token));
        let (token, length) = match next {
            '"' | '\'' => {
                let literal = rest[1..].split_once(next).map(|(literal, _)| literal);
                let literal =
                    literal.ok_or_else(|| error(at, "a text that is not closed", format!("close it with `{next}`")))?;
                (XPathToken::Literal(literal.to_owned()), literal.len() + 2)
            }
            '0'..='9' => number(rest),
            '.' if rest[1..].starts_with(|c: char| c.is_ascii_digit()) => number(rest),
            '*' if is_operator => (XPathToken::Sign("*"), 1),
            '*' => (XPathToken::Name("*".to_owned()), 1),
            c if begins_name(c) => name(rest, is_operator),
            _ => {
                let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
                let sign = sign.ok_or_else(|| error(at, format!("`{next}` means nothing here"), "remove it"))?;
                (XPathToken::Sign(sign), sign.len())
            }
        };
        tokens.push((token, at));
        at += length;
        if tokens.len() > MOST_TOKENS {
            return Err(SyntaxError::limit(at, format!("more than {MOST_TOKENS} words"), "shorten the expression"));
        }
    }
    tokens.push((XPathToken::End, text.len()));
    Ok(tokens)
}

/// Returns true if an operator may follow the token.
fn ends_operand(token: &XPathToken) -> bool {
    match token {
        XPathToken::Name(_) | XPathToken::Literal(_) | XPathToken::Number(_) => true,
        XPathToken::Sign(sign) => matches!(*sign, ")" | "]" | "." | ".."),
        XPathToken::End => false,
    }
}

fn number(rest: &str) -> (XPathToken, usize) {
    let whole = rest.bytes().take_while(u8::is_ascii_digit).count();
    let fraction = match rest[whole..].strip_prefix('.') {
        Some(fraction) => 1 + fraction.bytes().take_while(u8::is_ascii_digit).count(),
        None => 0,
    };
    let length = whole + fraction;
    (XPathToken::Number(rest[..length].parse().unwrap_or(f64::NAN)), length)
}

fn name(rest: &str, is_operator: bool) -> (XPathToken, usize) {
    let first = part(rest);
    let word = &rest[..first];
    if is_operator && let Some(operator) = ["and", "or", "div", "mod"].into_iter().find(|operator| *operator == word) {
        return (XPathToken::Sign(operator), first);
    }
    // a prefix, unless the colon is the first of the two behind an axis
    let length = match rest[first..].strip_prefix(':') {
        Some(local) if local.starts_with('*') => first + 2,
        Some(local) if local.starts_with(begins_name) => first + 1 + part(local),
        _ => first,
    };
    (XPathToken::Name(rest[..length].to_owned()), length)
}

/// Returns the length of a name without a prefix.
fn part(text: &str) -> usize {
    let goes_on =
        |c: char| begins_name(c) || c.is_alphanumeric() || matches!(c, '-' | '.' | '\u{b7}' | '\u{300}'..='\u{36f}');
    text.find(|c| !goes_on(c)).unwrap_or(text.len())
}

fn begins_name(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

pub(super) fn error(at: usize, message: impl Into<String>, help: impl Into<String>) -> SyntaxError {
    SyntaxError::new(at, message, help)
}

/// Longer ones before those that they begin with.
const SIGNS: [&str; 20] =
    ["::", "//", "..", "!=", "<=", ">=", "(", ")", "[", "]", ".", "@", ",", "/", "|", "+", "-", "=", "<", ">"];

/// Words of an expression.
const MOST_TOKENS: usize = 4096;
