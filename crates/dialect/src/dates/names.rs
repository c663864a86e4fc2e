//! English names of months, weekdays and halves of a day, as Java's locale en-US has them.

/// The months from January.
pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The weekdays from Monday.
pub(super) const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// The halves of a day.
pub(super) const DAY_HALVES: [&str; 2] = ["AM", "PM"];
