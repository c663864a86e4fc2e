use super::*;

fn document(text: &str) -> Document {
    Document::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn a_tree_and_its_text() {
    let tree = document(
        "<?xml version='1.0'?><!DOCTYPE a><!-- c --><a x='1&lt;2' y=\"&#65;\n\">t<b/>&amp;&#x41;<![CDATA[<x>]]>\r\n</a>",
    );
    let root = tree.root();
    assert_eq!(tree.element(root).map(|element| element.name.written()), Some("a"));
    assert_eq!(tree.string_value(root), "t&A<x>\n");
    assert_eq!(tree.children(root).count(), 5);
    assert_eq!(tree.children(NodeId::DOCUMENT).count(), 2);
    let values: Vec<_> = tree.attribute_places(root).map(|place| tree.string_value(place)).collect();
    assert_eq!(values, ["1<2", "A "]);
    let inner = tree.children(root).nth(1).expect("b");
    assert_eq!((tree.parent(inner), tree.children(inner).count()), (Some(root), 0));
    assert_eq!(tree.descendants(NodeId::DOCUMENT).count(), 7);
    // CDATA goes on with the text before it
    let texts: Vec<_> = tree.children(root).skip(2).map(|place| tree.continues_text(place)).collect();
    assert_eq!(texts, [false, true, true]);
    assert_eq!(tree.string_value(tree.children(root).nth(2).expect("a text")), "&A<x>\n");
}

#[test]
fn names_are_bound_where_they_stand() {
    let tree = document("<a xmlns='u' xmlns:p='v' p:x='1' y='2'><p:b xmlns:p='w'/><b xmlns=''/><p:c/></a>");
    let names: Vec<(String, Option<String>)> = tree
        .descendants(NodeId::DOCUMENT)
        .filter_map(|place| tree.element(place))
        .flat_map(|element| {
            std::iter::once(&element.name).chain(tree.attributes(element).iter().map(|attribute| &attribute.name))
        })
        .filter(|name| !name.is_declaration())
        .map(|name| (name.local().to_owned(), name.namespace().map(str::to_owned)))
        .collect();
    let expected = [("a", Some("u")), ("x", Some("v")), ("y", None), ("b", Some("w")), ("b", None), ("c", Some("v"))];
    let expected: Vec<_> =
        expected.into_iter().map(|(name, namespace)| (name.to_owned(), namespace.map(str::to_owned))).collect();
    assert_eq!(names, expected);
    assert_eq!(tree.unbound_prefix(), None);
    assert_eq!(document("<a><p:b/></a>").unbound_prefix(), Some("p"));
    assert_eq!(document("<a><b xmlns:p='u'/><c p:d=''/></a>").unbound_prefix(), Some("p"));
    assert_eq!(document("<a xml:lang='en'/>").unbound_prefix(), None);
}

#[test]
fn what_is_no_document() {
    for text in [
        "",
        "   ",
        "text",
        "<a>",
        "</a>",
        "<a></b>",
        "<a/><b/>",
        "<a/>text",
        "<a/>&amp;",
        "text<a/>",
        "<a x='1' x='2'/>",
        "<a x=1/>",
        "<a x='<'/>",
        "<a>&unknown;</a>",
        "<a>&</a>",
        "<a>& b</a>",
        "<a x='&'/>",
        "<a>&#0;</a>",
        "<a>&#x110000;</a>",
        "<a>&#+65;</a>",
        "<a>]]></a>",
        "<a>\u{1}</a>",
        "<1a/>",
        "<a:/>",
        "<a b?='c'/>",
        " <?xml version='1.0'?><a/>",
        "<a/><!DOCTYPE a>",
        "<a><!-- a -- b --></a>",
        "<!-- only -->",
        "<![CDATA[x]]>",
    ] {
        let error = Document::parse(text).map(|_| ()).expect_err(text);
        assert!(!error.is_limit && !error.help.is_empty(), "{text}: {error}");
    }
}

#[test]
fn documents_are_bounded() {
    let deep = format!("{}{}", "<a>".repeat(300), "</a>".repeat(300));
    let wide = format!("<a>{}</a>", "<b/>".repeat(300_000));
    let bombs = "<!DOCTYPE a [<!ENTITY b 'bbbb'><!ENTITY c '&b;&b;'>]><a>&c;</a>";
    let names =
        |prefix: &str, count: usize| (0..count).fold(String::new(), |all, k| all + &format!(" {prefix}{k}='u'"));
    let bound = format!("<a{}/>", names("xmlns:p", 300));
    let fields = format!("<a{}/>", names("q", 260_000));
    for (text, is_limit) in [(&*deep, true), (&*wide, true), (&*bound, true), (&*fields, true), (bombs, false)] {
        assert_eq!(Document::parse(text).expect_err("too much").is_limit, is_limit);
    }
}

#[test]
fn a_node_as_text_again() {
    for (text, expected) in [
        ("<a/>", "<a/>\n"),
        ("<a></a>", "<a/>\n"),
        ("<a y='2' x='1'>t</a>", "<a x=\"1\" y=\"2\">t</a>\n"),
        ("<a><b>1</b> <c/></a>", "<a>\n  <b>1</b>\n   \n  <c/>\n</a>\n"),
        ("<a>\n\n <b/></a>", "<a>\n   \n  <b/>\n</a>\n"),
        ("<a> <b xml:space='preserve'> <c/></b></a>", "<a>\n   \n  <b xml:space=\"preserve\"> <c/></b>\n</a>\n"),
        ("<a>x<![CDATA[y]]>z</a>", "<a>x<![CDATA[y]]>z</a>\n"),
        ("<a>x<![CDATA[y]]>z<b/></a>", "<a>x<![CDATA[y]]>\n  z\n  <b/>\n</a>\n"),
        ("<x:a z='1' xmlns='v' xmlns:x='u'/>", "<x:a xmlns:x=\"u\" xmlns=\"v\" z=\"1\"/>\n"),
        ("<a>t<b/></a>", "<a>\n  t\n  <b/>\n</a>\n"),
        ("<p:a q='&quot;&lt;&gt;&amp;'>&lt;&gt;\"</p:a>", "<p:a q=\"&quot;&lt;&gt;&amp;\">&lt;&gt;\"</p:a>\n"),
        ("<a><!--c--><?t d?><![CDATA[<]]></a>", "<a>\n  <!--c-->\n  <?t d?>\n  <![CDATA[<]]>\n</a>\n"),
    ] {
        let tree = document(text);
        assert_eq!(tree.shown(tree.root(), 1 << 20), expected, "{text}");
    }
}

#[test]
fn a_document_as_text_again() {
    let text = "<?p q?><a> <b> x </b><c> </c><!--d--></a><!--e-->";
    for (layout, expected) in [
        (XmlLayout::Compact, "<?p q?><a><b> x </b><c/><!--d--></a><!--e-->"),
        (XmlLayout::Pretty, "<?p q?><a>\n  <b> x </b>\n  <c/>\n  <!--d-->\n</a><!--e-->\n"),
        (XmlLayout::Indented, "<?p q?><a>\n   \n  <b> x </b>\n  <c> </c>\n  <!--d-->\n</a><!--e-->\n"),
    ] {
        assert_eq!(document(text).to_text(NodeId::DOCUMENT, layout, 1 << 20), expected, "{layout:?}");
    }
}

proptest::proptest! {
    #[test]
    fn reading_never_panics(text in "(<|>|/|a|b:|&|;|#|x|'|\"|=| |!|-|\\[|\\]|\\?|xmlns|CDATA|\u{e9}){0,60}") {
        let _ = Document::parse(&text);
    }

    #[test]
    fn what_is_written_is_read_again(texts in proptest::collection::vec("[a-z<>&\"' \u{e9}]{1,8}", 1..5)) {
        let mut out = String::from("<a>");
        for text in &texts {
            out.push_str("<b c=\"");
            escape::push_attribute_value(text, &mut out);
            out.push_str("\">");
            escape::push_text(text, &mut out);
            out.push_str("</b>");
        }
        out.push_str("</a>");
        let tree = document(&out);
        let read = |text: String| {
            let tree = document(&text);
            let values: Vec<(String, String)> = tree.children(tree.root()).filter(|place| tree.element(*place).is_some()).map(|place| {
                let attribute = tree.attribute_places(place).next().expect("c");
                (tree.string_value(place).into_owned(), tree.string_value(attribute).into_owned())
            }).collect();
            values
        };
        let expected: Vec<_> = texts.iter().map(|text| (text.clone(), text.clone())).collect();
        proptest::prop_assert_eq!(read(out), expected.clone());
        proptest::prop_assert_eq!(read(tree.pretty(tree.root(), 1 << 20)), expected);
    }
}
