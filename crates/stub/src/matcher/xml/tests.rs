use super::*;

fn rule(expected: &str, options: XmlOptions) -> XmlEquality {
    XmlEquality::new(expected, options).unwrap_or_else(|error| panic!("{expected}: {error}")).0
}

fn matches_with(expected: &str, options: XmlOptions, actual: &str) -> bool {
    let actual = Document::parse(actual).unwrap_or_else(|error| panic!("{actual}: {error}"));
    rule(expected, options).matches(&actual) == MatchOutcome::Match
}

fn matches(expected: &str, actual: &str) -> bool {
    matches_with(expected, XmlOptions::default(), actual)
}

#[test]
fn what_does_not_count() {
    for (expected, actual) in [
        ("<a x='1' y='2'><b>t</b></a>", "<a y='2' x='1'>\n  <b> t </b>\n</a>"),
        ("<a x=' 1 '/>", "<a x='1'/>"),
        ("<a/>", "<a> </a>"),
        ("<?xml version='1.0' encoding='UTF-8'?><a>1</a>", "<!DOCTYPE a><a>1</a>"),
        ("<a>12</a>", "<a>1<!-- c -->2</a>"),
        ("<a><b/><c/></a>", "<a><c/><!-- c --><b/></a>"),
        ("<a>1 &lt; 2</a>", "<a>1 &#60; 2</a>"),
        ("<p:a xmlns:p='u'><p:b p:c='1'/></p:a>", "<a xmlns='u' xmlns:q='u'><b q:c='1'/></a>"),
        ("<a>t<b/></a>", "<a>t<b/></a>"),
        ("<?go now?><a/>", "<?go  now ?><a/>"),
        ("<a><![CDATA[x]]></a>", "<a><![CDATA[ x ]]></a>"),
    ] {
        assert!(matches(expected, actual), "{expected} {actual}");
    }
}

#[test]
fn what_counts() {
    for (expected, actual) in [
        ("<a/>", "<b/>"),
        ("<a>1</a>", "<a>2</a>"),
        ("<a x='1'/>", "<a/>"),
        ("<a/>", "<a x='1'/>"),
        ("<a x='1'/>", "<a x='2'/>"),
        ("<a x='1'/>", "<a y='1'/>"),
        ("<a><b/></a>", "<a/>"),
        ("<a/>", "<a><b/></a>"),
        ("<a><b>1</b><b>2</b></a>", "<a><b>2</b><b>1</b></a>"),
        ("<a>x</a>", "<a><![CDATA[x]]></a>"),
        ("<a>x</a>", "<a><x/></a>"),
        ("<p:a xmlns:p='u'/>", "<p:a xmlns:p='v'/>"),
        ("<p:a xmlns:p='u'/>", "<a/>"),
        ("<a xmlns:p='u' p:b='1'/>", "<a xmlns:p='v' p:b='1'/>"),
        ("<a xmlns:p='u' p:b='1'/>", "<a b='1'/>"),
        ("<?go now?><a/>", "<?go then?><a/>"),
        ("<?go now?><a/>", "<?come now?><a/>"),
        ("<a>t<b/></a>", "<a>u<b/></a>"),
        ("<a>1</a>", "<p:a>1</p:a>"),
    ] {
        assert!(!matches(expected, actual), "{expected} {actual}");
    }
    // a namespace counts only where one is expected
    assert!(matches("<a/>", "<a xmlns='u'/>"));
}

#[test]
fn regards_to_namespaces() {
    use NamespaceAwareness::{Legacy, None, Strict};
    for (expected, actual, holding) in [
        ("<a>1</a>", "<a>1</a>", &[Strict, Legacy, None][..]),
        ("<p:a xmlns:p='u'/>", "<q:a xmlns:q='u'/>", &[Strict, Legacy]),
        ("<p:a xmlns:p='u'/>", "<q:a xmlns:q='v'/>", &[Legacy]),
        ("<a xmlns='u'/>", "<a xmlns='v'/>", &[]),
        ("<a xmlns:p='u'/>", "<a/>", &[Strict, Legacy]),
        ("<a xmlns:p='u' xmlns:q='u' p:b='1'/>", "<a xmlns:p='u' xmlns:q='u' q:b='1'/>", &[Strict]),
    ] {
        for namespaces in [Strict, Legacy, None] {
            let options = XmlOptions { namespaces, ..XmlOptions::default() };
            let expected_to = holding.contains(&namespaces);
            assert_eq!(matches_with(expected, options, actual), expected_to, "{expected} {actual} {namespaces:?}");
        }
    }
    let unbound = "<p:a/>";
    assert!(XmlEquality::new(unbound, XmlOptions::default()).is_err());
    for namespaces in [Legacy, None] {
        assert!(matches_with(unbound, XmlOptions { namespaces, ..XmlOptions::default() }, unbound));
    }
    let uri = exempting(&["NAMESPACE_URI"]);
    assert!(matches_with("<a xmlns='u'/>", XmlOptions { namespaces: Legacy, ..uri.clone() }, "<a xmlns='v'/>"));
    assert!(matches_with("<a xmlns='u'/>", uri, "<a xmlns='v'/>"));
}

fn exempting(names: &[&str]) -> XmlOptions {
    let mut exempted = Exemptions::default();
    for name in names {
        assert!(exempted.add(name), "{name}");
    }
    XmlOptions { exempted, ..XmlOptions::default() }
}

#[test]
fn exemptions() {
    for (names, expected, actual) in [
        (&["ELEMENT_NUM_ATTRIBUTES", "ATTR_NAME_LOOKUP"][..], "<a>t</a>", "<a x='2'>t</a>"),
        (&["ELEMENT_NUM_ATTRIBUTES"], "<a>t</a>", "<a x='2'>t</a>"),
        (&["ATTR_VALUE"], "<a x='1'/>", "<a x='2'/>"),
        (&["TEXT_VALUE"], "<a>1</a>", "<a>2</a>"),
        (&["ELEMENT_TAG_NAME"], "<a>1</a>", "<b>1</b>"),
        (&["NODE_TYPE"], "<a>x</a>", "<a><![CDATA[x]]></a>"),
        (&["CHILD_NODELIST_LENGTH"], "<a><b/></a>", "<a><b/><c/></a>"),
        (&["CHILD_NODELIST_LENGTH", "CHILD_LOOKUP"], "<a><b/><c/></a>", "<a><b/></a>"),
        (&["PROCESSING_INSTRUCTION_DATA"], "<?go now?><a/>", "<?go then?><a/>"),
        (&["NAMESPACE_PREFIX"], "<a/>", "<a/>"),
    ] {
        assert!(matches_with(expected, exempting(names), actual), "{names:?}");
    }
    assert!(!matches_with("<a xmlns:p='u' p:b=''/>", exempting(&["NAMESPACE_URI"]), "<a xmlns:p='v' p:b=''/>"));
    assert!(!Exemptions::default().add("EVERYTHING"));
}

#[test]
fn what_schemas_say() {
    let with = |attributes: &str| format!("<a xmlns:i='http://www.w3.org/2001/XMLSchema-instance' {attributes}/>");
    for (expected, actual, holds) in [
        ("i:schemaLocation='u v'", "i:schemaLocation='u v'", true),
        ("i:schemaLocation='u v'", "i:schemaLocation='u w'", false),
        ("i:schemaLocation='u v'", "", false),
        ("", "i:schemaLocation='u v'", true),
        ("i:noNamespaceSchemaLocation='v'", "i:noNamespaceSchemaLocation='w'", false),
        ("i:type='p:t' xmlns:p='u'", "i:type='q:t' xmlns:q='u'", true),
        ("i:type='p:t' xmlns:p='u'", "i:type='p:t' xmlns:p='v'", false),
        ("i:type='t'", "", false),
    ] {
        assert_eq!(matches(&with(expected), &with(actual)), holds, "{expected} {actual}");
    }
}

#[test]
fn any_order() {
    let options = XmlOptions { any_order: true, ..XmlOptions::default() };
    let expected = "<a><b>1</b><b>2</b><c><d>x</d><d>y</d></c></a>";
    for (actual, holds) in [
        ("<a><c><d>y</d><d>x</d></c><b>2</b><b>1</b></a>", true),
        ("<a><b>1</b><b>3</b><c><d>x</d><d>y</d></c></a>", false),
    ] {
        assert_eq!(matches_with(expected, options.clone(), actual), holds, "{actual}");
    }
}

#[test]
fn placeholders() {
    let options = || XmlOptions {
        delimiters: Some(PlaceholderDelimiters::new(None, None).expect("usual")),
        ..XmlOptions::default()
    };
    for (expected, actual, holds) in [
        ("<a>${xmlunit.ignore}</a>", "<a>anything</a>", true),
        ("<a>${xmlunit.ignore}</a>", "<a/>", true),
        ("<a>\n <!-- id -->\n ${xmlunit.ignore}\n</a>", "<a>7</a>", true),
        ("<a>${xmlunit.ignore}<!-- id --></a>", "<a>7</a>", true),
        ("<a> ${ xmlunit.ignore } </a>", "<a>x</a>", true),
        ("<a>${xmlunit.ignore}</a>", "<a><![CDATA[x]]></a>", true),
        // the placeholder does not restrict the node in its place
        ("<a>${xmlunit.ignore}</a>", "<a><b/></a>", true),
        ("<a><b>${xmlunit.ignore}</b><c>1</c></a>", "<a><b>x</b><c>2</c></a>", false),
        ("<a id='${xmlunit.ignore}'/>", "<a id='77'/>", true),
        ("<a id='${xmlunit.ignore}'/>", "<a/>", true),
        ("<a id='${xmlunit.isNumber}'/>", "<a/>", false),
        ("<a>${xmlunit.isNumber}</a>", "<a> -12.5e3 </a>", true),
        ("<a>${xmlunit.isNumber}</a>", "<a>12.</a>", false),
        ("<a>${xmlunit.isNumber}</a>", "<a>x</a>", false),
        ("<a>${xmlunit.isNumber}</a>", "<a/>", false),
        ("<a>${xmlunit.matchesRegex(^\\d{1,2}x)}</a>", "<a>12xyz</a>", true),
        ("<a>${xmlunit.matchesRegex(b+)}</a>", "<a>abbc</a>", true),
        ("<a>${xmlunit.matchesRegex(^b+)}</a>", "<a>abbc</a>", false),
        ("<a>${xmlunit.matchesRegex([)}</a>", "<a>[</a>", false),
        ("<a>${xmlunit.isDateTime}</a>", "<a>2026-01-31T00:00:00Z</a>", true),
        ("<a>${xmlunit.isDateTime}</a>", "<a>1/31/26</a>", true),
        ("<a>${xmlunit.isDateTime}</a>", "<a>soon</a>", false),
        ("<a>${xmlunit.isDateTime(dd.MM.yyyy)}</a>", "<a>31.01.2026</a>", true),
        ("<a>${xmlunit.isDateTime(dd.MM.yyyy)}</a>", "<a>2026-01-31</a>", false),
        ("<a>${xmlunit.unknown}</a>", "<a>${xmlunit.unknown}</a>", true),
        ("<a>${xmlunit.unknown}</a>", "<a>x</a>", false),
        ("<a>x ${xmlunit.ignore}</a>", "<a>x ${xmlunit.ignore}</a>", false),
    ] {
        assert_eq!(matches_with(expected, options(), actual), holds, "{expected} {actual}");
    }
    assert!(!matches("<a>${xmlunit.ignore}</a>", "<a>x</a>"));
    let odd = |expected: &str| XmlEquality::new(expected, options()).expect("XML").1.len();
    assert_eq!(odd("<a b='x ${xmlunit.ignore}'>${xmlunit.matchesRegex()}<c>${xmlunit.ignore}</c></a>"), 2);
    let brackets = PlaceholderDelimiters::new(Some(r"\[\["), Some(r"\]\]")).expect("brackets");
    let options = XmlOptions { delimiters: Some(brackets), ..XmlOptions::default() };
    assert!(matches_with("<a><b>[[xmlunit.ignore]]</b></a>", options.clone(), "<a><b>x</b></a>"));
    assert!(!matches_with("<a><b>[[xmlunit.ignore]]</b></a>", options, "<a/>"));
    assert!(PlaceholderDelimiters::new(Some("["), None).is_err());
}

#[test]
fn distances() {
    let distance = |expected: &str, actual: &str| {
        rule(expected, XmlOptions::default()).distance(&Document::parse(actual).expect("XML"))
    };
    assert_eq!(distance("<a>1</a>", "<a>1</a>"), 0.0);
    let (near, far) =
        (distance("<a><b>1</b><c>2</c></a>", "<a><b>1</b><c>3</c></a>"), distance("<a><b>1</b></a>", "<x/>"));
    assert!(0.0 < near && near < far && far < 1.0, "{near} {far}");
}

fn documents() -> impl proptest::strategy::Strategy<Value = TestElement> {
    use proptest::prelude::*;
    let name = prop::sample::select(&["a", "b", "c"][..]);
    let attributes = prop::collection::btree_map(prop::sample::select(&["x", "y", "z"][..]), "[a-z]{0,2}", 0..3);
    let leaf = (name.clone(), attributes.clone(), "[a-z]{0,3}").prop_map(|(name, attributes, text)| TestElement {
        name,
        attributes: attributes.into_iter().collect(),
        text,
        children: Vec::new(),
    });
    leaf.prop_recursive(3, 16, 3, move |inner| {
        (name.clone(), attributes.clone(), prop::collection::vec(inner, 0..3)).prop_map(
            |(name, attributes, children)| TestElement {
                name,
                attributes: attributes.into_iter().collect(),
                text: String::new(),
                children,
            },
        )
    })
}

#[derive(Clone, Debug)]
struct TestElement {
    name: &'static str,
    attributes: Vec<(&'static str, String)>,
    text: String,
    children: Vec<TestElement>,
}

impl TestElement {
    fn written(&self, blank: &str, turned: bool) -> String {
        let mut attributes: Vec<String> =
            self.attributes.iter().map(|(name, value)| format!(" {name}='{value}'")).collect();
        if turned {
            attributes.reverse();
        }
        let children: String = self.children.iter().map(|child| child.written(blank, turned) + blank).collect();
        format!("<{0}{1}>{blank}{2}{blank}{children}</{0}>", self.name, attributes.concat(), self.text)
    }
}

proptest::proptest! {
    #[test]
    fn equality_is_reflexive(tree in documents(), any_order: bool) {
        let (plain, other) = (tree.written("", false), tree.written("\n <!-- c --> ", true));
        for namespaces in [NamespaceAwareness::Strict, NamespaceAwareness::Legacy, NamespaceAwareness::None] {
            let options = XmlOptions { namespaces, any_order, ..XmlOptions::default() };
            proptest::prop_assert!(matches_with(&plain, options.clone(), &plain));
            proptest::prop_assert!(matches_with(&plain, options, &other), "{} {}", plain, other);
        }
    }

    /// Equal documents have distance 0.
    #[test]
    fn equality_is_symmetric(one in documents(), other in documents()) {
        let (one, other) = (one.written("", false), other.written("", false));
        proptest::prop_assert_eq!(matches(&one, &other), matches(&other, &one), "{} {}", one, other);
        if matches(&one, &other) {
            proptest::prop_assert_eq!(rule(&one, XmlOptions::default()).distance(&Document::parse(&one).expect("XML")), 0.0);
        }
    }
}
