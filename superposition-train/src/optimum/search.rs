//! The basins that many starts lead to.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use superposition_model::{Initialization, ToyModel};

use super::curvature::FLAT;
use super::{
    CriticalPoint, Curvature, MinimizeOptions, MinimizeProgress, MinimizeStop, Minimized,
    Objective, Symmetry, hessian, minimize,
};
use crate::{Stream, TrainError};

/// How often saddles are left downhill, those found by that included.
const MAX_ROUNDS: usize = 3;
/// How far from a saddle the descent starts.
const STEP_OFF: f64 = 0.1;

/// How the lowest loss is looked for.
///
/// ```
/// use superposition_train::optimum::OptimumOptions;
///
/// let options = OptimumOptions::default().with_n_starts(50).with_seed(7);
/// assert_eq!(options.max_hessian_parameters, 400);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct OptimumOptions {
    /// How many random starts there are beside those given: 20.
    pub n_starts: usize,
    /// What the random starts depend on.
    pub seed: u64,
    /// How they are drawn; biases start at 0.
    pub initialization: Initialization,
    /// How each descent goes.
    pub minimize: MinimizeOptions,
    /// Basins whose losses differ by at most this, relative to the loss (or to 1e-6, where it is smaller), may be the
    /// same: 1e-7.
    pub loss_tolerance: f64,
    /// They are, if the elements of G and b also agree to this ([`Symmetry::permutation`]): 1e-3.
    pub geometry_tolerance: f64,
    /// Eigenvalues of the Hessian up to this share of the largest count as 0: 1e-6.
    pub flat_tolerance: f64,
    /// Up to how many parameters Hessians are computed, and saddles left: 400.
    pub max_hessian_parameters: usize,
}

impl Default for OptimumOptions {
    fn default() -> Self {
        Self {
            n_starts: 20,
            seed: 0,
            initialization: Initialization::XavierNormal,
            minimize: MinimizeOptions::default(),
            loss_tolerance: 1e-7,
            geometry_tolerance: 1e-3,
            flat_tolerance: FLAT,
            max_hessian_parameters: 400,
        }
    }
}

impl OptimumOptions {
    /// The same with this [`n_starts`](Self::n_starts).
    #[must_use]
    pub fn with_n_starts(self, n_starts: usize) -> Self {
        Self { n_starts, ..self }
    }

    /// The same with this [`seed`](Self::seed).
    #[must_use]
    pub fn with_seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// The same with this [`initialization`](Self::initialization).
    #[must_use]
    pub fn with_initialization(self, initialization: Initialization) -> Self {
        Self {
            initialization,
            ..self
        }
    }

    /// The same with this [`minimize`](Self::minimize).
    #[must_use]
    pub fn with_minimize(self, minimize: MinimizeOptions) -> Self {
        Self { minimize, ..self }
    }

    /// The same with these tolerances of [loss](Self::loss_tolerance) and [geometry](Self::geometry_tolerance).
    #[must_use]
    pub fn with_tolerances(self, loss_tolerance: f64, geometry_tolerance: f64) -> Self {
        Self {
            loss_tolerance,
            geometry_tolerance,
            ..self
        }
    }

    /// The same with this [`flat_tolerance`](Self::flat_tolerance).
    #[must_use]
    pub fn with_flat_tolerance(self, flat_tolerance: f64) -> Self {
        Self {
            flat_tolerance,
            ..self
        }
    }

    /// The same with this [`max_hessian_parameters`](Self::max_hessian_parameters).
    #[must_use]
    pub fn with_max_hessian_parameters(self, max_hessian_parameters: usize) -> Self {
        Self {
            max_hessian_parameters,
            ..self
        }
    }

    fn validate(&self, n_given: usize) -> Result<(), TrainError> {
        if self.n_starts + n_given == 0 {
            return Err(TrainError::Zero { name: "n_starts" });
        }
        let tolerances = [
            ("gradient_tolerance", self.minimize.gradient_tolerance),
            ("first_step", self.minimize.first_step),
            ("loss_tolerance", self.loss_tolerance),
            ("geometry_tolerance", self.geometry_tolerance),
            ("flat_tolerance", self.flat_tolerance),
        ];
        for (name, value) in tolerances {
            if !(value.is_finite() && value >= 0.0) {
                let expected = "finite and at least 0";
                return Err(TrainError::Value {
                    name,
                    value,
                    expected,
                });
            }
        }
        Ok(())
    }
}

/// A step of one of the descents of [`optimum`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct OptimumProgress {
    /// Descents that have ended, on all threads.
    pub n_finished: usize,
    /// Descents in all, as far as known: saddles found add some.
    pub n_descents: usize,
    /// The step.
    pub step: MinimizeProgress,
}

/// Critical points that are the same up to rotations and permutations.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Basin {
    /// The lowest descent that ended here.
    pub lowest: Minimized,
    /// Which starts ended here: those given first, in their order, then the random ones.
    pub starts: Vec<usize>,
    /// How many further descents ended here: from saddles, and from where [`Objective::restart`] leads.
    pub n_further: usize,
    /// How many different models were found here: more than one only where they are [`CriticalPoint::Degenerate`], with
    /// equal loss and rank.
    pub n_different: usize,
    /// The spectrum of the Hessian; none with too many parameters, or where the search was ended before.
    pub curvature: Option<Curvature>,
}

impl Basin {
    /// The value there.
    #[must_use]
    pub fn value(&self) -> f64 {
        self.lowest.value
    }

    /// Whether a value is this one, to within the tolerance.
    fn is_as_low_as(&self, value: f64, options: &OptimumOptions) -> bool {
        let size = self.value().abs().max(1e-6);
        (self.value() - value).abs() <= options.loss_tolerance * size
    }

    /// Whether some direction is known to lead down from here.
    #[must_use]
    pub fn is_saddle(&self) -> bool {
        self.curvature
            .as_ref()
            .is_some_and(|c| c.critical_point == CriticalPoint::Saddle)
    }
}

/// The outcome of [`optimum`].
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Optimum {
    /// What was found, lowest first; none if no descent stayed finite.
    pub basins: Vec<Basin>,
    /// How many starts there were, given and random: the first basin is the best found of so many, and no proof that
    /// there is nothing lower.
    pub n_starts: usize,
    /// How many further descents were made, from saddles and from where [`Objective::restart`] leads.
    pub n_further: usize,
    /// Whether the observer ended it: then it is what was found until then.
    pub interrupted: bool,
}

impl Optimum {
    /// The lowest.
    #[must_use]
    pub fn best(&self) -> Option<&Basin> {
        self.basins.first()
    }
}

/// Descends from every start and sorts what is found.
///
/// Starts are the parameters `given`, flat as those of a [`ToyModel`], and [`n_starts`](OptimumOptions::n_starts)
/// random models, number k drawn from the generator `Stream::Initialization.rng(seed, k, 0)`. From each, [`minimize`]
/// goes to a critical point. Those with equal loss and equal geometry up to rotation, reflection and permutation are
/// one basin. The Hessian says what each is. From a saddle two more descents are made, one to each side of its steepest
/// direction, and from any basin one where [`Objective::restart`] leads; and so on for what these find, three times.
///
/// Where an optimum is a continuum of different models (a linear model with equal importances has all subspaces, an
/// output that is never on any lower bias), every start finds another: those of equal loss and rank that are
/// [`CriticalPoint::Degenerate`] are taken for one basin, of [`n_different`](Basin::n_different) models.
///
/// `observe` is called at every step from the thread of the descent; `Break` ends all. Up to that, the outcome does not
/// depend on the number of threads; it passes through faer and is promised on one instruction set.
///
/// # Errors
/// [`TrainError::Zero`] without any start; [`TrainError::Value`] for a tolerance that is negative or not finite, or a
/// start with a value that is not finite; [`TrainError::Model`] for an initialization that is none.
///
/// # Panics
/// If the objective, a start and the symmetry do not have equally many parameters, or no thread can be started.
#[track_caller]
pub fn optimum<O: Objective + Sync + ?Sized>(
    objective: &O,
    symmetry: &Symmetry,
    given: &[Vec<f64>],
    options: &OptimumOptions,
    threads: NonZeroUsize,
    observe: &(dyn Fn(&OptimumProgress) -> ControlFlow<()> + Sync),
) -> Result<Optimum, TrainError> {
    options.validate(given.len())?;
    let n = symmetry.n_parameters();
    assert!(
        objective.n_parameters() == n,
        "the objective has {} parameters and the symmetry is one of {n}",
        objective.n_parameters()
    );
    let mut starts = Vec::with_capacity(given.len() + options.n_starts);
    for start in given {
        assert!(
            start.len() == n,
            "a start has {} parameters; the model has {n}",
            start.len()
        );
        if let Some(&value) = start.iter().find(|value| !value.is_finite()) {
            let (name, expected) = ("a start", "finite everywhere");
            return Err(TrainError::Value {
                name,
                value,
                expected,
            });
        }
        starts.push(start.clone());
    }
    for k in 0..options.n_starts {
        let mut rng = Stream::Initialization.rng(options.seed, k as u64, 0);
        let model = ToyModel::random(symmetry.config(), options.initialization, &mut rng)?;
        starts.push(model.parameters().iter().map(|&x| f64::from(x)).collect());
    }
    let crew = Crew {
        objective,
        options: &options.minimize,
        threads,
        observe,
        n_finished: AtomicUsize::new(0),
        n_descents: AtomicUsize::new(starts.len()),
        interrupted: AtomicBool::new(false),
    };
    let mut basins: Vec<Basin> = Vec::new();
    let found = crew.descend(&starts);
    let origins = (0..).map(Origin::Start);
    gather(
        &mut basins,
        found.into_iter().zip(origins),
        symmetry,
        options,
    );
    let (mut n_further, mut n_seen) = (0, 0);
    for round in 0..=MAX_ROUNDS {
        let new = &mut basins[n_seen..];
        let downs = if n <= options.max_hessian_parameters {
            crew.classify(new, symmetry, options.flat_tolerance)
        } else {
            vec![None; new.len()]
        };
        let (mut offs, mut origins) = (Vec::new(), Vec::new());
        for (index, (basin, down)) in (n_seen..).zip(new.iter().zip(&downs)) {
            offs.extend(crew.leave(basin, down.as_deref()));
            origins.resize(offs.len(), Origin::Basin(index));
        }
        n_seen = basins.len();
        if offs.is_empty() || round == MAX_ROUNDS {
            break;
        }
        n_further += offs.len();
        crew.n_descents.fetch_add(offs.len(), Ordering::Relaxed);
        let found = crew.descend(&offs).into_iter();
        gather(&mut basins, found.zip(origins), symmetry, options);
    }
    basins.sort_by(|a, b| a.value().total_cmp(&b.value()));
    let basins = families(basins, options);
    Ok(Optimum {
        basins,
        n_starts: starts.len(),
        n_further,
        interrupted: crew.interrupted.into_inner(),
    })
}

/// Where a descent started.
#[derive(Clone, Copy)]
enum Origin {
    Start(usize),
    Basin(usize),
}

/// Puts what was found where it belongs, the earlier first; what was interrupted or not finite is left out.
fn gather(
    basins: &mut Vec<Basin>,
    found: impl Iterator<Item = (Minimized, Origin)>,
    symmetry: &Symmetry,
    options: &OptimumOptions,
) {
    for (found, origin) in found {
        if matches!(
            found.stop,
            MinimizeStop::NotFinite | MinimizeStop::Interrupted
        ) {
            continue;
        }
        let same = basins.iter().position(|basin| {
            basin.is_as_low_as(found.value, options)
                && symmetry
                    .permutation(&basin.lowest.x, &found.x, options.geometry_tolerance)
                    .is_some()
        });
        let index = same.unwrap_or(basins.len());
        match basins.get_mut(index) {
            None => basins.push(Basin {
                lowest: found,
                starts: Vec::new(),
                n_further: 0,
                n_different: 1,
                curvature: None,
            }),
            // Once read, a basin stays as it is: all in it are equal but for rounding.
            Some(basin) if basin.curvature.is_none() && found.value < basin.value() => {
                basin.lowest = found;
            }
            Some(_) => {}
        }
        let basin = &mut basins[index];
        match origin {
            Origin::Start(start) => basin.starts.push(start),
            Origin::Basin(from) => {
                basin.n_further += 1;
                // What a descent along the steepest direction comes back to is no saddle, whatever differences over a
                // kink say.
                if from == index
                    && let Some(curvature) = &mut basin.curvature
                    && curvature.critical_point == CriticalPoint::Saddle
                {
                    curvature.critical_point = CriticalPoint::Degenerate;
                }
            }
        }
    }
}

/// Basins, lowest first, of which those that are degenerate with equal loss and rank are made one.
fn families(basins: Vec<Basin>, options: &OptimumOptions) -> Vec<Basin> {
    let flat_rank = |basin: &Basin| {
        let curvature = basin.curvature.as_ref()?;
        (curvature.critical_point == CriticalPoint::Degenerate).then_some(curvature.rank)
    };
    let mut families: Vec<Basin> = Vec::new();
    for basin in basins {
        let same = families.iter_mut().find(|family| {
            flat_rank(family).is_some()
                && flat_rank(family) == flat_rank(&basin)
                && family.is_as_low_as(basin.value(), options)
        });
        match same {
            None => families.push(basin),
            Some(family) => {
                family.starts.extend(basin.starts);
                family.starts.sort_unstable();
                family.n_further += basin.n_further;
                family.n_different += basin.n_different;
            }
        }
    }
    families
}

/// Threads that work for one search.
struct Crew<'a, O: ?Sized> {
    objective: &'a O,
    options: &'a MinimizeOptions,
    threads: NonZeroUsize,
    observe: &'a (dyn Fn(&OptimumProgress) -> ControlFlow<()> + Sync),
    n_finished: AtomicUsize,
    n_descents: AtomicUsize,
    interrupted: AtomicBool,
}

impl<O: Objective + Sync + ?Sized> Crew<'_, O> {
    /// The outcomes of descents from these starts, in their order.
    fn descend(&self, starts: &[Vec<f64>]) -> Vec<Minimized> {
        self.map(starts, |start| {
            let found = minimize(self.objective, start, self.options, &mut |&step| {
                self.report(step)
            });
            self.n_finished.fetch_add(1, Ordering::Relaxed);
            found
        })
    }

    fn report(&self, step: MinimizeProgress) -> ControlFlow<()> {
        let progress = OptimumProgress {
            n_finished: self.n_finished.load(Ordering::Relaxed),
            n_descents: self.n_descents.load(Ordering::Relaxed),
            step,
        };
        if self.interrupted.load(Ordering::Relaxed) || (self.observe)(&progress).is_break() {
            self.interrupted.store(true, Ordering::Relaxed);
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    /// Adds the curvature of basins; the steepest direction down of those that are saddles.
    fn classify(
        &self,
        basins: &mut [Basin],
        symmetry: &Symmetry,
        flat_tolerance: f64,
    ) -> Vec<Option<Vec<f64>>> {
        let read = self.map(basins, |basin| {
            if self.interrupted.load(Ordering::Relaxed) {
                return None;
            }
            let x = &basin.lowest.x;
            let hessian = hessian(self.objective, x);
            let orbit = symmetry.orbit_directions(x);
            let read = Curvature::with_descent(hessian.as_ref(), orbit.as_ref(), flat_tolerance);
            Some(read)
        });
        let pairs = basins.iter_mut().zip(read);
        pairs
            .map(|(basin, read)| {
                let (curvature, down) = read?;
                basin.curvature = Some(curvature);
                down
            })
            .collect()
    }

    /// Where to descend from to leave a basin.
    fn leave(&self, basin: &Basin, down: Option<&[f64]>) -> Vec<Vec<f64>> {
        if self.interrupted.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let x = &basin.lowest.x;
        let mut offs: Vec<Vec<f64>> = self.objective.restart(x).into_iter().collect();
        if let Some(direction) = down {
            for sign in [1.0, -1.0] {
                let moved = x.iter().zip(direction);
                offs.push(moved.map(|(x, d)| x + sign * STEP_OFF * d).collect());
            }
        }
        offs
    }

    /// `work` of each item, on the threads, in the order of the items.
    fn map<T: Sync, R: Send + Sync>(&self, items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
        let results: Vec<OnceLock<R>> = items.iter().map(|_| OnceLock::new()).collect();
        let next = AtomicUsize::new(0);
        let take = || {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(item) = items.get(index) else {
                    break;
                };
                let first = results[index].set(work(item)).is_ok();
                debug_assert!(first, "each index is handed out once");
            }
        };
        thread::scope(|scope| {
            // The calling thread works too.
            for _ in 1..self.threads.get().min(items.len()) {
                scope.spawn(take);
            }
            take();
        });
        let made = |result: OnceLock<R>| result.into_inner().expect("every item was made");
        results.into_iter().map(made).collect()
    }
}
