//! `analyze` and `compare` on dictionaries of other programs, and the tables they write.

mod support;

use std::path::Path;

use superposition_lab::io::{ReadLimits, TensorFile, Values};
use support::{Folder, safetensors};

/// A folder of the fixtures of superposition-io, copied.
fn copy(folder: &Folder, name: &str) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../superposition-io/tests/fixtures/dictionaries")
        .join(name);
    std::fs::create_dir(folder.path(name)).unwrap();
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), folder.path(name).join(file.file_name())).unwrap();
    }
}

#[test]
fn every_format_is_found_and_said() {
    let folder = Folder::new();
    for (name, format, n_features) in [
        ("saelens-standard", "saelens", 6),
        ("saelens-gated", "saelens", 6),
        ("saelens-topk", "saelens", 6),
        ("saelens-jumprelu", "saelens", 6),
        ("saelens-bf16", "saelens", 6),
        ("saelens-transcoder", "saelens", 6),
        ("gemma-scope", "gemma-scope", 6),
        ("gemma-scope-2", "gemma-scope", 6),
        ("sparsify", "sparsify", 6),
        ("sparsify-expansion", "sparsify", 8),
        ("saelens-synthetic", "saelens-synthetic", 6),
    ] {
        copy(&folder, name);
        let run = folder.run(&format!("analyze {name} --json")).succeeds();
        let said = format!("is read as {format}: it has ");
        assert!(run.stderr.contains(&said), "{}", run.stderr);
        let document = run.json();
        assert_eq!(document["format"]["name"], format);
        assert_eq!(document["features"], "rows");
        assert_eq!(document["n_features"], n_features);
        let forced = folder.run(&format!("analyze {name} --json --quiet --format {format}"));
        let forced = forced.succeeds();
        assert_eq!(forced.stderr, "");
        assert_eq!(forced.json(), document);
        let text = folder.run(&format!("analyze {name}")).succeeds();
        assert!(text.stdout.contains(&format!("{format}: it has ")));
    }
    copy(&folder, "linear");
    folder
        .run("analyze linear")
        .fails(2, &["--features rows", "[4, 6]"]);
    let document = folder.run("analyze linear --features columns --json");
    let document = document.succeeds().json();
    assert_eq!(document["format"]["name"], "matrix");
    assert_eq!(document["n_features"], 6);
    let document = folder.run("compare saelens-standard sparsify --json");
    assert_eq!(
        document.succeeds().json()["n_features"],
        serde_json::json!([6, 6])
    );
}

#[test]
fn what_cannot_be_told_is_asked() {
    let folder = Folder::new();
    copy(&folder, "saelens-jumprelu");
    std::fs::remove_file(folder.path("saelens-jumprelu/cfg.json")).unwrap();
    folder
        .run("analyze saelens-jumprelu")
        .fails(1, &["saelens or gemma-scope", "[d_sae, d_in]"]);
    let forced = "analyze saelens-jumprelu --json --quiet --format";
    let a = folder.run(&format!("{forced} saelens")).succeeds().json();
    let b = folder.run(&format!("{forced} gemma-scope")).succeeds();
    assert_eq!(a["total_dimensionality"], b.json()["total_dimensionality"]);
    folder
        .run(&format!("{forced} sparsify"))
        .fails(1, &["not laid out as sparsify", "encoder.weight"]);
    folder
        .run(&format!("{forced} toy-model"))
        .fails(1, &["toy model"]);
    folder
        .run("analyze saelens-jumprelu --tensor W_dec")
        .fails(2, &["--features rows"]);
    folder
        .run("analyze saelens-jumprelu --tensor W_dec --features rows")
        .succeeds();
    // Who names the tensor and the side is not held up by a layout that contradicts itself.
    folder.write("saelens-jumprelu/cfg.json", br#"{"d_in": 7, "d_sae": 6}"#);
    folder
        .run("analyze saelens-jumprelu")
        .fails(1, &["[6, 4]", "should be 7"]);
    folder
        .run("analyze saelens-jumprelu --tensor W_dec --features rows")
        .succeeds();
    folder.run("analyze saelens-jumprelu --format sae").fails(
        2,
        &["saelens-synthetic", "gemma-scope", "matrix", "toy-model"],
    );
    std::fs::create_dir(folder.path("empty")).unwrap();
    folder.run("analyze empty").fails(1, &["is a folder"]);
}

#[test]
fn tables_hold_the_same_in_every_format() {
    let folder = Folder::new();
    copy(&folder, "saelens-jumprelu");
    folder.write(
        "labels.txt",
        "the\n\"a\", b\n\u{e9}\r\n\nlong\n#5".as_bytes(),
    );
    folder.write(
        "rates.safetensors",
        &rates(&[0.5, 0.0, 1.0, 1e-3, 1e-9, 0.25]),
    );
    let line = "analyze saelens-jumprelu --labels labels.txt --firing-rates rates.safetensors";
    for name in ["a.csv", "a.jsonl", "a.npz"] {
        let run = folder
            .run(&format!("{line} --per-feature {name}"))
            .succeeds();
        assert!(run.stdout.contains("dead features"), "{}", run.stdout);
        assert!(run.stdout.contains("(the)"), "{}", run.stdout);
    }
    let csv = std::fs::read_to_string(folder.path("a.csv")).unwrap();
    let header = "feature,label,norm,dimensionality,mean_interference,max_cosine,nearest,min_cosine,most_opposed,degree,cluster,met_interference,decoder_norm,encoder_norm,encoder_cosine,b_enc,threshold,firing_rate,dead";
    assert_eq!(csv.lines().next().unwrap(), header);
    let jsonl = std::fs::read_to_string(folder.path("a.jsonl")).unwrap();
    let file = TensorFile::open(folder.path("a.npz"), &ReadLimits::default()).unwrap();
    let names: Vec<&str> = file.tensors().iter().map(|t| t.name.as_str()).collect();
    assert_eq!(names.join(","), header);
    let numbers = |name: &str| match file.read(name).unwrap().values {
        Values::F64(values) => values,
        Values::F32(_) => panic!("tables are f64"),
    };
    for (i, line) in jsonl.lines().enumerate() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(row["feature"], i);
        assert_eq!(
            row["label"],
            ["the", "\"a\", b", "\u{e9}", "", "long", "#5"][i]
        );
        assert_eq!(row["dead"], [false, true, false, false, true, false][i]);
        for name in ["norm", "dimensionality", "encoder_cosine", "threshold"] {
            assert_eq!(row[name], numbers(name)[i], "{name}");
        }
        // From the end: a label may hold a comma.
        let cells: Vec<&str> = csv.lines().nth(i + 1).unwrap().rsplit(',').collect();
        for (name, cell) in header.rsplit(',').zip(&cells).take(16) {
            assert_eq!(cell.parse::<f64>().ok(), row[name].as_f64(), "{name}");
        }
        // Feature 2 is zero: it has no neighbour.
        assert_eq!(row["nearest"].is_null(), i == 2);
        assert_eq!(
            row["max_cosine"].is_null(),
            numbers("max_cosine")[i].is_nan()
        );
    }
    assert_eq!(jsonl.lines().count(), 6);
    assert!(csv.contains("1,\"\"\"a\"\", b\","), "{csv}");

    folder
        .run(&format!("{line} --per-feature a.csv"))
        .fails(1, &["a.csv", "--force"]);
    folder
        .run(&format!("{line} --per-feature a.txt"))
        .fails(2, &["a.txt", ".csv, .jsonl or .npz"]);
    folder
        .run("analyze saelens-jumprelu --labels labels.csv --per-feature labels.csv")
        .fails(2, &["same file"]);
    folder.write("five.txt", b"1\n2\n3\n4\n5\n");
    folder
        .run("analyze saelens-jumprelu --labels five.txt")
        .fails(1, &["five.txt", "5 lines", "6 features"]);
    folder.write("latin.txt", b"1\n2\n\xe9\n4\n5\n6\n");
    folder
        .run("analyze saelens-jumprelu --labels latin.txt")
        .fails(1, &["line 3 is not UTF-8"]);
}

fn rates(values: &[f32]) -> Vec<u8> {
    let header = format!(
        r#"{{"rates":{{"dtype":"F32","shape":[{}],"data_offsets":[0,{}]}}}}"#,
        values.len(),
        4 * values.len()
    );
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    bytes
}

#[test]
fn controls_firing_rates_and_bad_values() {
    let folder = Folder::new();
    copy(&folder, "saelens-standard");
    copy(&folder, "saelens-jumprelu");
    let run = folder.run("analyze saelens-standard --control saelens-jumprelu");
    assert!(run.succeeds().stdout.contains("Beside the control"));
    let document = folder.run("analyze saelens-standard --control saelens-jumprelu --json");
    let document = document.succeeds().json();
    assert_eq!(document["control"]["format"]["architecture"], "jumprelu");
    assert_eq!(document["control"]["geometry"]["n_features"], 6);
    folder.write("rates.safetensors", &rates(&[0.5; 5]));
    folder
        .run("analyze saelens-standard --firing-rates rates.safetensors")
        .fails(1, &["5 rates", "6 features"]);
    let masked = "analyze saelens-standard --json --mask-dead --firing-rates rates.safetensors";
    folder.write("rates.safetensors", &rates(&[0.5, 0.5, 0.5, 0.5, 0.0, 0.5]));
    let document = folder.run(masked).succeeds().json();
    assert_eq!(document["firing"]["n_dead"], 1);
    assert_eq!(document["n_represented"], 4);

    folder
        .run("analyze saelens-standard --mask-dead")
        .fails(2, &["firing rates"]);
    let listing = folder.run("analyze saelens-standard --list").succeeds();
    assert!(listing.stdout.contains("W_enc"), "{}", listing.stdout);

    // A NaN in the encoder, which the geometry does not read.
    let path = folder.path("saelens-standard/sae_weights.safetensors");
    let mut bytes = std::fs::read(&path).unwrap();
    let file = TensorFile::open(&path, &ReadLimits::default()).unwrap();
    let before: usize = file
        .tensors()
        .iter()
        .take_while(|t| t.name != "W_enc")
        .map(|t| 4 * t.shape.iter().product::<usize>())
        .sum();
    let data: usize = file
        .tensors()
        .iter()
        .map(|t| 4 * t.shape.iter().product::<usize>())
        .sum();
    // Element (2, 5) of [d_in, d_sae].
    let at = bytes.len() - data + before + 4 * (2 * 6 + 5);
    bytes[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    folder.write("saelens-standard/sae_weights.safetensors", &bytes);
    folder
        .run("analyze saelens-standard")
        .fails(1, &["\"W_enc\"", "component 2 of feature 5 is NaN"]);
    folder.write("nan.safetensors", &safetensors(1, 2, &[1.0, f32::INFINITY]));
    folder
        .run("analyze nan.safetensors --features rows")
        .fails(1, &["\"W\"", "component 1 of feature 0 is inf"]);
}

#[test]
fn neighbors_and_edges_are_listed() {
    let folder = Folder::new();
    copy(&folder, "saelens-standard");
    folder.write("labels.txt", b"a\nb\nc\nd\ne\nf");
    let line = "analyze saelens-standard --labels labels.txt --neighbors 3 --edges 0.01";
    folder
        .run(&format!("{line} --per-feature f.jsonl --edges-out e.csv"))
        .succeeds();
    let features = std::fs::read_to_string(folder.path("f.jsonl")).unwrap();
    let rows: Vec<serde_json::Value> = features
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let degrees: u64 = rows
        .iter()
        .map(|row| row["degree"].as_u64().unwrap_or(0))
        .sum();
    for row in &rows {
        assert!(row["max_cosine"].as_f64() >= row["nearest_2_cosine"].as_f64());
        assert!(row["nearest_2_cosine"].as_f64() >= row["nearest_3_cosine"].as_f64());
        assert!(row["min_cosine"].as_f64() <= row["most_opposed_2_cosine"].as_f64());
    }
    let edges = std::fs::read_to_string(folder.path("e.csv")).unwrap();
    let mut lines = edges.lines();
    assert_eq!(lines.next(), Some("i,j,cosine,label_i,label_j"));
    let mut count = 0;
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        let (i, j): (usize, usize) = (cells[0].parse().unwrap(), cells[1].parse().unwrap());
        let cosine: f64 = cells[2].parse().unwrap();
        assert!(i < j && cosine * cosine > 0.01);
        assert_eq!(cells[3..], [&"abcdef"[i..=i], &"abcdef"[j..=j]]);
        count += 1;
    }
    assert_eq!(2 * count, degrees);
    assert!(count > 0);
    // Nothing that exists is replaced, and one file is not both.
    folder
        .run("analyze saelens-standard --edges-out e.csv")
        .fails(1, &["e.csv", "--force"]);
    folder
        .run("analyze saelens-standard --edges-out x.csv --per-feature x.csv")
        .fails(2, &["x.csv"]);
}

#[test]
fn without_pairs_the_sums_are_the_same() {
    let folder = Folder::new();
    copy(&folder, "saelens-standard");
    let all = folder
        .run("analyze saelens-standard --json")
        .succeeds()
        .json();
    let sums = folder
        .run("analyze saelens-standard --no-pairs --json")
        .succeeds()
        .json();
    for key in [
        "total_dimensionality",
        "mean_interference",
        "frame_potential",
    ] {
        assert_eq!(sums[key], all[key], "{key}");
    }
    for key in ["coherence", "max_cosine", "mean_degree", "clusters"] {
        assert!(sums[key].is_null() && !all[key].is_null(), "{key}");
    }
    folder.run("analyze saelens-standard --no-pairs").succeeds();
}

#[test]
fn polytopes_baselines_and_activity_are_read() {
    let folder = Folder::new();
    copy(&folder, "saelens-standard");
    folder.write(
        "rates.safetensors",
        &rates(&[0.5, 0.1, 0.2, 0.3, 0.1, 0.25]),
    );
    let line = "analyze saelens-standard --polytopes 0.3 --null 5 --edges 0.3 --firing-rates rates.safetensors";
    let run = folder
        .run(&format!("{line} --json --per-feature f.jsonl"))
        .succeeds();
    let document = run.json();
    assert_eq!(document["polytopes"]["threshold"], 0.3);
    let counts = document["polytopes"]["counts"].as_array().unwrap();
    let features: u64 = counts
        .iter()
        .map(|count| count["n_features"].as_u64().unwrap())
        .sum();
    assert_eq!(document["n_represented"], features);
    let null = &document["null_baselines"];
    assert_eq!(
        (&null["draws"], &null["edge_threshold"]),
        (&5.into(), &0.3.into())
    );
    assert_eq!(null["mean_degree"]["observed"], document["mean_degree"]);
    assert_eq!(
        null["max_cosine"]["observed"],
        document["max_cosine"]["value"]
    );
    assert!(null["max_cosine"]["matched"]["mean"].is_number());
    let of_features = &null["feature_interference"];
    assert_eq!(
        of_features["isotropic"]["mean"],
        document["mean_interference_chance"]
    );
    assert_eq!(document["activity"]["weighting"]["by"], "rates");
    assert!(document["certificates"].as_array().unwrap().len() >= 3);
    let rows = std::fs::read_to_string(folder.path("f.jsonl")).unwrap();
    let row: serde_json::Value = serde_json::from_str(rows.lines().next().unwrap()).unwrap();
    assert!(row["polytope"].is_string() && row["component"].is_number());
    let text = folder.run(line).succeeds().stdout;
    for part in [
        "Polytopes: components of cos^2 > 0.3",
        "Beside chance",
        "Bounds that",
        "interference met",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // The same seed, the same draws; another seed, others.
    let again = folder.run(&format!("{line} --json")).succeeds().json();
    assert_eq!(again["null_baselines"], document["null_baselines"]);
    let other = folder
        .run(&format!("{line} --json --null-seed 7"))
        .succeeds()
        .json();
    assert_ne!(other["null_baselines"], document["null_baselines"]);
}

#[test]
fn activations_weigh_the_pairs_that_meet() {
    let folder = Folder::new();
    // Features 0 and 1 at cosine 0.6, feature 2 opposed to 0; samples in rows.
    folder.write(
        "w.safetensors",
        &safetensors(3, 2, &[1.0, 0.0, 0.6, 0.8, -1.0, 0.0]),
    );
    let samples = [1.0, 2.0, 0.0, 1.0, 0.0, 0.0, 0.0, 3.0, 0.0, 1.0, 1.0, 0.0];
    folder.write("a.safetensors", &safetensors(4, 3, &samples));
    let line = "analyze w.safetensors --features rows --activations a.safetensors";
    let run = folder.run(&format!("{line} --samples rows --json --per-feature f.csv"));
    let document = run.succeeds().json();
    // 0 and 1 meet in two of four samples, no others ever do.
    let activity = &document["activity"];
    assert_eq!(activity["weighting"]["n_samples"], 4);
    assert_eq!(activity["pairs"], 1.0);
    let mean = activity["mean"].as_f64().unwrap();
    assert!((mean - 0.36).abs() < 1e-7, "{mean}");
    let csv = std::fs::read_to_string(folder.path("f.csv")).unwrap();
    assert!(csv.lines().next().unwrap().ends_with(",met_interference"));
    // The orientation is never guessed, and the number of features must fit.
    folder.run(line).fails(2, &["--samples"]);
    folder
        .run(&format!("{line} --samples columns"))
        .fails(1, &["3 features", "4"]);
}
