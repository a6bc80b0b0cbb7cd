//! Analyses one of the dictionaries of workload W6 in `benchmarks/README.md` and prints what it took as one line of JSON:
//! `cargo run --release --package superposition-analysis --example dictionary_workload -- w6-2000 --threads=2 --repeats=5`.

use std::process::ExitCode;
use std::time::Instant;

use superposition_analysis::{AnalysisOptions, Pairs, ThreadPool, analyze_in, from_columns};

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
    for flag in arguments {
        match flag.split_once('=') {
            Some(("--threads", value)) => threads = value.parse()?,
            Some(("--repeats", value)) => repeats = value.parse()?,
            _ if flag == "--sums" => sums_only = true,
            _ => return Err(format!("unknown flag {flag}").into()),
        }
    }
    let values = dictionary(n, m);
    let w = from_columns(&values, m, n);
    let options = AnalysisOptions::default()
        .with_cluster_threshold(THRESHOLD)
        .with_pairs(if sums_only {
            Pairs::Skipped
        } else {
            Pairs::Compared
        });
    // As the peer's threads, these stay from one report to the next.
    let pool = ThreadPool::new(threads);
    let mut line = serde_json::json!({
        "program": "ours",
        "version": env!("CARGO_PKG_VERSION"),
        "workload": workload,
        "threads": threads,
    });
    let mut seconds: Vec<f64> = Vec::new();
    let mut report = None;
    for _ in 0..repeats {
        let start = Instant::now();
        report = Some(analyze_in(&pool, w, &options)?);
        seconds.push(start.elapsed().as_secs_f64());
    }
    line["seconds"] = seconds.into();
    line["peak_memory"] = peak_memory().into();
    if sums_only {
        return Ok(line);
    }
    let report = report.ok_or("at least one repeat")?;
    let sampled: Vec<_> = report
        .features
        .iter()
        .step_by(n.div_ceil(SAMPLED))
        .map(|row| {
            let ends = [row.max_cosine, row.min_cosine];
            let sizes = ends.map(|cosine| cosine.unwrap_or(0.0).abs());
            serde_json::json!([
                row.norm,
                row.dimensionality,
                row.mean_interference,
                sizes[0].max(sizes[1])
            ])
        })
        .collect();
    line["report"] = serde_json::json!({
        "total_dimensionality": report.total_dimensionality,
        "mean_interference": report.mean_interference,
        "clusters": report.clusters.map(|clusters| clusters.count),
        "sampled": sampled,
    });
    Ok(line)
}

/// The most memory that this process has had, in bytes, its matrix among it; none where Linux does not tell.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = peak.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(1024 * kibibytes)
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
