//! Shows every figure: `cargo run -p superposition-viz --example gallery -- [WIDTH] [ascii] [color]`.

use std::f64::consts::TAU;

use superposition_viz::{
    Charset, Color, CurveOptions, Headline, SelectedInterference, Spread, Square, Summary,
    SummaryTable, TextStyle, TransitionRow, bar_chart, cosine_matrix, curve, dimensionality,
    feature_plane, histogram, interference_heatmap, sparsity_transition, summary_report,
    training_curve,
};

fn main() {
    let mut style = TextStyle::default();
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "ascii" => style = style.with_charset(Charset::Ascii),
            "color" => style = style.with_color(Color::Ansi),
            width => style = style.with_width(width.parse().unwrap_or(80)),
        }
    }
    for figure in [
        summary(&style),
        geometry(&style),
        runs(&style),
        edge_cases(&style),
    ] {
        println!("{figure}");
    }
}

/// Directions of n features evenly around a circle.
fn polygon(n: usize) -> Vec<[f64; 2]> {
    (0..n)
        .map(|i| (i as f64 / n as f64 * TAU).sin_cos())
        .map(|(sin, cos)| [cos, sin])
        .collect()
}

/// Cosines of directions in the plane, column after column.
fn cosines(directions: &[[f64; 2]]) -> Vec<f64> {
    directions
        .iter()
        .flat_map(|a| directions.iter().map(|b| a[0] * b[0] + a[1] * b[1]))
        .collect()
}

/// Neighbours interfere the more the closer they are.
fn fading(i: i32, j: i32) -> f64 {
    if i == j {
        1.0
    } else {
        0.9 / (1.0 + f64::from((i - j).pow(2)) / 400.0)
    }
}

/// A falling, noisy loss with one spike.
fn losses() -> Vec<f64> {
    (0..10_000)
        .map(|step| {
            let t = f64::from(step);
            let noise = 1.0 + 0.15 * (t * 12.9898).sin() * (t * 78.233).cos();
            let spike = if step == 6_180 { 0.03 } else { 0.0 };
            (0.08 * (-t / 900.0).exp() + 0.001) * noise + spike
        })
        .collect()
}

fn summary(style: &TextStyle) -> String {
    let n = 100;
    let norms: Vec<f64> = (0..n)
        .map(|i| {
            if i < 38 {
                1.05 - 0.003 * f64::from(i)
            } else {
                0.02
            }
        })
        .collect();
    let features: Vec<usize> = (0..38).collect();
    let values = (0..38 * 38)
        .map(|k| {
            if k % 38 / 2 == k / 38 / 2 {
                0.97
            } else {
                0.004
            }
        })
        .collect();
    let mut summary = Summary::new("Toy model, 100 features in 20 dimensions");
    summary.warnings =
        vec!["the last loss is above the lowest one: the learning rate may be too high".to_owned()];
    summary.configuration = vec![
        ("features x hidden".to_owned(), "100 x 20".to_owned()),
        (
            "sparsity".to_owned(),
            "0.9 (each feature is active with probability 0.1)".to_owned(),
        ),
        ("importance".to_owned(), "geometric-to:0.01".to_owned()),
    ];
    summary.headline = vec![
        Headline::new("features represented", "38", "of 100, norm above 0.5"),
        Headline::new(
            "mean interference",
            "0.0308",
            "chance 0.0500, a tight frame 0.0243",
        ),
    ];
    summary.losses = losses();
    summary.dimensionality = norms
        .iter()
        .map(|norm| if *norm > 0.5 { 0.5 } else { 0.001 })
        .collect();
    summary.norms = norms;
    summary.clusters = (0..19)
        .map(|k| vec![2 * k, 2 * k + 1])
        .chain((38..100).map(|k| vec![k]))
        .collect();
    summary.n_clustered = 100;
    summary.interference = Some(SelectedInterference { features, values });
    summary.tables = vec![SummaryTable {
        title: "Probes".to_owned(),
        headers: ["feature", "R2", "leverage", "base rate", "AUROC"]
            .map(str::to_owned)
            .to_vec(),
        rows: (0..30)
            .map(|i| {
                vec![
                    i.to_string(),
                    "0.512".to_owned(),
                    "0.498".to_owned(),
                    "0.100".to_owned(),
                    "0.881".to_owned(),
                ]
            })
            .collect(),
        note: "R2 is on held-out samples.".to_owned(),
    }];
    summary_report(&summary, style)
}

fn geometry(style: &TextStyle) -> String {
    let pentagon = polygon(5);
    let cosines = cosines(&pentagon);
    let interference: Vec<f64> = cosines.iter().map(|c| c * c).collect();
    let square = |values| Square::new(values, 5).expect("five features");
    let large: Vec<f64> = (0..300 * 300).map(|k| fading(k / 300, k % 300)).collect();
    let large = Square::new(&large, 300).expect("300 features");
    let wide: Vec<f64> = (0..60 * 60).map(|k| (f64::from(k) * 0.7).sin()).collect();
    let wide = Square::new(&wide, 60).expect("60 features");
    let spread: Vec<f64> = (0..30_000)
        .map(|i| (f64::from(i) * 0.618).fract().powi(2))
        .collect();
    [
        feature_plane(&pentagon, style),
        feature_plane(
            &polygon(12)
                .into_iter()
                .chain([[0.5, 0.5], [1.0, 0.0], [0.0, 0.0]])
                .collect::<Vec<_>>(),
            style,
        ),
        interference_heatmap(square(&interference), style),
        cosine_matrix(square(&cosines), style),
        cosine_matrix(wide, style),
        interference_heatmap(large, style),
        dimensionality(
            &[1.0, 0.75, 2.0 / 3.0, 0.5, 0.4, 0.375, 0.12, 1e-12, 0.0],
            style,
        ),
        dimensionality(&spread, style),
        histogram("Dimensionality of 30,000 features", &spread, 8, style),
    ]
    .join("\n")
}

fn runs(style: &TextStyle) -> String {
    let row = |sparsity: f64, k: f64| TransitionRow {
        sparsity,
        n_represented: Spread::of(&[k, k + 1.0, k + 1.0]),
        mean_interference: Spread::of(&[k / 500.0, k / 510.0, k / 505.0]),
        mean_dimensionality: Spread::of(&[5.0 / k, 5.1 / k, 5.2 / k]),
        loss: Spread::of(&[0.1 / k, 0.11 / k, 0.1 / k]),
    };
    let rows = [
        row(0.0, 10.0),
        row(0.5, 10.0),
        row(0.7, 12.0),
        row(0.9, 19.0),
        row(0.99, 30.0),
        row(0.999, 30.0),
    ];
    let waves: Vec<(f64, f64)> = (0..200)
        .map(|k| f64::from(k) / 20.0)
        .map(|x| (x, x.sin()))
        .collect();
    [
        sparsity_transition(&rows, style),
        training_curve(&losses(), 10, style),
        training_curve(
            &[0.5, 0.4, f64::NAN, 0.3, f64::INFINITY, 0.2, 0.1],
            5,
            style,
        ),
        curve(
            &waves,
            &CurveOptions::new("A sine")
                .with_labels("x", "sin x")
                .with_height(7),
            style,
        ),
    ]
    .join("\n")
}

fn edge_cases(style: &TextStyle) -> String {
    let labels = [
        "a name that is much too long for its column of a narrow terminal",
        "negative",
        "tiny",
        "zero",
        "nothing",
        "endless",
    ];
    let values = [3.0, -2.0, 1e-9, 0.0, f64::NAN, f64::INFINITY];
    let nan = [1.0, f64::NAN, f64::NAN, 1.0];
    [
        bar_chart("All kinds of numbers", &labels, &values, style),
        interference_heatmap(Square::new(&[1.0], 1).expect("one feature"), style),
        interference_heatmap(Square::new(&nan, 2).expect("two features"), style),
        training_curve(&[1.0], 0, style),
        training_curve(&[], 10, style),
    ]
    .join("\n")
}
