"""`analyze` against NumPy in f64, over every layout of an array."""

import numpy as np
import pytest
import scipy.linalg
import superposition_explorer as se
from conftest import matrices
from hypothesis import given


def oracle(w):
    """By the definitions; a feature in each row."""
    w = w.astype(np.float64)
    n, m = w.shape
    norms = np.linalg.norm(w, axis=1)
    unit = np.divide(w, norms[:, None], out=np.zeros_like(w), where=norms[:, None] > 0)
    cosines = np.clip(unit @ unit.T, -1, 1)
    gram = unit @ w.T
    sums = (gram**2).sum(axis=1)
    dimensionality = np.divide(norms**2, sums, out=np.zeros(n), where=sums > 0)
    represented = np.flatnonzero(norms > 0)
    among = cosines[np.ix_(represented, represented)]
    off = ~np.eye(len(represented), dtype=bool)
    pairs = among[off]
    return {
        "norms": norms,
        "dimensionality": dimensionality,
        "represented": represented,
        "mean_interference": (pairs**2).mean() if pairs.size else 0.0,
        "coherence": np.abs(pairs).max() if pairs.size else None,
        "nearest_cosine": np.where(off, among, -np.inf).max(axis=1) if pairs.size else None,
        "frame_potential": ((w.T @ w) ** 2).sum(),
    }


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


@given(matrices())
def test_every_number_is_that_of_numpy(w):
    expected = oracle(w)
    found = se.analyze(w, "rows")
    assert (found.n_features, found.n_hidden) == w.shape
    assert found.n_represented == len(expected["represented"])
    assert found.superposition_score == found.n_represented / w.shape[1]
    close(found.feature_norms, expected["norms"])
    close(found.feature_dimensionality, expected["dimensionality"])
    close(found.total_dimensionality, expected["dimensionality"].sum())
    close(found.mean_interference, expected["mean_interference"])
    np.testing.assert_allclose(found.frame_potential, expected["frame_potential"], rtol=1e-9)
    if expected["coherence"] is None:
        assert found.coherence is None
        assert np.isnan(found.nearest_cosine).all() and (found.nearest == -1).all()
    else:
        close(found.coherence, expected["coherence"])
        close(found.nearest_cosine[expected["represented"]], expected["nearest_cosine"])
    # D_i sum to at most the rank.
    assert found.total_dimensionality <= np.linalg.matrix_rank(w) + 1e-9


@given(matrices(dtype=np.float32))
def test_layout_and_type_change_no_bit(w):
    document = se.analyze(w, "rows").to_dict()

    def same(array, features):
        other = se.analyze(array, features).to_dict()
        assert other.pop("features") == features
        assert other == {key: value for key, value in document.items() if key != "features"}

    same(np.asfortranarray(w), "rows")
    same(w.T, "columns")
    same(np.ascontiguousarray(w.T), "columns")
    # Strided, reversed and padded views have no contiguous elements: they are copied.
    padded = np.zeros((2 * w.shape[0], w.shape[1] + 1), np.float32)
    padded[::2, 1:] = w
    same(padded[::2, 1:], "rows")
    same(np.ascontiguousarray(w[::-1])[::-1], "rows")
    # f32 is exact in f64.
    same(w.astype(np.float64), "rows")
    read_only = w.copy()
    read_only.flags.writeable = False
    same(read_only, "rows")
    for threads in (1, 3):
        assert se.analyze(w, "rows", threads=threads).to_dict() == document


def pentagon():
    angle = 2 * np.pi * np.arange(5) / 5
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def test_a_pentagon():
    found = se.analyze(pentagon(), "rows", polytopes=True, spectrum=True, pairs="listed", threshold=0.5)
    close(found.feature_dimensionality, 2 / 5)
    close(found.tightness, 1.0)
    # Two neighbours at cos 72 degrees, two at cos 144, with cos^2 = 0.65.
    assert set(zip(found.edges["i"], found.edges["j"])) == {(0, 2), (0, 3), (1, 3), (1, 4), (2, 4)}
    document = found.to_dict()
    assert document["polytopes"]["counts"][0]["name"] == "pentagon"
    close(document["spectrum"]["singular_values"], scipy.linalg.svdvals(pentagon()))
    assert list(found.features["polytope"]) == ["pentagon"] * 5
    assert "pentagon" in str(found) and repr(found).startswith("Analysis(n_features=5, n_hidden=2,")


def test_centering_and_norms():
    rng = np.random.default_rng(0)
    w = rng.normal(size=(30, 6)) + 5.0
    centered = se.analyze(w, "rows", center=True)
    close(centered.mean_interference, oracle(w - w.mean(axis=0))["mean_interference"])
    w[3] = 0.1
    assert se.analyze(w, "rows", min_norm=1.0).n_represented == 29
    assert se.analyze(w, "rows", min_norm=1.0).cluster[3] == -1


def test_blocks_give_the_bits_of_the_whole():
    w = np.random.default_rng(1).normal(size=(256, 4000)).astype(np.float32)
    whole = se.analyze(w, "columns").to_dict()
    # Every thread takes some: as many as the machine has would not do.
    little = {"memory": 24 << 20, "threads": 1}
    assert se.analyze(w, "columns", **little).to_dict() == whole
    # So little memory that it is in blocks: what needs the whole is refused.
    with pytest.raises(ValueError, match="memory="):
        se.analyze(w, "columns", **little, spectrum=True)


def test_random_dictionaries():
    w = np.random.default_rng(2).normal(size=(200, 16))
    null = se.analyze(w, "rows", null=3, null_seed=4)
    baselines = null.to_dict()["null_baselines"]
    assert baselines["draws"] == 3 and baselines["seed"] == 4
    # These directions are random themselves.
    assert null.to_dict() == se.analyze(w, "rows", null=3, null_seed=4).to_dict()
    assert se.analyze(w, "rows").to_dict()["null_baselines"] is None


def test_bad_values_are_exceptions_before_any_work():
    w = pentagon()
    for array in [w.astype(np.int64), w.astype(np.float16), w.astype(">f8"), w.astype(object), w.astype(str), None]:
        with pytest.raises(TypeError, match="float32 and float64"):
            se.analyze(array, "rows")
    for value in [np.nan, np.inf, -np.inf]:
        bad = w.copy()
        bad[3, 1] = value
        with pytest.raises(ValueError, match="component 1 of feature 3"):
            se.analyze(bad, "rows")
    for array in [w[0], w[None], np.float64(1.0), np.zeros((0, 2)), np.zeros((2, 0))]:
        with pytest.raises(ValueError):
            se.analyze(array, "rows")
    with pytest.raises(ValueError, match='features="rows"'):
        se.analyze(w)
    for wrong in [
        {"features": "row"},
        {"pairs": "some"},
        {"threshold": 2.0},
        {"min_norm": -1.0},
        {"threads": 0},
        {"format": "pickle"},
        {"decoder_norms": "none"},
        {"tensor": "W"},
        {"slice": 0},
        {"mask_dead": True},
        {"memory": 1},
    ]:
        with pytest.raises(ValueError):
            se.analyze(w, **{"features": "rows", **wrong})
    with pytest.raises(OverflowError):
        se.analyze(w, "rows", neighbors=-1)
    with pytest.raises(FileNotFoundError, match="missing.npy"):
        se.analyze("missing.npy", "rows")
