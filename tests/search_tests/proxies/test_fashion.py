"""`fashion_resnet`: its pictures, its network, what a training picture goes through, and its arguments."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from search.errors import UsageError
from search.proxies.counter_random import sample_keys
from search.proxies.fashion import ShiftAndFlip, pictures
from search.proxies.proxy import SGD
from search.proxies.registry import build_proxy
from search.proxies.residual_network import ResidualNetwork
from tests.search_tests.needs import NEEDS_FASHION_MNIST


@NEEDS_FASHION_MNIST
def test_it_is_what_its_documentation_says() -> None:
    proxy = build_proxy("fashion_resnet", {})
    assert (len(proxy.train), len(proxy.validation), len(proxy.test)) == (50_000, 5_000, 10_000)
    assert proxy.train.inputs.shape[1:] == (1, 14, 14)
    assert (proxy.batch_size, proxy.steps_per_epoch, proxy.label_smoothing) == (64, 781, 0.1)
    assert proxy.optimizer == SGD(momentum=0.9, weight_decay=5e-4, nesterov=True)
    assert 19_000 < proxy.parameter_count < 20_000
    assert float(proxy.train.inputs.mean()) == pytest.approx(0, abs=1e-4)
    assert float(proxy.train.inputs.std()) == pytest.approx(1, abs=1e-3)


@NEEDS_FASHION_MNIST
def test_the_classes_are_alike_in_all_splits() -> None:
    for split in pictures("", 28):
        shares = split.targets.bincount(minlength=10) / len(split)
        assert float((shares - 0.1).abs().max()) < 0.01


@NEEDS_FASHION_MNIST
def test_half_the_side_is_the_mean_of_squares() -> None:
    (whole, *_), (half, *_) = pictures("", 28), pictures("", 14)
    # Both are centred and scaled, each by its own standard deviation.
    means = nn.functional.avg_pool2d(whole.inputs[:50], 2)
    assert torch.allclose((means - means.mean()) / means.std(), _standard(half.inputs[:50]), atol=1e-4)


def _standard(values: torch.Tensor) -> torch.Tensor:
    return (values - values.mean()) / values.std()


@NEEDS_FASHION_MNIST
def test_arguments_change_what_they_say() -> None:
    arguments = {"train_images": 640, "validation_images": 100, "shift": 0, "flip": 0, "norm": "group"}
    proxy = build_proxy("fashion_resnet", arguments)
    assert (len(proxy.train), len(proxy.validation), proxy.steps_per_epoch) == (640, 100, 10)
    assert proxy.augment is None
    kinds = {type(module) for module in proxy.build_model(0).modules()}
    assert nn.GroupNorm in kinds
    assert nn.BatchNorm2d not in kinds
    assert proxy.fingerprint != build_proxy("fashion_resnet", {}).fingerprint


@NEEDS_FASHION_MNIST
def test_where_the_data_lies_is_no_part_of_what_is_trained() -> None:
    system = Path("/usr/share/datasets/fashion-mnist")
    if not system.is_dir():
        pytest.skip("Debian's package dataset-fashion-mnist is not installed")
    named = build_proxy("fashion_resnet", {"data": str(system)})
    assert named.fingerprint == build_proxy("fashion_resnet", {}).fingerprint


WRONG = [
    ({"side": 20}, "side must be one of 28, 14, 7 but got 20"),
    ({"norm": "layer"}, "norm must be one of 'batch', 'group' but got 'layer'"),
    ({"norm": 3}, "norm must be text but got 3"),
    ({"width": 0}, "width must be at least 1 but got 0"),
    ({"blocks": 0}, "blocks must be at least 1 but got 0"),
    ({"train_images": 63}, r"train_images must lie in \[64, 50000\] but got 63"),
    ({"validation_images": 0}, r"validation_images must lie in \[1, 10000\] but got 0"),
    ({"shift": 4}, r"shift must lie in \[0, 3\] but got 4"),
    ({"flip": 1.5}, r"flip must lie in \[0, 1\] but got 1.5"),
    ({"data": 1}, "data must be text but got 1"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_arguments_out_of_range_are_refused_before_data_is_read(
    arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        build_proxy("fashion_resnet", arguments)


def test_a_folder_without_the_data_is_told(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=rf"fashion-mnist is not in {tmp_path}: warmboot data fashion-mnist --to"
    ):
        build_proxy("fashion_resnet", {"data": str(tmp_path)})


def test_a_folder_with_other_data_is_told(tmp_path: Path) -> None:
    for part in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (tmp_path / f"{part}-ubyte.gz").write_bytes(gzip.compress(bytes(20)))
    with pytest.raises(UsageError, match=r"train-images-idx3-ubyte.gz must have the SHA-256 c59f468a"):
        build_proxy("fashion_resnet", {"data": str(tmp_path)})


def keys(count: int) -> torch.Tensor:
    return sample_keys(torch.tensor(5, dtype=torch.int32), count)


def test_a_picture_is_moved_by_whole_pixels_and_mirrored() -> None:
    picture = torch.arange(36.0).reshape(1, 1, 6, 6)
    changed = ShiftAndFlip(2, 0.5)(picture.expand(400, 1, 6, 6), keys(400))
    expected = {
        tuple(_moved(picture[0, 0], down, right, mirrored).flatten().tolist())
        for down in range(-2, 3)
        for right in range(-2, 3)
        for mirrored in (False, True)
    }
    assert {tuple(each.flatten().tolist()) for each in changed} == expected, "all 50, and nothing else"


def _moved(picture: torch.Tensor, down: int, right: int, mirrored: bool) -> torch.Tensor:
    """By the edge repeated outwards and a window cut out."""
    wide = nn.functional.pad(picture[None, None], (2, 2, 2, 2), mode="replicate")[0, 0]
    cut = wide[2 + down : 8 + down, 2 + right : 8 + right]
    return cut.flip(-1) if mirrored else cut


def test_a_picture_is_changed_alike_in_any_company() -> None:
    pictures = torch.randn(9, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    augment = ShiftAndFlip(1, 0.5)
    together = augment(pictures, keys(9))
    order = torch.randperm(9, generator=torch.Generator().manual_seed(1))
    assert torch.equal(augment(pictures[order], keys(9)[order]), together[order])
    assert torch.equal(augment(pictures[3:4], keys(9)[3:4]), together[3:4])


@pytest.mark.parametrize(("shift", "flip"), [(0, 0.0), (0, 1.0)])
def test_the_ends_of_its_ranges(shift: int, flip: float) -> None:
    pictures = torch.randn(5, 1, 4, 4)
    expected = pictures.flip(-1) if flip else pictures
    assert torch.equal(ShiftAndFlip(shift, flip)(pictures, keys(5)), expected)


@pytest.mark.parametrize("blocks", [1, 2])
def test_the_network_has_the_layers_and_the_shapes_of_its_paper(blocks: int) -> None:
    model = ResidualNetwork(channels=1, width=4, blocks=blocks, classes=10, norm="batch")
    convolutions = [m for m in model.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3)]
    assert len(convolutions) + 1 == 6 * blocks + 2
    assert [m.out_channels for m in convolutions] == [4] + [w for w in (4, 8, 16) for _ in range(2 * blocks)]
    assert model(torch.zeros(2, 1, 28, 28)).shape == (2, 10)
    assert model.stages(model.stem(torch.zeros(2, 1, 28, 28))).shape == (2, 16, 7, 7)
