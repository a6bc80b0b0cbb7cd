//! The three diagrams side by side.

use superposition_model::Dimensions;
use superposition_viz::Scale;
use superposition_viz::svg::{Axis, Figure, Grid, Panel, Series};

use super::{PhaseDiagramDocument, PhaseMap, PhaseRegion, edges, fixed};

/// The colour of black in `CATEGORIES`.
const BLACK: usize = 7;

/// What is drawn of a phase diagram.
pub(crate) struct DrawnDiagram {
    pub(crate) dimensions: Dimensions,
    pub(crate) grid: usize,
    pub(crate) n_seeds: usize,
    pub(crate) relative_importance: [f64; 2],
    pub(crate) feature_probability: [f64; 2],
    /// Which of [`PhaseRegion::ALL`] each cell is: fixed weights, exact optimum, trained.
    pub(crate) regions: [Vec<Option<usize>>; 3],
}

impl DrawnDiagram {
    pub(super) fn of(document: &PhaseDiagramDocument) -> Self {
        let place =
            |region: &PhaseRegion| PhaseRegion::ALL.iter().position(|other| other == region);
        let cells = |map: &PhaseMap| map.region.iter().map(place).collect();
        let options = &document.options;
        Self {
            dimensions: options.dimensions,
            grid: options.grid,
            n_seeds: options.n_seeds,
            relative_importance: options.relative_importance,
            feature_probability: options.feature_probability,
            regions: [&document.theory, &document.optimum, &document.trained].map(cells),
        }
    }

    /// Whether there is such a diagram: its dimensions are known, its ranges positive and rising.
    pub(crate) fn is_known(&self) -> bool {
        let rises = |[low, high]: [f64; 2]| low > 0.0 && low < high && high.is_finite();
        let Dimensions {
            n_features,
            n_hidden,
        } = self.dimensions;
        matches!((n_features, n_hidden), (2, 1) | (3, 2))
            && rises(self.relative_importance)
            && rises(self.feature_probability)
    }

    pub(crate) fn figure(&self) -> Figure {
        let (n, m) = (self.dimensions.n_features, self.dimensions.n_hidden);
        let figure = Figure::new(format!(
            "{n} features in {m} dimension{}: which are represented, by the importance of the extra one",
            if m == 1 { "" } else { "s" }
        ));
        let titles = [
            "fixed weights, in closed form".to_owned(),
            "exact optimum of W and b".to_owned(),
            format!("trained, the best of {}", self.n_seeds),
        ];
        let maps = titles.into_iter().zip(&self.regions);
        maps.fold(figure, |figure, (title, cells)| {
            figure.with_panel(self.panel(&title, cells))
        })
    }

    fn panel(&self, title: &str, cells: &[Option<usize>]) -> Panel {
        let (r, p) = (self.relative_importance, self.feature_probability);
        let names = PhaseRegion::ALL.map(|region| region.to_string()).to_vec();
        let mut panel = Panel::new(
            title,
            Axis::new("relative importance r of the extra feature").with_scale(Scale::Logarithmic),
            Axis::new("feature probability p").with_scale(Scale::Logarithmic),
        )
        .with_grid(Grid::regions(
            edges(r, self.grid),
            edges(p, self.grid),
            names,
            cells.to_vec(),
        ));
        for (k, (name, line)) in fixed::boundaries(self.dimensions, r, p)
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
}
