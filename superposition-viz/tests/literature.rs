//! The figures of the literature: a snapshot each, looked at before it was committed, and what holds for every one.

use superposition_viz::figures;
use superposition_viz::svg::{Figure, Theme};

fn pentagon() -> Vec<[f64; 2]> {
    (0..5)
        .map(|k| (std::f64::consts::TAU * f64::from(k) / 5.0).sin_cos())
        .map(|(y, x)| [x, y])
        .collect()
}

/// Each figure from a few values.
fn all() -> [(&'static str, Figure, [&'static str; 2]); 13] {
    let tips = pentagon();
    let gram: Vec<f64> = tips
        .iter()
        .flat_map(|a| tips.iter().map(move |b| a[0] * b[0] + a[1] * b[1]))
        .collect();
    let importance = [1.0, 0.8, 0.6, 0.4, 0.2];
    let smaller = tips.iter().map(|tip| tip.map(|value| 0.5 * value));
    let planes = [
        ("S = 0.9".to_owned(), tips.clone()),
        ("S = 0.5".to_owned(), smaller.collect()),
    ];
    let curves = vec![
        vec![[1.0, 0.5], [10.0, 0.4]],
        vec![[1.0, 0.1], [10.0, f64::NAN]],
    ];
    let mut octahedron = [[0.0; 3]; 6];
    for (i, tip) in octahedron.iter_mut().enumerate() {
        tip[i / 2] = [1.0, -1.0][i % 2];
    }
    let mut edges = vec![(5, 6, -1.0), (7, 8, -0.99), (9, 10, -0.5), (10, 11, -0.5)];
    edges.push((9, 11, -0.5));
    for i in 0..5 {
        edges.extend((i + 1..5).map(|j| (i, j, gram[5 * i + j])));
    }
    let clusters = [
        ("pentagon", vec![0, 1, 2, 3, 4]),
        ("digon", vec![5, 6]),
        ("digon", vec![7, 8]),
        ("triangle", vec![9, 10, 11]),
        ("alone", vec![12]),
        ("alone", vec![13]),
    ]
    .map(|(name, members)| (name.to_owned(), members));
    let sweep = [[2.0, 0.75], [10.0, 0.5], [100.0, 0.4]];
    [
        (
            "planes",
            figures::feature_planes(&planes, &importance),
            [
                include_str!("snapshots/planes.svg"),
                include_str!("snapshots/planes.txt"),
            ],
        ),
        (
            "gram",
            figures::gram_and_norms(&gram, Some(&[0.1; 5]), &[1.0; 5], &importance),
            [
                include_str!("snapshots/gram.svg"),
                include_str!("snapshots/gram.txt"),
            ],
        ),
        (
            "dimensions",
            figures::dimensions_per_feature(&sweep),
            [
                include_str!("snapshots/dimensions.svg"),
                include_str!("snapshots/dimensions.txt"),
            ],
        ),
        (
            "dimensionality",
            figures::feature_dimensionality(&sweep),
            [
                include_str!("snapshots/dimensionality.svg"),
                include_str!("snapshots/dimensionality.txt"),
            ],
        ),
        (
            "training",
            figures::training(&[[1.0, 0.02], [10.0, 0.001]], &curves).with_theme(Theme::Dark),
            [
                include_str!("snapshots/training.svg"),
                include_str!("snapshots/training.txt"),
            ],
        ),
        (
            "cosines",
            figures::cosines(&[0.309, -0.809, 0.31, f64::NAN], 3),
            [
                include_str!("snapshots/cosines.svg"),
                include_str!("snapshots/cosines.txt"),
            ],
        ),
        (
            "capacity",
            figures::capacity(&[0.4; 5], &importance, 2),
            [
                include_str!("snapshots/capacity.svg"),
                include_str!("snapshots/capacity.txt"),
            ],
        ),
        (
            "probes",
            figures::probes(&[0.4, 0.5], &[0.39, 0.5], &[0.9, f64::NAN]),
            [
                include_str!("snapshots/probes.svg"),
                include_str!("snapshots/probes.txt"),
            ],
        ),
        (
            "descent",
            figures::double_descent(
                &[[10.0, 1e-5], [10.0, 2e-5], [100.0, 0.004], [1000.0, 0.01]],
                &[[10.0, 0.03], [10.0, 0.02], [100.0, 0.06], [1000.0, 0.011]],
            ),
            [
                include_str!("snapshots/descent.svg"),
                include_str!("snapshots/descent.txt"),
            ],
        ),
        (
            "space",
            figures::feature_space(
                &octahedron,
                ("importance", &[1.0, 1.0, 0.6, 0.6, 0.2, 0.2]),
                ["0", "1", "2"].map(|k| format!("dimension {k}")),
                &figures::View::default(),
            ),
            [
                include_str!("snapshots/space.svg"),
                include_str!("snapshots/space.txt"),
            ],
        ),
        (
            "graph",
            figures::interference_graph(&clusters, &edges),
            [
                include_str!("snapshots/graph.svg"),
                include_str!("snapshots/graph.txt"),
            ],
        ),
        (
            "matches",
            figures::match_matrix(
                ["A", "B"],
                &[1.0, 0.1, -0.2, 0.1, 0.7, 0.3],
                3,
                2,
                &[(0.9, "shared".to_owned())],
            ),
            [
                include_str!("snapshots/matches.svg"),
                include_str!("snapshots/matches.txt"),
            ],
        ),
        (
            "scores",
            figures::probe_scores(
                "R^2, held out",
                &[0.2, 0.7, f64::NAN],
                &[[0.1, 0.3], [0.65, 0.75], [f64::NAN; 2]],
                &[(0.4, "rank W / n".to_owned())],
            ),
            [
                include_str!("snapshots/scores.svg"),
                include_str!("snapshots/scores.txt"),
            ],
        ),
    ]
}

#[test]
fn snapshots() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let mut changed = Vec::new();
    for (name, figure, expected) in all() {
        let style = superposition_viz::TextStyle::default().with_width(100);
        for (kind, text, expected) in [
            ("svg", figure.render(), expected[0]),
            ("txt", figure.render_text(&style), expected[1]),
        ] {
            let file = format!("{name}.{kind}");
            std::fs::write(folder.join(&file), &text).unwrap();
            if text != expected {
                changed.push(file);
            }
        }
    }
    let folder = folder.display();
    assert!(
        changed.is_empty(),
        "{changed:?} differ: look at them in {folder} and copy what is right"
    );
}

#[test]
fn the_random_cosines_are_a_density() {
    // For m = 3 cosines of random directions are uniform on [-1, 1]: density 1/2 everywhere, a level line.
    let svg = figures::cosines(&[0.0], 3).render();
    let line = svg
        .split("<path d=\"M")
        .find(|path| path.contains("stroke=\"#d55e00\""))
        .unwrap();
    let heights = line
        .split('"')
        .next()
        .unwrap()
        .split('L')
        .map(|at| at.split(' ').nth(1).unwrap());
    let heights: std::collections::HashSet<&str> = heights.collect();
    assert_eq!(heights.len(), 1, "{heights:?}");
}

#[test]
fn thousands_of_points_are_a_small_file() {
    let points: Vec<[f64; 2]> = (0..20_000)
        .map(|k| [1.0 + f64::from(k % 100), f64::from(k) / 20_000.0])
        .collect();
    let svg = figures::feature_dimensionality(&points).render();
    assert!(svg.len() < 1_200_000, "{} bytes", svg.len());
}
