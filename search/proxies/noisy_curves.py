"""`mnist1d_mlp`, `mnist1d_cnn`: ten classes of short noisy curves, made in code by the package `mnist1d`.

Greydanus, Kobak: Scaling down deep learning with MNIST-1D, arXiv 2011.14439. With 4,000 samples to train on,
the perceptron's validation loss begins to rise long before its training loss is low: the regime in which a
schedule also decides how soon a training stops learning by heart.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import nn

from search.proxies.fingerprints import built_in_fingerprint
from search.proxies.made_data import Arrays, made_once
from search.proxies.proxy import SGD, Proxy, ShuffledEpochs, Split

VERSION = 1
"""Goes up when the same arguments train something else, here or in what this module imports."""
TRAIN, VALIDATION, TEST = 4000, 2000, 4000
DATA_SEED = 42
_MISSING = "proxy {} needs the package mnist1d, which is not installed: pip install 'warmboot[mnist1d]'"


def mnist1d_mlp(
    *,
    hidden: int = 100,
    batch_size: int = 64,
    momentum: float = 0.9,
    weight_decay: float = 0.0,
) -> Proxy:
    """40 values, one hidden layer, 10 classes.

    Args:
        hidden: width of the hidden layer, >= 1.
        batch_size: curves in a batch, 1 to 4000.
        momentum: of SGD, in [0, 1).
        weight_decay: of SGD, >= 0.

    Raises:
        ModuleNotFoundError: the package mnist1d is not installed.
    """
    arguments = dict(locals())
    if hidden < 1:
        raise ValueError(f"hidden must be at least 1 but got {hidden!r}.")

    def model() -> nn.Module:
        return nn.Sequential(nn.Linear(40, hidden), nn.ReLU(), nn.Linear(hidden, 10))

    return _proxy("mnist1d_mlp", model, batch_size, momentum, weight_decay, arguments)


def mnist1d_cnn(
    *,
    channels: int = 16,
    batch_size: int = 64,
    momentum: float = 0.9,
    weight_decay: float = 0.0,
) -> Proxy:
    """40 values, three convolutions that halve their length, 10 classes.

    Args:
        channels: of each convolution, >= 1.
        batch_size: curves in a batch, 1 to 4000.
        momentum: of SGD, in [0, 1).
        weight_decay: of SGD, >= 0.

    Raises:
        ModuleNotFoundError: the package mnist1d is not installed.
    """
    arguments = dict(locals())
    if channels < 1:
        raise ValueError(f"channels must be at least 1 but got {channels!r}.")

    def model() -> nn.Module:
        return nn.Sequential(
            nn.Unflatten(1, (1, 40)),
            nn.Conv1d(1, channels, kernel_size=5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv1d(channels, channels, kernel_size=3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv1d(channels, channels, kernel_size=3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(5 * channels, 10),
        )

    return _proxy("mnist1d_cnn", model, batch_size, momentum, weight_decay, arguments)


def _proxy(
    name: str,
    model: Callable[[], nn.Module],
    batch_size: int,
    momentum: float,
    weight_decay: float,
    arguments: Mapping[str, Any],
) -> Proxy:
    if not 1 <= batch_size <= TRAIN:
        raise ValueError(f"batch_size must lie in [1, {TRAIN}] but got {batch_size!r}.")
    train, validation, test = curves(name)
    return Proxy(
        name=name,
        model=model,
        train=train,
        validation=validation,
        test=test,
        batch_size=batch_size,
        steps_per_epoch=TRAIN // batch_size,
        optimizer=SGD(momentum=momentum, weight_decay=weight_decay),
        batches=ShuffledEpochs(),
        fingerprint=built_in_fingerprint(
            name,
            version=VERSION,
            data=b"".join(split.inputs.numpy().tobytes() for split in (train, validation, test)),
            arguments={"model": name, **arguments},
            module="noisy_curves",
        ),
    )


def curves(proxy: str) -> tuple[Split, Split, Split]:
    """Training, validation and test split: curves of 40 values, centred, of standard deviation 1.

    Raises:
        ModuleNotFoundError: the package is not installed; `proxy` is named.
    """
    try:
        return _curves()
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(_MISSING.format(proxy)) from error


@cache
def _curves() -> tuple[Split, Split, Split]:
    from mnist1d.data import get_dataset_args, make_dataset

    def make() -> Arrays:
        arguments = get_dataset_args()
        arguments.num_samples, arguments.train_split = TRAIN + VALIDATION + TEST, 1.0
        arguments.seed = DATA_SEED
        with _own_random_state():
            data = make_dataset(arguments)
        return {axis: np.asarray(data[axis]) for axis in ("x", "y")}

    data = made_once("mnist1d", make, made_with=("mnist1d", "numpy", "scipy"))
    inputs = torch.tensor(data["x"], dtype=torch.float32)
    targets = torch.tensor(data["y"], dtype=torch.int64)
    first, second = TRAIN, TRAIN + VALIDATION
    return (
        Split(inputs=inputs[:first], targets=targets[:first]),
        Split(inputs=inputs[first:second], targets=targets[first:second]),
        Split(inputs=inputs[second:], targets=targets[second:]),
    )


@contextmanager
def _own_random_state() -> Iterator[None]:
    """The package seeds the global generators of Python and numpy; they are put back as they were."""
    python_state, numpy_state = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)
