//! The attacks that a model is trained against: of each sample one feature is attacked, drawn anew at every step.
//!
//! An attack moves the input by `$\delta = \pm \epsilon\, d_j / \lVert d_j \rVert$` along `$d_j = W^\top (W_\mathrm{dec})_j$`,
//! the direction that moves output j most. It has no zeros, but it is never formed: with the m x m matrix
//! `$F = W W^\top$`, the hidden layer moves by `$W \delta$`, a multiple of `$F\, (W_\mathrm{dec})_j$`, and the encoder's gradient gains
//! `$\sum_s \partial L / \partial h_s\, \delta_s^\top$`, which is an m x m sum times W. Cost: `$O(n m^2)$` a step and
//! `$O(m^2)$` a sample. All in order, so the bits are those of any kernel.

use std::ops::Range;

use rand::Rng;
use superposition_model::{Dimensions, Output};

use super::Step;
use crate::Stream;
use crate::kernel::{Chunk, chunks_for, flat, flat_mut};

/// What a worker knows of the attacks of a step.
pub(super) struct Attacks {
    /// `$\epsilon$`.
    size: f64,
    /// For each feature `$\epsilon / \lVert d_j \rVert$`, 0 where d is.
    lengths: Vec<f32>,
    /// How far an attack on each feature moves its output, `$\epsilon \lVert d_j \rVert$`.
    output_moves: Vec<f64>,
    /// How it moves the hidden layer: m numbers for each feature.
    hidden_moves: Vec<f32>,
    /// `$W W^\top$`.
    frame: Vec<f64>,
    /// The features attacked in the samples of the shard.
    features: Vec<usize>,
    /// `$\pm \epsilon / \lVert d_j \rVert$` of each sample of the tile.
    signed_lengths: Vec<f32>,
}

impl Attacks {
    /// Attacks of this size.
    pub(super) fn new(size: f64, dimensions: Dimensions) -> Self {
        let Dimensions {
            n_features: n,
            n_hidden: m,
        } = dimensions;
        Self {
            size,
            lengths: vec![0.0; n],
            output_moves: vec![0.0; n],
            hidden_moves: vec![0.0; n * m],
            frame: vec![0.0; m * m],
            features: Vec::new(),
            signed_lengths: Vec::new(),
        }
    }

    /// How many f32 it takes, f64 counted twice.
    pub(super) fn elements(dimensions: Dimensions) -> u128 {
        let (n, m) = (dimensions.n_features as u128, dimensions.n_hidden as u128);
        n * (m + 3) + 2 * m * m
    }

    /// Prepares for these weights, column after column.
    pub(super) fn set_weights(&mut self, w: &[f32], w_dec: &[f32], m: usize) {
        self.frame.fill(0.0);
        for column in w.chunks_exact(m) {
            for (row, &a) in self.frame.chunks_exact_mut(m).zip(column) {
                for (sum, &b) in row.iter_mut().zip(column) {
                    *sum += f64::from(a) * f64::from(b);
                }
            }
        }
        let moves = self.hidden_moves.chunks_exact_mut(m);
        for (j, (column, moves)) in w_dec.chunks_exact(m).zip(moves).enumerate() {
            // F times the column; its product with the column is the squared norm of d.
            let moved = |row: &[f64]| dot(row.iter().copied(), column);
            let norm_sq = dot(self.frame.chunks_exact(m).map(moved), column);
            let norm = norm_sq.max(0.0).sqrt();
            let length = if norm > 0.0 { self.size / norm } else { 0.0 };
            self.lengths[j] = length as f32;
            self.output_moves[j] = self.size * norm;
            for (to, row) in moves.iter_mut().zip(self.frame.chunks_exact(m)) {
                *to = (length * moved(row)) as f32;
            }
        }
    }

    /// Draws which feature is attacked in each sample of a shard.
    pub(super) fn draw(&mut self, step: &Step, k: u64, shard: usize, n_samples: usize) {
        let n = step.dimensions.n_features as u64;
        let mut rng = Stream::Attack.rng(step.seed, k, shard as u32);
        let features = (0..n_samples).map(|_| ((u64::from(rng.next_u32()) * n) >> 32) as usize);
        self.features.clear();
        self.features.extend(features);
    }

    /// Moves `$h = W x$` of some samples of the shard, each to the side where the attacked output is further off.
    pub(super) fn move_hidden(
        &mut self,
        step: &Step,
        samples: Range<usize>,
        (w_dec, bias): (&[f32], &[Chunk]),
        x: &[Chunk],
        h: &mut [Chunk],
    ) {
        let Dimensions {
            n_features: n,
            n_hidden: m,
        } = step.dimensions;
        let bias = flat(bias);
        self.signed_lengths.clear();
        for ((&j, x), h) in self.features[samples]
            .iter()
            .zip(x.chunks_exact(chunks_for(n)))
            .zip(h.chunks_exact_mut(chunks_for(m)))
        {
            let h = &mut flat_mut(h)[..m];
            let column = &w_dec[j * m..][..m];
            let z = f64::from(bias[j]) + dot(column.iter().map(|&w| f64::from(w)), h);
            let y = f64::from(step.target.of(&flat(x)[..n], j));
            let error = |z: f64| match step.output {
                Output::Relu => (z.max(0.0) - y).abs(),
                Output::Linear => (z - y).abs(),
            };
            let by = self.output_moves[j];
            let sign = if error(z + by) >= error(z - by) {
                1.0
            } else {
                -1.0
            };
            self.signed_lengths.push(sign * self.lengths[j]);
            for (h, by) in h.iter_mut().zip(&self.hidden_moves[j * m..]) {
                *h += sign * by;
            }
        }
    }

    /// Adds `$\sum_s \partial L / \partial h_s\, (\delta_s)^\top$`, of which the factor W is left out: row l of `sums` is that of
    /// component l of the decoder's column.
    pub(super) fn accumulate(
        &self,
        samples: Range<usize>,
        w_dec: &[f32],
        m: usize,
        h_gradient: &[Chunk],
        sums: &mut [f32],
    ) {
        for ((&j, &length), gradient) in self.features[samples]
            .iter()
            .zip(&self.signed_lengths)
            .zip(h_gradient.chunks_exact(chunks_for(m)))
        {
            let column = &w_dec[j * m..][..m];
            for (sums, &w) in sums.chunks_exact_mut(m).zip(column) {
                add_multiple(sums, length * w, flat(gradient));
            }
        }
    }
}

/// Adds to the encoder's gradient by one column of W what [`Attacks::accumulate`] summed.
pub(super) fn add_encoder_gradient(sums: &[f32], column: &[f32], gradient: &mut [f32]) {
    for (row, &w) in sums.chunks_exact(column.len()).zip(column) {
        add_multiple(gradient, w, row);
    }
}

fn add_multiple(sums: &mut [f32], factor: f32, numbers: &[f32]) {
    for (sum, number) in sums.iter_mut().zip(numbers) {
        *sum += factor * number;
    }
}

fn dot(a: impl Iterator<Item = f64>, b: &[f32]) -> f64 {
    a.zip(b).map(|(a, &b)| a * f64::from(b)).sum()
}
