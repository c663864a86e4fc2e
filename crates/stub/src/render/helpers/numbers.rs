//! Helpers for arithmetic and parity.

use super::decimal::ScaledDecimal;
use super::error_text;
use crate::render::template::budget::RenderError;
use crate::render::template::eval::Evaluator;
use crate::render::template::helper_args::HelperArgs;
use crate::render::template::value::TemplateValue;
use standin_dialect::java_text::double_text;

pub(super) fn is_even<'t>(_: &mut Evaluator<'t>, args: &HelperArgs<'t, '_>) -> Result<TemplateValue, RenderError> {
    Ok(told_of_even(args, "even", None))
}

pub(super) fn is_odd<'t>(_: &mut Evaluator<'t>, args: &HelperArgs<'t, '_>) -> Result<TemplateValue, RenderError> {
    let even = evenness(&args.context);
    Ok(if even == Some(false) { said(args, 0, "odd") } else { TemplateValue::Null })
}

pub(super) fn stripes<'t>(_: &mut Evaluator<'t>, args: &HelperArgs<'t, '_>) -> Result<TemplateValue, RenderError> {
    Ok(told_of_even(args, "even", Some("odd")))
}

/// `{{math left operator right}}` as with Java's BigDecimal: a quotient has the scale of the
/// dividend. A value that is not a number counts as 0.
pub(super) fn math<'t>(evaluator: &mut Evaluator<'t>, args: &HelperArgs<'t, '_>) -> Result<TemplateValue, RenderError> {
    let [operator, right] = args.params.as_slice() else {
        let message = "All maths functions require two operands and an operator as parameters e.g. 3 '+' 2";
        return Ok(error_text(message));
    };
    if args.context.is_null() || right.is_null() {
        return Err(RenderError::failed("an operand of `math` is missing"));
    }
    let operator = evaluator.text_of(operator)?;
    let (left, right) = (MathOperand::of(evaluator, &args.context)?, MathOperand::of(evaluator, right)?);
    if !matches!(&*operator, "+" | "-" | "*" | "x" | "/" | "%") {
        return Ok(error_text(format!("{operator} is not a valid mathematical operator")));
    }
    if matches!(&*operator, "/" | "%") && right.double == 0.0 {
        return Err(RenderError::failed("a number cannot be divided by zero"));
    }
    let result = left.exact.zip(right.exact).and_then(|(left, right)| match &*operator {
        "+" => left.plus(right),
        "-" => left.plus(right.negated()?),
        "/" => left.divided_by(right),
        "%" => left.remainder(right),
        _ => left.times(right),
    });
    let Some(result) = result else {
        // beyond 38 digits, with the precision of a double
        let (left, right) = (left.double, right.double);
        return Ok(TemplateValue::Double(match &*operator {
            "+" => left + right,
            "-" => left - right,
            "/" => left / right,
            "%" => left % right,
            _ => left * right,
        }));
    };
    Ok(result.as_whole().map_or_else(|| TemplateValue::Double(result.as_f64()), TemplateValue::Int))
}

/// An operand of `math`.
struct MathOperand {
    /// The exact number; `None` beyond 38 digits.
    exact: Option<ScaledDecimal>,
    double: f64,
}

impl MathOperand {
    fn of(evaluator: &mut Evaluator<'_>, value: &TemplateValue) -> Result<Self, RenderError> {
        let text = match value {
            TemplateValue::Int(number) => return Ok(Self::from(ScaledDecimal::from(*number))),
            TemplateValue::Double(number) => double_text(*number).into(),
            value => evaluator.text_of(value)?,
        };
        Ok(match (ScaledDecimal::parse(&text), text.trim().parse::<f64>()) {
            (Some(exact), _) => Self::from(exact),
            (None, Ok(double)) if double.is_finite() => Self { exact: None, double },
            _ => Self::from(ScaledDecimal::default()),
        })
    }
}

impl From<ScaledDecimal> for MathOperand {
    fn from(exact: ScaledDecimal) -> Self {
        Self { exact: Some(exact), double: exact.as_f64() }
    }
}

fn evenness(value: &TemplateValue) -> Option<bool> {
    match value {
        TemplateValue::Int(number) => Some(number % 2 == 0),
        TemplateValue::Double(number) => Some((*number as i64) % 2 == 0),
        TemplateValue::Number(text) => {
            // a number with an exponent ends with a zero
            let whole = text.split('.').next().unwrap_or_default();
            Some(text.contains('E') || whole.ends_with(['0', '2', '4', '6', '8']))
        }
        _ => None,
    }
}

fn told_of_even(args: &HelperArgs<'_, '_>, even: &str, odd: Option<&str>) -> TemplateValue {
    match (evenness(&args.context), odd) {
        (Some(true), _) => said(args, 0, even),
        (Some(false), Some(odd)) => said(args, 1, odd),
        _ => TemplateValue::Null,
    }
}

fn said(args: &HelperArgs<'_, '_>, place: usize, default: &str) -> TemplateValue {
    match args.param(place) {
        TemplateValue::Null => TemplateValue::text(default),
        value => value.clone(),
    }
}
