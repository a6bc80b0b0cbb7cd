//! Products of matrices of f64 as sums of products of bytes, which tiles add up exactly and many times as fast as fused multiply-adds would.
//!
//! A number x is the integer nearest to `x 2^e`, at most `2^(8N - 2)` in size, and that is N digits of base 256 between -128 and 127. Digit i of one number and digit j of another, counted from the highest, make up `256^(2N - 2 - i - j)` of their product.
//! Those with `i + j >= N` are left out: 21 products of bytes remain of six digits, in six sums, and 15 of five. What that and rounding take of a product is below [`lost`].
//!
//! # References
//! Ozaki, Ogita, Oishi, Rump 2012, *Error-free transformations of matrix multiplication by using fast routines of matrix multiplication and its applications*: the same idea, with digits in f64.

use std::ops::Range;

use std::arch::x86_64::{
    __m512d, __m512i, _mm256_loadu_si256, _mm512_add_epi64, _mm512_cvtepi32_pd, _mm512_cvtpd_epi64,
    _mm512_fmadd_pd, _mm512_load_si512, _mm512_loadu_pd, _mm512_loadu_si512, _mm512_mul_pd,
    _mm512_permutexvar_epi8, _mm512_set1_epi64, _mm512_set1_pd, _mm512_setzero_si512,
    _mm512_shuffle_i32x4, _mm512_store_si512, _mm512_storeu_pd, _mm512_unpackhi_epi8,
    _mm512_unpackhi_epi16, _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi8,
    _mm512_unpacklo_epi16, _mm512_unpacklo_epi32, _mm512_unpacklo_epi64, _mm512_xor_si512,
};

use super::amx::{COMPONENTS, MultiplySlices, Sums, Tile, Tiles, VECTORS, ZERO};
use super::portable::tree_sum;
use super::{BlockForms, PanelLine, SlicedColumns};
use crate::Real;
use crate::directions::column;

/// No number is multiplied by more than two to this power.
const LARGEST_EXPONENT: i32 = 900;

/// Groups of 16 vectors whose digits stay in the second-level cache while others pass by.
const GROUPS_AT_ONCE: usize = 8;
const VECTORS_AT_ONCE: usize = GROUPS_AT_ONCE * VECTORS;

/// All digits of 64 components of 16 vectors.
type Step<const N: usize> = [Tile; N];

/// Vectors in digits, as many of each number as whoever reads them says: groups of 16, each step by step.
#[derive(Default)]
pub(crate) struct SlicedVectors {
    tiles: Vec<Tile>,
    steps_of_group: usize,
    /// Numbers are multiplied by two to this power.
    exponent: i32,
}

impl SlicedVectors {
    pub(super) fn steps<const N: usize>(&self) -> &[Step<N>] {
        self.tiles.as_chunks().0
    }

    fn steps_mut<const N: usize>(&mut self) -> &mut [Step<N>] {
        self.tiles.as_chunks_mut().0
    }

    fn group<const N: usize>(&self, group: usize) -> &[Step<N>] {
        &self.steps()[group * self.steps_of_group..(group + 1) * self.steps_of_group]
    }

    fn groups<const N: usize>(&self) -> usize {
        self.steps::<N>().len() / self.steps_of_group.max(1)
    }

    /// As many as there are vectors of so many components; what they are is left open.
    fn resize<const N: usize>(&mut self, vectors: usize, components: usize) {
        self.steps_of_group = components.div_ceil(COMPONENTS);
        let steps = vectors.div_ceil(VECTORS) * self.steps_of_group;
        self.tiles.resize(steps * N, ZERO);
    }
}

/// Memory for the digits of a block of columns.
#[derive(Default)]
pub(crate) struct SliceMemory {
    /// Of a few of the columns, as rows of tiles.
    pub(super) some: SlicedVectors,
    /// Of the components of all of them, as columns of tiles.
    across: SlicedVectors,
    /// Of a few of those, as rows of tiles.
    rows: Vec<Tile>,
}

/// The size of an integer.
const fn bits(digits: usize) -> i32 {
    8 * digits as i32 - 2
}

/// The power of two that numbers of at most this size are multiplied with before they are rounded.
fn exponent_of(largest: f64, digits: usize) -> i32 {
    // 2^(1 + logb) is above the largest.
    let exponent = bits(digits) - 1 - libm::ilogb(largest.max(f64::MIN_POSITIVE));
    exponent.min(LARGEST_EXPONENT)
}

/// What is lost of a product of two numbers at the most.
///
/// Rounding takes `2^(8N - 2)` of a product of integers, and each of the N - 1 pairs of digits of the first sum that is left out as much; what is left out further is below a hundredth of that.
fn lost(digits: usize, row: i32, column: i32) -> f64 {
    libm::scalbn(digits as f64 + 0.1, bits(digits) - row - column)
}

/// What the products of so many numbers of at most this size may lose in their sum.
pub(super) fn lost_of(digits: usize, numbers: usize, largest: f64) -> f64 {
    let exponent = exponent_of(largest, digits);
    numbers as f64 * lost(digits, exponent, exponent)
}

/// The digits of a range of vectors, which begins with a group, as rows of tiles.
#[target_feature(enable = "avx512f,fma,avx512bw,avx512dq,avx512vbmi")]
fn split<T: Real, const N: usize>(
    vectors: SlicedColumns<'_, T>,
    range: Range<usize>,
    exponent: i32,
    digits: &mut SlicedVectors,
) {
    let all = range.map(|j| (column(vectors.columns, j), vectors.factors[j]));
    split_each::<T, N>(all, vectors.columns.nrows(), exponent, digits);
}

/// The digits of vectors of so many components, each times its factor, as rows of tiles.
#[target_feature(enable = "avx512f,fma,avx512bw,avx512dq,avx512vbmi")]
pub(super) fn split_each<'a, T: Real, const N: usize>(
    mut vectors: impl ExactSizeIterator<Item = (&'a [T], f64)>,
    components: usize,
    exponent: i32,
    digits: &mut SlicedVectors,
) {
    let n = vectors.len();
    digits.exponent = exponent;
    digits.resize::<N>(n, components);
    let scale = libm::scalbn(1.0, exponent);
    let steps_of_group = digits.steps_of_group;
    for place in 0..n.next_multiple_of(VECTORS) {
        let first = place / VECTORS * steps_of_group;
        let steps = &mut digits.steps_mut::<N>()[first..first + steps_of_group];
        // Zeros after the last vector.
        let (column, factor) = vectors.next().unwrap_or((&[], 0.0));
        let factor = factor * scale;
        for (k, step) in steps.iter_mut().enumerate() {
            let start = column.len().min(k * COMPONENTS);
            let end = column.len().min((k + 1) * COMPONENTS);
            let rows = digits_of::<T, N>(&column[start..end], factor);
            for slice in 0..N {
                store(rows[slice], &mut step[slice][place % VECTORS]);
            }
        }
    }
}

/// The digits of at most 64 numbers times a factor, in a vector for each digit; zeros after the last number. The vectors past those have no meaning.
#[target_feature(enable = "avx512f,fma,avx512bw,avx512dq,avx512vbmi")]
#[inline]
fn digits_of<T: Real, const N: usize>(numbers: &[T], factor: f64) -> [__m512i; LANES] {
    let factor = _mm512_set1_pd(factor);
    let mut eights = [_mm512_setzero_si512(); LANES];
    let (chunks, rest) = numbers.as_chunks::<LANES>();
    for c in 0..chunks.len() {
        eights[c] = digits_of_eight::<T, N>(&chunks[c], factor);
    }
    if !rest.is_empty() {
        let mut last = [T::ZERO; LANES];
        last[..rest.len()].copy_from_slice(rest);
        eights[chunks.len()] = digits_of_eight::<T, N>(&last, factor);
    }
    let [a, b, c, d, e, f, g, h] = eights;
    let even = transpose_fourths([
        _mm512_unpacklo_epi64(a, b),
        _mm512_unpacklo_epi64(c, d),
        _mm512_unpacklo_epi64(e, f),
        _mm512_unpacklo_epi64(g, h),
    ]);
    let odd = transpose_fourths([
        _mm512_unpackhi_epi64(a, b),
        _mm512_unpackhi_epi64(c, d),
        _mm512_unpackhi_epi64(e, f),
        _mm512_unpackhi_epi64(g, h),
    ]);
    [
        even[0], odd[0], even[1], odd[1], even[2], odd[2], even[3], odd[3],
    ]
}

/// Numbers of 64 bits in a vector.
pub(super) const LANES: usize = 8;

/// The place of every byte of the digits of eight integers among those of the integers: first the highest digit of each, and so on; the last ones again in place of what there is not.
const fn places_by_digit(digits: usize) -> [u8; 64] {
    let mut places = [0; 64];
    let mut at = 0;
    while at < 64 {
        let (slice, lane) = (at / LANES, at % LANES);
        let slice = if slice < digits { slice } else { digits - 1 };
        places[at] = (LANES * lane + digits - 1 - slice) as u8;
        at += 1;
    }
    places
}

/// 128 in every digit.
const fn signs(digits: usize) -> i64 {
    ((1 << (8 * digits)) - 1) / 255 * 128
}

/// The first digits of eight numbers times a factor, then their second ones, and so on.
#[target_feature(enable = "avx512f,fma,avx512bw,avx512dq,avx512vbmi")]
#[inline]
fn digits_of_eight<T: Real, const N: usize>(numbers: &[T; LANES], factor: __m512d) -> __m512i {
    let places: &[u8; 64] = const { &places_by_digit(N) };
    // SAFETY: 64 bytes.
    let by_digit = unsafe { _mm512_loadu_si512(places.as_ptr().cast::<__m512i>()) };
    let signs = _mm512_set1_epi64(const { signs(N) });
    let mut wide = [0.0; LANES];
    for lane in 0..LANES {
        wide[lane] = numbers[lane].to_f64();
    }
    // SAFETY: eight numbers.
    let x = unsafe { _mm512_loadu_pd(wide.as_ptr()) };
    let integers = _mm512_cvtpd_epi64(_mm512_mul_pd(x, factor));
    // With 128 added to every digit there are no carries between them; without it they have signs.
    let digits = _mm512_xor_si512(_mm512_add_epi64(integers, signs), signs);
    _mm512_permutexvar_epi8(by_digit, digits)
}

/// Rows of tiles as columns of tiles or the other way round: the words of each tile transposed.
#[target_feature(enable = "avx512f,fma")]
pub(super) fn transpose_all<const N: usize>(from: &[Step<N>], to: &mut [Step<N>]) {
    for (to, from) in to.iter_mut().zip(from) {
        for slice in 0..N {
            transpose(&from[slice], &mut to[slice]);
        }
    }
}

/// Panels, of a number of lines that is a multiple of 16, as rows of tiles; zeros after the last.
#[target_feature(enable = "avx512f,fma")]
pub(super) fn to_rows(panels: &[PanelLine], rows: &mut [Tile]) {
    let (panels, _) = panels.as_chunks::<VECTORS>();
    let (filled, rest) = rows.split_at_mut(panels.len());
    for (tile, row) in panels.iter().zip(filled) {
        transpose(tile, row);
    }
    rest.fill(ZERO);
}

/// The digits of [`COMPONENTS`] vectors, or fewer at the end, as one step of the vectors of their components, which are as columns of tiles.
#[target_feature(enable = "avx512f,fma,avx512bw")]
fn put_across<const N: usize>(digits: &SlicedVectors, step: usize, across: &mut SlicedVectors) {
    const FOUR: usize = 4;
    let (groups, steps_of_group) = (across.groups::<N>(), across.steps_of_group);
    let across = across.steps_mut::<N>();
    for from in 0..FOUR {
        for chunk in 0..digits.steps_of_group {
            let own = digits
                .steps::<N>()
                .get(from * digits.steps_of_group + chunk);
            let own = own.unwrap_or(&[ZERO; N]);
            let groups = FOUR * chunk..groups.min(FOUR * (chunk + 1));
            for slice in 0..N {
                let (fours, _) = own[slice].as_chunks::<FOUR>();
                for word in 0..FOUR {
                    let words = interleaved(&fours[word]);
                    for group in groups.clone() {
                        let to = &mut across[group * steps_of_group + step][slice];
                        store(words[group % FOUR], &mut to[from * FOUR + word]);
                    }
                }
            }
        }
    }
}

/// The product of every two vectors, the second of which has no smaller number: `add` takes the products of one vector with 16 others, the number of the first of which is given.
#[target_feature(enable = "avx512f,fma")]
fn multiply_lower<const N: usize>(
    tiles: &Tiles,
    columns: &SlicedVectors,
    rows: &mut Vec<Tile>,
    mut add: impl FnMut(usize, usize, &[f64; VECTORS]),
) where
    Tiles: MultiplySlices<N>,
{
    let scale = scale::<N>(columns.exponent, columns.exponent);
    let mut sums = [[[0; VECTORS]; VECTORS]; N];
    let steps = columns.steps_of_group;
    let groups = columns.groups::<N>();
    for start in (0..groups).step_by(GROUPS_AT_ONCE) {
        let row_groups = start..groups.min(start + GROUPS_AT_ONCE);
        rows.resize(row_groups.len() * steps * N, ZERO);
        let (rows, _) = rows.as_chunks_mut::<N>();
        transpose_all(
            &columns.steps()[start * steps..row_groups.end * steps],
            rows,
        );
        for column_group in start..groups {
            for row_group in start..row_groups.end.min(column_group + 1) {
                let row = &rows[(row_group - start) * steps..(row_group - start + 1) * steps];
                tiles.multiply_slices(row, columns.group(column_group), &mut sums);
                for r in 0..VECTORS {
                    let products = joined(&sums, r).map(|product| product * scale);
                    add(row_group * VECTORS + r, column_group * VECTORS, &products);
                }
            }
        }
    }
}

/// `$u^T L u$` for the vectors u of a range, of which the digits are given too, from the columns of a lower triangle L.
#[target_feature(enable = "avx512f,fma")]
fn forms_of<T: Real, const N: usize>(
    tiles: &Tiles,
    vectors: SlicedColumns<'_, T>,
    (range, rows): (Range<usize>, &SlicedVectors),
    columns: &SlicedVectors,
    forms: &mut Vec<f64>,
) where
    Tiles: MultiplySlices<N>,
{
    let scale = scale::<N>(rows.exponent, columns.exponent);
    let mut sums = [[[0; VECTORS]; VECTORS]; N];
    let mut lanes = [[0.0_f64; VECTORS]; VECTORS_AT_ONCE];
    for column_group in 0..columns.groups::<N>() {
        // Above the diagonal are zeros.
        let first = column_group * VECTORS;
        let step = first / COMPONENTS;
        for row_group in 0..rows.groups::<N>() {
            let operands = (rows.group(row_group), columns.group(column_group));
            tiles.multiply_slices(&operands.0[step..], &operands.1[step..], &mut sums);
            let places = row_group * VECTORS..range.len().min((row_group + 1) * VECTORS);
            for (r, place) in places.enumerate() {
                let images = joined(&sums, r);
                let components = &column(vectors.columns, range.start + place)[first..];
                let lanes = &mut lanes[place];
                if let Some(components) = components.first_chunk::<VECTORS>() {
                    for c in 0..VECTORS {
                        lanes[c] = images[c].mul_add(components[c].to_f64(), lanes[c]);
                    }
                } else {
                    for (c, component) in components.iter().enumerate() {
                        lanes[c] = images[c].mul_add(component.to_f64(), lanes[c]);
                    }
                }
            }
        }
    }
    let factors = &vectors.factors[range];
    let sums = lanes.into_iter().map(tree_sum);
    forms.extend(sums.zip(factors).map(|(sum, factor)| sum * factor * scale));
}

/// What the sum of the products of the first digits is to be multiplied with.
fn scale<const N: usize>(rows: i32, columns: i32) -> f64 {
    libm::scalbn(1.0, 8 * 2 * (N as i32 - 1) - rows - columns)
}

/// A row of the products, still to be scaled, from the sums of products of digits.
#[target_feature(enable = "avx512f,fma")]
#[inline]
fn joined<const N: usize>(sums: &[Sums; N], row: usize) -> [f64; VECTORS] {
    let mut products = [0.0_f64; VECTORS];
    for half in 0..2 {
        let of_half = joined_half(sums, row, half);
        // SAFETY: eight numbers.
        unsafe { _mm512_storeu_pd(products[LANES * half..][..LANES].as_mut_ptr(), of_half) };
    }
    products
}

/// The first or the last eight of them.
#[target_feature(enable = "avx512f,fma")]
#[inline]
fn joined_half<const N: usize>(sums: &[Sums; N], row: usize, half: usize) -> __m512d {
    let of_slice = |slice: &Sums| {
        let sums = &slice[row][LANES * half..][..LANES];
        // SAFETY: eight integers.
        let sums = unsafe { _mm256_loadu_si256(sums.as_ptr().cast()) };
        _mm512_cvtepi32_pd(sums)
    };
    let down = _mm512_set1_pd(1.0 / 256.0);
    let mut products = of_slice(&sums[N - 1]);
    for slice in (0..N - 1).rev() {
        products = _mm512_fmadd_pd(products, down, of_slice(&sums[slice]));
    }
    products
}

#[target_feature(enable = "avx512f,fma")]
#[inline]
fn load(row: &PanelLine) -> __m512i {
    // SAFETY: a row is 64 bytes, aligned to as many.
    unsafe { _mm512_load_si512(row.0.as_ptr().cast::<__m512i>()) }
}

#[target_feature(enable = "avx512f,fma")]
#[inline]
fn store(vector: __m512i, row: &mut PanelLine) {
    // SAFETY: a row is 64 bytes, aligned to as many.
    unsafe { _mm512_store_si512(row.0.as_mut_ptr().cast::<__m512i>(), vector) }
}

/// The words of a tile transposed.
#[target_feature(enable = "avx512f,fma")]
#[inline]
fn transpose(from: &Tile, to: &mut Tile) {
    let mut rows = [_mm512_setzero_si512(); VECTORS];
    for i in 0..VECTORS {
        rows[i] = load(&from[i]);
    }
    // In every fourth of vector 4 i + c: word 4 q + c of the rows 4 i to 4 i + 3, for fourth q.
    let mut fours = [_mm512_setzero_si512(); VECTORS];
    for i in (0..VECTORS).step_by(4) {
        let low = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
        let high = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
        let next_low = _mm512_unpacklo_epi32(rows[i + 2], rows[i + 3]);
        let next_high = _mm512_unpackhi_epi32(rows[i + 2], rows[i + 3]);
        fours[i] = _mm512_unpacklo_epi64(low, next_low);
        fours[i + 1] = _mm512_unpackhi_epi64(low, next_low);
        fours[i + 2] = _mm512_unpacklo_epi64(high, next_high);
        fours[i + 3] = _mm512_unpackhi_epi64(high, next_high);
    }
    for c in 0..4 {
        let columns = transpose_fourths([fours[c], fours[4 + c], fours[8 + c], fours[12 + c]]);
        for q in 0..4 {
            store(columns[q], &mut to[4 * q + c]);
        }
    }
}

/// Of four rows of bytes, the four bytes of each column together: 16 columns in every vector.
#[target_feature(enable = "avx512f,fma,avx512bw")]
#[inline]
fn interleaved(rows: &[PanelLine; 4]) -> [__m512i; 4] {
    let [a, b, c, d] = [
        load(&rows[0]),
        load(&rows[1]),
        load(&rows[2]),
        load(&rows[3]),
    ];
    let low = [_mm512_unpacklo_epi8(a, b), _mm512_unpacklo_epi8(c, d)];
    let high = [_mm512_unpackhi_epi8(a, b), _mm512_unpackhi_epi8(c, d)];
    transpose_fourths([
        _mm512_unpacklo_epi16(low[0], low[1]),
        _mm512_unpackhi_epi16(low[0], low[1]),
        _mm512_unpacklo_epi16(high[0], high[1]),
        _mm512_unpackhi_epi16(high[0], high[1]),
    ])
}

/// Fourths of 128 bits.
#[target_feature(enable = "avx512f,fma")]
#[inline]
fn transpose_fourths([a, b, c, d]: [__m512i; 4]) -> [__m512i; 4] {
    const EVEN: i32 = 0b10_00_10_00;
    const ODD: i32 = 0b11_01_11_01;
    let even = [
        _mm512_shuffle_i32x4::<EVEN>(a, b),
        _mm512_shuffle_i32x4::<EVEN>(c, d),
    ];
    let odd = [
        _mm512_shuffle_i32x4::<ODD>(a, b),
        _mm512_shuffle_i32x4::<ODD>(c, d),
    ];
    [
        _mm512_shuffle_i32x4::<EVEN>(even[0], even[1]),
        _mm512_shuffle_i32x4::<EVEN>(odd[0], odd[1]),
        _mm512_shuffle_i32x4::<ODD>(even[0], even[1]),
        _mm512_shuffle_i32x4::<ODD>(odd[0], odd[1]),
    ]
}

/// As [`super::add_gram_in_slices`].
#[target_feature(enable = "avx512f,fma,avx512bw,avx512dq,avx512vbmi")]
pub(super) fn add_gram<T: Real, const N: usize>(
    tiles: &Tiles,
    columns: SlicedColumns<'_, T>,
    memory: &mut SliceMemory,
    add: impl FnMut(usize, usize, &[f64; VECTORS]),
) -> f64
where
    Tiles: MultiplySlices<N>,
{
    let (m, n) = columns.columns.shape();
    let exponent = exponent_of(columns.largest, N);
    let across = &mut memory.across;
    across.exponent = exponent;
    across.resize::<N>(m, n);
    for step in 0..across.steps_of_group {
        let range = step * COMPONENTS..n.min((step + 1) * COMPONENTS);
        split::<T, N>(columns, range, exponent, &mut memory.some);
        put_across::<N>(&memory.some, step, across);
    }
    multiply_lower::<N>(tiles, across, &mut memory.rows, add);
    lost_of(N, n, columns.largest)
}

/// The columns of a lower triangle as columns of tiles.
#[target_feature(enable = "avx512f,fma,avx512bw,avx512dq,avx512vbmi")]
pub(super) fn triangle<const N: usize>(lower: SlicedColumns<'_, f64>) -> SlicedVectors {
    let (mut rows, mut columns) = (SlicedVectors::default(), SlicedVectors::default());
    let (m, n) = lower.columns.shape();
    split::<f64, N>(lower, 0..n, exponent_of(lower.largest, N), &mut rows);
    columns.exponent = rows.exponent;
    columns.resize::<N>(n, m);
    transpose_all::<N>(rows.steps(), columns.steps_mut());
    columns
}

/// As [`super::forms_in_slices`].
#[target_feature(enable = "avx512f,fma,avx512bw,avx512dq,avx512vbmi")]
pub(super) fn forms<T: Real, const N: usize>(
    tiles: &Tiles,
    vectors: SlicedColumns<'_, T>,
    triangles: &[&SlicedVectors],
    memory: &mut SliceMemory,
) -> Vec<BlockForms>
where
    Tiles: MultiplySlices<N>,
{
    let exponent = exponent_of(vectors.largest, N);
    let (m, n) = vectors.columns.shape();
    // The sum of the sizes of a unit vector's components is at most the root of m.
    let products = m as f64 * (m as f64).sqrt();
    let no_forms = |triangle: &&SlicedVectors| BlockForms {
        values: Vec::with_capacity(n),
        lost: lost(N, exponent, triangle.exponent) * products,
    };
    let mut forms: Vec<BlockForms> = triangles.iter().map(no_forms).collect();
    for start in (0..n).step_by(VECTORS_AT_ONCE) {
        let range = start..n.min(start + VECTORS_AT_ONCE);
        let rows = &mut memory.some;
        split::<T, N>(vectors, range.clone(), exponent, rows);
        for (triangle, forms) in triangles.iter().zip(&mut forms) {
            let values = &mut forms.values;
            forms_of::<T, N>(tiles, vectors, (range.clone(), rows), triangle, values);
        }
    }
    forms
}
