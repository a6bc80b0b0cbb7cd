//! The figures of the literature as SVG, from plain data.

mod descent;
mod graph;
mod matches;
mod scores;
mod space;

pub use descent::double_descent;
pub use graph::interference_graph;
pub use matches::match_matrix;
pub use scores::probe_scores;
pub use space::{View, feature_space};

use crate::Scale;
use crate::svg::{Aspect, Axis, Figure, Grid, Palette, Panel, Series};

/// Figures that features form in superposition, by the dimensionality of each feature.
pub const POLYTOPES: [(f64, &str); 6] = [
    (1.0, "1: alone"),
    (3.0 / 4.0, "3/4: tetrahedron"),
    (2.0 / 3.0, "2/3: triangle"),
    (1.0 / 2.0, "1/2: digon"),
    (2.0 / 5.0, "2/5: pentagon"),
    (3.0 / 8.0, "3/8: square antiprism"),
];

/// Pairs of 1/(1-S) and a value.
type Points = Vec<[f64; 2]>;

fn by_sparsity() -> Axis {
    Axis::new("1/(1 - S), S the sparsity").with_scale(Scale::Logarithmic)
}

fn with_polytopes(mut panel: Panel) -> Panel {
    for (value, name) in POLYTOPES {
        panel = panel.with_level(value, name);
    }
    panel
}

/// Features in the plane, a panel for each model, coloured by importance; all on one scale.
///
/// ```
/// let digon = vec![[1.0, 0.0], [-1.0, 0.0]];
/// let svg = superposition_viz::figures::feature_planes(&[("S = 0.9".into(), digon)], &[1.0, 0.5]).render();
/// assert!(svg.contains("S = 0.9") && svg.contains("importance: 0.500"));
/// ```
///
/// # Panics
/// If a model has not a feature for each importance.
#[must_use]
#[track_caller]
pub fn feature_planes(planes: &[(String, Points)], importance: &[f64]) -> Figure {
    let all = planes.iter().flat_map(|(_, tips)| tips.iter().flatten());
    let reach = all.copied().filter(|value| value.is_finite());
    let reach = 1.08 * reach.fold(0.0_f64, |most, value| most.max(value.abs()));
    // As narrow as their legends allow.
    const SIDE: f64 = 260.0;
    let axis = |k: u8| Axis::new(format!("hidden dimension {k}")).with_range(-reach, reach);
    planes.iter().fold(
        Figure::new("Features in the hidden plane").with_columns(4),
        |figure, (title, tips)| {
            figure.with_panel(
                Panel::new(title, axis(0), axis(1))
                    .with_aspect(Aspect::Equal)
                    .with_size(SIDE, SIDE)
                    .with_series(
                        Series::arrows("W_i", tips.clone())
                            .with_values("importance", importance.to_vec()),
                    ),
            )
        },
    )
}

/// `$W^T W$` with the bias beside it, and the norm of each feature, coloured by its superposition.
///
/// `gram` is n x n, row after row.
///
/// ```
/// use superposition_viz::figures::gram_and_norms;
/// let svg = gram_and_norms(&[1.0, -1.0, -1.0, 1.0], Some(&[0.0, 0.1]), &[1.0, 1.0], &[1.0, 1.0]).render();
/// assert!(svg.contains("bias b_i") && svg.contains(">-1.00<"));
/// ```
///
/// # Panics
/// If the lengths do not fit.
#[must_use]
#[track_caller]
pub fn gram_and_norms(
    gram: &[f64],
    bias: Option<&[f64]>,
    norms: &[f64],
    superposition: &[f64],
) -> Figure {
    let n = norms.len();
    let edges: Vec<f64> = (0..=n).map(|k| k as f64 - 0.5).collect();
    let rising = |values: &[f64]| -> Points { (0..n).map(|i| [i as f64, values[i]]).collect() };
    let end = n as f64 - 0.5;
    // Row 0 is on top.
    let rows = Axis::whole("feature").with_range(-0.5, end);
    let flipped: Vec<f64> = gram.chunks(n.max(1)).rev().flatten().copied().collect();
    let ticks = (0..n).step_by(n.div_ceil(6).max(1));
    let ticks = ticks.map(|i| ((n - 1 - i) as f64, i.to_string())).collect();
    let mut figure = Figure::new("Weights of a model: what each feature does to the others")
        .with_panel(
            Panel::new(
                "W^T W",
                Axis::whole("feature").with_range(-0.5, end),
                rows.with_ticks(ticks),
            )
            .with_grid(Grid::heatmap(
                edges.clone(),
                edges,
                "W_i . W_j",
                flipped,
                Palette::Diverging,
            )),
        );
    if let Some(bias) = bias {
        figure = figure.with_panel(
            Panel::new("bias", Axis::whole("feature"), Axis::new("bias b_i"))
                .with_series(Series::bars("b_i", rising(bias))),
        );
    }
    figure.with_panel(
        Panel::new("norms", Axis::whole("feature"), Axis::new("norm of W_i")).with_series(
            Series::bars("one feature each", rising(norms))
                .with_values("superposition", superposition.to_vec()),
        ),
    )
}

/// Dimensions per feature `$D^* = m / \lVert W \rVert_F^2$` against sparsity, with the fractions at which features stay.
///
/// ```
/// let svg = superposition_viz::figures::dimensions_per_feature(&[[1.0, 1.0], [10.0, 0.5]]).render();
/// assert!(svg.contains("1/2: digon"));
/// ```
#[must_use]
pub fn dimensions_per_feature(points: &[[f64; 2]]) -> Figure {
    let panel = Panel::new(
        "",
        by_sparsity(),
        Axis::new("dimensions per feature D*").with_range(0.0, 1.1),
    );
    Figure::new("Dimensions per feature by sparsity").with_panel(
        with_polytopes(panel).with_series(Series::points("a model each", points.to_vec())),
    )
}

/// The dimensionality of every feature of every model against its sparsity, with the polytopes named.
///
/// ```
/// let svg = superposition_viz::figures::feature_dimensionality(&[[10.0, 0.5], [10.0, 0.4]]).render();
/// assert!(svg.contains("2/5: pentagon"));
/// ```
#[must_use]
pub fn feature_dimensionality(points: &[[f64; 2]]) -> Figure {
    let panel = Panel::new(
        "",
        by_sparsity(),
        Axis::new("dimensionality D_i").with_range(0.0, 1.1),
    );
    Figure::new("Dimensionality of features by sparsity").with_panel(
        with_polytopes(panel).with_series(Series::points("a feature each", points.to_vec())),
    )
}

/// Loss over training, and the dimensionality of each feature on the way: where it jumps, the loss drops.
///
/// ```
/// let curves = [vec![[1.0, 0.1], [2.0, 0.5]]];
/// let svg = superposition_viz::figures::training(&[[1.0, 0.02], [2.0, 0.01]], &curves).render();
/// assert!(svg.contains("dimensionality D_i") && svg.contains("loss"));
/// ```
#[must_use]
pub fn training(loss: &[[f64; 2]], dimensionality: &[Points]) -> Figure {
    let figure = Figure::new("A training").with_columns(2).with_panel(
        Panel::new(
            "",
            Axis::whole("step"),
            Axis::new("loss").with_scale(Scale::Logarithmic),
        )
        .with_series(Series::line("mean batch loss", loss.to_vec())),
    );
    if dimensionality.is_empty() {
        return figure;
    }
    let panel = Panel::new(
        "",
        Axis::whole("step"),
        Axis::new("dimensionality D_i").with_range(0.0, 1.1),
    );
    // One name for all of them.
    let names = std::iter::once("a feature each").chain(std::iter::repeat(""));
    let panel = dimensionality
        .iter()
        .zip(names)
        .fold(with_polytopes(panel), |panel, (line, name)| {
            panel.with_series(Series::line(name, line.clone()).with_color(0))
        });
    figure.with_panel(panel)
}

/// Cosines of all pairs as a histogram of densities, over that of random directions in m dimensions, which is
/// proportional to `$(1 - c^2)^{(m-3)/2}$`.
///
/// ```
/// let svg = superposition_viz::figures::cosines(&[0.0, 0.1, -0.9], 20).render();
/// assert!(svg.contains("random directions in 20 dimensions"));
/// ```
#[must_use]
pub fn cosines(values: &[f64], n_hidden: usize) -> Figure {
    const BINS: usize = 60;
    let mut counts = [0_usize; BINS];
    for value in values.iter().filter(|value| value.is_finite()) {
        counts[(((value + 1.0) / 2.0 * BINS as f64).max(0.0) as usize).min(BINS - 1)] += 1;
    }
    let total: usize = counts.iter().sum();
    let width = 2.0 / BINS as f64;
    let density = |count: usize| count as f64 / (total.max(1) as f64 * width);
    let middle = |k: usize| -1.0 + (k as f64 + 0.5) * width;
    let bars = (0..BINS).map(|k| [middle(k), density(counts[k])]).collect();
    let panel = Panel::new(
        "",
        Axis::new("cosine").with_range(-1.0, 1.0),
        Axis::new("density of pairs"),
    )
    .with_series(Series::bars(format!("{total} pairs"), bars));
    let panel = match n_hidden >= 3 {
        true => {
            let exponent = (n_hidden as f64 - 3.0) / 2.0;
            let shape = |c: f64| (1.0 - c * c).powf(exponent);
            const STEPS: usize = 400;
            let at = |k: usize| -1.0 + (k as f64 + 0.5) * 2.0 / STEPS as f64;
            let sum: f64 = (0..STEPS).map(|k| shape(at(k))).sum::<f64>() * 2.0 / STEPS as f64;
            let line = (0..STEPS).map(|k| [at(k), shape(at(k)) / sum]).collect();
            let name = format!("random directions in {n_hidden} dimensions");
            panel.with_series(Series::line(name, line))
        }
        // There the density has no upper bound.
        false => panel,
    };
    Figure::new("Cosines of pairs of features").with_panel(panel)
}

/// How the capacity `$\sum_i D_i$` is shared: the dimensionality of each feature, coloured by importance.
///
/// ```
/// let svg = superposition_viz::figures::capacity(&[1.0, 0.5, 0.5], &[1.0, 0.7, 0.5], 2).render();
/// assert!(svg.contains("2.00 of 2 dimensions"));
/// ```
#[must_use]
pub fn capacity(dimensionality: &[f64], importance: &[f64], n_hidden: usize) -> Figure {
    let points = dimensionality.iter().enumerate();
    let points = points.map(|(i, &d)| [i as f64, d]).collect();
    let sum: f64 = dimensionality.iter().sum();
    let panel = Panel::new(
        format!("{sum:.2} of {n_hidden} dimensions"),
        Axis::whole("feature"),
        Axis::new("capacity D_i").with_range(0.0, 1.1),
    );
    Figure::new("Capacity by feature").with_panel(with_polytopes(panel).with_series(
        Series::bars("a feature each", points).with_values("importance", importance.to_vec()),
    ))
}

/// What linear probes find of each feature and what the model's own readout does, against the leverage, which is what any
/// linear probe finds.
///
/// ```
/// let svg = superposition_viz::figures::probes(&[0.5, 0.4], &[0.5, 0.41], &[0.9, 0.8]).render();
/// assert!(svg.contains("readout") && svg.contains("equal"));
/// ```
///
/// # Panics
/// If the lengths differ.
#[must_use]
#[track_caller]
pub fn probes(leverage: &[f64], probe: &[f64], readout: &[f64]) -> Figure {
    assert!(
        leverage.len() == probe.len() && probe.len() == readout.len(),
        "a probe and a readout for each feature"
    );
    let against =
        |values: &[f64]| -> Points { leverage.iter().zip(values).map(|(&l, &r)| [l, r]).collect() };
    Figure::new("What can be read of each feature").with_panel(
        Panel::new("", Axis::new("leverage"), Axis::new("R^2, held out"))
            .with_series(Series::points("linear probe", against(probe)))
            .with_series(Series::points("the model's readout", against(readout)))
            .with_series(Series::dashed("equal", vec![[0.0, 0.0], [1.0, 1.0]]).with_color(7)),
    )
}
