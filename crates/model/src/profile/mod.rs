//! Profiles: how fast stubs are served, apart from what they answer.
//!
//! A profile is a YAML file of services, each with workers, and operations, each with a demand.
//! `docs/PROFILES.md` describes the format. [`Profile`] is the data of a profile,
//! [`CompiledProfile`] is what calls are served from.

mod autocorrelation;
mod compile;
mod compiled;
#[cfg(test)]
mod defects;
mod load;
mod model;
mod schema;
mod sources;
#[cfg(test)]
mod tests;
mod timeline;

pub use compiled::{
    CallDemands, CompiledClass, CompiledConnectionRules, CompiledOperation, CompiledProfile, CompiledRateLimit,
    CompiledService, CompiledStation, OperationMatch,
};
pub use load::{load, load_up_to};
pub use model::{
    Autocorrelation, ConnectionRules, DemandClass, DistributionParam, DistributionSpec, OperationTiming, Overflow,
    Profile, ProfileOperation, ProfileService, ProfileValidRange, RateLimit, Reneging, ScaleFactors, StallTimes,
    StationSpec, Timeline, TimelineStep,
};
pub use schema::PROFILE_JSON_SCHEMA;
pub use sources::{LoadedProfiles, ProfileFile, read_all};
pub use timeline::ActiveStep;
