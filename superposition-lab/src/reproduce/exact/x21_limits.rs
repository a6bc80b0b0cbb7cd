//! X21: limits that no dictionary passes.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use superposition_analysis::faer::Mat;
use superposition_analysis::{
    coherence, feature_dimensionality, frame_potential, leverage, rank, unit_directions,
    welch_bound,
};

use super::geometry::{cross_polytope, gram, polygon, simplex};
use super::support::{bell, descend, uniform};
use crate::LabError;
use crate::reproduce::{
    Budget, Check, Context, Definition, Expected, Experiment, Findings, Precision, Verdict,
};

pub(super) const EXPERIMENT: Experiment = Experiment {
    definition: Definition {
        id: "X21",
        claim: "limits: D_i <= leverage_i; sum of D_i <= rank; frame potential >= max(n, n^2/m); the Welch, orthoplex and planar bounds on the coherence",
        source: "Scherlis et al. 2022; Benedetto and Fickus 2003; Welch 1974; Conway, Hardin and Sloane 1996",
        section: "proven bounds",
        config: "9,800 random dictionaries of 1..14 features in 1..5 dimensions with norms over three decades, and 200 whose coherence was lowered by gradient descent",
        measured: "the smallest distance from each bound, and the distance of frames that attain it",
        seeds: &[21],
        budget: Budget::seconds(6.0),
    },
    run,
};

const RANDOM: usize = 9_800;
const OPTIMISED: usize = 200;
/// No coherence is above 1, so a distance this large is from no bound at all.
const NOWHERE: f64 = f64::INFINITY;

/// The names of the bounds, in the order of [`distances`].
const BOUNDS: [&str; 6] = [
    "leverage_i - D_i",
    "rank - sum of D_i",
    "frame potential - max(n, n^2/m), unit norms",
    "coherence - Welch bound, n > m",
    "coherence - 1/sqrt(m), n > m(m+1)/2",
    "coherence - cos(pi/n), m = 2, n >= 2",
];

/// How far a dictionary is on the possible side of each bound; infinity where a bound says nothing. `count` is the number
/// of features that the bounds are taken for.
fn distances(w: &Mat<f64>, count: usize) -> [f64; 6] {
    let (m, n) = (w.nrows() as f64, count as f64);
    let d = feature_dimensionality(w.as_ref());
    let leverage = leverage(w.as_ref());
    let smallest = leverage
        .iter()
        .zip(&d)
        .map(|(l, d)| l - d)
        .fold(NOWHERE, f64::min);
    let units = unit_directions(w.as_ref());
    let coherence = coherence(w.as_ref()).map_or(NOWHERE, |pair| pair.value.abs());
    let if_so = |holds: bool, distance: f64| if holds { distance } else { NOWHERE };
    [
        smallest,
        rank(w.as_ref()) as f64 - d.iter().sum::<f64>(),
        frame_potential(units.as_ref()) - n.max(n * n / m),
        if_so(count > w.nrows(), coherence - welch_bound(count, w.nrows())),
        if_so(
            n > m * (m + 1.0) / 2.0 && count > 1,
            coherence - 1.0 / m.sqrt(),
        ),
        if_so(
            w.nrows() == 2 && count >= 2,
            coherence - (std::f64::consts::PI / n).cos(),
        ),
    ]
}

/// A dictionary with norms over three decades.
fn random(m: usize, n: usize, rng: &mut ChaCha8Rng) -> Mat<f64> {
    let mut w = Mat::zeros(m, n);
    for i in 0..n {
        let scale = 10_f64.powf(3.0 * uniform(rng) - 1.5);
        for k in 0..m {
            w[(k, i)] = scale * bell(rng);
        }
    }
    w
}

/// The same with a lower coherence: downhill in `$\sum_{i \ne j} \cos_{ij}^8$`.
fn spread_out(w: &Mat<f64>) -> Mat<f64> {
    let (m, n) = w.shape();
    let start = (0..n).flat_map(|i| w.col_as_slice(i).to_vec()).collect();
    let value = |x: &[f64], gradient: &mut [f64]| {
        let columns = Mat::from_fn(m, n, |k, i| x[i * m + k]);
        let g = gram(&columns);
        gradient.fill(0.0);
        let mut sum = 0.0;
        for i in 0..n {
            for j in (0..n).filter(|&j| j != i) {
                let norms = (g[(i, i)] * g[(j, j)]).sqrt();
                let cosine = g[(i, j)] / norms;
                sum += cosine.powi(8);
                // Twice, for (i, j) and (j, i).
                let slope = 16.0 * cosine.powi(7);
                for k in 0..m {
                    gradient[i * m + k] +=
                        slope * (columns[(k, j)] / norms - cosine * columns[(k, i)] / g[(i, i)]);
                }
            }
        }
        sum
    };
    let x = descend(start, 1e-6, value);
    Mat::from_fn(m, n, |k, i| x[i * m + k])
}

fn run(context: &Context<'_>) -> Result<Findings, LabError> {
    let mut findings = Findings::new(Verdict::Agrees);
    let mut rng = ChaCha8Rng::seed_from_u64(EXPERIMENT.definition.seeds[0]);
    let mut closest = [NOWHERE; 6];
    for k in 0..RANDOM + OPTIMISED {
        let m = 1 + (5.0 * uniform(&mut rng)) as usize;
        let n = 1 + (14.0 * uniform(&mut rng)) as usize;
        let mut w = random(m, n, &mut rng);
        if k >= RANDOM {
            // In one dimension there is nothing to spread.
            let norms = superposition_analysis::feature_norms(w.as_ref());
            let units = Mat::from_fn(m, n, |k, i| w[(k, i)] / norms[i]);
            w = if m > 1 { spread_out(&units) } else { units };
        }
        for (closest, distance) in closest.iter_mut().zip(distances(&w, n)) {
            *closest = closest.min(distance);
        }
        if k % 100 == 0 || k > RANDOM {
            context.progress(k as f64 / (RANDOM + OPTIMISED) as f64)?;
        }
    }
    let never = |name: &str, distance| {
        Check::new(
            format!("smallest of 10,000: {name}"),
            distance,
            Precision::Deterministic { error: 1e-10 },
            Expected::AtLeast { value: -1e-9 },
            "a proven bound; rounding, the frame potential of 14 features being up to 200",
        )
    };
    for (name, distance) in BOUNDS.into_iter().zip(closest) {
        findings.check(never(name, distance));
    }
    // The corners of the cross-polytope and of the two 16-cells that are turned against it: mutually unbiased bases of four
    // dimensions.
    let unbiased = Mat::from_fn(4, 12, |k, i| {
        let (basis, i) = (i / 4, i % 4);
        let sign = |odd: usize| if odd.is_multiple_of(2) { 0.5 } else { -0.5 };
        match basis {
            0 => f64::from(u8::from(i == k)),
            _ => {
                // Hadamard's matrix, in the third basis with rows of other signs.
                let hadamard = sign((i & k).count_ones() as usize);
                let turned = basis == 2 && k == 3;
                if turned { -hadamard } else { hadamard }
            }
        }
    });
    let lines = Mat::from_fn(2, 7, |k, i| {
        let angle = std::f64::consts::PI * i as f64 / 7.0;
        if k == 0 { angle.cos() } else { angle.sin() }
    });
    for (bound, name, w) in [
        (0, "pentagon", polygon(5)),
        (1, "pentagon", polygon(5)),
        (2, "cross-polytope in 3 dimensions", cross_polytope(3, 6)),
        (3, "simplex in 4 dimensions", simplex(4)),
        (4, "three mutually unbiased bases of 4 dimensions", unbiased),
        (5, "seven lines in the plane", lines),
    ] {
        findings.check(Check::new(
            format!("attained by the {name}: {}", BOUNDS[bound]),
            distances(&w, w.ncols())[bound],
            Precision::Exact,
            Expected::Equals {
                value: 0.0,
                tolerance: 1e-12,
            },
            "planted; rounding",
        ));
    }
    findings.control(
        "the Welch bound of one feature more, at a simplex",
        never(BOUNDS[3], distances(&simplex(4), 6)[3]),
    );
    Ok(findings)
}
