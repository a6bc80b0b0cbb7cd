//! Which form a step takes, and how much memory.

use superposition_model::{Bias, Coupling, Dimensions, Hidden, Output, ToyModelConfig};

use super::attack::Attacks;
use super::direct::{TILE, n_groups};
use crate::kernel::{LANES, Sampler, chunks_for, is_tiny};
use crate::{StepForm, Task, TrainError};

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
pub(super) fn choose(
    form: StepForm,
    config: &ToyModelConfig,
    batch_size: usize,
    sampler: &Sampler,
    task: &Task,
) -> StepForm {
    if beyond_plain(config, task).is_some() {
        return StepForm::Direct;
    }
    let dimensions = config.dimensions;
    let tiny = sampler.tiny().is_some()
        && is_tiny(dimensions.n_features, dimensions.n_hidden)
        && config.output == Output::Relu
        && config.coupling == Coupling::Tied;
    match form {
        StepForm::Auto if tiny => return StepForm::Tiny,
        StepForm::Auto => {}
        // Asked for where there is none.
        StepForm::Tiny if !tiny => {}
        form => return form,
    }
    let probability = task.distribution.feature_probability();
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

/// What a model or its task asks for that only the direct form has.
fn beyond_plain(config: &ToyModelConfig, task: &Task) -> Option<&'static str> {
    match config.hidden {
        Hidden::Relu => Some("a ReLU hidden layer"),
        Hidden::Linear => task.beyond_plain(),
    }
}

/// Samples that are taken together: of examples a fixed number, since nothing is drawn.
pub(super) fn shard_samples(task: &Task, sampler: &Sampler) -> usize {
    match task.examples {
        Some(_) => EXAMPLES_SHARD,
        None => sampler.shard_samples(),
    }
}

/// A change is value-breaking.
const EXAMPLES_SHARD: usize = 128;

/// The most f32 that a training may take, parameters and work space: 2^32 (16 GiB).
const MAX_WORK: u64 = 1 << 32;

/// The numbers for each parameter: itself, its gradient and Adam's moments.
pub(crate) const PER_PARAMETER: u128 = 4;

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

/// Refuses a training that would take too much, before anything of it is allocated, or a form that is not there for it.
///
/// Counted are the parameters with all that Adam has for each, and again as a model and a copy; what the form keeps for
/// one worker; and what the shards grow to, as far as chance goes. Each further worker adds a copy of the weights, in the
/// direct form a few.
pub(crate) fn check_work(
    config: &ToyModelConfig,
    task: &Task,
    batch_size: usize,
    form: StepForm,
) -> Result<(), TrainError> {
    let Dimensions {
        n_features: n,
        n_hidden: m,
    } = config.dimensions;
    if form == StepForm::Gram
        && let Some(what) = beyond_plain(config, task)
    {
        return Err(TrainError::NoForm { form, what });
    }
    if task.attack > 0.0 && config.hidden == Hidden::Relu {
        return Err(TrainError::AttackThroughRelu);
    }
    let sampler = Sampler::new(&task.distribution);
    let form = choose(form, config, batch_size, &sampler, task);
    let (outputs, hidden) = (chunks_for(n), chunks_for(m));
    let wide = |rows: usize, chunks: usize| rows as u128 * chunks as u128 * LANES as u128;
    let parameters = (PER_PARAMETER + 2) * config.n_parameters()? as u128;
    let shard = shard_samples(task, &sampler).min(batch_size);
    let n_shards = batch_size.div_ceil(shard);
    let examples = task.examples.as_ref().map_or(0, |x| 3 * x.n_active()) as u128;
    // Indices, values and owners of the active features, at most twice what there is, as they grow; and rows.
    let active: f64 = task.distribution.feature_probability().iter().sum();
    let sampled = |samples: usize| {
        let likely = samples as f64 * (active + 8.0 * active.sqrt() + 16.0);
        let rows = if sampler.draws_rows() { samples } else { 0 };
        (6.0 * likely) as u128 + wide(rows, outputs)
    };
    let untied = config.coupling == Coupling::Untied;
    let matrices = if untied { 2 } else { 1 };
    let weights = matrices * n as u128 * m as u128;
    let attacks = match task.attack > 0.0 {
        true => {
            (n_groups(n_shards) as u128 + 1) * (m as u128).pow(2)
                + Attacks::elements(config.dimensions)
        }
        false => 0,
    };
    let forms = match form {
        StepForm::Tiny => 0,
        StepForm::Direct => {
            let groups = n_groups(n_shards);
            groups as u128 * (wide(n, hidden) + wide(m, outputs))
                + (1 + matrices) * wide(n, hidden)
                + 2 * wide(m, outputs)
                + weights
                + sampled(shard)
                + wide(shard.max(TILE), outputs)
                + wide(TILE, outputs + 2 * hidden)
        }
        // This step's samples and the next's.
        _ => {
            3 * wide(outputs * LANES, outputs)
                + 2 * wide(m, outputs)
                + weights
                + 2 * sampled(batch_size)
        }
    };
    let biases = if config.hidden_bias == Bias::Learned {
        4
    } else {
        0
    };
    let columns = 16 * wide(1, outputs) + (6 + biases) * wide(1, hidden);
    check_elements(
        "this training",
        parameters + forms + examples + attacks + columns,
    )
}
