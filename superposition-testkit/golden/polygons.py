"""Regular polygons as critical points of a toy model with one active feature, by quadrature and Nelder-Mead (SciPy)."""

from golden_file import write  # first: it sets the number of threads

import numpy as np
import scipy
from scipy.optimize import minimize

NODES, WEIGHTS = np.polynomial.legendre.leggauss(3)


def squared_error(a, b, own):
    """The integral over x in (0, 1) of (own x - ReLU(a x + b))^2: Gauss-Legendre on both sides of the kink."""
    root = np.clip(-b / a, 0.0, 1.0) if a != 0.0 else 0.0
    total = 0.0
    for low, high in ((0.0, root), (root, 1.0)):
        x = 0.5 * (low + high) + 0.5 * (high - low) * NODES
        total += 0.5 * (high - low) * WEIGHTS @ (own * x - np.maximum(a * x + b, 0.0)) ** 2
    return total


def loss(w, b):
    """The mean over which of the features is active of the error summed over outputs; w is 2 x c."""
    c, gram = len(b), w.T @ w
    return sum(squared_error(gram[i, j], b[j], float(i == j)) for i in range(c) for j in range(c)) / c


def polygon(c, norm):
    angles = 2 * np.pi * np.arange(c) / c
    return norm * np.array([np.cos(angles), np.sin(angles)])


def regular(c, norm, bias):
    """The loss of a regular polygon: every feature sees the same."""
    cosines = np.cos(2 * np.pi * np.arange(c) / c)
    return sum(squared_error(norm**2 * cosine, bias, float(j == 0)) for j, cosine in enumerate(cosines))


def hessian(f, x, h=1e-4):
    n, unit = len(x), h * np.eye(len(x))
    result = np.zeros((n, n))
    for i in range(n):
        for j in range(i, n):
            signs = [(1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)]
            terms = [sign * f(x + s * unit[i] + t * unit[j]) for s, t, sign in signs]
            result[i, j] = result[j, i] = sum(terms) / (4 * h * h)
    return result


def lowest(c):
    """The lowest regular polygon that a grid of starts ends at, and how many directions lead down from it."""
    options = dict(xatol=1e-12, fatol=1e-17, maxiter=4000)
    starts = [(norm, bias) for norm in (0.8, 1.1, 1.4, 1.7) for bias in (-1.8, -1.2, -0.6, -0.2)]
    found = [minimize(lambda at: regular(c, *at), start, method="Nelder-Mead", options=options) for start in starts]
    norm, bias = min(found, key=lambda result: result.fun).x
    x = np.concatenate([polygon(c, norm).ravel(), np.full(c, bias)])
    values = np.linalg.eigvalsh(hessian(lambda x: loss(x[: 2 * c].reshape(2, c), x[2 * c :]), x))
    return dict(corners=c, norm=float(norm), bias=float(bias), loss=float(regular(c, norm, bias)),
                negative_eigenvalues=int((values < -1e-4).sum()))


write("polygons.json", {
    "about": "c features in 2 dimensions, one active at a time, uniform on (0, 1): the regular c-gon of the lowest loss (sum over "
             "outputs, mean over active features), and the eigenvalues below -1e-4 of the Hessian by differences in all 3c parameters",
    "numpy": np.__version__,
    "scipy": scipy.__version__,
    "polygons": [lowest(c) for c in range(5, 14)],
})
