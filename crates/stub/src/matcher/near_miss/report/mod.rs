//! Reports on a near miss: the clauses of a stub beside the request, as WireMock's page and as
//! JSON.

mod body;
mod clause_result;
mod diagnose;
mod display;
mod json;
mod multipart;
mod page;
mod pretty;
mod truncate;

pub use clause_result::{ClauseResult, ComparedStub, ScenarioRequirement};
pub use diagnose::diagnose;
pub use json::{NearMissSubject, clauses_json, near_miss_json, near_misses_json};
pub use page::{DEFAULT_PAGE_WIDTH, render_page, requested_page_width};
pub(super) use truncate::truncate;
