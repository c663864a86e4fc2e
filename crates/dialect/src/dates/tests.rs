use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn printed(text: &str, pattern: &str, zone: &str) -> String {
    print_date(at(text), Some(pattern), zone_by_id(zone).as_ref()).expect("a pattern")
}

/// Shows an instant and the zone that the text names; empty for no date.
fn shown(date: Option<ParsedDate>) -> String {
    let Some(date) = date else { return String::new() };
    let instant = date.instant().expect("in range");
    let name = |zone: &TimeZone| match (zone.iana_name(), zone.to_fixed_offset()) {
        (Some("UTC"), _) => "Z".to_owned(),
        (Some(name), _) => name.to_owned(),
        (None, Ok(offset)) => print_date(instant, Some("XXX"), Some(&TimeZone::fixed(offset))).expect("a pattern"),
        (None, Err(_)) => "?".to_owned(),
    };
    date.zone().map_or_else(|| instant.to_string(), |zone| format!("{instant} {}", name(zone)))
}

fn parsed(text: &str, format: &str) -> String {
    shown(DateParser::for_format(format).expect("a format").parse_incomplete(text))
}

#[test]
fn dates_are_printed_by_pattern() {
    let time = "2018-05-05T10:11:12.034Z";
    for (pattern, expected) in [
        ("yyyy-MM-dd HH:mm:ss", "2018-05-05 10:11:12"),
        ("EEE, d MMM yyyy HH:mm:ss", "Sat, 5 May 2018 10:11:12"),
        ("EEEE MMMM D w u y yy k K Z X XXX z", "Saturday May 125 18 6 2018 18 10 10 +0000 Z Z UTC"),
        ("yyyy/MM/dd hh:mm a", "2018/05/05 10:11 AM"),
        ("'at' HH 'o''clock' '' S SSS", "at 10 o'clock ' 34 034"),
        ("G F W Y", "AD 1 1 2018"),
        ("epoch", "1525515072034"),
        ("unix", "1525515072"),
    ] {
        assert_eq!(printed(time, pattern, "UTC"), expected, "{pattern}");
    }
    assert_eq!(printed(time, "HH:mm z Z X XX XXX", "+05:30"), "15:41 GMT+05:30 +0530 +05 +0530 +05:30");
    assert_eq!(printed(time, "yyyy-MM-dd HH z", "America/New_York"), "2018-05-05 06 EDT");
    assert_eq!(printed("2019-12-31T00:00:00Z", "w Y", "UTC"), "1 2020");
    assert_eq!(printed("2022-01-01T00:00:00Z", "w Y", "UTC"), "1 2022");
    assert_eq!(printed("2018-05-05T00:30:00Z", "k K h", "UTC"), "24 0 12");
}

#[test]
fn patterns_that_cannot_be_printed_are_errors() {
    for (pattern, place) in [("yyyy-bb", 5), ("'open", 0), ("XXXX", 0)] {
        let error = print_date(at("2018-05-05T10:11:12Z"), Some(pattern), None).expect_err(pattern);
        assert_eq!(error.at, place, "{error}");
        assert!(!error.help.is_empty(), "{error}");
    }
}

#[test]
fn without_a_pattern_a_date_is_printed_in_iso_8601() {
    let time = at("2018-05-05T10:11:12.5Z");
    assert_eq!(print_date(time, None, None).as_deref(), Ok("2018-05-05T10:11:12Z"));
    assert_eq!(print_date(time, None, zone_by_id("Asia/Tokyo").as_ref()).as_deref(), Ok("2018-05-05T19:11:12+09:00"));
}

#[test]
fn dates_are_read_in_the_usual_spellings() {
    for (text, expected) in [
        ("2018-05-05T10:11:12Z", "2018-05-05T10:11:12Z Z"),
        ("2018-05-05T10:11:12.5+02:00", "2018-05-05T08:11:12.5Z +02:00"),
        ("2018-05-05T10:11+02:00[Europe/Paris]", "2018-05-05T08:11:00Z Europe/Paris"),
        ("Sat, 5 May 2018 10:11:12 GMT", "2018-05-05T10:11:12Z Z"),
        ("Sat, 5 May 2018 10:11:12 +0200", "2018-05-05T08:11:12Z +02:00"),
        ("Saturday, 05-May-18 10:11:12 GMT", "2018-05-05T10:11:12Z Z"),
        ("Sat May 05 10:11:12 2018", "2018-05-05T10:11:12Z Z"),
        ("Sat May  5 10:11:12 2018", "2018-05-05T10:11:12Z Z"),
        ("2018-05-05T10:11:12", "2018-05-05T10:11:12Z"),
        ("2018-05-05", "2018-05-05T00:00:00Z"),
        ("2018-05", "2018-05-01T00:00:00Z"),
        ("2018", "2018-01-01T00:00:00Z"),
        ("junk", ""),
        ("2018-13-05", ""),
        // the standard spellings are strict
        ("2018-02-31", ""),
        ("Sun, 5 May 2018 10:11:12 GMT", ""),
        ("", ""),
    ] {
        assert_eq!(shown(DateParser::Usual.parse(text)), expected, "{text}");
    }
}

/// Java resolves the instant by the offset and the calendar by the zone.
#[test]
fn an_offset_counts_before_the_zone_beside_it() {
    let zone = "2018-05-05T10:11:12+05:00[Europe/Paris]";
    assert_eq!(shown(DateParser::Usual.parse(zone)), "2018-05-05T05:11:12Z Europe/Paris");
    // the hour that is there twice in autumn
    for (text, expected) in [
        ("2018-10-28T02:30:00+02:00[Europe/Paris]", "2018-10-28T00:30:00Z Europe/Paris"),
        ("2018-10-28T02:30:00+01:00[Europe/Paris]", "2018-10-28T01:30:00Z Europe/Paris"),
    ] {
        assert_eq!(shown(DateParser::Usual.parse(text)), expected);
    }
}

#[test]
fn dates_are_read_by_pattern() {
    for (text, pattern, expected) in [
        ("05/05/2018 10:11", "dd/MM/yyyy HH:mm", "2018-05-05T10:11:00Z"),
        ("20180505101112", "yyyyMMddHHmmss", "2018-05-05T10:11:12Z"),
        ("5 May 18 1:02 PM", "d MMM yy h:mm a", "2018-05-05T13:02:00Z"),
        ("12:30 AM 2018", "hh:mm a yyyy", "2018-01-01T00:30:00Z"),
        ("2018-05-05T10:11:12.034 +0200", "yyyy-MM-dd'T'HH:mm:ss.SSS Z", "2018-05-05T08:11:12.034Z +02:00"),
        ("2018-05-05 10", "yyyy-MM-dd[ HH[:mm]]", "2018-05-05T10:00:00Z"),
        ("2018-125", "yyyy-DDD", "2018-05-05T00:00:00Z"),
        ("2018-05-05 36672034", "yyyy-MM-dd A", "2018-05-05T10:11:12.034Z"),
        ("2018-05-05 7", "yyyy-MM-dd e", "2018-05-05T00:00:00Z"),
        ("2018-05-05 6", "yyyy-MM-dd e", ""),
        ("Sat 2018-05-05", "ccc yyyy-MM-dd", "2018-05-05T00:00:00Z"),
        ("1525515072", "unix", "2018-05-05T10:11:12Z"),
        ("1525515072034", "epoch", "2018-05-05T10:11:12.034Z"),
        ("05-05-2018", "dd/MM/yyyy", ""),
        ("05/05/2018 and more", "dd/MM/yyyy", ""),
        ("x", "unix", ""),
        ("30/04/2021", "dd/MM/yyyy", "2021-04-30T00:00:00Z"),
        ("2021-04-30", "dd/MM/yyyy", ""),
        ("3/4/21", "d/M/yy", "2021-04-03T00:00:00Z"),
        ("20210430102030123", "yyyyMMddHHmmssSSS", "2021-04-30T10:20:30.123Z"),
        ("2021-04-30T10:20:30+02", "yyyy-MM-dd'T'HH:mm:ssX", "2021-04-30T08:20:30Z +02:00"),
        ("2021-04-30 10:20 Europe/Paris", "yyyy-MM-dd HH:mm VV", "2021-04-30T08:20:00Z Europe/Paris"),
        ("2021-04-30 10:20 GMT+2", "yyyy-MM-dd HH:mm O", "2021-04-30T08:20:00Z +02:00"),
        ("2021-04-30 10:20 GMT+02:00", "yyyy-MM-dd HH:mm z", "2021-04-30T08:20:00Z +02:00"),
        ("2021-13-01", "yyyy-MM-dd", ""),
        ("Unix", "unix", ""),
        ("9223372036854775807", "Unix", ""),
    ] {
        assert_eq!(parsed(text, pattern), expected, "{text} by {pattern}");
    }
    for (pattern, place) in
        [("yyyy-bb", 5), ("'open", 0), ("yyyy]", 4), ("qq", 0), ("ddd", 0), ("{", 0), ("yyyy-MM-dd'T", 10)]
    {
        let error = DateParser::for_format(pattern).expect_err(pattern);
        assert_eq!(error.at, place, "{error}");
        assert!(!error.help.is_empty(), "{error}");
    }
}

/// The four points in which matchers and templates once read dates differently, as WireMock's one
/// parser has them.
#[test]
fn patterns_are_resolved_as_java_does() {
    for (text, pattern, expected) in [
        ("2018-05-05 1 o'clock PM", "yyyy-MM-dd h 'o''clock' a", "2018-05-05T13:00:00Z"),
        ("2021-02-31", "yyyy-MM-dd", "2021-02-28T00:00:00Z"),
        ("2021-02-32", "yyyy-MM-dd", ""),
        ("2021-04-30 10:20 PST", "yyyy-MM-dd HH:mm z", "2021-04-30T17:20:00Z America/Los_Angeles"),
        ("Fri, 30 April 2021", "EEE, d MMMM yyyy", "2021-04-30T00:00:00Z"),
        ("Sat, 30 April 2021", "EEE, d MMMM yyyy", ""),
    ] {
        assert_eq!(parsed(text, pattern), expected, "{text} by {pattern}");
    }
    assert!(zone_by_id("PST").is_none(), "`ZoneId.of` takes no abbreviations");
}

#[test]
fn a_whole_date_has_year_month_and_day() {
    let parser = DateParser::for_format("yyyy-MM").expect("a format");
    assert_eq!(parser.parse("2018-05"), None);
    assert_eq!(shown(parser.parse_incomplete("2018-05")), "2018-05-01T00:00:00Z");
    let parser = DateParser::for_format("yyyy-MM-dd z").expect("a format");
    let date = parser.parse("2018-05-05 PST").expect("a date");
    assert_eq!(date.zoned(), None, "without a time there is no instant to compare");
    assert_eq!(shown(Some(date)), "2018-05-05T07:00:00Z America/Los_Angeles");
}

#[test]
fn dates_are_shifted() {
    let shifted = |text: &str| {
        let offset = DateOffset::parse(text).ok()?;
        offset.apply(&at("2020-02-29T10:00:00Z").to_zoned(TimeZone::UTC)).map(|date| date.timestamp())
    };
    for (text, expected) in [
        ("3 days", "2020-03-03T10:00:00Z"),
        ("-1 days", "2020-02-28T10:00:00Z"),
        ("now +1 years", "2021-02-28T10:00:00Z"),
        ("now", "2020-02-29T10:00:00Z"),
        ("-30 seconds", "2020-02-29T09:59:30Z"),
        ("2 months", "2020-04-29T10:00:00Z"),
        ("5 HOURS", "2020-02-29T15:00:00Z"),
    ] {
        assert_eq!(shifted(text), Some(at(expected)), "{text}");
    }
    for text in ["3", "three days", "3 fortnights", "3 weeks", "1 2 3 4", "2000000000 years", "99999999999 days"] {
        assert_eq!(shifted(text), None, "{text}");
    }
    let error = DateOffset::parse("3 weeks").expect_err("WireMock has none");
    assert!(error.help.contains("seconds, minutes, hours, days"), "{error}");
}

#[test]
fn dates_are_truncated() {
    let truncated = |text: &str, zone: &str| {
        let date = at("2021-06-15T23:22:33.5Z").to_zoned(zone_by_id(zone).expect("a zone"));
        Truncation::parse(text).map(|truncation| truncation.apply(&date).expect("in range").timestamp())
    };
    for (text, expected) in [
        ("first second of minute", "2021-06-15T23:22:00Z"),
        ("first minute of hour", "2021-06-15T23:00:00Z"),
        ("first hour of day", "2021-06-15T00:00:00Z"),
        ("first day of month", "2021-06-01T00:00:00Z"),
        ("First Day of next month", "2021-07-01T00:00:00Z"),
        ("last day of month", "2021-06-30T00:00:00Z"),
        ("first day of year", "2021-01-01T00:00:00Z"),
        ("first day of next year", "2022-01-01T00:00:00Z"),
        ("LAST_DAY_OF_YEAR", "2021-12-31T00:00:00Z"),
    ] {
        assert_eq!(truncated(text, "UTC"), Ok(at(expected)), "{text}");
    }
    assert_eq!(truncated("first hour of day", "+02:00"), Ok(at("2021-06-15T22:00:00Z")));
    assert!(truncated("first day", "UTC").is_err());
}

#[test]
fn zones_have_java_names() {
    for (name, seconds) in [
        ("Z", 0),
        ("UTC", 0),
        ("GMT", 0),
        ("+02:00", 7200),
        ("-5", -18000),
        ("+0530", 19800),
        ("+05:30:15", 19815),
        ("+053015", 19815),
        ("GMT+2", 7200),
        ("UTC-03:30", -12600),
    ] {
        let zone = zone_by_id(name).unwrap_or_else(|| panic!("{name}"));
        assert_eq!(zone.to_fixed_offset().map(jiff::tz::Offset::seconds).ok(), Some(seconds), "{name}");
    }
    assert!(zone_by_id("Europe/Paris").is_some());
    for name in ["", "Nowhere/Land", "+", "+1234567", "+aa", "+19", "+02:60"] {
        assert!(zone_by_id(name).is_none(), "{name}");
    }
}

/// Reading optional parts recurses.
#[test]
fn optional_parts_do_not_nest_without_end() {
    assert!(DateFormat::parse(&format!("{}yyyy{}", "[".repeat(8), "]".repeat(8))).is_ok());
    for pattern in ["[".repeat(9), "[".repeat(200_000)] {
        let error = DateFormat::parse(&pattern).expect_err("too deep");
        assert!(error.is_limit && error.message.contains("too many `[`"), "{}", error.message.len());
    }
}

/// Letters and punctuation of patterns, so that many are valid.
const PATTERN: &str = "[yuMLdDEecaHhkKmsSnAzvXxZOV'\\[\\] /:.-]{0,12}";

proptest! {
    #[test]
    fn reading_never_panics(pattern in PATTERN, text in "\\PC{0,30}|[0-9:/.+ -]{0,20}") {
        let _ = DateParser::Usual.parse(&text);
        if let Ok(parser) = DateParser::for_format(&pattern) {
            let _ = parser.parse(&text);
            let _ = parser.parse_incomplete(&text);
        }
        let _ = DateFormat::parse(&text);
        let _ = DateOffset::parse(&text);
        let _ = zone_by_id(&text);
    }

    #[test]
    fn printing_never_panics(pattern in "\\PC{0,12}|[a-zA-Z' ]{0,12}", seconds in -60_000_000_000_i64..250_000_000_000) {
        let instant = Timestamp::from_second(seconds).expect("in range");
        let _ = print_date(instant, Some(&pattern), Some(&TimeZone::UTC));
    }

    #[test]
    fn iso_8601_is_read_again(seconds in 0_i64..250_000_000_000, offset in -64_800_i32..64_800) {
        let instant = Timestamp::from_second(seconds).expect("in range");
        let zone = TimeZone::fixed(jiff::tz::Offset::from_seconds(offset / 60 * 60).expect("in range"));
        let text = print_date(instant, None, Some(&zone)).expect("no pattern");
        let date = DateParser::Usual.parse(&text).and_then(|date| date.instant());
        prop_assert_eq!(date, Some(instant), "{}", text);
    }

    #[test]
    fn what_a_pattern_prints_it_reads(
        seconds in 946_684_800_i64..4_000_000_000,
        millis in 0..1000_i64,
        day in prop::sample::select(vec!["yyyy-MM-dd", "dd/MM/yy", "yyyyMMdd", "EEE, d MMM yyyy", "EEEE d MMMM yyyy", "yyyy-DDD"]),
        time in prop::sample::select(vec!["HH:mm:ss.SSS", "h:mm:ss a SSS", "HHmmssSSS", "kk:mm:ss SSS", "KK-mm-ss SSS a"]),
        zone in prop::sample::select(vec!["XXX", "Z", "z", "X"]),
        hours in -11..12_i8,
    ) {
        let instant = Timestamp::from_millisecond(seconds * 1000 + millis).expect("in range");
        let pattern = format!("{day} '''at' {time} {zone}");
        let zone = TimeZone::fixed(jiff::tz::offset(hours));
        let text = print_date(instant, Some(&pattern), Some(&zone)).expect("a pattern");
        let date = DateParser::for_format(&pattern).expect("a pattern").parse(&text).and_then(|date| date.instant());
        prop_assert_eq!(date, Some(instant), "{} by {}", text, pattern);
    }
}
