//! `analyze` of dictionaries larger than the memory that it may take.
#![cfg(unix)]

mod support;

use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::process::{Command, Stdio};

use support::{Folder, Run};

/// 32 random bits for every number.
fn random(k: u64) -> u64 {
    let mut x = k.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (x ^ (x >> 31)) >> 32
}

/// A safetensors file; every tensor is its name, type, shape, and bytes.
fn safetensors(tensors: &[(&str, &str, [usize; 2], &[u8])]) -> Vec<u8> {
    let mut at = 0;
    let entries: Vec<String> = tensors
        .iter()
        .map(|(name, dtype, [rows, cols], bytes)| {
            let start = at;
            at += bytes.len();
            format!(
                r#""{name}":{{"dtype":"{dtype}","shape":[{rows},{cols}],"data_offsets":[{start},{at}]}}"#
            )
        })
        .collect();
    let header = format!("{{{}}}", entries.join(","));
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    tensors.iter().for_each(|(.., bytes)| file.extend(*bytes));
    file
}

/// A quarter of an integer that every type holds, and its bytes.
fn encode(value: f32, dtype: &str) -> Vec<u8> {
    let bits = value.to_bits();
    match dtype {
        "F64" => f64::from(value).to_le_bytes().to_vec(),
        "F32" => value.to_le_bytes().to_vec(),
        "BF16" => ((bits >> 16) as u16).to_le_bytes().to_vec(),
        _ if value == 0.0 => vec![0, 0],
        // Sign, five bits of exponent, ten of the fraction.
        _ => {
            let exponent = (bits >> 23 & 0xff) + 15 - 127;
            let half = bits >> 16 & 0x8000 | exponent << 10 | bits >> 13 & 0x3ff;
            (half as u16).to_le_bytes().to_vec()
        }
    }
}

const N: usize = 2500;
const M: usize = 16;

/// Component k of feature i: small integers, so that many cosines are equal or nearly so, some features copies, some zero.
fn component(i: usize, k: usize) -> f32 {
    let source = if i % 17 == 3 { i % 5 } else { i };
    if i % 101 == 7 {
        return 0.0;
    }
    let value = (random((source * M + k) as u64) % 9) as f32 - 4.0;
    value * if i.is_multiple_of(13) { 0.25 } else { 1.0 }
}

fn dictionary(dtype: &str, by_rows: bool) -> Vec<u8> {
    let bytes: Vec<u8> = if by_rows {
        let of = |i| (0..M).flat_map(move |k| encode(component(i, k), dtype));
        (0..N).flat_map(of).collect()
    } else {
        let of = |k| (0..N).flat_map(move |i| encode(component(i, k), dtype));
        (0..M).flat_map(of).collect()
    };
    let shape = if by_rows { [N, M] } else { [M, N] };
    safetensors(&[("W", dtype, shape, &bytes)])
}

/// The smallest budget in which the command runs.
fn smallest(folder: &Folder, line: &str) -> u64 {
    let run = folder
        .run(&format!("{line} --memory 1"))
        .fails(2, &["it needs at least "]);
    let (_, bytes) = run.stderr.split_once("at least ").unwrap();
    let digits: String = bytes.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap()
}

/// Runs in memory and in blocks, in the smallest budget and in one that is a bit larger: every byte that is printed and written is the same.
fn assert_same_in_blocks(folder: &Folder, line: &str) {
    let tables =
        |name: &str| format!("{line} --json --per-feature {name}.csv --edges-out {name}-edges.csv");
    let whole = folder.run(&tables("whole")).succeeds();
    for (threads, more) in [(1, 0), (2, 100_000)] {
        let memory = more + smallest(folder, &format!("{line} --threads {threads}"));
        let blocks = folder.run(&format!(
            "{} --memory {memory} --threads {threads} --force",
            tables("blocks")
        ));
        let blocks = blocks.succeeds();
        assert!(
            blocks.stderr.contains("read in blocks"),
            "{}",
            blocks.stderr
        );
        assert!(
            blocks.stdout == whole.stdout,
            "{line}: the documents differ"
        );
        for name in ["", "-edges"] {
            let read = |of: &str| std::fs::read(folder.path(&format!("{of}{name}.csv"))).unwrap();
            assert!(read("whole") == read("blocks"), "{line}: {name} differs");
        }
    }
    std::fs::remove_file(folder.path("whole.csv")).unwrap();
    std::fs::remove_file(folder.path("whole-edges.csv")).unwrap();
}

#[test]
fn documents_and_tables_are_those_of_the_matrix_in_memory() {
    let folder = Folder::new();
    for (dtype, by_rows, more) in [
        ("F64", true, "--neighbors 3"),
        ("F32", true, "--min-norm 5"),
        ("F16", false, ""),
        ("BF16", true, "--center"),
    ] {
        folder.write("w.safetensors", &dictionary(dtype, by_rows));
        let side = if by_rows { "rows" } else { "columns" };
        let line = format!("analyze w.safetensors --features {side} --edges 0.7 {more}");
        assert_same_in_blocks(&folder, &line);
    }
}

/// Folded norms, encoder cosines, dead features and interference weighted by firing rates, of a file as SAELens writes it.
#[test]
fn autoencoders_are_read_in_blocks_too() {
    let folder = Folder::new();
    let f32s = |values: Vec<f32>| -> Vec<u8> {
        values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect()
    };
    let decoder = f32s((0..N * M).map(|e| component(e / M, e % M)).collect());
    let encoder = f32s(
        (0..N * M)
            .map(|e| component(e % N + 1, e / N) + 0.5)
            .collect(),
    );
    let zeros = vec![0; 4 * N];
    let header = format!(
        r#"{{"W_dec":{{"dtype":"F32","shape":[{N},{M}],"data_offsets":[0,{a}]}},"W_enc":{{"dtype":"F32","shape":[{M},{N}],"data_offsets":[{a},{b}]}},"b_dec":{{"dtype":"F32","shape":[{M}],"data_offsets":[{b},{c}]}},"b_enc":{{"dtype":"F32","shape":[{N}],"data_offsets":[{c},{d}]}}}}"#,
        a = decoder.len(),
        b = 2 * decoder.len(),
        c = 2 * decoder.len() + 4 * M,
        d = 2 * decoder.len() + 4 * (M + N),
    );
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    for part in [
        header.as_bytes(),
        &decoder,
        &encoder,
        &zeros[..4 * M],
        &zeros,
    ] {
        bytes.extend(part);
    }
    std::fs::create_dir(folder.path("sae")).unwrap();
    folder.write("sae/sae_weights.safetensors", &bytes);
    let config = format!(
        r#"{{"d_in":{M},"d_sae":{N},"dtype":"float32","architecture":"standard","metadata":{{}}}}"#
    );
    folder.write("sae/cfg.json", config.as_bytes());
    let rates = f32s(
        (0..N)
            .map(|i| {
                if i.is_multiple_of(7) {
                    0.0
                } else {
                    (i % 50) as f32 / 50.0
                }
            })
            .collect(),
    );
    let header = format!(
        r#"{{"rates":{{"dtype":"F32","shape":[{N}],"data_offsets":[0,{}]}}}}"#,
        4 * N
    );
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(rates);
    folder.write("rates.safetensors", &bytes);
    let line = "analyze sae --edges 0.7 --firing-rates rates.safetensors --mask-dead";
    assert_same_in_blocks(&folder, line);
}

#[test]
fn what_needs_the_matrix_in_memory_is_refused_with_what_would_do() {
    let folder = Folder::new();
    folder.write("w.safetensors", &dictionary("F32", true));
    let line = "analyze w.safetensors --features rows";
    let budget = smallest(&folder, line);
    for (flags, word) in [
        ("--null", "--null"),
        ("--polytopes", "--polytopes"),
        ("--layer", "--layer"),
        (
            "--activations w.safetensors --samples columns",
            "--firing-rates",
        ),
    ] {
        folder
            .run(&format!("{line} {flags} --memory {budget}"))
            .fails(2, &[word, "pass --memory"]);
    }
    for wrong in ["1.5GiB", "much", "-1", "99999999999GiB", "GiB"] {
        folder
            .run(&format!("{line} --memory={wrong}"))
            .fails(2, &["--memory"]);
    }
    folder
        .run(&format!("{line} --memory 1GiB --quiet"))
        .succeeds();
    folder
        .run(&format!("{line} --pairs --no-pairs"))
        .fails(2, &["--no-pairs"]);
    let mut bytes = dictionary("F32", true);
    // Component 3 of feature 2000.
    let at = bytes.len() - 4 * (N * M) + 4 * (2000 * M + 3);
    bytes[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    folder.write("nan.safetensors", &bytes);
    for flag in ["", "--center"] {
        folder
            .run(&format!(
                "analyze nan.safetensors --features rows {flag} --memory {}",
                budget + 200_000
            ))
            .fails(1, &["\"W\"", "component 3 of feature 2000 is NaN"]);
    }
}

/// A header without data: of four million features nothing is read before the question.
#[test]
fn more_than_an_hour_is_asked_for() {
    let folder = Folder::new();
    let (n, m) = (4_000_000_u64, 1024_u64);
    let header = format!(
        r#"{{"W":{{"dtype":"BF16","shape":[{n},{m}],"data_offsets":[0,{}]}}}}"#,
        2 * n * m
    );
    let file = std::fs::File::create(folder.path("huge.safetensors")).unwrap();
    (&file)
        .write_all(&(header.len() as u64).to_le_bytes())
        .unwrap();
    (&file).write_all(header.as_bytes()).unwrap();
    file.set_len(8 + header.len() as u64 + 2 * n * m).unwrap();
    folder
        .run("analyze huge.safetensors --features rows")
        .fails(
            2,
            &[
                "estimate for 4000000 features in 1024 dimensions",
                "1.6e16 operations",
                "read in blocks",
                " h: add --pairs to do so, or --no-pairs",
            ],
        );
}

/// Ctrl-C while pairs are compared: the command ends within a few seconds, and nothing is there.
#[test]
fn an_interrupted_pass_leaves_nothing() {
    let folder = Folder::new();
    let (n, m) = (60_000, 32);
    let values: Vec<u8> = (0..n * m)
        .flat_map(|k| (random(k as u64) as f32 - 2_147_483_648.0).to_le_bytes())
        .collect();
    folder.write(
        "w.safetensors",
        &safetensors(&[("W", "F32", [n, m], &values)]),
    );
    let line = "analyze w.safetensors --features rows --threads 1";
    let budget = smallest(&folder, line);
    let mut child = folder
        .command(&format!(
            "{line} --memory {budget} --per-feature f.csv --edges-out e.csv"
        ))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("comparing pairs") {
        assert!(stderr.read_line(&mut said).unwrap() > 0, "{said}");
    }
    let asked = std::time::Instant::now();
    let status = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(status.unwrap().success());
    stderr.read_to_string(&mut said).unwrap();
    let run = Run::of(line, child.wait_with_output().unwrap());
    assert_eq!((run.code, run.stdout.as_str()), (Some(130), ""), "{said}");
    assert!(said.contains("interrupted: nothing was written"), "{said}");
    assert!(asked.elapsed().as_secs() < 20, "{:?}", asked.elapsed());
    let left = std::fs::read_dir(folder.path("")).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["w.safetensors"]);
}

/// A file of 96 MiB where no more than 68 MiB can be had: with the matrix in memory it fails there, in blocks it does not.
#[test]
#[cfg(target_os = "linux")]
fn a_file_larger_than_the_memory_there_is() {
    const LIMIT_KIB: u32 = 68 << 10;
    let (n, m) = (24_576, 512);
    let folder = Folder::new();
    let mut file = BufWriter::new(std::fs::File::create(folder.path("w.safetensors")).unwrap());
    let header = format!(
        r#"{{"W":{{"dtype":"F64","shape":[{n},{m}],"data_offsets":[0,{}]}}}}"#,
        8 * n * m
    );
    file.write_all(&(header.len() as u64).to_le_bytes())
        .unwrap();
    file.write_all(header.as_bytes()).unwrap();
    let bytes: Vec<u8> = (0..1 << 18)
        .flat_map(|k| (random(k) as f64 / 2_147_483_648.0 - 1.0).to_le_bytes())
        .collect();
    let small: Vec<u8> = (0..1 << 18)
        .flat_map(|k| (random(k) as f64 / 2_147_483_648e3 - 1e-3).to_le_bytes())
        .collect();
    for i in 0..n {
        // Every ninth feature is of a norm that counts; 18009 is a copy of 90.
        let source = if i == 18_009 { 90 } else { i };
        let start = 8 * (random(source as u64) as usize % ((1 << 18) - m));
        let values = if i.is_multiple_of(9) { &bytes } else { &small };
        file.write_all(&values[start..start + 8 * m]).unwrap();
    }
    drop(file);
    let line = "analyze w.safetensors --features rows --min-norm 1 --threads 1 --json --quiet";
    let budget = smallest(&folder, line);
    assert!(budget < 56 << 20, "{budget}");
    let limited = |more: &str| {
        let command = format!(
            "ulimit -d {LIMIT_KIB}; exec {} {line} {more}",
            env!("CARGO_BIN_EXE_superposition")
        );
        let output = Command::new("sh")
            .args(["-c", &command])
            .current_dir(folder.path(""))
            .env("RUST_BACKTRACE", "0")
            .output();
        Run::of(line, output.unwrap())
    };
    let document = limited(&format!("--memory {budget}")).succeeds().json();
    assert_eq!(document["n_features"], n);
    assert_eq!(document["n_represented"], n.div_ceil(9));
    let copies = serde_json::json!({"value": 1.0, "i": 90, "j": 18_009});
    assert_eq!(document["max_cosine"], copies);
    assert!(document["mean_interference"].as_f64().unwrap() < 0.01);
    assert_ne!(limited("--memory 1GiB").code, Some(0));
}
