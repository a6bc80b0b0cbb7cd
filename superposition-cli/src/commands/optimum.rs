//! `superposition optimum`.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use superposition_lab::model::{Bias, Coupling, Dimensions, FeatureProbability, ToyModelConfig};
use superposition_lab::report::optimum_report;
use superposition_lab::train::posterior::LearningCoefficientOptions;
use superposition_lab::{OptimumRecipe, find_optimum};

use crate::exact_args::{OptimumArgs, SearchArgs};
use crate::failure::Failure;
use crate::interrupt;
use crate::output::{print, print_json, terminal_style, to_json};
use crate::progress::Progress;
use crate::recipe_args::set;

/// Into how many parts the progress of sampling is cut.
const PARTS: usize = 1000;

pub(crate) fn run(args: &OptimumArgs) -> Result<(), Failure> {
    let recipe = recipe(&args.search, args.search.probability.get()?)?;
    recipe
        .objective()
        .map_err(|error| Failure::Usage(error.into()))?;
    if let Some(beta) = args.learning_coefficients
        && !(beta.is_finite() && beta > 0.0)
    {
        return Err(Failure::Usage(anyhow::anyhow!(
            "--learning-coefficients is {beta}: an inverse temperature is finite and greater than 0"
        )));
    }
    interrupt::listen()?;
    let progress = OnceLock::new();
    let shown = AtomicUsize::new(0);
    let found = find_optimum(&recipe, args.threads.get(), &|at| {
        // Further descents, from saddles, come on top.
        let (progress, n_starts) = progress.get_or_init(|| {
            let progress = Progress::new(0, at.n_descents, args.common.verbosity());
            (progress, at.n_descents)
        });
        let ended = at.n_finished.min(*n_starts);
        if ended > shown.fetch_max(ended, Ordering::Relaxed) {
            progress.show(ended, || format!("descending  loss {:.7}", at.step.value));
        }
        interrupt::control_flow()
    });
    if let Some((progress, _)) = progress.get() {
        progress.finish();
    }
    let mut found = found?;
    if let Some(beta) = args.learning_coefficients.filter(|_| !found.interrupted) {
        let progress = Progress::new(0, PARTS, args.common.verbosity());
        let shown = AtomicUsize::new(0);
        let options = LearningCoefficientOptions::new(beta);
        let with = found.with_learning_coefficients(&options, args.threads.get(), &|share| {
            let part = (share * PARTS as f64) as usize;
            if part > shown.fetch_max(part, Ordering::Relaxed) {
                progress.show(part, || "sampling learning coefficients".to_owned());
            }
            interrupt::control_flow()
        });
        progress.finish();
        found = with?;
    }
    if found.interrupted {
        let what =
            "nothing was printed, as a search that is not complete may lack the lowest basin";
        return Err(Failure::Interrupted(what.to_owned()));
    }
    if args.common.json {
        print_json(&to_json(&found)?)
    } else {
        print(&optimum_report(&found, &terminal_style()))
    }
}

/// The recipe of the flags, with this feature probability.
pub(super) fn recipe(
    args: &SearchArgs,
    feature_probability: Option<FeatureProbability>,
) -> Result<OptimumRecipe, Failure> {
    let mut model = ToyModelConfig::new(Dimensions {
        n_features: args.n_features,
        n_hidden: args.n_hidden,
    });
    set(&mut model.output, args.output.map(Into::into));
    if args.no_bias {
        model.bias = Bias::None;
    }
    if args.untied {
        model.coupling = Coupling::Untied;
    }
    let mut recipe = OptimumRecipe::new(model);
    recipe.feature_probability = feature_probability.ok_or_else(|| {
        Failure::Usage(anyhow::anyhow!(
            "how often is a feature active? Give --feature-probability P or --sparsity S"
        ))
    })?;
    set(&mut recipe.sets, args.sets);
    set(&mut recipe.importance, args.importance.clone());
    set(&mut recipe.transform_tolerance, args.tolerance);
    set(&mut recipe.search.n_starts, args.starts);
    set(&mut recipe.search.seed, args.seed);
    set(&mut recipe.search.initialization, args.init);
    Ok(recipe)
}
