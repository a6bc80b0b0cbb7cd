"""Trains the quick start in PyTorch: the independent side of the comparison with superposition-train.

Model: x' = ReLU(W^T W x + b), W Xavier normal (std sqrt(2 / (n + m))), b = 0.
Loss: mean over batch and features of I_i (x_i - x'_i)^2 with I_i = 0.01^(i / (n - 1)).
Data: each feature active with probability p = 0.1, its value then uniform on [0, 1); a fresh batch each step.
Optimiser: torch.optim.Adam, lr 1e-3, everything else torch's default.

Each seed has its own generators and depends on no other seed, so the seeds can run in any order or be split
over processes; parts are kept beside the output until all are there.

    python quick_start_torch.py short   # 20 seeds, n = 20,  m = 5,  batch 256,  2,000 steps
    python quick_start_torch.py full    # 20 seeds, n = 100, m = 20, batch 1024, 10,000 steps
"""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

CONFIGURATIONS = {
    "full": dict(n_features=100, n_hidden=20, batch_size=1024, n_steps=10_000, file="quick-start-torch.safetensors"),
    "short": dict(n_features=20, n_hidden=5, batch_size=256, n_steps=2_000, file="quick-start-short-torch.safetensors"),
}
N_SEEDS = 20
FEATURE_PROBABILITY = 0.1
LAST_IMPORTANCE = 0.01
LEARNING_RATE = 1e-3


def train(seed, n_features, n_hidden, batch_size, n_steps):
    """One model: W [m, n], b [n] after training, and the mean batch loss of the last 100 steps."""
    generator = torch.Generator().manual_seed(seed)
    std = (2.0 / (n_features + n_hidden)) ** 0.5
    w = (torch.randn(n_hidden, n_features, generator=generator) * std).requires_grad_()
    b = torch.zeros(n_features, requires_grad=True)
    importance = LAST_IMPORTANCE ** (torch.arange(n_features, dtype=torch.float64) / (n_features - 1))
    importance = importance.float()
    optimizer = torch.optim.Adam([w, b], lr=LEARNING_RATE)
    late_loss = 0.0
    for step in range(n_steps):
        value = torch.rand(batch_size, n_features, generator=generator)
        active = torch.rand(batch_size, n_features, generator=generator) < FEATURE_PROBABILITY
        x = value * active
        reconstruction = torch.relu(x @ w.T @ w + b)
        loss = (importance * (x - reconstruction).square()).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step >= n_steps - 100:
            late_loss += loss.item() / 100
    return {"W": w.detach(), "b": b.detach(), "late_loss": torch.tensor(late_loss)}


def main():
    torch.set_num_threads(1)
    name = sys.argv[1]
    seeds = [int(s) for s in sys.argv[2:]] or list(range(N_SEEDS))
    configuration = dict(CONFIGURATIONS[name])
    out = Path(__file__).with_name(configuration.pop("file"))
    part = lambda seed: out.with_suffix(f".part-{seed}")
    for seed in seeds:
        if not part(seed).exists():
            model = train(seed, **configuration)
            save_file(model, part(seed))
            print(name, "seed", seed, "late loss", model["late_loss"].item(), flush=True)
    if not all(part(seed).exists() for seed in range(N_SEEDS)):
        return
    models = [load_file(part(seed)) for seed in range(N_SEEDS)]
    metadata = dict(configuration, n_seeds=N_SEEDS, feature_probability=FEATURE_PROBABILITY,
                    last_importance=LAST_IMPORTANCE, learning_rate=LEARNING_RATE, torch=torch.__version__)
    save_file(
        {
            "W": torch.stack([model["W"] for model in models]),
            "b": torch.stack([model["b"] for model in models]),
            "late_loss": torch.stack([model["late_loss"] for model in models]),
        },
        out,
        metadata={"configuration": json.dumps(metadata, sort_keys=True)},
    )
    for seed in range(N_SEEDS):
        part(seed).unlink()


if __name__ == "__main__":
    main()
