//! Sums of squared cosines over all pairs, taken along by the pass over pairs where digits tell the cosines well enough.
//!
//! They are added up without rounding, so that neither tiles nor bands nor threads change a bit.

use std::ops::Range;

use crate::best::Members;
use crate::directions::Lengths;
use crate::kernel::{
    MOST_SQUARES, SQUARE_STEP, TileSquares, cosine_unit, lost_of_digits, scale_of_digits,
};
use crate::products::{Forms, IN_DIGITS};
use crate::quantized::Precision;
use crate::weighted_frame::SAFETY_OF_DIGITS;

/// Features for every dimension, up to which sums over pairs are less work from their cosines than through the frame operators.
const MOST_PER_DIMENSION: usize = 10;

/// Whether the pass over pairs of so many features, all of them with a direction, takes the sums along where the machine has tiles.
pub(crate) fn is_suitable(n_features: usize, n_hidden: usize) -> bool {
    IN_DIGITS.contains(&n_hidden) && n_features <= MOST_SQUARES.min(MOST_PER_DIMENSION * n_hidden)
}

/// For every feature the sum of its squared cosines with others: times the squared norms of the others, as [`Lengths::relative`] has them, and plain.
pub(crate) struct SquareSums {
    /// The norms.
    weights: Vec<f64>,
    /// In units of the square of a [`cosine_unit`].
    sums: [Vec<f64>; 2],
    /// Of the digits.
    scale: f64,
}

impl SquareSums {
    /// Before the first pair, where all features are represented, that is suitable, and most sums are likely to be known well enough.
    ///
    /// On average `$\sum_j (r_j\, u_i \cdot u_j)^2$` is at least `$\sum_j r_j^2 / m$`, and [`forms`](Self::forms) says what is lost of it.
    pub(crate) fn new(lengths: &Lengths, represented: &[usize], n_hidden: usize) -> Option<Self> {
        let n = lengths.n_features();
        if represented.len() != n || !is_suitable(n, n_hidden) {
            return None;
        }
        let size = |j: usize| lengths.measures()[j].largest / lengths.of(j);
        let scale = scale_of_digits((0..n).map(size).fold(0.0, f64::max))?;
        let lost = 2.0 * lost_of_digits(n_hidden, scale) * (n_hidden as f64).sqrt();
        (SAFETY_OF_DIGITS * lost <= 1.0).then(|| Self {
            weights: lengths.relative.clone(),
            sums: [vec![0.0; n], vec![0.0; n]],
            scale,
        })
    }

    /// Of the pass.
    pub(crate) fn precision(&self) -> Precision {
        Precision::Digits { scale: self.scale }
    }

    /// Nothing yet for some of the features.
    pub(crate) fn cut(&self, members: &Members) -> Self {
        let n = members.len();
        Self {
            weights: members.numbers().map(|own| self.weights[own]).collect(),
            sums: [vec![0.0; n], vec![0.0; n]],
            scale: self.scale,
        }
    }

    /// Takes in what was found for some of the features.
    pub(crate) fn absorb(&mut self, cut: &Self, members: &Members) {
        for (sums, more) in self.sums.iter_mut().zip(&cut.sums) {
            for (own, sum) in members.numbers().zip(more) {
                sums[own] += sum;
            }
        }
    }

    /// The weights of the features of a tile, for its sums.
    pub(crate) fn put_weights(&self, [rows, columns]: [Range<usize>; 2], tile: &mut TileSquares) {
        tile.row_weights[..rows.len()].copy_from_slice(&self.weights[rows]);
        tile.column_weights[..columns.len()].copy_from_slice(&self.weights[columns]);
    }

    /// Adds the sums of a tile to those of its features.
    pub(crate) fn add_tile(&mut self, [rows, columns]: [Range<usize>; 2], tile: &TileSquares) {
        for (found, features) in [(&tile.rows, rows), (&tile.columns, columns)] {
            for (sums, found) in self.sums.iter_mut().zip(found) {
                let sums = sums[features.clone()].iter_mut();
                sums.zip(found).for_each(|(sum, found)| *sum += found);
            }
        }
    }

    /// What [`totals`](crate::weighted_frame::totals) wants of its requests: `$\sum_j (r_j\, u_i \cdot u_j)^2$`, with `$j = i$` too, for the norms and for ones.
    ///
    /// With cosines within `$\delta$` a sum is known within `$2 \delta \sqrt{\sum_j r_j^2} \sqrt{\sum_j (r_j \cos)^2} + \delta^2 \sum_j r_j^2$`, by Cauchy and Schwarz, and n roundings to [`SQUARE_STEP`].
    pub(crate) fn forms(self, n_hidden: usize) -> Vec<Forms> {
        let lost = lost_of_digits(n_hidden, self.scale);
        let n = self.weights.len();
        let [weighted, plain] = self.sums;
        let square_unit = cosine_unit(self.scale) * cosine_unit(self.scale);
        let form = |mut values: Vec<f64>, weights: &[f64]| {
            for (sum, own) in values.iter_mut().zip(weights) {
                *sum = *sum * square_unit + own * own;
            }
            let all: f64 = weights.iter().map(|r| r * r).sum();
            let largest = values.iter().copied().fold(0.0, f64::max);
            let of_cosines = 2.0 * lost * (all * largest).sqrt() + lost * lost * all;
            Forms::of_squares(
                values,
                weights,
                of_cosines + n as f64 * SQUARE_STEP * square_unit,
            )
        };
        vec![form(weighted, &self.weights), form(plain, &vec![1.0; n])]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directions::Directions;
    use crate::kernel::ThreadPool;
    use crate::weighted_frame::{Request, are_known, totals};
    use crate::{AnalysisOptions, Pairs, analyze};
    use faer::Mat;
    use superposition_testkit::geometry;
    use superposition_testkit::tolerance::{Tolerance, assert_all_close, assert_close};

    /// Random features, fewer and more than dimensions, every third ten times as long as the others, the second a copy of the first.
    fn dictionary(m: usize, n: usize) -> Mat<f32> {
        let w = geometry::random_gaussian(m, n, 3);
        Mat::from_fn(m, n, |i, j| {
            let j_of = if j == 1 { 0 } else { j };
            (w[(i, j_of)] * if j % 3 == 0 { 10.0 } else { 1.0 }) as f32
        })
    }

    /// A report with pairs has the sums of one without, which come through the frame operators, for any number of threads.
    #[test]
    fn sums_are_those_of_the_frame_operators() {
        for (m, n) in [(64, 40), (65, 400), (130, 700)] {
            let w = dictionary(m, n);
            let report = |pairs, threads| {
                let options = AnalysisOptions::default().with_threads(threads);
                analyze(w.as_ref(), &options.with_pairs(pairs)).unwrap()
            };
            let (with, without) = (report(Pairs::Compared, 1), report(Pairs::Skipped, 1));
            assert_eq!(with, report(Pairs::Compared, 3));
            let relative = Tolerance::relative(1e-8);
            let columns = |report: &crate::DictionaryReport| {
                let rows = report.features.iter();
                let (d, mean) = rows
                    .map(|row| (row.dimensionality, row.mean_interference))
                    .unzip();
                [d, mean]
            };
            for (found, expected) in columns(&with).iter().zip(columns(&without)) {
                let found: &Vec<f64> = found;
                assert_all_close(found, &expected, relative);
            }
            assert_close(with.frame_potential, without.frame_potential, relative);
        }
    }

    /// The sums of all features with bounds that hold, and no sums where they would not be known.
    #[test]
    fn what_is_lost_is_bounded() {
        let (m, n) = (96, 500);
        let w = dictionary(m, n);
        let pool = ThreadPool::new(1);
        let directions = Directions::new(w.as_ref(), &pool);
        let lengths = &directions.lengths;
        let all: Vec<usize> = (0..n).collect();
        assert!(SquareSums::new(lengths, &all[1..], m).is_none());
        let search = AnalysisOptions::default().pair_search().unwrap();
        let Some(squares) = SquareSums::new(lengths, &all, m) else {
            // Where the machine has no tiles.
            assert!(scale_of_digits(1.0).is_none());
            return;
        };
        let found = crate::pairs::visit_pairs(&directions, &all, search, Some(squares), &pool);
        let forms = found.squares.unwrap().forms(m);
        let ones = vec![1.0; n];
        let requests = [Request::of(&lengths.relative), Request::of(&ones)];
        assert!(are_known(&requests, &forms, m));
        let expected = totals(&directions, &requests, None, &pool);
        for ((forms, expected), request) in forms.iter().zip(&expected.sums).zip(&requests) {
            for ((value, others), own) in forms
                .values
                .iter()
                .zip(expected)
                .zip(request.weights.scaled)
            {
                let error = (value - own * own - others).abs();
                assert!(
                    error <= forms.lost() + 1e-9 * others,
                    "{error:e} of {:e}",
                    forms.lost()
                );
            }
        }
        // A feature a thousand times as long as the others: beside it nothing is known of what those share.
        let w = Mat::from_fn(m, n, |i, j| if j == 7 { 1e3 } else { 1.0 } * w[(i, j)]);
        let directions = Directions::new(w.as_ref(), &pool);
        let squares = SquareSums::new(&directions.lengths, &all, m);
        let found = crate::pairs::visit_pairs(&directions, &all, search, squares, &pool);
        let forms = found.squares.unwrap().forms(m);
        let requests = [Request::of(&directions.lengths.relative), requests[1]];
        assert!(!are_known(&requests, &forms, m));
        // One component holds all of a feature: digits are too coarse for the others.
        let w = Mat::from_fn(
            2000,
            20,
            |i, j| if i == j { 1e3 } else { (i * j % 7) as f64 },
        );
        let directions = Directions::new(w.as_ref(), &ThreadPool::new(1));
        assert!(SquareSums::new(&directions.lengths, &all[..20], 2000).is_none());
    }
}
