//! A distribution by its quantiles, log-linear between them: what a recording gives.

/// Probabilities and values, both rising, from 0 to 1.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Quantiles {
    points: Vec<(f64, f64)>,
}

impl Quantiles {
    /// From points in any order; the error says what is missing.
    pub(super) fn new(mut points: Vec<(f64, f64)>) -> Result<Self, String> {
        points.sort_by(|one, other| one.0.total_cmp(&other.0));
        if points.len() < 2 || points[0].0 != 0.0 || points[points.len() - 1].0 != 1.0 {
            return Err("quantiles need `p0` and `p100`".to_owned());
        }
        for pair in points.windows(2) {
            let [(lower, below), (upper, above)] = pair else { continue };
            if lower == upper {
                return Err(format!("p{} is given twice", lower * 100.0));
            }
            if above < below {
                return Err(format!("p{} is less than p{}", upper * 100.0, lower * 100.0));
            }
        }
        Ok(Self { points })
    }

    pub(super) fn quantile(&self, p: f64) -> f64 {
        let upper = self.points.partition_point(|(share, _)| *share < p).clamp(1, self.points.len() - 1);
        let ((low, below), (high, above)) = (self.points[upper - 1], self.points[upper]);
        let way = ((p - low) / (high - low)).clamp(0.0, 1.0);
        if below > 0.0 { below * (above / below).powf(way) } else { below + (above - below) * way }
    }

    pub(super) fn cdf(&self, x: f64) -> f64 {
        // of equal values, the last counts: a step holds all of its share
        let upper = self.points.partition_point(|(_, value)| *value <= x);
        if upper == 0 {
            return 0.0;
        }
        if upper == self.points.len() {
            return 1.0;
        }
        let ((low, below), (high, above)) = (self.points[upper - 1], self.points[upper]);
        let way = if below > 0.0 { (x / below).ln() / (above / below).ln() } else { (x - below) / (above - below) };
        low + (high - low) * way.clamp(0.0, 1.0)
    }
}
