use serde_json::json;

use super::*;

fn error(text: &str) -> DocumentError {
    read_yaml(text).expect_err(text)
}

fn json(text: &str) -> serde_json::Value {
    read_yaml(text).unwrap_or_else(|error| panic!("{text}: {error:?}")).to_json()
}

#[test]
fn yaml_becomes_the_same_tree_as_json() {
    for (text, expected) in [
        (
            "a: 1\nb: '1'\nc: true\nd: [x, ~, no]\ne: {f: null, 'g': }\n",
            json!({"a": 1, "b": "1", "c": true, "d": ["x", null, "no"], "e": {"f": null, "g": null}}),
        ),
        (
            "- |\n  two\n  lines\n- >-\n  one\n  line\n- \"\\u00e9\\n\"\n- plain\n  text # not this\n",
            json!(["two\nlines\n", "one line", "é\n", "plain text"]),
        ),
        (
            "7: seven\n1.0: a\nNull: b\ntrue: c\n0x1f: d\n",
            json!({"7": "seven", "1.0": "a", "Null": "b", "true": "c", "0x1f": "d"}),
        ),
        ("a:\nb:\n- 1\n- - 2\n  -\n", json!({"a": null, "b": [1, [2, null]]})),
        ("--- # one\na: !!str 5\n...\n", json!({"a": "5"})),
        ("{\"a\": [1, {\"b\": \"c\"}]}", json!({"a": [1, {"b": "c"}]})),
        ("\u{feff}just text", json!("just text")),
        ("\"<<\": 1", json!({"<<": 1})),
        ("a: <<", json!({"a": "<<"})),
    ] {
        assert_eq!(json(text), expected, "{text}");
    }
    assert_eq!(json("a: 1.50").to_string(), r#"{"a":1.50}"#);
}

#[test]
fn anchors_and_merge_keys_are_unfolded() {
    for (text, expected) in [
        (
            "a: &x {k: 1}\nb: *x\nc: &y [*x]\nd: *y\n",
            json!({"a": {"k": 1}, "b": {"k": 1}, "c": [{"k": 1}], "d": [{"k": 1}]}),
        ),
        ("- &x {k: 1, l: 2}\n- {<<: *x, k: 3, m: 4}\n", json!([{"k": 1, "l": 2}, {"k": 3, "m": 4, "l": 2}])),
        ("- &x {k: 1}\n- &y {k: 2, l: 2}\n- <<: [*x, *y]\n", json!([{"k": 1}, {"k": 2, "l": 2}, {"k": 1, "l": 2}])),
        ("- &x name\n- *x : 1\n", json!(["name", {"name": 1}])),
        ("- &x 1\n- &x 2\n- *x\n", json!([1, 2, 2])),
    ] {
        assert_eq!(json(text), expected, "{text}");
    }
}

#[test]
fn places_are_bytes() {
    let text = "# ü\né: {ü: 'x', ö: [ä] } # ß\nlist: # ß\n  - wö\n  - 12 # ß\n  # ß\n\
                block: |\n  ä\n\nempty:\nalias: &a ö\nsame: *a\n";
    let node = read_yaml(text).expect("YAML");
    let member = |name: &str| node.get(name).expect("it is there");
    let part = |node: &Node| &text[node.span.clone()];
    assert_eq!(part(member("é")), "{ü: 'x', ö: [ä] }");
    assert_eq!(part(member("é").get("ü").expect("it is there")), "'x'");
    assert_eq!(part(member("é").get("ö").expect("it is there")), "[ä]");
    assert_eq!(part(member("list")), "- wö\n  - 12");
    assert_eq!(member("list").items().iter().map(part).collect::<Vec<_>>(), ["wö", "12"]);
    assert_eq!(part(member("block")), "ä");
    assert_eq!(part(member("empty")), "");
    assert_eq!(part(member("same")), "*a");
    assert_eq!(&text[node.members()[0].key_span.clone()], "é");
    assert_eq!(part(&node), text["# ü\n".len()..].trim_end());
    let windows = "\u{feff}é: 1\r\nb: 'ü'\r\n";
    let node = read_yaml(windows).expect("YAML");
    assert_eq!(&windows[node.members()[1].value.span.clone()], "'ü'");
}

#[test]
fn what_is_wrong_is_told_where_it_is() {
    // text, underlined part, pointer, what is wrong, how to fix it
    for (text, part, pointer, message, help) in [
        ("", "", "", "there is no YAML here", "name: value"),
        ("# c\n", "", "", "there is no YAML here", "name: value"),
        ("é: 1\na: 2\na: 3\n", "a: 3", "", "the name `a` stands twice", "remove one"),
        ("x: {1: a, '1': b}", "'1'", "/x", "the name `1` stands twice", "remove one"),
        ("a: 1\n--- \nb: 2\n", "---", "", "a second document", "one document"),
        ("a: !!int 5\n", "!!int 5", "/a", "the tag `!!int` is not known", "remove it"),
        ("a: !env\n  b: 1\n", "!env", "/a", "the tag `!env` is not known", "remove it"),
        ("? [a]\n: b\n", "[a", "", "a name is a text", "name: value"),
        ("- &x [1]\n- *x : b\n", "*x", "/1", "a name is a text", "name: value"),
        ("body: {{x}}", "{x", "/body", "a template is no YAML", "in quotes"),
        ("- <<: 5\n", "5", "/0", "merges a map or a list of maps, not a number", "<<: *name"),
        ("a: &a [*a]", "*a]", "/a/0", "stands in the value that it names", "write the value out"),
        ("a: *x", "*x", "/a", "this alias has no anchor", "&name"),
        ("é: b: c", ": c", "", "a second `: `", "quotes"),
        ("a: 1\n\tb: 2", "\tb", "/a", "a tab cannot indent", "spaces"),
        ("a:\n  b: 1\n c: 2\n", "c", "", "does not fit its neighbours", "align it"),
        ("a: 'x", "'x", "/a", "not closed before the text ends", "quote"),
        ("a: \"\\q\"", "\"\\q", "/a", "this is none", "`\\\\`"),
        ("a: \"b\" c", "c", "/a", "text follows a closing quote", "`\\\"`"),
        ("a: [1, 2\nb: 3\n", ": 3", "/a/1", "may not be closed", "add the missing `]`"),
        ("a: {b", "b", "/a", "expected `,` or `}`", "add it"),
        ("a: @x", "@", "/a", "cannot begin with this character", "quotes"),
        ("{a: 1}\nb: 2", "b", "", "the document has ended", "align it"),
        ("a: [b, *]", "*]", "/a/1", "`*` begins an alias", "quotes"),
        ("a: 'b'# c", "# c", "/a", "a comment has a space", "quotes"),
        ("a: x\0", "\0", "", "an invisible character", "remove it"),
        ("]", "]", "", "closes nothing", "remove it"),
    ] {
        let error = error(text);
        assert!(error.message.contains(message), "{text}: {}", error.message);
        assert!(error.help.as_ref().is_some_and(|told| told.contains(help)), "{text}: {:?}", error.help);
        assert_eq!(error.pointer, pointer, "{text}");
        let part_start =
            if part.is_empty() { text.len() } else { text.find(part).expect("the part stands in the text") };
        assert_eq!(error.span.start, part_start, "{text}");
    }
}

#[test]
fn aliases_cannot_unfold_without_end() {
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    let mut tower = "a0: &a0 [x]\n".to_owned();
    for level in 1..1000 {
        let below = level - 1;
        let list = vec![format!("*a{below}"); 10].join(", ");
        laughs.extend(["a", &level.to_string(), ": &a", &level.to_string(), " [", &list, "]\n"]);
        tower.extend(["a", &level.to_string(), ": &a", &level.to_string(), " [*a", &below.to_string(), "]\n"]);
    }
    assert!(error(&laughs).message.contains("unfold to too much"));
    assert!(error(&tower).message.contains("more than 125 lists and maps"));
    let long = format!("- &x {}\n{}", "x".repeat(100_000), "- *x\n".repeat(1000));
    assert!(error(&long).message.contains("unfold to too much"));
    let anchors: Vec<String> = (0..100).map(|depth| format!("{:depth$}&a{depth}\n{:depth$}-", "", "")).collect();
    assert!(read_yaml(&anchors.join("\n")).is_ok());
}

#[test]
fn depth_is_bounded() {
    assert!(error(&"- ".repeat(100_000)).message.contains("more than 125"));
    assert!(error(&"[".repeat(100_000)).message.contains("too many"));
    let nested = |depth: usize| format!("{}1", "- ".repeat(depth));
    assert!(read_yaml(&nested(MAX_DEPTH)).is_ok());
    assert!(read_yaml(&nested(MAX_DEPTH + 1)).is_err());
}
