//! Minima along a parameter: against the closed forms and the published results that say where the lowest changes.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use superposition_lab::model::{Dimensions, Output, ToyModelConfig};
use superposition_lab::report::landscape_report;
use superposition_lab::train::optimum::{BranchStop, OptimumOptions};
use superposition_lab::viz::TextStyle;
use superposition_lab::{
    Along, LabError, LandscapeDocument, LandscapeRecipe, OptimumRecipe, TransitionKind,
    find_landscape,
};
use superposition_testkit::tolerance::{Tolerance, assert_close};

use super::validate;

fn recipe(n: usize, m: usize, along: Along, range: (f64, f64)) -> LandscapeRecipe {
    let model = ToyModelConfig::new(Dimensions {
        n_features: n,
        n_hidden: m,
    });
    let search = OptimumOptions::default().with_n_starts(4);
    let optimum = OptimumRecipe::new(model)
        .with_feature_probability(0.05)
        .with_search(search);
    let mut recipe = LandscapeRecipe::new(optimum, along, range);
    recipe.follow = recipe.follow.with_n_steps(20);
    recipe
}

fn find(recipe: &LandscapeRecipe) -> LandscapeDocument {
    find_landscape(recipe, NonZeroUsize::new(2).unwrap(), &|_| {
        ControlFlow::Continue(())
    })
    .unwrap()
}

/// X8 of the published results, found without being told where to start.
#[test]
fn digons_give_way_to_a_pentagon_at_once() {
    let mut recipe = recipe(5, 2, Along::FeatureProbabilityOf(0), (0.005, 0.1));
    recipe.is_log = false;
    let found = find(&recipe);
    validate(&found);
    let [transition] = found.transitions[..] else {
        panic!("{:?}", found.transitions);
    };
    assert_eq!(transition.kind, TransitionKind::FirstOrder);
    assert_close(
        transition.parameter / 0.05,
        0.2691,
        Tolerance::absolute(2e-3),
    );
    let names = found.lowest.iter().map(|stretch| &stretch.geometry);
    assert!(
        names
            .clone()
            .next()
            .unwrap()
            .iter()
            .all(|name| name == "2 digons")
    );
    // The pentagon is gone below some density.
    let pentagon = &found.branches[transition.to];
    assert_eq!(
        (pentagon.stop_below, pentagon.stop_above),
        (BranchStop::Ended, BranchStop::Finished)
    );
    // The slopes are those of the points beside.
    let slopes = transition.slopes.unwrap();
    for (branch, slope) in [transition.from, transition.to].into_iter().zip(slopes) {
        let points = &found.branches[branch].points;
        let above = points
            .iter()
            .position(|p| p.parameter > transition.parameter);
        let (left, right) = (&points[above.unwrap() - 1], &points[above.unwrap()]);
        let secant = (right.loss - left.loss) / (right.parameter - left.parameter);
        assert_close(slope, secant, Tolerance::relative(0.1));
        let between = [left.slope, right.slope];
        let (low, high) = (between[0].min(between[1]), between[0].max(between[1]));
        assert!(
            (low - 1e-6..=high + 1e-6).contains(&slope),
            "{slope} {between:?}"
        );
    }
    let report = landscape_report(&found, &TextStyle::default());
    for words in ["first order", "2 digons", "p of feature 0", "at 5 places"] {
        assert!(report.contains(words), "{words}: {report}");
    }
    let svg = found.to_svg();
    assert!(svg.starts_with("<svg") && svg.contains("2 digons") && svg.contains("p of feature 0"));
}

/// The linear model keeps the more important of two features: dL/dr is v(p) below r = 1 and 0 above.
#[test]
fn the_linear_model_changes_where_importances_are_equal() {
    let mut recipe = recipe(2, 1, Along::ImportanceOf(1), (0.3, 3.0));
    recipe.optimum.model = recipe.optimum.model.with_output(Output::Linear);
    recipe.n_anchors = 2;
    let found = find(&recipe);
    let [transition] = found.transitions[..] else {
        panic!("{:?}", found.transitions);
    };
    assert_eq!(transition.kind, TransitionKind::FirstOrder);
    assert_close(transition.parameter, 1.0, Tolerance::absolute(1e-3));
    let [below, above] = transition.slopes.unwrap();
    let variance = 0.05 / 3.0 - 0.05 * 0.05 / 4.0;
    assert_close(below, variance / 2.0, Tolerance::relative(1e-3));
    assert_close(above, 0.0, Tolerance::absolute(1e-6));
}

#[test]
fn what_is_wrong_and_what_stops() {
    let refused = |recipe: &LandscapeRecipe| {
        let go_on = &|_| ControlFlow::Continue(());
        let found = find_landscape(recipe, NonZeroUsize::MIN, go_on);
        found.unwrap_err().to_string()
    };
    let p = Along::FeatureProbability;
    for (recipe, words) in [
        (recipe(2, 1, p, (0.5, 0.1)), "smaller than the second"),
        (recipe(2, 1, p, (0.5, 1.5)), "1.5"),
        (
            recipe(2, 1, Along::ImportanceOf(2), (0.1, 1.0)),
            "a feature of the model",
        ),
        (recipe(2, 1, Along::ImportanceOf(1), (-1.0, 1.0)), "-1"),
    ] {
        let found = refused(&recipe);
        assert!(found.contains(words), "{words}: {found}");
    }
    let mut few = recipe(2, 1, p, (0.1, 0.5));
    few.n_anchors = 1;
    assert!(refused(&few).contains("at least two anchors"));
    let stopped = find_landscape(&recipe(2, 1, p, (0.1, 0.5)), NonZeroUsize::MIN, &|_| {
        ControlFlow::Break(())
    });
    assert!(matches!(stopped, Err(LabError::Cancelled)));
}
