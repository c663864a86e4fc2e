//! WireMock's recorded answers: every case in `tests/conformance/cases` is asked here, and the
//! answer is held against what WireMock 3.13.2 said.
//!
//! A group is a test with a server of its own. `STANDIN_CONFORMANCE_CASE=TEXT` runs only the cases
//! whose names contain the text, `STANDIN_CONFORMANCE_VERBOSE=1` tells every difference of every
//! case, `STANDIN_CONFORMANCE_UPDATE=1` adds the cases that pass to `must_pass.txt`.

mod answer;
mod case;
mod client;
mod compare;
mod lists;
mod path;
mod session;
mod spelling;
mod upstream;

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::sync::{Mutex, PoisonError};

use self::case::{Case, Recorded, data};
use self::lists::{Lists, Ran};
use self::session::{Outcome, Session};
use crate::support;

macro_rules! groups {
    ($($group:ident)*) => {
        const GROUPS: &[&str] = &[$(stringify!($group)),*];

        $(#[test]
        fn $group() {
            check(plain(stringify!($group)));
        })*
    };
}

groups! {
    admin_mappings admin_other admin_requests auth bad_input body cookie datetime delay disk fault files form header host
    http json jsonpath metadata method mixed multipart near_misses priority proxy query record response scenario schema
    r#static template_data template_date template_lang template_path template_request template_string url variations
    webhook xml xpath
}

#[test]
fn every_group_is_run_and_every_list_speaks_of_groups() {
    let run: BTreeSet<String> = GROUPS.iter().map(|group| plain(group).to_owned()).collect();
    let files = data().join("cases").read_dir().expect("the cases are there").flatten();
    let stems = files.filter_map(|file| Some(file.path().file_stem()?.to_str()?.to_owned()));
    assert_eq!(stems.collect::<BTreeSet<_>>(), run, "the groups above and the files in cases/ differ");
    let lists = Lists::read(&data());
    let unknown: Vec<&str> = lists.groups().into_iter().filter(|group| !run.contains(*group)).collect();
    assert!(unknown.is_empty(), "no such groups: {unknown:?}");
}

/// Runs the cases of a group on a new server and holds the result against the lists.
fn check(group: &str) {
    let cases = Case::all_of(group);
    let wanted = env::var("STANDIN_CONFORMANCE_CASE").unwrap_or_default().to_lowercase();
    let chosen: Vec<&Case> = cases.iter().filter(|case| case.name.to_lowercase().contains(&wanted)).collect();
    let outcomes = run(group, &chosen);
    let ran: Vec<Ran> = chosen
        .iter()
        .zip(&outcomes)
        .map(|(case, outcome)| Ran { name: &case.name, differences: &outcome.differences })
        .collect();
    let names: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    let lists = if is_set("STANDIN_CONFORMANCE_UPDATE") {
        lists::refreshed(&data(), group, &names, &ran)
    } else {
        Lists::read(&data())
    };
    if is_set("STANDIN_CONFORMANCE_VERBOSE") {
        tell(&differences(group, &ran, &lists));
    }
    count(group, &chosen, &outcomes);
    let complaints = lists.complaints(group, &names, &ran);
    assert!(complaints.is_empty(), "{group}:\n{}", complaints.join("\n"));
}

fn run(group: &str, cases: &[&Case]) -> Vec<Outcome> {
    if cases.is_empty() {
        return Vec::new();
    }
    let recorded = Recorded::all_of(group);
    let target = support::start();
    let mut session = Session::new(&target);
    let outcome = |case: &&Case| {
        recorded.get(&case.name).map_or_else(
            || Outcome { differences: vec!["no golden result: record one".to_owned()], agreed: 0 },
            |recorded| session.run(case, recorded),
        )
    };
    cases.iter().map(outcome).collect()
}

fn differences(group: &str, ran: &[Ran], lists: &Lists) -> String {
    let mut text = String::new();
    for case in ran.iter().filter(|case| !case.differences.is_empty()) {
        let purpose = if lists.differs_on_purpose(group, case.name) { ", on purpose" } else { "" };
        let _ = writeln!(text, "{group} | {}{purpose}", case.name);
        for difference in case.differences {
            let _ = writeln!(text, "       {difference}");
        }
    }
    text
}

/// Counts a group and prints the table when it was the last one.
fn count(group: &str, cases: &[&Case], outcomes: &[Outcome]) {
    static TABLE: Mutex<BTreeMap<String, [usize; 4]>> = Mutex::new(BTreeMap::new());
    let mut table = TABLE.lock().unwrap_or_else(PoisonError::into_inner);
    let passed = outcomes.iter().filter(|outcome| outcome.differences.is_empty()).count();
    let agreed = outcomes.iter().map(|outcome| outcome.agreed).sum();
    let requests = cases.iter().map(|case| case.requests.len()).sum();
    table.insert(group.to_owned(), [passed, cases.len(), agreed, requests]);
    if table.len() < GROUPS.len() {
        return;
    }
    let mut text = format!("\n{:<18}{:>11}{:>15}\n", "group", "passed/all", "requests");
    let mut sum = [0; 4];
    for (group, row) in &*table {
        text.push_str(&line(group, *row));
        sum = std::array::from_fn(|column| sum[column] + row[column]);
    }
    text.push_str(&line("conformance", sum));
    tell(&text);
}

fn line(name: &str, [passed, all, agreed, requests]: [usize; 4]) -> String {
    format!("{name:<18}{:>11}{:>15}\n", format!("{passed}/{all}"), format!("{agreed}/{requests}"))
}

/// Prints in spite of the test harness, which shows a test's own output only when it fails.
fn tell(text: &str) {
    io::stderr().write_all(text.as_bytes()).expect("stderr is open");
}

fn is_set(variable: &str) -> bool {
    env::var(variable).is_ok_and(|value| !value.is_empty() && value != "0")
}

fn plain(group: &str) -> &str {
    group.trim_start_matches("r#")
}
