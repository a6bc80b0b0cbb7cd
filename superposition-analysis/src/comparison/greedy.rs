//! Greedy one-to-one matching: the most similar pair first, then the most similar of what is left.

use super::candidates::{Partner, UnitPair};
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// The greedy matching: for every feature of A its partner.
///
/// `lists` holds the k best partners of every feature of A, best first, and must not be empty where B is not; what lies beyond them is computed when they are used up, so the result is that over all pairs.
/// Equal similarities: the pair with the smaller index in A, then in B.
/// O(n k log n) time, and O(n m) for every feature whose candidates are all taken.
pub(super) fn match_greedily(pair: &UnitPair<'_>, lists: &[Vec<Partner>]) -> Vec<Option<usize>> {
    let (n_a, n_b) = (pair.a.ncols(), pair.b.ncols());
    let k = lists.iter().map(Vec::len).max().unwrap_or(0);
    let mut lists: Vec<Vec<Partner>> = lists.to_vec();
    // Best last, to be taken from the end.
    lists.iter_mut().for_each(|list| list.reverse());
    let mut heap: BinaryHeap<Offer> = BinaryHeap::new();
    for (i, list) in lists.iter_mut().enumerate() {
        heap.extend(list.pop().map(|partner| Offer { i, partner }));
    }
    let mut partner_of = vec![None; n_a];
    let mut taken = vec![false; n_b];
    let mut n_free = n_b;
    while let Some(Offer { i, partner }) = heap.pop() {
        if !taken[partner.index] {
            taken[partner.index] = true;
            n_free -= 1;
            partner_of[i] = Some(partner.index);
            continue;
        }
        while lists[i].last().is_some_and(|next| taken[next.index]) {
            lists[i].pop();
        }
        if lists[i].is_empty() && n_free > 0 {
            lists[i] = best_free(pair, i, &taken, k);
        }
        heap.extend(lists[i].pop().map(|partner| Offer { i, partner }));
    }
    partner_of
}

/// The k best partners of feature i among those that are not taken, best last.
fn best_free(pair: &UnitPair<'_>, i: usize, taken: &[bool], k: usize) -> Vec<Partner> {
    let free = (0..taken.len()).filter(|&j| !taken[j]);
    let mut partners: Vec<Partner> = free
        .map(|index| Partner {
            index,
            value: pair.similarity(i, index),
        })
        .collect();
    partners.sort_by(|x, y| y.value.total_cmp(&x.value).then(x.index.cmp(&y.index)));
    partners.truncate(k);
    partners.reverse();
    partners
}

/// The best partner that feature i still has on its list.
#[derive(PartialEq)]
struct Offer {
    i: usize,
    partner: Partner,
}

impl Eq for Offer {}

impl Ord for Offer {
    /// The largest value first; the smaller indices among equals.
    fn cmp(&self, other: &Self) -> Ordering {
        let by_value = self.partner.value.total_cmp(&other.partner.value);
        by_value
            .then(other.i.cmp(&self.i))
            .then(other.partner.index.cmp(&self.partner.index))
    }
}

impl PartialOrd for Offer {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
