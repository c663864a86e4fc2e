//! Tables of demands for each operation of a workload, and for all operations together.

use std::collections::BTreeMap;

use super::{OperationFit, autocorrelation, gpd_tail, most_common_status, size_classes};
use crate::fit::limits::FittedLimit;
use crate::fit::prepare::trace::Trace;
use crate::fit::prepare::workload::{Workload, is_rejection};
use crate::fit::station_model::StationModel;

/// Tables of demands by operation.
#[derive(Clone, Debug)]
pub(crate) struct OperationTables {
    /// Operations with enough calls, by name.
    pub(crate) operations: Vec<OperationFit>,
    /// Fit of all operations together.
    pub(crate) default: OperationFit,
}

/// Demands in nanoseconds, by status.
type DemandsByStatus = BTreeMap<u16, Vec<f64>>;

/// Builds the tables of each operation and of all operations together. They continue beyond the
/// sample if a `clear` model separates all waits from work.
pub(crate) fn operation_tables(
    work: &Workload,
    demands: &[f64],
    names: &BTreeMap<&str, u32>,
    traces: &[Trace],
    limits: &[FittedLimit],
    clear: Option<StationModel>,
) -> OperationTables {
    let mut by_status = accepted_by_status(work, demands, names.len());
    let mut transfer = vec![None; names.len()];
    for trace in traces {
        for (name, rate) in trace.operations.iter().zip(&trace.transfer) {
            transfer[names[name.as_str()] as usize] = *rate;
        }
        add_rejected(&mut by_status, trace, names, limits);
    }
    let mut everything = DemandsByStatus::new();
    for (status, demands) in by_status.iter().flatten() {
        everything.entry(*status).or_default().extend(demands);
    }
    let mut named: Vec<(&str, u32)> = names.iter().map(|(name, index)| (*name, *index)).collect();
    named.retain(|(_, index)| has_enough_calls(&by_status[*index as usize]));
    let populations = clear.map(|model| work.populations(model.outside));
    let may_have_tail = |calls: &[usize]| {
        let found = populations.as_ref().map(|found| calls.iter().map(|call| (found[*call], demands[*call])).collect());
        found.is_some_and(gpd_tail::is_independent_of_load)
    };
    let counted: Vec<usize> = (0..work.len()).filter(|call| work.counted[*call]).collect();
    let operations = named.iter().map(|(name, index)| {
        let own: Vec<usize> = counted.iter().copied().filter(|call| work.operations[*call] == *index).collect();
        let calls: Vec<(f64, f64)> = own.iter().map(|call| (work.arrivals[*call], demands[*call])).collect();
        let autocorrelation = autocorrelation::find_autocorrelation(&calls, named.len());
        // the calls of a slow spell are one observation of a tail, not many
        let has_tail = autocorrelation.is_none() && may_have_tail(&own);
        let index = *index as usize;
        let mut operation = OperationFit::new((*name).to_owned(), by_status[index].clone(), transfer[index], has_tail);
        operation.autocorrelation = autocorrelation;
        if let Some(status) = most_common_status(&by_status[index]) {
            let ordinary = own.iter().filter(|call| work.statuses[**call] == status);
            let lengths: Option<Vec<(u64, f64)>> =
                ordinary.map(|call| Some((work.bytes[*call]?, demands[*call]))).collect();
            operation.add_size_classes(status, size_classes::divide(lengths.unwrap_or_default()), has_tail);
        }
        operation
    });
    let operations: Vec<OperationFit> = operations.collect();
    let has_tail = operations.iter().all(|operation| operation.autocorrelation.is_none()) && may_have_tail(&counted);
    let default = OperationFit::new("default".to_owned(), everything, None, has_tail);
    OperationTables { operations, default }
}

/// Collects the recovered demands of the counted calls, by operation and status.
fn accepted_by_status(work: &Workload, demands: &[f64], operations: usize) -> Vec<DemandsByStatus> {
    let mut by_status = vec![DemandsByStatus::new(); operations];
    for call in (0..work.len()).filter(|call| work.counted[*call]) {
        let operation = &mut by_status[work.operations[call] as usize];
        operation.entry(work.statuses[call]).or_default().push(demands[call]);
    }
    by_status
}

/// Adds the latencies of rejected calls, which have no demand. Calls rejected by a fitted limit are
/// rejected again when served, so they are not added.
fn add_rejected(by_status: &mut [DemandsByStatus], trace: &Trace, names: &BTreeMap<&str, u32>, limits: &[FittedLimit]) {
    let by_limit = |status| limits.iter().any(|limit| limit.status == status);
    for call in trace.calls.iter().filter(|call| is_rejection(call.status) && !by_limit(call.status)) {
        let operation = names[trace.operations[call.operation as usize].as_str()];
        let latency = call.finish.saturating_sub(call.arrival) as f64;
        by_status[operation as usize].entry(call.status).or_default().push(latency);
    }
}

fn has_enough_calls(by_status: &DemandsByStatus) -> bool {
    by_status.values().map(Vec::len).sum::<usize>() >= MIN_OPERATION_CALLS
}

/// Minimum number of calls of an operation with a table of its own.
const MIN_OPERATION_CALLS: usize = 50;
