"""Two dictionaries compared by NumPy and SciPy: optimal assignments, matched and nearest cosines, Gram matrices, principal angles, Procrustes."""

from golden_file import columns, write  # first: it sets the number of threads

import numpy as np
import scipy
from scipy.linalg import orthogonal_procrustes, subspace_angles
from scipy.optimize import linear_sum_assignment


def assignment(name, weights):
    """The largest sum of one weight per row and column; `weights` is rows x columns."""
    rows, cols = linear_sum_assignment(weights, maximize=True)
    return dict(name=name, weights=columns(weights), total=float(weights[rows, cols].sum()))


def assignments():
    rng = np.random.default_rng(11)
    shapes = [(1, 1), (1, 6), (6, 1), (5, 5), (4, 9), (9, 4), (20, 20), (17, 40), (40, 40)]
    cases = [assignment(f"random_{r}_{c}", rng.standard_normal((r, c))) for r, c in shapes]
    # Few distinct weights: many optima, and ties everywhere on the way.
    cases.append(assignment("integers", rng.integers(-2, 3, (25, 25)).astype(float)))
    cases.append(assignment("equal", np.full((8, 12), 0.25)))
    # The best of a row is far from its part of the optimum: w_ij = (i + 1) (j + 1) and its opposite.
    product = np.outer(np.arange(1, 31), np.arange(1, 31)) / 900
    cases += [assignment("product", product), assignment("negative_product", -product)]
    return cases


def unit(w):
    return w / np.linalg.norm(w, axis=0)


def matched(cosines):
    rows, cols = linear_sum_assignment(cosines, maximize=True)
    return float(cosines[rows, cols].mean())


def greedy(cosines):
    left, chosen = cosines.copy(), []
    for _ in range(min(cosines.shape)):
        i, j = np.unravel_index(np.argmax(left), left.shape)
        chosen.append(cosines[i, j])
        left[i, :], left[:, j] = -np.inf, -np.inf
    return float(np.mean(chosen))


def dictionaries(name, a, b):
    cosines = unit(a).T @ unit(b)
    case = dict(name=name, a=columns(a), b=columns(b), mcc=matched(cosines), mcc_absolute=matched(np.abs(cosines)),
                mcc_greedy=greedy(cosines), mmcs_a_to_b=float(cosines.max(axis=1).mean()),
                mmcs_b_to_a=float(cosines.max(axis=0).mean()), angle_cosines=np.cos(subspace_angles(a, b))[::-1].tolist(),
                gram_similarity=None, gram_difference=None, procrustes_similarity=None, procrustes_residual=None,
                procrustes_scale=None)
    if a.shape == b.shape:
        gram_a, gram_b = a.T @ a, b.T @ b
        norm_a, norm_b = np.linalg.norm(gram_a), np.linalg.norm(gram_b)
        # orthogonal_procrustes(x, y) finds R for x R ~ y, with items in rows.
        rotation, total = orthogonal_procrustes(b.T, a.T)
        scale = total / np.linalg.norm(b) ** 2
        residual = np.linalg.norm(a.T - scale * b.T @ rotation) / np.linalg.norm(a)
        case.update(gram_similarity=float((gram_a * gram_b).sum() / (norm_a * norm_b)),
                    gram_difference=float(np.linalg.norm(gram_a - gram_b) / (norm_a + norm_b)),
                    procrustes_similarity=float(total / (np.linalg.norm(a) * np.linalg.norm(b))),
                    procrustes_residual=float(residual), procrustes_scale=float(scale))
    return case


def pairs():
    rng = np.random.default_rng(12)
    random = lambda m, n: rng.standard_normal((m, n))
    a = random(4, 11)
    rotation = np.linalg.qr(random(4, 4))[0]
    # Columns in a plane of five dimensions, and in a space that shares one direction with it.
    plane = random(5, 2) @ random(2, 6)
    space = np.column_stack([plane[:, 0], random(5, 2)]) @ random(3, 9)
    return [
        dictionaries("unrelated", a, random(4, 11)),
        dictionaries("rotated", a, 1.5 * rotation @ a),
        dictionaries("noisy_permutation", a, (a + 0.2 * random(4, 11))[:, rng.permutation(11)]),
        dictionaries("more_in_the_second", a, random(4, 23)),
        dictionaries("more_in_the_first", random(4, 9), random(4, 5)),
        dictionaries("fewer_than_dimensions", random(8, 3), random(8, 3)),
        dictionaries("subspaces", plane, space),
        dictionaries("many", random(6, 40), random(6, 40)),
    ]


write("comparison.json", {
    "about": "f64; a, b are m x n; cosines signed unless absolute; angle_cosines largest first; what needs as many columns "
             "in both is null otherwise; weights of an assignment are rows x columns, every row or every column is assigned",
    "numpy": np.__version__,
    "scipy": scipy.__version__,
    "assignments": assignments(),
    "pairs": pairs(),
})
