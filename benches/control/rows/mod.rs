//! The rows: a name, a sentence, and what measures it.

mod admin;
mod journal;
mod memory;
mod misses;
mod posts;
mod reload_many;
mod reloads;
mod scenario;

use super::options::Options;
use super::report::Verdict;
use super::run::Row;

/// All rows, in the order in which they run.
pub const ROWS: [Row<Options>; 8] = [
    Row { name: "journal", sentence: "CPU per call with the journal and without it", run: journal::row },
    Row { name: "reloads", sentence: "sets of 100 stubs change under full load", run: reloads::row },
    Row { name: "reload_10k", sentence: "10,000 stubs are reloaded under moderate load", run: reload_many::row },
    Row { name: "posts", sentence: "10,000 single posts against one import of them", run: posts::row },
    Row { name: "misses", sentence: "hits beside a flood of misses", run: misses::row },
    Row { name: "admin", sentence: "admin calls while calls saturate the workers", run: admin::row },
    Row { name: "memory", sentence: "memory under full load with the journal on", run: memory::row },
    Row { name: "scenario", sentence: "two clients race for one transition", run: scenario::row },
];

fn verdict(holds: bool) -> Verdict {
    if holds { Verdict::Met } else { Verdict::Broken }
}
