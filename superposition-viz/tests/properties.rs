//! What holds for every figure, whatever the numbers, the width and the height.

use proptest::collection::vec;
use proptest::prelude::*;
use superposition_viz::{
    Charset, Color, CurveOptions, Headline, MIN_WIDTH, Scale, SelectedInterference, Spread, Square,
    Summary, SummaryTable, TextStyle, TransitionRow, bar_chart, clusters, cosine_matrix, curve,
    dimensionality, feature_norms, feature_plane, format_number, histogram, interference_heatmap,
    key_values, section, sparsity_transition, summary_report, table, training_curve,
};

/// Any f64 there is, with those that break things often enough.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => -2.0..2.0,
        2 => 0.0..1.0,
        1 => any::<f64>(),
        1 => proptest::num::f64::ANY,
        1 => proptest::sample::select(vec![
            0.0, -0.0, 1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, f64::MIN_POSITIVE,
            5e-324, -5e-324, 1e-16, 0.05, 0.2, 0.5, 0.8, -0.9, 1e6, 999_999.9,
        ]),
    ]
}

fn style() -> impl Strategy<Value = TextStyle> {
    (0_usize..300, any::<bool>(), any::<bool>(), 0_usize..40).prop_map(
        |(width, ascii, color, rows)| {
            TextStyle::default()
                .with_width(width)
                .with_charset(if ascii {
                    Charset::Ascii
                } else {
                    Charset::Unicode
                })
                .with_color(if color { Color::Ansi } else { Color::Never })
                .with_max_rows(rows)
        },
    )
}

/// Text as a careless caller may pass it; each character takes one column at most.
fn text() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9 _.\\-é²\u{301}\n\t\u{1b}\u{7f}]{0,30}"
}

/// Every figure of the crate over the same data.
fn figures(values: &[f64], words: &[String], height: usize, style: &TextStyle) -> Vec<String> {
    let side = (values.len() as f64).sqrt() as usize;
    let square = Square::new(&values[..side * side], side).expect("side * side values");
    let features: Vec<usize> = (0..side).map(|i| i * 997).collect();
    let points: Vec<(f64, f64)> = values.windows(2).map(|pair| (pair[0], pair[1])).collect();
    let plane: Vec<[f64; 2]> = values
        .chunks_exact(2)
        .map(|pair| [pair[0], pair[1]])
        .collect();
    let members: Vec<Vec<usize>> = values
        .chunks(7)
        .map(|chunk| (0..chunk.len()).map(|k| k * height).collect())
        .collect();
    let pairs: Vec<(String, String)> = words
        .iter()
        .zip(values)
        .map(|(word, value)| (word.clone(), format!("{value} {word}")))
        .collect();
    let cells: Vec<Vec<String>> = values
        .chunks(4)
        .map(|chunk| {
            chunk
                .iter()
                .map(|v| format_number(*v, 3))
                .chain(words.first().cloned())
                .collect()
        })
        .collect();
    let spread = Spread::of(&values[..values.len().min(3)]);
    let rows: Vec<TransitionRow> = values
        .iter()
        .map(|&value| TransitionRow {
            sparsity: value,
            n_represented: spread,
            mean_interference: Spread::of(&[value]),
            mean_dimensionality: Spread::of(&[value, value]),
            loss: Spread::of(&[]),
        })
        .collect();
    let title = words.first().map_or("", String::as_str);
    let mut summary = Summary::new(title);
    summary.warnings = words.to_vec();
    summary.configuration = pairs.clone();
    summary.headline = words
        .iter()
        .map(|word| Headline::new(word, word, word))
        .collect();
    summary.losses = values.to_vec();
    summary.norms = values.to_vec();
    summary.dimensionality = values.to_vec();
    // Sometimes with the wrong number of values.
    summary.interference = Some(SelectedInterference {
        features: features.clone(),
        values: values.to_vec(),
    });
    summary.clusters = members.clone();
    summary.n_clustered = height;
    summary.tables = vec![SummaryTable {
        title: title.to_owned(),
        headers: words.to_vec(),
        rows: cells.clone(),
        note: title.to_owned(),
    }];
    let options = CurveOptions::new(title)
        .with_labels(title, title)
        .with_height(height);
    vec![
        bar_chart(title, words, values, style),
        feature_norms(values, style),
        dimensionality(values, style),
        interference_heatmap(square, style),
        cosine_matrix(
            square.with_features(&features).expect("one for each row"),
            style,
        ),
        training_curve(values, height, style),
        curve(&points, &options, style),
        curve(
            &points,
            &options.clone().with_scale(Scale::Logarithmic),
            style,
        ),
        sparsity_transition(&rows, style),
        clusters(&members, height, style),
        histogram(title, values, height, style),
        feature_plane(&plane, style),
        section(title, style),
        key_values(&pairs, style),
        table(words, &cells, style),
        summary_report(&summary, style),
    ]
}

/// The text without colours.
fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\x1b[") {
        out.push_str(before);
        rest = after.split_once('m').map_or("", |(_, after)| after);
    }
    out + rest
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn lines_fit_and_characters_are_allowed(
        values in vec(number(), 0..130),
        words in vec(text(), 0..5),
        height in 0_usize..30,
        style in style(),
    ) {
        let never = figures(&values, &words, height, &style.with_color(Color::Never));
        for (k, (figure, colorless)) in figures(&values, &words, height, &style).into_iter().zip(never).enumerate() {
            prop_assert!(!colorless.contains('\x1b'), "figure {} has an escape sequence:\n{}", k, colorless);
            prop_assert_eq!(plain(&figure), &*colorless, "colour changes figure {}", k);
            prop_assert!(figure.is_empty() || figure.ends_with('\n'));
            prop_assert!(style.charset == Charset::Unicode || figure.is_ascii(), "figure {}:\n{}", k, figure);
            for line in colorless.lines() {
                let columns = line.chars().filter(|c| *c != '\u{301}').count();
                prop_assert!(columns <= style.width.max(MIN_WIDTH), "figure {}: {} columns in {:?}", k, columns, line);
                prop_assert!(!line.ends_with(' '), "figure {}: spaces at the end of {:?}", k, line);
                prop_assert!(line.chars().all(|c| !c.is_control()), "figure {}: control character in {:?}", k, line);
            }
        }
    }

    #[test]
    fn glyphs_of_the_heat_map_agree_with_its_legend(n in 1_usize..9, seed in vec(number(), 64), ascii in any::<bool>(), signed in any::<bool>()) {
        let values = &seed[..n * n];
        let style = TextStyle::default().with_width(200).with_charset(if ascii { Charset::Ascii } else { Charset::Unicode });
        let square = Square::new(values, n).expect("n * n values");
        let figure = if signed { cosine_matrix(square, &style) } else { interference_heatmap(square, &style) };
        let side = if ascii { '|' } else { '│' };
        let rows: Vec<Vec<char>> = figure
            .lines()
            .filter_map(|line| line.split_once(side).and_then(|(_, rest)| rest.strip_suffix(side)))
            .map(|cells| cells.chars().step_by(2).collect())
            .collect();
        let legend = figure.lines().find(|line| line.contains("blank")).expect("a legend");
        prop_assert_eq!(rows.len(), n);
        for i in 0..n {
            for j in 0..n {
                let expected = if i == j { glyph_named(legend, "the feature itself") } else { glyph_of(legend, values[i + n * j]) };
                prop_assert_eq!(Some(rows[i][j]), expected, "({}, {}) is {} in\n{}", i, j, values[i + n * j], figure);
            }
        }
    }

    #[test]
    fn every_finite_value_is_in_one_bin(values in vec(number(), 1..60), n_bins in 0_usize..30) {
        let style = TextStyle::default().with_width(200).with_charset(Charset::Ascii);
        let figure = histogram("t", &values, n_bins, &style);
        let counts: usize = figure
            .lines()
            .filter(|line| line.starts_with('['))
            .filter_map(|line| line.split_once('|')?.0.split_whitespace().last()?.parse::<usize>().ok())
            .sum();
        prop_assert_eq!(counts, values.iter().filter(|v| v.is_finite()).count(), "{}", figure);
    }

    #[test]
    fn a_spike_of_one_step_is_seen(place in 0_usize..10_000, width in MIN_WIDTH..200, ascii in any::<bool>()) {
        let mut losses = vec![1.0; 10_000];
        losses[place] = 2.0;
        let style = TextStyle::default().with_width(width).with_charset(if ascii { Charset::Ascii } else { Charset::Unicode });
        let figure = training_curve(&losses, 6, &style);
        let tick = if ascii { '+' } else { '┤' };
        let top = figure.lines().find_map(|line| line.split_once(tick)).expect("a row with a tick").1;
        prop_assert_eq!(top.trim().chars().count(), 1, "{}", figure);
    }

    #[test]
    fn a_number_with_seventeen_digits_is_itself(value in proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL | proptest::num::f64::ZERO) {
        prop_assert_eq!(format_number(value, 17).parse::<f64>().ok(), Some(value));
    }
}

/// The glyph that the legend gives to a value: of the bounds that it meets, the farthest from zero.
fn glyph_of(legend: &str, value: f64) -> Option<char> {
    if value.is_nan() {
        return glyph_named(legend, "NaN");
    }
    let mut found = (0.0, ' ');
    for entry in legend.split("   ") {
        let mut words = entry.split(' ');
        let (glyph, relation, bound) = (
            words.next()?,
            words.next()?,
            words.next().and_then(|b| b.parse::<f64>().ok()),
        );
        let meets = match (relation, bound) {
            ("≥" | ">=", Some(bound)) => value >= bound,
            ("≤" | "<=", Some(bound)) => value <= bound,
            _ => false,
        };
        if meets && glyph != "blank" && bound.is_some_and(|bound| bound.abs() > found.0) {
            found = (bound.unwrap_or(0.0).abs(), glyph.chars().next()?);
        }
    }
    Some(found.1)
}

/// The glyph of the entry with this meaning.
fn glyph_named(legend: &str, meaning: &str) -> Option<char> {
    legend
        .split("   ")
        .find_map(|entry| entry.strip_suffix(meaning)?.chars().next())
}
