//! A sparse autoencoder finds planted features, and how its training ends.

use std::ops::ControlFlow;

use superposition_model::faer::{Mat, MatRef};
use superposition_model::sae::{SaeConfig, SaeDimensions, SparseAutoencoder};
use superposition_model::{FeatureDistribution, FeatureProbability};
use superposition_train::sae::{SaeTrainOptions, train_sparse_autoencoder};
use superposition_train::{AdamConfig, Schedule, StopReason, Stream, TrainError};

/// Sixteen unit directions in eight dimensions (d_in x n), spread apart by repulsion so that they can be told apart.
fn directions() -> Mat<f64> {
    use rand::Rng;
    let (d_in, n) = (8, 16);
    let mut rng = Stream::Split.rng(3, 0, 0);
    let mut w = Mat::from_fn(d_in, n, |_, _| {
        f64::from(rng.next_u32()) / 2_f64.powi(31) - 1.0
    });
    for _ in 0..200 {
        normalize(&mut w);
        let old = w.clone();
        for i in 0..n {
            for j in (0..n).filter(|&j| j != i) {
                let cosine = dot(&old, i, j);
                for k in 0..d_in {
                    w[(k, i)] -= 0.05 * cosine.max(0.0) * old[(k, j)];
                }
            }
        }
    }
    normalize(&mut w);
    w
}

fn dot(w: &Mat<f64>, i: usize, j: usize) -> f64 {
    (0..w.nrows()).map(|k| w[(k, i)] * w[(k, j)]).sum()
}

fn normalize(w: &mut Mat<f64>) {
    for i in 0..w.ncols() {
        let norm = dot(w, i, i).sqrt();
        for k in 0..w.nrows() {
            w[(k, i)] /= norm;
        }
    }
}

/// Activations of sparse features along these directions.
fn activations(w: &Mat<f64>, n_samples: usize) -> Mat<f32> {
    let distribution =
        FeatureDistribution::new(w.ncols(), &FeatureProbability::Same(0.06)).unwrap();
    let x = distribution.sample(n_samples, &mut Stream::Evaluation.rng(3, 0, 0));
    Mat::from_fn(w.nrows(), n_samples, |k, s| {
        (0..w.ncols())
            .map(|i| w[(k, i)] * f64::from(x[(i, s)]))
            .sum::<f64>() as f32
    })
}

/// How many directions some decoder column points along, with a cosine above 0.95.
fn n_recovered(w: &Mat<f64>, model: &SparseAutoencoder) -> usize {
    let cosine = |i: usize, column: MatRef<'_, f32>, j: usize| {
        (0..w.nrows())
            .map(|k| w[(k, i)] * f64::from(column[(k, j)]))
            .sum::<f64>()
    };
    (0..w.ncols())
        .filter(|&i| (0..model.dimensions().d_sae).any(|j| cosine(i, model.w_dec(), j) > 0.95))
        .count()
}

#[test]
fn planted_features_are_recovered() {
    let w = directions();
    let activations = activations(&w, 8192);
    let options = SaeTrainOptions::new(32)
        .with_l1(0.06)
        .with_l1_warmup_steps(300)
        .with_n_steps(4000)
        .with_batch_size(256)
        .with_adam(AdamConfig::default().with_learning_rate(3e-3));
    let mut start = None;
    let trained = train_sparse_autoencoder(activations.as_ref(), &options, &mut |progress| {
        start.get_or_insert_with(|| progress.model.clone());
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(
        (trained.stop, trained.losses.len()),
        (StopReason::Finished, 4000)
    );
    let found = n_recovered(&w, &trained.model);
    assert!(found >= 15, "{found} of 16");
    // The control: after the first step they are not there.
    let found = n_recovered(&w, &start.unwrap());
    assert!(found < 8, "{found} of 16");
    for j in 0..32 {
        let norm_sq: f64 = (0..8)
            .map(|k| f64::from(trained.model.w_dec()[(k, j)]).powi(2))
            .sum();
        assert!((norm_sq - 1.0).abs() < 1e-6);
    }
    // Dead latents, counted by hand.
    let latents = trained.model.encode(activations.as_ref());
    let n_dead = (0..32)
        .filter(|&j| (0..8192).all(|s| latents[(j, s)] == 0.0))
        .count();
    assert_eq!(trained.n_dead, n_dead);
}

#[test]
fn the_same_seed_gives_the_same_bits_and_the_observer_cancels() {
    let activations = activations(&directions(), 100);
    let options = SaeTrainOptions::new(9).with_n_steps(20).with_batch_size(7);
    let run = |options: &SaeTrainOptions, until: usize| {
        train_sparse_autoencoder(activations.as_ref(), options, &mut |progress| {
            assert_eq!(progress.n_steps, 20);
            if progress.step == until {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })
        .unwrap()
    };
    let full = run(&options, 0);
    assert_eq!(full.model, run(&options, 0).model);
    assert_ne!(full.model, run(&options.clone().with_seed(1), 0).model);
    let cancelled = run(&options, 5);
    assert_eq!(cancelled.stop, StopReason::Cancelled { step: 5 });
    assert_eq!(cancelled.losses, full.losses[..5]);
    // The penalty's weight rises during the warm-up: the first step has a quarter of it.
    let warm = run(&options.clone().with_l1_warmup_steps(4), 0);
    let (first, plain) = (warm.losses[0], full.losses[0]);
    assert_eq!(
        (first.reconstruction, first.sparsity),
        (plain.reconstruction, plain.sparsity)
    );
    assert!((first.total - (plain.reconstruction + 0.025 * plain.sparsity)).abs() < 1e-12);
}

/// The documented draws: each 64 columns of a batch from a generator of their own.
#[test]
fn batches_are_drawn_in_shards() {
    use rand::Rng;
    let activations = activations(&directions(), 1000);
    let (seed, batch_size, l1) = (5, 150, 0.2);
    let options = SaeTrainOptions::new(9)
        .with_l1(l1)
        .with_n_steps(2)
        .with_batch_size(batch_size)
        .with_seed(seed);
    let config = SaeConfig::new(SaeDimensions { d_in: 8, d_sae: 9 });
    let mut rng = Stream::Initialization.rng(seed, 0, 0);
    let mut models = vec![SparseAutoencoder::random(config, &mut rng).unwrap()];
    let trained = train_sparse_autoencoder(activations.as_ref(), &options, &mut |progress| {
        models.push(progress.model.clone());
        ControlFlow::Continue(())
    })
    .unwrap();
    for (step, model) in models.iter().take(2).enumerate() {
        let mut columns = Vec::new();
        for (shard, n) in [64, 64, 22].into_iter().enumerate() {
            let mut rng = Stream::Data.rng(seed, step as u64, shard as u32);
            columns.extend((0..n).map(|_| ((u128::from(rng.next_u64()) * 1000) >> 64) as usize));
        }
        let batch = Mat::from_fn(8, batch_size, |i, s| activations[(i, columns[s])]);
        let mut gradient = vec![0.0; model.parameters().len()];
        let loss = model.loss_and_gradient_into(batch.as_ref(), l1, &mut gradient);
        assert_eq!(trained.losses[step], loss);
    }
}

#[test]
fn bad_values_are_refused_and_divergence_is_an_outcome() {
    let mut activations = activations(&directions(), 10);
    let good = SaeTrainOptions::new(4).with_n_steps(30).with_batch_size(5);
    let run = |activations: MatRef<'_, f32>, options: &SaeTrainOptions| {
        train_sparse_autoencoder(activations, options, &mut |_| ControlFlow::Continue(()))
    };
    for bad in [
        good.clone().with_l1(-1.0),
        good.clone().with_l1(f64::NAN),
        good.clone().with_l1_warmup_steps(31),
        good.clone().with_n_steps(0),
        good.clone().with_batch_size(0),
        good.clone()
            .with_adam(AdamConfig::default().with_epsilon(0.0)),
        good.clone()
            .with_schedule(Schedule::default().with_warmup_steps(31)),
        SaeTrainOptions::new(0),
        good.clone().with_batch_size(usize::MAX),
        good.clone().with_batch_size(1 << 30),
        // The parameters alone are few enough; not with their gradient and moments.
        SaeTrainOptions::new(1 << 27),
    ] {
        assert!(run(activations.as_ref(), &bad).is_err(), "{bad:?}");
    }
    assert!(run(activations.as_ref().subcols(0, 0), &good).is_err());
    let wild = good
        .clone()
        .with_adam(AdamConfig::default().with_learning_rate(1e30));
    let trained = run(activations.as_ref(), &wild).unwrap();
    assert!(trained.stop.has_diverged(), "{:?}", trained.stop);
    let cancelled = train_sparse_autoencoder(
        activations.as_ref(),
        &wild.with_adam(AdamConfig::default().with_learning_rate(1e300)),
        &mut |_| ControlFlow::Break(()),
    )
    .unwrap();
    assert_eq!(cancelled.stop, StopReason::Diverged { step: 1 });
    assert_eq!(cancelled.losses.len(), 1);
    activations[(2, 7)] = f32::NAN;
    let error = run(activations.as_ref(), &good).unwrap_err();
    assert!(matches!(
        error,
        TrainError::NotFinite {
            row: 2,
            column: 7,
            ..
        }
    ));
}
