//! What changes with sparsity.

use crate::bars::Bars;
use crate::number::{DIGITS, format_column, format_given, format_number};
use crate::page::{Page, Paint};
use crate::style::TextStyle;
use crate::table::push_table;

/// A quantity over several runs: mean and spread.
///
/// ```
/// use superposition_viz::Spread;
/// let spread = Spread::of(&[1.0, 3.0]);
/// assert_eq!((spread.mean, spread.n), (2.0, 2));
/// assert_eq!(spread.std, Some(2.0_f64.sqrt()));
/// assert_eq!(Spread::of(&[5.0]).std, None);
/// assert!(Spread::of(&[]).mean.is_nan());
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// Mean over the runs; NaN without runs.
    pub mean: f64,
    /// Standard deviation of the sample (division by n - 1); `None` for fewer than two runs.
    pub std: Option<f64>,
    /// The number of runs.
    pub n: usize,
}

impl Spread {
    /// Mean and spread of the values, one for each run. NaN and infinities are not left out: they make the result NaN.
    ///
    /// ```
    /// assert_eq!(superposition_viz::Spread::of(&[4.0, 4.0, 4.0]).std, Some(0.0));
    /// ```
    #[must_use]
    pub fn of(values: &[f64]) -> Self {
        let n = values.len();
        let mean = values.iter().sum::<f64>() / n as f64;
        let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
        Self {
            mean,
            std: (n > 1).then(|| (squares / (n - 1) as f64).sqrt()),
            n,
        }
    }
}

/// What was measured at one sparsity.
///
/// ```
/// use superposition_viz::{Spread, TransitionRow};
/// let one = Spread::of(&[1.0]);
/// let row = TransitionRow { sparsity: 0.9, n_represented: one, mean_interference: one, mean_dimensionality: one, loss: one };
/// assert_eq!(row.sparsity, 0.9);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TransitionRow {
    /// S, the probability that a feature is **inactive**.
    pub sparsity: f64,
    /// Features with a norm above the threshold.
    pub n_represented: Spread,
    /// Mean over pairs of represented features of `$\cos^2$`.
    pub mean_interference: Spread,
    /// Mean of the feature dimensionalities.
    pub mean_dimensionality: Spread,
    /// Loss on held-out samples.
    pub loss: Spread,
}

impl TransitionRow {
    fn n_runs(&self) -> usize {
        [
            self.n_represented,
            self.mean_interference,
            self.mean_dimensionality,
            self.loss,
        ]
        .iter()
        .map(|s| s.n)
        .max()
        .unwrap_or(0)
    }
}

/// A table of what was measured at each sparsity, with bars for the features represented and for interference.
///
/// Every number is a mean over runs (seeds) with the standard deviation of the sample behind it; the figure draws no
/// conclusion. Rows are in the order given. At most [`TextStyle::max_rows`] of them are shown.
///
/// ```
/// use superposition_viz::{Spread, TextStyle, TransitionRow, sparsity_transition};
/// let row = |sparsity, n_represented| TransitionRow {
///     sparsity,
///     n_represented: Spread::of(n_represented),
///     mean_interference: Spread::of(&[0.0, 0.1]),
///     mean_dimensionality: Spread::of(&[0.5, 0.5]),
///     loss: Spread::of(&[0.01, 0.03]),
/// };
/// let text = sparsity_transition(&[row(0.0, &[2.0, 2.0]), row(0.9, &[4.0, 5.0])], &TextStyle::default());
/// assert_eq!(text, "\
/// What changes with sparsity
///
/// sparsity  runs  represented    interference     mean D            loss
/// ────────  ────  ───────────  ──────────────  ─────────  ──────────────
///        0     2     2.00 ± 0  0.0500 ± 0.071  0.500 ± 0  0.0200 ± 0.014
///      0.9     2  4.50 ± 0.71  0.0500 ± 0.071  0.500 ± 0  0.0200 ± 0.014
/// mean ± standard deviation over runs; sparsity is the probability of being
/// inactive
///
/// features represented (mean over runs)
/// sparsity  mean
/// 0         2.00 │████████████████████████████▌
/// 0.9       4.50 │████████████████████████████████████████████████████████████████
///
/// mean interference (mean over runs)
/// sparsity    mean
/// 0         0.0500 │██████████████████████████████████████████████████████████████
/// 0.9       0.0500 │██████████████████████████████████████████████████████████████
/// ");
/// ```
#[must_use]
pub fn sparsity_transition(rows: &[TransitionRow], style: &TextStyle) -> String {
    let mut page = Page::new(style);
    page.title("What changes with sparsity");
    if rows.is_empty() {
        page.note("no rows");
        return page.finish();
    }
    let sparsities: Vec<String> = rows.iter().map(|row| format_given(row.sparsity)).collect();
    let quantity = |of: Quantity| spreads(&rows.iter().map(of).collect::<Vec<_>>(), style);
    let quantities = [
        quantity(|row| row.n_represented),
        quantity(|row| row.mean_interference),
        quantity(|row| row.mean_dimensionality),
        quantity(|row| row.loss),
    ];
    let cells: Vec<Vec<String>> = (0..rows.len())
        .map(|k| {
            let mut cells = vec![sparsities[k].clone(), rows[k].n_runs().to_string()];
            cells.extend(quantities.iter().map(|texts| texts[k].clone()));
            cells
        })
        .collect();
    page.blank();
    push_table(
        &mut page,
        &[
            "sparsity",
            "runs",
            "represented",
            "interference",
            "mean D",
            "loss",
        ],
        &cells,
    );
    let plus_minus = style.pick("±", "+/-");
    page.note(&format!("mean {plus_minus} standard deviation over runs; sparsity is the probability of being inactive"));

    let shown = rows.len().min(style.max_rows);
    let bars: [(&str, Quantity); 2] = [
        ("features represented (mean over runs)", |row| {
            row.n_represented
        }),
        ("mean interference (mean over runs)", |row| {
            row.mean_interference
        }),
    ];
    for (title, of) in bars {
        if shown == 0 {
            break;
        }
        let values: Vec<f64> = rows.iter().map(|row| of(row).mean).collect();
        page.blank();
        page.text(Paint::Strong, title);
        let header = Some(("sparsity", "mean"));
        Bars {
            labels: &sparsities,
            header,
            noun: "row",
            values: &values,
            decimals: None,
        }
        .rows(&mut page, shown);
    }
    page.finish()
}

/// One of the quantities of a row.
type Quantity = fn(&TransitionRow) -> Spread;

/// Means and deviations of a column, written alike.
fn spreads(spreads: &[Spread], style: &TextStyle) -> Vec<String> {
    let means = format_column(&spreads.iter().map(|s| s.mean).collect::<Vec<_>>(), DIGITS);
    means
        .into_iter()
        .zip(spreads)
        .map(|(mean, spread)| match spread.std {
            Some(std) => format!(
                "{mean} {} {}",
                style.pick("±", "+/-"),
                format_number(std, 2)
            ),
            None => mean,
        })
        .collect()
}
