//! Cosines of directions that are known so well that their squares can be summed: in digits, where the machine has tiles.

use super::{PANEL, PanelLine, Rows, SIDE, SliceMemory, Tile, assert_fits};
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use super::{has_tiles, sliced_cosines, tiles};
use crate::Real;

/// What is said to a caller that asks for tiles where there are none.
pub(super) const NO_TILES: &str = "digits are for machines with tiles";

/// Sums of squared cosines times weights are multiples of this, in units of the square of a [`cosine_unit`], and of so many squares at the most below 2^78, so that f64 adds them without rounding: any order gives the same.
pub(crate) const SQUARE_STEP: f64 = (1 << 26) as f64;
/// So many squares of cosines times at most 2 fit a sum.
pub(crate) const MOST_SQUARES: usize = 1 << 14;

/// Sums of squared cosines over the rows and the columns of a tile, in units of the square of a [`cosine_unit`].
#[derive(Clone)]
pub(crate) struct TileSquares {
    /// What cosines with the direction of a row are multiplied with in the first sum of a column; the second is plain.
    pub(crate) row_weights: [f64; SIDE],
    /// The same for the sums of rows.
    pub(crate) column_weights: [f64; SIDE],
    pub(crate) rows: [[f64; SIDE]; 2],
    pub(crate) columns: [[f64; SIDE]; 2],
}

impl TileSquares {
    pub(crate) fn new() -> Self {
        Self {
            row_weights: [0.0; SIDE],
            column_weights: [0.0; SIDE],
            rows: [[0.0; SIDE]; 2],
            columns: [[0.0; SIDE]; 2],
        }
    }
}

/// What unit directions with components of at most this size are multiplied with to be integers of four digits; none where the machine has no tiles.
pub(crate) fn scale_of_digits(largest: f64) -> Option<f64> {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    if has_tiles() {
        return Some(sliced_cosines::scale(largest));
    }
    let _ = largest;
    None
}

/// What a number of a [`Tile`] of cosines in digits, of directions times this scale, is multiplied with to be one.
pub(crate) fn cosine_unit(scale: f64) -> f64 {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    return sliced_cosines::unit(scale);
    #[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
    panic!("{NO_TILES}: {scale}");
}

/// What a cosine of directions of so many components may be off by that [`multiply_digits`] finds and squares.
pub(crate) fn lost_of_digits(components: usize, scale: f64) -> f64 {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    return sliced_cosines::lost(components, scale);
    #[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
    panic!("{NO_TILES}: {components}, {scale}");
}

/// Lines of a panel for the digits of so many components.
pub(crate) fn depth_of_digits(components: usize) -> usize {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    return sliced_cosines::depth(components);
    #[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
    panic!("{NO_TILES}: {components}");
}

/// The digits of at most 16 directions of so many components, columns and what they are multiplied with to be integers, as a panel.
pub(crate) fn digits_of_panel<'a, T: Real>(
    directions: impl ExactSizeIterator<Item = (&'a [T], f64)>,
    components: usize,
    memory: &mut SliceMemory,
    lines: &mut [PanelLine],
) {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    {
        assert!(has_tiles(), "{NO_TILES}");
        // SAFETY: the machine has the instructions.
        unsafe { sliced_cosines::panel(directions, components, memory, lines) };
    }
    #[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
    {
        let _ = (directions.len(), components, memory, lines);
        panic!("{NO_TILES}");
    }
}

/// The cosines of the first `n_rows` directions of some rows of digits with those of some panels, in units of [`cosine_unit`], and the sums of their squares.
///
/// A tile on the diagonal has rows that are its columns: its sums are those of rows over all other columns of their panel and of panels after, and those of columns over the rows of panels before.
/// Together they are the sums over all others; what a direction has with itself is 0 in the tile.
pub(crate) fn multiply_digits(
    rows: &Rows,
    n_rows: usize,
    panels: &[PanelLine],
    (depth, scale): (usize, f64),
    is_diagonal: bool,
    tile: &mut Tile,
    squares: &mut TileSquares,
) {
    assert_fits(panels.len(), depth, SIDE / PANEL);
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    if let (Rows::InTiles(rows), Some(tiles)) = (rows, tiles()) {
        let rows = &rows[..n_rows.div_ceil(PANEL) * depth / PANEL];
        let format = (depth, scale);
        // SAFETY: the machine has the instructions.
        unsafe {
            sliced_cosines::multiply(&tiles, rows, panels, format, is_diagonal, tile, squares);
        };
        return;
    }
    let _ = (rows, n_rows, scale, is_diagonal, tile, squares);
    panic!("{NO_TILES}");
}
