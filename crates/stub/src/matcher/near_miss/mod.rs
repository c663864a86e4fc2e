//! Near misses: after a request that no stub matched, the stubs that came nearest and the clauses
//! that did not match.
//!
//! Distances and the page are those of WireMock. All work is bounded: texts are compared and shown
//! up to a limit, and a search ends when its [`SearchBudget`] is spent.

mod char_boundary;
mod logged_request;
mod ranking;
mod report;

pub use logged_request::{LoggedRequestError, parse_logged_request};
pub use ranking::{
    MAX_NEAR_MISSES, NearMiss, NearestMatches, SearchBudget, distance, find_nearest_by, find_nearest_calls,
    find_nearest_patterns,
};
pub use report::{
    ClauseResult, ComparedStub, DEFAULT_PAGE_WIDTH, NearMissSubject, ScenarioRequirement, clauses_json, diagnose,
    near_miss_json, near_misses_json, render_page, requested_page_width,
};
