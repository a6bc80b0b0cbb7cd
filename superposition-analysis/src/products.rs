//! The two products that frame operators are made of and used in, from blocks of columns as they are stored: in digits, which tiles of bytes multiply, or in f64 by faer.

use std::ops::RangeInclusive;

use faer::{Mat, MatMut, MatRef};

use crate::Real;
use crate::directions::{Measure, column, column_mut};
use crate::kernel::{
    BlockForms, Digits, MOST_COMPONENTS, SliceMemory, SlicedColumns, SlicedTriangle,
    add_gram_in_slices, dot, forms_in_slices,
};
use crate::linalg::{add_lower_gram, lower_product_into};

/// For how many dimensions digits are used where the machine has tiles: for fewer there is little to be won, and for more the sums of products would not fit.
pub(crate) const IN_DIGITS: RangeInclusive<usize> = 64..=MOST_COMPONENTS;

/// How products are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    /// In digits, where the machine has tiles for them.
    InDigits(Digits),
    /// In f64.
    F64,
}

impl Arithmetic {
    /// The next better one; none after f64.
    pub(crate) fn better(self) -> Option<Self> {
        match self {
            Self::InDigits(Digits::Five) => Some(Self::InDigits(Digits::Six)),
            Self::InDigits(Digits::Six) => Some(Self::F64),
            Self::F64 => None,
        }
    }
}

/// Columns, and what each is multiplied with.
pub(crate) struct Block<'a, T> {
    columns: MatRef<'a, T>,
    factors: Vec<f64>,
    /// In which digits products may be made, and what they have to know of the columns.
    digits: Option<(Digits, &'a [Measure])>,
}

impl<'a, T: Real> Block<'a, T> {
    /// Unit directions, from columns and what was measured of them; a zero column stays zero.
    pub(crate) fn units(
        columns: MatRef<'a, T>,
        measures: &'a [Measure],
        arithmetic: Arithmetic,
    ) -> Self {
        let factor = |measure: &Measure| {
            if measure.square == 0.0 {
                0.0
            } else {
                1.0 / measure.square.sqrt()
            }
        };
        Self {
            columns,
            factors: measures.iter().map(factor).collect(),
            digits: match arithmetic {
                Arithmetic::InDigits(digits) => Some((digits, measures)),
                Arithmetic::F64 => None,
            },
        }
    }

    /// The same, times these weights.
    pub(crate) fn weighted(mut self, weights: &[f64]) -> Self {
        let factors = self.factors.iter_mut().zip(weights);
        factors.for_each(|(factor, weight)| *factor *= weight);
        self
    }

    /// Columns as they are, whose products are wanted as exact as f64 has them.
    pub(crate) fn plain(columns: MatRef<'a, T>) -> Self {
        Self {
            columns,
            factors: vec![1.0; columns.ncols()],
            digits: None,
        }
    }

    /// The columns for products in digits, if those are allowed, and all numbers are finite.
    fn in_digits(&self) -> Option<(SlicedColumns<'_, T>, Digits)> {
        if !IN_DIGITS.contains(&self.columns.nrows()) {
            return None;
        }
        let (digits, measures) = self.digits?;
        let mut largest = 0.0_f64;
        for (measure, factor) in measures.iter().zip(&self.factors) {
            if !measure.square.is_finite() || !factor.is_finite() {
                return None;
            }
            largest = largest.max(measure.largest * factor.abs());
        }
        let columns = SlicedColumns {
            columns: self.columns,
            factors: &self.factors,
            largest,
        };
        Some((columns, digits))
    }

    /// Copies the columns in f64.
    fn copy_into<'m>(&self, memory: &'m mut Mat<f64>) -> MatMut<'m, f64> {
        let (m, n) = self.columns.shape();
        let mut copy = resized(memory, m, n);
        for (j, &factor) in self.factors.iter().enumerate() {
            let to = column_mut(copy.as_mut(), j).iter_mut();
            to.zip(column(self.columns, j))
                .for_each(|(to, x)| *to = x.to_f64() * factor);
        }
        copy
    }
}

/// What the products of a block are computed in.
pub(crate) struct ProductMemory {
    slices: SliceMemory,
    columns: Mat<f64>,
    images: Mat<f64>,
}

impl ProductMemory {
    pub(crate) fn new() -> Self {
        Self {
            slices: SliceMemory::default(),
            columns: Mat::new(),
            images: Mat::new(),
        }
    }
}

/// m x n of a matrix that is kept as large as it ever had to be.
fn resized(memory: &mut Mat<f64>, m: usize, n: usize) -> MatMut<'_, f64> {
    if memory.nrows() != m || memory.ncols() < n {
        *memory = Mat::zeros(m, n);
    }
    memory.subcols_mut(0, n)
}

/// A frame operator `$F = \sum_j c_j c_j^T$`.
pub(crate) struct FrameOperator {
    /// The lower triangle, zeros above.
    pub(crate) lower: Mat<f64>,
    /// What products in digits may have lost of each element.
    lost: f64,
}

impl FrameOperator {
    /// Zero, m x m.
    pub(crate) fn new(m: usize) -> Self {
        Self {
            lower: Mat::zeros(m, m),
            lost: 0.0,
        }
    }

    /// Makes it zero.
    pub(crate) fn clear(&mut self) {
        self.lower.fill(0.0);
        self.lost = 0.0;
    }

    /// Adds the terms of a block of columns.
    pub(crate) fn add_block<T: Real>(&mut self, block: &Block<'_, T>, memory: &mut ProductMemory) {
        let lower = &mut self.lower;
        let m = lower.nrows();
        let add = |l: usize, k: usize, products: &[f64; 16]| {
            if l < m {
                let from = k.max(l);
                let sums = lower.col_as_slice_mut(l)[from..].iter_mut();
                sums.zip(&products[from - k..])
                    .for_each(|(sum, x)| *sum += x);
            }
        };
        let lost = block.in_digits().and_then(|(columns, digits)| {
            add_gram_in_slices(columns, digits, &mut memory.slices, add)
        });
        match lost {
            Some(lost) => self.lost += lost,
            None => {
                let columns = block.copy_into(&mut memory.columns);
                add_lower_gram(self.lower.as_mut(), columns.as_ref());
            }
        }
    }

    /// Adds those of other columns.
    pub(crate) fn add(&mut self, other: &Self) {
        for j in 0..self.lower.ncols() {
            let sums = self.lower.col_as_slice_mut(j).iter_mut();
            sums.zip(other.lower.col_as_slice(j))
                .for_each(|(sum, x)| *sum += x);
        }
        self.lost += other.lost;
    }

    /// The squared Frobenius norm.
    pub(crate) fn norm_sq(&self) -> f64 {
        (0..self.lower.ncols())
            .map(|j| {
                let column = &self.lower.col_as_slice(j)[j..];
                2.0 * dot(column, column) - column[0] * column[0]
            })
            .sum()
    }
}

/// A frame operator as [`forms`] need it: F is L + L^T for a lower triangle L, and `u^T F u` twice `u^T L u`.
pub(crate) struct HalvedFrame {
    lower: Mat<f64>,
    sliced: Option<SlicedTriangle>,
    norm_sq: f64,
    lost: f64,
}

impl HalvedFrame {
    pub(crate) fn new(operator: FrameOperator, arithmetic: Arithmetic) -> Self {
        let norm_sq = operator.norm_sq();
        let FrameOperator { mut lower, lost } = operator;
        let m = lower.nrows();
        (0..m).for_each(|k| lower[(k, k)] /= 2.0);
        let sliced = match arithmetic {
            Arithmetic::InDigits(digits) if IN_DIGITS.contains(&m) && norm_sq.is_finite() => {
                SlicedTriangle::new(lower.as_ref(), digits)
            }
            _ => None,
        };
        Self {
            lower,
            sliced,
            norm_sq,
            lost,
        }
    }

    /// No quadratic forms yet.
    pub(crate) fn no_forms(&self) -> Forms {
        let operator_lost = self.lost * self.lower.nrows() as f64;
        Forms {
            values: Vec::new(),
            norm_sq: self.norm_sq,
            norm_sq_lost: 2.0 * operator_lost * self.norm_sq.sqrt(),
            operator_lost,
            lost: 0.0,
        }
    }
}

/// `u^T F u` for unit vectors u.
pub(crate) struct Forms {
    pub(crate) values: Vec<f64>,
    /// The squared Frobenius norm of F.
    pub(crate) norm_sq: f64,
    /// What products in digits may have lost of that.
    pub(crate) norm_sq_lost: f64,
    /// What they may have lost of F: of its Frobenius norm, and so of each form.
    operator_lost: f64,
    lost: f64,
}

impl Forms {
    /// For `$F = \sum_j r_j^2 u_j u_j^T$` and every u of those the sum of squares `$\sum_j (r_j\, u \cdot u_j)^2$` that its form is, each known within `lost`, and the weights `$r_j$`.
    pub(crate) fn of_squares(values: Vec<f64>, weights: &[f64], lost: f64) -> Self {
        let terms = values.iter().zip(weights);
        Self {
            norm_sq: terms.map(|(value, r)| value * r * r).sum(),
            norm_sq_lost: lost * weights.iter().map(|r| r * r).sum::<f64>(),
            values,
            operator_lost: 0.0,
            lost,
        }
    }

    /// Appends those of a block, as [`forms`] returns them.
    pub(crate) fn extend(&mut self, block: &BlockForms) {
        self.values.extend(&block.values);
        self.lost = self.lost.max(block.lost);
    }

    /// What products in digits may have lost of each.
    pub(crate) fn lost(&self) -> f64 {
        self.operator_lost + self.lost
    }
}

/// For each of some F `u^T F u` for the columns u of a block.
pub(crate) fn forms<T: Real>(
    frames: &[HalvedFrame],
    block: &Block<'_, T>,
    memory: &mut ProductMemory,
) -> Vec<BlockForms> {
    let triangles: Option<Vec<&SlicedTriangle>> =
        frames.iter().map(|f| f.sliced.as_ref()).collect();
    let sliced = triangles
        .zip(block.in_digits())
        .and_then(|(triangles, (columns, _))| {
            forms_in_slices(columns, &triangles, &mut memory.slices)
        });
    let mut forms = sliced.unwrap_or_else(|| {
        let units = block.copy_into(&mut memory.columns);
        let (m, n) = units.shape();
        let of_frame = |frame: &HalvedFrame| {
            let mut images = resized(&mut memory.images, m, n);
            lower_product_into(images.as_mut(), frame.lower.as_ref(), units.as_ref());
            let form = |j| dot(column(units.as_ref(), j), column(images.as_ref(), j));
            BlockForms {
                values: (0..n).map(form).collect(),
                lost: 0.0,
            }
        };
        frames.iter().map(of_frame).collect()
    });
    for block in &mut forms {
        block.values.iter_mut().for_each(|form| *form *= 2.0);
        block.lost *= 2.0;
    }
    forms
}
