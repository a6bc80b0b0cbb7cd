"""Geometry of small dictionaries, linear CKA and mutual information by NumPy and scikit-learn in f64: analysis.json."""

from golden_file import columns, vector, write

import mpmath
import numpy as np
import sklearn
from sklearn.metrics import mutual_info_score


def extreme(cosines, value):
    """The first pair i < j with the largest value, and its cosine in that sense."""
    n = len(cosines)
    if n < 2:
        return None
    i, j = np.triu_indices(n, 1)
    best = int(np.argmax(value(cosines[i, j])))
    return i[best], j[best]


def pair(cosines, value, shown):
    at = extreme(cosines, value)
    return None if at is None else dict(value=float(shown(cosines[at])), i=int(at[0]), j=int(at[1]))


def exact_dimensionality(w):
    """D_i in 60 digits, of the very doubles in w."""
    mpmath.mp.dps = 60
    m, n = w.shape
    w = [[mpmath.mpf(float(w[k, i])) for k in range(m)] for i in range(n)]
    dot = lambda a, b: mpmath.fsum(p * q for p, q in zip(a, b))
    result = []
    for i in range(n):
        own = dot(w[i], w[i])
        result.append(float(own**2 / mpmath.fsum(dot(w[i], w[j]) ** 2 for j in range(n))) if own else 0.0)
    return result


def dictionary(name, w, leverage=True):
    m, n = w.shape
    # Scaled by the largest entry first: squares of 1e-200 would be lost.
    largest = np.abs(w).max(axis=0)
    scaled = np.divide(w, largest, out=np.zeros_like(w), where=largest > 0)
    norms = largest * np.linalg.norm(scaled, axis=0)
    unit = np.divide(w, norms, out=np.zeros_like(w), where=norms > 0)
    cosines = unit.T @ unit
    off = cosines**2 * (1 - np.eye(n))
    relative = np.divide(norms[None, :], norms[:, None], out=np.zeros((n, n)), where=norms[:, None] > 0)
    others = (off * relative**2).sum(axis=1)
    dimensionality = np.where(norms > 0, 1 / (1 + others), 0.0)
    np.testing.assert_allclose(dimensionality, exact_dimensionality(w), rtol=1e-12)
    gram = w.T @ w
    frobenius_sq = float((norms**2).sum())
    potential = float((gram**2).sum())
    # The projector on the row space, by SVD; the rank is unambiguous where `leverage` is asked for.
    _, s, vt = np.linalg.svd(w, full_matrices=False)
    rank = int((s > 1e-12 * s[0]).sum())
    interference = off.sum(axis=1) / (n - 1) if n > 1 else np.zeros(n)
    return dict(
        name=name,
        w=columns(w),
        norms=vector(norms),
        cosines=columns(cosines),
        feature_dimensionality=vector(dimensionality),
        total_dimensionality=float(dimensionality.sum()),
        feature_interference=vector(interference),
        mean_interference=float(interference.mean()),
        feature_superposition=vector((off * norms[None, :] ** 2).sum(axis=1)),
        frobenius_sq=frobenius_sq,
        frame_potential=potential,
        tightness=potential * m / frobenius_sq**2,
        leverage=vector((vt[:rank] ** 2).sum(axis=0)) if leverage else None,
        rank=rank if leverage else None,
        singular_values=vector(s) if leverage else None,
        coherence=pair(cosines, np.abs, np.abs),
        max_cosine=pair(cosines, lambda c: c, lambda c: c),
        min_cosine=pair(cosines, lambda c: -c, lambda c: c),
    )


def dictionaries():
    rng = np.random.default_rng(4)
    random = lambda m, n: rng.standard_normal((m, n))
    zero_column = random(3, 5)
    zero_column[:, 2] = 0.0
    planted = random(3, 9)
    planted *= np.tile([1.0, 1e-8, 1e-30], 3) / np.linalg.norm(planted, axis=0)
    # A digon of norm 1, a triangle of norm 1e-8 and a tetrahedron of norm 1e-30 in orthogonal subspaces.
    apart = np.zeros((6, 9))
    apart[0, :2] = [1, -1]
    angles = 2 * np.pi * np.arange(3) / 3
    apart[1:3, 2:5] = 1e-8 * np.stack([np.cos(angles), np.sin(angles)])
    apart[3:6, 5:9] = 1e-30 * np.array([[1, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]]) / np.sqrt(3)
    return [
        dictionary("overcomplete", random(3, 7)),
        dictionary("fewer_features_than_dimensions", random(7, 4)),
        dictionary("one_feature", random(4, 1)),
        dictionary("one_dimension", random(1, 5)),
        dictionary("square", random(6, 6)),
        dictionary("zero_column", zero_column),
        dictionary("planted_norms", planted),
        dictionary("planted_norms_apart", apart, leverage=False),
    ]


def linear_cka(a, b):
    """Through cross-moments of the centred data; columns are the items."""
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    return float(np.linalg.norm(a @ b.T) ** 2 / (np.linalg.norm(a @ a.T) * np.linalg.norm(b @ b.T)))


def unbiased_hsic(k, l):
    """Song et al. 2012, equation 5, on Gram matrices of at least 4 items."""
    n = len(k)
    k, l = k - np.diag(np.diag(k)), l - np.diag(np.diag(l))
    return (np.trace(k @ l) + k.sum() * l.sum() / ((n - 1) * (n - 2)) - 2 / (n - 2) * (k @ l).sum()) / (n * (n - 3))


def debiased_cka(a, b):
    k, l = a.T @ a, b.T @ b
    return float(unbiased_hsic(k, l) / np.sqrt(unbiased_hsic(k, k) * unbiased_hsic(l, l)))


def representations():
    rng = np.random.default_rng(5)
    a = rng.standard_normal((4, 12)) + 3.0
    rotation = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    noise = rng.standard_normal((6, 12))
    mixed = rng.standard_normal((6, 4)) @ a + noise
    pairs = [("rotated_and_scaled", a, 2.5 * rotation @ a), ("permuted_items", a, a[:, rng.permutation(12)]),
             ("unrelated", a, noise), ("mixed", a, mixed), ("one_dimension", a, a[:1])]
    return [dict(name=name, a=columns(p), b=columns(q), linear_cka=linear_cka(p, q), debiased=debiased_cka(p, q))
            for name, p, q in pairs]


def digitise(values, edges):
    """Bin k holds edges[k] <= v < edges[k + 1], the last bin its upper edge too."""
    return np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)


def mutual_information(name, x, y, n_bins, binning):
    if binning == "equal_width":
        edges = [np.linspace(v.min(), v.max(), n_bins + 1) for v in (x, y)]
    else:
        edges = [np.quantile(v, np.linspace(0, 1, n_bins + 1)) for v in (x, y)]
    bins = [digitise(v, e) for v, e in zip((x, y), edges)]
    nats = float(mutual_info_score(*bins))
    occupied = [len(np.unique(b)) for b in bins] + [len(np.unique(np.stack(bins), axis=1).T)]
    corrected = nats + (occupied[0] + occupied[1] - occupied[2] - 1) / (2 * len(x))
    return dict(name=name, n_bins=n_bins, binning=binning, x=vector(x), y=vector(y), edges_x=vector(edges[0]),
                edges_y=vector(edges[1]), bins_x=bins[0].tolist(), bins_y=bins[1].tolist(), nats=nats,
                miller_madow_nats=corrected)


def mutual_informations():
    rng = np.random.default_rng(6)
    x, noise = rng.random(60), rng.random(60)
    # Two values, the larger being the top of the range: both bins must count.
    coin = (rng.random(60) < 0.4).astype(float)
    return [
        mutual_information("independent", x, noise, 4, "equal_width"),
        mutual_information("dependent", x, x**2 + 0.1 * noise, 4, "equal_width"),
        mutual_information("dependent_equal_frequency", x, x**2 + 0.1 * noise, 4, "equal_frequency"),
        mutual_information("itself", x, x, 5, "equal_width"),
        mutual_information("top_of_the_range", coin, coin, 2, "equal_width"),
    ]


write("analysis.json", {
    "about": "f64; w is m x n; per-feature lists over all features, a zero feature having cosine 0; pairs i < j, the "
             "first among equals; leverage, rank and singular_values null where the rank depends on the cut",
    "numpy": np.__version__,
    "scikit_learn": sklearn.__version__,
    "dictionaries": dictionaries(),
    "representations": representations(),
    "mutual_information": mutual_informations(),
})
