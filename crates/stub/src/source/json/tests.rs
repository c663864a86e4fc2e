use serde_json::json;

use super::*;

fn error(text: &str) -> DocumentError {
    read_json(text).expect_err(text)
}

#[test]
fn what_wiremock_takes_is_taken() {
    for (text, expected) in [
        ("{'a':'b\"c\\'d'}", json!({"a": "b\"c'd"})),
        ("// c\n{/* c */\"a\":/**/1 // d\r, \"b\": 2}", json!({"a": 1, "b": 2})),
        ("{\"a\":1,\"b\":2,\"a\":3}", json!({"a": 3, "b": 2})),
        ("\u{feff} [ ]", json!([])),
        ("{} and } more", json!({})),
        ("[1,[],{}]", json!([1, [], {}])),
        ("[true,false,null]", json!([true, false, null])),
        (
            r#""\u00e9\ud83d\ude00\ud800x\udc00\ud800\u0041\b\f\n\r\t\/\\""#,
            json!("é😀\u{fffd}x\u{fffd}\u{fffd}A\u{8}\u{c}\n\r\t/\\"),
        ),
        ("\"\u{7f}\u{2028}\"", json!("\u{7f}\u{2028}")),
    ] {
        assert_eq!(read_json(text).map(|node| node.to_json()), Ok(expected), "{text}");
    }
    for number in ["0", "-0", "-0.50", "1e3", "1E+3", "1e999", "123456789012345678901234567890"] {
        let node = read_json(number).expect("JSON");
        assert_eq!(node.value, Value::Number(number.to_owned()));
        assert_eq!(node.to_json(), serde_json::from_str::<serde_json::Value>(number).expect("JSON"));
    }
}

#[test]
fn of_many_names_the_last_value_counts_at_the_first_place() {
    let many: Vec<String> = (0..2000).map(|at| format!("\"k{}\": {at}", at % 700)).collect();
    let node = read_json(&format!("{{{}}}", many.join(","))).expect("JSON");
    assert_eq!(node.members().len(), 700);
    assert_eq!(node.members()[3].key, "k3");
    assert_eq!(node.get("k3").map(|node| &node.value), Some(&Value::Number("1403".to_owned())));
}

#[test]
fn every_value_knows_its_place() {
    let text = "\u{feff}{ 'é' : [ 1.0, \"ü\" ] , \"b\":{}} x";
    let node = read_json(text).expect("JSON");
    let part = |span: &Range<usize>| &text[span.clone()];
    assert_eq!(part(&node.span), "{ 'é' : [ 1.0, \"ü\" ] , \"b\":{}}");
    assert_eq!(part(&node.members()[0].key_span), "'é'");
    assert_eq!(part(&node.members()[0].value.span), "[ 1.0, \"ü\" ]");
    assert_eq!(part(&node.members()[0].value.items()[1].span), "\"ü\"");
    assert_eq!(part(&node.members()[1].value.span), "{}");
}

#[test]
fn what_is_wrong_is_told_where_it_is() {
    // text, underlined part, pointer, what is wrong, how to fix it
    for (text, part, pointer, message, help) in [
        ("", "", "", "there is no JSON here", "{ … }"),
        (" // c", "", "", "there is no JSON here", "{ … }"),
        ("{\"a\":1,}", ",", "", "trailing comma before `}`", "remove it"),
        ("[1 , ]", ",", "", "trailing comma before `]`", "remove it"),
        ("{a:1}", "a", "", "the name `a` needs quotes", "write `\"a\"`"),
        ("{\"a\" 1}", "\"a\"", "", "expected `:` after this name, found `1`", "add `:`"),
        ("{\"a\"=1}", "=", "", "have `:` between them", "write `:`"),
        ("{\"a\": }", "}", "/a", "a value is missing before `}`", "null"),
        ("[1,,2]", ",2", "/1", "a value is missing before `,`", "null"),
        ("{\"a\":\"x\"\n \"b\":2}", "\"x\"", "", "expected `,` or `}` after this value", "add a `,`"),
        ("['x' {}]", "'x'", "", "expected `,` or `]` after this value", "add a `,`"),
        ("{\"a\":1; \"b\":2}", ";", "", "expected `,` or `}` after this value, found `;`", "remove it"),
        ("{\"a\": \"b\"c\"}", "\"b\"", "", "expected `,` or `}`", "write `\\\"`"),
        ("{\"a\":[1,2}", "}", "/a", "a `]` is missing before it", "write `]`"),
        ("{\"a\":01}", "01", "/a", "`01` is no number", "write `1`, or `\"01\"`"),
        ("{\"a\":-00}", "-00", "/a", "`-00` is no number", "write `-0`"),
        ("{\"a\":+1}", "+1", "/a", "`+1` is no number", "write `1`"),
        ("{\"a\":.5}", ".5", "/a", "`.5` is no number", "write `0.5`"),
        ("{\"a\":1.}", "1.", "/a", "`1.` is no number", "write digits"),
        ("{\"a\":12ab}", "12ab", "/a", "`12ab` is no number", "write digits"),
        ("{\"a\":-Infinity}", "-Infinity", "/a", "is no number", "write digits"),
        ("{\"a\":NaN}", "NaN", "/a", "`NaN` is no value", "write `\"NaN\"`"),
        ("{\"a\":True}", "True", "/a", "`True` is no value", "write `true`"),
        ("{\"a\":undefined}", "undefined", "/a", "is no value", "write `null`"),
        ("{\"a\":\"x\ny\"}", "\"x", "/a", "this string is not closed", "`\\n`"),
        ("{\"a\":'x", "'x", "/a", "this string is not closed", "end it with `'`"),
        ("{\"a\":\"x\u{1}\"}", "\u{1}", "/a", "a control character cannot stand", "write `\\u0001`"),
        ("{\"a\":\"\t\"}", "\t", "/a", "a tab cannot stand", "write `\\t`"),
        ("{\"é\":\"\\ü\"}", "\\ü", "/é", "`\\ü` is no escape", "write `\\\\ü`"),
        ("[\"\\u12g4\"]", "\\u12", "/0", "four hexadecimal digits", "\\u00e9"),
        ("[\"\\uD83D\\u\"]", "\\u\"", "/0", "four hexadecimal digits", "\\u00e9"),
        ("[\"a\\\nb\"]", "\\", "/0", "a backslash at the end of a line", "`\\n`"),
        ("{\"a\": [1", "[", "/a", "this list is not closed", "add the missing `]`"),
        ("{\"a\":", "{", "/a", "this object is not closed", "add the missing `}`"),
        ("{\"a\":1,", "{", "", "this object is not closed", "add the missing `}`"),
        ("{\"request\":{\"url\":\"/x\"", "{\"url", "/request", "this object is not closed", "`}`"),
        ("{ # c\n}", "#", "", "`#` does not begin a comment", "write `//`"),
        ("{/* c }", "/*", "", "this comment is not closed", "`*/`"),
        ("{ / c }", "/", "", "a `/` alone is no comment", "`//`"),
        ("{\"a\":{{x}}}", "{{", "/a", "a template is no JSON", "put it in quotes"),
        ("{“a”: 1}", "“", "", "expected a name in quotes, found `“`", "straight quotes"),
        ("[\u{a0}1]", "\u{a0}", "/0", "found an invisible character (U+00A0)", "remove it"),
        ("<xml/>", "<", "", "expected a value, found `<`", "put it in quotes"),
    ] {
        let error = error(text);
        assert!(error.message.contains(message), "{text}: {}", error.message);
        assert!(error.help.as_ref().is_some_and(|told| told.contains(help)), "{text}: {:?}", error.help);
        assert_eq!(error.pointer, pointer, "{text}");
        let part_start =
            if part.is_empty() { text.len() } else { text.find(part).expect("the part stands in the text") };
        assert_eq!(error.span.start, part_start, "{text}");
        assert!(part.starts_with(&text[error.span.clone()]), "{text}: {:?}", &text[error.span]);
    }
}

#[test]
fn depth_is_bounded() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let read = |text: &str| read_json_within(text, DocumentLimits::FILE);
    assert!(read(&nested(125)).is_ok());
    for deep in [nested(126), "{\"a\":".repeat(1_000_000)] {
        assert!(read(&deep).is_err_and(|error| error.message.contains("more than 125")));
    }
}

#[test]
fn a_long_word_does_not_make_a_long_message() {
    let word = "x".repeat(1 << 20);
    for text in [word.clone(), format!("1{word}"), format!("{{{word}: 1}}")] {
        assert!(error(&text).message.len() < 100);
    }
}

#[test]
fn values_of_all_levels_are_counted() {
    let limits = DocumentLimits { values: 6, depth: 120 };
    assert!(read_json_within("[1, {\"a\": [2]}, 3]", limits).is_ok());
    let error = read_json_within("[1, {\"a\": [2]}, 3,\n 4]", limits).expect_err("seven");
    assert_eq!(error.message, "the document has more than 6 values (line 2, column 2)");
}
