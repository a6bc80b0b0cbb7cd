//! How far what a feature reads from what it writes.

use crate::Real;
use crate::kernel::dot;
use faer::MatRef;

/// The cosine of every feature's encoder and decoder direction, columns of two m x n matrices:
///
/// ```math
/// \cos_i = \frac{e_i \cdot d_i}{\lVert e_i \rVert \lVert d_i \rVert}
/// ```
///
/// In [-1, 1], whatever the norms: moving a factor from one of the two to the other changes nothing.
/// 1 for an autoencoder with tied weights, near 0 in random initialisation without tying (standard deviation $1 / \sqrt m$).
/// A feature of which either direction is zero has cosine 0; NaN propagates.
/// The encoder of a transcoder reads another space than its decoder writes to: then the number means nothing.
/// O(n m) time, O(m) memory beside the result; columns are scaled by powers of two before they are multiplied.
///
/// # Panics
/// If the shapes differ.
///
/// ```
/// use superposition_analysis::{encoder_decoder_cosines, from_columns};
/// let decoder = from_columns(&[1.0, 0.0, 0.0, 2.0, 0.0, 0.0], 2, 3);
/// let encoder = from_columns(&[3.0, 4.0, 0.0, -1e-200, 1.0, 0.0], 2, 3);
/// assert_eq!(encoder_decoder_cosines(encoder, decoder), [0.6, -1.0, 0.0]);
/// ```
///
/// # References
/// Gao et al. 2024, *Scaling and evaluating sparse autoencoders*, appendix A.1, where the encoder starts as the transpose of the decoder.
#[must_use]
#[track_caller]
pub fn encoder_decoder_cosines<A: Real, B: Real>(
    encoder: MatRef<'_, A>,
    decoder: MatRef<'_, B>,
) -> Vec<f64> {
    assert!(
        encoder.shape() == decoder.shape(),
        "an encoder of {} x {} and a decoder of {} x {} are not of the same features",
        encoder.nrows(),
        encoder.ncols(),
        decoder.nrows(),
        decoder.ncols()
    );
    let (mut e, mut d) = (vec![0.0; encoder.nrows()], vec![0.0; decoder.nrows()]);
    (0..encoder.ncols())
        .map(|j| {
            copy_scaled(encoder, j, &mut e);
            copy_scaled(decoder, j, &mut d);
            let norms = dot(&e, &e).sqrt() * dot(&d, &d).sqrt();
            if norms == 0.0 {
                return 0.0;
            }
            // Cauchy-Schwarz: anything beyond is rounding. (NaN stays.)
            (dot(&e, &d) / norms).clamp(-1.0, 1.0)
        })
        .collect()
}

/// Copies a column, divided by the power of two of its largest element.
fn copy_scaled<T: Real>(w: MatRef<'_, T>, j: usize, column: &mut [f64]) {
    let mut largest = 0.0_f64;
    for (i, x) in column.iter_mut().enumerate() {
        *x = w[(i, j)].to_f64();
        largest = largest.max(x.abs());
    }
    if largest > 0.0 && largest.is_finite() {
        let exponent = libm::ilogb(largest);
        for x in column {
            *x = libm::scalbn(*x, -exponent);
        }
    }
}
