"""Workload W6 in PyTorch or NumPy: python dictionary_peer.py w6-2000 --program torch --threads 2 --repeats 5

The full report of a dictionary, for each feature norm, D_i, mean interference, and the largest |cosine| with its
index, and the connected components of cos^2 > 0.1. PyTorch: chunks of the upper triangle of the matrix of cosines,
maxima of rows and columns, components from the pairs above the threshold by scipy; sums over pairs from the m x m
moments, as ours. NumPy: the same without the symmetry.
"""

import argparse
import json
import os
import resource
import time

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("workload", choices=["w6-2000", "w6-16384", "w6-65536"])
parser.add_argument("--program", choices=["torch", "numpy"], default="torch")
parser.add_argument("--threads", type=int, choices=[1, 2], default=1)
parser.add_argument("--repeats", type=int, default=1)
parser.add_argument("--chunk", type=int, default=1024)
parser.add_argument("--sums", action="store_true", help="the sums alone, over chunks of pairs as a user would")
chosen = parser.parse_args()
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = str(chosen.threads)
if chosen.threads == 1 and hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

THRESHOLD, GROUP, SAMPLED = 0.1, 8, 100
n, m = {"w6-2000": (2000, 256), "w6-16384": (16384, 512), "w6-65536": (65536, 768)}[chosen.workload]


def uniform(position):
    with np.errstate(over="ignore"):
        z = position.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = (z ^ (z >> np.uint64(31))) >> np.uint64(40)
    return z.astype(np.float32) / np.float32(1 << 23) - np.float32(1)


def dictionary():
    at = np.arange(n * m, dtype=np.uint64).reshape(n, m)
    centre = np.uint64(n * m) + at // np.uint64(m) // np.uint64(GROUP) * np.uint64(m) + at % np.uint64(m)
    return uniform(at) + uniform(centre)


def components(rows, columns):
    graph = coo_matrix((np.ones(len(rows), np.int8), (rows, columns)), shape=(n, n))
    return connected_components(graph, directed=False)[0]


def report_numpy(w):
    norms = np.linalg.norm(w, axis=1)
    unit = w / norms[:, None]
    others = (unit @ (unit.T @ unit) * unit).sum(1) - 1
    d = norms**2 / (unit @ (w.T @ w) * unit).sum(1)
    largest, nearest = np.zeros(n, np.float32), np.zeros(n, np.int64)
    edges = []
    for start in range(0, n, chosen.chunk):
        stop = min(start + chosen.chunk, n)
        cosines = np.abs(unit[start:stop] @ unit.T)
        cosines[np.arange(stop - start), np.arange(start, stop)] = 0
        nearest[start:stop] = cosines.argmax(1)
        largest[start:stop] = cosines[np.arange(stop - start), nearest[start:stop]]
        rows, columns = np.nonzero(cosines > THRESHOLD**0.5)
        edges.append((rows + start, columns))
    count = components(*(np.concatenate(side) for side in zip(*edges)))
    return norms, d, others / (n - 1), largest, nearest, count


def sums_torch(w):
    """What a user without the frame operator does: cos^2 summed over chunks of all pairs."""
    norms = w.norm(dim=1)
    unit = w / norms[:, None]
    plain, weighted = torch.zeros(n), torch.zeros(n)
    squares = norms**2
    for start in range(0, n, chosen.chunk):
        cosines = (unit[start : start + chosen.chunk] @ unit.T).square_()
        plain[start : start + chosen.chunk] = cosines.sum(1)
        weighted[start : start + chosen.chunk] = cosines @ squares
    return norms, squares / weighted, (plain - 1) / (n - 1)


def report_torch(w):
    norms = w.norm(dim=1)
    unit = w / norms[:, None]
    others = ((unit @ (unit.T @ unit)) * unit).sum(1) - 1
    d = norms**2 / ((unit @ (w.T @ w)) * unit).sum(1)
    largest, nearest = torch.zeros(n), torch.zeros(n, dtype=torch.int64)
    edges = []
    chunk = chosen.chunk
    for a in range(0, n, chunk):
        left = unit[a : a + chunk]
        for b in range(a, n, chunk):
            cosines = (left @ unit[b : b + chunk].T).abs_()
            if a == b:
                cosines.fill_diagonal_(0)
            value, index = cosines.max(1)
            better = value > largest[a : a + chunk]
            largest[a : a + chunk] = torch.where(better, value, largest[a : a + chunk])
            nearest[a : a + chunk] = torch.where(better, index + b, nearest[a : a + chunk])
            if a != b:
                value, index = cosines.max(0)
                better = value > largest[b : b + chunk]
                largest[b : b + chunk] = torch.where(better, value, largest[b : b + chunk])
                nearest[b : b + chunk] = torch.where(better, index + a, nearest[b : b + chunk])
            # Most tiles of a large dictionary hold no edge.
            if float(value.max()) > THRESHOLD**0.5:
                rows, columns = torch.nonzero(cosines > THRESHOLD**0.5, as_tuple=True)
                edges.append(((rows + a).numpy(), (columns + b).numpy()))
    count = components(*(np.concatenate(side) for side in zip(*edges)))
    return norms, d, others / (n - 1), largest, nearest, count


values = dictionary()
if chosen.program == "torch":
    import torch

    torch.set_num_threads(chosen.threads)
    torch.set_grad_enabled(False)
    values, report = torch.from_numpy(values), sums_torch if chosen.sums else report_torch
else:
    report = report_numpy
seconds = []
for _ in range(chosen.repeats):
    start = time.perf_counter()
    found = report(values)
    seconds.append(time.perf_counter() - start)
version = (np if chosen.program == "numpy" else torch).__version__
line = {
    "workload": chosen.workload,
    "program": chosen.program,
    "version": version,
    "threads": chosen.threads,
    "seconds": seconds,
    "peak_memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
}
if not chosen.sums:
    norms, d, interference, largest, _, count = (np.asarray(x) for x in found)
    rows = range(0, n, -(-n // SAMPLED))
    line["report"] = {
        "total_dimensionality": float(d.astype(np.float64).sum()),
        "mean_interference": float(interference.astype(np.float64).mean()),
        "clusters": int(count),
        "sampled": [[float(x[i]) for x in (norms, d, interference, largest)] for i in rows],
    }
print(json.dumps(line))
