//! Builder of a stub.

use serde_json::{Map, Value, json};

use super::delay::Delay;
use super::reply::Reply;
use super::request::Request;
use super::test_failure::{TestFailure, fail};
use super::times::Times;
use crate::live::STARTED;

/// A stub for [`Mock::stub`](super::Mock::stub): a request pattern, and its replies.
///
/// ```
/// # use standin::mock::{get, json, post, status, Mock};
/// # let server = Mock::start();
/// // a job that is done at the third look, and stays so
/// server.stub(get("/jobs/1").reply(status(202)).then(status(202)).then(json!({"done": true})));
///
/// // a cart that is empty until something is put into it
/// server.stub(get("/cart").reply(json!([])).when("cart", "Started"));
/// server.stub(post("/cart").reply(201).moves("cart", "filled"));
/// server.stub(get("/cart").reply(json!(["A-100"])).when("cart", "filled"));
/// ```
#[derive(Clone, Debug)]
#[must_use = "a stub answers nothing until a mock has it: `server.stub(…)`"]
pub struct StubBuilder {
    pub(super) request: Request,
    pub(super) expected: Option<Times>,
    /// Replies in turn; the last one repeats.
    replies: Vec<Reply>,
    fields: Map<String, Value>,
}

impl Request {
    /// Returns a stub with a reply: a status, a text, JSON, a [`Fault`](super::Fault), or a
    /// [`Reply`] with all its parts.
    pub fn reply(self, reply: impl Into<Reply>) -> StubBuilder {
        StubBuilder { request: self, expected: None, replies: vec![reply.into()], fields: Map::new() }
    }
}

impl StubBuilder {
    /// Delays the last reply.
    pub fn delay(mut self, delay: impl Into<Delay>) -> Self {
        self.replies = self.replies.split_last().map_or_else(Vec::new, |(last, before)| {
            before.iter().cloned().chain([last.clone().delay(delay)]).collect()
        });
        self
    }

    /// Adds a reply for the next request. The last reply repeats. [`Mock::reset_scenarios`] starts
    /// again at the first.
    ///
    /// [`Mock::reset_scenarios`]: super::Mock::reset_scenarios
    pub fn then(mut self, reply: impl Into<Reply>) -> Self {
        self.replies.push(reply.into());
        self
    }

    /// Expects this number of requests by the time the mock is dropped; see
    /// [`Mock`](super::Mock#at-the-end).
    pub fn expect(mut self, times: impl Into<Times>) -> Self {
        self.expected = Some(times.into());
        self
    }

    /// Sets the priority, 5 by default. Of all stubs that match, the one with the lowest number
    /// answers; of equals, the newest.
    pub fn priority(self, priority: i32) -> Self {
        self.with("priority", priority)
    }

    /// Names the stub in messages, and in the `Matched-Stub-Name` header of its replies.
    pub fn named(self, name: impl Into<String>) -> Self {
        self.with("name", name.into())
    }

    /// Requires a state of a scenario; all scenarios begin at `Started`. Panics if the stub has
    /// another scenario already.
    #[track_caller]
    pub fn when(self, scenario: &str, state: &str) -> Self {
        self.of_scenario(scenario).with("requiredScenarioState", state)
    }

    /// Moves a scenario to a state after the reply. Panics if the stub has another scenario
    /// already.
    #[track_caller]
    pub fn moves(self, scenario: &str, state: &str) -> Self {
        self.of_scenario(scenario).with("newScenarioState", state)
    }

    #[track_caller]
    fn of_scenario(self, scenario: &str) -> Self {
        if let Some(Value::String(known)) = self.fields.get("scenarioName")
            && known != scenario
        {
            panic!("a stub has one scenario: this one is of `{known}` and of `{scenario}`; name the same in both");
        }
        self.with("scenarioName", scenario)
    }

    fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(key.to_owned(), value.into());
        self
    }

    /// Returns the stubs in the stub format, one for each reply. The error says why there are none.
    pub(super) fn documents(self, number: u64) -> Result<Vec<Value>, TestFailure> {
        let turns = self.replies.len();
        if turns > 1 && self.fields.contains_key("scenarioName") {
            let cure = "spell the turns out with `when` and `moves`";
            return fail(format!("`then` makes a scenario of its own, and this stub has one already; {cure}"));
        }
        let state = |turn: usize| if turn == 0 { STARTED.to_owned() } else { format!("turn {}", turn + 1) };
        let documents = self.replies.into_iter().enumerate().map(|(turn, reply)| {
            let mut document = self.fields.clone();
            document.insert("request".to_owned(), self.request.document());
            document.insert("response".to_owned(), reply.document());
            if turns > 1 {
                document.insert("scenarioName".to_owned(), format!("the turns of stub {number}").into());
                document.insert("requiredScenarioState".to_owned(), state(turn).into());
            }
            if turn + 1 < turns {
                document.insert("newScenarioState".to_owned(), json!(state(turn + 1)));
            }
            Value::Object(document)
        });
        Ok(documents.collect())
    }
}
