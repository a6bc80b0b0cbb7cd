//! The loss of a step and its gradient, from a model's parameters and the step's random numbers.

use superposition_model::{
    Coupling, Dimensions, Output, ParameterLayout, ToyModel, ToyModelConfig,
};

use crate::kernel::{
    Chunk, Coefficients, EncodeShard, EncoderGradient, GramShard, Instructions, LANES, Product,
    Residual, ResidualShard, SampleShard, Shard, Thresholds, chunks_for, flat, flat_mut, tree_sum,
};
use crate::{StepForm, Stream, Task, TrainError, stream};

/// The samples that are drawn from one generator: a change is value-breaking.
pub(crate) const SHARD_SAMPLES: usize = 64;

/// The most f32 that a training may take, parameters and work space: 2^32 (16 GiB).
const MAX_WORK: u64 = 1 << 32;

/// The numbers for each parameter: itself, its gradient and Adam's moments.
pub(crate) const PER_PARAMETER: u128 = 4;

/// Cost of a sample in the Gram form, for each output: the residual, and an active feature's two loads, two
/// multiply-adds and a store. In units of about a multiply-add of a product; measured on AMD Zen 4.
const GRAM_SAMPLE: f64 = 16.0;
const GRAM_ACTIVE: f64 = 5.0;
/// The same where G and D do not fit a cache of 512 KiB.
const GRAM_ACTIVE_FAR: f64 = 15.0;
const GRAM_NEAR: f64 = (1 << 16) as f64;
/// The largest G that [`StepForm::Auto`] will form, in f32: with D and its transpose it takes 48 MiB.
const GRAM_LIMIT: f64 = (1 << 22) as f64;
/// Cost of a sample in the direct form, for each output, besides its products.
const DIRECT_SAMPLE: f64 = 48.0;
/// Cost of an active feature in the direct form, for each hidden dimension.
const DIRECT_ACTIVE: f64 = 3.0;

/// The form of the step: a function of the shapes and the probabilities, and of nothing else.
///
/// A change of this rule, or of its constants, changes the rounding of trainings, so it is value-breaking.
pub(crate) fn choose(
    form: StepForm,
    dimensions: Dimensions,
    batch_size: usize,
    probability: &[f64],
) -> StepForm {
    if form != StepForm::Auto {
        return form;
    }
    let outputs = (chunks_for(dimensions.n_features) * LANES) as f64;
    let hidden = (chunks_for(dimensions.n_hidden) * LANES) as f64;
    let (n, m) = (dimensions.n_features as f64, dimensions.n_hidden as f64);
    let active: f64 = probability.iter().sum();
    let gram_active = if n * outputs <= GRAM_NEAR {
        GRAM_ACTIVE
    } else {
        GRAM_ACTIVE_FAR
    };
    // G, and W times D and its transpose, are formed once a step.
    let gram =
        batch_size as f64 * outputs * (GRAM_SAMPLE + gram_active * active) + 2.0 * n * m * outputs;
    let direct = batch_size as f64
        * (outputs * (2.0 * m + hidden + DIRECT_SAMPLE) + DIRECT_ACTIVE * active * hidden);
    if gram <= direct && n * outputs <= GRAM_LIMIT {
        StepForm::Gram
    } else {
        StepForm::Direct
    }
}

/// Refuses what takes more than [`MAX_WORK`].
pub(crate) fn check_elements(what: &'static str, elements: u128) -> Result<(), TrainError> {
    if elements > u128::from(MAX_WORK) {
        return Err(TrainError::TooLarge {
            what,
            elements,
            limit: MAX_WORK,
        });
    }
    Ok(())
}

/// Refuses a training that would take too much, before anything of it is allocated.
///
/// Counted are the parameters with all that Adam has for each, what [`StepKernel::new`] allocates and the most that a
/// shard can grow to.
pub(crate) fn check_work(
    config: &ToyModelConfig,
    task: &Task,
    batch_size: usize,
    form: StepForm,
) -> Result<(), TrainError> {
    let dimensions = config.dimensions;
    let Dimensions {
        n_features: n,
        n_hidden: m,
    } = dimensions;
    let probability = task.distribution.feature_probability();
    let (outputs, hidden) = (chunks_for(n), chunks_for(m));
    let wide = |rows: usize, chunks: usize| rows as u128 * chunks as u128 * LANES as u128;
    let parameters = PER_PARAMETER * config.n_parameters()? as u128;
    let forms = match choose(form, dimensions, batch_size, probability) {
        StepForm::Direct => 3 * wide(n, hidden) + wide(SHARD_SAMPLES, outputs + 2 * hidden),
        _ => 3 * wide(outputs * LANES, outputs),
    };
    let rows = 4 * wide(m, outputs);
    // Draws, indices and values of the active features, whose memory at most doubles as they grow.
    let shard = 2 * 3 * wide(SHARD_SAMPLES.min(batch_size), outputs);
    // The scale, the bias, its gradient, a shard's loss and x; the loss in f64; the thresholds, and their divisors in
    // f64; six columns that are packed.
    let columns = (5 + 2 + 2 + 2 + 6) * wide(1, outputs) + 6 * wide(1, hidden);
    check_elements("this training", parameters + forms + rows + shard + columns)
}

/// A batch's loss and gradient, step after step, in memory that is used again.
pub(crate) struct StepKernel {
    instructions: Instructions,
    dimensions: Dimensions,
    output: Output,
    coupling: Coupling,
    layout: ParameterLayout,
    batch_size: usize,
    seed: u64,
    thresholds: Thresholds,
    shard: Shard,
    /// Chunks that hold n outputs, and m hidden dimensions.
    outputs: usize,
    hidden: usize,
    /// `$2 I_j / (B n)$`.
    scale: Vec<Chunk>,
    bias: Vec<Chunk>,
    bias_gradient: Vec<Chunk>,
    /// The loss of each output: of a shard, and of all shards.
    shard_loss: Vec<Chunk>,
    loss: Vec<f64>,
    /// Zeros, one for each output.
    x: Vec<Chunk>,
    /// W by its rows, one for each hidden dimension: m rows over the features. That of the encoder only if untied.
    w_rows: Vec<Chunk>,
    w_dec_rows: Vec<Chunk>,
    /// The gradients of both.
    w_rows_gradient: Vec<Chunk>,
    w_dec_rows_gradient: Vec<Chunk>,
    packed: Vec<[f32; 6]>,
    work: Work,
}

/// What the two forms need besides.
enum Work {
    Gram {
        /// n rows over the outputs.
        gram: Vec<Chunk>,
        /// D, and its transpose, in rows for a multiple of 16 features.
        d: Vec<Chunk>,
        d_transposed: Vec<Chunk>,
    },
    Direct {
        /// W by its columns, one for each feature: n rows over the hidden dimensions. That of the decoder only if
        /// untied.
        w: Vec<Chunk>,
        w_dec: Vec<Chunk>,
        w_gradient: Vec<Chunk>,
        /// Rows for the samples of a shard: over the hidden dimensions, the outputs, the hidden dimensions.
        h: Vec<Chunk>,
        z: Vec<Chunk>,
        h_gradient: Vec<Chunk>,
    },
}

impl StepKernel {
    /// The step of `task` for models like `model`, with batches of `batch_size` drawn by `seed`.
    ///
    /// How much it allocates is for [`check_work`] to refuse.
    pub(crate) fn new(
        model: &ToyModel,
        task: &Task,
        batch_size: usize,
        seed: u64,
        instructions: Instructions,
        form: StepForm,
    ) -> Self {
        let config = model.config();
        let dimensions = config.dimensions;
        let Dimensions {
            n_features: n,
            n_hidden: m,
        } = dimensions;
        let form = choose(
            form,
            dimensions,
            batch_size,
            task.distribution.feature_probability(),
        );
        let (outputs, hidden) = (chunks_for(n), chunks_for(m));
        let untied = config.coupling == Coupling::Untied;

        let chunks = |rows: usize, chunks: usize| vec![Chunk::default(); rows * chunks];
        let mut scale = chunks(1, outputs);
        for (scale, &importance) in flat_mut(&mut scale).iter_mut().zip(&task.importance) {
            *scale = (2.0 * f64::from(importance) / (batch_size as f64 * n as f64)) as f32;
        }
        let if_untied = |rows: usize| if untied { rows } else { 0 };
        let work = match form {
            StepForm::Direct => Work::Direct {
                w: chunks(n, hidden),
                w_dec: chunks(if_untied(n), hidden),
                w_gradient: chunks(n, hidden),
                h: chunks(SHARD_SAMPLES, hidden),
                z: chunks(SHARD_SAMPLES, outputs),
                h_gradient: chunks(SHARD_SAMPLES, hidden),
            },
            _ => Work::Gram {
                gram: chunks(n, outputs),
                d: chunks(outputs * LANES, outputs),
                d_transposed: chunks(outputs * LANES, outputs),
            },
        };
        Self {
            instructions,
            dimensions,
            output: config.output,
            coupling: config.coupling,
            layout: model.layout(),
            batch_size,
            seed,
            thresholds: Thresholds::new(&task.distribution),
            shard: Shard::default(),
            outputs,
            hidden,
            scale,
            bias: chunks(1, outputs),
            bias_gradient: chunks(1, outputs),
            shard_loss: chunks(1, outputs),
            loss: vec![0.0; outputs * LANES],
            x: chunks(1, outputs),
            w_rows: chunks(if_untied(m), outputs),
            w_dec_rows: chunks(m, outputs),
            w_rows_gradient: chunks(if_untied(m), outputs),
            w_dec_rows_gradient: chunks(m, outputs),
            packed: Vec::new(),
            work,
        }
    }

    /// The loss of the batch of this step (from 0), whose gradient it writes to `gradient`.
    pub(crate) fn loss_and_gradient(
        &mut self,
        parameters: &[f32],
        step: u64,
        gradient: &mut [f32],
    ) -> f64 {
        self.prepare(parameters);
        let mut first = 0;
        let mut shard = 0;
        while first < self.batch_size {
            let n_samples = SHARD_SAMPLES.min(self.batch_size - first);
            self.instructions.run(SampleShard {
                thresholds: &self.thresholds,
                key: stream::key(self.seed, Stream::Data, step, shard),
                n_samples,
                shard: &mut self.shard,
            });
            self.add_shard();
            for (sum, loss) in self.loss.iter_mut().zip(flat(&self.shard_loss)) {
                *sum += f64::from(*loss);
            }
            self.shard_loss.fill(Chunk::default());
            first += n_samples;
            shard += 1;
        }
        self.finish(gradient);
        let (loss, _) = self.loss.as_chunks::<LANES>();
        let mut lanes = [0.0; LANES];
        for chunk in loss {
            for (lane, loss) in lanes.iter_mut().zip(chunk) {
                *lane += loss;
            }
        }
        0.5 * tree_sum(lanes)
    }

    /// Lays the parameters out for the kernels and clears the sums.
    fn prepare(&mut self, parameters: &[f32]) {
        let m = self.dimensions.n_hidden;
        let (outputs, hidden) = (self.outputs, self.hidden);
        if let Some(b) = self.layout.b.clone() {
            let b = &parameters[b];
            flat_mut(&mut self.bias)[..b.len()].copy_from_slice(b);
        }
        let (w, w_dec) = (
            &parameters[self.layout.w.clone()],
            &parameters[self.layout.w_dec.clone()],
        );
        let untied = self.coupling == Coupling::Untied;
        columns_to_rows(w_dec, m, &mut self.w_dec_rows, outputs);
        if untied {
            columns_to_rows(w, m, &mut self.w_rows, outputs);
        }
        self.bias_gradient.fill(Chunk::default());
        self.loss.fill(0.0);
        match &mut self.work {
            Work::Gram { gram, d, .. } => {
                // Row i of G is the sum over k of W_ki times row k of W_dec.
                self.instructions.run(Product {
                    out: gram,
                    a: Coefficients {
                        values: w,
                        row_stride: m,
                        column_stride: 1,
                    },
                    b: &self.w_dec_rows,
                    stride: outputs,
                    accumulate: false,
                    packed: &mut self.packed,
                });
                d.fill(Chunk::default());
            }
            Work::Direct {
                w: w_columns,
                w_dec: w_dec_columns,
                w_gradient,
                ..
            } => {
                pad_columns(w, m, w_columns, hidden);
                if untied {
                    pad_columns(w_dec, m, w_dec_columns, hidden);
                }
                w_gradient.fill(Chunk::default());
                self.w_dec_rows_gradient.fill(Chunk::default());
            }
        }
    }

    /// Adds the loss and gradient of the shard.
    fn add_shard(&mut self) {
        let (outputs, hidden) = (self.outputs, self.hidden);
        let n_samples = self.shard.n_samples();
        let residual = Residual {
            output: self.output,
            bias: &self.bias,
            scale: &self.scale,
            loss: &mut self.shard_loss,
            bias_gradient: &mut self.bias_gradient,
        };
        match &mut self.work {
            Work::Gram { gram, d, .. } => {
                self.instructions.run(GramShard {
                    residual,
                    shard: &self.shard,
                    gram,
                    d,
                    x: &mut self.x,
                });
            }
            Work::Direct {
                w,
                w_dec,
                w_gradient,
                h,
                z,
                h_gradient,
            } => {
                let w_dec = if self.coupling == Coupling::Untied {
                    &*w_dec
                } else {
                    &*w
                };
                let h = &mut h[..n_samples * hidden];
                let z = &mut z[..n_samples * outputs];
                let h_gradient = &mut h_gradient[..n_samples * hidden];
                self.instructions.run(EncodeShard {
                    shard: &self.shard,
                    w,
                    h,
                    stride: hidden,
                });
                for z in z.chunks_exact_mut(outputs) {
                    z.copy_from_slice(residual.bias);
                }
                self.instructions.run(Product {
                    out: z,
                    a: Coefficients {
                        values: flat(h),
                        row_stride: hidden * LANES,
                        column_stride: 1,
                    },
                    b: &self.w_dec_rows,
                    stride: outputs,
                    accumulate: true,
                    packed: &mut self.packed,
                });
                self.instructions.run(ResidualShard {
                    residual,
                    shard: &self.shard,
                    x: &mut self.x,
                    z,
                });
                // z now holds g.
                self.instructions.run(Product {
                    out: h_gradient,
                    a: Coefficients {
                        values: flat(z),
                        row_stride: outputs * LANES,
                        column_stride: 1,
                    },
                    b: w_dec,
                    stride: hidden,
                    accumulate: false,
                    packed: &mut self.packed,
                });
                self.instructions.run(Product {
                    out: &mut self.w_dec_rows_gradient,
                    a: Coefficients {
                        values: flat(h),
                        row_stride: 1,
                        column_stride: hidden * LANES,
                    },
                    b: z,
                    stride: outputs,
                    accumulate: true,
                    packed: &mut self.packed,
                });
                self.instructions.run(EncoderGradient {
                    shard: &self.shard,
                    h_gradient,
                    w_gradient,
                    stride: hidden,
                });
            }
        }
    }

    /// Makes the gradient of what the shards have added.
    fn finish(&mut self, gradient: &mut [f32]) {
        let Dimensions {
            n_features: n,
            n_hidden: m,
        } = self.dimensions;
        let (outputs, hidden) = (self.outputs, self.hidden);
        let untied = self.coupling == Coupling::Untied;
        match &mut self.work {
            Work::Gram {
                d, d_transposed, ..
            } => {
                transpose(d, d_transposed, outputs);
                let coefficients = |values| Coefficients {
                    values,
                    row_stride: outputs * LANES,
                    column_stride: 1,
                };
                if untied {
                    self.instructions.run(Product {
                        out: &mut self.w_rows_gradient,
                        a: coefficients(flat(&self.w_dec_rows)),
                        b: &d_transposed[..n * outputs],
                        stride: outputs,
                        accumulate: false,
                        packed: &mut self.packed,
                    });
                    rows_to_columns(
                        &self.w_rows_gradient,
                        outputs,
                        &mut gradient[self.layout.w.clone()],
                        m,
                    );
                } else {
                    for (d, transposed) in flat_mut(d).iter_mut().zip(flat(d_transposed)) {
                        *d += transposed;
                    }
                }
                let w_rows = if untied {
                    &self.w_rows
                } else {
                    &self.w_dec_rows
                };
                self.instructions.run(Product {
                    out: &mut self.w_dec_rows_gradient,
                    a: coefficients(flat(w_rows)),
                    b: &d[..n * outputs],
                    stride: outputs,
                    accumulate: false,
                    packed: &mut self.packed,
                });
                rows_to_columns(
                    &self.w_dec_rows_gradient,
                    outputs,
                    &mut gradient[self.layout.w_dec.clone()],
                    m,
                );
            }
            Work::Direct { w_gradient, .. } => {
                rows_to_columns(
                    &self.w_dec_rows_gradient,
                    outputs,
                    &mut gradient[self.layout.w_dec.clone()],
                    m,
                );
                let rows = flat(w_gradient).chunks_exact(hidden * LANES);
                for (column, row) in gradient[self.layout.w.clone()]
                    .chunks_exact_mut(m)
                    .zip(rows)
                {
                    for (to, from) in column.iter_mut().zip(row) {
                        // Tied weights have the sum of both gradients.
                        *to = if untied { *from } else { *to + from };
                    }
                }
            }
        }
        if let Some(b) = self.layout.b.clone() {
            let b = &mut gradient[b];
            b.copy_from_slice(&flat(&self.bias_gradient)[..b.len()]);
        }
    }

    /// The form that is used.
    #[cfg(test)]
    pub(crate) fn form(&self) -> StepForm {
        match self.work {
            Work::Gram { .. } => StepForm::Gram,
            Work::Direct { .. } => StepForm::Direct,
        }
    }

    /// The samples of the batch of a step.
    #[cfg(test)]
    pub(crate) fn batch(&mut self, step: u64) -> faer::Mat<f32> {
        let mut x = faer::Mat::zeros(self.dimensions.n_features, self.batch_size);
        for (shard, first) in (0..self.batch_size).step_by(SHARD_SAMPLES).enumerate() {
            self.instructions.run(SampleShard {
                thresholds: &self.thresholds,
                key: stream::key(self.seed, Stream::Data, step, shard as u32),
                n_samples: SHARD_SAMPLES.min(self.batch_size - first),
                shard: &mut self.shard,
            });
            for (s, (indices, values)) in self.shard.samples().enumerate() {
                for (&i, &value) in indices.iter().zip(values) {
                    x[(i as usize, first + s)] = value;
                }
            }
        }
        x
    }
}

/// Lays out the columns of W (`m` numbers each) as rows of `stride` chunks over the columns.
fn columns_to_rows(columns: &[f32], m: usize, rows: &mut [Chunk], stride: usize) {
    let rows = flat_mut(rows);
    for (i, column) in columns.chunks_exact(m).enumerate() {
        for (k, &value) in column.iter().enumerate() {
            rows[k * stride * LANES + i] = value;
        }
    }
}

/// Undoes [`columns_to_rows`].
fn rows_to_columns(rows: &[Chunk], stride: usize, columns: &mut [f32], m: usize) {
    let rows = flat(rows);
    for (i, column) in columns.chunks_exact_mut(m).enumerate() {
        for (k, value) in column.iter_mut().enumerate() {
            *value = rows[k * stride * LANES + i];
        }
    }
}

/// Gives each column of W (`m` numbers) chunks of its own.
fn pad_columns(columns: &[f32], m: usize, padded: &mut [Chunk], stride: usize) {
    for (to, from) in padded.chunks_exact_mut(stride).zip(columns.chunks_exact(m)) {
        flat_mut(to)[..m].copy_from_slice(from);
    }
}

/// Transposes a square matrix of `stride` chunks a row, block after block.
fn transpose(from: &[Chunk], to: &mut [Chunk], stride: usize) {
    for block_row in 0..stride {
        for block_column in 0..stride {
            for row in 0..LANES {
                let from = &from[(block_row * LANES + row) * stride + block_column];
                for (column, &value) in from.0.iter().enumerate() {
                    to[(block_column * LANES + column) * stride + block_row].0[row] = value;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
