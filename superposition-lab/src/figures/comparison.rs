//! Two dictionaries, matched.

use superposition_viz::figures;
use superposition_viz::svg::Figure;

use crate::{ComparisonDocument, Directions};

/// Most rows and columns of the matrix; of more, some evenly apart are drawn.
const MOST: usize = 256;

/// Cosines of the features of two dictionaries in the order of their matching, best pairs first; none where their hidden
/// dimensions differ, or neither has a represented feature.
///
/// Of more than 256 features of either, pairs evenly apart in that order are shown, and the title says so.
#[must_use]
pub fn comparison_figure(
    document: &ComparisonDocument,
    a: &Directions,
    b: &Directions,
) -> Option<Figure> {
    let matching = document.comparison.matching.as_ref()?;
    let mut pairs: Vec<_> = matching.pairs.iter().collect();
    pairs.sort_by(|x, y| y.cosine.total_cmp(&x.cosine).then(x.a.cmp(&y.a)));
    let with_rest = |paired: Vec<usize>, unmatched: &[usize]| {
        let rest = unmatched.iter().copied().filter(|i| !paired.contains(i));
        let rest: Vec<usize> = rest.collect();
        (paired, rest)
    };
    let (rows, rows_left) = with_rest(pairs.iter().map(|p| p.a).collect(), &matching.unmatched_a);
    let (columns, columns_left) =
        with_rest(pairs.iter().map(|p| p.b).collect(), &matching.unmatched_b);
    let longest = (rows.len() + rows_left.len()).max(columns.len() + columns_left.len());
    // The same share of pairs and of what has no partner.
    let kept = |n: usize| -> Vec<usize> {
        let count = match longest > MOST {
            true => (n * MOST).div_ceil(longest),
            false => n,
        };
        (0..count).map(|k| k * n / count).collect()
    };
    let thinned = kept(rows.len());
    let n_pairs = thinned.len();
    let pick = |paired: &[usize], left: &[usize]| -> Vec<usize> {
        let rest = kept(left.len()).into_iter().map(|k| left[k]);
        thinned.iter().map(|&k| paired[k]).chain(rest).collect()
    };
    let (rows, columns) = (pick(&rows, &rows_left), pick(&columns, &columns_left));
    if rows.is_empty() || columns.is_empty() {
        return None;
    }
    let cosine = |i: usize, j: usize| {
        let (mut dot, mut x, mut y) = (0.0, 0.0, 0.0);
        for (&s, &t) in a.w.col(i).iter().zip(b.w.col(j).iter()) {
            dot += s * t;
            x += s * s;
            y += t * t;
        }
        if x > 0.0 && y > 0.0 {
            (dot / (x.sqrt() * y.sqrt())).clamp(-1.0, 1.0)
        } else {
            0.0
        }
    };
    let cosines: Vec<f64> = rows
        .iter()
        .flat_map(|&i| columns.iter().map(move |&j| (i, j)))
        .map(|(i, j)| cosine(i, j))
        .collect();
    let levels = [(document.shared_cosine, "shared from here".to_owned())];
    let mut figure = figures::match_matrix(["A", "B"], &cosines, columns.len(), n_pairs, &levels);
    figure.title = format!("A: {}, B: {}", a.name, b.name);
    if longest > MOST {
        let [n_a, n_b] = document.n_features;
        let (rows, columns) = (rows.len(), columns.len());
        figure.title += &format!("; {rows} of {n_a} and {columns} of {n_b} features, evenly apart");
    }
    Some(figure)
}
