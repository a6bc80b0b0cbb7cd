//! Trainings of models with a hidden layer of their own, on examples, targets and penalties: resumed, shared, refused.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use superposition_model::faer::Mat;
use superposition_model::{
    Bias, Coupling, Dimensions, FeatureDistribution, FeatureProbability, Hidden, Initialization,
    Magnitude, Output, SparseBatch, ToyModelConfig,
};
use superposition_train::{
    AdamConfig, Job, StepForm, Stream, Target, Task, TrainError, TrainOptions, Trained, train,
    train_ensemble, train_exact,
};

fn config(n_features: usize, n_hidden: usize) -> ToyModelConfig {
    ToyModelConfig::new(Dimensions {
        n_features,
        n_hidden,
    })
}

fn task(n: usize, p: f64) -> Task {
    let distribution = FeatureDistribution::new(n, &FeatureProbability::Same(p)).unwrap();
    Task::new(distribution, vec![1.0; n]).unwrap()
}

/// Everything at once.
fn job() -> Job {
    let (n, m) = (70, 30);
    let config = config(n, m)
        .with_hidden(Hidden::Relu)
        .with_hidden_bias(Bias::Learned)
        .with_coupling(Coupling::Untied);
    let mut task = task(n, 0.2)
        .with_target(Target::Absolute)
        .with_hidden_l1(0.01)
        .unwrap();
    task.distribution = task.distribution.with_magnitude(Magnitude::Signed);
    let options = TrainOptions::default()
        .with_n_steps(12)
        .with_batch_size(300)
        .with_weight_l1(1e-5)
        .with_unit_norm_decay(0.5);
    Job::new(config, task, options)
}

/// The same where it can be attacked.
fn attacked() -> Job {
    let mut job = job();
    job.config = job
        .config
        .with_hidden(Hidden::Linear)
        .with_hidden_bias(Bias::None);
    job.task = job.task.with_attack(0.2).unwrap();
    job
}

fn run(job: &Job) -> Trained {
    train(&job.config, &job.task, &job.options, &mut |_| {
        ControlFlow::Continue(())
    })
    .unwrap()
}

#[test]
fn threads_and_interruptions_change_no_bit() {
    let drawn = job();
    let mut fixed = job();
    let examples = fixed
        .task
        .distribution
        .sample(300, &mut Stream::Evaluation.rng(0, 0, 0));
    let examples = SparseBatch::from_dense(examples.as_ref()).unwrap();
    fixed.task = fixed.task.with_examples(examples).unwrap();
    for job in [drawn, fixed, attacked()] {
        let mut checkpoint = None;
        let whole = train(&job.config, &job.task, &job.options, &mut |progress| {
            if progress.step == 5 {
                checkpoint = Some(progress.checkpoint());
            }
            ControlFlow::Continue(())
        })
        .unwrap();
        assert!(whole.stop.is_finished());
        let mut biases = whole.model.b_enc().unwrap_or_default().iter();
        assert!(biases.all(|&b| b != 0.0));
        let threads = NonZeroUsize::new(3).unwrap();
        let shared = job
            .train(threads, &mut |_| ControlFlow::Continue(()))
            .unwrap();
        assert_eq!(shared, whole);
        let resumed = job.clone().with_start(checkpoint);
        let resumed = resumed
            .train(threads, &mut |_| ControlFlow::Continue(()))
            .unwrap();
        assert_eq!(resumed.model, whole.model);
        let twice = train_ensemble(&[job.clone(), job], threads, &|_, _| {
            ControlFlow::Continue(())
        });
        assert_eq!(twice[1].as_ref().unwrap().model, whole.model);
    }
}

/// |x| = ReLU(x) + ReLU(-x): with two neurons a feature it can be exact. With a linear hidden layer an output is monotone in
/// its feature. The best monotone function is constant up to c, the mean of |x| there, and |x| beyond: at p = 1/2,
/// c^2 + 6 c = 1 and the loss is (1 + c^3)/12 - (3 + c) c^2/4 = .0629.
#[test]
fn the_absolute_value_is_learned_with_a_relu_hidden_layer_alone() {
    let (n, p) = (2, 0.5);
    let mut task = task(n, p).with_target(Target::Absolute);
    task.distribution = task.distribution.with_magnitude(Magnitude::Signed);
    let options = TrainOptions::default()
        .with_n_steps(3000)
        .with_batch_size(256)
        .with_adam(AdamConfig::default().with_learning_rate(0.01));
    let x = task
        .distribution
        .sample(20_000, &mut Stream::Evaluation.rng(1, 0, 0));
    let y = Target::Absolute.of_samples(x.as_ref());
    let best = |hidden| {
        let config = config(n, 6)
            .with_hidden(hidden)
            .with_coupling(Coupling::Untied);
        let losses = (0..3).map(|seed| {
            let job = Job::new(config, task.clone(), options.clone().with_seed(seed));
            run(&job)
                .model
                .loss_against(x.as_ref(), y.as_ref(), &[1.0; 2])
        });
        losses.fold(f64::INFINITY, f64::min)
    };
    assert!(best(Hidden::Relu) < 1e-4);
    let c = 10.0_f64.sqrt() - 3.0;
    let monotone = (1.0 + c.powi(3)) / 12.0 - (3.0 + c) * c * c / 4.0;
    assert!(best(Hidden::Linear) > 0.97 * monotone);
}

/// x AND y = ReLU(x + y - 1): with a neuron for each pair it can be exact (linear outputs, none of which can die). Through one
/// neuron all outputs are functions of one number.
#[test]
fn the_and_of_pairs_is_learned_where_there_is_room() {
    let (n, p) = (4, 0.3);
    let mut task = task(n, p).with_target(Target::And);
    task.distribution = task.distribution.with_magnitude(Magnitude::Binary);
    let options = TrainOptions::default()
        .with_n_steps(3000)
        .with_batch_size(256)
        .with_adam(AdamConfig::default().with_learning_rate(0.01));
    let x = task
        .distribution
        .sample(20_000, &mut Stream::Evaluation.rng(1, 0, 0));
    assert!((0..x.ncols()).all(|s| (0..n).all(|i| x[(i, s)] == 0.0 || x[(i, s)] == 1.0)));
    let y = Target::And.of_samples(x.as_ref());
    let best = |n_hidden| {
        let config = config(n, n_hidden)
            .with_hidden(Hidden::Relu)
            .with_hidden_bias(Bias::Learned)
            .with_output(Output::Linear)
            .with_coupling(Coupling::Untied);
        let losses = (0..4).map(|seed| {
            let job = Job::new(config, task.clone(), options.clone().with_seed(seed));
            run(&job)
                .model
                .loss_against(x.as_ref(), y.as_ref(), &[1.0; 4])
        });
        losses.fold(f64::INFINITY, f64::min)
    };
    let wide = best(8);
    assert!(wide < 1e-4, "{wide}");
    // What a constant loses: p^2 (1 - p^2).
    let constant = p * p * (1.0 - p * p);
    let narrow = best(1);
    assert!(narrow > 0.1 * constant && narrow < constant, "{narrow}");
}

/// Three orthogonal examples in the plane are memorised, which is all that is asked.
#[test]
fn examples_are_memorised() {
    let examples = SparseBatch::from_dense(Mat::<f32>::identity(6, 3).as_ref()).unwrap();
    let task = task(6, 0.1).with_examples(examples).unwrap();
    let options = TrainOptions::default()
        .with_n_steps(4000)
        .with_batch_size(3)
        .with_adam(AdamConfig::default().with_learning_rate(0.01));
    let trained = run(&Job::new(config(6, 2), task.clone(), options.clone()));
    assert!(*trained.losses.last().unwrap() < 1e-5);
    // The full batch is the same at every step: with a rate of 0 so is the loss.
    let still = options
        .with_n_steps(3)
        .with_adam(AdamConfig::default().with_learning_rate(0.0));
    let losses = run(&Job::new(config(6, 2), task, still)).losses;
    assert!(losses.iter().all(|loss| *loss == losses[0]));
}

#[test]
fn an_l1_penalty_makes_hidden_activations_smaller() {
    let norm = |l1: f64| {
        let task = task(8, 0.5).with_hidden_l1(l1).unwrap();
        let options = TrainOptions::default()
            .with_n_steps(1500)
            .with_batch_size(128);
        let job = Job::new(config(8, 4), task, options);
        let x = job
            .task
            .distribution
            .sample(500, &mut Stream::Evaluation.rng(2, 0, 0));
        let model = run(&job).model;
        let mut gradient = vec![0.0; model.parameters().len()];
        model.add_hidden_l1(x.as_ref(), 1.0, &mut gradient)
    };
    let (without, with) = (norm(0.0), norm(0.05));
    assert!(with < 0.7 * without, "{with} {without}");
}

#[test]
fn the_l1_penalty_of_the_weights_makes_them_smaller() {
    // In every form of the step.
    for (n, m) in [(6, 3), (60, 5)] {
        let norm = |weight_l1| {
            let options = TrainOptions::default()
                .with_n_steps(1500)
                .with_batch_size(64)
                .with_adam(AdamConfig::default().with_learning_rate(3e-3))
                .with_weight_l1(weight_l1);
            let model = run(&Job::new(config(n, m), task(n, 0.1), options)).model;
            let w = model.parameters()[model.layout().w].iter();
            w.map(|w| f64::from(w.abs())).sum::<f64>()
        };
        let (without, with) = (norm(0.0), norm(3e-4));
        assert!(with < 0.8 * without, "{with} {without}");
    }
}

/// The largest |d_j|, how far an attack of size 1 moves an output.
fn reach(job: &Job) -> f64 {
    let model = run(job).model;
    let (w, w_dec) = (model.w(), model.w_dec());
    let product = |i: usize, j: usize| {
        (0..w.nrows())
            .map(|k| f64::from(w[(k, i)]) * f64::from(w_dec[(k, j)]))
            .sum::<f64>()
    };
    let norm = |j: usize| {
        let squares = (0..w.ncols()).map(|i| product(i, j).powi(2));
        squares.sum::<f64>().sqrt()
    };
    (0..w.ncols()).map(norm).fold(0.0, f64::max)
}

#[test]
fn trained_against_attacks_outputs_move_less() {
    let n = 30;
    let options = TrainOptions::default()
        .with_n_steps(2000)
        .with_batch_size(128)
        .with_adam(AdamConfig::default().with_learning_rate(3e-3));
    let reach = |attack| {
        let task = task(n, 0.05).with_attack(attack).unwrap();
        reach(&Job::new(config(n, 5), task, options.clone()))
    };
    let (without, with) = (reach(0.0), reach(0.5));
    assert!(with < 0.8 * without, "{with} {without}");
}

#[test]
fn the_pull_to_unit_norm_keeps_all_features() {
    let n = 30;
    let represented = |options: TrainOptions| {
        let job = Job::new(
            config(n, 3),
            task(n, 0.05),
            options.with_n_steps(1500).with_batch_size(128),
        );
        let model = run(&job).model;
        let norm = |i: usize| {
            let squares = (0..3).map(|k| f64::from(model.w()[(k, i)]).powi(2));
            squares.sum::<f64>().sqrt()
        };
        (0..n).filter(|&i| norm(i) > 0.5).count()
    };
    let strong = AdamConfig::default()
        .with_learning_rate(3e-3)
        .with_weight_decay(1.0);
    assert!(represented(TrainOptions::default().with_adam(strong)) < n / 2);
    let pulled = TrainOptions::default()
        .with_adam(AdamConfig::default().with_learning_rate(3e-3))
        .with_unit_norm_decay(1.0);
    assert_eq!(represented(pulled), n);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let good = job();
    let error = |job: &Job| {
        job.train(NonZeroUsize::MIN, &mut |_| ControlFlow::Continue(()))
            .unwrap_err()
    };
    let mut gram = good.clone();
    gram.options = gram.options.with_step_form(StepForm::Gram);
    assert_eq!(
        error(&gram).to_string(),
        "the gram form of the step is not there for a ReLU hidden layer; use auto or direct"
    );
    let examples = |n: usize, count: usize| {
        SparseBatch::from_dense(Mat::<f32>::zeros(n, count).as_ref()).unwrap()
    };
    let mut other = good.clone();
    other.task = other.task.with_examples(examples(70, 5)).unwrap();
    assert_eq!(
        error(&other).to_string(),
        "batch_size is 300 and the number of examples is 5; they must be equal"
    );
    let task = || task(70, 0.1);
    assert!(matches!(
        task().with_examples(examples(3, 5)),
        Err(TrainError::Mismatch { .. })
    ));
    assert!(matches!(
        task().with_examples(examples(70, 0)),
        Err(TrainError::Zero { .. })
    ));
    // The AND is of features that are 0 or 1, drawn or given.
    let mut and = Job::new(
        config(70, 3),
        self::task(70, 0.1).with_target(Target::And),
        TrainOptions::default().with_n_steps(1).with_batch_size(5),
    );
    assert_eq!(error(&and), TrainError::NotBinary);
    and.task.examples = Some(
        SparseBatch::from_dense(Mat::from_fn(70, 5, |_, _| 0.5_f32).as_ref())
            .unwrap()
            .into(),
    );
    assert_eq!(error(&and), TrainError::NotBinary);
    and.task.examples = Some(
        SparseBatch::from_dense(Mat::from_fn(70, 5, |_, _| 1.0_f32).as_ref())
            .unwrap()
            .into(),
    );
    assert!(
        and.train(NonZeroUsize::MIN, &mut |_| ControlFlow::Continue(()))
            .is_ok()
    );
    for value in [-0.1, f64::NAN, f64::INFINITY] {
        assert!(task().with_hidden_l1(value).is_err());
        assert!(task().with_attack(value).is_err());
        let options = TrainOptions::default();
        assert!(
            options
                .clone()
                .with_unit_norm_decay(value)
                .validate()
                .is_err()
        );
        assert!(options.with_weight_l1(value).validate().is_err());
    }
    let mut attacked = good.clone();
    attacked.task = attacked.task.with_attack(0.1).unwrap();
    assert_eq!(error(&attacked), TrainError::AttackThroughRelu);
    let mut redundant = good.clone();
    redundant.config = redundant.config.with_hidden(Hidden::Linear);
    assert!(
        error(&redundant)
            .to_string()
            .contains("linear hidden layer")
    );

    // Exact training knows none of it.
    let options = TrainOptions::default().with_n_steps(2);
    let plain = Job::new(config(2, 1), self::task(2, 0.1), options);
    assert!(train_exact(std::slice::from_ref(&plain), NonZeroUsize::MIN)[0].is_ok());
    let with = |change: &dyn Fn(&mut Job)| {
        let mut job = plain.clone();
        change(&mut job);
        job
    };
    let wrong = [
        with(&|job| job.config.hidden = Hidden::Relu),
        with(&|job| job.options.unit_norm_decay = 0.1),
        with(&|job| job.options.weight_l1 = 0.1),
        with(&|job| job.task.attack = 0.1),
        with(&|job| {
            let distribution = job.task.distribution.clone();
            job.task.distribution = distribution.with_magnitude(Magnitude::Signed);
        }),
        with(&|job| job.task.target = Target::Absolute),
        with(&|job| job.task.hidden_l1 = 0.1),
        with(&|job| job.task.examples = Some(examples(2, 4).into())),
    ];
    for outcome in train_exact(&wrong, NonZeroUsize::MIN) {
        assert!(matches!(outcome, Err(TrainError::NoExactGradient { .. })));
    }
    // Weights that start at 0 stay there, decay or not.
    let zero = TrainOptions::default()
        .with_n_steps(3)
        .with_initialization(Initialization::Normal { std: 0.0 })
        .with_unit_norm_decay(1.0);
    let model = run(&Job::new(config(4, 2), self::task(4, 0.5), zero)).model;
    assert!(model.parameters()[..8].iter().all(|&w| w == 0.0));
}
