//! How far to go along a direction: the line search of Hager and Zhang.
//!
//! It ends at a point with the Wolfe conditions, or, where differences of values drown in rounding, with the
//! approximate ones, which need slopes only. So gradients get as small as they can be computed.

use std::ops::ControlFlow;

use super::{Objective, dot};

/// Sufficient decrease, `$\delta$`.
const DECREASE: f64 = 0.1;
/// How much flatter the slope must be, `$\sigma$`.
const FLATTER: f64 = 0.9;
/// How much a value may rise by rounding, relative to itself.
const RISE: f64 = 1e-10;
/// The least shrinking of the bracket by two secant steps; else it is halved.
const SHRINKING: f64 = 0.66;
/// How much further an expanding bracket goes.
const EXPANSION: f64 = 5.0;
const MAX_EVALUATIONS: usize = 60;

/// A point of the line.
#[derive(Clone, Copy)]
struct Place {
    /// How far along the direction.
    step: f64,
    value: f64,
    slope: f64,
}

/// A point with the Wolfe conditions; x and the gradient there are in the buffers of the search.
pub(super) struct Accepted {
    pub(super) value: f64,
}

/// Goes on with a value, or ends with a point found or with nothing.
type Flow<T> = ControlFlow<Option<Accepted>, T>;

pub(super) struct LineSearch<'a, O: ?Sized> {
    pub(super) objective: &'a O,
    pub(super) start: &'a [f64],
    pub(super) direction: &'a [f64],
    /// Where the last evaluation was.
    pub(super) x: &'a mut [f64],
    /// The gradient there.
    pub(super) gradient: &'a mut [f64],
    pub(super) n_evaluations: usize,
    value: f64,
    slope: f64,
}

impl<'a, O: Objective + ?Sized> LineSearch<'a, O> {
    /// From `start`, where the objective has this value, and this negative slope along the direction.
    pub(super) fn new(
        objective: &'a O,
        (start, value): (&'a [f64], f64),
        (direction, slope): (&'a [f64], f64),
        (x, gradient): (&'a mut [f64], &'a mut [f64]),
    ) -> Self {
        Self {
            objective,
            start,
            direction,
            x,
            gradient,
            n_evaluations: 0,
            value,
            slope,
        }
    }

    /// The point found, trying `first` first.
    pub(super) fn run(&mut self, first: f64) -> Option<Accepted> {
        match self.search(first) {
            ControlFlow::Break(found) => found,
            ControlFlow::Continue(never) => match never {},
        }
    }

    fn search(&mut self, first: f64) -> Flow<std::convert::Infallible> {
        let (mut a, mut b) = self.bracket(first)?;
        loop {
            let width = b.step - a.step;
            (a, b) = self.two_secants(a, b)?;
            if b.step - a.step > SHRINKING * width {
                let middle = self.probe(0.5 * (a.step + b.step))?;
                (a, b) = self.update(a, b, middle)?;
            }
        }
    }

    /// Evaluates the objective at a step; breaks if that point will do, or if there were too many.
    fn probe(&mut self, step: f64) -> Flow<Place> {
        for ((x, start), direction) in self.x.iter_mut().zip(self.start).zip(self.direction) {
            *x = start + step * direction;
        }
        let value = self.objective.value_and_gradient(self.x, self.gradient);
        let slope = dot(self.gradient, self.direction);
        self.n_evaluations += 1;
        let finite = value.is_finite() && slope.is_finite();
        let place = if finite {
            Place { step, value, slope }
        } else {
            let far = f64::INFINITY;
            let (value, slope) = (far, far);
            Place { step, value, slope }
        };
        if finite && self.x != self.start && self.accepts(&place) {
            return ControlFlow::Break(Some(Accepted { value }));
        }
        if self.n_evaluations >= MAX_EVALUATIONS {
            return ControlFlow::Break(None);
        }
        ControlFlow::Continue(place)
    }

    fn accepts(&self, place: &Place) -> bool {
        let flatter = place.slope >= FLATTER * self.slope;
        let lower = place.value - self.value <= DECREASE * place.step * self.slope;
        let approximately =
            self.is_low(place) && place.slope <= (2.0 * DECREASE - 1.0) * self.slope;
        flatter && (lower || approximately)
    }

    /// Whether the value is that of the start or lower, but for rounding.
    fn is_low(&self, place: &Place) -> bool {
        place.value <= self.value + RISE * self.value.abs()
    }

    /// Two points with a minimum between them: the first low with a falling slope, the second with a rising one.
    fn bracket(&mut self, first: f64) -> Flow<(Place, Place)> {
        let mut low = Place {
            step: 0.0,
            value: self.value,
            slope: self.slope,
        };
        let mut next = self.probe(first)?;
        loop {
            if next.slope >= 0.0 && next.slope.is_finite() {
                return ControlFlow::Continue((low, next));
            }
            if !self.is_low(&next) {
                return self.halve(low, next);
            }
            low = next;
            next = self.probe(EXPANSION * next.step)?;
        }
    }

    /// A bracket inside (a, b), where b is high although the slope may fall there.
    fn halve(&mut self, mut a: Place, mut b: Place) -> Flow<(Place, Place)> {
        loop {
            let middle = self.probe(0.5 * (a.step + b.step))?;
            if middle.slope >= 0.0 && middle.slope.is_finite() {
                return ControlFlow::Continue((a, middle));
            }
            if self.is_low(&middle) {
                a = middle;
            } else {
                b = middle;
            }
        }
    }

    /// The bracket that a point makes smaller.
    fn update(&mut self, a: Place, b: Place, c: Place) -> Flow<(Place, Place)> {
        if c.step <= a.step || c.step >= b.step {
            ControlFlow::Continue((a, b))
        } else if c.slope >= 0.0 && c.slope.is_finite() {
            ControlFlow::Continue((a, c))
        } else if self.is_low(&c) {
            ControlFlow::Continue((c, b))
        } else {
            self.halve(a, c)
        }
    }

    fn two_secants(&mut self, a: Place, b: Place) -> Flow<(Place, Place)> {
        let c = self.probe(secant(a, b))?;
        let (a_1, b_1) = self.update(a, b, c)?;
        let second = if c.step == b_1.step {
            secant(b, b_1)
        } else if c.step == a_1.step {
            secant(a, a_1)
        } else {
            return ControlFlow::Continue((a_1, b_1));
        };
        if second > a_1.step && second < b_1.step {
            let c = self.probe(second)?;
            self.update(a_1, b_1, c)
        } else {
            ControlFlow::Continue((a_1, b_1))
        }
    }
}

/// Where the slope would be 0 if it changed linearly; the middle where that is not between the two.
fn secant(a: Place, b: Place) -> f64 {
    let step = (a.step * b.slope - b.step * a.slope) / (b.slope - a.slope);
    let (low, high) = (a.step.min(b.step), a.step.max(b.step));
    if a.slope * b.slope > 0.0 {
        // An extrapolation may lead anywhere; the caller keeps it only inside its bracket.
        return step;
    }
    if step > low && step < high {
        step
    } else {
        0.5 * (low + high)
    }
}
