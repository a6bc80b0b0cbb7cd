//! Sums over all pairs of a row, through the frame operator where that is accurate and directly where it is not.

use crate::Real;
use crate::directions::{Directions, Lengths};
use crate::kernel::{Digits, ThreadPool};
use crate::linalg::product_into;
use crate::parallel::{block_range, fold_in_order, map_blocks, map_blocks_with};
use crate::products::{Arithmetic, Block, Forms, FrameOperator, HalvedFrame, ProductMemory, forms};
use faer::{Mat, MatRef};
use std::convert::Infallible;
use std::ops::Range;

/// Into how many chunks features are cut whose products are added up by themselves, where there are enough.
const CHUNKS: usize = 16;
/// Features that are copied, or taken through the frame operator, at once.
pub(crate) const FEATURE_BLOCK: usize = 1024;
/// Features whose rows of the Gram matrix are summed directly in one block of work.
pub(crate) const DIRECT_BLOCK: usize = 128;
/// How many times the error bound a difference must be to be used: a relative accuracy of 1e-8 at the least.
const SAFETY: f64 = 1e8;
/// The same of what products in digits may have lost, which is thousands of times what they do: a relative accuracy of 1e-6 at the least.
pub(crate) const SAFETY_OF_DIGITS: f64 = 1e6;

/// What the squared cosines of a row are measured in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// The weights as they are.
    Weights,
    /// The weight of the row's own feature.
    Own,
}

/// Sums that are wanted: over pairs of features with these weights, in this unit.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) weights: Weights<'a>,
    pub(crate) unit: Unit,
}

impl<'a> Request<'a> {
    /// In the unit of the weights.
    pub(crate) fn of(weights: &'a [f64]) -> Self {
        Self {
            weights: Weights {
                scaled: weights,
                unscaled: weights,
            },
            unit: Unit::Weights,
        }
    }

    /// The same weights, in their own unit.
    pub(crate) fn in_weights(self) -> Self {
        Self {
            unit: Unit::Weights,
            ..self
        }
    }
}

/// What [`totals`] finds.
#[derive(Debug, PartialEq)]
pub(crate) struct Totals {
    /// `$\sum_{j \ne i} (r_j\, u_i \cdot u_j)^2$` for every i, for each request in its unit squared.
    pub(crate) sums: Vec<Vec<f64>>,
    /// The frame potential `$\sum_{i,j} (r_i r_j\, u_i \cdot u_j)^2 = \lVert F \rVert_F^2$` with the weights of the first request.
    pub(crate) potential: f64,
}

/// The sums over all pairs of unit directions `u_i`, for requests with weights r (norms, or ones).
///
/// Where n > m they go through the frame operators `$F = \sum_i r_i^2 u_i u_i^T$`: the sum over all j is `u_i^T F u_i`, and what remains after its own term `r_i^2` may be nothing but rounding, see [`Weights::split`].
/// Otherwise the n x n Gram matrix is the smaller one, and its rows are summed directly.
/// Forms that are known already are used if they are known well enough.
pub(crate) fn totals<T: Real>(
    directions: &Directions<'_, T>,
    requests: &[Request<'_>],
    known: Option<Vec<Forms>>,
    pool: &ThreadPool,
) -> Totals {
    let (m, n) = (directions.n_hidden(), directions.n_features());
    if let Some(forms) = known.filter(|forms| are_known(requests, forms, m)) {
        return totals_of(directions, requests, Some(&forms), pool);
    }
    let forms = (n > m).then(|| {
        let of = |requests: &[Request<'_>], arithmetic| {
            let operators = operators_of(directions, requests, pool, arithmetic);
            Ok(quadratic_forms(directions, operators, pool, arithmetic))
        };
        let Ok::<_, Infallible>(forms) =
            forms_without_loss::<T, _>(&directions.lengths, requests, m, of);
        forms
    });
    totals_of(directions, requests, forms.as_deref(), pool)
}

/// As [`totals`], from the quadratic forms of the requests; all rows directly without them.
fn totals_of<T: Real>(
    directions: &Directions<'_, T>,
    requests: &[Request<'_>],
    forms: Option<&[Forms]>,
    pool: &ThreadPool,
) -> Totals {
    let of_request = |(k, request): (usize, &Request<'_>)| {
        let forms = forms.map(|forms| &forms[k]);
        sums_of(directions, *request, forms, pool)
    };
    let potential = match forms {
        Some(forms) => forms[0].norm_sq,
        None => {
            let in_weights = requests[0].in_weights();
            let sums = sums_of(directions, in_weights, None, pool);
            in_weights.weights.potential(&sums)
        }
    };
    Totals {
        sums: requests.iter().enumerate().map(of_request).collect(),
        potential,
    }
}

/// The sums of [`totals`] for a single request.
pub(crate) fn off_diagonal_sums<T: Real>(
    directions: &Directions<'_, T>,
    request: Request<'_>,
    pool: &ThreadPool,
) -> Vec<f64> {
    let mut totals = totals(directions, &[request], None, pool);
    totals.sums.swap_remove(0)
}

/// The frame potential of [`totals`] for the weights of a single request.
pub(crate) fn potential<T: Real>(directions: &Directions<'_, T>, request: Request<'_>) -> f64 {
    let pool = ThreadPool::new(1);
    if directions.n_features() > directions.n_hidden() {
        operators_of(directions, &[request], &pool, Arithmetic::F64)[0].norm_sq()
    } else {
        totals_of(directions, &[request], None, &pool).potential
    }
}

/// The quadratic forms of each request as `of` computes them in the first arithmetic that does not lose too much of them.
pub(crate) fn forms_without_loss<'a, T, E>(
    lengths: &Lengths,
    requests: &[Request<'a>],
    n_hidden: usize,
    mut of: impl FnMut(&[Request<'a>], Arithmetic) -> Result<Vec<Forms>, E>,
) -> Result<Vec<Forms>, E> {
    let mut arithmetic = first_arithmetic::<T>(lengths, requests, n_hidden);
    let mut forms = of(requests, arithmetic)?;
    while let Some(better) = arithmetic.better() {
        arithmetic = better;
        let is_lost = |&k: &usize| is_lost(&requests[k], &forms[k], n_hidden);
        let lost: Vec<usize> = (0..requests.len()).filter(is_lost).collect();
        if lost.is_empty() {
            break;
        }
        let requests: Vec<Request<'_>> = lost.iter().map(|&k| requests[k]).collect();
        let again = of(&requests, arithmetic)?;
        lost.into_iter().zip(again).for_each(|(k, f)| forms[k] = f);
    }
    Ok(forms)
}

/// In how many digits frames are tried first: five, which are more than numbers of 32 bits have, where most rows are likely to be known well enough.
///
/// `u^T F u` is at least `tr F / m` on average over the directions u that F is made of.
fn first_arithmetic<T>(lengths: &Lengths, requests: &[Request<'_>], n_hidden: usize) -> Arithmetic {
    let (n, m) = (lengths.n_features(), n_hidden as f64);
    let is_known = |request: &Request<'_>| {
        let weights = request.weights.scaled;
        let sizes = (0..n).map(|j| match lengths.of(j) {
            0.0 => 0.0,
            length => lengths.measures()[j].largest / length * weights[j],
        });
        let lost = Digits::Five.lost(n, sizes.fold(0.0, f64::max)) * m;
        let trace: f64 = weights.iter().map(|r| r * r).sum();
        SAFETY_OF_DIGITS * lost <= trace / m
    };
    let five = size_of::<T>() <= size_of::<f32>() && requests.iter().all(is_known);
    Arithmetic::InDigits(if five { Digits::Five } else { Digits::Six })
}

/// Whether so many rows of a request are lost in digits that another arithmetic is less work than summing those directly, or the potential is.
fn is_lost(request: &Request<'_>, forms: &Forms, n_hidden: usize) -> bool {
    let own = request.weights.scaled.iter();
    let (rounding, least) = forms.least(n_hidden);
    let others = forms.values.iter().zip(own).map(|(f, own)| f - own * own);
    let lost = others.filter(|&others| others > rounding && others <= least);
    lost.count() > n_hidden || SAFETY_OF_DIGITS * forms.norm_sq_lost > forms.norm_sq
}

/// Whether the forms of all requests are good enough.
pub(crate) fn are_known(requests: &[Request<'_>], forms: &[Forms], n_hidden: usize) -> bool {
    let mut pairs = requests.iter().zip(forms);
    pairs.all(|(request, forms)| !is_lost(request, forms, n_hidden))
}

/// The operator of each request.
fn operators_of<T: Real>(
    directions: &Directions<'_, T>,
    requests: &[Request<'_>],
    pool: &ThreadPool,
    arithmetic: Arithmetic,
) -> Vec<FrameOperator> {
    let shape = (directions.n_hidden(), directions.n_features());
    lower_operators(shape, requests.len(), pool, |request, range| {
        let weights = &requests[request].weights.scaled[range.clone()];
        directions.units_of(range, arithmetic).weighted(weights)
    })
}

/// `u_i^T F u_i` for every operator and every i.
fn quadratic_forms<T: Real>(
    directions: &Directions<'_, T>,
    operators: Vec<FrameOperator>,
    pool: &ThreadPool,
    arithmetic: Arithmetic,
) -> Vec<Forms> {
    let n = directions.n_features();
    let halved: Vec<HalvedFrame> = operators
        .into_iter()
        .map(|operator| HalvedFrame::new(operator, arithmetic))
        .collect();
    let n_blocks = n.div_ceil(FEATURE_BLOCK);
    let blocks = map_blocks_with(pool, n_blocks, ProductMemory::new, |memory, block| {
        let range = block_range(block, FEATURE_BLOCK, n);
        forms(&halved, &directions.units_of(range, arithmetic), memory)
    });
    let of_frame = |(k, frame): (usize, &HalvedFrame)| {
        let mut all = frame.no_forms();
        blocks.iter().for_each(|forms| all.extend(&forms[k]));
        all
    };
    halved.iter().enumerate().map(of_frame).collect()
}

/// From the quadratic forms, if there are some, and directly where they are not accurate.
fn sums_of<T: Real>(
    directions: &Directions<'_, T>,
    request: Request<'_>,
    forms: Option<&Forms>,
    pool: &ThreadPool,
) -> Vec<f64> {
    let n_hidden = directions.n_hidden();
    let (mut sums, direct) = request.weights.split(forms, n_hidden, request.unit);
    let n_blocks = direct.len().div_ceil(DIRECT_BLOCK);
    let blocks = map_blocks(pool, n_blocks, |block| {
        let range = block_range(block, DIRECT_BLOCK, direct.len());
        direct_block(directions, &direct[range], request)
    });
    for (&i, sum) in direct.iter().zip(blocks.concat()) {
        sums[i] = sum;
    }
    sums
}

/// The rows of a few features, over tiles of columns so that no row is held whole.
fn direct_block<T: Real>(
    directions: &Directions<'_, T>,
    features: &[usize],
    request: Request<'_>,
) -> Vec<f64> {
    let (m, n) = (directions.n_hidden(), directions.n_features());
    let mut rows = DirectRows::new(m, features.to_vec());
    directions.copy_units(features.iter().copied(), rows.units.as_mut());
    let mut units = Mat::zeros(m, FEATURE_BLOCK.min(n));
    for block in 0..n.div_ceil(FEATURE_BLOCK) {
        let range = block_range(block, FEATURE_BLOCK, n);
        let mut units = units.subcols_mut(0, range.len());
        directions.copy_units(range.clone(), units.as_mut());
        rows.add(range, units.as_ref(), request.weights, request.unit);
    }
    rows.sums
}

/// The weights of the unit directions.
#[derive(Clone, Copy)]
pub(crate) struct Weights<'a> {
    pub(crate) scaled: &'a [f64],
    /// The weights times any common factor, for ratios: unlike `scaled` never 0 beside a direction.
    pub(crate) unscaled: &'a [f64],
}

impl Weights<'_> {
    /// The sums of [`totals`] that `u_i^T F u_i` determines, 0 for the others, and the features whose rows must be summed directly.
    ///
    /// Those are the rows where what remains without the own term is not safely above what the form may be off by, in O(n m) each; all of them without forms. Where there would be many, see [`forms_without_loss`].
    /// Rounding in f64 takes at most `$\varepsilon (m + \min(n, 1024) + n / 1024) \lVert F \rVert$`, and products in digits what [`Forms::lost`] says.
    pub(crate) fn split(
        self,
        forms: Option<&Forms>,
        n_hidden: usize,
        unit: Unit,
    ) -> (Vec<f64>, Vec<usize>) {
        let n = self.scaled.len();
        let mut sums = vec![0.0; n];
        let mut direct: Vec<usize> = Vec::new();
        match forms {
            None => direct.extend(0..n),
            Some(forms) => {
                let (_, least) = forms.least(n_hidden);
                for (i, total) in forms.values.iter().enumerate() {
                    let own = self.scaled[i];
                    let others = total - own * own;
                    if others > least {
                        sums[i] = match unit {
                            Unit::Weights => others,
                            // Two divisions: the square of a small weight may underflow.
                            Unit::Own => others / own / own,
                        };
                    } else {
                        direct.push(i);
                    }
                }
            }
        }
        // A zero feature is orthogonal to everything.
        direct.retain(|&i| self.unscaled[i] != 0.0);
        (sums, direct)
    }

    /// The frame potential, from the sums in the unit of the weights.
    pub(crate) fn potential(self, sums: &[f64]) -> f64 {
        sums.iter()
            .zip(self.scaled)
            .map(|(others, own)| own * own * (own * own + others))
            .sum()
    }
}

/// A few features whose rows of the Gram matrix are summed directly, block of columns by block.
pub(crate) struct DirectRows {
    features: Vec<usize>,
    /// Their unit directions: m x at most [`DIRECT_BLOCK`].
    pub(crate) units: Mat<f64>,
    tile: Mat<f64>,
    pub(crate) sums: Vec<f64>,
}

impl DirectRows {
    pub(crate) fn new(n_hidden: usize, features: Vec<usize>) -> Self {
        Self {
            units: Mat::zeros(n_hidden, features.len()),
            tile: Mat::zeros(FEATURE_BLOCK, features.len()),
            sums: vec![0.0; features.len()],
            features,
        }
    }

    /// Adds the terms of the features of a range, whose unit directions are given.
    pub(crate) fn add(
        &mut self,
        range: Range<usize>,
        units: MatRef<'_, f64>,
        weights: Weights<'_>,
        unit: Unit,
    ) {
        let mut cosines = self.tile.subrows_mut(0, range.len());
        product_into(cosines.as_mut(), units.transpose(), self.units.as_ref());
        for (b, &i) in self.features.iter().enumerate() {
            let (weights, reference) = match unit {
                Unit::Weights => (weights.scaled, 1.0),
                Unit::Own => (weights.unscaled, weights.unscaled[i]),
            };
            for (a, j) in range.clone().enumerate() {
                let cosine = cosines[(a, b)];
                // An infinite ratio times a cosine of zero is nothing.
                if j != i && cosine != 0.0 {
                    let term = cosine * (weights[j] / reference);
                    self.sums[b] += term * term;
                }
            }
        }
    }
}

impl Forms {
    /// What the sum of a row's other terms has to be above: without and with what products in digits may have lost.
    fn least(&self, n_hidden: usize) -> (f64, f64) {
        let error = relative_error(n_hidden, self.values.len()) * self.norm_sq.sqrt();
        let rounding = SAFETY * error;
        (rounding, rounding + SAFETY_OF_DIGITS * self.lost())
    }
}

/// What the rounding of `u^T F u` is bounded by, for a unit vector u, relative to the norm of F.
///
/// `u^T F u` itself is a sum of m terms. An element of F is one of n terms, which are added up in runs of at most a block, and the runs one after the other.
fn relative_error(m: usize, n: usize) -> f64 {
    let runs = n.min(FEATURE_BLOCK) as f64 + n as f64 / FEATURE_BLOCK as f64;
    let terms = m as f64 + runs;
    f64::EPSILON * terms
}

/// The operators of n columns of m components for each of several requests, of which `block` gives the columns of a range.
///
/// [`CHUNKS`] chunks of columns are added up by themselves and then in order, so that the number of threads changes no bit.
fn lower_operators<'a, T: Real>(
    (m, n): (usize, usize),
    n_requests: usize,
    pool: &ThreadPool,
    block: impl Fn(usize, Range<usize>) -> Block<'a, T> + Sync,
) -> Vec<FrameOperator> {
    let chunk = chunk_size(n);
    let n_chunks = n.div_ceil(chunk);
    let mut operators: Vec<FrameOperator> = Vec::new();
    operators.resize_with(n_requests, || FrameOperator::new(m));
    fold_in_order(
        pool,
        n_requests * n_chunks,
        || (FrameOperator::new(m), ProductMemory::new()),
        |(operator, memory), part| {
            let chunk = block_range(part % n_chunks, chunk, n);
            operator.clear();
            for start in chunk.clone().step_by(FEATURE_BLOCK) {
                let range = start..chunk.end.min(start + FEATURE_BLOCK);
                operator.add_block(&block(part / n_chunks, range), memory);
            }
        },
        |part, (operator, _)| operators[part / n_chunks].add(operator),
    );
    operators
}

/// How many features are in one of the [`CHUNKS`] chunks: whole blocks.
pub(crate) fn chunk_size(n: usize) -> usize {
    n.div_ceil(CHUNKS).max(1).next_multiple_of(FEATURE_BLOCK)
}

/// The frame operator `w w^T` of the columns as they are.
pub(crate) fn operator(w: MatRef<'_, f64>, pool: &ThreadPool) -> Mat<f64> {
    let copy = (w.row_stride() != 1).then(|| w.to_owned());
    let w = copy.as_ref().map_or(w, Mat::as_ref);
    let of_range = |range: Range<usize>| w.subcols(range.start, range.len());
    let block = |_, range| Block::plain(of_range(range));
    let mut operator = lower_operators(w.shape(), 1, pool, block)
        .swap_remove(0)
        .lower;
    for j in 0..w.nrows() {
        for i in 0..j {
            operator[(i, j)] = operator[(j, i)];
        }
    }
    operator
}

#[cfg(test)]
mod tests;
