//! The best others of every feature, as far as they are known.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use crate::neighbors::{NOBODY, Neighbor, NeighborLists};

/// An oriented cosine and the other feature of its pair.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Extreme {
    pub(crate) value: f64,
    /// How far off the value may be: 0 for one that is exact.
    margin: f32,
    index: u32,
}

impl Extreme {
    pub(crate) fn exact(value: f64, index: usize) -> Self {
        Self {
            value,
            margin: 0.0,
            index: index as u32,
        }
    }

    fn estimate(value: f32, margin: f32, index: usize) -> Self {
        Self {
            margin,
            ..Self::exact(f64::from(value), index)
        }
    }

    pub(crate) fn index(&self) -> usize {
        self.index as usize
    }

    /// The least that the value may be, and the largest.
    fn range(&self) -> (f64, f64) {
        let margin = f64::from(self.margin);
        (self.value - margin, self.value + margin)
    }
}

/// Whether the largest or the smallest cosines are wanted: the smallest are the largest of the negated ones.
#[derive(Clone, Copy)]
pub(crate) enum Side {
    Nearest,
    MostOpposed,
}

impl Side {
    pub(crate) fn oriented(self, cosine: f64) -> f64 {
        match self {
            Side::Nearest => cosine,
            Side::MostOpposed => -cosine,
        }
    }

    pub(crate) fn oriented_estimate(self, cosine: f32) -> f32 {
        match self {
            Side::Nearest => cosine,
            Side::MostOpposed => -cosine,
        }
    }
}

/// The numbers of the features that one thread looks at, in the order of their places: those of the rows, then those of the columns.
#[derive(Clone)]
pub(crate) struct Members {
    pub(crate) rows: Range<usize>,
    pub(crate) columns: Range<usize>,
}

impl Members {
    /// All of them.
    pub(crate) fn all(n: usize) -> Self {
        Self {
            rows: 0..n,
            columns: 0..0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len() + self.columns.len()
    }

    pub(crate) fn number(&self, place: usize) -> usize {
        match place.checked_sub(self.rows.len()) {
            None => self.rows.start + place,
            Some(place) => self.columns.start + place,
        }
    }

    pub(crate) fn numbers(&self) -> impl Iterator<Item = usize> {
        self.rows.clone().chain(self.columns.clone())
    }
}

/// What an oriented cosine has to reach to enter the places of a feature: no thread's best allow for less, and all know it.
struct Floors(Vec<AtomicI32>);

impl Floors {
    fn new(n: usize, floor: f32) -> Self {
        let floor = || AtomicI32::new(ordered(floor.to_bits() as i32));
        Self((0..n).map(|_| floor()).collect())
    }

    fn of(&self, number: usize) -> f32 {
        f32::from_bits(ordered(self.0[number].load(Ordering::Relaxed)) as u32)
    }

    fn of_all(&self, numbers: Range<usize>) -> impl Iterator<Item = f32> {
        let floors = self.0[numbers].iter();
        floors.map(|floor| f32::from_bits(ordered(floor.load(Ordering::Relaxed)) as u32))
    }

    fn raise(&self, number: usize, floor: f32) {
        let (place, floor) = (&self.0[number], ordered(floor.to_bits() as i32));
        // Another thread may raise it in between, and then it is lowered again: it is a floor still, and a maximum in one step takes five times as long.
        if place.load(Ordering::Relaxed) < floor {
            place.store(floor, Ordering::Relaxed);
        }
    }
}

/// Integers in the order of the numbers that have these bits, and back.
fn ordered(bits: i32) -> i32 {
    bits ^ (bits >> 31 & i32::MAX)
}

/// The best others of every feature on one side. Values are oriented: larger is better on both sides.
pub(crate) struct Best {
    pub(crate) side: Side,
    /// How many are kept for a feature.
    pub(crate) count: usize,
    members: Members,
    /// `count` places a feature, the best first, [`NONE`] in those not yet taken.
    places: Vec<Extreme>,
    floors: Arc<Floors>,
}

/// A place not yet taken.
const NONE: Extreme = Extreme {
    value: f64::NEG_INFINITY,
    margin: 0.0,
    index: u32::MAX,
};

impl Best {
    pub(crate) fn new(side: Side, n: usize, count: usize) -> Self {
        assert!(n <= u32::MAX as usize, "{n} features; at most {}", u32::MAX);
        // With no place every cosine is below the floor.
        let floor = if count == 0 {
            f32::INFINITY
        } else {
            f32::NEG_INFINITY
        };
        Self {
            side,
            count,
            members: Members::all(n),
            places: vec![NONE; n * count],
            floors: Arc::new(Floors::new(n, floor)),
        }
    }

    /// Nothing yet for some of the features, where only what may still be among the best of all is wanted.
    pub(crate) fn cut(&self, members: &Members) -> Self {
        Self {
            places: vec![NONE; members.len() * self.count],
            members: members.clone(),
            floors: Arc::clone(&self.floors),
            ..*self
        }
    }

    /// No pair with an oriented cosine below this can enter the places of a feature.
    pub(crate) fn floor(&self, own: usize) -> f32 {
        self.floors.of(self.members.number(own))
    }

    /// Those of features with places in a row, all of them in the rows or in the columns.
    pub(crate) fn floors(&self, places: Range<usize>) -> impl Iterator<Item = f32> {
        let first = self.members.number(places.start);
        self.floors.of_all(first..first + places.len())
    }

    pub(crate) fn of(&self, own: usize) -> &[Extreme] {
        &self.places[own * self.count..(own + 1) * self.count]
    }

    /// Lets an estimate take the only place of feature `own` if it is certain to be better, and tells whether it did.
    ///
    /// What is in the place is to be [`replace`](Self::replace)d by the exact value before anything is compared with it.
    pub(crate) fn take_estimate(
        &mut self,
        own: usize,
        (value, margin): (f32, f32),
        index: usize,
    ) -> bool {
        let estimate = Extreme::estimate(value, margin, index);
        let is_better = self.count == 1 && self.places[own].range().1 < estimate.range().0;
        if is_better {
            self.replace(own, estimate);
        }
        is_better
    }

    /// The estimate in the only place of feature `own`.
    pub(crate) fn estimate(&self, own: usize) -> Option<Extreme> {
        let first = self.of(own).first();
        first.copied().filter(|extreme| extreme.margin != 0.0)
    }

    /// Whether another thread has found better than what an estimate of feature `own` may be.
    pub(crate) fn is_outdone(&self, own: usize, estimate: &Extreme) -> bool {
        estimate.range().1 < f64::from(self.floor(own))
    }

    /// How many features there are.
    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    /// Leaves the only place of feature `own` to what others found.
    pub(crate) fn clear(&mut self, own: usize) {
        self.places[own] = NONE;
    }

    /// Puts something else into the only place of feature `own`.
    pub(crate) fn replace(&mut self, own: usize, extreme: Extreme) {
        self.places[own] = extreme;
        let number = self.members.number(own);
        let (least, _) = extreme.range();
        self.floors.raise(number, (least as f32).next_down());
    }

    /// Takes `other` in if it belongs to the best of feature `own`.
    pub(crate) fn improve(&mut self, own: usize, other: Extreme) {
        let places = &mut self.places[own * self.count..(own + 1) * self.count];
        let is_better = |place: &Extreme| {
            other.value > place.value || (other.value == place.value && other.index < place.index)
        };
        let Some(at) = places.iter().position(is_better) else {
            return;
        };
        places[at..].rotate_right(1);
        places[at] = other;
        let last = places[self.count - 1].value;
        if last > f64::NEG_INFINITY {
            let number = self.members.number(own);
            self.floors.raise(number, (last as f32).next_down());
        }
    }

    /// Takes in what was found for some of the features.
    pub(crate) fn absorb(&mut self, cut: &Self) {
        for (place, own) in cut.members.numbers().enumerate() {
            for &extreme in cut.of(place).iter().filter(|&&e| e != NONE) {
                self.improve(own, extreme);
            }
        }
    }

    /// The best, as cosines.
    pub(crate) fn into_lists(self) -> NeighborLists {
        let side = self.side;
        let neighbor = |place: Extreme| {
            if place == NONE {
                return NOBODY;
            }
            Neighbor {
                feature: place.index(),
                cosine: side.oriented(place.value),
            }
        };
        let places = self.places.into_iter().map(neighbor).collect();
        NeighborLists::new(self.members.len(), self.count, places)
    }
}
