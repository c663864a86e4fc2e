//! The lists of promised cases: `must_pass.txt` only grows, and `differences.txt` gives the reason
//! for each case that is answered differently on purpose. A case in neither list is open work.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Both lists.
#[derive(Default)]
pub(super) struct Lists {
    /// Names by group, in the order of the file.
    must_pass: BTreeMap<String, Vec<String>>,
    /// Reasons by group and name.
    differences: BTreeMap<String, BTreeMap<String, String>>,
}

/// A case that was run.
pub(super) struct Ran<'a> {
    pub(super) name: &'a str,
    /// Each difference to what was recorded; none if it passed.
    pub(super) differences: &'a [String],
}

impl Lists {
    /// Reads both files of a folder; one that is missing is empty.
    pub(super) fn read(folder: &Path) -> Self {
        let text = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
        Self::parse(&text(MUST_PASS), &text(DIFFERENCES))
    }

    fn parse(must_pass: &str, differences: &str) -> Self {
        let mut lists = Self::default();
        for line in entries(must_pass) {
            let Some((group, name)) = line.split_once(" | ") else {
                panic!("{MUST_PASS}: `{line}`: write `group | case`");
            };
            lists.must_pass.entry(group.trim().to_owned()).or_default().push(name.trim().to_owned());
        }
        for line in entries(differences) {
            let parts: Vec<&str> = line.splitn(3, " | ").map(str::trim).collect();
            let [group, name, reason] = parts[..] else {
                panic!("{DIFFERENCES}: `{line}`: write `group | case | reason`");
            };
            lists.differences.entry(group.to_owned()).or_default().insert(name.to_owned(), reason.to_owned());
        }
        lists
    }

    /// Returns the groups that either list speaks of.
    pub(super) fn groups(&self) -> BTreeSet<&str> {
        self.must_pass.keys().chain(self.differences.keys()).map(String::as_str).collect()
    }

    /// Returns the errors of the lists, given the cases of a group and the results of those that
    /// ran.
    pub(super) fn complaints(&self, group: &str, cases: &[&str], ran: &[Ran]) -> Vec<String> {
        let mut complaints = Vec::new();
        let known: BTreeSet<&str> = cases.iter().copied().collect();
        let promised: BTreeSet<&str> = self.must_pass_of(group).iter().map(String::as_str).collect();
        let differing: BTreeSet<&str> =
            self.differences.get(group).into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        for name in promised.union(&differing).filter(|name| !known.contains(*name)) {
            complaints.push(format!(
                "`{name}` is listed, but no such case exists: remove it or write its name as the case has it"
            ));
        }
        for name in promised.intersection(&differing) {
            complaints.push(format!("`{name}` is in both lists: remove it from one"));
        }
        let mut unlisted = String::new();
        for case in ran {
            match case.differences {
                [] if differing.contains(case.name) => {
                    complaints.push(format!("`{}` passes: remove it from {DIFFERENCES}", case.name));
                }
                [] if !promised.contains(case.name) => {
                    let _ = write!(unlisted, "\n{group} | {}", case.name);
                }
                [first, ..] if promised.contains(case.name) => {
                    complaints.push(format!("`{}` must pass: {first}", case.name));
                }
                _ => {}
            }
        }
        if !unlisted.is_empty() {
            complaints.push(format!(
                "these pass now: add them to {MUST_PASS}, or run with STANDIN_CONFORMANCE_UPDATE=1{unlisted}"
            ));
        }
        complaints
    }

    /// Returns whether a case is answered otherwise on purpose.
    pub(super) fn differs_on_purpose(&self, group: &str, name: &str) -> bool {
        self.differences.get(group).is_some_and(|names| names.contains_key(name))
    }

    /// Adds the cases that passed and takes out those that no longer exist. One that fails stays:
    /// nobody gives up a promise by running a command.
    fn refresh(&mut self, group: &str, cases: &[&str], ran: &[Ran]) {
        let passed = |name: &str| ran.iter().any(|case| case.name == name && case.differences.is_empty());
        let promised = |name: &str| self.must_pass_of(group).iter().any(|listed| listed == name);
        let stays = |name: &&str| promised(name) || (passed(name) && !self.differs_on_purpose(group, name));
        let names = cases.iter().copied().filter(stays).map(str::to_owned).collect();
        self.must_pass.insert(group.to_owned(), names);
    }

    fn must_pass_of(&self, group: &str) -> &[String] {
        self.must_pass.get(group).map_or(&[], Vec::as_slice)
    }

    fn must_pass_text(&self) -> String {
        let mut text = HEADER.to_owned();
        for (group, names) in &self.must_pass {
            for name in names {
                let _ = writeln!(text, "{group} | {name}");
            }
        }
        text
    }
}

/// Brings `must_pass.txt` up to date for a group and returns the lists as they are then.
pub(super) fn refreshed(folder: &Path, group: &str, cases: &[&str], ran: &[Ran]) -> Lists {
    // groups run side by side and share the file
    static WRITING: Mutex<()> = Mutex::new(());
    let _guard = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut lists = Lists::read(folder);
    lists.refresh(group, cases, ran);
    fs::write(folder.join(MUST_PASS), lists.must_pass_text()).expect("the list can be written");
    lists
}

fn entries(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

const MUST_PASS: &str = "must_pass.txt";

const DIFFERENCES: &str = "differences.txt";

const HEADER: &str = "# Cases that must pass, `group | case`. STANDIN_CONFORMANCE_UPDATE=1 adds those that pass now.\n";

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(must_pass: &str, differences: &str, failing: &[&str]) -> Vec<String> {
        let broken = ["status: want 200 got 404".to_owned()];
        let cases = ["one", "two"];
        let ran: Vec<Ran> = cases
            .iter()
            .map(|name| Ran { name, differences: if failing.contains(name) { &broken } else { &[] } })
            .collect();
        Lists::parse(must_pass, differences).complaints("g", &cases, &ran)
    }

    #[test]
    fn a_kept_promise_is_no_complaint() {
        assert!(complaints("# all\ng | one\n", "g | two | hyper does it | so\n", &["two"]).is_empty());
        assert!(
            complaints("g | one\n", "", &["two"]).is_empty(),
            "one that fails and is not listed is work to be done"
        );
    }

    #[test]
    fn each_fault_of_the_lists_is_told() {
        for (must_pass, differences, failing, expected) in [
            ("g | one\ng | two", "", &["one"][..], "`one` must pass: status: want 200 got 404"),
            ("g | one\ng | two\ng | three", "", &[], "no such case"),
            ("g | one\ng | two", "g | four | why", &[], "no such case"),
            ("g | one\ng | two", "g | two | why", &["two"], "in both lists"),
            ("g | one", "g | two | why", &[], "`two` passes"),
            ("g | one", "", &[], "these pass now"),
        ] {
            let told = complaints(must_pass, differences, failing).join("\n");
            assert!(told.contains(expected), "{told}");
        }
    }

    #[test]
    fn the_update_adds_and_never_gives_up() {
        let mut lists = Lists::parse("f | x\ng | two\ng | gone", "g | three | why");
        let broken = ["differs".to_owned()];
        let ran = [("one", &[][..]), ("two", &broken[..]), ("three", &[])];
        let ran = ran.map(|(name, differences)| Ran { name, differences });
        lists.refresh("g", &["one", "two", "three"], &ran);
        assert_eq!(lists.must_pass_text(), format!("{HEADER}f | x\ng | one\ng | two\n"));
    }
}
