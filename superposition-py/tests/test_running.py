"""Without copies, without the interpreter's lock, with Ctrl-C, without panics."""

import signal
import subprocess
import sys
import threading
import time

import hypothesis.strategies as st
import numpy as np
import pytest
import superposition_explorer as se
from conftest import matrices
from hypothesis import given

TWO_GIGABYTES = """
import resource
import numpy as np
import superposition_explorer as se

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

# 2 GB of float64, of which the rows of a block come again and again.
w = np.empty((2_000_000, 128))
block = np.random.default_rng(0).normal(size=(20_000, 128))
for start in range(0, len(w), len(block)):
    w[start : start + len(block)] = block
assert w.nbytes > 2e9
before = peak()
rows = se.analyze(w, "rows", pairs="skipped")
columns = se.analyze(w.T, "columns", pairs="skipped")  # in Fortran order
print("grew by", (peak() - before) / 1e9, "GB")
assert rows.mean_interference == columns.mean_interference
assert peak() - before < 0.5 * w.nbytes, peak() - before
# The measure sees a copy.
before = peak()
copy = w.copy()
assert peak() - before > 0.9 * w.nbytes
"""


def test_two_gigabytes_are_not_copied():
    done = subprocess.run([sys.executable, "-c", TWO_GIGABYTES], capture_output=True, text=True)
    print(done.stdout)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "call",
    [
        "se.train(n_steps=10**8)",
        "se.train_ensemble(n_instances=4, n_steps=10**8, threads=2)",
        "se.optimum(10, 4, feature_probability=0.2, n_starts=100)",
        "se.reproduce('T', preset='full')",
    ],
)
def test_ctrl_c_stops(call):
    program = f"import superposition_explorer as se\nprint('begins', flush=True)\n{call}"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "begins\n"
        time.sleep(0.5)
        assert process.poll() is None, process.stderr.read()
        process.send_signal(signal.SIGINT)
        try:
            _, error = process.communicate(timeout=30)
        finally:
            process.kill()
    assert error.rstrip().endswith("KeyboardInterrupt"), error
    assert "panicked" not in error


def test_other_threads_go_on():
    ended = threading.Event()

    def work():
        se.train(n_features=100, n_hidden=20, n_steps=400, threads=1)
        ended.set()

    thread = threading.Thread(target=work)
    thread.start()
    count = 0
    while not ended.is_set():
        count += 1
        time.sleep(0.001)
    thread.join()
    # With the lock held this loop would not have run at all.
    assert count > 20


NUMBERS = st.one_of(st.none(), st.floats(), st.integers(-2, 3))


@given(
    matrices(),
    st.sampled_from(["rows", "columns", "both", None]),
    st.fixed_dictionaries(
        {},
        optional={
            "min_norm": st.one_of(st.none(), st.floats()),
            "threshold": st.one_of(st.none(), st.floats()),
            "neighbors": st.integers(-1, 20),
            "memory": st.integers(-1, 2**40),
            "null": st.one_of(st.booleans(), st.integers(-1, 3)),
            "polytopes": st.one_of(st.booleans(), st.floats()),
            "center": st.booleans(),
            "spectrum": st.booleans(),
            "pairs": st.sampled_from(["compared", "listed", "skipped", ""]),
            "threads": st.integers(-1, 4),
        },
    ),
)
def test_no_panic_crosses_in_analyze(w, features, arguments):
    try:
        assert se.analyze(w, features, **arguments).n_hidden in w.shape
    except (ValueError, OverflowError, TypeError):
        pass


@given(
    st.fixed_dictionaries(
        {"n_steps": st.integers(0, 3), "batch_size": st.integers(0, 9)},
        optional={
            "n_features": st.integers(0, 9),
            "n_hidden": st.integers(0, 9),
            "sparsity": st.floats(-1, 2),
            "feature_probability": st.lists(st.floats(-0.5, 1.5), max_size=9),
            "sets": st.sampled_from(["independent", "correlated:2", "anticorrelated:3", "correlated:0", "x"]),
            "importance": st.one_of(st.lists(NUMBERS, max_size=9), st.sampled_from(["uniform", "geometric:-1", "a"])),
            "learning_rate": st.floats(),
            "clip_norm": st.floats(),
            "warmup_steps": st.integers(-1, 5),
            "schedule": st.sampled_from(["constant", "linear:nan", "cosine:-1", "cosine:0.5"]),
            "initialization": st.sampled_from(["xavier", "normal:1e30", "normal:-1", "normal:inf"]),
            "step_form": st.sampled_from(["auto", "gram", "direct", "tiny", "none"]),
            "seed": st.integers(-1, 2**64),
        },
    )
)
def test_no_panic_crosses_in_train(arguments):
    for function, more in [(se.train, {}), (se.train_ensemble, {"n_instances": 2})]:
        try:
            assert function(**arguments, **more).W.ndim in (2, 3)
        except (ValueError, OverflowError, TypeError, ArithmeticError):
            pass


@given(matrices(), matrices(), st.sampled_from(["rows", "columns"]))
def test_no_panic_crosses_in_the_others(a, b, side):
    for call in [
        lambda: se.compare(a, b, side, null_draws=1),
        lambda: se.probe(a, b, side, n_rotations=1),
        lambda: se.loss(a, b[0], side, feature_probability=0.5),
        lambda: se.loss(a, features=side, feature_probability=b[0]),
        lambda: se.train_ensemble(w=a[None], b=b, n_steps=1, batch_size=1),
    ]:
        try:
            call()
        except (ValueError, ArithmeticError):
            pass
