//! The stretch of the calls in service: how much longer a call takes because of the others.
//!
//! A call whose stretch is s progresses at the rate 1 / s. With m calls in service and k cores:
//! - `slowdown: b`, as measured: s = 1 + b (max(1, m / k) - 1);
//! - `cpu: p`: the stretch in a closed network of the cores and a delay, see
//!   [`core_sharing`](super::core_sharing).
//!
//! Above 63 calls or 8 cores a `cpu: p` has bounds instead: s = 1 + p (u - 1), where u, the stretch
//! of the part that needs a core, is at least 1, at least (1 + the sum of the shares of the others)
//! / k, which is what a call finds at the cores, and at least the value at which all calls together
//! need no more than k cores. The first two are one step of mean value analysis (Reiser and
//! Lavenberg, JACM 1980), the last one is its fluid limit: without it, many calls with small shares
//! would get more work out of the cores than there is.

use super::contention::{ClassLoad, Contention};
use super::core_sharing;

impl Contention {
    /// Returns the time that a unit of demand takes while `calls` of this contention are in
    /// service, the call itself included, and no others.
    pub fn stretch_among(self, calls: usize, cores: Option<f64>) -> f64 {
        let mut load = [ClassLoad { count: calls.max(1), ..ClassLoad::new(self) }];
        update_stretches(&mut load, cores);
        load[0].stretch
    }
}

/// Returns the time that a unit of demand takes in each class, given the contention of the classes
/// and how many calls of each are in service.
pub fn stretches(classes: &[(Contention, usize)], cores: Option<f64>) -> Vec<f64> {
    let load = |(contention, count): &(Contention, usize)| ClassLoad { count: *count, ..ClassLoad::new(*contention) };
    let mut loads: Vec<_> = classes.iter().map(load).collect();
    update_stretches(&mut loads, cores);
    loads.iter().map(|load| load.stretch).collect()
}

/// Sets the stretch of each class; `slowdown` counts as on one core if there are no `cores`.
pub(super) fn update_stretches(loads: &mut [ClassLoad], cores: Option<f64>) {
    let calls = loads.iter().map(|load| load.count).sum::<usize>();
    if let Some(cores) = cores.filter(|_| loads.iter().any(ClassLoad::needs_core)) {
        let is_exact = calls <= core_sharing::MAX_EXACT_CALLS;
        if cores < core_sharing::MAX_EXACT_CORES as f64 + 1.0 {
            core_sharing::set_stretches(loads, cores);
            if !is_exact {
                raise_to_bounds(loads, cores);
            }
        } else {
            for load in &mut *loads {
                load.stretch = 1.0;
            }
            raise_to_bounds(loads, cores);
        }
    }
    let crowding = (calls as f64 / cores.unwrap_or(1.0)).max(1.0);
    for load in loads {
        match load.contention {
            Contention::Slowdown(share) => load.stretch = 1.0 + share * (crowding - 1.0),
            Contention::Cpu(_) if cores.is_none() => load.stretch = 1.0,
            Contention::Cpu(_) => {}
        }
    }
}

/// Raises the stretch of each class to its lower bounds.
fn raise_to_bounds(loads: &mut [ClassLoad], cores: f64) {
    let shares: f64 = loads.iter().map(|load| load.count as f64 * load.share(cores)).sum();
    let fluid = fluid_stretch(loads, cores, shares);
    for load in loads {
        let share = load.share(cores);
        let bound = 1.0 + share * (((1.0 + shares - share) / cores).max(fluid) - 1.0);
        load.stretch = load.stretch.max(bound);
    }
}

/// Returns a lower bound, 1 or more, of the stretch at the cores such that calls of all classes
/// together need no more than `cores`.
fn fluid_stretch(loads: &[ClassLoad], cores: f64, shares: f64) -> f64 {
    let largest = loads.iter().filter(|load| load.count > 0).map(ClassLoad::cpu).fold(0.0, f64::max);
    // no class has less than this anyway
    let mut stretch = ((1.0 + shares - largest) / cores).max(1.0);
    // the use of the cores falls and is convex, so that Newton's steps rise to the root
    for _ in 0..MAX_NEWTON_STEPS {
        let (mut used, mut slope) = (0.0, 0.0);
        for load in loads {
            let (calls, cpu) = (load.count as f64, load.cpu());
            let rate = 1.0 / (1.0 + cpu * (stretch - 1.0));
            used += calls * cpu * rate;
            slope += calls * (cpu * rate).powi(2);
        }
        let excess = used - cores;
        if excess <= TOLERANCE * cores {
            break;
        }
        stretch += excess / slope;
    }
    stretch
}

/// Newton's steps double the digits: more than are ever needed.
const MAX_NEWTON_STEPS: usize = 32;

/// Relative excess over the cores that is left.
const TOLERANCE: f64 = 1e-12;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn stretches_follow_their_formulas() {
        let (cpu, slowdown) = (Contention::Cpu, Contention::Slowdown);
        for (cores, calls, expected) in [
            (Some(1.0), vec![(cpu(1.0), 3)], vec![3.0]),
            (Some(2.0), vec![(cpu(1.0), 3)], vec![1.5]),
            (Some(4.0), vec![(cpu(1.0), 3)], vec![1.0]),
            (Some(1.0), vec![(cpu(0.0), 9)], vec![1.0]),
            (None, vec![(cpu(1.0), 9)], vec![1.0]),
            (Some(1.0), vec![(cpu(0.5), 2)], vec![1.25]),
            (Some(1.0), vec![(cpu(0.5), 1), (cpu(0.25), 1)], vec![1.125, 1.125]),
            // the third call finds both of the others at the core with probability 1/5
            (Some(1.0), vec![(cpu(0.5), 3)], vec![1.6]),
            // many calls that need a core for half of their time keep it busy
            (Some(1.0), vec![(cpu(0.5), 600)], vec![300.0]),
            // a core of half the speed
            (Some(0.5), vec![(cpu(0.4), 1)], vec![1.4]),
            (None, vec![(slowdown(0.1), 4)], vec![1.3]),
            (Some(2.0), vec![(slowdown(0.5), 4), (slowdown(0.0), 4)], vec![2.5, 1.0]),
            (Some(1.0), vec![(slowdown(0.5), 1), (cpu(1.0), 1)], vec![1.5, 1.5]),
        ] {
            let found = stretches(&calls, cores);
            for (found, expected) in found.iter().zip(&expected) {
                assert!((found - expected).abs() < 1e-9, "{cores:?} {calls:?}: {found}, not {expected}");
            }
        }
    }

    proptest! {
        /// The cores do no more work than there is, and one more call makes no other call faster.
        #[test]
        fn cores_are_never_exceeded_and_no_call_helps_another(
            cores in 0.1..8.0f64,
            calls in proptest::collection::vec((0.0..=1.0f64, 0..40usize), 1..6),
            more in 0..6usize,
        ) {
            let classes: Vec<_> = calls.iter().map(|(cpu, count)| (Contention::Cpu(*cpu), *count)).collect();
            let before = stretches(&classes, Some(cores));
            let used: f64 = calls.iter().zip(&before).map(|((cpu, count), stretch)| *count as f64 * cpu / stretch).sum();
            prop_assert!(used <= cores * (1.0 + 1e-9), "{} of {}", used, cores);
            let mut more_calls = classes.clone();
            more_calls[more % classes.len()].1 += 1;
            for ((before, after), (_, count)) in before.iter().zip(stretches(&more_calls, Some(cores))).zip(&classes) {
                prop_assert!(*count == 0 || after >= before * (1.0 - 1e-9), "{} then {}", before, after);
            }
        }
    }
}
