//! Figures of what other commands left, or of files of numbers.

mod comparison;
mod descent;
mod dictionary;
mod phases;
mod run;
mod sweep;

use std::path::PathBuf;

use superposition_viz::figures::View;
use superposition_viz::svg::Figure;

use crate::page::inputs::cannot;
use crate::{AnalyzeOptions, LabError};

pub use comparison::comparison_figure;

/// What a figure shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FigureKind {
    /// Features of models with two hidden dimensions, coloured by importance: a plane for each.
    Planes,
    /// Features in three dimensions: hidden ones or principal axes.
    Space,
    /// `$W^T W$`, bias and norms of a model.
    Gram,
    /// The dimensionality of each feature of a model.
    Capacity,
    /// Cosines of represented features over those of random directions.
    Cosines,
    /// Which features interfere, by cluster.
    Graph,
    /// Loss and dimensionalities over a training.
    Training,
    /// Probes and the readout of a model's features against their leverage.
    Probes,
    /// `$R^2$` of probes with intervals.
    Scores,
    /// `$D_i$` of the features of a sweep's models against sparsity.
    Dimensionality,
    /// `$D^*$` of a sweep's models against sparsity.
    Dimensions,
    /// A phase diagram.
    Phases,
    /// Losses against the number of training samples.
    Descent,
}

/// How figures are drawn.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct FigureOptions {
    /// How a dictionary is read.
    pub analyze: AnalyzeOptions,
    /// The three hidden dimensions of [`FigureKind::Space`]; principal axes if none, or all of three.
    pub axes: Option<[usize; 3]>,
    /// From where these are looked at.
    pub view: View,
}

/// Draws a figure of files and folders, as the kind needs:
///
/// - a folder that `explore` left: gram, capacity, training, probes, and all of the following four;
/// - several of these, or a document of `sweep` whose models are small enough to be in it: planes;
/// - any dictionary that [`Directions::read`](crate::Directions::read) reads: space, cosines, graph;
/// - a document of `probe`: scores;
/// - a document of `sweep`: dimensionality, dimensions;
/// - a document of `phase-diagram` or its folder: phases;
/// - comma-separated values with a header, or JSON rows, with `n_samples`, `train_loss` and `test_loss`: descent.
///
/// ```
/// use superposition_lab::figures::{FigureKind, FigureOptions, figure_of_files};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("runs.csv");
/// std::fs::write(&path, "n_samples,train_loss,test_loss\n10,1e-5,0.03\n100,0.004,0.06\n")?;
/// let figure = figure_of_files(FigureKind::Descent, &[path], &FigureOptions::default())?;
/// assert!(figure.render().contains("test loss, median"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// An input cannot be read, is not what the kind needs, or is one too many.
pub fn figure_of_files(
    kind: FigureKind,
    paths: &[PathBuf],
    options: &FigureOptions,
) -> Result<Figure, LabError> {
    if kind == FigureKind::Planes {
        return run::planes(paths);
    }
    let path = match paths {
        [path] => path,
        [_, another, ..] => return Err(cannot(another, "this figure is of one file or folder")),
        [] => return Err(cannot("".as_ref(), "a figure is of a file or a folder")),
    };
    match kind {
        FigureKind::Space | FigureKind::Cosines | FigureKind::Graph => {
            dictionary::figure(kind, path, options)
        }
        FigureKind::Dimensionality | FigureKind::Dimensions => sweep::figure(kind, path),
        FigureKind::Phases => phases::figure(path),
        FigureKind::Descent => descent::figure(path),
        FigureKind::Scores => run::scores(path),
        _ => run::figure(kind, path),
    }
}
