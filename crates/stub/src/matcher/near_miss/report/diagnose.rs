//! Compares a request with a stub, clause by clause.

use super::clause_result::{ClauseResult, ComparedStub, PageRow, PageSection, ScenarioRequirement};
use super::truncate::truncate;
use super::{body, display, multipart};
use crate::call::Call;
use crate::matcher::value_matcher::{MatchStats, ValueMatcher};
use crate::matcher::{Clause, FieldMatcher, FieldName, FieldRule, MethodRule, UrlRule};

/// Returns the result of every clause in the order of the page. Method and URL are always included.
pub fn diagnose(target: &ComparedStub<'_>, call: &Call) -> Vec<ClauseResult> {
    let diagnosis = ClauseDiagnosis { target, call, stats: MatchStats::default() };
    let mut results: Vec<ClauseResult> =
        target.pattern.as_written().into_iter().filter_map(|c| diagnosis.clause(c)).collect();
    let has = |results: &[ClauseResult], clause: &str| results.iter().any(|result| result.clause == clause);
    if !has(&results, "method") {
        results.push(diagnosis.method(&MethodRule::Any));
    }
    if !has(&results, "url") {
        results.push(diagnosis.url(&UrlRule::Any));
    }
    results.extend(target.scenario.map(diagnose_scenario));
    results.sort_by_key(|result| {
        let place = match result.row.section {
            PageSection::Target => TARGET_ORDER.iter().position(|clause| *clause == result.clause),
            PageSection::PathParameter => diagnosis.place_in_template(result.name.as_deref()),
            _ => None,
        };
        (result.row.section, place)
    });
    results
}

struct ClauseDiagnosis<'a> {
    target: &'a ComparedStub<'a>,
    call: &'a Call,
    stats: MatchStats,
}

impl ClauseDiagnosis<'_> {
    fn clause(&self, clause: &Clause) -> Option<ClauseResult> {
        let call = self.call;
        let result = match clause {
            Clause::BasicAuth(expected) => self.basic_auth(expected),
            Clause::Body(rule) => body::diagnose_body(rule, call, &self.stats),
            Clause::ClientIp(rule) => {
                let shown = format!("{} {}", display::operator(rule), display::first_operand(rule, CELL_BYTES));
                Self::address("clientIp", "ClientIp", rule, &call.client_ip(), shown)
            }
            Clause::Field(field) => self.field(field),
            Clause::Host(rule) => {
                let operator = display::bracketed(display::operator(rule), "");
                let shown = format!("{}{}", operator.trim_start(), display::operand(rule, CELL_BYTES));
                Self::address("host", "Host", rule, &call.host(), shown)
            }
            Clause::Method(rule) => self.method(rule),
            Clause::Multipart(rule) => multipart::diagnose_multipart(rule, self.call),
            Clause::GraphQl(_) | Clause::Unsatisfiable => self.unsatisfiable(),
            Clause::PathParameter { template, name, rule } => {
                let value = template.variable(name, call.path())?;
                Self::path_parameter(name, rule, value)
            }
            Clause::Port(port) => target_result("port", "Port", port.to_string(), call.port().to_string()),
            Clause::Scheme(scheme) => {
                target_result("scheme", "Scheme", scheme.clone(), call.peers.scheme.as_str().to_owned())
            }
            Clause::Url(rule) => self.url(rule),
        };
        let before = self.stats.limit_hits();
        let matches = clause.holds(call, &self.stats);
        Some(ClauseResult { matches, is_limited: self.stats.limit_hits() > before, ..result })
    }

    fn method(&self, rule: &MethodRule) -> ClauseResult {
        let expected = match rule {
            MethodRule::Any => "ANY",
            MethodRule::GetOrHead => "GET_OR_HEAD",
            MethodRule::Is(name) => name,
        };
        let actual = self.call.method.as_str();
        ClauseResult {
            matches: rule.matches(actual),
            ..target_result("method", "HTTP method", truncate(expected, CELL_BYTES), truncate(actual, CELL_BYTES))
        }
    }

    fn url(&self, rule: &UrlRule) -> ClauseResult {
        let (prefix, operator, expected) = match rule {
            UrlRule::Any => ("", "anything", "(always)"),
            UrlRule::Path(path) => ("[path] ", "urlPath", path.as_str()),
            UrlRule::PathPattern(pattern) => ("[path regex] ", "urlPathPattern", pattern.as_str()),
            UrlRule::PathTemplate(template) => ("[path template] ", "urlPathTemplate", template.as_str()),
            UrlRule::Url(url) => ("", "url", url.as_str()),
            UrlRule::UrlPattern(pattern) => ("[regex] ", "urlPattern", pattern.as_str()),
        };
        let expected = truncate(expected, CELL_BYTES);
        let shown = format!("{prefix}{expected}");
        let result = target_result("url", "URL", expected, truncate(self.call.url(), CELL_BYTES));
        let row = PageRow { expected: shown, ..result.row };
        ClauseResult { operator, row, matches: rule.matches(self.call, &self.stats), ..result }
    }

    fn address(
        clause: &'static str,
        subject: &'static str,
        rule: &ValueMatcher,
        actual: &str,
        shown: String,
    ) -> ClauseResult {
        let result = target_result(clause, subject, display::operand(rule, CELL_BYTES), truncate(actual, CELL_BYTES));
        let row = PageRow { expected: shown, ..result.row };
        ClauseResult { operator: display::operator(rule), row, ..result }
    }

    fn basic_auth(&self, expected: &str) -> ClauseResult {
        let expected = truncate(&format!("Basic {expected}"), CELL_BYTES);
        let values: Vec<_> = self.call.header(&http::header::AUTHORIZATION).collect();
        let actual: Vec<String> = values.iter().map(|value| truncate(value, CELL_BYTES)).collect();
        let row = PageRow {
            section: PageSection::Header,
            subject: "Header",
            expected: format!("Authorization [prefix] : {expected}"),
            actual: lines("Authorization", &actual),
        };
        let name = Some("Authorization".to_owned());
        ClauseResult {
            clause: "basicAuth",
            name,
            operator: "prefix",
            expected,
            actual,
            matches: false,
            is_limited: false,
            row,
        }
    }

    fn field(&self, field: &FieldMatcher) -> ClauseResult {
        let (section, clause, subject) = match field.name {
            FieldName::Cookie(_) => (PageSection::Cookie, "cookie", "Cookie"),
            FieldName::Form(_) => (PageSection::Form, "formParameter", "Form data"),
            FieldName::Header(_) => (PageSection::Header, "header", "Header"),
            FieldName::Query(_) => (PageSection::Query, "queryParameter", "Query"),
        };
        let name = self.spelling(&field.name);
        let (operator, expected) = display::field(&field.rule, CELL_BYTES);
        let is_list = !matches!(field.rule, FieldRule::One(_));
        let shown = match &field.name {
            FieldName::Cookie(_) => {
                let operand = match &field.rule {
                    FieldRule::One(rule) => display::first_operand(rule, CELL_BYTES),
                    _ => expected.clone(),
                };
                format!("Cookie: {name}{}{operand}", display::bracketed(operator, "="))
            }
            _ if is_list => format!("{}{name}{}[{expected}]", prefix(section), display::bracketed(operator, "")),
            FieldName::Header(_) if expected.is_empty() => format!("{name}{}", display::bracketed(operator, "")),
            FieldName::Header(_) => format!("{name}{}: {expected}", display::bracketed(operator, "")),
            _ => format!("{}{name}{}{expected}", prefix(section), display::bracketed(operator, " = ")),
        };
        let values = field.name.all_values(self.call);
        let actual: Vec<String> = values.iter().take(MAX_VALUES).map(|value| truncate(value, CELL_BYTES)).collect();
        let row = PageRow {
            section,
            subject,
            expected: shown,
            actual: match section {
                PageSection::Cookie => actual.first().cloned().unwrap_or_default(),
                _ => lines(&name, &actual),
            },
        };
        ClauseResult { clause, name: Some(name), operator, expected, actual, matches: false, is_limited: false, row }
    }

    fn path_parameter(name: &str, rule: &ValueMatcher, value: &str) -> ClauseResult {
        let operator = display::operator(rule);
        let actual = truncate(value, CELL_BYTES);
        let operand = display::first_operand(rule, CELL_BYTES);
        let row = PageRow {
            section: PageSection::PathParameter,
            subject: "Path parameter",
            expected: format!("Path parameter: {name}{}{operand}", display::bracketed(operator, " = ")),
            actual: actual.clone(),
        };
        let expected = display::operand(rule, CELL_BYTES);
        let name = Some(name.to_owned());
        ClauseResult {
            clause: "pathParameter",
            name,
            operator,
            expected,
            actual: vec![actual],
            matches: false,
            is_limited: false,
            row,
        }
    }

    fn unsatisfiable(&self) -> ClauseResult {
        let name = self.target.request.and_then(|request| request.get("customMatcher")?.get("name")?.as_str());
        let Some(name) = name else {
            // credentials without user name or password
            let name = Some("Authorization".to_owned());
            let row = PageRow {
                section: PageSection::Header,
                subject: "Header",
                expected: "Authorization [prefix] : Basic".to_owned(),
                actual: String::new(),
            };
            let expected = "user name and password".to_owned();
            return ClauseResult {
                clause: "basicAuth",
                name,
                operator: "prefix",
                expected,
                actual: Vec::new(),
                matches: false,
                is_limited: false,
                row,
            };
        };
        let shown = truncate(&format!("[custom matcher: {name}]"), CELL_BYTES);
        let row = PageRow { section: PageSection::Custom, subject: "", expected: shown.clone(), actual: shown };
        let expected = truncate(name, CELL_BYTES);
        let operator = "customMatcher";
        ClauseResult {
            clause: "customMatcher",
            name: None,
            operator,
            expected,
            actual: Vec::new(),
            matches: false,
            is_limited: false,
            row,
        }
    }

    /// Returns the name as the stub spells it: header names are compiled in lower case.
    fn spelling(&self, name: &FieldName) -> String {
        match name {
            FieldName::Cookie(name) | FieldName::Form(name) | FieldName::Query(name) => name.clone(),
            FieldName::Header(name) => {
                let written = self.target.request.and_then(|request| request.get("headers")?.as_object());
                let spelt =
                    written.and_then(|headers| headers.keys().find(|key| name.as_str().eq_ignore_ascii_case(key)));
                spelt.map_or_else(|| name.to_string(), Clone::clone)
            }
        }
    }

    fn place_in_template(&self, name: Option<&str>) -> Option<usize> {
        let UrlRule::PathTemplate(template) = self.target.pattern.url() else { return None };
        template.names().iter().position(|known| Some(known.as_str()) == name)
    }
}

fn target_result(clause: &'static str, subject: &'static str, expected: String, actual: String) -> ClauseResult {
    let row = PageRow { section: PageSection::Target, subject, expected: expected.clone(), actual: actual.clone() };
    ClauseResult {
        clause,
        name: None,
        operator: "equalTo",
        expected,
        actual: vec![actual],
        matches: false,
        is_limited: false,
        row,
    }
}

fn diagnose_scenario(scenario: ScenarioRequirement<'_>) -> ClauseResult {
    let shown = |state: &str| format!("[Scenario '{}' state: {state}]", truncate(scenario.name, CELL_BYTES));
    let (expected, actual) = (truncate(scenario.required, CELL_BYTES), truncate(scenario.state, CELL_BYTES));
    ClauseResult {
        clause: "scenario",
        name: Some(truncate(scenario.name, CELL_BYTES)),
        operator: "equalTo",
        matches: scenario.required == scenario.state,
        is_limited: false,
        row: PageRow {
            section: PageSection::Scenario,
            subject: "Scenario",
            expected: shown(&expected),
            actual: shown(&actual),
        },
        expected,
        actual: vec![actual],
    }
}

fn prefix(section: PageSection) -> &'static str {
    match section {
        PageSection::Form => "Form: ",
        PageSection::Query => "Query: ",
        _ => "",
    }
}

fn lines(name: &str, values: &[String]) -> String {
    values.iter().map(|value| format!("{name}: {value}")).collect::<Vec<_>>().join("\n")
}

const TARGET_ORDER: &[&str] = &["host", "port", "clientIp", "scheme", "method", "url"];

/// Maximum number of bytes that are shown of a URL, header or parameter.
const CELL_BYTES: usize = 1024;

/// Maximum number of values that are shown of one header or parameter.
const MAX_VALUES: usize = 16;
