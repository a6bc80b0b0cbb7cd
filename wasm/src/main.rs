//! Analyses dictionaries whose geometry is known, without threads, files or vector instructions, and returns how many checks held.
//!
//! A check that fails ends the program in a trap, of which `run.mjs` says where it was.

use std::ops::ControlFlow;
use std::process::ExitCode;

use superposition_analysis::{
    AnalysisOptions, NullOptions, Pairs, PolytopeOptions, StreamOptions, analyze, analyze_stream,
    compare, from_columns, null_baselines, polytopes, spectrum,
};

/// `copies` regular pentagons, each in a plane of its own.
fn pentagons(copies: usize) -> Vec<f64> {
    let m = 2 * copies;
    let mut values = vec![0.0; m * 5 * copies];
    for (i, column) in values.chunks_exact_mut(m).enumerate() {
        let angle = std::f64::consts::TAU * (i % 5) as f64 / 5.0;
        column[i / 5 * 2] = angle.cos();
        column[i / 5 * 2 + 1] = angle.sin();
    }
    values
}

fn main() -> ExitCode {
    let mut n_held = 0;
    let mut holds = |is_so: bool, what: &str| {
        assert!(is_so, "{what}");
        n_held += 1;
    };

    let copies = 60;
    let (m, n) = (2 * copies, 5 * copies);
    let values = pentagons(copies);
    let w = from_columns(&values, m, n);
    let options = AnalysisOptions::default()
        .with_cluster_threshold(0.05)
        .with_pairs(Pairs::Listed);
    let report = analyze(w, &options).expect("finite values");
    let dimensionality = report.feature_dimensionality;
    holds(
        (dimensionality.min - 0.4).abs() < 1e-12 && (dimensionality.max - 0.4).abs() < 1e-12,
        "a feature of a pentagon has two fifths of a dimension",
    );
    // Five features in two dimensions each: a tight frame.
    holds((report.tightness.unwrap() - 1.0).abs() < 1e-12, "tight");
    let cosine = report.max_cosine.unwrap().value;
    let fifth = (std::f64::consts::TAU / 5.0).cos();
    holds((cosine - fifth).abs() < 1e-12, "the neighbours in a pentagon");
    holds(report.edges.len() == 10 * copies, "all pairs of a pentagon are edges");
    holds(report.clusters.unwrap().count == copies, "a cluster for each");

    let named = polytopes(w, &PolytopeOptions::default()).expect("finite values");
    holds(named.to_string().contains("pentagon"), "pentagons by name");

    let mut source = w;
    let streamed = analyze_stream(&mut source, &StreamOptions::new(options, 32 << 20), |_| {
        ControlFlow::<()>::Continue(())
    });
    holds(
        streamed.expect("a small matrix") == ControlFlow::Continue(report),
        "in blocks as in memory",
    );

    let singular = spectrum(w).expect("finite values").singular_values;
    let expected = 2.5_f64.sqrt();
    holds(
        singular.iter().all(|s| (s - expected).abs() < 1e-12),
        "the singular values of a tight frame",
    );

    let itself = compare(w, w, &Default::default()).expect("finite values");
    holds(
        itself.matching.is_some_and(|matching| matching.pairs.len() == n),
        "every feature is matched with itself",
    );

    let mut null = NullOptions::new(1);
    null.draws = 2;
    let baselines = null_baselines(w, &null).expect("finite values");
    holds(baselines.draws == 2, "random dictionaries");

    ExitCode::from(n_held)
}
