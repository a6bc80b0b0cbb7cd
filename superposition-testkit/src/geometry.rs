//! Planted geometry: dictionaries whose every number is known by hand.
//!
//! All matrices are m x n with a feature per column, as everywhere in the workspace. Unless it says otherwise a
//! dictionary has columns of norm 1 and is a tight frame, so that every feature has dimensionality m / n.

use std::f64::consts::{PI, TAU};

use faer::{Mat, MatRef};

/// Two opposite features in one dimension: D = 1/2, cosine -1.
///
/// ```
/// let w = superposition_testkit::geometry::digon();
/// assert_eq!((w[(0, 0)], w[(0, 1)]), (1.0, -1.0));
/// ```
#[must_use]
pub fn digon() -> Mat<f64> {
    orthoplex(1)
}

/// The corners of a regular `k`-gon: D = 2/k, largest cosine cos(2 pi / k).
///
/// # Panics
/// Unless k >= 3; two corners do not span the plane, see [`digon`].
#[must_use]
#[track_caller]
pub fn polygon(k: usize) -> Mat<f64> {
    assert!(k >= 3, "a polygon has at least 3 corners, not {k}");
    Mat::from_fn(2, k, |row, i| {
        let angle = TAU * i as f64 / k as f64;
        if row == 0 { angle.cos() } else { angle.sin() }
    })
}

/// The four corners of a tetrahedron in three dimensions: D = 3/4, all cosines -1/3.
#[must_use]
pub fn tetrahedron() -> Mat<f64> {
    let r = 1.0 / 3f64.sqrt();
    let corners = [[r, r, r], [r, -r, -r], [-r, r, -r], [-r, -r, r]];
    Mat::from_fn(3, 4, |row, i| corners[i][row])
}

/// Two squares, one turned by an eighth, at heights +-1/sqrt(3): eight features in three dimensions, D = 3/8.
#[must_use]
pub fn square_antiprism() -> Mat<f64> {
    // The height that makes the frame tight: sum of z^2 = 8 / 3.
    let height = 1.0 / 3f64.sqrt();
    let radius = (2.0f64 / 3.0).sqrt();
    Mat::from_fn(3, 8, |row, i| {
        let (square, corner) = (i / 4, i % 4);
        let angle = TAU * (corner as f64 + 0.5 * square as f64) / 4.0;
        match row {
            0 => radius * angle.cos(),
            1 => radius * angle.sin(),
            _ => height * (1.0 - 2.0 * square as f64),
        }
    })
}

/// The eight corners of a cube in three dimensions: D = 3/8, opposite corners at cosine -1.
#[must_use]
pub fn cube() -> Mat<f64> {
    let r = 1.0 / 3f64.sqrt();
    Mat::from_fn(3, 8, |row, i| if (i >> row) & 1 == 0 { r } else { -r })
}

/// The `k` corners of a regular simplex in k - 1 dimensions: D = (k-1)/k, all cosines -1/(k-1).
///
/// Coherence equals the Welch bound.
///
/// # Panics
/// Unless k >= 2.
#[must_use]
#[track_caller]
pub fn simplex(k: usize) -> Mat<f64> {
    assert!(k >= 2, "a simplex has at least 2 corners, not {k}");
    // Corner i shares the coordinates before i with all later corners, which fixes them one after the other.
    let mut w = Mat::zeros(k - 1, k);
    let cosine = -1.0 / (k as f64 - 1.0);
    for row in 0..k - 1 {
        let used: f64 = (0..row).map(|r| w[(r, row)] * w[(r, row)]).sum();
        w[(row, row)] = (1.0 - used).sqrt();
        for i in row + 1..k {
            w[(row, i)] = (cosine - used) / w[(row, row)];
        }
    }
    w
}

/// Plus and minus each axis of `m` dimensions: 2m features, D = 1/2; columns 2k and 2k + 1 are opposite.
///
/// # Panics
/// Unless m >= 1.
#[must_use]
#[track_caller]
pub fn orthoplex(m: usize) -> Mat<f64> {
    assert!(m >= 1, "an orthoplex has at least 1 dimension");
    Mat::from_fn(m, 2 * m, |row, i| match (i / 2 == row, i % 2) {
        (false, _) => 0.0,
        (true, 0) => 1.0,
        (true, _) => -1.0,
    })
}

/// The real harmonic frame: `n` unit features in `m` dimensions, tight for every n >= m, so D = m/n.
///
/// # Panics
/// Unless 1 <= m <= n: fewer features than dimensions cannot be tight.
#[must_use]
#[track_caller]
pub fn tight_frame(n: usize, m: usize) -> Mat<f64> {
    assert!(
        m >= 1 && m <= n,
        "a tight frame of {n} features in {m} dimensions does not exist"
    );
    // Rows of the real Fourier basis of length n: constant, cosines and sines, alternating. Pairs of cosine and sine
    // have constant squared length over the columns, as have the constant and the alternating row.
    let wave = (2.0 / m as f64).sqrt();
    let flat = (1.0 / m as f64).sqrt();
    // With n = m even the last pair would be the alternating row and zero: take the constant and the alternating row.
    let constant = m % 2 == 1 || n == m;
    Mat::from_fn(m, n, |row, i| {
        let row = match (constant, row) {
            (true, 0) => return flat,
            (true, row) => row - 1,
            (false, row) => row,
        };
        let frequency = row / 2 + 1;
        if 2 * frequency == n {
            return if i % 2 == 0 { flat } else { -flat };
        }
        let angle = TAU * ((frequency * i) % n) as f64 / n as f64;
        if row % 2 == 0 {
            wave * angle.cos()
        } else {
            wave * angle.sin()
        }
    })
}

/// Two dictionaries side by side in orthogonal subspaces: (m1 + m2) x (n1 + n2), each keeps its numbers.
#[must_use]
pub fn direct_sum(a: MatRef<'_, f64>, b: MatRef<'_, f64>) -> Mat<f64> {
    Mat::from_fn(
        a.nrows() + b.nrows(),
        a.ncols() + b.ncols(),
        |row, i| match (row < a.nrows(), i < a.ncols()) {
            (true, true) => a[(row, i)],
            (false, false) => b[(row - a.nrows(), i - a.ncols())],
            _ => 0.0,
        },
    )
}

/// Multiplies column i by `norms[i]`, which plants the norms of a dictionary of unit columns.
///
/// # Panics
/// Unless there is one norm per column.
#[must_use]
#[track_caller]
pub fn with_norms(w: MatRef<'_, f64>, norms: &[f64]) -> Mat<f64> {
    assert_eq!(
        w.ncols(),
        norms.len(),
        "{} columns, {} norms",
        w.ncols(),
        norms.len()
    );
    Mat::from_fn(w.nrows(), w.ncols(), |row, i| w[(row, i)] * norms[i])
}

/// Column i of the result is column `permutation[i]` of `w`.
///
/// # Panics
/// Unless every entry names a column.
#[must_use]
#[track_caller]
pub fn permute_columns(w: MatRef<'_, f64>, permutation: &[usize]) -> Mat<f64> {
    Mat::from_fn(w.nrows(), permutation.len(), |row, i| {
        w[(row, permutation[i])]
    })
}

/// The product `q w` by plain loops; with `q` from [`random_rotation`] it turns the hidden space.
///
/// # Panics
/// Unless the inner dimensions agree.
#[must_use]
#[track_caller]
pub fn rotate(q: MatRef<'_, f64>, w: MatRef<'_, f64>) -> Mat<f64> {
    assert_eq!(
        q.ncols(),
        w.nrows(),
        "{} columns times {} rows",
        q.ncols(),
        w.nrows()
    );
    Mat::from_fn(q.nrows(), w.ncols(), |row, i| {
        (0..w.nrows()).map(|k| q[(row, k)] * w[(k, i)]).sum()
    })
}

/// A random `m` x `m` orthogonal matrix (determinant +-1) by Gram-Schmidt on Gaussian columns, uniform over O(m).
#[must_use]
pub fn random_rotation(m: usize, seed: u64) -> Mat<f64> {
    let mut q = random_gaussian(m, m, seed);
    for i in 0..m {
        // Twice is enough: the second pass removes what rounding left of the earlier directions.
        for _ in 0..2 {
            for j in 0..i {
                let along: f64 = (0..m).map(|row| q[(row, i)] * q[(row, j)]).sum();
                for row in 0..m {
                    q[(row, i)] -= along * q[(row, j)];
                }
            }
        }
        let norm = (0..m)
            .map(|row| q[(row, i)] * q[(row, i)])
            .sum::<f64>()
            .sqrt();
        for row in 0..m {
            q[(row, i)] /= norm;
        }
    }
    q
}

/// An `m` x `n` matrix of independent standard normal entries, a function of `seed` alone: no planted geometry.
#[must_use]
pub fn random_gaussian(m: usize, n: usize, seed: u64) -> Mat<f64> {
    draw(m, n, seed, |state| {
        // Box-Muller; 1 - u lies in (0, 1].
        let (u, v) = (uniform(state), uniform(state));
        (-2.0 * (1.0 - u).ln()).sqrt() * (2.0 * PI * v).cos()
    })
}

/// An `m` x `n` matrix of independent entries uniform on [0, 1), a function of `seed` alone.
#[must_use]
pub fn random_uniform(m: usize, n: usize, seed: u64) -> Mat<f64> {
    draw(m, n, seed, uniform)
}

/// Draws column by column, an order that is ours and not that of `Mat::from_fn`.
fn draw(m: usize, n: usize, seed: u64, mut next: impl FnMut(&mut u64) -> f64) -> Mat<f64> {
    let mut state = seed;
    let mut w = Mat::zeros(m, n);
    for i in 0..n {
        for row in 0..m {
            w[(row, i)] = next(&mut state);
        }
    }
    w
}

/// The next 53 random bits of SplitMix64 as a number in [0, 1).
fn uniform(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^= z >> 31;
    (z >> 11) as f64 / (1u64 << 53) as f64
}
