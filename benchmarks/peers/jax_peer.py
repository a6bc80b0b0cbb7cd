"""The workloads in JAX: python jax_peer.py w1 --threads 1 --steps 1000

The whole training is one compiled loop with donated state; a step draws, differentiates (by hand: XLA's own derivative
of the same loss is as fast) and makes Adam's update. Random numbers are threefry-2x32 with all 20 rounds, one draw for
each element, which gives mask and value: u < p, then x = u / p. Two forms:

- `dense` (W1, W1b, W4): matrices n x chunk, `lax.map` over the models, `lax.scan` over chunks of the batch.
- `tiny` (W2, W3): features and hidden dimensions unrolled into arrays [models, samples], which XLA fuses whole;
  `lax.map` over groups of models.

Two threads are two devices: `shard_map` over the batch (dense, gradients summed) or over the models (tiny). For W1 and
W1b that is slower than XLA's own two threads, and those are slower than one.
README.md lists the variants that were slower.
"""

import os

import workloads

chosen = workloads.arguments(__doc__.splitlines()[0])
split = chosen.threads == 2 and chosen.workload not in ("w1", "w1b") and chosen.variant != "intra-op"
if split:
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false --xla_force_host_platform_device_count=2"
elif chosen.threads == 1:
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import NamedSharding, PartitionSpec

work = workloads.workload(chosen.workload)
devices = 2 if split else 1
tiny = work.n <= 8
n, m, batch = work.n, work.m, work.batch
p = jnp.array(work.p, jnp.float32)
importance = jnp.array(work.importance, jnp.float32)
# Samples and models at a time: the fastest of those in README.md.
CHUNK = {"w1": 256, "w1b": 512, "w2": 1024, "w3": 256, "w4": 128}
MODELS = {"w2": 10, "w3": 64}
chunk, models_at_once = CHUNK[chosen.workload], MODELS.get(chosen.workload, 1)
for name, value in (part.split("=") for part in chosen.variant.split(",") if "=" in part):
    chunk, models_at_once = (int(value), models_at_once) if name == "chunk" else (chunk, int(value))
if not tiny:
    chunk = min(chunk, batch // devices)


def threefry(key, x0, x1):
    """Threefry-2x32, 20 rounds, written out: jax.random's own is a loop on CPUs, which cannot fuse and is 2x slower."""
    keys = [key[0], key[1], key[0] ^ key[1] ^ np.uint32(0x1BD11BDA)]
    x0, x1 = x0 + keys[0], x1 + keys[1]
    for group in range(5):
        for rotation in ((13, 15, 26, 6), (17, 29, 16, 24))[group % 2]:
            x0 = x0 + x1
            x1 = x0 ^ (x1 << np.uint32(rotation) | x1 >> np.uint32(32 - rotation))
        x0, x1 = x0 + keys[(group + 1) % 3], x1 + keys[(group + 2) % 3] + np.uint32(group + 1)
    return x0, x1


def uniform(bits):
    return lax.bitcast_convert_type(bits >> np.uint32(9) | np.uint32(0x3F800000), jnp.float32) - 1


def subkey(key, number):
    """The key of a step, model or chunk."""
    return jnp.stack(threefry(key, jnp.uint32(number), jnp.uint32(0x5EED)))


def dense_gradient(w, b, importance, p, key):
    """Loss and gradient of one chunk, summed over samples and features: x is n x chunk."""
    counter = lax.iota(jnp.uint32, n * chunk // 2)
    draws = threefry(key, counter, counter + np.uint32(n * chunk // 2))
    u = uniform(jnp.concatenate(draws).reshape(DENSE_SHAPE))
    x = jnp.where(u < p, u / p, 0)
    if DENSE_SHAPE[0] == n:
        h = w @ x
        z = w.T @ h + b[:, None]
        residual = jnp.maximum(z, 0) - x
        weighted = importance[:, None] * residual
        g = jnp.where(z > 0, 2 * weighted, 0)
        return jnp.sum(weighted * residual), h @ g.T + (w @ g) @ x.T, g.sum(1)
    h = x @ w.T
    z = h @ w + b
    residual = jnp.maximum(z, 0) - x
    weighted = importance * residual
    g = jnp.where(z > 0, 2 * weighted, 0)
    return jnp.sum(weighted * residual), h.T @ g + (g @ w.T).T @ x, g.sum(0)


DENSE_SHAPE = (n, chunk) if "columns" in chosen.variant else (chunk, n)


def tiny_gradient(w, b, importance, p, key):
    """The same for some models at once: w is [m, n, models], b and importance [n, models], x_i [models, chunk]."""
    column = lambda values: values[:, None]
    counter = lax.iota(jnp.uint32, p.size * chunk).reshape(p.size, chunk)
    draws = [threefry(key, counter, jnp.full_like(counter, pair)) for pair in range((n + 1) // 2)]
    u = [uniform(draws[i // 2][i % 2]) for i in range(n)]
    x = [jnp.where(u[i] < column(p), u[i] / column(p), 0) for i in range(n)]
    h = [sum(column(w[k, i]) * x[i] for i in range(n)) for k in range(m)]
    loss, g = 0, []
    for i in range(n):
        z = sum(column(w[k, i]) * h[k] for k in range(m)) + column(b[i])
        residual = jnp.maximum(z, 0) - x[i]
        weighted = column(importance[i]) * residual
        loss = loss + weighted * residual
        g.append(jnp.where(z > 0, 2 * weighted, 0))
    dh = [sum(column(w[k, i]) * g[i] for i in range(n)) for k in range(m)]
    # Sums in rows of 16: XLA adds along a row one by one, but rows to rows as vectors.
    total = lambda values: values.reshape(p.size, -1, 16).sum(1).sum(1)
    dw = jnp.stack([jnp.stack([total(h[k] * g[i] + dh[k] * x[i]) for i in range(n)]) for k in range(m)])
    return total(loss), dw, jnp.stack([total(values) for values in g])


def over_chunks(gradient, count, zero, w, b, importance, p, key):
    if count == 1:
        return gradient(w, b, importance, p, key)
    add = lambda sums, number: (jax.tree.map(jnp.add, sums, gradient(w, b, importance, p, subkey(key, number))), None)
    return lax.scan(add, zero, lax.iota(jnp.uint32, count))[0]


def gradient(w, b, importance, p, key):
    """Loss [models] and gradient of all models here, whose index comes last (tiny) or first (dense)."""
    if not tiny:
        count = batch // devices // chunk
        zero = (jnp.zeros(()), jnp.zeros((m, n)), jnp.zeros(n))
        one = lambda a: over_chunks(dense_gradient, count, zero, *a[:-1], subkey(key, a[-1]))
        sums = lax.map(one, (w, b, importance, p, lax.iota(jnp.uint32, p.size)))
        return lax.psum(sums, "devices") if split else sums
    size = min(models_at_once, p.size)
    zero = (jnp.zeros(size), jnp.zeros((m, n, size)), jnp.zeros((n, size)))
    groups = lambda a: jnp.moveaxis(a.reshape(*a.shape[:-1], -1, size), -2, 0)
    one = lambda a: over_chunks(tiny_gradient, batch // chunk, zero, *a[:-1], subkey(key, a[-1]))
    sums = lax.map(one, (*map(groups, (w, b, importance, p)), lax.iota(jnp.uint32, p.size // size)))
    return jax.tree.map(lambda a: jnp.moveaxis(a, 0, -2).reshape(*a.shape[1:-1], -1), sums)


def adam(value, mean, square, slope, step):
    mean = workloads.BETA1 * mean + (1 - workloads.BETA1) * slope
    square = workloads.BETA2 * square + (1 - workloads.BETA2) * slope * slope
    corrected = mean / (1 - workloads.BETA1**step)
    scale = jnp.sqrt(square / (1 - workloads.BETA2**step)) + workloads.EPSILON
    return value - workloads.LEARNING_RATE * corrected / scale, mean, square


def loop(state, importance, p, key, steps, tail):
    if split:
        key = subkey(key, lax.axis_index("devices"))

    def step(k, state):
        w, w_mean, w_square, b, b_mean, b_square, late = state
        loss, dw, db = jax.tree.map(lambda a: a / (batch * n), gradient(w, b, importance, p, subkey(key, k)))
        late = late + jnp.where(k >= steps - tail, loss / tail, 0)
        w, w_mean, w_square = adam(w, w_mean, w_square, dw, k + 1.0)
        b, b_mean, b_square = adam(b, b_mean, b_square, db, k + 1.0)
        return w, w_mean, w_square, b, b_mean, b_square, late

    return lax.fori_loop(0, steps, step, state)


if tiny:
    importance = importance.T
    shapes, axes = [(m, n, work.models)] * 3 + [(n, work.models)] * 3 + [(work.models,)], [2] * 3 + [1] * 3 + [0]
else:
    shapes, axes = [(work.models, m, n)] * 3 + [(work.models, n)] * 3 + [(work.models,)], [0] * 7
mesh = jax.make_mesh((devices,), ("devices",))
place = lambda axis: PartitionSpec(*[None] * axis, "devices") if split and tiny else PartitionSpec()
specs = tuple(map(place, axes))
inputs = [(importance, place(1)), (p, place(0))]
if split:
    loop = jax.shard_map(
        loop,
        mesh=mesh,
        in_specs=(specs, place(1), place(0), PartitionSpec(), PartitionSpec(), PartitionSpec()),
        out_specs=specs,
        check_vma=False,
    )
put = lambda value, spec: jax.device_put(value, NamedSharding(mesh, spec))
inputs = [put(*pair) for pair in inputs]
compiled = jax.jit(loop, donate_argnums=0)


def train(seed, steps, tail):
    start = np.random.default_rng(seed)
    state = [np.zeros(shape, np.float32) for shape in shapes]
    state[0] = (start.standard_normal(shapes[0]) * work.std).astype(np.float32)
    state = tuple(map(put, state, specs))
    key = put(np.array([seed, 0xDA7A], np.uint32), PartitionSpec())
    scalars = [put(np.int32(value), PartitionSpec()) for value in (steps, tail)]
    return np.asarray(compiled(state, *inputs, key, *scalars)[-1])


workloads.measure(chosen, "jax", jax.__version__, train)
