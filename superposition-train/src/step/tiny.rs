//! The tiny form: the whole step in registers, by one worker.

use super::{Step, write};
use crate::kernel::{MAX_TINY_PARAMETERS, Shard, TinyShard, flat};

/// Adds up the loss and writes the gradient.
pub(super) fn accumulate(step: &Step, shard: &mut Shard, k: u64) {
    let draws = step.sampler.tiny().expect("a tiny model");
    let n = step.dimensions.n_features;
    let m = step.dimensions.n_hidden;
    let part = &mut *write(&step.parts[0]);
    // Where there is no bias, zeros, whose gradient is dropped.
    let mut parameters = [0.0; MAX_TINY_PARAMETERS];
    let used = n * m + if step.layout.b.is_some() { n } else { 0 };
    parameters[..used].copy_from_slice(&part.parameters[..used]);
    let mut gradient = [0.0; MAX_TINY_PARAMETERS];
    let mut loss = 0.0;
    for index in 0..step.batch_size.div_ceil(step.shard_samples) {
        let (key, n_samples) = step.shard(k, index);
        step.instructions.run(TinyShard {
            shape: (n, m),
            draws,
            key,
            n_samples,
            parameters: &parameters,
            scale: flat(&step.scale),
            loss: &mut loss,
            gradient: &mut gradient,
            shard,
        });
    }
    for (to, from) in part.gradient[..used].iter_mut().zip(gradient) {
        *to = from as f32;
    }
    step.set_loss(0, loss);
}
