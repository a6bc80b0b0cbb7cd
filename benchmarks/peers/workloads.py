"""The workloads, as ../README.md defines them, and what is the same for all peers: arguments, timing, the printed line.

A workload is an ensemble of toy models x' = ReLU(W^T W x + b) that are trained independently (W1 is an ensemble of one).
Loss: mean over batch and features of I_i (x_i - x'_i)^2. Data: x_i is 0 with probability 1 - p, else uniform, drawn
anew at every step for every model. W starts Xavier normal, b = 0. Adam, learning rate 1e-3, the rest its defaults.
"""

import argparse
import json
import math
import os
import sys
import time
from dataclasses import dataclass

LEARNING_RATE, BETA1, BETA2, EPSILON = 1e-3, 0.9, 0.999, 1e-8


@dataclass
class Workload:
    n: int  # features
    m: int  # hidden dimensions
    batch: int
    p: list  # of each model
    importance: list  # of each model: n numbers
    groups: int  # losses are reported as means over this many equal groups of consecutive models
    seeds_inside: int = 1  # the seeds that are part of the workload, the fastest index of the models

    @property
    def models(self):
        return len(self.p)

    @property
    def std(self):
        return math.sqrt(2 / (self.n + self.m))


def logarithmic(first, last, count):
    return [first * (last / first) ** (k / (count - 1)) for k in range(count)]


def workload(name):
    if name in ("w1", "w1b"):
        importance = [0.7**i for i in range(100)]
        return Workload(100, 20, 256 if name == "w1" else 1024, [0.1], [importance], 1)
    if name == "w2":
        p = [20 ** (-k / 9) for k in range(10)]
        return Workload(5, 2, 1024, p, [[0.9**i for i in range(5)]] * 10, 10)
    if name == "w3":
        cells = [(p, r) for p in logarithmic(1, 0.01, 32) for r in logarithmic(0.1, 10, 32)]
        p = [p for p, _ in cells for _ in range(10)]
        return Workload(2, 1, 1024, p, [[1, r] for _, r in cells for _ in range(10)], 32, 10)
    if name == "w4":
        return Workload(400, 30, 1024, logarithmic(1, 0.01, 25), [[1.0] * 400] * 25, 25)
    sys.exit(f"no workload {name}")


def arguments(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("workload", choices=["w1", "w1b", "w2", "w3", "w4"])
    parser.add_argument("--threads", type=int, choices=[1, 2], default=1)
    parser.add_argument("--steps", type=int, default=100, help="steps to time")
    parser.add_argument("--seeds", type=int, default=1, help="trainings, one after the other")
    parser.add_argument("--variant", default="", help="one of the README's other variants")
    parser.add_argument("--serve", action="store_true", help="measure for each line `STEPS SEEDS` of standard input")
    chosen = parser.parse_args()
    # Before the framework is imported: one thread is one processor.
    if chosen.threads == 1 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    return chosen


def measure(chosen, framework, version, train):
    """Prints one line for each measurement.

    `train(seed, steps, tail)` trains once and returns the mean losses over the last `tail` steps, one for each model.
    Compiling, and everything else that happens once, is in the warm-up run, which is not timed.
    """
    work = workload(chosen.workload)
    train(0, 3, 1)
    requests = (map(int, line.split()) for line in sys.stdin) if chosen.serve else [(chosen.steps, chosen.seeds)]
    for steps, seeds in requests:
        cpu, start = time.process_time(), time.perf_counter()
        losses = [train(seed, steps, max(steps // 10, 1)) for seed in range(seeds)]
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
        line = {
            "program": framework,
            "version": version,
            "workload": chosen.workload,
            "threads": chosen.threads,
            "steps": steps,
            "seeds": seeds,
            "seconds": round(seconds, 6),
            "cpu_seconds": round(cpu, 6),
            "seconds_per_step": float(f"{seconds / (steps * seeds):.6g}"),
            "losses": [row for one in losses for row in losses_of_seeds(work, one)],
        }
        print(json.dumps(line), flush=True)


def losses_of_seeds(work, losses):
    """For each seed inside the workload, the means over `groups` equal groups of consecutive models of that seed."""
    k, rows = work.seeds_inside, []
    for inside in range(k):
        own = [float(loss) for loss in losses[inside::k]]
        size = len(own) // work.groups
        rows.append([float(f"{sum(own[g * size : (g + 1) * size]) / size:.6g}") for g in range(work.groups)])
    return rows
