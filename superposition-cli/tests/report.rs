//! `superposition report`, `explore --html` and `figure`.

mod support;

use support::{Folder, safetensors};

/// The JSON that a page embeds.
fn data(page: &str) -> serde_json::Value {
    let (_, rest) = page.split_once("id=\"data\">").expect("the page has data");
    let (json, _) = rest.split_once("</script>").expect("they end");
    serde_json::from_str(json).expect("they are JSON")
}

#[test]
fn a_folder_of_explore_becomes_a_page() {
    let folder = Folder::new();
    let explore = "explore --n-features 6 --n-hidden 2 --steps 60 --batch-size 64 --quiet";
    folder
        .run(&format!("{explore} --out out --html first.html"))
        .succeeds();
    folder.run("report out -o second.html").succeeds();
    let [first, second] = ["first.html", "second.html"]
        .map(|name| std::fs::read_to_string(folder.path(name)).unwrap());
    assert_eq!(first, second);
    let data = data(&first);
    assert_eq!(data["features"]["n"], 6);
    assert_eq!(data["features"]["m"], 2);
    // 60 snapshots in 60 steps: one at each of ceil(60 (k/60)^2) that are different.
    let steps = data["training"]["snapshots"]["steps"].as_array().unwrap();
    assert_eq!(
        (steps[0].as_u64(), steps.last().unwrap().as_u64()),
        (Some(1), Some(60))
    );
    let names: Vec<&str> = data["features"]["probes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| column["name"].as_str().unwrap())
        .collect();
    assert!(names.contains(&"probe_r_squared"), "{names:?}");
    // What is there stays.
    folder
        .run("report out -o second.html")
        .fails(1, &["second.html", "--force"]);
    folder.run("report out -o second.html --force").succeeds();
}

#[test]
fn a_large_dictionary_is_shown_in_part_and_the_page_says_so() {
    let folder = Folder::new();
    let values: Vec<f32> = (0..40 * 3).map(|k| (k as f32 * 0.7).sin()).collect();
    folder.write("w.safetensors", &safetensors(40, 3, &values));
    let labels: String = (0..40).map(|i| format!("</script><b>{i}\n")).collect();
    folder.write("labels.txt", labels.as_bytes());
    folder
        .run(
            "report w.safetensors --features rows --labels labels.txt --max-values 30 -o page.html",
        )
        .succeeds();
    let page = std::fs::read_to_string(folder.path("page.html")).unwrap();
    assert!(!page.contains("<b>"));
    let data = data(&page);
    assert_eq!(
        (&data["features"]["n"], &data["features"]["total"]),
        (&10.into(), &40.into())
    );
    assert_eq!(data["features"]["labels"][1], "</script><b>4");
    let notes = data["notes"].to_string();
    assert!(notes.contains("10 of 40 features are here"), "{notes}");
}

#[test]
fn documents_become_pages() {
    let folder = Folder::new();
    let sweep = folder
        .run("sweep --steps 20 --seeds 1 --sparsities 0.5,0.9 --n-features 4 --n-hidden 2 --json --quiet")
        .succeeds();
    sweep.json();
    folder.write("sweep.json", sweep.stdout.as_bytes());
    folder
        .run("phase-diagram --n-features 2 --n-hidden 1 --grid 3 --seeds 1 --quiet --out phases")
        .succeeds();
    folder
        .run("report sweep.json phases -o page.html")
        .succeeds();
    let page = std::fs::read_to_string(folder.path("page.html")).unwrap();
    let data = data(&page);
    assert_eq!(
        data["title"],
        "Sparsity sweep of 4 features in 2 dimensions"
    );
    assert_eq!(data["maps"][0]["x"]["values"].as_array().unwrap().len(), 3);
    assert_eq!(data["runs"][0]["columns"][0]["name"], "1/(1-S)");
    assert_eq!(data["features"], serde_json::Value::Null);
}

#[test]
fn figures_of_each_kind() {
    let folder = Folder::new();
    for sparsity in ["0.5", "0.9"] {
        let explore = "explore --n-features 5 --n-hidden 2 --steps 40 --batch-size 64 --quiet";
        folder
            .run(&format!(
                "{explore} --sparsity {sparsity} --out out{sparsity}"
            ))
            .succeeds();
    }
    let sweep = |hidden: usize| {
        let sweep = "sweep --steps 20 --seeds 2 --sparsities 0.5,0.9 --n-features 4 --json --quiet";
        let sweep = folder.run(&format!("{sweep} --n-hidden {hidden}"));
        sweep.succeeds().stdout.clone()
    };
    folder.write("sweep.json", sweep(3).as_bytes());
    folder.write("planes.json", sweep(2).as_bytes());
    folder
        .run("phase-diagram --n-features 2 --n-hidden 1 --grid 3 --seeds 1 --quiet --out phases")
        .succeeds();
    let values: Vec<f32> = (0..40 * 3).map(|k| (k as f32 * 0.7).sin()).collect();
    folder.write("w.safetensors", &safetensors(40, 3, &values));
    let runs = "n_samples,train_loss,test_loss\n10,1e-5,0.03\n100,0.004,0.06\n";
    folder.write("runs.csv", runs.as_bytes());
    for (kind, input, says) in [
        ("planes", "out0.5 out0.9", "out0.9: S = 0.9"),
        ("planes", "planes.json", "S = 0.9"),
        ("space", "w.safetensors --features rows", "norm: "),
        (
            "space",
            "w.safetensors --features rows --axes 2,1,0",
            "dimension 2",
        ),
        ("gram", "out0.9", "W_i . W_j"),
        ("capacity", "out0.9", "of 2 dimensions"),
        ("cosines", "out0.9", "pairs"),
        ("cosines", "w.safetensors --features rows", "780 pairs"),
        ("graph", "out0.9", "features"),
        ("training", "out0.9", "dimensionality D_i"),
        ("probes", "out0.9", "the model's readout"),
        ("scores", "out0.9", "95 % interval"),
        ("dimensions", "sweep.json", "a model each"),
        ("dimensionality", "sweep.json", "a feature each"),
        ("phases", "phases", "exact optimum of W and b"),
        ("descent", "runs.csv", "test loss, median"),
    ] {
        folder
            .run(&format!(
                "figure {kind} {input} -o {kind}.svg --dark --force"
            ))
            .succeeds();
        let svg = std::fs::read_to_string(folder.path(&format!("{kind}.svg"))).unwrap();
        assert!(
            svg.starts_with("<svg") && svg.contains(says),
            "{kind} of {input}: {svg}"
        );
        // And as text.
        let text = folder.run(&format!("figure {kind} {input}")).succeeds();
        let widest = text.stdout.lines().map(|line| line.chars().count()).max();
        assert!((40..=100).contains(&widest.unwrap()), "{}", text.stdout);
    }
    // 2 sparsities x 2 seeds x 4 features, a circle each, and one in the legend.
    let svg = std::fs::read_to_string(folder.path("dimensionality.svg")).unwrap();
    assert_eq!(svg.matches("m-3 0a3 3").count(), 16 + 1);
    // The document's figure is the one that phase-diagram drew.
    folder.run("figure phases phases -o again.svg").succeeds();
    let [first, again] = ["phases/phase-diagram.svg", "again.svg"]
        .map(|name| std::fs::read_to_string(folder.path(name)).unwrap());
    assert_eq!(first, again);
    for (line, what) in [
        ("figure planes sweep.json", "at most 64 numbers"),
        ("figure gram sweep.json", "explore"),
        ("figure dimensions out0.9", "sweep --json"),
        ("figure gram out0.9 out0.5", "one file or folder"),
        ("figure descent planes.json", "n_samples"),
        ("figure phases planes.json", "phase-diagram"),
    ] {
        folder.run(line).fails(1, &[what]);
    }
    for (line, what) in [
        ("figure space w.safetensors", "--features rows"),
        (
            "figure space w.safetensors --features rows --axes 0,1,3",
            "axes",
        ),
        (
            "figure space w.safetensors --features rows --view 30",
            "--view 30,20",
        ),
        ("figure gram out0.9 -o gram.pdf", ".svg or .png"),
    ] {
        folder.run(line).fails(2, &[what]);
    }
    folder.run("figure gram out0.9 -o gram.png").succeeds();
    let png = std::fs::read(folder.path("gram.png")).unwrap();
    assert!(png.starts_with(b"\x89PNG") && png.len() > 10_000);
}

#[test]
fn what_is_no_input_is_named() {
    let folder = Folder::new();
    folder.write("other.json", b"{\"schema\": \"superposition/loss/v1\"}");
    folder.write("text.json", b"hello");
    folder.write("w.safetensors", &safetensors(2, 2, &[1.0, 0.0, 0.0, 1.0]));
    for (line, what) in [
        ("report other.json -o page.html", "superposition/loss/v1"),
        ("report text.json -o page.html", "text.json"),
        ("report w.safetensors -o page.html", "--features rows"),
        (
            "report w.safetensors w.safetensors --features rows -o page.html",
            "one a page",
        ),
        ("report none.json -o page.html", "none.json"),
        (
            "report w.safetensors --features rows -o w.safetensors --force",
            "the same file",
        ),
    ] {
        let run = folder.run(line);
        assert!(
            run.code != Some(0) && run.stderr.contains(what),
            "{line}: {}",
            run.stderr
        );
    }
    assert!(!folder.path("page.html").exists());
}
