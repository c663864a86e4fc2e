use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn written(text: &str, pattern: &str, name: &str) -> String {
    write(at(text), Some(pattern), zone(name).as_ref()).expect("a pattern")
}

#[test]
fn times_are_written_by_pattern() {
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
        assert_eq!(written(time, pattern, "UTC"), expected, "{pattern}");
    }
    assert_eq!(written(time, "HH:mm z Z X XX XXX", "+05:30"), "15:41 GMT+05:30 +0530 +05 +0530 +05:30");
    assert_eq!(written(time, "yyyy-MM-dd HH z", "America/New_York"), "2018-05-05 06 EDT");
    assert_eq!(written("2019-12-31T00:00:00Z", "w Y", "UTC"), "1 2020");
    assert_eq!(written("2022-01-01T00:00:00Z", "w Y", "UTC"), "1 2022");
    assert_eq!(written("2018-05-05T00:30:00Z", "k K h", "UTC"), "24 0 12");
}

#[test]
fn a_pattern_that_means_nothing_says_so() {
    for pattern in ["yyyy-bb", "'open", "XXXX"] {
        assert!(write(at("2018-05-05T10:11:12Z"), Some(pattern), None).is_err(), "{pattern}");
    }
}

#[test]
fn without_a_pattern_it_is_iso() {
    let time = at("2018-05-05T10:11:12.5Z");
    assert_eq!(write(time, None, None).as_deref(), Ok("2018-05-05T10:11:12Z"));
    assert_eq!(write(time, None, zone("Asia/Tokyo").as_ref()).as_deref(), Ok("2018-05-05T19:11:12+09:00"));
}

#[test]
fn times_are_read_in_any_known_form() {
    for (text, expected) in [
        ("2018-05-05T10:11:12Z", "2018-05-05T10:11:12Z Z"),
        ("2018-05-05T10:11:12.5+02:00", "2018-05-05T08:11:12.5Z +02:00"),
        ("2018-05-05T10:11+02:00[Europe/Paris]", "2018-05-05T08:11:00Z Europe/Paris"),
        ("Sat, 5 May 2018 10:11:12 GMT", "2018-05-05T10:11:12Z Z"),
        ("Saturday, 05-May-18 10:11:12 GMT", "2018-05-05T10:11:12Z Z"),
        ("Sat May 05 10:11:12 2018", "2018-05-05T10:11:12Z Z"),
        ("Sat May  5 10:11:12 2018", "2018-05-05T10:11:12Z Z"),
        ("2018-05-05T10:11:12", "2018-05-05T10:11:12Z"),
        ("2018-05-05", "2018-05-05T00:00:00Z"),
        ("2018-05", "2018-05-01T00:00:00Z"),
        ("2018", "2018-01-01T00:00:00Z"),
        ("junk", ""),
        ("2018-13-05", ""),
        ("", ""),
    ] {
        assert_eq!(told(read(text, None)), expected, "{text}");
    }
}

#[test]
fn times_are_read_by_pattern() {
    for (text, pattern, expected) in [
        ("05/05/2018 10:11", "dd/MM/yyyy HH:mm", "2018-05-05T10:11:00Z"),
        ("20180505101112", "yyyyMMddHHmmss", "2018-05-05T10:11:12Z"),
        ("5 May 18 1:02 PM", "d MMM yy h:mm a", "2018-05-05T13:02:00Z"),
        ("12:30 AM 2018", "hh:mm a yyyy", "2018-01-01T00:30:00Z"),
        ("2018-05-05T10:11:12.034 +0200", "yyyy-MM-dd'T'HH:mm:ss.SSS Z", "2018-05-05T08:11:12.034Z +02:00"),
        ("2018-05-05 10", "yyyy-MM-dd[ HH[:mm]]", "2018-05-05T10:00:00Z"),
        ("2018-125", "yyyy-DDD", "2018-05-05T00:00:00Z"),
        ("1525515072", "unix", "2018-05-05T10:11:12Z"),
        ("1525515072034", "epoch", "2018-05-05T10:11:12.034Z"),
        ("05-05-2018", "dd/MM/yyyy", ""),
        ("05/05/2018 and more", "dd/MM/yyyy", ""),
        ("x", "unix", ""),
    ] {
        assert_eq!(told(read(text, Some(pattern))), expected, "{text} by {pattern}");
    }
    for pattern in ["yyyy-bb", "'open", "yyyy]"] {
        assert!(read("2018", Some(pattern)).is_err(), "{pattern}");
    }
}

fn told(read: Result<Option<Read>, String>) -> String {
    let Some(Read { at, zone }) = read.expect("a pattern") else { return String::new() };
    let name = |zone: &TimeZone| match (zone.iana_name(), zone.to_fixed_offset()) {
        (Some("UTC"), _) => "Z".to_owned(),
        (Some(name), _) => name.to_owned(),
        (None, Ok(offset)) => write(at, Some("XXX"), Some(&TimeZone::fixed(offset))).expect("an offset"),
        (None, Err(_)) => "?".to_owned(),
    };
    zone.map_or_else(|| at.to_string(), |zone| format!("{at} {}", name(&zone)))
}

#[test]
fn times_are_shifted() {
    let shifted = |text: &str| Shift::parse(text).and_then(|shift| shift.apply(at("2020-02-29T10:00:00Z")));
    for (text, expected) in [
        ("3 days", "2020-03-03T10:00:00Z"),
        ("-1 days", "2020-02-28T10:00:00Z"),
        ("now +1 years", "2021-02-28T10:00:00Z"),
        ("now", "2020-02-29T10:00:00Z"),
        ("-30 seconds", "2020-02-29T09:59:30Z"),
        ("2 months", "2020-04-29T10:00:00Z"),
        ("5 HOURS", "2020-02-29T15:00:00Z"),
    ] {
        assert_eq!(shifted(text), Ok(at(expected)), "{text}");
    }
    for text in ["3", "three days", "3 fortnights", "1 2 3 4", "2000000000 years"] {
        assert!(shifted(text).is_err(), "{text}");
    }
}

#[test]
fn times_are_cut_down() {
    let cut = |text: &str, name: &str| {
        let zone = zone(name).expect("a zone");
        Truncation::parse(text).and_then(|truncation| truncation.apply(at("2021-06-15T23:22:33.5Z"), &zone))
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
        assert_eq!(cut(text, "UTC"), Ok(at(expected)), "{text}");
    }
    assert_eq!(cut("first hour of day", "+02:00"), Ok(at("2021-06-15T22:00:00Z")));
    assert!(cut("first day", "UTC").is_err());
}

#[test]
fn zones_have_java_names() {
    for name in ["Z", "UTC", "GMT", "+02:00", "-5", "+0530", "GMT+2", "UTC-03:30", "Europe/Paris"] {
        assert!(zone(name).is_some(), "{name}");
    }
    for name in ["", "Nowhere/Land", "+", "+1234567", "+aa"] {
        assert!(zone(name).is_none(), "{name}");
    }
}
