//! `analyze` of a dictionary that the caller has in memory.

use std::ops::ControlFlow;

use superposition_analysis::faer::{Mat, MatRef};
use superposition_analysis::{
    AnalysisError, Centered, Real, StreamOptions, StreamProgress, check_finite,
};

use crate::dictionary::{Analyzed, active_sets, activity_of, analyze_control, analyze_view};
use crate::dictionary_stream::{analyze_source, memory_of, refuse_the_rest};
use crate::file_format::{FileFormat, FormatDecision};
use crate::firing::{check_dead, masked, rates_of, summarize_firing};
use crate::labels::labels_of;
use crate::{AnalysisDocument, AnalyzeOptions, Centering, DEFAULT_MEMORY, LabError, Orientation};

/// What a matrix in memory is called in documents and errors.
pub(crate) const NAME: &str = "array";

/// Analyses a matrix as [`analyze_file`](crate::analyze_file) does a file of it, to the bit, without copying it.
///
/// `matrix` has the rows and columns that its owner gives it; [`AnalyzeOptions::features`] says which of them are the
/// features. What only a file has (tensor, slice, format) must not be given.
///
/// The values are read in place where the elements of a feature are next to each other. Elsewhere the analysis takes a
/// copy of its own, unless that passes [`AnalyzeOptions::memory`]: then it goes over the matrix in blocks, as over a
/// file, with the same result to the bit, and `observe` hears of its progress and may end it.
///
/// ```
/// use std::ops::ControlFlow;
/// use superposition_lab::analysis::from_rows;
/// use superposition_lab::{AnalyzeOptions, Orientation, analyze_matrix};
///
/// // Two opposed features in the plane, as PyTorch stores them: in rows.
/// let w = from_rows(&[1.0_f32, 0.0, -1.0, 0.0], 2, 2);
/// let options = AnalyzeOptions::default().with_features(Some(Orientation::Rows));
/// let go_on = &mut |_| ControlFlow::<()>::Continue(());
/// let document = analyze_matrix(w, &options, go_on).unwrap().continue_value().unwrap();
/// assert_eq!(document.geometry.min_cosine.unwrap().value, -1.0);
/// ```
///
/// # Errors
/// The orientation is not given, an option is one of files, a value is not finite (which one is said), or any other of
/// [`analyze_file`](crate::analyze_file).
pub fn analyze_matrix<T: Real, B>(
    matrix: MatRef<'_, T>,
    options: &AnalyzeOptions,
    observe: &mut dyn FnMut(StreamProgress) -> ControlFlow<B>,
) -> Result<ControlFlow<B, AnalysisDocument>, LabError> {
    refuse_options_of_files(options)?;
    let features = features_of(matrix, options)?;
    let w = columns_are_features(matrix, features);
    let n_features = w.ncols();
    let labels = labels_of(options.labels.as_deref(), n_features)?;
    let rates = rates_of(options, n_features)?;
    check_dead(options, rates.as_deref())?;
    // A mean would spread what is not finite over all columns.
    check_finite(w).map_err(of_array)?;
    let analyzed = match masked(options, rates.as_deref()) {
        None => analyze_columns(w, rates.as_deref(), options, observe)?,
        Some(masked) => {
            let w = Mat::from_fn(w.nrows(), n_features, |k, i| match masked[i] {
                true => T::ZERO,
                false => w[(k, i)],
            });
            analyze_columns(w.as_ref(), rates.as_deref(), options, observe)?
        }
    };
    let analyzed = match analyzed {
        ControlFlow::Continue(analyzed) => analyzed,
        ControlFlow::Break(value) => return Ok(ControlFlow::Break(value)),
    };
    let control = match &options.control {
        None => None,
        Some(path) => match analyze_control(NAME, &analyzed.geometry, path, options, observe)? {
            ControlFlow::Continue(control) => Some(control),
            ControlFlow::Break(value) => return Ok(ControlFlow::Break(value)),
        },
    };
    Ok(ControlFlow::Continue(AnalysisDocument {
        schema: "superposition/analysis/v1",
        tensor: NAME.to_owned(),
        features,
        format: FormatDecision {
            name: "matrix",
            reason: "the caller has it in memory".to_owned(),
            architecture: None,
        },
        slice: None,
        centering: options.centering,
        spectrum: analyzed.spectrum,
        autoencoder: None,
        firing: rates.and_then(|rates| summarize_firing(rates, options.dead)),
        control,
        labels,
        cosines: analyzed.cosines,
        directions: analyzed.directions,
        geometry: analyzed.geometry,
        reading: analyzed.reading,
    }))
}

/// From W, m x n.
fn analyze_columns<T: Real, B>(
    mut w: MatRef<'_, T>,
    rates: Option<&[f64]>,
    options: &AnalyzeOptions,
    observe: &mut dyn FnMut(StreamProgress) -> ControlFlow<B>,
) -> Result<ControlFlow<B, Analyzed>, LabError> {
    let analysis = options
        .analysis
        .with_min_norm(options.min_norm.unwrap_or(0.0));
    let memory = options.memory.unwrap_or(DEFAULT_MEMORY);
    let needed = memory_of(w.shape(), size_of::<T>(), w.row_stride() == 1, options);
    if needed <= memory {
        let sets = active_sets(NAME, w.ncols(), options)?;
        let activity = activity_of(sets.as_ref(), rates);
        let analyzed = analyze_view(w, activity, options, &analysis)?;
        return Ok(ControlFlow::Continue(analyzed));
    }
    refuse_the_rest(options, false, (memory, needed))?;
    let stream = StreamOptions::new(analysis, memory);
    let flow = match options.centering {
        Centering::None => analyze_source(&mut w, rates, &stream, observe)?,
        Centering::Mean => analyze_source(&mut Centered::new(w)?, rates, &stream, observe)?,
    };
    Ok(match flow {
        ControlFlow::Continue(geometry) => ControlFlow::Continue(Analyzed::in_blocks(geometry)),
        ControlFlow::Break(value) => ControlFlow::Break(value),
    })
}

/// Which side of a matrix in memory the features are: only the caller knows.
pub(crate) fn features_of<T>(
    matrix: MatRef<'_, T>,
    options: &AnalyzeOptions,
) -> Result<Orientation, LabError> {
    options
        .features
        .ok_or_else(|| LabError::UnknownOrientation {
            tensor: NAME.to_owned(),
            n_rows: matrix.nrows(),
            n_cols: matrix.ncols(),
        })
}

/// Items in columns.
pub(crate) fn columns_are_features<T>(matrix: MatRef<'_, T>, items: Orientation) -> MatRef<'_, T> {
    match items {
        Orientation::Columns => matrix,
        Orientation::Rows => MatRef::transpose(matrix),
    }
}

/// Says of a value that is not finite where it is.
pub(crate) fn of_array(problem: AnalysisError) -> LabError {
    LabError::Tensor {
        tensor: NAME.to_owned(),
        problem,
    }
}

/// A matrix in memory has no tensors to choose from.
pub(crate) fn refuse_options_of_files(options: &AnalyzeOptions) -> Result<(), LabError> {
    let given = [
        ("tensor", options.tensor.clone()),
        ("slice", options.slice.map(|slice| slice.to_string())),
        (
            "format",
            matches!(
                options.format,
                FileFormat::ToyModel | FileFormat::Dictionary(_)
            )
            .then(|| "that of a program".to_owned()),
        ),
    ];
    match given
        .into_iter()
        .find_map(|(name, value)| Some((name, value?)))
    {
        None => Ok(()),
        Some((name, value)) => Err(LabError::Option {
            name,
            value,
            expected: "it says what to read in a file, and must be left out for a matrix in memory",
        }),
    }
}
