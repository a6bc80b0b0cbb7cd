//! A decoder in bf16, as a safetensors file holds it, without a copy in f32: `cargo run --example safetensors_weights --features half`.

use half::bf16;
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
use superposition_analysis::{AnalysisOptions, analyze, from_columns};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A file of one tensor W_dec [4 latents, 2 dimensions]: two digons.
    let values = [1.0, 0.0, -2.0, 0.0, 0.0, 1.0, 0.0, -1.0].map(bf16::from_f32);
    let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
    let view = TensorView::new(Dtype::BF16, vec![4, 2], &bytes)?;
    let file = serialize([("W_dec", view)], None)?;

    let tensors = SafeTensors::deserialize(&file)?;
    let decoder = tensors.tensor("W_dec")?;
    let &[d_sae, d_in] = decoder.shape() else {
        return Err("W_dec is no matrix".into());
    };
    let (pairs, _) = decoder.data().as_chunks::<2>();
    let values: Vec<bf16> = pairs
        .iter()
        .map(|&pair| bf16::from_le_bytes(pair))
        .collect();
    // PyTorch stores a latent per row: one feature per run of d_in values.
    let report = analyze(
        from_columns(&values, d_in, d_sae),
        &AnalysisOptions::default(),
    )?;
    println!(
        "{} latents use {} dimensions; smallest cosine {:?}",
        report.n_features,
        report.total_dimensionality,
        report.min_cosine.map(|pair| pair.value)
    );
    assert_eq!(report.total_dimensionality, 2.0);
    Ok(())
}
