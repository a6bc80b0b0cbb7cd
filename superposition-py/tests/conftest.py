"""What the tests share: the command line, and matrices drawn by hypothesis."""

import json
import os
import pathlib
import subprocess

import hypothesis
import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np
import pytest

# The same cases on every run; a first call may be slow.
hypothesis.settings.register_profile("ci", derandomize=True, database=None, deadline=None, max_examples=60)
hypothesis.settings.load_profile("ci")


class CommandLine:
    """The program `superposition`, in a folder of its own."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        # `cargo xtask python` builds it and says where it is.
        self.program = os.environ["SUPERPOSITION"]

    def json(self, *arguments: object) -> dict:
        """The document of a command."""
        words = [self.program, *map(str, arguments), "--json", "--quiet"]
        done = subprocess.run(words, cwd=self.folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def cli(tmp_path: pathlib.Path) -> CommandLine:
    return CommandLine(tmp_path)


def matrices(n=st.integers(1, 12), m=st.integers(1, 8), dtype=np.float64):
    """Matrices of ordinary numbers, some of them zero or equal: a feature in each row."""
    width = 64 if dtype == np.float64 else 32
    elements = st.one_of(
        st.just(0.0), st.integers(-3, 3).map(float), st.floats(-100, 100, width=width).filter(lambda x: abs(x) > 1e-3)
    )
    shapes = st.tuples(n, m)
    return shapes.flatmap(lambda shape: hnp.arrays(dtype, shape, elements=elements))
