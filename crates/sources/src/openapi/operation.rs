//! The stubs of one operation.

use serde_json::json;
use standin_learn::draft::{self, DraftMappingFile};
use standin_stub::source::Node;

use super::media::accept_matcher;
use super::path::OperationPath;
use super::prefer::{Precedence, Preference};
use super::request::RequestRule;
use super::response::{Answer, Response, responses};
use super::stub::{StubParts, StubWriter};
use super::{Description, OpenApiOptions, parameter, request_body, security};

/// An operation of which stubs are made.
pub(super) struct Operation<'o, 'd, 'r> {
    description: &'o mut Description<'d, 'r>,
    path: &'o OperationPath<'d>,
    /// Number of operations with more concrete paths that are tried before.
    level: usize,
}

impl<'o, 'd, 'r> Operation<'o, 'd, 'r> {
    pub(super) fn new(description: &'o mut Description<'d, 'r>, path: &'o OperationPath<'d>, level: usize) -> Self {
        Self { description, path, level }
    }

    /// Returns the mapping file of the operation; `None` if it has no response.
    pub(super) fn mapping_file(mut self, options: &OpenApiOptions) -> Option<DraftMappingFile> {
        let path = self.path;
        let name = path.name();
        let responses = responses(self.description, path);
        if path.operation.get("callbacks").is_some() {
            self.description.report.callbacks += 1;
        }
        let Some(main) = responses.first() else {
            let help = "add one to `responses`";
            self.description.warn(path.operation, format!("`{name}` has no response: no stub is made of it"), help);
            return None;
        };
        let valid = self.valid_requests();
        let credentials = match options.requires_security {
            true => security::rules(self.description, path),
            false => vec![RequestRule::default()],
        };
        let operation_id = path.operation.get("operationId").and_then(Node::as_str);
        let mut writer = StubWriter { operation: &name, operation_id, mappings: Vec::new() };
        self.preferred(&responses, &mut writer);
        self.by_default(main, &valid, &credentials, &mut writer);
        let is_restricted = |rules: &[RequestRule]| rules.iter().all(|rule| !rule.is_empty());
        if is_restricted(&credentials) {
            self.refusal(&responses, &[401, 403], Precedence::Unauthorized, &valid, &mut writer);
        }
        if is_restricted(&valid) {
            self.refusal(&responses, &[400, 422], Precedence::Invalid, &[RequestRule::default()], &mut writer);
        }
        self.description.report.stubs += writer.mappings.len();
        Some(DraftMappingFile::new(&draft::file_stem(&name), writer.mappings))
    }

    /// Returns the conditions of requests that are as the description wants them, in alternatives.
    fn valid_requests(&mut self) -> Vec<RequestRule> {
        let parameters = parameter::rule(self.description, self.path);
        let bodies = request_body::rules(self.description, self.path);
        bodies.iter().map(|body| parameters.clone().and(body)).collect()
    }

    /// Adds the stubs of answers that are asked for by `Prefer`.
    fn preferred(&self, responses: &[Response<'_>], writer: &mut StubWriter<'_>) {
        let mut named: Vec<&str> = Vec::new();
        for (place, response) in responses.iter().enumerate() {
            let codes = codes(response, responses);
            if place > 0
                && let Some(answer) = response.answers.first()
            {
                let preference = Preference { codes: codes.clone(), example: None };
                self.add_preferred(response.key, answer, &preference, Precedence::CodeOrExample, writer);
            }
            for answer in &response.answers {
                let Some(example) = answer.example.as_deref() else { continue };
                let label = format!("{} ({example})", response.key);
                let preference = Preference { codes: codes.clone(), example: Some(example.to_owned()) };
                if place > 0 {
                    self.add_preferred(&label, answer, &preference, Precedence::CodeAndExample, writer);
                }
                if !named.contains(&example) {
                    named.push(example);
                    let codes = if place == 0 { Vec::new() } else { preference.codes.clone() };
                    let preference = Preference { codes: Vec::new(), ..preference };
                    let label = if codes.is_empty() { label } else { format!("{label} by its name") };
                    self.add_preferred(&label, answer, &preference, Precedence::CodeOrExample, writer);
                }
            }
        }
    }

    fn add_preferred(
        &self,
        label: &str,
        answer: &Answer,
        preference: &Preference,
        precedence: Precedence,
        writer: &mut StubWriter<'_>,
    ) {
        let mut rule = RequestRule::default();
        rule.headers.insert("Prefer".to_owned(), preference.matcher());
        self.add(label, &rule, answer, precedence, writer);
    }

    /// Adds the stubs of the response that is given by default, one for each media type.
    fn by_default(
        &self,
        main: &Response<'_>,
        valid: &[RequestRule],
        credentials: &[RequestRule],
        writer: &mut StubWriter<'_>,
    ) {
        let first_type = main.answers.first().and_then(|answer| answer.media_type.as_deref());
        for answer in main.answers.iter().filter(|answer| answer.is_first_of_type) {
            let other_type = answer.media_type.as_deref().filter(|media_type| Some(*media_type) != first_type);
            let mut accepted = RequestRule::default();
            if let Some(media_type) = other_type {
                accepted.headers.insert("Accept".to_owned(), accept_matcher(media_type));
            }
            let label = other_type.map_or_else(|| main.key.to_owned(), |media| format!("{} as {media}", main.key));
            let precedence = if other_type.is_some() { Precedence::MediaType } else { Precedence::Default };
            for (request, credentials) in valid.iter().flat_map(|one| credentials.iter().map(move |other| (one, other)))
            {
                let rule = request.clone().and(credentials).and(&accepted);
                self.add(&label, &rule, answer, precedence, writer);
            }
        }
    }

    /// Adds the stubs of the first of these statuses that the description has, for requests that
    /// the others do not answer.
    fn refusal(
        &self,
        responses: &[Response<'_>],
        statuses: &[u16],
        precedence: Precedence,
        requests: &[RequestRule],
        writer: &mut StubWriter<'_>,
    ) {
        let found = statuses.iter().find_map(|status| {
            responses.iter().find(|response| response.status == *status && response.key != "default")
        });
        let Some((response, answer)) = found.and_then(|response| Some((response, response.answers.first()?))) else {
            return;
        };
        let label = format!("{} for other requests", response.key);
        for rule in requests {
            self.add(&label, rule, answer, precedence, writer);
        }
    }

    fn add(
        &self,
        label: &str,
        rule: &RequestRule,
        answer: &Answer,
        precedence: Precedence,
        writer: &mut StubWriter<'_>,
    ) {
        let path = self.path;
        let fixed = path.query.iter().map(|(name, value)| (name.clone(), json!({ "equalTo": value })));
        let rule = RequestRule { query: fixed.collect(), ..RequestRule::default() }.and(rule);
        writer.add(StubParts {
            label,
            priority: precedence.priority(self.level),
            request: rule.json(path.method, &path.template, !path.variables.is_empty()),
            response: answer.definition.clone(),
        });
    }
}

/// Returns the texts that ask for a response: its key, and its status where no other has it.
fn codes(response: &Response<'_>, all: &[Response<'_>]) -> Vec<String> {
    let status = response.status.to_string();
    let is_free = all.iter().all(|other| other.key == response.key || other.key != status);
    let mut codes = vec![response.key.to_owned()];
    if is_free && status != response.key {
        codes.push(status);
    }
    codes
}
