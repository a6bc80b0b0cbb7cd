//! Every form and instruction set of the step against each other, the model's own gradient and an f64 oracle.

use faer::Mat;
use proptest::prelude::*;
use superposition_model::{
    Bias, FeatureDistribution, FeatureProbability, Initialization, ToyModelConfig,
};
use superposition_testkit::oracle::{toy_model_gradient, toy_model_loss};
use superposition_testkit::tolerance::{Tolerance, widen};

use super::*;
use crate::{Kernel, stream_rng};

/// A model, its task and a batch size.
#[derive(Clone, Debug)]
struct Case {
    config: ToyModelConfig,
    probability: Vec<f64>,
    importance: Vec<f32>,
    batch_size: usize,
    seed: u64,
}

/// A loss and its gradient.
type Outcome = (f64, Vec<f32>);

impl Case {
    fn new(n_features: usize, n_hidden: usize, batch_size: usize, p: f64) -> Self {
        Self {
            config: ToyModelConfig::new(Dimensions {
                n_features,
                n_hidden,
            }),
            probability: vec![p; n_features],
            importance: (0..n_features).map(|i| 1.0 / (1 + i % 5) as f32).collect(),
            batch_size,
            seed: 11,
        }
    }

    fn task(&self) -> Task {
        let probability = FeatureProbability::PerFeature(self.probability.clone());
        let n = self.config.dimensions.n_features;
        Task::new(
            FeatureDistribution::new(n, &probability).unwrap(),
            self.importance.clone(),
        )
        .unwrap()
    }

    /// A model with a bias that is not 0.
    fn model(&self) -> ToyModel {
        let mut rng = stream_rng(self.seed, Stream::Initialization, 0, 0);
        let mut model =
            ToyModel::random(self.config, Initialization::Normal { std: 0.4 }, &mut rng).unwrap();
        if let Some(b) = model.layout().b {
            for (k, b) in model.parameters_mut()[b].iter_mut().enumerate() {
                *b = 0.1 * ((k % 7) as f32 - 3.0);
            }
        }
        model
    }

    fn kernel(&self, kernel: Kernel, form: StepForm) -> StepKernel {
        let instructions = Instructions::select(kernel).unwrap();
        StepKernel::new(
            &self.model(),
            &self.task(),
            self.batch_size,
            self.seed,
            instructions,
            form,
        )
        .unwrap()
    }

    /// The loss and gradient of step 9, in memory that another step has used.
    fn outcome(&self, kernel: Kernel, form: StepForm) -> Outcome {
        let mut step = self.kernel(kernel, form);
        let model = self.model();
        let mut gradient = vec![f32::NAN; model.parameters().len()];
        step.loss_and_gradient(model.parameters(), 8, &mut gradient);
        gradient.fill(f32::NAN);
        let loss = step.loss_and_gradient(model.parameters(), 9, &mut gradient);
        (loss, gradient)
    }

    /// The loss and gradient of step 9 in f64, and for each number the sum of its terms' absolute values.
    fn oracle(&self) -> (f64, Vec<f64>, f64) {
        let model = self.model();
        let x = self.kernel(Kernel::Scalar, StepForm::Direct).batch(9);
        let wide = |matrix: faer::MatRef<'_, f32>| {
            Mat::from_fn(matrix.nrows(), matrix.ncols(), |i, j| {
                f64::from(matrix[(i, j)])
            })
        };
        let (x, w, w_dec) = (wide(x.as_ref()), wide(model.w()), wide(model.w_dec()));
        let n = self.config.dimensions.n_features;
        let b = model.b().map_or(vec![0.0; n], widen);
        let importance = widen(&self.importance);
        let relu = self.config.output == Output::Relu;
        let loss = toy_model_loss(
            w.as_ref(),
            w_dec.as_ref(),
            &b,
            x.as_ref(),
            &importance,
            relu,
        );
        let (d_enc, d_dec, d_b) = toy_model_gradient(
            w.as_ref(),
            w_dec.as_ref(),
            &b,
            x.as_ref(),
            &importance,
            relu,
        );
        let mut gradient = vec![0.0; model.parameters().len()];
        let layout = model.layout();
        let m = self.config.dimensions.n_hidden;
        for (range, d) in [(layout.w, d_enc), (layout.w_dec, d_dec)] {
            for (at, gradient) in gradient[range].iter_mut().enumerate() {
                *gradient += d[(at % m, at / m)];
            }
        }
        if let Some(b) = layout.b {
            gradient[b].copy_from_slice(&d_b);
        }
        let largest = gradient
            .iter()
            .fold(loss, |largest, g| largest.max(g.abs()));
        (loss, gradient, largest)
    }

    /// How many terms are added one after another to make a number of the gradient.
    fn length(&self) -> usize {
        let Dimensions {
            n_features,
            n_hidden,
        } = self.config.dimensions;
        self.batch_size + 2 * n_features + n_hidden
    }

    /// Asserts all that must hold.
    fn check(&self) {
        let (loss, gradient, largest) = self.oracle();
        let tolerance = Tolerance::reduction_f32(self.length(), largest);
        let mut theirs = vec![0.0; gradient.len()];
        let x = self.kernel(Kernel::Auto, StepForm::Gram).batch(9);
        let their_loss =
            self.model()
                .loss_and_gradient_into(x.as_ref(), &self.importance, &mut theirs);
        for form in [StepForm::Gram, StepForm::Direct] {
            let scalar = self.outcome(Kernel::Scalar, form);
            let fastest = self.outcome(Kernel::Auto, form);
            assert_eq!(bits(&scalar), bits(&fastest), "{form}: {self:?}");
            for (loss, gradient) in [(loss, &gradient), (their_loss, &widen(&theirs))] {
                assert!(
                    tolerance.accepts(scalar.0, loss),
                    "{form}: loss {} {loss} of {self:?}",
                    scalar.0
                );
                for (at, (ours, expected)) in scalar.1.iter().zip(gradient).enumerate() {
                    assert!(
                        tolerance.accepts(f64::from(*ours), *expected),
                        "{form}: gradient {at} is {ours}, not {expected}, of {self:?}"
                    );
                }
            }
        }
    }
}

fn bits(outcome: &Outcome) -> (u64, Vec<u32>) {
    (
        outcome.0.to_bits(),
        outcome.1.iter().map(|g| g.to_bits()).collect(),
    )
}

#[test]
fn shapes_around_the_lanes_the_panels_and_the_shards() {
    for (n, m, batch_size) in [
        (1, 1, 1),
        (2, 1, 63),
        (15, 2, 64),
        (16, 16, 65),
        (17, 17, 3),
        (64, 7, 10),
        (65, 6, 128),
        (113, 20, 70),
    ] {
        for p in [0.0, 0.2, 1.0] {
            Case::new(n, m, batch_size, p).check();
        }
    }
}

#[test]
fn every_variant_with_mixed_probabilities() {
    for output in [Output::Relu, Output::Linear] {
        for bias in [Bias::Learned, Bias::None] {
            for coupling in [Coupling::Tied, Coupling::Untied] {
                let mut case = Case::new(21, 5, 100, 0.3);
                case.config = case
                    .config
                    .with_output(output)
                    .with_bias(bias)
                    .with_coupling(coupling);
                (case.probability[3], case.probability[7], case.importance[2]) = (0.0, 1.0, 0.0);
                case.check();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_shape(
        n in 1_usize..50,
        m in 1_usize..24,
        batch_size in 1_usize..150,
        p in prop_oneof![Just(0.0), Just(1.0), 0.0..1.0],
        untied: bool,
        linear: bool,
        seed: u64,
    ) {
        let mut case = Case::new(n, m, batch_size, p);
        case.seed = seed;
        if untied {
            case.config = case.config.with_coupling(Coupling::Untied);
        }
        if linear {
            case.config = case.config.with_output(Output::Linear);
        }
        case.check();
    }
}

#[test]
fn a_wrong_gradient_would_be_seen() {
    let case = Case::new(21, 5, 100, 0.3);
    let (_, gradient, largest) = case.oracle();
    let tolerance = Tolerance::reduction_f32(case.length(), largest);
    // Without the last sample's part, a hundredth, the largest number would be off by more than is allowed.
    assert!(!tolerance.accepts(largest * 0.99, largest));
    assert!(
        gradient
            .iter()
            .filter(|g| g.abs() > tolerance.bound(0.0))
            .count()
            > gradient.len() / 2
    );
}

#[test]
fn importance_of_zero_leaves_an_output_out() {
    let mut case = Case::new(5, 2, 64, 0.5);
    case.importance = vec![1.0, 0.0, 1.0, 1.0, 1.0];
    let (_, gradient) = case.outcome(Kernel::Auto, StepForm::Gram);
    assert_eq!(gradient[5 * 2 + 1], 0.0);
    assert_ne!(gradient[5 * 2], 0.0);
}

#[test]
fn nan_reaches_the_loss_in_both_forms() {
    for form in [StepForm::Gram, StepForm::Direct] {
        for kernel in [Kernel::Scalar, Kernel::Auto] {
            let case = Case::new(20, 4, 64, 0.5);
            let mut model = case.model();
            // A bias, which ReLU alone would hide.
            *model.parameters_mut().last_mut().unwrap() = f32::NAN;
            let mut gradient = vec![0.0; model.parameters().len()];
            let loss =
                case.kernel(kernel, form)
                    .loss_and_gradient(model.parameters(), 0, &mut gradient);
            assert!(loss.is_nan(), "{form} {kernel}");
        }
    }
}

#[test]
fn the_cost_rule_prefers_gram_where_few_features_are_active() {
    let chosen = |n_features, n_hidden, batch_size, p: f64| {
        choose(
            StepForm::Auto,
            Dimensions {
                n_features,
                n_hidden,
            },
            batch_size,
            &vec![p; n_features],
        )
    };
    assert_eq!(chosen(100, 20, 1024, 0.1), StepForm::Gram);
    assert_eq!(chosen(100, 20, 1024, 1.0), StepForm::Direct);
    assert_eq!(chosen(400, 30, 1024, 0.01), StepForm::Gram);
    assert_eq!(chosen(400, 30, 1024, 0.5), StepForm::Direct);
    // Not a matrix of 40 GB.
    assert_eq!(chosen(100_000, 100, 1024, 1e-6), StepForm::Direct);
    let case = Case::new(100, 20, 64, 0.05);
    assert_eq!(
        case.kernel(Kernel::Auto, StepForm::Auto).form(),
        StepForm::Gram
    );
    assert_eq!(
        case.kernel(Kernel::Auto, StepForm::Direct).form(),
        StepForm::Direct
    );
}

#[test]
fn too_much_work_space_is_refused_before_it_is_taken() {
    let n = 100_000;
    let config = ToyModelConfig::new(Dimensions {
        n_features: n,
        n_hidden: 1,
    });
    let model = ToyModel::new(config, vec![0.0; 2 * n]).unwrap();
    let distribution = FeatureDistribution::new(n, &FeatureProbability::Same(0.1)).unwrap();
    let task = Task::new(distribution, vec![1.0; n]).unwrap();
    let error = StepKernel::new(&model, &task, 1, 0, Instructions::Scalar, StepForm::Gram)
        .err()
        .unwrap();
    assert!(matches!(error, TrainError::TooLarge { elements, .. } if elements > 10_000_000_000));
}
