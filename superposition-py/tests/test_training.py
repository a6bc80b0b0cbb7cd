"""Toy models against NumPy, and stacks of them in and out."""

import numpy as np
import pytest
import superposition_explorer as se
from hypothesis import given, settings
from hypothesis import strategies as st

SMALL = {"n_features": 6, "n_hidden": 2, "n_steps": 200, "batch_size": 128}


def sampled_loss(w, b, p, importance, n=200_000):
    """The loss by its definition on samples drawn by NumPy: (mean, standard error)."""
    rng = np.random.default_rng(5)
    x = rng.random((n, len(w))) * (rng.random((n, len(w))) < p)
    errors = (importance * (x - np.maximum(x @ w @ w.T + b, 0)) ** 2).mean(axis=1)
    return errors.mean(), errors.std() / np.sqrt(n)


@settings(max_examples=8)
@given(st.integers(0, 2**31), st.floats(0.02, 0.9), st.integers(1, 7), st.integers(1, 4))
def test_the_loss_is_that_of_samples(seed, p, n, m):
    rng = np.random.default_rng(seed)
    w, b = rng.normal(size=(n, m)), 0.3 * rng.normal(size=n)
    importance = rng.random(n)
    found = se.loss(w, b, "rows", feature_probability=p, importance=importance)
    mean, error = sampled_loss(w, b, p, importance)
    assert abs(found.loss - mean) < 6 * error
    assert float(found) == found.loss
    np.testing.assert_allclose(found.feature_loss.sum(), found.loss_sum, rtol=1e-12)
    assert se.loss(w.T, b, "columns", feature_probability=p, importance=importance).loss == found.loss


def test_nothing_represented():
    # Without weights and bias the loss is the mean of I_i p_i / 3.
    found = se.loss(np.zeros((4, 2)), features="rows", feature_probability=0.3)
    law = se.loss(np.zeros((4, 2)), features="rows", feature_probability="power:0:1.2")
    assert law.loss == pytest.approx(found.loss, rel=1e-14)
    np.testing.assert_allclose(found.loss, 0.1, rtol=1e-14)


def test_two_features_in_one_dimension():
    # An antipodal pair is the optimum at p = 1/2; its loss is known to seven digits.
    found = se.optimum(2, 1, feature_probability=0.5)
    assert found.geometry == "1 digon"
    np.testing.assert_allclose(found.loss_sum, 0.0762824, atol=1e-7)
    assert found.W.shape == (2, 1) and found.W[0, 0] * found.W[1, 0] < 0
    again = se.loss(np.ascontiguousarray(found.W), found.b, "rows", feature_probability=0.5)
    np.testing.assert_allclose(again.loss, found.loss, rtol=1e-12)


def test_the_model_has_the_loss_it_says():
    found = se.train(sparsity=0.8, importance="uniform", **SMALL)
    assert found.W.shape == (6, 2) and found.W.dtype == np.float32 and found.W_dec is None
    mean, error = sampled_loss(found.W.astype(float), found.b.astype(float), 0.2, 1.0)
    assert abs(found.population_loss - mean) < 6 * error
    assert found.losses.shape == (200,) and found.losses[-1] < found.losses[0]
    np.testing.assert_allclose(found.feature_norms, np.linalg.norm(found.W, axis=1), rtol=1e-6)


def test_every_argument_reaches_the_recipe():
    recipe = se.train(
        n_features=4, n_hidden=2, feature_probability=[0.5, 0.5, 0.1, 0.1], sets="correlated:2",
        importance=[1, 2, 3, 4], output="linear", bias="none", coupling="untied", n_steps=3, batch_size=17,
        learning_rate=0.5, schedule="linear:0.25", warmup_steps=1, weight_decay=0.125, l2=0.0625, clip_norm=2.0,
        loss_below=1e-9, loss_every=2, initialization="normal:0.75", seed=9, step_form="direct",
    ).to_dict()["recipe"]
    assert recipe == {
        "model": {
            "dimensions": {"n_features": 4, "n_hidden": 2},
            "output": "linear", "bias": "none", "coupling": "untied",
        },
        "feature_probability": {"per_feature": [0.5, 0.5, 0.1, 0.1]},
        "sets": {"correlated": {"set_size": 2}},
        "importance": {"explicit": [1.0, 2.0, 3.0, 4.0]},
        "train": {
            "n_steps": 3, "batch_size": 17, "seed": 9, "initialization": {"normal": {"std": 0.75}},
            "adam": {**recipe["train"]["adam"], "learning_rate": 0.5, "weight_decay": 0.125, "l2": 0.0625},
            "schedule": {"decay": {"linear": {"last": 0.25}}, "warmup_steps": 1},
            "clip_norm": 2.0, "loss_every": 2, "loss_below": 1e-9, "step_form": "direct",
        },
    }


def test_an_ensemble_is_its_models_alone():
    probability = 20 ** -np.linspace(0, 1, 4)[:, None]
    found = se.train_ensemble(feature_probability=probability, importance=0.9 ** np.arange(6), seed=3, **SMALL)
    assert found.W.shape == (4, 6, 2) and found.b.shape == (4, 6) and found.losses.shape == (4, 200)
    assert len(found) == 4 and found.stop == ["finished"] * 4
    for k in range(4):
        alone = se.train(
            feature_probability=probability[k, 0], importance=0.9 ** np.arange(6), seed=3 + k, **SMALL
        )
        np.testing.assert_array_equal(found.W[k], alone.W)
        np.testing.assert_array_equal(found.b[k], alone.b)
        np.testing.assert_array_equal(found.losses[k], alone.losses)
        np.testing.assert_array_equal(found.feature_dimensionality[k], alone.feature_dimensionality)
        assert found.loss[k] == alone.loss
    assert found.to_dict()["instances"][2]["recipe"]["train"]["seed"] == 5


def test_shapes_broadcast_as_numpy_does():
    row, column = np.full(6, 0.25), np.full((3, 1), 0.25)
    cases = [
        {"feature_probability": 0.25, "n_instances": 3},
        {"feature_probability": column},
        {"feature_probability": np.broadcast_to(row, (3, 6))},
        {"feature_probability": row, "n_instances": 3},
        {"sparsity": 0.75, "n_instances": 3},
        {"sparsity": 1 - column},
    ]
    w = [se.train_ensemble(**case, **SMALL).W for case in cases]
    for other in w:
        assert other.shape == (3, 6, 2)
    np.testing.assert_array_equal(w[0], w[1])
    np.testing.assert_array_equal(w[0], w[5])
    np.testing.assert_array_equal(w[2], w[3])
    for wrong in [
        {"feature_probability": 0.25},
        {"feature_probability": np.full(3, 0.25), "n_instances": 3},
        {"feature_probability": column, "n_instances": 4},
        {"feature_probability": column, "sparsity": 0.5},
        {"sparsity": 1.5, "n_instances": 2},
        {"n_instances": 0},
        {"importance": np.ones((2, 5))},
        {"seed": 2**64 - 1, "n_instances": 2},
        {"b": np.zeros((2, 6))},
    ]:
        with pytest.raises(ValueError):
            se.train_ensemble(**wrong, **SMALL)


def test_stacks_go_in_as_they_come_out():
    first = se.train_ensemble(sparsity=0.8, n_instances=3, **SMALL)
    # At a learning rate of 0 nothing moves.
    still = se.train_ensemble(w=first.W, b=first.b, sparsity=0.8, n_steps=2, learning_rate=0.0)
    np.testing.assert_array_equal(still.W, first.W)
    np.testing.assert_array_equal(still.b, first.b)
    # The loss goes on from where it was, not from that of a drawn model.
    on = se.train_ensemble(w=first.W.astype(np.float64), b=first.b, sparsity=0.8, n_steps=50)
    assert (on.losses[:, :10].mean(axis=1) < first.losses[:, :10].mean(axis=1)).all()
    for wrong in [
        {"w": first.W[0]},
        {"w": first.W, "b": first.b[:2]},
        {"w": first.W, "n_instances": 2},
        {"w": first.W, "n_features": 2, "n_hidden": 6, "bias": "none"},
        {"w": first.W, "coupling": "untied"},
        {"w": first.W, "b": first.b, "bias": "none"},
        {"w": first.W * np.nan},
    ]:
        with pytest.raises(ValueError):
            se.train_ensemble(n_steps=1, sparsity=0.8, **wrong)


def test_divergence_is_said():
    with pytest.raises(ArithmeticError, match="learning_rate"):
        se.train(learning_rate=1e30, **SMALL)
    found = se.train_ensemble(n_instances=2, learning_rate=1e30, **SMALL)
    assert found.stop == ["diverged"] * 2
    assert not np.isfinite(found.losses[:, -1]).any()


def test_probes_find_what_is_linear():
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(2000, 5))
    labels = np.stack([hidden @ rng.normal(size=5), rng.normal(size=2000)], axis=1)
    found = se.probe(hidden, labels, "rows", feature=None)
    assert found.r_squared[0] > 0.999 and abs(found.r_squared[1]) < 0.05
    direction = found.directions[0] / np.linalg.norm(found.directions[0])
    least_squares = np.linalg.lstsq(hidden, labels[:, 0], rcond=None)[0]
    np.testing.assert_allclose(direction, least_squares / np.linalg.norm(least_squares), atol=1e-3)
    assert se.probe(hidden.T, labels.T, "columns").to_dict() == found.to_dict()
    assert len(se.probe(hidden, labels, "rows", feature=1).r_squared) == 1
    for wrong in [(hidden, labels[:9], "rows"), (hidden[:1], labels[:1], "rows"), (hidden, labels, "row")]:
        with pytest.raises(ValueError):
            se.probe(*wrong)


def test_comparison_names_what_was_done():
    rng = np.random.default_rng(1)
    a = rng.normal(size=(50, 10))
    rotation = np.linalg.qr(rng.normal(size=(10, 10)))[0]
    order = rng.permutation(50)
    assert se.compare(a, a[order], "rows").verdict == "permuted"
    assert se.compare(a, a @ rotation, "rows").verdict == "different_bases"
    assert se.compare(a, rng.normal(size=(50, 10)), "rows").verdict == "unrelated"
    found = se.compare(a, a[order], "rows")
    np.testing.assert_array_equal(order[found.matches["b"]], found.matches["a"])
    assert found.n_shared == 50 and found.metrics["mcc"] == 1.0
