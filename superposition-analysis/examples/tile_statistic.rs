//! A statistic of pairs that this crate does not have, over tiles of cosines: `cargo run --example tile_statistic`.
//!
//! Here the share of pairs at an angle of less than 80 degrees, and the fourth moment of the cosines.

use superposition_analysis::{from_columns, map_cosine_tiles};

fn main() {
    let (m, n) = (16, 600);
    // Any numbers will do.
    let values: Vec<f32> = (0..m * n).map(|at| (at as f32 * 0.7).sin()).collect();
    let w = from_columns(&values, m, n);

    let narrow = 80.0_f64.to_radians().cos();
    // One small value per tile, in the order of the tiles: the sums do not depend on the threads.
    let tiles = map_cosine_tiles(w, 2, |tile| {
        let mut count = 0_usize;
        let mut fourth = 0.0;
        for (_, _, cosine) in tile.pairs() {
            count += usize::from(cosine > narrow);
            fourth += cosine.powi(4);
        }
        (count, fourth)
    });
    let pairs = (n * (n - 1) / 2) as f64;
    let count: usize = tiles.iter().map(|tile| tile.0).sum();
    let fourth: f64 = tiles.iter().map(|tile| tile.1).sum();
    println!(
        "closer than 80 degrees: {:.4} of the pairs",
        count as f64 / pairs
    );
    println!("mean cos^4: {:.4}", fourth / pairs);
}
