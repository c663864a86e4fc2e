//! The calls in service of a layered pool, by contention.
//!
//! Calls of the same contention progress at one common rate. Each class has a virtual clock: the
//! work that a call has received which was in service all the time. A call finishes when the clock
//! reaches its value at the start plus the call's demand (as in Parekh and Gallager, *A generalized
//! processor sharing approach to flow control*, 1993, with a clock for each class). So an event
//! costs O(classes + log n), however many calls are in service.

use super::super::contention::{ClassLoad, Contention};
use super::super::finish_tree::{FinishKey, FinishTree};
use super::super::stretch::update_stretches;

/// The classes of a pool, with the calls of each that are in service.
#[derive(Clone, Debug, Default)]
pub(super) struct ServiceClasses {
    cores: Option<f64>,
    /// Contention, number of calls and stretch of each class.
    loads: Vec<ClassLoad>,
    clocks: Vec<ClassClock>,
}

/// The virtual clock of a class, in fixed point.
#[derive(Clone, Debug)]
pub(super) struct ClassClock {
    pub(super) virtual_time: u128,
    /// Finishes in virtual time.
    pub(super) finishes: FinishTree,
    /// Number of calls of the class that wait for a worker.
    pub(super) waiting: usize,
    /// Time for each unit of virtual time, in units of 2^-[`STRETCH_BITS`].
    stretch: u128,
    /// Virtual time for each unit of time, in units of 2^-[`RATE_BITS`].
    rate: u128,
}

impl ServiceClasses {
    pub(super) fn new(cores: Option<f64>) -> Self {
        Self { cores, ..Self::default() }
    }

    pub(super) fn cores(&self) -> Option<f64> {
        self.cores
    }

    pub(super) fn loads(&self) -> &[ClassLoad] {
        &self.loads
    }

    pub(super) fn clocks(&self) -> &[ClassClock] {
        &self.clocks
    }

    pub(super) fn clock_mut(&mut self, class: usize) -> &mut ClassClock {
        &mut self.clocks[class]
    }

    pub(super) fn set_cores(&mut self, cores: Option<f64>) {
        self.cores = cores;
        self.update_rates();
    }

    /// Returns the index of the class of a contention. A class without calls may become another
    /// one, so that the number of classes stays that of contentions in use.
    pub(super) fn class_of(&mut self, contention: Contention) -> usize {
        if let Some(class) = self.loads.iter().position(|load| load.contention == contention) {
            return class;
        }
        let is_unused = |clock: &ClassClock| clock.waiting == 0 && clock.finishes.len() == 0;
        if let Some(class) = self.clocks.iter().position(is_unused) {
            self.loads[class] = ClassLoad::new(contention);
            return class;
        }
        self.loads.push(ClassLoad::new(contention));
        self.clocks.push(ClassClock::new());
        self.loads.len() - 1
    }

    /// Puts a call into service that has waited in the past for `late` without need; returns its
    /// key. Its share of that time counts as received.
    pub(super) fn start(&mut self, class: usize, number: u64, demand: u128, late: u128) -> FinishKey {
        self.loads[class].count += 1;
        self.update_rates();
        let clock = &mut self.clocks[class];
        let left = demand.saturating_sub(clock.progress(late));
        let key = (clock.virtual_time + left, number);
        clock.finishes.insert(key);
        key
    }

    /// Removes a call from service; returns whether it was there.
    pub(super) fn remove(&mut self, class: usize, key: FinishKey) -> bool {
        let is_removed = self.clocks[class].finishes.remove(key);
        if is_removed {
            self.loads[class].count -= 1;
            self.update_rates();
        }
        is_removed
    }

    /// Returns the class of the next call to finish, and the time until then.
    pub(super) fn next_departure(&self) -> Option<(usize, u128)> {
        let next = |(class, clock): (usize, &ClassClock)| Some((class, clock.time_to_first()?));
        self.clocks.iter().enumerate().filter_map(next).min_by_key(|(_, time)| *time)
    }

    /// Advances all clocks by `time`, at whose end the first call of `class` finishes; returns its
    /// number.
    pub(super) fn finish_first(&mut self, class: usize, time: u128) -> Option<u64> {
        self.advance(time);
        let clock = &mut self.clocks[class];
        let key = clock.finishes.pop_first()?;
        clock.virtual_time = clock.virtual_time.max(key.0);
        self.loads[class].count -= 1;
        self.update_rates();
        Some(key.1)
    }

    /// Advances all clocks by `time`, in which no call finishes.
    pub(super) fn advance(&mut self, time: u128) {
        for clock in &mut self.clocks {
            if clock.finishes.len() > 0 {
                clock.virtual_time += clock.progress(time);
            }
        }
    }

    fn update_rates(&mut self) {
        update_stretches(&mut self.loads, self.cores);
        for (clock, load) in self.clocks.iter_mut().zip(&self.loads) {
            // the casts saturate
            clock.stretch = (load.stretch * (1u64 << STRETCH_BITS) as f64).round() as u128;
            clock.rate = ((1u64 << RATE_BITS) as f64 / load.stretch).round() as u128;
        }
    }
}

impl ClassClock {
    fn new() -> Self {
        Self {
            virtual_time: 0,
            finishes: FinishTree::default(),
            waiting: 0,
            stretch: 1 << STRETCH_BITS,
            rate: 1 << RATE_BITS,
        }
    }

    fn progress(&self, time: u128) -> u128 {
        multiply(time, self.rate, RATE_BITS)
    }

    fn time_to_first(&self) -> Option<u128> {
        let (finish, _) = self.finishes.first()?;
        Some(multiply(finish.saturating_sub(self.virtual_time), self.stretch, STRETCH_BITS))
    }
}

/// Returns `time * factor / 2^bits` without an intermediate overflow, for factors below
/// 2^(128 - `bits`).
fn multiply(time: u128, factor: u128, bits: u32) -> u128 {
    let (high, low) = (time >> bits, time & ((1 << bits) - 1));
    high.saturating_mul(factor).saturating_add(low.saturating_mul(factor) >> bits)
}

const STRETCH_BITS: u32 = 40;

const RATE_BITS: u32 = 60;
