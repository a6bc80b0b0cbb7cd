//! `superposition landscape`.

use superposition_lab::io::{Overwrite, prepare_directory, write_atomic};
use superposition_lab::model::FeatureProbability;
use superposition_lab::report::landscape_report;
use superposition_lab::{Along, LabError, LandscapeRecipe, find_landscape};

use super::optimum;
use crate::exact_args::LandscapeArgs;
use crate::failure::Failure;
use crate::interrupt;
use crate::output::{file_style, overwrite, print, print_json, terminal_style, to_json};
use crate::progress::Progress;
use crate::recipe_args::set;

/// The parts of the whole that progress counts.
const PARTS: usize = 1000;

pub(crate) fn run(args: &LandscapeArgs) -> Result<(), Failure> {
    let recipe = recipe(args)?;
    for end in [args.from, args.to] {
        let at = recipe.at(end).and_then(|recipe| recipe.objective());
        at.map_err(|error| Failure::Usage(error.into()))?;
    }
    if let Some(out) = &args.out {
        prepare_directory(out, overwrite(args.force))?;
    }
    interrupt::listen()?;
    let progress = Progress::new(0, PARTS, args.common.verbosity());
    let found = find_landscape(&recipe, args.threads.get(), &|done| {
        progress.show((done * PARTS as f64) as usize, || {
            "following minima".to_owned()
        });
        interrupt::control_flow()
    });
    progress.finish();
    let document = found.map_err(|error| match error {
        LabError::Cancelled => Failure::Interrupted("nothing was printed or written".to_owned()),
        error => error.into(),
    })?;
    let json = match args.common.json || args.out.is_some() {
        true => to_json(&document)?,
        false => String::new(),
    };
    if let Some(out) = &args.out {
        for (name, text) in [
            ("landscape.json", format!("{json}\n")),
            ("landscape.svg", document.to_svg()),
            ("report.txt", landscape_report(&document, &file_style())),
        ] {
            write_atomic(out.join(name), text.as_bytes(), Overwrite::Replace)?;
        }
    }
    if args.common.json {
        return print_json(&json);
    }
    print(&landscape_report(&document, &terminal_style()))?;
    match &args.out {
        Some(out) => print(&format!(
            "\nDocument (JSON), figure (SVG) and this report are in {}.\n",
            out.display()
        )),
        None => Ok(()),
    }
}

fn recipe(args: &LandscapeArgs) -> Result<LandscapeRecipe, Failure> {
    let given = args.search.probability.get()?;
    let probability = match args.along {
        Along::FeatureProbability if given.is_some() => {
            return Err(Failure::Usage(anyhow::anyhow!(
                "--along p says how often features are active: leave out --feature-probability and --sparsity"
            )));
        }
        Along::FeatureProbability => Some(FeatureProbability::Same(args.from)),
        _ => given,
    };
    let optimum = optimum::recipe(&args.search, probability)?;
    let mut recipe = LandscapeRecipe::new(optimum, args.along, (args.from, args.to));
    recipe.is_log &= !args.linear;
    set(&mut recipe.follow.n_steps, args.steps);
    set(&mut recipe.n_anchors, args.anchors);
    set(&mut recipe.n_minima, args.minima);
    Ok(recipe)
}
