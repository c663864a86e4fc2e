use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::json::JsonTree;

/// Returns the values that a path selects; nothing where it does not apply.
fn selected<'a>(path: &JsonPath, root: &'a Value) -> PathSelection<'a> {
    path.try_select(root).unwrap_or(PathSelection::Missing)
}

fn parsed(path: &str) -> JsonPath {
    JsonPath::parse(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Shows a selection: `-` for nothing, `!` for a failure, JSON for one value, `*` and a list for
/// many.
fn shown<'a>(path: &str, document: impl Into<JsonNode<'a>>) -> String {
    match parsed(path).try_select(document) {
        Ok(PathSelection::Missing) => "-".to_owned(),
        Ok(PathSelection::One(value)) => value.to_string(),
        Ok(PathSelection::Many(values)) => {
            let list: Value = values.into_iter().map(SelectedValue::into_value).collect();
            format!("*{list}")
        }
        Err(_) => "!".to_owned(),
    }
}

fn check(document: &Value, rows: &[(&str, &str)]) {
    let tree = JsonTree::parse(document.to_string().into()).expect("JSON");
    for (path, expected) in rows {
        assert_eq!(shown(path, document), *expected, "{path}");
        assert_eq!(shown(path, &tree), *expected, "{path} in a tree");
    }
}

/// Checks which `n` a filter on `$.items` lets pass.
fn check_filters(document: &Value, rows: &[(&str, &[i64])]) {
    for (filter, expected) in rows {
        let path = format!("$.items[?({filter})].n");
        assert_eq!(shown(&path, document), format!("*{}", json!(expected)), "{path}");
    }
}

fn order() -> Value {
    json!({
        "id": 7,
        "name": "Ann",
        "none": null,
        "empty": {"list": [], "object": {}, "text": ""},
        "odd key": {"a.b": 1, "it's": 2, "$x": 3},
        "sizes": ["S", "M"],
        "items": [{"sku": "a", "price": 5}, {"sku": "b", "price": 12.5, "qty": 2}, {"sku": "c", "price": 8}],
        "numbers": [1, 2, 3, 4],
        "tree": {"v": 1, "kids": [{"v": 2}, {"v": 3, "kids": [{"v": 4}]}]},
    })
}

#[test]
fn members_and_items_are_found() {
    check(
        &order(),
        &[
            ("$.id", "7"),
            ("@.id", "7"),
            ("id", "7"),
            (" $.id ", "7"),
            ("$['id']", "7"),
            ("$[\"id\"]", "7"),
            ("$.['id']", "7"),
            ("$[ 'id' ]", "7"),
            ("['id']", "7"),
            ("$.none", "null"),
            ("$.gone", "-"),
            ("$.gone.deeper", "-"),
            ("$.id.deeper", "-"),
            ("$.none.deeper", "-"),
            ("$['odd key']['a.b']", "1"),
            ("$['odd key']['it\\'s']", "2"),
            ("$['odd key'][\"it's\"]", "2"),
            ("$['odd key'].$x", "3"),
            ("$['n\\u0061me']", "\"Ann\""),
            ("$['id','name']", "{\"id\":7,\"name\":\"Ann\"}"),
            ("$['id','gone']", "{\"id\":7}"),
            ("$['gone','lost']", "{}"),
            ("$['tree','empty'].v", "*[1]"),
            ("$.items[0].sku", "\"a\""),
            ("items[0].sku", "\"a\""),
            ("$.items.[0].sku", "\"a\""),
            ("$.items[-1].sku", "\"c\""),
            ("$.items[3]", "-"),
            ("$.items[-4]", "-"),
            ("$.id[0]", "-"),
            ("$.sizes[0,1]", "*[\"S\",\"M\"]"),
            ("$.sizes[1, 0]", "*[\"M\",\"S\"]"),
            ("$.sizes[0,5,-1]", "*[\"S\",\"M\"]"),
            ("$.items[0,1].price", "*[5,12.5]"),
        ],
    );
}

#[test]
fn slices_count_as_in_jayway() {
    check(
        &order(),
        &[
            ("$.numbers[1:3]", "*[2,3]"),
            ("$.numbers[ 1 : 3 ]", "*[2,3]"),
            ("$.numbers[:2]", "*[1,2]"),
            ("$.numbers[2:]", "*[3,4]"),
            ("$.numbers[-2:]", "*[3,4]"),
            ("$.numbers[-9:]", "*[1,2,3,4]"),
            ("$.numbers[9:]", "*[]"),
            ("$.numbers[:-1]", "*[1,2,3]"),
            ("$.numbers[:-9]", "*[]"),
            ("$.numbers[:99]", "*[1,2,3,4]"),
            ("$.numbers[3:1]", "*[]"),
            ("$.numbers[1:-1]", "*[]"),
            ("$.numbers[-3:-1]", "*[2,3]"),
            ("$.numbers[-1:2]", "*[4,1,2]"),
            ("$.numbers[-2147483648:2147483647]", "*[1,2,3,4,1,2,3,4]"),
            ("$.numbers[0:4:2]", "*[1,2,3,4]"),
            ("$.id[0:1]", "-"),
            ("$.empty.list[0:1]", "*[]"),
        ],
    );
}

#[test]
fn wildcards_and_scans_find_all() {
    check(
        &order(),
        &[
            ("$.sizes[*]", "*[\"S\",\"M\"]"),
            ("$.sizes.*", "*[\"S\",\"M\"]"),
            ("$.empty.*", "*[[],{},\"\"]"),
            ("$.items[*].price", "*[5,12.5,8]"),
            ("$.items[*].qty", "*[2]"),
            ("$.items[*].qty.deeper", "*[]"),
            ("$.id[*]", "*[]"),
            ("$.gone[*]", "-"),
            ("$..v", "*[1,2,3,4]"),
            ("$..['v']", "*[1,2,3,4]"),
            (".v", "*[1,2,3,4]"),
            ("$.tree..v", "*[1,2,3,4]"),
            ("$.tree.kids..v", "*[2,3,4]"),
            ("$.gone..v", "-"),
            ("$..gone", "*[]"),
            ("$..kids[0].v", "*[2,4]"),
            ("$.tree..kids[-1].v", "*[3,4]"),
            ("$.tree..kids.length()", "*[2,1]"),
            ("$.tree.kids[1]..*", "*[3,[{\"v\":4}],{\"v\":4},4]"),
            ("$.tree.kids[1]..['v','kids']", "*[{\"v\":3,\"kids\":[{\"v\":4}]}]"),
            ("$.tree..[0]", "*[{\"v\":2},{\"v\":4}]"),
            ("$.tree..[0:1]", "*[{\"v\":2},{\"v\":4}]"),
            // Jayway goes on from every item, not from the first of each list
            ("$.tree..[0].v", "*[2,3,4]"),
            ("$.items..[?(@.qty)].sku", "*[\"b\"]"),
            ("$.tree..[?(@.kids)].v", "*[1,3]"),
            ("$..[?(@.v > 2)].v", "*[3,4]"),
            ("$..[?(@.sku == 'a')].price", "*[5]"),
        ],
    );
}

#[test]
fn roots_of_any_kind_are_selected() {
    for root in ["3", "\"x\"", "false", "null", "[]", "[1,[2]]", "{\"a\":{}}"] {
        let document: Value = serde_json::from_str(root).expect("JSON");
        check(&document, &[("$", root), ("@", root)]);
    }
    check(&json!([[1, 2], [3]]), &[("$[0][1]", "2"), ("$[*][0]", "*[1,3]"), ("[1]", "[3]"), ("*", "*[[1,2],[3]]")]);
    check(&json!([{"a": 2}, {"a": 3}]), &[("$[?(@.a == 2)]", "*[{\"a\":2}]")]);
    check(&json!({"tags": ["a", "b"]}), &[("$.tags[?(@ == 'a')]", "*[\"a\"]")]);
}

fn mixed() -> Value {
    json!({
        "limit": 3,
        "wanted": ["x", 2],
        "items": [
            {"n": 1, "v": 1, "s": "M", "l": ["x"], "flag": true},
            {"n": 2, "v": 5, "s": "L", "l": [], "flag": false, "sub": {"k": "x"}},
            {"n": 3, "v": "5", "s": "xl", "l": ["x", "y"], "nil": null},
            {"n": 4, "v": 10.0, "s": "", "sub": {}},
        ],
    })
}

#[test]
fn comparisons_follow_jayways_types() {
    check_filters(
        &mixed(),
        &[
            ("@.v == 1", &[1]),
            ("@.v==1", &[1]),
            ("@['v'] == 1", &[1]),
            ("1 == @.v", &[1]),
            ("@.v == 1.0", &[1]),
            ("@.v == 10", &[4]),
            ("@.v == 1e1", &[4]),
            // a number and a text are equal if the one on the left is as the other is written
            ("@.v == 5", &[2, 3]),
            ("@.v == '5'", &[2, 3]),
            ("'5' == @.v", &[2, 3]),
            ("@.v == '5.0'", &[2]),
            ("@.v === 5", &[2]),
            ("@.v !== 5", &[1, 3, 4]),
            ("@.v != 5", &[1, 4]),
            ("@.v > 1", &[2, 3, 4]),
            ("@.v >= 5", &[2, 3, 4]),
            ("@.v < 5", &[1]),
            ("@.v <= 1", &[1]),
            ("@.v > $.limit", &[2, 3, 4]),
            ("@.v < -1.5", &[]),
            ("@.v > .5", &[1, 2, 3, 4]),
            ("@.s == 'M'", &[1]),
            ("@.s == \"M\"", &[1]),
            ("@.s > 'M'", &[3]),
            ("@.s < 'M'", &[2, 4]),
            ("@.s != 'M'", &[2, 3, 4]),
            ("@.flag == true", &[1]),
            ("@.flag == false", &[2]),
            ("@.flag != true", &[2, 3, 4]),
            ("@.flag == 'true'", &[]),
            ("@.nil == null", &[3]),
            // what is missing is equal to nothing, null included
            ("@.nil != null", &[1, 2, 4]),
            ("@.gone == null", &[]),
            ("@.gone == @.gone", &[]),
            ("@.gone != 1", &[1, 2, 3, 4]),
            ("@.gone < 1", &[]),
            ("@.flag < 1", &[]),
            ("@.l == ['x']", &[1]),
            ("@.l == []", &[2]),
            ("@.sub == {'k': 'x'}", &[2]),
            ("@.sub == {}", &[4]),
            ("@.sub.k == 'x'", &[2]),
            ("@.l[0] == 'x'", &[1, 3]),
            ("@.l[-1] == 'y'", &[3]),
            ("@.l.length() == 2", &[3]),
            ("@.l.length() > 0", &[1, 3]),
            ("$.wanted.length() == 2", &[1, 2, 3, 4]),
        ],
    );
}

#[test]
fn operators_of_words_and_regexes_hold() {
    check_filters(
        &mixed(),
        &[
            ("@.s =~ /m/i", &[1]),
            ("@.s =~ /m/", &[]),
            ("@.s =~ /x/", &[]),
            ("@.s =~ /x.*/", &[3]),
            ("@.s =~ /M|L/g", &[1, 2]),
            ("/M/ =~ @.s", &[1]),
            ("@.v =~ /\\d/", &[1, 2, 3]),
            ("@.flag =~ /true/", &[1]),
            // what has no text counts as the empty one
            ("@.sub =~ /.+/", &[]),
            ("@.gone =~ /.*/", &[1, 2, 3, 4]),
            ("@.l =~ /y|z/", &[3]),
            ("@.s =~ 'M'", &[]),
            ("@.s in ['M', 'xl']", &[1, 3]),
            ("@.s IN [\"M\"]", &[1]),
            ("@.v in [1, 5]", &[1, 2, 3]),
            ("@.s in [M, L]", &[1, 2]),
            ("'x' in @.l", &[1, 3]),
            ("@.s in 'M'", &[]),
            ("@.s nin ['M', 'xl']", &[2, 4]),
            ("@.gone nin ['M']", &[1, 2, 3, 4]),
            // no list to look in is no comparison
            ("@.s nin 'M'", &[]),
            ("!(@.s nin 'M')", &[]),
            ("@.l subsetof ['x', 'z']", &[1, 2]),
            ("@.l subsetof $.wanted", &[1, 2]),
            ("@.l anyof ['y', 'z']", &[3]),
            ("@.l noneof ['y', 'z']", &[1, 2]),
            ("@.l all ['x', 'y']", &[3]),
            ("@.l contains 'y'", &[3]),
            ("@.s contains 'l'", &[3]),
            ("@.l size 2", &[3]),
            ("@.l size 0", &[2]),
            ("@.s size 2", &[3]),
            ("@.l size '2'", &[]),
            ("@.l empty true", &[2]),
            ("@.l empty false", &[1, 3]),
            ("@.s empty true", &[4]),
            ("@.sub empty true", &[4]),
            ("@.l empty 1", &[]),
        ],
    );
}

#[test]
fn existence_and_logic_hold() {
    check_filters(
        &mixed(),
        &[
            ("@.flag", &[1, 2]),
            ("@.nil", &[3]),
            ("@['nil']", &[3]),
            ("@.sub.k", &[2]),
            ("@.l[1]", &[3]),
            ("!@.flag", &[3, 4]),
            ("! @.flag", &[3, 4]),
            ("!(@.flag)", &[3, 4]),
            ("!!(@.flag)", &[1, 2]),
            // an indefinite path exists though it selects nothing
            ("@.l[*]", &[1, 2, 3]),
            ("@.l[?(@ == 'y')]", &[1, 2, 3]),
            ("@.l[?(@ == 'y')] empty false", &[3]),
            ("@..k", &[]),
            ("$.limit", &[1, 2, 3, 4]),
            ("@.v == 1 || @.v == 10", &[1, 4]),
            ("@.v == 1||@.v == 10", &[1, 4]),
            ("@.flag&&@.sub", &[2]),
            ("@.v > 1 && @.s == 'L'", &[2]),
            ("@.v == 1 || @.v == 5 && @.s == 'L'", &[1, 2]),
            ("(@.v == 1 || @.v == 5) && @.s == 'L'", &[2]),
            ("((@.v == 1))", &[1]),
            ("!(@.v == 1) && !(@.s == 'L')", &[3, 4]),
            ("@.flag || @.nil", &[1, 2, 3]),
        ],
    );
    check(
        &mixed(),
        &[
            (
                "$.items[?(@.v > 1)][?(@.flag)]",
                "*[{\"n\":2,\"v\":5,\"s\":\"L\",\"l\":[],\"flag\":false,\"sub\":{\"k\":\"x\"}}]",
            ),
            ("$.items[1].sub[?(@.k)]", "*[{\"k\":\"x\"}]"),
            ("$.items[1].sub[?(@.gone)]", "*[]"),
            ("$.items[ ?( @.n==4 ) ].s", "*[\"\"]"),
            ("$.limit[?(@ == 3)]", "!"),
            ("$.gone[?(@ == 3)]", "-"),
        ],
    );
}

#[test]
fn functions_end_a_path() {
    check(
        &order(),
        &[
            ("$.numbers.min()", "1.0"),
            ("$.numbers.max()", "4.0"),
            ("$.numbers.avg()", "2.5"),
            ("$.numbers.sum()", "10.0"),
            ("$.numbers.stddev()", "1.118033988749895"),
            ("$.numbers.length()", "4"),
            ("$.numbers.size()", "4"),
            ("$.numbers.first()", "1"),
            ("$.numbers.last()", "4"),
            ("$.numbers.index(2)", "3"),
            ("$.numbers.index(-1)", "4"),
            ("$.numbers.index(9)", "!"),
            ("$.numbers.append(5)", "[1,2,3,4,5]"),
            ("$.numbers.append(5).sum()", "15.0"),
            ("$.numbers.append(5)[-1]", "5"),
            ("$.numbers.sum(10, $.id)", "27.0"),
            ("$.sum($.numbers, 5)", "15.0"),
            ("$.sum($.numbers.max(), $.numbers.min())", "5.0"),
            ("$.max($.items[*].price)", "12.5"),
            ("$..price.sum()", "25.5"),
            ("$..items.length()", "3"),
            ("$..v.max()", "4.0"),
            ("$.items[*].price.sum()", "!"),
            ("$.sizes.sum()", "!"),
            ("$.empty.list.sum()", "!"),
            ("$.empty.list.first()", "!"),
            ("$.id.first()", "!"),
            ("$.gone.sum()", "-"),
            ("$.sum($.gone)", "-"),
            ("$.items.length()", "3"),
            ("$.items[0].length()", "2"),
            ("$.length($.items)", "3"),
            ("$.length()", "9"),
            ("$.name.length()", "null"),
            ("$.id.length()", "null"),
            ("$.items[*].length()", "*[2,3,2]"),
            ("$.items[0].keys()", "[\"sku\",\"price\"]"),
            ("$.items[0].keys()[1]", "\"price\""),
            ("$.items[0].keys().length()", "2"),
            ("$.numbers.keys()", "null"),
            ("$.items.first().sku", "\"a\""),
            ("$.sizes.concat()", "\"SM\""),
            ("$.sizes.concat('-', \"x\")", "\"SM-x\""),
            ("$.concat($.name, ' ', $.id)", "\"Ann 7\""),
            ("$.concat($.items[*].sku)", "\"abc\""),
            ("$.numbers.concat()", "\"\""),
        ],
    );
}

#[test]
fn what_is_found_is_not_empty() {
    let document = json!({"l": [1], "e": [], "o": {}, "n": null, "f": false, "z": 0, "t": ""});
    for (path, found) in [
        ("$.l", true),
        ("$.e", false),
        ("$.o", false),
        ("$.n", false),
        ("$.gone", false),
        ("$.f", true),
        ("$.z", true),
        ("$.t", true),
        ("$..gone", false),
        ("$.l[0:1]", true),
        ("$.e[0:1]", false),
        ("$.l.sum()", true),
        ("$.e.sum()", false),
        ("$.f.length()", false),
    ] {
        assert_eq!(selected(&parsed(path), &document).is_found(), found, "{path}");
    }
}

#[test]
fn paths_know_whether_they_are_definite() {
    for (path, definite) in [
        ("$", true),
        ("$.a.b[0]['c']", true),
        ("$['a','b']", true),
        ("$['a','b'].c", false),
        ("$.a[0,1]", false),
        ("$.a[1:]", false),
        ("$.*", false),
        ("$..a", false),
        ("$.a[?(@.b)]", false),
        ("$.a.length()", true),
        ("$..a.length()", true),
        ("$.a[*].length()", false),
    ] {
        assert_eq!(parsed(path).is_definite(), definite, "{path}");
    }
}

#[test]
fn defects_are_told_with_their_place() {
    for (path, at, what) in [
        ("", 0, "an empty path"),
        ("  ", 0, "an empty path"),
        ("$.a[?(", 6, "no value where one is needed"),
        ("$.a[?(@.b", 9, "the filter does not end here"),
        ("$.a[?(@.b)", 10, "the `[` at index 3 is not closed"),
        ("$.a[?@.b]", 5, "no `(` after `[?`"),
        ("$.a[?]", 5, "no `(` after `[?`"),
        ("$.a[?(@.b = 1)]", 10, "`=` is no operator"),
        ("$.a[?(@.b == x)]", 13, "a text without quotes"),
        ("$.a[?(@.b == )]", 13, "no value where one is needed"),
        ("$.a[?(@.b like 'x')]", 10, "`like` is no operator"),
        ("$.a[?(1)]", 7, "a value that is compared with nothing"),
        ("$.a[?(@.b == 'x)]", 13, "a quote that is not closed"),
        ("$.a[?(@.b =~ /x)]", 13, "a regex that is not closed"),
        ("$.a[?(@.b == 1 &&)]", 17, "no value where one is needed"),
        ("$.a[?((@.b == 1)]", 16, "the filter does not end here"),
        ("$.a[?((@.b == 1]", 15, "a `(` that is not closed"),
        ("$.a[?(@.b == 1-2)]", 13, "no number"),
        ("$.a[?(@.b in ['x')]", 17, "a list that is not closed"),
        ("$.a[?(@. == 1)]", 7, "a path that ends with a dot"),
        ("$[", 2, "none of a quoted name, an index, `*` or `?(` after `[`"),
        ("$[[", 2, "none of a quoted name, an index, `*` or `?(` after `[`"),
        ("$['a", 2, "a quote that is not closed"),
        ("$['a'", 5, "the `[` at index 1 is not closed"),
        ("$['a',]", 6, "no quoted name"),
        ("$['\\u00g0']", 4, "an escape that is not one"),
        ("$[0", 3, "the `[` at index 1 is not closed"),
        ("$[0,]", 1, "`` is no index"),
        ("$[99999999999]", 1, "`99999999999` is no index"),
        ("$[:]", 1, "a slice without ends"),
        ("$[(@.length-1)]", 2, "a computed index"),
        ("$[a]", 2, "none of a quoted name, an index, `*` or `?(` after `[`"),
        ("$a", 1, "neither `.` nor `[` after the start"),
        ("$.", 1, "a path that ends with a dot"),
        ("$.a.", 3, "a path that ends with a dot"),
        ("$..", 1, "a path that ends with a dot"),
        ("$...a", 3, "a dot too many"),
        ("$.a b", 3, "a blank in the path"),
        ("$.a.sun()", 4, "no function `sun`"),
        ("$.a.sum(", 4, "`sum(` is not closed"),
        ("$.a.sum(1 2)", 10, "`sum(` is not closed"),
    ] {
        let error = JsonPath::parse(path).expect_err(path);
        assert_eq!((error.at, error.message.as_str()), (at, what), "{path}");
        assert!(!error.help.is_empty(), "{path}");
    }
    let error = JsonPath::parse("$.a[?(@.b =~ /(/)]").expect_err("a bad regex");
    assert_eq!(error.at, 13);
    assert!(error.message.ends_with("of the pattern `(`"), "{}", error.message);
}

#[test]
fn deep_expressions_are_refused() {
    for path in [
        format!("$.a[?({}@.b{})]", "(".repeat(500), ")".repeat(500)),
        format!("$.a[?({}@.b)]", "!(".repeat(5000)),
        format!("$.a[?(@.b == {})]", "[".repeat(5000)),
        format!("${}", "[?(@.a".repeat(5000)),
        format!("${}", ".sum($".repeat(5000)),
        format!("${}", "..*".repeat(5000)),
        format!("${}", "[?(@)]".repeat(5000)),
    ] {
        assert!(JsonPath::parse(&path).is_err());
    }
}

#[test]
fn hostile_walks_are_given_up() {
    let deep =
        (0..120).fold(json!([1]), |inner, at| if at % 2 == 0 { json!({ "a": inner }) } else { json!([inner, 1]) });
    let wide: Value = (0..2000).collect();
    for (path, document) in [
        ("$..*..*..*..*..*", &deep),
        ("$..[?(@..*..*)]..*..*", &deep),
        ("$[?($..[?($..*)])]", &wide),
        ("$[?(@ in $)]", &wide),
        ("$.append($[?($ anyof $)])", &wide),
    ] {
        assert_eq!(parsed(path).try_select(document), Err(PathFailure::LimitExceeded), "{path}");
        assert_eq!(selected(&parsed(path), document), PathSelection::Missing, "{path}");
    }
}

fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|value| json!(value)),
        (-3i64..30).prop_map(|value| json!(value)),
        "[ab5]{0,2}".prop_map(|value| json!(value)),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(|items| json!(items)),
            proptest::collection::btree_map("[abc]", inner, 0..4).prop_map(|members| json!(members)),
        ]
    })
}

/// Pieces of paths, so that many of the expressions made of them are valid or nearly so.
fn expression() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "$",
        "@",
        ".",
        "..",
        "a",
        "b",
        "*",
        "[",
        "]",
        "[0]",
        "[-1]",
        "[1:]",
        "[:-1]",
        "[*]",
        "['a']",
        "['a','b']",
        "(",
        ")",
        "[?(",
        ")]",
        "@.a",
        "$.b",
        " == ",
        " > ",
        " in ",
        "['a', 5]",
        " =~ /a.*/i",
        "!",
        " && ",
        " || ",
        ".length()",
        ".sum()",
        ".keys()",
        ".append(1)",
        ".concat($.a, 'x')",
        "'",
        "\"",
        "\\",
        "/",
        "5",
        "-",
        "{",
        "}",
        ",",
        ":",
        "é",
        "\u{1f600}",
    ]);
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// Paths that are valid by the way they are made.
fn valid_path() -> impl Strategy<Value = String> {
    let step = prop::sample::select(vec![
        ".a",
        ".b",
        "..a",
        "..*",
        ".*",
        "[0]",
        "[-1]",
        "[0,1]",
        "[1:]",
        "[:-1]",
        "['a','b']",
        "[?(@.a)]",
        "[?(@.a == 5)]",
        "[?(@ > 3 || !@.b)]",
        "..[?(@.b != null)]",
        ".length()",
        ".keys()",
        ".append(1)",
        "..[0]",
    ]);
    proptest::collection::vec(step, 0..6).prop_map(|steps| format!("${}", steps.concat()))
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,40}", document in document()) {
        if let Ok(path) = JsonPath::parse(&text) {
            selected(&path, &document);
        }
    }

    #[test]
    fn no_expression_panics(text in expression(), document in document()) {
        match JsonPath::parse(&text) {
            Ok(path) => { selected(&path, &document); }
            Err(error) => prop_assert!(error.at <= text.len() && text.is_char_boundary(error.at)),
        }
    }

    #[test]
    fn a_tree_gives_what_a_document_does(text in valid_path(), document in document()) {
        let path = parsed(&text);
        let tree = JsonTree::parse(document.to_string().into()).expect("JSON");
        prop_assert_eq!(path.try_select(&tree), path.try_select(&document));
    }

    #[test]
    fn definite_paths_select_one_value_at_most(text in valid_path(), document in document()) {
        let path = parsed(&text);
        match path.try_select(&document) {
            Ok(PathSelection::Many(_)) => prop_assert!(!path.is_definite()),
            Ok(PathSelection::One(_)) => prop_assert!(path.is_definite()),
            Ok(PathSelection::Missing) | Err(_) => {}
        }
    }

    #[test]
    fn what_a_filter_and_its_negation_select_is_all(document in proptest::collection::vec(document(), 0..6)) {
        let document = json!(document);
        for condition in ["@.a == 5", "@.a > 3", "@.b", "@ == 'a'", "@.a == @.b"] {
            let count = |filter: String| match selected(&parsed(&filter), &document) {
                PathSelection::Many(values) => values.len(),
                other => panic!("{other:?}"),
            };
            let chosen = count(format!("$[?({condition})]"));
            let others = count(format!("$[?(!({condition}))]"));
            prop_assert_eq!(chosen + others, document.as_array().map_or(0, Vec::len));
        }
    }

    #[test]
    fn selections_stay_within_their_steps(text in valid_path(), document in document(), steps in 0..60_usize) {
        let path = parsed(&text);
        let (bounded, taken) = path.select_within(&document, steps);
        prop_assert!(taken <= steps, "{} of {}", taken, steps);
        // more steps never change what was found within fewer
        if bounded != Err(PathFailure::LimitExceeded) {
            prop_assert_eq!(bounded, path.try_select(&document));
        }
    }

    #[test]
    fn every_member_is_found_by_its_name(name in "\\PC{0,12}", value in document()) {
        let document = json!({ name.as_str(): value.clone() });
        let quoted = name.replace('\\', "\\\\").replace('\'', "\\'");
        let path = parsed(&format!("$['{quoted}']"));
        prop_assert_eq!(selected(&path, &document), PathSelection::One(SelectedValue::made(value)));
    }
}
