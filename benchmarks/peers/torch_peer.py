"""The workloads in PyTorch: python torch_peer.py w1 --threads 1 --steps 1000

`torch.compile` of the whole step, drawing and Adam's update included, with the gradient by hand; one draw for each
element gives mask and value: u < p, then x = u / p. Two forms, as in jax_peer.py:

- `dense` (W1, W1b, W4): matrices batch x n, one model after the other.
- `tiny` (W2, W3): features and hidden dimensions unrolled into arrays [models, samples], some models at a time.

Needs a C++ compiler. `--variant eager` runs the same without `torch.compile`.
"""

import os

import workloads

chosen = workloads.arguments(__doc__.splitlines()[0])
os.environ["OMP_NUM_THREADS"] = str(chosen.threads)

import torch

torch.set_num_threads(chosen.threads)
torch.set_grad_enabled(False)
work = workloads.workload(chosen.workload)
tiny = work.n <= 8
n, m, batch = work.n, work.m, work.batch
# Models at a time: the fastest of those in README.md.
models_at_once = {"w2": 10, "w3": 160}.get(chosen.workload, 1)
for value in (part.split("=")[1] for part in chosen.variant.split(",") if "=" in part):
    models_at_once = int(value)


def dense_gradient(w, b, importance, p):
    """Loss and gradient of one model, summed over samples and features."""
    u = torch.rand(batch, n)
    x = torch.where(u < p, u / p, 0.0)
    h = x @ w.T
    z = torch.addmm(b, h, w)
    residual = z.clamp_min(0) - x
    weighted = importance * residual
    g = torch.where(z > 0, 2 * weighted, 0.0)
    dw = torch.addmm(h.T @ g, (g @ w.T).T, x)
    return (weighted * residual).sum(), dw, g.sum(0)


def tiny_gradient(w, b, importance, p):
    """The same for some models at once: w is [m, n, models], b and importance [n, models], x_i [models, batch]."""
    u = [torch.rand(p.numel(), batch) for _ in range(n)]
    column = lambda values: values[:, None]
    x = [torch.where(u[i] < column(p), u[i] / column(p), 0.0) for i in range(n)]
    h = [sum(column(w[k, i]) * x[i] for i in range(n)) for k in range(m)]
    loss, g = 0, []
    for i in range(n):
        z = sum(column(w[k, i]) * h[k] for k in range(m)) + column(b[i])
        residual = z.clamp_min(0) - x[i]
        weighted = column(importance[i]) * residual
        loss = loss + weighted * residual
        g.append(torch.where(z > 0, 2 * weighted, 0.0))
    dh = [sum(column(w[k, i]) * g[i] for i in range(n)) for k in range(m)]
    dw = torch.stack([torch.stack([(h[k] * g[i] + dh[k] * x[i]).sum(1) for i in range(n)]) for k in range(m)])
    return loss.sum(1), dw, torch.stack([values.sum(1) for values in g])


def adam(value, mean, square, slope, rate, correction):
    mean.lerp_(slope, 1 - workloads.BETA1)
    square.mul_(workloads.BETA2).addcmul_(slope, slope, value=1 - workloads.BETA2)
    value.sub_(rate * mean / ((square * correction).sqrt() + workloads.EPSILON))


def step(w, w_mean, w_square, b, b_mean, b_square, late, importance, p, keep, rate, correction):
    """One step of one model (dense) or some (tiny), in place. `keep` is what the loss counts in `late`."""
    loss, dw, db = (tiny_gradient if tiny else dense_gradient)(w, b, importance, p)
    scale = 1 / (batch * n)
    late.add_(loss * (scale * keep))
    adam(w, w_mean, w_square, dw * scale, rate, correction)
    adam(b, b_mean, b_square, db * scale, rate, correction)


compiled = step if "eager" in chosen.variant else torch.compile(step, dynamic=False)
importance, p = torch.tensor(work.importance), torch.tensor(work.p)


def train(seed, steps, tail):
    torch.manual_seed(seed)
    parts = []
    for first in range(0, work.models, models_at_once):
        part = slice(first, first + models_at_once)
        size = (m, n, models_at_once) if tiny else (m, n)
        bias = size[1:]
        late = size[2:]
        state = [torch.randn(size) * work.std, torch.zeros(size), torch.zeros(size)]
        state += [torch.zeros(bias), torch.zeros(bias), torch.zeros(bias), torch.zeros(late)]
        state += [importance[part].T.contiguous(), p[part]] if tiny else [importance[first], p[first]]
        parts.append(state)
    for k in range(1, steps + 1):
        # Tensors, because a number that changes would be compiled in.
        keep = torch.tensor(1 / tail if k > steps - tail else 0.0)
        rate = torch.tensor(workloads.LEARNING_RATE / (1 - workloads.BETA1**k))
        correction = torch.tensor(1 / (1 - workloads.BETA2**k))
        for state in parts:
            compiled(*state, keep, rate, correction)
    return torch.cat([state[6].reshape(-1) for state in parts]).tolist()


workloads.measure(chosen, "torch", torch.__version__, train)
