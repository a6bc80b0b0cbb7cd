"""Superposition Explorer: feature geometry, superposition and polysemanticity. The docstrings are the module's own."""

from collections.abc import Sequence
from os import PathLike
from typing import Any, Literal, Protocol, TypeAlias, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Analysis", "analyze", "Comparison", "compare", "Ensemble", "train_ensemble", "Loss", "Optimum",
    "loss", "optimum", "Probes", "probe", "Reproduction", "reproduce", "Training", "train",
    "__version__",
]

__version__: str

class _HasArray(Protocol):
    def __array__(self, dtype: Any = ..., /) -> NDArray[Any]: ...

_Path: TypeAlias = str | PathLike[str]
# A matrix of float32 or float64, or a file that has one.
_Matrix: TypeAlias = NDArray[np.float32] | NDArray[np.float64] | _HasArray | Sequence[Sequence[float]] | _Path
_Side: TypeAlias = Literal["rows", "columns"]
_Format: TypeAlias = Literal["auto", "toy-model", "matrix", "saelens", "gemma-scope", "sparsify", "saelens-synthetic"]
_Floats: TypeAlias = NDArray[np.float64]
_Singles: TypeAlias = NDArray[np.float32]
_Indices: TypeAlias = NDArray[np.int64]

def analyze(
    w: _Matrix,
    features: _Side | None = None,
    *,
    tensor: str | None = None,
    slice: int | None = None,
    format: _Format | None = None,
    decoder_norms: Literal["fold", "keep"] | None = None,
    min_norm: float | None = None,
    center: bool | None = None,
    threshold: float | None = None,
    neighbors: int | None = None,
    pairs: Literal["compared", "listed", "skipped"] | None = None,
    memory: int | None = None,
    polytopes: bool | float | None = None,
    null: bool | int | None = None,
    null_seed: int | None = None,
    spectrum: bool | None = None,
    labels: _Path | None = None,
    firing_rates: _Path | None = None,
    mask_dead: bool | None = None,
    control: _Path | None = None,
    threads: int | None = None,
) -> Analysis: ...
def compare(
    a: _Matrix,
    b: _Matrix,
    features: _Side | None = None,
    *,
    a_features: _Side | None = None,
    b_features: _Side | None = None,
    a_tensor: str | None = None,
    b_tensor: str | None = None,
    a_slice: int | None = None,
    b_slice: int | None = None,
    a_format: _Format | None = None,
    b_format: _Format | None = None,
    min_norm: float | None = None,
    method: Literal["greedy", "optimal", "sparse"] | None = None,
    sign: Literal["signed", "absolute"] | None = None,
    shared_cosine: float | None = None,
    null_draws: int | None = None,
    seed: int | None = None,
    threads: int | None = None,
) -> Comparison: ...
def probe(
    activations: _Matrix,
    labels: _Matrix,
    samples: _Side,
    *,
    activations_tensor: str | None = None,
    labels_tensor: str | None = None,
    feature: int | None = None,
    penalty: float | None = None,
    test_fraction: float | None = None,
    active_threshold: float | None = None,
    coverage: float | None = None,
    min_correlation: float | None = None,
    n_rotations: int | None = None,
    seed: int | None = None,
) -> Probes: ...
def train(
    *,
    n_features: int | None = None,
    n_hidden: int | None = None,
    sparsity: float | None = None,
    feature_probability: str | ArrayLike | None = None,
    sets: str | None = None,
    importance: str | ArrayLike | None = None,
    output: Literal["relu", "linear"] | None = None,
    bias: Literal["learned", "none"] | None = None,
    coupling: Literal["tied", "untied"] | None = None,
    n_steps: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    schedule: str | None = None,
    warmup_steps: int | None = None,
    weight_decay: float | None = None,
    l2: float | None = None,
    clip_norm: float | None = None,
    loss_below: float | None = None,
    loss_every: int | None = None,
    initialization: str | None = None,
    seed: int | None = None,
    kernel: Literal["auto", "scalar", "avx2", "avx512"] | None = None,
    step_form: Literal["auto", "gram", "direct", "tiny"] | None = None,
    history_every: int | None = None,
    threads: int | None = None,
) -> Training: ...
def train_ensemble(
    *,
    n_instances: int | None = None,
    n_features: int | None = None,
    n_hidden: int | None = None,
    sparsity: ArrayLike | None = None,
    feature_probability: ArrayLike | None = None,
    sets: str | None = None,
    importance: str | ArrayLike | None = None,
    output: Literal["relu", "linear"] | None = None,
    bias: Literal["learned", "none"] | None = None,
    coupling: Literal["tied", "untied"] | None = None,
    w: ArrayLike | None = None,
    b: ArrayLike | None = None,
    n_steps: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    schedule: str | None = None,
    warmup_steps: int | None = None,
    weight_decay: float | None = None,
    l2: float | None = None,
    clip_norm: float | None = None,
    loss_below: float | None = None,
    loss_every: int | None = None,
    initialization: str | None = None,
    seed: int | None = None,
    kernel: Literal["auto", "scalar", "avx2", "avx512"] | None = None,
    step_form: Literal["auto", "gram", "direct", "tiny"] | None = None,
    threads: int | None = None,
) -> Ensemble: ...
def loss(
    w: _Matrix,
    b: ArrayLike | None = None,
    features: _Side | None = None,
    *,
    feature_probability: str | ArrayLike | None = None,
    sparsity: float | None = None,
    sets: str | None = None,
    importance: str | ArrayLike | None = None,
    output: Literal["relu", "linear"] | None = None,
    tensor: str | None = None,
    bias: str | None = None,
    no_bias: bool | None = None,
    instance: int | None = None,
) -> Loss: ...
def optimum(
    n_features: int,
    n_hidden: int,
    *,
    feature_probability: str | ArrayLike | None = None,
    sparsity: float | None = None,
    sets: str | None = None,
    importance: str | ArrayLike | None = None,
    output: Literal["relu", "linear"] | None = None,
    bias: Literal["learned", "none"] | None = None,
    coupling: Literal["tied", "untied"] | None = None,
    n_starts: int | None = None,
    seed: int | None = None,
    initialization: str | None = None,
    threads: int | None = None,
) -> Optimum: ...
def reproduce(
    id: str | Sequence[str],
    *,
    preset: Literal["quick", "standard", "full"] | None = None,
    threads: int | None = None,
) -> Reproduction: ...

@final
class Analysis:
    @property
    def n_features(self) -> int: ...
    @property
    def n_hidden(self) -> int: ...
    @property
    def n_represented(self) -> int: ...
    @property
    def superposition_score(self) -> float: ...
    @property
    def mean_interference(self) -> float: ...
    @property
    def total_dimensionality(self) -> float: ...
    @property
    def coherence(self) -> float | None: ...
    @property
    def welch_bound(self) -> float: ...
    @property
    def frame_potential(self) -> float: ...
    @property
    def tightness(self) -> float | None: ...
    @property
    def feature_norms(self) -> _Floats: ...
    @property
    def feature_dimensionality(self) -> _Floats: ...
    @property
    def feature_interference(self) -> _Floats: ...
    @property
    def nearest_cosine(self) -> _Floats: ...
    @property
    def nearest(self) -> _Indices: ...
    @property
    def opposed_cosine(self) -> _Floats: ...
    @property
    def most_opposed(self) -> _Indices: ...
    @property
    def cluster(self) -> _Indices: ...
    @property
    def features(self) -> dict[str, Any]: ...
    @property
    def edges(self) -> dict[str, Any]: ...
    def to_dict(self) -> dict[str, Any]: ...


@final
class Comparison:
    @property
    def verdict(self) -> str | None: ...
    @property
    def metrics(self) -> dict[str, float | None]: ...
    @property
    def matches(self) -> dict[str, Any] | None: ...
    @property
    def n_shared(self) -> int | None: ...
    def to_dict(self) -> dict[str, Any]: ...


@final
class Probes:
    @property
    def r_squared(self) -> _Floats: ...
    @property
    def mean_r_squared(self) -> float | None: ...
    @property
    def mean_r_squared_any_w(self) -> float: ...
    @property
    def coverage(self) -> float | None: ...
    @property
    def directions(self) -> list[_Floats]: ...
    def to_dict(self) -> dict[str, Any]: ...


@final
class Training:
    @property
    def W(self) -> _Singles: ...
    @property
    def W_dec(self) -> _Singles | None: ...
    @property
    def b(self) -> _Singles | None: ...
    @property
    def losses(self) -> _Singles: ...
    @property
    def loss(self) -> float: ...
    @property
    def population_loss(self) -> float | None: ...
    @property
    def n_represented(self) -> int: ...
    @property
    def feature_norms(self) -> _Floats: ...
    @property
    def feature_dimensionality(self) -> _Floats: ...
    def to_dict(self) -> dict[str, Any]: ...
    def save(self, path: _Path, *, overwrite: bool = False) -> None: ...


@final
class Ensemble:
    @property
    def W(self) -> _Singles: ...
    @property
    def b(self) -> _Singles | None: ...
    @property
    def losses(self) -> _Singles: ...
    @property
    def loss(self) -> _Floats: ...
    @property
    def feature_norms(self) -> _Floats: ...
    @property
    def feature_dimensionality(self) -> _Floats: ...
    @property
    def stop(self) -> list[str]: ...
    def to_dict(self) -> dict[str, Any]: ...
    def __len__(self) -> int: ...


@final
class Loss:
    @property
    def loss(self) -> float: ...
    @property
    def loss_sum(self) -> float: ...
    @property
    def loss_of_nothing(self) -> float: ...
    @property
    def feature_loss(self) -> _Floats: ...
    @property
    def feature_benefit(self) -> float: ...
    @property
    def interference(self) -> float: ...
    def to_dict(self) -> dict[str, Any]: ...
    def __float__(self) -> float: ...


@final
class Optimum:
    @property
    def loss(self) -> float: ...
    @property
    def loss_sum(self) -> float: ...
    @property
    def W(self) -> _Floats: ...
    @property
    def b(self) -> _Floats | None: ...
    @property
    def feature_dimensionality(self) -> _Floats: ...
    @property
    def geometry(self) -> str: ...
    @property
    def basins(self) -> list[dict[str, Any]]: ...
    def to_dict(self) -> dict[str, Any]: ...


@final
class Reproduction:
    @property
    def passes(self) -> bool: ...
    @property
    def rows(self) -> list[dict[str, Any]]: ...
    @property
    def figures(self) -> dict[str, str]: ...
    def to_dict(self) -> dict[str, Any]: ...
