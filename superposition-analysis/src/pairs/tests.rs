use super::*;
use crate::kernel::{ThreadPool, scale_of_digits};
use crate::neighbors::Neighbor;
use faer::{Mat, MatRef};
use proptest::prelude::*;
use superposition_testkit::{geometry, strategy};

struct Naive {
    nearest: Vec<Vec<Neighbor>>,
    most_opposed: Vec<Vec<Neighbor>>,
    degrees: Vec<usize>,
    clusters: UnionFind,
    edges: Vec<PairCosine>,
}

/// What the pass promises, by two loops over the deciding dot product.
fn naive(directions: &Directions<'_, f64>, features: &[usize], search: PairSearch) -> Naive {
    let n = features.len();
    let cosine = |i: usize, j: usize| directions.cosine(features[i], directions, features[j]);
    let best = |i: usize, sign: f64| {
        let mut all: Vec<Neighbor> = (0..n)
            .filter(|&j| j != i && !cosine(i, j).is_nan())
            .map(|j| Neighbor {
                feature: j,
                cosine: cosine(i, j),
            })
            .collect();
        // A stable sort keeps the order of the index among equals.
        all.sort_by(|a, b| (sign * b.cosine).total_cmp(&(sign * a.cosine)));
        all.truncate(search.neighbors);
        all
    };
    let mut pairs = Naive {
        nearest: (0..n).map(|i| best(i, 1.0)).collect(),
        most_opposed: (0..n).map(|i| best(i, -1.0)).collect(),
        degrees: vec![0; n],
        clusters: UnionFind::new(n),
        edges: Vec::new(),
    };
    for i in 0..n {
        for j in i + 1..n {
            let value = cosine(i, j);
            if search.threshold.is_some_and(|t| value * value > t) {
                pairs.degrees[i] += 1;
                pairs.degrees[j] += 1;
                pairs.clusters.join(i, j);
                pairs.edges.push(PairCosine { value, i, j });
            }
        }
    }
    pairs
}

fn assert_naive(w: MatRef<'_, f64>, search: PairSearch, threads: usize) {
    let pool = ThreadPool::new(threads);
    let directions = Directions::new(w, &pool);
    let features = directions.lengths.represented(0.0);
    let expected = naive(&directions, &features, search);
    let labels = expected.clusters.labels();
    let size = |&j: &usize| directions.lengths.measures()[j].largest / directions.lengths.of(j);
    // Where the machine has tiles.
    let digits = scale_of_digits(features.iter().map(size).fold(0.0, f64::max));
    let digits = digits.map(|scale| Precision::Digits { scale });
    for precision in [Precision::Bytes, Precision::Words]
        .into_iter()
        .chain(digits)
    {
        let found = visit_pairs_in(precision, &directions, &features, search, None, &pool);
        // Zeros of either sign are equal here, and only there do bits differ.
        assert!(found.neighbors.nearest.iter().eq(&expected.nearest));
        assert!(
            found
                .neighbors
                .most_opposed
                .iter()
                .eq(&expected.most_opposed)
        );
        assert_eq!(found.degrees, expected.degrees);
        assert_eq!(found.clusters.labels(), labels);
        assert_eq!(found.edges, expected.edges);
    }
}

fn search(neighbors: usize, threshold: f64) -> PairSearch {
    PairSearch {
        neighbors,
        threshold: Some(threshold),
        list_edges: true,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_search_gives_the_naive_result(
        w in strategy::dictionary(5, 40),
        neighbors in 0_usize..5,
        threads in 1_usize..4,
        threshold in 0.0_f64..1.0,
    ) {
        assert_naive(w.as_ref(), search(neighbors, threshold), threads);
    }
}

/// Sizes around the tiles, so that there are tiles beside the diagonal, and ragged ones.
#[test]
fn several_tiles_give_the_naive_result() {
    for (seed, (m, n)) in [
        (6, SIDE - 1),
        (3, SIDE + 1),
        (17, 2 * SIDE + 7),
        (2, 3 * SIDE),
        (300, SIDE + 9),
    ]
    .into_iter()
    .enumerate()
    {
        let w = geometry::random_gaussian(m, n, seed as u64);
        for (neighbors, threads) in [(1, 1), (1, 3), (3, 1), (3, 3)] {
            assert_naive(w.as_ref(), search(neighbors, 0.2), threads);
        }
    }
}

/// Cosines that differ by far less than the margin, by a few units in the last place, and not at all.
#[test]
fn near_ties_are_decided_by_the_dot_product() {
    let base = geometry::random_gaussian(9, 30, 5);
    let noise = geometry::random_gaussian(9, 400, 6);
    for size in [0.0, 1e-15, 1e-12, 1e-8, 1e-5] {
        let w = Mat::from_fn(9, 400, |k, j| {
            // Signs differ, so that both sides and the edges have their ties.
            let sign = if j % 7 < 3 { -1.0 } else { 1.0 };
            sign * (base[(k, j % 30)] + size * noise[(k, j)])
        });
        for neighbors in [1, 4] {
            assert_naive(w.as_ref(), search(neighbors, 0.25), 2);
        }
    }
}

/// The cosine of features 0 and 1 is on the threshold to the bit, of others next to it.
#[test]
fn a_threshold_is_exclusive_to_the_bit() {
    let w = geometry::random_gaussian(12, 25, 8);
    let directions = Directions::new(w.as_ref(), &ThreadPool::new(1));
    let cosine = directions.cosine(0, &directions, 1);
    for threshold in [
        cosine * cosine,
        (cosine * cosine).next_down(),
        (cosine * cosine).next_up(),
    ] {
        assert_naive(w.as_ref(), search(1, threshold), 1);
    }
    for threshold in [-1.0, 0.0, 1.0, 2.0, f64::NAN] {
        assert_naive(w.as_ref(), search(1, threshold), 1);
    }
}

/// Thousands of copies of a few directions need no dot product for each pair.
#[test]
fn copies_are_found_in_the_order_of_their_indices() {
    let base = geometry::random_gaussian(4, 3, 1);
    let n = 2 * SIDE + 5;
    let w = Mat::from_fn(4, n, |k, j| base[(k, j % 3)]);
    for neighbors in [1, 5] {
        assert_naive(w.as_ref(), search(neighbors, 0.5), 2);
    }
}
