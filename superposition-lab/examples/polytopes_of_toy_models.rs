//! The polytopes that 400 equally important features form in 30 dimensions, from dense to sparse:
//! `cargo run --release --package superposition-lab --example polytopes_of_toy_models -- --seeds 3 --threads 1`.
//!
//! Prints for every model the share of the represented features in components of each name, the share whose component is
//! the same at all thresholds from 0.02 to 0.1, and the components. Two kinds of models are controls that must have no
//! name at all: with features so rare that all of them interfere, and never trained. Exits with 1 if a check at the end
//! fails. A model takes half a minute on a free core;
//! `--steps 4000` is enough for the checks, and too little for features to settle at every probability.

use std::error::Error;
use std::num::{NonZeroU64, NonZeroUsize};
use std::ops::ControlFlow;
use std::process::ExitCode;

use superposition_lab::analysis::{
    Polytope, PolytopeOptions, Polytopes, polytope_stability, polytopes,
};
use superposition_lab::model::ToyModel;
use superposition_lab::train::{Stream, train_ensemble};
use superposition_lab::{Recipe, toy_polytope_options};

const THRESHOLDS: [f64; 5] = [0.02, 0.03, 0.05, 0.07, 0.1];

/// The names that have a column; other names are counted together.
const COLUMNS: [Polytope; 4] = [
    Polytope::Digon,
    Polytope::Polygon(3),
    Polytope::Polygon(5),
    Polytope::SquareAntiprism,
];

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all checks hold.
fn run() -> Result<bool, Box<dyn Error>> {
    let mut seeds = NonZeroU64::MIN;
    let mut threads = NonZeroUsize::MIN;
    let mut steps = Recipe::uniform_importance(0.3).train.n_steps;
    let mut arguments = std::env::args().skip(1);
    while let Some(flag) = arguments.next() {
        let value = arguments.next().ok_or("every flag has a value")?;
        match flag.as_str() {
            "--seeds" => seeds = value.parse()?,
            "--threads" => threads = value.parse()?,
            "--steps" => steps = value.parse()?,
            _ => return Err(format!("unknown flag {flag}").into()),
        }
    }

    print!("{:>9} {:>4} {:>11}", "p", "seed", "represented");
    for polytope in COLUMNS {
        print!(" {:>16}", polytope.to_string());
    }
    println!(
        " {:>8} {:>9} {:>8}  components",
        "other", "irregular", "stable"
    );
    let mut results: Vec<(Option<f64>, Polytopes)> = Vec::new();
    for p in [0.5, 0.3, 0.22, 0.2, 0.1, 0.05] {
        let models = trained(p, seeds.get(), steps, threads)?;
        for (seed, model) in models.iter().enumerate() {
            let label = p.to_string();
            results.push((Some(p), row(&label, seed, model, &toy_polytope_options())?));
        }
    }
    for (seed, model) in untrained(seeds.get())?.iter().enumerate() {
        // No norm of it says whether a feature was learned: all count.
        let options = PolytopeOptions::default();
        results.push((None, row("untrained", seed, model, &options)?));
    }

    println!();
    let named = |found: &Polytopes, names: &[Polytope]| -> f64 {
        names.iter().map(|&name| found.share(Some(name))).sum()
    };
    let mut all_hold = true;
    let mut check = |what: &str, p: Option<f64>, holds: &dyn Fn(&Polytopes) -> bool| {
        let mut of_p = results.iter().filter(|(other, _)| *other == p);
        let holds = of_p.all(|(_, found)| holds(found));
        println!("{} {what}", if holds { "holds:" } else { "FAILS:" });
        all_hold &= holds;
    };
    check("p = 0.3: at least 95 % in digons", Some(0.3), &|found| {
        named(found, &[Polytope::Digon]) >= 0.95
    });
    check(
        "p = 0.22: at least 80 % in digons, pentagons and square antiprisms",
        Some(0.22),
        &|found| {
            let names = [
                Polytope::Digon,
                Polytope::Polygon(5),
                Polytope::SquareAntiprism,
            ];
            named(found, &names) >= 0.8
        },
    );
    check("p = 0.05: no component has a name", Some(0.05), &|found| {
        found.share(None) == 1.0
    });
    check("untrained: no component has a name", None, &|found| {
        found.share(None) == 1.0
    });
    Ok(all_hold)
}

/// The models trained at this probability, by seed.
fn trained(
    p: f64,
    seeds: u64,
    steps: usize,
    threads: NonZeroUsize,
) -> Result<Vec<ToyModel>, Box<dyn Error>> {
    let mut jobs = Vec::new();
    for seed in 0..seeds {
        let mut recipe = Recipe::uniform_importance(p);
        recipe.train.seed = seed;
        recipe.train.n_steps = steps;
        jobs.push(recipe.job()?);
    }
    let mut models = Vec::new();
    for trained in train_ensemble(&jobs, threads, &|_, _| ControlFlow::Continue(())) {
        models.push(trained?.model);
    }
    Ok(models)
}

/// The models before their first step, by seed.
fn untrained(seeds: u64) -> Result<Vec<ToyModel>, Box<dyn Error>> {
    // The probability does not enter.
    let recipe = Recipe::uniform_importance(0.3);
    let mut models = Vec::new();
    for seed in 0..seeds {
        let mut rng = Stream::Initialization.rng(seed, 0, 0);
        let initialization = recipe.train.initialization;
        models.push(ToyModel::random(recipe.model, initialization, &mut rng)?);
    }
    Ok(models)
}

/// Names the polytopes of a model and prints them as a row.
fn row(
    label: &str,
    seed: usize,
    model: &ToyModel,
    options: &PolytopeOptions,
) -> Result<Polytopes, Box<dyn Error>> {
    let found = polytopes(model.w(), options)?;
    let stability = polytope_stability(model.w(), options, &THRESHOLDS)?;
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    print!("{label:>9} {seed:>4} {:>11}", found.n_represented);
    let names = found
        .counts()
        .into_iter()
        .filter_map(|count| count.polytope);
    let mut other: f64 = names.map(|name| found.share(Some(name))).sum();
    for polytope in COLUMNS {
        let share = found.share(Some(polytope));
        other -= share;
        print!(" {:>16}", percent(share));
    }
    println!(
        " {:>8} {:>9} {:>8}  {found}",
        percent(other.max(0.0)),
        percent(found.share(None)),
        percent(stability.n_stable as f64 / stability.n_represented.max(1) as f64)
    );
    Ok(found)
}
