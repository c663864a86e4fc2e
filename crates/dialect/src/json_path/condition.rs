//! Reading what stands in `[?(…)]`: comparisons and questions of existence, joined by `&&`, `||`, `!` and brackets.

use serde_json::Value;

use super::cursor::Cursor;
use super::filter::{Condition, Operand, Operator};
use super::literal;
use super::parse::Inside;
use crate::SyntaxError;

/// Reads conditions up to what joins no more of them.
pub(super) fn condition(cursor: &mut Cursor<'_>) -> Result<Condition, SyntaxError> {
    joined(cursor, "||", Condition::Any, |cursor| joined(cursor, "&&", Condition::All, single))
}

fn joined(
    cursor: &mut Cursor<'_>,
    sign: &str,
    join: fn(Vec<Condition>) -> Condition,
    read: fn(&mut Cursor<'_>) -> Result<Condition, SyntaxError>,
) -> Result<Condition, SyntaxError> {
    let first = read(cursor)?;
    let mut conditions = vec![first];
    loop {
        cursor.skip_blanks();
        if !cursor.take(sign) {
            break;
        }
        conditions.push(read(cursor)?);
    }
    Ok(if conditions.len() == 1 { conditions.remove(0) } else { join(conditions) })
}

fn single(cursor: &mut Cursor<'_>) -> Result<Condition, SyntaxError> {
    cursor.skip_blanks();
    if cursor.take("!") {
        cursor.skip_blanks();
        if matches!(cursor.peek(), Some('$' | '@')) {
            return comparison(cursor, false);
        }
        return cursor.nested(single).map(|condition| Condition::Not(Box::new(condition)));
    }
    if cursor.take("(") {
        let inner = cursor.nested(condition)?;
        cursor.expect(")", "a `(` that is not closed", "write a `)`")?;
        return Ok(inner);
    }
    comparison(cursor, true)
}

/// A comparison, or the question whether a path exists. In front of a comparison `!` means nothing to Jayway.
fn comparison(cursor: &mut Cursor<'_>, wanted: bool) -> Result<Condition, SyntaxError> {
    let left = operand(cursor)?;
    cursor.skip_blanks();
    if let Some(operator) = operator(cursor)? {
        let right = operand(cursor)?;
        return Ok(Condition::Compare { left, operator, right });
    }
    match left {
        Operand::Path(path) => Ok(Condition::Exists { path, wanted }),
        _ => Err(cursor.error("a value that is compared with nothing", "write an operator and another value after it")),
    }
}

fn operand(cursor: &mut Cursor<'_>) -> Result<Operand, SyntaxError> {
    cursor.skip_blanks();
    let bare = cursor.error("a text without quotes", "write it as `'text'`, or as `@.name` for a member");
    match cursor.peek() {
        Some('$' | '@') => cursor.inner_path(Inside::Filter).map(Operand::Path),
        Some('/') => literal::regex(cursor).map(Operand::Pattern),
        Some('\'' | '"') => literal::quoted(cursor).map(|text| Operand::Literal(Value::String(text))),
        _ => match literal::value(cursor)? {
            Value::String(_) => Err(bare),
            value => Ok(Operand::Literal(value)),
        },
    }
}

fn operator(cursor: &mut Cursor<'_>) -> Result<Option<Operator>, SyntaxError> {
    let unknown = cursor.error("no operator that is known", format!("use one of: {}", operator_names()));
    let sign = cursor.rest().starts_with(['<', '>', '=', '~', '!']);
    let spelling = if sign {
        cursor.take_while(|next| matches!(next, '<' | '>' | '=' | '~' | '!'))
    } else {
        cursor.take_while(char::is_ascii_alphabetic)
    };
    if spelling.is_empty() {
        return Ok(None);
    }
    let known = OPERATORS.iter().find(|(name, _)| name.eq_ignore_ascii_case(spelling));
    known
        .map(|(_, operator)| Some(*operator))
        .ok_or_else(|| SyntaxError { message: format!("`{spelling}` is no operator"), ..unknown })
}

fn operator_names() -> String {
    OPERATORS.map(|(name, _)| name).join(" ")
}

/// Every operator as it is written; words in any case.
const OPERATORS: [(&str, Operator); 18] = [
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("===", Operator::SameTypeAndValue),
    ("!==", Operator::NotSameTypeAndValue),
    ("<", Operator::Less),
    ("<=", Operator::LessOrEqual),
    (">", Operator::Greater),
    (">=", Operator::GreaterOrEqual),
    ("=~", Operator::Matches),
    ("in", Operator::In),
    ("nin", Operator::NotIn),
    ("contains", Operator::Contains),
    ("all", Operator::All),
    ("anyof", Operator::AnyOf),
    ("noneof", Operator::NoneOf),
    ("subsetof", Operator::SubsetOf),
    ("size", Operator::Size),
    ("empty", Operator::Empty),
];
