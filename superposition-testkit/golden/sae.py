"""Losses and gradients of the ReLU + L1 sparse autoencoder by torch autograd in f64: sae.json."""

from golden_file import columns, vector, write

import numpy as np
import torch

D_IN, D_SAE, BATCH = 4, 6, 5


def case(index, name, l1):
    rng = np.random.default_rng(200 + index)
    # All inputs are f32 numbers, so that an f32 autoencoder starts from exactly these.
    draw = lambda *shape: torch.from_numpy(rng.standard_normal(shape).astype(np.float32).astype(np.float64))
    w_enc = draw(D_IN, D_SAE).requires_grad_()
    w_dec = draw(D_IN, D_SAE)
    w_dec = (w_dec / w_dec.norm(dim=0)).float().double().requires_grad_()
    b_enc = (0.3 * draw(D_SAE)).float().double().requires_grad_()
    b_dec = (0.3 * draw(D_IN)).float().double().requires_grad_()
    x = draw(D_IN, BATCH)

    f = torch.relu(w_enc.T @ (x - b_dec[:, None]) + b_enc[:, None])
    x_hat = w_dec @ f + b_dec[:, None]
    reconstruction = ((x - x_hat) ** 2).sum(dim=0).mean()
    sparsity = f.sum(dim=0).mean()
    loss = reconstruction + l1 * sparsity
    loss.backward()

    matrix = lambda t: columns(t.detach().numpy())
    values = lambda t: vector(t.detach().numpy())
    return dict(name=name, l1=l1, x=matrix(x), w_enc=matrix(w_enc), w_dec=matrix(w_dec), b_enc=values(b_enc),
                b_dec=values(b_dec), latents=matrix(f), x_hat=matrix(x_hat), loss=loss.item(),
                reconstruction=reconstruction.item(), sparsity=sparsity.item(), gradient_w_enc=matrix(w_enc.grad),
                gradient_w_dec=matrix(w_dec.grad), gradient_b_enc=values(b_enc.grad), gradient_b_dec=values(b_dec.grad))


torch.set_num_threads(1)
write("sae.json", {
    "about": "f = ReLU(w_enc^T (x - b_dec) + b_enc), x_hat = w_dec f + b_dec; w_enc and w_dec are d_in x d_sae, x is "
             "d_in x B; loss = reconstruction + l1 sparsity, means over the batch of |x - x_hat|^2 and of sum_j f_j",
    "torch": torch.__version__,
    "cases": [case(0, "no_penalty", 0.0), case(1, "penalty", 0.3), case(2, "small_penalty", 0.01)],
})
