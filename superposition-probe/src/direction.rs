//! A probe's direction against a model's.

/// How two directions compare.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct DirectionComparison {
    /// Signed cosine, in [-1, 1]: -1 is the opposite direction, which is not the same direction.
    pub cosine: f64,
    /// Angle in degrees, in [0, 180].
    pub angle_degrees: f64,
}

/// Cosine and angle between a probe and a direction, such as column i of a model's W; `None` if either is zero.
///
/// A direction to *read* a feature from and the direction along which the feature *moves* the activations are
/// different things. On `$h = W x$` with independent `$x$` of equal variances the regression weights are `$F^+ W_i$`
/// with `$F = W W^\top$`, which is parallel to `$W_i$` only where F is a multiple of the identity on its range; the
/// probe's pattern is parallel to `$W_i$` for any W. So compare [`crate::ProbeResult::pattern`] with a model's encoder
/// direction, and [`crate::ProbeResult::direction`] with a readout.
///
/// The vectors are scaled by their largest element first, so norms of 1e-200 or 1e200 are no problem. The angle comes
/// from `$2 \operatorname{atan2}(\lVert u - v\rVert, \lVert u + v\rVert)$` of the unit vectors: accurate near 0 and 180 degrees too.
/// NaN propagates; an infinite element gives NaN.
///
/// # Panics
/// Where the lengths differ.
///
/// ```
/// use superposition_probe::compare_direction;
///
/// let comparison = compare_direction(&[1.0, 1.0], &[-3.0, 0.0]).unwrap();
/// assert!((comparison.cosine + 0.5_f64.sqrt()).abs() < 1e-15);
/// assert!((comparison.angle_degrees - 135.0).abs() < 1e-12);
/// assert!(compare_direction(&[1.0, 1.0], &[0.0, 0.0]).is_none());
/// ```
///
/// # References
/// Kahan 2006, *How Futile are Mindless Assessments of Roundoff*, section 12, for the angle.
#[must_use]
#[track_caller]
pub fn compare_direction(probe: &[f64], direction: &[f64]) -> Option<DirectionComparison> {
    assert_eq!(
        probe.len(),
        direction.len(),
        "the lengths of the probe (left) and the direction (right) differ"
    );
    let u = unit(probe)?;
    let v = unit(direction)?;
    let cosine: f64 = u.iter().zip(&v).map(|(u, v)| u * v).sum();
    let difference: f64 = u.iter().zip(&v).map(|(u, v)| (u - v) * (u - v)).sum();
    let sum: f64 = u.iter().zip(&v).map(|(u, v)| (u + v) * (u + v)).sum();
    Some(DirectionComparison {
        cosine: cosine.clamp(-1.0, 1.0),
        angle_degrees: 2.0 * libm::atan2(difference.sqrt(), sum.sqrt()).to_degrees(),
    })
}

fn unit(vector: &[f64]) -> Option<Vec<f64>> {
    // A NaN is not larger: it reaches every element through the norm.
    let largest = vector
        .iter()
        .fold(0.0_f64, |largest, value| largest.max(value.abs()));
    if vector.iter().all(|&value| value == 0.0) {
        return None;
    }
    let scaled: Vec<f64> = vector.iter().map(|value| value / largest).collect();
    let norm = scaled.iter().map(|value| value * value).sum::<f64>().sqrt();
    Some(scaled.iter().map(|value| value / norm).collect())
}
