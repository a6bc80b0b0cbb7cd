//! A step: from a model's parameters and the step's random numbers to the loss, its gradient and the update.
//!
//! Several workers make a step together. Between barriers each writes what it owns, its parts of the features above
//! all, and reads what the others wrote before: [`Step::accumulate`], a barrier, [`Step::differentiate`],
//! (with clipping, [`Step::measure`] and a barrier), [`Step::update`], a barrier. Who owns what changes no bit: every number is the same
//! chain of operations, whoever computes it.

mod attack;
mod barrier;
mod choose;
mod direct;
mod gram;
mod part;
mod tiny;

#[cfg(test)]
mod direct_tests;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::RwLock;
use std::sync::atomic::{AtomicU64, Ordering};

use superposition_model::{Coupling, Dimensions, Hidden, Output, ParameterLayout, ToyModelConfig};

pub(crate) use barrier::Barrier;
pub(crate) use choose::{PER_PARAMETER, check_elements, check_work};

use crate::kernel::{
    AdamFactors, AdamStep, Chunk, Instructions, Key, LANES, SampleShard, Sampler, Shard,
    chunks_for, flat_mut,
};
use crate::{StepForm, Stream, Target, Task};
use part::{Part, panels, read, write};

/// What all workers of a training share.
pub(crate) struct Step {
    instructions: Instructions,
    dimensions: Dimensions,
    output: Output,
    hidden: Hidden,
    untied: bool,
    layout: ParameterLayout,
    batch_size: usize,
    seed: u64,
    sampler: Sampler,
    /// How many samples a shard has.
    shard_samples: usize,
    /// The shards of every step, if they are not drawn.
    examples: Vec<Shard>,
    target: Target,
    /// `$\lambda / B$`.
    hidden_l1: f64,
    /// `$\epsilon$`.
    attack: f64,
    /// `$2 I_j / (B n)$`.
    scale: Vec<Chunk>,
    /// The features in ranges of chunks, and what is kept of each.
    panels: Vec<Range<usize>>,
    parts: Vec<RwLock<Part>>,
    /// Shares of the loss, as the bits of f64: one for each thing that a worker owns while the loss is summed.
    losses: Vec<AtomicU64>,
    /// The squared norm of each part's gradient, likewise.
    norms_sq: Vec<AtomicU64>,
    form: Form,
}

/// What the forms share besides.
enum Form {
    Tiny,
    Gram(gram::Shared),
    Direct(direct::Shared),
}

/// What one worker keeps for itself.
pub(crate) struct Worker {
    id: usize,
    n_workers: usize,
    work: Work,
}

enum Work {
    Tiny(Box<Shard>),
    Gram(Box<gram::Work>),
    Direct(Box<direct::Work>),
}

impl Step {
    /// The step of `task` for models of this configuration, with batches of `batch_size` drawn by `seed`.
    ///
    /// How much it allocates is for [`check_work`] to refuse.
    pub(crate) fn new(
        config: &ToyModelConfig,
        layout: ParameterLayout,
        task: &Task,
        batch_size: usize,
        seed: u64,
        instructions: Instructions,
        form: StepForm,
    ) -> Self {
        let dimensions = config.dimensions;
        let (n, m) = (dimensions.n_features, dimensions.n_hidden);
        let outputs = chunks_for(n);
        let sampler = Sampler::new(&task.distribution);
        let form = choose::choose(form, config, batch_size, &sampler, task);
        let shard_samples = choose::shard_samples(task, &sampler);
        let examples = task.examples.as_ref().map_or(Vec::new(), |examples| {
            let first = (0..batch_size).step_by(shard_samples);
            first
                .map(|first| Shard::of(examples, first..batch_size.min(first + shard_samples)))
                .collect()
        });
        let mut scale = vec![Chunk::default(); outputs];
        for (scale, &importance) in flat_mut(&mut scale).iter_mut().zip(&task.importance) {
            *scale = (2.0 * f64::from(importance) / (batch_size as f64 * n as f64)) as f32;
        }
        let panels = match form {
            StepForm::Tiny => std::iter::once(0..outputs).collect(),
            _ => panels(n),
        };
        let parts = panels
            .iter()
            .map(|chunks| {
                let features = chunks.start * LANES..n.min(chunks.end * LANES);
                RwLock::new(Part::new(features, m, &layout))
            })
            .collect();
        let n_shards = batch_size.div_ceil(shard_samples);
        let (form, n_losses) = match form {
            StepForm::Tiny => (Form::Tiny, 1),
            StepForm::Direct => {
                let shared = direct::Shared::new(dimensions, n_shards, task.attack > 0.0);
                let n_losses = shared.n_groups();
                (Form::Direct(shared), n_losses)
            }
            _ => {
                let shared = gram::Shared::new(outputs, &panels, n_shards);
                (Form::Gram(shared), panels.len())
            }
        };
        Self {
            instructions,
            dimensions,
            output: config.output,
            hidden: config.hidden,
            untied: config.coupling == Coupling::Untied,
            layout,
            batch_size,
            seed,
            sampler,
            shard_samples,
            examples,
            target: task.target,
            hidden_l1: task.hidden_l1 / batch_size as f64,
            attack: task.attack,
            scale,
            parts,
            losses: (0..n_losses).map(|_| AtomicU64::new(0)).collect(),
            norms_sq: panels.iter().map(|_| AtomicU64::new(0)).collect(),
            panels,
            form,
        }
    }

    /// The most workers that would have something to do.
    pub(crate) fn most_workers(&self) -> usize {
        match &self.form {
            Form::Tiny => 1,
            Form::Gram(_) => self.parts.len(),
            Form::Direct(shared) => shared.n_groups(),
        }
    }

    /// Worker `id` of `n_workers`, who is to make step `k` first.
    pub(crate) fn worker(&self, id: usize, n_workers: usize, k: u64) -> Worker {
        let work = match &self.form {
            Form::Tiny => Work::Tiny(Box::default()),
            Form::Gram(shared) => {
                shared.sample(self, id, n_workers, k);
                Work::Gram(Box::new(gram::Work::new(self, id, n_workers)))
            }
            Form::Direct(_) => Work::Direct(Box::new(direct::Work::new(self))),
        };
        Worker {
            id,
            n_workers,
            work,
        }
    }

    /// Draws the batch of step `k` (from 0) and adds up its loss and what the gradient is made of.
    pub(crate) fn accumulate(&self, worker: &mut Worker, k: u64) {
        match (&self.form, &mut worker.work) {
            (Form::Tiny, Work::Tiny(shard)) => tiny::accumulate(self, shard, k),
            (Form::Gram(shared), Work::Gram(work)) => {
                work.accumulate(self, shared, k);
                shared.sample(self, worker.id, worker.n_workers, k + 1);
            }
            (Form::Direct(shared), Work::Direct(work)) => {
                work.accumulate(self, shared, (worker.id, worker.n_workers), k);
            }
            _ => unreachable!("a worker of another step"),
        }
    }

    /// The loss of the batch, after all have accumulated.
    pub(crate) fn loss(&self) -> f64 {
        let shares = self.losses.iter();
        0.5 * shares
            .map(|bits| f64::from_bits(bits.load(Ordering::Relaxed)))
            .sum::<f64>()
    }

    /// Makes the gradient of the worker's parts of what all have accumulated.
    pub(crate) fn differentiate(&self, worker: &mut Worker) {
        match (&self.form, &mut worker.work) {
            (Form::Tiny, _) => {}
            (Form::Gram(shared), Work::Gram(work)) => work.differentiate(self, shared),
            (Form::Direct(shared), Work::Direct(work)) => {
                for index in self.own(worker.id, worker.n_workers) {
                    work.differentiate(self, shared, index);
                }
            }
            _ => unreachable!("a worker of another step"),
        }
    }

    /// Measures the gradient of the worker's parts.
    pub(crate) fn measure(&self, worker: &Worker) {
        for index in self.own(worker.id, worker.n_workers) {
            let part = read(&self.parts[index]);
            let squares = part.gradient.iter().map(|&g| f64::from(g) * f64::from(g));
            let norm_sq = squares.sum::<f64>();
            self.norms_sq[index].store(norm_sq.to_bits(), Ordering::Relaxed);
        }
    }

    /// The norm of the gradient, after all have measured.
    pub(crate) fn gradient_norm(&self) -> f64 {
        let parts = self.norms_sq.iter();
        parts
            .map(|bits| f64::from_bits(bits.load(Ordering::Relaxed)))
            .sum::<f64>()
            .sqrt()
    }

    /// Moves the parameters of the worker's parts.
    pub(crate) fn update(&self, worker: &Worker, factors: AdamFactors) {
        for index in self.own(worker.id, worker.n_workers) {
            let part = &mut *write(&self.parts[index]);
            self.instructions.run(AdamStep {
                factors,
                parameters: &mut part.parameters,
                first: &mut part.first,
                second: &mut part.second,
                gradient: &part.gradient,
            });
        }
    }

    /// Adds to the gradient of the worker's parts that of `weight` times the L1 norm of the weights, biases not among them.
    pub(crate) fn add_weight_l1(&self, worker: &Worker, weight: f32) {
        for index in self.own(worker.id, worker.n_workers) {
            let part = &mut *write(&self.parts[index]);
            // The decoder lies behind W, if it is another.
            let weights = 0..part.w_dec(self.untied).end;
            for (g, &w) in part.gradient[weights].iter_mut().zip(&part.parameters) {
                if w != 0.0 {
                    *g += weight.copysign(w);
                }
            }
        }
    }

    /// Moves the columns of W of the worker's parts this share of the way to unit norm; those that are 0 stay.
    pub(crate) fn pull_to_unit_norm(&self, worker: &Worker, share: f64) {
        for index in self.own(worker.id, worker.n_workers) {
            let part = &mut *write(&self.parts[index]);
            let w = part.w();
            for column in part.parameters[w].chunks_exact_mut(self.dimensions.n_hidden) {
                let squares = column.iter().map(|&w| f64::from(w) * f64::from(w));
                let norm = squares.sum::<f64>().sqrt();
                if norm > 0.0 {
                    let factor = 1.0 - share + share / norm;
                    for w in column {
                        *w = (f64::from(*w) * factor) as f32;
                    }
                }
            }
        }
    }

    /// Takes parameters and both moments.
    pub(crate) fn set(&self, parameters: &[f32], first: &[f32], second: &[f32]) {
        for part in &self.parts {
            let part = &mut *write(part);
            let (mut p, mut m, mut v) = (
                std::mem::take(&mut part.parameters),
                std::mem::take(&mut part.first),
                std::mem::take(&mut part.second),
            );
            part.scatter(parameters, &mut p);
            part.scatter(first, &mut m);
            part.scatter(second, &mut v);
            (part.parameters, part.first, part.second) = (p, m, v);
        }
    }

    /// Copies the parameters to where they lie in a model.
    pub(crate) fn gather_parameters(&self, to: &mut [f32]) {
        for part in &self.parts {
            let part = read(part);
            part.gather(&part.parameters, to);
        }
    }

    /// Copies the moments likewise.
    pub(crate) fn gather_moments(&self, first: &mut [f32], second: &mut [f32]) {
        for part in &self.parts {
            let part = read(part);
            part.gather(&part.first, first);
            part.gather(&part.second, second);
        }
    }

    /// The numbers of the parts of a worker, which are neighbours.
    fn own(&self, id: usize, n_workers: usize) -> Range<usize> {
        let n = self.parts.len();
        id * n / n_workers..(id + 1) * n / n_workers
    }

    /// The key of a shard, and how many samples it has.
    fn shard(&self, k: u64, shard: usize) -> (Key, usize) {
        let most = self.shard_samples;
        let key = Key::new([self.seed, Stream::Data.number(), k, shard as u64]);
        (key, most.min(self.batch_size - shard * most))
    }

    /// Samples a shard.
    fn sample(&self, k: u64, index: usize, shard: &mut Shard) {
        let (key, n_samples) = self.shard(k, index);
        self.instructions.run(SampleShard {
            sampler: &self.sampler,
            key,
            n_samples,
            shard,
        });
    }

    fn set_loss(&self, index: usize, loss: f64) {
        self.losses[index].store(loss.to_bits(), Ordering::Relaxed);
    }

    /// All of W, column after column, and all of the decoder if it is another.
    fn gather_weights(&self, w: &mut [f32], w_dec: &mut [f32]) {
        let m = self.dimensions.n_hidden;
        for part in &self.parts {
            let part = read(part);
            let columns = part.features.start * m..part.features.end * m;
            w[columns.clone()].copy_from_slice(&part.parameters[part.w()]);
            if self.untied {
                w_dec[columns].copy_from_slice(&part.parameters[part.w_dec(true)]);
            }
        }
    }
}
