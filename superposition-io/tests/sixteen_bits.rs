//! All 65,536 values of both 16-bit types against the definition, and reads longer than the buffer.

use superposition_io::{ReadLimits, TensorFile, Values};

/// A safetensors file with one tensor.
fn file_of(dtype: &str, shape: &[usize], data: &[u8]) -> TensorFile {
    let header = format!(
        r#"{{"x":{{"dtype":"{dtype}","shape":{shape:?},"data_offsets":[0,{}]}}}}"#,
        data.len()
    );
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.bytes());
    bytes.extend(data);
    TensorFile::from_bytes("x.safetensors", bytes, &ReadLimits::default()).unwrap()
}

fn all_patterns() -> Vec<u8> {
    (0..=u16::MAX).flat_map(u16::to_le_bytes).collect()
}

/// The value that the fields of a binary floating-point number define, in f64, which holds all of
/// them exactly.
fn by_definition(bits: u16, n_mantissa: i32, n_exponent: i32) -> f64 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let largest = (1 << n_exponent) - 1;
    let exponent = i32::from(bits >> n_mantissa) & largest;
    let mantissa = f64::from(bits & ((1 << n_mantissa) - 1)) / f64::from(1 << n_mantissa);
    let bias = largest / 2;
    let two_to = |e: i32| 2_f64.powi(e);
    sign * match exponent {
        0 => two_to(1 - bias) * mantissa,
        e if e == largest && mantissa == 0.0 => f64::INFINITY,
        e if e == largest => f64::NAN,
        e => two_to(e - bias) * (1.0 + mantissa),
    }
}

fn check(dtype: &str, n_mantissa: i32, n_exponent: i32) {
    let tensor = file_of(dtype, &[256, 256], &all_patterns())
        .read("x")
        .unwrap();
    let Values::F32(values) = tensor.values else {
        panic!("16 bits become f32")
    };
    assert_eq!(values.len(), 65_536);
    let mut n_nan = 0;
    for (bits, value) in (0..=u16::MAX).zip(values) {
        let expected = by_definition(bits, n_mantissa, n_exponent);
        if expected.is_nan() {
            n_nan += 1;
            assert!(value.is_nan(), "{bits:#06x}");
            assert_eq!(value.is_sign_negative(), bits >> 15 == 1, "{bits:#06x}");
        } else {
            // Bits, so that -0 is not 0; the widening is exact.
            assert_eq!(
                f64::from(value).to_bits(),
                expected.to_bits(),
                "{bits:#06x}"
            );
        }
    }
    assert_eq!(n_nan, 2 * ((1 << n_mantissa) - 1));
}

#[test]
fn all_values_of_f16() {
    check("F16", 10, 5);
}

#[test]
fn all_values_of_bf16() {
    check("BF16", 7, 8);
}

#[test]
fn the_definition_itself_knows_the_landmarks() {
    assert_eq!(by_definition(0x3c00, 10, 5), 1.0);
    assert_eq!(by_definition(0x7bff, 10, 5), 65504.0);
    assert_eq!(by_definition(0x0001, 10, 5), 2_f64.powi(-24));
    assert_eq!(by_definition(0x3f80, 7, 8), 1.0);
}

#[test]
fn tensors_longer_than_the_buffer() {
    // Several buffers and a rest that fills none.
    let n = 3 * (1 << 17) + 13;
    let numbers: Vec<f32> = (0..n).map(|e| e as f32).collect();
    let bytes: Vec<u8> = numbers.iter().flat_map(|v| v.to_le_bytes()).collect();
    let values = file_of("F32", &[n], &bytes).read("x").unwrap().values;
    assert_eq!(values, Values::F32(numbers.clone()));

    let mut npy = npy_header(">f4", n);
    npy.extend(numbers.iter().flat_map(|v| v.to_be_bytes()));
    let file = TensorFile::from_bytes("x.npy", npy, &ReadLimits::default()).unwrap();
    assert_eq!(file.read("x").unwrap().values, Values::F32(numbers));

    let halves: Vec<u8> = (0..n).flat_map(|e| half(e).to_le_bytes()).collect();
    let Values::F32(values) = file_of("F16", &[n], &halves).read("x").unwrap().values else {
        panic!("16 bits become f32");
    };
    assert!(
        values
            .iter()
            .enumerate()
            .all(|(e, v)| f64::from(*v) == by_definition(half(e), 10, 5))
    );
}

/// Some finite f16.
fn half(e: usize) -> u16 {
    (e % 0x7c00) as u16
}

fn npy_header(descr: &str, n: usize) -> Vec<u8> {
    let text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({n},), }}\n");
    let mut bytes = b"\x93NUMPY\x01\0".to_vec();
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text.bytes());
    bytes
}
