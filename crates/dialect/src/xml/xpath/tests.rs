use super::*;

const LIBRARY: &str = "<library name='city'>\
    <book id='1' lang='en'><title>Rust</title><price>30</price><author>Ann</author><author>Bob</author></book>\
    <book id='2'><title>Go &amp; more</title><price>25.5</price></book>\
    <!-- note --><?sort by=\"title\"?>\
    <shelf xml:lang='en-GB'><book id='3'><title>  C\n  lib </title><price>n/a</price></book></shelf>\
    </library>";

fn value(expression: &str, text: &str) -> String {
    let document = Document::parse(text).expect("a document");
    let path = XPath::parse(expression, Namespaces::Ignored).unwrap_or_else(|error| panic!("{expression}: {error}"));
    match path.evaluate(&document).expect("few steps") {
        XPathValue::Nodes(nodes) => {
            let texts: Vec<_> = nodes.iter().map(|node| document.string_value(*node).into_owned()).collect();
            format!("[{}]", texts.join("|"))
        }
        value => value.as_text(&document).into_owned(),
    }
}

#[test]
fn paths() {
    for (expression, expected) in [
        ("/", "[RustRust]".replace("RustRust", "Rust30AnnBobGo & more25.5  C\n  lib n/a").as_str()),
        ("/library/book/title", "[Rust|Go & more]"),
        ("//title[1]", "[Rust|Go & more|  C\n  lib ]"),
        ("(//title)[1]", "[Rust]"),
        ("(//title)[last()]", "[  C\n  lib ]"),
        ("//book[2]/@id", "[2]"),
        ("//book[@id='3']/title", "[  C\n  lib ]"),
        ("//book[price > 26]/title/text()", "[Rust]"),
        ("//book[price = 25.5]/@id", "[2]"),
        ("//book[author]/@id", "[1]"),
        ("//book[not(author)]/@id", "[2|3]"),
        ("//book[author='Bob']/@id", "[1]"),
        ("//book[author!='Bob']/@id", "[1]"),
        ("//@id", "[1|2|3]"),
        ("/library/*[2]/@id", "[2]"),
        ("//author/..", "[Rust30AnnBob]"),
        ("//author/../@lang", "[en]"),
        ("//title/ancestor::book/@id", "[1|2|3]"),
        ("//author[2]/preceding-sibling::*", "[Rust|30|Ann]"),
        ("//author[2]/preceding-sibling::*[1]", "[Ann]"),
        ("//book[1]/following-sibling::book/@id", "[2]"),
        ("//book[1]/following::book/@id", "[2|3]"),
        ("//shelf/preceding::book/@id", "[1|2]"),
        ("//shelf/descendant-or-self::*/@id", "[3]"),
        ("//book/self::book[@id=2]/title", "[Go & more]"),
        ("/library/child::book[position()<2]/attribute::id", "[1]"),
        ("//comment()", "[ note ]"),
        ("//processing-instruction()", "[by=\"title\"]"),
        ("//processing-instruction('sort')", "[by=\"title\"]"),
        ("//processing-instruction('other')", "[]"),
        ("//book/@id | //book/@lang | //book[1]/@id", "[1|en|2|3]"),
        ("/library/missing", "[]"),
        ("library/book/@*", "[1|en|2]"),
        ("//book[title='Rust' and price='30' or @id='3']/@id", "[1|3]"),
        ("//*[@id][last()]/@id", "[2|3]"),
        ("//book[position() = last()]/@id", "[2|3]"),
        ("//book[1][@id='2']", "[]"),
        ("//book[@id > 1][1]/@id", "[2|3]"),
        ("/library/book[1]/author[text()='Ann']/following-sibling::author", "[Bob]"),
        ("id('x')", "[]"),
        ("./library/@name/..//shelf/@lang", "[en-GB]"),
    ] {
        assert_eq!(value(expression, LIBRARY), expected, "{expression}");
    }
}

#[test]
fn values_and_functions() {
    for (expression, expected) in [
        ("count(//book)", "3"),
        ("count(//book) > 2", "true"),
        ("sum(//book[@id<3]/price)", "55.5"),
        ("sum(//price)", "NaN"),
        ("string(//title)", "Rust"),
        ("string-length(//title)", "4"),
        ("normalize-space(//shelf//title)", "C lib"),
        ("concat('a', 1, true(), //missing)", "a1true"),
        ("starts-with('abc', 'ab')", "true"),
        ("contains(//book[2]/title, '&')", "true"),
        ("substring-before('a=b=c', '=')", "a"),
        ("substring-after('a=b=c', '=')", "b=c"),
        ("substring-after('abc', 'x')", ""),
        ("substring('12345', 2, 3)", "234"),
        ("substring('12345', 2)", "2345"),
        ("substring('12345', 1.5, 2.6)", "234"),
        ("substring('12345', 0, 3)", "12"),
        ("substring('12345', 0 div 0, 3)", ""),
        ("substring('12345', -42, 1 div 0)", "12345"),
        ("substring('12345', -1 div 0, 1 div 0)", ""),
        ("translate('bar', 'abc', 'AB')", "BAr"),
        ("translate('-a-b-', '-', '')", "ab"),
        ("local-name(/*)", "library"),
        ("name(//@id)", "id"),
        ("namespace-uri(/*)", ""),
        ("name(//processing-instruction())", "sort"),
        ("boolean(//missing)", "false"),
        ("boolean('false')", "true"),
        ("not(//book)", "false"),
        ("number(' -12.50 ')", "-12.5"),
        ("number('1e3')", "NaN"),
        ("number('+1')", "NaN"),
        ("number(true())", "1"),
        ("floor(-1.5)", "-2"),
        ("ceiling(-1.5)", "-1"),
        ("round(2.5)", "3"),
        ("round(-2.5)", "-2"),
        ("1 div 0", "Infinity"),
        ("-1 div 0", "-Infinity"),
        ("0 div 0", "NaN"),
        ("-0", "0"),
        ("7 mod 3", "1"),
        ("-7 mod 3", "-1"),
        ("2 + 3 * 4 - 6 div 2", "11"),
        ("--2", "2"),
        ("1000000 * 1000000", "1000000000000"),
        ("0.1 + 0.2 = 0.3", "false"),
        ("'a' = 'a'", "true"),
        ("'1' = 1.0", "true"),
        ("1 < 2 and 2 <= 2 and 3 > 2 and 3 >= 3 and 1 != 2", "true"),
        ("//price = //price", "true"),
        ("//missing = //missing", "false"),
        ("//book = true()", "true"),
        ("'a' < 'b'", "false"),
        ("lang('en')", "false"),
        ("count(//*[lang('en')])", "4"),
        ("count(//*[lang('EN')])", "4"),
        ("count(//*[lang('e')])", "0"),
        ("position() + last()", "2"),
        ("string(count(//div | //mod))", "0"),
        ("*[1]/@name = 'city'", "true"),
    ] {
        assert_eq!(value(expression, LIBRARY), expected, "{expression}");
    }
}

#[test]
fn operators_may_be_names() {
    let text = "<and><or>1</or><div mod='2'/><a-b>3</a-b><a.b>4</a.b></and>";
    for (expression, expected) in [
        ("/and/or", "[1]"),
        ("/and/div/@mod", "[2]"),
        ("//or or //div", "true"),
        ("/and/or*2", "2"),
        ("/and/* * 2", "2"),
        ("/and/a-b", "[3]"),
        ("/and/a.b", "[4]"),
        ("/and/a-b - 1", "2"),
        ("/and/or -1", "0"),
    ] {
        assert_eq!(value(expression, text), expected, "{expression}");
    }
}

#[test]
fn text_and_cdata_are_one_text() {
    let text = "<a>x<![CDATA[y]]>z<b/>w</a>";
    for (expression, expected) in
        [("//text()", "[xyz|w]"), ("//text()[2]", "[w]"), ("count(/a/node())", "3"), ("/a/text()='xyz'", "true")]
    {
        assert_eq!(value(expression, text), expected, "{expression}");
    }
}

#[test]
fn names_with_prefixes() {
    let document = Document::parse("<p:a xmlns:p='u' xmlns='v'><p:b p:c='1'/><b>2</b></p:a>").expect("a document");
    let known = [("n".to_owned(), "u".to_owned()), ("m".to_owned(), "v".to_owned())];
    let bound = Namespaces::Bound(&known);
    for (expression, namespaces, expected) in [
        ("count(//p:b)", Namespaces::Ignored, "0"),
        ("count(//b)", Namespaces::Ignored, "1"),
        ("count(//b[@c])", Namespaces::Ignored, "0"),
        ("count(//b[1])", Namespaces::Ignored, "1"),
        ("count(/a/b)", Namespaces::Ignored, "2"),
        ("count(//a/b)", Namespaces::Ignored, "2"),
        ("count(//b/@c)", Namespaces::Ignored, "1"),
        ("count(//p:*)", Namespaces::Ignored, "0"),
        ("count(//@p:c)", Namespaces::Ignored, "0"),
        ("count(//@c)", Namespaces::Ignored, "1"),
        ("count(//@*)", Namespaces::Ignored, "1"),
        ("count(//n:b)", Namespaces::Ignored, "0"),
        ("count(//*[local-name()='b'])", Namespaces::Ignored, "2"),
        ("count(//n:b)", bound, "1"),
        ("count(//m:b)", bound, "1"),
        ("count(//n:*)", bound, "2"),
        ("count(//b)", bound, "0"),
        ("count(//@n:c)", bound, "1"),
        ("count(//@m:c)", bound, "0"),
        ("namespace-uri(/*)", bound, "u"),
        ("name(/*)", bound, "p:a"),
        ("count(//@lang)", bound, "0"),
    ] {
        let path = XPath::parse(expression, namespaces).expect(expression);
        let value = path.evaluate(&document).expect("few steps");
        assert_eq!(value.as_text(&document), expected, "{expression} {namespaces:?}");
    }
    assert!(XPath::parse("//p:b", bound).expect_err("unbound").help.contains("xPathNamespaces"));
}

#[test]
fn what_is_no_expression() {
    for expression in [
        "",
        " ",
        "//",
        "//b[",
        "//b]",
        "/a/",
        "a b",
        "a/'x'",
        "1 +",
        "@",
        "foo()",
        "count(1)",
        "count()",
        "count(a, b)",
        "'open",
        "a[1",
        "(a",
        "a | 1",
        "'a'[1]",
        "1/a",
        "sideways::a",
        "namespace::a",
        "$x",
        "a!b",
        "text(1)",
        "a::b",
        "child::",
        "..[1]",
        "a//",
        "#",
        "p:",
        ":a",
        "string()/a",
    ] {
        let error = XPath::parse(expression, Namespaces::Ignored).map(|_| ()).expect_err(expression);
        assert!(!error.help.is_empty() && error.at <= expression.len(), "{expression}: {error}");
    }
    for deep in ["(".repeat(1000), "a[".repeat(1000), "-1".repeat(3000), "1=".repeat(1000), "a/".repeat(5000)] {
        assert!(XPath::parse(&deep, Namespaces::Ignored).is_err());
    }
}

#[test]
fn walks_are_bounded() {
    let wide = format!("<a>{}</a>", "<b><c>x</c></b>".repeat(5000));
    let document = Document::parse(&wide).expect("a document");
    for (expression, ends) in
        [("//c", true), ("//b[c='x']", true), ("//b[//c='y']", false), ("//c[preceding::c = following::c/..]", false)]
    {
        let path = XPath::parse(expression, Namespaces::Ignored).expect(expression);
        assert_eq!(path.evaluate(&document).is_ok(), ends, "{expression}");
    }
}

/// Generates a tree of elements `a` and `b` and texts, small enough for slow but plainly right
/// checks.
fn trees() -> impl proptest::strategy::Strategy<Value = String> {
    use proptest::prelude::*;
    let leaf = prop_oneof![Just("x".to_owned()), Just("<a/>".to_owned()), Just("<b i='1'>y</b>".to_owned())];
    let inner = leaf.prop_recursive(4, 24, 4, |inner| {
        (prop::collection::vec(inner, 0..4), prop::bool::ANY).prop_map(|(children, is_a)| {
            let name = if is_a { "a" } else { "b" };
            format!("<{name}>{}</{name}>", children.concat())
        })
    });
    inner.prop_map(|inner| format!("<r>{inner}</r>"))
}

proptest::proptest! {
    #[test]
    fn parsing_never_panics(expression in "(a|b|/|//|\\[|\\]|\\(|\\)|@|\\*|::|and|or|div|-|\\+|=|<|'|\"|1|\\.|,|\\||text|count|not|p:| ){0,20}") {
        if let Ok(path) = XPath::parse(&expression, Namespaces::Ignored) {
            let _ = path.evaluate(&Document::parse(LIBRARY).expect("a document"));
        }
    }

    #[test]
    fn errors_have_their_place_in_the_expression(expression in "\\PC{0,24}|[ab/@*()\\[\\]=+:'0-9 -]{0,24}") {
        if let Err(error) = XPath::parse(&expression, Namespaces::Ignored) {
            proptest::prop_assert!(error.at <= expression.len() && expression.is_char_boundary(error.at), "{}", error);
            proptest::prop_assert!(!error.help.is_empty(), "{}", error);
        }
    }

    /// Steps are counted, so that nested predicates over every node end whatever the document is.
    #[test]
    fn evaluation_ends(
        text in trees(),
        paths in proptest::collection::vec(proptest::sample::select(vec!["//*", "//a", "//node()", "ancestor::*", "following::b"]), 1..4),
        comparison in proptest::sample::select(vec!["=", "!=", "<", "and", "|"]),
    ) {
        let document = Document::parse(&text).expect("a document");
        let predicates = paths.iter().fold(String::new(), |inner, path| format!("[{path}{inner} {comparison} //b]"));
        let path = XPath::parse(&format!("//*{predicates}"), Namespaces::Ignored).expect("a path");
        if let Ok(XPathValue::Nodes(nodes)) = path.evaluate(&document) {
            proptest::prop_assert!(nodes.is_sorted(), "in document order");
        }
    }

    /// Each axis against its definition by ancestors and document order.
    #[test]
    fn axes_are_as_defined(text in trees()) {
        let document = Document::parse(&text).expect("a document");
        let all: Vec<NodeId> = std::iter::once(NodeId::DOCUMENT).chain(document.descendants(NodeId::DOCUMENT)).collect();
        let is_above = |above: NodeId, below: NodeId| {
            std::iter::successors(document.parent(below), |place| document.parent(*place)).any(|place| place == above)
        };
        let walk = |axis: &str, from: NodeId| {
            // a path to the node by the places of its ancestors among their siblings
            let mut path = String::new();
            let mut at = from;
            while let Some(parent) = document.parent(at) {
                let place = document.children(parent).position(|child| child == at).expect("a child") + 1;
                path = format!("/node()[{place}]{path}");
                at = parent;
            }
            let start = if path.is_empty() { "/".to_owned() } else { path + "/" };
            let start = if from == NodeId::DOCUMENT { "/.".to_owned() + "/" } else { start };
            let path = XPath::parse(&format!("{start}{axis}::node()"), Namespaces::Ignored).expect("a path");
            match path.evaluate(&document).expect("few steps") {
                XPathValue::Nodes(nodes) => nodes,
                other => panic!("{other:?}"),
            }
        };
        for from in &all {
            let from = *from;
            let naive = |wanted: &dyn Fn(NodeId) -> bool| -> Vec<NodeId> { all.iter().copied().filter(|place| wanted(*place)).collect() };
            let sibling = |place: NodeId| place != NodeId::DOCUMENT && from != NodeId::DOCUMENT && document.parent(place) == document.parent(from);
            proptest::prop_assert_eq!(walk("child", from), naive(&|place| place != NodeId::DOCUMENT && document.parent(place) == Some(from)));
            proptest::prop_assert_eq!(walk("descendant", from), naive(&|place| is_above(from, place)));
            proptest::prop_assert_eq!(walk("descendant-or-self", from), naive(&|place| place == from || is_above(from, place)));
            proptest::prop_assert_eq!(walk("ancestor", from), naive(&|place| is_above(place, from)));
            proptest::prop_assert_eq!(walk("ancestor-or-self", from), naive(&|place| place == from || is_above(place, from)));
            proptest::prop_assert_eq!(walk("following", from), naive(&|place| place > from && !is_above(from, place)));
            proptest::prop_assert_eq!(walk("preceding", from), naive(&|place| place < from && !is_above(place, from)));
            proptest::prop_assert_eq!(walk("following-sibling", from), naive(&|place| sibling(place) && place > from));
            proptest::prop_assert_eq!(walk("preceding-sibling", from), naive(&|place| sibling(place) && place < from));
        }
    }
}
