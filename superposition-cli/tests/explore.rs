//! `explore` and `train` as a user runs them.

mod support;

use std::process::Stdio;

use support::{Folder, Run};

const SMALL: &str = "--n-features 8 --n-hidden 3 --steps 200 --batch-size 64 --quiet";

#[test]
fn explore_leaves_four_files_and_does_not_overwrite_them() {
    let folder = Folder::new();
    let first = folder.run(&format!("explore {SMALL}")).succeeds();
    assert!(
        first
            .stdout
            .contains("Toy model: 8 features in 3 hidden dimensions")
    );
    assert_eq!(first.stderr, "");
    for name in [
        "model.safetensors",
        "history.csv",
        "analysis.json",
        "report.txt",
    ] {
        assert!(
            folder.path("superposition-out").join(name).is_file(),
            "{name}"
        );
    }
    let read = |name: &str| std::fs::read(folder.path("superposition-out").join(name)).unwrap();
    let model = read("model.safetensors");
    let report = String::from_utf8(read("report.txt")).unwrap();
    assert!(!report.contains('\u{1b}'), "no colours in a file");

    folder
        .run(&format!("explore {SMALL} --seed 1"))
        .fails(1, &["superposition-out", "--force"]);
    assert_eq!(read("model.safetensors"), model, "nothing was lost");

    let again = folder
        .run(&format!("explore {SMALL} --seed 1 --force --json"))
        .succeeds();
    let printed = again.json();
    let stored: serde_json::Value = serde_json::from_slice(&read("analysis.json")).unwrap();
    assert_eq!(printed, stored);
    assert_eq!(printed["recipe"]["train"]["seed"], 1);
    assert_ne!(
        read("model.safetensors"),
        model,
        "another seed, another model"
    );
}

#[test]
fn the_same_seed_gives_the_same_bytes_on_any_threads_and_kernel() {
    let folder = Folder::new();
    let train = |name: &str, more: &str| {
        folder
            .run(&format!("train {SMALL} --out {name} {more}"))
            .succeeds();
        std::fs::read(folder.path(name)).unwrap()
    };
    let first = train("a.safetensors", "");
    assert_eq!(first, train("b.safetensors", ""));
    assert_eq!(first, train("c.safetensors", "--threads 1"));
    assert_eq!(first, train("d.safetensors", "--threads 2"));
    assert_eq!(first, train("e.safetensors", "--kernel scalar"));
    assert_ne!(first, train("f.safetensors", "--seed 2"));
}

#[test]
fn train_refuses_what_exists_before_it_trains() {
    let folder = Folder::new();
    folder.write("model.safetensors", b"precious");
    // A million steps: this returns quickly only if it looks first.
    folder
        .run("train --steps 1000000 --quiet --out model.safetensors")
        .fails(1, &["model.safetensors", "exists"]);
    assert_eq!(
        std::fs::read(folder.path("model.safetensors")).unwrap(),
        b"precious"
    );
    folder
        .run("train --steps 1000000 --quiet --out missing/model.safetensors")
        .fails(1, &["missing"]);
    folder
        .run(&format!(
            "train {SMALL} --out ok.safetensors --history model.safetensors"
        ))
        .fails(1, &["model.safetensors", "exists"]);
    assert!(!folder.path("ok.safetensors").exists());
    let document = folder
        .run(&format!(
            "train {SMALL} --force --out model.safetensors --json"
        ))
        .succeeds()
        .json();
    assert_eq!(document["training"]["steps"], 200);
}

#[test]
fn an_output_folder_that_cannot_be_is_refused() {
    let folder = Folder::new();
    folder.write("file", b"");
    folder
        .run(&format!("explore {SMALL} --out file"))
        .fails(1, &["file"]);
    folder
        .run(&format!("explore {SMALL} --out file/below"))
        .fails(1, &["file"]);
}

#[test]
fn wrong_values_are_usage_errors_that_say_what_would_be_right() {
    let folder = Folder::new();
    for (flags, words) in [
        ("--sparsity 1.5", &["1.5", "--sparsity"][..]),
        ("--sparsity -0.1", &["-0.1"][..]),
        ("--sparsity nan", &["NaN"][..]),
        ("--feature-probability 2", &["2", "probability"][..]),
        ("--feature-probability 0.1,0.2", &["2", "8"][..]),
        (
            "--sparsity 0.9 --feature-probability 0.1",
            &["--sparsity", "--feature-probability"][..],
        ),
        ("--importance=1,1,1,1,1,1,1,-2", &["-2"][..]),
        ("--importance=geometric:-1", &["-1"][..]),
        ("--importance sometimes", &["sometimes", "geometric"][..]),
        ("--importance 1,2,3", &["3", "8"][..]),
        ("--lr=-1", &["-1"][..]),
        ("--l2=-1", &["l2", "-1"][..]),
        ("--clip-norm 0", &["clip_norm", "0"][..]),
        ("--unit-norm-decay=-1", &["unit_norm_decay", "-1"][..]),
        ("--hidden-bias", &["linear hidden layer"][..]),
        ("--sets sometimes", &["sometimes"][..]),
        ("--sets correlated", &["set size"][..]),
        ("--sets anticorrelated:8 --sparsity 0.5", &["8", "0.5"][..]),
        ("--step-form slow", &["slow", "tiny"][..]),
        ("--batch-size 0", &["batch_size"][..]),
        ("--steps 0", &["n_steps"][..]),
        ("--kernel mmx", &["mmx", "scalar"][..]),
        ("--schedule sine", &["sine", "cosine"][..]),
        ("--threads 0", &["--threads"][..]),
        ("--warmup 900", &["900"][..]),
    ] {
        let line = format!("explore --n-features 8 --n-hidden 3 --steps 200 --quiet {flags}");
        let line = line.replace("--steps 200 --quiet --steps 0", "--quiet --steps 0");
        folder.run(&line).fails(2, words);
    }
    folder
        .run("explore --n-hidden 0 --quiet")
        .fails(2, &["n_hidden"]);
    folder
        .run("explore --n-features 0 --quiet")
        .fails(2, &["n_features"]);
    folder
        .run("explore --n-features 18446744073709551615 --n-hidden 20 --quiet")
        .fails(2, &["18446744073709551615", "4294967296"]);
    assert!(
        !folder.path("superposition-out").exists(),
        "nothing was created"
    );
}

#[test]
fn flags_of_the_training_reach_the_recipe() {
    let folder = Folder::new();
    let document = folder
        .run(&format!(
            "train {SMALL} --sets anticorrelated:4 --clip-norm 0.5 --l2 0.01 --weight-decay 0.02 --step-form direct --out m.safetensors --json"
        ))
        .succeeds()
        .json();
    let recipe = &document["recipe"];
    assert_eq!(recipe["sets"]["anticorrelated"]["set_size"], 4);
    assert_eq!(recipe["train"]["clip_norm"], 0.5);
    assert_eq!(recipe["train"]["adam"]["l2"], 0.01);
    assert_eq!(recipe["train"]["adam"]["weight_decay"], 0.02);
    assert_eq!(recipe["train"]["step_form"], "direct");
    let relu = folder
        .run(&format!(
            "train {SMALL} --hidden relu --hidden-bias --hidden-l1 0.01 --weight-l1 1e-4 --unit-norm-decay 0.1 --magnitude signed --target absolute --out relu.safetensors --json"
        ))
        .succeeds()
        .json();
    assert_eq!(relu["recipe"]["model"]["hidden"], "relu");
    assert_eq!(relu["recipe"]["model"]["hidden_bias"], "learned");
    assert_eq!(relu["recipe"]["train"]["unit_norm_decay"], 0.1);
    assert_eq!(relu["recipe"]["train"]["weight_l1"], 1e-4);
    assert_eq!(relu["recipe"]["hidden_l1"], 0.01);
    assert_eq!(relu["recipe"]["magnitude"], "signed");
    assert_eq!(relu["recipe"]["target"], "absolute");
    folder
        .run("loss relu.safetensors")
        .fails(1, &["hidden layer is ReLU"]);
    let report = folder
        .run(&format!(
            "explore {SMALL} --hidden relu --hidden-bias --hidden-l1 0.01 --unit-norm-decay 0.1 --magnitude signed --target absolute --out relu"
        ))
        .succeeds();
    for words in [
        "uniform within -1 and 1",
        "|x|",
        "L1 of the hidden layer 0.01",
        "pull to unit norm 0.1",
        "x' = ReLU(W^T ReLU(W x + b_enc) + b)",
        "known for linear hidden layers alone",
    ] {
        assert!(report.stdout.contains(words), "{words}: {}", report.stdout);
    }
    // Attacked, of binary features.
    let report = folder
        .run(&format!(
            "explore {SMALL} --magnitude binary --target and --attack 0.1 --out and"
        ))
        .succeeds();
    for words in [
        "1 where active",
        "x_i AND x_(i+1)",
        "attacks of norm 0.1",
        "known for features that are uniform within 0 and 1 alone",
    ] {
        assert!(report.stdout.contains(words), "{words}: {}", report.stdout);
    }
    folder
        .run("loss and/model.safetensors")
        .fails(1, &["uniform within 0 and 1"]);
    for (wrong, words) in [
        ("--target and", "make them binary"),
        ("--hidden relu --attack 0.1", "linear hidden layer"),
        ("--attack -1", "attack is -1"),
        (
            "--target absolute --magnitude signed --step-form gram",
            "use auto or direct",
        ),
    ] {
        folder
            .run(&format!("train {SMALL} {wrong} --out wrong.safetensors"))
            .fails(2, &[words]);
    }
    let report = folder
        .run(&format!(
            "train {SMALL} --sets correlated:2 --clip-norm 0.5 --l2 0.01 --out n.safetensors"
        ))
        .succeeds();
    for words in [
        "correlated:2",
        "l2 0.01",
        "clipped to norm 0.5",
        "loss, exact",
    ] {
        assert!(report.stdout.contains(words), "{words}: {}", report.stdout);
    }
    // The file says all of it: samples of the model are drawn in its sets.
    let document = folder
        .run("sample n.safetensors --n-samples 100 --out s.safetensors --json")
        .succeeds()
        .json();
    assert_eq!(document["n_features"], 8);
    for form in ["auto", "gram", "direct", "tiny"] {
        folder
            .run(&format!(
                "train {SMALL} --step-form {form} --out {form}.safetensors"
            ))
            .succeeds();
    }
}

#[test]
fn divergence_is_an_error_with_advice() {
    let folder = Folder::new();
    folder
        .run(&format!(
            "train {SMALL} --lr 1e30 --output linear --out model.safetensors"
        ))
        .fails(1, &["--lr", "step"]);
    assert!(!folder.path("model.safetensors").exists());
}

#[test]
fn a_reader_that_goes_away_is_not_an_error() {
    let folder = Folder::new();
    let mut child = folder
        .command("completions zsh")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let run = Run::of("completions zsh | true", child.wait_with_output().unwrap());
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
}

#[test]
fn sweep_writes_a_row_per_model() {
    let folder = Folder::new();
    let line = "sweep --n-features 6 --n-hidden 2 --steps 100 --batch-size 32 --sparsities 0.5,0.9 --seeds 2 --quiet --out sweep.csv";
    let text = folder.run(line).succeeds();
    assert!(text.stdout.contains("0.9"));
    let csv = std::fs::read_to_string(folder.path("sweep.csv")).unwrap();
    assert_eq!(csv.lines().count(), 5);
    folder.run(line).fails(1, &["sweep.csv", "exists"]);
    let document = folder
        .run(&format!("{line} --force --json"))
        .succeeds()
        .json();
    assert_eq!(document["rows"][1]["n_seeds"], 2);
    folder
        .run("sweep --sparsity 0.9 --quiet")
        .fails(2, &["--sparsities"]);
    folder
        .run("sweep --sparsities 0.5,1.5 --quiet")
        .fails(2, &["1.5"]);
}

#[test]
fn help_has_examples_and_completions_know_the_commands() {
    let folder = Folder::new();
    for command in [
        "explore",
        "train",
        "analyze",
        "probe",
        "sample",
        "activations",
        "compare",
        "sweep",
    ] {
        let help = folder.run(&format!("{command} --help")).succeeds();
        assert!(help.stdout.contains("Example"), "{command}");
    }
    for shell in ["bash", "zsh", "fish"] {
        let script = folder.run(&format!("completions {shell}")).succeeds();
        assert!(script.stdout.contains("analyze"), "{shell}");
    }
}

#[test]
fn a_sparsity_is_the_probability_it_complements() {
    let folder = Folder::new();
    let train = |name: &str, more: &str| {
        folder
            .run(&format!("train {SMALL} --out {name} {more}"))
            .succeeds();
        std::fs::read(folder.path(name)).unwrap()
    };
    let default = train("a.safetensors", "");
    assert_eq!(default, train("b.safetensors", "--sparsity 0.9"));
    assert_eq!(default, train("c.safetensors", "--feature-probability 0.1"));
}

#[test]
fn a_replaced_run_leaves_nothing_of_itself() {
    let folder = Folder::new();
    folder.run(&format!("explore {SMALL}")).succeeds();
    // This run diverges: it has a history, but no model and no analysis.
    folder
        .run(&format!(
            "explore {SMALL} --force --lr 1e30 --output linear"
        ))
        .fails(1, &["--lr"]);
    let out = folder.path("superposition-out");
    assert!(out.join("history.csv").is_file());
    for name in ["model.safetensors", "analysis.json", "report.txt"] {
        assert!(!out.join(name).exists(), "{name} is of the run before");
    }
}

#[test]
fn an_output_is_never_an_input_or_another_output() {
    let folder = Folder::new();
    folder
        .run(&format!("train {SMALL} --out m.safetensors"))
        .succeeds();
    let model = std::fs::read(folder.path("m.safetensors")).unwrap();
    folder
        .run(&format!(
            "train {SMALL} --force --out m.safetensors --history ./m.safetensors"
        ))
        .fails(2, &["--history", "same file"]);
    folder
        .run("sample m.safetensors --out m.safetensors --force")
        .fails(2, &["same file"]);
    folder
        .run("analyze m.safetensors --per-feature m.safetensors --force")
        .fails(2, &["same file"]);
    assert_eq!(std::fs::read(folder.path("m.safetensors")).unwrap(), model);
}

#[test]
fn a_stderr_that_goes_away_loses_no_training() {
    let folder = Folder::new();
    let mut child = folder
        .command("explore --n-features 8 --n-hidden 3 --steps 2000 --batch-size 64")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stderr.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(folder.path("superposition-out/report.txt").is_file());
}

#[test]
fn sweeps_refuse_nonsense_and_survive_divergence() {
    let folder = Folder::new();
    let small = "sweep --n-features 6 --n-hidden 2 --batch-size 32 --quiet";
    folder
        .run(&format!("{small} --seeds 18446744073709551615"))
        .fails(2, &["1,000,000"]);
    folder
        .run(&format!("{small} --sparsities 0.9,0.9"))
        .fails(2, &["0.9", "once"]);
    folder
        .run(&format!("{small} --seed 18446744073709551615"))
        .fails(2, &["seed"]);
    let line = format!(
        "{small} --steps 50 --sparsities 0.5 --seeds 2 --lr 1e30 --output linear --out s.csv --json"
    );
    let document = folder.run(&line).succeeds().json();
    assert_eq!(document["diverged"].as_array().unwrap().len(), 2);
    assert_eq!(document["rows"].as_array().unwrap().len(), 0);
}
