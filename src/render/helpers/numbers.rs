//! Arithmetic, and what is even.

use super::complaint;
use super::decimal::Decimal;
use crate::dialect::json_path::double_text;
use crate::render::template::budget::Stop;
use crate::render::template::eval::Evaluator;
use crate::render::template::given::Given;
use crate::render::template::value::Value;

pub(super) fn is_even<'t>(_: &mut Evaluator<'t>, given: &Given<'t, '_>) -> Result<Value, Stop> {
    Ok(told_of_even(given, "even", None))
}

pub(super) fn is_odd<'t>(_: &mut Evaluator<'t>, given: &Given<'t, '_>) -> Result<Value, Stop> {
    let even = evenness(&given.context);
    Ok(if even == Some(false) { said(given, 0, "odd") } else { Value::Null })
}

pub(super) fn stripes<'t>(_: &mut Evaluator<'t>, given: &Given<'t, '_>) -> Result<Value, Stop> {
    Ok(told_of_even(given, "even", Some("odd")))
}

/// As with Java's BigDecimal: a quotient has the decimals of what is divided, and what is no number is 0.
pub(super) fn math<'t>(evaluator: &mut Evaluator<'t>, given: &Given<'t, '_>) -> Result<Value, Stop> {
    let [operator, right] = given.params.as_slice() else {
        let what = "All maths functions require two operands and an operator as parameters e.g. 3 '+' 2";
        return Ok(complaint(what));
    };
    let operator = evaluator.text_of(operator)?;
    let (left, right) = (operand(evaluator, &given.context)?, operand(evaluator, right)?);
    let result = match &*operator {
        "+" => left.plus(right),
        "-" => left.plus(right.negated()),
        "*" | "x" => left.times(right),
        "/" | "%" if right.is_zero() => return Err(Stop::failed("a number cannot be divided by zero")),
        "/" => left.divided_by(right),
        "%" => left.remainder(right),
        other => return Ok(complaint(format!("{other} is not a valid mathematical operator"))),
    };
    let Some(result) = result else {
        // beyond 38 digits, as good as a double can say it
        let (left, right) = (left.as_f64(), right.as_f64());
        return Ok(Value::Double(match &*operator {
            "+" => left + right,
            "-" => left - right,
            "/" => left / right,
            "%" => left % right,
            _ => left * right,
        }));
    };
    Ok(result.as_whole().map_or_else(|| Value::Double(result.as_f64()), Value::Int))
}

fn operand(evaluator: &mut Evaluator<'_>, value: &Value) -> Result<Decimal, Stop> {
    Ok(match value {
        Value::Int(number) => Decimal::from(*number),
        Value::Double(number) => Decimal::parse(&double_text(*number)).unwrap_or_default(),
        value => Decimal::parse(&evaluator.text_of(value)?).unwrap_or_default(),
    })
}

fn evenness(value: &Value) -> Option<bool> {
    match value {
        Value::Int(number) => Some(number % 2 == 0),
        Value::Double(number) => Some((*number as i64) % 2 == 0),
        Value::Number(text) => Some(text.ends_with(['0', '2', '4', '6', '8'])),
        _ => None,
    }
}

fn told_of_even(given: &Given<'_, '_>, even: &str, odd: Option<&str>) -> Value {
    match (evenness(&given.context), odd) {
        (Some(true), _) => said(given, 0, even),
        (Some(false), Some(odd)) => said(given, 1, odd),
        _ => Value::Null,
    }
}

fn said(given: &Given<'_, '_>, place: usize, default: &str) -> Value {
    match given.param(place) {
        Value::Null => Value::text(default),
        value => value.clone(),
    }
}
