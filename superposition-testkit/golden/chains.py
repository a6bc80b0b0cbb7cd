"""Effective sample sizes and R-hat of autoregressive chains by ArviZ, f64: chains.json."""

from golden_file import vector, write

import arviz
import numpy as np


def chains(rng, n_chains, n_draws, rho, offsets):
    """AR(1) chains of variance 1 about offsets, rounded so that the file stays small."""
    result = np.empty((n_chains, n_draws))
    x = rng.normal(size=n_chains)
    for k in range(n_draws):
        result[:, k] = x
        x = rho * x + np.sqrt(1 - rho * rho) * rng.normal(size=n_chains)
    return np.round(result + np.array(offsets)[:, None], 4)


def cases():
    rng = np.random.default_rng(31)
    shapes = [(2, 60, 0.0), (2, 80, 0.5), (4, 101, 0.9), (3, 64, -0.6), (2, 200, 0.97), (4, 50, 0.3)]
    result = []
    for k, (n_chains, n_draws, rho) in enumerate(shapes):
        offsets = np.linspace(0, 2, n_chains) if k == 5 else np.zeros(n_chains)
        draws = chains(rng, n_chains, n_draws, rho, offsets)
        result.append(dict(
            draws=[vector(chain) for chain in draws],
            effective_sample_size=float(arviz.ess(draws, method="mean")),
            r_hat=float(arviz.rhat(draws, method="split")),
        ))
    return result


if __name__ == "__main__":
    write("chains.json", {
        "about": "f64; draws is a list of chains; effective_sample_size is ArviZ's ess with method mean, r_hat its rhat "
                 "with method split",
        "arviz": arviz.__version__,
        "numpy": np.__version__,
        "cases": cases(),
    })
