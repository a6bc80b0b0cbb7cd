//! Small figures, literally, and what must not come back from the Python original.

use superposition_viz::{
    Charset, Color, CurveOptions, Scale, SelectedInterference, Spread, Square, Summary, TextStyle,
    TransitionRow, bar_chart, clusters, curve, dimensionality, feature_norms, feature_plane,
    histogram, interference_heatmap, key_values, section, sparsity_transition, summary_report,
    table, training_curve,
};

fn unicode(width: usize) -> TextStyle {
    TextStyle::default().with_width(width)
}

fn ascii(width: usize) -> TextStyle {
    unicode(width).with_charset(Charset::Ascii)
}

#[test]
fn zeros_and_nothing_are_drawn() {
    assert_eq!(
        feature_norms(&[0.0, 0.0], &ascii(40)),
        "Feature norms\nn 2   mean 0   std 0   min 0   max 0\n\nfeature  norm\n      0     0 |\n      1     0 |\n"
    );
    assert_eq!(
        feature_norms(&[], &ascii(40)),
        "Feature norms\nno features\n"
    );
    assert_eq!(
        training_curve(&[], 10, &ascii(40)),
        "Training loss\nno points\n"
    );
    let empty = Square::new(&[], 0).expect("0 x 0");
    assert!(interference_heatmap(empty, &ascii(40)).ends_with("no features\n"));
}

#[test]
fn numbers_that_are_not_finite_are_shown_and_counted() {
    let values = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.0];
    assert_eq!(
        bar_chart("t", &["a", "b", "c", "d"], &values, &ascii(24)),
        "t\nn 4   mean 1.00   std 0\nmin 1.00   max 1.00\n1 NaN and 2 infinite of\n4 values, left out of\nthe statistics\n\n\
         a   NaN |?\nb   inf |==============>\nc  -inf |\nd  1.00 |===============\n? NaN, not a number\n"
    );
    let nan = [1.0, f64::NAN, f64::NAN, 1.0];
    let figure = interference_heatmap(Square::new(&nan, 2).expect("2 x 2"), &unicode(80));
    assert!(figure.contains("0 │╲╲··│"), "{figure}");
    assert!(figure.contains("· NaN"), "{figure}");
}

#[test]
fn negative_bars_run_to_the_left_on_the_same_scale() {
    assert_eq!(
        bar_chart("t", &["a", "b"], &[2.0, -1.0], &unicode(22)),
        "t\nn 2   mean 0.500\nstd 1.50   min -1.00\nmax 2.00\n\na   2.00     │████████\nb  -1.00 ████│\n"
    );
}

#[test]
fn small_values_are_not_blank_and_not_zero() {
    let figure = feature_norms(&[1.0, 1e-9, 0.0], &unicode(40));
    assert!(figure.contains("1  1.0e-9 │▏\n"), "{figure}");
    assert!(figure.contains("2       0 │\n"), "{figure}");
}

#[test]
fn columns_stay_aligned_beyond_a_thousand_features() {
    let norms: Vec<f64> = (0..30_001).map(|i| f64::from(i % 7)).collect();
    let figure = feature_norms(&norms, &ascii(60).with_max_rows(40_000));
    let axes: Vec<Option<usize>> = figure
        .lines()
        .filter(|l| l.contains('|'))
        .map(|line| line.find('|'))
        .collect();
    assert_eq!(axes.len(), 30_001);
    assert!(axes.iter().all(|axis| *axis == axes[0]));
    assert!(!figure.contains("showing"));
}

#[test]
fn truncation_is_said_and_statistics_are_over_all() {
    let norms: Vec<f64> = (0..100).map(f64::from).collect();
    let figure = feature_norms(&norms, &ascii(80).with_max_rows(3));
    assert!(
        figure.contains("n 100   mean 49.5   std 28.9   min 0   max 99.0"),
        "{figure}"
    );
    assert!(figure.contains("showing 3 of 100 features"), "{figure}");
    let counted = dimensionality(&[0.5; 100], &ascii(80).with_max_rows(0));
    assert!(counted.contains("c 1/2 digon: 100"), "{counted}");
    assert!(counted.contains("showing 0 of 100 features"), "{counted}");
    let rows = vec![vec!["1".to_owned()]; 30];
    assert!(table(&["a"], &rows, &ascii(80)).ends_with("showing 20 of 30 rows\n"));
}

#[test]
fn dimensionality_names_what_is_near_a_mark() {
    let values = [0.75, 2.0 / 3.0, 0.5, 0.4, 0.375, 0.391, 0.4101, f64::NAN];
    let figure = dimensionality(&values, &unicode(80));
    for named in [
        "0.750  3/4",
        "0.667  2/3",
        "0.500  1/2",
        "0.400  2/5",
        "0.375  3/8",
        "0.391  2/5",
        "0.410      ",
        "NaN      ",
    ] {
        assert!(figure.contains(named), "{named} in\n{figure}");
    }
}

#[test]
fn a_matrix_of_five_features_needs_no_ten() {
    let figure = interference_heatmap(Square::new(&[0.19; 25], 5).expect("5 x 5"), &ascii(80));
    // 0.19 is visible, and in the bin that the legend says.
    assert_eq!(
        figure.lines().filter(|line| line.contains("..")).count(),
        5,
        "{figure}"
    );
    assert!(
        figure.contains("blank < 0.05   . >= 0.05   : >= 0.2"),
        "{figure}"
    );
}

#[test]
fn a_wide_matrix_is_reduced_to_the_largest_of_each_block() {
    let n = 100;
    let mut values = vec![0.0; n * n];
    (0..n).for_each(|i| values[i + n * i] = 1.0);
    values[7 + n * 90] = 0.9;
    values[90 + n * 7] = 0.9;
    let figure = interference_heatmap(Square::new(&values, n).expect("100 x 100"), &unicode(40));
    assert!(figure.contains("max 0.900 at (7, 90)"), "{figure}");
    assert!(figure.contains("block of 6 x 6 pairs"), "{figure}");
    // Neither the diagonal nor anything else but the pair.
    let cells: Vec<&str> = figure.lines().filter(|line| line.ends_with('│')).collect();
    assert_eq!(cells.len(), 17);
    assert_eq!(
        cells
            .iter()
            .map(|line| line.matches("██").count())
            .sum::<usize>(),
        2,
        "{figure}"
    );
    assert!(
        cells[1].starts_with(" 6 │") && cells[1].contains("██"),
        "{figure}"
    );
}

#[test]
fn entries_out_of_range_are_counted() {
    let figure = interference_heatmap(
        Square::new(&[1.0, 1.5, -0.5, 1.0], 2).expect("2 x 2"),
        &ascii(80),
    );
    assert!(figure.contains("2 entries outside of [0, 1]"), "{figure}");
}

#[test]
fn curves_have_any_height_and_never_more_than_the_width() {
    for height in [0, 1, 2, 5] {
        let figure = training_curve(&[3.0, 2.0, 1.0], height, &ascii(40));
        let rows = figure
            .lines()
            .skip_while(|line| !line.is_empty())
            .skip(1)
            .take_while(|line| !line.contains("+--"))
            .count();
        assert_eq!(rows, height.max(1), "{figure}");
    }
    let losses: Vec<f64> = (0..119).map(f64::from).collect();
    assert!(
        training_curve(&losses, 10, &unicode(60))
            .lines()
            .all(|line| line.chars().count() <= 60)
    );
}

#[test]
fn the_scale_of_a_curve_follows_the_values_or_the_caller() {
    let points = [(0.0, 1.0), (1.0, 100.0)];
    let options = CurveOptions::new("t").with_height(3);
    let titled = |points: &[(f64, f64)], scale| {
        let figure = curve(points, &options.clone().with_scale(scale), &ascii(60));
        (figure.starts_with("t (logarithmic scale)\n"), figure)
    };
    assert!(titled(&points, Scale::Auto).0);
    assert!(!titled(&points, Scale::Linear).0);
    assert!(!titled(&[(0.0, 0.0), (1.0, 100.0)], Scale::Auto).0);
    let (logarithmic, figure) = titled(&[(0.0, 0.0), (1.0, 1.0), (2.0, 100.0)], Scale::Logarithmic);
    assert!(logarithmic);
    // The middle of three rows is the geometric mean.
    assert!(figure.contains("\n10.0 +"), "{figure}");
    assert!(figure.contains("1 value at or below zero"), "{figure}");
}

#[test]
fn the_bins_of_a_histogram_are_those_of_its_labels() {
    let figure = histogram("t", &[0.0, 0.5, 1.0, 1.0, f64::NAN], 2, &ascii(60));
    assert!(figure.contains("[   0, 0.50)       1 |"), "{figure}");
    assert!(figure.contains("[0.50, 1.00]       3 |"), "{figure}");
    assert!(figure.contains("1 NaN of 5 values"), "{figure}");
}

#[test]
fn features_that_cannot_be_drawn_in_the_plane_are_listed() {
    let directions = [[1.0, 0.0], [1.0, 0.0], [0.0, 0.0], [f64::NAN, 1.0]];
    let figure = feature_plane(&directions, &ascii(40));
    for line in [
        "another is there: 1",
        "exactly at the origin: 2",
        "not finite, not drawn: 3",
    ] {
        assert!(figure.contains(line), "{line} in\n{figure}");
    }
}

#[test]
fn tables_align_numbers_and_split_into_parts() {
    let rows = [
        vec!["a".to_owned(), "1.5".to_owned(), "x".to_owned()],
        vec!["bc".to_owned(), "10.5 ± 1".to_owned()],
    ];
    assert_eq!(
        table(&["name", "number", "text"], &rows, &unicode(40)),
        "name    number  text\n────  ────────  ────\na          1.5  x\nbc    10.5 ± 1\n"
    );
    let wide = [vec!["row".to_owned(), "1".repeat(12), "2".repeat(12)]];
    assert_eq!(
        table(&["name", "left", "right"], &wide, &ascii(20)),
        "name          left\n----  ------------\nrow   111111111111\n\nname         right\n----  ------------\nrow   222222222222\n"
    );
}

#[test]
fn pairs_continue_below_their_value() {
    let pairs = [("key".to_owned(), "one two three four".to_owned())];
    assert_eq!(
        key_values(&pairs, &ascii(20)),
        "key  one two three\n     four\n"
    );
}

#[test]
fn labels_cannot_bring_their_own_escape_sequences() {
    let chart = bar_chart("a\x1b[31mb", &["\x1b]0;title\x07"], &[1.0], &unicode(60));
    assert!(!chart.contains('\x1b') && !chart.contains('\x07'));
    let colored = section("Title", &unicode(20).with_color(Color::Ansi));
    assert_eq!(
        colored,
        "\x1b[2m──\x1b[0m \x1b[1mTitle\x1b[0m \x1b[2m───────────\x1b[0m\n"
    );
}

#[test]
fn clusters_are_cut_honestly() {
    let members = [
        (0..500).collect::<Vec<_>>(),
        vec![500, 501],
        vec![502],
        vec![999],
    ];
    let figure = clusters(&members, 503, &ascii(40));
    assert!(figure.contains("4 clusters of 503 features"), "{figure}");
    assert!(figure.contains("2 with one"), "{figure}");
    assert!(
        figure.contains("1 index beyond the last of 503"),
        "{figure}"
    );
    let more = figure
        .split(" and ")
        .nth(1)
        .and_then(|rest| rest.split_whitespace().next())
        .expect("a count");
    let hidden: usize = more.parse().expect("a number");
    let row: String = figure
        .lines()
        .skip_while(|line| !line.ends_with("size  features"))
        .skip(1)
        .take(3)
        .collect();
    let members_shown = row
        .split(" and ")
        .next()
        .map_or(0, |row| row.split_whitespace().skip(2).count());
    assert_eq!(members_shown + hidden, 500, "{figure}");
}

#[test]
fn a_sweep_draws_no_conclusion() {
    let row = |sparsity| TransitionRow {
        sparsity,
        n_represented: Spread::of(&[4.0, 6.0]),
        mean_interference: Spread::of(&[0.5]),
        mean_dimensionality: Spread::of(&[f64::NAN]),
        loss: Spread::of(&[0.001, 0.001]),
    };
    let figure = sparsity_transition(&[row(0.5), row(0.999)], &ascii(80));
    assert!(figure.contains("5.00 +/- 1.4"), "{figure}");
    assert!(figure.contains("NaN"), "{figure}");
    // The same at both sparsities, and nothing says otherwise.
    assert!(
        !["higher", "lower", "more", "fewer"]
            .iter()
            .any(|word| figure.contains(word)),
        "{figure}"
    );
}

#[test]
fn a_summary_leaves_out_what_it_does_not_have() {
    let mut summary = Summary::new("Title");
    assert_eq!(summary_report(&summary, &ascii(40)), "Title\n");
    summary.warnings = vec!["something is odd".to_owned()];
    summary.interference = Some(SelectedInterference {
        features: vec![1, 2],
        values: vec![1.0],
    });
    assert_eq!(
        summary_report(&summary, &ascii(40)),
        "Title\nwarning: something is odd\n\n-- Interference ------------------------\n1 values are no matrix over 2 features\n"
    );
}
