"""From the objects that people have to a report, three lines each."""

import json

import numpy as np
import pytest
import superposition_explorer as se
import torch
from safetensors.torch import save_file
from sae_lens import StandardSAE, StandardSAEConfig


def sae():
    torch.manual_seed(0)
    return StandardSAE(StandardSAEConfig(d_in=32, d_sae=128))


def cosines(rows):
    rows = rows.detach().double().numpy()
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return rows @ rows.T


def test_saelens_object(tmp_path):
    sae_object = sae()

    report = se.analyze(sae_object.W_dec, features="rows")
    print(report)
    assert report.n_features == 128

    off = cosines(sae_object.W_dec) - np.eye(128)
    np.testing.assert_allclose(report.coherence, np.abs(off).max(), rtol=1e-6)
    np.testing.assert_allclose(report.nearest_cosine, off.max(axis=1), rtol=1e-6)


def test_saelens_folder(tmp_path):
    sae_object = sae()
    sae_object.save_model(tmp_path)

    report = se.analyze(tmp_path)  # SAELens' files say which side the features are.
    print(report)
    assert report.to_dict()["format"]["name"] == "saelens"

    assert json.loads((tmp_path / "cfg.json").read_text())["d_sae"] == report.n_features
    # The norms of the decoder are folded: D does depend on them, cosines do not.
    direct = se.analyze(sae_object.W_dec, "rows")
    np.testing.assert_allclose(report.mean_interference, direct.mean_interference, rtol=1e-6)
    kept = se.analyze(tmp_path, decoder_norms="keep")
    np.testing.assert_array_equal(kept.feature_dimensionality, direct.feature_dimensionality)


def test_torch_linear():
    linear = torch.nn.Linear(64, 256)

    report = se.analyze(linear.weight, features="columns")  # [out, in]: an input's direction is a column.
    print(report)
    assert (report.n_features, report.n_hidden) == (64, 256)

    norms = linear.weight.detach().double().norm(dim=0).numpy()
    np.testing.assert_allclose(report.feature_norms, norms, rtol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_hugging_face_state_dict(tmp_path, dtype):
    torch.manual_seed(0)
    name = "model.layers.0.mlp.down_proj.weight"
    state_dict = {name: torch.randn(48, 192, dtype=dtype), "model.norm.weight": torch.ones(48, dtype=dtype)}

    save_file(state_dict, tmp_path / "model.safetensors")
    report = se.analyze(tmp_path / "model.safetensors", features="columns", tensor=name)
    print(report)

    # bf16 has no NumPy type; from the file it is read as it is, and exactly.
    same = se.analyze(state_dict[name].float(), features="columns")
    np.testing.assert_array_equal(report.feature_norms, same.feature_norms)
    if dtype == torch.bfloat16:
        with pytest.raises(TypeError):
            se.analyze(state_dict[name], features="columns")


def test_tensors_are_read_in_place_and_left_alone():
    tensor = torch.randn(100, 10, requires_grad=True)
    before = tensor.detach().clone()
    report = se.analyze(tensor, "rows")
    assert tensor.requires_grad and torch.equal(tensor, before)
    assert report.to_dict() == se.analyze(tensor.detach().numpy(), "rows").to_dict()
    # Transposed tensors are in Fortran order.
    assert (report.feature_norms == se.analyze(tensor.T, "columns").feature_norms).all()


def test_a_trained_model_in_torch():
    found = se.train(n_features=5, n_hidden=2, sparsity=0.95, importance="uniform", n_steps=500)
    w, b = torch.from_numpy(found.W), torch.from_numpy(found.b)
    x = torch.eye(5)
    reconstruction = torch.relu(x @ w @ w.T + b)
    assert ((x - reconstruction) ** 2).mean() < ((x) ** 2).mean()


def test_notebook_tensors():
    importance = (0.9 ** torch.arange(5))[None, :]
    feature_probability = (20 ** -torch.linspace(0, 1, 3))[:, None]
    found = se.train_ensemble(
        n_hidden=2, n_features=5, importance=importance, feature_probability=feature_probability, n_steps=100
    )
    w = torch.from_numpy(found.W)
    assert torch.einsum("ifh,igh->ifg", w, w).shape == (3, 5, 5)
