//! Files that are wrong: each gets an error that names what is wrong.

mod support;

use std::fs;
use std::io::Write;

use superposition_io::{ReadLimits, TensorFile};
use zip::CompressionMethod;
use zip::write::SimpleFileOptions;

use support::{fixture, open_bytes, safetensors, says};

fn npy(header: &str, n_data_bytes: usize) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\0".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.bytes());
    bytes.resize(bytes.len() + n_data_bytes, 0);
    bytes
}

fn npz(members: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in members {
        let options = SimpleFileOptions::default().compression_method(method);
        archive.start_file(*name, options).unwrap();
        archive.write_all(content).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

#[test]
fn safetensors_headers_that_lie() {
    let of = |header: &str, n| open_bytes("x.safetensors", safetensors(header, n));
    let tensor = |shape: &str, offsets: &str| {
        format!(r#"{{"w":{{"dtype":"F32","shape":{shape},"data_offsets":{offsets}}}}}"#)
    };
    // The control: the same builder makes a good file.
    assert!(of(&tensor("[2,2]", "[0,16]"), 16).is_ok());

    says(
        of(&tensor("[2,2]", "[0,16]"), 15),
        &["truncated", "x.safetensors"],
    );
    says(
        of(&tensor("[2,2]", "[0,16]"), 17),
        &["1 bytes after the last tensor"],
    );
    says(
        of(&tensor("[2,2]", "[4,20]"), 20),
        &["`w` begins at byte 4", "ends at 0"],
    );
    says(
        of(&tensor("[2,2]", "[16,0]"), 16),
        &["`w` ends at byte 0, before it begins at 16"],
    );
    says(
        of(&tensor("[2,3]", "[0,16]"), 16),
        &["`w`", "[2, 3]", "F32", "24 bytes", "give 16"],
    );
    let huge = "[18446744073709551615,18446744073709551615]";
    says(
        of(&tensor(huge, "[0,16]"), 16),
        &["`w`", "18446744073709551615", "too large"],
    );
    says(
        of(&tensor("[2,2]", "[0,18446744073709551615]"), 16),
        &["truncated"],
    );
    says(of(&tensor("[4611686018427387904]", "[0,0]"), 0), &["`w`"]);
    for shape in [
        "[-1]",
        "[1.5]",
        "[18446744073709551616]",
        "3",
        "null",
        "[[2]]",
    ] {
        says(
            of(&tensor(shape, "[0,16]"), 16),
            &["header is wrong", "line 1"],
        );
    }
    says(of(&tensor("[2,2]", "[0]"), 16), &["header is wrong"]);

    let two = |a: &str, b: &str| {
        format!(
            r#"{{"a":{{"dtype":"F32","shape":[2],"data_offsets":{a}}},"b":{{"dtype":"F32","shape":[2],"data_offsets":{b}}}}}"#
        )
    };
    assert!(of(&two("[0,8]", "[8,16]"), 16).is_ok());
    assert!(of(&two("[8,16]", "[0,8]"), 16).is_ok());
    says(
        of(&two("[0,8]", "[0,8]"), 8),
        &["`b` begins at byte 0", "ends at 8"],
    );
    says(
        of(&two("[0,8]", "[4,12]"), 12),
        &["`b` begins at byte 4", "ends at 8"],
    );
    says(
        of(&two("[0,8]", "[12,20]"), 20),
        &["`b` begins at byte 12", "ends at 8"],
    );
    says(
        of(&two("[0,8]", "[8,16]").replace("\"b\"", "\"a\""), 16),
        &["`a` appears twice"],
    );
    let many = format!("[{}1]", "1,".repeat(64));
    says(
        of(&tensor(&many, "[0,4]"), 4),
        &["`w` has 65 dimensions, at most 64"],
    );
    // The parser quotes what it did not expect; the message stays short.
    let long = of(&tensor(&format!("\"{}\"", "y".repeat(100_000)), "[0,4]"), 4).unwrap_err();
    assert!(
        long.to_string().len() < 500 && long.to_string().contains("line 1"),
        "{long}"
    );
    says(of("[]", 0), &["header is wrong"]);
    says(of("{\"w\":{}}", 0), &["header is wrong", "dtype"]);
    says(
        of(r#"{"__metadata__":{"a":1}}"#, 0),
        &["header is wrong", "expected a string"],
    );
    says(of(&"[".repeat(100_000), 0), &["header is wrong"]);
    assert!(of("{}", 0).unwrap().tensors().is_empty());
}

#[test]
fn safetensors_lengths_that_lie() {
    let of = |bytes: &[u8]| open_bytes("x.safetensors", bytes.to_vec());
    says(of(b""), &["it is empty"]);
    says(of(b"\x02\0\0"), &["truncated", "8 bytes, but it has 3"]);
    says(
        of(b"\x10\0\0\0\0\0\0\0{}"),
        &["truncated", "24 bytes, but it has 10"],
    );
    says(
        of(&[0xff; 64]),
        &["18446744073709551615 bytes", "100000000"],
    );
    says(of(b"\x01\xe1\xf5\x05\0\0\0\0{}"), &["100000001 bytes"]);
    says(of(b"\0\0\0\0\0\0\0\0"), &["header is wrong"]);
    let whole = fs::read(fixture("types.safetensors")).unwrap();
    for n in 0..whole.len() {
        assert!(of(&whole[..n]).is_err(), "{n} bytes of it are not the file");
    }
}

#[test]
fn npy_headers_that_lie() {
    let of = |header: &str, n| open_bytes("x.npy", npy(header, n));
    let dict = |descr: &str, order: &str, shape: &str| {
        format!("{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n")
    };
    let shape = |shape: &str| dict("'<f4'", "False", shape);
    assert!(of(&shape("(2, 2)"), 16).is_ok());
    assert!(of(&shape("(2L, 2L,)"), 16).is_ok());
    assert!(of(&shape("(2, 2)").replace('\'', "\""), 16).is_ok());

    says(of(&shape("(2, 2)"), 15), &["truncated"]);
    says(of(&shape("(2, 2)"), 17), &["[2, 2]", "F32"]);
    says(of(&shape("(9223372036854775808, 4)"), 16), &["too large"]);
    says(of(&shape("(4611686018427387904,)"), 16), &["too large"]);
    says(
        of(&shape("(36893488147419103232,)"), 16),
        &["a dimension from 0 to 2^64 - 1"],
    );
    assert!(
        of(&shape("(9223372036854775807, 0, 8)"), 0)
            .unwrap()
            .tensors()[0]
            .shape
            .contains(&0)
    );
    let empty = dict(
        "'>f4'",
        "True",
        "(9223372036854775808, 9223372036854775807, 0)",
    );
    assert!(of(&empty, 0).unwrap().read("x").unwrap().values.is_empty());
    assert!(of(&shape(&format!("({})", "1,".repeat(64))), 4).is_ok());
    says(
        of(&shape(&format!("({})", "1,".repeat(65))), 4),
        &["at most 64 dimensions"],
    );
    for bad in [
        "(-1,)", "(2.0,)", "(2 2)", "(2", "2", "(2)", "(,)", "[2]", "None", "((2,),)",
    ] {
        says(of(&shape(bad), 16), &["expected"]);
    }
    says(
        of(&dict("'<f4'", "0", "(4,)"), 16),
        &["expected True or False"],
    );
    says(of(&dict("3", "False", "(4,)"), 16), &["expected a string"]);
    says(
        of(&dict("[('a', '<f4'", "False", "(4,)").replace(')', "]"), 16),
        &["expected"],
    );
    says(
        of("{'descr': '<f4', 'shape': (4,), }", 16),
        &["lacks the key 'fortran_order'"],
    );
    says(
        of("{'shape': (4,), 'shape': (4,), }", 16),
        &["'shape' twice"],
    );
    says(of("{'extra': 1}", 16), &["unknown key 'extra'"]);
    says(of("{}  {}", 0), &["expected the end of the header"]);
    says(of("{'descr': [", 0), &["the end of a list"]);
    // Deep nesting is neither slow nor a stack overflow.
    says(
        of(&format!("{{'descr': {}", "(".repeat(60_000)), 0),
        &["the end of a list"],
    );
    says(of(&"{".repeat(60_000), 0), &["expected a string"]);

    says(
        open_bytes("x.npy", b"\x93NUMPY\x09\0".to_vec()),
        &["version is 9"],
    );
    says(
        open_bytes("x.npy", b"\x93NUMPY\x02\0\xff\xff\xff\x7f".to_vec()),
        &["2147483647 bytes"],
    );
    says(
        open_bytes("x.npy", b"hello, world".to_vec()),
        &["magic number"],
    );
    let whole = fs::read(fixture("npy/f4.npy")).unwrap();
    for n in 0..whole.len() {
        assert!(
            open_bytes("x.npy", whole[..n].to_vec()).is_err(),
            "{n} bytes of it"
        );
    }
}

#[test]
fn archives_that_lie() {
    says(
        TensorFile::open(fixture("bzip2.npz"), &ReadLimits::default()),
        &["`W`", "stored and deflated"],
    );
    let array = npy(
        "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }\n",
        12,
    );
    for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        let of = |bytes: &[u8]| open_bytes("x.npz", npz(&[("a.npy", bytes)], method));
        assert_eq!(of(&array).unwrap().read("a").unwrap().values.len(), 3);
        says(
            of(&array[..array.len() - 1]),
            &["`a`", "[3]", "12 bytes", "has 11"],
        );
        says(of(&[&array[..], b"x"].concat()), &["`a`", "has 13"]);
        says(of(b"not an array"), &["`a`", "magic number"]);
        says(of(b""), &["`a`", "ends within the magic number"]);
    }
    says(
        open_bytes("x.npz", b"PK\x03\x04 and no archive".to_vec()),
        &["npz"],
    );
    says(
        open_bytes("x.npz", b"nothing of the kind".to_vec()),
        &["npz"],
    );
    let no_arrays = npz(&[("notes.txt", b"text")], CompressionMethod::Stored);
    assert!(open_bytes("x.npz", no_arrays).unwrap().tensors().is_empty());

    let whole = fs::read(fixture("stored.npz")).unwrap();
    for n in 0..whole.len() {
        assert!(
            open_bytes("x.npz", whole[..n].to_vec()).is_err(),
            "{n} bytes of it"
        );
    }
    // One wrong bit in the numbers of W: the checksum finds it.
    let mut damaged = whole;
    let at = 15.0_f32.mul_add(0.25, -1.25).to_le_bytes();
    let at = damaged.windows(4).position(|window| window == at).unwrap();
    damaged[at] ^= 1;
    says(
        open_bytes("x.npz", damaged).unwrap().read("W"),
        &["`W` is damaged"],
    );
}

#[test]
fn limits_are_compared_before_anything_is_allocated() {
    let limits = ReadLimits::default().with_max_bytes(20);
    let open = |name: &str| TensorFile::open(fixture(name), &limits).unwrap();
    says(
        open("one.safetensors").read("W"),
        &["`W`", "60 bytes", "limit of 20"],
    );
    says(open("deflated.npz").read("W"), &["60 bytes", "limit of 20"]);
    // Six numbers of 16 bits are 12 bytes in the file and 24 in memory.
    says(open("types.safetensors").read("f16"), &["24 bytes"]);
    assert_eq!(
        open("types.safetensors")
            .read("vector")
            .unwrap()
            .values
            .len(),
        4
    );
    // A slice costs its own memory, in Fortran order that of the tensor.
    let limits = ReadLimits::default().with_max_bytes(24);
    let file = TensorFile::open(fixture("types.safetensors"), &limits).unwrap();
    assert!(file.read_matrix(Some("stack"), Some(0)).is_ok());
    says(file.read("stack"), &["48 bytes"]);
    let file = TensorFile::open(fixture("npy/fortran-big-3d.npy"), &limits).unwrap();
    says(file.read_matrix(None, Some(0)), &["192 bytes"]);

    // 64 MiB of zeros in 64 KiB.
    let zeros = npy(
        "{'descr': '<f2', 'fortran_order': False, 'shape': (33554432,), }\n",
        1 << 26,
    );
    let bomb = npz(&[("zeros.npy", &zeros)], CompressionMethod::Deflated);
    assert!(bomb.len() < 1 << 17);
    let limits = ReadLimits::default().with_max_bytes(1 << 20);
    let file = TensorFile::from_bytes("bomb.npz", bomb.clone(), &limits).unwrap();
    says(file.read("zeros"), &["134217728 bytes", "1048576"]);

    // The same with a directory that claims a terabyte: more than its bytes can hold.
    let mut liar = bomb;
    let directory = liar.windows(4).rposition(|w| w == b"PK\x01\x02").unwrap();
    liar[directory + 24..directory + 28].copy_from_slice(&0xffff_fff0_u32.to_le_bytes());
    says(
        open_bytes("liar.npz", liar),
        &["`zeros`", "cannot hold the 4294967280"],
    );
}

#[test]
fn indexes_that_lead_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors.index.json");
    for shard in [
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
    ] {
        fs::copy(fixture("sharded").join(shard), folder.path().join(shard)).unwrap();
    }
    let of = |text: &str| {
        fs::write(&path, text).unwrap();
        TensorFile::open(&path, &ReadLimits::default())
    };
    let map = |name: &str, file: &str| of(&format!(r#"{{"weight_map":{{"{name}":"{file}"}}}}"#));
    let first = "model-00001-of-00002.safetensors";
    let file = map("norm.weight", first).unwrap();
    assert_eq!(
        file.tensors().len(),
        1,
        "what the index does not name is not listed"
    );

    for outside in [
        "../x.safetensors",
        "/etc/passwd",
        "a/b.safetensors",
        "..",
        ".",
        "",
        "a\\\\b",
        "C:x",
        "./a",
        "a/",
    ] {
        says(map("w", outside), &["not the plain name"]);
    }
    says(
        map("w", "model-3.safetensors"),
        &["1 of the files", "missing", "model-3.safetensors"],
    );
    says(map("w", first), &["`w` is in", first, "lacks it"]);
    says(
        map("w", "model.safetensors.index.json"),
        &["not a valid safetensors file"],
    );
    says(of("{}"), &["safetensors index", "weight_map"]);
    says(of(r#"{"weight_map":{"w":1}}"#), &["safetensors index"]);
    says(of("not json"), &["safetensors index"]);
    fs::write(folder.path().join(first), b"\x10").unwrap();
    says(map("norm.weight", first), &["truncated", first]);
    // Without a folder there are no files beside it.
    says(
        open_bytes("a.index.json", b"{\"weight_map\":{}}".to_vec()),
        &["from a folder"],
    );
}
