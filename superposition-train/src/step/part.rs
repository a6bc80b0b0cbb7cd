//! A part of the features, with all that one worker keeps of them: parameters, gradient and moments.

use std::ops::Range;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use superposition_model::ParameterLayout;

use crate::kernel::{LANES, PANEL, chunks_for};

/// The parameters of some features, in the order W, decoder (if it is another), bias; the encoder's bias, if there is
/// one, is behind those of the first part.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) features: Range<usize>,
    /// Where its numbers lie: here, and in a model's parameters.
    places: Vec<(Range<usize>, Range<usize>)>,
    b: Option<Range<usize>>,
    b_enc: Option<Range<usize>>,
    /// All four are padded with zeros to whole chunks.
    pub(crate) parameters: Vec<f32>,
    pub(crate) gradient: Vec<f32>,
    pub(crate) first: Vec<f32>,
    pub(crate) second: Vec<f32>,
}

impl Part {
    /// The part of these features, all zeros.
    pub(crate) fn new(features: Range<usize>, m: usize, layout: &ParameterLayout) -> Self {
        let columns = features.start * m..features.end * m;
        let mut sources = vec![shifted(&columns, layout.w.start)];
        if layout.w_dec != layout.w {
            sources.push(shifted(&columns, layout.w_dec.start));
        }
        let mut place = |source: Option<Range<usize>>| {
            let len = source.as_ref().map(Range::len)?;
            let start = sources.iter().map(Range::len).sum::<usize>();
            sources.extend(source);
            Some(start..start + len)
        };
        let b = place(layout.b.as_ref().map(|b| shifted(&features, b.start)));
        let b_enc = place(layout.b_enc.clone().filter(|_| features.start == 0));
        let mut end = 0;
        let places: Vec<_> = sources
            .into_iter()
            .map(|there| {
                let start = end;
                end += there.len();
                (start..end, there)
            })
            .collect();
        let zeros = vec![0.0; end.next_multiple_of(LANES)];
        Self {
            features,
            places,
            b,
            b_enc,
            parameters: zeros.clone(),
            gradient: zeros.clone(),
            first: zeros.clone(),
            second: zeros,
        }
    }

    /// Where W lies here.
    pub(crate) fn w(&self) -> Range<usize> {
        self.places[0].0.clone()
    }

    /// Where the decoder lies here: with tied weights, where W does.
    pub(crate) fn w_dec(&self, untied: bool) -> Range<usize> {
        self.places[usize::from(untied)].0.clone()
    }

    /// Where the bias lies here, if there is one.
    pub(crate) fn b(&self) -> Option<Range<usize>> {
        self.b.clone()
    }

    /// Where the encoder's bias lies here, if it does.
    pub(crate) fn b_enc(&self) -> Option<Range<usize>> {
        self.b_enc.clone()
    }

    /// Copies numbers of this part to where they lie in a model.
    pub(crate) fn gather(&self, from: &[f32], to: &mut [f32]) {
        for (here, there) in &self.places {
            to[there.clone()].copy_from_slice(&from[here.clone()]);
        }
    }

    /// Undoes [`Part::gather`].
    pub(crate) fn scatter(&self, from: &[f32], to: &mut [f32]) {
        for (here, there) in &self.places {
            to[here.clone()].copy_from_slice(&from[there.clone()]);
        }
    }
}

fn shifted(range: &Range<usize>, by: usize) -> Range<usize> {
    range.start + by..range.end + by
}

/// The chunks of n features in as few ranges of at most a panel as will do, their widths as equal as they can be.
pub(crate) fn panels(n: usize) -> Vec<Range<usize>> {
    let chunks = chunks_for(n);
    let count = chunks.div_ceil(PANEL);
    (0..count)
        .map(|k| k * chunks / count..(k + 1) * chunks / count)
        .collect()
}

/// Locks are held by one worker at a time between barriers, so they never wait; a panic elsewhere ends the training.
pub(crate) fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
