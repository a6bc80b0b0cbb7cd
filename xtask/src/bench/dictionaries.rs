//! Workload W6, the full report of a dictionary: `superposition-analysis/examples/dictionary_workload.rs` and
//! `benchmarks/peers/dictionary_peer.py` in turn, a process for each measurement.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};
use xshell::{Shell, cmd};

use super::{
    peers::OURS,
    report::{Goal, Goals, met},
    statistics::{median, range},
    workloads::Profile,
};
use crate::workspace::Workspace;

const PEER: &str = "torch";
const PEER_SCRIPT: &str = "benchmarks/peers/dictionary_peer.py";
/// How far sums and maxima may differ, relative to them: the peer's are f32.
const TOLERANCE: f64 = 1e-5;

/// A dictionary of which the full report is made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dictionary {
    pub(super) id: &'static str,
    n: usize,
    m: usize,
    /// Reports in one process, of which the median counts.
    repeats: usize,
    /// Whether the sums alone are measured too.
    sums: bool,
}

pub(super) const ALL: [Dictionary; 3] = [
    Dictionary {
        id: "w6-2000",
        n: 2000,
        m: 256,
        repeats: 51,
        sums: false,
    },
    Dictionary {
        id: "w6-16384",
        n: 16_384,
        m: 512,
        repeats: 2,
        sums: false,
    },
    Dictionary {
        id: "w6-65536",
        n: 65_536,
        m: 768,
        repeats: 1,
        sums: true,
    },
];

/// What a program prints of one measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) program: String,
    version: String,
    workload: String,
    threads: usize,
    /// Of each report, or of each pass over the sums alone.
    seconds: Vec<f64>,
    /// Of the process, in bytes; records of before 2026-11-24 have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    peak_memory: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    report: Option<Report>,
}

/// What a report found, for the comparison; a measurement of the sums alone has none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Report {
    total_dimensionality: f64,
    mean_interference: f64,
    clusters: usize,
    /// Of about a hundred features: the norm, D, mean interference and largest |cosine|.
    sampled: Vec<[f64; 4]>,
}

/// The same work, of reports or of the sums alone.
type Key = (String, bool);

impl Line {
    fn key(&self) -> Key {
        (self.workload.clone(), self.report.is_none())
    }
}

pub(super) fn run(
    shell: &Shell,
    workspace: &Workspace,
    python: &Path,
    selected: &[&Dictionary],
    rounds: usize,
) -> anyhow::Result<Vec<Line>> {
    let ours = build(shell, workspace, Profile::Release)?;
    let mut lines = Vec::new();
    for dictionary in selected {
        let kinds: &[bool] = if dictionary.sums {
            &[false, true]
        } else {
            &[false]
        };
        for round in 1..=rounds {
            for (threads, &sums) in [1, 2]
                .iter()
                .flat_map(|t| kinds.iter().map(move |k| (t, k)))
            {
                let flags = &flags(dictionary, *threads, sums);
                let own = cmd!(shell, "{ours} {flags...}");
                let peer = cmd!(shell, "{python} {PEER_SCRIPT} {flags...} --program={PEER}");
                for command in [own, peer.env("PYTHONDONTWRITEBYTECODE", "1")] {
                    let line = parsed(&command.quiet().read()?)?;
                    tell(round, rounds, &line);
                    lines.push(line);
                }
            }
        }
    }
    Ok(lines)
}

fn flags(dictionary: &Dictionary, threads: usize, sums: bool) -> Vec<String> {
    let mut flags = vec![
        dictionary.id.to_owned(),
        format!("--threads={threads}"),
        format!("--repeats={}", dictionary.repeats),
    ];
    flags.extend(sums.then(|| "--sums".to_owned()));
    flags
}

/// Builds the example and returns its path.
fn build(shell: &Shell, workspace: &Workspace, profile: Profile) -> anyhow::Result<PathBuf> {
    super::workloads::build_example(shell, workspace, profile, "dictionary_workload")
}

fn parsed(output: &str) -> anyhow::Result<Line> {
    serde_json::from_str(output).with_context(|| format!("no measurement: {output}"))
}

fn tell(round: usize, rounds: usize, line: &Line) {
    let what = if line.report.is_none() { " sums" } else { "" };
    eprintln!(
        "bench: {}{what} round {round}/{rounds}: {:<5} {} threads {:>9.1} ms",
        line.workload,
        line.program,
        line.threads,
        median(&line.seconds) * 1e3
    );
}

/// The smallest dictionary once.
pub(super) fn run_once(shell: &Shell, workspace: &Workspace) -> anyhow::Result<()> {
    let program = build(shell, workspace, Profile::Dev)?;
    let id = ALL[0].id;
    let line = parsed(
        &cmd!(shell, "{program} {id} --threads=2 --repeats=1")
            .quiet()
            .read()?,
    )?;
    let report = line.report.context("a report")?;
    ensure!(report.clusters > 0, "{id} has {report:?}");
    println!("{id}: ok, {:.3} s", median(&line.seconds));
    Ok(())
}

/// What is wrong with what the peers found.
pub(super) fn disagreements(lines: &[Line]) -> Vec<String> {
    let mut found = Vec::new();
    for ours in lines.iter().filter(|line| line.program == OURS) {
        for peer in lines.iter().filter(|line| line.program != OURS) {
            if ours.key() == peer.key()
                && let (Some(a), Some(b)) = (&ours.report, &peer.report)
                && !agree(a, b)
            {
                found.push(format!(
                    "{}: {} found {b:?}, ours {a:?}",
                    ours.workload, peer.program
                ));
            }
        }
    }
    found.truncate(1);
    found
}

fn agree(a: &Report, b: &Report) -> bool {
    let close = |x: f64, y: f64| (x - y).abs() <= TOLERANCE * x.abs();
    let mut values = a.sampled.iter().flatten().zip(b.sampled.iter().flatten());
    a.clusters == b.clusters
        && a.sampled.len() == b.sampled.len()
        && close(a.total_dimensionality, b.total_dimensionality)
        && close(a.mean_interference, b.mean_interference)
        && values.all(|(&x, &y)| close(x, y))
}

/// One table for each dictionary, and for sums alone, in Markdown.
pub(super) fn tables(lines: &[Line], goals: &Goals) -> String {
    let mut text = String::new();
    for dictionary in &ALL {
        for sums in [false, true] {
            let own = lines
                .iter()
                .filter(|line| line.key() == (dictionary.id.to_owned(), sums));
            if let Some(table) = table(dictionary, sums, own, goals) {
                text.push_str(&table);
            }
        }
    }
    text
}

fn table<'a>(
    dictionary: &Dictionary,
    sums: bool,
    lines: impl Iterator<Item = &'a Line>,
    goals: &Goals,
) -> Option<String> {
    let mut seconds: BTreeMap<(String, usize), Vec<f64>> = BTreeMap::new();
    let mut memory: BTreeMap<(String, usize), u64> = BTreeMap::new();
    for line in lines {
        let key = (line.program.clone(), line.threads);
        if let Some(peak) = line.peak_memory {
            let most = memory.entry(key.clone()).or_default();
            *most = peak.max(*most);
        }
        seconds.entry(key).or_default().push(median(&line.seconds));
    }
    let of = |program: &str, threads: usize| {
        let times = seconds.get(&(program.to_owned(), threads))?;
        Some(median(times))
    };
    let best = of(PEER, 1)?.min(of(PEER, 2)?);
    let ratios = [of(PEER, 1)? / of(OURS, 1)?, best / of(OURS, 2)?];
    let Dictionary { id, n, m, .. } = dictionary;
    let (id, what) = match sums {
        true => (format!("{id}-sums"), "norm, D and mean interference alone"),
        false => (id.to_string(), "full report"),
    };
    let mut text = format!(
        "\n### {}: {what} of {n} x {m}\n\n| program | threads | ms | min..max | MiB |\n|---|---|---|---|---|\n",
        id.to_uppercase()
    );
    for (key, times) in &seconds {
        let (program, threads) = key;
        let (low, high) = range(times);
        let peak = memory
            .get(key)
            .map(|&bytes| format!(" {:.0}", mebibytes(bytes)));
        let ms = |seconds: f64| format!("{:.1}", seconds * 1e3);
        let _ = writeln!(
            text,
            "| {program} | {threads} | {} | {}..{} |{} |",
            ms(median(times)),
            ms(low),
            ms(high),
            peak.unwrap_or_default()
        );
    }
    let rounds = seconds.values().map(Vec::len).min()?;
    let _ = write!(
        text,
        "\n{rounds} rounds. r1 {:.2}, r2 {:.2}",
        ratios[0], ratios[1]
    );
    if let Some(Goal { floor, goal }) = goals.get(&id) {
        let _ = write!(
            text,
            "; floor {} / {}: {}; goal {} / {}: {}",
            floor[0],
            floor[1],
            met(ratios, *floor),
            goal[0],
            goal[1],
            met(ratios, *goal)
        );
    }
    text.push('.');
    let own = memory.iter().filter(|((program, _), _)| program == OURS);
    if let Some(peak) = own.map(|(_, &bytes)| mebibytes(bytes)).reduce(f64::max) {
        let limit = mebibytes(2 * 4 * (n * m) as u64) + 256.0;
        let is_met = if peak <= limit { "met" } else { "missed" };
        let _ = write!(
            text,
            " Peak memory {peak:.0} MiB, the matrix among it; limit, twice the matrix as f32 and 256 MiB, {limit:.0}: {is_met}."
        );
    }
    text.push('\n');
    Some(text)
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(program: &str, threads: usize, seconds: f64, clusters: usize) -> Line {
        Line {
            program: program.to_owned(),
            version: "1".to_owned(),
            workload: ALL[0].id.to_owned(),
            threads,
            seconds: vec![seconds],
            peak_memory: (program == OURS).then_some(threads as u64 * (100 << 20)),
            report: Some(Report {
                total_dimensionality: 3.0,
                mean_interference: 0.25,
                clusters,
                sampled: vec![[1.0, 2.0, 3.0, 0.5]],
            }),
        }
    }

    #[test]
    fn a_table_has_the_ratios_to_the_best_peer() {
        let lines = [
            line(OURS, 1, 0.010, 7),
            line(OURS, 2, 0.005, 7),
            line(PEER, 1, 0.030, 7),
            line(PEER, 2, 0.040, 7),
        ];
        let goals: Goals =
            serde_json::from_str(r#"{"w6-2000": {"floor": [4, 4], "goal": [6, 6]}}"#).unwrap();
        let text = tables(&lines, &goals);
        for expected in [
            "### W6-2000: full report of 2000 x 256",
            "| ours | 2 | 5.0 | 5.0..5.0 | 200 |",
            "| torch | 2 | 40.0 | 40.0..40.0 | |",
            "1 rounds. r1 3.00, r2 6.00; floor 4 / 4: r1 missed; goal 6 / 6: r1 missed. Peak memory 200 MiB, the matrix among it; limit, twice the matrix as f32 and 256 MiB, 260: met.",
        ] {
            assert!(text.lines().any(|line| line == expected), "{text}");
        }
        assert_eq!(tables(&lines[..2], &goals), "");
    }

    #[test]
    fn other_findings_are_a_disagreement() {
        let ours = line(OURS, 1, 0.01, 7);
        assert!(disagreements(&[ours.clone(), line(PEER, 2, 0.01, 7)]).is_empty());
        assert_eq!(
            disagreements(&[ours.clone(), line(PEER, 2, 0.01, 8)]).len(),
            1
        );
        let mut other = line(PEER, 1, 0.01, 7);
        other.report.as_mut().unwrap().sampled[0][3] *= 1.0001;
        assert_eq!(disagreements(&[ours, other]).len(), 1);
    }
}
