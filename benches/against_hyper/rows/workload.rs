//! What the rows about CPU call: stubs, the requests that hit them, and the limit of the ratio.

use std::io;
use std::path::Path;

use super::super::features::Feature;
use super::super::{client, stubs, wrk};

/// Stubs that are told apart in one way, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// A single stub.
    One,
    /// By exact url.
    Exact(usize),
    /// By JSON body on one url.
    Orders(usize),
    /// By patterns of urls that begin with anything and demand a text each.
    Patterns(usize),
    /// By patterns that demand no text for certain: each is tried.
    BarePatterns(usize),
    /// A stub that needs one feature.
    Featured(Feature),
}

/// The workloads whose ratio is judged.
pub const JUDGED: [Workload; 12] = [
    Workload::One,
    Workload::Exact(1_000),
    Workload::Exact(100_000),
    Workload::Orders(100),
    Workload::Orders(10_000),
    Workload::Patterns(1_000),
    Workload::BarePatterns(1_000),
    Workload::Featured(Feature::EqualToJson),
    Workload::Featured(Feature::JsonSchema),
    Workload::Featured(Feature::Multipart),
    Workload::Featured(Feature::Template),
    Workload::Featured(Feature::XPath),
];

impl Workload {
    /// The name of its row.
    pub fn name(self) -> &'static str {
        match self {
            Self::One => "one_stub",
            Self::Exact(..=1_000) => "exact_1k",
            Self::Exact(_) => "exact_100k",
            Self::Orders(..=100) => "json_100",
            Self::Orders(_) => "json_10k",
            Self::Patterns(_) => "patterns_1k",
            Self::BarePatterns(_) => "bare_patterns_1k",
            Self::Featured(Feature::EqualToJson) => "json_one",
            Self::Featured(Feature::JsonSchema) => "schema",
            Self::Featured(Feature::Multipart) => "multipart",
            Self::Featured(Feature::Template) => "template",
            Self::Featured(Feature::XPath) => "xpath",
        }
    }

    /// The most that standin may cost, in times the cost of bare hyper.
    pub fn limit(self) -> f64 {
        match self {
            Self::One => 1.2,
            Self::Exact(..=1_000) => 1.35,
            Self::Exact(_) => 1.45,
            Self::Orders(..=100) | Self::Featured(Feature::EqualToJson) => 2.0,
            Self::Orders(_) => 2.5,
            Self::Featured(Feature::Template) => 1.6,
            // 20 us a look-up, beside some 7 of a call; the features of a body about three times an
            // `equalToJson` of the same size
            Self::Patterns(_) | Self::BarePatterns(_) | Self::Featured(_) => 4.0,
        }
    }

    /// Writes its stub folder.
    pub fn stubs(self, folder: &Path) -> io::Result<()> {
        match self {
            Self::One => stubs::one(folder),
            Self::Exact(count) => stubs::exact(folder, count),
            Self::Orders(count) => stubs::orders(folder, count),
            Self::Patterns(count) => stubs::patterns(folder, count),
            Self::BarePatterns(count) => stubs::bare_patterns(folder, count),
            Self::Featured(feature) => feature.stub(folder),
        }
    }

    /// Lua for wrk that calls every stub in turn.
    pub fn script(self) -> String {
        match self {
            Self::One => wrk::same_path(),
            Self::Exact(count) => wrk::cycle(count, &stubs::exact_lua()),
            Self::Orders(count) => wrk::cycle(count, &stubs::order_lua()),
            Self::Patterns(count) => wrk::cycle(count, stubs::THING_LUA),
            Self::BarePatterns(count) => wrk::cycle(count, stubs::BARE_THING_LUA),
            Self::Featured(feature) => wrk::cycle(1, &feature.lua()),
        }
    }

    /// How many stubs there are.
    pub fn count(self) -> usize {
        match self {
            Self::One | Self::Featured(_) => 1,
            Self::Exact(count) | Self::Orders(count) | Self::Patterns(count) | Self::BarePatterns(count) => count,
        }
    }

    /// The request that hits a stub.
    pub fn request(self, number: usize) -> Vec<u8> {
        match self {
            Self::One => client::get(stubs::ONE),
            Self::Exact(_) => client::get(&stubs::exact_url(number)),
            Self::Orders(_) => client::post(stubs::ORDERS, &stubs::order(number)),
            Self::Patterns(_) => client::get(&stubs::thing(number)),
            Self::BarePatterns(_) => client::get(&stubs::bare_thing(number)),
            Self::Featured(feature) => feature.request(),
        }
    }

    /// A request that differs a little from those that hit.
    pub fn miss(self) -> Vec<u8> {
        match self {
            Self::Orders(count) => client::post(stubs::ORDERS, &stubs::order(count)),
            Self::One | Self::Exact(_) => client::get("/api/v1/items/none"),
            Self::Patterns(count) => client::get(&stubs::thing(count)),
            Self::BarePatterns(count) => client::get(&stubs::bare_thing(count)),
            Self::Featured(feature) => feature.miss(),
        }
    }
}
