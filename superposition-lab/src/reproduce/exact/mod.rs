//! Block X: exact results, which need no training.

mod geometry;
mod one_active;
mod quadratic;
mod support;

mod x10_polygons;
mod x11_dead_features;
mod x12_lowest_polygon;
mod x13_hessian_rank;
mod x14_gain;
mod x15_collapse;
mod x16_quadratic_model;
mod x17_two_features;
mod x18_allocation;
mod x19_blocks;
mod x1_active_counts;
mod x20_memorisation;
mod x21_limits;
mod x22_adversary;
mod x2_linear;
mod x3_thomson;
mod x4_phases_of_two;
mod x5_phases_of_three;
mod x6_exact_pair;
mod x7_polytopes;
mod x8_pentagon_to_digons;
mod x9_one_active;

pub(super) use self::one_active::{OneActive, critical_polygons, polygon_parameters};
pub(super) use self::support::{C23, variance};
pub(super) use self::x10_polygons::loss_with_dead;
pub(super) use self::x14_gain::best_gain;
use super::Experiment;

pub(super) const ROWS: &[&Experiment] = &[
    &x1_active_counts::EXPERIMENT,
    &x2_linear::EXPERIMENT,
    &x3_thomson::EXPERIMENT,
    &x4_phases_of_two::EXPERIMENT,
    &x5_phases_of_three::EXPERIMENT,
    &x6_exact_pair::EXPERIMENT,
    &x7_polytopes::EXPERIMENT,
    &x8_pentagon_to_digons::EXPERIMENT,
    &x9_one_active::EXPERIMENT,
    &x10_polygons::EXPERIMENT,
    &x11_dead_features::EXPERIMENT,
    &x12_lowest_polygon::EXPERIMENT,
    &x13_hessian_rank::EXPERIMENT,
    &x14_gain::EXPERIMENT,
    &x15_collapse::EXPERIMENT,
    &x16_quadratic_model::EXPERIMENT,
    &x17_two_features::EXPERIMENT,
    &x18_allocation::EXPERIMENT,
    &x19_blocks::EXPERIMENT,
    &x20_memorisation::EXPERIMENT,
    &x21_limits::EXPERIMENT,
    &x22_adversary::EXPERIMENT,
];
