"""Linear regression by mini-batches in numpy alone: no torch, three lines for the search."""

import argparse

import numpy as np

import warmboot


def loss_of(weights, inputs, targets):
    return float(np.mean((inputs @ weights - targets) ** 2))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    truth = np.random.default_rng(12345)
    inputs = truth.normal(size=(1000, 20)) * np.geomspace(1, 0.1, 20)
    targets = inputs @ truth.normal(size=20) + 0.5 * truth.normal(size=1000)
    train, held_out = np.arange(800), np.arange(800, 1000)

    draws = np.random.default_rng(args.seed)
    weights = np.zeros(20)
    lr = warmboot.lr(0.1, args.steps, otherwise=lambda step: 0.1 * (1 - step / args.steps))
    warmboot.report(0, val=loss_of(weights, inputs[held_out], targets[held_out]))
    for step in range(args.steps):
        batch = draws.choice(train, size=16)
        errors = inputs[batch] @ weights - targets[batch]
        weights -= lr(step) * 2 * inputs[batch].T @ errors / len(batch)
        if (step + 1) % 50 == 0 or step + 1 == args.steps:
            val = loss_of(weights, inputs[held_out], targets[held_out])
            print(f"step {step + 1:4d}  lr {lr(step):.4f}  val {val:.4f}", flush=True)
            warmboot.report(step + 1, val=val)


if __name__ == "__main__":
    main()
