//! Rows read one range or one block at a time are those of the matrix read whole.

mod support;

use std::io::{Seek, SeekFrom, Write};
use std::ops::ControlFlow;

use superposition_io::{Float, IoError, ReadLimits, StoredMatrix, TensorFile, Values};
use support::{fixture, open_bytes, says};

fn open(name: &str) -> TensorFile {
    TensorFile::open(fixture(name), &ReadLimits::default()).unwrap()
}

/// Every matrix of the fixtures that can be read by rows, with its file and slice.
const MATRICES: [(&str, &str, Option<usize>); 18] = [
    ("types.safetensors", "f64", None),
    ("types.safetensors", "f32", None),
    ("types.safetensors", "f16", None),
    ("types.safetensors", "bf16", None),
    ("types.safetensors", "stack", Some(0)),
    ("types.safetensors", "stack", Some(1)),
    ("sharded/model.safetensors.index.json", "head.weight", None),
    ("npy/f8.npy", "f8", None),
    ("npy/f4.npy", "f4", None),
    ("npy/f2.npy", "f2", None),
    ("npy/big-f8.npy", "big-f8", None),
    ("npy/big-f4.npy", "big-f4", None),
    ("npy/big-f2.npy", "big-f2", None),
    ("npy/fortran.npy", "fortran", None),
    ("stored.npz", "W", None),
    ("stored.npz", "folder/x", None),
    ("deflated.npz", "W", None),
    ("deflated.npz", "folder/x", None),
];

fn whole(matrix: &StoredMatrix<'_>) -> Vec<f64> {
    match matrix.read().unwrap().values {
        Values::F32(values) => values.into_iter().map(f64::from).collect(),
        Values::F64(values) => values,
    }
}

#[test]
fn every_range_of_every_matrix() {
    for (file, name, slice) in MATRICES {
        let file = open(file);
        let matrix = file.matrix(Some(name), slice).unwrap();
        let (whole, n_cols) = (whole(&matrix), matrix.n_cols());
        for first in 0..=matrix.n_rows() {
            for end in first..=matrix.n_rows() {
                let mut out = vec![f64::NAN; (end - first) * n_cols];
                matrix.read_rows(first..end, &mut out).unwrap();
                assert_eq!(
                    out,
                    whole[first * n_cols..end * n_cols],
                    "{name} {first}..{end}"
                );
            }
        }
    }
}

#[test]
fn every_range_of_columns_of_every_matrix() {
    for (file, name, slice) in MATRICES {
        let is_deflated = file == "deflated.npz";
        let file = open(file);
        let matrix = file.matrix(Some(name), slice).unwrap();
        assert_eq!(matrix.has_random_access(), !is_deflated);
        let (n_rows, n_cols) = (matrix.n_rows(), matrix.n_cols());
        let whole = whole(&matrix);
        for first in 0..=n_cols {
            for end in first..=n_cols {
                let mut out = vec![f64::NAN; (end - first) * n_rows];
                matrix.read_columns(first..end, &mut out).unwrap();
                let expected: Vec<f64> = (first..end)
                    .flat_map(|c| whole.iter().skip(c).step_by(n_cols).copied())
                    .collect();
                assert_eq!(out, expected, "{name} {first}..{end}");
            }
        }
    }
}

#[test]
fn blocks_of_every_size() {
    for (file, name, slice) in MATRICES {
        let file = open(file);
        let matrix = file.matrix(Some(name), slice).unwrap();
        let n_cols = matrix.n_cols();
        for n_block_rows in 1..=matrix.n_rows() + 1 {
            let mut collected: Vec<f64> = Vec::new();
            let flow: ControlFlow<()> = matrix
                .for_each_block(n_block_rows, |first, block: &[f64]| {
                    assert_eq!(first * n_cols, collected.len());
                    assert!(block.len() <= n_block_rows * n_cols);
                    collected.extend(block);
                    ControlFlow::Continue(())
                })
                .unwrap();
            assert!(flow.is_continue());
            assert_eq!(collected, whole(&matrix), "{name} by {n_block_rows}");
        }
        let flow = matrix.for_each_block(1, |first, _: &[f64]| match first {
            0 => ControlFlow::Continue(()),
            first => ControlFlow::Break(first),
        });
        assert_eq!(flow.unwrap(), ControlFlow::Break(1), "{name}");
    }
}

#[test]
fn what_f32_does_not_hold_is_not_rounded() {
    let file = open("types.safetensors");
    let mut out = [0.0_f32; 6];
    for name in ["f32", "f16", "bf16"] {
        let matrix = file.matrix(Some(name), None).unwrap();
        matrix.read_rows(0..2, &mut out).unwrap();
        assert_eq!(Values::F32(out.to_vec()), matrix.read().unwrap().values);
    }
    let matrix = file.matrix(Some("f64"), None).unwrap();
    says(matrix.read_rows(0..2, &mut out), &["`f64`", "into f64"]);
    assert_eq!((matrix.dtype(), matrix.n_rows()), ("F64", 2));
}

#[test]
fn what_cannot_be_read_by_rows_says_why() {
    let file = open("npy/fortran-big-3d.npy");
    let matrix = file.matrix(None, Some(1)).unwrap();
    let words = ["Fortran order", "[2, 3, 4]", "as a whole"];
    says(matrix.read_rows(0..1, &mut [0.0_f64; 4]), &words);
    says(matrix.read_columns(0..1, &mut [0.0_f64; 3]), &words);
    let file = open("npy/i8.npy");
    let matrix = file.matrix(Some("i8"), None).unwrap();
    says(matrix.read_rows(0..1, &mut [0.0_f64; 3]), &["I64"]);
}

fn damage<T: Float>(name: &str, at: fn(&[u8]) -> usize) -> [Result<(), IoError>; 2] {
    let mut bytes = std::fs::read(fixture(name)).unwrap();
    let at = at(&bytes);
    bytes[at] ^= 0x10;
    let file = open_bytes(name, bytes).unwrap();
    let matrix = file.matrix(Some("W"), None).unwrap();
    let mut out = vec![T::from_f32(0.0); matrix.n_cols()];
    let blocks = matrix.for_each_block(2, |_, _: &[T]| ControlFlow::<()>::Continue(()));
    [matrix.read_rows(0..1, &mut out), blocks.map(drop)]
}

#[test]
fn damage_of_a_deflated_member_is_found_at_the_end_of_its_stream() {
    // A byte of the data descriptor's checksum in the directory: the stream itself is whole.
    let checksum = |bytes: &[u8]| {
        let directory = bytes.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
        directory + 16
    };
    let [rows, blocks] = damage::<f32>("deflated.npz", checksum);
    assert!(rows.is_ok());
    says(blocks, &["`W` is damaged"]);
}

#[test]
fn rows_of_a_matrix_larger_than_memory() {
    // 64 GiB of zeros that no disk holds, and a one.
    let (n_rows, n_cols) = (1_u64 << 24, 1_u64 << 10);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    let n_bytes = 4 * n_rows * n_cols;
    let header = format!(
        r#"{{"W":{{"dtype":"F32","shape":[{n_rows},{n_cols}],"data_offsets":[0,{n_bytes}]}}}}"#
    );
    std::fs::write(&path, support::safetensors(&header, 0)).unwrap();
    let mut handle = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    handle.set_len(8 + header.len() as u64 + n_bytes).unwrap();
    handle.seek(SeekFrom::End(-4)).unwrap();
    handle.write_all(&1.0_f32.to_le_bytes()).unwrap();
    drop(handle);

    let file = TensorFile::open(&path, &ReadLimits::default()).unwrap();
    let matrix = file.matrix(None, None).unwrap();
    says(matrix.read(), &["68719476736 bytes", "limit"]);
    let mut row = vec![f32::NAN; n_cols as usize];
    let last = n_rows as usize - 1;
    matrix.read_rows(last..last + 1, &mut row).unwrap();
    let ones: Vec<usize> = (0..row.len()).filter(|&c| row[c] != 0.0).collect();
    assert_eq!(ones, [row.len() - 1]);
    let flow = matrix.for_each_block(1024, |first, block: &[f32]| {
        assert!(block.iter().all(|x| *x == 0.0));
        match first {
            2048 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    });
    assert!(flow.unwrap().is_break());
}

#[test]
fn a_file_that_shrinks_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.npy");
    std::fs::copy(fixture("npy/f4.npy"), &path).unwrap();
    let file = TensorFile::open(&path, &ReadLimits::default()).unwrap();
    let matrix = file.matrix(None, None).unwrap();
    let handle = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    handle.set_len(140).unwrap();
    assert!(matrix.read_rows(1..2, &mut [0.0_f32; 3]).is_err());
    assert!(matrix.read_rows(0..1, &mut [0.0_f32; 3]).is_ok());
}

#[test]
#[should_panic(expected = "rows 1..3 of a matrix of 2 x 3")]
fn rows_beyond_the_last_one() {
    let file = open("npy/f4.npy");
    let matrix = file.matrix(None, None).unwrap();
    let _ = matrix.read_rows(1..3, &mut [0.0_f32; 6]);
}

#[test]
#[should_panic(expected = "do not fill a buffer of 5")]
fn a_buffer_of_another_length() {
    let file = open("npy/f4.npy");
    let matrix = file.matrix(None, None).unwrap();
    let _ = matrix.read_rows(0..2, &mut [0.0_f32; 5]);
}
