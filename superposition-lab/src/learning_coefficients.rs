//! The local learning coefficients of the minima that `optimum` found.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use superposition_model::population::PopulationObjective;
use superposition_train::optimum::CriticalPoint;
use superposition_train::posterior::{LearningCoefficientOptions, local_learning_coefficient};

use crate::{BasinSummary, LabError, OptimumDocument, parallel};

impl OptimumDocument {
    /// The same with the learning coefficient of every basin that is no saddle, sampled from the exact loss, mean over
    /// features.
    ///
    /// `observe` gets the share that is done and ends it with `Break`; the document then says so in `interrupted`.
    ///
    /// ```
    /// use std::{num::NonZeroUsize, ops::ControlFlow};
    /// use superposition_lab::model::{Dimensions, ToyModelConfig};
    /// use superposition_lab::train::posterior::{LearningCoefficientOptions, PosteriorOptions};
    /// use superposition_lab::{OptimumRecipe, find_optimum};
    ///
    /// // A digon of two weights and two biases: no direction is flat, so it is half of four.
    /// let model = ToyModelConfig::new(Dimensions { n_features: 2, n_hidden: 1 });
    /// let recipe = OptimumRecipe::new(model).with_feature_probability(0.5);
    /// let found = find_optimum(&recipe, NonZeroUsize::MIN, &|_| ControlFlow::Continue(())).unwrap();
    /// let options = LearningCoefficientOptions::new(1e6)
    ///     .with_posterior(PosteriorOptions::default().with_n_burn_in(200).with_n_samples(500));
    /// let found = found
    ///     .with_learning_coefficients(&options, NonZeroUsize::MIN, &|_| ControlFlow::Continue(()))
    ///     .unwrap();
    /// let digon = found.basins[0].learning_coefficient.unwrap();
    /// assert!((digon.value - 2.0).abs() < 5.0 * digon.standard_error + 0.01);
    /// ```
    ///
    /// # Errors
    /// The inverse temperature or another option is out of its range.
    pub fn with_learning_coefficients(
        mut self,
        options: &LearningCoefficientOptions,
        threads: NonZeroUsize,
        observe: &(dyn Fn(f64) -> ControlFlow<()> + Sync),
    ) -> Result<Self, LabError> {
        let objective = self.recipe.objective()?;
        let places: Vec<usize> = (0..self.basins.len())
            .filter(|&k| self.basins[k].critical_point != Some(CriticalPoint::Saddle))
            .collect();
        let stopped = AtomicBool::new(false);
        let shares = Mutex::new(vec![0.0; places.len()]);
        let basins = &self.basins;
        let found = parallel::map(places.len(), 1, threads, |place| {
            let at = parameters(&basins[places[place]], &objective);
            let found = local_learning_coefficient(&objective, &at, options, &mut |share| {
                let done = {
                    let mut shares = shares.lock().unwrap_or_else(PoisonError::into_inner);
                    shares[place] = share;
                    shares.iter().sum::<f64>() / shares.len() as f64
                };
                if observe(done).is_break() {
                    stopped.store(true, Ordering::Relaxed);
                }
                match stopped.load(Ordering::Relaxed) {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                }
            });
            Ok(found?)
        })?;
        for (&place, found) in places.iter().zip(found) {
            self.basins[place].learning_coefficient = Some(found);
        }
        self.inverse_temperature = Some(options.beta);
        self.interrupted |= stopped.into_inner();
        Ok(self)
    }
}

/// The parameters of a basin, as they lie in a model.
fn parameters(basin: &BasinSummary, objective: &PopulationObjective) -> Vec<f64> {
    let layout = objective.layout();
    let m = objective.config().dimensions.n_hidden;
    let mut parameters = vec![0.0; layout.len()];
    let matrices = [
        (&layout.w, Some(&basin.w)),
        (&layout.w_dec, basin.w_dec.as_ref()),
    ];
    for (range, rows) in matrices {
        for (k, row) in rows.into_iter().flatten().enumerate() {
            for (i, &value) in row.iter().enumerate() {
                parameters[range.start + i * m + k] = value;
            }
        }
    }
    if let (Some(range), Some(b)) = (&layout.b, &basin.b) {
        parameters[range.clone()].copy_from_slice(b);
    }
    parameters
}
