//! Pages that nobody should have to see, for the tests of the page in a browser:
//! `cargo run -p superposition-viz --example hostile_page -- labels|nan|one|empty > page.html`.

use superposition_viz::html::{
    Axis, Cells, Clusters, Column, Fact, Features, Layer, Neurons, Page, PhaseMap, Runs, Snapshots,
    Training,
};

const MARKUP: &str = "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">";

fn main() {
    let page = match std::env::args().nth(1).as_deref() {
        Some("labels") => everything(40, 5, MARKUP, |k| (k as f32 * 0.37).sin()),
        Some("nan") => everything(40, 5, "a", |k| match k % 3 {
            0 => f32::NAN,
            1 => f32::INFINITY,
            _ => 1e30,
        }),
        Some("one") => everything(1, 1, "", |_| 0.0),
        _ => Page::new(""),
    };
    print!("{}", page.render());
}

/// A page with every view.
fn everything(n: usize, m: usize, label: &str, value: impl Fn(usize) -> f32) -> Page {
    let directions: Vec<f32> = (0..n * m).map(&value).collect();
    let column = |rows: usize| {
        let values = (0..rows).map(|k| f64::from(value(k)));
        Column::numbers(format!("norm{label}"), label, values.collect())
    };
    let text = |rows: usize| Column::text(label, label, vec![label.to_owned(); rows]);
    let features = Features::new(directions.clone(), m)
        .with_labels(vec![label.to_owned(); n])
        .with_column(column(n))
        .with_column(text(n))
        .with_probe(column(n))
        .with_clusters(
            Clusters::new(
                (0..n).map(|i| (i % 3 > 0).then_some(i / 4)).collect(),
                label,
            )
            .with_names(vec![label.to_owned()]),
        );
    let axis = || Axis::logarithmic(label, vec![0.1, 1.0]);
    let cells = vec![f64::from(value(0)); 4];
    let names = vec![label.to_owned()];
    let layers = vec![
        Layer::new(label, Cells::Numbers(cells)),
        Layer::new(
            label,
            Cells::Categories {
                names,
                cells: vec![0; 4],
            },
        ),
    ];
    let snapshots = Snapshots::new(vec![1, 2], m, [directions.clone(), directions].concat());
    Page::new(label)
        .with_note(label)
        .with_fact(Fact::new(label, label, label, label))
        .with_features(features)
        .with_neurons(Neurons::new(label, vec![column(m), text(m)]))
        .with_training(Training::new(vec![column(3), column(3)]).with_snapshots(Some(snapshots)))
        .with_map(PhaseMap::new(label, axis(), axis(), layers))
        .with_runs(Runs::new(label, vec![column(4), text(4)]))
}
