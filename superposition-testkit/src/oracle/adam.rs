//! Adam with decoupled and with coupled weight decay, in f64.

/// The options and moments of one Adam run over a flat vector of parameters.
///
/// `weight_decay` is decoupled, as in `torch.optim.AdamW`; `l2` is what `torch.optim.Adam` calls weight decay.
#[derive(Clone, Debug, PartialEq)]
pub struct AdamState {
    /// Step size before the factor given to [`adam_step`].
    pub learning_rate: f64,
    /// Decay of the mean of gradients.
    pub beta1: f64,
    /// Decay of the mean of squared gradients.
    pub beta2: f64,
    /// Added to the root of the bias-corrected second moment.
    pub epsilon: f64,
    /// Fraction of a parameter lost per step and unit of learning rate.
    pub weight_decay: f64,
    /// What of a parameter is added to its gradient first.
    pub l2: f64,
    /// First moments, one per parameter.
    pub first: Vec<f64>,
    /// Second moments, one per parameter.
    pub second: Vec<f64>,
    /// Completed steps.
    pub steps: u32,
}

impl AdamState {
    /// Torch's defaults (1e-3, 0.9, 0.999, 1e-8, no decay) with zero moments.
    #[must_use]
    pub fn new(n_parameters: usize) -> Self {
        Self {
            learning_rate: 1e-3,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.0,
            l2: 0.0,
            first: vec![0.0; n_parameters],
            second: vec![0.0; n_parameters],
            steps: 0,
        }
    }
}

/// One step: decay, moments, bias correction, update (Kingma & Ba 2015; Loshchilov & Hutter 2019).
///
/// ```
/// use superposition_testkit::oracle::{AdamState, adam_step};
/// // The first step of Adam has the size of the learning rate, whatever the gradient's.
/// let mut parameters = [1.0];
/// adam_step(&mut AdamState::new(1), &mut parameters, &[123.0], 1.0);
/// assert!((parameters[0] - (1.0 - 1e-3)).abs() < 1e-12);
/// ```
#[track_caller]
pub fn adam_step(
    state: &mut AdamState,
    parameters: &mut [f64],
    gradient: &[f64],
    learning_rate_factor: f64,
) {
    assert_eq!(
        parameters.len(),
        gradient.len(),
        "one gradient per parameter"
    );
    assert_eq!(
        parameters.len(),
        state.first.len(),
        "one moment per parameter"
    );
    state.steps += 1;
    let rate = state.learning_rate * learning_rate_factor;
    let correction1 = 1.0 - state.beta1.powf(f64::from(state.steps));
    let correction2 = 1.0 - state.beta2.powf(f64::from(state.steps));
    for (i, (p, &g)) in parameters.iter_mut().zip(gradient).enumerate() {
        let g = g + state.l2 * *p;
        *p -= rate * state.weight_decay * *p;
        state.first[i] = state.beta1 * state.first[i] + (1.0 - state.beta1) * g;
        state.second[i] = state.beta2 * state.second[i] + (1.0 - state.beta2) * g * g;
        let mean = state.first[i] / correction1;
        let spread = (state.second[i] / correction2).sqrt();
        *p -= rate * mean / (spread + state.epsilon);
    }
}
