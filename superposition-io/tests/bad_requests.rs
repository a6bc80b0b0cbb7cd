//! Requests that a good file cannot meet, and paths that are no files.

mod support;

use std::fs;
use std::path::Path;

use superposition_io::{ReadLimits, TensorFile};

use support::{fixture, open_bytes, safetensors, says};

fn open(name: &str) -> TensorFile {
    TensorFile::open(fixture(name), &ReadLimits::default()).unwrap()
}

#[test]
fn types_that_are_not_read() {
    let file = open("types.safetensors");
    says(
        file.read("ids"),
        &["`ids`", "dtype I64", "F64, F32, F16 and BF16 are read"],
    );
    says(file.read_matrix(Some("ids"), None), &["`ids`", "dtype I64"]);
    says(file.read("mask"), &["`mask`", "dtype BOOL"]);
    for (name, dtype) in [
        ("i8", "I64"),
        ("bool", "BOOL"),
        ("complex", "<c16"),
        ("text", "<U2"),
        ("structured", "structured"),
        ("object", "|O"),
    ] {
        let file = open(&format!("npy/{name}.npy"));
        assert_eq!(file.tensors()[0].dtype, dtype);
        says(
            file.read(name),
            &[&format!("dtype {dtype};"), "F64, F32, F16 and BF16"],
        );
    }
    says(open("stored.npz").read("ids"), &["`ids`", "I64"]);
    // A type of tomorrow in one tensor does not close the file.
    let header = r#"{"a":{"dtype":"F128","shape":[1],"data_offsets":[0,16]},"b":{"dtype":"F32","shape":[1],"data_offsets":[16,20]}}"#;
    let file = open_bytes("x.safetensors", safetensors(header, 20)).unwrap();
    assert_eq!(file.read("b").unwrap().values.len(), 1);
    says(file.read("a"), &["dtype F128"]);
}

#[test]
fn names_that_are_not_there() {
    let file = open("types.safetensors");
    says(
        file.read("f33"),
        &["no tensor `f33`", "there is `f32`", "and 5 others"],
    );
    // What contains the words comes before what looks alike.
    let index = open("sharded/model.safetensors.index.json");
    says(
        index.read("HEAD"),
        &["no tensor `HEAD`", "there is `head.weight`, "],
    );
    let empty = open_bytes("x.safetensors", safetensors("{}", 0)).unwrap();
    says(empty.read("w"), &["no tensor `w`", "holds no tensors"]);
    says(file.read("a\n\u{1b}[31m"), &["`a\\n\\u{1b}[31m`"]);
    says(file.read(&"x".repeat(5000)), &["xxx...`"]);
}

#[test]
fn files_without_one_matrix() {
    let file = open("types.safetensors");
    let several = ["several matrices", "`f32` F32 [2, 3]", "`bf16` BF16 [2, 3]"];
    says(file.sole_matrix().cloned(), &several);
    says(file.read_matrix(None, None), &several);
    let vector = open("npy/vector.npy");
    says(
        vector.read_matrix(None, None),
        &["no matrix", "`vector` F32 [4]"],
    );
    says(
        open("npy/i8.npy").read_matrix(None, None),
        &["no matrix", "`i8` I64 [2, 3]"],
    );
    says(
        open_bytes("x.safetensors", safetensors("{}", 0))
            .unwrap()
            .read_matrix(None, None),
        &["no matrix", "it holds no tensors"],
    );
    says(
        vector.read_matrix(Some("vector"), None),
        &["shape [4]", "not a matrix"],
    );
    says(
        vector.read_matrix(Some("vector"), Some(0)),
        &["shape [4]", "not a matrix"],
    );
    says(
        file.read_matrix(Some("scalar"), None),
        &["shape []", "not a matrix"],
    );
    says(
        file.read_matrix(Some("empty"), None),
        &["shape [0, 3]", "no element"],
    );
}

#[test]
fn slices_that_are_missing_or_not_there() {
    let file = open("types.safetensors");
    says(
        file.read_matrix(Some("stack"), None),
        &["[2, 3, 2]", "use slice 0..2"],
    );
    says(
        file.read_matrix(Some("stack"), Some(2)),
        &["no slice 2", "slices are 0..2"],
    );
    says(
        file.read_matrix(Some("stack"), Some(usize::MAX)),
        &["slices are 0..2"],
    );
    says(
        file.read_matrix(Some("f32"), Some(0)),
        &["no slice 0", "leave the slice out"],
    );
    let stack = open("npy/fortran-big-3d.npy");
    says(
        stack.read_matrix(None, None),
        &["[2, 3, 4]", "use slice 0..2"],
    );
}

#[test]
fn pickles_come_with_their_conversion() {
    let parts = [
        "checkpoint.pt",
        "pickle",
        "\n  import torch, safetensors.torch\n",
        "save_file(",
        "weights_only=True",
        "checkpoint.safetensors\")",
    ];
    says(
        TensorFile::open(fixture("checkpoint.pt"), &ReadLimits::default()),
        &parts,
    );
    let bytes = fs::read(fixture("checkpoint.pt")).unwrap();
    for name in [
        "checkpoint.pt",
        "dir.d/checkpoint.pth",
        "checkpoint.bin",
        "checkpoint.ckpt",
        "checkpoint.pkl",
    ] {
        says(open_bytes(name, bytes.clone()), &parts[1..]);
        says(open_bytes(name, b"whatever".to_vec()), &parts[1..]);
    }
    // Known by content under a name that says nothing, and under a wrong one.
    says(open_bytes("checkpoint", bytes.clone()), &parts[1..]);
    says(open_bytes("checkpoint.npz", bytes), &parts[1..]);
    says(
        open_bytes("checkpoint.safetensors", b"\x80\x02}q\0.".to_vec()),
        &parts[1..],
    );
    // The conversion is one line of import and one of work.
    let error = open_bytes("a.pt", b"whatever".to_vec())
        .unwrap_err()
        .to_string();
    assert_eq!(error.lines().count(), 3);
}

#[test]
fn paths_that_are_no_files() {
    let limits = ReadLimits::default();
    let folder = tempfile::tempdir().unwrap();
    says(
        TensorFile::open(folder.path().join("none.npy"), &limits),
        &["cannot open", "none.npy"],
    );
    says(
        TensorFile::open(folder.path(), &limits),
        &["is a folder, not a file"],
    );
    fs::copy(
        fixture("one.safetensors"),
        folder.path().join("model.safetensors"),
    )
    .unwrap();
    says(
        TensorFile::open(folder.path(), &limits),
        &["did you mean", "model.safetensors?"],
    );
    says(TensorFile::open("", &limits), &["cannot open"]);
    says(TensorFile::open("a\0b", &limits), &["cannot open"]);
    #[cfg(unix)]
    says(
        TensorFile::open("/dev/null", &limits),
        &["not a regular file"],
    );
}

#[cfg(unix)]
#[test]
fn a_file_without_permission() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret.npy");
    fs::copy(fixture("npy/f4.npy"), &path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    let opened = TensorFile::open(&path, &ReadLimits::default());
    // The superuser may read anything.
    if fs::File::open(&path).is_ok() {
        assert_eq!(opened.unwrap().tensors().len(), 1);
    } else {
        says(opened, &["cannot open", "secret.npy", "ermission denied"]);
    }
}

#[test]
fn a_file_that_shrinks_while_it_is_open() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["one.safetensors", "deflated.npz", "npy/f4.npy"] {
        let path = folder.path().join(Path::new(name).file_name().unwrap());
        fs::copy(fixture(name), &path).unwrap();
        let file = TensorFile::open(&path, &ReadLimits::default()).unwrap();
        let tensor = file.tensors()[0].name.clone();
        assert!(file.read(&tensor).is_ok());
        fs::OpenOptions::new()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(50)
            .unwrap();
        assert!(file.read(&tensor).is_err(), "{name}");
    }
}
