"""Cosines of random directions by mpmath and SciPy, statistics of pairs and spectra by NumPy, f64: null.json."""

from golden_file import columns, vector, write

import mpmath
import numpy as np
import scipy
from scipy import special, stats


def ln_survival(m, c):
    """ln P(cos > c) for 0 < c < 1 in m >= 2 dimensions, of the very double c, in 60 digits."""
    with mpmath.workdps(60):
        c = mpmath.mpf(c)
        a = mpmath.mpf(m - 1) / 2
        tail = mpmath.betainc(a, mpmath.mpf(1) / 2, 0, (1 - c) * (1 + c), regularized=True) / 2
        return float(mpmath.log(tail))


def tails():
    cases = []
    for m in (2, 3, 4, 5, 8, 20, 65, 384, 768, 2304, 16384):
        cosines = [0.001, 0.02, 0.1, 0.2236, 0.4, 0.6, 0.8, 0.95, 0.999]
        values = [ln_survival(m, c) for c in cosines]
        # SciPy agrees wherever its own result does not underflow.
        scipys = np.log(0.5 * special.betainc((m - 1) / 2, 0.5, [(1 - c) * (1 + c) for c in cosines]),
                        out=np.full(len(cosines), -np.inf), where=np.array(values) > -700)
        finite = np.isfinite(scipys)
        np.testing.assert_allclose(np.array(values)[finite], scipys[finite], rtol=1e-9, atol=1e-11)
        upper = [0.4, 0.05, 1e-3, 1e-9, 1e-20, 1e-100]
        # cos^2 is Beta(1/2, (m-1)/2) and 1 - cos^2 the reflected one, whose lower quantile keeps cosines near 1 apart.
        squares = 1 - stats.beta.ppf(2 * np.array(upper), (m - 1) / 2, 0.5)
        cases.append(dict(m=m, cosines=cosines, ln_survival=values, tails=upper, quantiles=vector(np.sqrt(squares))))
    return cases


def largest():
    """Mean, standard deviation and quantiles of the largest of `count` cosines."""
    cases = []
    for m, count in ((2, 1), (2, 10), (3, 1), (3, 7), (5, 40), (16, 4950), (384, 30521), (384, 465781081), (2304, 134209536)):
        with mpmath.workdps(30):
            a = mpmath.mpf(m - 1) / 2

            def below(c):
                c = mpmath.mpf(c)
                tail = mpmath.betainc(a, 0.5, 0, (1 - c) * (1 + c), regularized=True) / 2
                tail = tail if c >= 0 else 1 - tail
                return mpmath.exp(count * mpmath.log1p(-tail)) if tail < 1 else mpmath.mpf(0)

            def quantile(p):
                low, high = mpmath.mpf(-1), mpmath.mpf(1)
                for _ in range(70):
                    middle = (low + high) / 2
                    low, high = (middle, high) if below(middle) < p else (low, middle)
                return high

            quantiles = [quantile(mpmath.mpf(p) / 100) for p in (5, 50, 95)]
            low, high = quantile(mpmath.mpf(10) ** -20), quantile(1 - mpmath.mpf(10) ** -20)
            nodes = [low + (high - low) * k / 12 for k in range(13)]
            first = mpmath.quad(lambda c: 1 - below(c), nodes)
            second = mpmath.quad(lambda c: 2 * (c - low) * (1 - below(c)), nodes)
            cases.append(dict(m=m, count=count, mean=float(low + first), std=float(mpmath.sqrt(second - first**2)),
                              quantiles=[float(q) for q in quantiles]))
    return cases


def dictionary(name, w, threshold):
    m, n = w.shape
    unit = w / np.linalg.norm(w, axis=0)
    cosines = unit.T @ unit
    np.fill_diagonal(cosines, -np.inf)
    nearest = cosines.max(axis=1)
    squares = np.where(np.eye(n), 0.0, cosines**2)
    pairs = cosines[np.triu_indices(n, 1)]
    s = np.linalg.svd(w, compute_uv=False)
    p = s / s.sum()
    return dict(
        name=name, w=columns(w), threshold=threshold,
        mean_interference=float(squares.sum() / (n * (n - 1))),
        nearest_cosine_mean=float(nearest.mean()),
        nearest_cosine_quantiles=vector(np.quantile(nearest, (0.05, 0.5, 0.95))),
        max_cosine=float(pairs.max()), min_cosine=float(pairs.min()),
        mean_degree=float((squares > threshold).sum(axis=1).mean()),
        singular_values=vector(s),
        effective_rank=float(np.exp(stats.entropy(p))),
        participation_ratio=float((s**2).sum() ** 2 / (s**4).sum()),
        stable_rank=float((s**2).sum() / s[0] ** 2),
    )


def dictionaries():
    rng = np.random.default_rng(11)
    return [
        dictionary("wide", rng.standard_normal((4, 23)), 0.3),
        dictionary("tall", rng.standard_normal((19, 6)), 0.05),
        dictionary("common_direction", rng.standard_normal((7, 30)) + 2.0, 0.5),
    ]


write("null.json", {
    "about": "f64; ln_survival is the logarithm of P(cos > c) for independent uniform directions in m dimensions, "
             "quantiles beside tails the c of these tails; w is m x n",
    "numpy": np.__version__,
    "scipy": scipy.__version__,
    "mpmath": mpmath.__version__,
    "tails": tails(),
    "largest": largest(),
    "dictionaries": dictionaries(),
})
