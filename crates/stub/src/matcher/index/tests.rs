//! Compares the index with a linear scan.

use std::time::Instant;

use bytes::Bytes;
use http::{HeaderName, Request};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

use super::*;
use crate::call::{Peers, Scheme};
use crate::matcher::{Clause, FieldMatcher, FieldName, FieldRule, MethodRule, ValueMatcher};
use standin_dialect::PathTemplate;
use standin_dialect::java_regex::JavaRegex;
use standin_dialect::json::JsonEquality;

#[derive(Debug)]
struct Pattern(RequestPattern);

impl AsRef<RequestPattern> for Pattern {
    fn as_ref(&self) -> &RequestPattern {
        &self.0
    }
}

const URLS: [&str; 7] = ["/a", "/a/b", "/a/b?q=1", "/a/c", "/x/1", "/x/2/y", "//a"];
const VALUES: [&str; 4] = ["1", "2", "one", ""];

fn url_rule() -> impl Strategy<Value = UrlRule> {
    let regex = |text: &&str| JavaRegex::new(text).expect("a pattern");
    prop_oneof![
        Just(UrlRule::Any),
        select(&URLS[..]).prop_map(|url| UrlRule::Url(url.to_owned())),
        select(&URLS[..]).prop_map(|url| UrlRule::Path(url.split('?').next().unwrap_or(url).to_owned())),
        select(&["/a/.*", "/(a|x)/.*", "/x/\\d+", ".*", "/a/b", "/.*/b", "(/x)+/2/y", ".*(/a|/x)/[bc]"][..])
            .prop_map(move |text| UrlRule::PathPattern(regex(&text))),
        select(
            &["/a.*", "/a/b\\?q=.*", ".*q=1", "/x/[0-9]/y", ".*/b\\?q=[12]", "(?i).*/A/B.*", "(?i).*/B\\?Q=.", ".*/y$"]
                [..]
        )
        .prop_map(move |text| UrlRule::UrlPattern(regex(&text))),
        select(&["/a/{id}", "/{any}/b", "/x/{id}/y", "/**", "/a/{x}{y}", "/{one}"][..])
            .prop_map(|text| UrlRule::PathTemplate(PathTemplate::new(text))),
    ]
}

fn text_rule() -> impl Strategy<Value = ValueMatcher> {
    prop_oneof![
        4 => select(&VALUES[..]).prop_map(|value| ValueMatcher::EqualTo { value: value.to_owned(), case_insensitive: false }),
        1 => Just(ValueMatcher::EqualTo { value: "ONE".to_owned(), case_insensitive: true }),
        1 => Just(ValueMatcher::Absent),
        1 => Just(ValueMatcher::DoesNotContain("1".to_owned())),
    ]
}

fn clause() -> impl Strategy<Value = Clause> {
    let name = prop_oneof![
        Just(FieldName::Header(HeaderName::from_static("x-h"))),
        Just(FieldName::Header(HeaderName::from_static("x-i"))),
        Just(FieldName::Query("q".to_owned())),
        Just(FieldName::Cookie("c".to_owned())),
    ];
    let equality = |ignoring: bool| {
        (0..4i64).prop_map(move |n| {
            let expected = JsonEquality::new(json!({"n": n, "list": [1, 2]}), false, ignoring).expect("valid");
            Clause::Body(ValueMatcher::EqualToJson(Box::new(expected)))
        })
    };
    prop_oneof![
        2 => select(&["GET", "POST", "PUT"][..]).prop_map(|method| Clause::Method(MethodRule::Is(method.to_owned()))),
        4 => (name, text_rule()).prop_map(|(name, rule)| Clause::Field(FieldMatcher { name, rule: FieldRule::One(rule) })),
        2 => equality(false),
        1 => equality(true),
        1 => Just(Clause::basic_auth("u", "p")),
        1 => text_rule().prop_map(Clause::Body),
    ]
}

fn pattern() -> impl Strategy<Value = Pattern> {
    (url_rule(), vec(clause(), 0..4)).prop_map(|(url, mut clauses)| {
        clauses.push(Clause::Url(url));
        Pattern(RequestPattern::new(clauses))
    })
}

fn call() -> impl Strategy<Value = Call> {
    let headers = vec((select(&["x-h", "x-i"][..]), select(&VALUES[..])), 0..4);
    let cookie = proptest::option::of(select(&VALUES[..]));
    let body = prop_oneof![
        Just(String::new()),
        (0..4i64).prop_map(|n| format!("{{\"list\": [1, 2.0], \"n\": {n}}}")),
        select(&VALUES[..]).prop_map(str::to_owned),
    ];
    let url = (select(&URLS[..]), any::<bool>()).prop_map(|(url, query)| match query {
        true if !url.contains('?') => format!("{url}?q=2"),
        _ => url.to_owned(),
    });
    (select(&["GET", "POST", "PUT"][..]), url, headers, cookie, any::<bool>(), body).prop_map(
        |(method, url, headers, cookie, authorized, body)| {
            let mut request = Request::builder().method(method).uri(url);
            for (name, value) in headers {
                request = request.header(name, value);
            }
            if let Some(cookie) = cookie {
                request = request.header("cookie", format!("c={cookie}"));
            }
            if authorized {
                request = request.header("authorization", "Basic dTpw");
            }
            let (parts, ()) = request.body(()).expect("a request").into_parts();
            let address = "127.0.0.1:1".parse().expect("an address");
            let peers = Peers { scheme: Scheme::Http, remote: address, local: address };
            Call::new(parts, Bytes::from(body), peers, Instant::now(), 1 << 20)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn the_index_finds_what_a_scan_finds(
        patterns in vec((pattern(), 0..3i32), 0..120),
        calls in vec(call(), 1..8),
        refused in vec(any::<proptest::sample::Index>(), 0..3),
    ) {
        let refused: Vec<u64> = refused.iter().filter(|_| !patterns.is_empty()).map(|at| at.index(patterns.len()) as u64).collect();
        let entries = patterns
            .into_iter()
            .enumerate()
            .map(|(age, (value, priority))| IndexEntry { rank: Rank { service: 0, priority, age: age as u64 }, value })
            .collect();
        let index = Index::new(entries);
        for call in calls {
            let stats = MatchStats::default();
            let accept = |entry: &IndexEntry<Pattern>| !refused.contains(&entry.rank.age);
            let scanned = index.entries().iter().find(|entry| entry.value.0.matches(&call, &stats) && accept(entry));
            let found = index.find(&call, &stats, accept);
            prop_assert_eq!(found.map(|entry| entry.rank), scanned.map(|entry| entry.rank));
        }
    }
}

#[test]
fn a_long_list_is_split_until_few_are_tried() {
    let entries = (0..10_000u64)
        .map(|n| {
            let expected = JsonEquality::new(json!({"n": n}), false, false).expect("valid");
            let clauses = vec![
                Clause::Url(UrlRule::Url("/orders".to_owned())),
                Clause::Body(ValueMatcher::EqualToJson(Box::new(expected))),
            ];
            IndexEntry { rank: Rank { service: 0, priority: 5, age: n }, value: Pattern(RequestPattern::new(clauses)) }
        })
        .collect();
    let index = Index::new(entries);
    let mut lists = PostingLists::new();
    let (parts, ()) = Request::post("/orders").body(()).expect("a request").into_parts();
    let address = "127.0.0.1:1".parse().expect("an address");
    let peers = Peers { scheme: Scheme::Http, remote: address, local: address };
    let call = Call::new(parts, Bytes::from_static(b"{\"n\": 77}"), peers, Instant::now(), 1 << 20);
    index.urls["/orders"].lists(&call, &mut lists);
    assert_eq!(lists.iter().map(|list| list.len()).sum::<usize>(), 1);
    assert_eq!(index.find(&call, &MatchStats::default(), |_| true).map(|entry| entry.rank.age), Some(77));
}
