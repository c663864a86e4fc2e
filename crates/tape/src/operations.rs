//! Groups requests into operations: a method and a path in which variable segments are `{id}`.
//!
//! A segment is variable if several values occur at its position that look generated: numbers,
//! dates, UUIDs, long hexadecimal numbers, tokens with digits, or numbers behind one prefix, as in
//! `order-17`. Words are names, however many there are: `/api/users` and `/api/orders` have nothing
//! in common but their place. A value that occurs once stays as it is. The query is part of an
//! operation only where a parameter tells calls apart that answer unlike
//! ([`OperationTree::tell_queries_apart`]). The result does not depend on the order of the
//! requests.

use std::collections::{BTreeMap, BTreeSet};

use crate::operation_rules::{OperationRules, SegmentKind};
use crate::path_segments::{is_identifier, number_prefix, segments};
use crate::query_evidence::QueryEvidence;
use crate::query_split::{PathCalls, QuerySplit, SplitOperation};

/// The operations of a tape, as a tree of path segments for each method.
#[derive(Clone, Debug, Default)]
pub struct OperationTree {
    methods: BTreeMap<String, PathNode>,
    rules: OperationRules,
    /// Query parameters that tell operations apart, by the method and path of the calls.
    splits: BTreeMap<String, QuerySplit>,
}

impl OperationTree {
    /// Builds the tree from the methods and URLs of all requests of a tape.
    pub fn learn(calls: impl IntoIterator<Item = (impl AsRef<str>, impl AsRef<str>)>) -> Self {
        Self::learn_with(OperationRules::default(), calls)
    }

    /// Builds the tree as [`OperationTree::learn`] does. What the rules state of a segment holds,
    /// whatever it looks like.
    pub fn learn_with(
        rules: OperationRules,
        calls: impl IntoIterator<Item = (impl AsRef<str>, impl AsRef<str>)>,
    ) -> Self {
        let mut methods: BTreeMap<String, PathNode> = BTreeMap::new();
        for (method, url) in calls {
            let mut node = methods.entry(method.as_ref().to_owned()).or_default();
            node.calls += 1;
            let mut before = Vec::new();
            for segment in segments(url.as_ref()) {
                if !node.children.contains_key(segment) {
                    node.children.insert(segment.to_owned(), PathNode::default());
                    if let Some(kind) = rules.kind(&before, segment) {
                        node.stated.insert(segment.to_owned(), kind);
                    }
                }
                if !rules.is_empty() {
                    before.push(segment);
                }
                node = node.children.get_mut(segment).expect("inserted above");
                node.calls += 1;
            }
            node.ends += 1;
        }
        methods.values_mut().for_each(PathNode::generalise);
        Self { methods, rules, splits: BTreeMap::new() }
    }

    /// Makes operations of calls that differ by their query alone, where the evidence proves that
    /// their answers or their times differ, or where the rules state it.
    pub fn tell_queries_apart(&mut self, evidence: &QueryEvidence) {
        let mut by_path: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for (signature, answers) in evidence.iter() {
            let path = self.path_name(&signature.method, &answers.path);
            by_path.entry(path).or_default().push((signature, answers));
        }
        for (path, mut calls) in by_path {
            calls.sort_by_key(|(signature, _)| *signature);
            let calls: PathCalls<'_> = calls.into_iter().map(|(call, answers)| (&call.query[..], answers)).collect();
            let (is_stated, is_ignored) =
                (|key: &str| self.rules.is_query_key(key), |key: &str| self.rules.is_no_query_key(key));
            if let Some(split) = QuerySplit::learn(&calls, is_stated, is_ignored) {
                self.splits.insert(path, split);
            }
        }
    }

    /// Returns the operations that a query parameter tells apart, in the order of their paths.
    pub fn split_operations(&self) -> Vec<SplitOperation> {
        self.splits.iter().map(|(path, split)| split.report(path)).collect()
    }

    /// Returns the operation of a request, such as `GET /inventory/{id}`. For a request that was
    /// not learned from, the segments that are not in the tree stay as they are.
    pub fn name(&self, method: &str, url: &str) -> String {
        let mut name = self.path_name(method, url);
        if let Some(split) = self.splits.get(&name) {
            name.push_str(split.part(url));
        }
        name
    }

    fn path_name(&self, method: &str, url: &str) -> String {
        let mut name = format!("{method} ");
        let mut node = self.methods.get(method);
        let mut variables = 0;
        let mut before = Vec::new();
        for segment in segments(url) {
            let stated = self.rules.kind(&before, segment);
            before.push(segment);
            name.push('/');
            let literal = node.and_then(|node| node.children.get(segment));
            let variable = node.and_then(|node| node.variable.as_deref());
            match (literal, variable) {
                (None, Some(variable)) if node.is_some_and(|node| node.covers(segment, stated)) => {
                    variables += 1;
                    name.push_str("{id");
                    if variables > 1 {
                        name.push_str(&variables.to_string());
                    }
                    name.push('}');
                    node = Some(variable);
                }
                (literal, _) => {
                    name.push_str(segment);
                    node = literal;
                }
            }
        }
        name
    }
}

/// A position in a path.
#[derive(Clone, Debug, Default)]
struct PathNode {
    calls: u64,
    /// Number of requests whose path ends here.
    ends: u64,
    children: BTreeMap<String, PathNode>,
    /// Subtree that follows the variable segments.
    variable: Option<Box<PathNode>>,
    /// Prefixes whose numbers are variable here.
    prefixes: BTreeSet<String>,
    /// Kinds of the children that the user has stated.
    stated: BTreeMap<String, SegmentKind>,
    /// The first of the variable segments, in their order.
    examples: Vec<String>,
    /// Number of the variable segments.
    values: usize,
}

impl PathNode {
    fn covers(&self, segment: &str, stated: Option<SegmentKind>) -> bool {
        if let Some(kind) = stated {
            return kind == SegmentKind::Id;
        }
        is_identifier(segment) || number_prefix(segment).is_some_and(|prefix| self.prefixes.contains(prefix))
    }

    fn generalise(&mut self) {
        self.prefixes = self.varying_prefixes();
        let varies = |segment: &String| self.covers(segment, self.stated.get(segment).copied());
        let is_stated = self.stated.values().any(|kind| *kind == SegmentKind::Id);
        if self.children.keys().filter(|segment| varies(segment)).count() > usize::from(!is_stated) {
            let (varying, fixed): (BTreeMap<_, _>, BTreeMap<_, _>) =
                self.children.clone().into_iter().partition(|(segment, _)| varies(segment));
            self.children = fixed;
            self.values = varying.len();
            self.examples = varying.keys().take(MAX_EXAMPLES).cloned().collect();
            let mut merged = PathNode::default();
            for node in varying.into_values() {
                merged.absorb(node);
            }
            self.variable = Some(Box::new(merged));
        }
        self.children.values_mut().chain(self.variable.as_deref_mut()).for_each(PathNode::generalise);
    }

    /// Returns the prefixes that have several numbers.
    fn varying_prefixes(&self) -> BTreeSet<String> {
        let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
        for prefix in self.children.keys().filter_map(|segment| number_prefix(segment)) {
            *numbers.entry(prefix).or_default() += 1;
        }
        let varying = numbers.into_iter().filter(|(_, count)| *count >= MIN_PREFIXED_NUMBERS);
        varying.map(|(prefix, _)| prefix.to_owned()).collect()
    }

    fn absorb(&mut self, other: Self) {
        self.calls += other.calls;
        self.ends += other.ends;
        self.stated.extend(other.stated);
        for (segment, node) in other.children {
            self.children.entry(segment).or_default().absorb(node);
        }
    }
}

/// A variable segment of an operation, and the values that it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VariableSegment {
    /// Method and path up to the segment, such as `GET /items/{id}`.
    pub path: String,
    /// Number of values that the segment has.
    pub values: usize,
    /// The first values, in their order.
    pub examples: Vec<String>,
    /// Their look: `numbers`, or `stated` if a user has stated that they are ids.
    pub look: &'static str,
}

impl OperationTree {
    /// Returns all variable segments, in the order of their paths.
    pub fn variables(&self) -> Vec<VariableSegment> {
        let mut found = Vec::new();
        for (method, node) in &self.methods {
            node.add_variables(&format!("{method} "), 0, &mut found);
        }
        found
    }
}

impl PathNode {
    fn add_variables(&self, path: &str, variables: usize, found: &mut Vec<VariableSegment>) {
        if let Some(variable) = &self.variable {
            let number = if variables > 0 { (variables + 1).to_string() } else { String::new() };
            let path = format!("{path}/{{id{number}}}");
            let is_stated = self.stated.values().any(|kind| *kind == SegmentKind::Id);
            let look = if is_stated { "stated" } else { look(&self.examples) };
            let (values, examples) = (self.values, self.examples.clone());
            found.push(VariableSegment { path: path.clone(), values, examples, look });
            variable.add_variables(&path, variables + 1, found);
        }
        for (segment, node) in &self.children {
            node.add_variables(&format!("{path}/{segment}"), variables, found);
        }
    }
}

/// Returns the look that values have in common.
fn look(values: &[String]) -> &'static str {
    let all = |is: fn(&str) -> bool| values.iter().all(|value| is(value));
    let of_shape = |value: &str, shape: &[usize], byte: fn(&u8) -> bool| {
        value.split('-').map(str::len).eq(shape.iter().copied())
            && value.bytes().filter(|byte| *byte != b'-').all(|one| byte(&one))
    };
    if all(|value| value.bytes().all(|byte| byte.is_ascii_digit())) {
        "numbers"
    } else if values.iter().all(|value| of_shape(value, &[8, 4, 4, 4, 12], u8::is_ascii_hexdigit)) {
        "UUIDs"
    } else if values.iter().all(|value| of_shape(value, &[4, 2, 2], u8::is_ascii_digit)) {
        "dates"
    } else if all(|value| value.len() >= 8 && value.bytes().all(|byte| byte.is_ascii_hexdigit())) {
        "hexadecimal numbers"
    } else if all(|value| number_prefix(value).is_some()) {
        "numbers behind one prefix"
    } else {
        "generated"
    }
}

/// Values of a variable segment that are kept as examples.
const MAX_EXAMPLES: usize = 3;

/// Number of distinct numbers behind one prefix from which on they are identifiers: `http1` and
/// `http2` are names.
const MIN_PREFIXED_NUMBERS: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn names(calls: &[(&str, &str)]) -> Vec<String> {
        let operations = OperationTree::learn(calls.iter().copied());
        calls.iter().map(|(method, url)| operations.name(method, url)).collect()
    }

    #[test]
    fn what_varies_is_an_id_and_what_does_not_stays() {
        let calls = [
            ("GET", "/items/1?full=1"),
            ("GET", "/items/22"),
            ("GET", "/items/search?q=3"),
            ("GET", "/items/1/parts/9"),
            ("GET", "/items/7/parts/8"),
            ("POST", "/items/5"),
            ("GET", "http://host:80/v1/users/550e8400-e29b-41d4-a716-446655440000"),
            ("GET", "/v1/users/650e8400-e29b-41d4-a716-446655440000#top"),
            ("GET", "/v2/users/me"),
        ];
        assert_eq!(
            names(&calls),
            [
                "GET /items/{id}",
                "GET /items/{id}",
                "GET /items/search",
                "GET /items/{id}/parts/{id2}",
                "GET /items/{id}/parts/{id2}",
                "POST /items/5",
                "GET /v1/users/{id}",
                "GET /v1/users/{id}",
                "GET /v2/users/me",
            ]
        );
    }

    #[test]
    fn a_number_with_an_extension_is_an_identifier() {
        let calls =
            [("GET", "/cities/1.json"), ("GET", "/cities/12.json"), ("GET", "/cities.json"), ("GET", "/v1/a.json")];
        assert_eq!(names(&calls), ["GET /cities/{id}", "GET /cities/{id}", "GET /cities.json", "GET /v1/a.json"]);
    }

    #[test]
    fn words_are_names_however_many_there_are() {
        let words: Vec<String> =
            (0..80u8).map(|k| format!("/api/{}{}x/cart", (b'a' + k % 26) as char, (b'a' + k / 26) as char)).collect();
        let calls: Vec<_> = words.iter().map(|url| ("GET", url.as_str())).collect();
        let expected: Vec<String> = words.iter().map(|url| format!("GET {url}")).collect();
        assert_eq!(names(&calls), expected);
    }

    #[test]
    fn numbers_behind_one_prefix_vary() {
        let calls = ["/a/order-1", "/a/order-22", "/a/order-3/lines", "/a/http1", "/a/http2", "/a/total"];
        assert_eq!(
            names(&calls.map(|url| ("GET", url))),
            ["GET /a/{id}", "GET /a/{id}", "GET /a/{id}/lines", "GET /a/http1", "GET /a/http2", "GET /a/total"]
        );
        let operations = OperationTree::learn(calls.map(|url| ("GET", url)));
        assert_eq!(operations.name("GET", "/a/order-9"), "GET /a/{id}");
        assert_eq!(operations.name("GET", "/a/http3"), "GET /a/http3");
        let versions = ["/v1/x", "/v2/x", "/v3/x", "/V4/x"];
        assert_eq!(names(&versions.map(|url| ("GET", url))), versions.map(|url| format!("GET {url}")));
    }

    #[test]
    fn what_a_user_states_holds() {
        let mut rules = OperationRules::default();
        rules.add_ids("/products/{slug}").unwrap();
        rules.add_name("/years/2026").unwrap();
        let calls = ["/products/mug", "/products/mug/parts", "/years/2025", "/years/2026", "/years/2027"];
        let tree = OperationTree::learn_with(rules, calls.map(|url| ("GET", url)));
        let names = calls.map(|url| tree.name("GET", url));
        let expected =
            ["GET /products/{id}", "GET /products/{id}/parts", "GET /years/{id}", "GET /years/2026", "GET /years/{id}"];
        assert_eq!(names, expected);
        assert_eq!(tree.name("GET", "/products/lamp"), "GET /products/{id}");
        let variables: Vec<_> = tree.variables().into_iter().map(|one| (one.path, one.values, one.look)).collect();
        assert_eq!(
            variables,
            [("GET /products/{id}".to_owned(), 1, "stated"), ("GET /years/{id}".to_owned(), 2, "numbers")]
        );
    }

    #[test]
    fn the_order_of_calls_does_not_matter_and_new_values_find_their_operation() {
        let mut calls = vec![("GET", "/a/1"), ("GET", "/a/2/x"), ("GET", "/a/b"), ("GET", "/"), ("GET", "/a/")];
        let before = names(&calls);
        calls.reverse();
        let mut after = names(&calls);
        after.reverse();
        assert_eq!(before, after);
        assert_eq!(before, ["GET /a/{id}", "GET /a/{id}/x", "GET /a/b", "GET /", "GET /a/"]);
        let operations = OperationTree::learn(calls);
        assert_eq!(operations.name("GET", "/a/99/x"), "GET /a/{id}/x");
        assert_eq!(operations.name("PUT", "/a/99"), "PUT /a/99");
        assert_eq!(operations.name("GET", "/unknown/9"), "GET /unknown/9");
    }
}
