//! Figures as SVG: a literal snapshot, and what holds for every figure.

use proptest::prelude::*;
use superposition_viz::svg::{Aspect, Axis, Figure, Grid, Palette, Panel, Series, Theme};
use superposition_viz::{Charset, Color, MIN_WIDTH, Scale, TextStyle};

fn example() -> Figure {
    let regions = Grid::regions(
        vec![1.0, 10.0, 100.0],
        vec![0.0, 0.5, 1.0],
        ["represented & alone", "in superposition", "never"]
            .map(str::to_owned)
            .to_vec(),
        vec![Some(0), Some(0), Some(1), None],
    );
    Figure::new("An <example>")
        .with_panel(
            Panel::new(
                "regions",
                Axis::new("r").with_scale(Scale::Auto),
                Axis::new("p"),
            )
            .with_grid(regions)
            .with_series(Series::line("boundary", vec![[1.0, 0.0], [100.0, 1.0]])),
        )
        .with_panel(
            Panel::new("", Axis::new("x"), Axis::new("y"))
                .with_aspect(Aspect::Equal)
                .with_series(Series::arrows("W", vec![[1.0, 0.0], [0.0, 1.0]]))
                .with_series(Series::points("points", vec![[0.5, 0.5], [f64::NAN, 0.0]])),
        )
}

#[test]
fn snapshot() {
    assert_eq!(example().render(), include_str!("snapshots/figure.svg"));
}

#[test]
fn legends_say_what_is_drawn_and_what_is_not() {
    let svg = example().render();
    assert!(svg.contains(">represented &amp; alone<") && svg.contains(">in superposition<"));
    assert!(!svg.contains("never"), "no cell is of this category");
    assert!(svg.contains("undefined (1 cells)"));
    assert!(svg.contains("points (1 without a place)"));
    assert!(svg.contains("An &lt;example&gt;"));
    let panel = Panel::new("", Axis::new("").with_range(0.0, 1.0), Axis::new(""))
        .with_series(Series::points("far", vec![[0.5, 0.5], [7.0, 0.5]]));
    assert!(
        Figure::new("")
            .with_panel(panel)
            .render()
            .contains("far (1 outside)")
    );
}

#[test]
fn a_heatmap_says_its_range() {
    let grid = |values: Vec<f64>, palette| {
        let edges = vec![0.0, 1.0, 2.0];
        let grid = Grid::heatmap(edges.clone(), edges, "loss", values, palette);
        let panel = Panel::new("", Axis::new(""), Axis::new("")).with_grid(grid);
        Figure::new("").with_panel(panel).render()
    };
    let sequential = grid(vec![1.0, 2.0, 3.0, 4.0], Palette::Sequential);
    assert!(sequential.contains(">1.00<") && sequential.contains(">4.00<"));
    let diverging = grid(vec![-1.0, 0.0, f64::NAN, 4.0], Palette::Diverging);
    assert!(diverging.contains(">-4.00<") && diverging.contains("undefined (1 cells)"));
    // Nothing to colour by.
    grid(vec![f64::NAN; 4], Palette::Sequential);
    grid(vec![2.0; 4], Palette::Sequential);
}

#[test]
#[should_panic(expected = "3 cells between 3 and 3 edges, which hold 2 x 2")]
fn cells_must_fit_their_edges() {
    let edges = vec![0.0, 1.0, 2.0];
    let _ = Grid::regions(edges.clone(), edges, vec!["a".to_owned()], vec![Some(0); 3]);
}

#[test]
fn a_large_grid_of_few_regions_is_compact() {
    let edges: Vec<f64> = (0..=512).map(f64::from).collect();
    let cells = (0..512 * 512).map(|k| Some((k % 512) / 256)).collect();
    let names = vec!["a".to_owned(), "b".to_owned()];
    let grid = Grid::regions(edges.clone(), edges, names, cells);
    let panel = Panel::new("", Axis::new(""), Axis::new("")).with_grid(grid);
    let svg = Figure::new("").with_panel(panel).render();
    assert!(svg.len() < 60_000, "{} bytes", svg.len());
}

/// Whether every tag that is opened is closed, in order.
fn well_formed(svg: &str) -> bool {
    let mut open: Vec<&str> = Vec::new();
    for tag in svg.split('<').skip(1) {
        let Some((tag, text)) = tag.split_once('>') else {
            return false;
        };
        if text.contains('"') && !text.contains("px") {
            return false;
        }
        let name = tag.split([' ', '/']).next().unwrap_or_default();
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop() != Some(name) {
                return false;
            }
        } else if !tag.ends_with('/') {
            open.push(name);
        }
    }
    open.is_empty()
}

/// Text without its escape sequences.
fn without_colours(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |out, part| {
        out + part.split_once('m').map_or("", |(_, rest)| rest)
    })
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        -10.0..10.0_f64,
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(f64::MAX),
        Just(-f64::MAX),
        Just(5e-324),
        Just(0.0),
        Just(1e-300),
    ]
}

proptest! {
    #[test]
    fn no_value_and_no_label_breaks_a_figure(
        points in prop::collection::vec([value(), value()], 0..12),
        values in prop::collection::vec(value(), 6),
        edges in prop::collection::vec(value(), 7),
        range in [value(), value()],
        label in prop_oneof![any::<String>(), "[ -~é²★\n\u{1b}]{0,40}"],
        x_scale in prop::sample::select(vec![Scale::Auto, Scale::Linear, Scale::Logarithmic]),
        equal: bool,
        columns in 0..4usize,
        width in 0..170usize,
        charset in prop::sample::select(vec![Charset::Unicode, Charset::Ascii]),
    ) {
        let axis = || Axis::new(label.clone()).with_scale(x_scale);
        let aspect = if equal { Aspect::Equal } else { Aspect::Free };
        let grid = Grid::heatmap(edges[..4].to_vec(), edges[4..].to_vec(), label.clone(), values, Palette::Diverging);
        let segments = points.windows(2).map(|pair| [pair[0], pair[1]]).collect::<Vec<_>>();
        let lengths = segments.iter().map(|pair| pair[0][0]).collect();
        let figure = Figure::new(label.clone())
            .with_columns(columns)
            .with_panel(Panel::new(label.clone(), axis(), axis().with_range(range[0], range[1]))
                .with_aspect(aspect)
                .with_grid(grid)
                .with_series(Series::points(label.clone(), points.clone())))
            .with_panel(Panel::new("", axis(), axis())
                .with_aspect(aspect)
                .with_series(Series::dashed("a", points.clone()))
                .with_level(range[0], label.clone())
                .with_series(Series::bars("c", points.clone()).with_values(label.clone(), points.iter().map(|p| p[0]).collect()))
                .with_series(Series::points("d", points.clone()).with_intervals(points.clone()))
                .with_series(Series::segments("e", segments).with_values("e", lengths).with_palette(Palette::Diverging).with_value_range(range))
                .with_series(Series::dashed_arrows("f", points.clone()))
                .with_word([0.5, 0.5], label.clone())
                .with_size(range[0], range[1])
                .with_series(Series::arrows("b", points)))
            .with_theme(if equal { Theme::Dark } else { Theme::Light });
        let svg = figure.render();
        let style = TextStyle::default().with_width(width).with_charset(charset);
        let text = figure.render_text(&style);
        let widest = text.lines().map(|line| line.chars().count()).max();
        // Every character of these takes a column.
        if label.chars().all(|c| c.is_ascii() || "é²★".contains(c)) {
            prop_assert!(widest.unwrap_or(0) <= width.max(MIN_WIDTH), "{text}");
        }
        prop_assert!(charset == Charset::Unicode || text.is_ascii(), "{text}");
        for color in [Color::Ansi, Color::TrueColor] {
            prop_assert_eq!(without_colours(&figure.render_text(&style.with_color(color))), &*text);
        }
        prop_assert!(well_formed(&svg), "{svg}");
        for path in svg.split(" d=\"").skip(1).map(|rest| rest.split('"').next().unwrap_or_default()) {
            prop_assert!(!path.contains("NaN") && !path.contains("inf"), "{path}");
        }
    }
}
