use standin_dialect::dates::DateOffset;

use super::*;

fn rule(relation: DateRelation, operand: &str) -> DateTimeRule {
    DateTimeRule {
        relation,
        operand: operand.into(),
        expected: ExpectedDate::literal(operand),
        parser: DateParser::Usual,
        truncate_actual: None,
    }
}

fn relative(operand: &str, truncation: Option<&str>, truncation_last: bool) -> DateTimeRule {
    let expected = ExpectedDate::Now {
        offset: DateOffset::parse(operand).expect("an offset"),
        truncation: truncation.map(|name| Truncation::parse(name).expect("a truncation")),
        truncation_last,
    };
    DateTimeRule { expected, ..rule(DateRelation::Equal, operand) }
}

#[test]
fn the_usual_spellings() {
    let rule = rule(DateRelation::Equal, "2021-06-01T15:16:17Z");
    for same in [
        "2021-06-01T15:16:17Z",
        "2021-06-01T15:16:17.000z",
        "2021-06-01T17:16:17+02:00",
        "2021-06-01T17:16:17+02",
        "2021-06-01T17:16:17+02:00[Europe/Paris]",
        "Tue, 01 Jun 2021 15:16:17 GMT",
        "Tue, 1 Jun 2021 15:16:17 GMT",
        "tue, 1 jun 2021 15:16:17 GMT",
        "1 Jun 2021 15:16:17 GMT",
        "Tue, 1 Jun 2021 17:16:17 +0200",
        "Tuesday, 01-Jun-21 15:16:17 UTC",
        "Tue Jun 01 15:16:17 2021",
        "Tue Jun  1 15:16:17 2021",
    ] {
        assert!(rule.matches(same), "{same}");
    }
    for other in [
        "",
        "junk",
        "2021-06-01T17:16:17+0200",
        "2021-06-01T15:16:18Z",
        "2021-06-01T15:16:17Zjunk",
        "2021-6-1T15:16:17Z",
        "Wed, 01 Jun 2021 15:16:17 GMT",
        "2021-06-31T15:16:17Z",
        "2021-06-01T25:16:17Z",
        "2021-06-01T15:16:17+99:00",
        "2021-06-01T15:16:17+02:00[Nowhere/Land]",
        &"2".repeat(1000),
    ] {
        assert!(!rule.matches(other), "{other}");
    }
}

#[test]
fn dates_months_and_years_begin_at_midnight() {
    for (operand, text) in [
        ("2021-05-01T00:00:00", "2021-05-01"),
        ("2021-05-01", "2021-05"),
        ("2021-01-01T00:00", "2021"),
        ("2021-05-01T00:00:00.5", "2021-05-01T00:00:00.500"),
    ] {
        assert!(rule(DateRelation::Equal, operand).matches(text), "{operand} {text}");
    }
}

#[test]
fn a_pattern_without_month_or_day_means_the_first() {
    for (format, text, expected) in
        [("MM/yyyy", "06/2021", "2021-06-01"), ("yyyy", "2021", "2021-01-01"), ("yyyy", "2021", "2021")]
    {
        let parser = DateParser::for_format(format).expect("a format");
        assert!(DateTimeRule { parser, ..rule(DateRelation::Equal, expected) }.matches(text), "{format} {text}");
    }
}

#[test]
fn a_local_time_meets_an_instant_in_the_zone_of_this_machine() {
    let local = jiff::civil::date(2021, 6, 14).at(10, 13, 14, 0);
    let here = local.to_zoned(TimeZone::system()).expect("a time");
    let operand = here.timestamp().to_zoned(TimeZone::fixed(jiff::tz::offset(2))).strftime("%FT%T%:z").to_string();
    let (equal, before) = (rule(DateRelation::Equal, &operand), rule(DateRelation::Before, &operand));
    assert!(equal.matches("2021-06-14T10:13:14") && !before.matches("2021-06-14T10:13:14"), "{operand}");
    assert!(before.matches("2021-06-14T10:13:13") && !equal.matches("2021-06-14T10:13:13"), "{operand}");
}

#[test]
fn a_truncation_counts_against_a_local_time_too() {
    let truncate_actual = Some(Truncation::parse("first hour of day").expect("a truncation"));
    let rule = DateTimeRule { truncate_actual, ..rule(DateRelation::Equal, "2021-06-14T00:00:00") };
    assert!(rule.matches("2021-06-14T12:13:14+02:00") && !rule.matches("2021-06-14T12:13:14"));
}

#[test]
fn sides() {
    for (operand, text, is_before, is_after) in [
        ("2021-05-01T00:00:00Z", "2021-04-30T23:59:59Z", true, false),
        ("2021-05-01T00:00:00Z", "2021-05-01T00:00:00Z", false, false),
        ("2021-05-01T00:00:00Z", "2021-05-01T00:00:00.001Z", false, true),
        ("2021-05-01T00:00:00", "2021-04-30", true, false),
        // an instant meets a wall time by its own wall
        ("2021-05-01T12:00:00", "2021-05-01T13:00:00+09:00", false, true),
        ("2021-05-01T12:00:00", "2021-05-01T11:00:00-09:00", true, false),
        ("junk", "2021-05-01", false, false),
    ] {
        assert_eq!(rule(DateRelation::Before, operand).matches(text), is_before, "{text} before {operand}");
        assert_eq!(rule(DateRelation::After, operand).matches(text), is_after, "{text} after {operand}");
    }
    assert!(ExpectedDate::literal("junk").is_unreadable());
}

#[test]
fn formats() {
    for (format, text, expected) in [
        ("dd/MM/yyyy", "30/04/2021", Some("2021-04-30T00:00:00")),
        ("dd/MM/yyyy", "2021-04-30", None),
        ("d/M/yy", "3/4/21", Some("2021-04-03T00:00:00")),
        ("yyyyMMdd", "20210430", Some("2021-04-30T00:00:00")),
        ("yyyyMMddHHmmssSSS", "20210430102030123", Some("2021-04-30T10:20:30.123")),
        ("yyyy-MM-dd HH:mm:ss", "2021-04-30 10:20:30", Some("2021-04-30T10:20:30")),
        ("yyyy-MM-dd'T'HH:mm:ssXXX", "2021-04-30T10:20:30+02:00", Some("2021-04-30T08:20:30Z")),
        ("yyyy-MM-dd'T'HH:mm:ssX", "2021-04-30T10:20:30+02", Some("2021-04-30T08:20:30Z")),
        ("yyyy-MM-dd'T'HH:mm:ssZ", "2021-04-30T10:20:30-0130", Some("2021-04-30T11:50:30Z")),
        ("yyyy-MM-dd HH:mm z", "2021-04-30 10:20 PST", Some("2021-04-30T17:20:00Z")),
        ("yyyy-MM-dd HH:mm VV", "2021-04-30 10:20 Europe/Paris", Some("2021-04-30T08:20:00Z")),
        ("yyyy-MM-dd HH:mm O", "2021-04-30 10:20 GMT+2", Some("2021-04-30T08:20:00Z")),
        ("EEE, d MMMM yyyy h:mm a", "Fri, 30 April 2021 1:05 PM", Some("2021-04-30T13:05:00")),
        ("EEE, d MMMM yyyy h:mm a", "Sat, 30 April 2021 1:05 PM", None),
        ("yyyy-DDD", "2021-120", Some("2021-04-30T00:00:00")),
        ("yyyy-MM-dd[ HH:mm]", "2021-04-30", Some("2021-04-30T00:00:00")),
        ("yyyy-MM-dd[ HH:mm]", "2021-04-30 01:02", Some("2021-04-30T01:02:00")),
        ("yyyy 'o''clock' MM''dd", "2021 o'clock 04'30", Some("2021-04-30T00:00:00")),
        ("yyyy-MM-dd", "2021-02-31", Some("2021-02-28T00:00:00")),
        ("yyyy-MM-dd", "2021-13-01", None),
        ("epoch", "1619778030123", Some("2021-04-30T10:20:30.123Z")),
        ("unix", "1619778030", Some("2021-04-30T10:20:30Z")),
        ("Unix", "9223372036854775807", None),
        ("epoch", "soon", None),
    ] {
        let parser = DateParser::for_format(format).expect("a format");
        let rule = DateTimeRule { parser, ..rule(DateRelation::Equal, expected.unwrap_or("2021-04-30")) };
        assert_eq!(rule.matches(text), expected.is_some(), "{format}: {text}");
    }
    for wrong in ["qq", "yyyy-MM-dd'T", "ddd", "]", "{", "b"] {
        let error = DateParser::for_format(wrong).expect_err(wrong);
        assert!(!error.help.is_empty(), "{error:?}");
    }
}

#[test]
fn truncations() {
    for (name, text, expected) in [
        ("first second of minute", "2021-02-03T23:04:05.6Z", "2021-02-03T23:04:00Z"),
        ("first minute of hour", "2021-02-03T23:04:05Z", "2021-02-03T23:00:00Z"),
        ("first hour of day", "2021-02-03T23:04:05Z", "2021-02-03T00:00:00Z"),
        ("first day of month", "2021-02-03T23:04:05Z", "2021-02-01T00:00:00Z"),
        ("first day of next month", "2021-12-03T23:04:05Z", "2022-01-01T00:00:00Z"),
        ("LAST_DAY_OF_MONTH", "2024-02-03T23:04:05Z", "2024-02-29T00:00:00Z"),
        ("first day of year", "2021-02-03T23:04:05Z", "2021-01-01T00:00:00Z"),
        ("First Day Of Next Year", "2021-02-03T23:04:05Z", "2022-01-01T00:00:00Z"),
        ("last day of year", "2021-02-03T23:04:05+05:00", "2021-12-31T00:00:00+05:00"),
    ] {
        let truncation = Truncation::parse(name).expect(name);
        let rule = DateTimeRule { truncate_actual: Some(truncation), ..rule(DateRelation::Equal, expected) };
        assert!(rule.matches(text), "{name} of {text}");
    }
    assert!(Truncation::parse("whenever").is_err());
}

#[test]
fn relative_to_now() {
    let now = || "2021-01-31T10:20:30+00:00[UTC]".parse::<Zoned>().expect("a date");
    for (rule, expected) in [
        (relative("now", None, false), "2021-01-31T10:20:30Z"),
        (relative("NOW +3 days", None, false), "2021-02-03T10:20:30Z"),
        (relative("now -2 hours", None, false), "2021-01-31T08:20:30Z"),
        (relative("3 seconds", None, false), "2021-01-31T10:20:33Z"),
        (relative("-1 years", None, false), "2020-01-31T10:20:30Z"),
        (relative("1 months", Some("last day of month"), false), "2021-02-28T00:00:00Z"),
        (relative("1 months", Some("first day of month"), false), "2021-02-01T00:00:00Z"),
        (relative("1 days", Some("first day of month"), false), "2021-01-02T00:00:00Z"),
        (relative("1 days", Some("first day of month"), true), "2021-02-01T00:00:00Z"),
    ] {
        assert!(rule.matches_at(expected, &now), "{rule:?}");
    }
    for operand in ["now +3 weeks", "now +99999999999 days", "yesterday"] {
        assert!(DateOffset::parse(operand).is_err(), "{operand}");
    }
    // what lies beyond the calendar is at its end
    let far = DateTimeRule { relation: DateRelation::Before, ..relative("now +2000000000 years", None, false) };
    assert!(far.matches_at("9998-01-01T00:00:00Z", &now));
    let far = DateTimeRule { relation: DateRelation::After, ..relative("now -2000000000 seconds", None, false) };
    assert!(far.matches_at("2021-01-01", &now));
    for (operand, is_relative) in
        [("now", true), ("now +3 days", true), ("3 days", true), ("now+3 days", false), ("2021-01-01", false)]
    {
        assert_eq!(ExpectedDate::is_relative(operand), is_relative, "{operand}");
    }
}

#[test]
fn a_miss_by_years_is_farther_than_one_by_days() {
    let rule = rule(DateRelation::After, "2021-05-01");
    let (days, years) = (rule.distance("2021-04-30"), rule.distance("2011-05-01"));
    assert!(0.0 < days && days < 0.001 && (0.099..0.101).contains(&years), "{days} {years}");
    assert_eq!((rule.distance("junk"), rule.distance("1021-05-01")), (1.0, 1.0));
}

proptest::proptest! {
    #[test]
    fn reading_never_panics(format in "[yMdHhmsSEaXZzVDkK'\\[\\] /:.-]{0,12}", text in "\\PC{0,30}") {
        rule(DateRelation::Before, &text).matches("2021-05-01");
        if let Ok(parser) = DateParser::for_format(&format) {
            let rule = DateTimeRule { parser, ..rule(DateRelation::Before, "2021-05-01") };
            rule.matches(&text);
        }
    }

    #[test]
    fn what_jiff_writes_is_read(seconds in -60_000_000_000_i64..250_000_000_000) {
        let instant = jiff::Timestamp::from_second(seconds).expect("in range");
        let written = instant.to_string();
        if !written.starts_with('-') {
            assert!(rule(DateRelation::Equal, &written).matches(&written), "{written}");
        }
    }
}
