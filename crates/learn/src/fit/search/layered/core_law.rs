//! The stretch of a core's work by the composition of the calls in service, for thousands of
//! inversions and runs: operations of about the same CPU share are one group, and what a
//! composition of groups makes is remembered.

use std::collections::HashMap;

use standin_model::station::{Contention, stretches};

/// The law of calls that share cores.
pub(crate) struct CoreLaw {
    cores: f64,
    /// Group of each operation.
    groups: Vec<usize>,
    /// CPU share of each group.
    shares: Vec<f64>,
    known: HashMap<Composition, CoreStretches>,
}

/// Number of calls in service by group.
pub(crate) type Composition = [u16; MAX_GROUPS];

/// Time that a unit of work takes at the cores, by group of the call.
pub(crate) type CoreStretches = [f64; MAX_GROUPS];

impl CoreLaw {
    /// Groups operations by their CPU shares.
    pub(crate) fn new(cores: u32, shares: &[f64]) -> Self {
        let mut distinct: Vec<f64> = shares.to_vec();
        distinct.sort_by(f64::total_cmp);
        distinct.dedup();
        let (groups, distinct): (Vec<usize>, Vec<f64>) = if distinct.len() <= MAX_GROUPS {
            let place = |share: &f64| distinct.iter().position(|other| other == share).unwrap_or(0);
            (shares.iter().map(place).collect(), distinct)
        } else {
            let group = |share: &f64| ((share * MAX_GROUPS as f64) as usize).min(MAX_GROUPS - 1);
            let groups: Vec<usize> = shares.iter().map(group).collect();
            let of_group = |group: usize| {
                let own = || shares.iter().zip(&groups).filter(|(_, of)| **of == group).map(|(share, _)| *share);
                own().sum::<f64>() / own().count().max(1) as f64
            };
            let means = (0..MAX_GROUPS).map(of_group).collect();
            (groups, means)
        };
        Self { cores: f64::from(cores), groups, shares: distinct, known: HashMap::new() }
    }

    /// Returns the group of an operation.
    pub(crate) fn group(&self, operation: u32) -> usize {
        self.groups[operation as usize]
    }

    /// Returns the stretch of work at the cores for a call of each group, of which there is one at
    /// least.
    pub(crate) fn at(&mut self, composition: Composition) -> CoreStretches {
        if let Some(known) = self.known.get(&composition) {
            return *known;
        }
        let mut found = [1.0; MAX_GROUPS];
        for (group, share) in self.shares.iter().enumerate().filter(|(group, _)| composition[*group] > 0) {
            // one call of the group is the one that is asked for; its own share does not matter,
            // but must not be 0
            let share_of_call = share.max(LEAST_SHARE);
            let others = self.shares.iter().enumerate().map(|(other, share)| {
                (Contention::Cpu(*share), usize::from(composition[other]) - usize::from(other == group))
            });
            let mut classes: Vec<(Contention, usize)> = others.collect();
            classes.push((Contention::Cpu(share_of_call), 1));
            let stretch = stretches(&classes, Some(self.cores)).last().copied().unwrap_or(1.0);
            found[group] = 1.0 + (stretch - 1.0) / share_of_call;
        }
        self.known.insert(composition, found);
        found
    }
}

/// Returns the time that a unit of demand takes, of which `share` is slowed down.
pub(crate) fn stretch(share: f64, core_stretch: f64) -> f64 {
    1.0 + share * (core_stretch - 1.0)
}

/// Largest number of groups.
pub(crate) const MAX_GROUPS: usize = 4;
/// Smallest share for which the stretch at the cores is computed.
const LEAST_SHARE: f64 = 0.01;
