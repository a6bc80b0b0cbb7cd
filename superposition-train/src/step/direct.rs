//! The direct form: groups of shards, each with sums of its own, through the hidden layer.

use std::ops::Range;
use std::sync::RwLock;

use superposition_model::{Dimensions, Hidden};

use super::attack::{Attacks, add_encoder_gradient};
use super::{Step, read, write};
use crate::kernel::{
    Chunk, Coefficients, ColumnsToRows, EncodeShard, EncoderGradient, HiddenGradient, HiddenRows,
    LANES, Product, Residual, ResidualRows, RowsToColumns, SampleRows, Shard, Start, chunks_for,
    flat, flat_mut,
};

/// The most groups of shards: a change is value-breaking.
const MAX_GROUPS: usize = 4;

/// Samples that go through the hidden layer together, so that their outputs stay in the cache: a change is value-breaking
/// for losses.
pub(super) const TILE: usize = 32;

/// What the workers share.
pub(super) struct Shared {
    groups: Vec<RwLock<Group>>,
    n_shards: usize,
}

/// The sums over the shards of a group.
struct Group {
    /// Of the encoder: n rows over the hidden dimensions.
    w: Vec<Chunk>,
    /// Of the decoder: m rows over the outputs.
    w_dec: Vec<Chunk>,
    bias: Vec<Chunk>,
    /// Of the encoder's bias, whether there is one or not.
    bias_enc: Vec<Chunk>,
    /// Of the attacks, m x m; empty where there are none.
    attacks: Vec<f32>,
}

impl Shared {
    pub(super) fn new(dimensions: Dimensions, n_shards: usize, attacked: bool) -> Self {
        let Dimensions {
            n_features: n,
            n_hidden: m,
        } = dimensions;
        let zeros = |rows: usize, chunks: usize| vec![Chunk::default(); rows * chunks];
        let groups = (0..n_groups(n_shards)).map(|_| {
            RwLock::new(Group {
                w: zeros(n, chunks_for(m)),
                w_dec: zeros(m, chunks_for(n)),
                bias: zeros(1, chunks_for(n)),
                bias_enc: zeros(1, chunks_for(m)),
                attacks: vec![0.0; if attacked { m * m } else { 0 }],
            })
        });
        Self {
            groups: groups.collect(),
            n_shards,
        }
    }

    pub(super) fn n_groups(&self) -> usize {
        self.groups.len()
    }
}

/// How many groups some shards make.
pub(super) fn n_groups(n_shards: usize) -> usize {
    n_shards.min(MAX_GROUPS)
}

/// What a worker keeps for itself.
pub(super) struct Work {
    /// All of W by its columns, and of the decoder if it is another, without padding.
    w: Vec<f32>,
    w_dec: Vec<f32>,
    bias: Vec<Chunk>,
    bias_enc: Vec<Chunk>,
    /// Both with their columns padded, n rows over the hidden dimensions; the decoder by its rows over the outputs.
    w_columns: Vec<Chunk>,
    w_dec_columns: Vec<Chunk>,
    w_dec_rows: Vec<Chunk>,
    shard: Shard,
    /// The samples of a shard, if they are drawn as rows; else those of a tile.
    x: Vec<Chunk>,
    /// Rows for the samples of a tile: over the hidden dimensions, the outputs, the hidden dimensions.
    h: Vec<Chunk>,
    z: Vec<Chunk>,
    h_gradient: Vec<Chunk>,
    sums: Vec<Chunk>,
    attacks: Option<Attacks>,
    /// Sums of the attacks over the groups.
    attack_sums: Vec<f32>,
}

impl Work {
    pub(super) fn new(step: &Step) -> Self {
        let Dimensions {
            n_features: n,
            n_hidden: m,
        } = step.dimensions;
        let (outputs, hidden) = (chunks_for(n), chunks_for(m));
        let zeros = |rows: usize, chunks: usize| vec![Chunk::default(); rows * chunks];
        let if_untied = |rows: usize| if step.untied { rows } else { 0 };
        let rows = match step.sampler.draws_rows() {
            true if step.examples.is_empty() => step.shard_samples.min(step.batch_size),
            _ => TILE,
        };
        Self {
            w: vec![0.0; n * m],
            w_dec: vec![0.0; if_untied(n) * m],
            bias: zeros(1, outputs),
            bias_enc: zeros(1, hidden),
            w_columns: zeros(n, hidden),
            w_dec_columns: zeros(if_untied(n), hidden),
            w_dec_rows: zeros(m, outputs),
            shard: Shard::default(),
            x: zeros(rows, outputs),
            h: zeros(TILE, hidden),
            z: zeros(TILE, outputs),
            h_gradient: zeros(TILE, hidden),
            sums: zeros(m, outputs),
            attacks: (step.attack > 0.0).then(|| Attacks::new(step.attack, step.dimensions)),
            attack_sums: Vec::new(),
        }
    }

    /// The worker's groups.
    pub(super) fn accumulate(
        &mut self,
        step: &Step,
        shared: &Shared,
        (id, n_workers): (usize, usize),
        k: u64,
    ) {
        let Dimensions {
            n_features: n,
            n_hidden: m,
        } = step.dimensions;
        let (outputs, hidden) = (chunks_for(n), chunks_for(m));
        step.gather_weights(&mut self.w, &mut self.w_dec);
        for part in &step.parts {
            let part = read(part);
            if let Some(b) = part.b() {
                flat_mut(&mut self.bias)[part.features.clone()]
                    .copy_from_slice(&part.parameters[b]);
            }
            if let Some(b) = part.b_enc() {
                flat_mut(&mut self.bias_enc)[..m].copy_from_slice(&part.parameters[b]);
            }
        }
        pad_columns(&self.w, m, &mut self.w_columns, hidden);
        if step.untied {
            pad_columns(&self.w_dec, m, &mut self.w_dec_columns, hidden);
        }
        let decoder = if step.untied { &self.w_dec } else { &self.w };
        step.instructions.run(ColumnsToRows {
            columns: decoder,
            m,
            rows: &mut self.w_dec_rows,
            stride: outputs,
        });
        if let Some(attacks) = &mut self.attacks {
            attacks.set_weights(&self.w, decoder, m);
        }
        let mut drawn = std::mem::take(&mut self.shard);
        let n_groups = shared.n_groups();
        for index in (id..n_groups).step_by(n_workers) {
            let group = &mut *write(&shared.groups[index]);
            let Group {
                w,
                w_dec,
                bias,
                bias_enc,
                attacks,
            } = group;
            for sums in [w, w_dec, bias, bias_enc] {
                sums.fill(Chunk::default());
            }
            attacks.fill(0.0);
            let mut loss = 0.0;
            let shards =
                index * shared.n_shards / n_groups..(index + 1) * shared.n_shards / n_groups;
            for index in shards {
                let (shard, n_samples) = match step.examples.get(index) {
                    Some(examples) => (examples, examples.n_samples()),
                    None => {
                        let n_samples = self.sample(step, k, index, &mut drawn);
                        (&drawn, n_samples)
                    }
                };
                if let Some(attacks) = &mut self.attacks {
                    attacks.draw(step, k, index, n_samples);
                }
                for first in (0..n_samples).step_by(TILE) {
                    let samples = first..n_samples.min(first + TILE);
                    self.tile(step, group, shard, samples, &mut loss);
                }
            }
            step.set_loss(index, loss);
        }
        self.shard = drawn;
    }

    /// Draws a shard; returns how many samples it has.
    fn sample(&mut self, step: &Step, k: u64, index: usize, shard: &mut Shard) -> usize {
        if !step.sampler.draws_rows() {
            step.sample(k, index, shard);
            return shard.n_samples();
        }
        let (key, n_samples) = step.shard(k, index);
        step.instructions.run(SampleRows {
            sampler: &step.sampler,
            key,
            n_samples,
            rows: &mut self.x[..n_samples * step.scale.len()],
            shard,
        });
        n_samples
    }

    /// Adds the loss and gradient of some samples of the shard.
    fn tile(
        &mut self,
        step: &Step,
        group: &mut Group,
        shard: &Shard,
        samples: Range<usize>,
        loss: &mut f64,
    ) {
        let outputs = step.scale.len();
        let hidden = chunks_for(step.dimensions.n_hidden);
        let count = samples.len();
        let h = &mut self.h[..count * hidden];
        let z = &mut self.z[..count * outputs];
        let h_gradient = &mut self.h_gradient[..count * hidden];
        let dense = step.sampler.draws_rows() && step.examples.is_empty();
        let rows = |values, stride: usize| Coefficients {
            values,
            row_stride: stride * LANES,
            column_stride: 1,
        };
        let transposed = |values, stride: usize| Coefficients {
            values,
            row_stride: 1,
            column_stride: stride * LANES,
        };
        let x = if dense {
            let x = &self.x[samples.start * outputs..samples.end * outputs];
            step.instructions.run(Product {
                out: h,
                a: rows(flat(x), outputs),
                b: &self.w_columns,
                stride: hidden,
                start: Start::Zero,
            });
            x
        } else {
            let x = &mut self.x[..count * outputs];
            x.fill(Chunk::default());
            let active = shard.samples_in(samples.clone());
            for ((indices, values), x) in active.zip(x.chunks_exact_mut(outputs)) {
                let x = flat_mut(x);
                for (&i, &value) in indices.iter().zip(values) {
                    x[i as usize] = value;
                }
            }
            step.instructions.run(EncodeShard {
                shard,
                samples: samples.clone(),
                w: &self.w_columns,
                h,
                stride: hidden,
            });
            x
        };
        let decoder = if step.untied { &self.w_dec } else { &self.w };
        if let Some(attacks) = &mut self.attacks {
            attacks.move_hidden(step, samples.clone(), (decoder, &self.bias), x, h);
        }
        // The plain hidden layer is h as it is.
        let plain = step.hidden == Hidden::Linear && step.hidden_l1 == 0.0;
        if !plain {
            let norm = step.instructions.run(HiddenRows {
                hidden: step.hidden,
                bias: &self.bias_enc,
                h,
            });
            // What is summed is twice the loss.
            *loss += 2.0 * step.hidden_l1 * norm;
        }
        step.instructions.run(Product {
            out: z,
            a: rows(flat(h), hidden),
            b: &self.w_dec_rows,
            stride: outputs,
            start: Start::Row(&self.bias),
        });
        step.instructions.run(ResidualRows {
            residual: Residual {
                output: step.output,
                bias: &self.bias,
                scale: &step.scale,
                loss,
                bias_gradient: &mut group.bias,
            },
            target: step.target,
            n: step.dimensions.n_features,
            x,
            z,
        });
        // z now holds g.
        let w_dec_columns = if step.untied {
            &self.w_dec_columns
        } else {
            &self.w_columns
        };
        step.instructions.run(Product {
            out: h_gradient,
            a: rows(flat(z), outputs),
            b: w_dec_columns,
            stride: hidden,
            start: Start::Zero,
        });
        if !plain {
            step.instructions.run(HiddenGradient {
                hidden: step.hidden,
                l1: step.hidden_l1 as f32,
                h,
                h_gradient,
                bias_gradient: &mut group.bias_enc,
            });
        }
        if let Some(attacks) = &self.attacks {
            let m = step.dimensions.n_hidden;
            attacks.accumulate(samples.clone(), decoder, m, h_gradient, &mut group.attacks);
        }
        step.instructions.run(Product {
            out: &mut group.w_dec,
            a: transposed(flat(h), hidden),
            b: z,
            stride: outputs,
            start: Start::Sum,
        });
        if dense {
            step.instructions.run(Product {
                out: &mut group.w,
                a: transposed(flat(x), outputs),
                b: h_gradient,
                stride: hidden,
                start: Start::Sum,
            });
        } else {
            step.instructions.run(EncoderGradient {
                shard,
                samples,
                h_gradient,
                w_gradient: &mut group.w,
                stride: hidden,
            });
        }
    }

    /// The gradient of a part: the sum over the groups, in their order, of the encoder's and the decoder's.
    pub(super) fn differentiate(&mut self, step: &Step, shared: &Shared, index: usize) {
        let Dimensions { n_hidden: m, .. } = step.dimensions;
        let (outputs, hidden) = (step.scale.len(), chunks_for(m));
        let chunks = step.panels[index].clone();
        let width = chunks.len();
        let part = &mut *write(&step.parts[index]);
        let sums = &mut self.sums[..m * width];
        let (w, w_dec) = (part.w(), part.w_dec(step.untied));
        let (bias, bias_enc) = (part.b(), part.b_enc());
        part.gradient.fill(0.0);
        sums.fill(Chunk::default());
        if self.attacks.is_some() {
            self.attack_sums.clear();
            self.attack_sums.resize(m * m, 0.0);
            for group in &shared.groups {
                add(&mut self.attack_sums, &read(group).attacks);
            }
            let columns = part.gradient[w.clone()].chunks_exact_mut(m);
            for (i, gradient) in part.features.clone().zip(columns) {
                add_encoder_gradient(&self.attack_sums, &self.w[i * m..][..m], gradient);
            }
        }
        for group in &shared.groups {
            let group = read(group);
            let rows = part
                .features
                .clone()
                .map(|i| &flat(&group.w[i * hidden..][..hidden])[..m]);
            let columns = part.gradient[w.clone()].chunks_exact_mut(m);
            for (sum, row) in columns.zip(rows) {
                add(sum, row);
            }
            for (sum, row) in sums
                .chunks_exact_mut(width)
                .zip(group.w_dec.chunks_exact(outputs))
            {
                add(flat_mut(sum), flat(&row[chunks.clone()]));
            }
            if let Some(b) = bias.clone() {
                let features = part.features.clone();
                add(&mut part.gradient[b], &flat(&group.bias)[features]);
            }
            if let Some(b) = bias_enc.clone() {
                add(&mut part.gradient[b], flat(&group.bias_enc));
            }
        }
        step.instructions.run(RowsToColumns {
            rows: sums,
            stride: width,
            columns: &mut part.gradient[w_dec],
            m,
            // Tied weights have the sum of both gradients.
            accumulate: !step.untied,
        });
    }
}

fn add(sums: &mut [f32], numbers: &[f32]) {
    for (sum, number) in sums.iter_mut().zip(numbers) {
        *sum += number;
    }
}

/// Gives each column of W (`m` numbers) chunks of its own.
fn pad_columns(columns: &[f32], m: usize, padded: &mut [Chunk], stride: usize) {
    for (to, from) in padded.chunks_exact_mut(stride).zip(columns.chunks_exact(m)) {
        flat_mut(to)[..m].copy_from_slice(from);
    }
}
