//! What only the direct form has: a hidden layer of its own, targets, signs, examples, attacks and the L1 penalty, against the f64
//! oracle and the model's own gradient, with the same bits from all instructions and any number of workers.

use faer::Mat;
use proptest::prelude::*;
use rand::Rng;
use superposition_model::{
    Bias, FeatureDistribution, FeatureProbability, Initialization, Magnitude, SparseBatch,
    ToyModel, ToyModelConfig,
};
use superposition_testkit::oracle::{
    HiddenLayer, finite_difference, hidden_layer, hidden_layer_scale,
};
use superposition_testkit::tolerance::{Tolerance, widen};

use super::choose::choose;
use super::tests::{bits, outcome, wide};
use super::*;
use crate::kernel::{SampleRows, flat};
use crate::{Kernel, TrainError};

#[derive(Clone, Debug)]
struct Case {
    config: ToyModelConfig,
    task: Task,
    batch_size: usize,
    seed: u64,
}

impl Case {
    fn new(n_features: usize, n_hidden: usize, batch_size: usize, p: f64) -> Self {
        let probability = FeatureProbability::Same(p);
        let distribution = FeatureDistribution::new(n_features, &probability).unwrap();
        let importance = (0..n_features).map(|i| 1.0 / (1 + i % 5) as f32).collect();
        Self {
            config: ToyModelConfig::new(Dimensions {
                n_features,
                n_hidden,
            }),
            task: Task::new(distribution, importance).unwrap(),
            batch_size,
            seed: 5,
        }
    }

    fn model(&self) -> ToyModel {
        let mut rng = Stream::Initialization.rng(self.seed, 0, 0);
        let initialization = Initialization::Normal { std: 0.4 };
        let mut model = ToyModel::random(self.config, initialization, &mut rng).unwrap();
        let layout = model.layout();
        for range in [layout.b, layout.b_enc] {
            let biases = &mut model.parameters_mut()[range.unwrap_or(0..0)];
            for (k, b) in biases.iter_mut().enumerate() {
                *b = 0.11 * ((k % 7) as f32 - 3.0) + 0.013;
            }
        }
        model
    }

    fn step(&self, kernel: Kernel) -> Step {
        let model = self.model();
        let step = Step::new(
            &self.config,
            model.layout(),
            &self.task,
            self.batch_size,
            self.seed,
            Instructions::select(kernel).unwrap(),
            StepForm::Auto,
        );
        let zeros = vec![0.0; model.parameters().len()];
        step.set(model.parameters(), &zeros, &zeros);
        step
    }

    /// The batch of step 9.
    fn batch(&self) -> Mat<f32> {
        if let Some(examples) = &self.task.examples {
            return examples.to_dense();
        }
        let step = self.step(Kernel::Scalar);
        let n = self.config.dimensions.n_features;
        let mut x = Mat::zeros(n, self.batch_size);
        let most = step.shard_samples;
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

    fn layer(&self) -> HiddenLayer {
        HiddenLayer {
            n: self.config.dimensions.n_features,
            m: self.config.dimensions.n_hidden,
            untied: self.config.coupling == Coupling::Untied,
            bias: self.config.bias == Bias::Learned,
            hidden_bias: self.config.hidden_bias == Bias::Learned,
            relu: self.config.output == Output::Relu,
            hidden_relu: self.config.hidden == Hidden::Relu,
        }
    }

    fn target(&self, x: &Mat<f32>) -> Mat<f32> {
        match self.task.target {
            Target::Input => x.clone(),
            Target::Absolute => Mat::from_fn(x.nrows(), x.ncols(), |i, s| x[(i, s)].abs()),
            Target::And => Mat::from_fn(x.nrows(), x.ncols(), |i, s| {
                let both = x[(i, s)] == 1.0 && x[((i + 1) % x.nrows(), s)] == 1.0;
                f32::from(u8::from(both))
            }),
        }
    }

    /// Moves the samples of step 9 as they are attacked, in f64; none if the sign of an attack hangs by rounding.
    fn attack(&self, x: &Mat<f64>, y: &Mat<f64>) -> Option<Mat<f64>> {
        let Dimensions {
            n_features: n,
            n_hidden: m,
        } = self.config.dimensions;
        let model = self.model();
        let step = self.step(Kernel::Scalar);
        let (w, w_dec) = (wide(model.w()), wide(model.w_dec()));
        let mut attacked = x.clone();
        for s in 0..x.ncols() {
            let shard = s / step.shard_samples;
            let mut rng = Stream::Attack.rng(self.seed, 9, shard as u32);
            let u = (0..=s % step.shard_samples).map(|_| rng.next_u32());
            let j = ((u64::from(u.last()?) * n as u64) >> 32) as usize;
            let d: Vec<f64> = (0..n)
                .map(|i| (0..m).map(|k| w[(k, i)] * w_dec[(k, j)]).sum())
                .collect();
            let norm = d.iter().map(|d| d * d).sum::<f64>().sqrt();
            if norm == 0.0 {
                continue;
            }
            let error = |sign: f64| {
                let moved = |i: usize| x[(i, s)] + sign * self.task.attack * d[i] / norm;
                let z = (0..n).map(|i| moved(i) * d[i]).sum::<f64>()
                    + model.b().map_or(0.0, |b| f64::from(b[j]));
                match self.config.output {
                    Output::Relu => (z.max(0.0) - y[(j, s)]).abs(),
                    Output::Linear => (z - y[(j, s)]).abs(),
                }
            };
            let (plus, minus) = (error(1.0), error(-1.0));
            // Where the output is 0 on both sides, both do the same, and the first is taken.
            if plus != minus && (plus - minus).abs() < 1e-5 {
                return None;
            }
            let sign = if plus >= minus { 1.0 } else { -1.0 };
            for i in 0..n {
                attacked[(i, s)] += sign * self.task.attack * d[i] / norm;
            }
        }
        Some(attacked)
    }

    /// Asserts all that must hold; says whether the case could be judged, nothing being at a kink.
    fn check(&self) -> bool {
        let model = self.model();
        let x = self.batch();
        let y = self.target(&x);
        let parameters = widen(model.parameters());
        let importance = widen(&self.task.importance);
        let (mut wide_x, wide_y) = (wide(x.as_ref()), wide(y.as_ref()));
        if self.task.attack > 0.0 {
            match self.attack(&wide_x, &wide_y) {
                Some(attacked) => wide_x = attacked,
                None => return false,
            }
        }
        let x = Mat::from_fn(x.nrows(), x.ncols(), |i, s| wide_x[(i, s)] as f32);
        let (wide_x, wide_y) = (wide_x.as_ref(), wide_y.as_ref());
        let (layer, l1) = (self.layer(), self.task.hidden_l1);
        let (loss, gradient, nearest) =
            hidden_layer(layer, &parameters, wide_x, wide_y, &importance, l1);
        if nearest < 1e-5 {
            return false;
        }
        let (loss_scale, scale) =
            hidden_layer_scale(layer, &parameters, wide_x, wide_y, &importance, l1);
        let mut theirs = vec![f32::NAN; gradient.len()];
        let importance = &self.task.importance;
        let their_loss =
            model.loss_and_gradient_against_into(x.as_ref(), y.as_ref(), importance, &mut theirs)
                + model.add_hidden_l1(x.as_ref(), l1, &mut theirs);
        let ours = outcome(&self.step(Kernel::Scalar), 1);
        for (kernel, n_workers) in [
            (Kernel::Auto, 1),
            (Kernel::Auto, 2),
            (Kernel::Auto, 3),
            (Kernel::Avx2, 1),
            (Kernel::Avx512, 1),
        ] {
            if Instructions::select(kernel).is_ok() {
                let other = outcome(&self.step(kernel), n_workers);
                assert_eq!(bits(&ours), bits(&other), "{kernel} {n_workers}: {self:?}");
            }
        }
        let length = self.batch_size + 2 * layer.n + 2 * layer.m + 12;
        for (loss, gradient) in [(loss, &gradient), (their_loss, &widen(&theirs))] {
            let tolerance = Tolerance::reduction_f32(length, loss_scale);
            assert!(
                tolerance.accepts(ours.0, loss),
                "{} {loss}: {self:?}",
                ours.0
            );
            for (at, (ours, expected)) in ours.1.iter().zip(gradient).enumerate() {
                let tolerance = Tolerance::reduction_f32(length, scale[at]);
                assert!(
                    tolerance.accepts(f64::from(*ours), *expected),
                    "gradient {at} is {ours}, not {expected}, of {self:?}"
                );
            }
        }
        true
    }

    /// Asserts it of the first seed with which nothing is at a kink.
    fn check_some(&mut self) {
        let judged = (0..50).any(|seed| {
            self.seed = seed;
            self.check()
        });
        assert!(judged, "{self:?}");
    }
}

fn with_magnitude(task: Task, magnitude: Magnitude) -> Task {
    Task {
        distribution: task.distribution.with_magnitude(magnitude),
        ..task
    }
}

fn signed(task: Task) -> Task {
    with_magnitude(task, Magnitude::Signed)
}

/// Of binary features whether each and the next are active.
fn conjunction(task: Task) -> Task {
    with_magnitude(task, Magnitude::Binary).with_target(Target::And)
}

#[test]
fn every_option_with_every_variant() {
    for (n, m, batch_size, p) in [(21, 5, 100, 0.3), (5, 3, 40, 0.6), (34, 18, 150, 0.05)] {
        for hidden in [Hidden::Linear, Hidden::Relu] {
            for hidden_bias in [Bias::None, Bias::Learned] {
                if hidden == Hidden::Linear && hidden_bias == Bias::Learned {
                    continue;
                }
                for (bias, coupling, output) in [
                    (Bias::Learned, Coupling::Tied, Output::Relu),
                    (Bias::None, Coupling::Untied, Output::Relu),
                    (Bias::Learned, Coupling::Untied, Output::Linear),
                    (Bias::None, Coupling::Tied, Output::Relu),
                ] {
                    for (target, l1) in [
                        (Target::Input, 0.2),
                        (Target::Absolute, 0.0),
                        (Target::And, 0.0),
                    ] {
                        let mut case = Case::new(n, m, batch_size, p);
                        case.config = case
                            .config
                            .with_hidden(hidden)
                            .with_hidden_bias(hidden_bias)
                            .with_bias(bias)
                            .with_coupling(coupling)
                            .with_output(output);
                        case.task = match target {
                            Target::And => conjunction(case.task),
                            _ => signed(case.task).with_target(target),
                        };
                        case.task = case.task.with_hidden_l1(l1).unwrap();
                        case.check_some();
                    }
                }
            }
        }
    }
}

#[test]
fn attacks_with_every_variant() {
    for (n, m, batch_size, p) in [(21, 5, 100, 0.3), (5, 3, 40, 0.6), (34, 18, 150, 0.05)] {
        for (bias, coupling, output, target) in [
            (Bias::Learned, Coupling::Tied, Output::Relu, Target::Input),
            (Bias::None, Coupling::Untied, Output::Relu, Target::Absolute),
            (
                Bias::Learned,
                Coupling::Untied,
                Output::Linear,
                Target::Input,
            ),
            (Bias::Learned, Coupling::Tied, Output::Linear, Target::And),
        ] {
            for (attack, l1) in [(0.1, 0.0), (2.0, 0.2)] {
                let mut case = Case::new(n, m, batch_size, p);
                case.config = case
                    .config
                    .with_bias(bias)
                    .with_coupling(coupling)
                    .with_output(output);
                case.task = match target {
                    Target::Input => case.task,
                    Target::Absolute => signed(case.task).with_target(target),
                    Target::And => conjunction(case.task),
                };
                case.task = case.task.with_attack(attack).unwrap();
                case.task = case.task.with_hidden_l1(l1).unwrap();
                case.check_some();
            }
        }
    }
}

#[test]
fn examples_around_the_shards() {
    for n_examples in [1, 5, 127, 128, 129, 400, 600] {
        let mut case = Case::new(19, 2, n_examples, 0.2);
        let x = case
            .task
            .distribution
            .sample(n_examples, &mut Stream::Evaluation.rng(1, 0, 0));
        let mut examples = SparseBatch::from_dense(x.as_ref()).unwrap();
        examples.normalize();
        case.task = case.task.with_examples(examples).unwrap();
        case.check_some();
        let mut attacked = case.clone();
        attacked.task = attacked.task.with_attack(0.1).unwrap();
        attacked.check_some();
        // The same at every step.
        let step = case.step(Kernel::Auto);
        let mut worker = step.worker(0, 1, 0);
        let losses = [0, 1].map(|k| {
            step.accumulate(&mut worker, k);
            step.loss()
        });
        assert_eq!(losses[0], losses[1]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_shape(
        n in 1_usize..40,
        m in 1_usize..24,
        batch_size in 1_usize..150,
        p in prop_oneof![Just(0.0), Just(1.0), 0.0..1.0],
        relu: bool,
        target in prop_oneof![Just(Target::Input), Just(Target::Absolute), Just(Target::And)],
        l1 in prop_oneof![Just(0.0), 0.0..1.0],
        attack in prop_oneof![Just(0.0), 0.0..1.0],
        seed: u64,
    ) {
        let mut case = Case::new(n, m, batch_size, p);
        case.seed = seed;
        case.task = match target {
            Target::And => conjunction(case.task),
            _ => signed(case.task).with_target(target),
        };
        case.task = case.task.with_hidden_l1(l1).unwrap();
        if relu {
            case.config = case.config.with_hidden(Hidden::Relu).with_hidden_bias(Bias::Learned);
        } else {
            case.task = case.task.with_attack(attack).unwrap();
        }
        prop_assume!(case.check());
    }
}

#[test]
fn only_the_direct_form_has_them() {
    let plain = Case::new(5, 2, 64, 0.1);
    let mut relu = plain.clone();
    relu.config = relu.config.with_hidden(Hidden::Relu);
    let with = |task: Task| Case {
        task,
        ..plain.clone()
    };
    let task = || plain.task.clone();
    let examples = SparseBatch::from_dense(Mat::<f32>::identity(5, 5).as_ref()).unwrap();
    let others = [
        relu,
        with(signed(task())),
        with(task().with_target(Target::Absolute)),
        with(with_magnitude(task(), Magnitude::Binary)),
        with(task().with_hidden_l1(0.1).unwrap()),
        with(task().with_attack(0.1).unwrap()),
        Case {
            batch_size: 5,
            ..with(task().with_examples(examples).unwrap())
        },
    ];
    let chosen = |case: &Case, form| {
        let sampler = Sampler::new(&case.task.distribution);
        choose(form, &case.config, case.batch_size, &sampler, &case.task)
    };
    assert_eq!(chosen(&plain, StepForm::Auto), StepForm::Tiny);
    for case in &others {
        for form in [StepForm::Auto, StepForm::Tiny] {
            assert_eq!(chosen(case, form), StepForm::Direct);
        }
        let check = |form| check_work(&case.config, &case.task, case.batch_size, form);
        assert!(matches!(
            check(StepForm::Gram),
            Err(TrainError::NoForm { .. })
        ));
        assert_eq!(check(StepForm::Direct), Ok(()));
    }
    let mut attacked = others[0].clone();
    attacked.task = attacked.task.with_attack(0.1).unwrap();
    assert_eq!(
        check_work(&attacked.config, &attacked.task, 64, StepForm::Auto),
        Err(TrainError::AttackThroughRelu)
    );
}

#[test]
fn the_l1_norm_of_the_weights_adds_their_signs() {
    for coupling in [Coupling::Tied, Coupling::Untied] {
        let mut case = Case::new(40, 3, 16, 0.1);
        case.config = case.config.with_coupling(coupling);
        for n_workers in [1, 2] {
            let step = case.step(Kernel::Auto);
            let model = case.model();
            let gradient = |step: &Step| {
                let mut gradient = vec![f32::NAN; step.layout.len()];
                for part in &step.parts {
                    let part = read(part);
                    part.gather(&part.gradient, &mut gradient);
                }
                gradient
            };
            assert!(gradient(&step).iter().all(|&g| g == 0.0));
            for id in 0..n_workers {
                step.add_weight_l1(&step.worker(id, n_workers, 0), 0.25);
            }
            // By differences of the norm itself, which is linear between kinks.
            let biases = model.layout().b.unwrap();
            let norm = |parameters: &[f64]| {
                let weights = parameters.iter().enumerate();
                let weights = weights.filter(|(at, _)| !biases.contains(at));
                0.25 * weights.map(|(_, w)| w.abs()).sum::<f64>()
            };
            let expected = finite_difference(norm, &widen(model.parameters()), 1e-6);
            for (ours, expected) in gradient(&step).iter().zip(expected) {
                assert!((f64::from(*ours) - expected).abs() < 1e-6);
            }
        }
    }
}

#[test]
fn columns_are_pulled_to_unit_norm() {
    let mut case = Case::new(40, 3, 16, 0.1);
    case.config = case.config.with_bias(Bias::Learned);
    let mut model = case.model();
    model.parameters_mut()[..3].fill(0.0);
    for n_workers in [1, 2] {
        let step = case.step(Kernel::Auto);
        let zeros = vec![0.0; model.parameters().len()];
        step.set(model.parameters(), &zeros, &zeros);
        let n_workers = step.most_workers().min(n_workers);
        for id in 0..n_workers {
            step.pull_to_unit_norm(&step.worker(id, n_workers, 0), 0.25);
        }
        let mut moved = model.parameters().to_vec();
        step.gather_parameters(&mut moved);
        let w = model.layout().w;
        assert_eq!(moved[w.end..], model.parameters()[w.end..]);
        for (i, (after, before)) in moved[w.clone()]
            .chunks_exact(3)
            .zip(model.parameters()[w].chunks_exact(3))
            .enumerate()
        {
            let before = widen(before);
            let norm = before.iter().map(|w| w * w).sum::<f64>().sqrt();
            for (after, before) in after.iter().zip(before) {
                let expected = if i == 0 {
                    0.0
                } else {
                    before - 0.25 * (before - before / norm)
                };
                assert!((f64::from(*after) - expected).abs() < 1e-7);
            }
        }
    }
}
