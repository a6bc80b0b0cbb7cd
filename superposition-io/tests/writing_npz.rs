//! Archives that are written: the arrays of NumPy byte for byte, and what is refused.

mod support;

use std::fs;
use std::io::Read;

use superposition_io::{
    ArrayToWrite, ArrayValues, IoError, Overwrite, ReadLimits, TensorFile, Values, write_npz,
};
use support::{fixture, says};

fn write(arrays: &[ArrayToWrite<'_>]) -> Result<Vec<u8>, IoError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npz");
    write_npz(&path, arrays, Overwrite::Refuse)?;
    Ok(fs::read(&path).unwrap())
}

fn members(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    (0..archive.len())
        .map(|i| {
            let mut member = archive.by_index(i).unwrap();
            let mut content = Vec::new();
            member.read_to_end(&mut content).unwrap();
            (member.name().unwrap().into_owned(), content)
        })
        .collect()
}

#[test]
fn members_are_those_of_numpy_byte_for_byte() {
    // As in fixtures/make.py.
    let label = ["the", "", "\u{e9}\u{1f600}, \"x\""].map(str::to_owned);
    let arrays = [
        ("norm", &[3][..], ArrayValues::F64(&[1.0, -0.5, f64::NAN])),
        (
            "norm32",
            &[3],
            ArrayValues::F32(&[1.0, -0.5, f32::INFINITY]),
        ),
        ("nearest", &[1, 3], ArrayValues::I64(&[2, -1, 0])),
        ("dead", &[3], ArrayValues::Bool(&[true, false, true])),
        ("label", &[3], ArrayValues::Text(&label)),
        ("none", &[0, 2], ArrayValues::F64(&[])),
    ]
    .map(|(name, shape, values)| ArrayToWrite {
        name,
        shape,
        values,
    });
    let ours = write(&arrays).unwrap();
    let numpys = fs::read(fixture("columns.npz")).unwrap();
    let (ours_members, numpys_members) = (members(&ours), members(&numpys));
    assert_eq!(ours_members.len(), 6);
    for (ours, numpys) in ours_members.iter().zip(&numpys_members) {
        assert_eq!(ours.0, numpys.0);
        assert_eq!(
            String::from_utf8_lossy(&ours.1),
            String::from_utf8_lossy(&numpys.1),
            "{}",
            ours.0
        );
        assert_eq!(ours.1, numpys.1, "{}", ours.0);
    }
    assert_eq!(ours, write(&arrays).unwrap(), "the same bytes again");
}

#[test]
fn what_is_written_is_read() {
    let values: Vec<f64> = (0..12).map(f64::from).collect();
    let array = ArrayToWrite {
        name: "folder/x",
        shape: &[2, 3, 2],
        values: ArrayValues::F64(&values),
    };
    let scalar = ArrayToWrite {
        name: "scalar",
        shape: &[],
        values: ArrayValues::F32(&[2.5]),
    };
    let bytes = write(&[array, scalar]).unwrap();
    let file = TensorFile::from_bytes("x.npz", bytes, &ReadLimits::default()).unwrap();
    let read = file.read("folder/x").unwrap();
    assert_eq!(read.info.shape, [2, 3, 2]);
    assert_eq!(read.values, Values::F64(values));
    assert_eq!(file.read("scalar").unwrap().values, Values::F32(vec![2.5]));
}

#[test]
fn arrays_that_make_no_archive() {
    let array = |name, shape, values| ArrayToWrite {
        name,
        shape,
        values,
    };
    let one = array("x", &[1], ArrayValues::F64(&[1.0]));
    says(write(&[one, one]), &["two arrays are named `x`"]);
    says(
        write(&[array("", &[1], ArrayValues::F64(&[1.0]))]),
        &["no name"],
    );
    says(
        write(&[array("x", &[2, 3], ArrayValues::I64(&[1]))]),
        &["`x` has shape [2, 3] and 1 values"],
    );
    let mut texts = vec![String::new(); 1 << 10];
    texts[3] = "x".repeat((1 << 18) + 1);
    says(
        write(&[array("x", &[1 << 10], ArrayValues::Text(&texts))]),
        &["1073745920 bytes", "262145 characters"],
    );
}
