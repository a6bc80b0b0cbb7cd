//! What these tests share.

use proptest::collection::vec;
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use superposition_model::faer::{Mat, MatRef};
use superposition_model::{Bias, Coupling, Dimensions, Output, ToyModel, ToyModelConfig};
use superposition_testkit::oracle;

pub(crate) fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

pub(crate) fn config(n_features: usize, n_hidden: usize) -> ToyModelConfig {
    ToyModelConfig::new(Dimensions {
        n_features,
        n_hidden,
    })
}

pub(crate) fn wide(x: MatRef<'_, f32>) -> Mat<f64> {
    Mat::from_fn(x.nrows(), x.ncols(), |i, j| f64::from(x[(i, j)]))
}

pub(crate) fn narrow(x: MatRef<'_, f64>) -> Mat<f32> {
    Mat::from_fn(x.nrows(), x.ncols(), |i, j| x[(i, j)] as f32)
}

/// The columns one after another.
pub(crate) fn flat(x: MatRef<'_, f64>) -> Vec<f64> {
    (0..x.ncols())
        .flat_map(|j| (0..x.nrows()).map(move |i| x[(i, j)]))
        .collect()
}

/// The bias, with zeros for none.
pub(crate) fn bias(model: &ToyModel) -> Vec<f64> {
    let n = model.dimensions().n_features;
    model
        .b()
        .map_or(vec![0.0; n], |b| b.iter().map(|&b| f64::from(b)).collect())
}

pub(crate) fn variants() -> impl Iterator<Item = (Output, Bias, Coupling)> {
    [Output::Relu, Output::Linear]
        .into_iter()
        .flat_map(|output| {
            [Bias::Learned, Bias::None]
                .into_iter()
                .flat_map(move |bias| {
                    [Coupling::Tied, Coupling::Untied].map(move |coupling| (output, bias, coupling))
                })
        })
}

/// A model and a batch whose numbers are small multiples of 1/8.
///
/// Then every hidden activation, sum and residual is exact in f32 and in f64, so that both are on the same side of the
/// kink, and sums of exactly 0 occur.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) model: ToyModel,
    pub(crate) x: Mat<f32>,
    pub(crate) importance: Vec<f32>,
}

impl Case {
    pub(crate) fn importance_f64(&self) -> Vec<f64> {
        self.importance.iter().map(|&i| f64::from(i)).collect()
    }

    pub(crate) fn relu(&self) -> bool {
        self.model.config().output == Output::Relu
    }

    /// The loss of flat parameters in f64, by the oracle.
    pub(crate) fn oracle_loss(&self, parameters: &[f64]) -> f64 {
        let (w, w_dec, b) = self.split(parameters);
        let x = wide(self.x.as_ref());
        oracle::toy_model_loss(
            w.as_ref(),
            w_dec.as_ref(),
            &b,
            x.as_ref(),
            &self.importance_f64(),
            self.relu(),
        )
    }

    /// The gradient in the layout of the parameters, by the oracle.
    pub(crate) fn oracle_gradient(&self) -> Vec<f64> {
        let parameters: Vec<f64> = self
            .model
            .parameters()
            .iter()
            .map(|&p| f64::from(p))
            .collect();
        let (w, w_dec, b) = self.split(&parameters);
        self.join(oracle::toy_model_gradient(
            w.as_ref(),
            w_dec.as_ref(),
            &b,
            wide(self.x.as_ref()).as_ref(),
            &self.importance_f64(),
            self.relu(),
        ))
    }

    /// For each parameter the sum of the absolute values of the terms of its gradient.
    pub(crate) fn gradient_scale(&self) -> Vec<f64> {
        let all: Vec<f64> = self
            .one_signed()
            .oracle_gradient()
            .iter()
            .map(|g| g.abs())
            .collect();
        let n = self.model.layout().w.len();
        match self.model.config().coupling {
            Coupling::Untied => all,
            Coupling::Tied => {
                let sums = (0..n).map(|p| all[p] + all[n + p]);
                sums.chain(all[2 * n..].iter().copied()).collect()
            }
        }
    }

    /// The sum of the absolute values of the terms of the loss, its squares multiplied out.
    pub(crate) fn loss_scale(&self) -> f64 {
        let one_signed = self.one_signed();
        let parameters: Vec<f64> = one_signed
            .model
            .parameters()
            .iter()
            .map(|&p| f64::from(p))
            .collect();
        one_signed.oracle_loss(&parameters)
    }

    /// The linear, untied twin with numbers of the same size, but with signs such that all terms of any sum agree.
    fn one_signed(&self) -> Self {
        let layout = self.model.layout();
        let flip = |range: std::ops::Range<usize>, sign: f32| {
            self.model.parameters()[range]
                .iter()
                .map(move |p| sign * p.abs())
                .collect::<Vec<f32>>()
        };
        let mut parameters = [flip(layout.w, -1.0), flip(layout.w_dec, 1.0)].concat();
        parameters.extend(layout.b.map_or(Vec::new(), |b| flip(b, -1.0)));
        let config = self
            .model
            .config()
            .with_output(Output::Linear)
            .with_coupling(Coupling::Untied);
        Self {
            model: ToyModel::new(config, parameters).expect("finite parameters"),
            x: Mat::from_fn(self.x.nrows(), self.x.ncols(), |i, s| self.x[(i, s)].abs()),
            importance: self.importance.clone(),
        }
    }

    fn split(&self, parameters: &[f64]) -> (Mat<f64>, Mat<f64>, Vec<f64>) {
        let Dimensions {
            n_features,
            n_hidden,
        } = self.model.dimensions();
        let layout = self.model.layout();
        let matrix =
            |values: &[f64]| Mat::from_fn(n_hidden, n_features, |k, i| values[i * n_hidden + k]);
        let b = layout
            .b
            .map_or(vec![0.0; n_features], |b| parameters[b].to_vec());
        (
            matrix(&parameters[layout.w]),
            matrix(&parameters[layout.w_dec]),
            b,
        )
    }

    /// A tied W gets the sum of both gradients.
    fn join(&self, (d_enc, d_dec, d_b): (Mat<f64>, Mat<f64>, Vec<f64>)) -> Vec<f64> {
        let (d_enc, d_dec) = (flat(d_enc.as_ref()), flat(d_dec.as_ref()));
        let mut joined = match self.model.config().coupling {
            Coupling::Tied => d_enc.iter().zip(&d_dec).map(|(a, b)| a + b).collect(),
            Coupling::Untied => [d_enc, d_dec].concat(),
        };
        if self.model.b().is_some() {
            joined.extend(d_b);
        }
        joined
    }
}

/// Eighths from -1 to 1.
fn eighths(count: usize) -> impl Strategy<Value = Vec<f32>> {
    vec((-8..=8_i32).prop_map(|k| k as f32 / 8.0), count)
}

/// Cases of every variant. `batch` bounds the batch size.
pub(crate) fn cases(batch: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = Case> {
    let variants: Vec<_> = variants().collect();
    (
        1..=6_usize,
        1..=4_usize,
        batch,
        proptest::sample::select(variants),
    )
        .prop_flat_map(|(n, m, batch, (output, bias, coupling))| {
            let config = config(n, m)
                .with_output(output)
                .with_bias(bias)
                .with_coupling(coupling);
            let n_parameters = config.n_parameters().expect("small sizes");
            let x = vec(
                prop_oneof![1 => Just(0.0_f32), 1 => (0..=8_i32).prop_map(|k| k as f32 / 8.0)],
                n * batch,
            );
            let importance = vec((0..=4_i32).prop_map(|k| k as f32 / 4.0), n);
            (eighths(n_parameters), x, importance).prop_map(move |(parameters, x, importance)| {
                Case {
                    model: ToyModel::new(config, parameters).expect("finite parameters"),
                    x: Mat::from_fn(n, batch, |i, s| x[s * n + i]),
                    importance,
                }
            })
        })
}
