"""What the golden scripts share: one thread, and JSON with a case per line and matrices as lists of columns."""

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import json
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent


def columns(matrix):
    """A matrix as {"columns": [[..], ..]}: unambiguous about orientation, also when it is empty or symmetric."""
    return {"columns": np.asarray(matrix, dtype=np.float64).T.tolist()}


def vector(values):
    return np.asarray(values, dtype=np.float64).tolist()


def vector_f32(values):
    """f32 values in nine significant digits, enough to get the bits back."""
    return [float(f"{value:.9g}") for value in np.asarray(values, dtype=np.float32)]


def write(name, document):
    """Writes a document: values of the top level one per line, lists of cases one case per line."""
    lines = []
    for key, value in document.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            cases = ",\n".join("  " + json.dumps(case, allow_nan=False) for case in value)
            lines.append(f" {json.dumps(key)}: [\n{cases}\n ]")
        else:
            lines.append(f" {json.dumps(key)}: {json.dumps(value, allow_nan=False)}")
    path = HERE / name
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"{name}: {path.stat().st_size:,} bytes")
