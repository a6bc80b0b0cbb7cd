//! The planted dictionaries and the oracles check each other against values known by hand.

use superposition_testkit::faer::{Mat, MatRef};
use superposition_testkit::tolerance::{
    Tolerance, assert_all_close, assert_close, assert_matrix_close,
};
use superposition_testkit::{geometry, oracle};

/// Sums of at most 64 products of numbers up to 1.
fn rounding() -> Tolerance {
    Tolerance::reduction_f64(64, 1.0)
}

fn tight_dictionaries() -> Vec<(&'static str, Mat<f64>)> {
    vec![
        ("digon", geometry::digon()),
        ("triangle", geometry::polygon(3)),
        ("pentagon", geometry::polygon(5)),
        ("tetrahedron", geometry::tetrahedron()),
        ("square antiprism", geometry::square_antiprism()),
        ("cube", geometry::cube()),
        ("simplex of 2", geometry::simplex(2)),
        ("simplex of 7", geometry::simplex(7)),
        ("orthoplex", geometry::orthoplex(4)),
        ("frame 7 in 3", geometry::tight_frame(7, 3)),
        ("frame 7 in 4", geometry::tight_frame(7, 4)),
        ("frame 8 in 5", geometry::tight_frame(8, 5)),
        ("frame 6 in 6", geometry::tight_frame(6, 6)),
        ("frame 5 in 5", geometry::tight_frame(5, 5)),
        ("frame 2 in 2", geometry::tight_frame(2, 2)),
        ("frame 9 in 1", geometry::tight_frame(9, 1)),
    ]
}

/// In a unit-norm tight frame every number follows from n and m.
#[test]
fn unit_norm_tight_frames() {
    for (name, w) in tight_dictionaries() {
        println!("{name}");
        let (m, n) = (w.nrows(), w.ncols());
        let (w, ratio) = (w.as_ref(), m as f64 / n as f64);
        assert_all_close(&oracle::feature_norms(w), &vec![1.0; n], rounding());
        assert_all_close(
            &oracle::feature_dimensionality(w),
            &vec![ratio; n],
            rounding(),
        );
        assert_all_close(&oracle::leverage(w), &vec![ratio; n], rounding());
        assert_all_close(
            &oracle::feature_superposition(w),
            &vec![1.0 / ratio - 1.0; n],
            rounding(),
        );
        assert_close(oracle::tightness(w).unwrap(), 1.0, rounding());
        assert_close(
            oracle::frame_potential(w),
            (n * n) as f64 / m as f64,
            Tolerance::relative(1e-14),
        );
        assert_close(
            oracle::dimensions_per_feature(w).unwrap(),
            ratio,
            rounding(),
        );
        let chance = (n - m) as f64 / (m as f64 * (n as f64 - 1.0));
        assert_close(oracle::mean_interference(w), chance, rounding());
        assert_eq!(oracle::rank(w), m);
        assert_all_close(
            &oracle::singular_values(w),
            &vec![(1.0 / ratio).sqrt(); m],
            rounding(),
        );
        let scaled_identity = Mat::from_fn(m, m, |i, j| if i == j { 1.0 / ratio } else { 0.0 });
        assert_matrix_close(
            oracle::frame_operator(w).as_ref(),
            scaled_identity.as_ref(),
            rounding(),
        );
    }
}

/// The numbers that tell these dictionaries apart.
#[test]
fn by_hand() {
    let d = |w: &Mat<f64>| oracle::feature_dimensionality(w.as_ref())[0];
    assert_close(d(&geometry::digon()), 1.0 / 2.0, rounding());
    assert_close(d(&geometry::polygon(3)), 2.0 / 3.0, rounding());
    assert_close(d(&geometry::tetrahedron()), 3.0 / 4.0, rounding());
    assert_close(d(&geometry::polygon(5)), 2.0 / 5.0, rounding());
    assert_close(d(&geometry::square_antiprism()), 3.0 / 8.0, rounding());

    let extremes = |w: &Mat<f64>| {
        let w = w.as_ref();
        [
            oracle::max_cosine(w),
            oracle::min_cosine(w),
            oracle::coherence(w),
        ]
        .map(|pair| pair.unwrap().0)
    };
    assert_all_close(
        &extremes(&geometry::digon()),
        &[-1.0, -1.0, 1.0],
        rounding(),
    );
    assert_all_close(
        &extremes(&geometry::tetrahedron()),
        &[-1.0 / 3.0, -1.0 / 3.0, 1.0 / 3.0],
        rounding(),
    );
    assert_all_close(
        &extremes(&geometry::cube()),
        &[1.0 / 3.0, -1.0, 1.0],
        rounding(),
    );
    // cos 72 = (sqrt 5 - 1) / 4 and cos 144 = -(sqrt 5 + 1) / 4.
    let root = 5f64.sqrt();
    let pentagon = [(root - 1.0) / 4.0, -(root + 1.0) / 4.0, (root + 1.0) / 4.0];
    assert_all_close(&extremes(&geometry::polygon(5)), &pentagon, rounding());
    // Within a square z^2 + r^2 cos 90 = 1/3; between squares -1/3 + (2/3) cos 45 or -1/3 + (2/3) cos 135.
    let near = (2f64.sqrt() - 1.0) / 3.0;
    let far = -(2f64.sqrt() + 1.0) / 3.0;
    assert_all_close(
        &extremes(&geometry::square_antiprism()),
        &[1.0 / 3.0, far, -far],
        rounding(),
    );
    assert_close(
        oracle::cosines(geometry::square_antiprism().as_ref())[(0, 4)],
        near,
        rounding(),
    );

    for k in [2, 3, 5, 8] {
        // The Welch bound of k vectors in k - 1 dimensions is 1 / (k - 1), and the simplex meets it.
        let w = geometry::simplex(k);
        assert_close(
            oracle::coherence(w.as_ref()).unwrap().0,
            1.0 / (k as f64 - 1.0),
            rounding(),
        );
        assert_close(
            oracle::max_cosine(w.as_ref()).unwrap().0,
            -1.0 / (k as f64 - 1.0),
            rounding(),
        );
    }
}

/// Two features at 60 degrees with norms 1 and 2: W = [[1, 1], [0, sqrt 3]].
#[test]
fn two_features_of_different_norms() {
    let r = 3f64.sqrt();
    let w = Mat::from_fn(2, 2, |row, i| [[1.0, 1.0], [0.0, r]][row][i]);
    let w = w.as_ref();
    assert_all_close(&oracle::feature_norms(w), &[1.0, 2.0], rounding());
    assert_close(oracle::cosines(w)[(0, 1)], 0.5, rounding());
    assert_close(oracle::interference(w)[(0, 1)], 0.25, rounding());
    // 1 / (1 + (0.5 * 2)^2) and 4 / (4 + (0.5 * 1)^2).
    assert_all_close(
        &oracle::feature_dimensionality(w),
        &[0.5, 16.0 / 17.0],
        rounding(),
    );
    assert_all_close(&oracle::feature_superposition(w), &[1.0, 0.25], rounding());
    assert_all_close(&oracle::feature_interference(w), &[0.25, 0.25], rounding());
    // 1 + 16 + 2 * 1^2.
    assert_close(oracle::frame_potential(w), 19.0, Tolerance::relative(1e-15));
    assert_all_close(&oracle::leverage(w), &[1.0, 1.0], rounding());
}

/// Features that are zero, alone, repeated, or of norms 60 decades apart.
#[test]
fn edges() {
    let zero = Mat::<f64>::zeros(3, 4);
    let zero = zero.as_ref();
    assert_eq!(oracle::feature_dimensionality(zero), [0.0; 4]);
    assert_eq!(oracle::leverage(zero), [0.0; 4]);
    assert_eq!(
        (oracle::rank(zero), oracle::mean_interference(zero)),
        (0, 0.0)
    );
    assert_eq!(
        (
            oracle::tightness(zero),
            oracle::dimensions_per_feature(zero)
        ),
        (None, None)
    );
    assert_eq!(oracle::clusters(zero, 0.5), [0, 1, 2, 3]);

    let one = geometry::with_norms(
        Mat::from_fn(3, 1, |row, _| [0.6, 0.0, 0.8][row]).as_ref(),
        &[1e-200],
    );
    let one = one.as_ref();
    assert_all_close(
        &oracle::feature_norms(one),
        &[1e-200],
        Tolerance::relative(1e-15),
    );
    assert_all_close(&oracle::feature_dimensionality(one), &[1.0], rounding());
    assert_all_close(&oracle::leverage(one), &[1.0], rounding());
    assert_eq!(
        (oracle::mean_interference(one), oracle::coherence(one)),
        (0.0, None)
    );

    // Duplicates are as bad for D as opposites, and only the signed extremes tell.
    let twins = geometry::permute_columns(geometry::digon().as_ref(), &[0, 0]);
    assert_eq!(oracle::feature_dimensionality(twins.as_ref()), [0.5, 0.5]);
    assert_eq!(oracle::max_cosine(twins.as_ref()), Some((1.0, 0, 1)));
    assert_eq!(
        oracle::min_cosine(geometry::digon().as_ref()),
        Some((-1.0, 0, 1))
    );

    // A digon of norm 1, a triangle of norm 1e-8 and a tetrahedron of norm 1e-30 do not see each other.
    let planted = planted_norms();
    let d = [vec![1.0 / 2.0; 2], vec![2.0 / 3.0; 3], vec![3.0 / 4.0; 4]].concat();
    assert_all_close(
        &oracle::feature_dimensionality(planted.as_ref()),
        &d,
        rounding(),
    );
}

fn planted_norms() -> Mat<f64> {
    let plane = geometry::direct_sum(geometry::digon().as_ref(), geometry::polygon(3).as_ref());
    let all = geometry::direct_sum(plane.as_ref(), geometry::tetrahedron().as_ref());
    let norms = [vec![1.0; 2], vec![1e-8; 3], vec![1e-30; 4]].concat();
    geometry::with_norms(all.as_ref(), &norms)
}

/// A chain and a loner: 0 and 2 touch through 3, the labels follow the smallest members.
#[test]
fn clusters_are_connected_components() {
    let angles = [0.0f64, 90.0, 60.0, 30.0];
    let w = Mat::from_fn(2, 4, |row, i| {
        let angle = angles[i].to_radians();
        if row == 0 { angle.cos() } else { angle.sin() }
    });
    // cos^2 of 30, 60 and 90 degrees is 3/4, 1/4 and 0.
    assert_eq!(oracle::clusters(w.as_ref(), 0.5), [0, 0, 0, 0]);
    let without_60 = geometry::permute_columns(w.as_ref(), &[0, 1, 3]);
    assert_eq!(oracle::clusters(without_60.as_ref(), 0.5), [0, 1, 0]);
    assert_eq!(oracle::clusters(without_60.as_ref(), 0.8), [0, 1, 2]);
    // The threshold itself is no edge: equal to cos^2 of the digon, which is 1.
    assert_eq!(oracle::clusters(geometry::digon().as_ref(), 1.0), [0, 1]);
}

/// `random_rotation` is orthogonal, and turning the hidden space changes no cosine.
#[test]
fn rotations() {
    for m in [1, 2, 5, 20] {
        let q = geometry::random_rotation(m, 3);
        let product = geometry::rotate(q.transpose(), q.as_ref());
        let identity = Mat::<f64>::identity(m, m);
        assert_matrix_close(product.as_ref(), identity.as_ref(), rounding());
    }
    let (q, w) = (
        geometry::random_rotation(3, 4),
        geometry::square_antiprism(),
    );
    let turned = geometry::rotate(q.as_ref(), w.as_ref());
    assert!(
        !close(turned.as_ref(), w.as_ref()),
        "a rotation that moves nothing tests nothing"
    );
    assert_matrix_close(
        oracle::cosines(turned.as_ref()).as_ref(),
        oracle::cosines(w.as_ref()).as_ref(),
        rounding(),
    );
    assert!(
        !close(geometry::random_rotation(3, 5).as_ref(), q.as_ref()),
        "the seed matters"
    );
}

/// Controls: what has no planted geometry is not mistaken for it.
#[test]
fn random_matrices_are_not_tight() {
    let w = geometry::random_gaussian(3, 8, 0);
    let tightness = oracle::tightness(w.as_ref()).unwrap();
    assert!(tightness > 1.05, "tightness {tightness}");
    let pentagon = oracle::feature_dimensionality(geometry::random_gaussian(2, 5, 1).as_ref());
    assert!(
        pentagon
            .iter()
            .any(|&d| !Tolerance::absolute(0.05).accepts(d, 0.4)),
        "{pentagon:?}"
    );
    // Of 10,000 normal numbers the mean is within 5 standard errors of 0, the mean square of 1.
    let many = geometry::random_gaussian(100, 100, 2);
    let mean = |f: &dyn Fn(f64) -> f64| {
        (0..100)
            .flat_map(|i| (0..100).map(move |k| (k, i)))
            .map(|at| f(many[at]))
            .sum::<f64>()
            / 1e4
    };
    assert_close(mean(&|v| v), 0.0, Tolerance::statistical(5.0, 0.01));
    assert_close(
        mean(&|v| v * v),
        1.0,
        Tolerance::statistical(5.0, 2f64.sqrt() * 0.01),
    );
    let uniform = geometry::random_uniform(100, 100, 2);
    let in_range = |at| (0.0..1.0).contains(&uniform[at]);
    assert!(
        (0..100)
            .flat_map(|i| (0..100).map(move |k| (k, i)))
            .all(in_range)
    );
}

fn close(a: MatRef<'_, f64>, b: MatRef<'_, f64>) -> bool {
    (0..a.ncols()).all(|i| (0..a.nrows()).all(|k| rounding().accepts(a[(k, i)], b[(k, i)])))
}
