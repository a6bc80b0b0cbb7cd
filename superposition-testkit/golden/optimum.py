"""The lowest expected losses of small toy models by SciPy, f64: optimum.json.

The loss is integrated support by support: exactly in one active feature, between the kinks of ReLU, and by composite
Gauss-Legendre rules in the others. It is minimised by L-BFGS-B from many random starts.
"""

from golden_file import columns, vector, write

from functools import lru_cache
from itertools import combinations, product

import numpy as np
import scipy
from scipy.optimize import approx_fprime, minimize

N_STARTS = 24
HALF = (0.5 - 0.5 / np.sqrt(3), 0.5 + 0.5 / np.sqrt(3))  # two Gauss-Legendre nodes, exact for cubics


@lru_cache
def nodes(n_variables, n_panels):
    """Composite Gauss-Legendre nodes and weights in the unit cube, four nodes a panel."""
    x, w = np.polynomial.legendre.leggauss(4)
    x = np.concatenate([(k + 0.5 + 0.5 * x) / n_panels for k in range(n_panels)])
    w = np.tile(w / 2 / n_panels, n_panels)
    points = np.array(list(product(x, repeat=n_variables))).reshape(len(x) ** n_variables, n_variables)
    weights = np.array([np.prod(c) for c in product(w, repeat=n_variables)])
    return points, weights


def supports(p, sets, set_size):
    """Every set of active features with its probability."""
    n = len(p)
    groups = [list(range(s, min(s + set_size, n))) for s in range(0, n, set_size)]
    choices = []
    for group in groups:
        q = p[group[0]]
        if sets == "anticorrelated":
            choices.append([((), 1 - len(group) * q)] + [((i,), q) for i in group])
        else:
            choices.append([((), 1 - q), (tuple(group), q)])
    for combination in product(*choices):
        active = sum((members for members, _ in combination), ())
        yield list(active), float(np.prod([weight for _, weight in combination]))


class Loss:
    """Sum over features of I_i E (x_i - x'_i)^2, with its gradient by W (m x n) and b."""

    def __init__(self, n, m, p, importance, sets="independent", set_size=1, output="relu"):
        self.n, self.m, self.importance, self.output = n, m, np.array(importance), output
        self.supports = [(s, q) for s, q in supports(p, sets, set_size) if q > 0]

    def __call__(self, parameters, refine=1):
        n, m = self.n, self.m
        w, b = parameters[: n * m].reshape(n, m), parameters[n * m:]  # row i of w is the direction of feature i
        gram = w @ w.T
        value, by_gram, by_b = 0.0, np.zeros((n, n)), np.zeros(n)
        for active, q in self.supports:
            for j in range(n):
                scale = q * self.importance[j]
                if scale == 0.0:
                    continue
                if not active:
                    out = b[j] if self.output == "linear" else max(b[j], 0.0)
                    value += scale * out**2
                    by_b[j] += 2 * scale * out
                    continue
                slopes = gram[j, active]
                last = int(np.argmax(np.abs(slopes)))
                others = [k for k in range(len(active)) if k != last]
                points, weights = nodes(len(others), refine * (8, 8, 6, 4)[len(others)])
                start = b[j] + points @ slopes[others]
                kink = np.zeros_like(start)
                if slopes[last] != 0.0:
                    kink = np.clip(-start / slopes[last], 0.0, 1.0)
                for low, high in ((0.0, kink), (kink, 1.0)):
                    for node in HALF:
                        t = low + (high - low) * node
                        z = start + slopes[last] * t
                        out, slope = (z, 1.0) if self.output == "linear" else (np.maximum(z, 0.0), z > 0)
                        x = np.empty((len(t), len(active)))
                        x[:, others], x[:, last] = points, t
                        error = out - (x[:, active.index(j)] if j in active else 0.0)
                        weight = scale * weights * (high - low) / 2
                        value += np.sum(weight * error**2)
                        by_z = 2 * weight * error * slope
                        by_b[j] += by_z.sum()
                        by_gram[j, active] += by_z @ x
        by_w = (by_gram + by_gram.T) @ w
        return value, np.concatenate([by_w.ravel(), by_b])


def optimum(loss, rng):
    found = []
    for _ in range(N_STARTS):
        start = np.concatenate([rng.normal(0, np.sqrt(2 / (loss.n + loss.m)) * 1.5, loss.n * loss.m), rng.normal(0, 0.2, loss.n)])
        best = minimize(loss, start, jac=True, method="L-BFGS-B",
                        options=dict(maxiter=2000, maxfun=4000, ftol=1e-15, gtol=1e-9, maxcor=20))
        found.append((best.fun, best.x))
    value, x = min(found, key=lambda pair: pair[0])
    best = minimize(lambda x: loss(x, refine=3), x, jac=True, method="L-BFGS-B", options=dict(maxiter=200, ftol=1e-15, gtol=1e-9))
    refined = loss(best.x, refine=4)[0]
    assert abs(refined - best.fun) < 1e-7, (refined, best.fun)
    return refined, best.x, sum(f < value + 1e-7 for f, _ in found)


def checks(rng):
    """The loss against its own differences and against samples."""
    for case in (dict(n=3, m=2, p=[0.3, 0.5, 0.9], importance=[1, 0.5, 2]),
                 dict(n=4, m=2, p=[0.3] * 4, importance=[1] * 4, sets="anticorrelated", set_size=2),
                 dict(n=4, m=1, p=[0.3] * 2 + [0.6] * 2, importance=[1] * 4, sets="correlated", set_size=2)):
        loss = Loss(**case)
        n, m = case["n"], case["m"]
        x = rng.normal(0, 0.7, n * m + n)
        numeric = approx_fprime(x, lambda x: loss(x, refine=2)[0], 1e-7)
        np.testing.assert_allclose(loss(x)[1], numeric, atol=2e-5)
        size = 400_000
        samples = np.zeros((size, n))
        listed, weights = zip(*loss.supports)
        chosen = rng.choice(len(listed), size, p=np.array(weights) / sum(weights))
        for k, active in enumerate(listed):
            samples[np.ix_(chosen == k, active)] = rng.random((np.sum(chosen == k), len(active)))
        w, b = x[: n * m].reshape(n, m), x[n * m:]
        errors = (np.maximum(samples @ w @ w.T + b, 0) - samples) ** 2 @ np.array(case["importance"], float)
        assert abs(errors.mean() - loss(x)[0]) < 4 * errors.std() / np.sqrt(size)


def cases():
    rng = np.random.default_rng(2022)
    result = []
    shapes = [(2, 1)] * 9 + [(3, 1)] * 4 + [(3, 2)] * 7 + [(4, 2)] * 6 + [(4, 1)] * 2 + [(4, 3)] * 2
    for k, (n, m) in enumerate(shapes):
        kind = k % 5
        same = [float(p) for p in np.repeat(np.round(rng.uniform(0.05, 0.95), 3), n)]
        each = [float(p) for p in np.round(rng.uniform(0.05, 1.0, n), 3)]
        p = each if kind in (1, 4) else same
        importance = [1.0] * n if kind in (0, 1) else [float(i) for i in np.round(rng.uniform(0.1, 2.0, n), 3)]
        case = dict(n=n, m=m, p=p, importance=importance, sets="independent", set_size=1, output="relu")
        if kind == 2 and n == 4:
            case.update(sets="correlated", set_size=2)
        if kind == 3 and n in (2, 4):
            case.update(sets="anticorrelated", set_size=2, p=[float(np.round(rng.uniform(0.05, 0.5), 3))] * n)
        if kind == 4 and k % 2:
            case.update(output="linear")
        value, x, hits = optimum(Loss(**case), rng)
        print(k, case, value, hits, flush=True)
        result.append(dict(case, loss_sum=value, n_starts_there=int(hits), w=columns(x[: n * m].reshape(n, m).T), b=vector(x[n * m:])))
    return result


if __name__ == "__main__":
    checks(np.random.default_rng(1))
    write("optimum.json", {
        "about": f"f64; loss_sum is the lowest expected loss, summed over features, of {N_STARTS} starts, of which "
                 "n_starts_there ended within 1e-7 of it; w is m x n",
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "cases": cases(),
    })
