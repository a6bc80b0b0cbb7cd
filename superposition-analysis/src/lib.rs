#![doc = include_str!("../README.md")]

mod activations;
mod activity;
mod band;
mod best;
mod certificate;
mod clusters;
mod coherence;
mod comparison;
mod dimensionality;
mod directions;
mod display;
mod encoder;
mod error;
mod frame;
mod hull;
mod input;
mod interference;
mod kernel;
mod layer;
mod leverage;
mod linalg;
mod neighbors;
mod neurons;
mod null;
mod pairs;
mod parallel;
mod polytope;
mod products;
mod quantized;
mod random;
mod report;
mod semi_orthogonal;
mod similarity;
mod spectrum;
mod squares;
mod streaming;
mod tiles;
mod top_spectrum;
mod union_find;
mod weighted_frame;

pub use faer;

pub use activations::{
    Binning, MutualInformation, MutualInformationOptions, feature_sparsity, mutual_information,
};
pub use activity::{
    ActiveSets, Activity, ActivityInterference, PairWeighting, activity_interference,
};
pub use certificate::{Bound, Certificate, certificates};
pub use clusters::{ClusterSummary, Clusters, clusters};
pub use coherence::{PairCosine, coherence, max_cosine, min_cosine};
pub use comparison::{
    CompareOptions, Comparison, CosineSign, GramComparison, MatchMethod, MatchOptions, MatchedPair,
    Matching, Metric, NullQuantiles, PairwiseMcc, Procrustes, Score, SubspaceOverlap, Undefined,
    Verdict, compare, gram_comparison, match_features, pairwise_mcc, procrustes, subspace_overlap,
};
pub use dimensionality::{
    dimensions_per_feature, feature_dimensionality, feature_dimensionality_into,
    feature_superposition, feature_superposition_into, total_dimensionality,
};
pub use directions::{
    center, feature_norms, feature_norms_into, n_represented, superposition_score, unit_directions,
};
pub use encoder::encoder_decoder_cosines;
pub use error::AnalysisError;
pub use frame::{frame_operator, frame_potential, tightness};
pub use hull::plane_corners;
pub use input::{Real, check_finite, from_columns, from_rows};
pub use interference::{
    cosines, feature_interference, feature_interference_into, interference_matrix,
    interference_ranking, mean_interference, mean_interference_tight, welch_bound,
};
pub use kernel::ThreadPool;
pub use layer::{Features, LayerSummary, layer_summary};
pub use leverage::{leverage, leverage_into, rank};
pub use neighbors::{Neighbor, NeighborLists, Neighbors, edges, neighbors};
pub use neurons::{AsymmetricMotif, NeuronOptions, Neurons, neurons};
pub use null::{
    Effect, FeatureNull, IsotropicCosine, NullBaselines, NullComparison, NullDistribution,
    NullOptions, PairStatistics, Quantiles, null_baselines, null_baselines_beside, pair_statistics,
};
pub use polytope::{
    Polytope, PolytopeCount, PolytopeMatch, PolytopeOptions, PolytopeStability, Polytopes,
    name_component, polytope_stability, polytopes,
};
pub use report::{
    AnalysisOptions, DictionaryReport, DimensionalitySummary, FeatureRow, NormSummary, Pairs,
    analyze, analyze_in,
};
pub use semi_orthogonal::{Block, SemiOrthogonalBlocks, semi_orthogonal_blocks};
pub use similarity::{linear_cka, linear_cka_debiased};
pub use spectrum::{Spectrum, spectrum};
pub use streaming::{
    Centered, ColumnSource, StreamOptions, StreamPlan, StreamProgress, StreamStage,
    activity_interference_stream, analysis_memory, analyze_stream,
};
pub use tiles::{CosineTile, cosine_histogram, map_cosine_tiles, mean_absolute_cosine};
pub use top_spectrum::{TopSpectrum, TopSpectrumOptions, top_spectrum};
