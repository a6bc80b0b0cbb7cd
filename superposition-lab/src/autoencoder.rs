//! What an encoder beside the directions adds: how far reading and writing agree, and norms moved
//! from the decoder to it.

use serde::Serialize;
use superposition_analysis::{
    Real, check_finite, encoder_decoder_cosines, faer::MatRef, feature_norms, from_columns,
    from_rows,
};
use superposition_io::{
    DictionaryLayout, DictionaryTensor, Matrix, Orientation, TensorFile, Values,
};

use crate::LabError;
use crate::feature_table::ColumnValues;

/// Calls a function of a view for either type of values.
macro_rules! with_view {
    ($matrix:expr, $features:expr, |$w:ident| $body:expr) => {{
        let matrix: &superposition_io::Matrix = $matrix;
        let shape = (matrix.n_rows, matrix.n_cols);
        match &matrix.values {
            superposition_io::Values::F32(values) => {
                let $w = $crate::autoencoder::view(values, shape, $features);
                $body
            }
            superposition_io::Values::F64(values) => {
                let $w = $crate::autoencoder::view(values, shape, $features);
                $body
            }
        }
    }};
}
pub(crate) use with_view;

/// Decoders whose norms differ from 1 by no more than this are left as they are: no more than the rounding of a
/// program that normalised them in f32.
const UNIT: f64 = 1e-6;

/// What happens to the norms of a decoder, on which the function of the autoencoder does not depend.
///
/// A latent whose decoder is divided by its norm, and whose encoder, encoder bias and threshold are multiplied by it,
/// adds the same to the output. (Where the k largest latents are chosen the choice may change, unless the program
/// multiplies by the norms before it chooses.)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DecoderNorms {
    /// Into the encoder: the directions that are analysed have norm 1 or, where the decoder is zero, 0. The stored
    /// type is kept, so that each value is rounded once more.
    #[default]
    Fold,
    /// As stored.
    Keep,
}

/// The norms of the directions that were analysed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NormConvention {
    /// They were 1 in the file already, to a millionth, or 0.
    Unit,
    /// They were moved to the encoder.
    Folded,
    /// They are as stored, and not 1.
    Stored,
}

/// Mean and quantiles of some values; a quantile between two values is interpolated linearly, as NumPy does.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Quantiles {
    /// The mean.
    pub mean: f64,
    /// The smallest.
    pub min: f64,
    /// The quantile at 0.05.
    pub q05: f64,
    /// The quantile at 0.25.
    pub q25: f64,
    /// The quantile at 0.5.
    pub median: f64,
    /// The quantile at 0.75.
    pub q75: f64,
    /// The quantile at 0.95.
    pub q95: f64,
    /// The largest.
    pub max: f64,
}

impl Quantiles {
    /// Those of finite values; none without a value.
    ///
    /// ```
    /// use superposition_lab::Quantiles;
    /// let quantiles = Quantiles::of(&[4.0, 1.0, 3.0, 2.0]).unwrap();
    /// assert_eq!((quantiles.mean, quantiles.median, quantiles.q25), (2.5, 2.5, 1.75));
    /// ```
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let at = |q: f64| {
            let place = q * (sorted.len() - 1) as f64;
            let below = sorted[place.floor() as usize];
            let above = sorted[place.ceil() as usize];
            below + (above - below) * place.fract()
        };
        Some(Self {
            mean: sorted.iter().sum::<f64>() / sorted.len() as f64,
            min,
            q05: at(0.05),
            q25: at(0.25),
            median: at(0.5),
            q75: at(0.75),
            q95: at(0.95),
            max,
        })
    }
}

/// What the file of an autoencoder says beside its directions: part of the analysis document.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AutoencoderSummary {
    /// What the norms of the analysed directions are.
    pub decoder_norms: NormConvention,
    /// The norms in the file.
    pub stored_decoder_norm: Quantiles,
    /// The cosine of each latent's encoder with its decoder.
    pub encoder_cosine: Option<Quantiles>,
    /// Why there is none.
    pub encoder_cosine_reason: Option<&'static str>,
    /// A column per quantity of a latent, for the table of features.
    #[serde(skip)]
    pub(crate) columns: Vec<(String, ColumnValues)>,
}

/// Reads what a layout says is beside the decoder, and folds the norms of the decoder.
pub(crate) fn read_autoencoder(
    file: &TensorFile,
    layout: &DictionaryLayout,
    decoder: &mut Matrix,
    norms: DecoderNorms,
) -> Result<AutoencoderSummary, LabError> {
    let stored_norms = with_view!(decoder, layout.decoder.features, |w| feature_norms(w));
    let encoder = match &layout.encoder {
        None => None,
        Some(place) => {
            let encoder = read_finite(file, place)?;
            let norms = with_view!(&encoder, place.features, |w| feature_norms(w));
            let cosines = || {
                with_view!(&encoder, place.features, |e| with_view!(
                    &*decoder,
                    layout.decoder.features,
                    |d| encoder_decoder_cosines(e, d)
                ))
            };
            let cosines = (!layout.is_transcoder).then(cosines);
            Some(EncoderSide { norms, cosines })
        }
    };
    let summary = summarize_autoencoder(file, layout, &stored_norms, encoder, norms)?;
    if summary.decoder_norms == NormConvention::Folded {
        divide_features(decoder, layout.decoder.features, &stored_norms);
    }
    Ok(summary)
}

/// What is measured of an encoder.
pub(crate) struct EncoderSide {
    /// Of each latent.
    pub(crate) norms: Vec<f64>,
    /// With each decoder, unless the two are of different spaces.
    pub(crate) cosines: Option<Vec<f64>>,
}

/// Decides what becomes of the norms of a decoder, and puts together what is beside it.
pub(crate) fn summarize_autoencoder(
    file: &TensorFile,
    layout: &DictionaryLayout,
    stored_norms: &[f64],
    encoder: Option<EncoderSide>,
    norms: DecoderNorms,
) -> Result<AutoencoderSummary, LabError> {
    let is_unit = |norm: &f64| *norm == 0.0 || (norm - 1.0).abs() <= UNIT;
    let convention = if stored_norms.iter().all(is_unit) {
        NormConvention::Unit
    } else if norms == DecoderNorms::Fold {
        NormConvention::Folded
    } else {
        NormConvention::Stored
    };
    // What encoder and biases are multiplied by.
    let factors: Vec<f64> = match convention {
        NormConvention::Folded => stored_norms.to_vec(),
        _ => vec![1.0; stored_norms.len()],
    };
    let scaled = |values: &[f64]| {
        let products = values.iter().zip(&factors).map(|(x, factor)| x * factor);
        ColumnValues::numbers(products)
    };
    let mut columns = vec![(
        "decoder_norm".to_owned(),
        ColumnValues::numbers(stored_norms.iter().copied()),
    )];
    let mut cosines = None;
    if let Some(encoder) = encoder {
        columns.push(("encoder_norm".to_owned(), scaled(&encoder.norms)));
        if let Some(found) = encoder.cosines {
            columns.push((
                "encoder_cosine".to_owned(),
                ColumnValues::numbers(found.iter().copied()),
            ));
            cosines = Some(found);
        }
    }
    for name in &layout.encoder_vectors {
        let values: Vec<f64> = match file.read(name)?.values {
            Values::F32(values) => values.into_iter().map(f64::from).collect(),
            Values::F64(values) => values,
        };
        columns.push((name.clone(), scaled(&values)));
    }
    let reason = match (&layout.encoder, layout.is_transcoder) {
        (None, _) => Some("the file has no encoder"),
        (_, true) => Some("a transcoder reads another space than it writes to"),
        _ => None,
    };
    Ok(AutoencoderSummary {
        decoder_norms: convention,
        stored_decoder_norm: Quantiles::of(stored_norms).expect("a matrix has features"),
        encoder_cosine: cosines.as_deref().and_then(Quantiles::of),
        encoder_cosine_reason: reason,
        columns,
    })
}

/// The matrix of a place, every element finite.
fn read_finite(file: &TensorFile, place: &DictionaryTensor) -> Result<Matrix, LabError> {
    let matrix = file.read_matrix(Some(&place.tensor), None)?;
    check_matrix(&matrix, place.features)?;
    Ok(matrix)
}

/// Checks that every element is finite; the error names the tensor, the feature and the component.
pub(crate) fn check_matrix(matrix: &Matrix, features: Orientation) -> Result<(), LabError> {
    with_view!(matrix, features, |w| check_finite(w)).map_err(|problem| LabError::Tensor {
        tensor: matrix.name.clone(),
        problem,
    })
}

/// W, m x n, of row-major values whose features are on that side.
pub(crate) fn view<T: Real>(
    values: &[T],
    (n_rows, n_cols): (usize, usize),
    features: Orientation,
) -> MatRef<'_, T> {
    match features {
        Orientation::Rows => from_columns(values, n_cols, n_rows),
        Orientation::Columns => from_rows(values, n_rows, n_cols),
    }
}

/// Divides each feature by its number, where that is not 0.
fn divide_features(matrix: &mut Matrix, features: Orientation, by: &[f64]) {
    update_features(
        matrix,
        features,
        |i, x| if by[i] == 0.0 { x } else { x / by[i] },
    );
}

/// Replaces each component x of feature i by `f(i, x)`, rounded to the type of the matrix.
pub(crate) fn update_features(
    matrix: &mut Matrix,
    features: Orientation,
    f: impl Fn(usize, f64) -> f64,
) {
    let n_cols = matrix.n_cols;
    let feature = |e: usize| match features {
        Orientation::Rows => e / n_cols,
        Orientation::Columns => e % n_cols,
    };
    match &mut matrix.values {
        Values::F32(values) => {
            for (e, x) in values.iter_mut().enumerate() {
                *x = f(feature(e), f64::from(*x)) as f32;
            }
        }
        Values::F64(values) => {
            for (e, x) in values.iter_mut().enumerate() {
                *x = f(feature(e), *x);
            }
        }
    }
}
