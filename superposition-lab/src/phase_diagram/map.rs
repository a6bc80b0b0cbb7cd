//! What is read from the weights of a cell, and all cells of a diagram.

use std::fmt;

use serde::Serialize;
use superposition_model::Dimensions;

use crate::TOY_MIN_NORM;

/// The cosine of 150 degrees, halfway between the corners of a triangle and an antipodal pair.
const OPPOSITE: f64 = -0.866_025_403_784_438_6;

/// Which features are represented, and how; the last feature is the *extra* one.
///
/// A feature is represented if its norm is above 0.5. Two are antipodal if their angle is above 150 degrees, which is halfway
/// between a triangle's and a pair's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PhaseRegion {
    /// The extra feature is not represented, all others are.
    ExtraDropped,
    /// The extra feature is represented and another is not: the extra one has its dimension.
    OtherDropped,
    /// All are represented, and the most opposite pair is antipodal and contains the extra feature.
    ExtraAntipodal,
    /// All are represented, and the most opposite pair is antipodal and does not contain it: the extra feature is nearly orthogonal.
    OthersAntipodal,
    /// All three are represented, none antipodal, all cosines negative.
    Triangle,
    /// None of these.
    Other,
}

impl PhaseRegion {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::ExtraDropped,
        Self::OtherDropped,
        Self::ExtraAntipodal,
        Self::OthersAntipodal,
        Self::Triangle,
        Self::Other,
    ];

    /// Its name in JSON and CSV.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::ExtraDropped => "extra_dropped",
            Self::OtherDropped => "other_dropped",
            Self::ExtraAntipodal => "extra_antipodal",
            Self::OthersAntipodal => "others_antipodal",
            Self::Triangle => "triangle",
            Self::Other => "other",
        }
    }

    /// Its letter in maps of characters.
    #[must_use]
    pub fn letter(self) -> char {
        match self {
            Self::ExtraDropped => '.',
            Self::OtherDropped => 'o',
            Self::ExtraAntipodal => 'X',
            Self::OthersAntipodal => '=',
            Self::Triangle => 'A',
            Self::Other => '?',
        }
    }

    /// That of the columns of W.
    fn of(gram: &Gram) -> Self {
        let n = gram.n;
        let extra = n - 1;
        let is_represented = |i: usize| gram.norm(i) > TOY_MIN_NORM;
        if !is_represented(extra) {
            return match (0..extra).all(is_represented) {
                true => Self::ExtraDropped,
                false => Self::Other,
            };
        }
        if !(0..extra).all(is_represented) {
            return Self::OtherDropped;
        }
        let pairs = (0..n).flat_map(|j| (0..j).map(move |i| (i, j)));
        let cosines = pairs.map(|(i, j)| (gram.cosine(i, j), j));
        let (lowest, highest, last) = cosines.fold(
            (f64::INFINITY, f64::NEG_INFINITY, 0),
            |(lowest, highest, last), (cosine, j)| {
                let last = if cosine < lowest { j } else { last };
                (lowest.min(cosine), highest.max(cosine), last)
            },
        );
        match lowest < OPPOSITE {
            true if last == extra => Self::ExtraAntipodal,
            true => Self::OthersAntipodal,
            false if n == 3 && highest < 0.0 => Self::Triangle,
            false => Self::Other,
        }
    }
}

impl fmt::Display for PhaseRegion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ExtraDropped => "extra feature not represented",
            Self::OtherDropped => "extra feature in place of another",
            Self::ExtraAntipodal => "extra feature antipodal to another",
            Self::OthersAntipodal => "extra feature orthogonal, two others antipodal",
            Self::Triangle => "triangle of all three",
            Self::Other => "none of these",
        })
    }
}

/// The products of all columns of W, of which there are at most three.
struct Gram {
    n: usize,
    products: [[f64; 3]; 3],
}

impl Gram {
    fn new(dimensions: Dimensions, w: &[f64]) -> Self {
        let (n, m) = (dimensions.n_features, dimensions.n_hidden);
        let column = |i: usize| &w[i * m..(i + 1) * m];
        let product = |i: usize, j: usize| match i.max(j) < n {
            true => column(i).iter().zip(column(j)).map(|(a, b)| a * b).sum(),
            false => 0.0,
        };
        let products = std::array::from_fn(|i| std::array::from_fn(|j| product(i, j)));
        Self { n, products }
    }

    fn norm(&self, i: usize) -> f64 {
        self.products[i][i].sqrt()
    }

    /// 0 if one is zero.
    fn cosine(&self, i: usize, j: usize) -> f64 {
        match self.norm(i) * self.norm(j) {
            0.0 => 0.0,
            norms => self.products[i][j] / norms,
        }
    }
}

/// What is read from a model in a cell.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct PhaseReading {
    /// Which features are represented.
    pub region: PhaseRegion,
    /// The expected loss, mean over features.
    pub loss: f64,
    /// The expected loss, summed over features.
    pub loss_sum: f64,
    /// The norm of the extra feature.
    pub extra_norm: f64,
    /// Its signed cosine with the represented feature that is nearest to its line, that with the largest absolute cosine; none if it
    /// or all others are not represented, as directions of dead features say nothing.
    pub extra_cosine: Option<f64>,
    /// `$\sum_{j \ne e} (\hat W_e \cdot W_j)^2$` of the extra feature e; 0 if its norm is 0.
    pub extra_superposition: f64,
}

impl PhaseReading {
    /// Reads W, column after column, whose loss, mean over features, is given.
    pub(crate) fn new(dimensions: Dimensions, w: &[f64], loss: f64) -> Self {
        let gram = Gram::new(dimensions, w);
        let extra = gram.n - 1;
        let norm = gram.norm(extra);
        let nearest = (0..extra)
            .filter(|&j| norm.min(gram.norm(j)) > TOY_MIN_NORM)
            .map(|j| gram.cosine(extra, j))
            .max_by(|a, b| a.abs().total_cmp(&b.abs()));
        let squares = (0..extra)
            .map(|j| gram.products[extra][j].powi(2))
            .sum::<f64>();
        Self {
            region: PhaseRegion::of(&gram),
            loss,
            loss_sum: loss * gram.n as f64,
            extra_norm: norm,
            extra_cosine: nearest,
            extra_superposition: if norm > 0.0 {
                squares / (norm * norm)
            } else {
                0.0
            },
        }
    }
}

/// A diagram: what is read in every cell, row after row, from the lowest p and in each row from the lowest r.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PhaseMap {
    /// [`PhaseReading::region`] of each cell, and so on.
    pub region: Vec<PhaseRegion>,
    /// Mean over features.
    pub loss: Vec<f64>,
    /// Summed over features.
    pub loss_sum: Vec<f64>,
    /// The norm of the extra feature.
    pub extra_norm: Vec<f64>,
    /// Its signed cosine with the nearest represented one.
    pub extra_cosine: Vec<Option<f64>>,
    /// Its superposition.
    pub extra_superposition: Vec<f64>,
}

impl PhaseMap {
    /// How many cells there are.
    #[must_use]
    pub fn n_cells(&self) -> usize {
        self.region.len()
    }

    /// All of a cell.
    ///
    /// # Panics
    /// If there is no such cell.
    #[must_use]
    #[track_caller]
    pub fn reading(&self, cell: usize) -> PhaseReading {
        PhaseReading {
            region: self.region[cell],
            loss: self.loss[cell],
            loss_sum: self.loss_sum[cell],
            extra_norm: self.extra_norm[cell],
            extra_cosine: self.extra_cosine[cell],
            extra_superposition: self.extra_superposition[cell],
        }
    }

    /// Adds the next cell.
    pub(super) fn push(&mut self, reading: &PhaseReading) {
        self.region.push(reading.region);
        self.loss.push(reading.loss);
        self.loss_sum.push(reading.loss_sum);
        self.extra_norm.push(reading.extra_norm);
        self.extra_cosine.push(reading.extra_cosine);
        self.extra_superposition.push(reading.extra_superposition);
    }
}

impl FromIterator<PhaseReading> for PhaseMap {
    fn from_iter<I: IntoIterator<Item = PhaseReading>>(readings: I) -> Self {
        let mut map = Self::default();
        readings.into_iter().for_each(|reading| map.push(&reading));
        map
    }
}
