//! The rows: a name, a sentence, and what measures it.

mod audit;
mod background;
mod cpu;
mod delay;
mod instructions;
mod lateness;
mod lognormal;
mod published;
mod recorder;
mod sides;
mod start;
mod workload;

use super::features::Feature;
use super::options::Options;
use super::run::Row;
use workload::Workload;

pub use audit::{AS_HOG, hog};
pub use background::{AS_LOAD, call_by_chance};

/// All rows, in the order in which they run.
pub const ROWS: [Row<Options>; 20] = [
    Row {
        name: "one_stub",
        sentence: "one stub, a fixed reply of 200 bytes of JSON",
        run: |options| cpu::row(options, Workload::One),
    },
    Row {
        name: "exact_1k",
        sentence: "1,000 stubs with exact urls, all called",
        run: |options| cpu::row(options, Workload::Exact(1_000)),
    },
    Row {
        name: "exact_100k",
        sentence: "100,000 stubs with exact urls, all called",
        run: |options| cpu::row(options, Workload::Exact(100_000)),
    },
    Row {
        name: "json_100",
        sentence: "100 stubs on one url told apart by equalToJson",
        run: |options| cpu::row(options, Workload::Orders(100)),
    },
    Row {
        name: "json_10k",
        sentence: "10,000 stubs on one url told apart by equalToJson",
        run: |options| cpu::row(options, Workload::Orders(10_000)),
    },
    Row {
        name: "patterns_1k",
        sentence: "1,000 patterns of urls that begin with anything and demand a text each",
        run: |options| cpu::row(options, Workload::Patterns(1_000)),
    },
    Row {
        name: "bare_patterns_1k",
        sentence: "1,000 patterns that demand no text for certain",
        run: |options| cpu::row(options, Workload::BarePatterns(1_000)),
    },
    Row {
        name: "template",
        sentence: "a reply of 200 bytes whose template has two values of the query",
        run: |options| cpu::row(options, Workload::Featured(Feature::Template)),
    },
    Row {
        name: "json_one",
        sentence: "one stub with equalToJson, which the next three are compared with",
        run: |options| cpu::row(options, Workload::Featured(Feature::EqualToJson)),
    },
    Row {
        name: "schema",
        sentence: "one stub with matchesJsonSchema",
        run: |options| cpu::row(options, Workload::Featured(Feature::JsonSchema)),
    },
    Row {
        name: "xpath",
        sentence: "one stub with matchesXPath",
        run: |options| cpu::row(options, Workload::Featured(Feature::XPath)),
    },
    Row {
        name: "multipart",
        sentence: "one stub with multipartPatterns",
        run: |options| cpu::row(options, Workload::Featured(Feature::Multipart)),
    },
    Row { name: "delay_50ms", sentence: "a fixed delay of 50 ms for 1,000 connections", run: delay::row },
    Row { name: "lognormal", sentence: "log-normal delays against their theory", run: lognormal::row },
    Row { name: "lateness", sentence: "delays of 0.3, 1 and 5 ms, idle and half busy", run: lateness::row },
    Row { name: "audit", sentence: "flags what disturbs a run, and only that", run: audit::row },
    Row { name: "recorder", sentence: "what recording adds to a proxy", run: recorder::row },
    Row { name: "proxy", sentence: "a stub that proxies, against a bare proxy", run: recorder::proxied },
    Row { name: "start", sentence: "from the start to the first answer", run: start::row },
    Row {
        name: "instructions",
        sentence: "instructions per request by callgrind, user space only",
        run: instructions::row,
    },
];
