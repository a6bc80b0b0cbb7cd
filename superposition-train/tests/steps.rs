//! Threads inside a step, checkpoints, the observer, clipping, and what is recorded.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use superposition_model::{
    Bias, Coupling, Dimensions, FeatureDistribution, FeatureProbability, ToyModelConfig,
};
use superposition_train::{
    AdamConfig, Checkpoint, Job, StepForm, StopReason, Task, TrainOptions, Trained, train_ensemble,
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

fn bits(trained: &Trained) -> (Vec<u32>, Vec<u32>) {
    let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect();
    (bits(trained.model.parameters()), bits(&trained.losses))
}

/// Trainings long enough for several threads to make a step: of each form, with clipping, without a bias, untied.
fn long_jobs() -> Vec<Job> {
    let options = TrainOptions::default()
        .with_n_steps(12)
        .with_batch_size(600)
        .with_seed(3)
        .with_adam(AdamConfig::torch_adamw().with_l2(0.01));
    let job = |n, m, p, options: &TrainOptions| Job::new(config(n, m), task(n, p), options.clone());
    let clipped = options.clone().with_clip_norm(Some(1e-3));
    let mut untied = job(100, 20, 0.05, &clipped);
    untied.config = untied
        .config
        .with_coupling(Coupling::Untied)
        .with_bias(Bias::None);
    let mut direct = job(100, 20, 0.1, &clipped);
    direct.options.step_form = StepForm::Direct;
    vec![
        job(100, 20, 0.1, &options),
        job(100, 20, 0.1, &clipped),
        untied,
        direct,
        job(150, 10, 0.9, &options),
        // Too short for that.
        job(5, 2, 0.3, &options),
    ]
}

#[test]
fn threads_inside_a_step_change_no_bit() {
    for job in long_jobs() {
        let by = |threads| {
            let threads = NonZeroUsize::new(threads).unwrap();
            job.train(threads, &mut |_| ControlFlow::Continue(()))
                .unwrap()
        };
        let alone = by(1);
        for threads in [2, 3, 9] {
            assert_eq!(bits(&by(threads)), bits(&alone));
        }
        let ensemble = train_ensemble(
            std::slice::from_ref(&job),
            NonZeroUsize::new(2).unwrap(),
            &|_, _| ControlFlow::Continue(()),
        );
        assert_eq!(ensemble[0].as_ref(), Ok(&alone));
    }
}

#[test]
fn threads_end_a_training_where_one_does() {
    for mut job in long_jobs() {
        let by = |job: &Job, threads| {
            let threads = NonZeroUsize::new(threads).unwrap();
            job.train(threads, &mut |_| ControlFlow::Continue(()))
                .unwrap()
        };
        let whole = by(&job, 1);
        // Just above the first loss that is below all before it.
        let reached = (1..12).find(|&k| whole.losses[..k].iter().all(|&l| l > whole.losses[k]));
        let k = reached.expect("a loss below all before it");
        let threshold = f64::from(whole.losses[k]) * (1.0 + 1e-6);
        job.options.loss_below = Some(threshold);
        for threads in [1, 2, 3] {
            let below = by(&job, threads);
            assert_eq!(below.stop, StopReason::LossBelow { step: k + 1 });
            assert_eq!(below.losses, whole.losses[..=k]);
        }
        // Steps of 1e15 are infinite soon.
        job.options.loss_below = None;
        job.options.clip_norm = None;
        job.options.adam = AdamConfig::default().with_learning_rate(1e15);
        let alone = by(&job, 1);
        assert!(alone.stop.has_diverged() && alone.losses.len() < 12);
        for threads in [2, 3] {
            let diverged = by(&job, threads);
            assert_eq!(diverged.stop, alone.stop);
            assert_eq!(bits(&diverged), bits(&alone));
        }
    }
}

#[test]
fn a_training_goes_on_from_any_checkpoint() {
    for job in long_jobs() {
        let mut checkpoints = Vec::new();
        let whole = job
            .train(NonZeroUsize::MIN, &mut |progress| {
                checkpoints.push(progress.checkpoint());
                ControlFlow::Continue(())
            })
            .unwrap();
        for (made, checkpoint) in checkpoints.iter().enumerate().take(11) {
            assert_eq!(checkpoint.step, made + 1);
            for threads in [1, 2] {
                let threads = NonZeroUsize::new(threads).unwrap();
                let rest = job.clone().with_start(Some(checkpoint.clone()));
                let mut steps = Vec::new();
                let rest = rest
                    .train(threads, &mut |progress| {
                        steps.push(progress.step);
                        ControlFlow::Continue(())
                    })
                    .unwrap();
                assert_eq!(rest.model, whole.model);
                assert_eq!(rest.losses, whole.losses[made + 1..]);
                assert_eq!(steps, Vec::from_iter(made + 2..=12));
            }
        }
    }
}

#[test]
fn a_checkpoint_that_does_not_fit_is_refused() {
    let job = &long_jobs()[0];
    let mut last = None;
    let first = job.train(NonZeroUsize::MIN, &mut |progress| {
        last = Some(progress.checkpoint());
        match progress.step {
            12 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    });
    assert_eq!(first.unwrap().stop, StopReason::Cancelled { step: 12 });
    let last = last.unwrap();
    let error = |change: &dyn Fn(&mut Checkpoint)| {
        let mut checkpoint = last.clone();
        checkpoint.step = 3;
        change(&mut checkpoint);
        let job = job.clone().with_start(Some(checkpoint));
        job.train(NonZeroUsize::MIN, &mut |_| ControlFlow::Continue(()))
            .map_err(|error| error.to_string())
    };
    assert!(error(&|_| {}).is_ok());
    let message = error(&|c| c.step = 12).unwrap_err();
    assert_eq!(
        message,
        "the checkpoint has made 12 steps; n_steps is 12 and must be more"
    );
    let message = error(&|c| c.second_moment[7] = -1.0).unwrap_err();
    assert_eq!(
        message,
        "second_moment is -1; it must be finite and at least 0"
    );
    assert!(error(&|c| c.first_moment[0] = f32::NAN).is_err());
    assert!(error(&|c| c.first_moment.truncate(5)).is_err());
    assert!(error(&|c| c.second_moment.truncate(5)).is_err());
    assert!(error(&|c| c.parameters.truncate(5)).is_err());
}

#[test]
fn an_observer_ends_or_panics_without_leaving_a_thread_behind() {
    let job = &long_jobs()[0];
    let threads = NonZeroUsize::new(2).unwrap();
    for end in [1, 7, 12] {
        let trained = job.train(threads, &mut |progress| match progress.step == end {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        });
        let trained = trained.unwrap();
        assert_eq!(trained.stop, StopReason::Cancelled { step: end });
        assert_eq!(trained.losses.len(), end);
    }
    let panics = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        job.train(threads, &mut |progress| {
            assert!(progress.step < 5, "as a test");
            ControlFlow::Continue(())
        })
    }));
    assert!(panics.is_err());
}

#[test]
fn clipping_bounds_the_step_of_plain_gradient_descent() {
    // With beta1 = beta2 = 0 and a large epsilon, Adam is gradient descent with the rate eta / epsilon.
    let adam = AdamConfig::default()
        .with_betas(0.0, 0.0)
        .with_epsilon(1e6)
        .with_learning_rate(1e6);
    let clip_norm = 1e-3;
    let options = TrainOptions::default()
        .with_n_steps(20)
        .with_batch_size(64)
        .with_adam(adam)
        .with_clip_norm(Some(clip_norm));
    let job = Job::new(config(20, 4), task(20, 0.3), options);
    let mut before: Option<Vec<f32>> = None;
    let mut n_clipped = 0;
    job.train(NonZeroUsize::MIN, &mut |progress| {
        let now = progress.model.parameters().to_vec();
        if let Some(before) = &before {
            let change: f64 = now
                .iter()
                .zip(before)
                .map(|(a, b)| f64::from(a - b).powi(2))
                .sum();
            let norm = change.sqrt();
            assert!(norm < clip_norm * 1.001, "{norm}");
            n_clipped += usize::from(norm > clip_norm * 0.99);
        }
        before = Some(now);
        ControlFlow::Continue(())
    })
    .unwrap();
    assert!(n_clipped > 5, "{n_clipped}");
}

#[test]
fn gradients_are_clipped_before_coupled_decay() {
    // Plain descent again. Clipped to almost nothing, only the decay moves the parameters: by l2 of themselves.
    let adam = AdamConfig::default()
        .with_betas(0.0, 0.0)
        .with_epsilon(1e9)
        .with_learning_rate(1e9)
        .with_l2(0.125);
    let options = TrainOptions::default()
        .with_n_steps(2)
        .with_batch_size(64)
        .with_adam(adam)
        .with_clip_norm(Some(1e-12));
    let job = Job::new(config(20, 4), task(20, 0.3), options);
    let mut after = Vec::new();
    job.train(NonZeroUsize::MIN, &mut |progress| {
        after.push(progress.model.parameters().to_vec());
        ControlFlow::Continue(())
    })
    .unwrap();
    for (first, second) in after[0].iter().zip(&after[1]) {
        assert!((second - 0.875 * first).abs() <= 1e-6 * first.abs() + 1e-9);
    }
}

#[test]
fn losses_are_recorded_as_often_as_asked() {
    let job = &long_jobs()[5];
    let all = job.train(NonZeroUsize::MIN, &mut |_| ControlFlow::Continue(()));
    let mut few = job.clone();
    few.options.loss_every = 5;
    let few = few.train(NonZeroUsize::MIN, &mut |_| ControlFlow::Continue(()));
    let (all, few) = (all.unwrap(), few.unwrap());
    assert_eq!(few.losses, [all.losses[0], all.losses[5], all.losses[10]]);
    assert_eq!(few.model, all.model);
    // A training that goes on keeps to the same steps.
    let mut start = None;
    job.train(NonZeroUsize::MIN, &mut |progress| {
        start = start
            .take()
            .or((progress.step == 3).then(|| progress.checkpoint()));
        ControlFlow::Continue(())
    })
    .unwrap();
    let mut rest = job.clone().with_start(start);
    rest.options.loss_every = 5;
    let rest = rest.train(NonZeroUsize::MIN, &mut |_| ControlFlow::Continue(()));
    assert_eq!(rest.unwrap().losses, [all.losses[5], all.losses[10]]);
}
