//! Holds a call against a stub, clause by clause.

use super::cut::TruncatedText;
use super::finding::{ClauseResult, ComparedStub, PageRow, PageSection, ScenarioRequirement};
use super::{body, multipart, wording};
use crate::call::Call;
use crate::matcher::value_matcher::{MatchStats, ValueMatcher};
use crate::matcher::{Clause, Field, FieldName, FieldRule, MethodRule, UrlRule};

/// Every clause of the stub, in the order of the page. Method and url are always among them.
pub fn findings(target: &ComparedStub<'_>, call: &Call) -> Vec<ClauseResult> {
    let examiner = Examiner { target, call, stats: MatchStats::default() };
    let mut findings: Vec<ClauseResult> =
        target.pattern.as_written().into_iter().filter_map(|c| examiner.finding(c)).collect();
    let has = |findings: &[ClauseResult], clause: &str| findings.iter().any(|finding| finding.clause == clause);
    if !has(&findings, "method") {
        findings.push(examiner.method(&MethodRule::Any));
    }
    if !has(&findings, "url") {
        findings.push(examiner.url(&UrlRule::Any));
    }
    findings.extend(target.scenario.map(scenario));
    findings.sort_by_key(|finding| {
        let place = match finding.row.section {
            PageSection::Target => TARGET_ORDER.iter().position(|clause| *clause == finding.clause),
            PageSection::PathParameter => examiner.place_in_template(finding.name.as_deref()),
            _ => None,
        };
        (finding.row.section, place)
    });
    findings
}

struct Examiner<'a> {
    target: &'a ComparedStub<'a>,
    call: &'a Call,
    stats: MatchStats,
}

impl Examiner<'_> {
    fn finding(&self, clause: &Clause) -> Option<ClauseResult> {
        let call = self.call;
        let finding = match clause {
            Clause::BasicAuth(expected) => self.basic_auth(expected),
            Clause::Body(rule) => body::finding(rule, call, &self.stats),
            Clause::ClientIp(rule) => {
                let shown = format!("{} {}", wording::operator(rule), wording::first_operand(rule, CELL));
                Self::address("clientIp", "ClientIp", rule, &call.client_ip(), shown)
            }
            Clause::Field(field) => self.field(field),
            Clause::Host(rule) => {
                let operator = wording::bracketed(wording::operator(rule), "");
                let shown = format!("{}{}", operator.trim_start(), wording::operand(rule, CELL));
                Self::address("host", "Host", rule, &call.host(), shown)
            }
            Clause::Method(rule) => self.method(rule),
            Clause::Multipart(rule) => multipart::finding(rule, self.call),
            Clause::Unsatisfiable => self.never(),
            Clause::PathParameter { template, name, rule } => {
                let value = template.variable(name, call.path())?;
                Self::path_parameter(name, rule, value)
            }
            Clause::Port(port) => plain("port", "Port", port.to_string(), call.port().to_string()),
            Clause::Scheme(scheme) => plain("scheme", "Scheme", scheme.clone(), call.peers.scheme.as_str().to_owned()),
            Clause::Url(rule) => self.url(rule),
        };
        let before = self.stats.limit_hits();
        let matches = clause.holds(call, &self.stats);
        Some(ClauseResult { matches, is_limited: self.stats.limit_hits() > before, ..finding })
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
            ..plain("method", "HTTP method", TruncatedText::of(expected, CELL), TruncatedText::of(actual, CELL))
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
        let expected = TruncatedText::of(expected, CELL);
        let shown = format!("{prefix}{expected}");
        let finding = plain("url", "URL", expected, TruncatedText::of(self.call.url(), CELL));
        let row = PageRow { expected: shown, ..finding.row };
        ClauseResult { operator, row, matches: rule.matches(self.call, &self.stats), ..finding }
    }

    fn address(
        clause: &'static str,
        subject: &'static str,
        rule: &ValueMatcher,
        actual: &str,
        shown: String,
    ) -> ClauseResult {
        let finding = plain(clause, subject, wording::operand(rule, CELL), TruncatedText::of(actual, CELL));
        let row = PageRow { expected: shown, ..finding.row };
        ClauseResult { operator: wording::operator(rule), row, ..finding }
    }

    fn basic_auth(&self, expected: &str) -> ClauseResult {
        let expected = TruncatedText::of(&format!("Basic {expected}"), CELL);
        let values: Vec<_> = self.call.header(&http::header::AUTHORIZATION).collect();
        let actual: Vec<String> = values.iter().map(|value| TruncatedText::of(value, CELL)).collect();
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

    fn field(&self, field: &Field) -> ClauseResult {
        let (section, clause, subject) = match field.name {
            FieldName::Cookie(_) => (PageSection::Cookie, "cookie", "Cookie"),
            FieldName::Form(_) => (PageSection::Form, "formParameter", "Form data"),
            FieldName::Header(_) => (PageSection::Header, "header", "Header"),
            FieldName::Query(_) => (PageSection::Query, "queryParameter", "Query"),
        };
        let name = self.spelling(&field.name);
        let (operator, expected) = wording::field(&field.rule, CELL);
        let is_list = !matches!(field.rule, FieldRule::One(_));
        let shown = match &field.name {
            FieldName::Cookie(_) => {
                let operand = match &field.rule {
                    FieldRule::One(rule) => wording::first_operand(rule, CELL),
                    _ => expected.clone(),
                };
                format!("Cookie: {name}{}{operand}", wording::bracketed(operator, "="))
            }
            _ if is_list => format!("{}{name}{}[{expected}]", prefix(section), wording::bracketed(operator, "")),
            FieldName::Header(_) if expected.is_empty() => format!("{name}{}", wording::bracketed(operator, "")),
            FieldName::Header(_) => format!("{name}{}: {expected}", wording::bracketed(operator, "")),
            _ => format!("{}{name}{}{expected}", prefix(section), wording::bracketed(operator, " = ")),
        };
        let values = field.name.all_values(self.call);
        let actual: Vec<String> = values.iter().take(MOST_VALUES).map(|value| TruncatedText::of(value, CELL)).collect();
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
        let operator = wording::operator(rule);
        let actual = TruncatedText::of(value, CELL);
        let operand = wording::first_operand(rule, CELL);
        let row = PageRow {
            section: PageSection::PathParameter,
            subject: "Path parameter",
            expected: format!("Path parameter: {name}{}{operand}", wording::bracketed(operator, " = ")),
            actual: actual.clone(),
        };
        let expected = wording::operand(rule, CELL);
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

    fn never(&self) -> ClauseResult {
        let name = self.target.request.and_then(|request| request.get("customMatcher")?.get("name")?.as_str());
        let Some(name) = name else {
            // credentials of which a half is missing
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
        let shown = TruncatedText::of(&format!("[custom matcher: {name}]"), CELL);
        let row = PageRow { section: PageSection::Custom, subject: "", expected: shown.clone(), actual: shown };
        let expected = TruncatedText::of(name, CELL);
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

    /// A header is compiled in lower case; people know it as they wrote it.
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

fn plain(clause: &'static str, subject: &'static str, expected: String, actual: String) -> ClauseResult {
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

fn scenario(scenario: ScenarioRequirement<'_>) -> ClauseResult {
    let shown = |state: &str| format!("[Scenario '{}' state: {state}]", TruncatedText::of(scenario.name, CELL));
    let (expected, actual) = (TruncatedText::of(scenario.required, CELL), TruncatedText::of(scenario.state, CELL));
    ClauseResult {
        clause: "scenario",
        name: Some(TruncatedText::of(scenario.name, CELL)),
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

/// Bytes that are shown of a url, header or parameter.
const CELL: usize = 1024;

/// Values that are shown of one header or parameter.
const MOST_VALUES: usize = 16;
