//! `landscape`: the minima of a toy model along a parameter of its task, and where the lowest changes.

mod document;
mod recipe;

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use superposition_analysis::{feature_norms, from_columns};
use superposition_model::population::PopulationObjective;
use superposition_train::optimum::{
    Branch, BranchPoint, BranchStop, CriticalPoint, crossing, follow,
};

pub use self::document::{
    LandscapeBranch, LandscapeDocument, LandscapePoint, LandscapeStretch, LandscapeTransition,
    TransitionKind,
};
pub use self::recipe::{Along, LandscapeRecipe};
use crate::LabError;
use crate::optimum::{geometry, rows, search, tegum_products};

/// Branches whose losses differ by less than this share are taken for one.
const SAME_LOSS: f64 = 1e-6;
/// A branch that begins where another's loss differs by less than this share splits off from it.
const TOUCHING: f64 = 1e-3;
/// A transition is of first order where the slopes differ by more than this share of the larger.
const KINK: f64 = 1e-3;

/// Follows the minima of a toy model along a parameter of its task, and says which is lowest where.
///
/// Minima are looked for at the anchors, as [`find_optimum`](crate::find_optimum) does, and those that are on no branch
/// yet are followed to both ends of the range. Where two exchange their order the crossing is found by bisection to
/// 1e-4 of the range. What is at no anchor is not seen: more anchors see more.
///
/// `observe` sees the share that is done and ends it with `Break`.
///
/// ```
/// use std::{num::NonZeroUsize, ops::ControlFlow};
/// use superposition_lab::model::{Dimensions, ToyModelConfig};
/// use superposition_lab::{Along, LandscapeRecipe, OptimumRecipe, find_landscape};
///
/// // Two features in one dimension: the more important one first, then the other, as its importance grows.
/// let model = ToyModelConfig::new(Dimensions { n_features: 2, n_hidden: 1 });
/// let optimum = OptimumRecipe::new(model).with_feature_probability(0.95);
/// let mut recipe = LandscapeRecipe::new(optimum, Along::ImportanceOf(1), (0.1, 10.0));
/// recipe.n_anchors = 2;
/// let found = find_landscape(&recipe, NonZeroUsize::MIN, &|_| ControlFlow::Continue(())).unwrap();
/// assert!(found.lowest.len() > 1);
/// ```
///
/// # Errors
/// A value of the recipe is wrong; [`LabError::Cancelled`] if the observer ended it.
pub fn find_landscape(
    recipe: &LandscapeRecipe,
    threads: NonZeroUsize,
    observe: &(dyn Fn(f64) -> ControlFlow<()> + Sync),
) -> Result<LandscapeDocument, LabError> {
    recipe.check()?;
    let progress = |done: f64| match observe(done) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(LabError::Cancelled),
    };
    let ends = (recipe.place(recipe.range.0), recipe.place(recipe.range.1));
    let family = |place: f64| recipe.objective(place);
    let named = tegum_products(recipe.optimum.model);
    let mut found: Vec<Followed> = Vec::new();
    for k in 0..recipe.n_anchors {
        let share = |part: f64| (k as f64 + part) / recipe.n_anchors as f64;
        progress(share(0.0))?;
        let place = step_of(ends, k, recipe.n_anchors - 1);
        let at = recipe.at(recipe.parameter(place))?;
        let objective = at.objective()?;
        let optimum = search(&at, &objective, &named, threads, &|_| observe(share(0.0)))?;
        progress(share(0.5))?;
        let minima = optimum.basins.iter().filter(|basin| {
            let curvature = basin.curvature.as_ref();
            curvature.is_none_or(|c| c.critical_point == CriticalPoint::Minimum)
        });
        let options = recipe.follow;
        let options = options.with_minimize(
            at.minimize(&objective)
                .with_first_step(options.minimize.first_step),
        );
        for basin in minima.take(recipe.n_minima) {
            let loss = basin.value();
            let is_known = |followed: &Followed| {
                followed
                    .loss_at(place)
                    .is_some_and(|other| (other - loss).abs() <= SAME_LOSS * loss.abs().max(1e-9))
            };
            if found.iter().any(is_known) {
                continue;
            }
            let to = |end: f64| {
                (end != place).then(|| {
                    let observe = &mut |_: &BranchPoint| observe(share(0.5));
                    follow(&family, &basin.lowest.x, (place, end), &options, observe)
                })
            };
            let followed = Followed::new(to(ends.0), to(ends.1));
            progress(share(0.5))?;
            found.push(followed);
        }
    }
    let changes = changes(recipe, &family, &found, ends);
    let (lowest, transitions) = stretches(recipe, &found, &changes)?;
    progress(1.0)?;
    let branches = found
        .iter()
        .map(|followed| followed.describe(recipe))
        .collect::<Result<_, _>>()?;
    Ok(LandscapeDocument {
        schema: "superposition/landscape/v1",
        recipe: recipe.clone(),
        branches,
        lowest,
        transitions,
    })
}

/// Step k of n, exactly the ends at the ends.
fn step_of(ends: (f64, f64), k: usize, n: usize) -> f64 {
    if k == n {
        return ends.1;
    }
    ends.0 + (ends.1 - ends.0) * k as f64 / n as f64
}

/// A minimum followed both ways: points by ascending place.
struct Followed {
    branch: Branch,
    stop_below: BranchStop,
}

impl Followed {
    fn new(below: Option<Branch>, above: Option<Branch>) -> Self {
        let stop_below = below.as_ref().map_or(BranchStop::Finished, |b| b.stop);
        let mut branch = match (below, above) {
            (Some(mut below), Some(above)) => {
                below.points.reverse();
                below.points.extend(above.points.into_iter().skip(1));
                below.stop = above.stop;
                below
            }
            (Some(mut only), None) => {
                only.points.reverse();
                only.stop = BranchStop::Finished;
                only
            }
            (None, Some(only)) => only,
            (None, None) => unreachable!("an anchor cannot be at both ends"),
        };
        branch
            .points
            .sort_by(|a, b| a.parameter.total_cmp(&b.parameter));
        Self { branch, stop_below }
    }

    /// The loss at a place, between two points by their values and slopes.
    fn loss_at(&self, place: f64) -> Option<f64> {
        let points = &self.branch.points;
        let above = points.iter().position(|p| p.parameter >= place)?;
        let right = &points[above];
        if right.parameter == place {
            return Some(right.found.value);
        }
        let left = &points[above.checked_sub(1)?];
        // Hermite's cubic.
        let width = right.parameter - left.parameter;
        let t = (place - left.parameter) / width;
        let (u, tt) = (1.0 - t, t * t);
        Some(
            u * u * (1.0 + 2.0 * t) * left.found.value
                + t * u * u * width * left.slope
                + tt * (3.0 - 2.0 * t) * right.found.value
                - tt * u * width * right.slope,
        )
    }

    /// Whether at its lowest place another branch has nearly the same loss: it splits off there.
    fn touches(&self, other: &Self) -> bool {
        let first = self.branch.points.first();
        first.is_some_and(|first| {
            let (loss, other) = (first.found.value, other.loss_at(first.parameter));
            other.is_some_and(|other| (other - loss).abs() <= TOUCHING * loss.abs())
        })
    }

    fn describe(&self, recipe: &LandscapeRecipe) -> Result<LandscapeBranch, LabError> {
        let points = self.branch.points.iter();
        Ok(LandscapeBranch {
            points: points
                .map(|point| describe(point, recipe))
                .collect::<Result<_, _>>()?,
            stop_below: self.stop_below,
            stop_above: self.branch.stop,
        })
    }
}

/// The derivative by the parameter of that by the place.
fn by_parameter(recipe: &LandscapeRecipe, parameter: f64, slope: f64) -> f64 {
    if recipe.is_log {
        slope / parameter
    } else {
        slope
    }
}

fn describe(point: &BranchPoint, recipe: &LandscapeRecipe) -> Result<LandscapePoint, LabError> {
    let parameter = recipe.parameter(point.parameter);
    let dimensions = recipe.optimum.model.dimensions;
    let (n, m) = (dimensions.n_features, dimensions.n_hidden);
    let objective = recipe.at(parameter)?.objective()?;
    let layout = objective.layout().clone();
    let x = &point.found.x;
    let w = from_columns(&x[layout.w], m, n);
    Ok(LandscapePoint {
        parameter,
        loss: point.found.value,
        loss_sum: point.found.value * n as f64,
        slope: by_parameter(recipe, parameter, point.slope),
        n_negative: point.n_negative,
        geometry: geometry(w)?,
        feature_norms: feature_norms(w),
        w: rows(w),
        b: layout.b.map(|b| x[b].to_vec()),
    })
}

/// Where which branch becomes the lowest, by ascending place; the first at the start of the range.
struct Change {
    place: f64,
    branch: usize,
    /// How: none at the start.
    transition: Option<(TransitionKind, Option<[f64; 2]>)>,
}

fn changes(
    recipe: &LandscapeRecipe,
    family: &dyn Fn(f64) -> PopulationObjective,
    found: &[Followed],
    ends: (f64, f64),
) -> Vec<Change> {
    let n_steps = recipe.follow.n_steps;
    let place = |k: usize| step_of(ends, k, n_steps);
    let lowest = |place: f64, now: Option<usize>| {
        let losses = found.iter().enumerate();
        let losses = losses.filter_map(|(index, f)| Some((f.loss_at(place)?, index)));
        let (best, index) = losses.min_by(|a, b| a.0.total_cmp(&b.0))?;
        // Branches that cannot be told apart do not take turns.
        let same = now.filter(|&now| {
            let loss = found[now].loss_at(place);
            loss.is_some_and(|loss| loss - best <= SAME_LOSS * best.abs().max(1e-9))
        });
        Some(same.unwrap_or(index))
    };
    let mut changes: Vec<Change> = Vec::new();
    for k in 0..=n_steps {
        let now = changes.last().map(|change| change.branch);
        let Some(next) = lowest(place(k), now).filter(|&next| now != Some(next)) else {
            continue;
        };
        let Some(now) = now else {
            changes.push(Change {
                place: place(k),
                branch: next,
                transition: None,
            });
            continue;
        };
        let near = |index: usize| {
            let mut branch = found[index].branch.clone();
            let (low, high) = (place(k - 1), place(k));
            let margin = high - low;
            let inside = low - margin..=high + margin;
            branch.points.retain(|p| inside.contains(&p.parameter));
            branch
        };
        let (a, b) = (near(now), near(next));
        let tolerance = 1e-4 * (ends.1 - ends.0);
        let met = if a.points.is_empty() || b.points.is_empty() {
            None
        } else {
            crossing(family, &a, &b, tolerance, &recipe.follow)
        };
        changes.push(match met {
            Some(met) => Change {
                place: met.parameter,
                branch: next,
                transition: Some((
                    if met.is_first_order(KINK) {
                        TransitionKind::FirstOrder
                    } else {
                        TransitionKind::Continuous
                    },
                    Some(met.slopes),
                )),
            },
            None => {
                let kind = if found[next].touches(&found[now]) {
                    TransitionKind::Continuous
                } else {
                    TransitionKind::End
                };
                Change {
                    place: place(k),
                    branch: next,
                    transition: Some((kind, None)),
                }
            }
        });
    }
    changes
}

fn stretches(
    recipe: &LandscapeRecipe,
    found: &[Followed],
    changes: &[Change],
) -> Result<(Vec<LandscapeStretch>, Vec<LandscapeTransition>), LabError> {
    let mut lowest = Vec::with_capacity(changes.len());
    let mut transitions = Vec::new();
    for (k, change) in changes.iter().enumerate() {
        let from = recipe.parameter(change.place);
        let to = changes
            .get(k + 1)
            .map_or(recipe.range.1, |next| recipe.parameter(next.place));
        let branch = &found[change.branch].branch;
        let name = |parameter: f64| {
            Ok::<_, LabError>(describe(branch.nearest(recipe.place(parameter)), recipe)?.geometry)
        };
        let geometry = [name(from)?, name(to)?];
        lowest.push(LandscapeStretch {
            from,
            to,
            branch: change.branch,
            geometry,
        });
        if let (Some((kind, slopes)), Some(before)) = (change.transition, k.checked_sub(1)) {
            let slopes = slopes.map(|both| both.map(|slope| by_parameter(recipe, from, slope)));
            transitions.push(LandscapeTransition {
                parameter: from,
                from: changes[before].branch,
                to: change.branch,
                kind,
                slopes,
            });
        }
    }
    Ok((lowest, transitions))
}
