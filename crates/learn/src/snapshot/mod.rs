//! Stubs from proxied calls, in the form that WireMock's recorder gives them: one stub a call, in
//! place of the operations that `draft` finds on a tape.
//!
//! [`RecordSpec`] says which calls become stubs and how; [`stubs`] makes them.

mod body_file;
mod names;
mod request;
mod response;
mod scenarios;
mod spec;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use http::HeaderMap;
use serde_json::{Map, Value, json};
use standin_stub::call::Call;
use uuid::Uuid;

pub use spec::{OutputFormat, RecordSpec};

/// A call and its response.
#[derive(Debug)]
pub struct RecordedExchange {
    /// Request that was answered.
    pub call: Call,
    /// Status of the response.
    pub status: u16,
    /// Headers of the response.
    pub headers: HeaderMap,
    /// Body of the response, perhaps compressed.
    pub body: Bytes,
}

/// A stub that answers as a recorded call was answered.
#[derive(Debug)]
pub struct RecordedStub {
    /// Id of the stub.
    pub id: Uuid,
    /// Stub in WireMock's JSON.
    pub document: Map<String, Value>,
    /// Body of the response, if it is in a file of its own.
    pub body_file: Option<RecordedBody>,
}

/// A response body in a file of its own.
#[derive(Debug)]
pub struct RecordedBody {
    /// Name of the file in `__files`.
    pub name: String,
    /// Content of the file.
    pub bytes: Bytes,
}

/// Returns the stubs of exchanges, in their order. The newest exchange comes first: of equal
/// requests that become no scenario, only the first stays.
pub fn stubs(exchanges: impl IntoIterator<Item = RecordedExchange>, spec: &RecordSpec) -> Vec<RecordedStub> {
    let mut drafts: Vec<Draft> = exchanges.into_iter().map(|exchange| Draft::of(&exchange, spec)).collect();
    if spec.repeats_as_scenarios {
        scenarios::put_repeats_in_scenarios(&mut drafts);
    } else {
        let mut known = std::collections::HashSet::new();
        drafts.retain(|draft| known.insert(draft.request_key()));
    }
    drafts.into_iter().map(|draft| draft.into_stub(spec)).collect()
}

/// A stub without its id and scenario.
struct Draft {
    name: String,
    /// Decoded path of the request.
    path: String,
    method: String,
    request: Map<String, Value>,
    response: response::ResponseDraft,
    /// Name of the scenario, state that is required, and state that follows.
    scenario: Option<(String, String, Option<String>)>,
}

impl Draft {
    fn of(exchange: &RecordedExchange, spec: &RecordSpec) -> Self {
        let path = names::decoded_path(exchange.call.path());
        Self {
            name: names::stub_name(&path),
            method: exchange.call.method.as_str().to_owned(),
            request: request::pattern(&exchange.call, spec),
            response: response::ResponseDraft::of(exchange),
            path,
            scenario: None,
        }
    }

    /// Returns a text that is the same for equal requests.
    fn request_key(&self) -> String {
        Value::Object(self.request.clone()).to_string()
    }

    fn into_stub(self, spec: &RecordSpec) -> RecordedStub {
        let id = Uuid::new_v4();
        let body_file = self.response.file(spec, |content_type, bytes| {
            let ending = body_file::ending(content_type, &self.path, bytes);
            names::file_name(&self.name, &self.method, &self.path, id, &ending)
        });
        let mut document = Map::new();
        document.insert("id".to_owned(), id.to_string().into());
        document.insert("name".to_owned(), self.name.into());
        document.insert("request".to_owned(), self.request.into());
        document.insert("response".to_owned(), self.response.json(body_file.as_ref()));
        if let Some((name, required, next)) = self.scenario {
            document.insert("scenarioName".to_owned(), name.into());
            document.insert("requiredScenarioState".to_owned(), required.into());
            if let Some(next) = next {
                document.insert("newScenarioState".to_owned(), next.into());
            }
        }
        if spec.persist {
            document.insert("persistent".to_owned(), json!(true));
        }
        RecordedStub { id, document, body_file }
    }
}
