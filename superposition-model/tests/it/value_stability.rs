//! Pinned bits: a change here is a value-breaking release (CHANGELOG, "Value-breaking").

use superposition_model::sae::{SaeConfig, SaeDimensions, SparseAutoencoder};
use superposition_model::{
    Coupling, FeatureDistribution, FeatureProbability, FeatureSets, Importance, Initialization,
    SparseBatch, ToyModel,
};

use crate::support::{config, rng};

/// FNV-1a over the bits.
fn hash(values: &[f32]) -> u64 {
    values
        .iter()
        .flat_map(|value| value.to_bits().to_le_bytes())
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn samples() {
    let distribution = FeatureDistribution::new(100, &FeatureProbability::Same(0.1)).unwrap();
    let mut batch = SparseBatch::new();
    distribution.sample_sparse_into(&mut rng(0), 64, &mut batch);
    assert_eq!(batch.n_active(), 667);
    assert_eq!(batch.sample(0).0, [7, 28, 32, 48, 67, 70, 72, 77, 86]);
    assert_eq!(
        bits(&batch.sample(0).1[..4]),
        [0x3f1a_09c6, 0x3f02_e4b7, 0x3f00_be47, 0x3eec_e7cc]
    );
    assert_eq!(hash(batch.values()), 0xabe8_c018_39c8_6a71);

    let mixed = FeatureProbability::PerFeature((0..7).map(|i| f64::from(i) / 6.0).collect());
    let x = FeatureDistribution::new(7, &mixed)
        .unwrap()
        .sample(3, &mut rng(1));
    assert_eq!(
        bits(x.col_as_slice(0)),
        [
            0x0000_0000,
            0x0000_0000,
            0x0000_0000,
            0x3e24_a037,
            0x3ea2_1513,
            0x3f37_4367,
            0x3ec6_101b
        ]
    );
    assert_eq!(
        bits(x.col_as_slice(2)),
        [
            0x0000_0000,
            0x3f6a_797c,
            0x3e00_5081,
            0x0000_0000,
            0x3e85_813b,
            0x3f59_132e,
            0x3ce1_886e
        ]
    );
}

#[test]
fn samples_of_sets() {
    let tenth = FeatureDistribution::new(100, &FeatureProbability::Same(0.1)).unwrap();
    let mut batch = SparseBatch::new();
    let mut sample = |sets| {
        let distribution = tenth.clone().with_sets(sets).unwrap();
        distribution.sample_sparse_into(&mut rng(0), 64, &mut batch);
        (
            batch.n_active(),
            batch.sample(0).0.to_vec(),
            hash(batch.values()),
        )
    };
    assert_eq!(
        sample(FeatureSets::Correlated { set_size: 3 }),
        (
            669,
            vec![
                21, 22, 23, 24, 25, 26, 36, 37, 38, 54, 55, 56, 75, 76, 77, 99
            ],
            0x9967_875e_e177_6a65
        )
    );
    assert_eq!(
        sample(FeatureSets::Anticorrelated { set_size: 3 }),
        (636, vec![13, 42, 48, 67, 72], 0xa2e9_bf4e_a558_4ed1)
    );
}

#[test]
fn initial_weights() {
    let model = ToyModel::random(config(5, 2), Initialization::default(), &mut rng(0)).unwrap();
    assert_eq!(
        bits(&model.parameters()[..10]),
        [
            0xbedd_c072,
            0x3dc0_e201,
            0x3ed7_30ff,
            0x3e2a_efae,
            0xbe84_409e,
            0xbdaa_2a31,
            0x3e9a_01f5,
            0xbe04_4faf,
            0x3e4c_ad23,
            0x3e95_272a
        ]
    );
    let untied = config(100, 20).with_coupling(Coupling::Untied);
    let model = ToyModel::random(untied, Initialization::Normal { std: 0.1 }, &mut rng(7)).unwrap();
    assert_eq!(hash(model.parameters()), 0x080c_8ff0_5d12_7bc9);
}

#[test]
fn initial_autoencoder() {
    let config = SaeConfig::new(SaeDimensions {
        d_in: 16,
        d_sae: 32,
    });
    let sae = SparseAutoencoder::random(config, &mut rng(0)).unwrap();
    assert_eq!(hash(sae.parameters()), 0xe6a6_b79b_7cec_67d5);
}

#[test]
fn importances() {
    assert_eq!(
        hash(&Importance::default().weights(100).unwrap()),
        0x8e72_77a5_bc3a_c291
    );
    assert_eq!(
        hash(&Importance::Geometric { ratio: 0.7 }.weights(100).unwrap()),
        0xd000_c751_280e_ee23
    );
}
