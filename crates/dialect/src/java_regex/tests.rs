//! Patterns against what a JVM says of them: a table that is always run, and rows made at random
//! when asked for.

use proptest::prelude::*;

use super::*;

/// Patterns and texts with what a real JVM says of them; `tests/java_regex/Check.java` asks it
/// again.
const TABLE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/java_regex/cases.tsv"));

/// Decodes a field of the table, in which `¤uXXXX` is a UTF-16 unit.
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

/// Returns true if a text contains another, in any case of its ASCII letters.
fn stands_in(text: &str, part: &str) -> bool {
    text.to_ascii_lowercase().contains(&part.to_ascii_lowercase())
}

fn told(regex: &Result<JavaRegex, SyntaxError>, text: &str) -> &'static str {
    let Ok(regex) = regex else { return "error" };
    match regex.matches(text) {
        MatchOutcome::Match => {
            let prefix = regex.literal_prefix();
            assert!(text.starts_with(prefix), "`{prefix}` does not begin `{text}`, which {regex:?} matches");
            let required = regex.required_literal();
            assert!(stands_in(text, required), "`{required}` is not in `{text}`, which {regex:?} matches");
            "match"
        }
        MatchOutcome::NoMatch => "no match",
        MatchOutcome::LimitExceeded => "gave up",
    }
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
        let told = told(&JavaRegex::new(&field(pattern)), &field(text));
        // a row that is refused on purpose says so after what the JVM says
        if told != expected.split(" | ").last().unwrap_or(expected) {
            wrong.push(format!("{pattern}\t{text:?}: the JVM says {expected}, we say {told}"));
        }
    }
    assert!(rows >= 690, "only {rows} rows");
    assert!(wrong.is_empty(), "{} of {rows} rows:\n{}", wrong.len(), wrong.join("\n"));
}

/// Rows that `tests/java_regex/Random.java` made, in the file that `JAVA_REGEX_ROWS` names.
#[test]
#[ignore = "needs a JVM to make its rows"]
fn random_patterns() {
    let rows = std::env::var("JAVA_REGEX_ROWS").expect("a file made by Random.java");
    let rows = std::fs::read_to_string(rows).expect("readable");
    let mut wrong = Vec::new();
    for row in rows.lines() {
        let [pattern, text, expected, found] = row.split('\t').collect::<Vec<_>>()[..] else {
            panic!("four fields: {row}")
        };
        let (regex, text) = (JavaRegex::new(&field(pattern)), field(text));
        // Java takes `[x&&]` and the like, and then fails at the first text
        let fails = regex.as_ref().is_err_and(|error| error.message.contains("nothing on one of its sides"));
        if expected == "broken" || fails {
            continue;
        }
        let told = told(&regex, &text);
        let Ok(regex) = regex else {
            if told != expected {
                wrong.push(format!("{row}\n    we say: {}", regex.expect_err("an error")));
            }
            continue;
        };
        let spans = |captures: &Captures| -> String {
            let groups = (0..=captures.group_count()).map(|number| match captures.group(number) {
                Some(group) => format!("{}-{}", group.start, group.end),
                None => "-".to_owned(),
            });
            format!(" {}", groups.collect::<Vec<_>>().join(","))
        };
        let all: String =
            regex.captures_all(&text, || true).map_or("gave up".to_owned(), |all| all.iter().map(spans).collect());
        if told != expected || expected != "error" && all != found {
            wrong.push(format!("{row}\n    we say: {told}\t{all}"));
        }
    }
    assert!(wrong.is_empty(), "{} rows:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_part_is_found() {
    for (java, text, found) in [
        ("b+", "abbc", true),
        ("^b", "ab", false),
        ("c$", "abc\n", true),
        ("b$", "abc", false),
        ("(?m)^b$", "a\nb\nc", true),
        ("a$", "a\r\n", true),
        ("a\r$", "a\r\n", false),
        ("x", "abc", false),
    ] {
        let regex = JavaRegex::new(java).expect("valid");
        assert_eq!(regex.finds(text) == MatchOutcome::Match, found, "{java} in {text:?}");
    }
}

#[test]
fn groups_are_those_of_each_match() {
    let regex = JavaRegex::new("(?<key>[a-z]+)=(?:(\\d+)|(\\w*))").expect("valid");
    let text = "é a=1&bc=x d=";
    let all = regex.captures_all(text, || true).expect("an answer");
    let groups: Vec<Vec<Option<&str>>> = all
        .iter()
        .map(|captures| (0..=captures.group_count()).map(|number| captures.group(number).map(|at| &text[at])).collect())
        .collect();
    assert_eq!(
        groups,
        [
            [Some("a=1"), Some("a"), Some("1"), None],
            [Some("bc=x"), Some("bc"), None, Some("x")],
            [Some("d="), Some("d"), None, Some("")],
        ]
    );
    assert_eq!(regex.group_number("key"), Some(1));
    assert_eq!(regex.group_number("value"), None);
    assert_eq!(regex.captures("none"), Ok(None));
    // as in Java, an empty match may follow another
    let empty = JavaRegex::new("a*").expect("valid").captures_all("éaab", || true).expect("an answer");
    assert_eq!(empty.iter().map(Captures::range).collect::<Vec<_>>(), [0..0, 2..4, 4..4, 5..5]);
}

#[test]
fn flags_given_from_outside_hold_from_the_start() {
    for (java, flags, text, expected) in [
        ("ABC", Flags::CASE_INSENSITIVE, "abc", MatchOutcome::Match),
        ("É", Flags::CASE_INSENSITIVE, "é", MatchOutcome::NoMatch),
        ("É", Flags::CASE_INSENSITIVE.with(Flags::UNICODE_CASE), "é", MatchOutcome::Match),
        ("a.b", Flags::NONE, "a\nb", MatchOutcome::NoMatch),
        ("a.b", Flags::DOTALL, "a\nb", MatchOutcome::Match),
        ("a b # c", Flags::COMMENTS, "ab", MatchOutcome::Match),
        ("a$\nb", Flags::MULTILINE, "a\nb", MatchOutcome::Match),
    ] {
        assert_eq!(JavaRegex::with_flags(java, flags).expect("valid").matches(text), expected, "{java}");
    }
}

#[test]
fn prefixes_are_what_every_match_begins_with() {
    for (java, prefix, is_literal) in [
        ("/inventory/.*", "/inventory/", false),
        ("^/a/b", "/a/b", true),
        ("^/a/b$", "/a/b", true),
        ("/a/(b)/c\\.x", "/a/b/c.x", true),
        ("/aa|/ab", "/a", false),
        ("a|b", "", false),
        ("/ab?", "/a", false),
        ("/ab{2}", "/ab", false),
        ("/a\\.b\\Q.*\\E.*", "/a.b.*", false),
        ("(?i)/a", "/", false),
        ("/a(b|c)", "/a", false),
        ("/(?:foo|fob)/x", "/fo", false),
        ("/p/[0-9]+\\?v=1", "/p/", false),
        ("", "", true),
        (".*", "", false),
    ] {
        let regex = JavaRegex::new(java).expect("valid");
        assert_eq!(regex.literal_prefix(), prefix, "{java}");
        assert_eq!(regex.is_literal(), is_literal, "{java}");
        if is_literal {
            assert_eq!(regex.matches(prefix), MatchOutcome::Match);
            assert_eq!(regex.matches(&format!("{prefix}\n")), MatchOutcome::NoMatch);
        }
    }
}

#[test]
fn a_pattern_that_would_run_away_is_given_up() {
    let regex = JavaRegex::new("(?=(a+)+$)(a|aa)+\\1b").expect("valid");
    assert_eq!(regex.matches(&"a".repeat(5000)), MatchOutcome::LimitExceeded);
    let linear = JavaRegex::new("(a+)+b").expect("valid");
    assert_eq!(linear.matches(&"a".repeat(50_000)), MatchOutcome::NoMatch);
}

#[test]
fn errors_name_the_construct_and_its_place() {
    for (java, at, what) in [
        ("*x", 0, "`*` repeats nothing"),
        ("a(b", 1, "group that begins here is not closed"),
        ("é)", 2, "`)` closes no group"),
        ("a\\y", 1, "`\\y` means nothing"),
        ("[\\b]", 1, "in a character class"),
        ("/items/{id}", 7, "`{` is followed by no number"),
        ("\\p{InKlingon}", 0, "`InKlingon`"),
        ("a\\b{g}", 1, "`\\b{g}`"),
        ("\\N{DIGIT ONE}", 0, "`\\N{…}`"),
        ("ab[a", 2, "class that begins here is not closed"),
        ("[b-a]", 2, "`-` makes no range"),
        ("a(?<=(x|yy)*)", 1, "no greatest length"),
        ("(?<n>a)(?<n>b)", 7, "two groups are named `n`"),
        ("x\\", 1, "single `\\`"),
        ("\\Q*\\E**", 6, "`*` repeats nothing"),
    ] {
        let error = JavaRegex::new(java).expect_err(java);
        assert!(error.message.contains(what), "{java}: {}", error.message);
        assert_eq!(error.at, at, "{java}");
    }
}

#[test]
fn sizes_are_bounded() {
    for java in ["(", "[", "(?=", "[a&&", "a|(", "(?:a)*("] {
        assert!(JavaRegex::new(&java.repeat(10_000)).is_err(), "{java}");
    }
    let nested = |open: &str, depth: usize| format!("{}a{}", open.repeat(depth), ")".repeat(depth));
    assert_eq!(JavaRegex::new(&nested("(", 90)).expect("not too deep").matches("a"), MatchOutcome::Match);
    assert!(JavaRegex::new(&nested("(?=", 90)).is_err());
    assert!(JavaRegex::new("((a{1000}){1000}){1000}").is_err());
    assert!(JavaRegex::new("(?=((a{1000}){1000}){1000})").is_err());
    assert!(JavaRegex::new(&"a".repeat(MAX_LENGTH + 1)).is_err());
}

#[test]
fn the_longest_text_that_a_pattern_demands_is_known() {
    for (java, required) in [
        (".*/orders/[0-9]+/lines", "/orders/"),
        (".*/o/[0-9]+/lines$", "/lines"),
        ("/a(/bc)+/d", "/a/bc"),
        ("/a(?:/b)?/cd", "/cd"),
        (".*(?:foo|bar)x", "x"),
        (".*(?i)/aBc.*", "/abc"),
        (".*(?iu)/abck.*", "/abc"),
        ("(?i).*ab(?-i)C[dE]x", "abC"),
        ("(?i).*ab|x", ""),
        ("(?>/x){1}/y", "/x/y"),
        ("^/a\\b$", "/a"),
        ("[0-9]*", ""),
    ] {
        assert_eq!(JavaRegex::new(java).expect("valid").required_literal(), required, "{java}");
    }
}

proptest! {
    #[test]
    fn no_pattern_is_too_strange(
        java in "[a-c\\\\\\[\\](){}|*+?^$.,&:<>=!\\-0-9pPQEdwsbikuxRXGU#\n]{0,24}|\\PC{0,16}",
        text in "[a-c0é\r\n ]{0,12}",
    ) {
        if let Ok(regex) = JavaRegex::new(&java) {
            if regex.matches(&text) == MatchOutcome::Match {
                prop_assert!(text.starts_with(regex.literal_prefix()));
                prop_assert!(stands_in(&text, regex.required_literal()));
            }
            let found = regex.finds(&text);
            let first = regex.captures(&text);
            prop_assert_eq!(found, first.as_ref().map_or(MatchOutcome::LimitExceeded, |first| first.is_some().into()));
            let _ = regex.captures_all(&text, || true);
        }
    }
}
