//! Stubs for ids that were not recorded: a load test rarely asks for the recorded ones only.
//!
//! Where several paths of an operation prove that a segment varies, one stub of low priority
//! answers all other values with an answer that was recorded, as it stands: the one of median size,
//! so that bytes on the wire stay true. Only GET and HEAD, only 2xx.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value, json};

use super::body_rule::{BodyRule, quote};
use super::chosen_answer::ChosenAnswer;

/// A stub for other ids.
pub(super) struct IdStub<'d> {
    pub(super) name: String,
    pub(super) request: Map<String, Value>,
    pub(super) priority: i32,
    /// Where its answer is from.
    pub(super) chosen: ChosenAnswer<'d>,
}

/// Returns the stubs for other ids of an operation, one for each query that was seen with several
/// paths, in rising order of specificity.
pub(super) fn templates<'d>(
    operation: &str,
    all_chosen: &[ChosenAnswer<'d>],
    shape: impl Fn(&ChosenAnswer<'d>) -> AnswerShape,
) -> Vec<IdStub<'d>> {
    let Some((method, path)) = operation.split_once(' ') else { return Vec::new() };
    let variables: Vec<usize> =
        path.split('/').enumerate().filter(|(_, part)| VARIABLE.is_match(part)).map(|(place, _)| place).collect();
    let literals = path.split('/').filter(|part| !SECRET.is_match(part) && !VARIABLE.is_match(part));
    let is_template = !variables.is_empty() && literals.into_iter().all(|part| !part.contains(['{', '}', '*']));
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
    let priority = ID_STUB_PRIORITY + i32::try_from(variables.len()).unwrap_or(1) - 1;
    by_query.into_values().filter_map(|alike| template(path, &variables, priority, &alike, &shape)).collect()
}

fn template<'d>(
    path: &str,
    variables: &[usize],
    priority: i32,
    alike: &[ChosenAnswer<'d>],
    shape: &impl Fn(&ChosenAnswer<'d>) -> AnswerShape,
) -> Option<IdStub<'d>> {
    let is_well = |chosen: &&ChosenAnswer<'d>| (200..300).contains(&chosen.seen.response.status);
    let mut well: Vec<ChosenAnswer<'d>> = alike.iter().filter(is_well).cloned().collect();
    let paths: BTreeSet<&str> = well.iter().map(|chosen| chosen.group.rule.path.as_str()).collect();
    // where most ids are not there, others are not likely to be
    if paths.len() < 2 || well.len() * 2 < alike.len() {
        return None;
    }
    // answers of several shapes are those of several resources
    let shapes: Vec<AnswerShape> = well.iter().take(MAX_SHAPES).map(shape).collect();
    if shapes.iter().any(|one| !one.is_like(&shapes[0])) {
        return None;
    }
    let size = |chosen: &ChosenAnswer<'d>| chosen.seen.response.body.as_ref().map_or(0, |body| body.size);
    well.sort_by_cached_key(|chosen| (size(chosen), chosen.group.rule.label()));
    let chosen = well[well.len() / 2].clone();
    let mut request = chosen.group.rule.templated(path);
    let mut rules = Map::new();
    for place in variables {
        let values: Vec<&str> = paths.iter().filter_map(|path| path.split('/').nth(*place)).collect();
        let variable = path.split('/').nth(*place)?;
        // a client that forgot to fill in its own template called literally so
        if values.contains(&variable) {
            return None;
        }
        let name = variable.trim_matches(['{', '}']).to_owned();
        rules.extend(pattern(&values).map(|pattern| (name, json!({ "matches": pattern }))));
    }
    let is_literal = |part: &str| !(part.is_empty() || VARIABLE.is_match(part) || SECRET.is_match(part));
    if rules.is_empty() && !path.split('/').any(is_literal) {
        return None; // it would take everything of its depth
    }
    if !rules.is_empty() {
        request.insert("pathParameters".to_owned(), rules.into());
    }
    let method = &chosen.group.rule.method;
    let name = format!("{method} {path}: ids that were not recorded, answered as {}", chosen.group.rule.path);
    Some(IdStub { name, request, priority, chosen })
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

/// The shape of an answer: ids of one kind have answers of one shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AnswerShape {
    content_type: Option<String>,
    /// Names of the members, if the body is a JSON object.
    members: Option<BTreeSet<String>>,
}

impl AnswerShape {
    /// Returns the shape of an answer with this body, which may be none.
    pub(super) fn of(content_type: Option<&str>, body: Option<&[u8]>) -> Self {
        let document = body.and_then(|body| serde_json::from_slice::<Value>(body).ok());
        let members = match document {
            Some(Value::Object(members)) => Some(members.into_iter().map(|(name, _)| name).collect()),
            _ => None,
        };
        Self { content_type: content_type.map(str::to_owned), members }
    }

    /// Returns true if both have one content type, and half of the members of the smaller one in
    /// common.
    fn is_like(&self, other: &Self) -> bool {
        let alike = match (&self.members, &other.members) {
            (Some(one), Some(other)) => one.intersection(other).count() * 2 >= one.len().min(other.len()),
            (one, other) => one.is_none() && other.is_none(),
        };
        self.content_type == other.content_type && alike
    }
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

/// Answers of an operation whose shapes are compared.
const MAX_SHAPES: usize = 50;

static VARIABLE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^\{id[0-9]*\}$").expect("a constant"));
static SECRET: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^\{redacted[0-9]*\}$").expect("a constant"));

/// The priority of a template with one variable; with each one more it comes later.
pub(super) const ID_STUB_PRIORITY: i32 = 10;
