//! The Gram form: panels of outputs, each with its columns of G and D.

use std::ops::Range;
use std::sync::RwLock;

use superposition_model::Dimensions;

use super::{Step, read, write};
use crate::kernel::{
    BLOCK_CHUNKS, Chunk, Coefficients, ColumnsToRows, GramPanel, GramShard, LANES, Product,
    Residual, RowsToColumns, Shard, Start, Transpose, flat, flat_mut,
};

/// What the workers share.
pub(super) struct Shared {
    /// The shards of this step and of the next, which is drawn while others still read this one.
    shards: [Vec<RwLock<Shard>>; 2],
    /// `$D = \sum_s x g^\top$` by the columns of each panel, in rows for a multiple of 16 features.
    d: Vec<RwLock<Vec<Chunk>>>,
}

impl Shared {
    pub(super) fn new(outputs: usize, panels: &[Range<usize>], n_shards: usize) -> Self {
        let shards = || (0..n_shards).map(|_| RwLock::default()).collect();
        let rows = outputs * LANES;
        Self {
            shards: [shards(), shards()],
            d: panels
                .iter()
                .map(|panel| RwLock::new(vec![Chunk::default(); rows * panel.len()]))
                .collect(),
        }
    }

    /// Draws a worker's shards of step `k`.
    pub(super) fn sample(&self, step: &Step, id: usize, n_workers: usize, k: u64) {
        let shards = &self.shards[(k % 2) as usize];
        for index in (id..shards.len()).step_by(n_workers) {
            step.sample(k, index, &mut write(&shards[index]));
        }
    }
}

/// What a worker keeps for itself.
pub(super) struct Work {
    /// All of W by its columns, and of the decoder if it is another, as before this step.
    w: Vec<f32>,
    w_dec: Vec<f32>,
    panels: Vec<Panel>,
    rows: Vec<Chunk>,
}

/// A panel of outputs.
struct Panel {
    index: usize,
    chunks: Range<usize>,
    /// The decoder: m rows over the outputs.
    w_dec: Vec<Chunk>,
    /// `$G = W^\top W_\mathrm{dec}$`: n rows.
    gram: Vec<Chunk>,
    /// D and its transpose, added if the weights are tied.
    symmetric: Vec<Chunk>,
    /// The gradient of m rows.
    gradient: Vec<Chunk>,
    bias: Vec<Chunk>,
    bias_gradient: Vec<Chunk>,
}

impl Work {
    pub(super) fn new(step: &Step, id: usize, n_workers: usize) -> Self {
        let Dimensions {
            n_features: n,
            n_hidden: m,
        } = step.dimensions;
        let rows = step.scale.len() * LANES;
        let panels = step.own(id, n_workers).map(|index| {
            let chunks = step.panels[index].clone();
            let zeros = |rows: usize| vec![Chunk::default(); rows * chunks.len()];
            Panel {
                index,
                w_dec: zeros(m),
                gram: zeros(n),
                symmetric: zeros(rows),
                gradient: zeros(m),
                bias: zeros(1),
                bias_gradient: zeros(1),
                chunks,
            }
        });
        Self {
            panels: panels.collect(),
            w: vec![0.0; n * m],
            w_dec: vec![0.0; if step.untied { n * m } else { 0 }],
            rows: vec![Chunk::default(); BLOCK_CHUNKS],
        }
    }

    /// G of the worker's panels, then the shards.
    pub(super) fn accumulate(&mut self, step: &Step, shared: &Shared, k: u64) {
        let m = step.dimensions.n_hidden;
        step.gather_weights(&mut self.w, &mut self.w_dec);
        for panel in &mut self.panels {
            let stride = panel.chunks.len();
            let features = {
                let part = read(&step.parts[panel.index]);
                if let Some(b) = part.b() {
                    flat_mut(&mut panel.bias)[..b.len()].copy_from_slice(&part.parameters[b]);
                }
                part.features.clone()
            };
            let w_dec = if step.untied { &self.w_dec } else { &self.w };
            step.instructions.run(ColumnsToRows {
                columns: &w_dec[features.start * m..features.end * m],
                m,
                rows: &mut panel.w_dec,
                stride,
            });
            // Row i of G is the sum over k of W_ki times row k of the decoder.
            step.instructions.run(Product {
                out: &mut panel.gram,
                a: Coefficients {
                    values: &self.w,
                    row_stride: m,
                    column_stride: 1,
                },
                b: &panel.w_dec,
                stride,
                start: Start::Zero,
            });
            panel.bias_gradient.fill(Chunk::default());
        }
        // They are neighbours: see `Step::own`.
        for pair in self.panels.chunks_mut(2) {
            let first = pair[0].chunks.start * LANES;
            let mut losses = [0.0; 2];
            let mut d: Vec<_> = pair.iter().map(|p| write(&shared.d[p.index])).collect();
            d.iter_mut().for_each(|d| d.fill(Chunk::default()));
            for shard in &shared.shards[(k % 2) as usize] {
                let panels = pair.iter_mut().zip(&mut d).zip(&mut losses);
                let mut panels = panels.map(|((panel, d), loss)| GramPanel {
                    residual: Residual {
                        output: step.output,
                        bias: &panel.bias,
                        scale: &step.scale[panel.chunks.clone()],
                        loss,
                        bias_gradient: &mut panel.bias_gradient,
                    },
                    gram: &panel.gram,
                    d,
                });
                step.instructions.run(GramShard {
                    shard: &read(shard),
                    first,
                    panel: panels.next().expect("one panel at the least"),
                    next: panels.next(),
                    rows: &mut self.rows,
                });
            }
            for (panel, loss) in pair.iter().zip(losses) {
                step.set_loss(panel.index, loss);
            }
        }
    }

    /// The gradient of the worker's parts: of tied weights `$W (D + D^\top)$`, else `$W D$` of the decoder and
    /// `$W_\mathrm{dec} D^\top$` of the encoder.
    pub(super) fn differentiate(&mut self, step: &Step, shared: &Shared) {
        let Dimensions {
            n_features: n,
            n_hidden: m,
        } = step.dimensions;
        for panel in &mut self.panels {
            let stride = panel.chunks.len();
            let own = read(&shared.d[panel.index]);
            // Rows of the transpose are columns of D, which lie with the panel of those columns.
            for (other, chunks) in step.panels.iter().enumerate() {
                let guard;
                let theirs: &[Chunk] = if other == panel.index {
                    &own
                } else {
                    guard = read(&shared.d[other]);
                    &guard
                };
                step.instructions.run(Transpose {
                    from: &theirs[rows_of(&panel.chunks, chunks.len())],
                    rows: stride,
                    columns: chunks.len(),
                    add: (!step.untied).then(|| &own[rows_of(chunks, stride)]),
                    out: &mut panel.symmetric[rows_of(chunks, stride)],
                });
            }
            let part = &mut *write(&step.parts[panel.index]);
            let symmetric = &panel.symmetric[..];
            let (w, w_dec) = (part.w(), part.w_dec(step.untied));
            let products = match step.untied {
                false => [Some((&self.w, symmetric, w)), None],
                true => [
                    Some((&self.w, &own[..], w_dec)),
                    Some((&self.w_dec, symmetric, w)),
                ],
            };
            for (coefficients, d, place) in products.into_iter().flatten() {
                step.instructions.run(Product {
                    out: &mut panel.gradient,
                    a: Coefficients {
                        values: coefficients,
                        row_stride: 1,
                        column_stride: m,
                    },
                    b: &d[..n * stride],
                    stride,
                    start: Start::Zero,
                });
                step.instructions.run(RowsToColumns {
                    rows: &panel.gradient,
                    stride,
                    columns: &mut part.gradient[place],
                    m,
                    accumulate: false,
                });
            }
            if let Some(b) = part.b() {
                let length = b.len();
                part.gradient[b].copy_from_slice(&flat(&panel.bias_gradient)[..length]);
            }
        }
    }
}

/// The rows of these chunks of features, of `stride` chunks each.
fn rows_of(chunks: &Range<usize>, stride: usize) -> Range<usize> {
    chunks.start * LANES * stride..chunks.end * LANES * stride
}
