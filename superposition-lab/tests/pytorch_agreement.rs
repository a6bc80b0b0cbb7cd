//! The short configuration of the example `pytorch_agreement`.

#[path = "../examples/pytorch_agreement/agreement.rs"]
#[allow(dead_code, reason = "the full configuration is the example's")]
mod agreement;

use agreement::{Comparison, compare, measure, ours, pytorch};
use superposition_lab::model::FeatureProbability;

#[test]
fn trained_models_agree_with_pytorch() {
    let Comparison {
        recipe,
        golden,
        n_evaluation,
    } = Comparison::short();
    let theirs = measure(&pytorch(golden), &recipe, n_evaluation);

    let lines = compare(&measure(&ours(&recipe), &recipe, n_evaluation), &theirs);
    assert!(lines.iter().all(agreement::Line::agrees), "{lines:#?}");

    // The comparison has teeth: models trained on features a third more frequent differ.
    let other = recipe
        .clone()
        .with_feature_probability(FeatureProbability::Same(0.13));
    let lines = compare(&measure(&ours(&other), &recipe, n_evaluation), &theirs);
    assert!(!lines.iter().all(agreement::Line::agrees), "{lines:#?}");
}
