//! Connected components, each named by its smallest member.

/// A forest over `0..n` whose roots are the smallest members.
pub(crate) struct UnionFind {
    parent: Vec<usize>,
}

impl UnionFind {
    pub(crate) fn new(n: usize) -> Self {
        Self {
            parent: (0..n).collect(),
        }
    }

    /// The smallest member of the component of `i`.
    pub(crate) fn find(&mut self, mut i: usize) -> usize {
        while self.parent[i] != i {
            // Halves the path on the way.
            self.parent[i] = self.parent[self.parent[i]];
            i = self.parent[i];
        }
        i
    }

    /// Makes one component of those of `i` and `j`.
    pub(crate) fn join(&mut self, i: usize, j: usize) {
        if self.parent[i] == self.parent[j] {
            return;
        }
        let (a, b) = (self.find(i), self.find(j));
        self.parent[a.max(b)] = a.min(b);
    }

    /// Adds the edges of a forest over some of the items, which `item` names.
    pub(crate) fn absorb(&mut self, other: &UnionFind, item: impl Fn(usize) -> usize) {
        for (i, &parent) in other.parent.iter().enumerate() {
            self.join(item(i), item(parent));
        }
    }

    /// The component of every item, numbered in the order of their smallest members.
    pub(crate) fn labels(mut self) -> Vec<usize> {
        let mut labels: Vec<usize> = Vec::with_capacity(self.parent.len());
        let mut n_labels = 0;
        for i in 0..self.parent.len() {
            let root = self.find(i);
            let label = if root == i {
                n_labels += 1;
                n_labels - 1
            } else {
                labels[root]
            };
            labels.push(label);
        }
        labels
    }
}
