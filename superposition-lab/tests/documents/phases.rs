//! Phase diagrams: known optima, symmetry, threads, documents and reports.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};

use superposition_lab::analysis::{cosines, feature_norms, feature_superposition, from_columns};
use superposition_lab::model::{Dimensions, Importance, ToyModelConfig};
use superposition_lab::report::phase_diagram_report;
use superposition_lab::train::optimum::OptimumOptions;
use superposition_lab::viz::{Charset, TextStyle};
use superposition_lab::{
    LabError, OptimumRecipe, PhaseDiagramDocument, PhaseDiagramOptions, PhaseRegion, PhaseStage,
    find_optimum, phase_diagram,
};
use superposition_testkit::tolerance::{Tolerance, assert_all_close, assert_close};

use super::validate;

fn options(n_features: usize, n_hidden: usize, grid: usize) -> PhaseDiagramOptions {
    let mut options = PhaseDiagramOptions::new(Dimensions {
        n_features,
        n_hidden,
    });
    options.grid = grid;
    options
}

fn computed(options: &PhaseDiagramOptions, threads: usize) -> PhaseDiagramDocument {
    let threads = NonZeroUsize::new(threads).unwrap();
    phase_diagram(options, threads, &|_| ControlFlow::Continue(())).unwrap()
}

/// One cell with its centre at (r, p).
fn at(options: &PhaseDiagramOptions, r: f64, p: f64) -> PhaseDiagramOptions {
    let mut options = options.clone();
    options.grid = 1;
    options.relative_importance = [r / 1.5, r * 1.5];
    let factor = if p > 0.5 { 1.05 } else { 1.5 };
    options.feature_probability = [p / factor, p * factor];
    options
}

/// The optima of two equally important features that were found before, and by other means.
#[test]
fn cells_of_known_optimum() {
    for (p, loss_sum) in [
        (0.1, 0.003_319_5),
        (0.3, 0.029_310_4),
        (0.5, 0.076_282_4),
        (0.7, 0.108_106_4),
        (0.9, 0.097_094_2),
    ] {
        let found = computed(&at(&options(2, 1, 1), 1.0, p), 1);
        assert_close(found.feature_probability[0], p, Tolerance::relative(1e-12));
        assert_close(
            found.optimum.loss_sum[0],
            loss_sum,
            Tolerance::absolute(1e-7),
        );
        assert!(found.agreement.largest_excess < 1e-3, "{found:?}");
        // Opposite signs, however small one of them becomes: there is no place where a feature is dropped for nothing.
        assert!(found.optimum.extra_superposition[0] > 1e-3, "p = {p}");
        let is_pair = found.optimum.region[0] == PhaseRegion::ExtraAntipodal;
        assert_eq!(is_pair, found.optimum.extra_cosine[0] == Some(-1.0));
        assert!(is_pair || p > 0.6, "p = {p}");
    }
}

/// The feature that is called extra is a name: exchanging the two multiplies the loss by r.
#[test]
fn two_features_are_symmetric_in_r() {
    let diagram = computed(&options(2, 1, 9), 2);
    let grid = diagram.options.grid;
    let maps = [&diagram.theory, &diagram.optimum, &diagram.trained];
    for (map, tolerance) in maps.into_iter().zip([1e-12, 1e-6, 1e-3]) {
        for row in 0..grid {
            for column in 0..grid {
                let (cell, mirror) = (row * grid + column, row * grid + grid - 1 - column);
                let r = diagram.relative_importance[column];
                let mirrored = r * map.loss[mirror];
                assert_close(map.loss[cell], mirrored, Tolerance::relative(tolerance));
                // In the middle column either may be dropped.
                let expected = match map.region[mirror] {
                    _ if 2 * column + 1 == grid => continue,
                    PhaseRegion::ExtraDropped => PhaseRegion::OtherDropped,
                    PhaseRegion::OtherDropped => PhaseRegion::ExtraDropped,
                    same => same,
                };
                assert_eq!(map.region[cell], expected, "{row} {column}");
            }
        }
    }
    assert!(
        diagram
            .optimum
            .region
            .contains(&PhaseRegion::ExtraAntipodal)
    );
    assert!(diagram.optimum.region.contains(&PhaseRegion::ExtraDropped));
}

/// Against a search from many random starts and named polytopes that knows nothing of trained models.
#[test]
fn optima_are_those_of_a_search_from_many_starts() {
    for (n_features, n_hidden, grid) in [(2, 1, 7), (3, 2, 5)] {
        let diagram = computed(&options(n_features, n_hidden, grid), 2);
        let model = ToyModelConfig::new(diagram.options.dimensions);
        for (cell, &loss) in diagram.optimum.loss.iter().enumerate() {
            let (r, p) = (
                diagram.relative_importance[cell % grid],
                diagram.feature_probability[cell / grid],
            );
            let mut importance = vec![1.0; n_features];
            importance[n_features - 1] = r;
            let recipe = OptimumRecipe::new(model)
                .with_feature_probability(p)
                .with_importance(Importance::Explicit(importance))
                .with_search(OptimumOptions::default().with_n_starts(12));
            let threads = NonZeroUsize::new(2).unwrap();
            let other = find_optimum(&recipe, threads, &|_| ControlFlow::Continue(())).unwrap();
            assert_close(loss, other.loss.unwrap(), Tolerance::relative(1e-7));
        }
        assert!(diagram.agreement.trained_near_optimum >= 0.95);
    }
}

/// The triangle, which fixed weights leave out, around the point at which their boundaries meet.
#[test]
fn a_triangle_wins_where_the_boundaries_meet() {
    let mut options = at(&options(3, 2, 1), 1.0, 4.0 / 7.0);
    // Ten seeds find a local minimum.
    options.n_seeds = 100;
    let found = computed(&options, 2);
    assert_eq!(found.optimum.region, [PhaseRegion::Triangle]);
    assert_eq!(found.trained.region, [PhaseRegion::Triangle]);
    assert_ne!(found.theory.region, [PhaseRegion::Triangle]);
    assert!(found.optimum.loss[0] < found.theory.loss[0]);
    // Three alike: the same angle between all, so the same superposition as of a triangle of this norm.
    let norm = found.optimum.extra_norm[0];
    let cosine = found.optimum.extra_cosine[0].unwrap();
    assert_close(cosine, -0.5, Tolerance::absolute(1e-5));
    let superposition = 2.0 * (0.5 * norm).powi(2);
    assert_close(
        found.optimum.extra_superposition[0],
        superposition,
        Tolerance::absolute(1e-5),
    );
}

#[test]
fn threads_do_not_enter() {
    for (n_features, n_hidden, grid) in [(2, 1, 20), (3, 2, 3)] {
        let mut options = options(n_features, n_hidden, grid);
        options.n_seeds = 2;
        options.train.n_steps = 100;
        let one = computed(&options, 1);
        assert_eq!(one, computed(&options, 3));
    }
}

#[test]
fn documents_reports_and_figures() {
    for (n_features, n_hidden) in [(2, 1), (3, 2)] {
        let mut options = options(n_features, n_hidden, 4);
        options.n_seeds = 2;
        let diagram = computed(&options, 1);
        let value = validate(&diagram);
        assert_eq!(value["trained"]["region"].as_array().unwrap().len(), 16);
        let csv = diagram.to_csv();
        let lines: Vec<&str> = csv.lines().collect();
        assert_eq!(lines.len(), 17);
        let columns = lines[0].split(',').count();
        assert!(lines.iter().all(|line| line.split(',').count() == columns));
        let row: Vec<&str> = lines[6].split(',').collect();
        assert_eq!(row[0], diagram.relative_importance[1].to_string());
        assert_eq!(row[1], diagram.feature_probability[1].to_string());
        assert_eq!(row[14], diagram.trained.region[5].key());
        assert_eq!(row[15], diagram.trained.loss[5].to_string());
        let svg = diagram.to_svg();
        assert!(svg.starts_with("<svg") && !svg.contains("NaN") && !svg.contains("inf"));
        for words in ["fixed weights", "exact optimum", "the best of 2"] {
            assert!(svg.contains(words), "{words}");
        }
        for width in [20, 40, 100] {
            let style = TextStyle::default()
                .with_width(width)
                .with_charset(Charset::Ascii);
            let text = phase_diagram_report(&diagram, &style);
            assert!(text.is_ascii(), "{text}");
            for line in text.lines() {
                assert!(line.len() <= width, "{width}: {line}");
            }
        }
        let wide = phase_diagram_report(&diagram, &TextStyle::default().with_width(100));
        // The top row of the map of the optimum is the most frequent features.
        let letter = |cell: usize| diagram.optimum.region[cell].letter();
        let top: String = [12, 13, 14, 15].map(letter).iter().collect();
        assert!(wide.contains(&top), "{wide}");
    }
}

/// What is read from a cell is what analysis says of the same weights.
#[test]
fn readings_are_those_of_analysis() {
    let found = computed(&at(&options(3, 2, 1), 0.6, 0.4), 1);
    let model = ToyModelConfig::new(found.options.dimensions);
    let recipe = OptimumRecipe::new(model)
        .with_feature_probability(found.feature_probability[0])
        .with_importance(Importance::Explicit(vec![
            1.0,
            1.0,
            found.relative_importance[0],
        ]));
    let go_on = &|_: &_| ControlFlow::Continue(());
    let optimum = find_optimum(&recipe, NonZeroUsize::MIN, go_on).unwrap();
    let w: Vec<f64> = (0..3)
        .flat_map(|i| optimum.w.as_ref().unwrap().iter().map(move |row| row[i]))
        .collect();
    let w = from_columns(&w, 2, 3);
    let cosines = cosines(w);
    let nearest = [cosines[(0, 2)], cosines[(1, 2)]]
        .into_iter()
        .max_by(|a, b| a.abs().total_cmp(&b.abs()));
    assert_all_close(
        &[
            found.optimum.extra_norm[0],
            found.optimum.extra_superposition[0],
            found.optimum.extra_cosine[0].unwrap(),
        ],
        &[
            feature_norms(w)[2],
            feature_superposition(w)[2],
            nearest.unwrap(),
        ],
        Tolerance::absolute(1e-5),
    );
}

#[test]
fn values_that_cannot_be_are_refused() {
    let refused = |change: &dyn Fn(&mut PhaseDiagramOptions)| {
        let mut options = options(2, 1, 4);
        change(&mut options);
        let error = phase_diagram(&options, NonZeroUsize::MIN, &|_| ControlFlow::Continue(()));
        error.unwrap_err().to_string()
    };
    assert!(refused(&|o| o.dimensions.n_features = 4).contains("(2, 1) or (3, 2)"));
    assert!(refused(&|o| o.grid = 0).contains("from 1 to 1024"));
    assert!(refused(&|o| o.grid = usize::MAX).contains("from 1 to 1024"));
    assert!(refused(&|o| o.n_seeds = 0).contains("n_seeds is 0"));
    assert!(refused(&|o| o.n_seeds = usize::MAX).contains("2^24"));
    assert!(refused(&|o| o.train.seed = u64::MAX).contains("2^64"));
    for range in [
        [0.0, 1.0],
        [-1.0, 1.0],
        [1.0, 1.0],
        [2.0, 1.0],
        [f64::NAN, 1.0],
    ] {
        assert!(refused(&|o| o.relative_importance = range).contains("relative_importance"));
        assert!(refused(&|o| o.feature_probability = range).contains("feature_probability"));
    }
    assert!(refused(&|o| o.feature_probability = [0.1, 1.5]).contains("0.1 to 1.5"));
    assert!(refused(&|o| o.feature_probability = [1e-5, 1.0]).contains("1e-4"));
    assert!(refused(&|o| o.relative_importance = [0.1, 1e4]).contains("1e3"));
    assert!(refused(&|o| o.train.n_steps = 0).contains("n_steps"));
    let rate = refused(&|o| o.train.adam.learning_rate = 1e30);
    assert!(rate.contains("diverged"), "{rate}");
}

#[test]
fn an_observer_ends_it_in_either_part() {
    for stop_at in [PhaseStage::Training, PhaseStage::Optimum] {
        let calls = AtomicUsize::new(0);
        let ended = phase_diagram(&options(2, 1, 6), NonZeroUsize::MIN, &|at| {
            calls.fetch_add(1, Ordering::Relaxed);
            match at.stage == stop_at {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        });
        assert!(matches!(ended, Err(LabError::Cancelled)), "{ended:?}");
        assert!(calls.into_inner() > 0);
    }
}
