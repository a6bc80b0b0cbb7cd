//! The report of `phase-diagram`.

use superposition_viz::{Headline, Summary, SummaryTable, TextStyle, section, summary_report};

use super::{number, pair, percent};
use crate::{PhaseDiagramDocument, PhaseMap, PhaseRegion};

/// The widest map: more cells than that are shown by a part of them.
const MAX_COLUMNS: usize = 32;
/// Between maps side by side.
const GAP: usize = 3;

/// The report of a phase diagram, with a map of letters of each of the three.
#[must_use]
pub fn phase_diagram_report(document: &PhaseDiagramDocument, style: &TextStyle) -> String {
    let options = &document.options;
    let (n, m) = (options.dimensions.n_features, options.dimensions.n_hidden);
    let mut summary = Summary::new(format!(
        "Phases of {n} features in {m} dimension{}",
        if m == 1 { "" } else { "s" }
    ));
    let range = |[low, high]: [f64; 2]| format!("{} to {}", number(low), number(high));
    summary.configuration = vec![
        pair("relative importance r", range(options.relative_importance)),
        pair("feature probability p", range(options.feature_probability)),
        pair("cells", format!("{0} x {0}", options.grid)),
        pair(
            "trained",
            format!(
                "the best of {} seeds from {}, {} steps",
                options.n_seeds, options.train.seed, options.train.n_steps
            ),
        ),
    ];
    let agreement = &document.agreement;
    summary.headline = vec![
        Headline::new(
            "near the optimum",
            percent(agreement.trained_near_optimum),
            "of the cells: the trained loss is at most 2 % above it",
        ),
        Headline::new(
            "largest excess",
            format!("{} %", number(100.0 * agreement.largest_excess)),
            "of a trained loss over the optimum",
        ),
        Headline::new(
            "trained as the optimum",
            percent(agreement.trained_and_optimum),
            "of the cells are in the same region",
        ),
        Headline::new(
            "trained as in theory",
            percent(agreement.trained_and_theory),
            "fixed weights",
        ),
        Headline::new(
            "optimum as in theory",
            percent(agreement.optimum_and_theory),
            "fixed weights",
        ),
    ];
    let maps = [
        ("theory", &document.theory),
        ("optimum", &document.optimum),
        ("trained", &document.trained),
    ];
    let present = |region: &PhaseRegion| maps.iter().any(|(_, map)| map.region.contains(region));
    let share = |map: &PhaseMap, region: PhaseRegion| {
        let n_in = map.region.iter().filter(|&&r| r == region).count();
        percent(n_in as f64 / map.n_cells() as f64)
    };
    summary.tables.push(SummaryTable {
        title: "Regions".to_owned(),
        headers: ["", "region", "theory", "optimum", "trained"]
            .map(str::to_owned)
            .to_vec(),
        rows: PhaseRegion::ALL
            .into_iter()
            .filter(present)
            .map(|region| {
                let mut row = vec![region.letter().to_string(), region.to_string()];
                row.extend(maps.map(|(_, map)| share(map, region)));
                row
            })
            .collect(),
        note: "theory: fixed weights, in closed form; optimum: the lowest loss found over W and b; trained: the best seed. Shares of cells."
            .to_owned(),
    });
    let mut text = summary_report(&summary, style);
    text.push('\n');
    text.push_str(&section("Maps: r to the right, p upwards", style));
    text.push_str(&drawn(&maps, options.grid, style.width));
    text
}

/// Maps of letters, side by side where they fit, else one below the other.
fn drawn(maps: &[(&str, &PhaseMap); 3], grid: usize, width: usize) -> String {
    let most = (width.saturating_sub(2 * GAP) / 3).min(MAX_COLUMNS);
    let side_by_side = most >= 12;
    let columns = grid.min(if side_by_side {
        most
    } else {
        width.clamp(8, MAX_COLUMNS)
    });
    // A letter is twice as high as wide.
    let rows = columns.div_ceil(2);
    let shown = |k: usize, n: usize| (2 * k + 1) * grid / (2 * n);
    let line = |map: &PhaseMap, row: usize| -> String {
        let row = shown(rows - 1 - row, rows) * grid;
        let cell = |column: usize| map.region[row + shown(column, columns)].letter();
        (0..columns).map(cell).collect()
    };
    let wide = columns.max("optimum".len());
    let mut text = String::new();
    let mut push = |parts: &[String]| {
        let padded = parts.iter().map(|part| format!("{part:wide$}"));
        let joined = padded.collect::<Vec<_>>().join(&" ".repeat(GAP));
        text.push_str(joined.trim_end());
        text.push('\n');
    };
    if side_by_side {
        push(&maps.map(|(name, _)| name.to_owned()));
        (0..rows).for_each(|row| push(&maps.map(|(_, map)| line(map, row))));
    } else {
        for (name, map) in maps {
            push(&[(*name).to_owned()]);
            (0..rows).for_each(|row| push(&[line(map, row)]));
        }
    }
    text
}
