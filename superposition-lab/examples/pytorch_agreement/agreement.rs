//! Twenty trainings of ours against twenty of PyTorch's, on the same evaluation set, in f64.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use superposition_lab::Recipe;
use superposition_lab::analysis::{AnalysisOptions, analyze};
use superposition_lab::model::Dimensions;
use superposition_lab::model::faer::{Mat, MatRef};
use superposition_lab::train::{Stream, TrainOptions, train_ensemble};
use superposition_testkit::{golden, oracle};

/// Seeds on each side; as many as the golden files hold.
pub(crate) const N_SEEDS: usize = 20;

/// Samples per block of the evaluation set: bounds memory.
const BLOCK: usize = 2_000;

/// What is compared, and PyTorch's side of it.
pub(crate) struct Comparison {
    pub(crate) recipe: Recipe,
    pub(crate) golden: &'static str,
    pub(crate) n_evaluation: usize,
}

impl Comparison {
    /// The quick start: minutes on two cores.
    pub(crate) fn full() -> Self {
        Self {
            recipe: Recipe::quick_start(),
            golden: "quick-start-torch.safetensors",
            n_evaluation: 100_000,
        }
    }

    /// The same with 20 features in 5 dimensions, batch 256, 2,000 steps: seconds.
    pub(crate) fn short() -> Self {
        let recipe = Recipe::quick_start()
            .with_dimensions(Dimensions {
                n_features: 20,
                n_hidden: 5,
            })
            .with_train(
                TrainOptions::default()
                    .with_n_steps(2_000)
                    .with_batch_size(256),
            );
        Self {
            recipe,
            golden: "quick-start-short-torch.safetensors",
            n_evaluation: 20_000,
        }
    }
}

/// The measurements of one trained model.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    pub(crate) loss: f64,
    pub(crate) n_represented: f64,
    pub(crate) dimensions_per_feature: f64,
    pub(crate) mean_interference: f64,
}

/// Trains our side.
pub(crate) fn ours(recipe: &Recipe) -> Vec<(Mat<f64>, Vec<f64>)> {
    let jobs: Vec<_> = (0..N_SEEDS as u64)
        .map(|seed| {
            let mut recipe = recipe.clone();
            recipe.train.seed = seed;
            recipe.job().expect("the recipe is valid")
        })
        .collect();
    let threads = NonZeroUsize::new(2).expect("two is not zero");
    train_ensemble(&jobs, threads, &|_, _| ControlFlow::Continue(()))
        .into_iter()
        .map(|trained| {
            let model = trained.expect("training succeeds").model;
            let w = model.w();
            let w = Mat::from_fn(w.nrows(), w.ncols(), |k, i| f64::from(w[(k, i)]));
            let b = model.b().expect("the quick start has a bias");
            (w, b.iter().map(|&b| f64::from(b)).collect())
        })
        .collect()
}

/// Reads PyTorch's side.
pub(crate) fn pytorch(golden: &str) -> Vec<(Mat<f64>, Vec<f64>)> {
    let tensors = golden::tensors(golden);
    let (w, b) = (&tensors["W"], &tensors["b"]);
    let n = b.shape[1];
    (0..N_SEEDS)
        .map(|seed| {
            let b = &b.values[seed * n..(seed + 1) * n];
            (w.instance(seed), b.iter().map(|&b| f64::from(b)).collect())
        })
        .collect()
}

/// Measures all models on one evaluation set, which no training has seen.
pub(crate) fn measure(
    models: &[(Mat<f64>, Vec<f64>)],
    recipe: &Recipe,
    n_evaluation: usize,
) -> Vec<Measured> {
    let task = recipe.task().expect("the recipe is valid");
    let importance: Vec<f64> = task.importance.iter().map(|&i| f64::from(i)).collect();
    let n_blocks = n_evaluation / BLOCK;
    let mut losses = vec![0.0; models.len()];
    for block in 0..n_blocks {
        let mut rng = Stream::Evaluation.rng(u64::MAX, 0, block as u32);
        let x = task.distribution.sample(BLOCK, &mut rng);
        let x = Mat::from_fn(x.nrows(), x.ncols(), |i, s| f64::from(x[(i, s)]));
        for (loss, (w, b)) in losses.iter_mut().zip(models) {
            let w: MatRef<'_, f64> = w.as_ref();
            *loss += oracle::toy_model_loss(w, w, b, x.as_ref(), &importance, true);
        }
    }
    let options = AnalysisOptions::default().with_min_norm(0.5);
    losses
        .iter()
        .zip(models)
        .map(|(loss, (w, _))| {
            let geometry = analyze(w.as_ref(), &options).expect("weights are finite");
            Measured {
                loss: loss / n_blocks as f64,
                n_represented: geometry.n_represented as f64,
                dimensions_per_feature: geometry.dimensions_per_feature.expect("W is not zero"),
                mean_interference: geometry.mean_interference,
            }
        })
        .collect()
}

/// One quantity on both sides.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) name: &'static str,
    pub(crate) ours: f64,
    pub(crate) pytorch: f64,
    /// Standard error of the difference.
    pub(crate) standard_error: f64,
    /// What the difference may be.
    pub(crate) allowed: f64,
}

impl Line {
    pub(crate) fn agrees(&self) -> bool {
        (self.ours - self.pytorch).abs() <= self.allowed
    }
}

/// Medians of the loss within 2 % or 3 standard errors, means of the geometry within 3.
pub(crate) fn compare(ours: &[Measured], pytorch: &[Measured]) -> Vec<Line> {
    let line = |name,
                of: &dyn Fn(&Measured) -> f64,
                center: fn(&mut [f64]) -> f64,
                efficiency: f64,
                share: f64| {
        let mut a: Vec<f64> = ours.iter().map(of).collect();
        let mut b: Vec<f64> = pytorch.iter().map(of).collect();
        let error = efficiency * (variance_of_mean(&a) + variance_of_mean(&b)).sqrt();
        let (a, b) = (center(&mut a), center(&mut b));
        Line {
            name,
            ours: a,
            pytorch: b,
            standard_error: error,
            allowed: (3.0 * error).max(share * b.abs()),
        }
    };
    // The median of normal values has a variance pi/2 times that of the mean.
    let median_efficiency = std::f64::consts::FRAC_PI_2.sqrt();
    vec![
        line(
            "loss (median)",
            &|m| m.loss,
            median,
            median_efficiency,
            0.02,
        ),
        line("n_represented (mean)", &|m| m.n_represented, mean, 1.0, 0.0),
        line("D* (mean)", &|m| m.dimensions_per_feature, mean, 1.0, 0.0),
        line(
            "mean interference (mean)",
            &|m| m.mean_interference,
            mean,
            1.0,
            0.0,
        ),
    ]
}

fn mean(values: &mut [f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    if values.len().is_multiple_of(2) {
        0.5 * (values[half - 1] + values[half])
    } else {
        values[half]
    }
}

fn variance_of_mean(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n * (n - 1.0))
}
