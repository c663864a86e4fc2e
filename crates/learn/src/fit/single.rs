//! The single station that explains a tape best: by the effect size, by the prediction of the highest load where that does not tell,
//! and by the few calls that waited where hardly any did.

use super::Candidate;
use super::check::{self, Split, Stratum};
use super::choice::{Ranking, Scored};
use super::crowd::Crowd;
use super::effect::Strata;
use super::model::{Discipline, Model};
use super::statement::Statement;
use super::workload::Workload;
use super::{nanos, verdict};

/// A station, and what it makes of the tape.
pub(super) struct Single {
    pub(super) scored: Scored,
    /// Stations that the effect size does not tell from it, itself among them.
    close: Vec<Scored>,
    /// The best of all by effect size.
    pub(super) candidates: Vec<Candidate>,
    /// The calls that tell its workers, where hardly any waited.
    pub(super) crowd: Option<Crowd>,
    /// What each call demanded of it, in nanoseconds.
    pub(super) demands: Vec<f64>,
    /// How well its lower load predicts all loads of the tape.
    pub(super) strata: Vec<Stratum>,
}

impl Single {
    pub(super) fn find(ranking: &Ranking, split: Option<&Split>, work: &Workload) -> Self {
        let mut close = if ranking.sees_no_queue() { Vec::new() } else { ranking.close(work, |_| true) };
        let (mut scored, candidates) = choose(ranking, &close, split, work);
        let crowd = Crowd::find(work, scored.model);
        let model = crowd.as_ref().map_or(scored.model, |crowd| crowd.model);
        let mut demands = Vec::new();
        model.demands(work, &mut demands);
        if crowd.is_some() {
            let effect = Strata::new(work, model.outside, |_| true).size(&demands, model.outside);
            (scored, close) = (Scored { model, effect }, Vec::new());
        }
        let strata = split.map(|split| split.predict(model, work)).unwrap_or_default();
        Self { scored, close, candidates, crowd, demands, strata }
    }

    /// Numbers of workers that explain the tape about as well; none without a queue.
    pub(super) fn accepted(&self, ranking: &Ranking, work: &Workload) -> Option<(u32, u32)> {
        let of_crowd = self.crowd.as_ref().map(|crowd| crowd.accepted);
        of_crowd.or_else(|| self.has_queue().then(|| ranking.accepted(work, self.scored.model, |_| true)))
    }

    /// What must be said of it.
    pub(super) fn statements(&self, ranking: &Ranking, split: Option<&Split>, work: &Workload) -> Vec<Statement> {
        let mut statements = Vec::new();
        verdict::judge(&mut statements, ranking, &self.close, self.scored, &self.strata, work);
        if let Some(crowd) = &self.crowd {
            verdict::tell_few(&mut statements, crowd);
        } else if self.has_queue() {
            statements.extend(split.and_then(|split| lower_load(work, split, self.scored.model)));
        }
        statements
    }

    fn has_queue(&self) -> bool {
        self.scored.model.discipline != Discipline::Unlimited
    }
}

/// The first of those that are close to the best by effect size, unless another predicts the highest load clearly better.
fn choose(ranking: &Ranking, close: &[Scored], split: Option<&Split>, work: &Workload) -> (Scored, Vec<Candidate>) {
    let mut errors = vec![None; close.len()];
    let unlimited = Scored { model: Model::UNLIMITED, effect: ranking.unlimited };
    let mut chosen = close.first().copied().unwrap_or(unlimited);
    if let (Some(split), 2..) = (split, close.len()) {
        for (scored, error) in close.iter().zip(&mut errors) {
            let strata = split.predict(scored.model, work);
            *error = strata
                .iter()
                .find(|stratum| stratum.held_out)
                .map(|stratum| (check::size(stratum), check::noise(stratum)));
        }
        if let Some(Some((first, noise))) = errors.first().copied() {
            let best = (1..close.len()).filter_map(|index| errors[index].map(|(error, _)| (index, error)));
            let best = best.min_by(|one, other| one.1.total_cmp(&other.1));
            if let Some((index, _)) = best.filter(|(_, error)| first - error > noise.max(check::CLEARLY)) {
                chosen = close[index];
            }
        }
    }
    let candidates = ranking.stations.iter().take(8).map(|scored| {
        let index = close.iter().position(|close| close.model.same_station(scored.model));
        Candidate {
            model: scored.model.to_string(),
            outside: nanos(scored.model.outside),
            effect: scored.effect,
            extrapolation: index.and_then(|index| errors[index]).map(|(error, _)| error),
        }
    });
    (chosen.with_what_is_outside(work), candidates.collect())
}

/// What the lower load alone points to, if that is another station.
fn lower_load(work: &Workload, split: &Split, chosen: Model) -> Option<Statement> {
    let lower = Ranking::new(work, |part, call| !split.is_held_out(part, call));
    let model = if lower.sees_no_queue() { Model::UNLIMITED } else { lower.best().model };
    let close = lower.close(work, |call| !split.is_held_out(work, call));
    let differs = !close.iter().any(|close| close.model.same_station(chosen)) || model == Model::UNLIMITED;
    differs.then(|| Statement::LowerLoadDiffers { model: model.to_string() })
}
