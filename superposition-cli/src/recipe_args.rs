//! Flags that change a recipe. There are no defaults here: a flag that is not given leaves the
//! preset's value.

use clap::{Args, ValueEnum};
use superposition_lab::Recipe;
use superposition_lab::model::{
    Bias, Coupling, FeatureProbability, FeatureSets, Hidden, Importance, Initialization, Magnitude,
    Output,
};
use superposition_lab::train::{Decay, Kernel, StepForm, Target};

use crate::failure::Failure;

/// Which model to train, and how.
#[derive(Args, Clone, Debug)]
pub(crate) struct RecipeArgs {
    /// Features n: the size of a sample
    #[arg(long, value_name = "N")]
    n_features: Option<usize>,
    /// Hidden dimensions m
    #[arg(long, value_name = "M")]
    n_hidden: Option<usize>,
    #[command(flatten)]
    probability: ProbabilityArgs,
    /// Which features are active together: independent, correlated:K (all K of a set or none) or anticorrelated:K (at most one of K)
    #[arg(long, value_name = "SETS")]
    sets: Option<FeatureSets>,
    /// What an active feature is: uniform within 0 and 1, uniform within -1 and 1, or always 1
    #[arg(long, value_enum)]
    magnitude: Option<MagnitudeArg>,
    /// What the outputs are to be: the features, their absolute values, or (of binary features) each AND the next
    #[arg(long, value_enum)]
    target: Option<TargetArg>,
    /// Train against attacks of this L2 norm, in each sample on a feature drawn at random
    #[arg(long, value_name = "NORM", allow_negative_numbers = true)]
    attack: Option<f64>,
    /// Weight of each feature in the loss: uniform, geometric:R (R^i), geometric-to:X (from 1 to X over the features), or a list a,b,...
    #[arg(long, value_name = "IMPORTANCE")]
    importance: Option<Importance>,
    /// What is applied to the decoder's sum
    #[arg(long, value_enum)]
    output: Option<OutputArg>,
    /// Leave out the decoder's bias
    #[arg(long)]
    no_bias: bool,
    /// Give the decoder weights of its own
    #[arg(long)]
    untied: bool,
    /// What is applied to the hidden layer
    #[arg(long, value_enum)]
    hidden: Option<HiddenArg>,
    /// Give the encoder a bias; the hidden layer must be ReLU
    #[arg(long)]
    hidden_bias: bool,
    /// Weight in the loss of the L1 norm of the hidden activations
    #[arg(long, value_name = "WEIGHT", allow_negative_numbers = true)]
    hidden_l1: Option<f64>,
    /// Weight of the L1 norm of the weights
    #[arg(long, value_name = "WEIGHT", allow_negative_numbers = true)]
    weight_l1: Option<f64>,
    /// Training steps
    #[arg(long, value_name = "STEPS")]
    steps: Option<usize>,
    /// Fresh samples a step
    #[arg(long, value_name = "B")]
    batch_size: Option<usize>,
    /// Learning rate of Adam
    #[arg(long, value_name = "RATE", allow_negative_numbers = true)]
    lr: Option<f64>,
    /// Decoupled weight decay, as in AdamW
    #[arg(long, value_name = "DECAY", allow_negative_numbers = true)]
    weight_decay: Option<f64>,
    /// Coupled weight decay, as in Adam: added to the gradient, times each parameter
    #[arg(long, value_name = "DECAY", allow_negative_numbers = true)]
    l2: Option<f64>,
    /// How fast columns of W are pulled to unit norm
    #[arg(long, value_name = "DECAY", allow_negative_numbers = true)]
    unit_norm_decay: Option<f64>,
    /// Scale gradients of a larger norm to this one
    #[arg(long, value_name = "NORM", allow_negative_numbers = true)]
    clip_norm: Option<f64>,
    /// Learning rate over the steps: constant, linear:LAST or cosine:LAST (LAST: the factor of the last step)
    #[arg(long, value_name = "SCHEDULE")]
    schedule: Option<Decay>,
    /// Steps of linear warm-up
    #[arg(long, value_name = "STEPS")]
    warmup: Option<usize>,
    /// Initial weights: xavier, or normal:STD
    #[arg(long, value_name = "INIT")]
    init: Option<Initialization>,
    /// Stop after the first step whose batch loss is below this
    #[arg(long, value_name = "LOSS", allow_negative_numbers = true)]
    loss_below: Option<f64>,
    /// Seed of everything random
    #[arg(long)]
    seed: Option<u64>,
    /// Instructions to use: auto, scalar, avx2 or avx512; the result has the same bits with each
    #[arg(long, value_name = "KERNEL")]
    kernel: Option<Kernel>,
    /// Form of a step: auto, gram, direct or tiny (at most 8 features in 4 dimensions); they differ by rounding
    #[arg(long, value_name = "FORM")]
    step_form: Option<StepForm>,
}

/// How often a feature is active; one of the two.
#[derive(Args, Clone, Debug)]
#[group(multiple = false)]
pub(crate) struct ProbabilityArgs {
    /// Sparsity S: the probability that a feature is inactive
    #[arg(long, value_name = "S", allow_negative_numbers = true)]
    sparsity: Option<f64>,
    /// Feature probability p = 1 - S: one number, power:EXPONENT:ACTIVE (i^-EXPONENT; power:1:A is Zipf's law), geometric:RATIO:ACTIVE (RATIO^i), both with so many features active on average, or a list with one for each feature
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    feature_probability: Option<FeatureProbability>,
}

impl ProbabilityArgs {
    /// The probability given, if one is.
    pub(crate) fn get(&self) -> Result<Option<FeatureProbability>, Failure> {
        match self.sparsity {
            None => Ok(self.feature_probability.clone()),
            Some(sparsity) if (0.0..=1.0).contains(&sparsity) => {
                let recipe = Recipe::quick_start().with_sparsity(sparsity);
                Ok(Some(recipe.feature_probability))
            }
            Some(sparsity) => Err(Failure::Usage(anyhow::anyhow!(
                "--sparsity is {sparsity}: it is a probability, from 0 (every feature always active) to 1 (never)"
            ))),
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum OutputArg {
    Relu,
    Linear,
}

impl From<OutputArg> for Output {
    fn from(output: OutputArg) -> Self {
        match output {
            OutputArg::Relu => Self::Relu,
            OutputArg::Linear => Self::Linear,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum HiddenArg {
    Linear,
    Relu,
}

impl From<HiddenArg> for Hidden {
    fn from(hidden: HiddenArg) -> Self {
        match hidden {
            HiddenArg::Linear => Self::Linear,
            HiddenArg::Relu => Self::Relu,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum MagnitudeArg {
    Unit,
    Signed,
    Binary,
}

impl From<MagnitudeArg> for Magnitude {
    fn from(magnitude: MagnitudeArg) -> Self {
        match magnitude {
            MagnitudeArg::Unit => Self::Unit,
            MagnitudeArg::Signed => Self::Signed,
            MagnitudeArg::Binary => Self::Binary,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum TargetArg {
    Input,
    Absolute,
    And,
}

impl From<TargetArg> for Target {
    fn from(target: TargetArg) -> Self {
        match target {
            TargetArg::Input => Self::Input,
            TargetArg::Absolute => Self::Absolute,
            TargetArg::And => Self::And,
        }
    }
}

impl RecipeArgs {
    /// Whether a sparsity or feature probability is given.
    pub(crate) fn gives_probability(&self) -> bool {
        self.probability.sparsity.is_some() || self.probability.feature_probability.is_some()
    }

    /// The preset with these flags applied, checked.
    pub(crate) fn apply(&self, preset: Recipe) -> Result<Recipe, Failure> {
        let recipe = self.apply_unchecked(preset)?;
        recipe
            .validate()
            .map_err(|error| Failure::Usage(error.into()))?;
        Ok(recipe)
    }

    /// The preset with these flags applied, for a sweep, whose recipes have other probabilities.
    pub(crate) fn apply_unchecked(&self, preset: Recipe) -> Result<Recipe, Failure> {
        let mut recipe = preset;
        set(&mut recipe.model.dimensions.n_features, self.n_features);
        set(&mut recipe.model.dimensions.n_hidden, self.n_hidden);
        set(&mut recipe.feature_probability, self.probability.get()?);
        set(&mut recipe.sets, self.sets);
        set(&mut recipe.magnitude, self.magnitude.map(Into::into));
        set(&mut recipe.target, self.target.map(Into::into));
        set(&mut recipe.attack, self.attack);
        set(&mut recipe.hidden_l1, self.hidden_l1);
        set(&mut recipe.importance, self.importance.clone());
        set(&mut recipe.model.output, self.output.map(Into::into));
        if self.no_bias {
            recipe.model.bias = Bias::None;
        }
        if self.untied {
            recipe.model.coupling = Coupling::Untied;
        }
        set(&mut recipe.model.hidden, self.hidden.map(Into::into));
        if self.hidden_bias {
            recipe.model.hidden_bias = Bias::Learned;
        }
        let train = &mut recipe.train;
        set(&mut train.n_steps, self.steps);
        set(&mut train.batch_size, self.batch_size);
        set(&mut train.adam.learning_rate, self.lr);
        set(&mut train.adam.weight_decay, self.weight_decay);
        set(&mut train.adam.l2, self.l2);
        set(&mut train.weight_l1, self.weight_l1);
        set(&mut train.unit_norm_decay, self.unit_norm_decay);
        set(&mut train.schedule.decay, self.schedule);
        set(&mut train.schedule.warmup_steps, self.warmup);
        set(&mut train.initialization, self.init);
        set(&mut train.seed, self.seed);
        set(&mut train.kernel, self.kernel);
        set(&mut train.step_form, self.step_form);
        if self.clip_norm.is_some() {
            train.clip_norm = self.clip_norm;
        }
        if self.loss_below.is_some() {
            train.loss_below = self.loss_below;
        }
        Ok(recipe)
    }
}

pub(crate) fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}
