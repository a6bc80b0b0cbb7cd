//! What the machine can do, and the workloads beside it.
//!
//! The practical limit of arithmetic is faer's sequential product of 256 x 256 matrices, on one thread and on each of
//! two at a time: it runs at about nine tenths of what the fused multiply-add units give, without kernels here. The
//! limit of memory is the comparison of two equal buffers, which reads both and computes nothing.

use std::{
    hint::black_box,
    thread,
    time::{Duration, Instant},
};

use faer::{Accum, Mat, Par, linalg::matmul::matmul};
use xshell::Shell;

use super::{
    statistics::median,
    workloads::{self, Profile, Workload},
};
use crate::workspace::Workspace;

const SIZE: usize = 256;
const BUFFER: usize = 64 << 20;
const TIME: Duration = Duration::from_millis(300);

/// GFLOP/s and GB/s with one thread and with two.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    gflops: [f64; 2],
    gigabytes: [f64; 2],
}

impl Limits {
    pub(super) fn measure() -> Self {
        Self {
            gflops: [1, 2].map(|threads| on_threads(threads, gflops)),
            gigabytes: [1, 2].map(|threads| on_threads(threads, gigabytes)),
        }
    }
}

/// The sum of what the threads reach at the same time.
fn on_threads(threads: usize, probe: fn() -> f64) -> f64 {
    thread::scope(|scope| {
        let probes: Vec<_> = (0..threads).map(|_| scope.spawn(probe)).collect();
        let rates = probes
            .into_iter()
            .map(|probe| probe.join().expect("a probe does not panic"));
        rates.sum()
    })
}

fn gflops() -> f64 {
    let a = Mat::<f32>::from_fn(SIZE, SIZE, |i, j| ((i * 7 + j) % 13) as f32);
    let b = Mat::<f32>::from_fn(SIZE, SIZE, |i, j| ((i + j * 5) % 11) as f32);
    let mut product = Mat::<f32>::zeros(SIZE, SIZE);
    let flops = 2.0 * (SIZE as f64).powi(3);
    typical_rate(flops / 1e9, || {
        matmul(
            product.as_mut(),
            Accum::Replace,
            black_box(a.as_ref()),
            b.as_ref(),
            1.0,
            Par::Seq,
        );
    })
}

fn gigabytes() -> f64 {
    let (a, b) = (vec![1_u8; BUFFER], vec![1_u8; BUFFER]);
    typical_rate(2.0 * BUFFER as f64 / 1e9, || {
        assert!(black_box(&a) == black_box(&b));
    })
}

/// The amount over the median time of a call.
fn typical_rate(amount: f64, mut call: impl FnMut()) -> f64 {
    let mut seconds = Vec::new();
    let start = Instant::now();
    while start.elapsed() < TIME || seconds.len() < 3 {
        let before = Instant::now();
        call();
        seconds.push(before.elapsed().as_secs_f64());
    }
    amount / median(&seconds)
}

pub(super) fn table(
    shell: &Shell,
    workspace: &Workspace,
    selected: &[&Workload],
) -> anyhow::Result<String> {
    let program = workloads::build(shell, workspace, Profile::Release)?;
    let limits = Limits::measure();
    let mut rows = vec![format!(
        "{:<5} {:>7} {:>14} {:>15} {:>13} {:>9} {:>6}",
        "", "threads", "us per step", "model-steps/s", "samples/s", "GFLOP/s", "share"
    )];
    for workload in selected {
        for threads in [1, 2] {
            eprintln!("bench: {} with {threads} threads", workload.id);
            let mut seconds = Vec::new();
            for _ in 0..3 {
                let steps = workload.steps;
                let line = workloads::run(shell, &program, workload.id, threads, steps, 1)?;
                seconds.push(line.seconds_per_step);
            }
            rows.push(row(workload, threads, median(&seconds), &limits));
        }
    }
    Ok(format!(
        "\nlimits, one thread / two: {:.0} / {:.0} GFLOP/s (faer, sequential product of {SIZE} x {SIZE} f32 matrices on each \
         thread: the practical roofline), memory read {:.0} / {:.0} GB/s\n\
         GFLOP/s of a workload are those of the direct form, 10 n m for each sample (5 products of 2 n m), whatever form \
         runs; share is of the roofline\n\n{}",
        limits.gflops[0],
        limits.gflops[1],
        limits.gigabytes[0],
        limits.gigabytes[1],
        rows.join("\n")
    ))
}

fn row(workload: &Workload, threads: usize, seconds: f64, limits: &Limits) -> String {
    let gflops = workload.flops() / seconds / 1e9;
    let model_steps = workload.models as f64 / seconds;
    format!(
        "{:<5} {threads:>7} {:>14.1} {:>15.0} {:>13.3e} {gflops:>9.1} {:>5.0}%",
        workload.id,
        seconds * 1e6,
        model_steps,
        model_steps * workload.batch as f64,
        100.0 * gflops / limits.gflops[threads - 1],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_counts_the_flops_of_the_direct_form() {
        let limits = Limits {
            gflops: [100.0, 200.0],
            gigabytes: [10.0, 20.0],
        };
        let w1 = workloads::named("w1").expect("it exists");
        // 5.12 Mflop in 102.4 us are 50 GFLOP/s.
        let row = row(w1, 2, 102.4e-6, &limits);
        let cells: Vec<&str> = row.split_whitespace().collect();
        assert_eq!(
            cells,
            ["w1", "2", "102.4", "9766", "2.500e6", "50.0", "25%"]
        );
    }
}
