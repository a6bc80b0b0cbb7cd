//! Several recipes trained beside each other, and what is read from each model.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use serde::Serialize;
use superposition_analysis::{feature_dimensionality, feature_norms};
use superposition_model::ToyModel;
use superposition_train::{Checkpoint, Progress, Trained, train_ensemble};

use crate::reading::{Evaluation, evaluate};
use crate::{ExploreOptions, LabError, Recipe, TrainingSummary};

/// A trained model of several.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct EnsembleMember {
    /// What was trained.
    pub recipe: Recipe,
    /// How it went.
    pub training: TrainingSummary,
    /// Loss on fresh samples; none of parameters that are not finite.
    pub evaluation: Option<Evaluation>,
    /// Norm of each feature.
    pub feature_norms: Vec<f64>,
    /// `$D_i$` of each feature.
    pub feature_dimensionality: Vec<f64>,
    /// The model, its losses, and why it stopped.
    #[serde(skip)]
    pub trained: Trained,
}

impl EnsembleMember {
    /// Its loss on fresh samples; none of parameters that are not finite.
    #[must_use]
    pub fn loss(&self) -> Option<f64> {
        self.evaluation.as_ref().map(|evaluation| evaluation.loss)
    }
}

/// Trains every recipe, `threads` of them at a time, and reads the models.
///
/// Each model is what its recipe gives alone, bit for bit. With `starts`, one for each recipe, trainings begin at these
/// parameters instead of drawn ones, with Adam's moments at 0. `observe` receives the index of the recipe and its
/// progress, from several threads, and may end that training.
///
/// ```
/// use std::{num::NonZeroUsize, ops::ControlFlow};
/// use superposition_lab::model::Dimensions;
/// use superposition_lab::train::TrainOptions;
/// use superposition_lab::{Recipe, train_recipes};
///
/// let recipe = Recipe::quick_start()
///     .with_dimensions(Dimensions { n_features: 5, n_hidden: 2 })
///     .with_train(TrainOptions::default().with_n_steps(20).with_batch_size(64));
/// let recipes = [0.5, 0.9].map(|sparsity| recipe.clone().with_sparsity(sparsity));
/// let members =
///     train_recipes(&recipes, None, NonZeroUsize::MIN, &|_, _| ControlFlow::Continue(())).unwrap();
/// // D_i of 5 features in 2 dimensions never sum to more than 2.
/// assert!(members.iter().all(|member| member.feature_dimensionality.iter().sum::<f64>() < 2.0 + 1e-9));
/// ```
///
/// # Errors
/// A recipe is not valid; or the starts are not one for each, or of other models.
pub fn train_recipes(
    recipes: &[Recipe],
    starts: Option<&[ToyModel]>,
    threads: NonZeroUsize,
    observe: &(dyn Fn(usize, &Progress<'_>) -> ControlFlow<()> + Sync),
) -> Result<Vec<EnsembleMember>, LabError> {
    if let Some(starts) = starts
        && starts.len() != recipes.len()
    {
        return Err(LabError::CountsDiffer {
            what: "models",
            left: "the starts".to_owned(),
            n_left: starts.len(),
            right: "the recipes".to_owned(),
            n_right: recipes.len(),
        });
    }
    let jobs = recipes
        .iter()
        .enumerate()
        .map(|(k, recipe)| {
            recipe.validate()?;
            let start = starts.map(|starts| beginning_at(&starts[k], recipe));
            Ok(recipe.job()?.with_start(start.transpose()?))
        })
        .collect::<Result<Vec<_>, LabError>>()?;
    let trained = train_ensemble(&jobs, threads, observe);
    let mut members = Vec::with_capacity(recipes.len());
    for ((recipe, job), trained) in recipes.iter().zip(&jobs).zip(trained) {
        let trained = trained?;
        let is_finite = trained.model.parameters().iter().all(|x| x.is_finite());
        members.push(EnsembleMember {
            training: TrainingSummary::new(&trained, &recipe.train),
            evaluation: is_finite.then(|| {
                let n_samples = ExploreOptions::quick_start().n_evaluation;
                evaluate(&trained.model, &job.task, recipe.train.seed, n_samples)
            }),
            feature_norms: feature_norms(trained.model.w()),
            feature_dimensionality: feature_dimensionality(trained.model.w()),
            recipe: recipe.clone(),
            trained,
        });
    }
    Ok(members)
}

/// A training that has made no step yet.
fn beginning_at(model: &ToyModel, recipe: &Recipe) -> Result<Checkpoint, LabError> {
    if model.config() != &recipe.model {
        return Err(LabError::Option {
            name: "start",
            value: format!("a model of {:?}", model.config()),
            expected: "it must have the shape and variant of the model that is trained",
        });
    }
    let zeros = vec![0.0; model.parameters().len()];
    Ok(Checkpoint {
        step: 0,
        parameters: model.parameters().to_vec(),
        first_moment: zeros.clone(),
        second_moment: zeros,
    })
}
