//! What a landscape is told as.

use serde::Serialize;
use superposition_train::optimum::BranchStop;
use superposition_viz::Scale;
use superposition_viz::svg::{Axis, Figure, Panel, Series};

use super::LandscapeRecipe;

/// The JSON document of `superposition landscape`.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct LandscapeDocument {
    /// Name and version of the document.
    pub schema: &'static str,
    /// What was asked.
    pub recipe: LandscapeRecipe,
    /// The minima that were found and followed, in the order in which they were found.
    pub branches: Vec<LandscapeBranch>,
    /// Which of them is lowest: stretches of the range, ascending.
    pub lowest: Vec<LandscapeStretch>,
    /// What happens between two stretches.
    pub transitions: Vec<LandscapeTransition>,
}

/// A minimum followed along the parameter.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct LandscapeBranch {
    /// Its points, by ascending parameter.
    pub points: Vec<LandscapePoint>,
    /// Why there are none below.
    pub stop_below: BranchStop,
    /// Why there are none above.
    pub stop_above: BranchStop,
}

/// A critical point of a branch.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct LandscapePoint {
    /// The value of the parameter.
    pub parameter: f64,
    /// The loss, mean over features.
    pub loss: f64,
    /// The loss, summed over features.
    pub loss_sum: f64,
    /// The derivative of `loss` by the parameter.
    pub slope: f64,
    /// Negative eigenvalues of the Hessian: above 0 it is a saddle.
    pub n_negative: usize,
    /// The components of its represented features by name.
    pub geometry: String,
    /// Norms of the features' directions.
    pub feature_norms: Vec<f64>,
    /// W, m rows of n.
    pub w: Vec<Vec<f64>>,
    /// The bias; none for models without one.
    pub b: Option<Vec<f64>>,
}

/// Where one branch is lowest.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LandscapeStretch {
    /// From this value of the parameter.
    pub from: f64,
    /// To this.
    pub to: f64,
    /// The index of the branch.
    pub branch: usize,
    /// The components of its represented features by name, at the first point of the stretch and at the last.
    pub geometry: [String; 2],
}

/// How the lowest branch changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TransitionKind {
    /// The losses cross with different slopes: the lowest loss has a kink, the model jumps.
    FirstOrder,
    /// They meet with equal slopes, or one splits off from the other.
    Continuous,
    /// The lower branch ends, or begins, there; what was followed does not tell more.
    End,
}

/// A change of the lowest branch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LandscapeTransition {
    /// The value of the parameter.
    pub parameter: f64,
    /// The branch that is lowest below.
    pub from: usize,
    /// The branch that is lowest above.
    pub to: usize,
    /// How.
    pub kind: TransitionKind,
    /// The derivatives of both losses by the parameter there, mean over features; none where they do not cross.
    pub slopes: Option<[f64; 2]>,
}

impl LandscapeDocument {
    /// The loss of each branch along the parameter, as SVG; saddles are drawn as points.
    #[must_use]
    pub fn to_svg(&self) -> String {
        let scale = if self.recipe.is_log {
            Scale::Logarithmic
        } else {
            Scale::Linear
        };
        let mut panel = Panel::new(
            "loss of the minima",
            Axis::new(self.recipe.along.in_words()).with_scale(scale),
            Axis::new("loss, sum over features"),
        );
        for (index, branch) in self.branches.iter().enumerate() {
            let of = |saddle: bool| {
                let points = branch.points.iter();
                let points = points.filter(move |p| (p.n_negative > 0) == saddle);
                points
                    .map(|p| [p.parameter, p.loss_sum])
                    .collect::<Vec<_>>()
            };
            let lowest = branch
                .points
                .iter()
                .min_by(|a, b| a.loss.total_cmp(&b.loss));
            let name = lowest.map_or("", |point| point.geometry.as_str());
            let minima = of(false);
            if !minima.is_empty() {
                panel = panel.with_series(Series::line(format!("{index}: {name}"), minima));
            }
            let saddles = of(true);
            if !saddles.is_empty() {
                panel = panel.with_series(Series::points(format!("{index}: saddle"), saddles));
            }
        }
        Figure::new("").with_panel(panel).render()
    }
}
