//! `phase-diagram` as a user runs it.

mod support;

use std::fs;

use support::Folder;

#[test]
fn a_diagram_in_all_its_forms() {
    let folder = Folder::new();
    let line = "phase-diagram --n-features 2 --n-hidden 1 --grid 6 --seeds 3 --quiet --json";
    let run = folder.run(line).succeeds();
    assert_eq!(run.stderr, "");
    let document = run.json();
    assert_eq!(document["trained_seed"].as_array().unwrap().len(), 36);
    // Seldom active features of equal importance share the dimension, important dense ones do not.
    let optimum = document["optimum"]["region"].as_array().unwrap();
    assert_eq!(optimum[3], "extra_antipodal");
    assert_eq!(optimum[30], "extra_dropped");
    assert_eq!(optimum[35], "other_dropped");
    // The same on one thread.
    let alone = folder.run(&format!("{line} --threads 1")).succeeds();
    assert_eq!(alone.stdout, run.stdout);

    let run = folder
        .run("phase-diagram --n-features 2 --n-hidden 1 --grid 6 --seeds 3 --out phases")
        .succeeds();
    for words in ["theory", "optimum", "trained", "extra feature", "in phases"] {
        assert!(run.stdout.contains(words), "{words}: {}", run.stdout);
    }
    for words in ["training", "108 models trained in"] {
        assert!(run.stderr.contains(words), "{words}: {}", run.stderr);
    }
    let read = |name: &str| fs::read_to_string(folder.path("phases").join(name)).unwrap();
    let written: serde_json::Value = serde_json::from_str(&read("phase-diagram.json")).unwrap();
    assert_eq!(written, document);
    assert_eq!(read("cells.csv").lines().count(), 37);
    assert!(read("phase-diagram.svg").starts_with("<svg"));
    assert!(read("report.txt").contains("Maps"));
    // What exists is not replaced unasked.
    let again = "phase-diagram --n-features 2 --n-hidden 1 --grid 1 --out phases --quiet";
    folder.run(again).fails(1, &["--force"]);
    folder.run(&format!("{again} --force")).succeeds();
    assert_eq!(read("cells.csv").lines().count(), 2);
}

#[test]
fn what_is_wrong_and_what_would_be_right() {
    let folder = Folder::new();
    let run = |more: &str| folder.run(&format!("phase-diagram {more}"));
    run("--n-features 5 --n-hidden 2").fails(2, &["(5, 2)", "(2, 1) or (3, 2)"]);
    run("--n-features 2").fails(2, &["--n-hidden"]);
    for (more, word) in [
        ("--p-min 0", "feature_probability"),
        ("--p-max 1.5", "feature_probability"),
        ("--p-min 0.5 --p-max 0.5", "feature_probability"),
        ("--p-min nan", "feature_probability"),
        ("--r-min 0", "relative_importance"),
        ("--r-max inf", "relative_importance"),
        ("--grid 0", "grid is 0"),
        ("--grid 5000", "from 1 to 1024"),
        ("--seeds 0", "n_seeds is 0"),
        ("--grid 1000 --seeds 100", "2^24"),
    ] {
        run(&format!("--n-features 2 --n-hidden 1 {more}")).fails(2, &[word]);
    }
    run("--n-features 3 --n-hidden 2 --grid 200").fails(2, &["from 1 to 128"]);
}

/// Ctrl-C in trainings that would take minutes.
#[cfg(unix)]
#[test]
fn an_interrupted_diagram_prints_nothing() {
    use std::io::{BufRead as _, BufReader, Read as _};
    use std::process::{Command, Stdio};
    use support::Run;

    let folder = Folder::new();
    let line = "phase-diagram --n-features 2 --n-hidden 1 --grid 512 --json";
    let mut child = folder
        .command(line)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    stderr.read_line(&mut said).unwrap();
    assert!(said.contains("training"), "{said}");
    let killed = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(killed.unwrap().success());
    stderr.read_to_string(&mut said).unwrap();
    let mut run = Run::of(line, child.wait_with_output().unwrap());
    run.stderr = said;
    run.fails(130, &["interrupted"]);
}
