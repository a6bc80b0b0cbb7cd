//! The tests of superposition-analysis against geometry, invariants, oracles, golden files, and controls that must fail.

mod activity;
mod bad_input;
mod certificates;
mod comparison;
mod comparison_acceptance;
mod extreme_scales;
mod golden_files;
mod invariants;
mod known_geometry;
mod neurons;
mod null;
mod null_of_features;
mod oracles;
mod pairs_and_clusters;
mod polytopes;
mod semi_orthogonal;
mod similarity;
mod sixteen_bits;
mod spectrum;
mod teeth;
mod top_spectrum;
