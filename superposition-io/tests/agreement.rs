//! The two header parsers of this crate against those of npyz and of the safetensors crate.

use std::fs;

use npyz::{NpyFile, Order};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use superposition_io::{ReadLimits, TensorFile, Values};

fn npy(text: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\0".to_vec();
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text.bytes());
    bytes.extend(data);
    bytes
}

/// Element (i, j, ...) of an array as npyz strides it, in row-major order.
fn by_npyz(bytes: &[u8]) -> Vec<f32> {
    let file = NpyFile::new(bytes).unwrap();
    let (shape, strides) = (file.shape().to_vec(), file.strides().to_vec());
    let n: u64 = shape.iter().product();
    let stored: Vec<f32> = file.into_vec().unwrap();
    (0..n)
        .map(|e| {
            let (mut rest, mut at) = (e, 0);
            for d in (0..shape.len()).rev() {
                at += rest % shape[d] * strides[d];
                rest /= shape[d];
            }
            stored[at as usize]
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn npy_arrays_agree_with_npyz(
        shape in prop::collection::vec(1_usize..5, 0..5),
        fortran in any::<bool>(),
        big in any::<bool>(),
        spaces in 0_usize..40,
    ) {
        let n: usize = shape.iter().product();
        let numbers = (0..n).map(|e| e as f32 - 1.5);
        let data: Vec<u8> = match big {
            false => numbers.flat_map(f32::to_le_bytes).collect(),
            true => numbers.flat_map(f32::to_be_bytes).collect(),
        };
        let tuple = match shape.as_slice() {
            [n] => format!("({n},)"),
            shape => format!("({})", shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")),
        };
        let descr = if big { ">f4" } else { "<f4" };
        let order = if fortran { "True" } else { "False" };
        let text = format!(
            "{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {tuple}, }}{}\n",
            " ".repeat(spaces)
        );
        let bytes = npy(&text, &data);
        prop_assert_eq!(
            NpyFile::new(bytes.as_slice()).unwrap().order() == Order::Fortran, fortran
        );
        let expected = by_npyz(&bytes);
        let file = TensorFile::from_bytes("x.npy", bytes, &ReadLimits::default()).unwrap();
        let read = file.read("x").unwrap();
        prop_assert_eq!(read.info.shape, shape);
        prop_assert_eq!(read.values, Values::F32(expected));
    }
}

#[test]
fn safetensors_headers_agree_with_the_safetensors_crate() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/");
    for name in ["types.safetensors", "one.safetensors"] {
        let bytes = fs::read(format!("{folder}{name}")).unwrap();
        let theirs = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let ours = TensorFile::from_bytes(name, bytes.clone(), &ReadLimits::default()).unwrap();
        assert_eq!(ours.tensors().len(), theirs.len());
        for tensor in ours.tensors() {
            let view = theirs.tensor(&tensor.name).unwrap();
            assert_eq!(tensor.shape, view.shape());
            assert_eq!(tensor.dtype, view.dtype().to_string());
        }
    }
}
