//! Seeded mutations of small valid files: nothing panics, whatever the bytes.

mod read_everything;

use std::fs;
use std::path::{Path, PathBuf};

use read_everything::{read_all, read_everything, recognize_everything};
use superposition_io::{ReadLimits, TensorFile};

/// SplitMix64: enough randomness for mutations, the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

const INTERESTING: [u64; 10] = [
    0,
    1,
    2,
    7,
    255,
    65_536,
    100_000_000,
    u32::MAX as u64,
    i64::MAX as u64,
    u64::MAX,
];
const NUMBERS: [&str; 10] = [
    "0",
    "1",
    "-1",
    "3",
    "1e9",
    "0.5",
    "4294967296",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
];
const WORDS: [&str; 12] = [
    "F64", "F16", "I64", "BOOL", "F4", "<f8", ">f2", "|O", "True", "(", "[[", "null",
];

/// One to four changes, some of bytes and some of what a header's text means.
fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        // Headers are at the start or, in archives, at the end.
        let at = match random.below(3) {
            0 => at % 128,
            1 => bytes.len().saturating_sub(1 + at % 128),
            _ => at,
        };
        let end = bytes.len().min(at + 1 + random.below(16));
        match random.below(9) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 if at < bytes.len() => bytes[at] = random.next() as u8,
            2 => bytes.truncate(at),
            3 if at < end => drop(bytes.drain(at..end)),
            4 if at < end => {
                let piece = bytes[at..end].to_vec();
                let to = random.below(bytes.len());
                bytes.splice(to..to, piece);
            }
            5 => {
                let number = random.of(&INTERESTING).to_le_bytes();
                let width = random.of(&[1, 2, 4, 8]);
                for (byte, new) in bytes.iter_mut().skip(at).zip(&number[..width]) {
                    *byte = *new;
                }
            }
            6 | 7 => replace_run(bytes, at, u8::is_ascii_digit, random.of(&NUMBERS)),
            _ => replace_run(bytes, at, u8::is_ascii_alphanumeric, random.of(&WORDS)),
        }
    }
}

/// Replaces the next run of such bytes.
fn replace_run(bytes: &mut Vec<u8>, at: usize, is: impl Fn(&u8) -> bool, new: &str) {
    let rest = bytes.get(at..).unwrap_or_default();
    if let Some(start) = rest.iter().position(&is) {
        let n = rest[start..].iter().take_while(|byte| is(byte)).count();
        bytes.splice(at + start..at + start + n, new.bytes());
    }
}

fn fixture(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests/fixtures", name]
        .iter()
        .collect()
}

fn mutate_fixtures(names: &[&str], n_each: usize) {
    for (seed, name) in names.iter().enumerate() {
        let valid = fs::read(fixture(name)).unwrap();
        let n_valid = read_everything(&valid);
        assert!(n_valid > 0, "{name} is a good start");
        let mut random = Random(seed as u64);
        let (mut n_survived, mut n_refused) = (0, 0);
        for _ in 0..n_each {
            let mut bytes = valid.clone();
            mutate(&mut bytes, &mut random);
            match read_everything(&bytes) {
                0 => n_refused += 1,
                _ => n_survived += 1,
            }
        }
        // The mutations are neither all harmless nor all fatal at the door.
        assert!(
            n_survived > 0 && n_refused > n_each / 20,
            "{name}: {n_survived}, {n_refused}"
        );
    }
}

#[test]
fn mutated_safetensors() {
    mutate_fixtures(&["types.safetensors", "one.safetensors"], 1500);
}

#[test]
fn mutated_npy() {
    mutate_fixtures(
        &["npy/f4.npy", "npy/fortran-big-3d.npy", "npy/version-3.npy"],
        1000,
    );
    // These are not read, but must be refused in peace.
    for (seed, name) in ["npy/structured.npy", "npy/object.npy"].iter().enumerate() {
        let valid = fs::read(fixture(name)).unwrap();
        let mut random = Random(100 + seed as u64);
        for _ in 0..300 {
            let mut bytes = valid.clone();
            mutate(&mut bytes, &mut random);
            read_everything(&bytes);
        }
    }
}

#[test]
fn mutated_npz() {
    mutate_fixtures(&["stored.npz", "deflated.npz", "halves.npz"], 1000);
}

#[test]
fn mutated_dictionaries() {
    for (seed, (folder, tensors, config)) in [
        (
            "saelens-standard",
            "sae_weights.safetensors",
            Some("cfg.json"),
        ),
        ("saelens-gated", "sae_weights.safetensors", Some("cfg.json")),
        ("gemma-scope", "params.npz", None),
        ("gemma-scope-2", "params.safetensors", None),
        ("sparsify", "sae.safetensors", Some("cfg.json")),
        (
            "saelens-synthetic",
            "synthetic_model.safetensors",
            Some("synthetic_model_config.json"),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let folder = fixture("dictionaries").join(folder);
        let tensors = fs::read(folder.join(tensors)).unwrap();
        let config = config.map_or_else(Vec::new, |name| fs::read(folder.join(name)).unwrap());
        let join = |config: &[u8], tensors: &[u8]| {
            let length = (config.len() as u16).to_le_bytes();
            [&length, config, tensors].concat()
        };
        assert!(recognize_everything(&join(&config, &tensors)), "{folder:?}");
        let mut random = Random(100 + seed as u64);
        let mut n_recognized = 0;
        for round in 0..300 {
            // One of the two, so that the other stays good.
            let (mut config, mut tensors) = (config.clone(), tensors.clone());
            if round % 2 == 0 && !config.is_empty() {
                mutate(&mut config, &mut random);
            } else {
                mutate(&mut tensors, &mut random);
            }
            n_recognized += usize::from(recognize_everything(&join(&config, &tensors)));
        }
        assert!(
            (1..300).contains(&n_recognized),
            "{folder:?}: {n_recognized}"
        );
    }
}

#[test]
fn mutated_indexes() {
    let folder = tempfile::tempdir().unwrap();
    let shards = [
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
    ];
    for shard in shards {
        fs::copy(fixture("sharded").join(shard), folder.path().join(shard)).unwrap();
    }
    let valid = fs::read(fixture("sharded/model.safetensors.index.json")).unwrap();
    let mut random = Random(7);
    let mut n_opened = 0;
    for _ in 0..500 {
        let mut bytes = valid.clone();
        mutate(&mut bytes, &mut random);
        n_opened += open_index(folder.path(), &bytes);
    }
    assert!((1..500).contains(&n_opened), "{n_opened}");
    assert_eq!(open_index(folder.path(), &valid), 1);
}

fn open_index(folder: &Path, bytes: &[u8]) -> usize {
    let path = folder.join("model.safetensors.index.json");
    fs::write(&path, bytes).unwrap();
    let limits = ReadLimits::default().with_max_bytes(1 << 20);
    match TensorFile::open(&path, &limits) {
        Ok(file) => {
            read_all(&file);
            1
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            0
        }
    }
}

#[test]
fn random_bytes() {
    let mut random = Random(11);
    for n in 0..500 {
        let bytes: Vec<u8> = (0..n % 100).map(|_| random.next() as u8).collect();
        assert_eq!(read_everything(&bytes), 0);
    }
}
