//! Axes: which values they span, where a value is, ticks.

use crate::Scale;
use crate::number::format_number;

/// An axis of a panel.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Axis {
    /// What it measures.
    pub label: String,
    /// Its scale; [`Scale::Auto`] is logarithmic for positive values over a factor of 50.
    pub scale: Scale,
    /// Its ends; those of what is drawn if none. Ends that are not finite, equal, or not positive on a logarithmic axis count
    /// as none.
    pub range: Option<[f64; 2]>,
    /// Places and labels of its ticks; round numbers if none.
    pub ticks: Option<Vec<(f64, String)>>,
    /// The least distance between round ticks: 1 for numbers of features.
    pub least_step: f64,
}

impl Axis {
    /// An axis of whole numbers, such as those of features: there are no ticks between them.
    #[must_use]
    pub fn whole(label: impl Into<String>) -> Self {
        Self {
            least_step: 1.0,
            ..Self::new(label)
        }
    }

    /// An axis that spans what is drawn.
    #[must_use]
    pub fn new(label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            scale: Scale::Linear,
            range: None,
            ticks: None,
            least_step: 0.0,
        }
    }

    /// The same with another scale.
    #[must_use]
    pub fn with_scale(mut self, scale: Scale) -> Self {
        self.scale = scale;
        self
    }

    /// The same from one end to another.
    #[must_use]
    pub fn with_range(mut self, low: f64, high: f64) -> Self {
        self.range = Some([low, high]);
        self
    }

    /// The same with ticks at these places.
    #[must_use]
    pub fn with_ticks(mut self, ticks: Vec<(f64, String)>) -> Self {
        self.ticks = Some(ticks);
        self
    }

    /// Which values it spans, given all that is drawn; a little more than these unless `tight`.
    pub(super) fn span(&self, values: &mut dyn Iterator<Item = f64>, tight: bool) -> Span {
        let values: Vec<f64> = values.filter(|value| value.is_finite()).collect();
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let logarithmic = match self.scale {
            Scale::Linear => false,
            Scale::Logarithmic => true,
            Scale::Auto => low > 0.0 && high >= 50.0 * low,
        };
        let place = |value: f64| if logarithmic { value.ln() } else { value };
        if let Some(range) = self.range {
            let [low, high] = range.map(place);
            if low.is_finite() && high.is_finite() && low != high {
                let (low, high) = (low.min(high), low.max(high));
                return Span {
                    low,
                    high,
                    logarithmic,
                };
            }
        }
        let places = values
            .into_iter()
            .map(place)
            .filter(|place| place.is_finite());
        let (low, high) = places.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), at| {
            (low.min(at), high.max(at))
        });
        if low > high {
            return Span {
                low: 0.0,
                high: 1.0,
                logarithmic,
            };
        }
        // Half of the largest numbers, so that differences are finite.
        let (low, high) = (low.max(-f64::MAX / 4.0), high.min(f64::MAX / 4.0));
        let margin = match high > low {
            true if tight => 0.0,
            true => 0.04 * (high - low),
            false if low == 0.0 => 1.0,
            false => 0.1 * low.abs(),
        };
        Span {
            low: low - margin,
            high: high + margin,
            logarithmic,
        }
    }
}

/// What an axis spans: logarithms on a logarithmic one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Span {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) logarithmic: bool,
}

impl Span {
    pub(super) fn length(self) -> f64 {
        self.high - self.low
    }

    /// The same middle at another length.
    pub(super) fn widened(self, length: f64) -> Self {
        let middle = 0.5 * self.low + 0.5 * self.high;
        Self {
            low: middle - 0.5 * length,
            high: middle + 0.5 * length,
            ..self
        }
    }
}

/// An axis on the page.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    span: Span,
    /// Where the lower and the upper end are.
    page: [f64; 2],
    ticks: Option<Vec<(f64, String)>>,
    least_step: f64,
}

/// Farther out nothing is seen, and coordinates stay short.
const FARTHEST: f64 = 1e5;

impl Placed {
    pub(super) fn new(axis: &Axis, span: Span, page: [f64; 2]) -> Self {
        Self {
            span,
            page,
            ticks: axis.ticks.clone(),
            least_step: axis.least_step,
        }
    }

    /// Where a value is on the page; none if it has no place there.
    pub(super) fn at(&self, value: f64) -> Option<f64> {
        let value = if self.span.logarithmic {
            value.ln()
        } else {
            value
        };
        let share = (value - self.span.low) / self.span.length();
        let at = self.page[0] + share * (self.page[1] - self.page[0]);
        (value.is_finite() && at.is_finite()).then(|| at.clamp(-FARTHEST, FARTHEST))
    }

    /// Whether a place lies between the ends.
    pub(super) fn contains(&self, at: f64) -> bool {
        let [a, b] = self.page;
        (a.min(b) - 0.5..=a.max(b) + 0.5).contains(&at)
    }

    /// Places and labels of the ticks.
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        let ticks = match &self.ticks {
            Some(ticks) => ticks.clone(),
            None if self.span.logarithmic && self.span.length() > std::f64::consts::LN_10 => {
                self.logarithmic_ticks()
            }
            None => self.linear_ticks(),
        };
        ticks
            .into_iter()
            .filter_map(|(value, label)| Some((self.at(value)?, label)))
            .filter(|(at, _)| self.contains(*at))
            .collect()
    }

    /// Multiples of 1, 2 or 5 times a power of ten, at most six.
    fn linear_ticks(&self) -> Vec<(f64, String)> {
        // Less than a decade of a logarithmic axis has round values too, unevenly apart.
        let (low, high) = match self.span.logarithmic {
            true => (self.span.low.exp(), self.span.high.exp()),
            false => (self.span.low, self.span.high),
        };
        let power = ((high - low) / 5.0).log10().floor();
        let steps = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * 10_f64.powf(power));
        let fits = |step: &f64| (high - low) / step <= 5.5;
        let step = steps.into_iter().find(fits).unwrap_or(steps[3]);
        let step = step.max(self.least_step);
        let (first, last) = ((low / step).ceil(), (high / step).floor());
        if !(step > 0.0 && (first - last).abs() < 20.0) {
            return Vec::new();
        }
        let exponent = (step * 1.000_001).log10().floor();
        let decimals = (-exponent).clamp(0.0, 20.0) as usize;
        let label = |value: f64| match (-4.0..5.0).contains(&exponent) {
            true => format!("{value:.decimals$}"),
            false => format_number(value, 3),
        };
        (0..=(last - first) as i32)
            .map(|k| (first + f64::from(k)) * step)
            .map(|value| {
                if value.abs() < 1e-9 * step {
                    0.0
                } else {
                    value
                }
            })
            .map(|value| (value, label(value)))
            .collect()
    }

    /// Powers of ten, with 2 and 5 times these where there are few.
    fn logarithmic_ticks(&self) -> Vec<(f64, String)> {
        let ten = std::f64::consts::LN_10;
        let (first, last) = (
            (self.span.low / ten - 1e-9).floor() as i32,
            (self.span.high / ten + 1e-9).ceil() as i32,
        );
        let decades = last - first;
        let every = (decades / 6 + 1).max(1);
        let factors: &[f64] = if decades <= 2 {
            &[1.0, 2.0, 5.0]
        } else {
            &[1.0]
        };
        (first..=last)
            .filter(|power| power.rem_euclid(every) == 0)
            .flat_map(|power| factors.iter().map(move |factor| (*factor, power)))
            .map(|(factor, power)| {
                let label = match power {
                    -3..=3 => format!("{}", (factor * 10_f64.powi(power) * 1e6).round() / 1e6),
                    _ => format!("{factor}e{power}"),
                };
                (factor * 10_f64.powi(power), label)
            })
            .collect()
    }
}
