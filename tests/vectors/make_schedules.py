"""Make schedules.json: the learning rates of torch's schedulers, to compare ours with.

Run with torch 2.13:  python tests/vectors/make_schedules.py
``rates()`` makes the same numbers for a live comparison. Every case is the list of the rates in force at the times
0, 1, ..., N - 1, in float64, the optimizer's own rate being 1 (so that they are factors).
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path

N = 120
PATH = Path(__file__).with_name("schedules.json")


def cases(lr_scheduler):
    """Return for each name a function of the optimizer that makes the scheduler."""
    s = lr_scheduler
    return {
        "StepLR": lambda o: s.StepLR(o, 7, 0.6),
        "MultiStepLR": lambda o: s.MultiStepLR(o, [10, 25, 26, 90], 0.3),
        "ConstantLR": lambda o: s.ConstantLR(o, 0.25, 9),
        "LinearLR": lambda o: s.LinearLR(o, 0.1, 1.0, 40),
        "LinearLR falling": lambda o: s.LinearLR(o, 0.9, 0.2, 33),
        "ExponentialLR": lambda o: s.ExponentialLR(o, 0.97),
        "PolynomialLR 1": lambda o: s.PolynomialLR(o, 80, 1.0),
        "PolynomialLR 2": lambda o: s.PolynomialLR(o, 80, 2.0),
        "PolynomialLR 0.9": lambda o: s.PolynomialLR(o, 110, 0.9),
        "CosineAnnealingLR": lambda o: s.CosineAnnealingLR(o, N, 0.05),
        "WarmRestarts 1": lambda o: s.CosineAnnealingWarmRestarts(o, 17, 1, 0.1),
        "WarmRestarts 2": lambda o: s.CosineAnnealingWarmRestarts(o, 10, 2),
        "WarmRestarts 3": lambda o: s.CosineAnnealingWarmRestarts(o, 1, 3, 0.01),
        "OneCycle": lambda o: s.OneCycleLR(o, 1.0, total_steps=N),
        "OneCycle linear": lambda o: s.OneCycleLR(
            o, 1.0, total_steps=N, pct_start=0.41, anneal_strategy="linear", div_factor=5.0
        ),
        "OneCycle three phases": lambda o: s.OneCycleLR(
            o, 1.0, total_steps=N, pct_start=0.35, three_phase=True, final_div_factor=100.0
        ),
        "Cyclic triangular": lambda o: s.CyclicLR(o, 0.2, 1.0, 9, 14),
        "Cyclic triangular2": lambda o: s.CyclicLR(o, 0.05, 1.0, 11, mode="triangular2"),
        "Cyclic exp_range": lambda o: s.CyclicLR(o, 0.1, 1.0, 8, 5, mode="exp_range", gamma=0.98),
        "LambdaLR": lambda o: s.LambdaLR(o, lambda t: 1 / (1 + t) ** 0.5),
        "SequentialLR": lambda o: s.SequentialLR(
            o,
            [s.LinearLR(o, 0.1, 1.0, 12), s.CosineAnnealingLR(o, 60), s.ConstantLR(o, 0.01, 1000)],
            [12, 70],
        ),
    }


PLATEAUS = {
    "rel": {"factor": 0.5, "patience": 2},
    "wide": {"factor": 0.3, "patience": 1, "threshold": 0.1},
    "abs": {"factor": 0.1, "patience": 0, "threshold": 0.02, "threshold_mode": "abs"},
    "cooldown": {"factor": 0.7, "patience": 1, "cooldown": 4},
    "min_lr": {"factor": 0.2, "patience": 1, "min_lr": 0.03},
    "max": {"mode": "max", "factor": 0.5, "patience": 1, "threshold": 0.01},
}


def monitored():
    """Return losses of an optimization that stops and starts, by integer arithmetic alone."""
    state, losses, level = 12345, [], 2.0
    for t in range(N):
        state = (1103515245 * state + 12345) % 2**31
        if t % 30 < 15:
            level *= 0.93
        losses.append(level + 0.02 * (state / 2**31))
    return losses


def rates():
    """Return {name: rates} of all cases, by torch."""
    import torch
    from torch.optim import lr_scheduler

    def optimizer():
        # momentum for the schedulers that insist on cycling it
        return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0, momentum=0.95)

    made = {}
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # no optimizer steps; SequentialLR's own deprecated argument
        for name, make in cases(lr_scheduler).items():
            group = optimizer()
            scheduler = make(group)
            values, momenta = [], []
            for t in range(N):
                values.append(group.param_groups[0]["lr"])
                momenta.append(group.param_groups[0]["momentum"])
                if t + 1 < N:
                    group.step()
                    scheduler.step()
            made[name] = values
            if name in ("OneCycle", "Cyclic triangular"):
                made[f"{name}, momentum"] = momenta
        for name, settings in PLATEAUS.items():
            group = optimizer()
            scheduler = lr_scheduler.ReduceLROnPlateau(group, **settings)
            sign = -1 if settings.get("mode") == "max" else 1
            values = []
            for loss in monitored():
                values.append(group.param_groups[0]["lr"])
                scheduler.step(3 - loss if sign < 0 else loss)
            made[f"Plateau {name}"] = values
        made["AdamW, cycled beta_1"] = _adamw_with_cycled_beta(torch, lr_scheduler)
    return made


def _adamw_with_cycled_beta(torch, lr_scheduler):
    """Parameters after each of 60 steps of AdamW under OneCycleLR, gradients those of the quadratic x^2 k / 2."""
    x = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.AdamW([x], lr=0.1, betas=(0.95, 0.99), weight_decay=0.05)
    scheduler = lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=61)
    path = []
    for _ in range(60):
        x.grad = x.detach() * torch.tensor([1.0, 3.0, 10.0], dtype=torch.float64)
        optimizer.step()
        scheduler.step()
        path.append(x.detach().tolist())
    return path


if __name__ == "__main__":
    import torch

    content = {"made with": f"torch {torch.__version__.split('+')[0]}", **rates()}
    lines = ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in content.items())
    PATH.write_text("{\n" + lines + "\n}\n")
