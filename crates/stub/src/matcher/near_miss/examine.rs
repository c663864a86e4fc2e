//! Holds a call against a stub, clause by clause.

use super::cut::Cut;
use super::finding::{Finding, Row, Scenario, Section, Target};
use super::{body, multipart, wording};
use crate::call::Call;
use crate::matcher::text::{Tally, TextMatcher};
use crate::matcher::{Clause, Field, FieldName, FieldRule, MethodRule, UrlRule};

/// Every clause of the stub, in the order of the page. Method and url are always among them.
pub fn findings(target: &Target<'_>, call: &Call) -> Vec<Finding> {
    let examiner = Examiner { target, call, tally: Tally::default() };
    let mut findings: Vec<Finding> =
        target.pattern.as_written().into_iter().filter_map(|c| examiner.finding(c)).collect();
    let has = |findings: &[Finding], clause: &str| findings.iter().any(|finding| finding.clause == clause);
    if !has(&findings, "method") {
        findings.push(examiner.method(&MethodRule::Any));
    }
    if !has(&findings, "url") {
        findings.push(examiner.url(&UrlRule::Any));
    }
    findings.extend(target.scenario.map(scenario));
    findings.sort_by_key(|finding| {
        let place = match finding.row.section {
            Section::Target => TARGET_ORDER.iter().position(|clause| *clause == finding.clause),
            Section::PathParameter => examiner.place_in_template(finding.name.as_deref()),
            _ => None,
        };
        (finding.row.section, place)
    });
    findings
}

struct Examiner<'a> {
    target: &'a Target<'a>,
    call: &'a Call,
    tally: Tally,
}

impl Examiner<'_> {
    fn finding(&self, clause: &Clause) -> Option<Finding> {
        let call = self.call;
        let finding = match clause {
            Clause::BasicAuth(expected) => self.basic_auth(expected),
            Clause::Body(rule) => body::finding(rule, call, &self.tally),
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
            Clause::Never => self.never(),
            Clause::PathParameter { template, name, rule } => {
                let value = template.variable(name, call.path())?;
                Self::path_parameter(name, rule, value)
            }
            Clause::Port(port) => plain("port", "Port", port.to_string(), call.port().to_string()),
            Clause::Scheme(scheme) => plain("scheme", "Scheme", scheme.clone(), call.peers.scheme.as_str().to_owned()),
            Clause::Url(rule) => self.url(rule),
        };
        let before = self.tally.gave_up();
        let matches = clause.holds(call, &self.tally);
        Some(Finding { matches, is_limited: self.tally.gave_up() > before, ..finding })
    }

    fn method(&self, rule: &MethodRule) -> Finding {
        let expected = match rule {
            MethodRule::Any => "ANY",
            MethodRule::GetOrHead => "GET_OR_HEAD",
            MethodRule::Is(name) => name,
        };
        let actual = self.call.method.as_str();
        Finding {
            matches: rule.matches(actual),
            ..plain("method", "HTTP method", Cut::of(expected, CELL), Cut::of(actual, CELL))
        }
    }

    fn url(&self, rule: &UrlRule) -> Finding {
        let (prefix, operator, expected) = match rule {
            UrlRule::Any => ("", "anything", "(always)"),
            UrlRule::Path(path) => ("[path] ", "urlPath", path.as_str()),
            UrlRule::PathPattern(pattern) => ("[path regex] ", "urlPathPattern", pattern.as_str()),
            UrlRule::PathTemplate(template) => ("[path template] ", "urlPathTemplate", template.as_str()),
            UrlRule::Url(url) => ("", "url", url.as_str()),
            UrlRule::UrlPattern(pattern) => ("[regex] ", "urlPattern", pattern.as_str()),
        };
        let expected = Cut::of(expected, CELL);
        let shown = format!("{prefix}{expected}");
        let finding = plain("url", "URL", expected, Cut::of(self.call.url(), CELL));
        let row = Row { expected: shown, ..finding.row };
        Finding { operator, row, matches: rule.matches(self.call, &self.tally), ..finding }
    }

    fn address(
        clause: &'static str,
        subject: &'static str,
        rule: &TextMatcher,
        actual: &str,
        shown: String,
    ) -> Finding {
        let finding = plain(clause, subject, wording::operand(rule, CELL), Cut::of(actual, CELL));
        let row = Row { expected: shown, ..finding.row };
        Finding { operator: wording::operator(rule), row, ..finding }
    }

    fn basic_auth(&self, expected: &str) -> Finding {
        let expected = Cut::of(&format!("Basic {expected}"), CELL);
        let values: Vec<_> = self.call.header(&http::header::AUTHORIZATION).collect();
        let actual: Vec<String> = values.iter().map(|value| Cut::of(value, CELL)).collect();
        let row = Row {
            section: Section::Header,
            subject: "Header",
            expected: format!("Authorization [prefix] : {expected}"),
            actual: lines("Authorization", &actual),
        };
        let name = Some("Authorization".to_owned());
        Finding {
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

    fn field(&self, field: &Field) -> Finding {
        let (section, clause, subject) = match field.name {
            FieldName::Cookie(_) => (Section::Cookie, "cookie", "Cookie"),
            FieldName::Form(_) => (Section::Form, "formParameter", "Form data"),
            FieldName::Header(_) => (Section::Header, "header", "Header"),
            FieldName::Query(_) => (Section::Query, "queryParameter", "Query"),
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
        let actual: Vec<String> = values.iter().take(MOST_VALUES).map(|value| Cut::of(value, CELL)).collect();
        let row = Row {
            section,
            subject,
            expected: shown,
            actual: match section {
                Section::Cookie => actual.first().cloned().unwrap_or_default(),
                _ => lines(&name, &actual),
            },
        };
        Finding { clause, name: Some(name), operator, expected, actual, matches: false, is_limited: false, row }
    }

    fn path_parameter(name: &str, rule: &TextMatcher, value: &str) -> Finding {
        let operator = wording::operator(rule);
        let actual = Cut::of(value, CELL);
        let operand = wording::first_operand(rule, CELL);
        let row = Row {
            section: Section::PathParameter,
            subject: "Path parameter",
            expected: format!("Path parameter: {name}{}{operand}", wording::bracketed(operator, " = ")),
            actual: actual.clone(),
        };
        let expected = wording::operand(rule, CELL);
        let name = Some(name.to_owned());
        Finding {
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

    fn never(&self) -> Finding {
        let name = self.target.request.and_then(|request| request.get("customMatcher")?.get("name")?.as_str());
        let Some(name) = name else {
            // credentials of which a half is missing
            let name = Some("Authorization".to_owned());
            let row = Row {
                section: Section::Header,
                subject: "Header",
                expected: "Authorization [prefix] : Basic".to_owned(),
                actual: String::new(),
            };
            let expected = "user name and password".to_owned();
            return Finding {
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
        let shown = Cut::of(&format!("[custom matcher: {name}]"), CELL);
        let row = Row { section: Section::Custom, subject: "", expected: shown.clone(), actual: shown };
        let expected = Cut::of(name, CELL);
        let operator = "customMatcher";
        Finding {
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

fn plain(clause: &'static str, subject: &'static str, expected: String, actual: String) -> Finding {
    let row = Row { section: Section::Target, subject, expected: expected.clone(), actual: actual.clone() };
    Finding {
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

fn scenario(scenario: Scenario<'_>) -> Finding {
    let shown = |state: &str| format!("[Scenario '{}' state: {state}]", Cut::of(scenario.name, CELL));
    let (expected, actual) = (Cut::of(scenario.required, CELL), Cut::of(scenario.state, CELL));
    Finding {
        clause: "scenario",
        name: Some(Cut::of(scenario.name, CELL)),
        operator: "equalTo",
        matches: scenario.required == scenario.state,
        is_limited: false,
        row: Row {
            section: Section::Scenario,
            subject: "Scenario",
            expected: shown(&expected),
            actual: shown(&actual),
        },
        expected,
        actual: vec![actual],
    }
}

fn prefix(section: Section) -> &'static str {
    match section {
        Section::Form => "Form: ",
        Section::Query => "Query: ",
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
