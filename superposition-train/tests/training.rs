//! Whole trainings: reproducible bits, how they end, and what they learn.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use proptest::prelude::*;
use superposition_model::{
    Bias, Coupling, Dimensions, FeatureDistribution, FeatureProbability, Initialization, Output,
    ToyModel, ToyModelConfig,
};
use superposition_testkit::tolerance::{Tolerance, assert_close};
use superposition_train::{
    AdamConfig, Decay, Job, Kernel, Schedule, StepForm, StopReason, Stream, Task, TrainError,
    TrainOptions, Trained, train, train_ensemble,
};

fn config(n_features: usize, n_hidden: usize) -> ToyModelConfig {
    ToyModelConfig::new(Dimensions {
        n_features,
        n_hidden,
    })
}

fn task(n: usize, p: f64) -> Task {
    Task::new(
        FeatureDistribution::new(n, &FeatureProbability::Same(p)).unwrap(),
        vec![1.0; n],
    )
    .unwrap()
}

fn run(config: &ToyModelConfig, task: &Task, options: &TrainOptions) -> Trained {
    train(config, task, options, &mut |_| ControlFlow::Continue(())).unwrap()
}

fn bits(trained: &Trained) -> (Vec<u32>, Vec<u32>) {
    let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect();
    (bits(trained.model.parameters()), bits(&trained.losses))
}

/// FNV-1a over the bits.
fn hash(values: &[f32]) -> u64 {
    values
        .iter()
        .flat_map(|v| v.to_bits().to_le_bytes())
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })
}

fn norms(model: &ToyModel) -> Vec<f64> {
    let m = model.dimensions().n_hidden;
    let columns = model.parameters()[model.layout().w].chunks(m);
    columns
        .map(|w| w.iter().map(|&w| f64::from(w).powi(2)).sum::<f64>().sqrt())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn instructions_change_no_bit_of_a_training(
        n in 1_usize..40,
        m in 1_usize..10,
        batch_size in 1_usize..100,
        p in prop_oneof![Just(0.0), Just(1.0), 0.01..1.0],
        form in prop_oneof![Just(StepForm::Auto), Just(StepForm::Gram), Just(StepForm::Direct)],
        seed: u64,
    ) {
        let options = TrainOptions::default().with_n_steps(12).with_batch_size(batch_size).with_seed(seed)
            .with_adam(AdamConfig::torch_adamw().with_learning_rate(0.02)).with_step_form(form);
        let config = config(n, m).with_coupling(if seed % 2 == 0 { Coupling::Tied } else { Coupling::Untied });
        let [scalar, auto] = [Kernel::Scalar, Kernel::Auto]
            .map(|kernel| run(&config, &task(n, p), &options.clone().with_kernel(kernel)));
        prop_assert_eq!(bits(&scalar), bits(&auto));
        prop_assert_eq!(scalar.stop, StopReason::Finished);
    }
}

#[test]
fn neither_threads_nor_order_nor_neighbours_enter() {
    let options = TrainOptions::default()
        .with_n_steps(30)
        .with_batch_size(100);
    let mut jobs = Vec::new();
    for (k, n) in [5, 20, 33, 7, 12].into_iter().enumerate() {
        jobs.push(Job::new(
            config(n, 3),
            task(n, 0.2),
            options.clone().with_seed(k as u64),
        ));
    }
    jobs[3].options.n_steps = 0;
    let alone: Vec<_> = jobs
        .iter()
        .map(|job| {
            train(&job.config, &job.task, &job.options, &mut |_| {
                ControlFlow::Continue(())
            })
        })
        .collect();
    assert_eq!(alone[3], Err(TrainError::Zero { name: "n_steps" }));
    for threads in [1, 2, 3, 64] {
        let threads = NonZeroUsize::new(threads).unwrap();
        assert_eq!(
            train_ensemble(&jobs, threads, &|_, _| ControlFlow::Continue(())),
            alone
        );
        let reversed: Vec<Job> = jobs.iter().rev().cloned().collect();
        let mut outcomes = train_ensemble(&reversed, threads, &|_, _| ControlFlow::Continue(()));
        outcomes.reverse();
        assert_eq!(outcomes, alone);
    }
    assert!(train_ensemble(&[], NonZeroUsize::MIN, &|_, _| ControlFlow::Continue(())).is_empty());
    // The observer can end one job.
    let outcomes = train_ensemble(&jobs, NonZeroUsize::MIN, &|index, progress| {
        if index == 1 && progress.step == 4 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    assert_eq!(
        outcomes[1].as_ref().unwrap().stop,
        StopReason::Cancelled { step: 4 }
    );
    assert_eq!(outcomes[0], alone[0]);
}

/// The promise of the README: these numbers change only in a value-breaking release.
#[test]
fn values_are_stable() {
    use rand::Rng;
    let draws = [
        Stream::Initialization,
        Stream::Data,
        Stream::Evaluation,
        Stream::Split,
    ]
    .map(|stream| stream.rng(1, 2, 3).next_u32());
    assert_eq!(draws, STREAM_DRAWS);
    let options = TrainOptions::default()
        .with_n_steps(50)
        .with_batch_size(100)
        .with_seed(42)
        .with_schedule(
            Schedule::default()
                .with_decay(Decay::Cosine { last: 0.1 })
                .with_warmup_steps(5),
        );
    let hashes = [
        (StepForm::Gram, 20, 5, 100),
        (StepForm::Direct, 20, 5, 100),
        (StepForm::Direct, 20, 5, 700),
        (StepForm::Tiny, 5, 2, 100),
    ]
    .map(|(form, n, m, batch_size)| {
        let hashes = [Kernel::Scalar, Kernel::Auto].map(|kernel| {
            let options = options.clone().with_step_form(form).with_kernel(kernel);
            let options = options.with_batch_size(batch_size);
            hash(
                run(&config(n, m), &task(n, 0.1), &options)
                    .model
                    .parameters(),
            )
        });
        assert_eq!(hashes[0], hashes[1], "{form}");
        hashes[0]
    });
    assert_eq!(hashes, HASHES);
}

const STREAM_DRAWS: [u32; 4] = [837_235_606, 3_715_937_880, 1_188_757_468, 3_444_441_023];
const HASHES: [u64; 4] = [
    9_511_961_359_547_863_461,
    9_768_663_380_872_909_193,
    11_609_247_467_089_652_211,
    454_767_235_503_710_002,
];

/// The same for other weights and for clipping, in the forms that each takes its own way through.
#[test]
fn values_of_options_are_stable() {
    let options = TrainOptions::default()
        .with_n_steps(50)
        .with_batch_size(300)
        .with_seed(42);
    let clipped = options.clone().with_clip_norm(Some(1e-3));
    let tied = config(100, 10);
    let untied = tied.with_coupling(Coupling::Untied);
    let hashes = [
        (untied, StepForm::Gram, &options),
        (untied, StepForm::Direct, &options),
        (tied, StepForm::Gram, &clipped),
        (tied, StepForm::Direct, &clipped),
        (config(5, 2), StepForm::Tiny, &clipped),
    ]
    .map(|(config, form, options)| {
        let task = task(config.dimensions.n_features, 0.1);
        let hashes = [Kernel::Scalar, Kernel::Auto].map(|kernel| {
            let options = options.clone().with_step_form(form).with_kernel(kernel);
            hash(run(&config, &task, &options).model.parameters())
        });
        assert_eq!(hashes[0], hashes[1], "{form}");
        hashes[0]
    });
    assert_eq!(hashes, OPTION_HASHES);
}

const OPTION_HASHES: [u64; 5] = [
    15_862_028_683_286_369_356,
    11_829_189_069_188_954_654,
    12_780_077_394_531_148_329,
    15_511_107_881_093_144_154,
    8_694_901_025_875_580_879,
];

#[test]
fn the_observer_sees_every_step_and_cancels() {
    let options = TrainOptions::default().with_n_steps(20).with_batch_size(10);
    let full = run(&config(5, 2), &task(5, 0.3), &options);
    assert_eq!((full.stop, full.losses.len()), (StopReason::Finished, 20));
    assert!(full.stop.is_finished() && !full.stop.was_cancelled());

    let mut seen = Vec::new();
    let cancelled = train(&config(5, 2), &task(5, 0.3), &options, &mut |progress| {
        assert_eq!(progress.n_steps, 20);
        seen.push((progress.step, progress.loss as f32, progress.model.clone()));
        if progress.step == 7 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })
    .unwrap();
    assert_eq!(cancelled.stop, StopReason::Cancelled { step: 7 });
    assert!(cancelled.stop.was_cancelled());
    assert_eq!(
        seen.iter().map(|s| s.0).collect::<Vec<_>>(),
        (1..=7).collect::<Vec<_>>()
    );
    assert_eq!(cancelled.losses, full.losses[..7]);
    assert_eq!(
        seen.iter().map(|s| s.1).collect::<Vec<_>>(),
        cancelled.losses
    );
    assert_eq!(cancelled.model, seen[6].2);
    assert_ne!(seen[5].2, seen[6].2);
    // A training of 7 steps ends with the same model.
    assert_eq!(
        run(&config(5, 2), &task(5, 0.3), &options.with_n_steps(7)).model,
        cancelled.model
    );
}

#[test]
fn a_loss_below_the_threshold_ends_it_after_the_update() {
    let options = TrainOptions::default()
        .with_n_steps(5000)
        .with_batch_size(64)
        .with_adam(AdamConfig::default().with_learning_rate(0.01))
        .with_loss_below(Some(1e-3));
    let mut last = None;
    let trained = train(&config(2, 2), &task(2, 0.5), &options, &mut |progress| {
        last = Some((progress.step, progress.model.clone()));
        ControlFlow::Continue(())
    })
    .unwrap();
    let (step, model) = last.unwrap();
    assert_eq!(trained.stop, StopReason::LossBelow { step });
    assert!(trained.stop.reached_loss() && step < 5000);
    assert_eq!(trained.model, model);
    let (below, before) = trained.losses.split_last().unwrap();
    assert!(*below < 1e-3 && before.iter().all(|loss| *loss >= 1e-3));
}

#[test]
fn divergence_is_an_outcome() {
    // Steps of 1e18 multiply to infinity within a few steps; nothing is updated or observed after that.
    let options = TrainOptions::default()
        .with_n_steps(50)
        .with_batch_size(10)
        .with_adam(AdamConfig::default().with_learning_rate(1e18));
    let mut observed = 0;
    let trained = train(&config(5, 2), &task(5, 1.0), &options, &mut |progress| {
        observed = progress.step;
        assert!(progress.loss.is_finite());
        ControlFlow::Continue(())
    })
    .unwrap();
    let StopReason::Diverged { step } = trained.stop else {
        panic!("{:?}", trained.stop)
    };
    assert!(trained.stop.has_diverged());
    assert_eq!((step, trained.losses.len()), (observed + 1, observed + 1));
    assert!(!trained.losses[observed].is_finite());

    // The last step's update is checked too.
    let options = TrainOptions::default()
        .with_n_steps(1)
        .with_batch_size(10)
        .with_adam(AdamConfig::default().with_learning_rate(1e300));
    let trained = run(&config(5, 2), &task(5, 1.0), &options);
    assert_eq!(trained.stop, StopReason::Diverged { step: 1 });
    assert!(trained.losses[0].is_finite());
}

#[test]
fn a_model_that_is_not_finite_is_never_returned_under_another_name() {
    // The first loss is finite, the first update is not.
    let options = TrainOptions::default()
        .with_n_steps(5)
        .with_batch_size(10)
        .with_adam(AdamConfig::default().with_learning_rate(1e300));
    let diverged = StopReason::Diverged { step: 1 };
    let cancelled = train(&config(5, 2), &task(5, 1.0), &options, &mut |_| {
        ControlFlow::Break(())
    })
    .unwrap();
    assert_eq!((cancelled.stop, cancelled.losses.len()), (diverged, 1));
    let below = options.with_loss_below(Some(f64::INFINITY));
    let below = run(&config(5, 2), &task(5, 1.0), &below);
    assert_eq!((below.stop, below.losses.len()), (diverged, 1));
    assert!(below.model.parameters().iter().any(|p| !p.is_finite()));
}

/// None of these models could even be made: 2^31 parameters and more, or matrices of n x n for an n of a million.
#[test]
fn what_is_too_large_is_refused_at_once() {
    let options = TrainOptions::default();
    let gram = options.clone().with_step_form(StepForm::Gram);
    for (n, m, options) in [
        (50_000, 50_000, &options),
        // The parameters alone are few enough; not with their gradient and moments.
        (1 << 16, (1 << 14) + 1, &options),
        (1_000_000, 1, &gram),
        // Nor would the draws of 128 samples be.
        (1 << 24, 1, &options),
    ] {
        let task = task(n, 0.1);
        let start = std::time::Instant::now();
        let error = train(&config(n, m), &task, options, &mut |_| {
            ControlFlow::Break(())
        })
        .unwrap_err();
        assert!(matches!(error, TrainError::TooLarge { .. }), "{n} {m}");
        assert!(start.elapsed().as_secs() < 10, "{n} {m}");
    }
}

#[test]
fn bad_values_are_refused() {
    let good = TrainOptions::default().with_n_steps(1).with_batch_size(1);
    let error = |config: &ToyModelConfig, task: &Task, options: &TrainOptions| {
        train(config, task, options, &mut |_| ControlFlow::Continue(()))
            .unwrap_err()
            .to_string()
    };
    let (config, task) = (config(5, 2), task(5, 0.5));
    assert_eq!(
        error(&config, &task, &good.clone().with_n_steps(0)),
        "n_steps is 0; it must be at least 1"
    );
    assert_eq!(
        error(&config, &task, &good.clone().with_batch_size(0)),
        "batch_size is 0; it must be at least 1"
    );
    assert_eq!(
        error(
            &config,
            &task,
            &good.clone().with_loss_below(Some(f64::NAN))
        ),
        "loss_below is NaN; it must be a number"
    );
    assert!(
        error(
            &config,
            &task,
            &good
                .clone()
                .with_schedule(Schedule::default().with_warmup_steps(2))
        )
        .contains("warmup_steps is 2")
    );
    assert!(
        error(
            &config,
            &task,
            &good
                .clone()
                .with_initialization(Initialization::Normal { std: -1.0 })
        )
        .contains("standard deviation")
    );
    assert_eq!(
        error(&self::config(4, 2), &task, &good),
        "n_features of the model is 4 and n_features of the task is 5; they must be equal"
    );
    assert!(error(&self::config(5, 0), &task, &good).contains("n_hidden is 0"));
    let mut negative = task.clone();
    negative.importance[3] = -0.5;
    assert_eq!(
        error(&config, &negative, &good),
        "importance of feature 3 is -0.5; it must be finite and at least 0"
    );
    let distribution = FeatureDistribution::new(2, &FeatureProbability::Same(0.5)).unwrap();
    assert!(Task::new(distribution.clone(), vec![1.0]).is_err());
    assert!(Task::new(distribution, vec![1.0, f32::NAN]).is_err());
}

/// A feature with p = 1 is uniform, of variance 1/12. With a bias the linear model keeps the m most important features
/// and replaces the others by their means, so its loss is the sum of the dropped I / 12, over n.
#[test]
fn the_linear_model_finds_the_principal_components() {
    let (n, m) = (6, 2);
    let config = config(n, m).with_output(Output::Linear);
    let mut task = task(n, 1.0);
    task.importance = vec![4.0, 3.0, 1.0, 0.8, 0.6, 0.4];
    let options = TrainOptions::default()
        .with_n_steps(4000)
        .with_batch_size(256)
        .with_adam(AdamConfig::default().with_learning_rate(0.02))
        .with_schedule(Schedule::default().with_decay(Decay::Cosine { last: 0.0 }));
    let trained = run(&config, &task, &options);
    let x = task
        .distribution
        .sample(50_000, &mut Stream::Evaluation.rng(1, 0, 0));
    let optimum = task.importance[m..]
        .iter()
        .map(|&i| f64::from(i))
        .sum::<f64>()
        / 12.0
        / n as f64;
    assert_close(
        trained.model.loss(x.as_ref(), &task.importance),
        optimum,
        Tolerance::relative(0.01),
    );
    for (i, norm) in norms(&trained.model).into_iter().enumerate() {
        assert_close(
            norm,
            if i < m { 1.0 } else { 0.0 },
            Tolerance::absolute(0.05),
        );
    }
    // The control: the untrained model is not there.
    let start = ToyModel::random(
        config,
        Initialization::default(),
        &mut Stream::Initialization.rng(0, 0, 0),
    )
    .unwrap();
    assert!(start.loss(x.as_ref(), &task.importance) > 2.0 * optimum);
}

/// The best of some trainings by the mean loss of the last 100 steps.
fn best(n: usize, m: usize, p: f64, importance: f64, seeds: u64) -> Trained {
    let mut task = task(n, p);
    for (i, weight) in task.importance.iter_mut().enumerate() {
        *weight = importance.powi(i as i32) as f32;
    }
    let options = TrainOptions::default()
        .with_n_steps(3000)
        .with_batch_size(256)
        .with_adam(AdamConfig::default().with_learning_rate(0.01));
    let jobs: Vec<Job> = (0..seeds)
        .map(|seed| Job::new(config(n, m), task.clone(), options.clone().with_seed(seed)))
        .collect();
    let late = |trained: &Trained| {
        trained.losses[2900..]
            .iter()
            .map(|&loss| f64::from(loss))
            .sum::<f64>()
    };
    train_ensemble(&jobs, NonZeroUsize::new(2).unwrap(), &|_, _| {
        ControlFlow::Continue(())
    })
    .into_iter()
    .map(Result::unwrap)
    .min_by(|a, b| late(a).total_cmp(&late(b)))
    .unwrap()
}

#[test]
fn dense_features_are_not_superposed() {
    let norms = norms(&best(5, 2, 1.0, 0.7, 4).model);
    assert!(norms[0] > 0.9 && norms[1] > 0.9, "{norms:?}");
    assert!(norms[2..].iter().all(|&norm| norm < 0.5), "{norms:?}");
}

#[test]
fn sparse_features_make_a_pentagon() {
    let model = best(5, 2, 0.05, 1.0, 8).model;
    let norms = norms(&model);
    assert!(norms.iter().all(|&norm| norm > 0.8), "{norms:?}");
    let w = model.w();
    let mut angles: Vec<f64> = (0..5)
        .map(|i| {
            f64::from(w[(1, i)])
                .atan2(f64::from(w[(0, i)]))
                .to_degrees()
        })
        .collect();
    angles.sort_by(f64::total_cmp);
    for k in 0..5 {
        let gap = if k < 4 {
            angles[k + 1] - angles[k]
        } else {
            angles[0] + 360.0 - angles[4]
        };
        assert!((gap - 72.0).abs() < 8.0, "{angles:?}");
    }
    // The control: the model before training is no pentagon.
    let start = ToyModel::random(
        *model.config(),
        Initialization::default(),
        &mut Stream::Initialization.rng(0, 0, 0),
    )
    .unwrap();
    assert!(self::norms(&start).iter().any(|&norm| norm < 0.8));
}

#[test]
fn two_features_share_one_dimension_as_opposites() {
    let model = best(2, 1, 0.1, 1.0, 4).model;
    let w = model.w();
    assert!(w[(0, 0)] * w[(0, 1)] < -0.8, "{w:?}");
}

#[test]
fn a_model_without_bias_trains() {
    let config = config(5, 5).with_bias(Bias::None);
    let options = TrainOptions::default()
        .with_n_steps(1500)
        .with_batch_size(64)
        .with_adam(AdamConfig::default().with_learning_rate(0.01));
    let trained = run(&config, &task(5, 0.5), &options);
    assert!(*trained.losses.last().unwrap() < 0.02 * trained.losses[0]);
}
