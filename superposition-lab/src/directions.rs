//! The directions of a dictionary in memory, wherever they come from.

use std::path::Path;

use superposition_analysis::faer::{Mat, MatRef};
use superposition_analysis::{Real, check_finite};
use superposition_io::TensorFile;

use crate::autoencoder::{check_matrix, with_view};
use crate::dictionary_matrix::{
    NAME, columns_are_features, features_of, of_array, refuse_options_of_files,
};
use crate::file_format::find_dictionary;
use crate::{AnalyzeOptions, LabError};

/// The feature directions of a file or of a matrix in memory, in f64, each element finite.
///
/// ```
/// use superposition_lab::analysis::from_rows;
/// use superposition_lab::{AnalyzeOptions, Directions, Orientation};
///
/// let options = AnalyzeOptions::default().with_features(Some(Orientation::Rows));
/// let directions = Directions::of_matrix(from_rows(&[1.0_f32, 2.0, 3.0], 1, 3), &options).unwrap();
/// // One feature in three dimensions.
/// assert_eq!((directions.w.nrows(), directions.w.ncols()), (3, 1));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Directions {
    /// W, m x n.
    pub w: Mat<f64>,
    /// Features of at most this norm are not represented.
    pub min_norm: f64,
    /// Whose they are, for errors.
    pub name: String,
}

impl Directions {
    /// Those of a file, which the options say how to read.
    ///
    /// # Errors
    /// The file cannot be read, the tensor is unknown, the orientation is neither given nor in the file, or a value is
    /// not finite.
    pub fn read(path: &Path, options: &AnalyzeOptions) -> Result<Self, LabError> {
        let file = TensorFile::open_dictionary(path, &options.limits)?;
        let found = find_dictionary(&file, options)?;
        let matrix = found.matrix.read()?;
        check_matrix(&matrix, found.features)?;
        Ok(Self {
            w: with_view!(&matrix, found.features, |w| in_f64(w)),
            min_norm: found.min_norm,
            name: path.display().to_string(),
        })
    }

    /// Those of a matrix with the rows and columns that its owner gives it; the options say which are the features.
    ///
    /// # Errors
    /// The orientation is not given, an option is one of files, or a value is not finite.
    pub fn of_matrix<T: Real>(
        matrix: MatRef<'_, T>,
        options: &AnalyzeOptions,
    ) -> Result<Self, LabError> {
        refuse_options_of_files(options)?;
        let w = columns_are_features(matrix, features_of(matrix, options)?);
        check_finite(w).map_err(of_array)?;
        Ok(Self {
            w: in_f64(w),
            min_norm: options.min_norm.unwrap_or(0.0),
            name: NAME.to_owned(),
        })
    }

    /// Features and hidden dimensions.
    pub(crate) fn shape(&self) -> [usize; 2] {
        [self.w.ncols(), self.w.nrows()]
    }
}

/// A copy of a view.
pub(crate) fn in_f64<T: Real>(w: MatRef<'_, T>) -> Mat<f64> {
    Mat::from_fn(w.nrows(), w.ncols(), |k, i| w[(k, i)].to_f64())
}
