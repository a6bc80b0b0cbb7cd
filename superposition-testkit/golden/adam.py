"""Traces of torch.optim.Adam and AdamW in f32 over given gradients: adam.json."""

from golden_file import vector_f32, write

import numpy as np
import torch

N_PARAMETERS = 5
N_STEPS = 50

CASES = [
    dict(name="adam_defaults", kind="adam"),
    dict(name="adam_other_options", kind="adam", lr=0.01, beta1=0.8, beta2=0.99, eps=1e-6),
    dict(name="adamw_defaults", kind="adamw", weight_decay=0.01),
    dict(name="adamw_strong_decay", kind="adamw", lr=0.01, weight_decay=0.1),
    dict(name="adam_varying_rate", kind="adam", lr=0.01, varying=True),
    dict(name="adamw_varying_rate", kind="adamw", lr=0.01, weight_decay=0.1, varying=True),
    dict(name="adam_coupled_decay", kind="adam", lr=0.01, weight_decay=0.1),
]


def gradients(rng):
    """One column of each kind: steady, noisy, growing over ten decades, sparse, tiny."""
    g = rng.standard_normal((N_STEPS, N_PARAMETERS))
    g[:, 0] = 0.5 + 0.1 * g[:, 0]
    g[:, 2] *= 10.0 ** np.linspace(-8, 2, N_STEPS)
    g[:, 3] *= rng.random(N_STEPS) < 0.2
    g[:, 4] *= 1e-9
    return g.astype(np.float32)


def trace(index, name, kind, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0, varying=False):
    rng = np.random.default_rng(index)
    initial = rng.standard_normal(N_PARAMETERS).astype(np.float32)
    g = gradients(rng)
    # Warm-up over ten steps, then a cosine; read back from JSON the factors are the same doubles.
    factors = None
    if varying:
        steps = np.arange(N_STEPS)
        factors = np.minimum((steps + 1) / 10, 0.5 * (1 + np.cos(np.pi * steps / N_STEPS))).tolist()
    parameter = torch.nn.Parameter(torch.from_numpy(initial.copy()))
    kinds = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    optimizer = kinds[kind]([parameter], lr=lr, betas=(beta1, beta2), eps=eps, weight_decay=weight_decay)
    after = []
    for step in range(N_STEPS):
        if factors is not None:
            optimizer.param_groups[0]["lr"] = lr * factors[step]
        parameter.grad = torch.from_numpy(g[step].copy())
        optimizer.step()
        after.append(vector_f32(parameter.detach().numpy()))
    return dict(name=name, kind=kind, lr=lr, beta1=beta1, beta2=beta2, eps=eps, weight_decay=weight_decay,
                lr_factors=factors, initial=vector_f32(initial), gradients=[vector_f32(row) for row in g],
                parameters=after)


torch.set_num_threads(1)
write("adam.json", {
    "about": "f32; gradients and parameters have a row per step, parameters after that step; "
             "the rate of a step is lr * lr_factors[step]",
    "torch": torch.__version__,
    "cases": [trace(index, **case) for index, case in enumerate(CASES)],
})
