"""`fashion_resnet`: pictures of clothes and a residual network, trained as people train pictures.

Fashion-MNIST (Xiao, Rasul, Vollgraf, arXiv 1708.07747): 60,000 pictures, of which the last 10,000 validate,
and its own test set of 10,000. SGD with Nesterov's momentum and weight decay, label smoothing, random shifts
and flips, normalisation over the batch. Small by default, for a CPU; sizes for a GPU:

| arguments | parameters |
| --- | --- |
| none | 20 thousand |
| `side = 28, width = 16, validation_images = 10000, shift = 2` | 78 thousand |
| `side = 28, width = 64, blocks = 3, batch_size = 128, validation_images = 10000, shift = 2` | 4.3 million |
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from search.proxies.counter_random import uniform, whole
from search.proxies.datasets import FASHION_MNIST, read
from search.proxies.fingerprints import built_in_fingerprint
from search.proxies.idx_files import parse_idx
from search.proxies.proxy import SGD, Proxy, ShuffledEpochs, Split
from search.proxies.residual_network import Norm, ResidualNetwork

VERSION = 1
"""Goes up when the same arguments train something else, here or in what this module imports."""
SIDE, CLASSES = 28, 10
TRAIN, VALIDATION, TEST = 50_000, 10_000, 10_000
NORMS: tuple[Norm, ...] = ("batch", "group")
SIDES = (28, 14, 7)


def fashion_resnet(
    *,
    side: int = 14,
    width: int = 8,
    blocks: int = 1,
    norm: str = "batch",
    train_images: int = TRAIN,
    validation_images: int = 5_000,
    batch_size: int = 64,
    momentum: float = 0.9,
    weight_decay: float = 5e-4,
    label_smoothing: float = 0.1,
    shift: int = 1,
    flip: float = 0.5,
    data: str = "",
) -> Proxy:
    """A picture, three stages of residual blocks, 10 kinds of clothes.

    Args:
        side: of a picture in pixels: 28, or 14 or 7 by the mean of squares of 2 or 4.
        width: channels of the first stage, >= 1; the next have twice and four times as many.
        blocks: in each stage, >= 1; the network has `6 blocks + 2` layers.
        norm: `batch`, or `group` for one in which samples don't see each other.
        train_images: the first of the training split, from `batch_size` to 50,000.
        validation_images: the first of the validation split, 1 to 10,000.
        batch_size: pictures in a batch, >= 1.
        momentum: of SGD, Nesterov's, in [0, 1).
        weight_decay: of SGD, on all weights, >= 0.
        label_smoothing: of the training loss, in [0, 1).
        shift: most pixels a training picture is moved each way, 0 to a quarter of the side.
        flip: how likely a training picture is mirrored, in [0, 1].
        data: folder of the data set; empty: Debian's, else the user's cache.

    Raises:
        UsageError: the data set is not there, or damaged.
    """
    arguments = {name: value for name, value in locals().items() if name != "data"}
    _check(arguments)
    train, validation, test = pictures(data, side)
    return Proxy(
        name="fashion_resnet",
        model=partial(
            ResidualNetwork,
            channels=1,
            width=width,
            blocks=blocks,
            classes=CLASSES,
            norm="group" if norm == "group" else "batch",
        ),
        train=_first(train, train_images),
        validation=_first(validation, validation_images),
        test=test,
        batch_size=batch_size,
        steps_per_epoch=train_images // batch_size,
        optimizer=SGD(momentum=momentum, weight_decay=weight_decay, nesterov=True),
        batches=ShuffledEpochs(),
        label_smoothing=label_smoothing,
        augment=ShiftAndFlip(shift, flip) if shift or flip else None,
        fingerprint=built_in_fingerprint(
            "fashion_resnet",
            version=VERSION,
            data="".join(each.content_sha256 for each in FASHION_MNIST.files).encode(),
            arguments=arguments,
        ),
    )


class ShiftAndFlip(NamedTuple):
    """Pictures moved by whole pixels, their edge repeated, and mirrored; each by its own key."""

    shift: int
    """Most pixels each way."""
    flip: float
    """How likely a picture is mirrored."""

    def __call__(self, inputs: Tensor, keys: Tensor, /) -> Tensor:
        """`N x channels x height x width`, and the keys of the pictures: `N`."""
        height, width = inputs.shape[-2:]
        places = 2 * self.shift + 1
        rows = _moved(height, whole(keys, draw=0, n=places) - self.shift)
        columns = _moved(width, whole(keys, draw=1, n=places) - self.shift)
        mirrored = uniform(keys, draw=2) < self.flip
        columns = torch.where(mirrored[:, None], columns.flip(-1), columns)
        moved = inputs.gather(-2, rows[:, None, :, None].expand_as(inputs))
        return moved.gather(-1, columns[:, None, None, :].expand_as(inputs))


def _moved(length: int, by: Tensor) -> Tensor:
    """Which places to take, `N x length`, where pictures move by so many each (`N`)."""
    return (torch.arange(length, device=by.device) + by[:, None]).clamp(0, length - 1)


def pictures(folder: str, side: int) -> tuple[Split, Split, Split]:
    """Training, validation and test split: `N x 1 x side x side`, of mean 0 and standard deviation 1.

    Raises:
        UsageError: the data set is not there, or damaged.
    """
    raw, labels = _raw(folder)
    scaled = {name: functional.avg_pool2d(_floats(raw[name]), SIDE // side) for name in raw}
    mean, std = scaled["train"][:TRAIN].mean(), scaled["train"][:TRAIN].std()
    known = {name: scaled[name].sub_(mean).div_(std) for name in scaled}
    return (
        Split(inputs=known["train"][:TRAIN], targets=labels["train"][:TRAIN]),
        Split(inputs=known["train"][TRAIN:], targets=labels["train"][TRAIN:]),
        Split(inputs=known["t10k"], targets=labels["t10k"]),
    )


@cache
def _raw(folder: str) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
    """Pictures, `N x 28 x 28` bytes, and their classes, of the files `train` and `t10k`."""
    content = read(FASHION_MNIST, folder)
    images, labels = {}, {}
    for name, count in (("train", TRAIN + VALIDATION), ("t10k", TEST)):
        pixels = parse_idx(content[f"{name}-images-idx3-ubyte"], shape=(count, SIDE, SIDE))
        classes = parse_idx(content[f"{name}-labels-idx1-ubyte"], shape=(count,))
        images[name], labels[name] = torch.tensor(pixels), torch.tensor(classes, dtype=torch.int64)
    return images, labels


def _floats(pixels: Tensor) -> Tensor:
    return pixels[:, None].float().div_(255)


def _first(split: Split, count: int) -> Split:
    return Split(inputs=split.inputs[:count], targets=split.targets[:count])


def _check(arguments: Mapping[str, Any]) -> None:
    """Raises ValueError where an argument is out of its range; the optimizer and the proxy check theirs."""
    for name in ("width", "blocks", "batch_size"):
        if arguments[name] < 1:
            raise ValueError(f"{name} must be at least 1 but got {arguments[name]!r}.")
    for name, accepted in (("norm", NORMS), ("side", SIDES)):
        if arguments[name] not in accepted:
            listed = ", ".join(map(repr, accepted))
            raise ValueError(f"{name} must be one of {listed} but got {arguments[name]!r}.")
    ranges = {
        "train_images": (arguments["batch_size"], TRAIN),
        "validation_images": (1, VALIDATION),
        "shift": (0, arguments["side"] // 4),
        "flip": (0, 1),
    }
    for name, (low, high) in ranges.items():
        if not low <= arguments[name] <= high:
            raise ValueError(f"{name} must lie in [{low}, {high}] but got {arguments[name]!r}.")
