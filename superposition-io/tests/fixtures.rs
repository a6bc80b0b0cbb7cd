//! Files written by NumPy and by the safetensors library (`fixtures/make.py`) read back.

use std::path::PathBuf;

use superposition_io::{ReadLimits, TensorFile, Values};

fn fixture(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests/fixtures", name]
        .iter()
        .collect()
}

fn open(name: &str) -> TensorFile {
    TensorFile::open(fixture(name), &ReadLimits::default()).unwrap()
}

/// What make.py puts into a tensor of `n` elements, row-major.
fn f32s(n: usize) -> Values {
    Values::F32((0..n).map(|e| e as f32 / 4.0 - 1.0).collect())
}

fn f64s(n: usize) -> Values {
    Values::F64((0..n).map(|e| e as f64 / 4.0 - 1.0).collect())
}

#[test]
fn every_type_of_safetensors() {
    let file = open("types.safetensors");
    for name in ["f32", "f16", "bf16"] {
        let tensor = file.read(name).unwrap();
        assert_eq!(tensor.info.shape, [2, 3], "{name}");
        assert_eq!(tensor.info.dtype, name.to_uppercase());
        assert_eq!(tensor.values, f32s(6), "{name}");
    }
    assert_eq!(file.read("f64").unwrap().values, f64s(6));
    assert_eq!(file.read("vector").unwrap().values, f32s(4));
    let scalar = file.read("scalar").unwrap();
    assert_eq!((scalar.info.shape.len(), scalar.values), (0, f32s(1)));
    assert!(file.read("empty").unwrap().values.is_empty());
    assert_eq!(
        file.metadata().get("origin").map(String::as_str),
        Some("make.py")
    );
}

#[test]
fn everything_is_listed_in_the_order_of_its_bytes() {
    let file = open("types.safetensors");
    let listed: Vec<_> = file
        .tensors()
        .iter()
        .map(|t| (t.name.as_str(), t.dtype.as_str(), t.shape.clone()))
        .collect();
    // The library puts wide types first and sorts those of a type by name.
    let expected = [
        ("ids", "I64", vec![1, 2]),
        ("f64", "F64", vec![2, 3]),
        ("empty", "F32", vec![0, 3]),
        ("f32", "F32", vec![2, 3]),
        ("scalar", "F32", vec![]),
        ("stack", "F32", vec![2, 3, 2]),
        ("vector", "F32", vec![4]),
        ("bf16", "BF16", vec![2, 3]),
        ("f16", "F16", vec![2, 3]),
        ("mask", "BOOL", vec![3]),
    ];
    assert_eq!(listed, expected);
}

#[test]
fn the_only_matrix_needs_no_name() {
    let file = open("one.safetensors");
    assert_eq!(file.sole_matrix().unwrap().name, "W");
    let matrix = file.read_matrix(None, None).unwrap();
    assert_eq!(
        (matrix.name.as_str(), matrix.n_rows, matrix.n_cols),
        ("W", 3, 5)
    );
    assert_eq!(matrix.values, f32s(15));
}

#[test]
fn a_slice_of_a_stack_is_a_matrix() {
    let file = open("types.safetensors");
    for name in [Some("stack"), None] {
        let slice = file.read_matrix(name, Some(1)).unwrap();
        assert_eq!(
            (slice.name.as_str(), slice.n_rows, slice.n_cols),
            ("stack", 3, 2)
        );
        let Values::F32(values) = slice.values else {
            panic!("stored as F32")
        };
        // Elements 6 to 11 of the tensor.
        assert_eq!(values, [0.5, 0.75, 1.0, 1.25, 1.5, 1.75]);
    }
}

#[test]
fn a_slice_in_fortran_order_and_big_endian() {
    let file = open("npy/fortran-big-3d.npy");
    assert_eq!(file.read("fortran-big-3d").unwrap().values, f64s(24));
    let slice = file.read_matrix(None, Some(1)).unwrap();
    assert_eq!((slice.n_rows, slice.n_cols), (3, 4));
    let expected: Vec<f64> = (12..24).map(|e| f64::from(e) / 4.0 - 1.0).collect();
    assert_eq!(slice.values, Values::F64(expected));
}

#[test]
fn every_kind_of_npy() {
    for (name, shape, values) in [
        ("f8", vec![2, 3], f64s(6)),
        ("f4", vec![2, 3], f32s(6)),
        ("f2", vec![2, 3], f32s(6)),
        ("big-f8", vec![2, 3], f64s(6)),
        ("big-f4", vec![2, 3], f32s(6)),
        ("big-f2", vec![2, 3], f32s(6)),
        ("fortran", vec![2, 3], f32s(6)),
        ("version-2", vec![2, 3], f32s(6)),
        ("version-3", vec![2, 3], f32s(6)),
        ("vector", vec![4], f32s(4)),
        ("scalar", vec![], f32s(1)),
        ("empty", vec![0, 3], f32s(0)),
    ] {
        let file = open(&format!("npy/{name}.npy"));
        // The format stores no name: the file's is used.
        let tensor = file.read(name).unwrap();
        assert_eq!(
            (tensor.info.shape, tensor.values),
            (shape, values),
            "{name}"
        );
        assert!(file.metadata().is_empty());
    }
}

#[test]
fn npz_stored_and_deflated() {
    for name in ["stored.npz", "deflated.npz"] {
        let file = open(name);
        let names: Vec<_> = file.tensors().iter().map(|t| t.name.as_str()).collect();
        assert_eq!(names, ["W", "folder/x", "ids"], "{name}");
        assert_eq!(file.read("W").unwrap().values, f32s(15), "{name}");
        assert_eq!(file.read("folder/x").unwrap().values, f64s(6), "{name}");
        assert_eq!(file.tensors()[2].dtype, "I64");
    }
}

#[test]
fn a_sharded_model_reads_as_one_file() {
    let file = open("sharded/model.safetensors.index.json");
    let names: Vec<_> = file.tensors().iter().map(|t| t.name.as_str()).collect();
    assert_eq!(names, ["embed.weight", "norm.weight", "head.weight"]);
    assert_eq!(file.read("embed.weight").unwrap().values, f32s(8));
    assert_eq!(file.read("norm.weight").unwrap().values, f32s(2));
    assert_eq!(
        file.read_matrix(Some("head.weight"), None).unwrap().values,
        f32s(8)
    );
    // A number in the index.
    assert_eq!(
        file.metadata().get("total_size").map(String::as_str),
        Some("56")
    );
}

#[test]
fn sixteen_bit_values_agree_with_numpy() {
    let file = open("halves.npz");
    let (Values::F32(ours), Values::F32(numpys)) = (
        file.read("f16").unwrap().values,
        file.read("f32").unwrap().values,
    ) else {
        panic!("both are f32 in memory");
    };
    assert_eq!(ours.len(), 264);
    assert!(ours.iter().any(|v| v.is_nan()) && ours.iter().any(|v| v.is_infinite()));
    for (ours, numpys) in ours.iter().zip(&numpys) {
        assert!(ours.to_bits() == numpys.to_bits() || ours.is_nan() && numpys.is_nan());
    }
}

#[test]
fn a_file_in_memory_reads_like_one_on_disk() {
    for name in ["types.safetensors", "npy/fortran.npy", "deflated.npz"] {
        let bytes = std::fs::read(fixture(name)).unwrap();
        let memory = TensorFile::from_bytes(name, bytes, &ReadLimits::default()).unwrap();
        let disk = open(name);
        assert_eq!(memory.tensors(), disk.tensors());
        for tensor in disk.tensors().iter().filter(|t| t.is_readable()) {
            assert_eq!(
                memory.read(&tensor.name).unwrap(),
                disk.read(&tensor.name).unwrap()
            );
        }
    }
}

#[test]
fn several_threads_read_one_file() {
    for name in ["types.safetensors", "deflated.npz"] {
        let file = open(name);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        for tensor in file.tensors().iter().filter(|t| t.is_readable()) {
                            let n: usize = tensor.shape.iter().product();
                            let values = file.read(&tensor.name).unwrap().values;
                            assert!(values == f32s(n) || values == f64s(n));
                        }
                    }
                });
            }
        });
    }
}

#[test]
fn a_reader_keeps_the_file_that_it_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.npy");
    std::fs::copy(fixture("npy/f4.npy"), &path).unwrap();
    let file = TensorFile::open(&path, &ReadLimits::default()).unwrap();
    let other = std::fs::read(fixture("npy/vector.npy")).unwrap();
    superposition_io::write_atomic(&path, &other, superposition_io::Overwrite::Replace).unwrap();
    assert_eq!(file.read("w").unwrap().values, f32s(6));
}
