//! The polytopes that small toy models learn, beside controls that must have none.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use superposition_lab::analysis::{Polytope, PolytopeOptions, Polytopes, polytopes};
use superposition_lab::model::{Dimensions, ToyModel};
use superposition_lab::train::Stream;
use superposition_lab::{Recipe, toy_polytope_options};

/// The published experiment in small.
fn recipe(p: f64, seed: u64) -> Recipe {
    let recipe = Recipe::uniform_importance(p).with_dimensions(Dimensions {
        n_features: 60,
        n_hidden: 6,
    });
    let train = recipe.train.clone().with_n_steps(3000).with_batch_size(256);
    recipe.with_train(train.with_seed(seed))
}

fn trained(p: f64, seed: u64) -> Polytopes {
    let trained = recipe(p, seed)
        .train(NonZeroUsize::MIN, &mut |_| ControlFlow::Continue(()))
        .unwrap();
    assert!(trained.stop.is_finished());
    polytopes(trained.model.w(), &toy_polytope_options()).unwrap()
}

#[test]
fn probable_features_form_digons_and_rare_ones_none() {
    for seed in 0..3 {
        let found = trained(0.3, seed);
        assert!(
            found.share(Some(Polytope::Digon)) >= 0.95,
            "{seed}: {found}"
        );
        let found = trained(0.05, seed);
        assert_eq!(found.share(None), 1.0, "{seed}: {found}");
    }
}

#[test]
fn an_untrained_model_has_no_polytopes() {
    for seed in 0..20 {
        let recipe = recipe(0.3, seed);
        let mut rng = Stream::Initialization.rng(seed, 0, 0);
        let model = ToyModel::random(recipe.model, recipe.train.initialization, &mut rng).unwrap();
        let found = polytopes(model.w(), &PolytopeOptions::default()).unwrap();
        assert_eq!(found.to_string(), "1 irregular (60 features, rank 6)");
    }
}
