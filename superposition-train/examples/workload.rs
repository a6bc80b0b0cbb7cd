//! Trains one of the workloads of `benchmarks/README.md` and prints what it took as one line of JSON:
//! `cargo run --release --package superposition-train --example workload -- w1 --threads 2 --steps 1000 --seeds 1`.
//!
//! A step of an ensemble is one step of all its models. Seeds are trained one after the other. Instead of a workload,
//! `limits` prints what the machine can do.

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use faer::{Accum, Mat, Par, linalg::matmul::matmul};
use superposition_model::{
    Dimensions, FeatureDistribution, FeatureProbability, Importance, ToyModelConfig,
};
use superposition_train::{AdamConfig, Decay, Job, Schedule, Task, TrainOptions, train_ensemble};

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

/// What the command line asks for.
struct Arguments {
    workload: String,
    threads: NonZeroUsize,
    steps: usize,
    seeds: u64,
}

impl Arguments {
    fn parse() -> Result<Self, Error> {
        let mut arguments = std::env::args().skip(1);
        let workload = arguments
            .next()
            .ok_or("the first argument is w1, w1b, w2, w3, w3-exact, w4 or limits")?;
        let mut parsed = Self {
            workload,
            threads: NonZeroUsize::MIN,
            steps: 100,
            seeds: 1,
        };
        while let Some(flag) = arguments.next() {
            let value = arguments.next().ok_or("every flag has a value")?;
            match flag.as_str() {
                "--threads" => parsed.threads = value.parse()?,
                "--steps" => parsed.steps = value.parse()?,
                "--seeds" => parsed.seeds = value.parse()?,
                _ => return Err(format!("unknown flag {flag}").into()),
            }
        }
        Ok(parsed)
    }
}

fn run() -> Result<serde_json::Value, Error> {
    let arguments = Arguments::parse()?;
    if arguments.workload == "limits" {
        let gflops = [1, 2].map(|threads| on_threads(threads, gflops));
        let gigabytes = [1, 2].map(|threads| on_threads(threads, gigabytes));
        return Ok(serde_json::json!({ "gflops": gflops, "gigabytes": gigabytes }));
    }
    let Arguments {
        threads,
        steps,
        seeds,
        ..
    } = arguments;
    let workload = Workload::named(&arguments.workload)?;
    let warm_up = (steps / 10).clamp(1, 100);
    (workload.train)(&workload.jobs(0, warm_up)?, threads)?;

    let mut losses = Vec::new();
    let (cpu, start) = (cpu_seconds(), Instant::now());
    for seed in 0..seeds {
        losses.push((workload.train)(&workload.jobs(seed, steps)?, threads)?);
    }
    let seconds = start.elapsed().as_secs_f64();
    let cpu_seconds = cpu_seconds().zip(cpu).map(|(after, before)| after - before);
    let rows: Vec<Vec<f64>> = losses
        .iter()
        .flat_map(|losses| workload.rows(losses))
        .collect();
    Ok(serde_json::json!({
        "program": "ours",
        "version": env!("CARGO_PKG_VERSION"),
        "workload": arguments.workload,
        "threads": threads,
        "steps": steps,
        "seeds": seeds,
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "seconds_per_step": seconds / (steps as f64 * seeds as f64),
        "losses": rows,
    }))
}

/// Trains all jobs and returns the loss of each, averaged over the last tenth of the steps.
type Train = fn(&[Job], NonZeroUsize) -> Result<Vec<f64>, Error>;

/// Samples a batch for every model at every step.
fn train_sampled(jobs: &[Job], threads: NonZeroUsize) -> Result<Vec<f64>, Error> {
    train_ensemble(jobs, threads, &|_, _| ControlFlow::Continue(()))
        .into_iter()
        .map(|trained| {
            let losses = trained?.losses;
            let tail = (losses.len() / 10).max(1);
            let last = &losses[losses.len() - tail..];
            Ok(last.iter().map(|&loss| f64::from(loss)).sum::<f64>() / tail as f64)
        })
        .collect()
}

/// Follows the gradient of the exact expected loss. Two hundred steps with a large rate do for all cells of the diagram:
/// the best of ten seeds then has, to a thousandth, the loss that no further training lowers.
fn train_exact(jobs: &[Job], threads: NonZeroUsize) -> Result<Vec<f64>, Error> {
    let jobs: Vec<Job> = jobs
        .iter()
        .map(|job| {
            let mut job = job.clone();
            job.options = job
                .options
                .with_adam(
                    AdamConfig::default()
                        .with_learning_rate(0.1)
                        .with_betas(0.9, 0.99),
                )
                .with_schedule(
                    Schedule::default()
                        .with_decay(Decay::Cosine { last: 0.0 })
                        .with_warmup_steps(5),
                );
            job.options.loss_every = (job.options.n_steps - 1).max(1);
            job
        })
        .collect();
    superposition_train::train_exact(&jobs, threads)
        .into_iter()
        .map(|trained| Ok(trained?.losses.last().copied().map_or(f64::NAN, f64::from)))
        .collect()
}

struct Workload {
    dimensions: Dimensions,
    batch_size: usize,
    /// The probability and the importances of each model.
    models: Vec<(f64, Vec<f64>)>,
    /// Losses are printed as means over this many equal groups of consecutive models.
    n_groups: usize,
    /// The seeds that are part of the workload: the fastest index of the models.
    n_seeds_inside: usize,
    train: Train,
}

impl Workload {
    fn named(name: &str) -> Result<Self, Error> {
        let new = |n_features, n_hidden, batch_size, models, n_groups| Self {
            dimensions: Dimensions {
                n_features,
                n_hidden,
            },
            batch_size,
            models,
            n_groups,
            n_seeds_inside: 1,
            train: train_sampled,
        };
        let powers = |ratio: f64, n: i32| (0..n).map(|i| ratio.powi(i)).collect::<Vec<f64>>();
        Ok(match name {
            "w1" => new(100, 20, 256, vec![(0.1, powers(0.7, 100))], 1),
            "w1b" => new(100, 20, 1024, vec![(0.1, powers(0.7, 100))], 1),
            "w2" => {
                let p = logarithmic(1.0, 1.0 / 20.0, 10);
                let models = p.into_iter().map(|p| (p, powers(0.9, 5))).collect();
                new(5, 2, 1024, models, 10)
            }
            "w3" | "w3-exact" => {
                let mut models = Vec::new();
                for p in logarithmic(1.0, 0.01, 32) {
                    for relative in logarithmic(0.1, 10.0, 32) {
                        models.extend(vec![(p, vec![1.0, relative]); 10]);
                    }
                }
                Self {
                    n_seeds_inside: 10,
                    train: match name {
                        "w3" => train_sampled,
                        _ => train_exact,
                    },
                    ..new(2, 1, 1024, models, 32)
                }
            }
            "w4" => {
                let p = logarithmic(1.0, 0.01, 25);
                let models = p.into_iter().map(|p| (p, vec![1.0; 400])).collect();
                new(400, 30, 1024, models, 25)
            }
            _ => return Err(format!("no workload {name}").into()),
        })
    }

    /// Every model has a seed of its own.
    fn jobs(&self, seed: u64, n_steps: usize) -> Result<Vec<Job>, Error> {
        let config = ToyModelConfig::new(self.dimensions);
        let n = self.dimensions.n_features;
        let jobs = self.models.iter().zip(seed * self.models.len() as u64..);
        jobs.map(|((p, importance), seed)| {
            let distribution = FeatureDistribution::new(n, &FeatureProbability::Same(*p))?;
            let importance = Importance::Explicit(importance.clone()).weights(n)?;
            let options = TrainOptions::default()
                .with_batch_size(self.batch_size)
                .with_n_steps(n_steps)
                .with_seed(seed);
            Ok(Job::new(
                config,
                Task::new(distribution, importance)?,
                options,
            ))
        })
        .collect()
    }

    /// For each seed inside the workload, the means of the groups.
    fn rows(&self, losses: &[f64]) -> Vec<Vec<f64>> {
        let rows = (0..self.n_seeds_inside).map(|seed| {
            let own: Vec<f64> = losses[seed..]
                .iter()
                .step_by(self.n_seeds_inside)
                .copied()
                .collect();
            let size = own.len() / self.n_groups;
            own.chunks(size)
                .map(|group| rounded(group.iter().sum::<f64>() / size as f64))
                .collect()
        });
        rows.collect()
    }
}

/// Numbers from the first to the last with equal ratios.
fn logarithmic(first: f64, last: f64, count: i32) -> Vec<f64> {
    (0..count)
        .map(|k| first * (last / first).powf(f64::from(k) / f64::from(count - 1)))
        .collect()
}

/// Six digits are enough to compare losses.
fn rounded(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}

/// User and system time of this process on Linux, in steps of 10 ms; `None` elsewhere.
fn cpu_seconds() -> Option<f64> {
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is a name in parentheses, which may hold anything; then utime and stime are fields 14 and 15.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS_PER_SECOND)
}

/// The sum of what the threads reach at the same time.
fn on_threads(threads: usize, probe: fn() -> f64) -> f64 {
    std::thread::scope(|scope| {
        let probes: Vec<_> = (0..threads).map(|_| scope.spawn(probe)).collect();
        let rates = probes
            .into_iter()
            .map(|probe| probe.join().expect("a probe does not panic"));
        rates.sum()
    })
}

/// faer's product runs at about nine tenths of what the fused multiply-add units give.
fn gflops() -> f64 {
    const SIZE: usize = 256;
    let a = Mat::<f32>::from_fn(SIZE, SIZE, |i, j| ((i * 7 + j) % 13) as f32);
    let b = Mat::<f32>::from_fn(SIZE, SIZE, |i, j| ((i + j * 5) % 11) as f32);
    let mut product = Mat::<f32>::zeros(SIZE, SIZE);
    let flops = 2.0 * (SIZE as f64).powi(3);
    rate(flops / 1e9, || {
        let a = black_box(a.as_ref());
        matmul(
            product.as_mut(),
            Accum::Replace,
            a,
            b.as_ref(),
            1.0,
            Par::Seq,
        );
    })
}

/// Comparing two equal buffers reads both and computes next to nothing.
fn gigabytes() -> f64 {
    const BYTES: usize = 64 << 20;
    let (a, b) = (vec![1_u8; BYTES], vec![1_u8; BYTES]);
    rate(2.0 * BYTES as f64 / 1e9, || {
        assert!(black_box(&a) == black_box(&b));
    })
}

/// The amount over the median time of a call.
fn rate(amount: f64, mut call: impl FnMut()) -> f64 {
    let (start, mut seconds) = (Instant::now(), Vec::new());
    while start.elapsed() < Duration::from_millis(500) || seconds.len() < 3 {
        let before = Instant::now();
        call();
        seconds.push(before.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    amount / seconds[seconds.len() / 2]
}
