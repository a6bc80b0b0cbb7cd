//! How values are distributed.

use crate::bars::{Bars, statistics_lines};
use crate::number::{Statistics, format_edges};
use crate::page::Page;
use crate::style::TextStyle;

/// The most bins.
const MAX_BINS: usize = 200;

/// Counts values in `n_bins` bins of equal width between the smallest and the largest finite value.
///
/// A bin contains its lower edge, the last one also its upper edge, so every finite value is in exactly one bin. The
/// labels are the edges that the values are compared with, with as many digits as tell them apart. NaN and infinities are
/// in no bin; they are counted in a line of their own. If all values are equal there is one bin. `n_bins` is taken to lie in 1..=200.
///
/// ```
/// use superposition_viz::{TextStyle, histogram};
/// let style = TextStyle::default().with_width(40);
/// assert_eq!(histogram("Norms", &[0.0, 0.1, 0.2, 0.6, 1.0], 2, &style), "\
/// Norms
/// n 5   mean 0.380   std 0.371   min 0
/// max 1.00
///
/// bin           values
/// [   0, 0.50)       3 │██████████████████
/// [0.50, 1.00]       2 │████████████
/// ");
/// ```
#[must_use]
pub fn histogram(title: &str, values: &[f64], n_bins: usize, style: &TextStyle) -> String {
    let mut page = Page::new(style);
    page.title(title);
    let Some(moments) = Statistics::of(values.iter().copied()).finite else {
        if values.is_empty() {
            page.note("no values");
        } else {
            statistics_lines(&mut page, values);
        }
        return page.finish();
    };
    statistics_lines(&mut page, values);
    let (low, high) = (moments.min, moments.max);
    let n_bins = if low == high {
        1
    } else {
        n_bins.clamp(1, MAX_BINS)
    };
    let edges: Vec<f64> = (0..=n_bins)
        .map(|k| match k {
            0 => low,
            k if k == n_bins => high,
            // Weights first: the difference of huge edges would overflow.
            k => {
                let share = k as f64 / n_bins as f64;
                low * (1.0 - share) + high * share
            }
        })
        .collect();
    let mut counts = vec![0_u64; n_bins];
    for &value in values.iter().filter(|v| v.is_finite()) {
        // The number of inner edges at or below the value.
        let bin = edges[1..n_bins].partition_point(|&edge| edge <= value);
        counts[bin] += 1;
    }
    let texts = format_edges(&edges);
    let wide = texts.iter().map(String::len).max().unwrap_or(0);
    let labels: Vec<String> = texts
        .windows(2)
        .enumerate()
        .map(|(k, edge)| {
            let close = if k + 1 == n_bins { ']' } else { ')' };
            format!("[{:>wide$}, {:>wide$}{close}", edge[0], edge[1])
        })
        .collect();
    page.blank();
    let counts: Vec<f64> = counts.into_iter().map(|count| count as f64).collect();
    Bars {
        labels: &labels,
        header: Some(("bin", "values")),
        noun: "bin",
        values: &counts,
        decimals: Some(0),
    }
    .rows(&mut page, n_bins);
    page.finish()
}
