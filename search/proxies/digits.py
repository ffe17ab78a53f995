"""`digits_mlp`: scikit-learn's 1,797 small pictures of digits; the smallest example.

It shows that everything works. It can't rank good schedules (they all reach the same error within
the noise between seeds), so no claim of quality rests on it.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

from search.proxies.fingerprints import built_in_fingerprint
from search.proxies.proxy import SGD, Proxy, ShuffledEpochs, Split

VERSION = 1
"""Goes up when the same arguments train something else, here or in what this module imports."""
TRAIN_SAMPLES = 1200
VALIDATION_SAMPLES = 300
SPLIT_SEED = 0
_MISSING = "proxy digits_mlp needs scikit-learn, which is not installed: pip install 'warmboot[digits]'"


def digits_mlp(
    *,
    hidden: int = 32,
    batch_size: int = 32,
    momentum: float = 0.9,
    weight_decay: float = 0.0,
) -> Proxy:
    """64 pixels, one hidden layer, 10 digits.

    Args:
        hidden: width of the hidden layer, >= 1.
        batch_size: pictures in a batch, 1 to 1200.
        momentum: of SGD, in [0, 1).
        weight_decay: of SGD, >= 0.

    Raises:
        ModuleNotFoundError: scikit-learn is not installed.
    """
    arguments = dict(locals())
    if hidden < 1:
        raise ValueError(f"hidden must be at least 1 but got {hidden!r}.")
    if not 1 <= batch_size <= TRAIN_SAMPLES:
        raise ValueError(f"batch_size must lie in [1, {TRAIN_SAMPLES}] but got {batch_size!r}.")
    everything = load_digits()
    train, validation, test = split_samples(everything)

    def model() -> nn.Sequential:
        return nn.Sequential(nn.Linear(64, hidden), nn.ReLU(), nn.Linear(hidden, 10))

    return Proxy(
        name="digits_mlp",
        model=model,
        train=train,
        validation=validation,
        test=test,
        batch_size=batch_size,
        steps_per_epoch=TRAIN_SAMPLES // batch_size,
        optimizer=SGD(momentum=momentum, weight_decay=weight_decay),
        batches=ShuffledEpochs(),
        fingerprint=built_in_fingerprint(
            "digits_mlp",
            version=VERSION,
            data=everything.inputs.numpy().tobytes() + everything.targets.numpy().tobytes(),
            arguments=arguments,
            module="digits",
        ),
    )


def load_digits() -> Split:
    """All pictures: `1797 x 64` pixels in [0, 1]."""
    try:
        from sklearn import datasets
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(_MISSING) from error
    pixels, digits = datasets.load_digits(return_X_y=True)
    return Split(
        inputs=torch.tensor(pixels / 16.0, dtype=torch.float32),
        targets=torch.tensor(digits, dtype=torch.int64),
    )


def split_samples(everything: Split) -> tuple[Split, Split, Split]:
    """1,200 to train, 300 to validate, the rest to test, by one fixed permutation."""
    generator = torch.Generator().manual_seed(SPLIT_SEED)
    order = torch.randperm(len(everything), generator=generator)
    bounds = (0, TRAIN_SAMPLES, TRAIN_SAMPLES + VALIDATION_SAMPLES, len(everything))
    train, validation, test = (
        Split(inputs=everything.inputs[part], targets=everything.targets[part])
        for part in (order[a:b] for a, b in pairwise(bounds))
    )
    return train, validation, test
