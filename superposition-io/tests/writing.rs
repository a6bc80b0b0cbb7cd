//! What is written: the bytes of the reference implementation, and never a part of a file.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use superposition_io::{
    IoError, Overwrite, ReadLimits, TensorFile, TensorToWrite, Values, prepare_directory,
    write_atomic, write_safetensors,
};

const W: TensorToWrite<'_> = TensorToWrite {
    name: "W",
    shape: &[2, 3],
    values: &[1.0, -0.0, f32::MIN_POSITIVE, 4.0, 5.5, -6.0],
};
const B: TensorToWrite<'_> = TensorToWrite {
    name: "b",
    shape: &[2],
    values: &[f32::NAN, f32::NEG_INFINITY],
};

fn metadata(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect()
}

fn written(tensors: &[TensorToWrite<'_>], metadata: &BTreeMap<String, String>) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.safetensors");
    write_safetensors(&path, tensors, metadata, Overwrite::Refuse).unwrap();
    fs::read(&path).unwrap()
}

/// The bytes of the safetensors crate; deterministic for at most one metadata key.
fn reference(tensors: &[TensorToWrite<'_>], metadata: &BTreeMap<String, String>) -> Vec<u8> {
    let data: Vec<Vec<u8>> = tensors
        .iter()
        .map(|t| t.values.iter().flat_map(|v| v.to_le_bytes()).collect())
        .collect();
    let views = tensors.iter().zip(&data).map(|(t, data)| {
        let view =
            safetensors::tensor::TensorView::new(safetensors::Dtype::F32, t.shape.to_vec(), data);
        (t.name, view.unwrap())
    });
    let map: HashMap<String, String> = metadata.clone().into_iter().collect();
    safetensors::serialize(views, (!map.is_empty()).then_some(map)).unwrap()
}

fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn the_bytes_are_those_of_the_reference_implementation() {
    let scalar = TensorToWrite {
        name: "s \"quoted\" ü",
        shape: &[],
        values: &[7.0],
    };
    let empty = TensorToWrite {
        name: "e",
        shape: &[0, 4],
        values: &[],
    };
    let config = metadata(&[("config", "{\"n_features\":3,\"text\":\"\\n\"}")]);
    for tensors in [vec![], vec![W], vec![B, W], vec![scalar, empty, B, W]] {
        for metadata in [&BTreeMap::new(), &config] {
            assert_eq!(written(&tensors, metadata), reference(&tensors, metadata));
        }
    }
}

#[test]
fn equal_input_gives_equal_bytes_in_any_order() {
    let keys = metadata(&[("z", "1"), ("a", "2"), ("m", "3"), ("b", "4")]);
    let bytes = written(&[W, B], &keys);
    for _ in 0..5 {
        assert_eq!(written(&[B, W], &keys), bytes);
    }
    let header = String::from_utf8_lossy(&bytes[8..]).into_owned();
    let at = |text: &str| header.find(text).unwrap();
    assert!(header.starts_with(r#"{"__metadata__":{"a":"2","b":"4","m":"3","z":"1"}"#));
    assert!(at("\"W\"") < at("\"b\":{"));
    // Control: other values are other bytes.
    let other = TensorToWrite {
        values: &[0.0; 6],
        ..W
    };
    assert_ne!(written(&[other, B], &keys), bytes);
}

#[test]
fn what_is_written_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.safetensors");
    let keys = metadata(&[("config", "{}"), ("other", "ü\n")]);
    write_safetensors(&path, &[W, B], &keys, Overwrite::Refuse).unwrap();
    let file = TensorFile::open(&path, &ReadLimits::default()).unwrap();
    assert_eq!(file.metadata(), &keys);
    for tensor in [W, B] {
        let read = file.read(tensor.name).unwrap();
        assert_eq!(read.info.shape, tensor.shape);
        let Values::F32(values) = read.values else {
            panic!("written as F32")
        };
        let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&values), bits(tensor.values));
    }
}

#[test]
fn tensors_that_make_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.safetensors");
    let fails = |tensors: &[TensorToWrite<'_>], part: &str| {
        let error = write_safetensors(&path, tensors, &BTreeMap::new(), Overwrite::Replace);
        let message = error.unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    };
    fails(&[W, B, W], "two tensors are named `W`");
    fails(
        &[TensorToWrite {
            shape: &[3, 3],
            ..W
        }],
        "`W` has shape [3, 3] and 6 values",
    );
    fails(
        &[TensorToWrite {
            shape: &[usize::MAX, 2],
            ..W
        }],
        "and 6 values",
    );
    fails(
        &[TensorToWrite {
            name: "__metadata__",
            ..W
        }],
        "reserves the name",
    );
    assert!(names_in(folder.path()).is_empty());
}

#[test]
fn nothing_that_exists_is_replaced_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    write_atomic(&path, b"old", Overwrite::Refuse).unwrap();
    let error = write_atomic(&path, b"new", Overwrite::Refuse).unwrap_err();
    assert!(matches!(&error, IoError::Exists { .. }));
    assert!(error.to_string().contains("exists already"));
    let error = write_safetensors(&path, &[W], &BTreeMap::new(), Overwrite::Refuse).unwrap_err();
    assert!(matches!(error, IoError::Exists { .. }));
    assert_eq!(fs::read(&path).unwrap(), b"old");
    write_atomic(&path, b"new", Overwrite::Replace).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
    assert_eq!(names_in(folder.path()), ["x"], "no temporary file is left");
}

#[test]
fn places_where_no_file_can_be() {
    let folder = tempfile::tempdir().unwrap();
    for overwrite in [Overwrite::Refuse, Overwrite::Replace] {
        let error = write_atomic(folder.path(), b"x", overwrite).unwrap_err();
        assert!(matches!(error, IoError::IsDirectory { .. }), "{error}");
        let error = write_atomic(folder.path().join("no/such/x"), b"x", overwrite).unwrap_err();
        assert!(
            error.to_string().contains("cannot create a file in"),
            "{error}"
        );
        assert!(error.to_string().contains("such"), "{error}");
    }
    assert!(names_in(folder.path()).is_empty());
}

#[test]
fn one_of_several_writers_wins() {
    for _ in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let n_won = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for writer in 0_u8..4 {
                let (path, n_won) = (&path, &n_won);
                scope.spawn(
                    move || match write_atomic(path, &[writer; 1000], Overwrite::Refuse) {
                        Ok(()) => {
                            n_won.fetch_add(1, Ordering::SeqCst);
                        }
                        Err(error) => assert!(matches!(error, IoError::Exists { .. }), "{error}"),
                    },
                );
            }
        });
        assert_eq!(n_won.into_inner(), 1);
        let content = fs::read(&path).unwrap();
        assert!(content.len() == 1000 && content.iter().all(|byte| *byte == content[0]));
        assert_eq!(names_in(folder.path()), ["x"]);
    }
}

#[cfg(unix)]
#[test]
fn permissions_are_those_of_any_new_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let mode = |name: &str| {
        fs::metadata(folder.path().join(name))
            .unwrap()
            .permissions()
            .mode()
    };
    fs::write(folder.path().join("plain"), b"x").unwrap();
    write_atomic(folder.path().join("atomic"), b"x", Overwrite::Refuse).unwrap();
    assert_eq!(mode("atomic"), mode("plain"));
}

#[test]
fn a_folder_for_results() {
    let folder = tempfile::tempdir().unwrap();
    let results = folder.path().join("a/b");
    prepare_directory(&results, Overwrite::Refuse).unwrap();
    assert!(names_in(&results).is_empty(), "trying leaves nothing");
    prepare_directory(&results, Overwrite::Refuse).unwrap();
    fs::write(results.join("old.txt"), b"old").unwrap();
    let error = prepare_directory(&results, Overwrite::Refuse).unwrap_err();
    assert!(matches!(&error, IoError::NotEmpty { entry, .. } if entry == "old.txt"));
    assert!(
        error
            .to_string()
            .contains("is not empty (it holds old.txt)")
    );
    prepare_directory(&results, Overwrite::Replace).unwrap();
    assert_eq!(names_in(&results), ["old.txt"], "nothing is removed");

    for overwrite in [Overwrite::Refuse, Overwrite::Replace] {
        let file = results.join("old.txt");
        let error = prepare_directory(&file, overwrite).unwrap_err();
        assert!(matches!(error, IoError::NotADirectory { .. }), "{error}");
        let error = prepare_directory(file.join("sub"), overwrite).unwrap_err();
        assert!(error.to_string().contains("old.txt"), "{error}");
        for error in [
            prepare_directory("", overwrite),
            write_atomic("", b"x", overwrite),
        ] {
            let message = error.unwrap_err().to_string();
            assert!(message.contains("the path is empty"), "{message}");
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_cannot_be_written() {
    // Not even the superuser creates files there.
    for path in ["/proc/superposition", "/proc/self/task"] {
        let error = prepare_directory(path, Overwrite::Replace).unwrap_err();
        assert!(error.to_string().contains(&format!("{path}: ")), "{error}");
    }
}

fn tensors() -> impl Strategy<Value = BTreeMap<String, (Vec<usize>, Vec<f32>)>> {
    let tensor = prop::collection::vec(0_usize..5, 0..4).prop_flat_map(|shape| {
        let n: usize = shape.iter().product();
        let value = any::<u32>().prop_map(f32::from_bits);
        (Just(shape), prop::collection::vec(value, n))
    });
    prop::collection::btree_map("[a-zA-Z0-9._ \"\\\\/ü\n-]{0,12}", tensor, 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_tensors_are_written_as_by_the_reference_and_read_back(
        tensors in tensors(),
        note in prop::option::of(".{0,20}"),
    ) {
        let keys = note.into_iter().map(|note| ("note".to_owned(), note)).collect();
        let list: Vec<_> = tensors
            .iter()
            .map(|(name, (shape, values))| TensorToWrite { name, shape, values })
            .collect();
        let bytes = written(&list, &keys);
        prop_assert_eq!(&bytes, &reference(&list, &keys));
        let file = TensorFile::from_bytes("x.safetensors", bytes, &ReadLimits::default()).unwrap();
        prop_assert_eq!(file.metadata(), &keys);
        prop_assert_eq!(file.tensors().len(), tensors.len());
        for (name, (shape, values)) in &tensors {
            let read = file.read(name).unwrap();
            prop_assert_eq!(&read.info.shape, shape);
            let Values::F32(read) = read.values else { panic!("written as F32") };
            prop_assert!(read.iter().map(|v| v.to_bits()).eq(values.iter().map(|v| v.to_bits())));
        }
    }
}
