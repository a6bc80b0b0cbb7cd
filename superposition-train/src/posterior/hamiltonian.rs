//! One move of Hamiltonian Monte Carlo.

use rand::Rng;

use super::normal::{fill_normal, uniform};
use super::sampling::Prior;
use crate::optimum::Objective;

/// The step sizes of a trajectory are the chain's times a number in this range, so that no trajectory closes on itself.
const JITTER: (f64, f64) = (0.8, 1.2);
/// A trajectory whose energy rises by more has left what its step can follow.
const DIVERGED: f64 = 1e3;

/// A place, and what the density is made of there.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) x: Vec<f64>,
    /// Of L alone.
    pub(super) loss: f64,
    gradient: Vec<f64>,
}

impl Place {
    pub(super) fn new<O: Objective + ?Sized>(objective: &O, x: Vec<f64>) -> Self {
        let mut gradient = vec![0.0; x.len()];
        let loss = objective.value_and_gradient(&x, &mut gradient);
        Self { x, loss, gradient }
    }
}

/// What moves places at one inverse temperature.
pub(super) struct Mover<'a, O: ?Sized> {
    pub(super) objective: &'a O,
    pub(super) prior: &'a Prior,
    pub(super) beta: f64,
    pub(super) n_leapfrog: usize,
}

impl<O: Objective + ?Sized> Mover<'_, O> {
    /// `$U = \beta L + \frac{\gamma}{2} \lVert w - c \rVert^2$`.
    fn potential(&self, place: &Place) -> f64 {
        let squares = place.x.iter().zip(&self.prior.centre);
        let square: f64 = squares.map(|(x, c)| (x - c) * (x - c)).sum();
        self.beta * place.loss + 0.5 * self.prior.precision * square
    }

    /// `$p \mathrel{-}= \epsilon \nabla U$`.
    fn kick(&self, place: &Place, step: f64, momentum: &mut [f64]) {
        let slopes = place
            .gradient
            .iter()
            .zip(place.x.iter().zip(&self.prior.centre));
        for (p, (gradient, (x, c))) in momentum.iter_mut().zip(slopes) {
            *p -= step * (self.beta * gradient + self.prior.precision * (x - c));
        }
    }

    /// Tries a trajectory; returns the probability with which its end is accepted, 0 where it diverged. `place` is where it
    /// ends, or where it was.
    pub(super) fn step(&self, place: &mut Place, step_size: f64, rng: &mut impl Rng) -> f64 {
        let mut momentum = vec![0.0; place.x.len()];
        fill_normal(&mut momentum, rng);
        let (low, high) = JITTER;
        let step = step_size * (low + (high - low) * uniform(rng));
        let energy = |place: &Place, momentum: &[f64]| {
            self.potential(place) + 0.5 * momentum.iter().map(|p| p * p).sum::<f64>()
        };
        let before = energy(place, &momentum);
        let mut end = place.clone();
        for _ in 0..self.n_leapfrog {
            self.kick(&end, 0.5 * step, &mut momentum);
            for (x, p) in end.x.iter_mut().zip(&momentum) {
                *x += step * p;
            }
            end.loss = self.objective.value_and_gradient(&end.x, &mut end.gradient);
            self.kick(&end, 0.5 * step, &mut momentum);
        }
        let rise = energy(&end, &momentum) - before;
        // Drawn in any case, so that what follows does not depend on it.
        let draw = uniform(rng);
        if rise.is_nan() || rise > DIVERGED {
            return 0.0;
        }
        let probability = libm::exp(-rise.max(0.0));
        if draw <= probability {
            *place = end;
        }
        probability
    }
}
