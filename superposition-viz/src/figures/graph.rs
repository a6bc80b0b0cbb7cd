//! Interference as a graph, cluster by cluster.

use std::collections::HashMap;

use super::Points;
use crate::svg::{Aspect, Axis, Figure, Palette, Panel, Series};

/// Kinds of clusters that have a colour of their own; the others share one.
const KINDS: usize = 6;
/// Room around a cluster, with the word below it, and of a character of that word, in units of the layout.
const MARGIN: f64 = 0.45;
const CHARACTER: f64 = 0.13;
/// Layouts that are wider have no room for words.
const WIDEST_WITH_WORDS: f64 = 22.0;

/// Features and the pairs of them that interfere, laid out by cluster, each named by the figure that it forms.
///
/// `clusters` holds a name and the features of each, `edges` pairs of features and their cosine. Clusters of one feature are put
/// together. Members stand on a circle, each beside the one that it is nearest to of those left; distances say nothing.
///
/// ```
/// let clusters = [("digon".to_owned(), vec![0, 2]), ("alone".to_owned(), vec![1])];
/// let svg = superposition_viz::figures::interference_graph(&clusters, &[(0, 2, -1.0)]).render();
/// assert!(svg.contains(">digon<") && svg.contains("digon: 1, together 2 features"));
/// ```
#[must_use]
pub fn interference_graph(
    clusters: &[(String, Vec<usize>)],
    edges: &[(usize, usize, f64)],
) -> Figure {
    let mut cosines = HashMap::new();
    for &(i, j, cosine) in edges {
        cosines.insert((i.min(j), i.max(j)), cosine);
    }
    let (several, single): (Vec<_>, Vec<_>) =
        clusters.iter().partition(|(_, members)| members.len() > 1);
    let mut boxes: Vec<Placed> = several
        .iter()
        .map(|(name, members)| Placed::circle(name, ring(members, &cosines)))
        .collect();
    // Large ones first; equal ones stay in order.
    boxes.sort_by(|a, b| b.size[1].total_cmp(&a.size[1]));
    let alone: Vec<usize> = single
        .iter()
        .flat_map(|(_, members)| members.clone())
        .collect();
    if let Some((name, _)) = single.iter().find(|(_, members)| members.len() == 1) {
        boxes.push(Placed::grid(name, alone));
    }
    let size = shelve(&mut boxes);
    figure(&boxes, edges, size)
}

/// The members of a cluster in an order in which near ones follow each other.
fn ring(members: &[usize], cosines: &HashMap<(usize, usize), f64>) -> Vec<usize> {
    let mut left = members.to_vec();
    let mut order = vec![left.remove(0)];
    while !left.is_empty() {
        let last = order[order.len() - 1];
        let near = |i: usize| {
            let pair = (i.min(last), i.max(last));
            cosines.get(&pair).copied().unwrap_or(0.0)
        };
        let mut best = 0;
        for k in 1..left.len() {
            if near(left[k]) > near(left[best]) {
                best = k;
            }
        }
        order.push(left.remove(best));
    }
    order
}

/// A cluster with places for its members, in a box of its own.
struct Placed {
    name: String,
    /// Clusters in it.
    count: usize,
    members: Vec<usize>,
    /// Places of the members within the box, from its lower left corner.
    places: Points,
    size: [f64; 2],
    /// Where the box is.
    corner: [f64; 2],
}

impl Placed {
    fn new(name: &str, members: Vec<usize>, mut places: Points, [width, height]: [f64; 2]) -> Self {
        // A word longer than the cluster is wide has its own room.
        let word = CHARACTER * name.chars().count() as f64;
        let wide = width.max(word) + 2.0 * MARGIN;
        for place in &mut places {
            place[0] += 0.5 * wide;
            place[1] += 0.5 * height + 1.9 * MARGIN;
        }
        Self {
            name: name.to_owned(),
            count: 1,
            members,
            places,
            size: [wide, height + 2.6 * MARGIN],
            corner: [0.0; 2],
        }
    }

    fn circle(name: &str, members: Vec<usize>) -> Self {
        let n = members.len() as f64;
        let radius = (0.11 * n).max(0.45);
        // Pairs lie flat, others have a corner on top.
        let start = if members.len() == 2 { 0.0 } else { 0.25 };
        let places = (0..members.len()).map(|k| {
            let turn = std::f64::consts::TAU * (start + k as f64 / n);
            [radius * turn.cos(), radius * turn.sin()]
        });
        let places = places.collect();
        let height = if members.len() == 2 {
            0.3
        } else {
            2.0 * radius
        };
        Self::new(name, members, places, [2.0 * radius, height])
    }

    fn grid(name: &str, members: Vec<usize>) -> Self {
        const STEP: f64 = 0.4;
        let columns = (2.0 * members.len() as f64).sqrt().ceil().max(1.0) as usize;
        let rows = members.len().div_ceil(columns);
        let [width, height] = [columns, rows].map(|n| STEP * (n - 1) as f64);
        let places = (0..members.len()).map(|k| {
            let (row, column) = (k / columns, k % columns);
            [
                STEP * column as f64 - 0.5 * width,
                0.5 * height - STEP * row as f64,
            ]
        });
        let places = places.collect();
        let count = members.len();
        Self {
            count,
            ..Self::new(name, members, places, [width, height])
        }
    }

    /// Where member `k` is.
    fn at(&self, k: usize) -> [f64; 2] {
        [0, 1].map(|side| self.corner[side] + self.places[k][side])
    }
}

/// Puts boxes on shelves from the top, somewhat wider than high together, and says how wide and high that is.
fn shelve(boxes: &mut [Placed]) -> [f64; 2] {
    let area: f64 = boxes.iter().map(|of| of.size[0] * of.size[1]).sum();
    let widest = boxes.iter().map(|of| of.size[0]).fold(0.0, f64::max);
    let room = (1.5 * area).sqrt().max(widest);
    let (mut left, mut top, mut tallest, mut width) = (0.0, 0.0, 0.0_f64, 0.0_f64);
    for of in boxes {
        if left > 0.0 && left + of.size[0] > room {
            (left, top, tallest) = (0.0, top - tallest, 0.0);
        }
        of.corner = [left, top - of.size[1]];
        left += of.size[0];
        tallest = tallest.max(of.size[1]);
        width = width.max(left);
    }
    [width, tallest - top]
}

fn figure(boxes: &[Placed], edges: &[(usize, usize, f64)], [width, height]: [f64; 2]) -> Figure {
    let axis = |low, high| Axis::new("").with_ticks(Vec::new()).with_range(low, high);
    let mut panel = Panel::new("", axis(0.0, width), axis(-height, 0.0))
        .with_aspect(Aspect::Equal)
        .with_size(620.0, 440.0);
    let mut places = HashMap::new();
    for of in boxes {
        for (k, &i) in of.members.iter().enumerate() {
            places.insert(i, of.at(k));
        }
    }
    let lines = edges.iter().filter_map(|&(i, j, cosine)| {
        let ends = [*places.get(&i)?, *places.get(&j)?];
        Some((ends, cosine))
    });
    let (lines, cosines): (Vec<_>, Vec<_>) = lines.unzip();
    if !lines.is_empty() {
        let name = format!("{} pairs that interfere", lines.len());
        panel = panel.with_series(
            Series::segments(name, lines)
                .with_values("cosine", cosines)
                .with_palette(Palette::Diverging)
                .with_value_range([-1.0, 1.0]),
        );
    }
    for (k, (name, of)) in kinds(boxes).into_iter().enumerate() {
        let points: Points = of
            .iter()
            .flat_map(|of| (0..of.members.len()).map(|k| of.at(k)))
            .collect();
        let name = match of.iter().map(|of| of.count).sum::<usize>() {
            count if count == points.len() => format!("{name}: {count}"),
            count => format!("{name}: {count}, together {} features", points.len()),
        };
        panel = panel.with_series(Series::points(name, points).with_color(k));
    }
    for of in boxes.iter().filter(|_| width <= WIDEST_WITH_WORDS) {
        let at = [of.corner[0] + 0.5 * of.size[0], of.corner[1] + 0.9 * MARGIN];
        panel = panel.with_word(at, &of.name);
    }
    Figure::new("Features that interfere, by cluster").with_panel(panel)
}

/// Clusters by name, those of the most features first; from the sixth on together.
fn kinds(boxes: &[Placed]) -> Vec<(String, Vec<&Placed>)> {
    let mut kinds: Vec<(String, Vec<&Placed>)> = Vec::new();
    for of in boxes {
        match kinds.iter_mut().find(|(name, _)| *name == of.name) {
            Some((_, all)) => all.push(of),
            None => kinds.push((of.name.clone(), vec![of])),
        }
    }
    let features = |all: &[&Placed]| all.iter().map(|of| of.members.len()).sum::<usize>();
    kinds.sort_by_key(|(_, all)| std::cmp::Reverse(features(all)));
    if kinds.len() > KINDS {
        let rest = kinds.split_off(KINDS - 1);
        let rest = rest.into_iter().flat_map(|(_, all)| all).collect();
        kinds.push(("others".to_owned(), rest));
    }
    kinds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pentagon_is_ordered_by_its_corners() {
        // Numbered across: feature i is at 2 i fifths of a turn, so that 0, 3, 1, 4, 2 is the order of the corners.
        let angle = |i: usize| std::f64::consts::TAU * (2 * i) as f64 / 5.0;
        let mut cosines = HashMap::new();
        for i in 0..5 {
            for j in i + 1..5 {
                cosines.insert((i, j), (angle(i) - angle(j)).cos());
            }
        }
        let order = ring(&[0, 1, 2, 3, 4], &cosines);
        assert!(
            order == [0, 3, 1, 4, 2] || order == [0, 2, 4, 1, 3],
            "{order:?}"
        );
    }

    #[test]
    fn boxes_do_not_overlap() {
        let sizes = [9, 5, 5, 3, 2, 2, 2, 2, 2, 2];
        let mut next = 0;
        let mut boxes: Vec<Placed> = sizes
            .iter()
            .map(|n| {
                next += n;
                Placed::circle("a name of some length", (next - n..next).collect())
            })
            .collect();
        boxes.push(Placed::grid("alone", (next..next + 7).collect()));
        shelve(&mut boxes);
        for (k, a) in boxes.iter().enumerate() {
            for b in &boxes[k + 1..] {
                let apart = (0..2).any(|side| {
                    let end = |of: &Placed| of.corner[side] + of.size[side] - 1e-12;
                    end(a) <= b.corner[side] || end(b) <= a.corner[side]
                });
                assert!(apart);
            }
            // And hold their members.
            for place in &a.places {
                let inside = (0..2).all(|side| (0.0..=a.size[side]).contains(&place[side]));
                assert!(inside, "{place:?} in {:?}", a.size);
            }
        }
    }
}
