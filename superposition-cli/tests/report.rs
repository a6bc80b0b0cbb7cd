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
fn figures_of_a_folder_and_of_a_sweep() {
    let folder = Folder::new();
    folder
        .run("explore --n-features 5 --n-hidden 2 --steps 40 --batch-size 64 --quiet --out out")
        .succeeds();
    let sweep = folder
        .run("sweep --steps 20 --seeds 2 --sparsities 0.5,0.9 --n-features 4 --n-hidden 3 --json --quiet")
        .succeeds();
    folder.write("sweep.json", sweep.stdout.as_bytes());
    for (kind, input, says) in [
        ("plane", "out", "importance: "),
        ("gram", "out", "W_i . W_j"),
        ("capacity", "out", "of 2 dimensions"),
        ("cosines", "out", "pairs"),
        ("training", "out", "dimensionality D_i"),
        ("probes", "out", "the model's readout"),
        ("dimensions", "sweep.json", "a model each"),
        ("dimensionality", "sweep.json", "a feature each"),
    ] {
        folder
            .run(&format!("figure {kind} {input} -o {kind}.svg --dark"))
            .succeeds();
        let svg = std::fs::read_to_string(folder.path(&format!("{kind}.svg"))).unwrap();
        assert!(svg.starts_with("<svg") && svg.contains(says), "{kind}");
    }
    // 2 sparsities x 2 seeds x 4 features, a circle each, and one in the legend.
    let svg = std::fs::read_to_string(folder.path("dimensionality.svg")).unwrap();
    assert_eq!(svg.matches("m-3 0a3 3").count(), 16 + 1);
    folder
        .run("figure plane sweep.json -o x.svg")
        .fails(1, &["sweep.json", "explore"]);
    folder
        .run("figure dimensions out -o x.svg")
        .fails(1, &["out", "sweep --json"]);
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
