//! The dashboard at `/__admin/ui`: one page, its scripts, and the data that it reads.
//!
//! The page loads nothing from elsewhere, and its Content-Security-Policy says so to the browser.

mod assets;
mod calls;
mod events;
mod live_state;
mod reports;
mod stubs;

pub(super) use self::assets::{asset, is_public_asset, page, to_page};
pub(super) use self::calls::{list as list_calls, show as show_call};
pub use self::events::EventStreams;
pub(super) use self::events::stream as stream_events;
pub(super) use self::reports::{list as list_reports, show as show_report};
pub(super) use self::stubs::{check as check_stub, list as list_stubs};
