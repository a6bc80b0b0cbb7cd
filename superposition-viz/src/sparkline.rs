//! A curve in one line.

use crate::Charset;
use crate::number::position;

/// Values as a line of characters from low to high, from the smallest to the largest of them; positive values by their
/// logarithms where these span more than a factor of 50.
///
/// The last `width` values are shown. What is not finite is a `?`.
///
/// ```
/// use superposition_viz::{Charset, sparkline};
/// assert_eq!(sparkline(&[9.0, 3.0, 1.0, f64::NAN, 0.0], 4, Charset::Unicode), "█▃?▁");
/// assert_eq!(sparkline(&[1000.0, 10.0, 1.0], 9, Charset::Ascii), "#-_");
/// ```
#[must_use]
pub fn sparkline(values: &[f64], width: usize, charset: Charset) -> String {
    let levels: &[char] = match charset {
        Charset::Unicode => &['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
        Charset::Ascii => &['_', '.', '-', '=', '+', '*', '#'],
    };
    let values = &values[values.len().saturating_sub(width)..];
    let ends = |values: &mut dyn Iterator<Item = f64>| {
        values
            .filter(|value| value.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
                (low.min(value), high.max(value))
            })
    };
    let (low, high) = ends(&mut values.iter().copied());
    let logarithmic = low > 0.0 && high > 50.0 * low;
    let place = |value: f64| if logarithmic { value.ln() } else { value };
    let (low, high) = (place(low), place(high));
    let character = |&value: &f64| {
        if !value.is_finite() {
            return '?';
        }
        if low == high {
            return levels[0];
        }
        let share = position(place(value), low, high);
        levels[((share * levels.len() as f64) as usize).min(levels.len() - 1)]
    };
    values.iter().map(character).collect()
}
