//! The stretch of calls that alternate between a core and work that needs none.
//!
//! Each call in service is a customer of a closed network of two stations: the cores, shared
//! evenly, and a delay. A call with `cpu: p` spends the share p of its demand at the cores. The
//! network has a product form, so that neither the order and number of its visits nor the
//! distribution of demands matters (Baskett, Chandy, Muntz and Palacios, JACM 1975). With others in
//! service it progresses at the rate of the flow-equivalent server (Chandy, Herzog and Woo, *IBM
//! Journal of Research and Development* 19, 1975), which is exact for the mean latency of all
//! calls.
//!
//! Let B be the number of calls that would be at the cores if each were there with probability p,
//! independently of the others, and f(B) the product of max(1, i / k) for i = 1 … B, on k cores.
//! For a set S of calls the normalisation constant is G(S) = E f(B), and the stretch of one of them
//! is G(S) / G(S without it).
//!
//! f(j) is the j-th moment of a positive measure, but for a factor and for j < k. So G is the
//! integral of a product over the calls (McKenna and Mitra, JACM 1982), which a Gauss-Laguerre
//! quadrature gives exactly for up to [`MAX_EXACT_CALLS`] calls, at a cost that depends on the
//! number of classes and not of calls.

use std::sync::LazyLock;

use super::contention::ClassLoad;

/// Sets the stretch of each class of calls that share `cores`, at most [`MAX_EXACT_CORES`].
pub(super) fn set_stretches(loads: &mut [ClassLoad], cores: f64) {
    let calls = loads.iter().map(|load| load.count).sum::<usize>();
    let rule = NODE_COUNTS.iter().position(|count| calls < 2 * count).unwrap_or(NODE_COUNTS.len() - 1);
    let nodes = &QUADRATURES[rule];
    let largest = nodes[nodes.len() - 1].time / cores;
    let mut products = [0.0; MAX_NODES];
    for (product, node) in products.iter_mut().zip(nodes) {
        let factor = |load: &ClassLoad| {
            let share = load.share(cores);
            (at(share, node.time / cores) / at(share, largest)).powi(load.count as i32)
        };
        *product = node.weight * loads.iter().map(factor).product::<f64>();
    }
    let whole = cores as usize;
    // f(j) is this factor times a moment, from j = `whole` on
    let factor: f64 = (1..=whole).map(|index| cores / index as f64).product();
    let all = factor * products.iter().sum::<f64>() - excess_of_few(loads, None, cores, largest);
    for class in 0..loads.len() {
        let share = loads[class].share(cores);
        if loads[class].count == 0 || share == 0.0 {
            loads[class].stretch = 1.0;
            continue;
        }
        let without = products.iter().zip(nodes).map(|(product, node)| product / at(share, node.time / cores));
        let others = factor * without.sum::<f64>() - excess_of_few(loads, Some(class), cores, largest);
        // the rounding of a quotient must not be a delay: a call alone has a stretch of exactly 1
        loads[class].stretch = ((all / others) * PRECISION).round().max(PRECISION) / PRECISION;
    }
}

/// Returns the factor of a call with a share in the integrand.
fn at(share: f64, time: f64) -> f64 {
    1.0 - share + share * time
}

/// Returns how much the integral has too much because f(j) is 1 where there are fewer calls at the
/// cores than cores; scaled as the products are. Leaves out a call of a class, if given.
fn excess_of_few(loads: &[ClassLoad], left_out: Option<usize>, cores: f64, largest: f64) -> f64 {
    let whole = cores as usize;
    if whole as f64 == cores && whole <= 1 {
        return 0.0;
    }
    let mut few = [0.0; MAX_EXACT_CORES];
    few[0] = 1.0;
    for (class, load) in loads.iter().enumerate().filter(|(_, load)| load.count > 0) {
        let share = load.share(cores);
        let scale = at(share, largest);
        let is_left_out = left_out == Some(class);
        let calls = load.count - usize::from(is_left_out);
        let binomial = scaled_binomial(calls, (1.0 - share) / scale, share / scale);
        let mut product = [0.0; MAX_EXACT_CORES];
        for (place, one) in few[..whole].iter().enumerate() {
            for (own, other) in binomial[..whole - place].iter().enumerate() {
                product[place + own] += one * other;
            }
        }
        few = if is_left_out { product.map(|value| value / scale) } else { product };
    }
    let (mut excess, mut moment) = (0.0, 1.0);
    for index in (0..whole).rev() {
        moment *= cores / (index + 1) as f64;
        excess += few[index] * (moment - 1.0);
    }
    excess
}

/// Returns the first coefficients of (`off` + `on` z) to the power `calls`.
fn scaled_binomial(calls: usize, off: f64, on: f64) -> [f64; MAX_EXACT_CORES] {
    let mut coefficients = [0.0; MAX_EXACT_CORES];
    if off <= 0.0 {
        if let Some(last) = coefficients.get_mut(calls) {
            *last = on.powi(calls as i32);
        }
        return coefficients;
    }
    let mut term = off.powi(calls as i32);
    for (index, coefficient) in coefficients.iter_mut().enumerate().take(calls + 1) {
        *coefficient = term;
        term *= (calls - index) as f64 / (index + 1) as f64 * on / off;
    }
    coefficients
}

/// A node of the quadrature.
#[derive(Clone, Copy)]
struct Node {
    time: f64,
    weight: f64,
}

/// Quadratures in the order of [`NODE_COUNTS`].
static QUADRATURES: LazyLock<[Vec<Node>; 3]> = LazyLock::new(|| NODE_COUNTS.map(quadrature));

/// Returns the Gauss-Laguerre quadrature with a number of nodes, in ascending order.
fn quadrature(count: usize) -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::with_capacity(count);
    let mut time = 0.0;
    while nodes.len() < count {
        // from below the smallest root that is left, Newton's steps rise to it
        for _ in 0..MAX_NEWTON_STEPS {
            let (value, slope, _) = laguerre(count, time);
            let found: f64 = nodes.iter().map(|node| 1.0 / (time - node.time)).sum();
            let step = value / (slope - value * found);
            time -= step;
            if step.abs() <= f64::EPSILON * time {
                break;
            }
        }
        let (_, _, next) = laguerre(count, time);
        nodes.push(Node { time, weight: time / ((count as f64 + 1.0) * next).powi(2) });
        time += time * 1e-6;
    }
    nodes
}

/// Returns the Laguerre polynomial of a degree, its derivative, and the next polynomial.
fn laguerre(degree: usize, at: f64) -> (f64, f64, f64) {
    let (mut previous, mut value) = (1.0, 1.0 - at);
    let next =
        |index: f64, value: f64, previous: f64| ((2.0 * index + 1.0 - at) * value - index * previous) / (index + 1.0);
    for index in 1..degree {
        (previous, value) = (value, next(index as f64, value, previous));
    }
    let count = degree as f64;
    let slope = if at == 0.0 { -count } else { count * (value - previous) / at };
    (value, slope, next(count, value, previous))
}

/// Numbers of nodes. A quadrature is exact for fewer calls than twice its nodes; the smallest one
/// that is exact is used.
const NODE_COUNTS: [usize; 3] = [8, 16, MAX_NODES];
const MAX_NODES: usize = 32;

/// Number of calls in service up to which the stretch is exact.
pub(super) const MAX_EXACT_CALLS: usize = 2 * MAX_NODES - 1;

/// Number of cores up to which the stretch is exact. With more of them the integral and its excess
/// cancel, and chance matters less.
pub(super) const MAX_EXACT_CORES: usize = 8;

/// Number of steps of a stretch within 1; what is finer is rounding.
const PRECISION: f64 = (1u64 << 36) as f64;

/// More steps than any root needs.
const MAX_NEWTON_STEPS: usize = 200;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::contention::Contention;
    use super::*;

    /// Returns E f(B) of calls with these shares, by the distribution of B.
    fn constant(shares: &[f64], cores: f64) -> f64 {
        let mut at_cores = vec![1.0];
        for share in shares {
            let mut next = vec![0.0; at_cores.len() + 1];
            for (index, probability) in at_cores.iter().enumerate() {
                next[index] += probability * (1.0 - share);
                next[index + 1] += probability * share;
            }
            at_cores = next;
        }
        let (mut sum, mut product) = (0.0, 1.0);
        for (index, probability) in at_cores.iter().enumerate() {
            product *= (index as f64 / cores).max(1.0);
            sum += probability * product;
        }
        sum
    }

    #[test]
    fn nodes_give_the_moments_of_the_exponential_distribution() {
        for (count, nodes) in NODE_COUNTS.iter().zip(&*QUADRATURES) {
            let mut factorial = 1.0;
            for degree in 0..2 * *count as i32 {
                factorial *= f64::from(degree.max(1));
                let moment: f64 = nodes.iter().map(|node| node.weight * node.time.powi(degree)).sum();
                assert!((moment / factorial - 1.0).abs() < 1e-9, "{degree}: {moment} {factorial}");
            }
        }
    }

    proptest! {
        #[test]
        fn stretches_are_those_of_the_closed_network(
            cores in prop_oneof![(1..=8u32).prop_map(f64::from), 0.1..8.0f64],
            calls in prop::collection::vec((0.0..=1.0f64, 0..15usize), 1..5),
        ) {
            let class = |(share, count): &(f64, usize)| ClassLoad { count: *count, ..ClassLoad::new(Contention::Cpu(*share)) };
            let mut loads: Vec<_> = calls.iter().map(class).collect();
            set_stretches(&mut loads, cores);
            let shares: Vec<f64> = calls.iter().flat_map(|(share, count)| vec![*share; *count]).collect();
            for (load, (share, count)) in loads.iter().zip(&calls).filter(|(_, (_, count))| *count > 0) {
                let mut others = shares.clone();
                others.remove(others.iter().position(|other| other == share).unwrap());
                let expected = constant(&shares, cores) / constant(&others, cores);
                prop_assert!((load.stretch / expected - 1.0).abs() < 1e-8, "{count}: {} {}", load.stretch, expected);
            }
        }
    }
}
