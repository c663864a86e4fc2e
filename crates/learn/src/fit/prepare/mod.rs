//! Preparation of tapes for the search: calls on one axis of time, without warm-up, rejections,
//! stalls, and waits at a rate limit; and the check whether the service changed while it was
//! recorded.

pub(crate) mod drift;
pub(crate) mod leaky_bucket;
pub(crate) mod stalls;
pub(crate) mod trace;
pub(crate) mod workload;
