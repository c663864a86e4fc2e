//! Arithmetic, and what is even.

use super::complaint;
use super::decimal::Decimal;
use crate::render::template::budget::Stop;
use crate::render::template::eval::Evaluator;
use crate::render::template::given::Given;
use crate::render::template::value::Value;
use standin_dialect::json_path::double_text;

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
    let (left, right) = (Operand::of(evaluator, &given.context)?, Operand::of(evaluator, right)?);
    if !matches!(&*operator, "+" | "-" | "*" | "x" | "/" | "%") {
        return Ok(complaint(format!("{operator} is not a valid mathematical operator")));
    }
    if matches!(&*operator, "/" | "%") && right.double == 0.0 {
        return Err(Stop::failed("a number cannot be divided by zero"));
    }
    let result = left.exact.zip(right.exact).and_then(|(left, right)| match &*operator {
        "+" => left.plus(right),
        "-" => left.plus(right.negated()?),
        "/" => left.divided_by(right),
        "%" => left.remainder(right),
        _ => left.times(right),
    });
    let Some(result) = result else {
        // beyond 38 digits, as good as a double can say it
        let (left, right) = (left.double, right.double);
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

/// A number to calculate with.
struct Operand {
    /// None beyond 38 digits.
    exact: Option<Decimal>,
    double: f64,
}

impl Operand {
    fn of(evaluator: &mut Evaluator<'_>, value: &Value) -> Result<Self, Stop> {
        let text = match value {
            Value::Int(number) => return Ok(Self::from(Decimal::from(*number))),
            Value::Double(number) => double_text(*number).into(),
            value => evaluator.text_of(value)?,
        };
        Ok(match (Decimal::parse(&text), text.trim().parse::<f64>()) {
            (Some(exact), _) => Self::from(exact),
            (None, Ok(double)) if double.is_finite() => Self { exact: None, double },
            _ => Self::from(Decimal::default()),
        })
    }
}

impl From<Decimal> for Operand {
    fn from(exact: Decimal) -> Self {
        Self { exact: Some(exact), double: exact.as_f64() }
    }
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
