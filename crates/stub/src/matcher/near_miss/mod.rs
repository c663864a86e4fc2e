//! After a miss: the stubs that came nearest, and clause by clause what kept them from answering.
//!
//! Distances and the page are WireMock's, so that its users know what they see. Everything is bounded: texts are
//! measured and shown up to a limit, and the search ends when its [`SearchBudget`] does.

mod body;
mod cut;
mod distance;
mod examine;
mod finding;
mod levenshtein;
mod logged;
mod multipart;
mod nearest;
mod page;
mod pretty;
mod report;
mod wording;

pub use distance::distance;
pub use examine::findings;
pub use finding::{ClauseResult, ComparedStub, ScenarioRequirement};
pub use logged::{LoggedRequestError, call_of};
pub use nearest::{MAX_NEAR_MISSES, NearMiss, NearestMatches, SearchBudget, nearest, nearest_calls, nearest_of};
pub use page::{WIDTH, page, page_width};
pub use report::{NearMissSubject, clauses_json, hints, near_miss_json, near_misses_json};
