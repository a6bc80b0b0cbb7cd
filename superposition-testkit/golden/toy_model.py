"""Losses and gradients of the toy models by torch autograd in f64: toy_model.json."""

from golden_file import columns, vector, write

import numpy as np
import torch

M, N, BATCH = 3, 7, 5

CASES = [
    ("tied_relu", "relu", "tied", "learned"),
    ("tied_linear", "linear", "tied", "learned"),
    ("untied_relu", "relu", "untied", "learned"),
    ("tied_relu_no_bias", "relu", "tied", "none"),
    ("untied_linear", "linear", "untied", "learned"),
    ("untied_relu_no_bias", "relu", "untied", "none"),
]


def case(index, name, output, coupling, bias):
    rng = np.random.default_rng(100 + index)
    # All inputs are f32 numbers, so that an f32 model starts from exactly these.
    draw = lambda *shape: torch.from_numpy(rng.standard_normal(shape).astype(np.float32).astype(np.float64))
    w = (0.6 * draw(M, N)).float().double().requires_grad_()
    w_dec = (0.6 * draw(M, N)).float().double().requires_grad_() if coupling == "untied" else None
    b = (0.2 * draw(N)).float().double().requires_grad_() if bias == "learned" else None
    # Sparse non-negative data as in the paper, one sample all zero.
    x = torch.from_numpy((rng.random((N, BATCH)) * (rng.random((N, BATCH)) < 0.5)).astype(np.float32).astype(np.float64))
    x[:, -1] = 0.0
    importance = torch.from_numpy((0.7 ** np.arange(N)).astype(np.float32).astype(np.float64))

    z = (w if w_dec is None else w_dec).T @ (w @ x)
    if b is not None:
        z = z + b[:, None]
    reconstruction = torch.relu(z) if output == "relu" else z
    loss = (importance[:, None] * (x - reconstruction) ** 2).mean()
    loss.backward()

    matrix = lambda t: None if t is None else columns(t.detach().numpy())
    gradient = lambda t: None if t is None else t.grad
    values = lambda t: None if t is None else vector(t.detach().numpy())
    return dict(name=name, output=output, coupling=coupling, bias=bias, x=matrix(x), w=matrix(w), w_dec=matrix(w_dec),
                b=values(b), importance=values(importance), reconstruction=matrix(reconstruction), loss=loss.item(),
                gradient_w=matrix(gradient(w)), gradient_w_dec=matrix(gradient(w_dec)), gradient_b=values(gradient(b)))


torch.set_num_threads(1)
write("toy_model.json", {
    "about": "x is n x B, w and w_dec are m x n; every input is an f32 number, results are f64; "
             "loss = mean over batch and features of importance (x - reconstruction)^2; null where there is none",
    "torch": torch.__version__,
    "cases": [case(index, *which) for index, which in enumerate(CASES)],
})
