//! The workloads beside what the machine can do, as the example measures both: arithmetic as faer's sequential product
//! of 256 x 256 matrices on each thread, which is the practical roofline, and reading of memory.

use serde::Deserialize;
use xshell::{Shell, cmd};

use super::{
    statistics::median,
    workloads::{self, Profile, Workload},
};
use crate::workspace::Workspace;

/// GFLOP/s and GB/s with one thread and with two at the same time.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Limits {
    gflops: [f64; 2],
    gigabytes: [f64; 2],
}

pub(super) fn table(
    shell: &Shell,
    workspace: &Workspace,
    selected: &[&Workload],
) -> anyhow::Result<String> {
    let program = workloads::build(shell, workspace, Profile::Release)?;
    let limits: Limits = serde_json::from_str(&cmd!(shell, "{program} limits").quiet().read()?)?;
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
        "\nlimits, one thread / two: {:.0} / {:.0} GFLOP/s (faer, sequential product of 256 x 256 f32 matrices on each \
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
