//! Dates in the notations of Java and WireMock: patterns, offsets from now, truncations, time
//! zones.
//!
//! - [`DateParser`] reads dates: ISO 8601, the spellings of HTTP, seconds or milliseconds since
//!   1970, and patterns of Java's `DateTimeFormatter` such as `dd/MM/yyyy HH:mm`.
//! - [`print_date`] writes them by patterns of Java's `SimpleDateFormat`, whose letters differ in
//!   places.
//! - [`DateOffset`] is a distance such as `now +3 days`, [`Truncation`] a phrase such as `first day
//!   of month`.
//!
//! WireMock reads dates with one class, `DateTimeParser`, in matchers and in the template helper
//! `parseDate`. Java resolves them in its "smart" mode: the 31st of February is moved to the end of
//! the month, and a weekday that contradicts the date is an error.
//!
//! ```
//! use standin_dialect::dates::{DateParser, print_date, zone_by_id};
//!
//! let parser = DateParser::for_format("dd/MM/yyyy HH:mm")?;
//! let date = parser.parse("05/05/2018 10:11").expect("a date");
//! let instant = date.instant().expect("in range");
//! assert_eq!(instant.to_string(), "2018-05-05T10:11:00Z");
//!
//! let tokyo = zone_by_id("Asia/Tokyo");
//! let text = print_date(instant, Some("EEE, d MMM yyyy HH:mm z"), tokyo.as_ref())?;
//! assert_eq!(text, "Sat, 5 May 2018 19:11 JST");
//! # Ok::<(), standin_dialect::SyntaxError>(())
//! ```

mod fields;
mod format;
mod iso;
mod names;
mod offset;
mod parsed;
mod parser;
mod pattern;
mod print;
mod truncation;
mod zone;

pub use format::DateFormat;
pub use offset::{DateOffset, DateUnit};
pub use parsed::ParsedDate;
pub use parser::DateParser;
pub use print::print_date;
pub use truncation::Truncation;
pub use zone::zone_by_id;

#[cfg(test)]
mod tests;
