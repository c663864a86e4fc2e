use proptest::prelude::*;

use super::*;

/// Patterns and texts with what a real JVM says of them; `tests/java_regex/Check.java` asks it again.
const TABLE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/java_regex/cases.tsv"));

/// A field of the table: `\uXXXX` and `\\` stand for characters that a table cannot show.
fn field(text: &str) -> String {
    let mut units: Vec<u16> = Vec::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, chars.as_str().chars().next()) {
            ('¤', Some('u')) => {
                let digits: String = chars.by_ref().skip(1).take(4).collect();
                units.push(u16::from_str_radix(&digits, 16).expect("four digits"));
            }
            _ => units.extend(c.encode_utf16(&mut [0; 2]).iter()),
        }
    }
    String::from_utf16(&units).expect("whole pairs")
}

#[test]
fn the_jvm_agrees() {
    let mut rows = 0;
    let mut wrong = Vec::new();
    for line in TABLE.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let [pattern, text, expected] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("three fields: {line}")
        };
        rows += 1;
        let (java, text) = (field(pattern), field(text));
        let told = match JavaRegex::new(&java).map(|regex| (regex.matches(&text), regex.literal_prefix().to_owned())) {
            Ok((Outcome::Match, prefix)) => {
                assert!(text.starts_with(&prefix), "`{prefix}` does not begin `{text}`, which `{java}` matches");
                "match"
            }
            Ok((Outcome::NoMatch, _)) => "no match",
            Ok((Outcome::GaveUp, _)) => "gave up",
            Err(_) => "error",
        };
        // a row that is refused on purpose says so after what the JVM says
        if told != expected.split(" | ").last().unwrap_or(expected) {
            wrong.push(format!("{pattern}\t{text:?}: the JVM says {expected}, we say {told}"));
        }
    }
    assert!(rows >= 300, "only {rows} rows");
    assert!(wrong.is_empty(), "{} of {rows} rows:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_part_is_found() {
    for (java, text, found) in [
        ("b+", "abbc", true),
        ("^b", "ab", false),
        ("c$", "abc\n", true),
        ("b$", "abc", false),
        ("(?m)^b$", "a\nb\nc", true),
        ("x", "abc", false),
    ] {
        let regex = JavaRegex::new(java).expect("valid");
        assert_eq!(regex.finds(text) == Outcome::Match, found, "{java} in {text:?}");
    }
}

#[test]
fn prefixes_are_what_every_match_begins_with() {
    for (java, prefix) in [
        ("/inventory/.*", "/inventory/"),
        ("^/a/b", "/a/b"),
        ("/a|/b", ""),
        ("/ab?", "/a"),
        ("/ab{2}", "/a"),
        ("/a\\.b\\Q.*\\E.*", "/a.b.*"),
        ("(?i)/a", ""),
        ("/a(b|c)", "/a"),
        ("/p/[0-9]+\\?v=1", "/p/"),
        (".*", ""),
    ] {
        assert_eq!(JavaRegex::new(java).expect("valid").literal_prefix(), prefix, "{java}");
    }
}

#[test]
fn a_pattern_that_would_run_away_is_given_up() {
    let regex = JavaRegex::new("(?=(a+)+$)(a|aa)+\\1b").expect("valid");
    assert_eq!(regex.matches(&"a".repeat(5000)), Outcome::GaveUp);
    let linear = JavaRegex::new("(a+)+b").expect("valid");
    assert_eq!(linear.matches(&"a".repeat(50_000)), Outcome::NoMatch);
}

#[test]
fn errors_name_the_construct_and_its_place() {
    for (java, at, what) in [
        ("*x", 0, "dangling"),
        ("a(b", 1, "unclosed group"),
        ("é)", 2, "unmatched"),
        ("a\\y", 1, "\\y"),
        ("/items/{id}", 7, "illegal repetition"),
        ("\\p{InKlingon}", 0, "InKlingon"),
        ("\\X", 0, "\\X"),
        ("[a", 0, "unclosed character class"),
    ] {
        let error = JavaRegex::new(java).expect_err(java);
        assert!(error.what.contains(what), "{java}: {}", error.what);
        assert!(error.at == at || error.at == at + 1, "{java}: {}", error.at);
    }
    assert!(JavaRegex::new(&"(".repeat(100_000)).is_err());
    assert!(JavaRegex::new(&"[".repeat(10_000)).is_err());
    assert!(JavaRegex::new("((a{1000}){1000}){1000}").is_err());
}

proptest! {
    #[test]
    fn no_pattern_is_too_strange(java in "[a-c\\\\\\[\\](){}|*+?^$.,&:<>=!\\-0-9pPQEdwsbi]{0,24}|\\PC{0,16}", text in "[a-c0\n ]{0,12}") {
        if let Ok(regex) = JavaRegex::new(&java) {
            if regex.matches(&text) == Outcome::Match {
                prop_assert!(text.starts_with(regex.literal_prefix()));
            }
            regex.finds(&text);
        }
    }
}
