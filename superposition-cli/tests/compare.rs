//! `superposition compare` on files: what it says of a permuted, a rotated and an unrelated copy.

mod support;

use serde_json::{Value, json};
use superposition_lab::analysis::faer::Mat;
use superposition_testkit::geometry;
use support::{Folder, safetensors};

const M: usize = 12;
const N: usize = 60;

/// A dictionary with a feature per row.
fn write(folder: &Folder, name: &str, w: &Mat<f64>) {
    let rows: Vec<f32> = (0..w.ncols())
        .flat_map(|j| w.col_as_slice(j).iter().map(|&x| x as f32))
        .collect();
    folder.write(name, &safetensors(w.ncols(), w.nrows(), &rows));
}

fn folder() -> Folder {
    let folder = Folder::new();
    let a = geometry::random_gaussian(M, N, 1);
    let order: Vec<usize> = (0..N).map(|i| (7 * i + 2) % N).collect();
    let turn = geometry::random_rotation(M, 2);
    write(&folder, "a.safetensors", &a);
    write(
        &folder,
        "permuted.safetensors",
        &geometry::permute_columns(a.as_ref(), &order),
    );
    write(
        &folder,
        "rotated.safetensors",
        &geometry::rotate(turn.as_ref(), a.as_ref()),
    );
    write(
        &folder,
        "other.safetensors",
        &geometry::random_gaussian(M, N, 3),
    );
    write(
        &folder,
        "fewer.safetensors",
        &geometry::random_gaussian(M, 10, 4),
    );
    write(
        &folder,
        "wider.safetensors",
        &geometry::random_gaussian(M + 1, N, 5),
    );
    folder
}

fn compare(folder: &Folder, b: &str, flags: &str) -> Value {
    let line = format!(
        "compare a.safetensors {b}.safetensors --a-features rows --b-features rows --json {flags}"
    );
    folder.run(&line).succeeds().json()
}

fn value(document: &Value, metric: &str) -> f64 {
    document["metrics"][metric]["value"].as_f64().unwrap()
}

#[test]
fn each_copy_is_called_by_its_name() {
    let folder = folder();
    for (b, verdict) in [
        ("a", "same_basis"),
        ("permuted", "permuted"),
        ("rotated", "different_bases"),
        ("other", "unrelated"),
    ] {
        assert_eq!(compare(&folder, b, "")["verdict"], verdict, "{b}");
    }
    let rotated = compare(&folder, "rotated", "");
    // The file is f32.
    for metric in ["gram_similarity", "linear_cka", "procrustes_similarity"] {
        assert!(value(&rotated, metric) > 1.0 - 1e-6, "{metric}");
    }
    // The copy is itself a draw of the baseline: beside its median, far from 1.
    let median = rotated["metrics"]["mcc"]["null"]["rotated"]["median"].as_f64();
    let median = median.unwrap();
    assert!((value(&rotated, "mcc") - median).abs() < 0.1 * (1.0 - median));
    let text = folder
        .run("compare a.safetensors rotated.safetensors --a-features rows --b-features rows")
        .succeeds()
        .stdout;
    for word in [
        "different bases",
        "mcc",
        "procrustes_similarity",
        "20 draws",
    ] {
        assert!(text.contains(word), "{word} is missing:\n{text}");
    }
}

#[test]
fn the_permutation_is_written() {
    let folder = folder();
    for method in ["greedy", "optimal", "sparse"] {
        let flags = format!("--match {method} --null-draws 0 --matches-out {method}.csv");
        let document = compare(&folder, "permuted", &flags);
        assert_eq!(document["matching"]["method"], method);
        assert_eq!(document["verdict"], Value::Null);
        assert!(value(&document, "mcc") > 1.0 - 1e-6);
        let csv = std::fs::read_to_string(folder.path(&format!("{method}.csv"))).unwrap();
        let mut lines = csv.lines();
        assert_eq!(lines.next(), Some("a,b,cosine,shared"));
        for line in lines {
            let cells: Vec<&str> = line.split(',').collect();
            let (a, b): (usize, usize) = (cells[0].parse().unwrap(), cells[1].parse().unwrap());
            assert_eq!((7 * b + 2) % N, a);
            assert_eq!(cells[3], "true");
        }
        assert_eq!(csv.lines().count(), N + 1);
    }
    folder
        .run("compare a.safetensors permuted.safetensors --a-features rows --b-features rows --matches-out greedy.csv")
        .fails(1, &["greedy.csv", "--force"]);
    folder
        .run("compare a.safetensors permuted.safetensors --a-features rows --b-features rows --matches-out a.safetensors --force")
        .fails(2, &["same file"]);
}

#[test]
fn what_shapes_do_not_allow_is_null_with_the_reason() {
    let folder = folder();
    let fewer = compare(&folder, "fewer", "--matches-out fewer.csv");
    assert_eq!(fewer["matching"]["n_pairs"], 10);
    let gram = &fewer["metrics"]["gram_similarity"];
    assert_eq!(gram["value"], Value::Null);
    assert!(
        gram["undefined"]
            .as_str()
            .unwrap()
            .contains("numbers of features")
    );
    let csv = std::fs::read_to_string(folder.path("fewer.csv")).unwrap();
    assert_eq!(csv.lines().count(), 1 + N);
    assert_eq!(
        csv.lines()
            .filter(|line| line.ends_with(",,,false"))
            .count(),
        N - 10
    );

    let wider = compare(&folder, "wider", "");
    assert_eq!(wider["matching"], Value::Null);
    assert!(wider["metrics"]["linear_cka"]["value"].is_number());
    let mcc = &wider["metrics"]["mcc"];
    assert_eq!(mcc["value"], Value::Null);
    assert!(
        mcc["undefined"]
            .as_str()
            .unwrap()
            .contains("hidden dimensions")
    );
    assert_eq!(wider["n_hidden"], json!([M, M + 1]));
    folder
        .run("compare a.safetensors wider.safetensors --a-features rows --b-features rows --matches-out wider.csv")
        .fails(1, &["hidden dimensions"]);
    folder
        .run("compare fewer.safetensors wider.safetensors --a-features rows --b-features rows")
        .fails(1, &["10 features in 12", "60 in 13"]);
}

#[test]
fn chance_is_a_function_of_the_seed_alone() {
    let folder = folder();
    let chance = |flags: &str| compare(&folder, "other", flags)["metrics"]["mcc"]["null"].clone();
    let first = chance("--seed 4 --threads 1");
    assert_eq!(first, chance("--seed 4 --threads 2"));
    assert_ne!(first, chance("--seed 5"));
    let signed = value(&compare(&folder, "other", "--null-draws 0"), "mcc");
    let absolute = value(
        &compare(&folder, "other", "--null-draws 0 --absolute"),
        "mcc",
    );
    assert!(absolute > signed);
    folder
        .run("compare a.safetensors other.safetensors --a-features rows --b-features rows --shared-cosine 2")
        .fails(2, &["shared_cosine"]);
}

/// Of two dictionaries the mean over all pairs is that of the one pair.
#[test]
fn the_consistency_of_two_dictionaries_is_in_the_report() {
    let folder = folder();
    let line = "compare a.safetensors permuted.safetensors --a-features rows --b-features rows";
    let report = folder.run(line).succeeds().stdout;
    let row = report.lines().find(|line| line.contains("PW-MCC"));
    let row: Vec<&str> = row.unwrap_or_default().split_whitespace().collect();
    assert_eq!(row.get(1), Some(&"1.000"), "{report}");
}
