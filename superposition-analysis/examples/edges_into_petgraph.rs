//! The graph of interference as a graph of another library: `cargo run --example edges_into_petgraph`.

use petgraph::algo::connected_components;
use petgraph::graph::UnGraph;
use superposition_analysis::{clusters, edges, from_columns};

fn main() {
    // A pentagon in the first two dimensions, a digon in the third: one feature per run of three values.
    let pentagon = (0..5).map(|k| std::f64::consts::TAU * f64::from(k) / 5.0);
    let mut values: Vec<f64> = pentagon
        .flat_map(|angle| [angle.cos(), angle.sin(), 0.0])
        .collect();
    values.extend([0.0, 0.0, 1.0, 0.0, 0.0, -1.0]);
    let w = from_columns(&values, 3, 7);

    let threshold = 0.05;
    let mut graph = UnGraph::<(), f64>::default();
    let nodes: Vec<_> = (0..7).map(|_| graph.add_node(())).collect();
    for edge in edges(w, threshold, 1) {
        graph.add_edge(nodes[edge.i], nodes[edge.j], edge.value);
    }
    println!(
        "{} features, {} edges",
        graph.node_count(),
        graph.edge_count()
    );
    assert_eq!(graph.edge_count(), 10 + 1);
    assert_eq!(connected_components(&graph), clusters(w, threshold).count());
}
