//! The search for the queueing model that explains a workload: single stations, then families of
//! more parameters.

pub(crate) mod delay_center;
pub(crate) mod holdout_validation;
pub(crate) mod layered;
pub(crate) mod load_dependence;
pub(crate) mod load_dependent_rate;
pub(crate) mod model_search;
pub(crate) mod rare_waits;
pub(crate) mod single_station;
pub(crate) mod tandem_queue;
