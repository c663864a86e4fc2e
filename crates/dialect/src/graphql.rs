//! GraphQL documents that are equal whatever their layout and order.
//!
//! A document is brought into a canonical form, as WireMock's GraphQL extension sorts its syntax
//! tree: white space, commas, comments, the order of definitions, selections, arguments,
//! directives, variables and fields of objects, and the spelling of strings do not count. The order
//! of lists does, as do aliases, names of operations and of fragments.

use apollo_parser::cst::{CstNode as _, StringValue};
use apollo_parser::{Lexer, Parser, SyntaxElement, SyntaxKind, SyntaxNode, TokenKind};

use crate::SyntaxError;
use crate::json::push_quoted;

/// A GraphQL document in its canonical form.
///
/// ```
/// use standin_dialect::graphql::GraphQlDocument;
///
/// let one = GraphQlDocument::parse("query { hero(id: 1, full: true) { name, age } }")?;
/// let other = GraphQlDocument::parse("{ hero(full: true id: 1) { age name } }")?;
/// assert_eq!(one, other);
/// # Ok::<(), standin_dialect::SyntaxError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphQlDocument {
    canonical: Box<str>,
}

impl GraphQlDocument {
    /// Parses a document of one operation or more.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        check_size(text)?;
        let tree = Parser::new(text).token_limit(MAX_TOKENS).recursion_limit(MAX_DEPTH).parse();
        if let Some(error) = tree.errors().next() {
            let help = "write a GraphQL document such as `query { hero { name } }`";
            let error_of = if error.is_limit() { SyntaxError::limit } else { SyntaxError::new };
            return Err(error_of(error.index(), error.message(), help));
        }
        let mut canonical = String::with_capacity(text.len());
        write(tree.document().syntax(), &mut canonical);
        Ok(Self { canonical: canonical.into() })
    }
}

/// Checks length, number of tokens, and depth, so that neither the parser nor [`write`] recurses
/// too far: the parser limits the depth of selections, but not that of objects and types.
fn check_size(text: &str) -> Result<(), SyntaxError> {
    if text.len() > MAX_BYTES {
        return Err(SyntaxError::limit(0, format!("the document has more than {MAX_BYTES} bytes"), "shorten it"));
    }
    let mut depth = 0_usize;
    // the lexer reports an error and goes on, the parser reports it again with its place
    for token in Lexer::new(text).with_limit(MAX_TOKENS).flatten() {
        match token.kind() {
            TokenKind::LBracket | TokenKind::LCurly | TokenKind::LParen => depth += 1,
            TokenKind::RBracket | TokenKind::RCurly | TokenKind::RParen => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            let message = format!("the document nests more than {MAX_DEPTH} deep");
            return Err(SyntaxError::limit(token.index(), message, "make it flatter"));
        }
    }
    Ok(())
}

/// Writes the canonical form of a node.
fn write(node: &SyntaxNode, out: &mut String) {
    if let Some(text) = StringValue::cast(node.clone()) {
        push_quoted(&String::from(text), out);
        out.push(' ');
        return;
    }
    let is_short = node.kind() == SyntaxKind::OPERATION_DEFINITION
        && node.first_child().is_some_and(|first| first.kind() == SyntaxKind::SELECTION_SET);
    if is_short {
        out.push_str("query ");
    }
    if !is_unordered(node.kind()) {
        for element in node.children_with_tokens() {
            write_element(&element, out);
        }
        return;
    }
    let elements = node.children_with_tokens().collect::<Vec<_>>();
    let is_token = |element: &&SyntaxElement| element.as_token().is_some();
    let mut sorted: Vec<String> = node.children().map(|child| written(&child)).collect();
    sorted.sort_unstable();
    // the brackets stay where they are
    elements.iter().take_while(is_token).for_each(|element| write_element(element, out));
    out.extend(sorted);
    if elements.iter().any(|element| element.as_node().is_some()) {
        let last = elements.iter().rev().take_while(is_token).collect::<Vec<_>>();
        last.into_iter().rev().for_each(|element| write_element(element, out));
    }
}

fn written(node: &SyntaxNode) -> String {
    let mut out = String::new();
    write(node, &mut out);
    out
}

fn write_element(element: &SyntaxElement, out: &mut String) {
    match element {
        SyntaxElement::Node(node) => write(node, out),
        SyntaxElement::Token(token) => {
            if !matches!(token.kind(), SyntaxKind::COMMA | SyntaxKind::COMMENT | SyntaxKind::WHITESPACE) {
                out.push_str(token.text());
                out.push(' ');
            }
        }
    }
}

/// Returns true if the order of the children does not count.
fn is_unordered(kind: SyntaxKind) -> bool {
    matches!(
        kind,
        SyntaxKind::ARGUMENTS
            | SyntaxKind::DIRECTIVES
            | SyntaxKind::DOCUMENT
            | SyntaxKind::OBJECT_VALUE
            | SyntaxKind::SELECTION_SET
            | SyntaxKind::VARIABLE_DEFINITIONS
    )
}

/// Maximum length of a document in bytes.
pub const MAX_BYTES: usize = 1 << 20;
/// Maximum number of tokens of a document, white space included.
pub const MAX_TOKENS: usize = 50_000;
/// Maximum nesting of brackets.
pub const MAX_DEPTH: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn equal(one: &str, other: &str) -> bool {
        let read = |text: &str| GraphQlDocument::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        read(one) == read(other)
    }

    #[test]
    fn layout_and_order_do_not_count() {
        for (one, other) in [
            ("{ hero { name } }", "query { hero { name } }"),
            ("{ hero { name friends { name age } } }", "{\n  hero {\n    friends { age, name }\n    name\n  }\n}"),
            ("{ a # comment\n b }", "{ b, a }"),
            ("{ a(x: 1, y: [1, 2]) }", "{ a(y: [1 2] x: 1) }"),
            ("{ a(o: {p: 1, q: {r: \"s\"}}) }", "{ a(o: {q: {r: \"s\"}, p: 1}) }"),
            ("query Q($a: Int = 1, $b: [String!]!) { a }", "query Q($b: [String!]!, $a: Int = 1) { a }"),
            ("{ ...F } fragment F on T { a b }", "fragment F on T { b a } { ...F }"),
            ("{ a(s: \"x\") }", "{ a(s: \"\"\"x\"\"\") }"),
            ("{ a(s: \"\\u0041\") }", "{ a(s: \"A\") }"),
            ("{ a @x @y(z: 1) }", "{ a @y(z: 1) @x }"),
            ("{ ... on T { a b } c }", "{ c ... on T { b a } }"),
        ] {
            assert!(equal(one, other), "{one} {other}");
        }
    }

    #[test]
    fn everything_else_counts() {
        for (one, other) in [
            ("{ a }", "{ b }"),
            ("{ a }", "{ a b }"),
            ("{ a }", "{ x: a }"),
            ("{ a }", "mutation { a }"),
            ("query Q { a }", "query R { a }"),
            ("query Q { a }", "{ a }"),
            ("{ a(x: 1) }", "{ a(x: 2) }"),
            ("{ a(x: [1, 2]) }", "{ a(x: [2, 1]) }"),
            ("{ a(x: \"1\") }", "{ a(x: 1) }"),
            ("{ a(x: \"a b\") }", "{ a(x: \"a  b\") }"),
            ("{ a { b } c }", "{ a c { b } }"),
            ("{ ab }", "{ a b }"),
            ("query ($a: Int) { a }", "query ($a: Int!) { a }"),
            ("{ ...F } fragment F on T { a }", "{ ...G } fragment G on T { a }"),
            ("{ a @x }", "{ a }"),
        ] {
            assert!(!equal(one, other), "{one} {other}");
        }
    }

    #[test]
    fn what_is_no_document() {
        for text in ["", " ", "{", "{ a", "{ }", "hero", "{ a(x: ) }", "{ a(x: \"y) }", "query { a } }", "{ a } x"] {
            let error = GraphQlDocument::parse(text).expect_err(text);
            assert!(!error.is_limit && !error.help.is_empty(), "{text}: {error}");
        }
    }

    #[test]
    fn documents_are_bounded() {
        let nested = |open: &str, inner: &str, close: &str, depth: usize| {
            format!("{}{inner}{}", open.repeat(depth), close.repeat(depth))
        };
        assert!(GraphQlDocument::parse(&nested("{ a ", "", "}", 99)).is_ok());
        for text in [
            nested("{ a ", "", "}", 5000),
            format!("{{ a(x: {}) }}", nested("{a: ", "1", "}", 5000)),
            format!("{{ a(x: {}) }}", nested("[", "1", "]", 5000)),
            format!("query ($a: {}) {{ a }}", nested("[", "Int", "]", 5000)),
            format!("{{ {} }}", "a ".repeat(MAX_TOKENS)),
            format!("{{ {} }}", "a".repeat(MAX_BYTES)),
        ] {
            let error = GraphQlDocument::parse(&text).expect_err("too much");
            assert!(error.is_limit, "{error}");
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in "(\\{|\\}|\\(|\\)|\\[|\\]|a|b|:|\\$|!|@|=|\\.\\.\\.|on|query|fragment|\"|\\\\u|1|-|,|#|\n| ){0,60}") {
            let _ = GraphQlDocument::parse(&text);
        }

        #[test]
        fn shuffled_fields_are_equal(fields in proptest::collection::hash_set("[a-c]{1,3}", 1..6)) {
            let fields: Vec<String> = fields.into_iter().collect();
            let one = format!("{{ {} }}", fields.join(" "));
            let reversed: Vec<&str> = fields.iter().rev().map(String::as_str).collect();
            let other = format!("query {{ {} }}", reversed.join(",\n"));
            prop_assert!(equal(&one, &other));
        }
    }
}
