//! `optimum`: the lowest expected loss of a toy model, and the geometry of every basin found.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};
use superposition_analysis::faer::MatRef;
use superposition_analysis::{
    Polytope, feature_dimensionality, feature_norms, from_columns, n_represented, polytopes,
};
use superposition_model::population::PopulationObjective;
use superposition_model::{
    Bias, Dimensions, FeatureDistribution, FeatureProbability, FeatureSets, Importance, Output,
    ParameterLayout, ToyModelConfig,
};
use superposition_train::optimum::{
    Basin, CriticalPoint, Curvature, MinimizeOptions, MinimizeStop, Optimum, OptimumOptions,
    OptimumProgress, Symmetry, optimum,
};
use superposition_train::posterior::LearningCoefficient;

use crate::{LabError, TOY_MIN_NORM, toy_polytope_options};

/// The most starts that are named polytopes.
const MAX_NAMED_STARTS: usize = 48;

/// Everything that determines an optimum: the model, its features, and how it is looked for.
///
/// ```
/// use superposition_lab::OptimumRecipe;
/// use superposition_lab::model::{Dimensions, ToyModelConfig};
///
/// let model = ToyModelConfig::new(Dimensions { n_features: 5, n_hidden: 2 });
/// let recipe = OptimumRecipe::new(model).with_feature_probability(0.05);
/// assert_eq!(recipe.search.n_starts, 20);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OptimumRecipe {
    /// Shape and variant of the model.
    pub model: ToyModelConfig,
    /// Probability that a feature is active.
    pub feature_probability: FeatureProbability,
    /// Which features are active together.
    pub sets: FeatureSets,
    /// Importance of each feature in the loss.
    pub importance: Importance,
    /// Starts, seed and tolerances.
    pub search: OptimumOptions,
    /// What losses that are not in closed form may be off by, mean over features: 1e-8. Descents then end at a gradient
    /// of ten times this.
    pub transform_tolerance: f64,
}

impl OptimumRecipe {
    /// Independent, equally important features, each active half of the time, and 20 random starts.
    #[must_use]
    pub fn new(model: ToyModelConfig) -> Self {
        Self {
            model,
            feature_probability: FeatureProbability::Same(0.5),
            sets: FeatureSets::Independent,
            importance: Importance::Uniform,
            search: OptimumOptions::default(),
            transform_tolerance: 1e-8,
        }
    }

    /// The same with this probability for all features.
    #[must_use]
    pub fn with_feature_probability(mut self, p: f64) -> Self {
        self.feature_probability = FeatureProbability::Same(p);
        self
    }

    /// The same with this importance.
    #[must_use]
    pub fn with_importance(mut self, importance: Importance) -> Self {
        self.importance = importance;
        self
    }

    /// The same with features active together, or one at a time, in sets.
    #[must_use]
    pub fn with_sets(mut self, sets: FeatureSets) -> Self {
        self.sets = sets;
        self
    }

    /// The same with this [`transform_tolerance`](Self::transform_tolerance).
    #[must_use]
    pub fn with_transform_tolerance(mut self, transform_tolerance: f64) -> Self {
        self.transform_tolerance = transform_tolerance;
        self
    }

    /// The same with another search.
    #[must_use]
    pub fn with_search(mut self, search: OptimumOptions) -> Self {
        self.search = search;
        self
    }

    /// The expected loss as a function of the parameters.
    ///
    /// # Errors
    /// A value is wrong.
    pub fn objective(&self) -> Result<PopulationObjective, LabError> {
        self.model.validate()?;
        let n = self.model.dimensions.n_features;
        let distribution =
            FeatureDistribution::new(n, &self.feature_probability)?.with_sets(self.sets)?;
        let importance = self.importance.weights_f64(n)?;
        let objective = PopulationObjective::new(self.model, distribution, &importance)?;
        Ok(if objective.is_closed_form() {
            objective
        } else {
            objective.by_transform(self.transform_tolerance)?
        })
    }

    /// Where descents on an objective of this recipe end.
    pub(crate) fn minimize(&self, objective: &PopulationObjective) -> MinimizeOptions {
        let minimize = self.search.minimize;
        if objective.is_closed_form() {
            return minimize;
        }
        let least = 10.0 * self.transform_tolerance;
        minimize.with_gradient_tolerance(minimize.gradient_tolerance.max(least))
    }
}

/// The JSON document of `superposition optimum`.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct OptimumDocument {
    /// Name and version of the document.
    pub schema: &'static str,
    /// What was asked.
    pub recipe: OptimumRecipe,
    /// How many starts there were: the first basin is the best found of so many.
    pub n_starts: usize,
    /// The named polytopes among them, first in order.
    pub named_starts: Vec<String>,
    /// Descents beside those from the starts: from saddles, and from models with dropped features where outputs were
    /// never on.
    pub n_further: usize,
    /// The lowest loss, mean over features; none where no descent stayed finite.
    pub loss: Option<f64>,
    /// The lowest loss, summed over features, as papers write it.
    pub loss_sum: Option<f64>,
    /// An estimate of the error of `loss`, rounding included.
    pub loss_error: Option<f64>,
    /// W of the lowest, m rows of n.
    pub w: Option<Vec<Vec<f64>>>,
    /// Its bias; none for models without one.
    pub b: Option<Vec<f64>>,
    /// D of its features.
    pub feature_dimensionality: Option<Vec<f64>>,
    /// The inverse temperature `$\beta$` of the learning coefficients, if they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inverse_temperature: Option<f64>,
    /// All that was found, lowest first.
    pub basins: Vec<BasinSummary>,
    /// Whether it was interrupted; then it is what was found until then.
    #[serde(skip)]
    pub interrupted: bool,
}

/// A critical point, up to rotation and permutation.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct BasinSummary {
    /// Its loss, mean over features.
    pub loss: f64,
    /// Its loss, summed over features.
    pub loss_sum: f64,
    /// Starts that ended here.
    pub n_starts: usize,
    /// Of those, how many ended here.
    pub n_further: usize,
    /// How many different models of equal loss were found here: more than one only where they are degenerate.
    pub n_different: usize,
    /// The components of its represented features by name.
    pub geometry: String,
    /// Features with a norm above 0.5.
    pub n_represented: usize,
    /// The norm of the gradient.
    pub gradient_norm: f64,
    /// Why the descent stopped.
    pub stop: MinimizeStop,
    /// Minimum or saddle; none where Hessians are too large.
    pub critical_point: Option<CriticalPoint>,
    /// The spectrum of the Hessian of the mean loss.
    pub curvature: Option<Curvature>,
    /// The local learning coefficient; none of saddles, and unless asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learning_coefficient: Option<LearningCoefficient>,
    /// W, m rows of n.
    pub w: Vec<Vec<f64>>,
    /// The decoder's weights, of untied models.
    pub w_dec: Option<Vec<Vec<f64>>>,
    /// The bias; none for models without one.
    pub b: Option<Vec<f64>>,
    /// Norms of the features' directions.
    pub feature_norms: Vec<f64>,
    /// D of its features.
    pub feature_dimensionality: Vec<f64>,
}

/// Finds the lowest expected loss of a toy model, from random starts and from polytopes with a name.
///
/// The loss is exact (`PopulationObjective`), so are the optima, to about ten digits where it is in closed form. Beside the random starts of
/// [`superposition_train::optimum::optimum()`] there are the sums of figures of the catalogue that span the hidden
/// space (`Polytope`), with as many features as fit, at most 48 of them. The result is the best found, not a proof.
///
/// `observe` sees every step and ends the search with `Break`; the document then says so in `interrupted`.
///
/// ```
/// use std::{num::NonZeroUsize, ops::ControlFlow};
/// use superposition_lab::model::{Dimensions, ToyModelConfig};
/// use superposition_lab::{OptimumRecipe, find_optimum};
///
/// let model = ToyModelConfig::new(Dimensions { n_features: 2, n_hidden: 1 });
/// let recipe = OptimumRecipe::new(model).with_feature_probability(0.5);
/// let found = find_optimum(&recipe, NonZeroUsize::MIN, &|_| ControlFlow::Continue(())).unwrap();
/// assert!((found.loss_sum.unwrap() - 0.0762824).abs() < 1e-7);
/// assert_eq!(found.basins[0].geometry, "1 digon");
/// ```
///
/// # Errors
/// A value of the recipe is wrong.
pub fn find_optimum(
    recipe: &OptimumRecipe,
    threads: NonZeroUsize,
    observe: &(dyn Fn(&OptimumProgress) -> ControlFlow<()> + Sync),
) -> Result<OptimumDocument, LabError> {
    let objective = recipe.objective()?;
    let named = tegum_products(recipe.model);
    let found = search(recipe, &objective, &named, threads, observe)?;
    let basins = found
        .basins
        .iter()
        .map(|basin| BasinSummary::new(basin, &objective))
        .collect::<Result<Vec<_>, _>>()?;
    let best = basins.first();
    Ok(OptimumDocument {
        schema: "superposition/optimum/v1",
        recipe: recipe.clone(),
        n_starts: found.n_starts,
        named_starts: named.iter().map(|parts| name(parts)).collect(),
        n_further: found.n_further,
        loss: best.map(|best| best.loss),
        loss_sum: best.map(|best| best.loss_sum),
        loss_error: found
            .best()
            .map(|best| objective.value(&best.lowest.x).error),
        w: best.map(|best| best.w.clone()),
        b: best.and_then(|best| best.b.clone()),
        feature_dimensionality: best.map(|best| best.feature_dimensionality.clone()),
        inverse_temperature: None,
        basins,
        interrupted: found.interrupted,
    })
}

/// The basins of an objective, from random starts and from these sums of polytopes.
pub(crate) fn search(
    recipe: &OptimumRecipe,
    objective: &PopulationObjective,
    named: &[Vec<Polytope>],
    threads: NonZeroUsize,
    observe: &(dyn Fn(&OptimumProgress) -> ControlFlow<()> + Sync),
) -> Result<Optimum, LabError> {
    let symmetry = Symmetry::new(
        recipe.model,
        objective.distribution(),
        objective.importance(),
    )?;
    let given: Vec<Vec<f64>> = named.iter().map(|parts| start(parts, objective)).collect();
    let options = recipe.search.with_minimize(recipe.minimize(objective));
    Ok(optimum(
        objective, &symmetry, &given, &options, threads, observe,
    )?)
}

impl BasinSummary {
    fn new(basin: &Basin, objective: &PopulationObjective) -> Result<Self, LabError> {
        let Dimensions {
            n_features: n,
            n_hidden: m,
        } = objective.config().dimensions;
        let layout: &ParameterLayout = objective.layout();
        let x = &basin.lowest.x;
        let w = from_columns(&x[layout.w.clone()], m, n);
        let w_dec = from_columns(&x[layout.w_dec.clone()], m, n);
        let loss = basin.value();
        Ok(Self {
            loss,
            loss_sum: loss * n as f64,
            n_starts: basin.starts.len(),
            n_further: basin.n_further,
            n_different: basin.n_different,
            geometry: geometry(w)?,
            n_represented: n_represented(w, TOY_MIN_NORM),
            gradient_norm: basin.lowest.gradient_norm,
            stop: basin.lowest.stop,
            critical_point: basin.curvature.as_ref().map(|c| c.critical_point),
            curvature: basin.curvature.clone(),
            learning_coefficient: None,
            w: rows(w),
            w_dec: (layout.w != layout.w_dec).then(|| rows(w_dec)),
            b: layout.b.clone().map(|b| x[b].to_vec()),
            feature_norms: feature_norms(w),
            feature_dimensionality: feature_dimensionality(w),
        })
    }
}

/// The components of the represented features in words.
pub(crate) fn geometry(w: MatRef<'_, f64>) -> Result<String, LabError> {
    if n_represented(w, TOY_MIN_NORM) == 0 {
        return Ok("nothing".to_owned());
    }
    Ok(polytopes(w, &toy_polytope_options())?.to_string())
}

/// A matrix as a list of its rows.
pub(crate) fn rows(w: MatRef<'_, f64>) -> Vec<Vec<f64>> {
    let row = |k| w.row(k).iter().copied().collect();
    (0..w.nrows()).map(row).collect()
}

/// The sums of figures that span m dimensions, or that use up the features; none of linear models, whose optimum is a
/// subspace, not a figure.
pub(crate) fn tegum_products(model: ToyModelConfig) -> Vec<Vec<Polytope>> {
    if model.output == Output::Linear {
        return Vec::new();
    }
    let Dimensions {
        n_features: n,
        n_hidden: m,
    } = model.dimensions;
    let mut figures = vec![
        Polytope::Icosahedron,
        Polytope::SquareAntiprism,
        Polytope::Cube,
    ];
    figures.extend((4..=n.min(m + 1)).map(Polytope::Simplex));
    figures.extend([8, 7, 6, 5, 3].map(Polytope::Polygon));
    figures.extend([Polytope::Digon, Polytope::Lone]);
    figures.retain(|figure| figure.n_corners() <= n && figure.dimension() <= m);
    let mut found = Vec::new();
    extend(&mut found, &mut Vec::new(), &figures, n, m);
    found
}

/// Adds all ways to go on with these figures, in their order, in so many features and dimensions.
fn extend(
    found: &mut Vec<Vec<Polytope>>,
    parts: &mut Vec<Polytope>,
    figures: &[Polytope],
    n: usize,
    m: usize,
) {
    if found.len() == MAX_NAMED_STARTS {
        return;
    }
    if m == 0 || n == 0 {
        found.push(parts.clone());
        return;
    }
    for (k, &figure) in figures.iter().enumerate() {
        if figure.n_corners() <= n && figure.dimension() <= m {
            parts.push(figure);
            let (left, free) = (n - figure.n_corners(), m - figure.dimension());
            extend(found, parts, &figures[k..], left, free);
            parts.pop();
        }
    }
}

/// The parameters of a model whose first features are the corners of these figures, with norm 1, and whose others are
/// dead with their best bias.
fn start(parts: &[Polytope], objective: &PopulationObjective) -> Vec<f64> {
    let m = objective.config().dimensions.n_hidden;
    let layout = objective.layout();
    let mut parameters = vec![0.0; layout.len()];
    let (mut feature, mut dimension) = (0, 0);
    for part in parts {
        let corners = part.corners();
        for i in 0..corners.ncols() {
            for k in 0..corners.nrows() {
                let place = (feature + i) * m + dimension + k;
                parameters[layout.w.start + place] = corners[(k, i)];
                parameters[layout.w_dec.start + place] = corners[(k, i)];
            }
        }
        feature += corners.ncols();
        dimension += corners.nrows();
    }
    if let (Bias::Learned, Some(b)) = (objective.config().bias, layout.b.clone()) {
        let p = objective.distribution().feature_probability();
        for (b, p) in parameters[b].iter_mut().zip(p).skip(feature) {
            *b = 0.5 * p;
        }
    }
    parameters
}

/// In words, such as `pentagon + digon`.
fn name(parts: &[Polytope]) -> String {
    let names: Vec<String> = parts.iter().map(ToString::to_string).collect();
    names.join(" + ")
}
