//! Lists, numbers, durations and lines of text as messages and reports write them.
//!
//! Every crate that writes for people uses these functions, so that one number looks the same in an
//! error message, in a report on the terminal and on an HTML page.

mod list;
mod number;
mod wrap;

pub use list::{counted, list, list_quoted};
pub use number::{
    group_digits, grouped, milliseconds, percent, percent_up_to_decimals, percent_with_decimals, short_duration,
    signed_percent,
};
pub use wrap::{LongWords, truncate, unbroken_units, wrap};
