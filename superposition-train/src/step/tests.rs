//! Every form and instruction set of the step against each other, the model's own gradient and an f64 oracle.

use faer::{Mat, MatRef};
use proptest::prelude::*;
use superposition_model::{
    Bias, FeatureDistribution, FeatureProbability, FeatureSets, Initialization, ToyModel,
    ToyModelConfig,
};
use superposition_testkit::oracle::{toy_model_gradient, toy_model_loss};
use superposition_testkit::tolerance::{Tolerance, widen};

use super::choose::choose;
use super::*;
use crate::kernel::{SampleRows, flat};
use crate::{Kernel, TrainError};

/// A model, its task and a batch size.
#[derive(Clone, Debug)]
struct Case {
    config: ToyModelConfig,
    probability: Vec<f64>,
    sets: FeatureSets,
    importance: Vec<f32>,
    batch_size: usize,
    seed: u64,
}

const FORMS: [StepForm; 3] = [StepForm::Gram, StepForm::Direct, StepForm::Tiny];

/// A loss and its gradient.
pub(super) type Outcome = (f64, Vec<f32>);

/// The same in f64, in the layout of the parameters.
type Exact = (f64, Vec<f64>);

/// Below this size a pre-activation may have another sign in f32: outputs of the models here are near 1, and add up
/// some 100 terms.
const NEAR_THE_KINK: f64 = 1e-5;

impl Case {
    fn new(n_features: usize, n_hidden: usize, batch_size: usize, p: f64) -> Self {
        Self {
            config: ToyModelConfig::new(Dimensions {
                n_features,
                n_hidden,
            }),
            probability: vec![p; n_features],
            sets: FeatureSets::Independent,
            importance: (0..n_features).map(|i| 1.0 / (1 + i % 5) as f32).collect(),
            batch_size,
            seed: 11,
        }
    }

    fn task(&self) -> Task {
        let probability = FeatureProbability::PerFeature(self.probability.clone());
        let n = self.config.dimensions.n_features;
        Task::new(
            FeatureDistribution::new(n, &probability)
                .unwrap()
                .with_sets(self.sets)
                .unwrap(),
            self.importance.clone(),
        )
        .unwrap()
    }

    /// A model with a bias that is not 0.
    fn model(&self) -> ToyModel {
        let mut rng = Stream::Initialization.rng(self.seed, 0, 0);
        let mut model =
            ToyModel::random(self.config, Initialization::Normal { std: 0.4 }, &mut rng).unwrap();
        if let Some(b) = model.layout().b {
            for (k, b) in model.parameters_mut()[b].iter_mut().enumerate() {
                *b = 0.1 * ((k % 7) as f32 - 3.0);
            }
        }
        model
    }

    fn step(&self, kernel: Kernel, form: StepForm) -> Step {
        let model = self.model();
        let step = Step::new(
            &self.config,
            model.layout(),
            &self.task(),
            self.batch_size,
            self.seed,
            Instructions::select(kernel).unwrap(),
            form,
        );
        let zeros = vec![0.0; model.parameters().len()];
        step.set(model.parameters(), &zeros, &zeros);
        step
    }

    /// The loss and gradient of step 9 by some workers, in memory that another step has used.
    fn outcome_by(&self, kernel: Kernel, form: StepForm, n_workers: usize) -> Outcome {
        outcome(&self.step(kernel, form), n_workers)
    }

    fn outcome(&self, kernel: Kernel, form: StepForm) -> Outcome {
        self.outcome_by(kernel, form, 1)
    }

    /// The batch of step 9 in f64.
    fn batch(&self) -> Mat<f64> {
        wide(self.sampled().as_ref())
    }

    /// The batch of step 9.
    fn sampled(&self) -> Mat<f32> {
        let step = self.step(Kernel::Scalar, StepForm::Direct);
        let n = self.config.dimensions.n_features;
        let mut x = Mat::zeros(n, self.batch_size);
        let most = step.sampler.shard_samples();
        for shard in 0..self.batch_size.div_ceil(most) {
            let (key, n_samples) = step.shard(9, shard);
            let mut rows = vec![Chunk::default(); n_samples * chunks_for(n)];
            step.instructions.run(SampleRows {
                sampler: &step.sampler,
                key,
                n_samples,
                rows: &mut rows,
                shard: &mut Shard::default(),
            });
            for (s, row) in rows.chunks_exact(chunks_for(n)).enumerate() {
                for (i, &value) in flat(row)[..n].iter().enumerate() {
                    x[(i, shard * most + s)] = value;
                }
            }
        }
        x
    }

    /// The loss and gradient of a batch in f64.
    fn oracle(&self, x: MatRef<'_, f64>) -> Exact {
        let model = self.model();
        let (w, w_dec) = (wide(model.w()), wide(model.w_dec()));
        let (w, w_dec, b) = (w.as_ref(), w_dec.as_ref(), self.bias());
        let importance = widen(&self.importance);
        let relu = self.config.output == Output::Relu;
        let loss = toy_model_loss(w, w_dec, &b, x, &importance, relu);
        let (d_enc, d_dec, d_b) = toy_model_gradient(w, w_dec, &b, x, &importance, relu);
        (loss, self.join(d_enc, d_dec, &d_b))
    }

    /// The sums of the absolute values of the terms of the loss and of each number of the gradient: the same formulas
    /// for the linear model, with no minus sign.
    fn scale(&self, x: MatRef<'_, f64>) -> Exact {
        let model = self.model();
        let size = |w: MatRef<'_, f32>| {
            Mat::from_fn(w.nrows(), w.ncols(), |i, j| f64::from(w[(i, j)]).abs())
        };
        let (w, w_dec, b) = (size(model.w()), size(model.w_dec()), self.bias());
        let h = &w * x;
        let z = w_dec.transpose() * &h;
        let r = Mat::from_fn(x.nrows(), x.ncols(), |i, s| {
            z[(i, s)] + b[i].abs() + x[(i, s)]
        });
        let weight = |i: usize| f64::from(self.importance[i]) / (x.nrows() * x.ncols()) as f64;
        let g = Mat::from_fn(x.nrows(), x.ncols(), |i, s| 2.0 * weight(i) * r[(i, s)]);
        let row_sum = |of: &dyn Fn(usize) -> f64| (0..x.ncols()).map(of).sum::<f64>();
        let loss = (0..x.nrows())
            .map(|i| weight(i) * row_sum(&|s| r[(i, s)].powi(2)))
            .sum();
        let d_b: Vec<f64> = (0..x.nrows()).map(|i| row_sum(&|s| g[(i, s)])).collect();
        let d_enc = (&w_dec * &g) * x.transpose();
        let d_dec = &h * g.transpose();
        (loss, self.join(d_enc, d_dec, &d_b))
    }

    fn bias(&self) -> Vec<f64> {
        self.model()
            .b()
            .map_or(vec![0.0; self.config.dimensions.n_features], widen)
    }

    /// The gradient in the layout of the parameters: a tied W has the sum of both.
    fn join(&self, d_enc: Mat<f64>, d_dec: Mat<f64>, d_b: &[f64]) -> Vec<f64> {
        let model = self.model();
        let mut gradient = vec![0.0; model.parameters().len()];
        let layout = model.layout();
        let m = self.config.dimensions.n_hidden;
        for (range, d) in [(layout.w, d_enc), (layout.w_dec, d_dec)] {
            for (at, gradient) in gradient[range].iter_mut().enumerate() {
                *gradient += d[(at % m, at / m)];
            }
        }
        if let Some(b) = layout.b {
            gradient[b].copy_from_slice(d_b);
        }
        gradient
    }

    /// Whether ReLU may see another sign in f32 than in f64, after which gradients differ by whole terms.
    ///
    /// A sample without active features has exactly the biases as its outputs.
    fn is_near_the_kink(&self) -> bool {
        let (x, model, b) = (self.batch(), self.model(), self.bias());
        let (w, w_dec) = (wide(model.w()), wide(model.w_dec()));
        let z = w_dec.transpose() * (&w * &x);
        self.config.output == Output::Relu
            && (0..x.ncols())
                .filter(|&s| (0..x.nrows()).any(|i| x[(i, s)] != 0.0))
                .any(|s| (0..x.nrows()).any(|i| (z[(i, s)] + b[i]).abs() < NEAR_THE_KINK))
    }

    /// How many terms are added one after another to make a number of the gradient.
    fn length(&self) -> usize {
        let Dimensions {
            n_features,
            n_hidden,
        } = self.config.dimensions;
        // Eight more for the scale, the residual, the bias and the sum of both gradients.
        self.batch_size + 2 * n_features + n_hidden + 8
    }

    /// The tolerances of the loss and of each number of the gradient.
    fn tolerances(&self, x: MatRef<'_, f64>) -> (Tolerance, Vec<Tolerance>) {
        let (loss, gradient) = self.scale(x);
        let tolerance = |scale| Tolerance::reduction_f32(self.length(), scale);
        (
            tolerance(loss),
            gradient.into_iter().map(tolerance).collect(),
        )
    }

    /// Asserts all that must hold.
    fn check(&self) {
        assert!(!self.is_near_the_kink(), "another seed, please: {self:?}");
        let exact = self.batch();
        let (loss, gradient) = self.oracle(exact.as_ref());
        let (loss_tolerance, tolerances) = self.tolerances(exact.as_ref());
        let mut theirs = vec![0.0; gradient.len()];
        let x = self.sampled();
        let their_loss =
            self.model()
                .loss_and_gradient_into(x.as_ref(), &self.importance, &mut theirs);
        for form in FORMS {
            let scalar = self.outcome(Kernel::Scalar, form);
            for (kernel, n_workers) in [
                (Kernel::Auto, 1),
                (Kernel::Auto, 2),
                (Kernel::Auto, 3),
                (Kernel::Avx2, 1),
                (Kernel::Avx512, 1),
            ] {
                if Instructions::select(kernel).is_ok() {
                    let other = self.outcome_by(kernel, form, n_workers);
                    assert_eq!(bits(&scalar), bits(&other), "{form} {kernel}: {self:?}");
                }
            }
            for (loss, gradient) in [(loss, &gradient), (their_loss, &widen(&theirs))] {
                assert!(
                    loss_tolerance.accepts(scalar.0, loss),
                    "{form}: loss {} {loss} of {self:?}",
                    scalar.0
                );
                for (at, (ours, expected)) in scalar.1.iter().zip(gradient).enumerate() {
                    assert!(
                        tolerances[at].accepts(f64::from(*ours), *expected),
                        "{form}: gradient {at} is {ours}, not {expected}, of {self:?}"
                    );
                }
            }
        }
    }
}

/// The loss and gradient of step 9, after another step; the workers take turns where threads would wait.
pub(super) fn outcome(step: &Step, n_workers: usize) -> Outcome {
    let n_workers = n_workers.min(step.most_workers());
    let mut workers: Vec<Worker> = (0..n_workers)
        .map(|id| step.worker(id, n_workers, 8))
        .collect();
    for k in [8, 9] {
        for worker in &mut workers {
            step.accumulate(worker, k);
        }
        for worker in &mut workers {
            step.differentiate(worker);
        }
    }
    let mut gradient = vec![f32::NAN; step.layout.len()];
    for part in &step.parts {
        let part = read(part);
        part.gather(&part.gradient, &mut gradient);
    }
    (step.loss(), gradient)
}

pub(super) fn wide(x: MatRef<'_, f32>) -> Mat<f64> {
    Mat::from_fn(x.nrows(), x.ncols(), |i, j| f64::from(x[(i, j)]))
}

pub(super) fn bits(outcome: &Outcome) -> (u64, Vec<u32>) {
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
        (3, 2, 1040),
        (8, 4, 100),
        (8, 8, 33),
        (15, 2, 64),
        (16, 16, 65),
        (17, 17, 3),
        (64, 7, 10),
        (65, 6, 128),
        (113, 20, 70),
        (150, 10, 700),
        (270, 4, 40),
    ] {
        for p in [0.0, 0.05, 0.2, 1.0] {
            let mut case = Case::new(n, m, batch_size, p);
            while case.is_near_the_kink() {
                case.seed += 1;
            }
            case.check();
        }
    }
}

#[test]
fn every_variant_with_mixed_probabilities() {
    for n_features in [21, 5] {
        for output in [Output::Relu, Output::Linear] {
            for bias in [Bias::Learned, Bias::None] {
                for coupling in [Coupling::Tied, Coupling::Untied] {
                    let mut case = Case::new(n_features, 4, 100, 0.3);
                    case.config = case
                        .config
                        .with_output(output)
                        .with_bias(bias)
                        .with_coupling(coupling);
                    (case.probability[3], case.probability[4], case.importance[2]) =
                        (0.0, 1.0, 0.0);
                    case.check();
                    // And with all unlikely, where gaps are drawn.
                    for p in &mut case.probability {
                        *p *= 0.08;
                    }
                    case.check();
                }
            }
        }
    }
}

#[test]
fn sets_of_features() {
    for set_size in [2, 3, 30] {
        for sets in [
            FeatureSets::Correlated { set_size },
            FeatureSets::Anticorrelated { set_size },
        ] {
            let mut case = Case::new(20, 4, 300, 0.04);
            case.sets = sets;
            case.check();
            // The last set is less likely than the others.
            let last = 20 / set_size * set_size;
            case.probability[last..].fill(0.01);
            case.check();
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
        prop_assume!(!case.is_near_the_kink());
        case.check();
    }
}

#[test]
fn a_wrong_gradient_would_be_seen() {
    let case = Case::new(21, 5, 100, 0.3);
    let x = case.batch();
    let (loss, gradient) = case.oracle(x.as_ref());
    let (loss_tolerance, tolerances) = case.tolerances(x.as_ref());
    // The mean over all samples but the last, made up to a sum over as many.
    let (short_loss, short) = case.oracle(x.as_ref().subcols(0, 99));
    assert!(!loss_tolerance.accepts(0.99 * short_loss, loss));
    let n_seen = (0..gradient.len())
        .filter(|&at| !tolerances[at].accepts(0.99 * short[at], gradient[at]))
        .count();
    // It has nothing to say about the features that were off and the outputs at which ReLU was.
    assert!(2 * n_seen > gradient.len(), "{n_seen}");
    // A parameter's tolerance is that of its own terms: an error in the smallest is seen beside the largest.
    let n_seen = (0..gradient.len())
        .filter(|&at| !tolerances[at].accepts(1.01 * gradient[at], gradient[at]))
        .count();
    assert!(10 * n_seen > 9 * gradient.len(), "{n_seen}");
}

#[test]
fn importance_of_zero_leaves_an_output_out() {
    let mut case = Case::new(5, 2, 64, 0.5);
    case.importance = vec![1.0, 0.0, 1.0, 1.0, 1.0];
    for form in FORMS {
        let (_, gradient) = case.outcome(Kernel::Auto, form);
        assert_eq!(gradient[5 * 2 + 1], 0.0);
        assert_ne!(gradient[5 * 2], 0.0);
    }
}

#[test]
fn nan_reaches_the_loss_and_the_gradient_in_all_forms() {
    for n in [20, 5] {
        let case = Case::new(n, 4, 64, 0.5);
        let mut model = case.model();
        // A bias, which ReLU alone would hide.
        *model.parameters_mut().last_mut().unwrap() = f32::NAN;
        let are_nan = |values: &[f32]| values.iter().map(|v| v.is_nan()).collect::<Vec<_>>();
        let mut gradient = vec![0.0; model.parameters().len()];
        let x = case.sampled();
        let loss = model.loss_and_gradient_into(x.as_ref(), &case.importance, &mut gradient);
        let theirs = are_nan(&gradient);
        assert!(
            loss.is_nan() && *theirs.last().unwrap() && !theirs[model.layout().b.unwrap().start]
        );
        for form in FORMS {
            for kernel in [Kernel::Scalar, Kernel::Auto] {
                let step = case.step(kernel, form);
                let zeros = vec![0.0; gradient.len()];
                step.set(model.parameters(), &zeros, &zeros);
                let (loss, gradient) = outcome(&step, 1);
                assert!(loss.is_nan(), "{form} {kernel}");
                assert_eq!(are_nan(&gradient), theirs, "{form} {kernel}");
            }
        }
    }
}

#[test]
fn the_cost_rule_prefers_gram_where_few_features_are_active() {
    let chosen = |n_features, n_hidden, batch_size, p: f64| {
        let config = ToyModelConfig::new(Dimensions {
            n_features,
            n_hidden,
        });
        let probability = FeatureProbability::Same(p);
        let distribution = FeatureDistribution::new(n_features, &probability).unwrap();
        let sampler = Sampler::new(&distribution);
        let task = Task::new(distribution, vec![1.0; n_features]).unwrap();
        choose(StepForm::Auto, &config, batch_size, &sampler, &task)
    };
    assert_eq!(chosen(100, 20, 1024, 0.1), StepForm::Gram);
    assert_eq!(chosen(100, 20, 1024, 1.0), StepForm::Direct);
    assert_eq!(chosen(400, 30, 1024, 0.01), StepForm::Gram);
    assert_eq!(chosen(400, 30, 1024, 0.5), StepForm::Direct);
    // Not a matrix of 40 GB.
    assert_eq!(chosen(100_000, 100, 1024, 1e-6), StepForm::Direct);
    assert_eq!(chosen(5, 2, 1024, 0.1), StepForm::Tiny);
    assert_ne!(chosen(5, 5, 1024, 0.1), StepForm::Tiny);
}

#[test]
fn too_much_work_space_is_refused() {
    let error = |n_features: usize, n_hidden: usize, batch_size: usize, form: StepForm| {
        let config = ToyModelConfig::new(Dimensions {
            n_features,
            n_hidden,
        });
        let probability = FeatureProbability::Same(0.1);
        let distribution = FeatureDistribution::new(n_features, &probability).unwrap();
        let task = Task::new(distribution, vec![1.0; n_features]).unwrap();
        check_work(&config, &task, batch_size, form)
    };
    let Err(TrainError::TooLarge { elements, .. }) = error(100_000, 1, 1, StepForm::Gram) else {
        panic!("G was not counted")
    };
    assert!(elements > 30_000_000_000);
    assert_eq!(error(100_000, 1, 1, StepForm::Direct), Ok(()));
    assert_eq!(error(10_000, 1_000, 1024, StepForm::Auto), Ok(()));
    // The shard enters, and no more than one.
    assert_eq!(error(25_000_000, 1, 1, StepForm::Direct), Ok(()));
    assert!(error(25_000_000, 1, 64, StepForm::Direct).is_err());
    assert_eq!(
        error(1_000_000, 16, u32::MAX as usize, StepForm::Direct),
        Ok(())
    );
}
