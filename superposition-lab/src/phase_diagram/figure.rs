//! The three diagrams side by side.

use superposition_viz::Scale;
use superposition_viz::svg::{Axis, Figure, Grid, Panel, Series};

use super::{PhaseDiagramDocument, PhaseMap, PhaseRegion, edges, fixed};

/// The colour of black in `CATEGORIES`.
const BLACK: usize = 7;

pub(super) fn draw(document: &PhaseDiagramDocument) -> String {
    let options = &document.options;
    let (n, m) = (options.dimensions.n_features, options.dimensions.n_hidden);
    let mut figure = Figure::new(format!(
        "{n} features in {m} dimension{}: which are represented, by the importance of the extra one",
        if m == 1 { "" } else { "s" }
    ));
    let trained = format!("trained, the best of {}", options.n_seeds);
    for (title, map) in [
        ("fixed weights, in closed form", &document.theory),
        ("exact optimum of W and b", &document.optimum),
        (trained.as_str(), &document.trained),
    ] {
        figure = figure.with_panel(panel(title, map, document));
    }
    figure.render()
}

fn panel(title: &str, map: &PhaseMap, document: &PhaseDiagramDocument) -> Panel {
    let options = &document.options;
    let (r, p) = (options.relative_importance, options.feature_probability);
    let names = PhaseRegion::ALL.map(|region| region.to_string()).to_vec();
    let region = |region: &PhaseRegion| PhaseRegion::ALL.iter().position(|other| other == region);
    let mut panel = Panel::new(
        title,
        Axis::new("relative importance r of the extra feature").with_scale(Scale::Logarithmic),
        Axis::new("feature probability p").with_scale(Scale::Logarithmic),
    )
    .with_grid(Grid::regions(
        edges(r, options.grid),
        edges(p, options.grid),
        names,
        map.region.iter().map(region).collect(),
    ));
    for (k, (name, line)) in fixed::boundaries(options.dimensions, r, p)
        .into_iter()
        .enumerate()
    {
        let name = format!("fixed weights: {name}");
        let line = match k {
            0 => Series::line(name, line),
            _ => Series::dashed(name, line),
        };
        panel = panel.with_series(line.with_color(BLACK));
    }
    panel
}
