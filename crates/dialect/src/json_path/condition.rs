//! Reading what stands in `[?(…)]`: comparisons and questions of existence, joined by `&&`, `||`,
//! `!` and brackets.

use serde_json::Value;

use super::cursor::PathCursor;
use super::filter::{FilterCondition, FilterOperand, FilterOperator};
use super::literal;
use super::parse::PathContext;
use crate::SyntaxError;

/// Reads conditions up to what joins no more of them.
pub(super) fn condition(cursor: &mut PathCursor<'_>) -> Result<FilterCondition, SyntaxError> {
    joined(cursor, "||", FilterCondition::Any, |cursor| joined(cursor, "&&", FilterCondition::All, single))
}

fn joined(
    cursor: &mut PathCursor<'_>,
    sign: &str,
    join: fn(Vec<FilterCondition>) -> FilterCondition,
    read: fn(&mut PathCursor<'_>) -> Result<FilterCondition, SyntaxError>,
) -> Result<FilterCondition, SyntaxError> {
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

fn single(cursor: &mut PathCursor<'_>) -> Result<FilterCondition, SyntaxError> {
    cursor.skip_blanks();
    if cursor.take("!") {
        cursor.skip_blanks();
        if matches!(cursor.peek(), Some('$' | '@')) {
            return comparison(cursor, false);
        }
        return cursor.nested(single).map(|condition| FilterCondition::Not(Box::new(condition)));
    }
    if cursor.take("(") {
        let inner = cursor.nested(condition)?;
        cursor.expect(")", "a `(` that is not closed", "write a `)`")?;
        return Ok(inner);
    }
    comparison(cursor, true)
}

/// Reads a comparison, or the question whether a path exists. Before a comparison, `!` means
/// nothing to Jayway.
fn comparison(cursor: &mut PathCursor<'_>, wanted: bool) -> Result<FilterCondition, SyntaxError> {
    let left = operand(cursor)?;
    cursor.skip_blanks();
    if let Some(operator) = operator(cursor)? {
        let right = operand(cursor)?;
        return Ok(FilterCondition::Compare { left, operator, right });
    }
    match left {
        FilterOperand::Path(path) => Ok(FilterCondition::Exists { path, wanted }),
        _ => Err(cursor.error("a value that is compared with nothing", "write an operator and another value after it")),
    }
}

fn operand(cursor: &mut PathCursor<'_>) -> Result<FilterOperand, SyntaxError> {
    cursor.skip_blanks();
    let bare = cursor.error("a text without quotes", "write it as `'text'`, or as `@.name` for a member");
    match cursor.peek() {
        Some('$' | '@') => cursor.inner_path(PathContext::Filter).map(FilterOperand::Path),
        Some('/') => literal::regex(cursor).map(FilterOperand::Pattern),
        Some('\'' | '"') => literal::quoted(cursor).map(|text| FilterOperand::Literal(Value::String(text))),
        _ => match literal::value(cursor)? {
            Value::String(_) => Err(bare),
            value => Ok(FilterOperand::Literal(value)),
        },
    }
}

fn operator(cursor: &mut PathCursor<'_>) -> Result<Option<FilterOperator>, SyntaxError> {
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
const OPERATORS: [(&str, FilterOperator); 18] = [
    ("==", FilterOperator::Equal),
    ("!=", FilterOperator::NotEqual),
    ("===", FilterOperator::SameTypeAndValue),
    ("!==", FilterOperator::NotSameTypeAndValue),
    ("<", FilterOperator::Less),
    ("<=", FilterOperator::LessOrEqual),
    (">", FilterOperator::Greater),
    (">=", FilterOperator::GreaterOrEqual),
    ("=~", FilterOperator::Matches),
    ("in", FilterOperator::In),
    ("nin", FilterOperator::NotIn),
    ("contains", FilterOperator::Contains),
    ("all", FilterOperator::All),
    ("anyof", FilterOperator::AnyOf),
    ("noneof", FilterOperator::NoneOf),
    ("subsetof", FilterOperator::SubsetOf),
    ("size", FilterOperator::Size),
    ("empty", FilterOperator::Empty),
];
