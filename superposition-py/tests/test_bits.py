"""The same numbers as the command line on the same input, bit for bit: JSON writes every f64 so that it is read back."""

import pathlib

import numpy as np
import pytest
import superposition_explorer as se
from conftest import matrices
from hypothesis import HealthCheck, given, settings

FIXTURES = pathlib.Path(__file__).parents[2] / "superposition-io/tests/fixtures/dictionaries"
# Where an array comes from is not in it.
PLACE = ("tensor", "format")


def without(document, keys):
    return {key: value for key, value in document.items() if key not in keys}


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(w=matrices())
def test_any_matrix(cli, w):
    path = cli.folder / "w.npy"
    np.save(path, w)
    there = cli.json("analyze", path, "--features", "rows")
    assert without(se.analyze(w, "rows").to_dict(), PLACE) == without(there, PLACE)
    assert se.analyze(path, "rows").to_dict() == there


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_analysis(cli, dtype):
    w = np.random.default_rng(0).normal(size=(300, 20)).astype(dtype)
    path = cli.folder / "w.npy"
    np.save(path, w)
    for flags, arguments in [
        ([], {}),
        (["--center", "--layer"], {"center": True, "spectrum": True}),
        (["--null", 2, "--null-seed", 5], {"null": 2, "null_seed": 5}),
        (["--polytopes"], {"polytopes": True}),
        (["--polytopes", 0.1, "--threshold", 0.1], {"polytopes": 0.1, "threshold": 0.1}),
        (["--no-pairs"], {"pairs": "skipped"}),
        (["--min-norm", 4.5], {"min_norm": 4.5}),
    ]:
        there = cli.json("analyze", path, "--features", "columns", *flags)
        here = se.analyze(w, "columns", **arguments)
        assert without(here.to_dict(), PLACE) == without(there, PLACE), flags
        assert se.analyze(path, "columns", **arguments).to_dict() == there, flags


@pytest.mark.parametrize("name", sorted(path.name for path in FIXTURES.glob("saelens-*")) + ["gemma-scope", "sparsify"])
def test_files_of_other_programs(cli, name):
    # bf16 is among them.
    path = FIXTURES / name
    assert se.analyze(path).to_dict() == cli.json("analyze", path)


def test_tables(cli):
    w = np.random.default_rng(1).normal(size=(60, 7))
    np.save(cli.folder / "w.npy", w)
    cli.json("analyze", "w.npy", "--features", "rows", "--neighbors", 3, "--threshold", 0.3,
             "--per-feature", "features.npz", "--edges-out", "edges.npz")
    found = se.analyze(w, "rows", neighbors=3, threshold=0.3, pairs="listed")
    for name, table in [("features.npz", found.features), ("edges.npz", found.edges)]:
        with np.load(cli.folder / name) as there:
            assert list(there) == list(table)
            for column in there:
                np.testing.assert_array_equal(there[column], table[column])


def test_comparison(cli):
    rng = np.random.default_rng(2)
    a = rng.normal(size=(40, 8))
    b = a[rng.permutation(40)] + 0.05 * rng.normal(size=(40, 8))
    np.save(cli.folder / "a.npy", a)
    np.save(cli.folder / "b.npy", b.T)
    there = cli.json("compare", "a.npy", "b.npy", "--a-features", "rows", "--b-features", "columns", "--null-draws", 2)
    here = se.compare(a, b.T, a_features="rows", b_features="columns", null_draws=2)
    assert here.to_dict() == there
    assert here.verdict == there["verdict"] == "permuted"
    # A file beside an array.
    assert se.compare(cli.folder / "a.npy", b, "rows", null_draws=2).to_dict() == there


def test_probes(cli):
    rng = np.random.default_rng(3)
    x = rng.normal(size=(400, 6)).astype(np.float32)
    y = (x @ rng.normal(size=(6, 3))).astype(np.float32)
    np.save(cli.folder / "x.npy", x)
    np.save(cli.folder / "y.npy", y)
    there = cli.json("probe", "x.npy", "y.npy", "--samples", "rows", "--seed", 3, "--penalty", 0.5)
    assert se.probe(x, y, "rows", seed=3, penalty=0.5).to_dict() == there


def test_training_and_its_file(cli):
    there = cli.json("train", "--n-features", 8, "--n-hidden", 3, "--sparsity", 0.9, "--importance", "geometric:0.9",
                     "--steps", 300, "--lr", 0.01, "--schedule", "cosine:0.1", "--warmup", 10, "--weight-decay", 0.01,
                     "--seed", 7, "--out", "there.safetensors")
    here = se.train(n_features=8, n_hidden=3, sparsity=0.9, importance="geometric:0.9", n_steps=300,
                    learning_rate=0.01, schedule="cosine:0.1", warmup_steps=10, weight_decay=0.01, seed=7)
    assert here.to_dict() == there
    here.save(cli.folder / "here.safetensors")
    assert (cli.folder / "here.safetensors").read_bytes() == (cli.folder / "there.safetensors").read_bytes()
    with pytest.raises(ValueError, match="exists"):
        here.save(cli.folder / "here.safetensors")
    here.save(cli.folder / "here.safetensors", overwrite=True)

    # Its loss, from the file and from the arrays.
    path = cli.folder / "here.safetensors"
    loss = cli.json("loss", path)
    assert se.loss(path).to_dict() == loss
    arrays = se.loss(here.W, here.b, "rows", sparsity=0.9, importance="geometric:0.9")
    assert without(arrays.to_dict(), ["tensor"]) == without(loss, ["tensor"])


def test_optimum(cli):
    there = cli.json("optimum", "--n-features", 3, "--n-hidden", 2, "--feature-probability", 0.2, "--starts", 4,
                     "--importance", "geometric:0.8", "--seed", 2)
    here = se.optimum(3, 2, feature_probability=0.2, n_starts=4, importance="geometric:0.8", seed=2)
    assert here.to_dict() == there
    np.testing.assert_array_equal(here.W, np.array(there["w"]).T)


def test_reproduction(cli):
    there = cli.json("reproduce", "X3", "--quick")
    here = se.reproduce("X3", preset="quick")
    # The clock, the machine and the commit are the command line's to tell.
    rows = [without(row, ["seconds"]) for row in there["rows"]]
    assert [without(row, ["seconds"]) for row in here.rows] == rows
    assert here.passes and list(here.figures) == rows[0]["figures"]
    assert all(svg.startswith("<svg") for svg in here.figures.values())
