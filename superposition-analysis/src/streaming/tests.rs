//! Streamed = in memory, to the bit, whatever the bands.

use std::ops::{ControlFlow, Range};

use faer::{Mat, MatRef};
use proptest::prelude::*;
use superposition_testkit::{geometry, strategy};

use super::*;
use crate::kernel::{Digits, SlicedTriangle};
use crate::{
    Activity, AnalysisError, Pairs, Real, activity_interference, analyze, center, from_columns,
};

/// As [`analyze_stream`], in bands of so many features and so many rows of direct sums at a time.
fn in_bands<T: Real>(
    w: MatRef<'_, T>,
    options: &AnalysisOptions,
    band_features: usize,
    direct_features: usize,
) -> DictionaryReport {
    let budget = StreamOptions::new(*options, u64::MAX / 4);
    let mut plan = StreamPlan::new(w.shape(), size_of::<T>(), &budget).unwrap();
    (plan.band_features, plan.direct_features) = (band_features, direct_features);
    let mut go_on = |_| ControlFlow::<()>::Continue(());
    match analyze_planned(&mut { w }, options, &plan, &mut go_on) {
        Ok(report) => report,
        Err(Stop::Broken(())) => unreachable!("nobody breaks"),
        Err(Stop::Failed(error)) => panic!("{error}"),
    }
}

/// The bits of everything: `==` would let zeros of either sign pass.
#[track_caller]
fn assert_same(streamed: &DictionaryReport, expected: &DictionaryReport) {
    assert_eq!(format!("{streamed:?}"), format!("{expected:?}"));
}

fn options(neighbors: usize, threshold: f64, min_norm: f64, threads: usize) -> AnalysisOptions {
    AnalysisOptions::default()
        .with_neighbors(neighbors)
        .with_cluster_threshold(threshold)
        .with_min_norm(min_norm)
        .with_pairs(Pairs::Listed)
        .with_threads(threads)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn any_bands_give_the_report_of_the_matrix(
        w in strategy::dictionary(6, 60),
        band in 1_usize..61,
        neighbors in 0_usize..5,
        threshold in 0.0_f64..1.0,
        min_norm in prop_oneof![Just(0.0), 0.0_f64..2.0],
        threads in 1_usize..4,
    ) {
        let options = options(neighbors, threshold, min_norm, threads);
        let expected = analyze(w.as_ref(), &options).unwrap();
        assert_same(&in_bands(w.as_ref(), &options, band, 128), &expected);
    }

    /// Copies and near copies, in both directions, with zeros among them, in f32.
    #[test]
    fn near_ties_across_bands_are_decided_alike(
        seed in any::<u64>(),
        band in 1_usize..120,
        noise in prop_oneof![Just(0.0), Just(1e-15), Just(1e-7), Just(1e-5)],
        threshold in prop_oneof![Just(0.25), 0.0_f64..1.0],
    ) {
        let base = geometry::random_gaussian(5, 12, seed);
        let shift = geometry::random_gaussian(5, 120, seed ^ 1);
        let w = Mat::<f32>::from_fn(5, 120, |k, j| {
            let sign = if j % 7 < 3 { -1.0 } else { 1.0 };
            let x = sign * (base[(k, j % 12)] + noise * shift[(k, j)]);
            if j % 31 == 5 { 0.0 } else { x as f32 }
        });
        let options = options(4, threshold, 0.0, 2);
        let expected = analyze(w.as_ref(), &options).unwrap();
        assert_same(&in_bands(w.as_ref(), &options, band, 128), &expected);
    }
}

/// Sizes around blocks, chunks and tiles; norms so different that rows are summed directly; fewer features than dimensions; extreme scales.
#[test]
fn sums_and_pairs_are_the_same_at_every_size() {
    for (seed, (m, n)) in [
        (3, 1),
        (2, 513),
        (7, 1500),
        (2, 16 * 512 + 700),
        (300, 290),
        (520, 40),
    ]
    .into_iter()
    .enumerate()
    {
        let random = geometry::random_gaussian(m, n, seed as u64);
        for scale in [
            |_| 1.0,
            |j: usize| [1.0, 1e-9, 1e-30][j % 3],
            |j: usize| [1e-250, 1.0, 1e200][j % 3],
        ] {
            let w = Mat::from_fn(m, n, |i, j| scale(j) * random[(i, j)]);
            let threads = 1 + seed % 3;
            let options = options(2, 0.3, 1e-100, threads).with_pairs(if n > 2000 {
                Pairs::Skipped
            } else {
                Pairs::Listed
            });
            let expected = analyze(w.as_ref(), &options).unwrap();
            for (band, direct) in [(n.div_ceil(3), 128), (n, 1 << 20)] {
                assert_same(&in_bands(w.as_ref(), &options, band, direct), &expected);
            }
        }
    }
}

/// Beside a feature a hundred times as long as the others digits tell nothing of what those share.
#[test]
fn what_digits_lose_is_summed_again_alike() {
    let (m, n) = (80, 400);
    let mut w = geometry::random_gaussian(m, n, 12);
    (0..n).for_each(|j| w[(0, j)] = 0.0);
    w.col_as_slice_mut(0).fill(0.0);
    w[(0, 0)] = 100.0 * (m as f64).sqrt();
    let narrow = Mat::from_fn(m, n, |i, j| w[(i, j)] as f32);
    let options = options(1, 0.5, 0.0, 2);
    assert_same(
        &in_bands(w.as_ref(), &options, 150, 128),
        &analyze(w.as_ref(), &options).unwrap(),
    );
    assert_same(
        &in_bands(narrow.as_ref(), &options, 150, 128),
        &analyze(narrow.as_ref(), &options).unwrap(),
    );
    let mut again = false;
    let budget = StreamOptions::new(options, 64 << 20);
    let report = analyze_stream(&mut w.as_ref(), &budget, |progress| {
        again |= progress.stage == StreamStage::SummingAgain;
        ControlFlow::<()>::Continue(())
    });
    assert!(report.unwrap().is_continue());
    // Where the machine has tiles at all.
    let one = Mat::<f64>::identity(1, 1);
    let has_tiles = SlicedTriangle::new(one.as_ref(), Digits::Six).is_some();
    assert_eq!(again, has_tiles);
}

/// Through the public door, from the smallest budget on, which the error names.
#[test]
fn any_budget_that_is_granted_gives_the_report() {
    let w = geometry::random_gaussian(20, 2000, 5);
    let options = options(3, 0.4, 0.0, 2);
    let expected = analyze(w.as_ref(), &options).unwrap();
    let run = |memory| {
        let budget = StreamOptions::new(options, memory);
        analyze_stream(
            &mut w.as_ref(),
            &budget,
            |_| ControlFlow::<()>::Continue(()),
        )
    };
    let Err(AnalysisError::MemoryTooSmall {
        given: 1000,
        needed,
    }) = run(1000)
    else {
        panic!("1000 bytes are not enough");
    };
    assert!(run(needed - 1).is_err());
    let plan = |memory| {
        let budget = StreamOptions::new(options, memory);
        StreamPlan::new((20, 2000), 8, &budget).unwrap()
    };
    let mut bands = Vec::new();
    for memory in [needed, needed + 200_000, 1 << 30] {
        let plan = plan(memory);
        assert!(plan.memory <= memory, "{plan:?} in {memory}");
        bands.push(plan.n_bands);
        let report = run(memory).unwrap().continue_value().unwrap();
        assert_same(&report, &expected);
    }
    assert!(bands[0] > bands[1] && bands[1] > bands[2], "{bands:?}");
    assert_eq!(bands[2], 1);
}

/// A source that counts what is read.
struct Counting<'a> {
    w: MatRef<'a, f64>,
    columns: u64,
    fail_after: u64,
}

impl ColumnSource for Counting<'_> {
    type Element = f64;
    type Error = AnalysisError;

    fn shape(&self) -> (usize, usize) {
        self.w.shape()
    }

    fn read(&mut self, features: Range<usize>, columns: &mut [f64]) -> Result<(), AnalysisError> {
        assert_eq!(columns.len(), features.len() * self.w.nrows());
        self.columns += features.len() as u64;
        if self.columns > self.fail_after {
            return Err(AnalysisError::TooFewSamples {
                n_samples: 7,
                needed: 8,
            });
        }
        self.w.read(features, columns)
    }
}

#[test]
fn what_is_read_is_what_the_plan_says() {
    for (m, n) in [(20, 3000), (400, 390)] {
        let w = geometry::random_gaussian(m, n, 1);
        let options = options(1, 0.5, 0.0, 1);
        let smallest = StreamOptions::new(options, 1);
        let Err(AnalysisError::MemoryTooSmall { needed, .. }) =
            StreamPlan::new((m, n), 8, &smallest)
        else {
            panic!("a byte is not enough");
        };
        for memory in [needed, needed + 300_000, 1 << 30] {
            let budget = StreamOptions::new(options, memory);
            let plan = StreamPlan::new((m, n), 8, &budget).unwrap();
            let mut source = Counting {
                w: w.as_ref(),
                columns: 0,
                fail_after: u64::MAX,
            };
            let flow = analyze_stream(&mut source, &budget, |_| ControlFlow::<()>::Continue(()));
            assert!(flow.unwrap().is_continue());
            // The last band may be shorter.
            let slack = (plan.n_bands * plan.n_bands) as u64;
            assert!(source.columns <= plan.columns_read, "{plan:?}");
            assert!(
                n <= m || source.columns + slack >= plan.columns_read,
                "{} and {plan:?}",
                source.columns
            );
        }
    }
}

#[test]
fn every_stage_can_be_broken_off_and_every_read_can_fail() {
    // One feature is orthogonal to all others, so that its row is summed directly.
    let random = geometry::random_gaussian(9, 1200, 3);
    let w = Mat::from_fn(10, 1200, |i, j| match (i, j) {
        (9, 7) => 1.0,
        (9, _) | (_, 7) => 0.0,
        at => random[at],
    });
    let budget = StreamOptions::new(options(1, 0.5, 0.0, 2), 64 << 20);
    let mut seen: Vec<StreamProgress> = Vec::new();
    let report = analyze_stream(&mut w.as_ref(), &budget, |progress| {
        seen.push(progress);
        ControlFlow::<()>::Continue(())
    });
    assert!(report.unwrap().is_continue());
    for pair in seen.windows(2) {
        assert!((0.0..=1.0).contains(&pair[1].fraction), "{pair:?}");
        if pair[0].stage == pair[1].stage {
            assert!(pair[0].fraction <= pair[1].fraction, "{pair:?}");
        }
    }
    for stage in [
        StreamStage::Measuring,
        StreamStage::Summing,
        StreamStage::SummingDirectly,
        StreamStage::Comparing,
    ] {
        assert!(seen.iter().any(|progress| progress.stage == stage));
        for limit in [0.0, 0.3] {
            let mut after = 0;
            let flow = analyze_stream(&mut w.as_ref(), &budget, |progress| {
                if progress.stage == stage && progress.fraction >= limit {
                    after += 1;
                    return ControlFlow::Break(progress);
                }
                ControlFlow::Continue(())
            });
            if let ControlFlow::Break(progress) = flow.unwrap() {
                assert_eq!((progress.stage, after), (stage, 1));
            } else {
                assert!(limit > 0.0, "{stage:?} was not broken off");
            }
        }
    }
    for fail_after in [0, 600, 1800, 3000, 5000] {
        let mut source = Counting {
            w: w.as_ref(),
            columns: 0,
            fail_after,
        };
        let result = analyze_stream(&mut source, &budget, |_| ControlFlow::<()>::Continue(()));
        assert_eq!(
            result.unwrap_err().to_string(),
            "7 samples; at least 8 are needed"
        );
    }
}

#[test]
fn bad_matrices_and_options_are_refused_as_in_memory() {
    let mut values = vec![1.0_f32; 4 * 600];
    values[4 * 555 + 2] = f32::NAN;
    let w = from_columns(&values, 4, 600);
    let run = |options| {
        let budget = StreamOptions::new(options, 64 << 20);
        analyze_stream(&mut { w }, &budget, |_| ControlFlow::<()>::Continue(())).unwrap_err()
    };
    let of_matrix = |options| analyze(w, &options).unwrap_err();
    let plain = AnalysisOptions::default();
    assert_eq!(run(plain).to_string(), of_matrix(plain).to_string());
    let wrong = plain.with_cluster_threshold(2.0);
    assert_eq!(run(wrong).to_string(), of_matrix(wrong).to_string());
    let mut empty = MatRef::<f64>::from_column_major_slice(&[], 0, 3);
    let budget = StreamOptions::new(plain, 64 << 20);
    let result = analyze_stream(&mut empty, &budget, |_| ControlFlow::<()>::Continue(()));
    assert!(matches!(
        result,
        Err(AnalysisError::Empty {
            n_features: 3,
            n_hidden: 0
        })
    ));
}

/// All blocks of a centred source are columns of the centred matrix.
#[test]
fn a_centred_source_is_the_centred_matrix() {
    let w = geometry::random_gaussian(6, 1100, 9);
    let expected = center(w.as_ref());
    let mut source = Centered::new(w.as_ref()).unwrap();
    for range in [0..1100, 3..4, 500..1030, 1099..1100] {
        let mut columns = vec![f64::NAN; 6 * range.len()];
        source.read(range.clone(), &mut columns).unwrap();
        for (j, column) in range.zip(columns.chunks(6)) {
            assert_eq!(column, expected.col_as_slice(j));
        }
    }
    let options = options(1, 0.5, 0.0, 1);
    let budget = StreamOptions::new(options, 64 << 20);
    let report = analyze_stream(&mut source, &budget, |_| ControlFlow::<()>::Continue(()));
    let expected = analyze(expected.as_ref(), &options).unwrap();
    assert_same(&report.unwrap().continue_value().unwrap(), &expected);
    assert!(Centered::new(MatRef::<f64>::from_column_major_slice(&[], 4, 0)).is_ok());
}

#[test]
fn interference_weighted_by_rates_is_the_same() {
    for (m, n) in [(9, 1100), (40, 30)] {
        let w = geometry::random_gaussian(m, n, 2);
        let rates: Vec<f64> = (0..n).map(|i| (i % 11) as f64 / 10.0).collect();
        let options = options(1, 0.5, 2.5, 2);
        let budget = StreamOptions::new(options, 64 << 20);
        let mut seen = Vec::new();
        let streamed = activity_interference_stream(&mut w.as_ref(), &rates, &budget, |progress| {
            seen.push(progress.stage);
            ControlFlow::<()>::Continue(())
        });
        let expected =
            activity_interference(w.as_ref(), Activity::Rates(&rates), &options).unwrap();
        let streamed = streamed.unwrap().continue_value().unwrap();
        assert_eq!(format!("{streamed:?}"), format!("{expected:?}"));
        assert!(seen.contains(&StreamStage::Measuring) && !seen.contains(&StreamStage::Comparing));
        let mut wrong = rates.clone();
        wrong[3] = 1.5;
        let go_on = |_| ControlFlow::<()>::Continue(());
        let result = activity_interference_stream(&mut w.as_ref(), &wrong, &budget, go_on);
        assert_eq!(
            result.unwrap_err(),
            AnalysisError::InvalidRate {
                feature: 3,
                value: 1.5
            }
        );
    }
}
