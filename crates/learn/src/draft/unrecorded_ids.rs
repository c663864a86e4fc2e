//! Stubs for ids that were not recorded: a load test rarely asks for the recorded ones only.
//!
//! No id gets the answer of another one. Where the recorded answers differ by the id alone, a stub
//! of low priority gives them with the id of the call. Otherwise other ids get the answer of a
//! recorded id that was not there (404, 410). Without one they get no stub. Only GET and HEAD.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value, json};

use super::body_rule::{BodyRule, quote};
use super::chosen_answer::ChosenAnswer;
use super::id_echo::{IdentifiedText, common_text};
use super::recorded_answer::RecordedAnswer;
use super::report::{DraftReport, LeftOut};
use super::volatile_text::{self, AnswerTemplate, EchoSource, TextPart, VolatileKinds};
use standin_tape::OperationName;

/// A stub for other ids.
pub(super) struct IdStub<'d> {
    pub(super) name: String,
    pub(super) request: Map<String, Value>,
    pub(super) priority: i32,
    pub(super) answer: RecordedAnswer,
    /// Where its answer is from.
    pub(super) chosen: ChosenAnswer<'d>,
}

/// A recorded answer to a call with ids in its path.
struct IdAnswer<'d> {
    chosen: ChosenAnswer<'d>,
    answer: RecordedAnswer,
}

/// The path of an operation, in which ids vary.
struct IdPath<'p> {
    operation: &'p str,
    path: &'p str,
    /// Places of the variables among the segments.
    places: Vec<usize>,
    /// Names of the variables.
    names: Vec<String>,
}

/// Returns the stubs for other ids of an operation, at most one for each query that was seen with
/// several paths, in rising order of specificity.
pub(super) fn templates<'d>(
    operation: &str,
    all_chosen: &[ChosenAnswer<'d>],
    answer: impl Fn(&ChosenAnswer<'d>) -> Option<RecordedAnswer>,
    report: &mut DraftReport,
) -> Vec<IdStub<'d>> {
    let Some(OperationName { method, path, .. }) = OperationName::parse(operation) else { return Vec::new() };
    let variables = || path.split('/').enumerate().filter(|(_, part)| VARIABLE.is_match(part));
    let (places, names): (Vec<usize>, Vec<String>) =
        variables().map(|(place, name)| (place, name.trim_matches(['{', '}']).to_owned())).unzip();
    let literals = path.split('/').filter(|part| !SECRET.is_match(part) && !VARIABLE.is_match(part));
    let is_template = !places.is_empty() && literals.into_iter().all(|part| !part.contains(['{', '}', '*']));
    if !matches!(method, "GET" | "HEAD") || !is_template {
        return Vec::new();
    }
    let mut by_query: BTreeMap<(u64, String), Vec<ChosenAnswer<'d>>> = BTreeMap::new();
    let is_plain = |chosen: &&ChosenAnswer<'d>| {
        chosen.group.rule.body == BodyRule::Nothing && chosen.headers.is_empty() && chosen.is_last()
    };
    for chosen in all_chosen.iter().filter(is_plain) {
        let query = &chosen.group.rule.query;
        by_query.entry((query.weight(), query.json().to_string())).or_default().push(chosen.clone());
    }
    let path = IdPath { operation, path, places, names };
    let of_query = |alike: Vec<ChosenAnswer<'d>>| {
        let whole =
            alike.iter().filter_map(|chosen| Some(IdAnswer { chosen: chosen.clone(), answer: answer(chosen)? }));
        path.stub(&whole.collect::<Vec<_>>(), report)
    };
    by_query.into_values().filter_map(of_query).collect()
}

impl<'d> IdPath<'_> {
    /// Returns the stub for other ids of calls that are alike but for their ids, and reports what
    /// other ids get.
    fn stub(&self, alike: &[IdAnswer<'d>], report: &mut DraftReport) -> Option<IdStub<'d>> {
        let with_status =
            |is: fn(u16) -> bool| -> Vec<&IdAnswer<'d>> { alike.iter().filter(|one| is(one.answer.status)).collect() };
        let (well, missing) =
            (with_status(|status| (200..300).contains(&status)), with_status(|status| matches!(status, 404 | 410)));
        let all = self.values(alike.iter());
        let calls = alike.iter().map(|one| one.chosen.calls).sum();
        // a client that forgot to fill in its own template called literally so
        let is_raw = self.names.iter().zip(&all).any(|(name, values)| values.contains(&&*format!("{{{name}}}")));
        if well.is_empty() || self.values(alike.iter()).iter().all(|values| values.len() < 2) || is_raw {
            return None;
        }
        // where most ids are not there, others are not likely to be
        let echo = if well.len() * 2 < alike.len() { None } else { self.echo(&well) };
        let (answered, note, words) = match (echo, self.not_found(&missing)) {
            (Some(answered), _) => (answered, LeftOut::IdEcho, "with their id"),
            (None, Some(answered)) => (answered, LeftOut::IdNotFound, "as one that was not found"),
            (None, None) => {
                report.note(LeftOut::IdMiss, calls, self.operation);
                return None;
            }
        };
        let (chosen, answer) = answered;
        let mut request = chosen.group.rule.templated(self.path);
        let mut rules = Map::new();
        for (name, values) in self.names.iter().zip(&all) {
            let values: Vec<&str> = values.iter().copied().collect();
            rules.extend(pattern(&values).map(|pattern| (name.clone(), json!({ "matches": pattern }))));
        }
        let is_literal = |part: &str| !(part.is_empty() || VARIABLE.is_match(part) || SECRET.is_match(part));
        if rules.is_empty() && !self.path.split('/').any(is_literal) {
            return None; // it would take everything of its depth
        }
        if !rules.is_empty() {
            request.insert("pathParameters".to_owned(), rules.into());
        }
        report.note(note, calls, self.operation);
        let name = format!("{} {}: ids that were not recorded, answered {words}", chosen.group.rule.method, self.path);
        let priority = ID_STUB_PRIORITY + i32::try_from(self.places.len()).unwrap_or(1) - 1;
        Some(IdStub { name, request, priority, answer, chosen })
    }

    /// Returns the answer that all ids have in common but for the id itself; `None` if they differ
    /// in anything else, or if there are too few to prove it.
    fn echo(&self, well: &[&IdAnswer<'d>]) -> Option<(ChosenAnswer<'d>, RecordedAnswer)> {
        let first = well.first()?;
        let values = self.values(well.iter().copied());
        let is_known = |id: &str| !id.is_empty() && !id.contains('%');
        if values.iter().any(|values| values.len() < 2 || !values.iter().all(|id| is_known(id))) {
            return None;
        }
        if well.iter().any(|one| one.answer.status != first.answer.status || one.answer.template.is_some()) {
            return None;
        }
        let body = match self.common(well, |answer| std::str::from_utf8(&answer.body).ok()) {
            Some(body) => body,
            // bytes that are no text
            None if well.iter().all(|one| one.answer.body == first.answer.body) => Vec::new(),
            None => return None,
        };
        let ids: usize = values.iter().map(BTreeSet::len).max().unwrap_or(0);
        if !volatile_text::is_volatile(&body) && ids < MIN_CONSTANT_IDS || volatile_text::has_braces(&body) {
            return None;
        }
        let mut answer = first.answer.clone();
        let mut headers = Vec::new();
        answer.retain_headers(|name, _| {
            let Some(parts) = self.common(well, |answer| answer.single_header(name)) else {
                return well.iter().all(|one| one.answer.same_header(name, &first.answer));
            };
            if volatile_text::is_volatile(&parts) {
                headers.push((name.to_ascii_lowercase(), volatile_text::template(&parts)));
            }
            !volatile_text::has_braces(&parts)
        });
        if answer.content_type() != first.answer.content_type() {
            return None;
        }
        if volatile_text::is_volatile(&body) || !headers.is_empty() {
            answer.template = Some(AnswerTemplate { body: volatile_text::template(&body), headers });
        }
        Some((first.chosen.clone(), answer))
    }

    /// Returns the recorded answer to ids that are not there, with the id of the call in place of
    /// the recorded one.
    fn not_found(&self, missing: &[&IdAnswer<'d>]) -> Option<(ChosenAnswer<'d>, RecordedAnswer)> {
        if let Some(common) = self.echo(missing) {
            return Some(common);
        }
        let most = |one: &&&IdAnswer<'d>| one.chosen.calls;
        let names_no_id = |one: &&&IdAnswer<'d>| {
            let text = String::from_utf8_lossy(&one.answer.body);
            self.ids(one).iter().all(|id| !volatile_text::has_whole(&text, id))
        };
        if let Some(neutral) = missing.iter().filter(names_no_id).max_by_key(most) {
            return Some((neutral.chosen.clone(), neutral.answer.clone()));
        }
        let [only] = missing else { return None };
        let ids = self.ids(only);
        let text = std::str::from_utf8(&only.answer.body).ok()?;
        if ids.iter().any(|id| id.len() < MIN_SINGLE_ID_BYTES || id.contains('%')) {
            return None;
        }
        let sources = ids.iter().zip(&self.names).map(|(id, name)| EchoSource {
            value: (*id).to_owned(),
            expression: format!("{{{{request.path.{name}}}}}"),
        });
        let body = volatile_text::split(text, &sources.collect::<Vec<_>>(), VolatileKinds::Echoes, 0);
        let mut answer = only.answer.clone();
        answer.template = Some(AnswerTemplate { body: volatile_text::template(&body), headers: Vec::new() });
        (!volatile_text::has_braces(&body)).then(|| (only.chosen.clone(), answer))
    }

    fn common<'t>(
        &self,
        all: &[&'t IdAnswer<'d>],
        text: impl Fn(&'t RecordedAnswer) -> Option<&'t str>,
    ) -> Option<Vec<TextPart>> {
        let texts: Option<Vec<IdentifiedText<'t>>> =
            all.iter().map(|one| Some(IdentifiedText { text: text(&one.answer)?, ids: self.ids(one) })).collect();
        let texts = texts.filter(|texts| texts.iter().all(|one| one.text.len() <= MAX_TEMPLATE_BYTES))?;
        common_text(&texts, &self.names)
    }

    /// Returns the ids of a call.
    fn ids<'t>(&self, one: &'t IdAnswer<'d>) -> Vec<&'t str> {
        let segments: Vec<&str> = one.chosen.group.rule.path.split('/').collect();
        self.places.iter().map(|place| segments.get(*place).copied().unwrap_or_default()).collect()
    }

    /// Returns the distinct ids of calls, for each variable.
    fn values<'t>(&self, all: impl Iterator<Item = &'t IdAnswer<'d>>) -> Vec<BTreeSet<&'t str>>
    where
        'd: 't,
    {
        let mut values = vec![BTreeSet::new(); self.places.len()];
        for one in all {
            for (values, id) in values.iter_mut().zip(self.ids(one)) {
                values.insert(id);
            }
        }
        values
    }
}

/// Returns a pattern that all recorded values match, so that a name such as `search` is not taken
/// for an id; `None` if they have nothing in common.
fn pattern(values: &[&str]) -> Option<String> {
    let looks = |pattern: &Regex| values.iter().all(|value| pattern.is_match(value));
    let shape = SHAPES.iter().find(|(_, whole)| looks(whole)).map(|(pattern, _)| (*pattern).to_owned());
    shape.or_else(|| numbers_between(values)).or_else(|| {
        let has_digit = |value: &&str| value.bytes().any(|byte| byte.is_ascii_digit());
        values.iter().all(has_digit).then(|| "[^/]*[0-9][^/]*".to_owned())
    })
}

/// Returns the pattern of numbers with one text before and after them, as in `order-17` or
/// `7.json`.
fn numbers_between(values: &[&str]) -> Option<String> {
    let is_digit = |c: char| c.is_ascii_digit();
    let around = |value: &str| -> Option<(String, String)> {
        let (begin, end) = (value.find(is_digit)?, value.rfind(is_digit)?);
        let is_number = value[begin..=end].chars().all(is_digit);
        is_number.then(|| (value[..begin].to_owned(), value[end + 1..].to_owned()))
    };
    let first = around(values.first()?)?;
    let is_same = values.iter().all(|value| around(value).as_ref() == Some(&first));
    is_same.then(|| format!("{}[0-9]+{}", quote(&first.0), quote(&first.1)))
}

/// Shapes of ids, the narrowest first.
static SHAPES: LazyLock<Vec<(&str, Regex)>> = LazyLock::new(|| {
    let shapes = [
        "[0-9]+",
        "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
        "[0-9]{4}-[0-9]{2}-[0-9]{2}",
        "[0-9a-fA-F]{8,}",
    ];
    shapes.map(|shape| (shape, Regex::new(&format!("^(?:{shape})$")).expect("a constant"))).into()
});

/// Ids from which on equal answers are the same for every id.
const MIN_CONSTANT_IDS: usize = 3;

/// Shortest id that is found in the only answer of its kind, in bytes.
const MIN_SINGLE_ID_BYTES: usize = 2;

/// Longest text that becomes a template, in bytes.
const MAX_TEMPLATE_BYTES: usize = 64 << 10;

static VARIABLE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^\{id[0-9]*\}$").expect("a constant"));
static SECRET: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^\{redacted[0-9]*\}$").expect("a constant"));

/// The priority of a template with one variable; with each one more it comes later.
pub(super) const ID_STUB_PRIORITY: i32 = 10;
