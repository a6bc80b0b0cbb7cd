//! `optimum`, `landscape` and `loss` as a user runs them.

mod support;

use support::{Folder, safetensors};

fn numbers(value: &serde_json::Value) -> Vec<f64> {
    let all = value.as_array().expect("an array");
    all.iter().map(|x| x.as_f64().expect("a number")).collect()
}

#[test]
fn the_optimum_of_a_pair_and_the_loss_of_a_pair() {
    let folder = Folder::new();
    let line = "optimum --n-features 2 --n-hidden 1 --feature-probability 0.5 --json --quiet";
    let run = folder.run(line).succeeds();
    assert_eq!(run.stderr, "");
    let found = run.json();
    assert!((found["loss_sum"].as_f64().unwrap() - 0.076_282_4).abs() < 1e-6);
    assert_eq!(
        found["loss"].as_f64().unwrap() * 2.0,
        found["loss_sum"].as_f64().unwrap()
    );
    assert_eq!(found["basins"][0]["geometry"], "1 digon");
    assert_eq!(found["basins"][0]["critical_point"], "minimum");
    assert_eq!(numbers(&found["feature_dimensionality"]).len(), 2);
    let w = numbers(&found["w"][0]);
    assert!(w[0] * w[1] < 0.0 && numbers(&found["b"]).len() == 2);
    // The same on one thread.
    assert_eq!(
        folder.run(&format!("{line} --threads 1")).succeeds().stdout,
        run.stdout
    );

    // An antipodal pair without bias: the smaller of two is lost at both, p^2 / 6 the mean.
    folder.write("pair.safetensors", &safetensors(1, 2, &[1.0, -1.0]));
    let loss =
        "loss pair.safetensors --features columns --no-bias --feature-probability 0.5 --json";
    let loss = folder.run(loss).succeeds().json();
    assert!((loss["loss"].as_f64().unwrap() - 0.25 / 6.0).abs() < 1e-15);
    assert_eq!(loss["by_active"].as_array().unwrap().len(), 3);
}

#[test]
fn text_reports() {
    let folder = Folder::new();
    let run = folder
        .run("optimum --n-features 5 --n-hidden 2 --sparsity 0.95 --starts 3")
        .succeeds();
    for words in ["best found of", "1 pentagon", "minimum", "0.00890359"] {
        assert!(run.stdout.contains(words), "{words}: {}", run.stdout);
    }
    assert!(run.stderr.contains("descending"), "{}", run.stderr);
    folder
        .run("train --n-features 4 --n-hidden 2 --steps 10 --quiet --out model.safetensors")
        .succeeds();
    let run = folder.run("loss model.safetensors --quiet").succeeds();
    for words in ["interference", "feature benefit", "active", "By feature"] {
        assert!(run.stdout.contains(words), "{words}: {}", run.stdout);
    }
}

#[test]
fn learning_coefficients_of_a_pair() {
    let folder = Folder::new();
    let line = "optimum --n-features 2 --n-hidden 1 --feature-probability 0.5 --starts 2 --learning-coefficients 1e5";
    let run = folder.run(line).succeeds();
    assert!(run.stdout.contains("lambda"), "{}", run.stdout);
    assert!(
        run.stderr.contains("sampling learning coefficients"),
        "{}",
        run.stderr
    );
    let json = folder
        .run(&format!("{line} --json --quiet"))
        .succeeds()
        .json();
    assert_eq!(json["inverse_temperature"], 1e5);
    // Two weights and two biases, none of them flat.
    let found = &json["basins"][0]["learning_coefficient"];
    let number = |name: &str| found[name].as_f64().unwrap();
    assert!(
        (number("value") - 2.0).abs() < 5.0 * number("standard_error") + 0.01,
        "{found}"
    );
}

#[test]
fn a_landscape() {
    let folder = Folder::new();
    let line = "landscape --n-features 2 --n-hidden 1 --feature-probability 0.3 --along importance:1 --from 0.1 --to 10 --starts 3 --anchors 3 --steps 10";
    let run = folder.run(&format!("{line} --out land")).succeeds();
    for words in [
        "1 digon",
        "importance of feature 1",
        "figure (SVG)",
        "Lowest",
    ] {
        assert!(run.stdout.contains(words), "{words}: {}", run.stdout);
    }
    assert!(run.stderr.contains("following minima"), "{}", run.stderr);
    for file in ["landscape.json", "landscape.svg", "report.txt"] {
        assert!(folder.path("land").join(file).exists(), "{file}");
    }
    folder
        .run(&format!("{line} --out land"))
        .fails(1, &["--force"]);
    let json = folder
        .run(&format!("{line} --json --quiet"))
        .succeeds()
        .json();
    assert_eq!(json["recipe"]["along"]["importance_of"], 1);
    let start = "landscape --n-features 2 --n-hidden 1 --from 0.1 --to 0.5";
    for (more, words) in [
        ("--along q", "importance:I"),
        ("--along p --sparsity 0.9", "leave out"),
        ("--along importance:1", "--feature-probability"),
        (
            "--along p:2 --feature-probability 0.1",
            "a feature of the model",
        ),
        ("--along p --anchors 1", "two anchors"),
    ] {
        folder.run(&format!("{start} {more}")).fails(2, &[words]);
    }
}

#[test]
fn what_is_wrong_and_what_would_be_right() {
    let folder = Folder::new();
    let optimum = |more: &str| folder.run(&format!("optimum {more}"));
    optimum("--n-features 2 --n-hidden 1").fails(2, &["--feature-probability", "--sparsity"]);
    optimum("--n-features 2 --n-hidden 1 --feature-probability 1.5")
        .fails(2, &["1.5", "within 0 and 1"]);
    optimum("--n-features 2 --n-hidden 0 --feature-probability 0.5").fails(2, &["n_hidden is 0"]);
    optimum("--n-features 3 --n-hidden 1 --feature-probability 0.5 --sets anticorrelated:3")
        .fails(2, &["0.5"]);
    optimum("--n-features 3 --n-hidden 1 --feature-probability 0.5 --importance 1,1")
        .fails(2, &["2", "3"]);
    optimum("--n-features 2 --n-hidden 1 --feature-probability 0.5 --learning-coefficients=-1")
        .fails(2, &["--learning-coefficients is -1"]);
    folder.write("w.safetensors", &safetensors(1, 2, &[1.0, -1.0]));
    let loss = |more: &str| folder.run(&format!("loss w.safetensors {more}"));
    loss("--feature-probability 0.5 --no-bias").fails(2, &["--features rows"]);
    loss("--features columns --no-bias").fails(2, &["how often a feature is active"]);
    loss("--features columns --feature-probability 0.5").fails(2, &["bias"]);
    loss("--features columns --no-bias --feature-probability 0.5 --instance 1").fails(1, &["W"]);
    folder
        .run("loss nothing.safetensors --feature-probability 0.5")
        .fails(1, &["nothing.safetensors"]);
}

/// Ctrl-C in a search that would take minutes.
#[cfg(unix)]
#[test]
fn an_interrupted_search_prints_nothing() {
    use std::io::{BufRead as _, BufReader, Read as _};
    use std::process::{Command, Stdio};
    use support::Run;

    let folder = Folder::new();
    let line =
        "optimum --n-features 5 --n-hidden 2 --feature-probability 0.3 --starts 20000 --json";
    let mut child = folder
        .command(line)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    stderr.read_line(&mut said).unwrap();
    assert!(said.contains("descending"), "{said}");
    let killed = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(killed.unwrap().success());
    stderr.read_to_string(&mut said).unwrap();
    let mut run = Run::of(line, child.wait_with_output().unwrap());
    run.stderr = said;
    run.fails(130, &["interrupted"]);
}
