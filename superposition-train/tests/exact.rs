//! Training on the exact gradient: against the expected loss in f64, alone and in lanes.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use proptest::prelude::*;
use superposition_model::{
    Bias, Coupling, Dimensions, FeatureDistribution, FeatureProbability, FeatureSets,
    Initialization, Output, ToyModel, ToyModelConfig,
};
use superposition_train::{
    AdamConfig, Decay, Job, Kernel, Schedule, Task, TrainError, TrainOptions, train_exact,
};

const ONE: NonZeroUsize = NonZeroUsize::MIN;

fn job(p: [f64; 2], importance: [f32; 2], options: TrainOptions) -> Job {
    let config = ToyModelConfig::new(Dimensions {
        n_features: 2,
        n_hidden: 1,
    });
    let probability = FeatureProbability::PerFeature(p.to_vec());
    let distribution = FeatureDistribution::new(2, &probability).unwrap();
    let task = Task::new(distribution, importance.to_vec()).unwrap();
    Job::new(config, task, options)
}

/// Adam that is gradient descent with the rate 1/8.
fn descent() -> TrainOptions {
    let adam = AdamConfig::default()
        .with_betas(0.0, 0.0)
        .with_epsilon(1e12)
        .with_learning_rate(1.25e11);
    TrainOptions::default().with_n_steps(1).with_adam(adam)
}

fn loss(job: &Job, parameters: &[f64]) -> f64 {
    let rounded = parameters.iter().map(|&p| p as f32).collect();
    let model = ToyModel::new(job.config, rounded).unwrap();
    model
        .population_loss(&job.task.distribution, &job.task.importance, 1e-12)
        .unwrap()
        .value
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn a_step_is_the_gradient_of_the_population_loss(
        p in prop::array::uniform2(prop_oneof![Just(1.0), 0.01..1.0]),
        importance in prop::array::uniform2(0.0_f32..5.0),
        std in prop_oneof![Just(0.1), Just(1.0)],
        seed: u64,
    ) {
        let options = descent().with_seed(seed).with_initialization(Initialization::Normal { std });
        // The second step: the first leaves the kink at bias 0, where differences see both sides.
        let [before, after] = [1, 2].map(|n_steps| {
            let job = job(p, importance, options.clone().with_n_steps(n_steps));
            train_exact(&[job], ONE).swap_remove(0).unwrap()
        });
        let job = job(p, importance, options);
        let exact: Vec<f64> = before.model.parameters().iter().map(|&x| x.into()).collect();
        let size = exact.iter().fold(1.0, |size, x| x.abs().max(size));
        prop_assume!(exact[2..].iter().all(|b| b.abs() > 2e-5));
        let scale = (1.0 + f64::from(importance[0].max(importance[1]))) * size.powi(3);
        let expected = loss(&job, &exact);
        prop_assert!((f64::from(after.losses[1]) - expected).abs() < 1e-6 * scale * size);
        for k in 0..4 {
            let gradient = 8.0 * f64::from(before.model.parameters()[k] - after.model.parameters()[k]);
            let [(up, right), (down, left)] = [1.0, -1.0].map(|sign| {
                let mut moved = exact.clone();
                moved[k] = f64::from((moved[k] + sign * 1e-6 * size) as f32);
                (loss(&job, &moved), moved[k])
            });
            let numeric = (up - down) / (right - left);
            prop_assert!((gradient - numeric).abs() < 2e-5 * scale, "{}: {} {}", k, gradient, numeric);
        }
    }
}

/// Forty models, more than two chunks of lanes, that differ in all that may differ.
fn forty() -> Vec<Job> {
    (0..40)
        .map(|k| {
            let x = f64::from(k) / 39.0;
            let options = TrainOptions::default()
                .with_n_steps(60)
                .with_seed(k as u64)
                .with_loss_every(7)
                .with_adam(AdamConfig::torch_adamw().with_learning_rate(0.05))
                .with_schedule(Schedule::default().with_decay(Decay::Cosine { last: 0.1 }));
            let mut job = job([x, 1.0 - x], [1.0, 0.1 + x as f32], options);
            if k % 5 == 0 {
                job.config = job.config.with_bias(Bias::None);
            }
            job
        })
        .collect()
}

#[test]
fn neither_lanes_nor_threads_nor_instructions_enter() {
    let jobs = forty();
    let alone: Vec<_> = jobs
        .iter()
        .map(|job| train_exact(std::slice::from_ref(job), ONE).swap_remove(0))
        .collect();
    assert!(alone.iter().all(|trained| trained.is_ok()));
    for threads in [1, 2, 3, 9] {
        let threads = NonZeroUsize::new(threads).unwrap();
        assert_eq!(train_exact(&jobs, threads), alone);
    }
    let mut reversed: Vec<_> = jobs.iter().rev().cloned().collect();
    let mut outcomes = train_exact(&reversed, ONE);
    outcomes.reverse();
    assert_eq!(outcomes, alone);
    for job in &mut reversed {
        job.options.kernel = Kernel::Scalar;
    }
    let mut outcomes = train_exact(&reversed, ONE);
    outcomes.reverse();
    assert_eq!(outcomes, alone);
}

#[test]
fn losses_fall_to_those_of_sampled_training() {
    // Two features that share the dimension as opposites, and dense ones that cannot: the best of eight seeds of
    // either kind of training, judged by the population loss, agree to a percent; the exact one is not above.
    for p in [0.1, 1.0] {
        let best = |trained: Vec<ToyModel>, job: &Job| {
            trained
                .iter()
                .map(|model| {
                    let widened: Vec<f64> = model.parameters().iter().map(|&x| x.into()).collect();
                    loss(job, &widened)
                })
                .fold(f64::INFINITY, f64::min)
        };
        let jobs = |options: TrainOptions| -> Vec<Job> {
            (0..8)
                .map(|seed| job([p; 2], [1.0; 2], options.clone().with_seed(seed)))
                .collect()
        };
        let with_rate = |rate| AdamConfig::default().with_learning_rate(rate);
        let options = TrainOptions::default().with_n_steps(400);
        let exact = jobs(options.clone().with_adam(with_rate(0.05)));
        let exact_best = best(
            train_exact(&exact, ONE)
                .into_iter()
                .map(|t| t.unwrap().model)
                .collect(),
            &exact[0],
        );
        let sampled = jobs(options.with_n_steps(3000).with_adam(with_rate(3e-3)));
        let trained = sampled.iter().map(|job| {
            let trained = job.train(ONE, &mut |_| ControlFlow::Continue(()));
            trained.unwrap().model
        });
        let sampled_best = best(trained.collect(), &sampled[0]);
        assert!(
            exact_best <= sampled_best * 1.0001,
            "{exact_best} {sampled_best}"
        );
        assert!(
            exact_best >= sampled_best * 0.99,
            "{exact_best} {sampled_best}"
        );
    }
}

#[test]
fn what_has_no_exact_gradient_is_refused_and_the_rest_is_trained() {
    let good = job([0.1; 2], [1.0; 2], descent());
    let mut start = None;
    good.train(ONE, &mut |progress| {
        start = Some(progress.checkpoint());
        ControlFlow::Continue(())
    })
    .unwrap();
    let start = start.unwrap();
    let change = |change: &dyn Fn(&mut Job)| {
        let mut job = good.clone();
        change(&mut job);
        job
    };
    let sets = FeatureSets::Correlated { set_size: 2 };
    let bad = [
        change(&|job| job.config.dimensions.n_hidden = 2),
        change(&|job| job.config = job.config.with_output(Output::Linear)),
        change(&|job| job.config = job.config.with_coupling(Coupling::Untied)),
        change(&|job| {
            job.task.distribution = job.task.distribution.clone().with_sets(sets).unwrap();
        }),
        change(&|job| job.options.loss_below = Some(0.1)),
        change(&|job| job.options.clip_norm = Some(0.1)),
        change(&|job| {
            job.start = Some(start.clone());
        }),
    ];
    let mut jobs = vec![good.clone()];
    jobs.extend(bad);
    jobs.push(change(&|job| job.options.n_steps = 0));
    jobs.push(change(&|job| job.options.n_steps = usize::MAX));
    jobs.push(change(&|job| job.options.n_steps = 5));
    jobs.push(good);
    let outcomes = train_exact(&jobs, ONE);
    assert!(outcomes[0].is_ok());
    assert_eq!(outcomes[11], outcomes[0]);
    assert_eq!(outcomes[10].as_ref().unwrap().losses.len(), 5);
    assert!(matches!(outcomes[9], Err(TrainError::TooLarge { .. })));
    for outcome in &outcomes[1..8] {
        let error = outcome.as_ref().unwrap_err();
        assert!(
            matches!(error, TrainError::NoExactGradient { .. }),
            "{error}"
        );
        assert!(
            error.to_string().contains("two independent features"),
            "{error}"
        );
    }
    assert_eq!(outcomes[8], Err(TrainError::Zero { name: "n_steps" }));
    assert!(train_exact(&[], ONE).is_empty());
}

#[test]
fn divergence_is_an_outcome() {
    let options = TrainOptions::default()
        .with_n_steps(50)
        .with_adam(AdamConfig::default().with_learning_rate(1e30));
    let jobs = [
        job([0.5; 2], [1.0; 2], options.clone()),
        job([0.5; 2], [1.0; 2], options.with_adam(AdamConfig::default())),
    ];
    let outcomes = train_exact(&jobs, ONE);
    assert!(outcomes[0].as_ref().unwrap().stop.has_diverged());
    assert!(outcomes[1].as_ref().unwrap().stop.is_finished());
}

/// The promise of the README, as for trainings on samples.
#[test]
fn values_are_stable() {
    let jobs: Vec<Job> = (0..5)
        .map(|seed| {
            let options = TrainOptions::default().with_n_steps(50).with_seed(seed);
            job([0.1, 0.3], [1.0, 0.7], options)
        })
        .collect();
    let hashes = [Kernel::Scalar, Kernel::Auto].map(|kernel| {
        let jobs: Vec<Job> = jobs
            .iter()
            .map(|job| {
                let mut job = job.clone();
                job.options.kernel = kernel;
                job
            })
            .collect();
        // FNV-1a over the bits.
        train_exact(&jobs, ONE)
            .into_iter()
            .flat_map(|trained| trained.unwrap().model.parameters().to_vec())
            .flat_map(|x| x.to_bits().to_le_bytes())
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
            })
    });
    assert_eq!(hashes, [HASH; 2]);
}

const HASH: u64 = 14_990_571_725_216_552_971;
