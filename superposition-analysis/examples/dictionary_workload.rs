//! Analyses one of the dictionaries of workload W6 in `benchmarks/README.md` and prints what it took as one line of JSON:
//! `cargo run --release --package superposition-analysis --example dictionary_workload -- w6-2000 --threads 2 --repeats 5`.

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

use superposition_analysis::{
    AnalysisOptions, analyze, feature_dimensionality, feature_interference, feature_norms,
    from_columns,
};

type Error = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    match run() {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// cos^2 above which two features share a cluster.
const THRESHOLD: f64 = 0.1;
/// Features around one centre, whose cosines are near 1/2.
const GROUP: usize = 8;
/// Features whose values are printed.
const SAMPLED: usize = 100;

fn run() -> Result<serde_json::Value, Error> {
    let mut arguments = std::env::args().skip(1);
    let workload = arguments.next().unwrap_or_default();
    let (n, m) = match workload.as_str() {
        "w6-2000" => (2_000, 256),
        "w6-16384" => (16_384, 512),
        "w6-65536" => (65_536, 768),
        _ => return Err("the first argument is w6-2000, w6-16384 or w6-65536".into()),
    };
    let (mut threads, mut repeats, mut sums_only) = (1, 1, false);
    while let Some(flag) = arguments.next() {
        let mut value = || arguments.next().ok_or("the flag needs a value");
        match flag.as_str() {
            "--threads" => threads = value()?.parse()?,
            "--repeats" => repeats = value()?.parse()?,
            "--sums" => sums_only = true,
            _ => return Err(format!("unknown flag {flag}").into()),
        }
    }
    let values = dictionary(n, m);
    let w = from_columns(&values, m, n);
    let options = AnalysisOptions::default()
        .with_cluster_threshold(THRESHOLD)
        .with_threads(threads);
    let mut seconds = Vec::new();
    if sums_only {
        for _ in 0..repeats {
            let start = Instant::now();
            black_box((
                feature_norms(w),
                feature_dimensionality(w),
                feature_interference(w),
            ));
            seconds.push(start.elapsed().as_secs_f64());
        }
        return Ok(serde_json::json!({ "workload": workload, "seconds": seconds }));
    }
    let mut report = None;
    for _ in 0..repeats {
        let start = Instant::now();
        report = Some(analyze(w, &options)?);
        seconds.push(start.elapsed().as_secs_f64());
    }
    let report = report.ok_or("at least one repeat")?;
    let sampled: Vec<_> = report
        .features
        .iter()
        .step_by(n.div_ceil(SAMPLED))
        .map(|row| {
            let high = (row.max_cosine.unwrap_or(0.0), row.nearest);
            let low = (row.min_cosine.unwrap_or(0.0), row.most_opposed);
            let largest = if -low.0 > high.0 { low } else { high };
            serde_json::json!([
                row.feature,
                row.norm,
                row.dimensionality,
                row.mean_interference,
                largest.0.abs(),
                largest.1
            ])
        })
        .collect();
    Ok(serde_json::json!({
        "workload": workload,
        "threads": threads,
        "seconds": seconds,
        "total_dimensionality": report.total_dimensionality,
        "mean_interference": report.mean_interference,
        "clusters": report.clusters.map(|c| c.count),
        "sampled": sampled,
    }))
}

/// One feature per run of m values: uniform noise around a centre that every eight features share, from the hash SplitMix64 of the position.
fn dictionary(n: usize, m: usize) -> Vec<f32> {
    let uniform = |position: usize| {
        let mut z = (position as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..n * m)
        .map(|at| uniform(at) + uniform(n * m + at / m / GROUP * m + at % m))
        .collect()
}
